"""The column map: says what a file's columns mean, so that nothing about it is guessed.

Unit, slot length, zone, stamp and encoding have no defaults: half-hourly kW averages read as kWh double the
energy, and a slot stamped with its end moves it by half an hour.
"""

from dataclasses import dataclass, fields
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Any, Final, Literal, Self, get_args
from zoneinfo import ZoneInfo

from wattmark.core.codes import Tier
from wattmark.core.periods import DAY_S, JST
from wattmark.metering.decode import MAX_CHANNEL, SLOT_SECONDS
from wattmark.metering.formats.refusals import ReadingCode, refused

Unit = Literal["kWh", "Wh", "kW", "W"]
Stamp = Literal["start", "end"]
Kind = Literal["interval", "register"]
Encoding = Literal["utf-8", "cp932"]

TICKS: Final = 1_000_000_000
"""Fractions of the unit in which values are kept exactly: 9 decimals."""
ISO: Final = "iso"
"""``time_format`` of ISO 8601 stamps; an offset in the stamp overrules the zone."""
EPOCH: Final = "epoch"
"""``time_format`` of POSIX seconds."""
_HOUR_S: Final = 3_600
_JSON_TYPES: Final[dict[str, type]] = {
    "duration_s": int,
    "channel": int,
    "skip_lines": int,
    "tier": int,
    "clip_negative": bool,
    "time": list,
    "missing": list,
}
_FIXED: Final[dict[str, tzinfo]] = {"UTC": UTC, "JST": JST, "Asia/Tokyo": JST}


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """What the columns of a file mean.

    Attributes:
        unit: ``kWh``, ``Wh``, or the average ``kW``, ``W`` over the slot.
        duration_s: slot length [s].
        timezone: ``UTC``, ``JST``, an offset such as ``+09:00``, or a zone of the IANA database.
        stamp: whether the time names the ``start`` or the ``end`` of a slot.
        encoding: ``utf-8`` (a leading mark is skipped) or ``cp932``; CSV only.
        time: columns that hold the time, joined by a space: one stamp, or date and time of day; with
            ``day_values`` the date alone.
        time_format: ``iso``, ``epoch``, or a ``strptime`` format; the time of day 24:00 is understood.
        value: column of the value; not with ``day_values``.
        day_values: first of 86400/duration_s columns that hold a day's values in order.
        meter: column of the meter's name; without it all rows are of ``meter_name``.
        meter_name: name of the one meter of the file.
        channel: register of the meter.
        kind: ``interval`` (energy or average power) or ``register`` (cumulative ``kWh`` or ``Wh``).
        delimiter: one character; CSV only.
        skip_lines: lines before the header; CSV only.
        missing: texts that stand for a missing value, which is then labelled MISSING.
        clip_negative: take a negative value as 0, labelled EDITED, instead of refusing it (V5).
        tier: evidence tier of the rows; files are unsigned, so T0, unless fetched over authenticated transport.
    """

    unit: Unit
    duration_s: int
    timezone: str
    stamp: Stamp
    encoding: Encoding
    time: tuple[str, ...]
    time_format: str = ISO
    value: str = ""
    day_values: str = ""
    meter: str = ""
    meter_name: str = ""
    channel: int = 1
    kind: Kind = "interval"
    delimiter: str = ","
    skip_lines: int = 0
    missing: tuple[str, ...] = ()
    clip_negative: bool = False
    tier: int = 0

    def __post_init__(self) -> None:
        """Refuse a map that leaves something open or contradicts itself.

        Raises:
            ReadingsMalformed: ``MAP_INVALID``.
        """
        for name, allowed in (
            ("unit", get_args(Unit)),
            ("duration_s", SLOT_SECONDS),
            ("stamp", get_args(Stamp)),
            ("encoding", get_args(Encoding)),
            ("kind", get_args(Kind)),
            ("tier", (Tier.T0, Tier.T1)),
        ):
            if getattr(self, name) not in allowed:
                raise _invalid(name, getattr(self, name), f"one of {tuple(str(item) for item in allowed)}")
        if not 0 <= self.channel <= MAX_CHANNEL:
            raise _invalid("channel", self.channel, f"0..{MAX_CHANNEL}")
        if not self.time or not all(self.time):
            raise _invalid("time", self.time, "at least one column")
        if bool(self.value) == bool(self.day_values):
            raise _invalid("value", self.value, "either value or day_values")
        if bool(self.meter) == bool(self.meter_name):
            raise _invalid("meter", self.meter, "either meter or meter_name")
        if self.kind == "register" and (self.unit not in ("kWh", "Wh") or self.day_values):
            raise _invalid("kind", self.kind, "a register is in kWh or Wh, one value a row")
        if len(self.delimiter) != 1 or self.skip_lines < 0:
            raise _invalid("delimiter", self.delimiter, "one character; skip_lines from 0")
        self.zone()

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Return the map of its JSON form: the attributes by name, columns of ``time`` as a list.

        Raises:
            ReadingsMalformed: ``MAP_INVALID``.
        """
        known = {field.name for field in fields(cls)}
        for name, value in content.items():
            if name not in known:
                raise _invalid(name, value, f"one of {sorted(known)}")
            expected = _JSON_TYPES.get(name, str)
            texts = value if isinstance(value, list) else []
            if type(value) is not expected or not all(isinstance(text, str) for text in texts):
                raise _invalid(name, value, "list of texts" if expected is list else expected.__name__)
        needed = {"unit", "duration_s", "timezone", "stamp", "encoding", "time"} - content.keys()
        if needed:
            raise _invalid(min(needed), None, "must be said")
        arguments: dict[str, Any] = {
            name: tuple(value) if type(value) is list else value for name, value in content.items()
        }
        return cls(**arguments)

    def zone(self) -> tzinfo:
        """Return the zone of times without an offset.

        Raises:
            ReadingsMalformed: ``MAP_INVALID``, no such zone.
        """
        name = self.timezone
        if name in _FIXED:
            return _FIXED[name]
        try:
            if name[:1] in ("+", "-"):
                hours, _, minutes = name[1:].partition(":")
                offset = timedelta(hours=int(hours), minutes=int(minutes))
                return timezone(-offset if name[0] == "-" else offset)
            return ZoneInfo(name)
        except (ValueError, OSError, KeyError) as error:
            raise _invalid("timezone", name, "UTC, JST, an offset such as +09:00, or a known zone") from error

    @property
    def slots_per_day(self) -> int:
        """Return how many columns ``day_values`` starts."""
        return DAY_S // self.duration_s

    @property
    def ticks_per_wh(self) -> int:
        """Return how many billionths of the unit make 1 Wh; whole for every allowed slot length."""
        per_unit_hour = _HOUR_S // self.duration_s
        return {
            "kWh": TICKS // 1_000,
            "Wh": TICKS,
            "kW": TICKS // 1_000 * per_unit_hour,
            "W": TICKS * per_unit_hour,
        }[self.unit]


def _invalid(name: str, value: object, rule: str) -> Exception:
    return refused(ReadingCode.MAP_INVALID, name, value, rule=rule)
