"""The decoder in NumPy: latents to spectra, in float32. T frames, F = 641 frequency bins."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from soundwright.codec.pocket.config import NUM_BINS, PocketConfig
from soundwright.codec.pocket.layers import Array, CausalBlocks, Linear, RMSNorm, Tensors
from soundwright.codec.pocket.spectrum import gate_interpolation
from soundwright.codec.pocket.steadying import SteadyState, steady

Float32 = NDArray[np.float32]
Complex64 = NDArray[np.complex64]

#: exp of it is the loudest that a bin can be.
_LOUDEST = np.float32(7)
_TINY = np.float32(1e-30)


class DecoderState(NamedTuple):
    """What a decoder carries from one piece to the next: the blocks' pasts, and the states of the steadying."""

    blocks: list[Array]
    steady: list[SteadyState]


class Decoder:
    """Pairs of latents (now and next) to spectra of windows.

    Args:
        config: shape of the network.
        tensors: those named `decoder.*`; any dtype.
    """

    def __init__(self, config: PocketConfig, tensors: Tensors) -> None:
        own = {name: tensor.astype(np.float32) for name, tensor in tensors.items() if name.startswith("decoder.")}
        self._enter = Linear(own, "decoder.enter")
        self._blocks = CausalBlocks(own, "decoder.blocks", config.decoder_dilations)
        self._norm = RMSNorm(own, "decoder.norm")
        self._leave = Linear(own, "decoder.leave")
        self._gate = Linear(own, "decoder.gate")
        # never quite 1: a bin that only hears its own past would stay silent for ever
        self._spreading = np.float32(0.97) * gate_interpolation(config.gate_bands)  # [bands, F]
        self._gate_power = np.float32(config.gate_power)
        self._passes = config.steady_passes
        if config.steady_passes == 2:
            self._again = own["decoder.again_scale"], own["decoder.again_bias"]  # [bands] each

    def __call__(self, latents: Float32, state: DecoderState | None) -> tuple[Complex64, DecoderState]:
        """Latents of frames t and t + 1 `[T, 2 * latent]` to spectra `[T, F]`, and the new state."""
        x = self._enter(latents)  # [T, D]
        x, blocks = self._blocks(x, None if state is None else state.blocks)
        x = self._norm(x)
        head = self._leave(x)  # [T, 3 F]
        level, real, imag = (head[:, i * NUM_BINS : (i + 1) * NUM_BINS] for i in range(3))
        # exp(level) times the direction of (real, imag)
        scale = np.square(real)
        scale += np.square(imag)
        scale += np.float32(1e-8)
        np.sqrt(scale, out=scale)
        np.divide(np.exp(np.minimum(level, _LOUDEST)), scale, out=scale)
        spectrum = np.empty((len(x), NUM_BINS), np.complex64)
        np.multiply(real, scale, out=spectrum.real)
        np.multiply(imag, scale, out=spectrum.imag)
        opening = self._gate(x)  # [T, bands]
        after = []
        for i in range(self._passes):
            if i == 1:
                scale_again, bias_again = self._again
                opening = scale_again * opening + bias_again
            before = SteadyState.nothing() if state is None else state.steady[i]
            spectrum, kept = steady(spectrum, self._spread(opening), before)
            after.append(kept)
        return spectrum, DecoderState(blocks, after)

    def _spread(self, opening: Float32) -> Float32:
        """What a gate's bands say, `[T, bands]`, as the gate of each bin, `[T, F]`, in 0..1."""
        sigmoid = np.tanh(np.float32(0.5) * opening)
        sigmoid += 1
        sigmoid *= np.float32(0.5)
        gate: Float32 = sigmoid @ self._spreading
        if self._gate_power != 1:  # gate ** power; exp and log are vectorised everywhere, power is not
            np.log(np.maximum(gate, _TINY, out=gate), out=gate)
            gate *= self._gate_power
            np.exp(gate, out=gate)
        return gate
