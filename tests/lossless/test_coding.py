from __future__ import annotations

import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.lossless.coding import decode_block, encode_block

Samples = NDArray[np.int32]


def roundtrip(samples: Samples, bits: int) -> int:
    """Bytes of the block, after checking that it comes back."""
    data = encode_block(samples, bits)
    back = decode_block(data, *samples.shape, bits)
    assert back.dtype == np.int32
    assert np.array_equal(back, samples)
    assert len(data) <= 1 + samples.size * bits // 8
    return len(data)


def tone(channels: int, length: int, bits: int) -> Samples:
    n = np.arange(length)
    rows = [np.sin(2 * np.pi * (0.01 + 0.003 * c) * n) * 0.7 * 2 ** (bits - 1) for c in range(channels)]
    return np.rint(rows).astype(np.int32).reshape(channels, length)


def resonance(length: int, sigma: float, channels: int = 1) -> Samples:
    """Noise of standard deviation `sigma` through two poles."""
    noise = np.random.default_rng(6).normal(0, sigma, (channels, length))
    out = np.zeros((channels, length + 2))
    for t in range(length):
        out[:, t + 2] = 1.8 * out[:, t + 1] - 0.9 * out[:, t] + noise[:, t]
    return np.rint(out[:, 2:]).astype(np.int32)


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("channels", [1, 2, 3, 8])
@pytest.mark.parametrize("length", [0, 1, 2, 97])
def test_tones_of_every_shape_come_back(bits: int, channels: int, length: int) -> None:
    roundtrip(tone(channels, length, bits), bits)


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_noise_of_full_scale_costs_one_byte(bits: int) -> None:
    largest = 1 << (bits - 1)
    noise = np.random.default_rng(7).integers(-largest, largest, (2, 700)).astype(np.int32)
    assert roundtrip(noise, bits) <= 1 + noise.size * bits // 8


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_extremes_come_back(bits: int) -> None:
    largest = 1 << (bits - 1)
    square = np.where(np.arange(3000) // 50 % 2, largest - 1, -largest).astype(np.int32)
    chosen = np.random.default_rng(8).choice([-largest, largest - 1], 1000).astype(np.int32)
    impulse = np.zeros(2000, np.int32)
    impulse[1000] = -largest
    assert roundtrip(np.stack([square, -1 - square]), bits) < square.size * bits // 8
    roundtrip(chosen[None], bits)
    assert roundtrip(impulse[None], bits) < 60


@pytest.mark.parametrize("value", [0, 1, -1, 32767, -32768])
def test_a_constant_channel_costs_a_few_bytes(value: int) -> None:
    assert roundtrip(np.full((2, 100_000), value, np.int32), 16) < 12


def test_silence_between_sounds_costs_little() -> None:
    sound = resonance(3000, 50)
    quiet = np.concatenate([sound, np.zeros((1, 60_000), np.int32), sound], axis=1)
    assert roundtrip(quiet, 16) < roundtrip(np.concatenate([sound, sound], axis=1), 16) + 200


def test_identical_channels_cost_one() -> None:
    one = resonance(4000, 30)
    assert roundtrip(np.repeat(one, 6, axis=0), 16) <= roundtrip(one, 16) + 5


def test_unused_low_bits_cost_nothing() -> None:
    sound = resonance(3000, 30, channels=2)
    assert roundtrip(sound * 256, 24) <= roundtrip(sound, 16) + 6


def test_a_resonance_costs_little_more_than_its_entropy() -> None:
    sigma, length = 40.0, 30_000
    entropy = math.log2(sigma * math.sqrt(2 * math.pi * math.e))
    assert 8 * roundtrip(resonance(length, sigma), 16) / length < 1.015 * entropy


def test_it_learns_what_the_channels_share() -> None:
    shared = resonance(6000, 200)[0]
    faint = np.random.default_rng(9).integers(-3, 4, 6000)
    apart = roundtrip(shared[None], 16)
    assert roundtrip(np.stack([shared, (0.6 * shared).astype(np.int32) + faint]).astype(np.int32), 16) < 1.6 * apart


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 4),
    st.integers(0, 60),
    st.sampled_from([8, 16, 24, 32]),
    st.integers(0, 2**32 - 1),
    st.integers(0, 31),
)
def test_any_samples_come_back(channels: int, length: int, bits: int, seed: int, quiet: int) -> None:
    largest = 1 << (bits - 1)
    samples = np.random.default_rng(seed).integers(-largest, largest, (channels, length)) >> min(quiet, bits - 1)
    roundtrip(samples.astype(np.int32), bits)


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_damage_raises_or_decodes_to_samples(data: st.DataObject) -> None:
    good = bytearray(encode_block(resonance(200, 30, channels=2), 16))
    for _ in range(data.draw(st.integers(0, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(good)))
    length = data.draw(st.sampled_from([0, 1, 199, 200, 201, 5000]))
    try:
        out = decode_block(bytes(good[:cut]), data.draw(st.integers(1, 8)), length, 16)
    except BadInput:
        return
    assert out.shape[1] == length
    assert out.min(initial=0) >= -32768
    assert out.max(initial=0) < 32768


@settings(deadline=None, max_examples=80)
@given(st.binary(max_size=60), st.integers(1, 8), st.integers(0, 300), st.sampled_from([8, 16, 24, 32]))
def test_garbage_raises_or_decodes_to_samples(data: bytes, channels: int, length: int, bits: int) -> None:
    try:
        out = decode_block(data, channels, length, bits)
    except BadInput:
        return
    assert out.shape == (channels, length)


def test_what_cannot_be_coded_is_refused() -> None:
    good = np.zeros((1, 4), np.int32)
    with pytest.raises(ValueError, match="8, 16, 24 or 32 bits"):
        encode_block(good, 12)
    with pytest.raises(ValueError, match="1 to 8 channels"):
        encode_block(np.zeros((9, 4), np.int32), 16)
    with pytest.raises(ValueError, match="samples of 16 bits"):
        encode_block(good + 40_000, 16)
    with pytest.raises(BadInput, match="no data"):
        decode_block(b"", 1, 4, 16)
    with pytest.raises(BadInput, match="known way"):
        decode_block(bytes([255]), 1, 4, 16)


_ELSEWHERE = """
import sys, numpy as np
from soundwright.lossless.coding import encode_block
from hashlib import sha256
n = np.arange(4000)
sound = np.rint(np.stack([np.sin(n * 0.05) * 9000 + n % 7, np.sin(n * 0.03) * 5000 - n % 5])).astype(np.int32)
print(sha256(encode_block(sound, 16) + encode_block(sound[:1] // 8, 16)).hexdigest())
"""


def _both(sound: Samples) -> bytes:
    """A block of two channels and one of one: they have kernels of their own."""
    return encode_block(sound, 16) + encode_block(sound[:1] // 8, 16)


def test_threads_and_processes_agree_byte_for_byte() -> None:
    n = np.arange(4000)
    sound = np.rint(np.stack([np.sin(n * 0.05) * 9000 + n % 7, np.sin(n * 0.03) * 5000 - n % 5])).astype(np.int32)
    with ThreadPoolExecutor(4) as threads:
        here = {sha256(data).hexdigest() for data in threads.map(lambda _: _both(sound), range(6))}
    run = subprocess.run([sys.executable, "-c", _ELSEWHERE], capture_output=True, text=True, check=True)
    assert here == {run.stdout.strip()}


@pytest.mark.full
def test_a_processor_without_wide_registers_makes_the_same_bytes(tmp_path: Path) -> None:
    """The kernels compiled for the plainest x86-64, or ARM: other vector widths, no fused operations."""
    n = np.arange(4000)
    sound = np.rint(np.stack([np.sin(n * 0.05) * 9000 + n % 7, np.sin(n * 0.03) * 5000 - n % 5])).astype(np.int32)
    environment = os.environ | {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    command = [sys.executable, "-c", _ELSEWHERE]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.strip() == sha256(_both(sound)).hexdigest()
