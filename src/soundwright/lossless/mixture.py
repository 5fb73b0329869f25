"""The density of a sample as a chain of binary decisions, each predicted by a mixture of discretised logistics.

Decisions narrow an interval: above or below the prediction, then brackets of doubling width away from it, then halves
inside the bracket, down to a step that is small against the expected error; the bits below it are as good as uniform.
Each expert is a logistic distribution (a centre of the cascade, a memory of its mean error) and gives the probability
of a decision from its CDF at three integers. Two adaptive counters see what no logistic does. The opinions are mixed
in the logistic domain with weights that belong to the decision and to the situation, trained online (Mahoney,
"Adaptive weighing of context models for lossless data compression", 2005). Discretised logistics: Salimans and others,
PixelCNN++ (2017). Secondary estimation of the result was tried and brought nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from soundwright.core.extras import needs_extra
from soundwright.lossless import tables
from soundwright.lossless.range_coder import code_bit
from soundwright.lossless.tables import CDF_REACH, CDF_STEPS, SQUASH_REACH, SQUASH_STEPS, STRETCH_SIZE

with needs_extra("lossless", "compressing without loss"):
    from numba import njit

NUM_NODES = 1 + 2 * 16 + 2 * 8 * 16  # sign, brackets, places inside a bracket
NUM_KINDS = 1 + 2 * 6 + 2 * 5
NUM_SITUATIONS = 32

# Of each expert: which centre of the cascade (0 the prediction, 1 least squares, 2 ... after each filter) and which
# memory of its mean error.
EXPERTS = np.array([(0, 0), (0, 1), (0, 2), (1, 1), (2, 1), (3, 1)])
# The deep cascade's: the prediction, the three windows of its stack, and three of the predictors below.
DEEP_EXPERTS = np.array(
    [(0, 0), (0, 1), (0, 2), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (1, 0), (2, 0), (3, 0)]
)
RATES = np.array([0.15, 0.045, 0.01])
_NUM_COUNTERS = 2

_SCALE_OF_ERROR = 1.3863  # mean absolute value over scale of a logistic: 2 ln 2
_SMALLEST_ERROR = 0.02
_STEPS_PER_ERROR = 4.0  # a step is 1/4 to 1/8 of the mean error; finer ones gained nothing
_NODE_RATE = 0.003
_KIND_RATE = 0.002
_COUNTER_RATE = 0.02
_LARGEST_STRETCH = 11.9


class Tables(NamedTuple):
    """What `tables` computes, for the kernels."""

    cdf: NDArray[np.float64]
    stretch: NDArray[np.float64]
    squash: NDArray[np.float64]


class Density(NamedTuple):
    """The state for P channels; K experts, I inputs of the mixer.

    Attributes:
        error: running mean errors `[P, centres, rates]`.
        by_node: mixer weights `[P, nodes, I]`.
        by_kind: mixer weights `[P, kinds * situations, I]`; both are added.
        counters: probabilities `[P, 2, nodes, situations]`.
        ratio: last error over expected error `[P]`.
        centre: of the experts, for the current sample `[K]`.
        inverse: 1 / scale `[K]`.
        below: CDF at the lower end of the interval `[K]`.
        at: CDF at the decision `[K]`.
        above: CDF at the upper end `[K]`.
        inputs: of the mixer `[I]`.
    """

    error: NDArray[np.float64]
    by_node: NDArray[np.float64]
    by_kind: NDArray[np.float64]
    counters: NDArray[np.float64]
    ratio: NDArray[np.float64]
    centre: NDArray[np.float64]
    inverse: NDArray[np.float64]
    below: NDArray[np.float64]
    at: NDArray[np.float64]
    above: NDArray[np.float64]
    inputs: NDArray[np.float64]


def new_tables() -> Tables:
    """The tables of this process."""
    return Tables(tables.logistic_cdf(), tables.stretch(), tables.squash())


def new_density(limits: NDArray[np.int64], num_centres: int, experts: NDArray[np.int64] = EXPERTS) -> Density:
    """The state before the first sample; `limits` `[P, 2]`, `experts` `[K, 2]` as those of the kernel."""
    num = len(limits)
    weights = np.zeros(len(experts) + _NUM_COUNTERS)
    weights[: len(experts)] = 1 / len(experts)
    span = (limits[:, 1] - limits[:, 0]).astype(np.float64)
    return Density(
        error=np.ones((num, num_centres, len(RATES))) * (span / 64.0 + 0.5)[:, None, None],
        by_node=np.zeros((num, NUM_NODES, len(weights))) + weights,
        by_kind=np.zeros((num, NUM_KINDS * NUM_SITUATIONS, len(weights))),
        counters=np.full((num, 2, NUM_NODES, NUM_SITUATIONS), 0.5),
        ratio=np.zeros(num),
        centre=np.zeros(len(experts)),
        inverse=np.zeros(len(experts)),
        below=np.zeros(len(experts)),
        at=np.zeros(len(experts)),
        above=np.zeros(len(experts)),
        inputs=np.zeros(len(weights)),
    )


@njit(error_model="numpy")
def _logistic(z: float, table: NDArray[np.float64]) -> float:
    position = (z + CDF_REACH) * CDF_STEPS
    if not position > 0.0:
        position = 0.0
    if position > 2.0 * CDF_REACH * CDF_STEPS:
        position = 2.0 * CDF_REACH * CDF_STEPS
    index = int(position)
    f: float = table[index] + (position - index) * (table[index + 1] - table[index])
    return f


@njit(error_model="numpy")
def _learn(value: int, c: int, centres: NDArray[np.float64], expected: float, state: Density) -> None:
    for j in range(len(centres)):
        miss = abs(value - centres[j])
        for r in range(len(RATES)):
            state.error[c, j, r] = max(state.error[c, j, r] + (miss - state.error[c, j, r]) * RATES[r], 1e-3)
    state.ratio[c] = abs(value - centres[0]) / expected


def _with_experts(experts: NDArray[np.int64]) -> Callable[..., Any]:
    """The kernel for a table of experts, whose number is then known to the compiler."""
    num_experts = len(experts)
    num_inputs = num_experts + _NUM_COUNTERS

    @njit(error_model="numpy")
    def decide(
        coder: NDArray[np.int64],
        data: NDArray[np.uint8],
        bit: int,
        boundary: int,
        node: int,
        kind: int,
        situation: int,
        steady: int,
        c: int,
        state: Density,
        lookup: Tables,
    ) -> int:
        """Codes whether the sample is at or above `boundary`, learns, and returns the answer."""
        inputs = state.inputs
        for k in range(num_experts):
            f = _logistic((boundary - 0.5 - state.centre[k]) * state.inverse[k], lookup.cdf)
            state.at[k] = f
            up, down = state.above[k] - f + 1e-9, f - state.below[k] + 1e-9
            inputs[k] = lookup.stretch[int(up / (up + down) * STRETCH_SIZE)]
        by_situation, by_error = state.counters[c, 0, node], state.counters[c, 1, node]
        inputs[num_experts] = lookup.stretch[int(by_situation[situation] * STRETCH_SIZE)]
        inputs[num_experts + 1] = lookup.stretch[int(by_error[steady] * STRETCH_SIZE)]
        by_node, by_kind = state.by_node[c, node], state.by_kind[c, kind * NUM_SITUATIONS + situation]
        total = 0.0
        for k in range(num_inputs):
            total += (by_node[k] + by_kind[k]) * inputs[k]
        if not total < _LARGEST_STRETCH:
            total = _LARGEST_STRETCH
        if total < -_LARGEST_STRETCH:
            total = -_LARGEST_STRETCH
        position = (total + SQUASH_REACH) * SQUASH_STEPS
        index = int(position)
        p = lookup.squash[index] + (position - index) * (lookup.squash[index + 1] - lookup.squash[index])
        p_one = int(p * 65536.0)
        bit = code_bit(coder, data, bit, min(max(p_one, 1), 65535))
        miss = bit - p
        for k in range(num_inputs):
            by_node[k] += miss * _NODE_RATE * inputs[k]
            by_kind[k] += miss * _KIND_RATE * inputs[k]
        goal = 0.99995 if bit else 0.00005  # never 0 or 1: probabilities stay off the ends and off subnormal numbers
        by_situation[situation] += (goal - by_situation[situation]) * _COUNTER_RATE
        by_error[steady] += (goal - by_error[steady]) * _COUNTER_RATE
        if bit:
            state.below[:] = state.at
        else:
            state.above[:] = state.at
        return bit

    @njit(error_model="numpy")
    def code_sample(
        coder: NDArray[np.int64],
        data: NDArray[np.uint8],
        value: int,
        c: int,
        num: int,
        centres: NDArray[np.float64],
        low: int,
        high: int,
        state: Density,
        lookup: Tables,
    ) -> int:
        """Codes one sample and learns from it.

        Args:
            coder: the range coder's state.
            data: its buffer.
            value: the sample; ignored when decoding.
            c: channel, 0 or 1.
            num: channels, 1 or 2.
            centres: the cascade's predictions for it `[centres]`.
            low: the smallest value that occurs.
            high: the largest.
            state: the density's.
            lookup: tables.

        Returns:
            The sample, always from `low` to `high`.
        """
        expected = state.error[c, 0, 1] + _SMALLEST_ERROR
        shift = 0
        while shift < 40 and 2.0 * _STEPS_PER_ERROR * (1 << shift) <= expected:
            shift += 1
        for k in range(num_experts):
            centre, rate = experts[k, 0], experts[k, 1]
            state.centre[k] = centres[centre]
            state.inverse[k] = _SCALE_OF_ERROR / (state.error[c, centre, rate] + _SMALLEST_ERROR)
            state.below[k] = _logistic((low - 0.5 - state.centre[k]) * state.inverse[k], lookup.cdf)
            state.above[k] = _logistic((high + 0.5 - state.centre[k]) * state.inverse[k], lookup.cdf)
        situation, threshold = 0, 0.5
        while situation < 28 and state.error[c, 0, 0] > threshold * expected:
            situation, threshold = situation + 4, threshold * 1.3
        threshold, steps = 0.25, 0
        while num == 2 and steps < 3 and state.ratio[1 - c] > threshold:  # the other channel's newest surprise
            threshold, steps = threshold * 2.5, steps + 1
        situation += steps
        steady, threshold = 0, 0.12
        if shift == 0:
            while steady < 15 and expected > threshold:
                steady, threshold = steady + 1, threshold * 1.35
        else:
            steady = 16 + min(3, int((expected / (_STEPS_PER_ERROR * (1 << shift)) - 1.0) * 4.0))

        # The interval is first <= sample < end; stage 0 is the sign, 1 the brackets, 2 the halves inside one.
        middle = int(np.floor(centres[0] + 0.5))
        first, end = low, high + 1
        stage, side, bracket, heap, depth = 0, 0, 0, 1, 0
        width = 4 << shift
        if middle <= low:
            stage, side = 1, 1
        elif middle >= end:
            stage = 1
        while True:
            if stage == 1 and first + width >= end:
                stage, width = 2, width >> 1
            if stage == 2:
                while width >= (1 << shift) and first + width >= end:
                    heap, depth, width = 2 * heap, depth + 1, width >> 1
                if width < (1 << shift):
                    break
            if stage == 0:
                boundary, node, kind = middle, 0, 0
            elif stage == 1:
                boundary = first + width if side else end - width
                node, kind = 1 + 16 * (1 - side) + min(bracket, 15), 1 + 6 * (1 - side) + min(bracket, 5)
            else:
                boundary = first + width
                node, kind = 33 + 128 * side + 16 * min(bracket, 7) + min(heap, 15), 13 + 5 * side + min(depth, 4)
            bit = decide(
                coder, data, 1 if value >= boundary else 0, boundary, node, kind, situation, steady, c, state, lookup
            )
            if bit:
                first = boundary
            else:
                end = boundary
            if stage == 0:
                stage, side = 1, bit
            elif stage == 1:
                if bit == side:  # farther out
                    width = width if bracket == 0 else 2 * width
                    bracket += 1
                else:
                    stage, width = 2, width >> 1
            else:
                heap, depth, width = 2 * heap + bit, depth + 1, width >> 1
        while shift > 0:
            shift -= 1
            if first + (1 << shift) < end:
                bit = code_bit(coder, data, ((value - first) >> shift) & 1, 32768)
                first += bit << shift
        _learn(first, c, centres, expected, state)
        return first

    return code_sample


code_sample = _with_experts(EXPERTS)
code_sample_deep = _with_experts(DEEP_EXPERTS)
