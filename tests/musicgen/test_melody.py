from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from reference import CFG_COEF, Reference  # type: ignore[import-not-found]
from tiny_musicgen import build_tiny_musicgen  # type: ignore[import-not-found]

from soundwright.core.errors import BadInput, UsageError
from soundwright.musicgen.checkpoints import find
from soundwright.musicgen.engine import Engine, Track
from soundwright.musicgen.generation import SamplingSettings
from soundwright.musicgen.melody import ChromaSettings, Melody, chroma, silent_chroma

GREEDY = SamplingSettings(temperature=0, cfg_coef=CFG_COEF, extend_stride=1.2)
META = ChromaSettings()
PITCHES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]


def tone(frequency_hz: float, seconds: float) -> NDArray[np.float32]:
    return np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * 32_000)) / 32_000).astype(np.float32)


@pytest.mark.parametrize(
    ("frequency_hz", "pitch"), [(440, "A"), (261.63, "C"), (92.5, "F#"), (1760, "A"), (622.25, "D#")]
)
def test_a_tone_is_its_pitch_class(frequency_hz: float, pitch: str) -> None:
    found = chroma(tone(frequency_hz, 3), META)
    assert found.shape == (1 + 3 * 32_000 // 4096, 12)
    assert (found.sum(axis=1) == 1).all()
    assert {PITCHES[i] for i in found.argmax(axis=1)} == {pitch}


def test_the_numbers_are_those_of_the_formula() -> None:
    """Restated with torch.stft and the filter bank of `transformers`, as its extractor has it."""
    import torch
    from transformers.audio_utils import chroma_filter_bank

    size, hop = 4096, 1024
    samples = np.random.default_rng(0).normal(size=40_000).astype(np.float32)
    window = torch.hann_window(size)
    spectrum = torch.stft(
        torch.from_numpy(samples), size, hop, window=window, center=True, pad_mode="reflect", return_complex=True
    )
    power = (spectrum / window.pow(2).sum().sqrt()).abs().pow(2)
    filters = torch.from_numpy(
        chroma_filter_bank(num_frequency_bins=size, sampling_rate=32_000, tuning=0, num_chroma=12)
    ).float()
    expected = (filters @ power).argmax(dim=0).numpy()
    found = chroma(samples, ChromaSettings(hop_length=hop, n_fft=size)).argmax(axis=1)
    assert len(found) == len(expected)
    assert (found == expected).mean() > 0.97, "noise may be as loud in two classes"
    assert len(np.unique(found)) > 6


def test_a_window_hears_what_accompanies_it_and_a_short_melody_again() -> None:
    melody = np.concatenate([tone(440, 20), tone(261.63, 20)])
    heard = Melody(np.stack([melody, melody]), META)
    assert heard.at(0).shape == (235, 12)
    classes = heard.at(18).argmax(axis=1)
    assert set(classes[2:14]) == {9}, "two more seconds of A"
    assert set(classes[18:170]) == {0}, "20 s of C"
    assert set(classes[176:]) == {9}, "then from the beginning"


def test_a_melody_without_samples_is_refused() -> None:
    with pytest.raises(BadInput, match="no samples"):
        Melody(np.zeros((2, 0), np.float32), META)


def test_settings_are_read_from_the_folder(tiny_musicgen_melody: Path) -> None:
    settings = ChromaSettings.of(find(str(tiny_musicgen_melody)))
    assert settings == ChromaSettings(hop_length=48_000, n_fft=4096, length=21)


@pytest.mark.parametrize("kind", ["melody", "stereo-melody"])
@pytest.mark.parametrize("given", [False, True], ids=["text only", "melody"])
def test_greedy_tokens_are_those_of_transformers(kind: str, given: bool, tmp_path: Path) -> None:
    folder = build_tiny_musicgen(tmp_path, kind)
    engine = Engine(find(str(folder)), device="cpu", dtype="float32")
    melody = np.concatenate([tone(440, 1), tone(330, 30)]) if given else None
    settings = ChromaSettings.of(engine.checkpoint)
    features = None if melody is None else chroma(melody[: 30 * 32_000], settings)[None]
    expected = Reference(folder, melody=True).greedy(["slow piano"], 60, chroma=features)
    found = engine.tokens([Track("slow piano", duration_s=1.2, melody=melody)], GREEDY)
    np.testing.assert_array_equal(found[0], expected[0])


def test_a_melody_is_heard_in_every_window_and_alone_as_in_a_batch(tiny_musicgen_melody: Path) -> None:
    engine = Engine(find(str(tiny_musicgen_melody)), device="cpu")
    engine.window_frames = 100
    low, high = tone(261.63, 40), np.concatenate([tone(261.63, 2.5), tone(440, 40)])
    tracks = [
        Track("slow", duration_s=3, melody=low),
        Track("slow", duration_s=3, melody=high),
        Track("a longer prompt", duration_s=3, negative_prompt="no"),
        Track("", duration_s=3),
    ]
    found = engine.tokens(tracks, SamplingSettings(extend_stride=1.2))
    for track, together in zip(tracks, found, strict=True):
        np.testing.assert_array_equal(engine.tokens([track], SamplingSettings(extend_stride=1.2))[0], together)
    assert not np.array_equal(found[0], found[1])
    assert len(silent_chroma(engine._chroma)) == 21


def test_a_model_without_melody_says_so(engine: Engine) -> None:
    with pytest.raises(UsageError, match="--model melody"):
        engine.tokens([Track("x", melody=tone(440, 1))], GREEDY)


@pytest.mark.parametrize("name", ["processor_config.json", "preprocessor_config.json"])
@pytest.mark.parametrize("damage", ["{", "[]", '{"feature_extractor": 3}', '{"n_fft": "many"}', '{"hop_length": 0}'])
def test_a_damaged_file_of_settings_is_one_line(
    name: str, damage: str, tiny_musicgen: Path, tiny_musicgen_melody: Path, tmp_path: Path
) -> None:
    melody = shutil.copytree(tiny_musicgen_melody, tmp_path / "melody")
    (melody / name).write_text(damage)
    with pytest.raises(BadInput, match=name) as caught:
        Engine(find(str(melody)), device="cpu")
    assert "\n" not in str(caught.value)
    assert caught.value.remedy is not None
    plain = shutil.copytree(tiny_musicgen, tmp_path / "plain")
    (plain / name).write_text(damage)
    Engine(find(str(plain)), device="cpu").tokens([Track("x", duration_s=0.1)], SamplingSettings())
