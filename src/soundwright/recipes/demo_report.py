"""The demo's page: sound before and after the codec, tokens, condition curves, and what every step took."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from soundwright.audio import pictures
from soundwright.audio.files import read_audio
from soundwright.core.units import seconds_from_samples
from soundwright.formats import sidecar
from soundwright.formats.ecdc import TokenFile
from soundwright.formats.tokens import read_token_header, read_tokens
from soundwright.runs.report import Block, Code, Column, Details, Facts, Figure, Link, Page, Player, Row, Table, Text

#: The page shows this many clips, spread over the corpus.
CLIPS_SHOWN = 6
#: Two pictures stand side by side.
WIDTH_PX = 460


def write_report(page_path: Path, steps: Sequence[tuple[str, Any]]) -> None:
    """Writes the page beside the folders that the demo's steps made.

    Args:
        page_path: the page; `normalized/`, `tokens/`, `conditions/` and `decoded/` lie in the same folder.
        steps: name and result of each step.
    """
    folder = page_path.parent
    keys = sorted(path.relative_to(folder / "tokens").as_posix() for path in (folder / "tokens").rglob("*.ecdc"))
    headers = [read_token_header(folder / "tokens" / key) for key in keys]
    page = Page(
        "From recordings to a conditioned token dataset",
        lead="What the demo made: every step a plain command over plain files, all of them in this folder.",
    )
    page.section("In numbers", _facts(headers, steps))
    page.section(
        "Steps", _step_table(steps), Row(Link("audit.html", "the audit's page"), Link("dataset", "the dataset"))
    )
    shown = [keys[i] for i in sorted(set(np.linspace(0, len(keys) - 1, CLIPS_SHOWN).astype(int)))] if keys else []
    for key in shown:
        page.section(key.removesuffix(".ecdc"), *_clip(folder, key))
    page.section("Read it", *_reading())
    page.write(page_path)


def _facts(headers: Sequence[Any], steps: Sequence[tuple[str, Any]]) -> Block:
    audio_s = sum(seconds_from_samples(header.num_samples, header.sample_rate) for header in headers)
    codecs = {f"{header.codec}@{header.revision}" for header in headers}
    return Facts(
        {
            "clips": len(headers),
            "seconds of audio": round(audio_s, 1),
            "tokens": sum(header.num_frames * header.num_codebooks for header in headers),
            "codec": ", ".join(sorted(codecs)),
            "seconds for all steps": round(sum(result.duration_s for _, result in steps), 1),
        }
    )


def _step_table(steps: Sequence[tuple[str, Any]]) -> Block:
    columns = ["step", "items", "done now", "done before", "failed", "warnings", "seconds"]
    rows = [
        [
            name,
            result.total,
            result.done,
            result.skipped,
            len(result.failures),
            len(result.warnings),
            round(result.duration_s, 2),
        ]
        for name, result in steps
    ]
    return Table(columns, rows)


def _clip(folder: Path, key: str) -> list[Block]:
    stem = key.removesuffix(".ecdc")
    original, decoded = f"normalized/{stem}.wav", f"decoded/{stem}.wav"
    tokens = read_tokens(folder / "tokens" / key)
    sides = [
        block
        for path, label, remark in ((original, "original", "normalised"), (decoded, "decoded", "from its tokens"))
        for block in (Player(Path(path), label, remark), _spectrogram(folder / path, tokens.sample_rate, label))
    ]
    return [Row(Column(*sides), Column(_tokens(tokens), _curves(folder, key)))]


def _spectrogram(path: Path, sample_rate: int, title: str) -> Block:
    samples = read_audio(path, sample_rate=sample_rate, mono=True)
    return Figure(
        pictures.spectrogram(samples, sample_rate, title=title, width_px=WIDTH_PX),
        alt=f"spectrogram of the {title} sound",
    )


def _tokens(tokens: TokenFile) -> Block:
    num_codebooks, num_frames = tokens.codes.shape
    caption = f"{num_codebooks} codebooks, {num_frames} frames, {len(np.unique(tokens.codes))} different codes"
    picture = pictures.token_grid(tokens.codes, tokens.sample_rate / tokens.hop, title="tokens", width_px=WIDTH_PX)
    return Figure(picture, alt="token numbers by codebook and time", caption=caption)


def _curves(folder: Path, key: str) -> Block:
    npy, _ = sidecar.paths(key)
    conditions = sidecar.read(folder / "conditions" / npy)
    if not conditions.names:
        return Text("no conditions", tone="muted")
    picture = pictures.curves(
        conditions.values,
        conditions.names,
        conditions.fps,
        units=[conditions.features[name].units for name in conditions.names],
        title="conditions",
        width_px=WIDTH_PX,
    )
    return Figure(picture, alt=f"conditioning over time: {', '.join(conditions.names)}")


def _reading() -> list[Block]:
    return [
        Text("Every row of the dataset has the tokens, the conditions and their schema:"),
        Code(
            "from soundwright.dataset.read import open_pack\n\n"
            'pack = open_pack("dataset")\n'
            'clip = pack.splits["train"][0]\n'
            "clip.tokens   # uint16 [T, K]\n"
            "clip.cond     # float16 [T, D]\n"
        ),
        Details(
            "or with the datasets library (pip install 'soundwright[datasets]')",
            Code('from datasets import load_from_disk\n\nload_from_disk("dataset")["train"][0]'),
        ),
    ]
