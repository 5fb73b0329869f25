"""Recordings as samples for a model: exact integers, one stream per file, cut into chunks; on disk, not in memory.

A sample of b bits is a number from 0 to 2^b - 1; the middle, 2^(b-1), is silence. Input of the model's depth, or of
less, goes through unchanged and comes back by `pcm`. Of deeper input the model sees the top bits; whoever asks for it
is told (`Chunks.facts`). Channels are mixed (their mean, rounded down), or kept: then a file is a block of the first
channel, the same stretch of the second, the next block of the first and so on, shorter blocks at its end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.audio.files import open_audio, probe
from soundwright.core.errors import BadInput, UsageError
from soundwright.lossless.lm.settings import Settings
from soundwright.runs import atomic

Samples = NDArray[np.uint8 | np.uint16]
#: Bits of a sample by libsndfile's name of the format; what is missing here is no PCM.
DEPTHS = {"PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}


@dataclass(frozen=True)
class Source:
    """A recording, or a part of its time.

    Attributes:
        path: the file.
        start: where the part begins, as a fraction of the length.
        stop: where it ends.
    """

    path: Path
    start: float = 0.0
    stop: float = 1.0


@dataclass
class Chunks:
    """Streams of samples end to end, and where each chunk begins.

    Attributes:
        samples: `[total]`, memory-mapped.
        starts: first sample of each chunk `[chunks]`.
        lengths: samples of each chunk `[chunks]`; the last of a file may be shorter than the others.
        chunk_samples: T, samples of a whole chunk.
        facts: what was read: `files` (path and format of each), `left_out` (path and reason),
            `clipped` (samples beyond full scale), `possible` (chunks there would be without `num_chunks`), `digest`
            (SHA-256 of the samples and of where streams begin).
    """

    samples: Samples
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    chunk_samples: int
    facts: dict[str, Any]

    def __len__(self) -> int:
        """The number of chunks."""
        return len(self.starts)

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Chunks `[B, T]` by their indices, and their lengths `[B]`; T is the longest, zeros follow a shorter one."""
        lengths = self.lengths[np.asarray(indices, np.int64)]
        batch = np.zeros((len(indices), int(lengths.max())), np.int64)
        for row, index, length in zip(batch, indices, lengths, strict=True):
            row[:length] = self.samples[self.starts[index] : self.starts[index] + length]
        return batch, lengths

    def spread(self, most: int) -> Chunks:
        """At most `most` of the chunks, evenly spread over all."""
        kept = np.unique(np.linspace(0, len(self) - 1, min(most, len(self))).round().astype(np.int64))
        return Chunks(self.samples, self.starts[kept], self.lengths[kept], self.chunk_samples, self.facts)


def read_chunks(sources: Sequence[Source], settings: Settings, num_chunks: int, cache: Path) -> Chunks:
    """Reads recordings into `cache`, or finds them there, and cuts them into chunks.

    Args:
        sources: in the order in which chunks are taken.
        settings: bit depth, chunk size, channels and blocks.
        num_chunks: reading ends with so many.
        cache: folder for the samples and their index.

    Returns:
        The chunks; none where `sources` is empty or nothing could be read (`facts` says why).
    """
    data, index = _in_cache(sources, settings, num_chunks, cache)
    if not (index.exists() and data.exists()):
        with atomic.atomic_path(data) as temporary, temporary.open("wb") as file:
            facts = _read_all(sources, settings, num_chunks, file)
        # The index comes second: where it stands, the samples are whole.
        atomic.write_json(index, facts)
    facts = json.loads(index.read_text())
    kind = np.uint8 if settings.sample_bits == 8 else np.dtype("<u2")
    samples = np.memmap(data, kind, "r") if data.stat().st_size else np.zeros(0, kind)
    starts, lengths = _cut(facts.pop("lengths"), settings.sequence_length)
    return Chunks(samples, starts[:num_chunks], lengths[:num_chunks], settings.sequence_length, facts)


def content_digest(sources: Sequence[Source], settings: Settings, num_chunks: int, cache: Path) -> str:
    """`facts["digest"]` of the chunks that `read_chunks` would give, without reading what did not change since."""
    index = _in_cache(sources, settings, num_chunks, cache)[1]
    if not index.exists():
        read_chunks(sources, settings, num_chunks, cache)
    return str(json.loads(index.read_text())["digest"])


def drop_samples(cache: Path) -> None:
    """Removes the samples, which may be a gigabyte; what they were is kept."""
    for path in cache.glob("*.samples"):
        path.unlink()


def _in_cache(sources: Sequence[Source], settings: Settings, num_chunks: int, cache: Path) -> tuple[Path, Path]:
    """Where the samples and their index are."""
    form = [settings.sample_bits, settings.channels, settings.stereo_blocking_n, settings.sequence_length, num_chunks]
    stats = [(s.path, s.start, s.stop, s.path.stat().st_size, s.path.stat().st_mtime_ns) for s in sources]
    digest = hashlib.sha256(repr((form, [(str(s[0]), *s[1:]) for s in stats])).encode()).hexdigest()[:16]
    return cache / f"{digest}.samples", cache / f"{digest}.json"


def check_channels(paths: Sequence[Path], settings: Settings) -> None:
    """Looks at the headers for what `--channels stereo` cannot lay out.

    Raises:
        UsageError: a file has more than two channels.
    """
    if settings.channels == "stereo":
        for path in paths:
            try:
                channels = probe(path).channels
            except BadInput:
                continue  # told and left out when it is read
            if channels > 2:
                raise UsageError(
                    f"has {channels} channels; --channels stereo takes one or two",
                    path=path,
                    remedy="leave it out, or use --channels mono, which mixes them",
                )


def stream(source: Source, settings: Settings) -> Iterator[tuple[Samples, int]]:
    """A recording in the order in which a model sees it, piece by piece, and how many samples of a piece clipped.

    Raises:
        BadInput: the file cannot be read, is cut short, or has samples that are NaN or infinite.
    """
    held = None
    for levels, clipped in _pieces(source, settings):
        yield np.zeros(0, levels.dtype), clipped
        held = levels if held is None else np.concatenate([held, levels])  # [n, C]
        whole = len(held) // settings.stereo_blocking_n * settings.stereo_blocking_n
        blocks = held[:whole].reshape(-1, settings.stereo_blocking_n, held.shape[1])
        yield blocks.transpose(0, 2, 1).ravel(), 0
        held = held[whole:]
    if held is not None:
        yield held.T.ravel(), 0


def pcm(samples: Samples, sample_bits: int) -> NDArray[np.int16]:
    """Samples of a model as signed PCM of its depth, any shape."""
    return (samples.astype(np.int32) - (1 << (sample_bits - 1))).astype(np.int16)


def _pieces(source: Source, settings: Settings) -> Iterator[tuple[Samples, int]]:
    """Pieces `[n, C]` of a source, C = 1 where channels are mixed, and how many samples of each clipped."""
    half = 1 << (settings.sample_bits - 1)
    kind: Any = np.uint8 if settings.sample_bits == 8 else np.uint16
    with open_audio(source.path) as reader:
        begin, end = _span(source, reader.info.num_samples, settings.stereo_blocking_n)
        at = 0
        for piece in reader.exact_pieces():
            wanted = piece[max(0, begin - at) : max(0, end - at)]
            at += len(piece)
            if not len(wanted):
                continue
            if not np.isfinite(wanted).all():
                raise BadInput(
                    "has samples that are NaN or infinite", path=source.path, remedy="repair or leave it out"
                )
            if settings.channels == "mono":
                wanted = wanted.mean(axis=1, keepdims=True)  # [n, 1]
            levels = np.floor(wanted * half).astype(np.int64)  # the top bits: what an arithmetic shift gives
            clipped = int(np.count_nonzero((wanted > 1.0) | (wanted < -1.0)))
            yield (np.clip(levels, -half, half - 1) + half).astype(kind), clipped


def _span(source: Source, num_samples: int, block: int) -> tuple[int, int]:
    """The samples of a source's part; parts meet at whole blocks where there are several."""

    def at(fraction: float) -> int:
        if fraction >= 1:
            return num_samples
        cut = int(fraction * num_samples)
        return cut // block * block if cut >= block else cut

    return at(source.start), at(source.stop)


def _read_all(sources: Sequence[Source], settings: Settings, num_chunks: int, file: Any) -> dict[str, Any]:
    lengths: list[int] = []
    content = hashlib.sha256()
    facts: dict[str, Any] = {"files": [], "left_out": [], "clipped": 0, "possible": 0}
    room = num_chunks
    for source in sources:
        length, clipped, most, began = 0, 0, room * settings.sequence_length, file.tell()
        digest = hashlib.sha256()
        try:
            info = probe(source.path)
            begin, end = _span(source, info.num_samples, settings.stereo_blocking_n)
            total = (end - begin) * (1 if settings.channels == "mono" else info.channels)
            if room > 0:
                for samples, beyond in stream(source, settings):
                    kept = samples[: most - length]
                    file.write(kept.tobytes())
                    digest.update(kept.tobytes())
                    length, clipped = length + len(kept), clipped + beyond
                    if length >= most:
                        break
        except BadInput as error:
            file.seek(began)
            file.truncate()
            facts["left_out"].append([str(source.path), str(error)])
            continue
        facts["possible"] += -(-total // settings.sequence_length)
        if length:
            facts["files"].append([str(source.path), info.subtype])
            facts["clipped"] += clipped
            lengths.append(length)
            room -= -(-length // settings.sequence_length)
            content.update(digest.digest())
    return facts | {"lengths": lengths, "digest": content.hexdigest()}


def _cut(stream_lengths: list[int], chunk_samples: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Starts and lengths of the chunks of streams that lie end to end; no chunk spans two."""
    starts: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    begin = 0
    for length in stream_lengths:
        starts.append(begin + np.arange(0, length, chunk_samples, dtype=np.int64))
        begin += length
    ends = np.repeat(np.cumsum(stream_lengths, dtype=np.int64), [len(s) for s in starts[1:]])
    all_starts = np.concatenate(starts)
    return all_starts, np.minimum(chunk_samples, ends - all_starts)
