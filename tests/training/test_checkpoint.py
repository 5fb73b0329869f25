"""Checkpoints: whole or absent, few, and never pickled code."""

from __future__ import annotations

import pickle
import random
from pathlib import Path

import pytest
import torch

from soundwright.core.errors import BadInput
from soundwright.training.checkpoint import (
    latest_checkpoint,
    load_checkpoint,
    random_states,
    save_checkpoint,
    set_random_states,
)


def test_a_checkpoint_is_read_back_and_old_ones_go(tmp_path: Path) -> None:
    for step in (5, 10, 100_000_000):
        save_checkpoint(tmp_path, step, {"x": torch.arange(3), "deep": {"a": [1, 2.5, "text", None]}}, keep=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000010.ckpt", "step-100000000.ckpt"]
    state = load_checkpoint(tmp_path / "step-00000010.ckpt")
    assert state["step"] == 10
    assert state["deep"] == {"a": [1, 2.5, "text", None]}
    assert torch.equal(state["x"], torch.arange(3))


def test_a_write_that_fails_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, 1, {"x": 1})
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        save_checkpoint(tmp_path, 2, {"x": lambda: 0})
    assert latest_checkpoint(tmp_path) == tmp_path / "step-00000001.ckpt"
    assert len(list(tmp_path.iterdir())) == 1


def test_there_is_none_in_an_empty_or_missing_folder(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path) is None
    assert latest_checkpoint(tmp_path / "missing") is None


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "step-00000001.ckpt"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(BadInput, match="expected a training checkpoint"):
        load_checkpoint(path)
    torch.save({"other": 1}, path)
    with pytest.raises(BadInput, match="another torch file"):
        load_checkpoint(path)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "was_run",)

    path = tmp_path / "step-00000001.ckpt"
    torch.save({"step": 1, "x": Evil()}, path)
    with pytest.raises(BadInput):
        load_checkpoint(path)
    assert not (tmp_path / "was_run").exists()


def test_random_states_come_back(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, 1, {"random": random_states()})
    expected = (torch.rand(3).tolist(), random.random(), random.gauss(0, 1))
    set_random_states(load_checkpoint(tmp_path / "step-00000001.ckpt")["random"])
    assert (torch.rand(3).tolist(), random.random(), random.gauss(0, 1)) == expected
