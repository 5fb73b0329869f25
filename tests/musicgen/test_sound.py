"""Sound from tokens in pieces equals the whole decode of `transformers`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.musicgen.checkpoints import find
from soundwright.musicgen.loading import load_codec
from soundwright.musicgen.sound import SoundDecoder


def codes_of(num_codebooks: int, num_frames: int) -> NDArray[np.int16]:
    return np.random.default_rng(num_frames).integers(0, 64, (num_codebooks, num_frames)).astype(np.int16)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("num_frames", [1, 2, 4, 7, 9, 53, 230])
def test_pieces_equal_the_whole(num_frames: int, channels: int, tiny_musicgen: Path) -> None:
    codec = load_codec(find(str(tiny_musicgen)), "cpu")
    codes = codes_of(4 * channels, num_frames)
    indices = torch.from_numpy(codes.astype(np.int64))
    with torch.no_grad():  # left and right take turns, as in MusicgenForConditionalGeneration.generate
        sides = [codec.decode(indices[None, None, side::channels], [None]).audio_values[0] for side in range(channels)]
    whole = torch.cat(sides).numpy()
    decoder = SoundDecoder(codec, channels)
    for chunk_frames in (1, 2, 7, 100):
        pieces = list(decoder.pieces(codes, chunk_frames=chunk_frames))
        sound = np.concatenate(pieces, axis=1)
        assert sound.shape == whole.shape == (channels, num_frames * 640)
        assert sound.dtype == np.float32
        assert np.abs(sound - whole).max() <= 1e-6 * max(1.0, np.abs(whole).max())
        if num_frames > 20:
            assert max(piece.shape[1] for piece in pieces) <= chunk_frames * 640


def test_the_recurrent_part_is_carried(tiny_musicgen: Path) -> None:
    """An LSTM that began anew with each piece would not remember how the sound began."""
    codec = load_codec(find(str(tiny_musicgen)), "cpu")
    for name, parameter in codec.decoder.layers[1].named_parameters():
        if "weight_hh" in name:
            parameter.data = 3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
    codes = codes_of(4, 80)
    other = codes.copy()
    other[:, 0] = (other[:, 0] + 7) % 64
    decoder = SoundDecoder(codec, 1)
    first, second = (np.concatenate(list(decoder.pieces(c, chunk_frames=5)), axis=1) for c in (codes, other))
    assert np.abs(first - second)[:, 40 * 640 :].max() > 1e-4


def test_no_frames_give_no_pieces(tiny_musicgen: Path) -> None:
    decoder = SoundDecoder(load_codec(find(str(tiny_musicgen)), "cpu"), 1)
    assert list(decoder.pieces(codes_of(4, 0))) == []


def test_a_codec_that_normalises_over_time_is_refused(tiny_musicgen: Path) -> None:
    codec = load_codec(find(str(tiny_musicgen)), "cpu")
    codec.config.normalize = True
    with pytest.raises(BadInput, match="cannot be decoded in pieces"):
        SoundDecoder(codec, 1)


def test_sound_that_is_no_numbers_is_refused(tiny_musicgen: Path) -> None:
    codec = load_codec(find(str(tiny_musicgen)), "cpu")
    codec.decoder.layers[-1].conv.bias.data[0] = torch.nan
    with pytest.raises(BadInput, match="no finite numbers of the tokens"):
        list(SoundDecoder(codec, 1).pieces(codes_of(4, 10)))
