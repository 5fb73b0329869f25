"""`codec train` from a folder of recordings to a folder that loads, for both architectures."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from soundwright.audio.files import write_wav
from soundwright.audio.quality import cents, note_pitch_hz
from soundwright.codec import pocket
from soundwright.codec.crops import Crops, pack_recordings
from soundwright.codec.losses import LossWeights, reconstruction_loss
from soundwright.codec.pocket.config import PocketConfig
from soundwright.codec.pocket.training.network import Pocket
from soundwright.codec.pocket.training.task import RefineTask
from soundwright.codec.train import split_files, train
from soundwright.core.errors import UsageError
from soundwright.recipes import pocket_corpus
from soundwright.recipes.midi import Note, write_midi
from soundwright.recipes.tones import synthetic_minute
from soundwright.training.loop import LoopSettings, fit
from soundwright.training.tracking import Trackers

SAMPLE_RATE = 24_000
SMALL: dict[str, Any] = {
    "steps": 8, "batch_size": 2, "crop_s": 0.6, "checkpoint_every": 4, "validate_every": 8, "log_every": 1,
    "held_out": 0.3, "licence": "CC0-1.0",
}  # fmt: skip
ENCODEC: dict[str, Any] = {"architecture": "encodec", "num_filters": 4, "hidden_size": 16}


def sound(seed: int, duration_s: float, sample_rate: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    t = np.arange(round(duration_s * sample_rate)) / sample_rate
    return (0.1 * np.sin(2 * np.pi * rng.uniform(100, 900) * t) + 0.01 * rng.standard_normal(len(t))).astype(np.float32)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for i in range(6):
        rate = (24_000, 44_100)[i % 2]
        stereo = np.stack([sound(i, 1.5, rate), sound(i + 50, 1.5, rate)])
        write_wav(folder / f"part-{i % 3}" / f"{i}.wav", stereo, rate)
    return folder


def losses(folder: Path) -> list[tuple[int, float]]:
    lines = (folder / "training" / "metrics.jsonl").read_text().splitlines()
    return [(row["step"], row["loss"]) for row in map(json.loads, lines)]


def test_pocket_trains_resumes_exactly_and_loads(recordings: Path, tmp_path: Path) -> None:
    whole = train(recordings, tmp_path / "whole", **SMALL).folder
    codec = pocket.load_folder(whole)
    assert codec.info.licence == "CC0-1.0"
    samples = sound(9, 0.5, SAMPLE_RATE)
    assert codec.decode(codec.encode(samples, 8), len(samples)).shape == samples.shape
    config = json.loads((whole / "config.json").read_text())
    assert config["training"]["steps_done"] == 8
    assert [step for step, _ in losses(whole)] == list(range(1, 9))
    assert "valid/mel_distance_db" in (whole / "training" / "metrics.jsonl").read_text()

    # The checkpoint of step 4 is all that is left of a run that was cut off.
    cut = tmp_path / "cut"
    train(recordings, cut, **SMALL | {"checkpoint_every": 4})
    (cut / "training" / "step-00000008.ckpt").unlink()
    train(recordings, cut, **SMALL)
    assert losses(cut) == losses(whole)
    assert (cut / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_other_settings_for_a_begun_training_are_refused(recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "settings.json").write_text('{"steps": 9, "architecture": "pocket"}')
    with pytest.raises(UsageError, match="steps was 9 and is 8"):
        train(recordings, tmp_path, **SMALL)


def test_encodec_trains_and_loads_in_transformers(recordings: Path, tmp_path: Path) -> None:
    from transformers import EncodecModel

    folder = train(recordings, tmp_path / "encodec", **SMALL | ENCODEC).folder
    model = EncodecModel.from_pretrained(folder, dtype=torch.float32).eval()
    samples = torch.from_numpy(sound(3, 0.8, SAMPLE_RATE)[: 60 * 320])[None, None]
    with torch.no_grad():
        out = model.encode(samples, bandwidth=6.0)
        assert out.audio_codes.shape == (1, 1, 8, 60)
        decoded = model.decode(out.audio_codes, [None]).audio_values
    assert decoded.shape == samples.shape
    assert 0.001 < decoded.std() < 1
    assert len(set(out.audio_codes[0, 0, 0].tolist())) > 1


def test_encodec_is_exported_as_it_was_trained(recordings: Path) -> None:
    from transformers import EncodecConfig

    from soundwright.codec.train_encodec import EncodecNet, export_model, scale_by_data

    config = EncodecConfig(
        target_bandwidths=[1.5, 3.0], num_filters=4, hidden_size=16, codebook_dim=16, num_lstm_layers=1,
        upsampling_ratios=[8, 8, 5],
    )  # fmt: skip
    torch.manual_seed(0)
    net = EncodecNet(config)
    samples = torch.from_numpy(np.stack([sound(i, 0.8, SAMPLE_RATE) for i in range(4)]))
    scale_by_data(net, samples)
    with torch.no_grad():
        net.quantizer.initialise(net.encode(samples).flatten(0, 1))
        net.eval()
        expected, _ = net(samples[:1], torch.tensor([4]))
        model = export_model(net, config).eval()
        out = model.encode(samples[:1, None], bandwidth=3.0)
        decoded = model.decode(out.audio_codes, [None]).audio_values[:, 0]
    assert torch.allclose(decoded, expected, atol=1e-4)
    assert samples.std() * 0.5 < expected.std() < samples.std() * 2


def test_files_are_split_by_name_and_stay_where_they_are(recordings: Path, tmp_path: Path) -> None:
    training, held_out = split_files(recordings, 0.3)
    assert len(training) + len(held_out) == 6
    assert training
    assert split_files(recordings, 0.0) == (sorted(training + held_out), [])
    with pytest.raises(UsageError, match="no recordings"):
        split_files(tmp_path, 0.1)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"steps": 0}, "steps"),
        ({"crop_s": 0.1}, "crops"),
        ({"held_out": 1.0}, "held_out"),
        ({"num_codebooks": 40}, "codebooks"),
        ({"architecture": "other"}, "architecture"),
        (ENCODEC | {"num_lstm_layers": 0}, "num_lstm_layers"),
        (ENCODEC | {"upsampling_ratios": (8, 5)}, "320"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    recordings: Path, tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        train(recordings, tmp_path / "x", **SMALL | changes)
    assert not (tmp_path / "x").exists()


def test_recordings_are_packed_once(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", sound(1, 0.1, SAMPLE_RATE), SAMPLE_RATE)
    reads: list[Path] = []

    def read(path: Path) -> NDArray[np.float32]:
        reads.append(path)
        return sound(1, 0.1, SAMPLE_RATE)

    for _ in range(2):
        crops = pack_recordings([tmp_path / "a.wav"], tmp_path / "cache", read, "24000")
    assert reads == [tmp_path / "a.wav"]
    assert crops.starts.tolist() == [0, 2400]


def test_crops_stay_inside_one_recording() -> None:
    crops = Crops(np.repeat(np.array([1000, 8000], np.int16), [500, 300]), np.array([0, 500, 800]))
    for seed in range(50):
        crop = np.abs(crops.draw(np.random.default_rng(seed), 400))
        inside = crop[crop > 0]
        assert len(inside) in (300, 400)
        assert inside.max() == pytest.approx(inside.min())
        assert crop.max() <= 1


def test_the_loss_is_zero_for_equal_sounds_and_sees_phase_and_pitch() -> None:
    t = torch.arange(24_000) / SAMPLE_RATE
    tone = 0.1 * torch.sin(2 * torch.pi * 440 * t)[None]
    turned = 0.1 * torch.cos(2 * torch.pi * 440 * t)[None]
    rough = tone * (1 + 0.3 * torch.sin(2 * torch.pi * 75 * t))
    same, numbers = reconstruction_loss(tone, tone, LossWeights(), SAMPLE_RATE)
    assert float(same) < 0.1
    assert numbers["mel"] == numbers["valleys"] == 0
    assert float(reconstruction_loss(turned, tone, LossWeights(), SAMPLE_RATE)[0]) > 2
    _, rough_numbers = reconstruction_loss(rough, tone, LossWeights(), SAMPLE_RATE)
    assert rough_numbers["valleys"] > 0.02


def test_a_midi_file_holds_the_notes(tmp_path: Path) -> None:
    write_midi(tmp_path / "a.mid", [Note(0.5, 0.25, 69, 100, 40), Note(0.0, 2.0, 60, 90, 12, 1)])
    data = (tmp_path / "a.mid").read_bytes()
    assert data[:14] == b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x01\xe0"  # format 0, one track, 480 ticks per quarter
    assert int.from_bytes(data[18:22], "big") == len(data) - 22
    first = b"\x00\xc1\x0c" + b"\x00\x91\x3c\x5a"
    second = b"\x83\x60\xc0\x28" + b"\x00\x90\x45\x64" + b"\x81\x70\x80\x45\x40"  # 480 ticks on, off 240 later
    end = b"\x89\x30\x81\x3c\x40" + b"\x00\xff\x2f\x00"  # 1200 ticks after that
    assert data[22:] == first + second + end


def test_computed_sounds_are_a_function_of_the_seed() -> None:
    a, b, c = (synthetic_minute(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
    assert len(a) == 60 * SAMPLE_RATE
    assert 0.1 < np.abs(a).max() <= 0.5001


def test_nothing_held_out_is_trained_on() -> None:
    assert not set(pocket_corpus.HELD_OUT_PROGRAMS) & set(pocket_corpus.TRAINING_PROGRAMS)
    assert not set(pocket_corpus.HELD_OUT_PROGRAMS) & set(pocket_corpus.SUSTAINED)
    assert {program for program, _, _ in pocket_corpus.NOTE_INSTRUMENTS.values()} <= set(
        pocket_corpus.HELD_OUT_PROGRAMS
    )
    voices = {f"{a}+{b}" for a in pocket_corpus.TRAINING_LANGUAGES for b in pocket_corpus.TRAINING_VARIANTS}
    assert not voices & set(pocket_corpus.HELD_OUT_VOICES)


def test_missing_tools_are_named_with_the_line_to_type(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="fluidsynth, espeak-ng") as caught:
        pocket_corpus.render_corpus(tmp_path / "corpus")
    assert "apt install" in str(caught.value)


@pytest.mark.skipif(shutil.which("fluidsynth") is None, reason="needs fluidsynth and FluidR3 GM")
def test_a_rendered_note_has_its_pitch() -> None:
    audio = pocket_corpus.fluid([Note(0.1, 1.0, 69, 100, 73)], 1.2)
    assert len(audio) == round(1.2 * SAMPLE_RATE)
    assert abs(cents(note_pitch_hz(audio, SAMPLE_RATE), 440)) < 10


@pytest.mark.full
def test_two_processes_of_torchrun_train_one_codec(recordings: Path, tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from soundwright.codec.train import train
train(Path({str(recordings)!r}), Path({str(tmp_path)!r}), **{SMALL | {"steps": 4}!r})
"""
    (tmp_path / "run.py").write_text(program)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run([*launcher, str(tmp_path / "run.py")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [step for step, _ in losses(tmp_path)] == [1, 2, 3, 4]
    assert pocket.load_folder(tmp_path).info.num_codebooks == 8


def test_power_off_the_peaks_is_seen_in_held_tones_only_and_silence_is_no_trouble() -> None:
    t = torch.arange(24_000) / SAMPLE_RATE
    tone = sum(0.1 * torch.sin(2 * torch.pi * 300 * k * t)[None] / k for k in range(1, 20))
    wobble = 1 + 0.3 * torch.sin(2 * torch.pi * 25 * t)
    noise = 0.1 * torch.randn(1, 24_000, generator=torch.Generator().manual_seed(0))
    weights = LossWeights(rest=1.0)
    assert isinstance(tone, torch.Tensor)
    assert reconstruction_loss(tone * wobble, tone, weights, SAMPLE_RATE)[1]["rest"] > 1
    assert reconstruction_loss(noise * wobble, noise, weights, SAMPLE_RATE)[1]["rest"] < 0.01
    silence = torch.zeros(1, 24_000)
    decoded = (1e-4 * noise).requires_grad_()
    loss, _ = reconstruction_loss(decoded, silence, weights, SAMPLE_RATE)
    loss.backward()
    assert decoded.grad is not None
    assert torch.isfinite(decoded.grad).all()


def test_refining_changes_the_decoder_and_leaves_the_tokens(tmp_path: Path) -> None:
    config = PocketConfig(dim=24, hidden=16, latent=6, num_codebooks=4, codebook_size=64, gate_bands=8)
    torch.manual_seed(0)
    trained = Pocket(config)
    trained.quantizer.initialise(torch.randn(500, 6))
    samples = np.round(sound(0, 4.0, SAMPLE_RATE) * 32767).astype("<i2")
    crops = Crops(samples, np.array([0, len(samples)]))
    refined = replace(config, steady_passes=2)
    task = RefineTask(trained, refined, crops, crops, batch_size=2, crop_frames=64, learning_rate=1e-3)
    numbers = fit(task, LoopSettings(steps=2), tmp_path, Trackers([]))
    assert numbers["done"] == 1
    before, after = trained.state_dict(), task.model.state_dict()
    kept = {name for name in after if name in before and torch.equal(after[name], before[name])}
    assert {name for name in after if not name.startswith("decoder.")} <= kept
    assert not any(name.startswith("decoder.") for name in kept)
    assert "decoder.again_bias" in after


def test_the_command_line_tells_how_it_goes_and_leaves_bad_recordings_out(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command ended with a traceback after all was done, and one bad file stopped it before the start."""
    from soundwright.cli.root import run

    audio = tmp_path / "audio"
    shutil.copytree(recordings, audio)
    (audio / "bad.wav").write_text("no sound")
    options = ["--steps", "4", "--batch-size", "2", "--crop-s", "0.5", "--log-every", "2", "--held-out", "0.3"]
    assert run(["codec", "train", str(audio), str(tmp_path / "codec"), *options]) == 0
    told = capsys.readouterr()
    assert "codec train: 4 steps" in told.out
    assert "bad.wav: cannot be read as audio" in told.err
    assert "step 2 (" in told.err
