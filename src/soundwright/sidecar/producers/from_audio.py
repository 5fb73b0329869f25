"""Parameters measured on the sound: level, pitch, brightness, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import UsageError
from soundwright.core.units import db_from_amplitude
from soundwright.formats.features import Feature
from soundwright.sidecar.producers import contract

#: Frames less periodic than this have no pitch worth the name.
APERIODIC = 0.2
#: Frames transformed at once: few enough that their memory stays with the process.
_FRAMES_AT_ONCE = 32

_LEVEL = Feature(units="dB", doc="RMS of the frame; amplitude 1 throughout is 0 dB")
FEATURES = {
    "level_db": _LEVEL,
    "rms_db": _LEVEL,
    "f0_hz": Feature(units="Hz", doc="fundamental frequency (YIN); 0 where unvoiced"),
    "voiced": Feature(type="class", classes=("unvoiced", "voiced"), doc="whether the frame has a pitch"),
    "centroid_hz": Feature(units="Hz", doc="centre of gravity of the power spectrum; 0 in silence"),
}
_DEFAULT = ("level_db", "f0_hz", "voiced", "centroid_hz")


class FromAudioOptions(contract.Options):
    """Options of `from_audio`."""

    from_audio: bool = False
    """Accepted as documented; choosing the producer is enough."""
    audio_feats: Sequence[str] = _DEFAULT
    """What to measure, e.g. level_db,centroid_hz."""
    audio_fmin: float = 60.0
    """Lowest fundamental frequency in Hz."""
    audio_fmax: float = 1600.0
    """Highest fundamental frequency in Hz."""


class FromAudio(contract.Producer):
    """Level in dB, fundamental frequency with voicing, spectral centroid, measured on the sound."""

    Options = FromAudioOptions
    slow = True
    options: FromAudioOptions

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self._wanted = list(dict.fromkeys(n for text in options.audio_feats for n in text.split(",") if n))
        unknown = [name for name in self._wanted if name not in FEATURES]
        if unknown or not self._wanted:
            raise UsageError(f"--audio-feats {','.join(unknown)}", remedy=f"choose from {', '.join(FEATURES)}")

    def produce(self, clip: contract.Clip) -> Mapping[str, contract.Value]:
        """Values `[T]`; frame t is measured on (for pitch: around) the samples t * hop to (t + 1) * hop."""
        from soundwright.audio.pitch import fundamental_frequency

        samples, hop, rate = clip.audio, clip.hop, clip.sample_rate
        values: dict[str, NDArray[np.floating]] = {}
        level = block_level_db(samples, hop)
        values["level_db"] = values["rms_db"] = level
        if {"f0_hz", "voiced"} & set(self._wanted):
            fmax = min(self.options.audio_fmax, rate / 2)
            f0, aperiodicity = fundamental_frequency(samples, rate, hop=hop, fmin=self.options.audio_fmin, fmax=fmax)
            voiced = (aperiodicity < APERIODIC) & (f0 > 0)
            # Between two lags a period may come out half a sample shorter than that of the highest frequency.
            f0 = np.minimum(f0, self.options.audio_fmax)
            values["f0_hz"], values["voiced"] = np.where(voiced, f0, 0.0), voiced.astype(np.float64)
        if "centroid_hz" in self._wanted:
            values["centroid_hz"] = spectral_centroid(samples, hop, rate)
        return {name: values[name] for name in self._wanted}

    def features(self, clip: contract.Clip) -> Mapping[str, Feature]:
        """As chosen; nothing is measured for it."""
        # No range for the levels: a recording in floating point, or decoded sound, may exceed full scale.
        known = FEATURES | {"f0_hz": FEATURES["f0_hz"].model_copy(update={"range": (0.0, self.options.audio_fmax)})}
        return {name: known[name] for name in self._wanted}


def block_level_db(samples: NDArray[np.float32], hop: int) -> NDArray[np.float64]:
    """RMS level in dB of each block of `hop` samples: `[T * hop]` to `[T]`; amplitude 1 throughout is 0 dB."""
    blocks = samples.reshape(-1, hop).astype(np.float64)
    return db_from_amplitude(np.sqrt(np.mean(blocks**2, axis=1)))


def spectral_centroid(samples: NDArray[np.float32], hop: int, sample_rate: int) -> NDArray[np.float64]:
    """Centre of gravity in Hz of the power spectrum around each block: `[T * hop]` to `[T]`; 0 in silence.

    A Hann window of four blocks, centred on the block.
    """
    size = 4 * hop
    left = (size - hop) // 2
    padded = np.pad(samples.astype(np.float64), (left, size - hop - left))
    window = np.hanning(size + 1)[:-1]
    frequencies = np.fft.rfftfreq(size, 1 / sample_rate)
    centroid = np.zeros(len(samples) // hop)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop] if len(centroid) else np.zeros((0, size))
    for first in range(0, len(frames), _FRAMES_AT_ONCE):
        part = slice(first, first + _FRAMES_AT_ONCE)
        power = np.abs(np.fft.rfft(frames[part] * window)) ** 2
        total = power.sum(axis=1)
        heard = total > 1e-12 * size
        centroid[part] = np.where(heard, power @ frequencies / np.maximum(total, 1e-30), 0.0)
    return centroid
