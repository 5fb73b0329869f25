from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper
from transformers.generation.logits_process import ClassifierFreeGuidanceLogitsProcessor

from soundwright.core.errors import BadInput, UsageError
from soundwright.musicgen.sampling import (
    SamplingSettings,
    draw,
    generator,
    guide,
    require_finite,
    require_sound,
    restrict,
)

LOGITS = torch.randn(3, 4, 64, generator=torch.Generator().manual_seed(0)) * 2


def settings(**values: float) -> SamplingSettings:
    return SamplingSettings(**({"top_k": 0} | values))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (settings(temperature=0.7), [TemperatureLogitsWarper(0.7)]),
        (settings(top_k=5), [TopKLogitsWarper(5)]),
        (settings(top_k=500), []),
        (settings(top_p=0.9), [TopPLogitsWarper(0.9)]),
        (settings(top_p=0.9, top_k=5), [TopPLogitsWarper(0.9)]),
        (settings(temperature=1.5, top_p=0.3), [TemperatureLogitsWarper(1.5), TopPLogitsWarper(0.3)]),
    ],
)
def test_the_distribution_is_that_of_transformers(ours: SamplingSettings, theirs: list) -> None:
    expected = LOGITS.flatten(0, 1)
    for warper in theirs:
        expected = warper(None, expected)
    torch.testing.assert_close(restrict(LOGITS, ours).flatten(0, 1), expected)


def test_each_setting_changes_the_distribution() -> None:
    plain = restrict(LOGITS, settings())
    torch.testing.assert_close(plain, LOGITS)
    for changed in (settings(temperature=0.5), settings(top_k=5), settings(top_p=0.5)):
        assert not torch.equal(restrict(LOGITS, changed), plain)
    assert (restrict(LOGITS, settings(top_p=1e-6)) > -math.inf).sum(-1).eq(1).all(), "the likeliest is always left"


def test_guidance_is_that_of_transformers() -> None:
    prompted, unprompted = LOGITS[0], LOGITS[1]
    both = torch.cat([prompted, unprompted])
    torch.testing.assert_close(
        guide(prompted, unprompted, 2.5), ClassifierFreeGuidanceLogitsProcessor(2.5)(prompted, both), rtol=0, atol=0
    )


def test_codes_are_drawn_as_often_as_they_are_likely() -> None:
    logits = torch.tensor([0.0, 1.0, 2.0, -1.0, -math.inf]).expand(1, 20_000, 5)
    counts = torch.bincount(draw(logits, settings(), [generator(0, 0, "cpu")])[0], minlength=5)
    expected = logits[0, 0].softmax(-1) * 20_000
    chi_squared = ((counts - expected) ** 2 / expected.clamp_min(1e-9))[:4].sum()
    assert counts[4] == 0
    assert chi_squared < 16.3, "three degrees of freedom: exceeded once in a thousand"


def test_temperature_0_takes_the_likeliest() -> None:
    codes = draw(LOGITS, settings(temperature=0), [generator(0, 0, "cpu")] * 3)
    assert torch.equal(codes, LOGITS.argmax(-1))


def test_noise_belongs_to_seed_and_window() -> None:
    def codes(seed: int, window: int) -> torch.Tensor:
        return draw(LOGITS[:1], settings(), [generator(seed, window, "cpu")])

    assert torch.equal(codes(1, 2), codes(1, 2))
    assert not torch.equal(codes(1, 2), codes(2, 2))
    assert not torch.equal(codes(1, 2), codes(1, 3))
    generator(-1, 0, "cpu"), generator(2**80, 0, "cpu")  # any whole number is a seed


def test_an_item_draws_the_same_beside_others() -> None:
    alone = draw(LOGITS[1:2], settings(), [generator(1, 0, "cpu")])
    beside = draw(LOGITS, settings(), [generator(seed, 0, "cpu") for seed in range(3)])
    assert torch.equal(beside[1:2], alone)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -1},
        {"temperature": math.nan},
        {"top_k": -1},
        {"top_p": 1.1},
        {"cfg_coef": math.inf},
        {"extend_stride": 0},
    ],
)
def test_what_is_out_of_range_is_one_line_with_the_option(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=f"--{next(iter(wrong))}"):
        SamplingSettings(**wrong)


@pytest.mark.parametrize("name", ["temperature", "top_p", "cfg_coef", "extend_stride"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_one_line_with_a_remedy(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"--{name} must be") as caught:
        SamplingSettings(**{name: value})  # type: ignore[arg-type]
    assert caught.value.remedy is not None
    assert "\n" not in str(caught.value)


def test_values_that_overflow_are_refused() -> None:
    for wrong in ({"temperature": 1e-40}, {"cfg_coef": 1e38}):
        with pytest.raises(UsageError, match=f"--{next(iter(wrong))}"):
            SamplingSettings(**wrong)  # type: ignore[arg-type]
    SamplingSettings(temperature=0.001, cfg_coef=-2)


def test_what_cannot_make_a_track_is_refused_before() -> None:
    require_sound(SamplingSettings(), 30)
    for stride in (30.0, 31.5):
        with pytest.raises(UsageError, match="--extend_stride must be less than the 30 s of a window.*18 seconds"):
            require_sound(SamplingSettings(extend_stride=stride), 30)
    unchecked = SimpleNamespace(temperature=math.nan, top_k=250, top_p=0.0, cfg_coef=3.0, extend_stride=18.0)
    with pytest.raises(UsageError, match="--temperature"):
        require_sound(unchecked, 30)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_not_finite_name_the_arithmetic(value: float) -> None:
    require_finite(torch.tensor(1.0).isfinite().all(), "float16")
    with pytest.raises(BadInput, match="not finite in bfloat16 -> use --dtype float32"):
        require_finite(torch.tensor(value).isfinite().all(), "bfloat16")
