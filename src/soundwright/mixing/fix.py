"""`soundwright mix fix`: what do these stems need? Done, measured, and laid out to be judged by ear."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from soundwright.core.errors import UsageError, show_path
from soundwright.core.extras import needs_extra
from soundwright.mixing.fix_result import Mixed, refuse_steps
from soundwright.runs.events import Note, emit

if TYPE_CHECKING:
    from soundwright.formats.instructions import Call
    from soundwright.formats.mixing_steps import SoundFile, Step, Steps
    from soundwright.mixing.executor import Samples
    from soundwright.mixing.fix_stems import Session
    from soundwright.mixing.suggest import Suggestion

#: What streaming services play.
LOUDNESS_LUFS = -14.0
_BLIND = "there is no reference: the steps lead to what is usual, and your ears know better what is meant"
_FITTED, _ASKED = "fitted to the reference", "as asked"
_GUESSED = "as asked, and how much is a guess"
_AWAY = "left out, as it takes the mix away from the reference"


def fix(
    stems: list[Path],
    *,
    prompt: str = "",
    reference: Path | None = None,
    output: Path | None = None,
    model: str = "tiny",
    loudness: float = LOUDNESS_LUFS,
    refuse: Sequence[int] = (),
    tempo: float = 120.0,
    dry_run: bool = False,
    overwrite: bool = False,
) -> Mixed:
    """Says what stems need to become a good mix, does it, and writes the result with a page to compare by ear.

    OUTPUT gets instructions.txt and steps.json (the steps, to be read, edited and run again by `mix apply`), stems,
    mix.wav, before and after at one loudness, report.html, and session.rpp for REAPER. Stems of which the mixer finds
    nothing to mend come out as they came, byte for byte.

    Words are read stem by stem: "the vocals are buried, drums down 2 dB, leave the bass alone". They change what they
    name and nothing else, and what is not understood is said. Where the reference is of the same performance, how much
    is fitted to it, and a step that takes the mix away from it is left out, and said.

    Mono goes to both channels; stems of different rates are resampled to the highest; shorter stems are silent at the
    end. A stem that cannot be read is reported, and the mix is made without it. Files that were not made by this
    command are never replaced.

    Args:
        stems: Sound files, one per stem, whose names are the stems'; or a folder of them; or one song.
        prompt: What is wanted, in English: "the vocals are buried".
        reference: A mix that sounds as yours should, or a folder of its stems with the names of yours.
        output: Folder for everything.
        model: tiny, or a folder that mix train wrote.
        loudness: Of mix.wav, in LUFS (ITU-R BS.1770); its true peaks are at most -1 dBTP.
        refuse: Numbers of steps that are not to be carried out; --dry-run shows them.
        tempo: Beats per minute of the REAPER session's grid.
        dry_run: Only say what would be done.
        overwrite: Replace files in OUTPUT that were not made by this command.

    Returns:
        The steps, and levels before and after.

    Raises:
        UsageError: there are no stems, two have one name, OUTPUT holds files of others, or a number is out of range.
        BadInput: no stem can be read, or the reference cannot, or the model's folder is damaged.
    """
    with needs_extra("mix", "mixing"):
        import scipy  # noqa: F401

        from soundwright.mixing.alignment import shifted
        from soundwright.mixing.fix_accept import harmful
        from soundwright.mixing.fix_master import check_loudness
        from soundwright.mixing.fix_render import refuse_places, render_session
        from soundwright.mixing.fix_stems import as_text, find_stems, read_stems
        from soundwright.mixing.model.pretrained import find_mixer

    prompt = as_text(prompt)
    check_loudness(loudness)
    check_tempo(tempo)
    if output is None and not dry_run:
        raise UsageError("there is no --output", remedy="give a folder, or --dry-run")
    find_mixer(model)  # before the work
    session = read_stems(find_stems(stems))
    likeness, described = _reference(reference, session.sample_rate)
    if output is not None and not dry_run:
        refuse_places(session, output, [] if reference is None else _files(reference), overwrite=overwrite)
    emit(Note(f"listening to {len(session.stems)} {'stem' if len(session.stems) == 1 else 'stems'}"))
    suggestion = _suggestion(session, prompt, likeness, model)
    if suggestion.blind:  # a reference that cannot be used is none
        likeness = None
    elif likeness is not None:
        likeness = shifted(likeness, suggestion.late)
    harm = harmful(suggestion.measurable(), session.heard, session.sample_rate, likeness) - suggestion.exact
    steps = _as_steps(suggestion, session, harm, blind=likeness is None).model_copy(
        update={
            "model": as_text(model if model in _names() else Path(model).name),
            "prompt": prompt,
            "reference": described,
            "loudness_lufs": float(loudness),
        }
    )
    steps = refuse_steps(steps, refuse)
    rendered = None
    if output is not None and not dry_run:
        emit(Note(f"writing {show_path(output)}"))
        rendered = render_session(session, steps, output, loudness=loudness, tempo_bpm=tempo, overwrite=overwrite)
    return Mixed("fix", steps, session.notes, session.failures, rendered)


def check_tempo(tempo: float) -> None:
    """Refuses what is no tempo.

    Raises:
        UsageError: it is not between 1 and 960.
    """
    if not 1 <= tempo <= 960:  # NaN is neither
        raise UsageError(f"--tempo {tempo:g} is not between 1 and 960 beats per minute", remedy="try 120")


def _names() -> tuple[str, ...]:
    from soundwright.mixing.model.pretrained import SHIPPED

    return tuple(SHIPPED)


def _files(reference: Path) -> list[Path]:
    return sorted(reference.iterdir()) if reference.is_dir() else [reference]


def _reference(
    reference: Path | None, sample_rate: int
) -> tuple[Samples | Mapping[str, Samples] | None, SoundFile | None]:
    """What the reference sounds like, and, of a single file, what it is."""
    from soundwright.audio.files import probe
    from soundwright.core.digest import file_digest
    from soundwright.mixing.fix_stems import Stem, find_stems, read_stereo

    if reference is None:
        return None, None
    files = find_stems([reference])
    sounds = {name: read_stereo(path, sample_rate) for name, path in files.items()}
    if reference.is_dir():
        return sounds, None
    (samples,) = sounds.values()
    return samples, Stem(reference.stem, reference, samples, probe(reference), file_digest(reference)).described()


def _suggestion(
    session: Session, prompt: str, reference: Samples | Mapping[str, Samples] | None, model: str
) -> Suggestion:
    from soundwright.mixing import suggest

    heard = session.heard
    if not heard:
        return suggest.Suggestion({}, {}, {}, 0.0, ("there is nothing to hear",))
    unheard = [name for name in session.stems if name not in heard]
    return suggest.suggest(heard, session.sample_rate, prompt, reference, model, unheard=unheard)


def _as_steps(suggestion: Suggestion, session: Session, harm: Collection[tuple[str, str]], *, blind: bool) -> Steps:
    """A suggestion as numbered steps, each with its confidence and what it does; those that do harm are refused."""
    from soundwright.formats.mixing_steps import number_steps

    notes = suggestion.notes
    said = {(stem, call.tool) for stem, some in suggestion.instructions.items() for call in some}
    if blind and said - {key[:2] for key in suggestion.asked}:
        notes = (*notes, _BLIND)
    steps = number_steps(suggestion.instructions, notes=notes)
    return steps.model_copy(
        update={
            "steps": [_told(step, suggestion, harm) for step in steps.steps],
            "stems": {name: stem.described() for name, stem in session.stems.items()},
            "sample_rate": session.sample_rate,
        }
    )


def _told(step: Step, suggestion: Suggestion, harm: Collection[tuple[str, str]]) -> Step:
    from soundwright.formats.instructions import Call
    from soundwright.mixing.fix_words import describe, expected_error

    call = Call(step.tool, dict(step.arguments))
    errors = {
        name: error for (stem, tool, name), error in suggestion.errors.items() if (stem, tool) == (step.stem, step.tool)
    }
    refused = (step.stem, step.tool) in harm
    key = step.stem, step.tool
    amount = _FITTED if key in suggestion.fitted else expected_error(call, errors)
    parts = [describe(call), _asked(suggestion, call, step.stem), amount, _AWAY if refused else ""]
    confidence = suggestion.confidences.get(key)
    # Rounded, so that the file does not tell of the last bit of somebody's processor.
    shown = None if confidence is None else round(min(max(float(confidence), 0.0), 1.0), 4)
    note = "; ".join(filter(None, parts))
    return step.model_copy(update={"note": note, "confidence": shown, "refused": refused})


def _asked(suggestion: Suggestion, call: Call, stem: str) -> str:
    """Which arguments are as words ask, of a call with many: by name."""
    guesses = {name: suggestion.asked.get((stem, call.tool, name)) for name in call.arguments}
    named = [name for name, guess in guesses.items() if guess is not None]
    which = "" if len(named) == len(guesses) or call.tool != "apply_eq" else f"{', '.join(named)} "
    told = _GUESSED if any(guesses.values()) else _ASKED
    return f"{which.replace('_', ' ')}{told}" if named else ""
