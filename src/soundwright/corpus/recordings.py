"""What the steps have in common that make files out of a folder of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from soundwright.core.errors import UsageError
from soundwright.runs.discover import CHECK_EXTENSIONS, Found, find_files
from soundwright.runs.step import OneByOne

#: The highest rate of any converter; beyond it a resampler takes more memory than there is.
MAX_SAMPLE_RATE = 768_000


def check_sample_rate(sample_rate: int) -> None:
    """Refuses a rate in Hz to which nothing can be resampled.

    Raises:
        UsageError: it is below 1, or beyond any converter's.
    """
    if not 1 <= sample_rate <= MAX_SAMPLE_RATE:
        raise UsageError(f"--sample-rate {sample_rate}", remedy=f"give a number from 1 to {MAX_SAMPLE_RATE}")


def find_recordings(input: Path, output: Path, extensions: Sequence[str] | None) -> Found:
    """The recordings below a folder, without those in the output folder, should that lie inside.

    Args:
        input: the folder.
        output: where the step will write.
        extensions: file endings to look for; by default all that libsndfile reads.

    Raises:
        UsageError: `input` is no folder or holds no such file, or both are the same.
    """
    from soundwright.audio.files import audio_extensions

    if output.resolve() == input.resolve():
        raise UsageError("input and output are the same folder", path=output, remedy="choose another output folder")
    return find_files(input, extensions or audio_extensions(), exclude=[output], remedy=CHECK_EXTENSIONS)


@dataclass(frozen=True)
class RecordingStep(OneByOne[None]):
    """A step whose fields are its settings, but for the folder that it writes to, and that has nothing to load.

    Attributes:
        output: the folder.
    """

    output: Path

    def settings(self) -> dict[str, Any]:
        """All fields but the folder."""
        return {key: value for key, value in asdict(self).items() if key != "output"}

    def setup(self) -> None:
        """Nothing to load."""
