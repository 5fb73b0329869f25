"""soundwright audiocraft export: what AudioCraft trains on, made from the manifests of a split.

DATA/manifests/{train,valid}.jsonl      which files, as `soundwright corpus split` wrote them
DATA/egs/{train,valid}/*.wav            links to them
DATA/egs/{train,valid}/data.jsonl       AudioCraft's list: path, duration, sample rate, channels
REPO/config/dset/audio/NAME.yaml        where hydra finds the two
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from soundwright.audio.files import probe
from soundwright.core.errors import BadInput, SoundwrightError, UsageError, show_path
from soundwright.formats.file_lists import DATA_JSONL, SoundFile, read_manifest, read_sound_files, write_sound_files
from soundwright.runs import atomic

#: The parts that AudioCraft's configuration calls train and valid; it evaluates and generates from the second.
SPLITS = ("train", "valid")


@dataclass(frozen=True)
class Export:
    """What was exported.

    Attributes:
        data: the folder.
        counts: files by split.
        total_s: seconds of audio by split.
        dset: the configuration written; nothing without a checkout.
        failures: files that cannot be used, left out.
    """

    data: Path
    counts: dict[str, int]
    total_s: dict[str, float]
    dset: Path | None
    failures: tuple[SoundwrightError, ...]

    @property
    def exit_code(self) -> int:
        """0, or 1 where files were left out."""
        return int(bool(self.failures))

    def lines(self) -> Iterator[str]:
        """Counts, and what was left out."""
        yield from (f"failed: {error}" for error in self.failures)
        for split, count in self.counts.items():
            yield f"{split}: {count} files, {self.total_s[split] / 60:.1f} min -> {show_path(egs(self.data, split))}"
        if self.dset:
            yield f"dset: {show_path(self.dset)}"


def export(
    data: Path, *, repo: Path | None = None, name: str = "fma_small_mini", manifests: Path | None = None
) -> Export:
    """Gives AudioCraft a split to train on: linked files, its lists of them, and its dset configuration.

    Run it again after the split has changed, and after every fresh clone of AudioCraft, whose folder takes the
    configuration with it. Links to files that are no longer in the split are removed; other files are kept.

    Args:
        data: Folder of the dataset; egs/ is made in it.
        repo: AudioCraft's checkout, for the configuration. Without it only egs/ is made.
        name: Name of the configuration: train with dset=audio/NAME.
        manifests: Folder of train.jsonl and valid.jsonl. Default: manifests/ in the dataset's folder.

    Raises:
        UsageError: a manifest is missing, the checkout is none, or a file that is no link stands in a link's place.
        BadInput: a manifest names two files of one name, or no usable file.
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise UsageError(f"--name {name!r}", remedy="give a plain name, e.g. fma_small_mini")
    folder = manifests or data / "manifests"
    failures: list[SoundwrightError] = []
    for split in SPLITS:
        link_files(folder / f"{split}.jsonl", egs(data, split))
        failures += write_list(egs(data, split))
    lists = {split: read_sound_files(egs(data, split) / DATA_JSONL) for split in SPLITS}
    dset = None if repo is None else write_dset(data, repo, name)
    return Export(
        data,
        {split: len(files) for split, files in lists.items()},
        {split: sum(file.duration_s for file in files) for split, files in lists.items()},
        dset,
        tuple(failures),
    )


def egs(data: Path, split: str) -> Path:
    """The folder of a split that AudioCraft reads."""
    return data.absolute() / "egs" / split


def link_files(manifest: Path, folder: Path) -> list[Path]:
    """Links every file of a manifest into a folder, under its own name; links that are in it beyond these are removed.

    Args:
        manifest: JSON lines with absolute paths.
        folder: made if missing.

    Returns:
        The links, in the order of the manifest.

    Raises:
        UsageError: the manifest is missing, or something else stands in a link's place.
        BadInput: two files have one name.
    """
    if not manifest.exists():
        raise UsageError("does not exist", path=manifest, remedy="run: soundwright corpus split SEGMENTS MANIFESTS")
    targets: dict[str, Path] = {}
    for path in read_manifest(manifest):
        if targets.setdefault(path.name, path) != path:
            raise BadInput(
                f"names two files {path.name}: {targets[path.name]} and {path}", path=manifest, remedy="rename one"
            )
    folder.mkdir(parents=True, exist_ok=True)
    for entry in list(folder.iterdir()):
        if entry.is_symlink() and entry.name not in targets:
            entry.unlink()
    return [_link(folder / name, target) for name, target in targets.items()]


def write_list(folder: Path) -> list[SoundwrightError]:
    """Writes AudioCraft's list of the sound files that are linked in a folder, from their headers.

    Returns:
        An error for every file that is not there or cannot be read; those are left out of the list.

    Raises:
        BadInput: no usable file is left.
    """
    files: list[SoundFile] = []
    failures: list[SoundwrightError] = []
    for path in sorted(entry for entry in folder.iterdir() if entry.is_symlink()):
        try:
            if not path.exists():
                raise BadInput("is a link whose target is gone", path=path, remedy="run soundwright corpus split again")
            info = probe(path)
        except BadInput as error:
            failures.append(error)
            continue
        files.append(SoundFile(path, info.duration_s, info.sample_rate, info.channels))
    if not files:
        (folder / DATA_JSONL).unlink(missing_ok=True)  # an older list would name what is not there
        first = f", e.g. {failures[0].message}: {show_path(failures[0].path or '')}" if failures else ""
        raise BadInput(
            f"holds no usable sound file{first}",
            path=folder,
            remedy="run: soundwright corpus segment, then corpus split",
        )
    write_sound_files(folder / DATA_JSONL, files)
    return failures


def write_dset(data: Path, repo: Path, name: str) -> Path:
    """Writes the configuration under which hydra finds a dataset, into AudioCraft's checkout.

    Raises:
        UsageError: the checkout has no such folder.
    """
    folder = repo / "config/dset/audio"
    if not folder.is_dir():
        raise UsageError(
            "does not exist: this is no checkout of AudioCraft",
            path=folder,
            remedy="clone AudioCraft (what pip installs has no config/), and give its folder as --repo",
        )
    lists = [read_sound_files(egs(data, split) / DATA_JSONL) for split in SPLITS]
    text = dset_text(
        max(file.sample_rate for files in lists for file in files),
        max(file.channels for files in lists for file in files),
        *(egs(data, split) for split in SPLITS),
    )
    path = folder / f"{name}.yaml"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        atomic.write_text(path, text)
    return path


def dset_text(sample_rate: int, channels: int, train: Path, valid: Path) -> str:
    """The configuration, as document 000 has it."""
    values: Sequence[tuple[str, object]] = (
        ("max_sample_rate", sample_rate),
        ("max_channels", channels),
        ("train", train),
        ("valid", valid),
        ("evaluate", valid),
        ("generate", valid),
    )
    lines = [f"  {key}: {_yaml(value)}" for key, value in values]
    return "\n".join(["# @package __global__", "", "datasource:", *lines, ""])


def _yaml(value: object) -> str:
    """A value as plain text, in quotes only where YAML would read something else, e.g. in `/a #b`."""
    text = str(value)
    if re.search(r": |:$| #|[\x00-\x1f]", text) or text != text.strip():
        return json.dumps(text, ensure_ascii=False)
    return text


def _link(link: Path, target: Path) -> Path:
    if link.is_symlink():
        if os.readlink(link) == str(target):
            return link
        link.unlink()
    elif link.exists():
        raise UsageError("stands where a link is to be made", path=link, remedy="move it away")
    link.symlink_to(target)
    return link
