"""Encodes and decodes one block of audio by itself: the cascade's predictions, the mixture's density, the range coder.

A block is empty when it has no samples. Else its first byte says what follows:

    0           the samples as they are: channel by channel, little-endian, bits / 8 bytes each
    1 + p + 8s  coded with preset p; s = 1: the channels of each pair change places. Deep presets take one channel.

Coded blocks go on with a description of each channel, in variable-length integers (7 bits each, least significant
first): `9 * shift + copy`, where shift counts the low bits that are zero in every sample and copy is 1 + the number of
an earlier channel with the same samples, or 0. Without a copy there follow the smallest value (zigzag) and the distance
to the largest, both after the shift; where that is 0, the channel is constant and done. The other channels are taken in
pairs, a last one alone, through one range coder, whose bytes end the block.

Nothing passes from block to block.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.lossless.cascade import new_cascade
from soundwright.lossless.cascade_block import code_channels
from soundwright.lossless.cascade_deep import DeepSettings, new_deep
from soundwright.lossless.cascade_presets import PRESETS
from soundwright.lossless.mixture import DEEP_EXPERTS, new_density, new_tables
from soundwright.lossless.range_coder import LIMIT, POSITION, decoder, encoder, finish

REVISION = 1
MAX_CHANNELS = 8
# About 24 s at 44.1 kHz. Each block learns from nothing, which costs, against one block of 48 s (jazz, piano, brass):
# 0.1, 0.2, -0.1 % at 2^20 samples, 0.1, 0.3, 0.1 % at 2^19, 0.3, 0.6, 0.2 % at 2^18, 1.3, 3.8, 1.7 % at 2^16.
BLOCK_SAMPLES = 1 << 20
_WIDTHS = (8, 16, 24, 32)
_RAW = 0
_LEAST_TRIAL, _LONGEST_TRIAL = 1 << 13, 1 << 16  # samples


def encode_block(samples: NDArray[np.int32], bits: int) -> bytes:
    """Encodes one block.

    Args:
        samples: `[C, N]`, 1 to 8 channels, in [-2^(bits-1), 2^(bits-1)).
        bits: 8, 16, 24 or 32.

    Returns:
        At most 1 byte more than the samples take.

    Raises:
        ValueError: number of channels, bits or samples out of range.
    """
    channels, length = samples.shape
    _check(channels, length, bits)
    if length == 0:
        return b""
    wide = samples.astype(np.int64)
    if wide.min() < -(1 << (bits - 1)) or wide.max() >= 1 << (bits - 1):
        raise ValueError(f"expected samples of {bits} bits, found {wide.min()} to {wide.max()}")
    raw = _raw(wide, bits)
    described, active, limits = _describe(wide)
    if not len(active):
        return min(raw, bytes([1]) + described, key=len)
    best = _choose(active, limits)
    coded = _run(active, limits, *best, None)
    if coded is None or len(coded) + len(described) >= len(raw) - 1:
        return raw
    return bytes([1 + best[0] + 8 * best[1]]) + described + coded


def decode_block(data: bytes, channels: int, num_samples: int, bits: int) -> NDArray[np.int32]:
    """Decodes one block.

    Args:
        data: what `encode_block` returned.
        channels: C.
        num_samples: N.
        bits: 8, 16, 24 or 32.

    Returns:
        The samples `[C, N]`. Memory is at most about 80 N C bytes, whatever the data says.

    Raises:
        ValueError: channels, length or bits out of range.
        BadInput: the data is damaged. Not all damage is seen here; the container has a checksum.
    """
    _check(channels, num_samples, bits)
    if num_samples == 0:
        if data:
            raise BadInput(f"expected no data for a block without samples, found {len(data)} bytes")
        return np.zeros((channels, 0), np.int32)
    if not data:
        raise BadInput("expected a block, found no data")
    if data[0] == _RAW:
        return _from_raw(data, channels, num_samples, bits)
    preset, swap = (data[0] - 1) % 8, (data[0] - 1) // 8
    if preset >= len(PRESETS) or swap > 1:
        raise BadInput(f"expected a block coded in a known way, found the number {data[0]}")
    out = np.zeros((channels, num_samples), np.int64)
    shifts, copies, active, limits, end = _read_description(data, channels, bits, out)
    if active:
        if not _takes(preset, len(active)):
            raise BadInput(f"expected one channel for preset {preset}, found {len(active)}")
        coded = np.zeros((len(active), num_samples), np.int64)
        if _run(coded, limits, preset, swap, data[end:]) is None:
            raise BadInput("expected more data in the block, or less: it is damaged")
        out[active] = coded
    elif end != len(data):
        raise BadInput(f"expected a block of {end} bytes, found {len(data)}")
    for channel in range(channels):
        out[channel] = out[copies[channel]] if channel in copies else out[channel] << shifts[channel]
    return out.astype(np.int32)


def _choose(samples: NDArray[np.int64], limits: NDArray[np.int64]) -> tuple[int, int]:
    """The preset and the order of the channels that code the middle of the block best."""
    num, length = samples.shape
    tried = min(length, max(_LEAST_TRIAL, min(_LONGEST_TRIAL, length // 16)))
    start = (length - tried) // 2
    part = samples[:, start : start + tried]

    def size(preset: int, swap: int) -> int:
        coded = _run(part, limits, preset, swap, None)
        return 1 << 62 if coded is None else len(coded)

    preset = min((p for p in range(len(PRESETS)) if _takes(p, num)), key=lambda preset: size(preset, 0))
    swap = min(range(2 if num > 1 else 1), key=lambda swap: size(preset, swap))
    return preset, swap


def _takes(preset: int, num: int) -> bool:
    return num == 1 or not isinstance(PRESETS[preset], DeepSettings)


def _check(channels: int, length: int, bits: int) -> None:
    if not 1 <= channels <= MAX_CHANNELS:
        raise ValueError(f"expected 1 to {MAX_CHANNELS} channels, found {channels}")
    if length < 0:
        raise ValueError(f"expected a number of samples, found {length}")
    if bits not in _WIDTHS:
        raise ValueError(f"expected 8, 16, 24 or 32 bits, found {bits}")


def _run(
    samples: NDArray[np.int64],
    limits: NDArray[np.int64],
    preset: int,
    swap: int,
    data: bytes | None,
) -> bytes | None:
    """Encodes `samples` `[C, N]`, or decodes `data` into them; None when the buffer ends too early or too late."""
    num, length = samples.shape
    lookup, settings = new_tables(), PRESETS[preset]
    if data is None:
        buffer = np.zeros(4 * samples.size + 64, np.uint8)
        state = encoder()
        state[LIMIT] = len(buffer)
    else:
        buffer = np.frombuffer(bytearray(data) or bytearray(1), np.uint8)
        state = decoder(buffer)
        state[LIMIT] = len(data)
    for first in range(0, num, 2):
        pair = np.arange(first, min(first + 2, num))
        if swap:
            pair = pair[::-1]
        part, bounds = samples[pair], np.ascontiguousarray(limits[pair])
        if isinstance(settings, DeepSettings):
            deep = new_deep(settings, bounds, length)
            density = new_density(bounds, deep.centres.shape[1], DEEP_EXPERTS)
            done = code_channels(part, bounds, settings, deep, density, lookup, state, buffer)
        else:
            cascade = new_cascade(settings, bounds, length)
            density = new_density(bounds, cascade.centres.shape[1])
            done = code_channels(part, bounds, settings, cascade, density, lookup, state, buffer)
        if not done:
            return None
        samples[pair] = part
    if data is None:
        return finish(state, buffer) if int(state[POSITION]) <= len(buffer) else None
    return data if int(state[POSITION]) >= len(data) else None


def _raw(samples: NDArray[np.int64], bits: int) -> bytes:
    little = samples.astype("<i8").view(np.uint8).reshape(*samples.shape, 8)
    return bytes([_RAW]) + little[:, :, : bits // 8].tobytes()


def _from_raw(data: bytes, channels: int, num_samples: int, bits: int) -> NDArray[np.int32]:
    size = bits // 8
    if len(data) != 1 + channels * num_samples * size:
        raise BadInput(f"expected {1 + channels * num_samples * size} bytes in a stored block, found {len(data)}")
    stored = np.frombuffer(data, np.uint8, offset=1).reshape(channels, num_samples, size)
    wide = np.zeros((channels, num_samples, 4), np.uint8)
    wide[:, :, 4 - size :] = stored
    return (wide.view("<i4")[:, :, 0] >> (32 - bits)).astype(np.int32)


def _describe(samples: NDArray[np.int64]) -> tuple[bytes, NDArray[np.int64], NDArray[np.int64]]:
    """The descriptions, the channels that must be coded `[P, N]` after their shift, and their limits `[P, 2]`."""
    described = bytearray()
    active: list[NDArray[np.int64]] = []
    limits: list[tuple[int, int]] = []
    for number, channel in enumerate(samples):
        copy = next((c for c in range(number) if np.array_equal(samples[c], channel)), None)
        if copy is not None:
            described += _varint(1 + copy)
            continue
        used = int(np.bitwise_or.reduce(channel))
        shift = (used & -used).bit_length() - 1 if used else 0
        shifted = channel >> shift
        low, high = int(shifted.min()), int(shifted.max())
        described += _varint(9 * shift) + _varint(2 * low if low >= 0 else -2 * low - 1) + _varint(high - low)
        if low < high:
            active.append(shifted)
            limits.append((low, high))
    if not active:
        return bytes(described), np.zeros((0, 0), np.int64), np.zeros((0, 2), np.int64)
    return bytes(described), np.stack(active), np.array(limits)


def _read_description(
    data: bytes, channels: int, bits: int, out: NDArray[np.int64]
) -> tuple[list[int], dict[int, int], list[int], NDArray[np.int64], int]:
    """Shifts, copies, numbers and limits of the coded channels, and where their data begins; constants go to `out`."""
    at = 1
    shifts: list[int] = []
    copies: dict[int, int] = {}
    active: list[int] = []
    limits: list[tuple[int, int]] = []
    for channel in range(channels):
        value, at = _read_varint(data, at)
        shift, copy = divmod(value, 9)
        shifts.append(shift)
        if copy:
            if shift or copy > channel:
                raise BadInput(f"expected a copy of an earlier channel, found one of {copy} in channel {channel + 1}")
            copies[channel] = copy - 1
            continue
        zigzag, at = _read_varint(data, at)
        span, at = _read_varint(data, at)
        low = -(zigzag + 1) // 2 if zigzag & 1 else zigzag // 2
        largest = 1 << (bits - 1)
        if shift >= bits or not -largest <= low << shift <= (low + span) << shift < largest:
            raise BadInput(f"expected samples of {bits} bits in channel {channel + 1}, found a larger range")
        if span:
            active.append(channel)
            limits.append((low, low + span))
        else:
            out[channel] = low
    return shifts, copies, active, np.array(limits).reshape(-1, 2), at


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for step in range(6):
        if at >= len(data):
            break
        byte = data[at]
        value |= (byte & 127) << (7 * step)
        at += 1
        if byte < 128:
            return value, at
    raise BadInput("expected the description of a channel, found damaged data")
