"""What every `pocket` network has in common, and the shape of one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from soundwright.core.errors import BadInput

SAMPLE_RATE = 24_000
HOP = 320
WINDOW = 1280
NUM_BINS = WINDOW // 2 + 1
#: Frames that the encoder's window and the decoder's windows reach beyond their own frame.
ENCODER_LOOKAHEAD = 2
DECODER_LOOKAHEAD = 2

#: No network of this kind needs more; a damaged file must not ask for all memory.
_MOST = {
    "dim": 4096,
    "hidden": 16_384,
    "latent": 1024,
    "num_codebooks": 64,
    "codebook_size": 65_536,
    "phase_bins": NUM_BINS,
    "bands": NUM_BINS,
    "kernel": 64,
    "gate_bands": NUM_BINS,
}
_MOST_BLOCKS, _LONGEST_DILATION = 64, 256


@dataclass(frozen=True)
class PocketConfig:
    """The shape of a `pocket` network; the defaults are those of `codec train`.

    Attributes:
        dim: D, features between blocks.
        hidden: features inside a block.
        latent: features that are quantised.
        num_codebooks, codebook_size: of the quantiser.
        phase_bins: bins (of 18.75 Hz) that enter the encoder with their phase.
        bands: magnitude bands that enter the encoder.
        encoder_dilations, decoder_dilations: one block each; the dilation of its convolution over frames.
        kernel: frames in a block's convolution.
        gate_bands: bands in which the steadying is controlled.
        gate_power: the gate is raised to it; below 1 it opens wider than it was trained to.
        steady_passes: 1, or 2 for a second steadying after the first, with a gate of its own.
    """

    dim: int = 224
    hidden: int = 240
    latent: int = 64
    num_codebooks: int = 8
    codebook_size: int = 1024
    phase_bins: int = 320
    bands: int = 80
    encoder_dilations: tuple[int, ...] = (1, 2)
    decoder_dilations: tuple[int, ...] = (1, 2, 4)
    kernel: int = 7
    gate_bands: int = 64
    gate_power: float = 1.0
    steady_passes: int = 1

    def to_dict(self) -> dict[str, Any]:
        """As written in config.json and in the weights' metadata."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PocketConfig:
        """The reverse of `to_dict`.

        Raises:
            TypeError: a name is unknown.
            BadInput: a number is out of range, or no number.
        """
        arguments: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        config = cls(**arguments)
        config.check()
        return config

    def check(self) -> None:
        """Refuses shapes that no network has.

        Raises:
            BadInput: a number is out of range, or no number.
        """
        for name, most in _MOST.items():
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise BadInput(f"expected {name} from 1 to {most}, found {value!r}")
        for name in ("encoder_dilations", "decoder_dilations"):
            dilations = getattr(self, name)
            if type(dilations) is not tuple or len(dilations) > _MOST_BLOCKS:
                raise BadInput(f"expected at most {_MOST_BLOCKS} numbers as {name}, found {str(dilations)[:40]}")
            for value in dilations:
                if type(value) is not int or not 1 <= value <= _LONGEST_DILATION:
                    raise BadInput(f"expected dilations from 1 to {_LONGEST_DILATION}, found {value!r}")
        if self.steady_passes not in (1, 2):
            raise BadInput(f"expected 1 or 2 as steady_passes, found {self.steady_passes!r}")
        if type(self.gate_power) not in (int, float) or not 0 < self.gate_power <= 16:
            raise BadInput(f"expected gate_power from 0 to 16, found {self.gate_power!r}")
