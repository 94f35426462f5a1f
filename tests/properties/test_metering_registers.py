"""Laws of the registers: fast = slow, tiling, and an error below 1 Wh for ever."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import metering_registers as slow
from wattmark.core.errors import Refused
from wattmark.metering.registers import floor_registers, intervals, unwrap

WH = st.lists(st.integers(0, 10**9), max_size=60)


def column(values):
    return np.array(values, dtype=np.int64)


def outcome(call, *arguments):
    """The values, or the index at which they were refused."""
    try:
        return call(*arguments).tolist()
    except Refused as refused:
        return int(refused.field.partition("[")[2].rstrip("]"))


@given(WH, st.integers(0, 10**12))
def test_intervals_agree_with_the_slow_twin(registers, reg_open):
    assert outcome(intervals, column(registers), reg_open) == slow.intervals(registers, reg_open)


@given(WH, st.integers(0, 10**12))
def test_intervals_sum_to_the_difference(energies, reg_open):
    registers = reg_open + np.cumsum(column(energies))
    assert intervals(registers, reg_open).tolist() == energies


@given(st.lists(st.integers(0, 999), max_size=30), st.integers(0, 5_000))
def test_unwrap_agrees_with_the_slow_twin(shown, line_open):
    assert outcome(unwrap, column(shown), 1_000, line_open) == slow.unwrap(shown, 1_000, line_open)


@given(st.lists(st.integers(0, 40), max_size=40), st.integers(0, 10_000))
def test_unwrap_gives_back_a_line_that_rolled_over_once(steps, line_open):
    line = line_open + np.cumsum(column(steps))
    rolls = int((line_open + sum(steps)) // 1_000 - line_open // 1_000)
    if rolls <= 1:
        assert unwrap(line % 1_000, 1_000, line_open).tolist() == line.tolist()
    else:
        with pytest.raises(Refused):
            unwrap(line % 1_000, 1_000, line_open)


@given(
    st.lists(st.integers(0, 10**13), max_size=50),
    st.sampled_from((1, 3, 1_000, 10**6, 2 * 10**6, 12 * 10**9)),
    st.integers(0, 10**9),
    st.integers(0, 50),
)
def test_floors_agree_with_exact_fractions_however_they_are_cut(ticks, per_wh, reg_open, cut):
    expected = slow.floor_registers(ticks, per_wh, reg_open)
    whole, _ = floor_registers(column(ticks), per_wh, reg_open)
    assert whole.tolist() == expected
    head, carry = floor_registers(column(ticks[:cut]), per_wh, reg_open)
    tail, _ = floor_registers(column(ticks[cut:]), per_wh, int(head[-1]) if len(head) else reg_open, carry)
    assert head.tolist() + tail.tolist() == expected
