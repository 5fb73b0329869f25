"""`lm train`: every flag does what it says, a stopped training goes on exactly, and nothing is lost or overwritten."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from soundwright.cli.root import run
from soundwright.core.errors import BadInput, SoundwrightError, UsageError
from soundwright.lossless.lm.chunks import Source, read_chunks
from soundwright.lossless.lm.data_paths import get_train_paths, get_valid_paths
from soundwright.lossless.lm.fitting import FINAL, LOCK
from soundwright.lossless.lm.settings import Settings
from soundwright.lossless.lm.task import LanguageTask, Machine
from soundwright.lossless.lm.train import train, train_audio_transformer
from soundwright.lossless.lm.weights import load_model, read_weights
from soundwright.runs.locks import lock
from soundwright.training import loop
from soundwright.training.ranks import Place

SMALL: dict[str, Any] = {
    "chunk_size": 64, "stereo_blocking_n": 16, "training_steps": 4, "batch_size": 3, "log_every": 2,
    "embedding_dim": 16, "num_layers": 1, "num_heads": 2, "widening_factor": 2,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Any:
    """Of the whole module, since its trainings are compared to the bit: the order of a sum depends on the threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audio")
    rng = np.random.default_rng(0)
    for i in range(5):
        t = np.arange(700) / 8000
        sides = [
            0.3 * np.sin(2 * np.pi * (300 + 70 * i) * t + phase) + 0.01 * rng.standard_normal(700) for phase in (0, 1)
        ]
        soundfile.write(folder / f"{i}.wav", np.stack(sides, axis=1), 8000)
    return folder


def rows(folder: Path, name: str = "audio_model") -> list[dict[str, float]]:
    lines = (folder / f"{name}_training" / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "elapsed_s"} for line in lines]


def options(folder: Path, audio: Path, **changes: Any) -> list[str]:
    words = ["lm", "train", "--audio_dir", str(audio), "--output_dir", str(folder)]
    for name, value in (SMALL | changes).items():
        words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return words


@pytest.fixture(scope="module")
def base(audio: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    assert train(audio_dir=audio, output_dir=folder, **SMALL).done
    return folder


@pytest.mark.parametrize(
    ("flag", "value", "shape"),
    [
        ("embedding_dim", 24, ("embedding.weight", (256, 24))),
        ("num_layers", 2, ("transformer.blocks.1.attention.qkv.weight", (48, 16))),
        ("widening_factor", 3, ("transformer.blocks.0.widen.weight", (48, 16))),
        ("use_16bit", True, ("embedding.weight", (512, 16))),
        ("num_heads", 4, None),
        ("chunk_size", 32, None),
        ("batch_size", 2, None),
        ("learning_rate", 0.01, None),
        ("seed", 43, None),
        ("num_chunks", 2, None),
        ("channels", "stereo", None),
        ("schedule", "cosine", None),
        ("head", "logistics", ("head.numbers.weight", (47, 16))),
    ],
)
def test_a_flag_changes_the_training(
    flag: str, value: Any, shape: Any, base: Path, audio: Path, tmp_path: Path
) -> None:
    train(audio_dir=audio, output_dir=tmp_path, **SMALL | {flag: value})
    config, arrays = read_weights(tmp_path / "audio_model.npz")
    assert config["training"][flag] == value
    assert rows(tmp_path)[-1]["loss"] != rows(base)[-1]["loss"]
    if shape:
        assert arrays[shape[0]].shape == shape[1]
        assert (
            shape[0] not in read_weights(base / "audio_model.npz")[1]
            or shape[1] != read_weights(base / "audio_model.npz")[1][shape[0]].shape
        )


def test_the_remaining_flags_do_as_they_say(base: Path, audio: Path, tmp_path: Path) -> None:
    common = SMALL | {"channels": "stereo", "training_steps": 3, "log_every": 1}
    train(audio_dir=audio, output_dir=tmp_path, model_name="a", **common)
    train(audio_dir=audio, output_dir=tmp_path, model_name="b", **common | {"stereo_blocking_n": 8})
    assert [row["step"] for row in rows(tmp_path, "a")] == [1, 2, 3]
    assert [row["step"] for row in rows(base)] == [2, 4]
    assert rows(tmp_path, "a")[0]["loss"] != rows(tmp_path, "b")[0]["loss"]
    assert {p.name for p in tmp_path.iterdir()} == {
        "a.npz", "a_training", "a_training.log", "b.npz", "b_training", "b_training.log",
    }  # fmt: skip
    log = (tmp_path / "a_training.log").read_text()
    for told in (
        "- INFO - Starting audio transformer training",
        "- INFO - Audio processing format: stereo",
        "- INFO - Found 4 training files and 1 validation files",
        "- INFO - Of 16-bit samples (files: 5) the model sees the top 8",
        "- INFO - Training completed successfully!",
        "- INFO - Final loss: ",
        "- INFO - Model saved to: ",
        "bits per byte), held out",
    ):
        assert told in log, log


def test_the_learning_rate_is_constant_or_a_cosine(audio: Path, tmp_path: Path) -> None:
    for schedule in ("constant", "cosine"):
        train(audio_dir=audio, output_dir=tmp_path / schedule, schedule=schedule, **SMALL | {"log_every": 1})
    assert [row["learning_rate"] for row in rows(tmp_path / "constant")] == [1e-4] * 4
    assert rows(tmp_path / "cosine")[-1]["learning_rate"] < 0.2e-4


def test_it_learns(audio: Path, tmp_path: Path) -> None:
    more = {"training_steps": 60, "learning_rate": 0.01, "log_every": 20, "batch_size": 8}
    done = train(audio_dir=audio, output_dir=tmp_path, **SMALL | more)
    assert done.bits_per_sample is not None
    assert done.bits_per_sample < 6
    assert "fixed linear predictors" in " ".join(done.lines())
    config, model = load_model(done.path)
    assert config.sequence_length == 64
    with torch.no_grad():
        assert model.nats(torch.full((1, 64), 128)).shape == (1, 64)


def test_the_weights_that_cost_least_on_held_out_files_are_kept(
    audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[dict[str, Any]] = []
    costs = iter([5.0, 3.0, 4.0, 6.0])
    monkeypatch.setattr(LanguageTask, "_bits", lambda self, nats: {"bits_per_sample": next(costs), "bits_per_byte": 0})
    monkeypatch.setattr(LanguageTask, "loss", lambda self, batch, progress: (self._cost(*batch[:2])[0], {}))
    validate = LanguageTask.validate

    def look(self: LanguageTask) -> dict[str, float]:
        kept.append({name: value.clone() for name, value in self.model.state_dict().items()})
        return validate(self)

    monkeypatch.setattr(LanguageTask, "validate", look)
    monkeypatch.setattr(LanguageTask, "last_bits_per_byte", lambda self: 0.0)
    done = train(audio_dir=audio, output_dir=tmp_path, **SMALL | {"log_every": 1})
    assert done.bits_per_sample == 3
    _, arrays = read_weights(done.path)
    assert all(np.array_equal(arrays[name], value) for name, value in kept[1].items())
    assert not np.array_equal(arrays["embedding.weight"], kept[3]["embedding.weight"])


def task_of(audio: Path, tmp_path: Path, micro_batch: int, **changes: Any) -> LanguageTask:
    from soundwright.lossless.lm.chunks import Source

    settings = Settings(**SMALL | {"batch_size": 7} | changes)
    chunks = read_chunks([Source(Path(p)) for p in get_train_paths(audio)], settings, 40, tmp_path / "cache")
    task = LanguageTask(settings, chunks, chunks, tmp_path / "best.npz", Machine(), micro_batch)
    torch.manual_seed(0)
    task.setup(Place())
    return task


@pytest.mark.parametrize("head", ["softmax", "logistics"])
def test_micro_batches_have_the_gradient_of_the_batch(head: str, audio: Path, tmp_path: Path) -> None:
    gradients = []
    for micro_batch in (7, 2, 1):
        task = task_of(audio, tmp_path, micro_batch, head=head)
        settings = loop.LoopSettings(steps=1, accumulate=task.accumulate, clip_norm=1e9)
        task.optimiser.step = lambda: None  # type: ignore[assignment,method-assign]
        numbers = loop.train_step(task, settings, 0, 0.0, Place())
        gradients.append((numbers["loss"], [p.grad for p in task.model.parameters()]))
    for loss, parts in gradients[1:]:
        assert loss == pytest.approx(gradients[0][0], rel=1e-5)
        for ours, whole in zip(parts, gradients[0][1], strict=True):
            assert torch.allclose(ours, whole, rtol=1e-3, atol=1e-6)


def test_every_chunk_is_drawn_once_before_any_is_drawn_again(audio: Path, tmp_path: Path) -> None:
    task = task_of(audio, tmp_path, 7)
    count = len(task.training)
    drawn = task.chunk_indices(range(2 * count)).tolist()
    assert sorted(drawn[:count]) == sorted(drawn[count:]) == list(range(count))
    assert drawn[:count] != drawn[count:]
    assert task.chunk_indices(range(count, count + 5)).tolist() == drawn[count : count + 5]


_MICRO_BATCH = """
import resource, sys, json
import numpy as np, torch
from soundwright.lossless.lm.model import SampleModel
from soundwright.lossless.lm.settings import Settings
from soundwright.lossless.lm.task import Machine, _fitting, model_config
config = model_config(Settings(**json.loads(sys.argv[1])))
model, num_chunks = SampleModel(config), min(int(sys.argv[2]), _fitting(config, Machine()))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model.nats(torch.randint(0, 1 << config.sample_bits, (num_chunks, config.sequence_length))).sum().backward()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20)
"""


@pytest.mark.full
@pytest.mark.parametrize(
    ("changes", "most"),
    # The logits of 65,536 values are made in slices that do not grow with the chunks, and take their time.
    [({}, 128), ({"use_16bit": True}, 128), ({"use_16bit": True, "head": "softmax"}, 4)],
)
def test_the_documents_defaults_fit_into_memory(changes: dict[str, Any], most: int) -> None:
    program = [sys.executable, "-c", _MICRO_BATCH, json.dumps(changes), str(most)]
    gibibytes = float(subprocess.run(program, check=True, capture_output=True, text=True).stdout)
    assert gibibytes < 2


def test_a_killed_training_goes_on_exactly(audio: Path, tmp_path: Path) -> None:
    words = {"training_steps": 60, "log_every": 3, "batch_size": 4, "chunk_size": 256}
    program = [sys.executable, "-m", "soundwright", *options(tmp_path / "cut", audio, **words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(program, env=environment, stderr=subprocess.DEVNULL)
    while len(list((tmp_path / "cut/audio_model_training").glob("step-*.ckpt"))) < 2 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "cut/audio_model.npz").exists()
    train(audio_dir=audio, output_dir=tmp_path / "cut", **SMALL | words)
    assert "Resuming after step" in (tmp_path / "cut/audio_model_training.log").read_text()
    train(audio_dir=audio, output_dir=tmp_path / "whole", **SMALL | words)
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")
    parts = [read_weights(tmp_path / name / "audio_model.npz")[1] for name in ("cut", "whole")]
    assert all(np.array_equal(parts[0][name], parts[1][name]) for name in parts[1])


def test_ctrl_c_saves_and_the_same_command_goes_on(
    audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = LanguageTask.before_step

    def interrupt(self: LanguageTask, step: int) -> None:
        before(self, step)
        if step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(LanguageTask, "before_step", interrupt)
        assert run(options(tmp_path / "cut", audio, training_steps=5)) == 130
    assert "interrupted after step 3 [the same command goes on from here]" in capsys.readouterr().out
    assert run(options(tmp_path / "cut", audio, training_steps=5)) == 0
    assert run(options(tmp_path / "whole", audio, training_steps=5)) == 0
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")


def test_a_finished_training_says_so_and_other_settings_are_refused(
    base: Path, audio: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    shutil.copytree(base, tmp_path / "model")
    before = (tmp_path / "model/audio_model.npz").read_bytes()
    assert run(options(tmp_path / "model", audio)) == 0
    assert "4 steps were done before, there is nothing to do" in capsys.readouterr().out
    assert run(options(tmp_path / "model", audio, seed=7, num_heads=4)) == 2
    told = capsys.readouterr().err
    assert "num_heads was 2 and is 4, seed was 42 and is 7" in told
    assert "--overwrite" in told
    assert (tmp_path / "model/audio_model.npz").read_bytes() == before
    assert run(options(tmp_path / "model", audio, seed=7, overwrite=True)) == 0
    assert (tmp_path / "model/audio_model.npz").read_bytes() != before
    (tmp_path / "other").mkdir()
    (tmp_path / "other/audio_model.npz").write_bytes(before)
    assert run(options(tmp_path / "other", audio)) == 2
    assert "no training that would resume" in capsys.readouterr().err


def test_a_command_that_failed_before_it_trained_binds_nobody(audio: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown device"):
        train(audio_dir=audio, output_dir=tmp_path, **SMALL | {"device": "toaster"})
    assert train(audio_dir=audio, output_dir=tmp_path, **SMALL | {"num_heads": 4}).done


def test_state_is_saved_by_the_clock_too(audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from soundwright.lossless.lm import fitting

    saved: list[int] = []
    save = loop.save_checkpoint
    monkeypatch.setattr(
        loop, "save_checkpoint", lambda folder, step, state: saved.append(step) or save(folder, step, state)
    )
    train(audio_dir=audio, output_dir=tmp_path / "a", **SMALL | {"log_every": 4})
    assert saved == [4, 4]
    saved.clear()
    monkeypatch.setattr(fitting, "_CHECKPOINT_EVERY_S", 0.0)
    train(audio_dir=audio, output_dir=tmp_path / "b", **SMALL | {"log_every": 4})
    assert saved == [1, 2, 3, 4, 4]
    assert rows(tmp_path / "a") == rows(tmp_path / "b")


def test_recordings_that_changed_under_a_training_are_noticed(audio: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(audio, tmp_path / "audio")
    train(audio_dir=tmp_path / "audio", output_dir=tmp_path / "out", **SMALL)
    (tmp_path / "out/audio_model.npz").unlink()
    soundfile.write(tmp_path / "audio/0.wav", np.zeros(300), 8000)
    with pytest.raises(UsageError, match="recordings was"):
        train(audio_dir=tmp_path / "audio", output_dir=tmp_path / "out", **SMALL)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        *(({name: 0}, f"{name} must be positive, got 0") for name in (
            "stereo_blocking_n", "chunk_size", "training_steps", "batch_size", "log_every", "embedding_dim",
            "num_layers", "num_heads", "widening_factor", "num_chunks",
        )),
        ({"learning_rate": -1.0}, "learning_rate must be positive, got -1.0"),
        ({"learning_rate": float("nan")}, "learning_rate must be positive, got nan"),
        ({"seed": -1}, "seed must be non-negative, got -1"),
        ({"use_16bit": True, "chunk_size": 65}, "chunk_size must be even for 16-bit audio, got 65"),
        ({"embedding_dim": 128, "num_heads": 12}, "use --num_heads 8 or 16, or --embedding_dim 120 or 132"),
        ({"embedding_dim": 4, "num_heads": 6}, "use --num_heads 4, or --embedding_dim 6"),
        ({"head": "bytes"}, "16-bit"),
        ({"model_name": "a/b"}, "plain name"),
        ({"device": "toaster"}, "unknown device"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(changes: dict[str, Any], told: str, audio: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        train(audio_dir=audio, output_dir=tmp_path / "out", **SMALL | changes)
    assert told in str(caught.value)


def test_folders_without_audio_are_told_as_documented(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lm", "train", "--audio_dir", str(tmp_path / "no")]) == 2
    assert f"Audio directory does not exist: {tmp_path / 'no'}" in capsys.readouterr().err
    assert run(["lm", "train", "--audio_dir", str(tmp_path)]) == 2
    assert f"No WAV files found in directory: {tmp_path}" in capsys.readouterr().err
    (tmp_path / "bad.wav").write_text("junk")
    assert run(["lm", "train", "--audio_dir", str(tmp_path), "--output_dir", str(tmp_path / "o")]) == 1
    assert "none of the 1 files to train on can be used" in capsys.readouterr().err
    assert "Training failed: " in (tmp_path / "o/audio_model_training.log").read_text()


def test_the_warning_about_blocks_compares_like_with_like() -> None:
    stereo: dict[str, Any] = {"channels": "stereo"}
    assert Settings(**stereo).warnings() == []  # 1024 left and 1024 right samples are 2048 bytes
    assert "4096 bytes" in Settings(use_16bit=True, **stereo).warnings()[0]
    assert Settings(stereo_blocking_n=16, **stereo).warnings() == []
    assert "Blocking size 1025 is too large for chunk size 2048" in Settings(stereo_blocking_n=1025).warnings()[0]
    assert "mixed to mono there are none" in Settings(use_16bit=True).warnings()[0]


def test_the_warning_about_blocks_is_said(audio: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(audio_dir=audio, output_dir=tmp_path, **SMALL | {"stereo_blocking_n": 33})
    assert "WARNING - Blocking size 33 is too large" in (tmp_path / "audio_model_training.log").read_text()
    small = {name: value for name, value in SMALL.items() if name not in ("stereo_blocking_n", "chunk_size")}
    train_audio_transformer([audio / "0.wav"], sequence_length=64, blocking_size=33, **small)
    assert "WARNING - Blocking size 33 is too large" in capsys.readouterr().err


def test_one_file_is_split_in_time_and_deep_samples_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "audio").mkdir()
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "audio/a.wav", 0.1 * rng.standard_normal(1000), 8000, subtype="PCM_24")
    assert run(options(tmp_path / "one", tmp_path / "audio", use_16bit=True)) == 0
    told = capsys.readouterr()
    assert "a.wav is split in time: its last tenth is held out" in told.err
    assert "WARNING - Of 24-bit samples (files: 1) the model sees the top 16" in told.err
    assert "of 16 bits per sample" in told.out
    assert read_weights(tmp_path / "one/audio_model.npz")[0]["input"] == {"PCM_24": 1}
    # of two files, one of which is no audio, the other is told of and left out
    soundfile.write(tmp_path / "audio/b.wav", 0.1 * rng.standard_normal(1000), 8000)
    (tmp_path / "audio/c.wav").write_text("junk")
    assert run(options(tmp_path / "three", tmp_path / "audio", use_16bit=True)) == 0
    assert capsys.readouterr().err.count("c.wav: cannot be read as audio") == 2  # by its header, and when it is read


class FakeRun:
    def __init__(self, **given: Any) -> None:
        self.given, self.rows, self.finished = given, [], False

    def log(self, numbers: dict[str, float], step: int) -> None:
        if self.given["project"] == "fails":
            raise ConnectionError("the network is down")
        self.rows.append((step, numbers))

    def finish(self) -> None:
        if self.given["project"] == "never ends":
            raise TimeoutError("it does not end")
        self.finished = True


def test_numbers_go_to_weights_and_biases(audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[FakeRun] = []
    monkeypatch.setitem(
        sys.modules, "wandb", SimpleNamespace(init=lambda **given: runs.append(FakeRun(**given)) or runs[-1])
    )
    train(audio_dir=audio, output_dir=tmp_path, wandb_project="audio-compression", **SMALL)
    (run,) = runs
    assert run.given["name"] == "8bit_block16_chunk64_steps4"
    assert run.finished
    assert [step for step, _ in run.rows] == [2, 4]
    assert {"loss", "bits_per_sample", "valid/bits_per_byte"} <= run.rows[0][1].keys()
    documented = {
        "experiment_type": "audio_compression", "dataset_type": "custom_wav_directory", "audio_directory": str(audio),
        "num_train_files": 4, "num_val_files": 1, "seed": 42, "learning_rate": 1e-4, "embedding_dim": 16,
        "num_layers": 1, "num_heads": 2, "widening_factor": 2,
    }  # fmt: skip
    assert list(run.given["config"])[:5] == list(documented)[:5]
    assert run.given["config"].items() >= documented.items()
    train(audio_dir=audio, output_dir=tmp_path, model_name="b", wandb_project="p", wandb_run_name="mine", **SMALL)
    assert runs[1].given["name"] == "mine"
    assert runs[1].given["id"] != run.given["id"]


def test_a_tracker_that_fails_is_told_once_and_the_training_ends_well(
    audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def init(**given: Any) -> FakeRun:
        if given["project"] == "closed":
            raise RuntimeError("no API key")
        return FakeRun(**given)

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    assert run(options(tmp_path / "a", audio, wandb_project="fails")) == 0
    assert capsys.readouterr().err.count("the network is down") == 1
    assert run(options(tmp_path / "b", audio, wandb_project="closed")) == 0
    assert capsys.readouterr().err.count("no API key") == 1
    assert run(options(tmp_path / "d", audio, wandb_project="never ends")) == 0
    assert capsys.readouterr().err.count("it does not end") == 1
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert run(options(tmp_path / "c", audio, wandb_project="p")) == 0
    told = capsys.readouterr().err
    assert told.count("Weights & Biases is not installed -> pip install 'soundwright[track]'") == 1
    assert told.count("TensorBoard is not installed") == 1
    assert "TensorBoard is not installed" in (tmp_path / "c/audio_model_training.log").read_text()
    assert run(options(tmp_path / "e", audio, no_tensorboard=True)) == 0
    assert "TensorBoard" not in capsys.readouterr().err


def test_weights_and_biases_offline(audio: Path, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    environment = {**os.environ, "WANDB_MODE": "offline", "WANDB_SILENT": "true", "HOME": str(tmp_path)}
    program = [sys.executable, "-m", "soundwright", *options(tmp_path / "out", audio, wandb_project="p")]
    done = subprocess.run(program, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "tracking:" not in done.stderr
    assert list((tmp_path / "out/audio_model_training/wandb").glob("offline-run-*/*.wandb"))


def test_the_python_entry_gives_weights_and_loss(audio: Path, tmp_path: Path, base: Path) -> None:
    files = get_train_paths(str(audio))
    params, loss = train_audio_transformer(
        audio_files=files,
        use_16bit=False,
        blocking_size=16,
        training_steps=4,
        log_every=2,
        batch_size=3,
        sequence_length=64,
        use_tqdm=False,
        wandb_project=None,
        wandb_run_name="x",
        wandb_config={"a": 1},
        embedding_dim=16,
        num_layers=1,
        num_heads=2,
        widening_factor=2,
    )
    assert loss == pytest.approx(rows(base)[-1]["bits_per_byte"], abs=0.01)  # the last batch, after its step
    np.savez(tmp_path / "model.npz", **params)
    arrays = read_weights(base / "audio_model.npz")[1]
    assert all(np.array_equal(params[name], arrays[name]) for name in arrays)


def test_the_python_entry_shows_its_progress(audio: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = {name: value for name, value in SMALL.items() if name not in ("stereo_blocking_n", "chunk_size")}
    params, loss = train_audio_transformer([audio / "0.wav"], sequence_length=64, **small)
    assert "INFO - step 4 of 4: trained on" in capsys.readouterr().err
    assert 0 < loss < 16
    assert params["transformer.norm.weight"].shape == (16,)
    train_audio_transformer([audio / "0.wav"], sequence_length=64, valid_files=[audio / "0.wav"], **small)
    with pytest.raises(UsageError, match="no files"):
        train_audio_transformer([], **small)
    assert logging.getLogger("soundwright.lossless.lm").handlers == []


def test_a_loss_that_is_not_finite_ends_the_training(audio: Path, tmp_path: Path) -> None:
    with pytest.raises(SoundwrightError, match="lower the learning rate"):
        train(audio_dir=audio, output_dir=tmp_path, **SMALL | {"learning_rate": 1e30, "training_steps": 20})


@pytest.mark.parametrize("spelling", ["_", "-"])
def test_both_spellings_are_taken(spelling: str, audio: Path, tmp_path: Path) -> None:
    words = [
        w.replace("_", spelling) if w.startswith("--") else w for w in options(tmp_path / "out", audio, use_16bit=True)
    ]
    assert run(words) == 0
    assert (tmp_path / "out/audio_model.npz").exists()


def test_two_trainings_of_one_name_do_not_work_side_by_side(audio: Path, tmp_path: Path) -> None:
    with (
        lock(tmp_path / "audio_model_training" / LOCK),
        pytest.raises(UsageError, match="another training with this name is working here"),
    ):
        train(audio_dir=audio, output_dir=tmp_path, overwrite=True, **SMALL)
    assert not (tmp_path / "audio_model.npz").exists()
    with lock(tmp_path / "audio_model_training" / LOCK):
        assert train(audio_dir=audio, output_dir=tmp_path, model_name="other", **SMALL).done


def test_an_output_folder_that_cannot_be_is_one_line(audio: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written: Not a directory"):
        train(audio_dir=audio, output_dir=tmp_path / "file" / "below", **SMALL)


def test_other_recordings_are_not_taken_for_those_of_before(audio: Path, tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    for path in audio.iterdir():  # same names, lengths, and sound but for one sample
        sound, rate = soundfile.read(path, dtype="int16")
        sound[5] ^= 1 << 14
        soundfile.write(others / path.name, sound, rate)
    moved = tmp_path / "moved"
    shutil.copytree(audio, moved)
    train(audio_dir=audio, output_dir=tmp_path / "o", **SMALL)
    assert not list((tmp_path / "o/audio_model_training/cache").glob("*.samples"))
    assert train(audio_dir=audio, output_dir=tmp_path / "o", **SMALL).before
    assert train(audio_dir=moved, output_dir=tmp_path / "o", **SMALL).before
    assert not list((tmp_path / "o/audio_model_training/cache").glob("*.samples"))
    with pytest.raises(UsageError, match="recordings was"):
        train(audio_dir=others, output_dir=tmp_path / "o", **SMALL)


def test_another_held_out_file_is_noticed_on_resuming(audio: Path, tmp_path: Path) -> None:
    folder = tmp_path / "audio"
    shutil.copytree(audio, folder)
    train(audio_dir=folder, output_dir=tmp_path, **SMALL)
    (tmp_path / "audio_model_training" / FINAL).unlink()  # as if it had been stopped before its end
    (held_out,) = get_valid_paths(str(folder))
    soundfile.write(held_out, np.random.default_rng(1).uniform(-0.5, 0.5, 700), 8000)
    (tmp_path / "audio_model.npz").unlink()
    with pytest.raises(UsageError, match="held-out recordings was"):
        train(audio_dir=folder, output_dir=tmp_path, **SMALL)


def test_weights_that_the_training_did_not_write_are_not_passed_off(audio: Path, tmp_path: Path) -> None:
    train(audio_dir=audio, output_dir=tmp_path, **SMALL)
    (tmp_path / "audio_model.npz").write_bytes(b"other")
    with pytest.raises(UsageError, match="is not what the training wrote"):
        train(audio_dir=audio, output_dir=tmp_path, **SMALL)


def test_overwriting_takes_nothing_away_before_the_new_training_can_begin(audio: Path, tmp_path: Path) -> None:
    train(audio_dir=audio, output_dir=tmp_path, **SMALL)
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk/a.wav").write_text("no audio")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(UsageError, match="unknown device"):
        train(audio_dir=audio, output_dir=tmp_path, overwrite=True, device="toaster", **SMALL)
    with pytest.raises(BadInput, match="cannot be read"):
        train(audio_dir=tmp_path / "junk", output_dir=tmp_path, overwrite=True, **SMALL)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    # what a killed --overwrite leaves: weights and checkpoints without settings
    (tmp_path / "audio_model_training/settings.json").unlink()
    assert not train(audio_dir=audio, output_dir=tmp_path, overwrite=True, **SMALL | {"num_layers": 2}).before
    assert read_weights(tmp_path / "audio_model.npz")[0]["model"]["num_layers"] == 2


def test_the_final_loss_does_not_depend_on_the_micro_batches(audio: Path, tmp_path: Path) -> None:
    settings = Settings(**SMALL | {"batch_size": 7, "training_steps": 1})
    chunks = read_chunks([Source(Path(path)) for path in get_train_paths(str(audio))], settings, 99, tmp_path)
    losses = []
    for micro_batch in (7, 6, 2):
        torch.manual_seed(0)
        task = LanguageTask(settings, chunks, chunks.spread(0), tmp_path / "none", Machine(), micro_batch)
        task.setup(Place())
        losses.append(task.last_bits_per_byte())
    assert losses[1:] == pytest.approx([losses[0]] * 2, rel=1e-5)
