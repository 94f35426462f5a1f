"""P1: what is damaged under the check yields nothing; what is written is read."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmark.core.errors import Refused
from wattmark.metering.errors import ReadingsMalformed
from wattmark.metering.formats.p1 import read_p1
from wattmark.testing.p1 import LINES, telegram, with_check

TELEGRAM = telegram()
TRUE = read_p1(TELEGRAM)


def test_every_bit() -> None:
    for at in range(len(TELEGRAM)):
        for bit in range(8):
            with pytest.raises(ReadingsMalformed):
                read_p1(TELEGRAM[:at] + bytes((TELEGRAM[at] ^ 1 << bit,)) + TELEGRAM[at + 1 :])


def test_every_cut() -> None:
    """The end of the last line may be missing, nothing else."""
    assert read_p1(TELEGRAM[:-2]).import_wh == TRUE.import_wh
    for at in (*range(len(TELEGRAM) - 2), len(TELEGRAM) - 1):
        with pytest.raises(ReadingsMalformed):
            read_p1(TELEGRAM[:at])


@given(at=st.integers(0, len(TELEGRAM) - 7), bit=st.integers(0, 7))
def test_a_bit_under_a_right_check_is_refused_or_another_reading(at: int, bit: int) -> None:
    changed = bytearray(TELEGRAM)
    changed[at] ^= 1 << bit
    with suppress(Refused):
        assert read_p1(with_check(changed)).frame != TRUE.frame


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=4))
def test_tariffs_are_summed_exactly(tenths: list[int]) -> None:
    lines = [f"1-0:1.8.{e}({one // 10_000}.{one % 10_000:04}*kWh)" for e, one in enumerate(tenths, 1)]
    assert read_p1(telegram([*LINES[:3], *lines])).import_wh == sum(tenths) // 10
