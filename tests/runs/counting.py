"""A toy step for the engine's tests: upper-cases text files and counts how often it worked."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from soundwright.core.errors import BadInput, MissingExtra
from soundwright.runs import atomic
from soundwright.runs.step import Done, Finished, Item, OneByOne


@dataclass(frozen=True)
class Upper(OneByOne[str]):
    name: ClassVar[str] = "upper"

    output: Path
    suffix: str = "!"
    delay_s: float = 0.0

    def settings(self) -> dict[str, Any]:
        return {"suffix": self.suffix}

    def outputs(self, item: Item) -> tuple[str, ...]:
        return (item.key.rsplit(".", 1)[0] + ".out",)

    def setup(self) -> str:
        if self.suffix == "no setup":
            raise BadInput("cannot be set up", path="model", remedy="get it")
        return self.suffix

    def run_one(self, state: str, item: Item) -> Done:
        text = item.inputs[0].read_text()
        match text:
            case "bad":
                raise BadInput("is bad", path=item.inputs[0], remedy="mend it")
            case "extra":
                raise MissingExtra("not installed")
            case "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            case "defect":
                raise ZeroDivisionError("oops")
            case "no use":
                return Done(excluded="is of no use")
            case "disk full":
                raise OSError(errno.ENOSPC, "No space left on device", "somewhere")
        # One line per real piece of work, in a file beside the outputs: tells whether done items are done again.
        with open(self.output / "work.log", "a") as log:
            log.write(item.key + "\n")
        (name,) = self.outputs(item)
        with atomic.atomic_path(self.output / name) as temporary:
            temporary.write_text(text[: len(text) // 2])
            time.sleep(self.delay_s)
            temporary.write_text(text.upper() + state)
        return Done((name,), {"length": len(text)}, ("empty",) if not text else ())

    def reduce(self, finished: Iterable[Finished]) -> None:
        rows = sorted(f"{item.key} {item.excluded or item.info['length']}" for item in finished)
        atomic.write_text(self.output / "table.txt", "\n".join(rows))


@dataclass(frozen=True)
class Strict(Upper):
    name: ClassVar[str] = "strict"
    when_settings_differ: ClassVar[str] = "error"


@dataclass(frozen=True)
class Cut(Upper):
    """Gives as many outputs as the text has pieces; only the first is known beforehand."""

    name: ClassVar[str] = "cut"

    def outputs(self, item: Item) -> tuple[str, ...]:
        return (item.key.rsplit(".", 1)[0] + "-0.out",)

    def run_one(self, state: str, item: Item) -> Done:
        stem = item.key.rsplit(".", 1)[0]
        pieces = item.inputs[0].read_text().split(self.suffix)
        names = tuple(f"{stem}-{i}.out" for i in range(len(pieces)))
        for name, piece in zip(names, pieces, strict=True):
            atomic.write_text(self.output / name, piece)
        return Done(names, {"length": len(pieces)})
