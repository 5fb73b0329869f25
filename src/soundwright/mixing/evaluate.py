"""`soundwright mix evaluate`: does the mixer help, on songs that it has never heard?"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from cyclopts import Parameter
from numpy.typing import NDArray

from soundwright.core.errors import SoundwrightError, UsageError, show_path
from soundwright.core.extras import needs_extra
from soundwright.formats.instructions import Call, Instructions, parse, render
from soundwright.mixing.distortion import Ranges
from soundwright.mixing.executor import add_up
from soundwright.runs import atomic
from soundwright.runs.events import Note, emit

if TYPE_CHECKING:
    from soundwright.mixing.items import Item
    from soundwright.mixing.model.mixer import Mixer
    from soundwright.mixing.scoring import Score
    from soundwright.mixing.summary import Row

REFERENCES = ("blind", "same-mix", "same-stems", "other-mix", "other-stems")
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
        from soundwright.mixing.summary import table

        yield f"mix evaluate: {self.songs} songs, {self.examples} examples, seed {self.facts['seed']}"
        yield from table(self.rows)
        worst = min(row.parsed for row in self.rows)
        if self.facts.get("seen_before"):
            yield f"note: {_SEEN}"
        yield f"parse rate {worst:.3f}; in brackets 95 % over songs"

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
        prompt: What the mixer is asked, the same for all.
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
        from soundwright.mixing.baselines import read_small
        from soundwright.mixing.checkpoint import find_mixer, load_mixer
        from soundwright.mixing.dataset import read_dataset
        from soundwright.mixing.items import items_of
        from soundwright.mixing.summary import summarise

    if unknown := [name for name in references if name not in REFERENCES]:
        raise UsageError(f"--references {show_path(unknown[0])!r}", remedy=f"use {', '.join(REFERENCES)}")
    if repeats < 1 or segments_per_song < 1 or (limit is not None and limit < 1):
        raise UsageError("--repeats, --segments-per-song and --limit are numbers from 1")
    if output is not None:
        _check_output(output, overwrite=overwrite)
    mixer, facts = load_mixer(model)
    small = find_mixer(model) / "small.safetensors"
    network = read_small(small) if small.exists() else None
    source = songs or dataset_file
    scores: dict[tuple[str, str], list[Score]] = {}
    parsed: dict[tuple[str, str], list[bool]] = {}
    names = set()
    for item in items_of(source, per_song=segments_per_song, limit=limit):
        if item.song not in names:
            names.add(item.song)
            emit(Note(f"{len(names)}: {show_path(item.song)}"))
        for repeat in range(repeats):
            for key, score, whole in _answers(item, mixer, network, seed, repeat, references, prompt, ranges):
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
        atomic.write_bytes(output, (json.dumps(result.to_dict(), indent=1) + "\n").encode())
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


def _answers(
    item: Item,
    mixer: Mixer,
    network: Any,
    seed: int,
    repeat: int,
    references: Sequence[str],
    prompt: str,
    ranges: Ranges | None,
) -> Iterator[tuple[tuple[str, str], Score, bool]]:
    """Every way to answer about one example, scored."""
    from soundwright.mixing import baselines
    from soundwright.mixing.decode import speak
    from soundwright.mixing.distortion import Drawn, distort, draw
    from soundwright.mixing.levels import SILENT_DB, level_db
    from soundwright.mixing.look import look
    from soundwright.mixing.model.mixer import Inputs
    from soundwright.mixing.scoring import Scorer
    from soundwright.mixing.statistics import measure

    here = {name: sound for name, sound in item.here.items() if level_db(sound) > SILENT_DB}
    if not here:
        return
    drawn = draw(seed, repeat, item.name, here, ranges)
    heard, target = distort(drawn, here, item.sample_rate)
    there = {name: item.there[name] for name in here}
    other = distort(Drawn({}, {}, drawn.wanted), there, item.sample_rate)[1]
    given: dict[str, Any] = {
        "blind": None,
        "same-mix": add_up(target.values()),
        "same-stems": target,
        "other-mix": add_up(other.values()),
        "other-stems": other,
    }
    scorer = Scorer(item.song, heard, target, drawn.labels, item.sample_rate)
    stems = list(heard)

    def scored(method: str, condition: str, said: Instructions) -> Any:
        return (method, condition), scorer.score(said), executable(said, stems)

    statistics = measure(heard, item.sample_rate)
    yield scored("do nothing", "-", {})
    yield scored("usual loudness", "-", baselines.normalise(stems, statistics))
    yield scored("rule", "-", baselines.rule(stems, statistics))
    yield scored("exact answer", "-", drawn.labels)
    seen = [look(heard, item.sample_rate, given[name]) for name in references]
    rows = np.stack([s.stems for s in seen]), np.stack([s.mix for s in seen])
    if network is not None:
        for name, said in zip(references, network.say([stems] * len(seen), *rows), strict=True):
            yield scored("small network", name, said)
    if not all(np.isfinite(x).all() for x in rows):
        raise SoundwrightError(f"{item.name}: its features are not finite")
    inputs = Inputs([prompt] * len(seen), [stems] * len(seen), *rows, _audio(mixer, heard, item.sample_rate, len(seen)))
    for name, spoken in zip(references, speak(mixer, inputs), strict=True):
        yield scored("mixer", name, spoken.instructions)


def executable(said: Instructions, stems: Sequence[str]) -> bool:
    """Whether instructions survive being written, read and checked."""
    from soundwright.mixing.tools import check

    try:
        again: Mapping[str, tuple[Call, ...]] = parse(render(said))
        check(again, stems)
    except SoundwrightError:
        return False
    return {k: v for k, v in again.items() if v} == {k: v for k, v in said.items() if v}


def _audio(mixer: Mixer, stems: Mapping[str, NDArray[Any]], sample_rate: int, copies: int) -> Any:
    if mixer.audio is None:
        return None
    heard = mixer.audio(list(stems.values()), sample_rate).float().cpu().numpy()
    return np.repeat(heard[None], copies, axis=0)
