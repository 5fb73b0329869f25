"""What the training loop needs to know to train a codec of EnCodec's shape (Defossez et al., 2022).

The network is transformers' own, so the folder that comes out loads with `EncodecModel.from_pretrained`. Three things
that transformers leaves to checkpoints are done here: initial values by the data, codebooks, and the codebooks' state.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from soundwright.codec.crops import Crops
from soundwright.codec.losses import LossWeights, reconstruction_loss
from soundwright.codec.quantizer import ResidualQuantizer
from soundwright.codec.validation import validation
from soundwright.runs import atomic
from soundwright.training.loop import Task
from soundwright.training.ranks import Place, item_indices

_SAMPLE_RATE = 24_000
_HOP = 320
_CODEBOOK_SIZE = 1024
_LEVELS = (1.0, 1.0, 1.0, 0.5, 0.25)  # fractions of the codebooks used for an item


class EncodecNet(nn.Module):
    """transformers' encoder and decoder around this package's quantiser, with a learned output gain."""

    shell: Any

    def __init__(self, config: Any) -> None:
        super().__init__()
        from transformers import EncodecModel

        shell: Any = EncodecModel(config)
        shell.quantizer = nn.Module()  # ours takes its place until `export`
        self.shell = shell
        self.quantizer = ResidualQuantizer(num_quantizers(config), config.codebook_size, config.hidden_size)
        self.gain = nn.Parameter(torch.zeros(()))  # log; folded into the last convolution at export

    def encode(self, samples: Tensor) -> Tensor:
        """`[B, N]` to latents `[B, T, hidden]`."""
        return self.shell.encoder(samples[:, None]).transpose(1, 2)  # type: ignore[no-any-return]

    def forward(self, samples: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, N]` (N a multiple of 320) and codebooks per item `[B]` to decoded `[B, N]` and the commitment loss."""
        latents = self.encode(samples)
        commitment = latents.new_zeros(())
        if self.quantizer.ready:
            latents, commitment = self.quantizer(latents, levels)
        return self.shell.decoder(latents.transpose(1, 2))[:, 0] * torch.exp(self.gain), commitment


class EncodecTask(Task):
    """Trains `EncodecNet` on crops.

    Args:
        config: a `transformers.EncodecConfig`.
        crops: training audio.
        settings: those of `codec train`.
        measure: called with the network for numbers on held-out files.
        warm_steps: steps without a quantiser; then k-means sets the codebooks.
    """

    def __init__(
        self,
        config: Any,
        crops: Crops,
        settings: dict[str, Any],
        measure: Callable[[EncodecNet], dict[str, float]],
        *,
        warm_steps: int = 100,
    ) -> None:
        self.config, self.crops, self.settings, self.measure = config, crops, settings, measure
        self.warm_steps = min(warm_steps, settings["steps"] // 4)
        self.num_samples = round(settings["crop_s"] * _SAMPLE_RATE / _HOP) * _HOP

    def setup(self, place: Place) -> None:
        """Builds network and optimiser."""
        self.place = place
        self.model: EncodecNet = EncodecNet(self.config)
        scale_by_data(self.model, self.batch(0, 0, Place())[0])
        rate = self.settings["learning_rate"]
        inner = [p for name, p in self.model.named_parameters() if name != "gain"]
        # The gain stands apart: its gradient is a hundred times the others' and would starve them under clipping.
        self.optimiser = torch.optim.AdamW(
            [{"params": inner, "lr": rate}, {"params": [self.model.gain], "lr": rate, "weight_decay": 0.0}],
            betas=(0.8, 0.98),
            weight_decay=1e-3,
        )
        self.model.gain.register_hook(lambda gradient: gradient * 0.01)  # type: ignore[no-untyped-call]

    def batch(self, step: int, micro_step: int, place: Place) -> tuple[Tensor, Tensor]:
        """Crops `[B, N]` and codebooks per item `[B]`."""
        settings = self.settings
        samples, levels = [], []
        for index in item_indices(step, micro_step, settings["batch_size"], settings["accumulate"], place):
            rng = np.random.default_rng([settings["seed"], index])
            samples.append(self.crops.draw(rng, self.num_samples))
            levels.append(max(1, round(rng.choice(_LEVELS) * settings["num_codebooks"])))
        return torch.from_numpy(np.stack(samples)), torch.tensor(levels)

    def loss(self, batch: Any, progress: float) -> tuple[Tensor, dict[str, float]]:
        """The reconstruction loss plus commitment, and its parts."""
        samples, levels = batch
        decoded, commitment = self.model(samples, levels)
        weights = LossWeights()
        loss, numbers = reconstruction_loss(decoded, samples, weights, _SAMPLE_RATE)
        return loss + weights.commitment * commitment, numbers | {"commitment": float(commitment.detach())}

    def before_step(self, step: int) -> None:
        """Sets the codebooks by k-means once the network has warmed up."""
        if step >= self.warm_steps and not self.model.quantizer.ready:
            with torch.no_grad():
                parts = [self.model.encode(self.batch(step + i, 0, self.place)[0]).flatten(0, 1) for i in range(8)]
            self.model.quantizer.initialise(torch.cat(parts))

    def validate(self) -> dict[str, float]:
        """Numbers on held-out recordings."""
        self.model.eval()
        with torch.no_grad():
            return self.measure(self.model)

    def export(self, folder: Path, facts: dict[str, Any]) -> None:
        """Writes a folder that `transformers.EncodecModel.from_pretrained` loads."""
        model = export_model(self.model, self.config)
        with tempfile.TemporaryDirectory(dir=folder) as beside:
            model.save_pretrained(beside)
            config = json.loads(Path(beside, "config.json").read_text())
            atomic.write_bytes(folder / "model.safetensors", Path(beside, "model.safetensors").read_bytes())
        config |= {"codec": "encodec", **facts}
        atomic.write_json(folder / "config.json", config)


def encodec_task(crops: Crops, excerpts: list[NDArray[np.float32]], settings: dict[str, Any]) -> EncodecTask:
    """The task for `codec train --architecture encodec` with these settings."""
    from transformers import EncodecConfig

    num_codebooks = settings["num_codebooks"]
    step = _SAMPLE_RATE / _HOP * 10 / 1000  # kbps per codebook
    counts = [k for k in (2, 4, 8, 16, 32) if k < num_codebooks] + [num_codebooks]
    config = EncodecConfig(
        target_bandwidths=[k * step for k in counts],
        sampling_rate=_SAMPLE_RATE,
        num_filters=settings["num_filters"],
        hidden_size=settings["hidden_size"],
        codebook_size=_CODEBOOK_SIZE,
        codebook_dim=settings["hidden_size"],
        upsampling_ratios=list(settings["upsampling_ratios"]),
        num_lstm_layers=settings["num_lstm_layers"],
        normalize=False,
        use_causal_conv=True,
    )

    def measure(model: EncodecNet) -> dict[str, float]:
        def decode(x: NDArray[np.float32]) -> NDArray[np.float32]:
            padded = torch.from_numpy(np.pad(x, (0, -len(x) % _HOP)))[None]
            return np.asarray(model(padded, torch.tensor([num_codebooks]))[0][0, : len(x)])

        return validation(excerpts, decode)

    return EncodecTask(config, crops, settings, measure)


def num_quantizers(config: Any) -> int:
    """Codebooks that an `EncodecConfig` stands for: those of its highest bandwidth."""
    per_codebook = _SAMPLE_RATE / _HOP * (config.codebook_size - 1).bit_length() / 1000
    return int(round(max(config.target_bandwidths) / per_codebook))


@torch.no_grad()
def scale_by_data(model: EncodecNet, samples: Tensor) -> None:
    """Scales each convolution so that its output on `samples` `[B, N]` has mean 0 and deviation 1.

    transformers initialises the magnitude and direction of weight-normalised convolutions so that signals vanish with
    depth and only biases are left; latents then collapse before they carry anything.
    """
    handles = []

    def rescale(layer: Any, _: Any, output: Tensor) -> Tensor:
        mean = output.mean(dim=(0, 2))
        centred = output - mean[:, None]
        factor = 1.0 / centred.std().clamp_min(1e-4)
        layer.parametrizations.weight.original0 *= factor
        layer.bias.copy_((layer.bias - mean) * factor)
        return centred * factor

    for layer in model.shell.modules():
        if isinstance(layer, (nn.Conv1d, nn.ConvTranspose1d)) and hasattr(layer, "parametrizations"):
            handles.append(layer.register_forward_hook(rescale))
    decoded, _ = model(samples, torch.tensor([1]))
    for handle in handles:
        handle.remove()
    decoded, _ = model(samples, torch.tensor([1]))
    model.gain.fill_(float(torch.log(samples.std().clamp_min(1e-4) / decoded.std().clamp_min(1e-4))))


@torch.no_grad()
def export_model(net: EncodecNet, config: Any) -> Any:
    """The trained network as a `transformers.EncodecModel` with its codebooks and the gain folded in."""
    from transformers import EncodecModel

    model: Any = EncodecModel(config)
    state = {name: value.clone() for name, value in net.shell.state_dict().items()}
    last = [name for name in state if name.startswith("decoder.") and name.endswith("original0")][-1]
    prefix = last.removesuffix("parametrizations.weight.original0")
    for name in (last, prefix + "bias"):
        state[name] = state[name] * torch.exp(net.gain)
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or any(not name.startswith("quantizer.") for name in missing):
        raise RuntimeError(f"transformers' EncodecModel has changed: {missing} {unexpected}")
    for k, layer in enumerate(model.quantizer.layers[: len(net.quantizer.codebooks)]):
        layer.codebook.embed.copy_(net.quantizer.codebooks[k])
        layer.codebook.embed_avg.copy_(net.quantizer.codebooks[k])
        layer.codebook.cluster_size.fill_(1.0)
        layer.codebook.inited.fill_(True)
    return model
