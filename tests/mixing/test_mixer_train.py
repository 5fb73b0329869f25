"""`mix train` from a folder of songs to a mixer that loads; small models, few steps."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from soundwright.audio.files import write_wav
from soundwright.core.errors import BadInput, UsageError
from soundwright.formats.instructions import Call
from soundwright.mixing.checkpoint import load_mixer
from soundwright.mixing.evaluate import evaluate
from soundwright.mixing.material import material
from soundwright.mixing.model.loading import load_model
from soundwright.mixing.model.network_model import NetworkModel
from soundwright.mixing.prepare import prepare
from soundwright.mixing.song_maker import make_song
from soundwright.mixing.suggest import suggest
from soundwright.mixing.train import train

RATE = 16_000
CONFIG = """
default: {num_epochs: 1, batch_size: 4, logging_steps: 1, fp16: true}
data: {segment_duration: 2.0, sample_rate: 16000, validation_split: 0.3}
generators: {melody: facebook/musicgen-melody}
"""


@pytest.fixture(scope="module")
def songs(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for artist in range(3):
        for stem, sound in make_song(artist, 6.0, RATE).items():
            write_wav(root / "raw" / f"artist{artist}" / "song" / "stems" / f"{stem}.wav", sound, RATE)
    return root


def run(songs: Path, work: Path, config: str = CONFIG, **options):
    work.mkdir(parents=True, exist_ok=True)
    (work / "c.yaml").write_text(config)
    return train(
        work / "c.yaml",
        data_dir=songs,
        processed_dir=work / "processed",
        dataset_file=work / "dataset.json",
        output=work / "mixer",
        device="cpu",
        **options,
    )


def test_songs_become_a_mixer_that_speaks(songs, tmp_path, capsys):
    result = run(songs, tmp_path)
    assert result.done
    assert result.exit_code == 0
    assert result.steps == 2  # 6 segments in batches of 4
    assert result.loss is not None
    told = "\n".join(result.lines())
    assert "2 steps on 6 segments" in told
    lines = [json.loads(line) for line in (tmp_path / "mixer/training/metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 2
    assert "valid/loss" in lines[-1]
    assert [line["progress"] for line in lines] == [0.5, 1.0]
    mixer, facts = load_mixer(tmp_path / "mixer")
    assert facts["training"]["epochs"] == 1
    assert mixer.decoder.adapted
    suggest(make_song(0, 3.0, RATE), RATE, "fix this mix", None, tmp_path / "mixer")
    again = run(songs, tmp_path)
    assert again.done
    figures = evaluate(tmp_path / "mixer", dataset_file=tmp_path / "dataset.json", references=["same-stems"])
    assert {row.method for row in figures.rows} >= {"mixer", "do nothing", "exact answer"}
    assert any(line.startswith("note: these are the validation songs of this mixer's own") for line in figures.lines())
    others = evaluate("tiny", dataset_file=tmp_path / "dataset.json", references=["same-stems"])
    assert not any(line.startswith("note:") for line in others.lines())


def test_only_what_should_learn_has_changed(songs, tmp_path):
    run(songs, tmp_path)
    trained, tiny = load_mixer(tmp_path / "mixer")[0], load_mixer("tiny")[0]
    before = tiny.full_state()
    for name, tensor in trained.full_state().items():
        plain = name.replace("decoder.network.base_model.model.", "decoder.network.").replace(".base_layer.", ".")
        if plain.startswith(("decoder.network.", "text.")) and plain in before:
            assert torch.equal(tensor, before[plain]), name
    assert not torch.equal(trained.full_state()["fusion.stem.0.weight"], before["fusion.stem.0.weight"])
    assert any("lora_B" in name and tensor.any() for name, tensor in trained.full_state().items())


def test_other_settings_need_another_folder(songs, tmp_path):
    run(songs, tmp_path)
    with pytest.raises(UsageError, match="another default"):
        run(songs, tmp_path, CONFIG.replace("batch_size: 4", "batch_size: 3"))
    assert run(songs, tmp_path, CONFIG.replace("batch_size: 4", "batch_size: 3"), overwrite=True).steps == 2
    with pytest.raises(UsageError, match="--num-epochs"):
        run(songs, tmp_path, num_epochs=0)


def test_the_training_of_other_songs_is_not_handed_over_as_new(songs, tmp_path):
    """As many segments, of another artist: the old mixer must not come out as theirs."""
    run(songs, tmp_path, artist="artist0", num_epochs=2)
    before = (tmp_path / "mixer/weights.safetensors").read_bytes()
    with pytest.raises(UsageError, match="other songs -> .*--overwrite"):
        run(songs, tmp_path, artist="artist1", num_epochs=2)
    assert (tmp_path / "mixer/weights.safetensors").read_bytes() == before
    assert run(songs, tmp_path, artist="artist1", num_epochs=2, overwrite=True).done
    assert (tmp_path / "mixer/weights.safetensors").read_bytes() != before


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(songs, tmp_path):
    config = CONFIG.replace("fp16: true", "save_steps: 1")
    whole = run(songs, tmp_path / "a", config, num_epochs=2)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    checkpoints = sorted((tmp_path / "b/mixer/training").glob("step-*.ckpt"))
    assert [path.stem for path in checkpoints] == ["step-00000003", "step-00000004"]
    checkpoints[-1].unlink()
    (tmp_path / "b/mixer/mixer.json").unlink()
    (tmp_path / "b/mixer/weights.safetensors").unlink()
    again = run(songs, tmp_path / "b", config, num_epochs=2)
    assert again.steps == whole.steps == 4
    one, other = (load_mixer(tmp_path / name / "mixer")[0].full_state() for name in "ab")
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_damaged_segment_is_told_by_its_name(songs, tmp_path):
    dataset = tmp_path / "dataset.json"
    prepare(data_dir=songs, processed_dir=tmp_path / "p", dataset_file=dataset, segment_duration=2.0, sample_rate=RATE)
    for path in (tmp_path / "p").rglob("drums.wav"):
        path.write_bytes(b"RIFF")
    with pytest.raises(BadInput, match="segment artist"):
        material(dataset, tmp_path / "cache", "train")


def test_tools_that_are_no_factor_per_frequency_are_learned_from_sound(songs, tmp_path, capsys):
    config = CONFIG + (
        "augmentation:\n  operations:\n"
        "    apply_reverb: {probability: 1, arguments: {amount: {low: 0.2, high: 0.8}}}\n"
        "    apply_compressor: {probability: 1, arguments: {ratio: {low: 2, high: 6}}}\n"
    )
    result = run(songs, tmp_path, config, limit=2)
    assert result.done
    mixer, _ = load_mixer(tmp_path / "mixer")
    assert set(mixer.settings.tools) == {"apply_reverb", "apply_expander"}


def test_models_from_folders_are_trained_by_the_same_command(songs, base_models, tmp_path):
    """As document 004 has it: a BERT, a CLAP that hears the distorted stems, a Mistral with LoRA."""
    config = CONFIG.replace("batch_size: 4", "batch_size: 2") + (
        f"mixer: {{preset: document, text_model: {base_models['bert']}, audio_model: {base_models['clap']}, "
        f"mistral_model: {base_models['mistral']}, lora: {{r: 2}}}}\n"
    )
    result = run(songs, tmp_path, config, limit=1)
    assert result.done
    mixer, _ = load_model(tmp_path / "mixer")
    assert isinstance(mixer, NetworkModel)
    assert mixer.mixer.audio is not None
    assert not (tmp_path / "mixer" / "vocabulary.json").exists()
    said = suggest(make_song(0, 3.0, RATE), RATE, "drums down 2 dB", None, mixer)
    assert 0 <= said.wrong <= 1
    assert Call("change_volume", {"db": -2.0}) in said.instructions["drums"]
