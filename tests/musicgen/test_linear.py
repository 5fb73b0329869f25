from __future__ import annotations

import pytest
import torch

from soundwright.core.errors import UsageError
from soundwright.musicgen.linear import linear, rows_are_independent
from soundwright.musicgen.precision import ARITHMETIC, Precision, resolve


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# 2**-11 / sqrt(3) is the mean relative error of a number that is rounded to 11 bits; 8 bits are scaled by row.
@pytest.mark.parametrize(("precision", "most"), [("float32", 1e-6), ("float16-packed", 3e-4), ("int8", 2e-2)])
def test_error_of_a_product(precision: Precision, most: float) -> None:
    weight, x = random(768, 512) / 20, random(5, 512, seed=1)
    exact = x.double() @ weight.double().T
    error = (linear(weight, precision, "cpu")(x) - exact).norm() / exact.norm()
    assert error < most
    assert precision == "float32" or error > most / 10, "it is the arithmetic that it says"


@pytest.mark.parametrize("shape", [(96, 32), (3072, 1024), (64, 24)])
def test_a_row_does_not_depend_on_the_others(shape: tuple[int, int]) -> None:
    assert rows_are_independent("float16-packed")
    layer, x = linear(random(*shape), "float16-packed", "cpu"), random(300, shape[1], seed=1)
    whole = layer(x)
    for first, count in [(0, 1), (1, 1), (2, 2), (7, 3), (40, 6), (100, 13), (100, 14), (11, 15), (0, 299)]:
        assert torch.equal(layer(x[first : first + count]), whole[first : first + count])


def test_packing_warns_nobody(recwarn: pytest.WarningsRecorder) -> None:
    for precision in ("float16-packed", "int8"):
        linear(random(8, 8), precision, "cpu")(random(2, 8))
    assert not recwarn.list


def test_weights_beyond_float16_and_rows_of_zeros_stay_finite() -> None:
    weight = random(4, 8)
    weight[0], weight[1] = 0, 1e6
    for precision in ("float16-packed", "int8"):
        found = linear(weight, precision, "cpu")(random(2, 8))
        assert found.isfinite().all()
        assert (found[:, 0] == 0).all()


def test_without_fbgemm_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.quantized.__class__, "supported_engines", ["none"])
    with pytest.raises(UsageError, match="--dtype float32"):
        linear(random(8, 8), "float16-packed", "cpu")


@pytest.mark.parametrize(
    ("dtype", "device", "expected"),
    [
        ("auto", "cpu", "float16-packed"),
        ("float16", "cpu", "float16-packed"),
        ("float32", "cpu", "float32"),
        ("int8", "cpu", "int8"),
        ("auto", "cuda", "float16"),
        ("bfloat16", "cuda:1", "bfloat16"),
        ("auto", "mps", "float32"),
    ],
)
def test_what_a_dtype_means(dtype: str, device: str, expected: Precision) -> None:
    assert resolve(dtype, device) == expected
    assert expected in ARITHMETIC


def test_sharded_on_the_cpu_it_is_float32() -> None:
    assert resolve("auto", "cpu", fsdp=True) == "float32"


@pytest.mark.parametrize(("dtype", "device"), [("bfloat16", "cpu"), ("int8", "cuda"), ("float64", "cpu")])
def test_what_a_device_cannot_do_is_refused(dtype: str, device: str) -> None:
    with pytest.raises(UsageError, match="use one of"):
        resolve(dtype, device)
