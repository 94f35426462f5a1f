"""Roll-over, falls and floors, by example."""

import numpy as np
import pytest

from wattmark.core.errors import Refused
from wattmark.metering.registers import floor_registers, intervals, unwrap


def column(*values):
    return np.array(values, dtype=np.int64)


def test_a_fall_names_place_and_value():
    with pytest.raises(Refused) as refused:
        intervals(column(10, 20, 19), 5)
    assert (refused.value.code, refused.value.field, refused.value.value) == ("REGISTER_FELL", "register_wh[2]", 19)
    with pytest.raises(Refused) as refused:
        intervals(column(4), 5)
    assert refused.value.field == "register_wh[0]"


def test_roll_over_near_the_top():
    assert unwrap(column(999_990, 5, 20), 1_000_000, 999_980).tolist() == [999_990, 1_000_005, 1_000_020]
    assert unwrap(column(5), 1_000_000, 7_999_999).tolist() == [8_000_005]


def test_a_faked_roll_over_is_refused():
    """A22: a wrap at half of the display."""
    for shown, line_open in (((500_000, 0), 499_000), ((999_999, 200_000), 999_000), ((5, 3), 0)):
        with pytest.raises(Refused) as refused:
            unwrap(column(*shown), 1_000_000, line_open)
        assert refused.value.code == "REGISTER_FELL"


def test_two_roll_overs_are_one_too_many():
    with pytest.raises(Refused) as refused:
        unwrap(column(950, 10, 950, 10), 1_000, 900)
    assert (refused.value.code, refused.value.field) == ("REGISTER_FELL", "register_wh[3]")


def test_a_value_the_display_cannot_show():
    for value in (-1, 1_000):
        with pytest.raises(Refused) as refused:
            unwrap(column(5, value), 1_000, 0)
        assert (refused.value.code, refused.value.field) == ("OUT_OF_RANGE", "register_wh[1]")


def test_thirds_of_a_wh_never_drift():
    registers, carry = floor_registers(column(*[1] * 9), 3, 0)
    assert registers.tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 3]
    assert carry == 0


def test_no_values():
    registers, carry = floor_registers(column(), 3, 7, 2)
    assert (registers.tolist(), carry) == ([], 2)
    assert intervals(column(), 7).tolist() == []
