"""The codec with a trained audio transformer: segments of a block side by side in lanes, a sample of each at a step.

What a model says of a sample depends, in its last bits, on the kernels that computed it. So encoding and decoding are
one function, which steps the same lanes through the same shapes on one thread, and a block records what else decides
the bits: lanes, the build of torch, the processor's instructions, and a probe, the digest of some numbers that the
model gave. Where any of them differs here, the block is refused.

A block is empty when it has no samples. Else its first byte is the number of lanes. 0: the samples as they are follow,
channel by channel, little-endian. Otherwise there follow the probe (8 bytes), the length of the build's name (1 byte),
the name, and what the range coder wrote, batch by batch of segments, step by step, lane by lane.
"""

from __future__ import annotations

import functools
import hashlib
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput
from soundwright.core.extras import needs_extra
from soundwright.lossless.blocks import TRANSFORMER, Codec, NotHere
from soundwright.lossless.frequencies import code_by_logits, code_by_mixture
from soundwright.lossless.range_coder import DECODING, LIMIT, POSITION, decoder, encoder, finish

with needs_extra("torch", "coding with a model"):
    import torch

from soundwright.lossless.lm.heads import Bytes, Logistics
from soundwright.lossless.lm.model import ModelConfig, SampleModel, Stepping
from soundwright.lossless.lm.weights import load_model

REVISION = 1
LANES = 64
_LANES_STEP = 8  # lanes come in multiples of this
_RAW = 0
_PROBE_BYTES = 8
_PROBE_STEPS = 4
#: What the keys and values of a batch may take; larger models have fewer lanes.
_MOST_CACHE_BYTES = 1 << 29
_LEAST_BLOCK, _LONGEST_BLOCK = 1 << 16, 1 << 20
#: Frequencies sum to about 2 to the power of these, so that the 1 of each value costs less than 0.01 bits.
_TABLE_BITS = {8: 20, 16: 24}


def model_codec(path: Path) -> Codec:
    """The codec that works with a model file of `soundwright lm train`.

    Raises:
        BadInput: the file is missing, or is none.
    """
    digest = model_digest(path)
    coder = _coder(path, digest)
    config = coder.config
    block_samples = min(max(_LEAST_BLOCK, LANES * config.sequence_length), _LONGEST_BLOCK)
    return Codec(
        TRANSFORMER, "transformer", REVISION, coder.encode, coder.decode, block_samples, digest, config.sample_bits
    )


def model_digest(path: Path) -> bytes:
    """SHA-256 of a model file.

    Raises:
        BadInput: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        what = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        raise BadInput(what, path=path, remedy="give the .npz file that the training wrote") from error


@functools.lru_cache(maxsize=1)
def _coder(path: Path, digest: bytes) -> ModelCoder:
    """The coder of a model; `digest` is there so that a file that changed is read again."""
    return ModelCoder(*load_model(path))


def build() -> str:
    """What decides how torch computes here."""
    return f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, {platform.machine()}"


@dataclass
class _Channel:
    """Where decisions go to or come from: the range coder and its buffer.

    Attributes:
        state: see `range_coder`.
        data: its buffer.
    """

    state: NDArray[np.int64]
    data: NDArray[np.uint8]


class ModelCoder:
    """Codes blocks with one model."""

    def __init__(self, config: ModelConfig, model: SampleModel) -> None:
        self.config = config
        self.model = model
        self._probes: dict[int, bytes] = {}

    def encode(self, samples: NDArray[np.int32], bits: int) -> bytes:
        """Samples `[C, N]` to at most 1 byte more than they take as they are."""
        self._check(bits)
        if not samples.size:
            return b""
        raw = bytes([_RAW]) + samples.astype(f"<i{bits // 8}").tobytes()
        streams = self._streams(samples.astype(np.int64) + (1 << (bits - 1)))
        channel = _Channel(encoder(), np.zeros(len(raw), np.uint8))
        channel.state[LIMIT] = len(raw)
        with _one_thread():
            lanes = self._lanes(streams.shape)
            head = bytes([lanes]) + self._probe(lanes) + _prefixed(build().encode())
            fits = self._code(streams, lanes, channel)
        data = head + finish(channel.state, channel.data) if fits else raw
        return min(data, raw, key=len)

    def decode(self, data: bytes, channels: int, num_samples: int, bits: int) -> NDArray[np.int32]:
        """The samples `[C, N]` of `encode`.

        Raises:
            NotHere: the block was made with another build of torch, or on a processor that computes otherwise.
            ValueError: the data is damaged.
        """
        self._check(bits)
        shape = (channels, num_samples)
        if not channels * num_samples:
            return np.zeros(shape, np.int32)
        if not data:
            raise ValueError("no data")
        if data[0] == _RAW:
            return np.frombuffer(data[1:], f"<i{bits // 8}").reshape(shape).astype(np.int32)
        lanes, streams = data[0], np.zeros(self._stream_shape(shape), np.int64)
        if lanes != self._lanes(streams.shape):
            raise ValueError(f"{lanes} lanes")
        at = 1 + _PROBE_BYTES
        probe, name_length = data[1:at], int.from_bytes(data[at : at + 1], "big")
        made_with = data[at + 1 : at + 1 + name_length].decode(errors="replace")
        coded = np.frombuffer(bytearray(data[at + 1 + name_length :]) or bytearray(1), np.uint8)
        channel = _Channel(decoder(coded), coded)
        if made_with != build():
            raise NotHere(f"was made with {made_with}; here is {build()}", remedy="decompress it with that build")
        with _one_thread():
            if self._probe(lanes) != probe:
                raise NotHere(
                    f"was made with {made_with} on a processor whose numbers differ in their last bits from those here",
                    remedy="decompress it on a machine with the processor that made it",
                )
            self._code(streams, lanes, channel)
        return (self._samples(streams, shape) - (1 << (bits - 1))).astype(np.int32)

    def _check(self, bits: int) -> None:
        if bits != self.config.sample_bits:
            raise ValueError(f"samples of {bits} bits for a model of {self.config.sample_bits}")

    def _stream_shape(self, shape: tuple[int, int]) -> tuple[int, int]:
        """How many streams `[C, N]` makes, and how long they are."""
        return shape if self.config.channels == "mono" else (1, shape[0] * shape[1])

    def _streams(self, samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Samples `[C, N]` in the order of the training: each channel by itself, or all in blocks in one stream."""
        if self.config.channels == "mono":
            return samples.copy()
        block = self.config.stereo_blocking_n
        whole = samples.shape[1] // block * block
        blocks = samples[:, :whole].reshape(len(samples), -1, block).transpose(1, 0, 2)
        return np.concatenate([blocks.ravel(), samples[:, whole:].ravel()])[None]

    def _samples(self, streams: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.int64]:
        """The inverse of `_streams`."""
        if self.config.channels == "mono":
            return streams
        (channels, num_samples), block = shape, self.config.stereo_blocking_n
        whole = num_samples // block * block
        blocks = streams[0, : whole * channels].reshape(-1, channels, block).transpose(1, 0, 2)
        rest = streams[0, whole * channels :].reshape(channels, -1)
        return np.concatenate([blocks.reshape(channels, whole), rest], axis=1)

    def _lanes(self, stream_shape: tuple[int, int]) -> int:
        """How many lanes a block has: 64, fewer for short blocks and for models with much to keep."""
        config = self.config
        lane_bytes = 8 * config.num_layers * config.sequence_length * config.embedding_dim
        most = LANES
        while most > _LANES_STEP and most * lane_bytes > _MOST_CACHE_BYTES:
            most //= 2
        num_segments = stream_shape[0] * -(-stream_shape[1] // config.sequence_length)
        in_batch = -(-num_segments // -(-num_segments // most))
        return -(-in_batch // _LANES_STEP) * _LANES_STEP

    def _code(self, streams: NDArray[np.int64], lanes: int, channel: _Channel) -> bool:
        """Encodes streams `[S, n]`, or fills them in; False where the buffer is full."""
        longest = self.config.sequence_length
        segments = [row[at : at + longest] for row in streams for at in range(0, len(row), longest)]
        segments.sort(key=len, reverse=True)
        return all(
            self._code_batch(segments[first : first + lanes], lanes, channel)
            for first in range(0, len(segments), lanes)
        )

    def _code_batch(self, segments: list[NDArray[np.int64]], lanes: int, channel: _Channel) -> bool:
        """Encodes up to L segments, the longest first, or fills them in; lanes that have ended are fed silence."""
        silence = 1 << (self.config.sample_bits - 1)
        lengths = np.array([len(segment) for segment in segments] + [0] * (lanes - len(segments)))
        grid = np.full((lengths[0], lanes), silence, np.int64)
        for lane, segment in enumerate(segments):
            grid[: len(segment), lane] = segment
        state, previous = self.model.begin(lanes), None
        for t, values in enumerate(grid):
            outputs = self.model.step(previous, state)
            self._code_step(outputs, state, values, lengths > t, channel)
            if channel.state[POSITION] > channel.state[LIMIT] and not channel.state[DECODING]:
                return False
            previous = torch.from_numpy(values)
        for lane, segment in enumerate(segments):
            segment[:] = grid[: len(segment), lane]
        return True

    def _code_step(
        self,
        outputs: torch.Tensor,
        state: Stepping,
        values: NDArray[np.int64],
        active: NDArray[np.bool_],
        channel: _Channel,
    ) -> None:
        """Codes the next sample of each active lane `[L]`, by the head's numbers `[L, O]`."""
        head, to = self.model.head, (channel.state, channel.data)
        if isinstance(head, Logistics):
            log_weights, means, log_widths = head.mixture(outputs, state.past)
            weights, steps = log_weights.exp().numpy(), (-log_widths).exp().numpy()
            code_by_mixture(*to, weights, means.numpy(), steps, values, active, head.sample_bits)
        elif isinstance(head, Bytes):
            high, low = values >> 8, values & 255
            code_by_logits(*to, outputs[:, :256].contiguous().numpy(), high, active, _TABLE_BITS[8])
            code_by_logits(*to, head.low_logits(outputs, torch.from_numpy(high)).numpy(), low, active, _TABLE_BITS[8])
            values[:] = high << 8 | low
        else:
            code_by_logits(*to, outputs.numpy(), values, active, _TABLE_BITS[head.sample_bits])

    def _probe(self, lanes: int) -> bytes:
        """A digest of the bits that the model computes here, at the begin and the end of what it sees at once."""
        if lanes not in self._probes:
            longest = self.config.sequence_length
            state = self.model.begin(lanes)
            digest = hashlib.sha256()
            previous = None
            rng = np.random.Generator(np.random.PCG64(lanes))
            for position in sorted({*range(longest)[:_PROBE_STEPS], *range(longest)[-_PROBE_STEPS:]}):
                state.cache.length = position
                digest.update(self.model.step(previous, state).numpy().tobytes())
                previous = torch.from_numpy(rng.integers(0, self.model.head.num_values, lanes))
            self._probes[lanes] = digest.digest()[:_PROBE_BYTES]
        return self._probes[lanes]


def _prefixed(name: bytes) -> bytes:
    return bytes([len(name[:255])]) + name[:255]


_settings_lock = threading.Lock()
_inside = 0
_restore: list[tuple[int, bool, bool, str]] = []


@contextmanager
def _one_thread() -> Iterator[None]:
    """Within it torch computes on one thread, deterministically, in full float32; blocks may enter it side by side.

    The number of threads is each thread's own, the rest is the process's: the last one out puts it back.
    """
    global _inside
    with _settings_lock:
        threads = torch.get_num_threads()
        if not _inside:
            _restore[:] = [
                (
                    threads,
                    torch.are_deterministic_algorithms_enabled(),
                    torch.is_deterministic_algorithms_warn_only_enabled(),
                    torch.get_float32_matmul_precision(),
                )
            ]
            torch.use_deterministic_algorithms(True)
            torch.set_float32_matmul_precision("highest")
        _inside += 1
        torch.set_num_threads(1)
    try:
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            yield
    finally:
        with _settings_lock:
            _inside -= 1
            if not _inside:
                before, deterministic, warn_only, precision = _restore[0]
                torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
                torch.set_float32_matmul_precision(precision)
                threads = before
            torch.set_num_threads(threads)
