"""Heads and the model around them: probabilities sum to one, steps give what all positions at once give."""

from __future__ import annotations

import contextlib
import io
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from soundwright.core.errors import BadInput
from soundwright.lossless.lm import model as models
from soundwright.lossless.lm.heads import COMPONENTS, PAST, Bytes, Logistics
from soundwright.lossless.lm.model import ModelConfig, SampleModel, past_samples
from soundwright.lossless.lm.weights import load_model, parameters, save_model

SMALL: dict[str, Any] = {"sequence_length": 24, "embedding_dim": 16, "num_layers": 2, "num_heads": 2}
KINDS = [(8, "softmax"), (8, "logistics"), (16, "logistics"), (16, "bytes"), (16, "softmax")]


def small_model(sample_bits: int, head: str) -> SampleModel:
    torch.manual_seed(1)
    model = SampleModel(ModelConfig(sample_bits=sample_bits, head=head, **SMALL))
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter += 0.03 * torch.randn_like(parameter)
    return model.eval()


@pytest.mark.parametrize(("sample_bits", "head"), KINDS[:4])  # a softmax over 65,536 values sums to one as one over 256
def test_the_probabilities_of_all_values_sum_to_one(sample_bits: int, head: str) -> None:
    model = small_model(sample_bits, head)
    every = torch.arange(1 << sample_bits)
    samples = torch.randint(0, 1 << sample_bits, (1, 24))
    samples[0, -8:] = torch.tensor([0, 1, 2, 1, 0, 0, 1, 0])  # near an edge, where the tails are
    with torch.no_grad():
        outputs, past = model.outputs(samples), past_samples(samples, 1 << (sample_bits - 1))
        for t in (0, 1, 23):
            shape = (len(every), -1)
            nats = model.head.nats(outputs[0, t].expand(shape), every, past[0, t].expand(shape))
            assert float(torch.exp(-nats.double()).sum()) == pytest.approx(1, abs=2e-4)


@pytest.mark.parametrize(("sample_bits", "head"), KINDS[:4])
def test_steps_give_what_all_positions_at_once_give(sample_bits: int, head: str) -> None:
    model = small_model(sample_bits, head)
    samples = torch.randint(0, 1 << sample_bits, (3, 24))
    with torch.no_grad():
        whole, costs = model.outputs(samples), model.nats(samples)
        state = model.begin(3)
        for t in range(24):
            outputs = model.step(samples[:, t - 1] if t else None, state)
            assert float((outputs - whole[:, t]).abs().max()) < 1e-5
            cost = model.head.nats(outputs, samples[:, t], state.past)
            assert torch.allclose(cost, costs[:, t], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("sample_bits", "head"), KINDS)
def test_no_cost_depends_on_a_later_sample(sample_bits: int, head: str) -> None:
    model = small_model(sample_bits, head)
    samples = torch.randint(0, 1 << sample_bits, (1, 24))
    other = samples.clone()
    other[:, 10:] = torch.randint(0, 1 << sample_bits, (1, 14))
    with torch.no_grad():
        assert torch.equal(model.nats(samples)[:, :10], model.nats(other)[:, :10])


def test_wide_logits_in_slices_have_the_same_cost_and_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_model(16, "softmax")
    samples = torch.randint(0, 65536, (2, 24))
    monkeypatch.setattr(models, "_WIDE", 1 << 20)
    model.nats(samples).mean().backward()
    expected = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    monkeypatch.setattr(models, "_WIDE", 4096)
    monkeypatch.setattr(models, "_SLICE_NUMBERS", 65536 * 7)
    model.zero_grad()
    widest = 0

    def look(_: nn.Module, __: Any, output: torch.Tensor) -> None:
        nonlocal widest
        widest = max(widest, output.numel())

    assert isinstance(model.head.logits, nn.Linear)
    model.head.logits.register_forward_hook(look)
    model.nats(samples).mean().backward()
    assert widest == 65536 * 7
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        assert parameter.grad is not None
        assert torch.allclose(parameter.grad, gradient, atol=1e-6)


def test_the_logistics_begin_at_the_last_sample_and_follow_the_level() -> None:
    head = Logistics(8, 16)
    with torch.no_grad():
        head.numbers.weight.zero_()
        for level in (10, 1000):
            past = 32768 + level * (1 + torch.arange(PAST) % 2)[None]
            log_weights, means, log_widths = head.mixture(head.outputs(torch.zeros(1, 8)), past)
            assert means.tolist() == [[pytest.approx(level)] * COMPONENTS]
            assert float(log_widths[0, -1]) == pytest.approx(1.5 + math.log(level), abs=0.05)
            assert float(log_weights.exp().sum()) == pytest.approx(1)


def test_the_low_byte_knows_the_high_one() -> None:
    head = Bytes(8, 16)
    outputs = head.outputs(torch.randn(1, 8))
    assert not torch.allclose(head.low_logits(outputs, torch.tensor([3])), head.low_logits(outputs, torch.tensor([4])))


@pytest.mark.parametrize(("sample_bits", "head"), KINDS[:4])
def test_weights_come_back_and_need_no_pickle(sample_bits: int, head: str, tmp_path: Path) -> None:
    model = small_model(sample_bits, head)
    save_model(tmp_path / "m.npz", model.config, parameters(model), {"training": {"seed": 1}})
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        config = json.loads(str(file["config"]))
        assert all(file[name].dtype == np.float32 for name in file.files if name != "config")
    assert config["model"]["head"] == head
    assert config["training"] == {"seed": 1}
    read, again = load_model(tmp_path / "m.npz")
    assert read == model.config
    samples = torch.randint(0, 1 << sample_bits, (2, 24))
    with torch.no_grad():
        assert torch.equal(again.nats(samples), model.nats(samples))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"embedding_dim": 32}, "other arrays"),
        ({"num_layers": 1_000_000_000}, "no model that can be built"),
        ({"sequence_length": 1 << 40}, "no model that can be built"),
        ({"embedding_dim": 1 << 20, "num_heads": 1}, "other arrays"),
        ({"head": "evil"}, "no model that can be built"),
        ({"embedding_dim": "16"}, "no model that can be built"),
        ({"num_heads": 0}, "no model that can be built"),
        ({"num_heads": -2}, "no model that can be built"),
        ({"sequence_length": 2.5}, "no model that can be built"),
        ({"sequence_length": 1 << 24}, "no model that can be built"),
        ({"channels": "quad"}, "no model that can be built"),
        ({"stereo_blocking_n": 0}, "no model that can be built"),
    ],
)
def test_weights_that_lie_about_themselves_are_refused(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    model = small_model(8, "softmax")
    config = {**model.config.__dict__, **changes}
    arrays: dict[str, Any] = parameters(model)
    text = json.dumps({"format": "soundwright-lm-1", "model": config})
    np.savez(tmp_path / "m.npz", **arrays, config=np.array(text))
    with pytest.raises(BadInput, match=told):
        load_model(tmp_path / "m.npz")


def test_what_is_no_weights_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    with pytest.raises(BadInput, match="does not exist"):
        load_model(path)
    path.write_text("junk")
    with pytest.raises(BadInput, match="no weights file"):
        load_model(path)
    np.savez(path, a=np.zeros(3))
    with pytest.raises(BadInput, match="no weights file"):
        load_model(path)
    np.savez(path, config=np.array({"a": 1}, dtype=object))  # a pickle, which is not read
    with pytest.raises(BadInput, match="no weights file"):
        load_model(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.npy", "junk")
    with pytest.raises(BadInput, match="no weights file"):
        load_model(path)
    np.savez_compressed(path, config=np.zeros(1 << 20))  # what is packed may be larger than memory
    with pytest.raises(BadInput, match="is compressed"):
        load_model(path)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**11,)})
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.npy", header.getvalue() + bytes(64))
    with pytest.raises(BadInput, match="declares float32"):
        load_model(path)


def test_damage_never_goes_further_than_one_line(tmp_path: Path) -> None:
    model = small_model(8, "softmax")
    save_model(tmp_path / "m.npz", model.config, parameters(model), {})
    whole = (tmp_path / "m.npz").read_bytes()
    rng = np.random.default_rng(0)
    directory = whole.rindex(b"PK\x01\x02") - 800  # most of what can go wrong is decided here
    for case in range(400):
        data = bytearray(whole)
        if case % 4 == 0:
            del data[int(rng.integers(len(data))) :]
        else:
            data[int(rng.integers(directory if case % 2 else 0, len(data)))] ^= 1 << int(rng.integers(8))
        (tmp_path / "m.npz").write_bytes(data)
        with contextlib.suppress(BadInput):
            load_model(tmp_path / "m.npz")
