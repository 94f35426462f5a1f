"""ECHONET Lite: no cut, lengthened or re-counted frame yields a value; what is written is read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmark.core.errors import Refused
from wattmark.metering.decode import MAX_REGISTER_WH
from wattmark.metering.errors import ReadingsMalformed
from wattmark.metering.formats.echonet import Calibration, read_answer, registers
from wattmark.metering.formats.echonet_frame import read_echonet, read_erxudp
from wattmark.metering.formats.echonet_properties import UNITS
from wattmark.testing.echonet import NOON, answer, counts, erxudp
from wattmark.testing.echonet import settings as told

FRAMES = [
    answer((0xEA, NOON + b"\0" + counts(123_456))),
    answer((0xE2, b"\0\1" + counts(*range(48)))),
    answer((0xEC, NOON + b"\2" + counts(5, 6, 3, 4))),
    *told(),
]


@pytest.mark.parametrize("frame", FRAMES)
def test_every_cut_and_every_byte_too_many(frame: bytes) -> None:
    read_answer(read_echonet(frame))
    for at in range(len(frame)):
        with pytest.raises(ReadingsMalformed):
            read_echonet(frame[:at])
    for more in range(256):
        with pytest.raises(ReadingsMalformed, match="BYTES_LEFT_OVER"):
            read_echonet(frame + bytes((more,)))


def test_every_letter_of_a_line_but_its_data_and_address() -> None:
    """The frame itself has no check: a changed letter of its data is another frame, or none."""
    line = erxudp(FRAMES[0])
    data_at = line.rindex(b" ") + 1
    for at in (*range(7), *range(87, 97), *range(114, data_at)):
        changed = line[:at] + bytes((line[at] ^ 4,)) + line[at + 1 :]
        if at != line.index(b" 1 ") + 1:
            with pytest.raises(ReadingsMalformed):
                read_erxudp(changed)


@given(at=st.integers(0, 400), bit=st.integers(0, 7), which=st.sampled_from(FRAMES))
@settings(max_examples=300)
def test_a_changed_bit_is_refused_or_another_whole_frame(at: int, bit: int, which: bytes) -> None:
    at %= len(which)
    changed = which[:at] + bytes((which[at] ^ 1 << bit,)) + which[at + 1 :]
    try:
        found = read_answer(read_echonet(changed))
    except Refused:
        return
    assert found.frame.data == changed
    assert (
        answer(
            *((one.epc, one.data) for one in found.frame.properties),
            source=found.frame.source,
            service=found.frame.service,
            transaction=found.frame.transaction,
        )[10:]
        == changed[10:]
    )


@given(
    raw=st.integers(0, 99_999_999),
    unit=st.sampled_from(sorted(UNITS.values())),
    coefficient=st.integers(0, 999_999),
)
def test_what_is_written_is_read(raw: int, unit: int, coefficient: int) -> None:
    found = read_answer(read_echonet(answer((0xE3, counts(raw)))))
    expected = raw * coefficient * unit // 10
    if expected > MAX_REGISTER_WH:
        with pytest.raises(ReadingsMalformed, match="VALUE_OUT_OF_RANGE"):
            registers(found, Calibration(unit, coefficient))
        return
    (register,) = registers(found, Calibration(unit, coefficient))
    assert register.register_wh == expected
