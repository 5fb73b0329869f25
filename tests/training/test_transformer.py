"""The transformer against another writing of it: plain matrix products in numpy, float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from soundwright.training.transformer import Transformer, TransformerConfig, sinusoids

Array = NDArray[np.float64]


def model(**changes: int) -> Transformer:
    torch.manual_seed(3)
    net = Transformer(
        TransformerConfig(**{"embedding_dim": 24, "num_layers": 3, "num_heads": 4, "max_length": 32} | changes)
    )
    with torch.no_grad():  # away from the initial values, at which biases and offsets are zero
        for parameter in net.parameters():
            parameter += 0.3 * torch.randn_like(parameter) / math.sqrt(parameter.shape[-1])
    return net.eval()


def norm(x: Array, scale: Array, offset: Array) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * scale + offset


def written_out(x: Array, weights: dict[str, Array], num_layers: int, num_heads: int) -> Array:
    """One sequence `[T, D]`, position by position and head by head."""
    length, dim = x.shape
    d = dim // num_heads
    rates = 10_000.0 ** (-2 * np.arange((dim + 1) // 2) / dim)
    angles = np.arange(length)[:, None] * rates
    x = x + np.concatenate([np.sin(angles), np.cos(angles)], axis=1)[:, :dim]
    for layer in range(num_layers):
        w = {name.removeprefix(f"blocks.{layer}."): value for name, value in weights.items()}
        h = norm(x, w["norm_attention.weight"], w["norm_attention.bias"])
        query, key, value = (h @ part.T for part in np.split(w["attention.qkv.weight"], 3))
        mixed = np.zeros_like(x)
        for head in range(num_heads):
            part = slice(head * d, (head + 1) * d)
            for t in range(length):
                scores = np.exp(key[: t + 1, part] @ query[t, part] / math.sqrt(d))
                mixed[t, part] = scores @ value[: t + 1, part] / scores.sum()
        x = x + mixed @ w["attention.output.weight"].T
        h = norm(x, w["norm_mlp.weight"], w["norm_mlp.bias"]) @ w["widen.weight"].T + w["widen.bias"]
        h = 0.5 * h * (1 + np.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * h**3)))
        x = x + h @ w["narrow.weight"].T + w["narrow.bias"]
    return norm(x, weights["norm.weight"], weights["norm.bias"])


@pytest.mark.parametrize("num_heads", [1, 3, 8])
def test_it_is_what_another_writing_of_it_gives(num_heads: int) -> None:
    net = model(num_heads=num_heads)
    x = torch.randn(2, 20, 24)
    weights = {name: value.double().numpy() for name, value in net.state_dict().items()}
    with torch.no_grad():
        ours = net(x).numpy()
    for row, out in zip(x.double().numpy(), ours, strict=True):
        assert np.abs(written_out(row, weights, 3, num_heads) - out).max() < 2e-5


def test_steps_give_what_all_positions_at_once_give() -> None:
    net = model()
    x = torch.randn(3, 32, 24)
    with torch.no_grad():
        whole = net(x)
        cache = net.start(3)
        steps = torch.stack([net.step(x[:, t], cache) for t in range(32)], dim=1)
    assert cache.length == 32
    assert float((steps - whole).abs().max()) < 1e-5


def test_no_position_sees_a_later_one() -> None:
    net = model()
    x = torch.randn(1, 16, 24)
    other = x.clone()
    other[:, 9:] = torch.randn(1, 7, 24)
    with torch.no_grad():
        assert torch.equal(net(x)[:, :9], net(other)[:, :9])
        assert not torch.allclose(net(x)[:, 9:], net(other)[:, 9:])


def test_it_has_the_documents_number_of_weights() -> None:
    """231,936 in the document's code, with 256 values in and out; the last norm is ours."""
    net = Transformer(TransformerConfig())
    values = 256 * 64 + 64 * 256 + 256
    assert sum(p.numel() for p in net.parameters()) == 231_936 - values + 128


def test_positions_are_sines_and_cosines() -> None:
    table = sinusoids(10, 5)
    assert table.shape == (10, 5)
    assert table[0].tolist() == [0, 0, 0, 1, 1]
    assert float(table[3, 0]) == pytest.approx(math.sin(3))


def test_heads_have_to_divide_the_features() -> None:
    with pytest.raises(ValueError, match="not divisible"):
        TransformerConfig(embedding_dim=128, num_heads=12)
