"""The network of the `pocket` codec as it is trained: all at 75 frames per second, a Fourier transform at each end.

    audio -> windowed spectra -> linear -> causal blocks -> latent -> 8 codes
    8 codes -> latent (with one frame of look-ahead) -> linear -> causal blocks -> spectra -> steadied -> audio

Letters: B batch, N samples, T frames, F = 641 frequency bins, D features. Frame t owns the samples [320 t, 320 (t+1));
its window of 1280 samples covers frames t-1 to t+2. So an encoder frame looks 2 frames ahead; a decoded sample hears
windows of up to one frame later, and the latent layer looks one further: 2 frames ahead, 4 in all.

Sources: magnitude and unit phasor predicted for an inverse Fourier transform: Siuzdak, Vocos (2023). Blocks: Liu et
al., ConvNeXt (2022), gated as in Dauphin et al. (2017). The steadying is ours, see `steady.py`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from soundwright.codec.pocket.config import ENCODER_LOOKAHEAD, HOP, NUM_BINS, WINDOW, PocketConfig
from soundwright.codec.pocket.spectrum import gate_interpolation, hann_window, mel_triangles
from soundwright.codec.pocket.training.steady import SteadyState, steady
from soundwright.codec.quantizer import ResidualQuantizer


class Block(nn.Module):
    """A causal depthwise convolution over frames, then a gated layer over features; added to its input."""

    def __init__(self, dim: int, hidden: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.history = (kernel - 1) * dilation  # frames of the past that it needs
        self.dilation = dilation
        self.mix = nn.Parameter(torch.randn(kernel, dim) / math.sqrt(kernel))  # [taps, D], last tap is now
        self.norm = nn.RMSNorm(dim, eps=1e-5)
        self.widen = nn.Linear(dim, 2 * hidden)
        self.narrow = nn.Linear(hidden, dim)
        nn.init.normal_(self.narrow.weight, std=0.3 / math.sqrt(hidden))

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, T, D]` and the past inputs `[B, history, D]` to `[B, T, D]` and the new past."""
        joined = torch.cat([past, x], dim=1)  # [B, history + T, D]
        num_frames = x.shape[1]
        y = joined[:, :num_frames] * self.mix[0]
        for tap in range(1, len(self.mix)):
            start = tap * self.dilation
            y = torch.addcmul(y, joined[:, start : start + num_frames], self.mix[tap])
        value, gate = self.widen(self.norm(y)).chunk(2, dim=-1)  # [B, T, hidden] each
        return x + self.narrow(value * functional.silu(gate)), joined[:, joined.shape[1] - self.history :]

    def no_past(self, like: Tensor) -> Tensor:
        """The past before a stream begins: zeros `[B, history, D]`."""
        return like.new_zeros(like.shape[0], self.history, self.mix.shape[1])


class Encoder(nn.Module):
    """Windows of samples to latents."""

    window: Tensor
    band_matrix: Tensor

    def __init__(self, config: PocketConfig) -> None:
        super().__init__()
        self.phase_bins = config.phase_bins
        self.register_buffer("window", torch.tensor(hann_window()), persistent=False)
        self.register_buffer("band_matrix", torch.tensor(mel_triangles(config.bands)), persistent=False)  # [F, bands]
        self.enter = nn.Linear(2 * config.phase_bins + config.bands, config.dim)
        self.blocks = nn.ModuleList(
            Block(config.dim, config.hidden, config.kernel, d) for d in config.encoder_dilations
        )
        self.norm = nn.RMSNorm(config.dim, eps=1e-5)
        self.leave = nn.Linear(config.dim, config.latent)

    def features(self, windows: Tensor) -> Tensor:
        """Windows `[B, T, 1280]` to compressed spectra with phase and band levels `[B, T, 2 * phase_bins + bands]`."""
        spectrum = torch.fft.rfft(windows * self.window.to(windows.dtype))  # [B, T, F]
        low = spectrum[..., : self.phase_bins]
        magnitude = low.abs() + 1e-6
        squeezed = torch.view_as_real(low * (torch.asinh(3 * magnitude) / magnitude)).flatten(-2)
        power = spectrum.real.square() + spectrum.imag.square()
        levels = torch.log10(power @ self.band_matrix.to(power.dtype) + 1e-4)
        return torch.cat([0.5 * squeezed, 0.7 * (levels + 1.5)], dim=-1)  # each about -2 to 2

    def forward(self, windows: Tensor, past: list[Tensor] | None = None) -> tuple[Tensor, list[Tensor]]:
        """Windows `[B, T, 1280]` and the blocks' pasts to latents `[B, T, latent]` and the new pasts."""
        x = self.enter(self.features(windows)).to(windows.dtype)  # autocast computes layers in bf16, never sums
        x, past = run_blocks(self.blocks, x, past)
        return self.leave(self.norm(x)).to(windows.dtype), past


class DecoderState(NamedTuple):
    """What a decoder carries from one piece to the next: the blocks' pasts and the last spectra."""

    blocks: list[Tensor]
    steady: list[SteadyState]


class Decoder(nn.Module):
    """Pairs of latents (now and next) to spectra of windows."""

    gate_matrix: Tensor

    def __init__(self, config: PocketConfig) -> None:
        super().__init__()
        self.register_buffer("gate_matrix", torch.tensor(gate_interpolation(config.gate_bands)), persistent=False)
        self.enter = nn.Linear(2 * config.latent, config.dim)
        self.blocks = nn.ModuleList(
            Block(config.dim, config.hidden, config.kernel, d) for d in config.decoder_dilations
        )
        self.norm = nn.RMSNorm(config.dim, eps=1e-5)
        self.leave = nn.Linear(config.dim, 3 * NUM_BINS)
        self.gate = nn.Linear(config.dim, config.gate_bands)
        self.gate_power = config.gate_power
        self.steady_passes = config.steady_passes
        if config.steady_passes == 2:
            # the second gate follows the first, band by band: so few numbers that they hardly count in the file
            self.again_scale = nn.Parameter(torch.ones(config.gate_bands))
            self.again_bias = nn.Parameter(torch.full((config.gate_bands,), -1.5))
        nn.init.constant_(self.gate.bias, -1.5)

    def forward(self, latents: Tensor, state: DecoderState | None = None) -> tuple[Tensor, DecoderState]:
        """Latents of frames t and t+1, `[B, T, 2 * latent]`, to spectra, complex `[B, T, F]`, and the new state."""
        x = self.enter(latents).float()
        x, blocks = run_blocks(self.blocks, x, None if state is None else state.blocks)
        x = self.norm(x).float()
        with torch.autocast("cpu", enabled=False):
            level, real, imag = self.leave(x).chunk(3, dim=-1)  # [B, T, F] each
            opening = self.gate(x)  # [B, T, bands]
            gates = [self._spread(opening)]
            if self.steady_passes == 2:
                gates.append(self._spread(self.again_scale * opening + self.again_bias))
        scale = torch.exp(level.clamp(max=7.0)) * torch.rsqrt(real.square() + imag.square() + 1e-8)
        spectrum = torch.complex(real * scale, imag * scale)
        nothing = torch.zeros_like(spectrum[:, 0])
        after = []
        for i, gate in enumerate(gates):
            before = SteadyState(nothing, nothing, nothing) if state is None else state.steady[i]
            spectrum, kept = steady(spectrum, gate, before)
            after.append(kept)
        return spectrum, DecoderState(blocks, after)

    def _spread(self, opening: Tensor) -> Tensor:
        """What a gate's bands say, `[B, T, bands]`, as the gate of each bin, `[B, T, F]`."""
        # never quite 1: a bin that only hears its own past would stay silent for ever
        return (0.97 * torch.sigmoid(opening) @ self.gate_matrix) ** self.gate_power


class Pocket(nn.Module):
    """Encoder, quantiser and decoder."""

    def __init__(self, config: PocketConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.quantizer = ResidualQuantizer(config.num_codebooks, config.codebook_size, config.latent)
        self.decoder = Decoder(config)

    def forward(self, samples: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
        """A whole pass for training.

        Args:
            samples: `[B, N]`, N a multiple of 320.
            levels: `[B]`, codebooks used for each item; not used before the quantiser is initialised.

        Returns:
            Decoded audio `[B, N]` and the commitment loss.
        """
        latents, _ = self.encoder(cut_windows(samples))
        commitment = latents.new_zeros(())
        if self.quantizer.ready:
            latents, commitment = self.quantizer(latents, levels)
        following = functional.pad(latents, (0, 0, 0, 1))[:, 1:]
        spectra, _ = self.decoder(torch.cat([latents, following], dim=-1))
        return overlap_add(spectra, self.encoder.window), commitment


def run_blocks(blocks: nn.ModuleList, x: Tensor, past: list[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
    """Runs `[B, T, D]` through causal blocks; `past` None means the start of a stream."""
    new = []
    block: Any  # a ModuleList's elements are known as Module only
    for i, block in enumerate(blocks):
        x, kept = block(x, block.no_past(x) if past is None else past[i])
        new.append(kept)
    return x, new


def cut_windows(samples: Tensor) -> Tensor:
    """Whole signals `[B, N]` (N a multiple of 320) to windows `[B, N / 320, 1280]`, zeros beyond both ends."""
    return functional.pad(samples, (HOP, ENCODER_LOOKAHEAD * HOP)).unfold(-1, WINDOW, HOP)


def overlap_add(spectra: Tensor, window: Tensor) -> Tensor:
    """Spectra complex `[B, T, F]` to whole signals `[B, T * 320]`, divided by the sum of squared windows."""
    num_frames = spectra.shape[1]
    pieces = torch.fft.irfft(spectra, WINDOW) * window  # [B, T, 1280]
    length = (num_frames + 3) * HOP
    fold = {"output_size": (1, length), "kernel_size": (1, WINDOW), "stride": (1, HOP)}
    total = functional.fold(pieces.transpose(1, 2), **fold)[:, 0, 0]
    weight = functional.fold(window.square()[None, :, None].expand(1, WINDOW, num_frames), **fold)[:, 0, 0]
    wanted = slice(HOP, HOP + num_frames * HOP)
    return total[:, wanted] / weight[:, wanted]
