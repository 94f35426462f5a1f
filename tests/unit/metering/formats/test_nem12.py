"""NEM12 and NEM13: exact values, flags by slot, whole registers, and what is refused by which code."""

from datetime import date

import pytest

from wattmark.core.errors import Refused
from wattmark.metering.formats.nem12 import Nem12Channel, channel_registers, read_nem
from wattmark.metering.formats.nem12_rows import value_ticks
from wattmark.metering.labels import Label
from wattmark.testing.nem12 import DAY, DAY_UTC_S, FLAGGED, READ, channel, day, nem

ONES = day([1] * 48)


def only(data: bytes) -> Nem12Channel:
    (found,) = read_nem(data).channels
    return found


def test_flags_by_slot() -> None:
    found = read_nem(FLAGGED)
    one = found.channels[0].days[0]
    assert [one.flags.count(flag) for flag in ("F14", "A", "N")] == [20, 27, 1]
    assert one.reasons[:21] == (76,) * 20 + (0,)
    assert one.labels == (Label.ESTIMATED,) * 20 + (Label.ACTUAL,) * 27 + (Label.MISSING,)
    assert set(found.channels[2].days[0].labels) == {Label.ESTIMATED}
    assert [each.is_energy for each in found.channels] == [True, True, False]


@pytest.mark.parametrize(("reason", "label"), [("61", 6), ("89", 6), ("79", 1), ("", 1)])
def test_tampering_and_a_reset_clock(reason: str, label: int) -> None:
    assert set(only(nem(channel(), day([1] * 48, "A", reason))).days[0].labels) == {Label(label)}


def test_a_day_flagged_v_without_its_flags_is_questionable() -> None:
    assert set(only(nem(channel(), day([1] * 48, "V"))).days[0].labels) == {Label.QUESTIONABLE}


def test_registers_are_rounded_down_as_registers() -> None:
    found = channel_registers([only(nem(channel(unit="KWH"), day(["0.0005"] * 48)))], 100)
    assert [one.register_wh for one in found[:4]] == [100, 101, 101, 102]
    assert (found[0].end_s, found[-1].end_s) == (DAY_UTC_S + 1_800, DAY_UTC_S + 86_400)
    assert found[-1].register_wh == 124


def test_a_null_value_adds_nothing_an_estimate_adds_and_stays_one() -> None:
    rows = (channel(unit="Wh"), day([1] * 48, "V"), "400,1,1,N,,", "400,2,2,E64,,", "400,3,48,A,,")
    found = channel_registers([only(nem(*rows))])
    assert [(one.register_wh, one.label) for one in found[:3]] == [(0, 5 + 2), (1, Label.ESTIMATED), (2, Label.ACTUAL)]


def test_days_go_on_from_each_other() -> None:
    found = channel_registers(
        [only(nem(channel(minutes=5, unit="MWh"), *(day([".001"] * 288, on=f"2026040{n}") for n in (1, 2, 4))))]
    )
    assert len(found) == 864
    assert found[-1].register_wh == 864_000


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (nem(channel(), ONES, ONES), "TIME_NOT_RISING"),
        (nem(channel(), ONES) * 2, "TIME_NOT_RISING"),  # a file within a file: the day comes again (V2)
        (nem(channel(), ONES, channel("B1"), ONES), "FIELD_INVALID"),
        (nem(channel("Q1", "kvarh"), ONES), "FIELD_INVALID"),
    ],
)
def test_no_register_line(data: bytes, code: str) -> None:
    with pytest.raises(Refused) as caught:
        channel_registers(read_nem(data).channels)
    assert caught.value.code == code


def test_what_a_file_may_leave_out() -> None:
    assert read_nem(nem()) == read_nem(nem() * 3)
    found = read_nem(b"\n" + nem(channel(), ONES).split(b"\r\n", 1)[1])
    assert (found.header, len(found.channels)) == (False, 1)
    empty = only(nem(channel(), f"300,{DAY},V,,,20260402000000,"))
    assert (empty.days, empty.empty) == ((), (date(2026, 4, 1),))
    assert only(nem(channel()[:-1], ONES, "500,O,S01,20260401000000,1.0")).days


def test_a_read() -> None:
    (found,) = read_nem(nem(READ, "550,N,,A,", kind="NEM13")).reads
    assert (found.from_ticks, found.to_ticks, found.quantity_ticks) == (
        6_342_800_000_000,
        7_654_900_000_000,
        1_312_100_000_000,
    )
    assert (found.flags, found.label, found.direction) == (("A", "A"), Label.ACTUAL, "E")
    assert found.end_s == DAY_UTC_S + 36_000
    (other,) = read_nem(nem(READ.replace("1312.1", "1312.2"), kind="NEM13")).reads
    assert other.label is Label.QUESTIONABLE
    (estimated,) = read_nem(nem(READ.replace("100000,A", "100000,E64"), kind="NEM13")).reads
    assert estimated.label is Label.ESTIMATED


@pytest.mark.parametrize(
    ("text", "ticks"), [("1.111", 1_111_000_000), (".5", 500_000_000), ("0", 0), ("5.", 5_000_000_000), ("000888", 888 * 10**9)]
)  # fmt: skip
def test_decimals_are_exact(text: str, ticks: int) -> None:
    if text == "5.":
        with pytest.raises(Refused, match="VALUE_UNREADABLE"):
            value_ticks(text, "here")
        return
    assert value_ticks(text, "here") == ticks


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "NOT_NEM12"),
        (b"900\n", "NOT_NEM12"),
        (nem(channel(), ONES)[:-5], "NOT_NEM12"),  # cut before its end
        (nem(channel(), ONES)[:-3], "NOT_NEM12"),
        (nem(ONES), "NOT_NEM12"),
        (nem(channel(), "400,1,48,A,,"), "NOT_NEM12"),
        (nem(channel(), ONES, READ), "NOT_NEM12"),
        (nem(READ, channel(), kind="NEM13"), "NOT_NEM12"),
        (nem(READ), "NOT_NEM12"),
        (nem("100,NEM12,1,2,3"), "NOT_NEM12"),
        (nem("600,x"), "NOT_NEM12"),
        (nem(kind="NEM14"), "NOT_NEM12"),
        (nem(channel(), day([1] * 47)), "FIELD_INVALID"),
        (nem(channel(), day([1] * 96)), "FIELD_INVALID"),  # twice as many as its slots: half the energy would be lost
        (nem(channel(minutes=15), ONES), "FIELD_INVALID"),
        (nem(channel(), ONES[:-1]), "FIELD_INVALID"),
        (nem(channel(minutes=7)), "FIELD_INVALID"),
        (nem(channel(minutes=10)), "FIELD_INVALID"),
        (nem(channel("e1")), "FIELD_INVALID"),
        (nem(channel("E")), "FIELD_INVALID"),
        (nem(channel() + ",,"), "FIELD_INVALID"),
        (nem(channel(unit="kvarh")), "UNIT_UNKNOWN"),
        (nem(channel(unit="")), "UNIT_UNKNOWN"),
        (nem(channel("Q1", "litre")), "UNIT_UNKNOWN"),
        (nem(channel().replace("NMI1", "")), "METER_INVALID"),
        (nem(channel(), day([-1] * 48)), "VALUE_NEGATIVE"),
        (nem(channel(), day(["1e3"] * 48)), "VALUE_UNREADABLE"),
        (nem(channel(), day(["1 "] * 48)), "VALUE_UNREADABLE"),
        (nem(channel(), day([""] * 48)), "VALUE_MISSING"),
        (nem(channel(), day([10**10 - 1] * 48)), "VALUE_OUT_OF_RANGE"),
        (nem(channel(), day([], "A")), "VALUE_MISSING"),
        (nem(channel(), day([1] * 48, "X")), "CODE_UNKNOWN"),
        (nem(channel(), day([1] * 48, "S")), "CODE_UNKNOWN"),
        (nem(channel(), day([1] * 48, "A", "x")), "CODE_UNKNOWN"),
        (nem(channel(), day([1] * 48, on="20260431")), "TIME_UNREADABLE"),
        (nem(channel(), day([1] * 48, on="2026041")), "TIME_UNREADABLE"),
        (nem(channel(), ONES.replace("0402000000", "0402250000")), "TIME_UNREADABLE"),
        (nem(channel(), ONES, "400,1,48,A,,"), "FIELD_INVALID"),  # the day is not flagged V
        (nem(channel(), day([1] * 48, "V"), "400,2,48,A,,"), "FIELD_INVALID"),  # a gap
        (nem(channel(), day([1] * 48, "V"), "400,1,49,A,,"), "FIELD_INVALID"),
        (nem(channel(), day([1] * 48, "V"), "400,1,9,A,,", "400,9,48,A,,"), "FIELD_INVALID"),
        (nem(channel(), day([1] * 48, "V"), "400,1,48,V,,"), "CODE_UNKNOWN"),
        (nem(channel(), f"300,{DAY},V,,,,", "400,1,48,A,,"), "FIELD_INVALID"),
        (nem(channel().replace("N1", "\x01")), "NOT_IN_ENCODING"),
        (nem(channel()).replace(b"N1", b"\xff"), "NOT_IN_ENCODING"),
        (nem(READ + ",", kind="NEM13"), "FIELD_INVALID"),
        (nem(READ.replace(",E,", ",X,"), kind="NEM13"), "CODE_UNKNOWN"),
        (nem(READ.replace("kWh", "m3"), kind="NEM13"), "UNIT_UNKNOWN"),
        (nem(READ.replace("20260401100000", "20260201100000"), kind="NEM13"), "TIME_NOT_RISING"),
        (nem(READ.replace("20260401100000", ""), kind="NEM13"), "TIME_UNREADABLE"),
    ],
)
def test_what_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(Refused) as caught:
        read_nem(data)
    assert caught.value.code == code


def test_a_refusal_names_line_and_field() -> None:
    with pytest.raises(Refused) as caught:
        read_nem(nem(channel(), ONES.replace(",1,", ",x,", 1)))
    assert caught.value.field == "line 3, field 3"
