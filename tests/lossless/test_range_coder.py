from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from soundwright.lossless.range_coder import LIMIT, POSITION, code_bit, decoder, encoder, finish

DECISIONS = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 65535)), max_size=300)


def encode(decisions: list[tuple[int, int]], room: int = 4096) -> bytes:
    state, buffer = encoder(), np.zeros(room, np.uint8)
    state[LIMIT] = room
    for bit, p_one in decisions:
        code_bit(state, buffer, bit, p_one)
    return finish(state, buffer)


def decode(data: bytes, probabilities: list[int]) -> list[int]:
    buffer = np.frombuffer(bytearray(data) or bytearray(1), np.uint8)
    state = decoder(buffer)
    state[LIMIT] = len(data)
    return [int(code_bit(state, buffer, 0, p_one)) for p_one in probabilities]


@settings(deadline=None)
@given(DECISIONS)
def test_every_decision_comes_back(decisions: list[tuple[int, int]]) -> None:
    data = encode(decisions)
    assert decode(data, [p for _, p in decisions]) == [bit for bit, _ in decisions]
    ideal = sum(-math.log2((p if bit else 65536 - p) / 65536) for bit, p in decisions)
    assert 8 * len(data) <= ideal + 16


def test_a_carry_runs_through_many_bytes() -> None:
    """Unlikely zeros push the lower end to the top of the interval; what follows carries into bytes already written."""
    for tail in range(64):
        decisions = [(0, 65535)] + [(1, 1)] * 20 + [(0, 65535)] * 3 + [(tail >> k & 1, 32768) for k in range(6)]
        assert decode(encode(decisions), [p for _, p in decisions]) == [bit for bit, _ in decisions]


def test_certain_decisions_cost_almost_nothing() -> None:
    assert len(encode([(1, 65535)] * 10_000)) <= 1
    assert len(encode([(0, 1)] * 10_000)) <= 1


def test_a_full_buffer_is_not_written_beyond() -> None:
    state, buffer = encoder(), np.zeros(64, np.uint8)
    state[LIMIT] = 16
    for i in range(1000):
        code_bit(state, buffer, i % 2, 100)
    assert state[POSITION] > 16
    assert not buffer[16:].any()


@settings(deadline=None)
@given(st.binary(max_size=40), st.lists(st.integers(1, 65535), max_size=200))
def test_any_bytes_decode_to_something(data: bytes, probabilities: list[int]) -> None:
    assert set(decode(data, probabilities)) <= {0, 1}
