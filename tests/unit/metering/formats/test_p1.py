"""P1: the check, the clock, the sum of the tariffs, and what is refused by which code."""

from datetime import datetime

import pytest

from wattmark.core.codes import Tier
from wattmark.core.errors import Refused
from wattmark.metering.formats.p1 import read_p1
from wattmark.metering.formats.p1_frame import check_sequence, split_stream
from wattmark.metering.labels import Label
from wattmark.testing.p1 import CLOCK, CLOCK_UTC_S, LINES, telegram

BARE = LINES[3:7]
"""Registers only, as in version 2.2."""


def changed(old: str, new: str) -> bytes:
    assert any(old in line for line in LINES)
    return telegram([line.replace(old, new) for line in LINES])


def test_the_check_sequence() -> None:
    assert check_sequence(b"123456789") == 0xBB3D


def test_a_telegram() -> None:
    found = read_p1(telegram())
    assert (found.import_wh, found.export_wh, found.end_s) == (200_001, 1_001, CLOCK_UTC_S)
    assert (found.meter, found.serial, found.tier, found.label) == ("574D2D31", "WM-1", Tier.T0, Label.ACTUAL)
    assert found.tariff_wh == ((1, 1, 123_456), (1, 2, 76_545), (2, 1, 1_000), (2, 2, 1))
    assert found.frame.objects[0, 1, 24, 2, 1].values == ("260401022501S", "00246.138*m3")


def test_a_check_without_its_leading_zeros() -> None:
    for number in range(4_000):
        data = telegram([*LINES, f"0-0:96.13.1({number:04X})"])
        if data[-6:-5] == b"0":
            assert read_p1(data[:-6] + data[-6:].lstrip(b"0")).import_wh == 200_001
            return
    pytest.fail("no telegram with a leading zero")


def test_version_2_has_neither_check_nor_clock() -> None:
    found = read_p1(telegram(BARE, checked=False))
    assert (found.import_wh, found.end_s, found.label, found.meter) == (200_001, None, Label.QUESTIONABLE, "")


@pytest.mark.parametrize("line", [CLOCK, "1-3:0.2.8(42)", "0-0:96.1.4(50217)"])
def test_a_check_cannot_be_cut_off(line: str) -> None:
    with pytest.raises(Refused, match="CHECKSUM_WRONG"):
        read_p1(telegram([*BARE, line], checked=False))


@pytest.mark.parametrize(
    ("stamp", "utc"),
    [
        ("261025013000S", "2026-10-24T23:30:00+00:00"),
        ("261025023000S", "2026-10-25T00:30:00+00:00"),
        ("261025023000W", "2026-10-25T01:30:00+00:00"),  # the hour comes twice
        ("260101000000W", "2025-12-31T23:00:00+00:00"),
    ],
)
def test_summer_and_winter(stamp: str, utc: str) -> None:
    assert read_p1(changed("260401023000S", stamp)).end_s == int(datetime.fromisoformat(utc).timestamp())


def test_winter_time_elsewhere() -> None:
    assert read_p1(telegram(), winter_offset_s=0).end_s == CLOCK_UTC_S + 3_600


@pytest.mark.parametrize(
    ("lines", "wh"),
    [
        (["1-0:1.8.0(00052185.7825309*kWh)"], 52_185_782),
        (["1-0:1.8.0*255(006545766*Wh)", "1-0:1.8.1(005017120*Wh)", "1-0:1.8.2(001528646*Wh)"], 6_545_766),
        (["1-0:1.8.1(0.0005*kWh)", "1-0:1.8.2(0.0005*kWh)"], 1),  # summed exactly, rounded once
        (["1-0:1.8.0(2.001*kWh)", "1-0:1.8.1(1.000*kWh)", "1-0:1.8.2(1.000*kWh)"], 2_001),  # each display rounds down
        (["1-0:2.8.0(1*kWh)"], None),
        (["1-1:1.8.0(1*kWh)"], None),  # another channel
    ],
)
def test_a_register(lines: list[str], wh: int | None) -> None:
    assert read_p1(telegram(lines)).import_wh == wh


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "NOT_P1"),
        (telegram()[1:], "NOT_P1"),
        (telegram()[:-9], "NOT_P1"),
        (telegram() + b"x", "NOT_P1"),
        (telegram() * 2, "NOT_P1"),
        (telegram().replace(b"\r\n", b"\n"), "NOT_P1"),
        (telegram().lower(), "NOT_P1"),
        (telegram().replace(b"123.456", b"123.457"), "CHECKSUM_WRONG"),
        (bytes(20_000), "RECORD_TOO_LONG"),
        (changed("1-0:1.7.0", "1-0:1.7"), "OBIS_INVALID"),
        (changed("1-0:1.7.0", "1-0:1.7.256"), "OBIS_INVALID"),
        (changed("00.244*kW)", "00.244*kW"), "OBIS_INVALID"),
        (changed("00.244*kW)", "00.244*kW) "), "OBIS_INVALID"),
        (telegram(["(1)", *LINES]), "OBIS_INVALID"),
        (telegram(["0-0:96.1.1(\xff)", *LINES]), "OBIS_INVALID"),
        (changed("*m3", "*l"), "UNIT_UNKNOWN"),
        (changed("00.244*kW", "00.244*MW"), "UNIT_UNKNOWN"),
        (changed("076.545*kWh", "076.545*kW"), "UNIT_UNKNOWN"),
        (changed("076.545*kWh", "076.545"), "UNIT_UNKNOWN"),
        (changed("000076.545*kWh", "-00076.545*kWh"), "UNIT_UNKNOWN"),
        (changed("000076.545*kWh", "1.2.3*kWh"), "UNIT_UNKNOWN"),
        (changed("(000076.545*kWh)", "(1*kWh)(2*kWh)"), "FIELD_INVALID"),
        (telegram([*LINES, LINES[3]]), "FIELD_INVALID"),
        (telegram([*LINES, "1-0:1.8.5(1*kWh)"]), "CODE_UNKNOWN"),
        (telegram([*LINES, "1-0:1.8.0(200.003*kWh)"]), "FIELD_INVALID"),
        (telegram([*LINES, "1-0:1.8.0(200.000*kWh)"]), "FIELD_INVALID"),
        (telegram(LINES[:4]), "FIELD_MISSING"),
        (telegram([*LINES[:3], LINES[4]]), "FIELD_MISSING"),
        (telegram(["1-0:1.8.0(999999999999*kWh)"]), ""),
        (telegram([CLOCK.replace("S", "")]), "TIME_UNREADABLE"),
        (telegram([CLOCK.replace("0401", "0431")]), "TIME_UNREADABLE"),
        (telegram([CLOCK + "(1)"]), "TIME_UNREADABLE"),
        (telegram(["0-0:96.1.1()"]), "METER_INVALID"),
        (telegram([f"0-0:96.1.1({'A' * 65})"]), "METER_INVALID"),
    ],
)
def test_what_is_refused(data: bytes, code: str) -> None:
    if not code:
        assert read_p1(data).import_wh == 999_999_999_999_000
        return
    with pytest.raises(Refused) as caught:
        read_p1(data)
    assert caught.value.code == code


def test_a_forged_telegram_passes_as_what_it_is() -> None:
    """Anybody can write a right check: the lowest tier."""
    forged = read_p1(changed("000123.456", "900004.000"))
    assert (forged.import_wh, forged.tier) == (900_080_545, Tier.T0)


def test_a_serial_line() -> None:
    one, two = telegram(), telegram(BARE, checked=False)
    stream = b"544*kWh)\r\n!12AB\r\n" + one + b"  25803103\r\n\xff\xff\r\n" + two + b"/cut off\r\n\r\n" + one + one[:40]
    assert split_stream(stream) == (one, two, one)
    assert split_stream(one[:-2]) == ()
    assert split_stream(b"noise") == ()
