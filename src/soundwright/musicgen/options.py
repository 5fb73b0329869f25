"""The options that `music generate`, `music album` and a replay have in common."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from cyclopts import Parameter

from soundwright.core.errors import UsageError

#: Longer than an album side; beyond it nobody waits for a model that goes round and round.
LONGEST_S = 3600.0
#: Two tokens' worth of sound say nothing; a track has at least this.
SHORTEST_S = 0.1


@Parameter(name="*")
@dataclass(frozen=True)
class SamplingOptions:
    """How tokens are drawn; the defaults are AudioCraft's.

    Attributes:
        temperature: Divides the logits; 0 takes the likeliest token every time.
        top_k: Draw among this many likeliest tokens; 0 for all.
        top_p: Draw among the likeliest tokens that hold this much probability; above 0 it takes the place of top_k.
        cfg_coef: How strictly the prompt is followed (classifier-free guidance).
        extend_stride: Seconds by which each window of a long track moves on; 30 s minus this is remembered.
    """

    temperature: float = 1.0
    top_k: int = 250
    top_p: float = 0.0
    cfg_coef: float = 3.0
    extend_stride: float = 18.0


@Parameter(name="*")
@dataclass(frozen=True)
class MachineOptions:
    """Where and how the work is done.

    Attributes:
        device: auto, cpu or cuda.
        dtype: Arithmetic: auto, float32, float16, bfloat16 or int8. It decides the music; auto follows from the kind of
            device alone: 16-bit weights.
        threads: Threads to compute with. Default: as PyTorch decides, by the cores or OMP_NUM_THREADS.
        fsdp: Share the decoder out among the processes of `torchrun`, each of which runs this command.
        memory_budget: Refuse what would need more than this, for example 10GB. Default: what the device has free.
        at_once: Tracks of a batch that are made side by side.
        decode_chunk: Frames (50 a second) that are decoded to sound at a time; decides memory, not the sound.
    """

    device: str = "auto"
    dtype: Literal["auto", "float32", "float16", "bfloat16", "int8"] = "auto"
    threads: int | None = None
    fsdp: bool = False
    memory_budget: str | None = None
    at_once: int = 4
    decode_chunk: int = 50

    def check(self) -> None:
        """Refuses numbers that mean nothing.

        Raises:
            UsageError: one of them is below 1, or the budget is no amount.
        """
        if self.memory_budget is not None:
            parse_bytes(self.memory_budget)
        for name, value in (
            ("--threads", self.threads),
            ("--at-once", self.at_once),
            ("--decode-chunk", self.decode_chunk),
        ):
            if value is not None and value < 1:
                raise UsageError(f"{name} {value}", remedy="give at least 1")


def check_duration(duration_s: float, *, where: str = "--duration") -> float:
    """A duration that a track can have, seconds.

    Raises:
        UsageError: it is not a number, too short, negative, or longer than an hour.
    """
    if not math.isfinite(duration_s) or duration_s < SHORTEST_S:
        raise UsageError(
            f"{where} {duration_s:g}: a track has at least {SHORTEST_S:g} s", remedy="give its length in seconds"
        )
    if duration_s > LONGEST_S:
        raise UsageError(
            f"{where} {duration_s:g} s is more than {LONGEST_S:g} s, the most that one track has",
            remedy="make several tracks and join them with `soundwright music album`",
        )
    return duration_s


def check_seed(seed: int, *, where: str = "--seed") -> int:
    """A seed that every program can hold.

    Raises:
        UsageError: it is negative or has more than 63 bits.
    """
    if not 0 <= seed < 2**63:
        raise UsageError(f"{where} {seed} is not between 0 and 2^63 - 1", remedy="give another")
    return seed


def parse_bytes(text: str, *, where: str = "--memory-budget") -> int:
    """Bytes of an amount such as 10GB, 512 MB, 1.5GiB.

    Raises:
        UsageError: it is none, or not above zero.

    >>> parse_bytes("10GB"), parse_bytes("1.5 GiB"), parse_bytes("800m")
    (10000000000, 1610612736, 800000000)
    """
    lowered = text.strip().lower().replace(" ", "")
    number = lowered.rstrip("bigkmt")
    unit = lowered[len(number) :]
    powers = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
    base = 1024 if unit.endswith("ib") else 1000
    power = powers.get(unit.removesuffix("ib").removesuffix("b"))
    try:
        amount = float(number)
    except ValueError:
        amount = math.nan
    if power is None or not (math.isfinite(amount) and amount > 0):
        raise UsageError(f"{where} {text!r} is no amount of memory", remedy="write it as 10GB or 800MB")
    return int(amount * base**power)
