"""Experiments as a real dora left them, and damaged ones."""

from __future__ import annotations

import builtins
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from soundwright.audiocraft.experiment import Experiment, list_experiments, non_finite, plain, read_experiment
from soundwright.core.errors import BadInput, MissingExtra, UsageError


def experiment(recorded: Path, name: str) -> Experiment:
    (folder,) = list_experiments(recorded / name)
    return read_experiment(folder)


def copy_of(recorded: Path, name: str, to: Path) -> Path:
    (folder,) = list_experiments(recorded / name)
    return Path(shutil.copytree(folder, to / "xps" / folder.name))


@pytest.mark.parametrize(
    ("name", "sig", "num_epochs", "status"),
    [
        ("finished", "78387a51", 2, "finished: 2 of 2 epochs"),
        ("killed", "09c75112", 1, "stopped after 1 of 3 epochs; the same command goes on from there"),
        ("resumed", "09c75112", 3, "finished: 3 of 3 epochs"),
        ("crashed", "78387a51", 0, "no epoch was finished"),
    ],
)
def test_reads_what_dora_left(recorded: Path, name: str, sig: str, num_epochs: int, status: str) -> None:
    found = experiment(recorded, name)
    assert (found.sig, len(found.history), found.status) == (sig, num_epochs, status)
    assert "dset=audio/fma_small_mini" in found.overrides
    assert found.num_epochs == (2 if sig == "78387a51" else 3)


def test_curves_go_over_the_epochs_and_leave_durations_out(recorded: Path) -> None:
    curves = experiment(recorded, "resumed").curves()
    assert [epoch for epoch, _ in curves["l1"]["train"]] == [1, 2, 3]
    assert curves["l1"]["train"][0][1] == pytest.approx(0.2213, abs=1e-4)
    assert curves["sisnr"].keys() == {"train", "valid", "evaluate"}
    assert "duration" not in curves


def test_the_log_is_shown_without_colours(recorded: Path) -> None:
    found = experiment(recorded, "finished")
    tail = found.log_tail(4)
    assert len(tail) == 4
    assert tail[-1].endswith("Checkpoint saved to /workspace/experiments/finished/xps/78387a51/checkpoint.th")
    assert "\x1b" in found.log.read_text()
    assert not any("\x1b" in line or "[1m" in line for line in found.log_tail(1000))
    assert plain("\x1b[38;5;1mred\x1b[0K meter\x1b[0m") == "red meter"


def test_key_files_are_those_that_are_there(recorded: Path) -> None:
    names = [path.name for path in experiment(recorded, "finished").key_files()]
    assert names == ["solver.log.0", "history.json", "checkpoint.th", ".argv.json", "config.yaml"]
    assert [path.name for path in experiment(recorded, "crashed").key_files()] == [names[0], *names[3:]]


def test_an_empty_folder_is_an_experiment_without_anything(tmp_path: Path) -> None:
    found = read_experiment(tmp_path)
    assert (found.overrides, found.history, found.num_epochs, found.log_tail()) == ((), (), None, [])
    assert not found.is_finished
    assert found.status == "no epoch was finished"


def test_a_lost_checkpoint_is_told(recorded: Path, tmp_path: Path) -> None:
    folder = copy_of(recorded, "finished", tmp_path)
    (folder / "checkpoint.th").unlink()
    assert read_experiment(folder).status == "2 of 2 epochs, but its checkpoint is gone"


def test_no_folder_says_how_to_list_them(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such experiment -> list all"):
        read_experiment(tmp_path / "xps/00000000")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("history.json", "[{"),
        ("history.json", "{}"),
        ("history.json", "[1]"),
        ("history.json", '[{"train": 1}]'),
        ("history.json", "\x00\x00"),
        (".argv.json", "{}"),
        (".argv.json", "[1]"),
        (".argv.json", ""),
        (".hydra/config.yaml", ""),
        (".hydra/config.yaml", "optim: 1"),
        (".hydra/config.yaml", "optim: {epochs: many}"),
        (".hydra/config.yaml", "a: : b"),
    ],
)
def test_a_damaged_file_is_named_and_can_be_mended(recorded: Path, tmp_path: Path, name: str, text: str) -> None:
    folder = copy_of(recorded, "finished", tmp_path)
    (folder / name).write_text(text)
    with pytest.raises(BadInput, match="move it away; dora writes it anew") as caught:
        read_experiment(folder)
    assert caught.value.path == folder / name
    (folder / name).unlink()
    read_experiment(folder)


def test_bytes_that_are_no_text_are_damage_too(recorded: Path, tmp_path: Path) -> None:
    folder = copy_of(recorded, "finished", tmp_path)
    (folder / "history.json").write_bytes(b"\xff\xfe[]")
    with pytest.raises(BadInput, match="cannot be read"):
        read_experiment(folder)


def test_numbers_that_are_none_are_found(tmp_path: Path) -> None:
    # Python's json, which dora uses, writes and reads NaN and Infinity.
    epoch: dict[str, Any] = {"train": {"l1": float("nan"), "mel": 1.0}, "valid": {"l1": float("-inf"), "name": "x"}}
    (tmp_path / "history.json").write_text(json.dumps([epoch]))
    found = read_experiment(tmp_path)
    assert non_finite(found.history[0]) == ["train.l1", "valid.l1", "valid.name"]
    assert "name" not in found.curves()


def test_losses_are_drawn(recorded: Path) -> None:
    pytest.importorskip("matplotlib")
    from soundwright.audiocraft.pictures import losses

    found = experiment(recorded, "resumed")
    assert losses(found).startswith(b"\x89PNG")
    assert losses(found, ("mel",)).startswith(b"\x89PNG")
    with pytest.raises(BadInput, match="has no metric loudness; there are bandwidth, l1"):
        losses(found, ("loudness",))
    with pytest.raises(BadInput, match="has no metric any; there are none -> train at least one epoch"):
        losses(experiment(recorded, "crashed"))


def test_losses_are_drawn_of_any_numbers(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from soundwright.audiocraft.pictures import losses

    epochs = [{"train": {"l1": value}, "generate": {"rtf": 1.0}} for value in (float("nan"), float("inf"), 2.0)]
    (tmp_path / "history.json").write_text(json.dumps(epochs))
    found = read_experiment(tmp_path)
    assert losses(found).startswith(b"\x89PNG")
    assert losses(found, ("rtf",)).startswith(b"\x89PNG"), "of a stage that has no line"


def test_without_matplotlib_it_says_what_to_install(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from soundwright.audiocraft.pictures import losses

    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match="viz"):
        losses(experiment(recorded, "finished"))
