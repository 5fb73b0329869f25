"""Training examples per second: distortion by arithmetic, against sound and CLAP's own feature extractor.

    python benchmarks/mixing_training.py

An example is four stems of 4 s, distorted anew. On one thread:
- `statistics`: what `mix train` does; the features of the distorted stems are computed from sums measured once.
- `sound`: the stems are filtered, transformed, measured (for tools that are no factor per frequency).
- `CLAP features, one by one`: filtered, then ClapFeatureExtractor for each stem, as the origin does.
- `log-mel, batched`: filtered, then ours for all stems at once, in the same numbers.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import time
from collections.abc import Callable

import numpy as np
import torch

from soundwright.mixing.bank import measure_passages
from soundwright.mixing.distortion import Ranges, distort, draw
from soundwright.mixing.look import look
from soundwright.mixing.model.audio_encoder import log_mel, mel_filters, prepare
from soundwright.mixing.sampling import sample
from soundwright.mixing.song_maker import make_song

RATE = 48_000  # CLAP's, so that nothing has to be resampled
ALWAYS = Ranges(untouched=0.0)


def main() -> None:
    from transformers import ClapFeatureExtractor

    torch.set_num_threads(1)
    song = make_song(1, 16.0, RATE)
    stems = {name: sound[:, : 4 * RATE] for name, sound in song.items()}
    passages = measure_passages("a/song", song, RATE, [4.0])
    extractor = ClapFeatureExtractor(frequency_min=50, truncation="rand_trunc", padding="repeatpad")
    window, filters = torch.hann_window(1024), torch.from_numpy(mel_filters()).float()

    def distorted(epoch: int) -> dict[str, np.ndarray]:
        return distort(draw(0, epoch, "a", stems, ALWAYS), stems, RATE)[0]

    def one_by_one(epoch: int) -> None:
        for sound in distorted(epoch).values():
            extractor(sound.mean(axis=0), sampling_rate=RATE, return_tensors="np")

    ways: dict[str, tuple[int, Callable[[int], object]]] = {
        "statistics": (
            64,
            lambda epoch: sample(passages, [i % len(passages) for i in range(64)], seed=0, epoch=epoch, ranges=ALWAYS),
        ),
        "sound": (1, lambda epoch: look(distorted(epoch), RATE)),
        "CLAP features, one by one": (1, one_by_one),
        "log-mel, batched": (1, lambda epoch: log_mel(prepare(list(distorted(epoch).values()), RATE), window, filters)),
    }
    rates = {}
    for name, (count, make) in ways.items():
        make(0)
        times = []
        for epoch in range(1, 6):
            start = time.process_time()
            make(epoch)
            times.append(time.process_time() - start)
        rates[name] = count / float(np.median(times))
        print(f"{name:28s} {rates[name]:8.1f} examples per CPU second")
    print(f"statistics / CLAP one by one: {rates['statistics'] / rates['CLAP features, one by one']:.0f} (asked: 5)")


if __name__ == "__main__":
    main()
