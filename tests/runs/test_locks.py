from __future__ import annotations

from pathlib import Path

import pytest

from soundwright.core.errors import UsageError
from soundwright.runs.locks import shard_lock


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [("", "", False), ("", "-0-of-2", False), ("-0-of-2", "", False), ("-0-of-2", "-0-of-2", False)]
    + [("-0-of-2", "-1-of-2", True)],
)
def test_shards_run_side_by_side_and_the_whole_runs_alone(
    first: str, second: str, together: bool, tmp_path: Path
) -> None:
    with shard_lock(tmp_path, first):
        if together:
            with shard_lock(tmp_path, second):
                pass
        else:
            with pytest.raises(UsageError, match="another run"), shard_lock(tmp_path, second):
                pass
    with shard_lock(tmp_path, second):
        pass
