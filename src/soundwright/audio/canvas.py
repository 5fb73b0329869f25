"""The canvas that all pictures share: dark panels, one style of letters, PNG bytes of few colours.

Figures are made without pyplot: no global state, so they are safe in the threads of a web server.
"""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

import numpy as np

from soundwright.core.extras import needs_extra
from soundwright.runs.events import Note, emit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours of all pictures.
PANEL, PLOT, INK, GRID, BAD = "#14181f", "#0d1015", "#c9d1dc", "#2b323d", "#ff6b5e"
LINES = ("#4cc3d9", "#ffb454", "#b48eff", "#7fd88f", "#ff8fab", "#e6d25a")
#: Width in pixels of a picture that has the page to itself (give half for two side by side); pixels per inch.
WIDTH_PX, DPI = 940, 115


class _Listener(logging.Handler):
    """Keeps messages."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


def load_matplotlib(purpose: str) -> None:
    """Imports matplotlib, which says in two long lines what one can say: that its caches cannot be written.

    Args:
        purpose: what cannot be done without it, as the subject of a sentence.

    Raises:
        MissingExtra: it is not installed.
    """
    logger, listener = logging.getLogger("matplotlib"), _Listener(logging.WARNING)
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(listener)
    try:
        with needs_extra("viz", purpose):
            import matplotlib  # noqa: F401
    finally:
        logger.removeHandler(listener)
        logger.propagate = propagated
    if listener.heard:
        reason = listener.heard[0].splitlines()[0]
        emit(Note(f"matplotlib cannot keep its caches ({reason}) -> set MPLCONFIGDIR to a folder of yours"))


def canvas(heights_in: list[float], title: str, width_px: int) -> tuple[Figure, list[Axes]]:
    """A figure with one plot per height (inches), below each other."""
    load_matplotlib("drawing a picture")
    from matplotlib.figure import Figure

    # Margins by hand, in inches: matplotlib's own layout engines take longer than the drawing.
    left, right, bottom, gap = 0.62, 0.12, 0.42, 0.26
    top = (0.32 if title else 0.08) + (gap - 0.06 if len(heights_in) > 1 or not title else 0.0)
    width, height = width_px / DPI, sum(heights_in) + gap * (len(heights_in) - 1) + top + bottom
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor=PANEL)
    grid = figure.subplots(len(heights_in), 1, squeeze=False, height_ratios=heights_in)
    figure.subplots_adjust(
        left=left / width,
        right=1 - right / width,
        bottom=bottom / height,
        top=1 - top / height,
        hspace=gap * len(heights_in) / sum(heights_in),
    )
    plots: list[Axes] = list(grid[:, 0])
    for axes in plots:
        axes.set_facecolor(PLOT)
        axes.tick_params(colors=INK, labelsize=7.5, length=2.5)
        axes.xaxis.label.set(color=INK, fontsize=8)
        axes.yaxis.label.set(color=INK, fontsize=8)
        axes.title.set_color(INK)
        axes._left_title.set_color(INK)  # type: ignore[attr-defined]
        for spine in axes.spines.values():
            spine.set_color(GRID)
    if title:
        figure.suptitle(title, color=INK, fontsize=9.5, x=0.1 / width, y=1 - 0.07 / height, ha="left", va="top")
    return figure, plots


def png(figure: Figure) -> bytes:
    """Draws the figure; characters that the font lacks become white squares."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.font_manager import FontProperties, get_font
    from matplotlib.font_manager import findfont as find_font
    from matplotlib.text import Text
    from PIL import Image

    known = get_font(find_font(FontProperties())).get_charmap()
    for text in figure.findobj(Text):
        if isinstance(text, Text):
            text.set_parse_math(False)  # a $ in a file name is no formula
            content = text.get_text()
            text.set_text("".join(c if ord(c) in known or not c.isprintable() else "\N{WHITE SQUARE}" for c in content))
    agg = FigureCanvasAgg(figure)
    agg.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(agg.buffer_rgba())  # type: ignore[no-untyped-call]
    image = Image.fromarray(pixels[..., :3].copy())
    # A hundred colours are enough for these colour maps and take a third of the bytes. Letters cover too few
    # pixels to be given colours by `quantize`, so theirs are put in by hand.
    found = image.quantize(88, dither=Image.Dither.NONE).getpalette() or []
    shades = np.linspace(_rgb(PANEL), _rgb(INK), 12).round().astype(int)
    palette = Image.new("P", (1, 1))
    palette.putpalette([*found, *shades.reshape(-1).tolist()])
    buffer = io.BytesIO()
    image.quantize(palette=palette, dither=Image.Dither.NONE).save(buffer, "PNG", compress_level=7)
    return buffer.getvalue()


def _rgb(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
