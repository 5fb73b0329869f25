from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from reference import Reference  # type: ignore[import-not-found]
from safetensors.torch import load_file, save_file
from tiny_musicgen import build_tiny_musicgen  # type: ignore[import-not-found]

from soundwright.core.errors import BadInput, UsageError
from soundwright.musicgen.checkpoints import find
from soundwright.musicgen.engine import Engine, Track
from soundwright.musicgen.generation import SamplingSettings


def test_what_it_says_of_itself(engine: Engine, tiny_musicgen_stereo: Path) -> None:
    assert (engine.frame_rate, engine.sample_rate, engine.channels, engine.num_codebooks) == (50, 32_000, 1, 4)
    assert engine.window_frames == 1500
    stereo = Engine(find(str(tiny_musicgen_stereo)), device="cpu")
    assert (stereo.channels, stereo.num_codebooks) == (2, 8)
    described = stereo.describe()
    assert described["precision"] == "float16-packed"
    assert described["device"] == "cpu"
    assert described["threads"] == torch.get_num_threads()


@pytest.mark.parametrize("kind", ["mono", "stereo"])
def test_prompt_tokens_are_those_of_the_codec(kind: str, request: pytest.FixtureRequest) -> None:
    suffix = "" if kind == "mono" else "_stereo"
    reference: Reference = request.getfixturevalue(f"reference{suffix}")
    engine = Engine(find(str(request.getfixturevalue(f"tiny_musicgen{suffix}"))), device="cpu")
    sound = np.random.default_rng(0).normal(0, 0.1, (engine.channels, 6400)).astype(np.float32)
    with torch.inference_mode():
        sides = [reference.model.audio_encoder.encode(torch.from_numpy(s)[None, None]).audio_codes[0, 0] for s in sound]
    found = engine.prompt_tokens(sound)
    assert found.shape == (4 * engine.channels, 10)
    for channel, codes in enumerate(sides):
        np.testing.assert_array_equal(found[channel :: engine.channels], codes.numpy())


def test_a_recording_of_other_channels_is_mixed_or_doubled(engine: Engine, tiny_musicgen_stereo: Path) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, (2, 6700)).astype(np.float32)
    mixed = engine.prompt_tokens(sound)
    np.testing.assert_array_equal(mixed, engine.prompt_tokens(sound.mean(axis=0, keepdims=True)))
    assert mixed.shape == (4, 10), "the last, incomplete frame is left out"
    doubled = Engine(find(str(tiny_musicgen_stereo)), device="cpu").prompt_tokens(sound[:1])
    np.testing.assert_array_equal(doubled[::2], doubled[1::2])
    with pytest.raises(UsageError, match="less than one frame"):
        engine.prompt_tokens(sound[:, :100])


def test_a_continued_track_begins_with_what_it_was_given(engine: Engine) -> None:
    given = np.arange(40, dtype=np.int16).reshape(4, 10)
    track = Track("jazz", duration_s=1, prompt_tokens=given)
    found = engine.tokens([track], SamplingSettings())[0]
    np.testing.assert_array_equal(found[:, :10], given)
    assert found.shape == (4, 50)
    for wrong in (given[:3], np.zeros((4, 60), np.int16)):
        with pytest.raises(UsageError):
            engine.tokens([Track("jazz", duration_s=1, prompt_tokens=wrong)], SamplingSettings())


@pytest.mark.parametrize("duration_s", [0, -3, 0.001])
def test_a_duration_that_cannot_be_is_told_before_anything_is_loaded(
    tiny_musicgen: Path, monkeypatch: pytest.MonkeyPatch, duration_s: float
) -> None:
    monkeypatch.setattr("soundwright.musicgen.text.encode", pytest.fail)
    with pytest.raises(UsageError, match="nothing to sample"):
        Engine(find(str(tiny_musicgen)), device="cpu").tokens([Track("x", duration_s=duration_s)], SamplingSettings())


def test_the_decoder_is_let_go_and_comes_back(tiny_musicgen: Path) -> None:
    engine = Engine(find(str(tiny_musicgen)), device="cpu")
    track = Track("jazz", duration_s=0.5)
    before = engine.tokens([track], SamplingSettings())[0]
    engine.release_decoder()
    assert engine._decoder is None
    assert engine.codec.config.sampling_rate == 32_000
    np.testing.assert_array_equal(engine.tokens([track], SamplingSettings())[0], before)


def use_all(engine: Engine) -> None:
    engine.tokens([Track("x", duration_s=0.1)], SamplingSettings())
    engine.prompt_tokens(np.zeros((1, 6400), np.float32))


@pytest.mark.parametrize(
    "lost",
    [
        "decoder.lm_heads.2.weight",
        "text_encoder.encoder.final_layer_norm.weight",
        "audio_encoder.decoder.layers.0.conv.bias",
    ],
)
def test_a_tensor_that_is_not_there_or_has_another_shape_is_named(tmp_path: Path, lost: str) -> None:
    folder = build_tiny_musicgen(tmp_path)
    weights = load_file(folder / "model.safetensors")
    tensor = weights.pop(lost)
    for changed in (weights, weights | {lost: torch.zeros(3, *tensor.shape)}):
        save_file(changed, folder / "model.safetensors")
        engine = Engine(find(str(folder)), device="cpu")
        with pytest.raises(BadInput, match=lost.partition(".")[2].replace(".", r"\.")):
            use_all(engine)
