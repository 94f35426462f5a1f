"""NEM12 and NEM13: the interval and register files of the Australian market, read whole or refused by line and field.

100 header; 200 a channel with its unit and slot length; 300 a day of exactly as many values as fit in it, and a flag; 400
flags of parts of that day; 900 the end, without which a file is cut off. NEM13 has 250 (two readings of a register) and
550. Values are exact decimals; time is UTC+10 all year; slot 1 of 30 minutes ends at 00:30.

E channels count energy towards the customer, B channels energy from the customer. Files are unsigned: T0.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np

from wattmark.core.periods import DAY_S
from wattmark.metering.decode import SLOT_SECONDS
from wattmark.metering.formats import nem12_rows as rows
from wattmark.metering.formats.record_refusals import RecordCode, record_refused
from wattmark.metering.formats.refusals import ReadingCode, refused
from wattmark.metering.labels import Label
from wattmark.metering.registers import floor_registers

MAX_FILE_BYTES: Final = 1 << 26
"""Longest file; a year of 5 minutes of 80 channels fits [bytes]."""
MARKET_OFFSET_S: Final = 10 * 3_600
"""Market time minus UTC [s]."""
KINDS: Final = ("NEM12", "NEM13")
CONSUMPTION: Final = "E"
GENERATION: Final = "B"
_TAIL: Final = 5
"""Fields of a 300 row after its values: flag, reason, description, updated, loaded."""


@dataclass(frozen=True, slots=True)
class Nem12Day:
    """One day of a channel.

    Attributes:
        day: market day.
        line: its line in the file.
        ticks: value of each slot [1e-9 units].
        flags: quality of each slot, such as ``A`` or ``F14``; ``V`` where no 400 row says which.
        reasons: reason code of each slot; 0 for none.
    """

    day: date
    line: int
    ticks: tuple[int, ...]
    flags: tuple[str, ...]
    reasons: tuple[int, ...]

    @property
    def labels(self) -> tuple[Label, ...]:
        """Return what each slot is worth as evidence."""
        return tuple(rows.label_of(one, why) for one, why in zip(self.flags, self.reasons, strict=True))


@dataclass(frozen=True, slots=True)
class Nem12Channel:
    """One 200 row with its days.

    Attributes:
        nmi: number of the connection.
        suffix: channel, such as ``E1`` or ``B1``.
        serial: meter; may be empty.
        unit: as written.
        duration_s: slot length [s].
        days: in file order.
        empty: days that came without a value.
    """

    nmi: str
    suffix: str
    serial: str
    unit: str
    duration_s: int
    days: tuple[Nem12Day, ...] = ()
    empty: tuple[date, ...] = ()

    @property
    def is_energy(self) -> bool:
        """Return whether it counts active energy: an E or B channel."""
        return self.suffix[0] in (CONSUMPTION, GENERATION)


@dataclass(frozen=True, slots=True)
class Nem13Read:
    """One 250 row: two readings of a register and what was consumed between them.

    Attributes:
        nmi, suffix, serial: as in ``Nem12Channel``.
        direction: ``E`` towards the customer, ``I`` from the customer.
        start_s, end_s: moments of the readings, POSIX seconds.
        from_ticks, to_ticks, quantity_ticks: readings and quantity [1e-9 units].
        unit: as written.
        flags: quality of the first and the second reading.
        label: the worse of both; QUESTIONABLE where the quantity is not the difference.
    """

    nmi: str
    suffix: str
    serial: str
    direction: str
    start_s: int
    end_s: int
    from_ticks: int
    to_ticks: int
    quantity_ticks: int
    unit: str
    flags: tuple[str, str]
    label: Label


@dataclass(frozen=True, slots=True)
class NemFile:
    """What a file says; the rows themselves are the evidence.

    Attributes:
        header: it began with a 100 row; files of some portals do not.
        channels: NEM12, one per 200 row: a channel may come again.
        reads: NEM13.
    """

    header: bool
    channels: tuple[Nem12Channel, ...]
    reads: tuple[Nem13Read, ...]


@dataclass(frozen=True, slots=True)
class NemRegister:
    """A register at the end of a slot: POSIX seconds, [Wh], and what the slot is worth."""

    end_s: int
    register_wh: int
    label: Label


def read_nem(data: bytes) -> NemFile:
    """Return a NEM12 or NEM13 file, or several one after the other, read to the last row.

    Args:
        data: the file, in ASCII.

    Raises:
        ReadingsMalformed: ``RECORD_TOO_LONG``, ``NOT_NEM12`` (rows in a wrong order, no end), ``FIELD_INVALID`` (a row
            with too many or too few values), ``CODE_UNKNOWN``, ``UNIT_UNKNOWN``, ``TIME_UNREADABLE``,
            ``METER_INVALID``, ``VALUE_*``; then no value of the file may be used.
    """
    if len(data) > MAX_FILE_BYTES:
        raise record_refused(RecordCode.RECORD_TOO_LONG, "file", len(data), limit=MAX_FILE_BYTES)
    reader = _Reader()
    for number, line in enumerate(data.split(b"\n"), 1):
        text = line.removesuffix(b"\r").decode("ascii", "replace")
        if text:
            if not text.isprintable() or not text.isascii():
                raise refused(ReadingCode.NOT_IN_ENCODING, f"line {number}", text[:32], encoding="ascii")
            reader.row(text.split(","), number)
    return reader.end()


def channel_registers(channels: Sequence[Nem12Channel], register_open_wh: int = 0) -> tuple[NemRegister, ...]:
    """Return the register line of one energy channel: whole Wh, rounded down as a register.

    A null value adds nothing and is MISSING; estimates add and stay ESTIMATED.

    Args:
        channels: 200 rows of one channel, in time order.
        register_open_wh: register before the first slot [Wh].

    Raises:
        ReadingsMalformed: ``FIELD_INVALID``, not one energy channel; ``TIME_NOT_RISING``, a day twice or out of order (V2).
    """
    known = {(one.nmi, one.suffix, one.serial, one.unit, one.duration_s) for one in channels}
    if len(known) != 1 or not channels[0].is_energy:
        names = sorted(f"{one.nmi}/{one.suffix}" for one in channels)
        raise record_refused(
            RecordCode.FIELD_INVALID, "channel", names, rule="one energy channel of one meter and unit"
        )
    duration_s, per_wh = channels[0].duration_s, rows.ENERGY[channels[0].unit.lower()]
    register_wh, carry, last_end_s = register_open_wh, 0, None
    found: list[NemRegister] = []
    for one in (each for channel in channels for each in channel.days):
        start_s = _utc_s(datetime(one.day.year, one.day.month, one.day.day, tzinfo=UTC))
        if last_end_s is not None and start_s < last_end_s:
            raise refused(ReadingCode.TIME_NOT_RISING, f"line {one.line}", str(one.day), last_end_s=last_end_s)
        last_end_s = start_s + DAY_S
        labels = one.labels
        ticks = [0 if label is Label.MISSING else tick for tick, label in zip(one.ticks, labels, strict=True)]
        line_wh, carry = floor_registers(np.array(ticks, np.int64), per_wh, register_wh, carry)
        register_wh = int(line_wh[-1])
        found.extend(
            NemRegister(start_s + duration_s * slot, int(wh), label)
            for slot, (wh, label) in enumerate(zip(line_wh, labels, strict=True), 1)
        )
    return tuple(found)


def _utc_s(local: datetime) -> int:
    return (local.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) - MARKET_OFFSET_S


@dataclass(slots=True)
class _Reader:
    """Rows in order; the first that does not fit ends the reading."""

    kind: str = ""
    header: bool = False
    ended: bool = False
    channels: list[Nem12Channel] = field(default_factory=list)
    reads: list[Nem13Read] = field(default_factory=list)
    days: list[Nem12Day] = field(default_factory=list)
    empty: list[date] = field(default_factory=list)
    flagged: int = 0
    last: str = ""

    def row(self, fields: list[str], number: int) -> None:
        where = f"line {number}"
        code = fields[0]
        if self.ended:
            self.ended, self.kind, self.last = False, "", ""
        allowed = {
            "100": self.last == "",
            "200": self.kind in ("", "NEM12"),
            "300": self.last in ("200", "300", "400"),
            "400": self.last in ("300", "400"),
            "500": self.last in ("300", "400", "500"),
            "250": self.kind in ("", "NEM13"),
            "550": self.last in ("250", "550"),
            "900": self.last != "",
        }
        if not allowed.get(code, False):
            raise record_refused(
                RecordCode.NOT_NEM12, where, code[:16], rule=f"no such row after {self.last or 'the start'}"
            )
        {
            "100": self._header,
            "200": self._channel,
            "300": self._day,
            "400": self._flags,
            "500": self._event,
            "250": self._read,
            "550": self._event,
            "900": self._end,
        }[code](fields, where, number)
        self.last = code

    def end(self) -> NemFile:
        if not self.ended:
            raise record_refused(RecordCode.NOT_NEM12, "file", self.last, rule="a 900 row at the end")
        return NemFile(self.header, tuple(self.channels), tuple(self.reads))

    def _header(self, fields: list[str], where: str, _: int) -> None:
        rows.check_count(fields, (5,), where)
        if fields[1] not in KINDS:
            raise record_refused(RecordCode.NOT_NEM12, f"{where}, field 2", fields[1], rule=" or ".join(KINDS))
        self.kind, self.header = fields[1], True

    def _end(self, fields: list[str], where: str, _: int) -> None:
        rows.check_count(fields, (1,), where)
        self._close()
        self.ended = True

    def _close(self) -> None:
        """Give the last channel its days."""
        if self.days or self.empty:
            self.channels[-1] = replace(self.channels[-1], days=tuple(self.days), empty=tuple(self.empty))
            self.days, self.empty = [], []

    def _event(self, fields: list[str], where: str, _: int) -> None:
        """500 and 550: how a reading came about; they carry no value."""
        rows.check_count(fields, (5,), where)

    def _channel(self, fields: list[str], where: str, _: int) -> None:
        rows.check_count(fields, (9, 10), where)
        self.kind = "NEM12"
        self._close()
        nmi, suffix, serial, unit, minutes = (fields[at] for at in (1, 4, 6, 7, 8))
        _check_suffix(suffix, f"{where}, field 5")
        if minutes not in {str(one) for one in rows.MINUTES}:
            raise record_refused(RecordCode.FIELD_INVALID, f"{where}, field 9", minutes, rule=f"minutes {rows.MINUTES}")
        found = Nem12Channel(rows.name(nmi, f"{where}, field 2"), suffix, serial, unit, 60 * int(minutes))
        known = rows.ENERGY.keys() if found.is_energy else rows.ENERGY.keys() | rows.OTHER_UNITS
        if unit.lower() not in known:
            raise record_refused(RecordCode.UNIT_UNKNOWN, f"{where}, field 8", unit, known=sorted(known))
        if found.is_energy and found.duration_s not in SLOT_SECONDS:
            raise record_refused(RecordCode.FIELD_INVALID, f"{where}, field 9", minutes, rule=f"seconds {SLOT_SECONDS}")
        self.channels.append(found)

    def _day(self, fields: list[str], where: str, number: int) -> None:
        channel = self.channels[-1]
        slots = DAY_S // channel.duration_s
        day = rows.day(fields[1] if len(fields) > 1 else "", f"{where}, field 2")
        rows.check_count(fields, (2 + _TAIL, 2 + slots + _TAIL), where)
        values, tail = fields[2:-_TAIL], fields[-_TAIL:]
        at = len(fields) - _TAIL + 1
        flag = rows.flag(tail[0], f"{where}, field {at}")
        why = rows.reason(tail[1], f"{where}, field {at + 1}")
        for more in (3, 4):
            rows.stamp(tail[more], f"{where}, field {at + more}")
        self.flagged = 0
        if not values:
            if flag not in ("V", "N"):
                raise refused(ReadingCode.VALUE_MISSING, where, flag, missing="V, N")
            self.empty.append(day)
            self.flagged = slots
            return
        ticks = tuple(rows.value_ticks(text, f"{where}, field {column}") for column, text in enumerate(values, 3))
        found = Nem12Day(day, number, ticks, (flag,) * slots, (why,) * slots)
        if flag != "V":
            self.flagged = slots
        self.days.append(found)

    def _flags(self, fields: list[str], where: str, _: int) -> None:
        """400: flags of the slots first to last, in order and without a gap, of a day that is flagged V."""
        rows.check_count(fields, (5, 6), where)
        slots = DAY_S // self.channels[-1].duration_s
        first, last = (int(text) if text.isdigit() and len(text) < 5 else 0 for text in fields[1:3])
        if not self.flagged + 1 == first <= last <= slots:
            rule = f"slots from {self.flagged + 1} to at most {slots}"
            raise record_refused(RecordCode.FIELD_INVALID, f"{where}, field 2", fields[1:3], rule=rule)
        flag = rows.flag(fields[3], f"{where}, field 4")
        if flag == "V":
            raise record_refused(RecordCode.CODE_UNKNOWN, f"{where}, field 4", flag, known="A N Snn Fnn Enn")
        why = rows.reason(fields[4], f"{where}, field 5")
        day = self.days[-1]
        flags = (*day.flags[: first - 1], *(flag for _ in range(first, last + 1)), *day.flags[last:])
        reasons = (*day.reasons[: first - 1], *(why for _ in range(first, last + 1)), *day.reasons[last:])
        self.days[-1] = replace(day, flags=flags, reasons=reasons)
        self.flagged = last

    def _read(self, fields: list[str], where: str, _: int) -> None:
        rows.check_count(fields, (23,), where)
        self.kind = "NEM13"
        nmi, suffix, serial, direction, unit = (fields[at] for at in (1, 4, 6, 7, 19))
        if unit.lower() not in rows.ENERGY.keys() | rows.OTHER_UNITS:
            raise record_refused(RecordCode.UNIT_UNKNOWN, f"{where}, field 20", unit, known=sorted(rows.ENERGY))
        if direction not in ("E", "I"):
            raise record_refused(RecordCode.CODE_UNKNOWN, f"{where}, field 8", direction, known="E I")
        before, after = (_reading(fields[at : at + 5], where, at + 1) for at in (8, 13))
        quantity = rows.value_ticks(fields[18], f"{where}, field 19")
        for at in (21, 22):
            rows.stamp(fields[at], f"{where}, field {at + 1}")
        if after[1] <= before[1]:
            raise refused(ReadingCode.TIME_NOT_RISING, f"{where}, field 15", fields[14], last_end_s=before[1])
        label = max(before[3], after[3])
        if label is Label.ACTUAL and after[0] - before[0] != quantity:
            label = Label.QUESTIONABLE
        self.reads.append(
            Nem13Read(
                nmi=rows.name(nmi, f"{where}, field 2"),
                suffix=suffix,
                serial=serial,
                direction=direction,
                start_s=before[1],
                end_s=after[1],
                from_ticks=before[0],
                to_ticks=after[0],
                quantity_ticks=quantity,
                unit=unit,
                flags=(before[2], after[2]),
                label=label,
            )
        )


def _reading(fields: Sequence[str], where: str, column: int) -> tuple[int, int, str, Label]:
    ticks = rows.value_ticks(fields[0], f"{where}, field {column}")
    local = rows.stamp(fields[1], f"{where}, field {column + 1}")
    if local is None:
        raise refused(ReadingCode.TIME_UNREADABLE, f"{where}, field {column + 1}", "", form="YYYYMMDDhhmmss")
    flag = rows.flag(fields[2], f"{where}, field {column + 2}")
    return ticks, _utc_s(local), flag, rows.label_of(flag, rows.reason(fields[3], f"{where}, field {column + 3}"))


def _check_suffix(suffix: str, where: str) -> None:
    if len(suffix) != 2 or not suffix.isascii() or not suffix[0].isupper() or not suffix[1].isalnum():
        raise record_refused(RecordCode.FIELD_INVALID, where, suffix, rule="a letter and a letter or digit")
