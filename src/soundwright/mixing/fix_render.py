"""Carries steps out on a session and writes everything that comes of it: stems, mix, sounds to compare, page, session.

OUTPUT/instructions.txt      the steps that were carried out, as text
OUTPUT/stems/<stem>.wav      each stem; one without steps is the input's own bytes, if that is a WAV of the same rate
OUTPUT/dry/<stem>.wav        the input of stems that the REAPER session mends with fader and pan alone
OUTPUT/mix.wav               their sum, at the loudness, 24 bit
OUTPUT/listen/before.wav     the sum of the inputs and
OUTPUT/listen/after.wav      of the stems, at one loudness, 16 bit
OUTPUT/session.rpp           for REAPER
OUTPUT/report.html           the page
OUTPUT/steps.json            the steps, written last
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from soundwright.audio.files import write_wav
from soundwright.core.digest import file_digest
from soundwright.core.errors import BadInput, UsageError
from soundwright.formats.instructions import Call, Instructions, render
from soundwright.formats.mixing_steps import Steps, write_steps
from soundwright.mixing.executor import MixingTools, Samples, add_up
from soundwright.mixing.fix_folder import mix_folder, refuse_foreign, refuse_inputs
from soundwright.mixing.fix_master import Level, level_match, master, measure
from soundwright.mixing.fix_stems import Session, Stem
from soundwright.mixing.reaper import Track, fader_and_pan, session_text
from soundwright.mixing.tools import TOOLS, check, fill
from soundwright.runs import atomic

#: Written every time.
NAMES = (
    "instructions.txt", "mix.wav", "listen/before.wav", "listen/after.wav", "session.rpp", "report.html", "steps.json",
)  # fmt: skip


@dataclass(frozen=True)
class StemResult:
    """What became of a stem.

    Attributes:
        name: of the stem.
        file: relative to the output folder.
        touched: whether any step changed it.
        before: its level as it came.
        after: its level as it is written.
    """

    name: str
    file: PurePosixPath
    touched: bool
    before: Level
    after: Level


@dataclass(frozen=True)
class Rendered:
    """What was written.

    Attributes:
        output: the folder.
        stems: one each.
        before: level of the sum of the inputs.
        after: level of the sum of the stems.
        mix: level of mix.wav.
        matched: loudness at which before and after can be compared.
        notes: what the user should know.
    """

    output: Path
    stems: tuple[StemResult, ...]
    before: Level
    after: Level
    mix: Level
    matched: Level
    notes: tuple[str, ...]


def calls_of(instructions: Instructions, stems: Iterable[str]) -> dict[str, tuple[Call, ...]]:
    """The calls of each stem that change anything; the bare line belongs to the only one.

    Raises:
        UsageError: as `tools.check`.
    """
    names = list(stems)
    check(instructions, names)
    found = {name: instructions.get(name, instructions.get("", ())) for name in names}
    return {name: calls for name, some in found.items() if (calls := tuple(call for call in some if _does(call)))}


def refuse_places(session: Session, output: Path, others: Iterable[Path], *, overwrite: bool) -> None:
    """Refuses an output folder before the work, as far as can be seen then.

    Raises:
        UsageError: somebody else's files stand there, or inputs would be written over.
    """
    stems = [f"{folder}/{name}.wav" for name in session.stems for folder in ("stems", "dry")]
    copies = [f"{folder}/{stem.path.name}" for stem in session.stems.values() for folder in ("stems", "dry")]
    refuse_inputs(output, [*NAMES, *stems, *copies], [*(stem.path for stem in session.stems.values()), *others])
    if output.resolve() in {stem.path.parent.resolve() for stem in session.stems.values()}:
        raise UsageError("is the folder of the stems", path=output, remedy="choose another --output")
    refuse_foreign(output, NAMES, overwrite=overwrite)


def render_session(
    session: Session, steps: Steps, output: Path, *, loudness: float, tempo_bpm: float, overwrite: bool
) -> Rendered:
    """Carries steps out and writes everything.

    Args:
        session: the stems.
        steps: refused ones are left out.
        output: the folder.
        loudness: of mix.wav, LUFS.
        tempo_bpm: of the REAPER session.
        overwrite: replace files of others.

    Raises:
        UsageError: steps do not fit the stems, or somebody else's files stand in the way; nothing is written then.
        BadInput: a stem changed while it was read.
        OSError: the disk is full.
    """
    from soundwright.mixing.page import write_page

    calls = calls_of(steps.instructions(), session.stems)
    rate, tools = session.sample_rate, MixingTools(session.sample_rate)
    fixed = {name: tools.apply(sound, calls.get(name, ())) for name, sound in session.sounds().items()}
    files = {
        name: PurePosixPath("stems") / _file_name(stem, name in calls, rate) for name, stem in session.stems.items()
    }
    dry = {
        name: PurePosixPath("dry") / _file_name(session.stems[name], False, rate)
        for name, some in calls.items()
        if fader_and_pan(some) is not None
    }
    with mix_folder(output, [*NAMES, *map(str, files.values()), *map(str, dry.values())], overwrite=overwrite):
        (output / "steps.json").unlink(missing_ok=True)  # of an earlier mix: it would not tell of these stems
        for name, sound in fixed.items():
            if name in calls:
                _write_stem(output / files[name], sound, session.stems[name], rate)
            else:
                _write_input(output / files[name], session.stems[name], rate)
        for name, file in dry.items():
            _write_input(output / file, session.stems[name], rate)
        sums = add_up(session.sounds().values()), add_up(fixed.values())
        levels = measure(sums[0], rate), measure(sums[1], rate)
        mastered = master(sums[1], levels[1], rate, loudness)
        write_wav(output / "mix.wav", mastered.samples, rate, subtype="PCM_24")
        *pair, matched = level_match((sums[0], levels[0]), (sums[1], levels[1]), loudness)
        for name, sound in zip(("before", "after"), pair, strict=True):
            write_wav(output / "listen" / f"{name}.wav", sound, rate)
        tracks = _tracks(session, calls, files, dry)
        tracks.append(Track("mix.wav", PurePosixPath("mix.wav"), sums[1].shape[1] / rate, muted=True))
        atomic.write_bytes(output / "session.rpp", _session_bytes(tracks, rate, tempo_bpm))
        atomic.write_text(output / "instructions.txt", render(steps.instructions()))
        results = []
        for name, stem in session.stems.items():
            before = measure(stem.samples, rate)
            after = measure(fixed[name], rate) if name in calls else before
            results.append(StemResult(name, files[name], name in calls, before, after))
        rendered = Rendered(output, tuple(results), *levels, mastered.level, matched, mastered.notes)
        write_page(output / "report.html", rendered, steps, session.notes, pair, rate)
        write_steps(output / "steps.json", steps)
    return rendered


def _does(call: Call) -> bool:
    return not TOOLS[call.tool].is_neutral(fill(call))


def _as_it_came(stem: Stem, sample_rate: int) -> bool:
    """Whether the file itself can stand among the stems."""
    is_wav = stem.path.suffix.lower() in (".wav", ".wave")
    return is_wav and stem.info.sample_rate == sample_rate and stem.info.channels <= 2


def _file_name(stem: Stem, touched: bool, sample_rate: int) -> str:
    return stem.path.name if _as_it_came(stem, sample_rate) and not touched else f"{stem.name}.wav"


def _write_input(path: Path, stem: Stem, sample_rate: int) -> None:
    """A stem as it came: the file, or what stands for it, float so that every sample is the same."""
    if not _as_it_came(stem, sample_rate):
        write_wav(path, stem.samples, sample_rate, subtype="FLOAT")
        return
    with atomic.atomic_path(path) as temporary:
        shutil.copyfile(stem.path, temporary)
        if file_digest(temporary) != stem.sha256:
            raise BadInput("changed while it was read", path=stem.path, remedy="run it again")


def _write_stem(path: Path, samples: Samples, stem: Stem, sample_rate: int) -> None:
    """24 bit, or float where the input was, or where 24 bit would clip."""
    integer = stem.info.subtype.startswith("PCM_") and float(np.abs(samples).max(initial=0.0)) < 1.0
    write_wav(path, samples, sample_rate, subtype="PCM_24" if integer else "FLOAT")


def _tracks(
    session: Session,
    calls: Mapping[str, tuple[Call, ...]],
    files: Mapping[str, PurePosixPath],
    dry: Mapping[str, PurePosixPath],
) -> list[Track]:
    tracks = []
    for name, stem in session.stems.items():
        volume, pan = (fader_and_pan(calls[name]) or (1.0, 0.0)) if name in dry else (1.0, 0.0)
        duration_s = stem.samples.shape[1] / session.sample_rate
        tracks.append(Track(name, dry.get(name, files[name]), duration_s, volume, pan))
    return tracks


def _session_bytes(tracks: list[Track], sample_rate: int, tempo_bpm: float) -> bytes:
    """UTF-8; a name of a file that is none keeps its bytes."""
    return session_text(tracks, sample_rate, tempo_bpm).encode("utf-8", "surrogateescape")
