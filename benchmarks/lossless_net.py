"""Does a small trained net on top of the cascade make archives smaller? Ideal code lengths on held-out files.

`python benchmarks/lossless_corpus.py FOLDER`, then `python benchmarks/lossless_net.py FOLDER`. The net is trained on
`FOLDER/tune` and measured on `FOLDER/report`. It sees the last 12 residuals, three memories of the error and the other
predictions, all relative to the running error, and the other channel's newest residuals, and says the weights, centres
and widths of three discretised logistics. Compared, in bits per sample: the present density, the net alone, and both
mixed online by their likelihoods, with forgetting. Both channels in the order of the file, music with preset 0 and
speech with preset 1.
"""

from __future__ import annotations

import paired
import argparse
import statistics
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from soundwright.lossless.cascade import Settings, new_cascade, predict, update
from soundwright.lossless.cascade_presets import PRESETS
from soundwright.lossless.mixture import code_sample, new_density, new_tables
from soundwright.lossless.range_coder import LIMIT, POSITION, RANGE, encoder

CLASSES = {"music": 0, "speech16k": 1, "eight_bit": 0}
RATES = (0.045, 0.15, 0.01, 0.4)  # of the memories of the error; the first is the unit of all the rest
PAST, OTHERS, LOGISTICS = 12, 4, 3
FORGETTING = 0.98


class Samples(NamedTuple):
    """Of one file, channel after channel: features `[N, F]`, residual, unit and present cost in bits `[N]`."""

    features: Tensor
    residual: Tensor
    unit: Tensor
    bits: NDArray[np.float64]


@njit
def follow(samples, limits, settings, cascade, density, lookup, coder, data, centres, bits):  # type: ignore[no-untyped-def]
    """Fills the predictions `[C, N, centres]` and the code lengths `[C, N]`."""
    for t in range(samples.shape[1]):
        for c in range(len(samples)):
            predict(settings, cascade, c, t)
            centres[c, t] = cascade.centres[c]
            before = 8 * coder[POSITION] - np.log2(coder[RANGE])
            code_sample(
                coder, data, samples[c, t], c, len(samples), centres[c, t], limits[c, 0], limits[c, 1], density, lookup
            )
            bits[c, t] = 8 * coder[POSITION] - np.log2(coder[RANGE]) - before
            update(settings, cascade, c, t, samples[c, t])


@njit
def memories(residual: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """The running mean error before each sample."""
    out, error = np.zeros(len(residual)), 10.0
    for t in range(len(residual)):
        out[t] = error + 0.05
        error += rate * (abs(residual[t]) - error)
    return out


def squeezed(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sign(x) * np.where(np.abs(x) < 1, np.abs(x), 1 + np.log(np.maximum(np.abs(x), 1)))


def read(path: Path, preset: int, seconds: float) -> Samples | None:
    """What the net is trained on; None for a silent file."""
    rate = soundfile.info(path).samplerate
    stored, _ = soundfile.read(path, dtype="int16", always_2d=True, frames=int(seconds * rate))
    samples = np.ascontiguousarray(stored.T.astype(np.int64) >> (8 if "eight" in path.parts[-2] else 0))
    limits = np.stack([samples.min(axis=1), samples.max(axis=1)], axis=1)
    if (limits[:, 0] == limits[:, 1]).any():
        return None
    settings = PRESETS[preset]
    assert isinstance(settings, Settings)
    centres = np.zeros((*samples.shape, 2 + len(settings.taps)))
    bits, buffer, coder = np.zeros(samples.shape), np.zeros(4 * samples.size + 64, np.uint8), encoder()
    coder[LIMIT] = len(buffer)
    follow(
        samples,
        limits,
        settings,
        new_cascade(settings, limits, samples.shape[1]),
        new_density(limits, centres.shape[2]),
        new_tables(),
        coder,
        buffer,
        centres,
        bits,
    )
    residual = samples - centres[:, :, 0]
    units = [[memories(row, rate) for rate in RATES] for row in residual]
    features = []
    for c, row in enumerate(residual):
        unit = units[c][0]
        columns = [squeezed(np.roll(row, k) / unit) for k in range(1, PAST + 1)]
        columns += [np.log(units[c][m] / unit) for m in range(1, len(RATES))] + [0.3 * np.log(unit)]
        columns += [np.clip(2 * (centres[c, :, j] - centres[c, :, 0]) / unit, -6, 6) for j in range(1, 1 + OTHERS)]
        other = len(residual) - 1 - c
        for k in range(3):  # the second channel sees the current sample of the first
            seen = squeezed(residual[other] / units[other][0]) if len(residual) > 1 else np.zeros_like(row)
            columns.append(np.roll(seen, k + (1 if c == 0 else 0)))
        features.append(np.stack(columns, axis=1))
    return Samples(
        torch.tensor(np.concatenate(features), dtype=torch.float32),
        torch.tensor(residual.reshape(-1), dtype=torch.float32),
        torch.tensor(np.concatenate([row[0] for row in units]), dtype=torch.float32),
        bits.reshape(-1),
    )


def cost(said: Tensor, residual: Tensor, unit: Tensor) -> Tensor:
    """Bits of each sample under the mixture of logistics that the net's outputs `[N, 3 * LOGISTICS]` say."""
    weights, centres, widths = said.split(LOGISTICS, dim=1)
    inverse = torch.exp(torch.tensor([1.0, 0.6, 0.2]) - widths) / unit[:, None]
    middle = residual[:, None] - centres * unit[:, None]
    above, below = (middle + 0.5) * inverse, (middle - 0.5) * inverse
    inside = functional.logsigmoid(above) + functional.logsigmoid(-below)
    inside = inside + torch.log(-torch.expm1((below - above).clamp(max=-1e-12)))
    return -torch.logsumexp(torch.log_softmax(weights, dim=1) + inside, dim=1) / float(np.log(2))


@njit
def mixed(one: NDArray[np.float64], two: NDArray[np.float64], forgetting: float) -> float:
    """Bits per sample of both, weighted online by their likelihoods."""
    share, total = 0.5, 0.0
    for t in range(len(one)):
        p, q = share * 2.0 ** -one[t], (1 - share) * 2.0 ** -two[t]
        total -= np.log2(p + q + 1e-30)
        share = 0.5 * (1 - forgetting) + forgetting * p / (p + q + 1e-30)
    return total / len(one)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path, nargs="?")
    arguments.add_argument("--seconds", type=float, default=4.0, help="of each file")
    arguments.add_argument("--hidden", type=int, default=48)
    arguments.add_argument("--steps", type=int, default=5000, help="of 2048 samples")
    options = arguments.parse_args()
    if options.folder is None:  # as in `make bench`
        print("trains a small net on the files of benchmarks/lossless_corpus.py, in a folder that you name")
        return
    paired.about("numba", "numpy", "torch")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    halves = {
        half: [
            (kind, path.stem, found)
            for kind, preset in CLASSES.items()
            for path in sorted((options.folder / half / kind).glob("*.wav"))
            if (found := read(path, preset, options.seconds)) is not None
        ]
        for half in ("tune", "report")
    }
    features, residual, unit = (torch.cat([row[2][i] for row in halves["tune"]]) for i in range(3))
    hidden = options.hidden
    net = torch.nn.Sequential(
        torch.nn.Linear(features.shape[1], hidden),
        torch.nn.GELU(),
        torch.nn.Linear(hidden, hidden),
        torch.nn.GELU(),
        torch.nn.Linear(hidden, 3 * LOGISTICS),
    )
    print(f"{sum(weights.numel() for weights in net.parameters())} weights, {len(features)} samples")
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-3)
    for step in range(options.steps):
        optimiser.param_groups[0]["lr"] = 2e-3 * (1 - step / options.steps) + 1e-5
        chosen = torch.randint(0, len(features), (2048,))
        loss = cost(net(features[chosen]), residual[chosen], unit[chosen]).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
    gains: dict[str, list[tuple[float, float]]] = {}
    for kind, name, found in halves["report"]:
        with torch.no_grad():
            alone = cost(net(found.features), found.residual, found.unit).numpy().astype(np.float64)
        present, both = found.bits.mean(), mixed(found.bits, alone, FORGETTING)
        gains.setdefault(kind, []).append((100 * (1 - alone.mean() / present), 100 * (1 - both / present)))
        print(f"{kind:10} {name:24} density {present:8.4f}  net {alone.mean():8.4f}  mixed {both:8.4f} bits")
    for kind, pairs in gains.items():
        means = [statistics.fmean(pair[i] for pair in pairs) for i in range(2)]
        print(f"{kind}: smaller by {means[0]:+.2f} % with the net alone, {means[1]:+.2f} % with both")


if __name__ == "__main__":
    main()
