"""Coding with a trained transformer: whatever the samples, they come back; and what cannot be honoured is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sound_files import noise, packed, wav

from soundwright.core.errors import BadInput, SoundwrightError, UsageError
from soundwright.formats.swz import Method
from soundwright.formats.swz_read import read_footer
from soundwright.lossless import model_codec
from soundwright.lossless.blocks import NotHere
from soundwright.lossless.compress import CompressedFile, CompressedFolder, compress
from soundwright.lossless.container_read import read_range
from soundwright.lossless.decompress import decompress
from soundwright.lossless.frequencies import _exp
from soundwright.lossless.info import archive_info
from soundwright.lossless.lm.model import ModelConfig, SampleModel
from soundwright.lossless.lm.weights import parameters, save_model
from soundwright.lossless.model_codec import ModelCoder
from soundwright.lossless.range_coder import LIMIT, decoder, encoder, finish
from soundwright.runs.options import RunOptions

Samples = NDArray[np.int32]
SHAPE: dict[str, Any] = {"sequence_length": 24, "embedding_dim": 16, "num_layers": 2, "num_heads": 2}
KINDS = [(8, "softmax", "mono"), (8, "logistics", "stereo"), (16, "logistics", "mono"), (16, "bytes", "stereo")]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small models lose more by waiting for a second thread than they win."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tone(num_samples: int, channels: int, bits: int, seed: int = 0) -> Samples:
    """A resonance: what a linear prediction of a few samples tells well."""
    drive = np.random.default_rng(seed).standard_normal((channels, num_samples + 200))
    wave = np.zeros_like(drive)
    for t in range(2, num_samples + 200):
        wave[:, t] = 1.9 * wave[:, t - 1] - 0.95 * wave[:, t - 2] + drive[:, t]
    loud = {8: 0.4, 16: 40.0}[bits]
    half = 1 << (bits - 1)
    return np.clip(np.round(loud * wave[:, 200:]), -half, half - 1).astype(np.int32)


def new_model(bits: int, head: str, channels: str = "mono", **changes: Any) -> SampleModel:
    torch.manual_seed(3)
    config = {"sample_bits": bits, "head": head, "channels": channels, "stereo_blocking_n": 8, **SHAPE, **changes}
    return SampleModel(ModelConfig(**config))


def trained(model: SampleModel, steps: int = 60) -> SampleModel:
    bits = model.config.sample_bits
    samples = torch.from_numpy(tone(24 * 400, 1, bits, seed=9).reshape(400, 24).astype(np.int64)) + (1 << (bits - 1))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(steps):
        loss = model.nats(samples[16 * step % 384 :][:16]).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return model


def saved(path: Path, model: SampleModel) -> Path:
    save_model(path, model.config, parameters(model), {})
    return path


def coder(bits: int, head: str, channels: str) -> ModelCoder:
    model = new_model(bits, head, channels).eval()
    return ModelCoder(model.config, model)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """A trained model per depth."""
    folder = tmp_path_factory.mktemp("models")
    made = {8: new_model(8, "softmax"), 16: new_model(16, "logistics", "stereo")}
    return {bits: saved(folder / f"{bits}.npz", trained(model)) for bits, model in made.items()}


def song(path: Path, bits: int = 16, channels: int = 2, num_samples: int = 3001) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(wav(packed(tone(num_samples, channels, bits).T, bits), channels, 8000, bits))
    return path


def one(*arguments: Any, **options: Any) -> CompressedFile:
    result = compress(*arguments, compare="none", **options)
    assert isinstance(result, CompressedFile)
    return result


@pytest.mark.parametrize(("bits", "head", "channels"), KINDS)
def test_samples_of_any_number_come_back(bits: int, head: str, channels: str) -> None:
    codec = coder(bits, head, channels)
    half = 1 << (bits - 1)
    for num_channels, num_samples in [(1, 0), (2, 1), (1, 7), (2, 24), (3, 101)]:
        samples = tone(num_samples, num_channels, bits)
        samples[:, ::9], samples[:, 1::10] = half - 1, -half
        data = codec.encode(samples, bits)
        assert len(data) <= samples.size * bits // 8 + 1
        assert np.array_equal(codec.decode(data, num_channels, num_samples, bits), samples)
        assert codec.encode(samples, bits) == data


@pytest.mark.parametrize(("bits", "head", "channels"), [*KINDS, (16, "softmax", "mono")])
def test_the_size_is_what_the_model_says(bits: int, head: str, channels: str) -> None:
    """With room for more bytes than samples take, so that an untrained model may expand them."""
    codec = coder(bits, head, channels)
    num_samples = 60 if head == "softmax" and bits == 16 else 600
    samples = np.minimum(tone(num_samples, 2, bits), 90)
    streams = codec._streams(samples.astype(np.int64) + (1 << (bits - 1)))
    cut = [torch.from_numpy(row[None, at : at + 24]) for row in streams for at in range(0, len(row), 24)]
    with torch.no_grad():
        ideal = sum(float(codec.model.nats(part).sum()) for part in cut) / np.log(2) / 8

    def code(grid: NDArray[np.int64], state: NDArray[np.int64], data: NDArray[np.uint8]) -> None:
        state[LIMIT] = len(data)
        with torch.no_grad():
            assert codec._code(grid, 8, model_codec._Channel(state, data))

    state, buffer = encoder(), np.zeros(100_000, np.uint8)
    code(streams, state, buffer)
    data = finish(state, buffer)
    assert 0.97 * ideal < len(data) < 1.005 * ideal + 8
    back = np.zeros_like(streams)
    received = np.frombuffer(bytearray(data), np.uint8)
    code(back, decoder(received), received)
    assert np.array_equal(back, streams)


def test_lanes_follow_the_length_and_the_size_of_the_model() -> None:
    codec = coder(8, "softmax", "mono")
    assert [codec._lanes((1, 24 * n)) for n in (1, 9, 64, 65, 1000)] == [8, 16, 64, 40, 64]
    large = ModelConfig(sequence_length=2048, embedding_dim=1024, num_layers=24)
    assert ModelCoder(large, codec.model)._lanes((1, 1 << 24)) == 8


def test_stereo_is_laid_out_as_in_training() -> None:
    codec = coder(16, "bytes", "stereo")  # in blocks of 8
    samples = np.arange(42).reshape(2, 21)
    expected = [*range(8), *range(21, 29), *range(8, 16), *range(29, 37), *range(16, 21), *range(37, 42)]
    assert codec._streams(samples)[0].tolist() == expected
    assert np.array_equal(codec._samples(codec._streams(samples), (2, 21)), samples)


def test_the_exponential_is_one() -> None:
    x = -np.linspace(0, 689, 999)
    np.testing.assert_allclose([_exp(v) for v in x], np.exp(x), rtol=1e-13)
    assert [_exp(v) for v in (float("nan"), -1e9, -np.inf, 3.0)] == [0, 0, 0, 1]


def test_a_model_of_no_numbers_still_codes() -> None:
    for bits, head, channels in KINDS:
        codec = coder(bits, head, channels)
        with torch.no_grad():
            for parameter in codec.model.head.parameters():
                parameter.fill_(float("nan"))
        samples = tone(50, 1, bits)
        assert np.array_equal(codec.decode(codec.encode(samples, bits), 1, 50, bits), samples)


@pytest.mark.parametrize(
    ("bits", "channels", "num_samples"), [(8, 1, 4001), (8, 2, 1500), (16, 1, 1999), (16, 2, 3001)]
)
def test_there_and_back_and_smaller(
    tmp_path: Path, models: dict[int, Path], bits: int, channels: int, num_samples: int
) -> None:
    path = song(tmp_path / "a.wav", bits, channels, num_samples)
    original = path.read_bytes()
    made = one(path, model=models[bits], verify=True)
    assert made.verified
    assert made.archive.stat().st_size < 0.8 * len(original)
    footer = read_footer(made.archive)
    assert Method.CODEC in [block.method for block in footer.blocks]
    assert footer.sound
    assert footer.sound.num_failed == 0
    path.unlink()
    decompress(made.archive, model=models[bits])
    assert path.read_bytes() == original
    part, _ = read_range(made.archive, 0.05, 0.01, model=models[bits])
    assert np.array_equal(part, tone(num_samples, channels, bits)[:, 400:480])
    text = "\n".join(archive_info(made.archive).lines())
    assert "codec      transformer, revision 1, model sha256 " + footer.sound.model_digest.hex() in text


@pytest.mark.parametrize("data", [b"", b"\1\2", noise(500)])
def test_what_no_model_makes_smaller(tmp_path: Path, models: dict[int, Path], data: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(data, 1, 8000, 16))
    made = one(path, model=models[16])
    assert made.archive.stat().st_size <= path.stat().st_size + 64
    decompress(made.archive, tmp_path / "b.wav", model=models[16])
    assert (tmp_path / "b.wav").read_bytes() == path.read_bytes()


def test_the_archive_does_not_depend_on_workers(
    tmp_path: Path, models: dict[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_codec, "_LEAST_BLOCK", 500)
    monkeypatch.setattr(model_codec, "_LONGEST_BLOCK", 500)
    path, archives = song(tmp_path / "a.wav", 8, 1), []
    torch.set_num_threads(2)
    for workers in (1, 3, 3):
        made = one(path, tmp_path / "a.swz", model=models[8], overwrite=True, options=RunOptions(workers=workers))
        archives.append(made.archive.read_bytes())
    assert archives[0] == archives[1] == archives[2]
    assert len(read_footer(tmp_path / "a.swz").blocks) > 6
    decompress(tmp_path / "a.swz", tmp_path / "b.wav", model=models[8], options=RunOptions(workers=2))
    assert (tmp_path / "b.wav").read_bytes() == path.read_bytes()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    assert threads == 2
    assert not torch.are_deterministic_algorithms_enabled()


def refused(kind: type[SoundwrightError], told: str, call: Callable[[], object]) -> None:
    with pytest.raises(kind) as caught:
        call()
    message = str(caught.value)
    assert told in message
    assert "\n" not in message


def test_the_model_must_be_the_one(tmp_path: Path, models: dict[int, Path]) -> None:
    path = song(tmp_path / "a.wav")
    archive, out = one(path, model=models[16]).archive, tmp_path / "b.wav"
    found = read_footer(archive).sound
    assert found
    needs = f"needs the model with SHA-256 {found.model_digest.hex()}, found "
    refused(BadInput, needs + "none", lambda: decompress(archive, out))
    other = saved(tmp_path / "other.npz", new_model(16, "logistics", "stereo"))
    refused(BadInput, needs, lambda: decompress(archive, out, model=other))
    refused(BadInput, "no.npz: does not exist", lambda: decompress(archive, out, model=tmp_path / "no.npz"))
    refused(BadInput, "is no weights file", lambda: decompress(archive, out, model=path))
    assert not out.exists()


def test_what_the_model_cannot_take_is_refused_before_the_work(tmp_path: Path, models: dict[int, Path]) -> None:
    path = song(tmp_path / "a.wav")
    refused(UsageError, "has samples of 16 bits; the model is for 8", lambda: one(path, model=models[8]))
    refused(BadInput, "no.npz: does not exist", lambda: one(path, model=tmp_path / "no.npz"))
    refused(BadInput, "is no weights file", lambda: one(path, model=path))
    assert sorted(tmp_path.iterdir()) == [path]


def test_an_archive_of_another_model_is_not_taken_for_this_one(tmp_path: Path, models: dict[int, Path]) -> None:
    path = song(tmp_path / "a.wav")
    one(path, model=models[16])
    assert one(path, model=models[16]).already
    refused(UsageError, "exists already and was made with the model", lambda: one(path))


def test_another_build_is_refused(tmp_path: Path, models: dict[int, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path, out = song(tmp_path / "a.wav"), tmp_path / "b.wav"
    archive = one(path, model=models[16]).archive
    here = model_codec.build()
    monkeypatch.setattr(model_codec, "build", lambda: "torch 9.9, SVE, aarch64")
    told = f"was made with {here}; here is torch 9.9, SVE, aarch64 -> "
    refused(NotHere, f"{archive}: {told}", lambda: decompress(archive, out, model=models[16]))
    assert not out.exists()


def test_other_last_bits_are_refused(tmp_path: Path, models: dict[int, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a processor whose name for its instructions is the same, while its kernels are others."""
    path, out = song(tmp_path / "a.wav"), tmp_path / "b.wav"
    archive = one(path, model=models[16]).archive
    monkeypatch.setattr(ModelCoder, "_probe", lambda self, lanes: b"12345678")
    refused(NotHere, "differ in their last bits", lambda: decompress(archive, out, model=models[16]))
    assert not out.exists()


def test_bytes_that_are_no_block_are_an_error_or_some_samples() -> None:
    codec = coder(8, "softmax", "mono")
    with torch.no_grad():
        codec.model.head.get_parameter("logits.bias")[128] += 9.0
    data = codec.encode(np.zeros((1, 300), np.int32), 8)
    damaged = [b"", b"\0", b"\x40" + data[1:], data[:1], data[:12], b"\x01", b"\xff" * 40]
    for bad in damaged:
        with pytest.raises((ValueError, BadInput)):
            codec.decode(bad, 1, 300, 8)
    rng = np.random.default_rng(0)
    for _ in range(5):
        assert codec.decode(data[:45] + rng.bytes(30), 1, 300, 8).shape == (1, 300)
    with pytest.raises(ValueError, match="samples of 16 bits for a model of 8"):
        codec.decode(data, 1, 300, 16)


def test_a_folder(tmp_path: Path, models: dict[int, Path]) -> None:
    for name in ("a.wav", "b.wav"):
        song(tmp_path / "in" / name, 8, 1, 1000)
    song(tmp_path / "in/deep.wav", 16, 1, 1000)
    options = RunOptions(workers=1)
    result = compress(tmp_path / "in", tmp_path / "out", model=models[8], verify=True, options=options)
    assert isinstance(result, CompressedFolder)
    assert result.summary.done == 2
    assert [(key, str(error)) for key, error in result.summary.failures] == [
        ("deep.wav", f"{tmp_path}/in/deep.wav: has samples of 16 bits; the model is for 8 -> "
         "give a model that was trained at that depth, or leave --model out")
    ]  # fmt: skip
    decompress(tmp_path / "out", tmp_path / "back", model=models[8], options=options)
    for name in ("a.wav", "b.wav"):
        assert (tmp_path / "back" / name).read_bytes() == (tmp_path / "in" / name).read_bytes()
