"""`soundwright mix evaluate`: does the mixer help, on songs that it has never heard?"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from cyclopts import Parameter

from soundwright.core.errors import UsageError, show_path
from soundwright.core.extras import needs_extra
from soundwright.mixing.distortion import Ranges
from soundwright.runs import atomic
from soundwright.runs.events import Note, emit

if TYPE_CHECKING:
    from soundwright.mixing.scoring import Score
    from soundwright.mixing.summary import Row

#: Both as `contenders` has them, which is slow to import.
REFERENCES = ("blind", "same-mix", "same-stems", "other-mix", "other-stems")
WORDS = ("true", "false")
PROMPT = "fix this mix"
_SEEN = (
    "these are the validation songs of this mixer's own training, on which its thresholds are found: "
    "on unknown songs it does less well -> give --songs"
)


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation came to.

    Attributes:
        rows: a way to answer in a condition each.
        songs: how many.
        examples: distorted or untouched segments.
        facts: model, seed, where the songs are, and whether they are those of its own training's validation.
    """

    rows: list[Row]
    songs: int
    examples: int
    facts: dict[str, Any]

    @property
    def exit_code(self) -> int:
        """0: it was measured, whatever came out."""
        return 0

    def lines(self) -> Iterator[str]:
        """The result for a person."""
        from soundwright.mixing.summary import table, words_told

        yield f"mix evaluate: {self.songs} songs, {self.examples} examples, seed {self.facts['seed']}"
        yield from table(self.rows)
        worst = min(row.parsed for row in self.rows)
        if self.facts.get("seen_before"):
            yield f"note: {_SEEN}"
        yield f"parse rate {worst:.3f}; in brackets 95 % over songs"
        yield from words_told(self.rows)

    def to_dict(self) -> dict[str, Any]:
        """As plain containers."""
        return {**self.facts, "songs": self.songs, "examples": self.examples, "rows": [r.to_dict() for r in self.rows]}


def evaluate(
    model: str | Path = "tiny",
    *,
    songs: Path | None = None,
    dataset_file: Path = Path("data/dataset.json"),
    output: Path | None = None,
    seed: int = 7,
    repeats: int = 1,
    segments_per_song: int = 4,
    limit: int | None = None,
    references: Sequence[str] = REFERENCES,
    words: Sequence[str] = WORDS,
    prompt: str = PROMPT,
    overwrite: bool = False,
    ranges: Annotated[Ranges | None, Parameter(parse=False)] = None,
) -> Evaluation:
    """Distorts held-out songs in known ways, lets the mixer mend them, and measures what came out.

    Beside it: doing nothing, usual loudness, a rule, a small network (of shipped mixers), and the exact answer.

    Args:
        model: A name, or a folder that mix train wrote.
        songs: Folder of songs artist/song/stems/*.wav, none of which the model was trained on.
        dataset_file: Without --songs: the validation side of this dataset.json. A mixer's own is said to be so.
        output: File for all figures, as JSON; an earlier one of this command is replaced.
        seed: Seed of the distortions.
        repeats: Distortions of each segment.
        segments_per_song: At most so many.
        limit: At most so many songs, of all artists in turn.
        references: Of blind, same-mix, same-stems, other-mix, other-stems: a clean reference of the same segment or of
            another section, as a mix or as stems.
        words: Of true, false: without a reference, words that name one thing which is wrong, or one which is not.
        prompt: What the mixer is asked otherwise, the same for all.
        overwrite: Replace OUTPUT whatever it is.
        ranges: Of the distortions; volume, pan and EQ by default.

    Returns:
        The figures.

    Raises:
        UsageError: there are no such songs, or none that sounds; an unknown reference; no such model; OUTPUT cannot be
            written, or holds something else.
        BadInput: a file is damaged.
    """
    with needs_extra("mix", "mixing"):
        from soundwright.mixing.contenders import Contest
        from soundwright.mixing.dataset import read_dataset
        from soundwright.mixing.items import items_of
        from soundwright.mixing.model.loading import load_model
        from soundwright.mixing.model.pretrained import find_mixer
        from soundwright.mixing.small_network import read_small
        from soundwright.mixing.summary import summarise

    for option, given, known in (("references", references, REFERENCES), ("words", words, WORDS)):
        if unknown := [name for name in given if name not in known]:
            raise UsageError(f"--{option} {show_path(unknown[0])!r}", remedy=f"use {', '.join(known)}")
    if repeats < 1 or segments_per_song < 1 or (limit is not None and limit < 1):
        raise UsageError("--repeats, --segments-per-song and --limit are numbers from 1")
    if output is not None:
        _check_output(output, overwrite=overwrite)
    mixer, facts = load_model(model)
    small = find_mixer(model) / "small.safetensors"
    network = read_small(small) if small.exists() else None
    contest = Contest(mixer, network, references, words, prompt, seed, ranges)
    source = songs or dataset_file
    scores: dict[tuple[str, str], list[Score]] = {}
    parsed: dict[tuple[str, str], list[bool]] = {}
    names = set()
    for item in items_of(source, per_song=segments_per_song, limit=limit):
        if item.song not in names:
            names.add(item.song)
            emit(Note(f"{len(names)}: {show_path(item.song)}"))
        for repeat in range(repeats):
            for key, score, whole in contest.answers(item, repeat):
                scores.setdefault(key, []).append(score)
                parsed.setdefault(key, []).append(whole)
    if not scores:
        raise UsageError("nothing could be scored: all stems are silent", path=source, remedy="give songs that sound")
    rows = [summarise(*key, some, float(np.mean(parsed[key]))) for key, some in scores.items()]
    told = {
        "model": str(model),
        "weights_sha256": facts["weights_sha256"],
        "seed": seed,
        "prompt": prompt,
        "source": source.name,
        "seen_before": source.is_file() and facts.get("training", {}).get("dataset") == read_dataset(source).digest(),
    }
    result = Evaluation(rows, len(names), sum(len(s) for k, s in scores.items() if k[0] == "do nothing"), told)
    if output is not None:
        atomic.write_bytes(output, (json.dumps(result.to_dict(), indent=1, allow_nan=False) + "\n").encode())
    return result


def _check_output(path: Path, *, overwrite: bool) -> None:
    """Refuses a file that cannot be written, or is not ours, before the work.

    Raises:
        UsageError: see there.
    """
    if path.is_dir():
        raise UsageError("is a folder, and a file is to be written", path=path, remedy="give the name of a file")
    if path.exists() and not overwrite and not _is_ours(path):
        raise UsageError(
            "exists already and was not made by this command", path=path, remedy="give another --output, or --overwrite"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", path=path, remedy="choose another place") from error
    if not os.access(path.parent, os.W_OK):
        raise UsageError("cannot be written: its folder is read-only", path=path, remedy="choose another place")


def _is_ours(path: Path) -> bool:
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(figures, dict) and {"weights_sha256", "seed", "examples", "rows"} <= figures.keys()
