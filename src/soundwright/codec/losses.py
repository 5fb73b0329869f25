"""What a decoded waveform is compared by while a codec is trained.

A log-mel loss alone leaves pitch open: it accepts a comb at multiples of the frame rate under the right envelope. So
phase-aware terms stand beside it, and log magnitudes on a linear frequency axis see the valleys between harmonics.

Sources: multi-scale spectral losses: Yamamoto et al., Parallel WaveGAN (2020); compressed complex spectra: Ephrat et
al., Looking to Listen (2018).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_MEL_BANDS = {256: 32, 512: 48, 1024: 80, 2048: 112, 4096: 144}
_LEVEL = 0.1  # RMS at which signals are compared


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms; the defaults are those of `pocket`.

    Attributes:
        mel: mean absolute difference of log-mel magnitudes (natural logarithm).
        complex_: absolute difference of compressed complex spectra, relative to the reference's.
        valleys: mean absolute difference of log magnitudes on a linear frequency axis (natural logarithm).
        rest: how much more of the power than in the reference lies off its peaks where it is a held tone (natural log).
        wave: half mean absolute, half root-mean-square difference of samples, relative to the reference's RMS.
        commitment: of the quantiser.
    """

    mel: float = 1.5
    complex_: float = 2.5
    valleys: float = 0.6
    rest: float = 0.0
    wave: float = 2.5
    commitment: float = 0.25


def reconstruction_loss(
    decoded: Tensor,
    reference: Tensor,
    weights: LossWeights,
    sample_rate: int,
    scales: tuple[int, ...] = (256, 512, 1024, 2048, 4096),
) -> tuple[Tensor, dict[str, float]]:
    """The weighted sum of all waveform terms.

    Args:
        decoded: `[B, N]`.
        reference: `[B, N]`.
        weights: of the terms.
        sample_rate: Hz.
        scales: lengths of the spectra compared this time; a caller may give a few of them at each step, since the
            spectra are half the cost of a training step.

    Returns:
        The loss and each unweighted term by name.
    """
    gain = _LEVEL / reference.square().mean(dim=-1, keepdim=True).sqrt().clamp_min(1e-3)
    decoded, reference = decoded * gain, reference * gain
    zero = decoded.new_zeros(())
    mel, complex_, valleys, rest, num_complex, num_valleys = zero, zero, zero, zero, 0, 0
    for size in scales:
        a, b = _spectrum(decoded, size), _spectrum(reference, size)  # [B, frames, bins]
        a_power = a.real.square() + a.imag.square()
        b_power = b.real.square() + b.imag.square()
        floor = 0.02 * (size / 2048) ** 0.5  # about 70 dB below a full sine at this level
        matrix = mel_matrix(size // 2 + 1, _MEL_BANDS[size], sample_rate)
        # mean log ratio of powers, halved to magnitudes
        mel = mel + 0.5 * (torch.log(a_power @ matrix + floor**2) - torch.log(b_power @ matrix + floor**2)).abs().mean()
        if size >= 512:
            complex_ = complex_ + _compressed_difference(a, a_power, b, b_power, floor * 10)
            num_complex += 1
        if size >= 1024:
            valleys = valleys + 0.5 * (torch.log(a_power + floor**2) - torch.log(b_power + floor**2)).abs().mean()
            num_valleys += 1
        if size == 4096 and weights.rest > 0:
            rest = _off_peaks(a_power, b_power)
    mel, complex_, valleys = mel / len(scales), complex_ / max(1, num_complex), valleys / max(1, num_valleys)
    rms = reference.square().mean(dim=-1).sqrt().clamp_min(1e-3)
    error = decoded - reference
    # the mean absolute error is kind to quiet passages, the root mean square is what SI-SDR measures
    amount = 0.5 * error.abs().mean(dim=-1) + 0.5 * error.square().mean(dim=-1).add(1e-8).sqrt()
    wave = (amount / rms).clamp(max=10).mean()
    loss = weights.mel * mel + weights.complex_ * complex_ + weights.valleys * valleys + weights.wave * wave
    loss = loss + weights.rest * rest
    numbers = {"mel": mel, "complex": complex_, "valleys": valleys, "wave": wave, "rest": rest}
    return loss, {name: float(value.detach()) for name, value in numbers.items()}


def _spectrum(x: Tensor, size: int) -> Tensor:
    """Hann spectra at half overlap, complex `[B, frames, bins]`, without a complex STFT's padding."""
    window = _hann(size)
    spectrum: Tensor = torch.fft.rfft(x.unfold(-1, size, size // 2) * window)
    return spectrum


def _compressed_difference(a: Tensor, a_power: Tensor, b: Tensor, b_power: Tensor, floor: float) -> Tensor:
    """Mean |c(a) - c(b)| over mean |c(b)|, where c takes the fourth root of the power and keeps the phase."""
    a_scale = (a_power + floor**2).pow(-0.25)
    b_scale = (b_power + floor**2).pow(-0.25)
    real = a.real * a_scale - b.real * b_scale
    imag = a.imag * a_scale - b.imag * b_scale
    difference = torch.sqrt(real.square() + imag.square() + 1e-6)
    size = b_power.sqrt() * b_scale
    # per item, so that a quiet bright item counts like a loud dark one
    return (difference.mean(dim=(1, 2)) / size.mean(dim=(1, 2)).clamp_min(0.2)).clamp(max=10).mean()


def _off_peaks(a_power: Tensor, b_power: Tensor) -> Tensor:
    """Log ratio of the shares of power that lie off the reference's peaks, where `a` has more; held tones only.

    Off a peak is what is 25 dB below the reference's strongest bin within 12 bins, and so are both its neighbours: a
    Hann window's skirt, 30 dB below the peak, would hide the roughness. In noise almost no bin is off a peak, in a held
    note nearly all are: frames count by that share of the bins that are heard.
    """
    num_items, num_frames, num_bins = b_power.shape
    peak = functional.max_pool1d(b_power.reshape(1, -1, num_bins), 25, 1, 12).view_as(b_power)
    on = (b_power >= 0.003 * peak).to(b_power.dtype)
    heard = (peak > 1e-4 * peak.amax(dim=-1, keepdim=True)).to(b_power.dtype)
    share = ((1 - on) * heard).sum(dim=-1) / heard.sum(dim=-1).clamp_min(1)  # silence has no bin that is heard
    tonal = ((share - 0.5) / 0.25).clamp(0, 1)  # [B, frames]
    off = 1 - functional.max_pool1d(on.reshape(1, -1, num_bins), 3, 1, 1).view_as(on)
    # each relative to its own peaks, or silence would be the cheapest way to have nothing off them
    a_off, b_off = (a_power * off).sum(dim=-1), (b_power * off).sum(dim=-1)
    a_on, b_on = (a_power * (1 - off)).sum(dim=-1), (b_power * (1 - off)).sum(dim=-1)
    ratio = torch.log((a_off / (a_on + 1e-6) + 1e-5) / (b_off / (b_on + 1e-6) + 1e-5))
    return (tonal * ratio.clamp_min(0)).mean()


@functools.cache
def _hann(size: int) -> Tensor:
    return torch.hann_window(size)


@functools.cache
def mel_matrix(num_bins: int, num_bands: int, sample_rate: int) -> Tensor:
    """HTK mel triangles `[num_bins, num_bands]`, at least one bin wide each, each of unit sum."""
    hz = torch.linspace(0, sample_rate / 2, num_bins)
    top = 2595 * torch.log10(torch.tensor(1 + sample_rate / 2 / 700))
    centres = 700 * (10 ** (torch.linspace(0, 1, num_bands + 2) * top / 2595) - 1)
    step = sample_rate / 2 / (num_bins - 1)
    low = torch.minimum(centres[:-2], centres[1:-1] - step)
    high = torch.maximum(centres[2:], centres[1:-1] + step)
    middle = centres[1:-1]
    weights = torch.minimum((hz[:, None] - low) / (middle - low), (high - hz[:, None]) / (high - middle)).clamp_min(0)
    return functional.normalize(weights, p=1, dim=0)
