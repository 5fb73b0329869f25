"""What the training loop needs to know to train a `SampleModel` on chunks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soundwright.lossless.lm.chunks import Chunks
from soundwright.lossless.lm.model import ModelConfig, SampleModel, activation_bytes
from soundwright.lossless.lm.settings import Settings
from soundwright.lossless.lm.weights import parameters, read_weights, save_model
from soundwright.runs.events import ItemDone, emit
from soundwright.training.loop import Task
from soundwright.training.ranks import Place, item_indices

#: Memory that a micro-batch may need on a CPU; on a GPU it is a share of what is free.
_CPU_BYTES = 1 << 30
_GPU_SHARE = 0.4
#: Held-out chunks that are looked at each time, spread evenly over all.
_LOOKED_AT = 64


@dataclass(frozen=True)
class Machine:
    """Where and how a training computes; the result depends on it in the last digits only.

    Attributes:
        device: torch's name of it.
        bfloat16: autocast to bfloat16; the head stays float32.
        compiled: with `torch.compile`.
    """

    device: str = "cpu"
    bfloat16: bool = False
    compiled: bool = False


class LanguageTask(Task):
    """Trains a model of samples.

    A batch is worked off in as many micro-batches as memory asks for; the gradient is that of the whole batch.

    Args:
        settings: of the training.
        training: what is trained on.
        held_out: what is looked at every `log_every` steps; may be empty.
        best: the weights file that cost least on `held_out` so far.
        machine: where and how to compute.
        micro_batch: chunks at once; by default what fits.
    """

    model: SampleModel

    def __init__(
        self,
        settings: Settings,
        training: Chunks,
        held_out: Chunks,
        best: Path,
        machine: Machine,
        micro_batch: int | None = None,
    ) -> None:
        self.settings, self.machine, self.best = settings, machine, best
        self.training, self.held_out = training, held_out.spread(_LOOKED_AT)
        self.config = model_config(settings)
        self.micro_batch = micro_batch or min(settings.batch_size, _fitting(self.config, machine))
        self.accumulate = math.ceil(settings.batch_size / self.micro_batch)
        self.best_bits = read_weights(best)[0]["held_out_bits_per_sample"] if best.exists() else math.inf
        self.step = 0
        self._orders: dict[int, NDArray[np.int64]] = {}

    def setup(self, place: Place) -> None:
        """Builds model and optimiser."""
        self.model = SampleModel(self.config).to(self.machine.device)
        fused = torch.device(self.machine.device).type in ("cpu", "cuda")
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=self.settings.learning_rate, fused=fused)
        self.nats = torch.compile(self.model.nats) if self.machine.compiled else self.model.nats

    def num_weights(self) -> int:
        """How many numbers are learned."""
        with torch.device("meta"):
            return sum(p.numel() for p in SampleModel(self.config).parameters())

    def before_step(self, step: int) -> None:
        """Counts, and tells that the step before is done."""
        if step > self.step:
            emit(ItemDone(f"step {step}"))
        self.step = step

    def batch(self, step: int, micro_step: int, place: Place) -> tuple[NDArray[np.int64], NDArray[np.int64], float]:
        """Chunks `[b, T]`, their lengths `[b]`, and what their mean weighs in the whole batch's."""
        every = self.chunk_indices(item_indices(step, 0, self.settings.batch_size, 1, place))
        begin, end = (len(every) * part // self.accumulate for part in (micro_step, micro_step + 1))
        samples, lengths = self.training.take(every[begin:end])
        total = int(self.training.lengths[every].sum())
        return samples, lengths, self.accumulate * float(lengths.sum()) / total

    def chunk_indices(self, items: range) -> NDArray[np.int64]:
        """Which chunks these items are: every chunk once, in an order of the seed's, then again in another."""
        num_chunks = len(self.training)
        return np.array([self._order(item // num_chunks)[item % num_chunks] for item in items], np.int64)

    def _order(self, epoch: int) -> NDArray[np.int64]:
        if epoch not in self._orders:
            self._orders = {e: order for e, order in self._orders.items() if e == epoch - 1}
            self._orders[epoch] = np.random.default_rng([self.settings.seed, epoch]).permutation(len(self.training))
        return self._orders[epoch]

    def loss(self, batch: Any, progress: float) -> tuple[Tensor, dict[str, float]]:
        """The mean nats per sample, weighted so that micro-batches add up to the batch's mean."""
        samples, lengths, weight = batch
        nats, count = self._cost(samples, lengths)
        loss = nats / count * weight
        return loss, self._bits(float(loss.detach()))

    def last_bits_per_byte(self) -> float:
        """What the last batch costs with the weights as they are, whatever the micro-batches."""
        self.model.eval()
        total = 0.0
        with torch.no_grad():
            for micro_step in range(self.accumulate):
                batch = self.batch(self.settings.training_steps - 1, micro_step, Place())
                total += self.loss(batch, 1.0)[1]["bits_per_byte"]
        return total / self.accumulate

    def validate(self) -> dict[str, float]:
        """Bits on held-out chunks; the weights are kept if they are the best so far."""
        if not len(self.held_out):
            return {}
        self.model.eval()
        nats, count = 0.0, 0
        with torch.no_grad():
            for begin in range(0, len(self.held_out), self.micro_batch):
                indices = range(begin, min(begin + self.micro_batch, len(self.held_out)))
                cost, samples = self._cost(*self.held_out.take(indices))
                nats, count = nats + float(cost), count + samples
        bits = self._bits(nats / count)
        if bits["bits_per_sample"] < self.best_bits:
            self.best_bits = bits["bits_per_sample"]
            self.save(self.best, {"held_out_bits_per_sample": self.best_bits})
        return bits

    def restore_best(self) -> None:
        """Takes back the weights that cost least on held-out chunks."""
        arrays = read_weights(self.best)[1]
        self.model.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})

    def save(self, path: Path, facts: dict[str, Any]) -> None:
        """Writes the weights as they are now."""
        save_model(path, self.config, parameters(self.model), {"training": self.settings.identity(), **facts})

    def _cost(self, samples: NDArray[np.int64], lengths: NDArray[np.int64]) -> tuple[Tensor, int]:
        """Nats of all samples of `[b, T]` within their lengths `[b]`, and how many these are."""
        device = self.machine.device
        x = torch.from_numpy(samples).to(device)
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=self.machine.bfloat16):
            nats = self.nats(x)  # [b, T]
        if int(lengths.min()) < x.shape[1]:
            inside = torch.arange(x.shape[1], device=device) < torch.from_numpy(lengths).to(device)[:, None]
            nats = nats * inside
        return nats.sum(), int(lengths.sum())

    def _bits(self, nats: float) -> dict[str, float]:
        bits = nats / math.log(2)
        return {"bits_per_sample": bits, "bits_per_byte": bits * 8 / self.settings.sample_bits}


def model_config(settings: Settings) -> ModelConfig:
    """The model that these settings ask for."""
    return ModelConfig(
        sample_bits=settings.sample_bits,
        sequence_length=settings.sequence_length,
        head=settings.head_used,
        embedding_dim=settings.embedding_dim,
        num_layers=settings.num_layers,
        num_heads=settings.num_heads,
        widening_factor=settings.widening_factor,
        channels=settings.channels,
        stereo_blocking_n=settings.stereo_blocking_n,
    )


def _fitting(config: ModelConfig, machine: Machine) -> int:
    """Chunks that fit into memory at once, at least one."""
    room = float(_CPU_BYTES)
    if torch.device(machine.device).type == "cuda":
        room = _GPU_SHARE * torch.cuda.mem_get_info(machine.device)[0]
    return max(1, int(room / activation_bytes(config)))
