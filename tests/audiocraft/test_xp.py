"""Which experiment a command line is, and how it is shown."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from played_audiocraft import Played

from soundwright.audiocraft.run import run
from soundwright.audiocraft.xp import find, xp
from soundwright.cli.root import run as run_command
from soundwright.core.errors import UsageError


@pytest.fixture
def many(recorded: Path, tmp_path: Path) -> Path:
    """Dora's folder with two experiments."""
    for name in ("finished", "killed"):
        shutil.copytree(recorded / name, tmp_path / "many", dirs_exist_ok=True)
    return tmp_path / "many"


def test_one_by_its_signature_without_audiocraft(recorded: Path) -> None:
    shown = list(xp(experiments=recorded / "finished", sig="78387a51").lines())
    assert shown[0] == "experiment 78387a51: finished: 2 of 2 epochs"
    assert shown[1] == f"folder: {recorded}/finished/xps/78387a51"
    assert shown[2].startswith("settings: solver=compression/debug dset=audio/fma_small_mini device=cpu")
    assert shown[4] == "epoch 1 valid: bandwidth 1.117  l1 0.2578  mel 1.871  msspec 1.26  sisnr 48.85  (0.1 s)"
    assert shown[6].startswith("epoch 1 generate: done  (0.4 s)")
    assert shown[-1].endswith(".hydra/config.yaml")


def test_all_of_them_in_a_line_each(many: Path) -> None:
    (many / "xps/.ipynb_checkpoints").mkdir()
    (many / "xps/notes.txt").touch()
    shown = list(xp(experiments=many).lines())
    assert [line[:40] for line in shown] == [
        "09c75112  stopped after 1 of 3 epochs; t",
        "78387a51  finished: 2 of 2 epochs  solve",
    ]


def test_a_damaged_one_hides_no_other(many: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (many / "xps/09c75112/history.json").write_text("[{")
    assert run_command(["audiocraft", "xp", "--experiments", str(many)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"failed: {many}/xps/09c75112/history.json: cannot be read")
    assert said[1] == "experiment 78387a51: finished: 2 of 2 epochs"


def test_values_of_any_kind_are_shown(tmp_path: Path) -> None:
    folder = tmp_path / "xps/0"
    folder.mkdir(parents=True)
    history = [{"train": {"l1": float("nan"), "name": "x", "none": None, "n": 3, "duration": "long"}}]
    (folder / "history.json").write_text(json.dumps(history))
    assert "epoch 1 train: l1 nan  name x  none None  n 3" in list(xp(experiments=tmp_path, sig="0").lines())


def test_by_its_settings_dora_says_which(played: Played) -> None:
    overrides = ("solver=compression/debug", "optim.epochs=1")
    assert not find(overrides, played.experiments, **played.places).exists(), "need not have been run"
    done = run(*overrides, experiments=played.experiments, **played.places)
    assert done.experiment is not None
    reordered = ("optim.epochs=1", "dataset.num_workers=4", "solver=compression/debug")
    (found,) = xp(*reordered, experiments=played.experiments, **played.places).experiments
    assert found == done.experiment


def test_settings_that_were_never_run(played: Played) -> None:
    with pytest.raises(UsageError, match="there is no such experiment -> list all"):
        xp("solver=compression/debug", experiments=played.experiments, **played.places)


def test_a_signature_that_is_none(recorded: Path) -> None:
    with pytest.raises(UsageError, match="there is no such experiment"):
        xp(experiments=recorded / "finished", sig="00000000")


def test_settings_and_a_signature_are_too_much(recorded: Path) -> None:
    with pytest.raises(UsageError, match="both settings and --sig were given"):
        xp("optim.epochs=1", experiments=recorded / "finished", sig="78387a51")


@pytest.mark.parametrize("made", [True, False])
def test_a_folder_without_experiments(tmp_path: Path, made: bool) -> None:
    folder = tmp_path / "none"
    if made:
        (folder / "xps").mkdir(parents=True)
    with pytest.raises(UsageError, match="has no experiments in xps/ -> run: soundwright audiocraft run"):
        xp(experiments=folder)


def test_the_losses_are_drawn_of_one(recorded: Path, many: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot = tmp_path / "made/losses.png"
    shown = list(xp(experiments=recorded / "resumed", plot=plot).lines())
    assert shown[-1] == f"plot: {plot}"
    assert plot.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UsageError, match="--plot draws one experiment -> say which: --sig"):
        xp(experiments=many, plot=plot)
