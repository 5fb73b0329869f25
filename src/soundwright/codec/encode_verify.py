"""Checks token files against the recordings they were made from."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from soundwright.codec.contract import Codec
from soundwright.codec.encode_step import Encode, encode_file
from soundwright.core.errors import BadInput
from soundwright.formats import ecdc
from soundwright.runs.discover import Found
from soundwright.runs.engine import run_step
from soundwright.runs.events import Note, emit
from soundwright.runs.options import RunOptions
from soundwright.runs.step import Done, Item, OneByOne
from soundwright.runs.summary import RunSummary

_REMEDY = "delete it and encode again; where that gives the same difference, please report it"


def verify_tree(encoding: Encode, found: Found, summary: RunSummary, options: RunOptions, num_again: int) -> None:
    """Reads the token file of every recording; encodes some recordings again and compares code by code.

    What is wrong is added to the failures of `summary`, so that the exit code tells.

    Args:
        encoding: the step that made the token files.
        found: the recordings.
        summary: of the encoding; recordings that failed there are left out here.
        options: workers and shards.
        num_again: how many recordings are encoded again: always the same ones, spread over the tree by a hash.
    """
    failed = {key for key, _ in summary.failures}
    items = [
        Item(item.key, (*item.inputs, encoding.output / encoding.outputs(item)[0]))
        for item in found.items
        if item.key not in failed and options.in_shard(item.key)
    ]
    ranked = sorted((item.key for item in items), key=_rank)
    step = Verify(encoding, frozenset(ranked[:num_again]))
    checked = run_step(step, Found(items), encoding.output, options, overwrite=True)
    summary.failures += checked.failures
    summary.status = checked.status
    summary.duration_s += checked.duration_s
    note = (
        f"verify: {checked.done} token files read, {min(num_again, len(items))} recordings encoded again, "
        f"{len(checked.failures)} differences"
    )
    summary.notes.append(note)
    emit(Note(note))


def _rank(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


@dataclass(frozen=True)
class Verify(OneByOne[Codec]):
    """The folder step behind `--verify`; it writes nothing.

    Attributes:
        encoding: the step that is checked.
        again: keys of the recordings that are encoded again.
    """

    name: ClassVar[str] = "encode-verify"
    worker_pays_after: ClassVar[int] = Encode.worker_pays_after

    encoding: Encode
    again: frozenset[str]

    def settings(self) -> dict[str, Any]:
        """Those of the encoding."""
        return self.encoding.settings()

    def outputs(self, item: Item) -> tuple[str, ...]:
        """None."""
        return ()

    def setup(self) -> Codec:
        """Loads the codec."""
        return self.encoding.setup()

    def run_one(self, state: Codec, item: Item) -> Done:
        """Compares a token file `inputs[1]` with its recording `inputs[0]`.

        Raises:
            BadInput: they do not belong together.
        """
        recording, path = item.inputs
        tokens = ecdc.read(path)
        with open(recording, "rb") as file:
            expected = self.encoding.header_for(hashlib.file_digest(file, "sha256").hexdigest())
        for name in ("codec", "revision", "num_codebooks", "sample_rate", "hop", "source"):
            wanted, found = getattr(expected, name), getattr(tokens, name)
            if wanted != found:
                raise BadInput(f"expected {name} {wanted}, found {found}", path=path, remedy=_REMEDY)
        if item.key in self.again:
            memory = io.BytesIO()
            encode_file(state, recording, memory, expected)
            again = ecdc.decode(memory.getvalue(), path)
            if again.num_samples != tokens.num_samples:
                difference = f"expected {again.num_samples} samples, found {tokens.num_samples}"
                raise BadInput(difference, path=path, remedy=_REMEDY)
            wrong = np.argwhere(again.codes.T != tokens.codes.T)
            if len(wrong):
                raise BadInput(
                    f"expected the codes that encoding again gives, found {len(wrong)} of {tokens.codes.size} "
                    f"different, the first in frame {wrong[0][0]}, codebook {wrong[0][1]}",
                    path=path,
                    remedy=_REMEDY,
                )
        return Done()
