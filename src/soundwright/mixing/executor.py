"""Carries out mixing instructions on sound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundwright.core.errors import BadInput, show_path
from soundwright.formats.instructions import Call, Instructions
from soundwright.mixing.tools import TOOLS, check, check_call, fill

Samples = NDArray[np.float32]


class MixingTools:
    """The tools at one sample rate: `MixingTools(44100).apply_eq(samples, low_gain=2.0)`.

    There is a method for each tool of the table; it takes samples and the tool's arguments, of which omitted ones have
    the table's default. Samples are `[N]`, `[1, N]` (mono: both channels get it, at its level) or `[2, N]`; what comes
    back is float32 `[2, N]`. Inside, all is float64. Arguments that leave the sound alone give the input's own samples.

    Args:
        sample_rate: Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate

    def __getattr__(self, name: str) -> Callable[..., Samples]:
        if name not in TOOLS:
            raise AttributeError(f"there is no tool {name!r}; there is {', '.join(TOOLS)}")

        def method(samples: NDArray[Any], **arguments: float) -> Samples:
            return self.apply(samples, [Call(name, arguments)])

        method.__name__, method.__doc__ = name, TOOLS[name].doc
        return method

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *TOOLS]

    def apply(self, samples: NDArray[Any], calls: Iterable[Call]) -> Samples:
        """Carries out calls in the order given.

        Raises:
            UsageError: a call is of no tool, or its arguments are not the tool's.
            BadInput: the samples are not finite, or neither mono nor stereo.
        """
        stereo = as_stereo(samples)
        sound = None
        for call in calls:
            check_call(call)
            tool, arguments = TOOLS[call.tool], fill(call)
            if stereo.shape[1] and not tool.is_neutral(arguments):
                sound = tool.apply(stereo.astype(np.float64) if sound is None else sound, self.sample_rate, arguments)
        return stereo if sound is None else sound.astype(np.float32)

    def mix(self, stems: Mapping[str, NDArray[Any]], instructions: Instructions) -> tuple[dict[str, Samples], Samples]:
        """Carries out instructions on stems and adds them up.

        Args:
            stems: by name; shorter ones are silent at the end.
            instructions: by stem; the bare line is for a single one.

        Returns:
            The stems, each of its own length, and the mix, as long as the longest.

        Raises:
            UsageError: as `tools.check`.
            BadInput: as `apply`, with the stem's name.
        """
        check(instructions, stems)
        done = {}
        for name, samples in stems.items():
            try:
                calls = (*instructions.get("", ()), *instructions.get(name, ()))
                done[name] = self.apply(samples, calls)
            except BadInput as error:
                raise BadInput(f"the stem {show_path(name)!r} {error.message}", remedy=error.remedy) from error
        return done, add_up(done.values())


def as_stereo(samples: NDArray[Any]) -> Samples:
    """Samples as float32 `[2, N]`; mono `[N]` or `[1, N]` goes to both channels.

    Raises:
        BadInput: there are more than two channels, or a sample is NaN or infinite.
    """
    shaped = samples[None] if samples.ndim == 1 else samples
    if shaped.ndim != 2 or shaped.shape[0] not in (1, 2):
        raise BadInput(f"has the shape {list(samples.shape)}; expected one or two channels [C, N]")
    floats = shaped.astype(np.float32, copy=False)
    if not np.isfinite(floats).all():
        raise BadInput("has samples that are NaN or infinite", remedy="repair or leave out the stem")
    return floats if floats.shape[0] == 2 else np.repeat(floats, 2, axis=0)


def add_up(stems: Iterable[Samples]) -> Samples:
    """The sum of stems `[2, N]`, as long as the longest."""
    parts = list(stems)
    total = np.zeros((2, max((part.shape[1] for part in parts), default=0)), np.float64)
    for part in parts:
        total[:, : part.shape[1]] += part
    return total.astype(np.float32)
