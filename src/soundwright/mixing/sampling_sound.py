"""Training examples made of sound: for tools that are no factor per frequency, and for an audio encoder.

Slower than `sampling`, which see: every stem is distorted, transformed and heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from soundwright.mixing.dataset import Dataset, make_example
from soundwright.mixing.distortion import Drawn, Ranges, distort, draw
from soundwright.mixing.executor import add_up
from soundwright.mixing.labels import to_arrays
from soundwright.mixing.look import Given, look
from soundwright.mixing.sampling import CONDITIONS, Batch, Condition

if TYPE_CHECKING:
    from soundwright.mixing.model.audio_encoder import AudioEncoder


def sample_sound(
    dataset: Dataset,
    keys: Sequence[str],
    mates: Sequence[str],
    *,
    seed: int,
    epoch: int,
    ranges: Ranges | None = None,
    condition: Condition | None = None,
    encoder: AudioEncoder | None = None,
) -> Batch:
    """Draws examples.

    Args:
        dataset: prepared.
        keys: of segments with equally many stems.
        mates: for each, the key of another segment of its song.
        seed: of the training.
        epoch: counted from 0.
        ranges: of the distortions.
        condition: one for all, or drawn.
        encoder: hears the stems, if there is one.
    """
    rate = dataset.sample_rate
    rows = []
    for key, mate in zip(keys, mates, strict=True):
        example = make_example(dataset, key, seed=seed, epoch=epoch, ranges=ranges)
        rng = np.random.default_rng([seed, epoch, *key.encode("utf-8", "surrogateescape")])
        kind = condition or tuple(CONDITIONS)[int(rng.choice(len(CONDITIONS), p=list(CONDITIONS.values())))]
        target = example.target
        if kind.startswith("other"):
            wanted = draw(seed, epoch, key, dataset.active_stems(key), ranges).wanted
            there = {stem: sound for stem, sound in dataset.load(mate).items() if stem in target}
            target = distort(Drawn({}, {}, wanted), there, rate)[1]
        reference: Given | None = None
        if kind.endswith("mix"):
            reference = add_up(target.values())
        elif kind.endswith("stems"):
            reference = target
        seen = look(example.heard, rate, reference)
        heard = None if encoder is None else encoder(list(example.heard.values()), rate).float().cpu().numpy()
        rows.append((example, kind, seen, heard, to_arrays(example.labels, list(example.heard))))
    audio: Any = [row[3] for row in rows]
    return Batch(
        list(keys),
        [tuple(row[0].heard) for row in rows],
        [row[0].labels for row in rows],
        [row[1] for row in rows],
        np.stack([row[2].features.stems for row in rows]),
        np.stack([row[2].features.mix for row in rows]),
        np.stack([row[4][0] for row in rows]),
        np.stack([row[4][1] for row in rows]),
        None if encoder is None else np.stack(audio),
    )
