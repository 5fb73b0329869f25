"""The encoder in NumPy: windows of samples to latents, in float64.

In float64 two codes that are nearly as near are told apart at 1e-13 instead of 1e-6. So tokens do not depend on how a
stream was cut into pieces, on the number of threads or on the processor, as far as that can be had.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from soundwright.codec.pocket.config import HOP, WINDOW, PocketConfig
from soundwright.codec.pocket.layers import Array, CausalBlocks, Linear, RMSNorm, Tensors
from soundwright.codec.pocket.spectrum import hann_window, mel_triangles

Float64 = NDArray[np.float64]


class Encoder:
    """Windows of samples to latents.

    Args:
        config: shape of the network.
        tensors: those named `encoder.*`; any dtype.
    """

    def __init__(self, config: PocketConfig, tensors: Tensors) -> None:
        own = {name: tensor.astype(np.float64) for name, tensor in tensors.items() if name.startswith("encoder.")}
        self._phase_bins = config.phase_bins
        self._window = hann_window().astype(np.float64)  # [1280]
        self._bands = mel_triangles(config.bands).astype(np.float64)  # [F, bands]
        own["encoder.enter.weight"] = own["encoder.enter.weight"][:, _planar(config)]
        self._enter = Linear(own, "encoder.enter")
        self._blocks = CausalBlocks(own, "encoder.blocks", config.encoder_dilations)
        self._norm = RMSNorm(own, "encoder.norm")
        self._leave = Linear(own, "encoder.leave")

    def __call__(self, samples: Float64, pasts: list[Array] | None) -> tuple[Float64, list[Array]]:
        """Samples `[1280 + 320 (T - 1)]` and the blocks' pasts to latents `[T, latent]` and the new pasts."""
        x = self._enter(self.features(samples))  # [T, D]
        x, pasts = self._blocks(x, pasts)
        return self._leave(self._norm(x)), pasts

    def features(self, samples: Float64) -> Float64:
        """Samples to squeezed spectra with their phase and band levels, `[T, 2 * phase_bins + bands]`.

        First all real parts, then all imaginary parts, then the levels.
        """
        windows = sliding_window_view(samples, WINDOW)[::HOP] * self._window  # [T, 1280]
        spectrum = np.fft.rfft(windows)  # [T, F]
        real, imag = spectrum.real, spectrum.imag
        power = real * real
        power += imag * imag  # [T, F]
        num_phase, num_bands = self._phase_bins, self._bands.shape[1]
        features = np.empty((len(windows), 2 * num_phase + num_bands))
        # What has a phase: each bin z becomes z asinh(3 |z|) / |z|, with asinh(x) as log(x + sqrt(x^2 + 1)), which
        # NumPy vectorises on more processors. Near 0 it is off by 1e-16 of 1, not of itself, which z / |z| keeps.
        magnitude = np.sqrt(power[:, :num_phase])
        magnitude += 1e-6
        triple = 3 * magnitude
        root = np.square(triple)
        root += 1
        np.sqrt(root, out=root)
        root += triple
        scale = np.log(root, out=root)
        scale /= magnitude
        scale *= 0.5  # each feature about -2 to 2
        np.multiply(real[:, :num_phase], scale, out=features[:, :num_phase])
        np.multiply(imag[:, :num_phase], scale, out=features[:, num_phase : 2 * num_phase])
        levels = power @ self._bands  # [T, bands]
        levels += 1e-4
        np.log10(levels, out=levels)
        levels += 1.5
        np.multiply(levels, 0.7, out=features[:, 2 * num_phase :])
        return features


def _planar(config: PocketConfig) -> NDArray[np.int64]:
    """Where the weights for real parts, imaginary parts and levels stand: in training the parts of a bin are a pair."""
    pairs, end = 2 * config.phase_bins, 2 * config.phase_bins + config.bands
    return np.concatenate([np.arange(0, pairs, 2), np.arange(1, pairs, 2), np.arange(pairs, end)])
