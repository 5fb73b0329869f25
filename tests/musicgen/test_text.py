from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from reference import Reference  # type: ignore[import-not-found]

from soundwright.musicgen import text
from soundwright.musicgen.checkpoints import find
from soundwright.musicgen.engine import Engine, Track
from soundwright.musicgen.generation import SamplingSettings


def test_states_are_those_of_the_text_encoder(tiny_musicgen: Path, reference: Reference) -> None:
    prompts = ["jazz trio", "", "slow ambient drone, no drums", "   "]
    found = text.encode(find(str(tiny_musicgen)), prompts)
    assert found[1] is None
    assert found[3] is None, "no prompt conditions nothing"
    for prompt, states in ((prompts[0], found[0]), (prompts[2], found[2])):
        assert states is not None
        torch.testing.assert_close(states, reference.states(prompt), rtol=1e-5, atol=1e-6)


def test_what_does_not_fit_is_told(tiny_musicgen: Path) -> None:
    checkpoint = find(str(tiny_musicgen))
    assert text.cut_off(checkpoint, "jazz trio with piano") == ""
    whole = " ".join(f"w{i}" for i in range(400))
    rest = text.cut_off(checkpoint, whole)
    assert rest
    assert whole.endswith(rest)
    states = text.encode(checkpoint, [whole])[0]
    assert states is not None
    assert len(states) == text.MAX_TOKENS
    fits = whole[: -len(rest)]
    assert text.cut_off(checkpoint, fits) == ""
    torch.testing.assert_close(text.encode(checkpoint, [fits])[0], states)


def test_a_prompt_that_is_cut_off_is_still_heard(engine: Engine) -> None:
    long = "jazz piano " * 300
    assert engine.cut_off(long)
    found = engine.tokens([Track(long, duration_s=0.2, negative_prompt=long)], SamplingSettings())
    assert found[0].shape == (4, 10)


def test_encoding_loads_neither_decoder_nor_codec(tiny_musicgen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from soundwright.musicgen.loading import Weights

    taken: list[str] = []
    take = Weights.take

    def recording(self: Weights, name: str, shape: tuple[int, ...] | None = None) -> torch.Tensor:
        taken.append(name)
        return take(self, name, shape)

    monkeypatch.setattr(Weights, "take", recording)
    text.encode(find(str(tiny_musicgen)), ["x"])
    assert {name.partition(".")[0] for name in taken} == {"text_encoder"}
    taken.clear()
    engine = Engine(find(str(tiny_musicgen)), device="cpu")
    engine.prompt_tokens(np.zeros((1, 6400), np.float32))
    assert {name.partition(".")[0] for name in taken} == {"audio_encoder"}
