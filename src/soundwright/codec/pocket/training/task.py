"""What the training loop needs to know to train a `pocket` network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from soundwright.codec.crops import Crops
from soundwright.codec.losses import LossWeights, reconstruction_loss
from soundwright.codec.pocket.config import HOP, SAMPLE_RATE, WINDOW, PocketConfig
from soundwright.codec.pocket.training.export import pack_weights
from soundwright.codec.pocket.training.network import Pocket, cut_windows
from soundwright.codec.validation import validation
from soundwright.runs import atomic
from soundwright.training.loop import Task
from soundwright.training.ranks import Place, item_indices

#: Codebooks per item in training: all of them mostly, fewer so that fewer codebooks work too.
_LEVELS = (8, 8, 8, 8, 8, 8, 8, 8, 8, 6, 4, 2)


class PocketTask(Task):
    """Trains `Pocket` on crops.

    Args:
        config: shape of the network.
        crops: training audio.
        batch_size: crops per rank and micro-step.
        crop_frames: frames per crop.
        learning_rate: peak.
        accumulate: micro-steps per step.
        seed: of crops and levels.
        warm_steps: steps without a quantiser; then k-means sets the codebooks.
        weights: of the loss.
        validation: called with the model for numbers on held-out files.
    """

    def __init__(
        self,
        config: PocketConfig,
        crops: Crops,
        *,
        batch_size: int,
        crop_frames: int,
        learning_rate: float,
        accumulate: int = 1,
        seed: int = 0,
        warm_steps: int = 400,
        weights: LossWeights | None = None,
        validation: Callable[[Pocket], dict[str, float]] | None = None,
    ) -> None:
        self.config, self.crops = config, crops
        self.batch_size, self.crop_frames, self.accumulate = batch_size, crop_frames, accumulate
        self.learning_rate, self.seed, self.warm_steps = learning_rate, seed, warm_steps
        self.weights = weights or LossWeights()
        self.validation = validation

    def setup(self, place: Place) -> None:
        """Builds network and optimiser."""
        self.place = place
        self.model: Pocket = Pocket(self.config)
        # Tried instead: Muon for the matrices. After 300 steps 29 of 48 notes had a wrong pitch, with AdamW 6.
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=self.learning_rate, betas=(0.8, 0.98), weight_decay=1e-3, foreach=True
        )

    def batch(self, step: int, micro_step: int, place: Place) -> tuple[Tensor, Tensor, tuple[int, ...]]:
        """Crops `[B, N]`, codebooks per item `[B]`, and the spectra compared at this step."""
        indices = item_indices(step, micro_step, self.batch_size, self.accumulate, place)
        samples, levels = [], []
        for index in indices:
            rng = np.random.default_rng([self.seed, index])
            samples.append(self.crops.draw(rng, self.crop_frames * HOP))
            levels.append(min(self.config.num_codebooks, int(rng.choice(_LEVELS))))
        # 4096 always, since it sees pitch; of the others two, in turn
        scales = ((256, 1024, 4096), (512, 2048, 4096))[step % 2]
        return torch.from_numpy(np.stack(samples)), torch.tensor(levels), scales

    def loss(self, batch: Any, progress: float) -> tuple[Tensor, dict[str, float]]:
        """The reconstruction loss plus commitment, and its parts."""
        samples, levels, scales = batch
        with torch.autocast("cpu", dtype=torch.bfloat16):
            decoded, commitment = self.model(samples, levels)
        # The first frames lack the past that a stream would have, the last lack their look-ahead: not judged.
        inner = slice(WINDOW, samples.shape[1] - 2 * HOP)
        loss, numbers = reconstruction_loss(
            decoded[:, inner].float(), samples[:, inner], self.weights_at(progress), SAMPLE_RATE, scales
        )
        return loss + self.weights.commitment * commitment, numbers | {"commitment": float(commitment.detach())}

    def weights_at(self, progress: float) -> LossWeights:
        """First phase and level, then what lies between harmonics: more of it after 30 %, held tones after 83 %."""
        valleys = self.weights.valleys * (1 + 1.5 * max(0.0, progress - 0.3) / 0.7)
        return replace(self.weights, valleys=valleys, rest=0.5 if progress > 0.83 else 0.0)

    def before_step(self, step: int) -> None:
        """Sets the codebooks by k-means once the network has warmed up."""
        quantizer = self.model.quantizer
        if step >= self.warm_steps and not quantizer.ready:
            with torch.no_grad():
                parts = [
                    self.model.encoder(cut_windows(self.batch(step + i, 0, self.place)[0]))[0].flatten(0, 1)
                    for i in range(16)
                ]
            quantizer.initialise(torch.cat(parts))

    def validate(self) -> dict[str, float]:
        """Numbers on held-out recordings."""
        if self.validation is None:
            return {}
        self.model.eval()
        with torch.no_grad():
            return self.validation(self.model)

    def export(self, folder: Path, facts: dict[str, Any]) -> None:
        """Writes `model.safetensors` and `config.json`, each at once, the config last."""
        licence = str(facts["licence"])
        atomic.write_bytes(folder / "model.safetensors", pack_weights(self.model, {"licence": licence}))
        config = {"codec": "pocket", "sample_rate": SAMPLE_RATE, "hop": HOP, **self.config.to_dict(), **facts}
        atomic.write_json(folder / "config.json", config)


class RefineTask(PocketTask):
    """Trains only the decoder of a network that `PocketTask` has trained: its tokens stay what they are.

    Half of each batch are crops of single held notes. The loss weighs most what lies between the harmonics of a held
    tone, and does not judge a crop's first frames, whose past a stream would have.

    Args:
        trained: the network to begin with; its decoder may lack the second gate.
        crops: training audio.
        notes: training audio of single held notes.
        batch_size: crops per rank and micro-step.
        crop_frames: frames per crop.
        learning_rate: peak.
        seed: of crops and levels.
        weights: of the loss.
    """

    #: Frames at the start of a crop that are not judged.
    UNJUDGED = 12

    def __init__(
        self,
        trained: Pocket,
        config: PocketConfig,
        crops: Crops,
        notes: Crops,
        *,
        batch_size: int,
        crop_frames: int,
        learning_rate: float,
        seed: int = 0,
        weights: LossWeights | None = None,
    ) -> None:
        super().__init__(
            config,
            crops,
            batch_size=batch_size,
            crop_frames=crop_frames,
            learning_rate=learning_rate,
            seed=seed,
            weights=weights or LossWeights(valleys=1.0, rest=1.5, wave=3.0),
        )
        self.trained, self.notes = trained, notes

    def setup(self, place: Place) -> None:
        """Takes the trained network, freezes all but the decoder, builds the optimiser."""
        self.place = place
        self.model = Pocket(self.config)
        self.model.load_state_dict(self.trained.state_dict(), strict=False)
        self.model.encoder.requires_grad_(False)
        gates: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in self.model.decoder.named_parameters():
            (gates if name.startswith(("gate.", "again_")) else others).append(parameter)
        groups: list[dict[str, Any]] = [{"params": others}, {"params": gates, "lr": 5 * self.learning_rate}]
        self.optimiser = torch.optim.AdamW(
            groups,
            lr=self.learning_rate,
            betas=(0.8, 0.98),
            weight_decay=1e-3,
            foreach=True,
        )

    def batch(self, step: int, micro_step: int, place: Place) -> tuple[Tensor, Tensor, tuple[int, ...]]:
        """As `PocketTask.batch`; every second crop is of a held note."""
        samples, levels, scales = super().batch(step, micro_step, place)
        for i, index in enumerate(item_indices(step, micro_step, self.batch_size, self.accumulate, place)):
            if i % 2:
                rng = np.random.default_rng([self.seed, index, 1])
                samples[i] = torch.from_numpy(self.notes.draw(rng, self.crop_frames * HOP))
        return samples, levels, scales

    def loss(self, batch: Any, progress: float) -> tuple[Tensor, dict[str, float]]:
        """The reconstruction loss and its parts."""
        samples, levels, scales = batch
        self.model.quantizer.eval()  # its codebooks stay
        with torch.autocast("cpu", dtype=torch.bfloat16):
            decoded, _ = self.model(samples, levels)
        inner = slice(self.UNJUDGED * HOP, samples.shape[1] - 2 * HOP)
        return reconstruction_loss(decoded[:, inner].float(), samples[:, inner], self.weights, SAMPLE_RATE, scales)


def pocket_task(crops: Crops, excerpts: list[NDArray[np.float32]], settings: dict[str, Any]) -> PocketTask:
    """The task for `codec train` with these settings; `excerpts` are held-out recordings."""
    config = PocketConfig(num_codebooks=settings["num_codebooks"])

    def measure(model: Pocket) -> dict[str, float]:
        return validation(excerpts, lambda x: decode_whole(model, x, config.num_codebooks))

    return PocketTask(
        config,
        crops,
        batch_size=settings["batch_size"],
        crop_frames=round(settings["crop_s"] * SAMPLE_RATE / HOP),
        learning_rate=settings["learning_rate"],
        accumulate=settings["accumulate"],
        seed=settings["seed"],
        warm_steps=min(400, settings["steps"] // 4),
        validation=measure,
    )


def decode_whole(model: Pocket, samples: NDArray[np.float32], num_codebooks: int) -> NDArray[np.float32]:
    """Encodes and decodes `[N]` in one pass, for validation while training; `[N]`."""
    padded = np.pad(samples, (0, -len(samples) % HOP))
    with torch.no_grad():
        decoded, _ = model(torch.from_numpy(padded)[None], torch.tensor([num_codebooks]))
    return np.asarray(decoded[0, : len(samples)])
