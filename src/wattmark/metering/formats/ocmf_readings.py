"""The readings of an OCMF payload (``RD``): time, clock, quantity, whole Wh, and what they are worth as evidence.

A field that is left out inherits from the reading before it, the value ``RV`` excepted: a value is measured or absent.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from wattmark.metering.decode import MAX_REGISTER_WH
from wattmark.metering.formats.ocmf_json import Number
from wattmark.metering.formats.record_refusals import RecordCode, record_refused
from wattmark.metering.formats.refusals import ReadingCode, refused
from wattmark.metering.labels import Label

TIME_FORM: Final = "2026-04-01T00:30:00,000+0900 S"
MAX_READINGS: Final = 256
READING_FIELDS: Final = frozenset({"TM", "TX", "RV", "RI", "RU", "RT", "CL", "EI", "EF", "ST"})
"""Names in a reading; those that start with U..Z are the maker's own besides."""
VENDOR: Final = frozenset("UVWXYZ")
EVENTS: Final = frozenset("BCXELRAPST")
"""``TX``: what happened in the transaction when this was read."""
STATES: Final = frozenset("GNTDRMXIOSEF")
"""``ST``: state of the meter at the reading."""
CURRENT_TYPES: Final = ("AC", "DC")
UNUSABLE: Final = frozenset("Et")
"""``EF``: quantities that may not be used, energy and time."""
ENERGY_UNITS: Final = {"kWh": 1_000, "Wh": 1}
"""``RU`` -> Wh."""
OTHER_UNITS: Final = frozenset({"sec"})
"""Units of what is no energy; its value is not read."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d),(\d{3})([+-]\d\d)([0-5]\d) ([UISR])",
    re.ASCII,
)
_DECIMAL: Final = re.compile(r" *(\d{1,20})(?:\.(\d{1,20}))? *", re.ASCII)
_OBIS: Final = re.compile(
    r"\d{1,3}-(?:\d{1,3}|b):([BC]\d|\d{1,3})\.(\d{1,3})\.(\d{1,3}|e|FF)(?:[.*](\d{1,3}|FF))?", re.ASCII
)
_TIME_INTEGRAL: Final = 8
"""OBIS D of a register that counts from the first day."""
_CURRENT: Final = (None, "255", "FF")
"""OBIS F of the register now; any other is one of the past."""


class Clock(StrEnum):
    """Last letter of ``TM``: what the meter's clock hangs on."""

    UNKNOWN = "U"
    INFORMATIVE = "I"
    SYNCHRONISED = "S"
    RELATIVE = "R"


class Quantity(StrEnum):
    """What ``RI`` says the value counts. Only totals are registers that tile a meter's life."""

    IMPORT_TOTAL = "import total"
    EXPORT_TOTAL = "export total"
    IMPORT_TRANSACTION = "import of one transaction"
    EXPORT_TRANSACTION = "export of one transaction"
    OTHER = "other"


TOTALS: Final = frozenset({Quantity.IMPORT_TOTAL, Quantity.EXPORT_TOTAL})
_QUANTITIES: Final = {
    "1": Quantity.IMPORT_TOTAL,
    "2": Quantity.EXPORT_TOTAL,
    "B0": Quantity.IMPORT_TOTAL,
    "B1": Quantity.IMPORT_TOTAL,
    "B2": Quantity.IMPORT_TRANSACTION,
    "B3": Quantity.IMPORT_TRANSACTION,
    "C0": Quantity.EXPORT_TOTAL,
    "C1": Quantity.EXPORT_TOTAL,
    "C2": Quantity.EXPORT_TRANSACTION,
    "C3": Quantity.EXPORT_TRANSACTION,
}
"""OBIS C without leading zeros -> quantity."""
_STATE_LABEL: Final = {"N": Label.MISSING, "S": Label.ESTIMATED}


@dataclass(frozen=True, slots=True)
class OcmfReading:
    """One reading.

    Attributes:
        time_ms: when it was read, by the meter's clock [ms since 1970 UTC].
        clock: what that clock hangs on.
        event: ``TX``; ``None`` in fiscal records.
        obis: ``RI`` as received; empty where none was said.
        quantity: what it counts.
        register_wh: the value in whole Wh, rounded down; ``None`` where it is no energy.
        unit: ``RU``.
        state: ``ST``.
        unusable: ``EF``.
        label: what the value is worth as evidence.
    """

    time_ms: int
    clock: Clock
    event: str | None
    obis: str
    quantity: Quantity
    register_wh: int | None
    unit: str
    state: str
    unusable: str
    label: Label

    @property
    def mints(self) -> bool:
        """Return whether a token may rest on it: ACTUAL, and a register that counts for the meter's life."""
        return self.label is Label.ACTUAL and self.quantity in TOTALS and self.register_wh is not None


def read_readings(items: object) -> tuple[OcmfReading, ...]:
    """Return the readings of ``RD``.

    Args:
        items: its JSON value.

    Raises:
        ReadingsMalformed: the first reading that cannot be believed; the field names it, from 1.
    """
    if type(items) is not list or not 0 < len(items) <= MAX_READINGS:
        raise record_refused(RecordCode.FIELD_INVALID, "RD", items, rule=f"1..{MAX_READINGS} readings")
    found: list[OcmfReading] = []
    before: dict[str, Any] = {}
    for number, item in enumerate(items, 1):
        where = f"reading {number}"
        if type(item) is not dict:
            raise record_refused(RecordCode.FIELD_INVALID, where, item, rule="an object")
        for name in item:
            if name not in READING_FIELDS and name[:1] not in VENDOR:
                raise record_refused(
                    RecordCode.FIELD_UNKNOWN, f"{where}, {name}", item[name], known=sorted(READING_FIELDS)
                )
        before = {name: value for name, value in before.items() if name != "RV"} | item
        found.append(_reading(before, where))
    return tuple(found)


def quantity_of(obis: str, where: str = "RI") -> Quantity:
    """Return what an OBIS code counts; tariff registers and those of past periods are ``OTHER``.

    Raises:
        ReadingsMalformed: ``OBIS_INVALID``.
    """
    match = _OBIS.fullmatch(obis)
    if match is None:
        raise record_refused(RecordCode.OBIS_INVALID, where, obis)
    c, d, e, f = match.groups()
    if int(d) != _TIME_INTEGRAL or not e.isdigit() or int(e) or f not in _CURRENT:
        return Quantity.OTHER
    return _QUANTITIES.get(c.lstrip("0") or "0", Quantity.OTHER)


def register_of(text: str, unit: str, where: str) -> int:
    """Return a decimal text as whole Wh, rounded down, exactly.

    Args:
        text: such as ``  9.038``.
        unit: ``kWh`` or ``Wh``.
        where: the place, for the error.

    Raises:
        ReadingsMalformed: ``VALUE_UNREADABLE`` (also negative values and exponents) or ``VALUE_OUT_OF_RANGE``.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise refused(ReadingCode.VALUE_UNREADABLE, where, text)
    whole, fraction = match[1], match[2] or ""
    register_wh: int = int(whole + fraction) * ENERGY_UNITS[unit] // 10 ** len(fraction)
    if register_wh > MAX_REGISTER_WH:
        raise refused(ReadingCode.VALUE_OUT_OF_RANGE, where, text, limit=MAX_REGISTER_WH + 1, unit="Wh")
    return register_wh


def time_of(text: str, where: str) -> tuple[int, Clock]:
    """Return milliseconds since 1970 UTC and the clock's state.

    Raises:
        ReadingsMalformed: ``TIME_UNREADABLE``.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise refused(ReadingCode.TIME_UNREADABLE, where, text, form=TIME_FORM)
    day, time, ms, hours, minutes, clock = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time}.{ms}{hours}:{minutes}")
    except ValueError as error:
        raise refused(ReadingCode.TIME_UNREADABLE, where, text, form=TIME_FORM) from error
    return (moment - _EPOCH) // _MS, Clock(clock)


def _reading(fields: dict[str, Any], where: str) -> OcmfReading:
    time_ms, clock = time_of(_text(fields, "TM", where), f"{where}, TM")
    state = _code(fields, "ST", where, STATES)
    unusable = _text(fields, "EF", where, "")
    if not set(unusable) <= UNUSABLE or len(unusable) > len(UNUSABLE):
        raise record_refused(RecordCode.CODE_UNKNOWN, f"{where}, EF", unusable, known=sorted(UNUSABLE))
    if "RT" in fields:
        _code(fields, "RT", where, frozenset(CURRENT_TYPES))
    unit = _text(fields, "RU", where)
    if unit not in ENERGY_UNITS and unit not in OTHER_UNITS:
        raise record_refused(RecordCode.UNIT_UNKNOWN, f"{where}, RU", unit, known=[*ENERGY_UNITS, *sorted(OTHER_UNITS)])
    obis = _text(fields, "RI", where, "")
    quantity = quantity_of(obis, f"{where}, RI") if obis else Quantity.OTHER
    value = fields.get("RV")
    if not isinstance(value, str):  # a Number is one too
        code = RecordCode.FIELD_MISSING if value is None else RecordCode.FIELD_INVALID
        raise record_refused(code, f"{where}, RV", value, rule="a decimal number")
    energy = unit in ENERGY_UNITS
    return OcmfReading(
        time_ms=time_ms,
        clock=clock,
        event=_code(fields, "TX", where, EVENTS) if "TX" in fields else None,
        obis=obis,
        quantity=quantity if energy else Quantity.OTHER,
        register_wh=register_of(value, unit, f"{where}, RV") if energy else None,
        unit=unit,
        state=state,
        unusable=unusable,
        label=_label(state, unusable, clock),
    )


def _label(state: str, unusable: str, clock: Clock) -> Label:
    """Metering reference, 1.1: only G, with nothing unusable and a synchronised clock, is ACTUAL."""
    if state == "G" and not unusable and clock is Clock.SYNCHRONISED:
        return Label.ACTUAL
    return _STATE_LABEL.get(state, Label.QUESTIONABLE)


def _text(fields: dict[str, Any], name: str, where: str, default: str | None = None) -> str:
    value = fields.get(name, default)
    if value is None:
        raise record_refused(RecordCode.FIELD_MISSING, f"{where}, {name}", None)
    if type(value) is not str:
        shown = str(value) if isinstance(value, Number) else value
        raise record_refused(RecordCode.FIELD_INVALID, f"{where}, {name}", shown, rule="a text")
    return value


def _code(fields: dict[str, Any], name: str, where: str, known: frozenset[str]) -> str:
    value = _text(fields, name, where)
    if value not in known:
        raise record_refused(RecordCode.CODE_UNKNOWN, f"{where}, {name}", value, known=sorted(known))
    return value
