"""The stems that are to be mixed: found, read, brought to one rate; whatever is odd about one is a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from soundwright.audio.files import AudioInfo, audio_extensions, probe, read_audio
from soundwright.core.digest import file_digest
from soundwright.core.errors import BadInput, UsageError, show_path
from soundwright.formats.instructions import MAX_NAME
from soundwright.formats.mixing_steps import SoundFile
from soundwright.mixing.executor import Samples, as_stereo
from soundwright.mixing.levels import CLIPPED_SHARE, SHORTEST_S, clipped_share, level_db

#: Below it loudness cannot be measured.
LOWEST_RATE = 8000
#: What is below this level, or shorter than SHORTEST_S, is not shown to the model.
_SILENT_DB = -100.0
_LENGTHS_DIFFER_S = 0.1
_REMEDY = "give stems, or a folder of stems"


@dataclass(frozen=True)
class Stem:
    """A stem as it was read.

    Attributes:
        name: its file's, without ending.
        path: the file.
        samples: `[2, N]` at the session's rate.
        info: what the file's header says.
        sha256: of the file's bytes.
    """

    name: str
    path: Path
    samples: Samples
    info: AudioInfo
    sha256: str

    def described(self) -> SoundFile:
        """As `steps.json` has it."""
        return SoundFile(
            file=as_text(self.path.name),
            sha256=self.sha256,
            sample_rate=self.info.sample_rate,
            channels=self.info.channels,
            num_samples=self.info.num_samples,
        )


@dataclass(frozen=True)
class Session:
    """Stems of one song.

    Attributes:
        stems: by name, in the order given.
        sample_rate: Hz, of all of them.
        notes: what is odd and was dealt with, a line each.
        failures: files that could not be used.
    """

    stems: Mapping[str, Stem]
    sample_rate: int
    notes: tuple[str, ...] = ()
    failures: tuple[BadInput, ...] = ()

    def sounds(self) -> dict[str, Samples]:
        """The samples by name."""
        return {name: stem.samples for name, stem in self.stems.items()}

    @cached_property
    def heard(self) -> dict[str, Samples]:
        """Those that say anything: not silent, not a few samples."""
        return {name: sound for name, sound in self.sounds().items() if _says(sound, self.sample_rate)}


def find_stems(paths: Sequence[Path]) -> dict[str, Path]:
    """The files of stems by name: those given, and those in folders that are given.

    A folder without sound files may have them in its folder `stems`.

    Raises:
        UsageError: there is none, a path does not exist, two have one name, or a name is no text.
    """
    endings = tuple(f".{ending}" for ending in audio_extensions())
    files: dict[str, Path] = {}
    for path in (file for given in paths for file in _files_of(given, endings)):
        if as_text(path.stem) != path.stem or len(path.stem) > MAX_NAME:
            raise UsageError("its name is too long, or no text", path=path, remedy="rename it")
        if path.stem in files:
            raise UsageError(
                f"is a second stem {show_path(path.stem)!r}, beside {show_path(files[path.stem])}",
                path=path,
                remedy="rename one of them",
            )
        files[path.stem] = path
    if not files:
        raise UsageError("there are no stems", remedy=_REMEDY)
    return files


def read_stems(files: Mapping[str, Path]) -> Session:
    """Reads stems at the highest rate among them; a file that cannot be used is a failure, and the others go on.

    Raises:
        BadInput: none can be used.
    """
    infos: dict[str, AudioInfo] = {}
    failures: list[BadInput] = []
    for name, path in files.items():
        try:
            infos[name] = probe(path)
        except BadInput as error:
            failures.append(error)
    sample_rate = max((info.sample_rate for info in infos.values()), default=LOWEST_RATE)
    if sample_rate < LOWEST_RATE:
        raise BadInput(
            f"has {sample_rate} Hz; expected at least {LOWEST_RATE}",
            path=files[next(iter(infos))],
            remedy="export the stems at 44100 Hz",
        )
    stems = {}
    for name, info in infos.items():
        try:
            stems[name] = Stem(name, files[name], read_stereo(files[name], sample_rate), info, file_digest(files[name]))
        except BadInput as error:
            failures.append(error)
    if not stems:
        raise failures[0]
    longest = max(stem.samples.shape[1] for stem in stems.values())
    notes = [note for stem in stems.values() for note in _oddities(stem, sample_rate, longest)]
    left_out = [f"{show_path(error.path.name)} is not in the mix" for error in failures if error.path]
    return Session(stems, sample_rate, (*notes, *left_out), tuple(failures))


def read_stereo(path: Path, sample_rate: int) -> Samples:
    """A file as `[2, N]`; mono goes to both channels, of more than two channels the mean.

    Raises:
        BadInput: as `read_audio`.
    """
    samples = read_audio(path, sample_rate=sample_rate)
    return as_stereo(samples if len(samples) <= 2 else samples.mean(axis=0, keepdims=True))


def _files_of(given: Path, endings: tuple[str, ...]) -> Iterable[Path]:
    if not given.exists():
        raise UsageError("does not exist", path=given, remedy=_REMEDY)
    if not given.is_dir():
        return [given]
    for folder in (given, given / "stems"):
        inside = sorted(folder.iterdir()) if folder.is_dir() else []
        found = [p for p in inside if p.suffix.lower() in endings and p.is_file() and not p.name.startswith(".")]
        if found:
            return found
    raise UsageError("holds no sound files", path=given, remedy=_REMEDY)


def _oddities(stem: Stem, sample_rate: int, longest: int) -> Iterable[str]:
    name, info, num_samples = show_path(stem.name), stem.info, stem.samples.shape[1]
    if info.channels == 1:
        yield f"{name}: mono, both channels get it"
    if info.channels > 2:
        yield f"{name}: {info.channels} channels, both channels get their mean"
    if info.sample_rate != sample_rate:
        top = f"nothing above {info.sample_rate / 2000:g} kHz"
        yield f"{name}: {info.sample_rate} Hz, resampled to {sample_rate}: {top}"
    if num_samples < SHORTEST_S * sample_rate:
        yield f"{name}: only {num_samples} {'sample' if num_samples == 1 else 'samples'}, left as it is"
    elif level_db(stem.samples) <= _SILENT_DB:
        yield f"{name}: silent, left as it is"
    if longest - num_samples > _LENGTHS_DIFFER_S * sample_rate:
        yield f"{name}: {num_samples / sample_rate:.4g} s of {longest / sample_rate:.4g} s, the rest is silent"
    clipped = clipped_share(stem.samples)
    if clipped > CLIPPED_SHARE:
        yield f"{name}: clipped, {clipped:.1%} of its samples are at full scale; no tool mends that"


def _says(samples: Samples, sample_rate: int) -> bool:
    return samples.shape[1] >= SHORTEST_S * sample_rate and level_db(samples) > _SILENT_DB


def as_text(words: str) -> str:
    """What somebody typed, as text that can be written: what is no UTF-8 becomes question marks."""
    return words.encode("utf-8", "replace").decode("utf-8")
