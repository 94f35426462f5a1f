"""The properties of two meter classes, by code: how long each is, and what its bytes say.

0x0288 is the low-voltage smart meter, with the histories of Release R; 0x028E the meter of a distributed generator,
which gives the same codes another meaning. Sizes after the reference, 1.2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from wattmark.metering.formats.echonet_frame import Property
from wattmark.metering.formats.record_refusals import RecordCode, record_refused
from wattmark.metering.formats.refusals import ReadingCode, refused

SMART_METER: Final = 0x0288
GENERATOR_METER: Final = 0x028E
NOT_MEASURED: Final = 0xFFFF_FFFE
MAX_COUNT: Final = {SMART_METER: 99_999_999, GENERATOR_METER: 999_999_999}
HALF_HOUR_S: Final = 1_800
MINUTE_S: Final = 60
SLOTS: Final = 48
MAX_DAYS_BACK: Final = 99
UNITS: Final[dict[int, int]] = {
    **{code: 10 ** (4 - code) for code in range(5)},
    **{0x0A + more: 10 ** (5 + more) for more in range(4)},
}
"""Code of the unit -> tenths of a Wh in one count: 00 is 1 kWh, 04 is 0.1 Wh, 0A is 10 kWh."""
_UNSET_DAY: Final = 0xFFFF
_FORM: Final = "year (2 bytes), month, day, hour, minute (, second)"
_HISTORY_BYTES: Final = 2 + 4 * SLOTS
_TIMED_BYTES: Final = 11

_COMMON: Final = {
    **dict.fromkeys((0x80, 0x87, 0x88, 0x8F, 0x93), (1,)),
    **dict.fromkeys((0x84, 0x89, 0x97, 0x99), (2,)),
    **dict.fromkeys((0x8A, 0x8B), (3,)),
    **dict.fromkeys((0x82, 0x85, 0x8E, 0x98), (4,)),
    **dict.fromkeys((0x8C, 0x8D), (12,)),
    **dict.fromkeys((0x9B, 0x9C, 0x9D, 0x9E, 0x9F), tuple(range(1, 18))),
    0x81: (1, 17),
    0x83: (9, 17),
    0x86: tuple(range(1, 226)),
    0x9A: (5,),
}
_SMART: Final = {
    **dict.fromkeys((0xD7, 0xE1, 0xE5), (1,)),
    **dict.fromkeys((0xD3, 0xE0, 0xE3, 0xE7, 0xE8), (4,)),
    **dict.fromkeys((0xED, 0xEF), (7,)),
    **dict.fromkeys((0xEA, 0xEB), (_TIMED_BYTES,)),
    **dict.fromkeys((0xE2, 0xE4), (_HISTORY_BYTES,)),
    0xC0: (16,),
    0xD0: (15,),
    0xEC: tuple(7 + 8 * n for n in range(1, 13)),
    0xEE: tuple(7 + 8 * n for n in range(1, 11)),
}
_GENERATOR: Final = {
    **dict.fromkeys((0xD2, 0xD4, 0xDB), (1,)),
    **dict.fromkeys((0xD3, 0xD5), (2,)),
    **dict.fromkeys((0xE0, 0xE2, 0xE4, 0xE9, 0xEA), (4,)),
    **dict.fromkeys((0xE1, 0xE3, 0xE5), (_HISTORY_BYTES,)),
    **dict.fromkeys((0xE6, 0xE7, 0xE8), (_TIMED_BYTES,)),
    0xD0: (3,),
    0xD1: (7,),
    0xD6: (17,),
}
SIZES: Final[Mapping[int, Mapping[int, tuple[int, ...]]]] = {
    SMART_METER: _COMMON | _SMART,
    GENERATOR_METER: _COMMON | _GENERATOR,
}
"""Class -> code -> sizes its data may have [bytes]."""


class Flow(StrEnum):
    """What a register counts."""

    IMPORT = "import"
    EXPORT = "export"
    OUTAGE = "outage"


NOW: Final = {
    SMART_METER: {0xE0: Flow.IMPORT, 0xE3: Flow.EXPORT},
    GENERATOR_METER: {0xE0: Flow.IMPORT, 0xE2: Flow.EXPORT, 0xE4: Flow.OUTAGE},
}
TIMED: Final = {
    SMART_METER: {0xEA: Flow.IMPORT, 0xEB: Flow.EXPORT},
    GENERATOR_METER: {0xE6: Flow.IMPORT, 0xE7: Flow.EXPORT, 0xE8: Flow.OUTAGE},
}
DAYS: Final = {
    SMART_METER: {0xE2: Flow.IMPORT, 0xE4: Flow.EXPORT},
    GENERATOR_METER: {0xE1: Flow.IMPORT, 0xE3: Flow.EXPORT, 0xE5: Flow.OUTAGE},
}
PAIRS: Final = {0xEC: HALF_HOUR_S, 0xEE: MINUTE_S, 0xD0: MINUTE_S}
"""Histories of both directions in the smart meter, and their step [s]; newest first."""


@dataclass(frozen=True, slots=True)
class Count:
    """One count of a register, as sent.

    Attributes:
        epc: property it came in.
        flow: what it counts.
        local: Japanese time at which the register stood so; ``None`` where the meter gives none.
        days_back, minute: with ``local`` unknown, days before today and minute of that day, in a history of a day.
        raw: the count; ``None``: not measured.
    """

    epc: int
    flow: Flow
    local: datetime | None
    raw: int | None
    days_back: int | None = None
    minute: int = 0


def check_size(meter: int, one: Property) -> None:
    """Refuse an unknown property or one of a wrong size.

    Raises:
        ReadingsMalformed: ``CODE_UNKNOWN``, ``FIELD_INVALID``.
    """
    sizes = SIZES[meter].get(one.epc)
    if sizes is None:
        known = " ".join(f"{epc:02X}" for epc in sorted(SIZES[meter]))
        raise record_refused(RecordCode.CODE_UNKNOWN, one.where, f"{one.epc:02X}", known=known)
    if len(one.data) not in sizes:
        rule = f"{min(sizes)}..{max(sizes)} bytes" if len(sizes) > 1 else f"{sizes[0]} bytes"
        raise record_refused(RecordCode.FIELD_INVALID, one.where, len(one.data), rule=rule)


def read_counts(meter: int, one: Property) -> tuple[Count, ...]:
    """Return the counts of a property, none where it carries no register.

    Raises:
        ReadingsMalformed: ``VALUE_OUT_OF_RANGE``, ``TIME_UNREADABLE``, ``TIME_OFF_GRID``, ``FIELD_INVALID``.
    """
    if flow := NOW[meter].get(one.epc):
        return (Count(one.epc, flow, None, _count(meter, one, 0)),)
    if flow := TIMED[meter].get(one.epc):
        local = read_local(one.data[:7], one.where, HALF_HOUR_S)
        return (Count(one.epc, flow, local, _count(meter, one, 7)),)
    if flow := DAYS[meter].get(one.epc):
        return _day(meter, one, flow)
    if meter == SMART_METER and one.epc in PAIRS:
        return _pairs(one)
    return ()


def _day(meter: int, one: Property, flow: Flow) -> tuple[Count, ...]:
    day = int.from_bytes(one.data[:2], "big")
    most = MAX_DAYS_BACK if meter == SMART_METER else _UNSET_DAY
    if day > most:
        raise record_refused(RecordCode.FIELD_INVALID, one.where, day, rule=f"a day 0..{most} back")
    back = None if day == _UNSET_DAY else day
    return tuple(
        Count(one.epc, flow, None, _count(meter, one, 2 + 4 * slot), back, slot * HALF_HOUR_S // 60)
        for slot in range(SLOTS)
    )


def _pairs(one: Property) -> tuple[Count, ...]:
    step_s = PAIRS[one.epc]
    head = 7
    local = read_local(one.data[: head if one.epc == 0xD0 else head - 1], one.where, step_s)
    number = 1 if one.epc == 0xD0 else one.data[head - 1]
    if len(one.data) != head + 8 * number:
        raise record_refused(RecordCode.FIELD_INVALID, one.where, number, rule="as many pairs as it says")
    return tuple(
        Count(one.epc, flow, local - timedelta(seconds=step_s * at), _count(SMART_METER, one, head + 8 * at + more))
        for at in range(number)
        for flow, more in ((Flow.IMPORT, 0), (Flow.EXPORT, 4))
    )


def _count(meter: int, one: Property, at: int) -> int | None:
    raw = int.from_bytes(one.data[at : at + 4], "big")
    if raw == NOT_MEASURED:
        return None
    if raw > MAX_COUNT[meter]:
        raise refused(
            ReadingCode.VALUE_OUT_OF_RANGE, one.where, f"{raw:08X}", limit=MAX_COUNT[meter] + 1, unit="counts"
        )
    return raw


def read_local(data: bytes, where: str, step_s: int) -> datetime:
    """Return the Japanese time of 6 or 7 bytes, on the grid of the register.

    Raises:
        ReadingsMalformed: ``TIME_UNREADABLE``, ``TIME_OFF_GRID``.
    """
    try:
        local = datetime(int.from_bytes(data[:2], "big"), *data[2:])  # noqa: DTZ001 - Japanese time, without an offset
    except ValueError as error:
        raise refused(ReadingCode.TIME_UNREADABLE, where, data.hex(), form=_FORM) from error
    if (local.minute * 60 + local.second) % step_s:
        raise refused(ReadingCode.TIME_OFF_GRID, where, str(local), duration_s=step_s)
    return local
