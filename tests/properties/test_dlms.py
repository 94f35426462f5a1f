"""DLMS: what is damaged under authentication or a check sequence yields nothing; what is written is read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmark.core.errors import Refused
from wattmark.metering.decode import MAX_REGISTER_WH
from wattmark.metering.errors import ReadingsMalformed
from wattmark.metering.formats.dlms import DlmsPush, open_push, read_frame, read_push
from wattmark.metering.formats.dlms_cipher import Counters, counters_after
from wattmark.testing.dlms import KEYS, PUSH, TITLE, glo, hdlc, notification, register

RING = {TITLE: KEYS}
FRAME = hdlc(PUSH)


def opened(message: bytes, counters: Counters | None = None) -> DlmsPush | None:
    try:
        return open_push(message, RING, counters or {})
    except Refused:
        return None


@pytest.mark.parametrize("control", [0x10, 0x30])
def test_every_bit_of_a_ciphered_push(control: int) -> None:
    message = glo(PUSH, 9, control=control)
    assert opened(message) is not None
    for at in range(len(message)):
        for bit in range(8):
            changed = message[:at] + bytes((message[at] ^ 1 << bit,)) + message[at + 1 :]
            assert opened(changed) is None, (at, bit)


def test_every_bit_of_a_frame() -> None:
    """A flag at either end may be missing, but not become something else."""
    for at in range(len(FRAME)):
        for bit in range(8):
            with pytest.raises(ReadingsMalformed):
                read_frame(FRAME[:at] + bytes((FRAME[at] ^ 1 << bit,)) + FRAME[at + 1 :])


@given(cut=st.integers(0, len(FRAME) - 2), end=st.integers(1, len(FRAME) - 1))
def test_a_cut_frame(cut: int, end: int) -> None:
    for part in (FRAME[:cut], FRAME[min(end, len(FRAME)) + 1 :]):
        with pytest.raises(ReadingsMalformed):
            read_frame(part)


@given(
    import_raw=st.integers(0, 2**32 - 1),
    export_raw=st.integers(0, 2**32 - 1),
    scaler=st.integers(-9, 6),
    counter=st.integers(0, 2**32 - 1),
)
def test_what_is_written_is_read(import_raw: int, export_raw: int, scaler: int, counter: int) -> None:
    message = notification(register(1, import_raw, scaler), register(2, export_raw, scaler))
    expected = [raw * 10 ** (scaler + 9) // 10**9 for raw in (import_raw, export_raw)]
    push = opened(glo(message, counter))
    if max(expected) > MAX_REGISTER_WH:
        assert push is None
        return
    assert push is not None
    assert [push.import_wh, push.export_wh] == expected
    assert read_push(read_frame(hdlc(message, segments=1 + counter % 4))).values == push.values


@given(counters=st.lists(st.integers(0, 20), max_size=30))
def test_only_rising_counters_are_taken(counters: list[int]) -> None:
    kept: dict[tuple[bytes, bytes], int] = {}
    taken = []
    for counter in counters:
        push = opened(glo(PUSH, counter), kept)
        if push is not None and push.opened is not None:
            kept = counters_after(kept, [push.opened])
            taken.append(counter)
    assert taken == [n for at, n in enumerate(counters) if n > max(counters[:at], default=-1)]


@settings(max_examples=300)
@given(data=st.binary(max_size=120), at=st.integers(0, len(PUSH)))
def test_anything_is_read_or_refused(data: bytes, at: int) -> None:
    for message in (data, b"\x0f\0\0\0\0\0" + data, PUSH[:at] + data + PUSH[at:], PUSH[:at] + data):
        try:
            push = read_push(message)
        except ReadingsMalformed:
            continue
        assert all(wh is None or 0 <= wh <= MAX_REGISTER_WH for wh in (push.import_wh, push.export_wh))
    for message in (data, b"\xdb\x08" + data, glo(data, 1)):
        opened(message)
    with pytest.raises(ReadingsMalformed):
        read_frame(data)
