"""The options that every folder step has."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cyclopts import Parameter

from soundwright.core.errors import UsageError
from soundwright.core.threads import usable_cores


@Parameter(name="*")
@dataclass(frozen=True)
class RunOptions:
    """How a folder step is spread over processes and machines; it never changes an output.

    Attributes:
        workers: Worker processes. Default: one per core, fewer where there is little to do.
        threads: Threads with which each of them computes.
        shard_index: Do only this part of the items, counted from 0; needs --shard-count.
        shard_count: Into how many parts the items are divided, by a hash of their relative path.
    """

    workers: int | None = None
    threads: int = 1
    shard_index: int | None = None
    shard_count: int | None = None

    def __post_init__(self) -> None:
        """Checks that the options go together."""
        if (self.shard_index is None) != (self.shard_count is None):
            given, missing = "--shard-index", "--shard-count"
            if self.shard_index is None:
                given, missing = missing, given
            raise UsageError(f"{given} without {missing} would do every item", remedy=f"give {missing} too")
        index, count = self.shard_index, self.shard_count
        if index is not None and count is not None and not 0 <= index < count:
            raise UsageError(f"--shard-index {index} is not in 0 .. {count - 1}", remedy="shards are counted from 0")
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"--workers {self.workers}", remedy="give at least 1")
        if self.threads < 1:
            raise UsageError(f"--threads {self.threads}", remedy="give at least 1")

    @property
    def shard_suffix(self) -> str:
        """What tells this shard's state files from another's; empty without shards."""
        return "" if self.shard_count is None else f"-{self.shard_index}-of-{self.shard_count}"

    def in_shard(self, key: str) -> bool:
        """Whether this shard does the item. Depends on nothing but the key and the number of shards."""
        if self.shard_count is None:
            return True
        digest = hashlib.sha1(key.encode("utf-8", "surrogateescape")).hexdigest()
        return int(digest[:8], 16) % self.shard_count == self.shard_index

    def workers_for(self, num_batches: int, worth: int) -> int:
        """The number of worker processes; 1 means in this process.

        Args:
            num_batches: no more workers than that.
            worth: how many workers the work is worth starting, where the user has not said.
        """
        wanted = self.workers if self.workers is not None else min(usable_cores() // self.threads, worth)
        return max(1, min(wanted, num_batches))
