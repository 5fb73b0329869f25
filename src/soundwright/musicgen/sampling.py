"""From logits to codes: guidance, temperature, top-k, top-p, and noise that is an item's own.

Every item draws from its own generator, one for each window, so that its music depends neither on the batch that it is
in nor on the windows before it.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from soundwright.core.errors import BadInput, UsageError

#: Below this, but for 0, logits divided by the temperature may overflow.
LEAST_TEMPERATURE = 1e-3
#: Beyond this the guided logits may overflow; music ends long before.
MOST_GUIDANCE = 1000.0
_USUAL_STRIDE = "18 seconds are usual"


@dataclass(frozen=True)
class SamplingSettings:
    """How codes are drawn; the defaults are AudioCraft's.

    Args:
        temperature: divides the logits; 0 takes the likeliest code every time.
        top_k: draw among this many likeliest codes; 0 for all.
        top_p: draw among the likeliest codes that hold this much probability together; where it is above 0, top_k has
            no say.
        cfg_coef: classifier-free guidance: how far to go from "no prompt" to "prompt", and beyond it where above 1.
        extend_stride: seconds between the beginnings of windows.

    Raises:
        UsageError: a value is out of its range.
    """

    temperature: float = 1.0
    top_k: int = 250
    top_p: float = 0.0
    cfg_coef: float = 3.0
    extend_stride: float = 18.0

    def __post_init__(self) -> None:
        heat, coef = self.temperature, self.cfg_coef
        _check(
            "--temperature",
            heat,
            heat == 0 or heat >= LEAST_TEMPERATURE,
            f"0, or at least {LEAST_TEMPERATURE:g}",
            "1 is usual; 0 takes the likeliest code every time",
        )
        _check("--top_k", self.top_k, self.top_k >= 0, "0 or more", "250 is usual; 0 draws among all codes")
        _check("--top_p", self.top_p, 0 <= self.top_p <= 1, "between 0 and 1", "0 leaves the choice to --top_k")
        _check(
            "--cfg_coef",
            coef,
            abs(coef) <= MOST_GUIDANCE,
            f"between {-MOST_GUIDANCE:g} and {MOST_GUIDANCE:g}",
            "3 is usual; 1 is no guidance",
        )
        _check("--extend_stride", self.extend_stride, self.extend_stride > 0, "more than 0 seconds", _USUAL_STRIDE)


def require_sound(settings: SamplingSettings, window_s: float) -> None:
    """Refuses settings that cannot make a track, before anything is written.

    Args:
        settings: values are in their ranges, or this object would not be.
        window_s: longest window of the model in seconds.

    Raises:
        UsageError: windows would remember nothing of the one before; the message has the option.
    """
    stride = settings.extend_stride
    # Whoever has the same fields in a class of his own has not checked them.
    SamplingSettings(settings.temperature, settings.top_k, settings.top_p, settings.cfg_coef, stride)
    _check("--extend_stride", stride, stride < window_s, f"less than the {window_s:g} s of a window", _USUAL_STRIDE)


def require_finite(finite: Tensor, precision: str) -> None:
    """Refuses a decoder whose logits were not all finite: every code drawn from them would be the same.

    Args:
        finite: a truth value `[]`, on any device; asking a GPU waits for it.
        precision: of the decoder.

    Raises:
        BadInput: it is false; the remedy is the exact arithmetic, or other weights.
    """
    if bool(finite):
        return
    damaged = "the weights are damaged: copy or download the checkpoint again (`soundwright music preload`)"
    remedy = damaged if precision == "float32" else f"use --dtype float32; where that says the same, {damaged}"
    raise BadInput(f"the decoder's logits are not finite in {precision}", remedy=remedy)


def _check(option: str, value: float, holds: bool, wanted: str, remedy: str) -> None:
    if not (math.isfinite(value) and holds):
        raise UsageError(f"{option} must be {wanted}, not {value:g}", remedy=remedy)


def generator(seed: int, window: int, device: str) -> torch.Generator:
    """The noise of one window of one item."""
    digest = hashlib.blake2b(f"{seed}/{window}".encode(), digest_size=8).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest, "little") >> 1)


def guide(prompted: Tensor, unprompted: Tensor, cfg_coef: float) -> Tensor:
    """Classifier-free guidance (Ho and Salimans 2022, arXiv:2207.12598): `[..., V]`, `[..., V]` to `[..., V]`."""
    return unprompted + (prompted - unprompted) * cfg_coef


def restrict(logits: Tensor, settings: SamplingSettings) -> Tensor:
    """Temperature, then top-p or top-k: logits `[..., V]`, with -inf where nothing may be drawn."""
    logits = logits / settings.temperature  # [..., V]
    if settings.top_p > 0:
        probabilities, order = logits.softmax(-1).sort(-1, descending=True)  # [..., V]
        beyond = probabilities.cumsum(-1) - probabilities > settings.top_p  # [..., V]: the likeliest is never beyond
        return logits.masked_fill(torch.zeros_like(beyond).scatter(-1, order, beyond), -math.inf)
    if 0 < settings.top_k < logits.shape[-1]:
        least = logits.topk(settings.top_k, dim=-1).values[..., -1:]  # [..., 1]
        return logits.masked_fill(logits < least, -math.inf)
    return logits


def draw(logits: Tensor, settings: SamplingSettings, generators: list[torch.Generator]) -> Tensor:
    """Logits `[B, K, V]` to codes `[B, K]`, item b with the noise of `generators[b]`.

    The largest of probability divided by exponential noise is a draw from the distribution (what torch.multinomial
    does for one sample); it takes all items in one go and never waits for a GPU.
    """
    if settings.temperature == 0:
        return logits.argmax(-1)
    probabilities = restrict(logits, settings).softmax(-1)  # [B, K, V]
    noise = torch.empty_like(probabilities)  # [B, K, V]
    for row, item in zip(noise, generators, strict=True):
        row.exponential_(generator=item)
    return (probabilities / noise.clamp_min_(torch.finfo(noise.dtype).tiny)).argmax(-1)
