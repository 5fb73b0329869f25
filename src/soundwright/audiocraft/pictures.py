"""A picture of an experiment: its losses over the epochs."""

from __future__ import annotations

from soundwright.audio.canvas import GRID, INK, LINES, WIDTH_PX, canvas, png
from soundwright.audiocraft.experiment import Experiment
from soundwright.core.errors import BadInput

#: Shown first, where they are there; codecs have the first three, language models the others.
_FIRST = ("g_loss", "l1", "mel", "msspec", "sisnr", "ce", "ppl")
_MOST = 4
_STAGES = ("train", "valid", "evaluate")


def losses(experiment: Experiment, metrics: tuple[str, ...] = ()) -> bytes:
    """Draws metrics over the epochs, a plot for each and a line for each stage.

    Args:
        experiment: with at least one finished epoch.
        metrics: which, e.g. `("l1", "mel")`; by default the first four that codecs are judged by.

    Returns:
        A PNG.

    Raises:
        BadInput: it has no finished epoch, or none of these metrics.
        MissingExtra: matplotlib is not installed.
    """
    curves = experiment.curves()
    known = [name for name in (metrics or _FIRST) if name in curves] or ([] if metrics else list(curves))
    if not known:
        wanted = ", ".join(metrics) if metrics else "any"
        raise BadInput(
            f"has no metric {wanted}; there are {', '.join(curves) or 'none'}",
            path=experiment.folder,
            remedy="train at least one epoch",
        )
    shown = known[:_MOST] if not metrics else known
    title = f"{experiment.sig}: {experiment.status.partition(';')[0]}"
    figure, plots = canvas([1.15] * len(shown), title, WIDTH_PX)
    from matplotlib.ticker import MaxNLocator  # after the canvas, which says what to install

    for axes, name in zip(plots, shown, strict=True):
        for stage, colour in zip(_STAGES, LINES, strict=False):
            points = curves[name].get(stage)
            if points:
                epochs, values = zip(*points, strict=True)
                # The training's value is the mean over an epoch, the others are measured at its end.
                axes.plot(epochs, values, color=colour, marker="o", markersize=3, linewidth=1.3, label=stage)
        axes.set_ylabel(name)
        axes.yaxis.label.set(color=INK, fontsize=8)
        axes.grid(color=GRID, linewidth=0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if axes.lines:
            axes.legend(fontsize=7, facecolor=GRID, edgecolor=GRID, labelcolor=INK, loc="best")
    plots[-1].set_xlabel("epoch")
    return png(figure)
