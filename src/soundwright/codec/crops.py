"""Training audio for codecs: all recordings in one memory-mapped array, and random crops out of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundwright.audio.files import sixteen_bit
from soundwright.core.errors import BadInput, UsageError
from soundwright.runs import atomic
from soundwright.runs.events import Note, emit


@dataclass
class Crops:
    """Recordings end to end, 16 bit, and where each one begins.

    Attributes:
        samples: int16 `[total]`, usually memory-mapped.
        starts: first sample of each recording, and the total at the end, `[files + 1]`.
    """

    samples: NDArray[np.int16]
    starts: NDArray[np.int64]

    def draw(self, rng: np.random.Generator, num_samples: int) -> NDArray[np.float32]:
        """A random crop `[num_samples]` of a recording, at a random level and polarity.

        Every sample is equally likely to be drawn; a recording that is shorter than the crop is zero-padded.
        Levels lie around -20 dBFS, where music is mastered for codecs without loudness normalisation.
        """
        file = int(np.searchsorted(self.starts, rng.integers(self.starts[-1]), side="right")) - 1
        start, stop = int(self.starts[file]), int(self.starts[file + 1])
        begin = start + int(rng.integers(max(1, stop - start - num_samples + 1)))
        crop = self.samples[begin : min(stop, begin + num_samples)].astype(np.float32) / np.float32(32768)
        crop = np.pad(crop, (0, num_samples - len(crop)))
        gain_db = rng.normal(0, 4)
        peak = float(np.abs(crop).max())
        gain = min(10 ** (gain_db / 20), 0.99 / max(peak, 1e-6)) * rng.choice([-1.0, 1.0])
        return crop * np.float32(gain)


def pack_recordings(
    paths: list[Path], cache: Path, read: Callable[[Path], NDArray[np.float32]], settings: str
) -> Crops:
    """Reads recordings once into `cache`, or finds them there if files and settings are the same.

    Args:
        paths: the recordings.
        cache: folder for `<digest>.i16` and its index.
        read: gives a recording as mono float32 `[N]`.
        settings: whatever else the samples depend on (sample rate).

    Raises:
        UsageError: there is no audio in them.
    """
    stats = [f"{p}|{p.stat().st_size}|{p.stat().st_mtime_ns}" for p in paths]
    digest = hashlib.sha256("\n".join([settings, *stats]).encode()).hexdigest()[:16]
    data, index = cache / f"{digest}.i16", cache / f"{digest}.json"
    if not index.exists():
        lengths, kept = [], []
        with atomic.atomic_path(data) as temporary, temporary.open("wb") as file:
            for path in paths:
                try:
                    samples = sixteen_bit(read(path))
                except BadInput as error:
                    emit(Note(f"left out: {error}"))
                    continue
                kept.append(str(path))
                lengths.append(len(samples))
                file.write(samples.tobytes())
        # The index comes second: where it stands, the samples are whole.
        atomic.write_json(index, {"files": kept, "lengths": lengths})
    lengths = json.loads(index.read_text())["lengths"]
    if sum(lengths) == 0:
        raise UsageError("none of the recordings can be used", path=paths[0].parent if paths else None)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Crops(np.memmap(data, "<i2", "r"), starts)
