"""Streaming EnCodec gives transformers' whole-file tokens, not one of them different."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from soundwright.codec import encodec_streaming
from soundwright.codec.encodec import EncodecCodec
from soundwright.codec.encodec_random import synthesize

if TYPE_CHECKING:
    from conftest import Reference

pytestmark = pytest.mark.usefixtures("one_thread")

KINDS = ("tone", "noise", "silence", "impulse", "speech", "music")
#: The real tile, in samples; the fast tests run with shorter tiles and strips, which follow the same rules.
TILE = encodec_streaming.TILE_FRAMES * 320
SHORT = 128 * 320

#: Where something changes: reflections longer than the sound, the hop, strips, tiles, and the rule for the last tile.
EDGES = (1, 2, 3, 6, 7, 8, 319, 320, 321, 639, 640, 641, 2239, 2241, 15_359, 15_360, 15_361, 30_719, 30_721, 20_481)
TILE_EDGES = (TILE - 1, TILE, TILE + 1, *(3 * TILE // 2 + i for i in (-1, 0, 1)), 2 * TILE + 7, 5 * TILE // 2)

FAST = [
    *[(n, KINDS[i % len(KINDS)]) for i, n in enumerate((1, 3, 7, 319, 321, 640, 5121, 10_241, 20_481))],
    (3 * SHORT // 2 - 1, "music"),
    (3 * SHORT // 2, "speech"),
    (2 * SHORT + 7, "music"),
]
FULL = [
    *[(n, KINDS[i % len(KINDS)]) for i, n in enumerate(EDGES)],
    *[(n, kind) for n in TILE_EDGES for kind in ("speech", "music")],
    *[(48_000 + n, kind) for n, kind in ((-1, "tone"), (0, "noise"), (1, "impulse"), (0, "silence"))],
    *[(240_017 + 7_919 * i, kind) for i, kind in enumerate(KINDS)],
    (720_000, "speech"),
    (720_003, "speech"),
    (720_319, "music"),
    (1_440_001, "music"),
]


@pytest.fixture
def short_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encodec_streaming, "TILE_FRAMES", SHORT // 320)
    monkeypatch.setattr(encodec_streaming, "STRIP_FRAMES", 16)


def embeddings(codec: EncodecCodec, samples: NDArray[np.float32]) -> torch.Tensor:
    """What the stream gives to its quantiser."""
    encoder = codec.encoder(1)
    seen: list[torch.Tensor] = []
    embed = encoder._embed
    encoder._embed = lambda tile, *, last: seen.append(embed(tile, last=last)) or seen[-1]  # type: ignore[method-assign]
    encoder.push(samples)
    encoder.finish()
    return torch.cat(seen, dim=-1)


def check(codec: EncodecCodec, reference: Reference, num_samples: int, kind: str) -> NDArray[np.uint16]:
    samples = synthesize(kind, num_samples, seed=num_samples)
    codes = codec.encode(samples, 32)
    assert codes.shape == (32, -(-num_samples // 320))
    assert np.array_equal(codes, reference.encode(samples, 24.0))
    return codes


@pytest.mark.usefixtures("short_tiles")
@pytest.mark.parametrize(("num_samples", "kind"), FAST)
def test_tokens_equal_the_whole_file_pass(codec, reference, num_samples: int, kind: str) -> None:
    check(codec, reference, num_samples, kind)


@pytest.mark.full
@pytest.mark.parametrize(("num_samples", "kind"), FULL)
def test_tokens_equal_the_whole_file_pass_on_fifty_files(codec, reference, num_samples: int, kind: str) -> None:
    check(codec, reference, num_samples, kind)


def test_the_corpus_has_fifty_files() -> None:
    assert len(set(FULL)) == 50


def test_the_random_model_uses_its_codebooks(codec) -> None:
    """Otherwise equal tokens would prove little."""
    codes = codec.encode(np.concatenate([synthesize(kind, 48_000, seed=5) for kind in KINDS]), 8)
    assert [len(np.unique(row)) for row in codes] > [150] * 8


@pytest.mark.usefixtures("short_tiles")
@pytest.mark.parametrize(("num_samples", "kind"), [(2 * SHORT + 7, "speech"), (20_481, "music"), (4, "noise")])
def test_embeddings_equal_to_rounding(codec, reference, num_samples: int, kind: str) -> None:
    """Bit-equal where this was developed; another processor's kernels may round otherwise, by no more than this."""
    samples = synthesize(kind, num_samples)
    torch.testing.assert_close(embeddings(codec, samples), reference.embed(samples), atol=2e-6, rtol=0)


@pytest.mark.usefixtures("short_tiles")
@pytest.mark.parametrize("sizes", [[1], [319], [48_000], [7, 100_000, 3]])
def test_how_the_sound_is_pushed_does_not_matter(codec, sizes: list[int]) -> None:
    samples = synthesize("music", 2000 if sizes == [1] else 2 * SHORT + 77)
    encoder, parts, start = codec.encoder(4), [], 0
    while start < len(samples):
        size = sizes[len(parts) % len(sizes)]
        parts.append(encoder.push(samples[start : start + size]))
        start += size
    assert np.array_equal(np.concatenate([*parts, encoder.finish()], axis=1), codec.encode(samples, 4))


@pytest.mark.usefixtures("short_tiles")
def test_two_streams_at_once_do_not_mix(codec) -> None:
    sounds = [synthesize(kind, 2 * SHORT + 11) for kind in ("speech", "music")]
    encoders = [codec.encoder(2) for _ in sounds]
    first = [encoder.push(sound[:SHORT]) for encoder, sound in zip(encoders, sounds, strict=True)]
    second = [encoder.push(sound[SHORT:]) for encoder, sound in zip(encoders, sounds, strict=True)]
    for encoder, sound, *parts in zip(encoders, sounds, first, second, strict=True):
        assert np.array_equal(np.concatenate([*parts, encoder.finish()], axis=1), codec.encode(sound, 2))


def test_the_callers_buffer_may_be_reused(codec) -> None:
    samples = synthesize("speech", 9000)
    encoder, buffer = codec.encoder(2), np.empty(3000, np.float32)
    for start in range(0, 9000, 3000):
        buffer[:] = samples[start : start + 3000]
        encoder.push(buffer)
    buffer[:] = 0
    assert np.array_equal(encoder.finish(), codec.encode(samples, 2))


def test_the_codebooks_nest(codec) -> None:
    samples = synthesize("speech", 9000)
    assert np.array_equal(codec.encode(samples, 8), codec.encode(samples, 32)[:8])


def test_the_number_of_threads_does_not_matter(codec) -> None:
    samples = synthesize("speech", 100_001)
    codes = codec.encode(samples, 32)
    torch.set_num_threads(2)
    assert np.array_equal(codec.encode(samples, 32), codes)
    assert torch.get_num_threads() == 2


def test_no_sound_is_no_frames(codec) -> None:
    assert codec.encode(np.zeros(0, np.float32), 8).shape == (8, 0)
    assert codec.decode(np.zeros((8, 0), np.uint16)).shape == (0,)


@pytest.mark.usefixtures("short_tiles")
@pytest.mark.parametrize("num_frames", [1, 2, 6, 7, 8, 70, 129, 300])
def test_decoding_equals_the_whole_decode(codec, reference, num_frames: int) -> None:
    codes = np.random.default_rng(num_frames).integers(0, 1024, (8, num_frames)).astype(np.uint16)
    sound, whole = codec.decode(codes), reference.decode(codes)
    assert sound.shape == whole.shape == (num_frames * 320,)
    assert np.abs(whole).max() > 0.05
    np.testing.assert_allclose(sound, whole, atol=1e-6, rtol=0)


def test_decoding_frame_by_frame_sounds_at_once(codec, reference) -> None:
    codes = np.random.default_rng(3).integers(0, 1024, (8, 30)).astype(np.uint16)
    decoder = codec.decoder()
    parts = [decoder.push(codes[:, t : t + 1]) for t in range(30)]
    assert [len(part) for part in parts] == [0] * 6 + [7 * 320] + [320] * 23
    assert len(decoder.finish()) == 0
    np.testing.assert_allclose(np.concatenate(parts), reference.decode(codes), atol=1e-6, rtol=0)


def test_decoding_fewer_codebooks_and_samples(codec, reference) -> None:
    codes = np.random.default_rng(4).integers(0, 1024, (2, 20)).astype(np.uint16)
    np.testing.assert_allclose(codec.decode(codes, 6200), reference.decode(codes)[:6200], atol=1e-6, rtol=0)
