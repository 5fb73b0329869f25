"""soundwright demo: recordings all the way to an audited dataset, in a minute, with a page to look at and listen to."""

from __future__ import annotations

import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundwright.audio.canvas import load_matplotlib
from soundwright.core.errors import show_path
from soundwright.core.extras import needs_extra
from soundwright.runs import atomic
from soundwright.runs.events import Note, emit
from soundwright.runs.options import RunOptions

#: What the parameters in the computed recordings' names mean.
SCHEMA = """\
parameters:
  pitch: {type: continuous, units: MIDI note, range: [0, 127], doc: 69 is 440 Hz}
  bright: {type: continuous, range: [0, 1], doc: from dark to bright}
"""


@dataclass(frozen=True)
class Demo:
    """What the demo made.

    Attributes:
        report: the page.
        steps: name of each step and its result, in order; results have `lines()`, `exit_code` and `duration_s`.
    """

    report: Path
    steps: tuple[tuple[str, Any], ...]

    @property
    def exit_code(self) -> int:
        """The worst of the steps' exit codes."""
        return max(int(result.exit_code) for _, result in self.steps)

    def lines(self) -> Iterator[str]:
        """Every step's summary, and where the page is."""
        for _, result in self.steps:
            yield from result.lines()
        yield f"open {show_path(self.report.resolve())}"


def demo(
    *,
    output: Path = Path("demo"),
    audio: Path | None = None,
    seed: int = 0,
    workers: int | None = None,
    browser: bool = False,
) -> Demo:
    """Takes a small corpus from recordings to a packed, audited dataset, and writes a page about it.

    Without --audio the recordings are computed: three instruments whose pitch and brightness stand in the file names.
    All steps use the codec `pocket`, which needs no download. The same command again does nothing twice.

    Args:
        output: Folder for everything, with the page `report.html`.
        audio: Your own folder of recordings instead of the computed ones.
        seed: Seed of the computed recordings.
        workers: Worker processes. Default: one per core.
        browser: Open the page in the web browser at the end.

    Returns:
        The page's path and every step's result.

    Raises:
        UsageError: AUDIO holds no audio files, or OUTPUT cannot be written.
        MissingExtra: an extra is not installed; the message names it.
    """
    # Before the first step, not after the fifth.
    with needs_extra("demo", "the demo"):
        import pyarrow  # noqa: F401
    load_matplotlib("the demo")

    from soundwright.recipes.demo_report import write_report

    options = RunOptions(workers=workers)
    steps = tuple(_steps(output, audio, seed, options))
    report = output / "report.html"
    write_report(report, steps)
    if browser:
        webbrowser.open(report.resolve().as_uri())
    return Demo(report, steps)


def _steps(output: Path, audio: Path | None, seed: int, options: RunOptions) -> Iterator[tuple[str, Any]]:
    from soundwright.codec.decode import decode
    from soundwright.codec.encode import encode
    from soundwright.corpus.normalize import normalize
    from soundwright.dataset.build import build
    from soundwright.recipes.demo_corpus import write_demo_corpus
    from soundwright.sidecar.add import add
    from soundwright.sidecar.audit import audit
    from soundwright.sidecar.init import init

    recordings = audio or output / "recordings"
    normalized, tokens, conditions = output / "normalized", output / "tokens", output / "conditions"
    schema = None
    if audio is None:
        schema = output / "schema.yaml"
        atomic.write_text(schema, SCHEMA)
        emit(Note(f"{write_demo_corpus(recordings, seed=seed)} recordings in {show_path(recordings)}"))
    producers = ["lin", "from_audio"] if audio else ["from_filename", "lin", "from_audio"]
    yield "corpus normalize", normalize(recordings, normalized, options=options)
    yield "codec encode", encode(normalized, tokens, codec="pocket", verify=True, options=options)
    yield "sidecar init", init(audio_root=tokens, cond_root=conditions, schema=schema, options=options)
    ramp = ("--lin", "position=0:1")
    yield (
        "sidecar add",
        add(
            *ramp,
            audio_root=tokens,
            cond_root=conditions,
            producer=producers,
            audio_files=normalized,
            options=options,
        ),
    )
    yield "sidecar audit", audit(audio_root=tokens, html=output / "audit.html", verify_ranges=True)
    yield "dataset build", build(tokens, output / "dataset", verify=True)
    yield "codec decode", decode(tokens, output / "decoded", options=options)
