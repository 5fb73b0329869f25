"""Tokens of a recording that is encoded in pieces equal those of the whole encoding of `transformers`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.musicgen.checkpoints import find
from soundwright.musicgen.engine import Engine
from soundwright.musicgen.loading import load_codec
from soundwright.musicgen.prompt_encoder import CHUNK_FRAMES, PromptEncoder


def recording(num_samples: int, channels: int = 1) -> NDArray[np.float32]:
    """Noise that swells, so that codes vary."""
    random = np.random.default_rng(num_samples)
    swell = 1.1 + np.sin(np.arange(num_samples) / 3000)
    return (random.normal(0, 0.3, (channels, num_samples)) * swell).astype(np.float32)


def codec_of(folder: Path):  # type: ignore[no-untyped-def]  # transformers' classes are untyped
    """With codebooks in the midst of what the encoder makes, and an LSTM that remembers."""
    codec = load_codec(find(str(folder)), "cpu")
    random = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        for name, parameter in codec.encoder.named_parameters():
            if "bias_hh" in name:
                size = len(parameter) // 4
                parameter[size : 2 * size] += 3  # what opens the forget gate
        residual = codec.encoder(torch.from_numpy(recording(1_280_000))[None])[0].T  # [T, D]
        for layer in codec.quantizer.layers:
            entries = residual[torch.randperm(len(residual), generator=random)[:64]]
            layer.codebook.embed.copy_(entries)
            residual = residual - entries[layer.codebook.quantize(residual)]
    return codec


def whole(codec, samples: NDArray[np.float32]) -> NDArray[np.int64]:  # type: ignore[no-untyped-def]
    with torch.inference_mode():
        codes: NDArray[np.int64] = codec.encode(torch.from_numpy(samples)[None, None]).audio_codes[0, 0].numpy()
    return codes


@pytest.mark.parametrize("num_samples", [1, 639, 640, 641, 5 * 640, 9 * 640 + 1, 33_333, 230 * 640, 200_001])
def test_pieces_equal_the_whole(num_samples: int, tiny_musicgen: Path) -> None:
    codec, samples = codec_of(tiny_musicgen), recording(num_samples)[0]
    expected = whole(codec, samples)
    encoder = PromptEncoder(codec)
    for chunk_frames in (1, 2, 7, CHUNK_FRAMES, 1000):
        found = encoder.codes(samples, chunk_frames=chunk_frames)
        assert found.dtype == np.int16
        np.testing.assert_array_equal(found, expected)
    if num_samples > 100_000:
        assert min(len(np.unique(level)) for level in expected) > 5, "codes that hardly vary prove nothing"


def test_the_recurrent_part_is_carried(tiny_musicgen: Path) -> None:
    codec, samples = codec_of(tiny_musicgen), recording(80 * 640)[0]
    other = samples.copy()
    other[:1280] *= -1
    first, second = (PromptEncoder(codec).codes(sound, chunk_frames=5) for sound in (samples, other))
    assert (first != second)[:, 20:].any()


@pytest.mark.parametrize("kind", ["mono", "stereo"])
@pytest.mark.parametrize("num_samples", [6400, 150_000, 300 * 640 + 17])
def test_the_engine_never_encodes_more_than_a_piece(
    kind: str, num_samples: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of a recording at once took 35 MB for each of its seconds."""
    folder = request.getfixturevalue("tiny_musicgen" if kind == "mono" else "tiny_musicgen_stereo")
    engine = Engine(find(str(folder)), device="cpu")
    sound = recording(num_samples, engine.channels)
    expected = [whole(engine.codec, side[: num_samples // 640 * 640]) for side in sound]
    longest = 0
    first = engine.codec.encoder.layers[0]
    heard = type(first).forward

    def listening(layer: object, x: torch.Tensor) -> torch.Tensor:
        nonlocal longest
        if layer is first:
            longest = max(longest, x.numel())
        result: torch.Tensor = heard(layer, x)
        return result

    monkeypatch.setattr(type(first), "forward", listening)
    found = engine.prompt_tokens(sound)
    for channel, codes in enumerate(expected):
        np.testing.assert_array_equal(found[channel :: engine.channels], codes)
    assert 0 < longest <= (1.5 * CHUNK_FRAMES + 8) * 640


@pytest.mark.parametrize("num_samples", [6400, 150_000])
def test_a_recording_that_is_no_numbers_is_refused(num_samples: int, engine: Engine) -> None:
    sound = recording(num_samples)
    sound[0, -700] = np.nan
    with pytest.raises(BadInput, match=r"no finite numbers of the recording.*check the recording"):
        engine.prompt_tokens(sound)
