"""NEM12: no part of a file is a file; what is written is read, and registers keep the sum."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmark.core.errors import Refused
from wattmark.metering.errors import ReadingsMalformed
from wattmark.metering.formats.nem12 import channel_registers, read_nem
from wattmark.testing.nem12 import FLAGGED, channel, day, nem


def test_every_cut() -> None:
    """Only the end of the last line may be missing."""
    whole = read_nem(FLAGGED)
    for at in range(len(FLAGGED)):
        if at >= len(FLAGGED) - 2:
            assert read_nem(FLAGGED[:at]) == whole
        else:
            with pytest.raises(ReadingsMalformed):
                read_nem(FLAGGED[:at])


@given(at=st.integers(0, len(FLAGGED) - 3), put=st.sampled_from([b"", b"\n", b",", b";", b"-", b"e", b"\xff"]))
def test_a_lost_or_foreign_letter_never_moves_a_value(at: int, put: bytes) -> None:
    """It is refused, or every day still has exactly its slots."""
    with suppress(Refused):
        found = read_nem(FLAGGED[:at] + put + FLAGGED[at + 1 :])
        for one in found.channels:
            assert {len(each.ticks) for each in one.days} <= {86_400 // one.duration_s}
            assert {len(each.flags) for each in one.days} <= {86_400 // one.duration_s}


@given(st.lists(st.integers(0, 10**9), min_size=48, max_size=48), st.integers(0, 10**12))
def test_the_register_keeps_the_exact_sum(values: list[int], open_wh: int) -> None:
    texts = [f"{one // 10**6}.{one % 10**6:06}" for one in values]
    found = channel_registers(read_nem(nem(channel(), day(texts))).channels, open_wh)
    assert [one.register_wh for one in found] == [open_wh + sum(values[: slot + 1]) // 1_000 for slot in range(48)]
