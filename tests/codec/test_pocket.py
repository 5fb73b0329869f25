"""`pocket` under the contract: streams equal the whole, look-ahead is as promised, weights are what was released."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file

from soundwright.codec import pocket
from soundwright.codec.contract import Codec, CodecInfo
from soundwright.codec.pocket import weights
from soundwright.codec.pocket.config import DECODER_LOOKAHEAD, ENCODER_LOOKAHEAD, HOP, SAMPLE_RATE, PocketConfig
from soundwright.codec.pocket.streaming import PocketCodec
from soundwright.codec.pocket.training.export import codec_of, pack_weights
from soundwright.codec.pocket.training.network import Pocket, cut_windows, overlap_add
from soundwright.codec.pocket.training.steady import SteadyState, linear_recurrence, steady
from soundwright.core.errors import BadInput, UsageError

SMALL = PocketConfig(dim=24, hidden=16, latent=6, num_codebooks=4, codebook_size=64, gate_bands=8, steady_passes=2)
INFO = CodecInfo("pocket", "test", SAMPLE_RATE, HOP, 4, 6, "Apache-2.0")


def small_model() -> Pocket:
    torch.manual_seed(3)
    model = Pocket(SMALL)
    noise = 0.1 * torch.randn(4, 200 * HOP)
    with torch.no_grad():
        latents, _ = model.encoder(cut_windows(noise))
        model.quantizer.initialise(latents.flatten(0, 1))
    return model.eval()


@pytest.fixture(scope="module")
def small() -> PocketCodec:
    return codec_of(small_model(), INFO)


@pytest.fixture(scope="module")
def released() -> Codec:
    return pocket.load()


def sound(seed: int, num_samples: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    t = np.arange(num_samples) / SAMPLE_RATE
    tone = 0.1 * np.sin(2 * np.pi * rng.uniform(100, 900) * t)
    return (tone + 0.02 * rng.standard_normal(num_samples)).astype(np.float32)


def cuts(seed: int, total: int, longest: int) -> list[int]:
    """Sizes of pieces that make up `total`, many of them 0, 1 or 2."""
    rng = np.random.default_rng(seed)
    sizes: list[int] = []
    while sum(sizes) < total - longest:
        sizes.append(int(rng.choice([0, 1, 2, rng.integers(1, longest + 1)])))
    return [*sizes, total - sum(sizes)]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 9_000), st.integers(1, 4))
def test_a_streamed_sound_has_the_tokens_of_the_whole(
    small: PocketCodec, seed: int, num_samples: int, num_codebooks: int
) -> None:
    samples = sound(seed, num_samples)
    whole = small.encode(samples, num_codebooks)
    assert whole.shape == (num_codebooks, -(-num_samples // HOP))
    assert whole.dtype == np.uint16
    stream, start, parts = small.encoder(num_codebooks), 0, []
    for size in cuts(seed, num_samples, 1500):
        parts.append(stream.push(samples[start : start + size]))
        start += size
    assert np.array_equal(np.concatenate([*parts, stream.finish()], axis=1), whole)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 40), st.integers(1, 4))
def test_streamed_tokens_have_the_sound_of_the_whole(
    small: PocketCodec, seed: int, num_frames: int, num_codebooks: int
) -> None:
    codes = np.random.default_rng(seed).integers(0, 64, (num_codebooks, num_frames)).astype(np.uint16)
    whole = small.decode(codes)
    assert whole.shape == (num_frames * HOP,)
    assert whole.dtype == np.float32
    stream, start, parts = small.decoder(), 0, []
    for size in cuts(seed, num_frames, 9):
        parts.append(stream.push(codes[:, start : start + size]))
        start += size
    streamed = np.concatenate([*parts, stream.finish()])
    # relative to the level: a phase that sits between two bins amplifies rounding a little
    assert np.abs(streamed - whole).max(initial=0) <= 1e-4 * max(1.0, float(np.abs(whole).max(initial=0)))


def test_the_stream_is_the_network_that_was_trained(small: PocketCodec) -> None:
    samples = sound(1, 40 * HOP)
    model = small_model()
    with torch.no_grad():
        trained, _ = model(torch.from_numpy(samples)[None], torch.tensor([4]))
    streamed = small.decode(small.encode(samples, 4))
    assert np.abs(streamed - trained[0].numpy()).max() < 1e-4 * max(1.0, np.abs(streamed).max())


def test_pushes_of_one_frame_come_out_after_the_promised_look_ahead(small: PocketCodec) -> None:
    samples = sound(2, 30 * HOP)
    encoder, decoder = small.encoder(4), small.decoder()
    frames_in, samples_out = 0, 0
    for i in range(30):
        codes = encoder.push(samples[i * HOP : (i + 1) * HOP])
        assert codes.shape[1] == (1 if i >= ENCODER_LOOKAHEAD else 0)
        frames_in += codes.shape[1]
        samples_out += len(decoder.push(codes))
        assert samples_out == max(0, frames_in - DECODER_LOOKAHEAD) * HOP


def test_tokens_do_not_depend_on_what_comes_after_the_look_ahead(small: PocketCodec) -> None:
    a = sound(3, 60 * HOP)
    b = a.copy()
    b[(30 + ENCODER_LOOKAHEAD) * HOP :] = 0.3
    assert np.array_equal(small.encode(a, 4)[:, :30], small.encode(b, 4)[:, :30])


def test_sound_does_not_depend_on_what_comes_after_the_look_ahead(small: PocketCodec) -> None:
    a = np.random.default_rng(4).integers(0, 64, (4, 60)).astype(np.uint16)
    b = a.copy()
    b[:, 30:] = 0
    until = (30 - DECODER_LOOKAHEAD) * HOP
    assert np.array_equal(small.decode(a)[:until], small.decode(b)[:until])


def test_transforms_at_both_ends_undo_each_other() -> None:
    samples = torch.from_numpy(sound(5, 20 * HOP))[None]
    window = torch.hann_window(4 * HOP)
    spectra = torch.fft.rfft(cut_windows(samples) * window)
    assert (overlap_add(spectra, window) - samples).abs().max() < 1e-5


def test_linear_recurrence_and_its_gradient_are_the_definition() -> None:
    def parts(seed: int, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))

    a, b, first = parts(1, 2, 6, 3), parts(2, 2, 6, 3), parts(3, 2, 3)
    last, expected = first, []
    for t in range(6):
        last = a[:, t] * last + b[:, t]
        expected.append(last)
    assert torch.allclose(linear_recurrence(a, b, first), torch.stack(expected, 1))
    assert torch.autograd.gradcheck(
        lambda a, b: linear_recurrence(a, b, first), (a.requires_grad_(), b.requires_grad_())
    )


def test_steadying_removes_jitter_from_a_held_tone_and_nothing_when_closed() -> None:
    t = torch.arange(60)
    clean = torch.exp(1j * 2 * torch.pi * 440 * t / 75)[None, :, None].repeat(1, 1, 9).to(torch.complex64)
    noise = torch.randn(clean.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    nothing = torch.zeros(1, 9, dtype=torch.complex64)
    rough = clean + 0.2 * noise
    closed, _ = steady(rough, torch.zeros(1, 60, 9), SteadyState(nothing, nothing, nothing))
    assert torch.allclose(closed, rough)
    opened, _ = steady(rough, torch.full((1, 60, 9), 0.9), SteadyState(nothing, nothing, nothing))
    error = [(x - clean)[:, 30:].abs().square().mean().item() for x in (rough, opened)]
    assert error[1] < 0.3 * error[0]


def test_misuse_of_a_stream_is_refused(small: PocketCodec) -> None:
    with pytest.raises(UsageError, match="codebooks"):
        small.encoder(5)
    encoder = small.encoder(4)
    with pytest.raises(UsageError, match="mono"):
        encoder.push(np.zeros((2, 10), np.float32))
    with pytest.raises(UsageError, match="NaN"):
        encoder.push(np.full(10, np.nan, np.float32))
    encoder.finish()
    with pytest.raises(UsageError, match="ended"):
        encoder.push(np.zeros(10, np.float32))
    decoder = small.decoder()
    with pytest.raises(UsageError, match="below 64"):
        decoder.push(np.full((4, 1), 64, np.uint16))
    decoder.push(np.zeros((4, 1), np.uint16))
    with pytest.raises(UsageError, match="began with 4"):
        decoder.push(np.zeros((2, 1), np.uint16))


def test_a_trained_folder_is_loaded_with_its_facts(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(pack_weights(small_model(), {"licence": "CC0-1.0"}))
    (tmp_path / "config.json").write_text(json.dumps({"codec": "pocket", "licence": "CC0-1.0"}))
    codec = pocket.load_folder(tmp_path)
    assert codec.info.licence == "CC0-1.0"
    assert codec.info.num_codebooks == 4
    assert codec.encode(sound(1, 1000), 2).shape == (2, 4)


def test_damaged_folders_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"config\.json"):
        pocket.load_folder(tmp_path)
    (tmp_path / "config.json").write_text('{"codec": "other"}')
    with pytest.raises(BadInput, match="pocket"):
        pocket.load_folder(tmp_path)
    (tmp_path / "config.json").write_text('{"codec": "pocket"}')
    with pytest.raises(BadInput, match=r"model\.safetensors"):
        pocket.load_folder(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not tensors at all")
    with pytest.raises(BadInput, match="expected weights"):
        pocket.load_folder(tmp_path)
    save_file(
        {"a": torch.zeros(2)}, tmp_path / "model.safetensors", {"soundwright": json.dumps({"network": SMALL.to_dict()})}
    )
    with pytest.raises(BadInput, match="other tensors"):
        pocket.load_folder(tmp_path)


def test_released_weights_never_change_and_are_small() -> None:
    for revision, digest in weights.RELEASED.items():
        path = Path(weights.__file__).parent / "weights" / f"pocket-{revision}.safetensors"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
        assert path.stat().st_size <= 4_000_000
        with safe_open(path, framework="pt") as file:
            assert json.loads(file.metadata()["soundwright"])["network"]["latent"] <= 64
            assert {str(file.get_tensor(name).dtype) for name in file.keys()} == {"torch.float16"}  # noqa: SIM118
    with pytest.raises(UsageError, match="no revision"):
        pocket.load("0")


def test_released_codec_is_as_the_contract_says(released: Codec) -> None:
    info = released.info
    assert (info.sample_rate, info.hop, info.num_codebooks, info.bits_per_code) == (24_000, 320, 8, 10)
    assert info.codebooks_for(6.0) == 8
    assert info.revision == weights.LATEST


@pytest.mark.parametrize("kind", ["silence", "impulse", "full scale"])
def test_released_codec_stays_in_bounds(released: Codec, kind: str) -> None:
    samples = np.zeros(SAMPLE_RATE, np.float32)
    if kind == "impulse":
        samples[5_000] = 1.0
    if kind == "full scale":
        samples = np.sign(np.sin(np.arange(SAMPLE_RATE) * 0.05)).astype(np.float32)
    decoded = released.decode(released.encode(samples, 8), SAMPLE_RATE)
    assert np.isfinite(decoded).all()
    assert np.abs(decoded).max() < (0.01 if kind == "silence" else 2.5)


def test_released_codec_keeps_the_pitch_of_a_tone(released: Codec) -> None:
    from soundwright.audio.quality import cents, note_pitch_hz

    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    for f0_hz in (110.0, 220.0, 440.0, 880.0):
        tone = sum(np.sin(2 * np.pi * k * f0_hz * t) / k**1.5 for k in range(1, 6))
        samples = (0.1 * tone).astype(np.float32)
        for num_codebooks in (8, 4):
            decoded = released.decode(released.encode(samples, num_codebooks), len(samples))
            assert abs(cents(note_pitch_hz(decoded, SAMPLE_RATE), f0_hz)) < 20
