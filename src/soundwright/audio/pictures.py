"""Pictures for reports: spectrogram, token grid, condition curves. PNG bytes, a few dozen kilobytes each.

All are drawn light on dark, like the display of an instrument, and so sit well on a light and on a dark page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soundwright.audio.canvas import BAD, GRID, LINES, WIDTH_PX, canvas, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Spectrograms show this many decibels below their loudest point.
RANGE_DB = 80.0
#: Pictures of more than this many features would be unreadable; the rest is counted in the title.
MAX_CURVES = 10

_COLUMNS, _BANDS = 384, 112


def spectrogram(samples: NDArray[np.float32], sample_rate: int, *, title: str = "", width_px: int = WIDTH_PX) -> bytes:
    """Energy over time and frequency; bands are spaced like pitch above 500 Hz and evenly below.

    Args:
        samples: `[N]`, full scale 1.0, any length; long recordings are averaged into columns.
        sample_rate: Hz.
        title: a line above the picture.
        width_px: width of the picture; the size of its letters does not change.

    Returns:
        A PNG.

    Raises:
        ValueError: the samples are not `[N]` with N > 0, or not finite.
        MissingExtra: matplotlib is not installed.
    """
    level_db, edges_hz = band_levels(samples, sample_rate)
    figure, (axes,) = canvas([2.2], title, width_px)
    peak_db = float(level_db.max())
    axes.imshow(
        level_db,
        origin="lower",
        aspect="auto",
        cmap="magma",
        interpolation="nearest",
        vmin=peak_db - RANGE_DB,
        vmax=peak_db,
        extent=(0.0, len(samples) / sample_rate, 0.0, float(_BANDS)),
    )
    marks = [hz for hz in (100, 250, 500, 1000, 2000, 4000, 8000, 16000) if hz < edges_hz[-1]]
    axes.set_yticks(np.interp(marks, edges_hz, np.arange(_BANDS + 1)), [_hertz(hz) for hz in marks])
    axes.set_ylabel("Hz")
    axes.set_xlabel("seconds")
    return png(figure)


def band_levels(samples: NDArray[np.float32], sample_rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The numbers behind `spectrogram`.

    Args:
        samples: `[N]`, full scale 1.0.
        sample_rate: Hz.

    Returns:
        Levels in dB `[bands, columns]`, and the edges of the bands in Hz `[bands + 1]`.

    Raises:
        ValueError: the samples are not `[N]` with N > 0, or not finite.
    """
    if samples.ndim != 1 or len(samples) == 0:
        raise ValueError(f"expected samples [N], found shape {list(samples.shape)}")
    if not np.isfinite(samples).all():
        raise ValueError("samples are NaN or infinite")
    size = 1 << max(6, int(np.ceil(np.log2(sample_rate * 0.04))))
    hop = max(1, min(size // 4, len(samples) // _COLUMNS))
    padded = np.pad(samples, (size // 2, size // 2))
    num_frames = (len(padded) - size) // hop + 1
    num_columns = min(_COLUMNS, num_frames)
    mel = np.linspace(0.0, 2595 * np.log10(1 + sample_rate / 2 / 700), _BANDS + 1)
    edges_hz = 700 * (10 ** (mel / 2595) - 1)
    # A band is the mean power between its edges, read off the running sum: narrow bands are interpolated.
    bin_edges_hz = (np.arange(size // 2 + 2) - 0.5).clip(0) * sample_rate / size
    window = np.hanning(size).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    power = np.empty((_BANDS, num_columns))
    splits = np.linspace(0, num_frames, num_columns + 1).astype(int)
    for column, (first, last) in enumerate(zip(splits[:-1], splits[1:], strict=True)):
        spectrum = np.square(np.abs(np.fft.rfft(frames[first:last] * window, axis=-1))).mean(0)
        total = np.concatenate([[0.0], np.cumsum(spectrum)])
        at_edges = np.interp(edges_hz, bin_edges_hz, total)
        power[:, column] = np.diff(at_edges) / np.diff(np.interp(edges_hz, bin_edges_hz, np.arange(len(total))))
    return 10 * np.log10(np.maximum(power, 1e-12) / float(np.square(window.sum() / 2))), edges_hz


def token_grid(
    codes: NDArray[np.integer[Any]],
    frame_rate_hz: float,
    *,
    bins: int = 1024,
    title: str = "",
    width_px: int = WIDTH_PX,
) -> bytes:
    """One cell per code, a colour per code number: repetition, silence and dead codebooks are seen at once.

    Neighbouring code numbers have nothing to do with each other, so their colours lie far apart on purpose.

    Args:
        codes: `[K, T]`; of long clips every n-th frame is shown, and the title says so.
        frame_rate_hz: frames per second.
        bins: size of a codebook.
        title: a line above the picture.
        width_px: width of the picture; the size of its letters does not change.

    Returns:
        A PNG.

    Raises:
        ValueError: not `[K, T]` with K, T > 0, or a code outside `0 .. bins - 1`.
        MissingExtra: matplotlib is not installed.
    """
    if codes.ndim != 2 or 0 in codes.shape:
        raise ValueError(f"expected codes [K, T], found shape {list(codes.shape)}")
    if codes.min() < 0 or codes.max() >= bins:
        raise ValueError(f"expected codes in 0 .. {bins - 1}, found {codes.min()} .. {codes.max()}")
    num_codebooks, num_frames = codes.shape
    stride = -(-num_frames // 1200)
    if stride > 1:
        title = f"{title}  (every {stride}th frame)".strip()
    figure, (axes,) = canvas([min(2.6, 0.5 + 0.13 * num_codebooks)], title, width_px)
    golden = (np.sqrt(5) - 1) / 2
    axes.imshow(
        (codes[:, ::stride] * golden) % 1.0,
        aspect="auto",
        cmap="viridis",
        interpolation="nearest",
        vmin=0.0,
        vmax=1.0,
        extent=(0.0, num_frames / frame_rate_hz, num_codebooks - 0.5, -0.5),
    )
    axes.set_yticks(sorted({0, num_codebooks // 2, num_codebooks - 1}))
    axes.set_ylabel("codebook")
    axes.set_xlabel("seconds")
    return png(figure)


def curves(
    values: NDArray[np.floating[Any]],
    names: Sequence[str],
    frame_rate_hz: float,
    *,
    units: Sequence[str] | None = None,
    ranges: Sequence[tuple[float, float] | None] | None = None,
    title: str = "",
    width_px: int = WIDTH_PX,
) -> bytes:
    """Conditions over time, one strip per feature; what is not finite or leaves its range is marked red.

    Args:
        values: `[T, D]`.
        names: D names.
        frame_rate_hz: frames per second.
        units: D units, `""` where there is none.
        ranges: D declared ranges (lowest, highest), None where there is none; drawn as a band.
        title: a line above the picture.
        width_px: width of the picture; the size of its letters does not change.

    Returns:
        A PNG.

    Raises:
        ValueError: not `[T, D]` with T, D > 0, or the lists do not have D entries.
        MissingExtra: matplotlib is not installed.
    """
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"expected values [T, D], found shape {list(values.shape)}")
    num_features = values.shape[1]
    for what, given in {"names": names, "units": units, "ranges": ranges}.items():
        if given is not None and len(given) != num_features:
            raise ValueError(f"{len(given)} {what} for {num_features} features")
    if num_features > MAX_CURVES:
        title = f"{title}  (first {MAX_CURVES} of {num_features})".strip()
    shown = min(num_features, MAX_CURVES)
    figure, strips = canvas([1.1 if shown < 3 else 0.85 if shown < 6 else 0.6] * shown, title, width_px)
    for d, axes in enumerate(strips):
        unit = units[d] if units else ""
        _strip(axes, values[:, d].astype(np.float64), frame_rate_hz, ranges[d] if ranges else None, LINES[d % 6])
        label = f"{names[d]} [{unit}]" if unit else names[d]
        axes.set_title(label, loc="left", fontsize=8, pad=3)
        if d < shown - 1:
            axes.tick_params(labelbottom=False)
    strips[-1].set_xlabel("seconds")
    return png(figure)


def _strip(
    axes: Axes,
    values: NDArray[np.float64],
    frame_rate_hz: float,
    limits: tuple[float, float] | None,
    colour: str,
) -> None:
    times = np.arange(len(values)) / frame_rate_hz
    finite = np.isfinite(values)
    wrong = ~finite
    if limits is not None:
        axes.axhspan(*limits, color=colour, alpha=0.12, linewidth=0)
        wrong = wrong | (values < limits[0]) | (values > limits[1])
    kept, drawn = _envelope(times, np.where(finite, values, np.nan))
    axes.plot(kept, drawn, color=colour, linewidth=1.3)
    for first, last in _runs(wrong):
        axes.axvspan(times[first], times[last - 1] + 1 / frame_rate_hz, color=BAD, alpha=0.35, linewidth=0)
    axes.set_xlim(0.0, len(values) / frame_rate_hz)
    shown = np.concatenate([values[finite], np.asarray(limits or ())])
    low, high = (float(shown.min()), float(shown.max())) if len(shown) else (0.0, 1.0)
    margin = (high - low) * 0.08 or max(abs(high), 1.0) * 0.1
    axes.set_ylim(low - margin, high + margin)
    axes.locator_params(axis="y", nbins=3)
    axes.grid(color=GRID, linewidth=0.6)


def _envelope(
    times: NDArray[np.float64], values: NDArray[np.float64], most: int = 2000
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Long curves as the lowest and highest value of each stretch: they look the same and draw at once."""
    step = -(-2 * len(values) // most)
    if step <= 2:
        return times, values
    whole = len(values) // step * step
    blocks = values[:whole].reshape(-1, step)
    empty = np.isnan(blocks).all(1)
    low = np.where(empty, np.nan, np.where(np.isnan(blocks), np.inf, blocks).min(1))
    high = np.where(empty, np.nan, np.where(np.isnan(blocks), -np.inf, blocks).max(1))
    drawn = np.concatenate([np.stack([low, high], 1).reshape(-1), values[whole:]])
    kept = np.concatenate([np.repeat(times[:whole:step], 2), times[whole:]])
    return kept, drawn


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and past-last index of each stretch of true values; neighbours are joined until there are few."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    stretches = [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
    least_gap = max(1, len(flags) // 400)
    joined: list[tuple[int, int]] = []
    for first, last in stretches:
        if joined and first - joined[-1][1] < least_gap:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


def _hertz(hz: int) -> str:
    return f"{hz // 1000}k" if hz >= 1000 else str(hz)
