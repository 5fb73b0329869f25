from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from reference import Reference  # type: ignore[import-not-found]
from safetensors.torch import load_file, save_file
from tiny_musicgen import build_tiny_musicgen  # type: ignore[import-not-found]

from soundwright.core.errors import BadInput, UsageError
from soundwright.musicgen.cache import Cache
from soundwright.musicgen.checkpoints import find
from soundwright.musicgen.decoder import Decoder
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


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize(
    "name",
    [
        "decoder.lm_heads.1.weight",
        "text_encoder.encoder.final_layer_norm.weight",
        "audio_encoder.encoder.layers.0.conv.bias",
    ],
)
def test_weights_that_are_no_numbers_are_no_music(tmp_path: Path, name: str, value: float, dtype: str) -> None:
    """Packing to 16 bits made a large number of a NaN, so that not even the logits showed it."""
    folder = build_tiny_musicgen(tmp_path)
    weights = load_file(folder / "model.safetensors")
    weights[name].view(-1)[3] = value
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadInput, match=f"{name.partition('.')[2]} has numbers that are not finite.*music preload"):
        use_all(Engine(find(str(folder)), device="cpu", dtype=dtype))


@pytest.mark.parametrize(
    ("dtype", "told"),
    [("float16", "in float16-packed -> use --dtype float32;"), ("float32", "in float32 -> the weights are damaged")],
)
def test_logits_that_stop_being_numbers_are_told_at_that_column(
    dtype: str, told: str, tiny_musicgen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, state = Engine(find(str(tiny_musicgen)), device="cpu", dtype=dtype), tmp_path / "state.npz"
    seen: list[int] = []

    def stepper(decoder: Decoder, cache: Cache) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda codes: decoder(codes, cache) * (math.inf if len(seen) > 20 else 1.0)

    monkeypatch.setattr("soundwright.musicgen.window.stepper", stepper)
    track = Track("x", duration_s=1, state=state)
    with pytest.raises(BadInput, match=f"logits are not finite {told}") as caught:
        engine.tokens([track], SamplingSettings(), progress=lambda at: seen.append(at.frame))
    assert "\n" not in str(caught.value)
    assert len(seen) < 25
    assert not state.exists()


@pytest.mark.parametrize("lost", ["upsampling_ratios", "sampling_rate"])
def test_a_config_may_leave_out_what_every_musicgen_has(tmp_path: Path, lost: str) -> None:
    folder = build_tiny_musicgen(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    del config["audio_encoder"][lost]
    (folder / "config.json").write_text(json.dumps(config))
    engine = Engine(find(str(folder)), device="cpu")
    assert (engine.sample_rate, engine.frame_rate) == (32_000, 50)
    use_all(engine)
