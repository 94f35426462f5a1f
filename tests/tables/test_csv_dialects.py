"""CSV dialects as a rule book: a file and its column map on the left, what is read or refused on the right.

Files are real in form (utility exports, meter portals, grid operators) and invented in numbers.
"""

import io
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest

from wattmark.core.errors import MalformedInput
from wattmark.metering.formats.columns import ColumnMap
from wattmark.metering.formats.csv import read_csv
from wattmark.metering.labels import Label

ROWS = {"unit": "kWh", "duration_s": 1_800, "timezone": "JST", "stamp": "start", "encoding": "utf-8",
        "time": ["time"], "value": "kWh", "meter_name": "M1"}  # fmt: skip
UTC_2026_04_01 = int(datetime(2026, 4, 1, tzinfo=UTC).timestamp())
JST_MIDNIGHT = UTC_2026_04_01 - 9 * 3_600


def mapped(**changes):
    return ColumnMap.from_dict({name: value for name, value in (ROWS | changes).items() if value is not None})


def skip_without_zones(changes):
    """The IANA database is the system's; without it a zone's name is refused, and that is all one can test."""
    name = changes.get("timezone", "")
    if "/" in name and name != "Asia/Tokyo":
        try:
            ZoneInfo(name)
        except ZoneInfoNotFoundError:
            pytest.skip(f"the system has no zone {name} (Debian package tzdata)")


def read(text, columns, register_open_wh=None, table_rows=65_536):
    data = text if isinstance(text, bytes) else text.encode(columns.encoding)
    tables = list(read_csv(io.BytesIO(data), columns, register_open_wh, table_rows))
    rows = []
    for table in tables:
        rows += zip(
            table.meter,
            (table.period_start_s - JST_MIDNIGHT).tolist(),
            table.energy_wh.tolist(),
            table.register_wh.tolist(),
            [Label(label).name for label in table.label.tolist()],
            strict=True,
        )
    return rows


A, B = (0, 1_800)

READ = {
    "plain kWh": (
        "time,kWh\n2026-04-01 00:00,0.25\n2026-04-01 00:30,1.5\n",
        {},
        [("M1", A, 250, 250, "ACTUAL"), ("M1", B, 1_500, 1_750, "ACTUAL")],
    ),
    "kW averages are halved by the half hour": (
        "time,kWh\n2026-04-01 00:00,0.25\n2026-04-01 00:30,1.5\n",
        {"unit": "kW"},
        [("M1", A, 125, 125, "ACTUAL"), ("M1", B, 750, 875, "ACTUAL")],
    ),
    "Wh and W": (
        "time,kWh\n2026-04-01T00:00:00+09:00,250\n",
        {"unit": "W", "timezone": "UTC"},
        [("M1", A, 125, 125, "ACTUAL")],
    ),
    "slots stamped with their end, 24:00 at midnight": (
        "time,kWh\n2026/04/01 00:30,1\n2026/04/01 01:00,2\n2026/04/01 24:00,3\n",
        {"stamp": "end", "time_format": "%Y/%m/%d %H:%M"},
        [("M1", A, 1_000, 1_000, "ACTUAL"), ("M1", B, 2_000, 3_000, "ACTUAL"), ("M1", 84_600, 3_000, 6_000, "ACTUAL")],
    ),
    "date and time apart, quoted, cp932, header after a title": (
        '使用量のお知らせ\n"年月日","時刻","使用量(kWh)"\n"2026/4/1","0:00","0.3"\n"2026/4/1","0:30","0.3"\n',
        {"encoding": "cp932", "time": ["年月日", "時刻"], "time_format": "%Y/%m/%d %H:%M", "value": "使用量(kWh)",
         "skip_lines": 1},
        [("M1", A, 300, 300, "ACTUAL"), ("M1", B, 300, 600, "ACTUAL")],
    ),
    "48 columns a day": (
        "date,meter," + ",".join(f"s{i}" for i in range(1, 49)) + "\n20260401,H7," + ",".join(["0.1"] * 48) + "\n",
        {"time": ["date"], "time_format": "%Y%m%d", "value": None, "day_values": "s1", "meter": "meter",
         "meter_name": None},
        [("H7", i * 1_800, 100, 100 * (i + 1), "ACTUAL") for i in range(48)],
    ),
    "two meters by turns, semicolons, byte order mark": (
        "\ufefftime;id;kWh\n1774969200;a;1\n1774969200;b;2\n1774971000;a;3\n1774971000;b;4\n",
        {"delimiter": ";", "meter": "id", "meter_name": None, "time_format": "epoch"},
        [("a", A, 1_000, 1_000, "ACTUAL"), ("b", A, 2_000, 2_000, "ACTUAL"),
         ("a", B, 3_000, 4_000, "ACTUAL"), ("b", B, 4_000, 6_000, "ACTUAL")],
    ),
    "fractions of a Wh are floored as registers, so none is lost": (
        "time,kWh\n2026-04-01 00:00,0.0006\n2026-04-01 00:30,0.0006\n2026-04-01 01:00,0.000800001\n",
        {},
        [("M1", 0, 0, 0, "ACTUAL"), ("M1", 1_800, 1, 1, "ACTUAL"), ("M1", 3_600, 1, 2, "ACTUAL")],
    ),
    "a missing value is labelled, a gap stays a gap": (
        "time,kWh\n2026-04-01 00:00,-\n2026-04-01 00:30,1\n\n2026-04-01 02:00,1\n",
        {"missing": ["-"]},
        [("M1", A, 0, 0, "MISSING"), ("M1", B, 1_000, 1_000, "ACTUAL"), ("M1", 7_200, 1_000, 2_000, "ACTUAL")],
    ),
    "the inverter's own use at night, clipped and labelled": (
        "time,kWh\n2026-04-01 00:00,-0.004\n2026-04-01 00:30,+1\n",
        {"clip_negative": True},
        [("M1", A, 0, 0, "EDITED"), ("M1", B, 1_000, 1_000, "ACTUAL")],
    ),
    "registers: the first one opens, a hole is bridged": (
        "time,kWh\n2026-04-01 00:00,100.0009\n2026-04-01 00:30,100.002\n2026-04-01 01:00,\n2026-04-01 01:30,101\n",
        {"kind": "register", "stamp": "end", "missing": [""]},
        [("M1", A, 2, 100_002, "ACTUAL"), ("M1", B, 998, 101_000, "REGISTER_ONLY")],
    ),
    "daylight saving elsewhere": (
        "time,kWh\n2021-03-28 01:30,1\n2021-03-28 03:00,1\n",
        {"timezone": "Europe/Berlin"},
        [("M1", 1_616_891_400 - JST_MIDNIGHT, 1_000, 1_000, "ACTUAL"),
         ("M1", 1_616_893_200 - JST_MIDNIGHT, 1_000, 2_000, "ACTUAL")],
    ),
}  # fmt: skip

REFUSED = {
    "a missing column": ("time,Wh\n", {}, "COLUMN_MISSING", "header"),
    "an empty file": ("", {}, "COLUMN_MISSING", "line 1"),
    "a column too many": ("time,kWh\n2026-04-01 00:00,1,2\n", {}, "COLUMN_COUNT", "line 2"),
    "a column too few": ("time,kWh\n2026-04-01 00:00\n", {}, "COLUMN_COUNT", "line 2"),
    "47 columns a day": (
        "date," + ",".join(f"s{i}" for i in range(1, 48)) + "\n",
        {"time": ["date"], "value": None, "day_values": "s1"}, "COLUMN_COUNT", "header",
    ),
    "a number with separators": ('time,kWh\n2026-04-01 00:00,"1,234"\n', {}, "VALUE_UNREADABLE", "line 2, column kWh"),
    "an exponent": ("time,kWh\n2026-04-01 00:00,1e3\n", {}, "VALUE_UNREADABLE", "line 2, column kWh"),
    "ten decimals": ("time,kWh\n2026-04-01 00:00,0.0123456789\n", {}, "VALUE_UNREADABLE", "line 2, column kWh"),
    "full-width digits": ("time,kWh\n2026-04-01 00:00,１\n", {}, "VALUE_UNREADABLE", "line 2, column kWh"),
    "not a number": ("time,kWh\n2026-04-01 00:00,nan\n", {}, "VALUE_UNREADABLE", "line 2, column kWh"),
    "a huge number": ("time,kWh\n2026-04-01 00:00,99999999999\n", {}, "VALUE_OUT_OF_RANGE", "line 2, column kWh"),
    "no value": ("time,kWh\n2026-04-01 00:00,\n", {}, "VALUE_MISSING", "line 2, column kWh"),
    "a negative value": ("time,kWh\n2026-04-01 00:00,-0.1\n", {}, "VALUE_NEGATIVE", "line 2, column kWh"),
    "a falling register": (
        "time,kWh\n2026-04-01 00:00,5\n2026-04-01 00:30,4\n", {"kind": "register"}, "REGISTER_FELL", "line 3, column kWh",
    ),
    "a negative register": ("time,kWh\n2026-04-01 00:00,-5\n", {"kind": "register"}, "VALUE_NEGATIVE", "line 2, column kWh"),
    "a date of another form": ("time,kWh\n01/04/2026 00:00,1\n", {}, "TIME_UNREADABLE", "line 2, column time"),
    "the 31st of February": ("time,kWh\n2026-02-31 00:00,1\n", {}, "TIME_UNREADABLE", "line 2, column time"),
    "25 o'clock": ("time,kWh\n2026-04-01 25:00,1\n", {}, "TIME_UNREADABLE", "line 2, column time"),
    "an epoch that is none": ("time,kWh\n-5,1\n", {"time_format": "epoch"}, "TIME_UNREADABLE", "line 2, column time"),
    "off the grid": ("time,kWh\n2026-04-01 00:10,1\n", {}, "TIME_OFF_GRID", "line 2, column kWh"),
    "a line twice": ("time,kWh\n2026-04-01 00:00,1\n2026-04-01 00:00,1\n", {}, "TIME_NOT_RISING", "line 3, column kWh"),
    "an hour that does not exist": (
        "time,kWh\n2021-03-28 02:30,1\n", {"timezone": "Europe/Berlin"}, "TIME_AMBIGUOUS", "line 2, column time",
    ),
    "an hour that exists twice": (
        "time,kWh\n2021-10-31 02:30,1\n", {"timezone": "Europe/Berlin"}, "TIME_AMBIGUOUS", "line 2, column time",
    ),
    "cp932 read as utf-8": ("time,電力\n".encode("cp932"), {}, "NOT_IN_ENCODING", "line 1"),
    "an open quote": ('time,kWh\n"2026-04-01 00:00,1\n', {}, "NOT_CSV", "line 2"),
    "a line without end": (b"x" * 70_000, {}, "LINE_TOO_LONG", "line 1"),
    "no meter": ("time,id,kWh\n2026-04-01 00:00,,1\n", {"meter": "id", "meter_name": None}, "METER_INVALID",
                 "line 2, column kWh"),
    "a meter's name without end": (
        f"time,id,kWh\n2026-04-01 00:00,{'x' * 65},1\n", {"meter": "id", "meter_name": None}, "METER_INVALID",
        "line 2, column kWh",
    ),
}  # fmt: skip

MAPS = {
    "no unit": ({"unit": None}, "unit"),
    "an unknown unit": ({"unit": "MWh"}, "unit"),
    "no slot length": ({"duration_s": None}, "duration_s"),
    "an odd slot length": ({"duration_s": 1_200}, "duration_s"),
    "a slot length in words": ({"duration_s": "1800"}, "duration_s"),
    "no zone": ({"timezone": None}, "timezone"),
    "an unknown zone": ({"timezone": "Mars/Olympus"}, "timezone"),
    "a path for a zone": ({"timezone": "../../etc/passwd"}, "timezone"),
    "an offset of a day": ({"timezone": "+99:00"}, "timezone"),
    "no stamp": ({"stamp": None}, "stamp"),
    "no encoding": ({"encoding": None}, "encoding"),
    "another encoding": ({"encoding": "latin-1"}, "encoding"),
    "no time": ({"time": []}, "time"),
    "a time that is no list": ({"time": "time"}, "time"),
    "numbers for names": ({"time": [1]}, "time"),
    "two kinds of value": ({"day_values": "s1"}, "value"),
    "no meter": ({"meter_name": None}, "meter"),
    "two kinds of meter": ({"meter": "id"}, "meter"),
    "a register of power": ({"kind": "register", "unit": "kW"}, "kind"),
    "a signed tier": ({"tier": 3}, "tier"),
    "a channel too high": ({"channel": 256}, "channel"),
    "a long delimiter": ({"delimiter": "::"}, "delimiter"),
    "something else": ({"coefficient": 10}, "coefficient"),
    "a truth value for a number": ({"skip_lines": True}, "skip_lines"),
}


@pytest.mark.parametrize("page", READ)
@pytest.mark.parametrize("table_rows", [1, 65_536])
def test_read(page, table_rows):
    text, changes, expected = READ[page]
    skip_without_zones(changes)
    assert read(text, mapped(**changes), table_rows=table_rows) == expected


@pytest.mark.parametrize("page", REFUSED)
def test_refused(page):
    text, changes, code, where = REFUSED[page]
    skip_without_zones(changes)
    with pytest.raises(MalformedInput) as refused:
        read(text, mapped(**changes))
    assert (refused.value.code, refused.value.field) == (code, where)
    assert refused.value.rule.en
    assert refused.value.rule.ja


@pytest.mark.parametrize("page", MAPS)
def test_a_map_leaves_nothing_open(page):
    changes, field = MAPS[page]
    with pytest.raises(MalformedInput) as refused:
        mapped(**changes)
    assert (refused.value.code, refused.value.field) == ("MAP_INVALID", field)


def test_registers_go_on_where_the_platform_stands():
    text = "time,kWh\n2026-04-01 00:00,1\n"
    assert read(text, mapped(), {"M1": 5_000}) == [("M1", 0, 1_000, 6_000, "ACTUAL")]
    assert read(text, mapped(kind="register", stamp="end"), {"M1": 400}) == [("M1", -1_800, 600, 1_000, "ACTUAL")]


def test_a_register_has_an_end():
    text = "time,kWh\n" + "".join(f"2026-{m:02}-{d:02} 00:00,9000000000\n" for m in range(1, 13) for d in range(1, 29))
    with pytest.raises(MalformedInput) as refused:
        read(text, mapped(duration_s=3_600), {"M1": 2**53 - 10**13})
    assert (refused.value.code, refused.value.field) == ("VALUE_OUT_OF_RANGE", "line 3, column kWh")
