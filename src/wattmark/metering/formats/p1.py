"""DSMR P1: what a telegram says about electricity, in whole Wh.

1. the check sequence fits, and every line is an object with a known unit (``p1_frame``);
2. the moment is local time with its S (summer) or W (winter), which also tells the repeated hour apart;
3. a register is the total (1.8.0, 2.8.0), or the exact sum of its tariffs, rounded down once.

A check sequence is no security: anybody can write a telegram with a right one. T0.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wattmark.core.codes import Tier
from wattmark.metering.decode import MAX_REGISTER_WH
from wattmark.metering.formats.p1_frame import Code, P1Frame, P1Object, read_frame
from wattmark.metering.formats.record_refusals import RecordCode, record_refused
from wattmark.metering.formats.refusals import ReadingCode, refused
from wattmark.metering.labels import Label

CENTRAL_EUROPE_S: Final = 3_600
"""Winter time minus UTC where P1 comes from [s]."""
IMPORT: Final = 1
EXPORT: Final = 2
"""OBIS C of active energy taken and delivered."""
MAX_TARIFFS: Final = 4
_SUMMER_S: Final = 3_600
_CLOCK: Final[Code] = (0, 0, 1, 0, 0)
_VERSIONS: Final[tuple[Code, ...]] = ((1, 3, 0, 2, 8), (0, 0, 96, 1, 4))
_METERS: Final[tuple[Code, ...]] = ((0, 0, 96, 1, 1), (0, 0, 96, 1, 0), (0, 0, 96, 1, 255))
_MAX_METER_CHARS: Final = 64
_TIME: Final = re.compile(r"(\d{12})([SW])", re.ASCII)
_FORM: Final = "YYMMDDhhmmss and S or W"
_ENERGY: Final = re.compile(r"(\d{1,12})(?:\.(\d{1,9}))?\*(kWh|Wh)", re.ASCII)
_PER_WH: Final = 10**9
_SCALE: Final = {"Wh": 9, "kWh": 12}


@dataclass(frozen=True, slots=True)
class P1Reading:
    """What one telegram says.

    Attributes:
        frame: the telegram, with all its objects.
        meter: its number as written, in hex or plain; empty where it has none.
        end_s: its moment, POSIX seconds; ``None`` where it has no clock.
        import_wh: register of energy taken from the grid [Wh]; ``None`` where it counts none.
        export_wh: register of energy delivered [Wh].
        tariff_wh: registers of the tariffs, by OBIS C and E [Wh].
        tier: T0.
        label: ACTUAL with a check sequence and a clock, else QUESTIONABLE.
    """

    frame: P1Frame
    meter: str
    end_s: int | None
    import_wh: int | None
    export_wh: int | None
    tariff_wh: tuple[tuple[int, int, int], ...]
    tier: Tier
    label: Label

    @property
    def serial(self) -> str:
        """Return the meter's number in letters, where its hex stands for some."""
        try:
            text = bytes.fromhex(self.meter).decode("ascii")
        except ValueError:
            return self.meter
        return text if text.isprintable() and text else self.meter


def read_p1(telegram: bytes, winter_offset_s: int = CENTRAL_EUROPE_S) -> P1Reading:
    """Return what one telegram says.

    Args:
        telegram: from ``/`` through the line of ``!``.
        winter_offset_s: winter time minus UTC where the meter stands [s].

    Raises:
        ReadingsMalformed: as ``read_frame``; ``CHECKSUM_WRONG``, a telegram with a clock or a version but without a check;
            ``TIME_UNREADABLE``, ``METER_INVALID``, ``UNIT_UNKNOWN``, ``CODE_UNKNOWN`` (a fifth tariff), ``FIELD_MISSING`` (a
            tariff), ``FIELD_INVALID`` (the total is not the sum of its tariffs), ``VALUE_OUT_OF_RANGE``.
    """
    frame = read_frame(telegram)
    objects = frame.objects
    if not frame.checked and any(code in objects for code in (_CLOCK, *_VERSIONS)):
        raise record_refused(
            RecordCode.CHECKSUM_WRONG, "telegram", "", expected="of a telegram with a clock or a version"
        )
    clock = objects.get(_CLOCK)
    end_s = None if clock is None else _moment(clock, winter_offset_s)
    registers = {c: _registers(frame, c) for c in (IMPORT, EXPORT)}
    trusted = frame.checked and end_s is not None
    return P1Reading(
        frame=frame,
        meter=_meter(frame),
        end_s=end_s,
        import_wh=_total(registers[IMPORT]),
        export_wh=_total(registers[EXPORT]),
        tariff_wh=tuple(
            (c, one.code[4], ticks // _PER_WH)
            for c, found in registers.items()
            for one, ticks, _ in found
            if one.code[4]
        ),
        tier=Tier.T0,
        label=Label.ACTUAL if trusted else Label.QUESTIONABLE,
    )


_Register = tuple[P1Object, int, int]
"""The object, its energy and its last digit [1e-9 Wh]."""


def _registers(frame: P1Frame, c: int) -> tuple[_Register, ...]:
    """Return total and tariffs of one direction, by OBIS E."""
    found = []
    for code, one in sorted(frame.objects.items()):
        if code[:4] == (1, 0, c, 8):
            if code[4] > MAX_TARIFFS:
                raise record_refused(RecordCode.CODE_UNKNOWN, one.where, code[4], known=f"0..{MAX_TARIFFS}")
            found.append((one, *_energy(one)))
    return tuple(found)


def _energy(one: P1Object) -> tuple[int, int]:
    if len(one.values) != 1:
        raise record_refused(RecordCode.FIELD_INVALID, one.where, len(one.values), rule="one value")
    match = _ENERGY.fullmatch(one.values[0])
    if match is None:
        raise record_refused(RecordCode.UNIT_UNKNOWN, one.where, one.values[0], known="digits, then *kWh or *Wh")
    whole, fraction, unit = match[1], match[2] or "", match[3]
    digit = 10 ** (_SCALE[unit] - len(fraction))
    return int(whole + fraction) * digit, digit


def _total(registers: Sequence[_Register]) -> int | None:
    """Return the total, which its tariffs must explain up to their last digits; without one, their exact sum."""
    if not registers:
        return None
    tariffs = [one for one in registers if one[0].code[4]]
    ticks = sum(tick for _, tick, _ in tariffs)
    numbers = [one.code[4] for one, _, _ in tariffs]
    where = registers[0][0].where
    if len(tariffs) == len(registers) and (numbers != list(range(1, len(numbers) + 1)) or len(numbers) == 1):
        raise record_refused(RecordCode.FIELD_MISSING, where, numbers)
    if len(tariffs) < len(registers):
        total = registers[0][1]
        lost = sum(digit for _, _, digit in tariffs)
        if tariffs and not 0 <= total - ticks < max(lost, 1):
            raise record_refused(RecordCode.FIELD_INVALID, where, total - ticks, rule="the total of its tariffs")
        ticks = total
    if ticks // _PER_WH > MAX_REGISTER_WH:
        raise refused(ReadingCode.VALUE_OUT_OF_RANGE, where, ticks // _PER_WH, limit=MAX_REGISTER_WH, unit="Wh")
    return ticks // _PER_WH


def _moment(clock: P1Object, winter_offset_s: int) -> int:
    match = _TIME.fullmatch(clock.values[0]) if len(clock.values) == 1 else None
    refusal = refused(ReadingCode.TIME_UNREADABLE, clock.where, str(clock.values), form=_FORM)
    if match is None:
        raise refusal
    try:
        local = datetime.strptime(f"20{match[1]}+0000", "%Y%m%d%H%M%S%z")
    except ValueError as error:
        raise refusal from error
    return int(local.timestamp()) - winter_offset_s - (_SUMMER_S if match[2] == "S" else 0)


def _meter(frame: P1Frame) -> str:
    for code in _METERS:
        one = frame.objects.get(code)
        if one is not None:
            if len(one.values) != 1 or not 0 < len(one.values[0]) <= _MAX_METER_CHARS:
                raise refused(ReadingCode.METER_INVALID, one.where, str(one.values))
            return one.values[0]
    return ""
