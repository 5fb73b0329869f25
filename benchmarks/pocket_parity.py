"""Are `pocket`'s tokens in NumPy those of the network in PyTorch that was trained? Counted on rendered sound.

    python benchmarks/pocket_parity.py [--work DIR]

Renders 16 minutes (FluidSynth with FluidR3 GM, espeak-ng, computed tones and noises): mixes, solo lines, single notes,
speech, tones. PyTorch's side is a whole pass in float64 on one thread. Ours: as the codec encodes a file; as a stream
cut at random; with 1, 2 and 4 BLAS threads. Decoded sound is compared against PyTorch's in float32. Exit code 1 if a
token differs or a sample by more than 2e-6 of full scale.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from paired import about

from soundwright.audio.files import read_audio
from soundwright.codec import pocket
from soundwright.codec.contract import Codec
from soundwright.codec.pocket import weights
from soundwright.codec.pocket.config import HOP, SAMPLE_RATE
from soundwright.codec.pocket.training.export import read_network
from soundwright.codec.pocket.training.network import Pocket, cut_windows, overlap_add
from soundwright.core.threads import limit_threads
from soundwright.recipes.pocket_corpus import render_corpus

MINUTES = {"mix": 5, "solo": 3, "note": 3, "speech": 3, "tone": 2}
LOUDEST_DIFFERENCE = 2e-6


def main() -> None:
    """Counts, prints a table, and exits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "soundwright-pocket-parity")
    corpus = parser.parse_args().work
    about("numpy", "torch")
    render_corpus(corpus, seed=4242, minutes=MINUTES)
    codec, network = pocket.load(), read_network(weights.path_of(weights.LATEST))
    rows: dict[str, list[float]] = {}
    for path in sorted(corpus.glob("*.wav")):
        samples = read_audio(path, sample_rate=SAMPLE_RATE, mono=True)
        expected = torch_tokens(network, samples)
        ours = [cut_stream(codec, samples)]
        for count in (1, 2, 4):
            with limit_threads(count):
                ours.append(codec.encode(samples, 8))
        sound = codec.decode(expected)
        difference = float(np.abs(sound - torch_sound(network, expected)).max())
        row = rows.setdefault(path.name.partition("-")[0], [0, 0, 0.0, 0.0])
        row[0] += expected.size
        row[1] += max(int((codes != expected).sum()) for codes in ours)
        row[2], row[3] = max(row[2], difference), max(row[3], float(np.abs(sound).max()))
    print(f"\n{'kind':<8}{'tokens':>10}{'differ':>8}{'largest difference of sound':>30}{'at a peak of':>14}")
    for kind, (tokens, differ, difference, peak) in rows.items():
        print(f"{kind:<8}{tokens:>10.0f}{differ:>8.0f}{difference:>30.2e}{peak:>14.2f}")
    differ, difference = sum(row[1] for row in rows.values()), max(row[2] for row in rows.values())
    print(f"{'all':<8}{sum(row[0] for row in rows.values()):>10.0f}{differ:>8.0f}{difference:>30.2e}")
    sys.exit(1 if differ or difference > LOUDEST_DIFFERENCE else 0)


def torch_tokens(network: Pocket, samples: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Tokens `[8, T]` by a whole pass in float64."""
    padded = np.pad(samples.astype(np.float64), (0, -len(samples) % HOP))
    with torch.inference_mode(), limit_threads(1):
        latents, _ = network.double().encoder(cut_windows(torch.from_numpy(padded)[None]))
        codes = network.quantizer.encode(latents[0])
    return codes.numpy().T.astype(np.uint16)


def torch_sound(network: Pocket, codes: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Sound `[T * 320]` by a whole pass in float32."""
    with torch.inference_mode(), limit_threads(1):
        network = network.float()
        latents = network.quantizer.decode(torch.from_numpy(codes.T.astype(np.int64)))[None]
        following = torch.nn.functional.pad(latents, (0, 0, 0, 1))[:, 1:]
        spectra, _ = network.decoder(torch.cat([latents, following], dim=-1))
        return np.asarray(overlap_add(spectra, network.encoder.window)[0])


def cut_stream(codec: Codec, samples: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Tokens of a stream in pieces of 0 to 20,000 samples."""
    rng, encoder, parts, start = np.random.default_rng(len(samples)), codec.encoder(8), [], 0
    while start < len(samples):
        size = int(rng.choice([0, 1, 319, 320, 321, rng.integers(1, 20_000)]))
        parts.append(encoder.push(samples[start : start + size]))
        start += size
    return np.concatenate([*parts, encoder.finish()], axis=1)


if __name__ == "__main__":
    main()
