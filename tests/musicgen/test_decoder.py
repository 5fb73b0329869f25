"""The network is that of `transformers`: logits of known columns, one at a time and many at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from reference import Reference  # type: ignore[import-not-found]
from transformers import MusicgenDecoderConfig, MusicgenForCausalLM

from soundwright.core.errors import BadInput
from soundwright.musicgen.checkpoints import find
from soundwright.musicgen.decoder import Decoder, sinusoids
from soundwright.musicgen.decoder_config import DecoderConfig
from soundwright.musicgen.loading import load_decoder
from soundwright.musicgen.precision import Precision

PROMPT = "slow ambient drone, no drums"


def random_columns(num_codebooks: int, columns: int, vocab_size: int = 64) -> torch.Tensor:
    return torch.randint(vocab_size, (num_codebooks, columns), generator=torch.Generator().manual_seed(0))


@torch.inference_mode()
def stepped(decoder: Decoder, columns: torch.Tensor, texts: list[torch.Tensor], *, rows: int, at_once: int = 1):
    """Logits `[R, K, T', V]` of the columns after `at_once` that were given together."""
    codes = columns.expand(rows, -1, -1)
    cache = decoder.start(rows, columns.shape[1], texts)
    logits = [decoder(codes[..., :at_once], cache, texts)]
    logits += [decoder(codes[..., t : t + 1], cache) for t in range(at_once, columns.shape[1])]
    return torch.stack(logits, dim=2)


@pytest.mark.parametrize("kind", ["mono", "stereo"])
def test_teacher_forced_logits_are_those_of_transformers(kind: str, request: pytest.FixtureRequest) -> None:
    suffix = "" if kind == "mono" else "_stereo"
    reference: Reference = request.getfixturevalue(f"reference{suffix}")
    folder: Path = request.getfixturevalue(f"tiny_musicgen{suffix}")
    decoder = load_decoder(find(str(folder)), "float32", "cpu")
    columns = random_columns(decoder.config.num_codebooks, 60)
    expected = reference.logits(PROMPT, columns)  # [2, K, T, V]
    text = [reference.states(PROMPT)]
    for at_once in (1, 2, 40):
        found = stepped(decoder, columns, text, rows=2, at_once=at_once)
        torch.testing.assert_close(found, expected[:, :, at_once - 1 :], rtol=1e-5, atol=1e-5)
    assert (expected[0] - expected[1]).norm() > 0.05 * expected.norm(), "the prompt is heard"


@torch.inference_mode()
def test_a_column_whose_place_is_a_tensor_is_the_same(reference: Reference, tiny_musicgen: Path) -> None:
    """What a GPU records; here it runs without the recording."""
    decoder = load_decoder(find(str(tiny_musicgen)), "float32", "cpu")
    columns, text = random_columns(4, 30), [reference.states(PROMPT)]
    codes = columns.expand(2, -1, -1)
    cache = decoder.start(2, 64, text)
    decoder(codes[..., :10], cache, text)
    cache.pin()
    found = []
    for t in range(10, 30):
        decoder(torch.zeros_like(codes[..., :1]), cache)  # a warm-up is overwritten
        found.append(decoder(codes[..., t : t + 1], cache))
        cache.advance(1)
    expected = stepped(decoder, columns, text, rows=2, at_once=10)[:, :, 1:]
    torch.testing.assert_close(torch.stack(found, dim=2), expected, rtol=1e-5, atol=1e-5)


def test_rows_without_a_text_skip_nothing_that_matters(reference: Reference, tiny_musicgen: Path) -> None:
    """Reading zeros gives exactly what skipping gives: values without bias."""
    decoder = load_decoder(find(str(tiny_musicgen)), "float32", "cpu")
    columns = random_columns(4, 20)
    skipped = stepped(decoder, columns, [], rows=1)
    weight, bias = decoder.text_projection.weight, decoder.text_projection.bias
    decoder.text_projection.weight, decoder.text_projection.bias = torch.zeros_like(weight), torch.zeros_like(bias)
    assert torch.equal(stepped(decoder, columns, [reference.states(PROMPT)], rows=1), skipped)


def test_positions_are_those_of_transformers(reference: Reference) -> None:
    theirs = reference.model.decoder.model.decoder.embed_positions.weights
    torch.testing.assert_close(sinusoids(*theirs.shape), theirs, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("precision", "most"), [("float16-packed", 1e-3), ("float16", 2e-3), ("bfloat16", 2e-2), ("int8", 1e-1)]
)
def test_logits_of_fewer_bits(precision: Precision, most: float) -> None:
    """At a middle size: 4 layers of 256 features, with the small weights of a fresh model."""
    torch.manual_seed(0)
    config = MusicgenDecoderConfig(
        hidden_size=256, num_hidden_layers=4, num_attention_heads=4, ffn_dim=1024, vocab_size=256, dropout=0.0,
        pad_token_id=255, bos_token_id=255, is_decoder=True, add_cross_attention=True,
    )  # fmt: skip
    model = MusicgenForCausalLM(config).eval()
    weights = model.state_dict()

    def decoder(precision: Precision) -> Decoder:
        return Decoder(
            DecoderConfig.from_dict(config.to_dict()),
            lambda name, shape: weights[name.removeprefix("decoder.")].clone(),
            precision,
            "cpu",
            text_dim=256,
        )

    columns, text = random_columns(4, 24, 256), torch.randn(9, 256)
    exact = stepped(decoder("float32"), columns, [text], rows=2)
    found = stepped(decoder(precision), columns, [text], rows=2)
    error = (found - exact).norm() / exact.norm()
    assert most / 100 < error < most


def test_an_activation_that_it_has_not_is_refused() -> None:
    with pytest.raises(BadInput, match="swish"):
        DecoderConfig.from_dict({"activation_function": "swish"})


def test_a_sharded_checkpoint_is_the_same_decoder(tiny_musicgen: Path, tmp_path: Path) -> None:
    from tiny_musicgen import build_tiny_musicgen  # type: ignore[import-not-found]

    sharded = find(str(build_tiny_musicgen(tmp_path, sharded=True)))
    assert len(set(sharded.shards().values())) > 1
    columns = random_columns(4, 5)
    one, other = (load_decoder(checkpoint, "float32", "cpu") for checkpoint in (sharded, find(str(tiny_musicgen))))
    np.testing.assert_array_equal(
        stepped(one, columns, [], rows=1).numpy(), stepped(other, columns, [], rows=1).numpy()
    )
