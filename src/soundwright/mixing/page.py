"""The page about a mix: before and after at one loudness, what was done and why, and where everything lies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from soundwright.audio import pictures
from soundwright.core.errors import MissingExtra
from soundwright.formats.instructions import Call, render_call
from soundwright.formats.mixing_steps import Steps
from soundwright.runs.report import (
    Badge,
    Block,
    Cell,
    Code,
    Column,
    Details,
    Facts,
    Figure,
    Link,
    Page,
    Player,
    Row,
    Table,
    Text,
)

if TYPE_CHECKING:
    from soundwright.mixing.executor import Samples
    from soundwright.mixing.fix_render import Rendered

#: Two pictures stand side by side.
_WIDTH_PX = 460


def write_page(
    path: Path,
    rendered: Rendered,
    steps: Steps,
    notes: Sequence[str],
    pair: Sequence[Samples],
    sample_rate: int,
) -> None:
    """Writes the page into the folder that it tells of.

    Args:
        path: the page.
        rendered: what was written beside it.
        steps: carried out and refused.
        notes: on the stems.
        pair: before and after as they can be compared, `[2, N]` each.
        sample_rate: Hz.
    """
    done = [step for step in steps.steps if not step.refused]
    alone = "" if done else "The mix is left alone: every stem is as it came."
    page = Page("Before and after" if done else "Left alone", lead=steps.prompt or alone)
    page.section("In numbers", *([Text(alone)] if alone and steps.prompt else []), _facts(rendered, len(done)))
    page.section("Listen", *_listen(rendered, pair, sample_rate))
    page.section("Steps", *_steps(steps))
    told = [*notes, *steps.notes, *rendered.notes]
    if told:
        page.section("Notes", *(Text(note) for note in dict.fromkeys(told)))
    page.section("Stems", _stem_table(rendered), _stem_players(rendered))
    page.section("Files", *_files())
    page.write(path)


def _facts(rendered: Rendered, num_steps: int) -> Block:
    return Facts(
        {
            "steps": num_steps,
            "stems": len(rendered.stems),
            "LUFS before": _tenth(rendered.before.loudness_lufs),
            "LUFS after": _tenth(rendered.after.loudness_lufs),
            "LUFS of mix.wav": _tenth(rendered.mix.loudness_lufs),
            "dBTP of mix.wav": _tenth(rendered.mix.true_peak_dbtp),
        }
    )


def _listen(rendered: Rendered, pair: Sequence[Samples], sample_rate: int) -> list[Block]:
    loudness = rendered.matched.loudness_lufs
    how = "Turned down alike" if loudness is None else f"Both at {loudness:.1f} LUFS, by a gain each and nothing else"
    sides = []
    for name, samples in zip(("before", "after"), pair, strict=True):
        player = Player(PurePosixPath(f"listen/{name}.wav"), name, "the stems as they came" if name == "before" else "")
        sides.append(Column(player, *_picture(samples, sample_rate, name)))
    return [Text(f"{how}: what sounds better is better, not louder.", tone="muted"), Row(*sides)]


def _picture(samples: Samples, sample_rate: int, name: str) -> list[Block]:
    if not samples.any():
        return [Text("silent", tone="muted")]
    try:
        picture = pictures.spectrogram(samples.mean(axis=0), sample_rate, title=name, width_px=_WIDTH_PX)
    except MissingExtra as error:
        return [Text(f"no picture: {error}", tone="muted")]
    return [Figure(picture, alt=f"spectrogram of the mix {name}")]


def _steps(steps: Steps) -> list[Block]:
    if not steps.steps:
        return [Text("There is nothing to do.")]
    rows: list[list[Cell]] = [
        [
            step.number,
            step.stem or "the only stem",
            step.note,
            render_call(Call(step.tool, dict(step.arguments))),
            "" if step.confidence is None else f"{step.confidence:.2f}",
            Badge("refused", "muted") if step.refused else Badge("done", "good"),
        ]
        for step in steps.steps
    ]
    return [Table(["", "stem", "what it does", "call", "confidence", ""], rows)]


def _stem_table(rendered: Rendered) -> Block:
    columns = ["stem", "LUFS before", "LUFS after", "dBTP before", "dBTP after", "file"]
    rows = [
        [
            stem.name,
            *(_rounded(level.loudness_lufs) for level in (stem.before, stem.after)),
            *(_rounded(level.true_peak_dbtp) for level in (stem.before, stem.after)),
            Link(stem.file, "changed" if stem.touched else "as it came"),
        ]
        for stem in rendered.stems
    ]
    return Table(columns, rows)


def _stem_players(rendered: Rendered) -> Block:
    players = (Player(stem.file, stem.name, "" if stem.touched else "as it came") for stem in rendered.stems)
    return Details("Listen to the stems one by one", *players)


def _files() -> list[Block]:
    names = {
        "mix.wav": "the mix",
        "session.rpp": "REAPER session",
        "steps.json": "steps.json",
        "instructions.txt": "the same as text",
    }
    return [
        Row(*(Link(name, text) for name, text in names.items())),
        Text("Steps can be refused by number, edited, and carried out again on the same stems:", tone="muted"),
        Code("soundwright mix apply steps.json STEMS... --refuse 2 --output another-folder"),
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1) + 0.0  # -0.0 is 0


def _tenth(value: float | None) -> str:
    return "-" if value is None else f"{round(value, 1) + 0.0:.1f}"
