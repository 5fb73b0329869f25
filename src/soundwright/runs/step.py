"""What a folder step is: items in, files out. The engine in `engine.py` runs it."""

from __future__ import annotations

import errno
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

from soundwright.core.errors import BadInput, MissingExtra, SoundwrightError

State = TypeVar("State")

#: Faults of the machine, not of an item: the run ends, and the same command goes on when they are mended.
_CONCERNS_ALL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)

_REMEDIES = {
    errno.EACCES: "check its permissions",
    errno.EPERM: "check its permissions",
    errno.ENOENT: "check that it is still there",
    errno.ENAMETOOLONG: "shorten its name",
    errno.EISDIR: "move the folder that stands in its place",
    errno.ENOTDIR: "move the file that stands in a folder's place",
    errno.EEXIST: "move what stands in its place",
}


@dataclass(frozen=True)
class Item:
    """One unit of work.

    Attributes:
        key: its name, unique in the run and stable between runs: the relative path of its first input, with `/`.
        inputs: the files whose content decides the result; a change of any makes the item pending again. None where
            the input is no file, e.g. what is fetched.
    """

    key: str
    inputs: tuple[Path, ...]

    @property
    def path(self) -> Path:
        """What stands for the item in messages: its first input, or else its key."""
        return self.inputs[0] if self.inputs else Path(self.key)


@dataclass(frozen=True)
class Done:
    """An item with which nothing more is to be done: its outputs stand whole on disk, or it is excluded.

    Attributes:
        outputs: the files written, as paths relative to the output folder. What an earlier doing of the item, with
            other settings, gave beyond these is removed.
        info: small JSON facts about the item; kept for `reduce` and for reports, also across reruns.
        warnings: what the user should know although it worked, one line each.
        excluded: why the item, rightly, gives no output; it is listed, and is no failure.
    """

    outputs: tuple[str, ...] = ()
    info: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    excluded: str = ""


Outcome = Done | SoundwrightError


@dataclass(frozen=True)
class Finished:
    """An item that is done, in this run or an earlier one, as `reduce` sees it."""

    key: str
    outputs: tuple[str, ...]
    info: dict[str, Any]
    excluded: str = ""


class Step(ABC, Generic[State]):
    """A folder step. A subclass is a frozen dataclass, so it can be sent to a worker process.

    Its life: the engine asks `outputs` for every item, sends the step to each worker, which calls `setup` once and
    `run` for every batch; at the end `reduce` sees all items that are done, those of earlier runs too.

    Attributes:
        name: the state folder `OUT/.soundwright/<name>/`.
        version: raise it when the same settings begin to give other outputs.
        batch_size: how many items `run` gets at once.
        when_settings_differ: what a rerun with other settings does with items done before: `redo` them, or stop with
            an `error` that says what differs.
        worker_pays_after: bytes of input that take a worker longer than starting it does; with less input than that for
            each, fewer workers are started by default.
        replaces: whether outputs may exist already and are edited in place (sidecars); otherwise a file that this
            step did not write is never overwritten.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    batch_size: ClassVar[int] = 1
    when_settings_differ: ClassVar[Literal["redo", "error"]] = "redo"
    worker_pays_after: ClassVar[int] = 0
    replaces: ClassVar[bool] = False

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Everything, apart from the input files, that the outputs depend on; JSON values, no folders."""

    @abstractmethod
    def outputs(self, item: Item) -> tuple[str, ...]:
        """The files that an item will give, as paths relative to the output folder.

        Where their number follows from the content, at least the first, which no other item may share.
        """

    @abstractmethod
    def setup(self) -> State:
        """Loads what every batch needs, e.g. a model. Called once in each worker."""

    @abstractmethod
    def run(self, state: State, items: Sequence[Item]) -> Sequence[Outcome]:
        """Does a batch; one outcome per item, in order. A returned error concerns that item alone."""

    def reduce(self, finished: Iterable[Finished]) -> None:
        """Makes what needs all items at once, e.g. a table. Called after the last item, under a lock."""

    def settings_digest(self) -> str:
        """Identifies name, version and settings."""
        text = json.dumps([self.name, self.version, self.settings()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class OneByOne(Step[State]):
    """A step whose items have nothing to do with each other: give `run_one` instead of `run`."""

    @abstractmethod
    def run_one(self, state: State, item: Item) -> Done:
        """Does one item.

        Raises:
            SoundwrightError: the item cannot be done; the others go on.
            MissingExtra: the run ends.
        """

    def run(self, state: State, items: Sequence[Item]) -> Sequence[Outcome]:
        """Does the items in turn; what goes wrong with one stays with that one."""
        outcomes: list[Outcome] = []
        for item in items:
            try:
                outcomes.append(self.run_one(state, item))
            except MissingExtra:
                raise  # every item would fail in the same way
            except SoundwrightError as error:
                outcomes.append(error)
            except OSError as error:
                if error.errno in _CONCERNS_ALL:
                    raise
                path = error.filename or item.path
                remedy = _REMEDIES.get(error.errno or 0, "check the file and its output folder")
                outcomes.append(BadInput(f"cannot be used: {error.strerror}", path=path, remedy=remedy))
        return outcomes
