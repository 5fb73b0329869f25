"""What a producer is: given a clip, it returns the values of one or more parameters.

Built-ins and a user's own file are written alike; `docs/producers.md` has worked examples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from soundwright.core.errors import BadInput
from soundwright.formats.features import Feature
from soundwright.sidecar.producers.sound import SoundSource, sound_of

if TYPE_CHECKING:
    from soundwright.formats.ecdc import TokenHeader

__all__ = ["Clip", "Feature", "NoValues", "Options", "Producer", "Value"]

#: One number for the whole clip, the name of a class, or one number per frame `[T]`.
Value = float | str | NDArray[np.floating]


class NoValues(BadInput):
    """A producer knows nothing of a clip. Fill values (`--fill`) may take its place; otherwise the clip is refused."""


class Options(BaseModel):
    """The options of a producer: every field is a flag of `sidecar add`, its docstring the help text."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Clip:
    """One token file, as a producer sees it. Nothing is read before it is asked for.

    Attributes:
        key: path relative to the token root, with `/`, e.g. `birds/x_p64.00.ecdc`.
        path: the token file.
        warnings: what the user should know of this clip; a producer may append.
    """

    def __init__(self, key: str, path: Path, sound: SoundSource = SoundSource()) -> None:
        self.key, self.path = key, path
        self.warnings: list[str] = []
        self._sound = sound

    @property
    def stem(self) -> str:
        """File name without folder and ending, e.g. `x_p64.00`."""
        return PurePosixPath(self.key).name.rpartition(".")[0]

    @cached_property
    def header(self) -> TokenHeader:
        """Codec, length and number of codebooks, from the token file."""
        from soundwright.formats.tokens import read_token_header

        return read_token_header(self.path)

    @property
    def num_frames(self) -> int:
        """T."""
        return self.header.num_frames

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.header.frame_rate

    @property
    def sample_rate(self) -> int:
        """Sample rate of the codec's audio in Hz."""
        return self.header.sample_rate

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return self.header.hop

    @cached_property
    def audio(self) -> NDArray[np.float32]:
        """The sound, mono `[T * hop]`: of the recording below `--audio-files`, else decoded from the tokens."""
        samples, warning = sound_of(self.key, self.path, self.header, self._sound)
        if warning:
            self.warnings.append(warning)
        return samples


class Producer(ABC):
    """Gives values for every clip. Subclasses have a one-line docstring, `Options` where needed, and `produce`.

    Attributes:
        Options: the model of its options.
        slow: a clip takes longer than a blink; clips are then spread one by one over worker processes.
        options: the options given.
    """

    Options: ClassVar[type[Options]] = Options
    slow: ClassVar[bool] = False
    options: Any

    def __init__(self, options: BaseModel) -> None:
        """Takes the parsed options; overrides check them and raise `UsageError`."""
        self.options = options

    @abstractmethod
    def produce(self, clip: Clip) -> Mapping[str, Value]:
        """Values by parameter name: a number, the name of a class, or one number per frame `[T]`.

        Raises:
            NoValues: nothing is known of this clip.
            BadInput: what is known of this clip cannot be used; the other clips go on.
        """

    def features(self, clip: Clip) -> Mapping[str, Feature]:
        """What `produce` will give for a clip, and what it means.

        Asked for every clip before anything is written, to see that all clips get the same parameters. By default
        `produce` is run for it; a slow producer overrides this.
        """
        return {name: Feature() for name in self.produce(clip)}

    def inputs(self, clip: Clip) -> Iterable[Path]:
        """Further files that the values of a clip come from; a change in one makes the clip pending again.

        The token file, the recording and files named by options are looked after already.
        """
        return ()

    def notes(self, keys: Sequence[str]) -> Iterable[str]:
        """What the user should know of the tree as a whole, given the keys of all clips."""
        return ()
