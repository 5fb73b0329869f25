"""`soundwright mix apply`: carries out steps that somebody else has decided, exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from soundwright.core.errors import BadInput, UsageError, show_path
from soundwright.core.extras import needs_extra
from soundwright.mixing.fix import LOUDNESS_LUFS, check_tempo
from soundwright.mixing.fix_result import Mixed, refuse_steps

if TYPE_CHECKING:
    from soundwright.formats.mixing_steps import Step, Steps
    from soundwright.mixing.fix_stems import Session

_BY_HAND = "changed by hand"
#: Far beyond any instructions, in bytes.
_LARGEST = 4_000_000


def apply(
    steps: Path,
    stems: list[Path],
    *,
    output: Path,
    loudness: float | None = None,
    refuse: Sequence[int] = (),
    tempo: float = 120.0,
    overwrite: bool = False,
) -> Mixed:
    """Carries steps out on stems: those of a steps.json, or instructions as text; these and nothing else.

    The same steps on the same stems give the same files as `mix fix`, and are laid out in OUTPUT in the same way.

    Args:
        steps: steps.json; or, with another ending, text: a line "drums: change_volume(db=-3.0) apply_eq(low_gain=2.0)"
            for each stem, or a line without a stem's name for a single one.
        stems: Sound files, one per stem, whose names are the stems'; or a folder of them; or one song. A stem that has
            changed since the steps were made is used, with a note.
        output: Folder for everything.
        loudness: Of mix.wav, in LUFS; by default what steps.json says, else -14.
        refuse: Numbers of steps that are not to be carried out.
        tempo: Beats per minute of the REAPER session's grid.
        overwrite: Replace files in OUTPUT that were not made by this command.

    Returns:
        The steps, and levels before and after.

    Raises:
        UsageError: a path does not exist, or a number is out of range; OUTPUT holds files of others.
        BadInput: the steps cannot be read, or name an unknown tool or stem, or a value that is out of range; no stem
            can be read.
    """
    with needs_extra("mix", "mixing"):
        import scipy  # noqa: F401

        from soundwright.mixing.fix_master import check_loudness
        from soundwright.mixing.fix_render import calls_of, refuse_places, render_session
        from soundwright.mixing.fix_stems import find_stems, read_stems

    check_tempo(tempo)
    found, places = _read(steps)
    wanted = refuse_steps(found, refuse)
    target = (
        loudness if loudness is not None else LOUDNESS_LUFS if wanted.loudness_lufs is None else wanted.loudness_lufs
    )
    with _content_of(steps) if loudness is None else nullcontext():
        check_loudness(target, "--loudness" if loudness is not None else "loudness_lufs")
    session = read_stems(find_stems(stems))
    with _content_of(steps):
        calls_of(wanted.instructions(places=places), session.stems)
    refuse_places(session, output, [steps], overwrite=overwrite)
    notes = (*session.notes, *_changes(wanted, session))
    wanted = wanted.model_copy(
        update={
            "steps": [_told(step) for step in wanted.steps],
            "loudness_lufs": float(target),
            "sample_rate": session.sample_rate,
            "stems": {name: stem.described() for name, stem in session.stems.items()},
        }
    )
    rendered = render_session(session, wanted, output, loudness=target, tempo_bpm=tempo, overwrite=overwrite)
    return Mixed("apply", wanted, notes, session.failures, rendered)


@contextmanager
def _content_of(path: Path) -> Iterator[None]:
    """What is wrong in here is wrong with the content of a file, not with the command."""
    try:
        yield
    except UsageError as error:
        raise BadInput(error.message, path=path, remedy=error.remedy) from error


def _read(path: Path) -> tuple[Steps, dict[int, tuple[int, int]]]:
    """Steps from a steps.json, or from text in any file that does not end in .json; and where in the text each stands.

    Raises:
        UsageError: there is no such file.
        BadInput: it is neither.
    """
    from soundwright.formats.instructions import parse
    from soundwright.formats.mixing_steps import number_steps, read_steps

    remedy = "give a steps.json, or a text file with instructions"
    if not path.exists():
        raise UsageError("does not exist", path=path, remedy=remedy)
    if path.suffix.lower() == ".json":
        return read_steps(path), {}
    try:
        if path.stat().st_size > _LARGEST:
            raise BadInput(f"is too large: more than {_LARGEST:,} bytes", path=path, remedy=remedy)
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", path=path, remedy=remedy) from error
    except UnicodeDecodeError as error:
        raise BadInput(f"is no text: byte {error.start} is no UTF-8", path=path, remedy=remedy) from error
    try:
        instructions = parse(text)
    except BadInput as error:
        raise BadInput(error.message, path=path, remedy=error.remedy) from error
    calls = (call for some in instructions.values() for call in some)
    places = {number: call.at for number, call in enumerate(calls, start=1) if isinstance(call.at, tuple)}
    return number_steps(instructions), places


def _told(step: Step) -> Step:
    """A step that says what it does; one that was changed since it was made says that, and no confidence."""
    from soundwright.formats.instructions import Call
    from soundwright.mixing.fix_words import describe
    from soundwright.mixing.tools import TOOLS

    if step.tool not in TOOLS:
        return step  # a refused one; nobody checks those
    does = describe(Call(step.tool, dict(step.arguments)))
    if not step.note:
        return step.model_copy(update={"note": does})
    if f"{step.note}; ".startswith(f"{does}; "):
        return step
    return step.model_copy(update={"note": f"{does}; {_BY_HAND}", "confidence": None})


def _changes(steps: Steps, session: Session) -> Iterator[str]:
    """Where the stems are others than those that the steps were made for."""
    for name, before in steps.stems.items():
        stem = session.stems.get(name)
        if stem is None:
            yield f"{show_path(name)}: the steps were made with this stem, and it is not in the mix"
        elif stem.sha256 != before.sha256:
            yield f"{show_path(name)}: has changed since the steps were made"
    if steps.stems:
        for name in session.stems.keys() - steps.stems.keys():
            yield f"{show_path(name)}: the steps were made without this stem"
    if steps.sample_rate not in (None, session.sample_rate):
        yield f"the steps were made at {steps.sample_rate} Hz, and are carried out at {session.sample_rate}"
