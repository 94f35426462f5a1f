"""Any unsigned format in one shape, and what needs a key or a map first."""

import pytest

from wattmark.core.codes import Tier
from wattmark.core.errors import Refused
from wattmark.metering.formats.anything import FoundRegister, read_anything
from wattmark.metering.formats.recognise import Format
from wattmark.metering.labels import Label
from wattmark.testing.devices import NOON_UTC_S as DEVICE_NOON
from wattmark.testing.devices import home_assistant
from wattmark.testing.dlms import PUSH, TIME_UTC_S, glo, hdlc
from wattmark.testing.echonet import NOON, NOON_UTC_S, answer, counts, erxudp, settings
from wattmark.testing.nem12 import DAY_UTC_S, FLAGGED
from wattmark.testing.ocmf import OcmfSigner
from wattmark.testing.p1 import CLOCK_UTC_S, telegram

EA = answer((0xEA, NOON + b"\0" + counts(123)))
LINES = b"".join(erxudp(frame) for frame in (*settings(), EA))


def test_lines_of_a_module() -> None:
    expected = FoundRegister("1234567812345678", "import", NOON_UTC_S, 12_300, Label.ACTUAL, Tier.T1)
    assert read_anything(LINES) == (expected,)
    assert read_anything(erxudp(settings()[0])) == ()


def test_other_formats() -> None:
    t0 = (Label.ACTUAL, Tier.T0)
    assert read_anything(telegram() * 2)[:2] == (
        FoundRegister("WM-1", "import", CLOCK_UTC_S, 200_001, *t0),
        FoundRegister("WM-1", "export", CLOCK_UTC_S, 1_001, *t0),
    )
    for data in (PUSH, hdlc(PUSH)):
        assert [(one.end_s, one.register_wh, one.tier) for one in read_anything(data)] == [
            (TIME_UTC_S, 123_456, Tier.T0),
            (TIME_UTC_S, 78_900, Tier.T0),
        ]
    assert read_anything(home_assistant("1.5")) == (
        FoundRegister("sensor.roof_energy", "import", DEVICE_NOON, 1_500, *t0),
    )
    found = read_anything(FLAGGED)
    assert [len([one for one in found if one.channel == channel]) for channel in ("E1", "B1", "Q1")] == [48, 192, 0]
    assert found[0].end_s == DAY_UTC_S + 1_800


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "FORMAT_UNKNOWN"),
        (b"PAR1", "FORMAT_UNKNOWN"),
        (OcmfSigner().record(), "KEY_MISSING"),
        (glo(PUSH, 1), "KEY_MISSING"),
        (erxudp(EA), "FIELD_MISSING"),  # nobody said what a count is
        (EA, "FIELD_MISSING"),
        (LINES + b"EVENT 21\r\n", "NOT_ECHONET"),
        (telegram()[:-9], "NOT_P1"),
        (telegram().replace(b"123.456", b"123.457"), "CHECKSUM_WRONG"),
        (FLAGGED * 2, "TIME_NOT_RISING"),
    ],
)
def test_what_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(Refused) as caught:
        read_anything(data)
    assert caught.value.code == code


def test_a_refused_line_is_named() -> None:
    with pytest.raises(Refused, match="line 4") as caught:
        read_anything(LINES + erxudp(EA + b"\0"))
    assert caught.value.field == "line 4, byte 25"


def test_a_format_that_was_said_is_not_recognised() -> None:
    with pytest.raises(Refused, match="NOT_NEM12"):
        read_anything(telegram(), Format.NEM12)
