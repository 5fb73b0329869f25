"""A run: what the training process is given, what is told of it, what proves it, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from played_audiocraft import OVERRIDES, Played, log_lines, notes, train, wrong

from soundwright.audiocraft.failures import ProcessFailed
from soundwright.audiocraft.installation import INSIDE
from soundwright.audiocraft.run import run
from soundwright.core.errors import BadInput, UsageError

TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "/repo/audiocraft/data/audio_dataset.py", line 75, in from_dict\n'
    "TypeError: AudioMeta.__init__() missing 2 required positional arguments: 'duration' and 'sample_rate'\n"
)


def test_a_run_is_followed_and_proven(played: Played) -> None:
    done, heard = train(played)
    assert (done.exit_code, done.failure, done.interrupted, wrong(done)) == (0, None, False, [])
    assert [check.text for check in done.checks][1] == "history.json has 3 of 3 epochs, 0 before"
    assert done.experiment is not None
    assert done.experiment.status == "finished: 3 of 3 epochs"
    assert done.experiment.overrides == OVERRIDES
    assert notes(heard) == [
        f"experiment {done.experiment.sig}: 3 epochs of 50 updates, batches of 8 x 1 s at 16000 Hz on cuda"
    ]
    told = log_lines(heard)
    assert told[:2] == ["Train | Epoch 1 | 1/2 | 4.12 it/sec | l1 0.261", "Train Summary | Epoch 1 | l1=0.261"]
    assert told[-1] == f"Checkpoint saved to {done.experiment.checkpoint}"
    assert len(told) == 9, "without the lines that tell nothing"
    assert "Dora directory" in done.output.read_text()
    lines = list(done.lines())
    assert lines[0] == "ok       exit code 0"
    assert f"folder: {played.experiments}/xps/{done.experiment.sig}" in lines


def test_the_process_is_given_what_a_real_one_needs(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "PYTHONHOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VIRTUAL_ENV", "/this/one")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("PYTHONPATH", "/this/one/too")
    played.lacks(xformers_ops=("ImportError", "broken"), spacy=("ModuleNotFoundError", "No module named 'spacy'"))
    train(played)
    (call,) = played.calls("dora run")
    assert call["arguments"] == ["-m", "dora", "run", *OVERRIDES]
    assert call["cwd"] == str(played.repo)
    variables = call["variables"]
    expected = {
        "USER": "root",
        "AUDIOCRAFT_TEAM": "default",
        "AUDIOCRAFT_CLUSTER": "default",
        "AUDIOCRAFT_DORA_DIR": str(played.experiments),
        "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",
        "PYTHONPATH": f"{played.repo}:{INSIDE}/stand_ins/xformers:{INSIDE}/stand_ins/spacy",
    }
    assert {name: variables.get(name) for name in expected} == expected
    assert not variables.keys() & {"VIRTUAL_ENV", "MPLBACKEND", "PYTHONHOME"}
    (asked,) = played.calls("signature.py")
    assert {name: asked["variables"][name] for name in expected} == expected, "dora is asked as it is then run"


def test_what_the_user_says_of_team_and_cluster_stands(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIOCRAFT_TEAM", "labs")
    train(played)
    (call,) = played.calls("dora run")
    assert (call["variables"]["AUDIOCRAFT_TEAM"], call["variables"]["USER"]) == ("labs", "somebody")


def test_a_relative_folder_of_experiments_is_meant_from_here(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(played.folder)
    done = run(*OVERRIDES, experiments=Path("experiments"), **played.places)
    assert done.exit_code == 0
    assert done.experiment is not None
    assert done.experiment.folder.parent == played.experiments / "xps"


def test_the_result_is_written_and_an_older_one_removed_first(played: Played, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    done, _ = train(played, result=result)
    facts = json.loads(result.read_text())
    assert done.experiment is not None
    assert (facts["sig"], facts["exit_code"], facts["error"]) == (done.experiment.sig, 0, None)
    assert (facts["status"], facts["folder"]) == ("finished: 3 of 3 epochs", str(done.experiment.folder))
    assert all(check["holds"] for check in facts["checks"])
    played.switch(refuse=f"{TRACEBACK}KeyError: 1\n")
    with pytest.raises(ProcessFailed):
        train(played, result=result)
    assert not result.exists()
    result.write_text("an older one")
    with pytest.raises(UsageError):
        train(played, "no setting", result=result)
    assert not result.exists()


def test_a_failed_training_is_explained_and_not_proven(played: Played, tmp_path: Path) -> None:
    played.switch(fails_in_epoch=2, says=TRACEBACK)
    done, heard = train(played, result=tmp_path / "result.json")
    assert done.exit_code == 1
    assert "a line of data.jsonl lacks duration or sample_rate" in str(done.failure)
    assert wrong(done) == ["exit code 1", "history.json has 1 of 3 epochs, 0 before"]
    assert next(done.lines()).startswith(f"error: {played.experiments}/.soundwright/audiocraft/")
    facts = json.loads((tmp_path / "result.json").read_text())
    assert (facts["exit_code"], "lacks duration" in facts["error"]) == (1, True)
    assert "Epoch 2" in log_lines(heard)[-1]
    played.switch("fails_in_epoch")
    done, heard = train(played)
    assert done.exit_code == 0
    assert "it goes on after epoch 1" in notes(heard)


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        ({"keeps_no_weights": True}, "checkpoint.th is not there"),
        ({"without_stage": "evaluate"}, "lacks evaluate in epoch 1, evaluate in epoch 2, evaluate in epoch 3"),
        ({"loss": float("nan")}, "not finite: epoch 1: train.l1, epoch 1: train.g_loss, epoch 1: valid.l1, "),
        ({"exit_code": 3}, "exit code 3"),
    ],
)
def test_a_training_that_pretends_is_found_out(played: Played, switches: dict[str, object], said: str) -> None:
    played.switch(**switches)
    done, _ = train(played)
    assert done.exit_code == 1
    (text,) = wrong(done)
    assert text.startswith(said)


def test_a_damaged_history_is_told_and_hides_no_other_failure(played: Played, tmp_path: Path) -> None:
    played.switch(damages_history=True, exit_code=1)
    done, _ = train(played, result=tmp_path / "result.json")
    assert done.exit_code == 1
    assert wrong(done)[0] == "exit code 1"
    assert "history.json: cannot be read" in wrong(done)[1]
    assert json.loads((tmp_path / "result.json").read_text())["sig"] is None
    with pytest.raises(BadInput, match="move it away"):
        train(played)
    played.switch("damages_history", exit_code=0)
    assert train(played, clear=True)[0].exit_code == 0


def test_a_finished_one_is_only_shown_again(played: Played) -> None:
    first, _ = train(played)
    assert first.experiment is not None
    before = first.experiment.checkpoint.stat().st_mtime_ns
    again, heard = train(played, *OVERRIDES, "dataset.num_workers=2")
    assert (again.exit_code, wrong(again)) == (0, [])
    assert any(text.startswith("it is finished") for text in notes(heard))
    assert log_lines(heard) == [f"Train Summary | Epoch {number} | replayed" for number in (1, 2, 3)]
    assert first.experiment.checkpoint.stat().st_mtime_ns == before


def test_clear_begins_anew_and_tells_only_what_is_new(played: Played) -> None:
    train(played)
    # AudioCraft takes seconds to load, and only then removes what stood there: meanwhile the old log is no news.
    played.switch(loading_s=1.1)
    done, heard = train(played, clear=True)
    assert (done.exit_code, wrong(done)) == (0, [])
    (_, call) = played.calls("dora run")
    assert call["arguments"][:4] == ["-m", "dora", "run", "--clear"]
    assert notes(heard)[1:] == ["what it had so far is thrown away"]
    assert len(log_lines(heard)) == 9
    assert done.experiment is not None
    assert len(done.experiment.history) == 3


def test_what_dora_failed_to_clear_is_not_taken_for_a_new_training(played: Played) -> None:
    train(played)
    played.switch(fails_to_clear=True)
    done, _ = train(played, clear=True)
    assert wrong(done) == ["checkpoint.th is older than this run"]


@pytest.mark.parametrize("override", ["optim.epochs", "", "--ddp=1", "-x=1"])
def test_what_is_no_setting_is_refused_before_anything_is_asked(played: Played, override: str) -> None:
    with pytest.raises(UsageError, match="is no setting -> write settings as name=value"):
        train(played, *OVERRIDES, override)
    assert played.calls() == []


def test_settings_that_audiocraft_has_not(played: Played) -> None:
    played.switch(refuse="hydra.errors.MissingConfigException: In 'config': Could not find 'dset/audio/mine'\n")
    with pytest.raises(ProcessFailed, match=r"no configuration dset/audio/mine\.yaml .*soundwright audiocraft export"):
        train(played)
    assert not list(played.experiments.glob("xps/*"))


@pytest.mark.parametrize("babble", ["no JSON", "", "{"])
def test_an_answer_that_is_none(played: Played, babble: str) -> None:
    played.switch(babble=babble)
    with pytest.raises(ProcessFailed, match="signature.py gave no answer"):
        train(played)


def test_an_environment_that_lacks_something(played: Played) -> None:
    played.lacks(julius=("ModuleNotFoundError", "No module named 'julius'"))
    with pytest.raises(UsageError, match=r"lacks julius: No module named 'julius' -> run notebooks/01"):
        train(played)
    assert not played.calls("dora run")


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ("repo", "neither --repo nor AUDIOCRAFT_REPO_DIR"),
        ("python", "neither --python nor AUDIOCRAFT_VENV"),
    ],
)
def test_nobody_says_where_audiocraft_is(played: Played, lacking: str, said: str) -> None:
    places = {name: path for name, path in played.places.items() if name != lacking}
    with pytest.raises(UsageError, match=said):
        run(*OVERRIDES, experiments=played.experiments, **places)


def test_the_environments_variable_names_a_folder_that_is_gone(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIOCRAFT_VENV", str(played.folder / "gone"))
    with pytest.raises(UsageError, match=r"gone/bin/python: does not exist -> give --python"):
        run(*OVERRIDES, experiments=played.experiments, repo=played.repo)


@pytest.mark.parametrize("folder", ["\u00fc", "a(1)", "a=1,2", "a'b", "a{b}", "a$b"])
def test_a_folder_that_hydra_cannot_take_is_refused_before_anything_is_run(played: Played, folder: str) -> None:
    with pytest.raises(UsageError, match="dora cannot work in a folder with"):
        run(*OVERRIDES, experiments=played.folder / folder, **played.places)
    assert played.calls() == []


def test_a_result_that_cannot_be_written_is_refused_before_anything_is_run(played: Played, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        run(*OVERRIDES, experiments=played.experiments, result=tmp_path, **played.places)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        run(*OVERRIDES, experiments=played.experiments, result=tmp_path / "file/result.json", **played.places)
    assert played.calls() == []


@pytest.mark.parametrize(
    "override", ["optim.epochs=abc", "sample_rate=null", "dataset.segment_duration=abc", "generate.every=x"]
)
def test_a_number_that_is_none_is_wrong_usage(played: Played, override: str) -> None:
    with pytest.raises(UsageError, match="is no number"):
        run(*OVERRIDES, override, experiments=played.experiments, **played.places)


def test_a_folder_that_is_no_checkout_is_refused(played: Played) -> None:
    """Its interpreter may know another checkout, and would answer for that one."""
    (played.repo / "audiocraft/train.py").unlink()
    with pytest.raises(UsageError, match="is no checkout of AudioCraft, it lacks audiocraft/train.py"):
        run(*OVERRIDES, experiments=played.experiments, **played.places)
    assert played.calls() == []
