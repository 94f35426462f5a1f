"""ECHONET Lite meters: what an answer says, and its counts in whole Wh.

1. a frame is read to its last byte (``echonet_frame``);
2. it must come from a meter; every property must be one of its class, of its size and in its range;
3. counts become Wh only with a ``Calibration``: unit, coefficient and digits as the meter itself has told them, and
   which do not change on the way (V14).

The protocol signs nothing. The tier is that of the way: T1 over route B, T0 over a plain network.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from wattmark.core.periods import DAY_S, JST_OFFSET_S
from wattmark.metering.decode import MAX_REGISTER_WH
from wattmark.metering.formats.echonet_frame import EchonetFrame, Property
from wattmark.metering.formats.echonet_properties import (
    GENERATOR_METER,
    MAX_COUNT,
    SIZES,
    SMART_METER,
    UNITS,
    Count,
    Flow,
    check_size,
    read_counts,
    read_local,
)
from wattmark.metering.formats.record_refusals import RecordCode, record_refused
from wattmark.metering.formats.refusals import ReadingCode, refused
from wattmark.metering.labels import Label

MAX_COEFFICIENT: Final = 999_999
MAX_DIGITS: Final = 8
DOUBT_S: Final = 600
"""So near to midnight in Japan a meter may still, or already, count its days from another one [s]."""
_COEFFICIENT, _DIGITS, _UNIT = 0xD3, 0xD7, 0xE1
_GENERATOR_UNIT, _CLOCK_STATE = 0xD4, 0xDB
_CLOCK_STATES: Final = (0x00, 0x01, 0x02, 0xFF)
_CLOCK_DOUBTED: Final = (0x00, 0x02)
_POWERS: Final = {SMART_METER: (0xE7,), GENERATOR_METER: (0xE9, 0xEA)}
_NO_POWER: Final = (0x7FFF_FFFE, 0x7FFF_FFFF, -0x8000_0000)
_NO_CURRENT: Final = (0x7FFE, 0x7FFF, -0x8000)
_HISTORY_DAY, _CURRENT, _ROUTE_ID, _METER_ID = 0xE5, 0xE8, 0xC0, 0xD6
_FETCH: Final = {0xED: (12, 1_800), 0xEF: (10, 60)}
_ONES: Final = b"\xff" * 6
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What one count of a meter is.

    Attributes:
        unit_tenth_wh: unit of its display [0.1 Wh].
        coefficient: of its current transformers.
        modulus: its counts run from 0 to below this, then begin again.
    """

    unit_tenth_wh: int
    coefficient: int = 1
    modulus: int = 10**MAX_DIGITS

    @property
    def modulus_wh(self) -> int:
        """Return where its register begins again [Wh], for ``registers.unwrap``; whole, for it is a multiple of 10 counts."""
        return self.modulus * self.coefficient * self.unit_tenth_wh // 10


@dataclass(frozen=True, slots=True)
class EchonetAnswer:
    """What one frame of a meter says.

    Attributes:
        frame: as received.
        meter: class of the meter, 0x0288 or 0x028E.
        refused: codes the meter does not answer.
        unit_tenth_wh: unit [0.1 Wh], where told.
        coefficient: where told.
        digits: where told.
        counts: registers, as counts.
        power_w: power of each code [W]; ``None``: none, or out of range.
        current_tenth_a: of the phases R and T [0.1 A].
        identity: the meter's own number (route B, or of the metered device); empty where not told.
        clock_doubted: the meter says its clock is not set.
        others: properties that carry no energy, checked in code and size.
    """

    frame: EchonetFrame
    meter: int
    refused: frozenset[int]
    unit_tenth_wh: int | None
    coefficient: int | None
    digits: int | None
    counts: tuple[Count, ...]
    power_w: tuple[tuple[int, int | None], ...]
    current_tenth_a: tuple[int | None, ...]
    identity: bytes
    clock_doubted: bool
    others: tuple[Property, ...]


@dataclass(frozen=True, slots=True)
class EchonetRegister:
    """A register at a moment.

    Attributes:
        flow: what it counts; of a generator, ``import`` is what it takes from the grid.
        epc: property it came in.
        end_s: the moment, POSIX seconds; ``None`` where the frame does not say it.
        register_wh: its value, rounded down [Wh]; ``None``: not measured.
        label: ACTUAL; MISSING without a value; QUESTIONABLE without a moment, with a clock that is not set, or where the
            day of a history is in doubt (``DOUBT_S``).
    """

    flow: Flow
    epc: int
    end_s: int | None
    register_wh: int | None
    label: Label


def read_answer(frame: EchonetFrame) -> EchonetAnswer:
    """Return what a frame says.

    Raises:
        ReadingsMalformed: ``CODE_UNKNOWN`` (not of a meter, an unknown property), ``FIELD_INVALID``, ``UNIT_UNKNOWN``,
            ``VALUE_OUT_OF_RANGE``, ``TIME_UNREADABLE``, ``TIME_OFF_GRID``; then no value of it may be used.
    """
    meter = int.from_bytes(frame.source[:2], "big")
    if meter not in SIZES:
        known = [f"{one:04X}" for one in SIZES]
        raise record_refused(RecordCode.CODE_UNKNOWN, "byte 4", frame.source.hex(), known=known)
    told = {one.epc: one for one in frame.properties if one.data}
    for one in told.values():
        check_size(meter, one)
    counts = tuple(count for one in told.values() for count in read_counts(meter, one))
    smart = meter == SMART_METER
    _check_settings(meter, told)
    return EchonetAnswer(
        frame=frame,
        meter=meter,
        refused=frozenset(one.epc for one in frame.properties if not one.data),
        unit_tenth_wh=_unit(told.get(_UNIT if smart else _GENERATOR_UNIT)),
        coefficient=_within(told.get(_COEFFICIENT), 0, MAX_COEFFICIENT) if smart else None,
        digits=_within(told.get(_DIGITS), 1, MAX_DIGITS) if smart else None,
        counts=counts,
        power_w=tuple((epc, _signed(told[epc].data, _NO_POWER)) for epc in _POWERS[meter] if epc in told),
        current_tenth_a=_currents(told.get(_CURRENT)) if smart else (),
        identity=told[epc].data if (epc := _ROUTE_ID if smart else _METER_ID) in told else b"",
        clock_doubted=not smart and _CLOCK_STATE in told and told[_CLOCK_STATE].data[0] in _CLOCK_DOUBTED,
        others=tuple(one for one in told.values() if not read_counts(meter, one)),
    )


def calibration(answers: Iterable[EchonetAnswer]) -> Calibration:
    """Return the calibration that answers of one meter tell; a coefficient it refuses to tell is 1.

    Raises:
        ReadingsMalformed: ``FIELD_MISSING``, the unit was not told, or nobody asked for the coefficient or the digits;
            ``FIELD_INVALID``, it changed, or the answers are of different classes (V14, A24).
    """
    answers = list(answers)
    meter = _one("class", (answer.meter for answer in answers))
    unit = _one("unit", (answer.unit_tenth_wh for answer in answers))
    if unit is None or meter is None:
        raise record_refused(RecordCode.FIELD_MISSING, "unit", None)
    if meter == GENERATOR_METER:
        return Calibration(unit, 1, MAX_COUNT[meter] + 1)
    refused_codes = {epc for answer in answers for epc in answer.refused}
    coefficient = _one("coefficient", (answer.coefficient for answer in answers))
    if coefficient is None:
        if _COEFFICIENT not in refused_codes:
            raise record_refused(RecordCode.FIELD_MISSING, f"EPC {_COEFFICIENT:02X}", None)
        coefficient = 1
    elif _COEFFICIENT in refused_codes:
        raise record_refused(RecordCode.FIELD_INVALID, f"EPC {_COEFFICIENT:02X}", coefficient, rule="told or refused")
    digits = _one("digits", (answer.digits for answer in answers))
    if digits is None:
        raise record_refused(RecordCode.FIELD_MISSING, f"EPC {_DIGITS:02X}", None)
    return Calibration(unit, coefficient, 10**digits)


def registers(answer: EchonetAnswer, known: Calibration, received_s: int | None = None) -> tuple[EchonetRegister, ...]:
    """Return the registers of an answer in whole Wh.

    Args:
        answer: what the meter said.
        known: its calibration.
        received_s: when the answer came, POSIX seconds: a day's history says only how many days back it is.

    Raises:
        ReadingsMalformed: ``VALUE_OUT_OF_RANGE``, beyond the meter's digits or any register; ``FIELD_INVALID``, the
            answer tells another calibration.
    """
    for field, told, expected in (
        ("unit", answer.unit_tenth_wh, known.unit_tenth_wh),
        ("coefficient", answer.coefficient, known.coefficient),
        ("digits", None if answer.digits is None else 10**answer.digits, known.modulus),
    ):
        if told is not None and told != expected:
            raise record_refused(RecordCode.FIELD_INVALID, field, told, rule=f"as before: {expected} (V14)")
    return tuple(_register(answer, count, known, received_s) for count in answer.counts)


def _register(answer: EchonetAnswer, count: Count, known: Calibration, received_s: int | None) -> EchonetRegister:
    end_s = _moment(count, received_s)
    if count.raw is None:
        return EchonetRegister(count.flow, count.epc, end_s, None, Label.MISSING)
    where = f"EPC {count.epc:02X}"
    if count.raw >= known.modulus:
        raise refused(ReadingCode.VALUE_OUT_OF_RANGE, where, count.raw, limit=known.modulus, unit="counts")
    register_wh = count.raw * known.coefficient * known.unit_tenth_wh // 10
    if register_wh > MAX_REGISTER_WH:
        raise refused(ReadingCode.VALUE_OUT_OF_RANGE, where, register_wh, limit=MAX_REGISTER_WH, unit="Wh")
    doubted = end_s is None or answer.clock_doubted or _day_doubted(count, end_s, received_s)
    return EchonetRegister(count.flow, count.epc, end_s, register_wh, Label.QUESTIONABLE if doubted else Label.ACTUAL)


def _moment(count: Count, received_s: int | None) -> int | None:
    if count.local is not None:
        local_s = (count.local.replace(tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
        return local_s - JST_OFFSET_S
    if count.days_back is None or received_s is None:
        return None
    today_s = (received_s + JST_OFFSET_S) // DAY_S * DAY_S - JST_OFFSET_S
    return today_s - count.days_back * DAY_S + count.minute * 60


def _day_doubted(count: Count, end_s: int, received_s: int | None) -> bool:
    """Return whether "so many days back" may mean another day: near midnight, or where a value would be of the future."""
    if count.days_back is None or received_s is None:
        return False
    into_day_s = (received_s + JST_OFFSET_S) % DAY_S
    return not DOUBT_S <= into_day_s < DAY_S - DOUBT_S or end_s > received_s + DOUBT_S


def _one(field: str, told: Iterable[int | None]) -> int | None:
    found = {value for value in told if value is not None}
    if len(found) > 1:
        raise record_refused(RecordCode.FIELD_INVALID, field, sorted(found), rule="the same in all answers (V14)")
    return next(iter(found), None)


def _unit(one: Property | None) -> int | None:
    if one is None:
        return None
    if one.data[0] not in UNITS:
        known = " ".join(f"{code:02X}" for code in UNITS)
        raise record_refused(RecordCode.UNIT_UNKNOWN, one.where, one.data.hex(), known=known)
    return UNITS[one.data[0]]


def _within(one: Property | None, low: int, high: int) -> int | None:
    if one is None:
        return None
    value = int.from_bytes(one.data, "big")
    if not low <= value <= high:
        raise record_refused(RecordCode.FIELD_INVALID, one.where, value, rule=f"{low}..{high}")
    return value


def _signed(data: bytes, none: tuple[int, ...]) -> int | None:
    value = int.from_bytes(data, signed=True)
    return None if value in none else value


def _currents(one: Property | None) -> tuple[int | None, ...]:
    return () if one is None else tuple(_signed(part, _NO_CURRENT) for part in (one.data[:2], one.data[2:]))


def _check_settings(meter: int, told: dict[int, Property]) -> None:
    """Refuse settings outside their range: they would say that the meter is not what it seems."""
    if meter == GENERATOR_METER:
        state = told.get(_CLOCK_STATE)
        if state is not None and state.data[0] not in _CLOCK_STATES:
            raise record_refused(RecordCode.CODE_UNKNOWN, state.where, state.data.hex(), known=list(_CLOCK_STATES))
        return
    day = told.get(_HISTORY_DAY)
    if day is not None and day.data[0] != 0xFF:
        _within(day, 0, 99)
    for epc, (most, step_s) in _FETCH.items():
        one = told.get(epc)
        if one is None:
            continue
        if one.data[:6] != _ONES:
            read_local(one.data[:6], one.where, step_s)
        if not 1 <= one.data[6] <= most:
            raise record_refused(RecordCode.FIELD_INVALID, one.where, one.data[6], rule=f"1..{most}")
