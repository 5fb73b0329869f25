"""`pocket` in NumPy is the network that was trained: the same tokens, whatever the threads and the processor."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from soundwright.codec import pocket
from soundwright.codec.pocket import spectrum, weights
from soundwright.codec.pocket.config import HOP, NUM_BINS, SAMPLE_RATE, WINDOW, PocketConfig
from soundwright.codec.pocket.decoder import Decoder
from soundwright.codec.pocket.encoder import Encoder
from soundwright.codec.pocket.quantizer import Quantizer
from soundwright.codec.pocket.steadying import SteadyState, steady
from soundwright.codec.pocket.training.export import read_network
from soundwright.codec.pocket.training.network import Pocket, cut_windows
from soundwright.codec.pocket.training.steady import SteadyState as TorchState
from soundwright.codec.pocket.training.steady import steady as torch_steady
from soundwright.core.errors import BadInput
from soundwright.core.threads import limit_threads

CONFIG = PocketConfig(dim=24, hidden=16, latent=6, num_codebooks=4, codebook_size=64, gate_bands=8)
RELEASED = weights.path_of(weights.LATEST)


def sounds(duration_s: float = 4.0) -> dict[str, NDArray[np.float32]]:
    """Computed sounds of all kinds: held and gliding tones, noise, clicks, silence, a loud and a soft one."""
    rng, num = np.random.default_rng(0), round(duration_s * SAMPLE_RATE)
    t = np.arange(num) / SAMPLE_RATE
    note = sum(np.sin(2 * np.pi * 233 * k * t) / k for k in range(1, 12)) * np.exp(-(t % 0.5) * 4)
    clicks = np.zeros(num)
    clicks[:: SAMPLE_RATE // 7] = 0.9
    every = {
        "note": 0.2 * note,
        "glide": 0.3 * np.sin(2 * np.pi * (100 + 300 * t) * t),
        "noise": 0.1 * rng.standard_normal(num),
        "clicks": clicks,
        "silence": np.zeros(num),
        "clipped": np.clip(3 * np.sin(2 * np.pi * 660 * t) + rng.standard_normal(num), -1, 1),
        "soft": 1e-5 * rng.standard_normal(num),
    }
    return {name: np.asarray(sound, np.float32) for name, sound in every.items()}


def torch_tokens(network: Pocket, samples: NDArray[np.float32]) -> NDArray[np.uint16]:
    padded = np.pad(samples.astype(np.float64), (0, -len(samples) % HOP))
    with torch.inference_mode():
        latents, _ = network.double().encoder(cut_windows(torch.from_numpy(padded)[None]))
        return network.quantizer.encode(latents[0]).numpy().T.astype(np.uint16)


def random_network(config: PocketConfig) -> tuple[Pocket, dict[str, NDArray[np.float32]]]:
    torch.manual_seed(5)
    network = Pocket(config).eval()
    return network, {name: tensor.numpy() for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("kind", sounds())
def test_tokens_are_those_of_the_network_that_was_trained(kind: str) -> None:
    samples = sounds()[kind]
    assert np.array_equal(pocket.load().encode(samples, 8), torch_tokens(read_network(RELEASED), samples))


def test_latents_differ_from_the_networks_by_rounding() -> None:
    network, tensors = random_network(CONFIG)
    samples = sounds(1.0)["note"].astype(np.float64)
    with torch.inference_mode():
        windows = torch.from_numpy(samples).unfold(0, WINDOW, HOP)[None]
        expected, _ = network.double().encoder(windows)
    latents, _ = Encoder(CONFIG, tensors)(samples, None)
    assert np.abs(latents - expected[0].numpy()).max() < 1e-12 * np.abs(latents).max()


@pytest.mark.parametrize(("passes", "power"), [(1, 1.0), (2, 0.8)])
def test_spectra_differ_from_the_networks_by_rounding(passes: int, power: float) -> None:
    config = replace(CONFIG, steady_passes=passes, gate_power=power)
    network, tensors = random_network(config)
    latents = np.random.default_rng(1).standard_normal((40, 2 * CONFIG.latent)).astype(np.float32)
    with torch.inference_mode():
        expected, _ = network.decoder(torch.from_numpy(latents)[None])
    decoder, state, parts = Decoder(config, tensors), None, []
    for part in (latents[:13], latents[13:14], latents[14:]):
        found, state = decoder(part, state)
        parts.append(found)
    assert np.abs(np.concatenate(parts) - expected[0].numpy()).max() < 1e-5 * float(expected.abs().max())


def test_steadying_is_that_of_training() -> None:
    rng = np.random.default_rng(2)
    spectra = (rng.standard_normal((30, 9)) + 1j * rng.standard_normal((30, 9))).astype(np.complex64)
    gate = rng.uniform(0, 0.97, (30, 9)).astype(np.float32)
    nothing = torch.zeros(1, 9, dtype=torch.complex64)
    expected, _ = torch_steady(
        torch.from_numpy(spectra)[None], torch.from_numpy(gate)[None], TorchState(nothing, nothing, nothing)
    )
    found, _ = steady(spectra, gate, SteadyState.nothing(9))
    assert np.abs(found - expected[0].numpy()).max() < 1e-5


def test_the_window_and_the_bands_are_those_of_training() -> None:
    network = Pocket(PocketConfig())
    assert np.array_equal(spectrum.hann_window(), network.encoder.window.numpy())
    exact = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    assert np.abs(spectrum.hann_window() - exact).max() < 3e-7
    assert np.allclose(spectrum.mel_triangles(80).sum(axis=0), 1, atol=1e-6)
    assert np.allclose(spectrum.gate_interpolation(64).sum(axis=0), 1, atol=1e-6)
    assert spectrum.mel_triangles(80).shape == (NUM_BINS, 80)


def exact_codes(codebooks: NDArray[np.float64], latents: NDArray[np.float64]) -> NDArray[np.int64]:
    """Nearest vectors by the definition, level by level, `[K, T]`."""
    residual, codes = latents.copy(), []
    for book in codebooks:
        index = np.square(residual[:, None] - book).sum(axis=2).argmin(axis=1)
        residual -= book[index]
        codes.append(index)
    return np.stack(codes)


def test_the_search_finds_the_nearest_vectors() -> None:
    rng = np.random.default_rng(3)
    codebooks = rng.standard_normal((4, 64, 8)) * (0.5 ** np.arange(4))[:, None, None]
    latents = rng.standard_normal((500, 8))
    assert np.array_equal(Quantizer(codebooks).encode(latents, 4), exact_codes(codebooks, latents))


def test_vectors_that_float32_cannot_tell_apart_are_told_apart() -> None:
    rng = np.random.default_rng(4)
    base = rng.standard_normal((1, 32, 8))
    codebooks = np.concatenate([base, base * (1 + 1e-9 * rng.standard_normal((1, 32, 1)))], axis=1)
    latents = 1.5 * np.repeat(base[0], 20, axis=0) + 0.01 * rng.standard_normal((640, 8))
    assert (codebooks.astype(np.float32)[0, :32] == codebooks.astype(np.float32)[0, 32:]).all()
    assert np.array_equal(Quantizer(codebooks).encode(latents, 1), exact_codes(codebooks, latents))


def test_of_equal_vectors_the_first_is_taken() -> None:
    codebooks = np.repeat(np.random.default_rng(5).standard_normal((2, 8, 4)), 2, axis=1)
    codes = Quantizer(codebooks).encode(np.random.default_rng(6).standard_normal((50, 4)), 2)
    assert (codes % 2 == 0).all()


def test_threads_change_no_token() -> None:
    samples, codec = sounds()["note"], pocket.load()
    tokens = []
    for count in (1, 2, 4):
        with limit_threads(count):
            tokens.append(codec.encode(samples, 8))
    assert np.array_equal(tokens[0], tokens[1])
    assert np.array_equal(tokens[0], tokens[2])


ELSEWHERE = """
import hashlib, json, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from test_pocket_inference import sounds
from soundwright.codec import pocket
codec = pocket.load()
tokens = [codec.encode(samples, 8) for samples in sounds(2.0).values()]
print(hashlib.sha256(b"".join(part.tobytes() for part in tokens)).hexdigest())
"""


def test_a_smaller_processor_gives_the_same_tokens() -> None:
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    features = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    digests = []
    for switches in ({}, {"NPY_DISABLE_CPU_FEATURES": " ".join(features), "OPENBLAS_CORETYPE": "Haswell"}):
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, str(Path(__file__).parent)],
            check=True, capture_output=True, text=True, env={**os.environ, **switches},
        )  # fmt: skip
        digests.append(done.stdout.strip())
    assert digests[0] == digests[1]


def damaged(path: Path, **changes: object) -> Path:
    """The released weights with other facts about the network."""
    config, tensors = weights.read_weights(RELEASED)
    save_file(tensors, path, {"soundwright": json.dumps({"network": config.to_dict() | changes})})
    return path


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"dim": 10**30}, "expected dim from 1 to 4096"),
        ({"dim": -1}, "expected dim"),
        ({"dim": 2.5}, "expected dim"),
        ({"dim": 225}, "expected numbers of shape"),
        ({"encoder_dilations": [1] * 1000}, "at most 64 numbers as encoder_dilations"),
        ({"encoder_dilations": [1, 10**9]}, "expected dilations from 1 to 256"),
        ({"encoder_dilations": [1, 1, 1]}, "expected other tensors"),
        ({"steady_passes": 3}, "expected 1 or 2 as steady_passes"),
        ({"gate_power": "much"}, "expected gate_power"),
        ({"colour": "blue"}, "expected weights of the pocket codec"),
    ],
)
def test_weights_that_are_not_what_they_say_are_refused(tmp_path: Path, changes: dict[str, object], found: str) -> None:
    path = damaged(tmp_path / "model.safetensors", **changes)
    with pytest.raises(BadInput, match=found) as caught:
        weights.read_weights(path)
    assert caught.value.path == path
    assert caught.value.remedy


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    config, tensors = weights.read_weights(RELEASED)
    tensors["decoder.gate.bias"] = np.full_like(tensors["decoder.gate.bias"], np.nan)
    path = tmp_path / "model.safetensors"
    save_file(tensors, path, {"soundwright": json.dumps({"network": config.to_dict()})})
    with pytest.raises(BadInput, match="decoder.gate.bias holds NaN"):
        weights.read_weights(path)


def test_a_cut_file_of_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(RELEASED.read_bytes()[:100_000])
    with pytest.raises(BadInput, match="expected weights of the pocket codec"):
        weights.read_weights(path)


def test_a_damaged_window_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "window.npy"
    np.save(path, np.hanning(WINDOW + 1)[:-1].astype(np.float32))
    monkeypatch.setattr(spectrum, "_WINDOW_FILE", path)
    spectrum.hann_window.cache_clear()
    try:
        with pytest.raises(BadInput, match="SHA-256") as caught:
            spectrum.hann_window()
        assert caught.value.path == path
        path.unlink()
        with pytest.raises(BadInput, match="cannot be read"):
            spectrum.hann_window()
    finally:
        spectrum.hann_window.cache_clear()


def test_released_weights_that_were_swapped_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = damaged(tmp_path / "swapped.safetensors")
    monkeypatch.setattr(weights, "path_of", lambda revision: path)
    with pytest.raises(BadInput, match=hashlib.sha256(path.read_bytes()).hexdigest()[:12]):
        pocket.load()
    path.unlink()
    with pytest.raises(BadInput, match="cannot be read"):
        pocket.load()
