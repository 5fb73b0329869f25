"""Libraries compute with the threads that a verb says, those loaded before and those that come later."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from soundwright.core import threads
from soundwright.core.errors import UsageError
from soundwright.core.threads import limit_threads, outside_environment, takes_threads

assert np.__version__  # its BLAS is one of the pools


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_loaded_libraries_are_limited_and_get_back_what_they_had() -> None:
    with limit_threads(3):
        assert blas_threads() == {3}
        with limit_threads(1):
            assert blas_threads() == {1}
            assert os.environ["OMP_NUM_THREADS"] == "1"
        assert blas_threads() == {3}
        assert os.environ["OMP_NUM_THREADS"] == "3"


def test_the_environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7,2")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with limit_threads(2):
        with limit_threads(None):
            assert os.environ["OMP_NUM_THREADS"] == "7,2"
            assert "MKL_NUM_THREADS" not in os.environ
            assert blas_threads() == {7}
        assert blas_threads() == {2}
        outside = outside_environment()
        assert outside["OMP_NUM_THREADS"] == "7,2"
        assert "MKL_NUM_THREADS" not in outside
        assert os.environ["MKL_NUM_THREADS"] == "2"
    assert os.environ["OMP_NUM_THREADS"] == "7,2"
    assert "MKL_NUM_THREADS" not in os.environ


def test_after_an_error_the_limit_is_gone() -> None:
    with limit_threads(2):
        with pytest.raises(ZeroDivisionError), limit_threads(1):
            raise ZeroDivisionError
        assert blas_threads() == {2}


def test_a_verb_takes_its_threads_or_as_many_as_are_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    @takes_threads
    def verb(*, threads: int | None = None) -> set[int]:
        return blas_threads()

    usual = blas_threads()
    assert verb(threads=3) == {3}
    assert verb() == usual
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with limit_threads(1):
        assert verb() == {2}
    assert blas_threads() == usual


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_is_positive(count: int) -> None:
    with pytest.raises(UsageError, match="--threads"), limit_threads(count):
        pass


LATER = """
import json, os
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "3"
from soundwright.core.threads import limit_threads
found = []
with limit_threads(2):
    import numpy, torch
    from threadpoolctl import threadpool_info
    found.append([torch.get_num_threads(), *sorted({pool["num_threads"] for pool in threadpool_info()})])
found.append([torch.get_num_threads(), *sorted({pool["num_threads"] for pool in threadpool_info()})])
print(json.dumps(found))
"""


def test_libraries_that_load_within_are_limited_and_are_free_afterwards() -> None:
    pytest.importorskip("torch")
    output = subprocess.run([sys.executable, "-c", LATER], check=True, capture_output=True, text=True).stdout
    assert json.loads(output) == [[2, 2], [3, 3]]


COMMAND = """
import sys
from soundwright.cli import root
import cyclopts, json
def probe(*, workers: int = 1) -> None:
    import numpy
    from threadpoolctl import threadpool_info
    print(json.dumps(sorted({pool["num_threads"] for pool in threadpool_info()})))
root.app.command(probe, name="probe")
root.main(["probe"])
"""


def test_a_command_computes_with_one_thread() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in threads.VARIABLES}
    output = subprocess.run(
        [sys.executable, "-c", COMMAND], check=True, capture_output=True, text=True, env=environment
    ).stdout
    assert json.loads(output.splitlines()[-1]) == [1]
