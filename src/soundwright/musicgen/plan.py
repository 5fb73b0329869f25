"""The memory that a piece of work will need, before it begins; and if it is too much, the nearest that would fit.

The work has phases that do not overlap: the codec encodes what is to be continued, a piece at a time; the text encoder
reads the prompts; the decoder makes tokens, with a cache for one window, however long the track; the codec makes sound,
a piece at a time. So the largest phase counts, and duration does not; only a recording that is to be continued is in
memory as a whole. A plan changes nothing: precision follows from device and flags alone.

Where processes share the decoder out (`ranks`), those of one machine load it in turns (`fsdp.load_sharded`). What a
plan promises is of all processes that share a device, since that is what a device's free memory is for: on a CPU those
of the machine, on a GPU one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from soundwright.core.errors import UsageError
from soundwright.musicgen.memory import CUDA_CONTEXT
from soundwright.musicgen.model_shapes import ModelShape, known_shape

#: Python, torch and transformers, loaded, on a CPU.
_PROCESS = 480_000_000
#: Part of what was computed that allocators and kernels take beyond it; measured by tests/musicgen/test_plan.py.
_MARGIN = 0.10
_BYTES = {"float32": 4, "float16-packed": 2, "float16": 2, "bfloat16": 2, "int8": 1}
#: --dtype for each precision, from the most exact on.
_FLAGS = {
    "float32": "float32",
    "bfloat16": "bfloat16",
    "float16": "float16",
    "float16-packed": "float16",
    "int8": "int8",
}
#: Where a row's numbers do not depend on the others' tracks are made side by side (linear.rows_are_independent).
_SIDE_BY_SIDE = ("float16-packed",)
_SMALLER_DTYPES = {"cpu": ("float16-packed", "int8"), "cuda": ("float16",)}
_SMALLER_MODELS = {"large": "medium", "medium": "small"}
#: Layers of the codec's stage at the rate of the sound that are in memory together.
_LIVE = 6
#: Frames of the longest piece of a recording that is encoded, with its context (`prompt_encoder.CHUNK_FRAMES`).
_ENCODED_FRAMES = 104
#: Blocks of a shared decoder that are whole at a time: the one at work and the next.
_GATHERED = 2
#: What torch's sharding adds to a process; two with 1 GB of float32 weights took 2.90 GB together, planned are 2.92.
_SHARDING = 100_000_000


@dataclass(frozen=True)
class Work:
    """What decides memory, besides the model.

    Attributes:
        precision: as `precision.resolve` names it.
        device: cpu or cuda.
        at_once: tracks side by side.
        decode_chunk: frames that become sound at a time.
        duration_s: of the longest track, seconds.
        known_s: seconds of a window that are known when it begins, at most.
        guided: whether every track has a second row without its prompt.
        prompt_tokens: text tokens of the longest prompt.
        ranks: processes among which the blocks are shared out.
        local_ranks: how many of them are on this machine; None for all.
        recording_s: seconds of the recording that is continued, all of it; 0 for none. It counts as stereo.
    """

    precision: str
    device: str = "cpu"
    at_once: int = 1
    decode_chunk: int = 50
    duration_s: float = 30.0
    known_s: float = 12.0
    guided: bool = True
    prompt_tokens: int = 128
    ranks: int = 1
    local_ranks: int | None = None
    recording_s: float = 0.0

    @property
    def sharing(self) -> int:
        """Processes that share this device's memory."""
        if self.device.startswith("cuda"):
            return 1
        return self.ranks if self.local_ranks is None else self.local_ranks


@dataclass(frozen=True)
class Plan:
    """Bytes of each phase, for one process.

    Attributes:
        name: of the model.
        shape: its sizes.
        work: what it is for.
        process: what is there before, with the recording that is continued.
        text: the text encoder's weights.
        weights: the decoder's weights, or this process's part of them.
        cache: its memory of one window, and what it computes with.
        codec: the codec's weights.
        decode: what decoding a piece takes.
        encode: what encoding a piece of a recording takes; 0 where there is none.
        load: the decoder's weights on this device while they are loaded: more than `weights` where they are shared out.
        host: the same on the CPU, where the device is another.
    """

    name: str
    shape: ModelShape
    work: Work
    process: int
    text: int
    weights: int
    cache: int
    codec: int
    decode: int
    encode: int
    load: int
    host: int

    @property
    def peak(self) -> int:
        """The most at any time, of all processes that share the device."""
        return self._most(self.codec + self.decode)

    @property
    def peak_together(self) -> int:
        """The same where the decoder stays while the codec works, which spares loading it again."""
        return self._most(self.weights + self.codec + self.decode)

    def _most(self, sounding: int) -> int:
        count = self.work.sharing
        phase = max(self.text, self.codec + self.encode, self.weights + self.cache, sounding)
        # One process at a time has the whole decoder, besides the parts that others have already or still.
        return count * self.process + max(count * phase, self.load + (count - 1) * self.weights)

    def lines(self, budget: int | None = None) -> Iterator[str]:
        """The plan for a person."""
        work = self.work
        tracks = f", {work.at_once} tracks at once" if work.at_once > 1 else ""
        against = f" of {_shown(budget)}" if budget is not None else ""
        yield (
            f"memory on {work.device}: about {_shown(self.peak)}{against}, whatever the duration "
            f"({self.name}, {work.precision}{tracks})"
        )
        codec = f"codec {_shown(self.codec)}"
        encoding = f"{codec} + piece of the recording {_shown(self.encode)} | " if self.encode else ""
        yield (
            f"  process {_shown(self.process)}, then the largest of {encoding}text {_shown(self.text)} | decoder "
            f"{_shown(self.weights)} + window {_shown(self.cache)} | {codec} + "
            f"piece of {work.decode_chunk} frames {_shown(self.decode)}"
        )
        if work.ranks > 1:
            whole = f"{_shown(self.host)} on the CPU" if self.host else _shown(self.load)
            yield f"  in each of {work.ranks} processes; those of one machine load the whole decoder in turns: {whole}"

    def facts(self) -> dict[str, int]:
        """For the record."""
        names = ("process", "text", "weights", "cache", "codec", "decode", "encode", "load", "host", "peak")
        return {name: int(getattr(self, name)) for name in names}


def make_plan(name: str, shape: ModelShape, work: Work) -> Plan:
    """Computes the memory that work will need.

    Args:
        name: of the model, for the user.
        shape: its sizes.
        work: precision, device, how much at a time.
    """
    on_gpu = work.device.startswith("cuda")
    tracks = work.at_once if work.precision in _SIDE_BY_SIDE else 1
    rows = tracks * (2 if work.guided else 1)
    frames = min(shape.window_frames, round(work.duration_s * shape.frame_rate))
    columns = frames + shape.codebooks + (shape.melody_columns + work.prompt_tokens if shape.melody else 0)
    size = _BYTES[work.precision]
    blocks, rest = shape.block_parameters * size, shape.head_parameters * size + 4 * shape.table_parameters
    # While it is loaded: one fused matrix in float32, stacked and copied.
    load = blocks + rest + 2 * 4 * max(3 * shape.hidden**2, shape.hidden * shape.ffn, shape.table_parameters)
    weights, host = load, 0
    if work.ranks > 1:
        weights = blocks // work.ranks + rest + shape.head_parameters * size // work.ranks
        weights += min(_GATHERED, shape.layers) * blocks // shape.layers
        if on_gpu:
            load, host = weights, load  # it is whole on the CPU only
    kept = 2 if on_gpu and size == 2 else 4  # bytes of a key's or value's number; on a CPU 16 bits are slower
    cache = kept * 2 * shape.layers * rows * columns * shape.hidden
    if not shape.melody:
        cache += kept * 2 * shape.layers * tracks * work.prompt_tokens * shape.hidden
    # What is known of a window goes through all at once: its MLP before and after the activation.
    first = min(frames, round(work.known_s * shape.frame_rate)) + 1 + columns - frames - shape.codebooks
    cache += 4 * rows * first * (2 * shape.ffn + 6 * shape.hidden)
    streams = shape.channels
    sounding = 4 * _LIVE * shape.hop * shape.codec_filters  # a frame in the codec
    decode = sounding * streams * (work.decode_chunk + 4)
    encode = sounding * _ENCODED_FRAMES if work.recording_s else 0
    # Both sides of it, and the one that is encoded.
    process = _PROCESS + round(3 * 4 * work.recording_s * shape.sample_rate) + (_SHARDING if work.ranks > 1 else 0)
    grown = 1 + _MARGIN
    return Plan(
        name,
        shape,
        work,
        CUDA_CONTEXT if on_gpu else process,
        0 if on_gpu else int(4 * shape.text_parameters * grown),  # it stays on the CPU
        int(weights * grown),
        int(cache * grown),
        # Weight norm keeps two tensors for each weight until it is folded.
        int(4 * shape.codec_parameters * grown),
        int(decode * grown),
        int(encode * grown),
        int(load * grown),
        int(host * grown),
    )


def require_fit(plan: Plan, budget: int | None) -> None:
    """Refuses a plan that needs more than the budget, and names the nearest one that fits.

    Raises:
        UsageError: it does not fit; the remedy has flags to type.
    """
    if budget is None or plan.peak <= budget:
        return
    nearest = nearest_fit(plan, budget)
    if nearest is None:
        smallest = min(option.peak for option in _options(plan))
        remedy = f"no plan fits: the smallest needs {_shown(smallest)}"
    else:
        remedy = f"{flags(plan, nearest)} needs {_shown(nearest.peak)}"
    raise UsageError(
        f"{plan.name} in {plan.work.precision} needs about {_shown(plan.peak)} of memory on {plan.work.device}, "
        f"and {_shown(budget)} may be used",
        remedy=remedy,
    )


def nearest_fit(plan: Plan, budget: int) -> Plan | None:
    """The first plan that fits: smaller pieces, then fewer tracks at once, then other precision, then other model."""
    return next((option for option in _options(plan) if option.peak <= budget), None)


def flags(plan: Plan, other: Plan) -> str:
    """What to type to get from one plan to another."""
    words = []
    if other.name != plan.name:
        words.append(f"--model {other.name}")
    if other.work.precision != plan.work.precision:
        words.append(f"--dtype {_FLAGS[other.work.precision]}")
    if other.work.at_once != plan.work.at_once:
        words.append(f"--at-once {other.work.at_once}")
    if other.work.decode_chunk != plan.work.decode_chunk:
        words.append(f"--decode-chunk {other.work.decode_chunk}")
    return " ".join(words)


def _options(plan: Plan) -> Iterator[Plan]:
    """Plans from the nearest to the farthest: what is changed last changes the music."""
    for name, shape in _models(plan):
        for precision in _precisions(plan.work):
            for at_once in _halves(plan.work.at_once, 1):
                for chunk in _halves(plan.work.decode_chunk, 5):
                    work = replace(plan.work, precision=precision, at_once=at_once, decode_chunk=chunk)
                    yield make_plan(name, shape, work)


def _models(plan: Plan) -> Iterator[tuple[str, ModelShape]]:
    name = plan.name
    yield name, plan.shape
    while True:
        larger = next((size for size in _SMALLER_MODELS if size in name.split("-")), None)
        smaller = name.replace(larger, _SMALLER_MODELS[larger]) if larger else None
        # Meta's melody models begin at medium, which their names leave out.
        smaller = smaller.replace("-medium", "") if smaller and "melody" in smaller else smaller
        shape = known_shape(smaller) if smaller else None
        if smaller is None or shape is None:
            return
        name = smaller
        yield name, shape


def _precisions(work: Work) -> list[str]:
    kind = work.device.partition(":")[0]
    if work.ranks > 1 and kind == "cpu":
        return [work.precision]  # packed weights do not shard
    smaller = [p for p in _SMALLER_DTYPES.get(kind, ()) if _BYTES[p] < _BYTES[work.precision]]
    return [work.precision, *smaller]


def _halves(number: int, least: int) -> list[int]:
    found = [number]
    while found[-1] // 2 >= least:
        found.append(found[-1] // 2)
    return found


def _shown(num_bytes: int | None) -> str:
    if num_bytes is None:
        return "?"
    return f"{num_bytes / 1e9:.1f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.0f} MB"
