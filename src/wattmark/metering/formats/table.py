"""Imported readings as columns, and the builder that turns rows into them with one running register per meter."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from wattmark.metering.decode import MAX_REGISTER_WH
from wattmark.metering.formats.columns import TICKS, ColumnMap
from wattmark.metering.formats.refusals import ReadingCode, refused
from wattmark.metering.labels import Label
from wattmark.metering.slots import Column, SlotColumns

MAX_METER_CHARS: Final = 64
READING_SCHEMA: Final = pa.schema(
    [
        ("meter", pa.string()),
        ("channel", pa.int64()),
        ("period_start_s", pa.int64()),
        ("duration_s", pa.int64()),
        ("energy_wh", pa.int64()),
        ("register_wh", pa.int64()),
        ("label", pa.int64()),
        ("tier", pa.int64()),
    ]
)
"""Columns of a ``ReadingTable`` in Arrow."""
_FIELDS: Final = ("period_start_s", "duration_s", "energy_wh", "register_wh", "label")


@dataclass(frozen=True, slots=True)
class MeterDevice:
    """What the rules must know about the device of a meter.

    Attributes:
        number: device number.
        capacity_w: rated power [W].
        resolution_s: registered slot length [s].
    """

    number: int
    capacity_w: int
    resolution_s: int


@dataclass(frozen=True, slots=True, eq=False)
class ReadingTable:
    """Imported readings in the order of the file.

    Attributes:
        meter: the meter's name of each row.
        channel: register of the meter, of all rows.
        tier: evidence tier, of all rows.
        period_start_s: starts, POSIX seconds.
        duration_s: lengths [s].
        energy_wh: energy [Wh]: the advance of the register.
        register_wh: register at the end [Wh].
        label: ``Label`` of each row.
    """

    meter: list[str]
    channel: int
    tier: int
    period_start_s: Column
    duration_s: Column
    energy_wh: Column
    register_wh: Column
    label: Column

    def __len__(self) -> int:
        return len(self.meter)

    def arrow(self) -> pa.Table:
        """Return the table with ``READING_SCHEMA``."""
        n = len(self)
        columns = {
            "meter": self.meter,
            "channel": np.full(n, self.channel),
            "tier": np.full(n, self.tier),
            **{name: getattr(self, name) for name in _FIELDS},
        }
        return pa.table(
            [pa.array(columns[name], READING_SCHEMA.field(name).type) for name in READING_SCHEMA.names],
            schema=READING_SCHEMA,
        )

    def slot_columns(self, devices: Mapping[str, MeterDevice], received_ms: int) -> SlotColumns:
        """Return what the VEE rules read.

        Args:
            devices: the device of each meter.
            received_ms: log time of the import [ms].
        """
        found = [devices[name] for name in self.meter]
        n = len(self)
        return SlotColumns(
            channel=np.array([device.number for device in found], dtype=np.int64),
            period_start_s=self.period_start_s,
            duration_s=self.duration_s,
            reg_from_wh=self.register_wh - self.energy_wh,
            reg_to_wh=self.register_wh,
            energy_wh=self.energy_wh,
            label=self.label,
            tier=np.full(n, self.tier, dtype=np.int64),
            capacity_w=np.array([device.capacity_w for device in found], dtype=np.int64),
            resolution_s=np.array([device.resolution_s for device in found], dtype=np.int64),
            received_s=np.full(n, received_ms // 1_000, dtype=np.int64),
        )


def join_tables(tables: Sequence[ReadingTable]) -> ReadingTable:
    """Return the tables of one file as one, so that rules see a meter's slots across their borders.

    Args:
        tables: at least one, all read by one column map.
    """
    first = tables[0]
    assert all((table.channel, table.tier) == (first.channel, first.tier) for table in tables)
    return ReadingTable(
        meter=[name for table in tables for name in table.meter],
        channel=first.channel,
        tier=first.tier,
        **{name: np.concatenate([getattr(table, name) for table in tables]) for name in _FIELDS},
    )


@dataclass(slots=True)
class _Line:
    """The running register of one meter."""

    register_wh: int
    carry: int
    end_s: int


class ReadingBuilder:
    """Takes rows in the order of the file and gives tables; memory is one table and one register per meter.

    The register of a meter starts at its entry in ``register_open_wh``, or 0; energies are the differences of
    floored registers, so no fraction of a Wh is lost or counted twice.
    """

    def __init__(self, columns: ColumnMap, register_open_wh: dict[str, int] | None = None) -> None:
        """Start every meter's register where the platform left it."""
        self._columns = columns
        self._per_wh = columns.ticks_per_wh
        self._open = register_open_wh or {}
        self._lines: dict[str, _Line] = {}
        self._meters: list[str] = []
        self._rows: list[tuple[int, int, int, int, int]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, meter: str, time_s: int, ticks: int | None, where: str) -> None:
        """Take one row.

        Args:
            meter: the meter's name.
            time_s: its stamp, POSIX seconds; start or end as the map says.
            ticks: value in billionths of the unit, or ``None`` where it is missing.
            where: line and column, for the error.

        Raises:
            ReadingsMalformed: the row does not follow.
        """
        columns = self._columns
        duration_s = columns.duration_s
        end_s = time_s + duration_s if columns.stamp == "start" else time_s
        if end_s % duration_s:
            raise refused(ReadingCode.TIME_OFF_GRID, where, time_s, duration_s=duration_s)
        line = self._lines.get(meter)
        if line is None:
            if not 0 < len(meter) <= MAX_METER_CHARS:
                raise refused(ReadingCode.METER_INVALID, where, meter)
            line = self._lines[meter] = _Line(self._open.get(meter, 0), 0, 0)
            opening = True
        else:
            opening = False
        if end_s - duration_s < line.end_s:
            raise refused(ReadingCode.TIME_NOT_RISING, where, time_s, last_end_s=line.end_s)
        if columns.kind == "register":
            self._add_register(meter, line, end_s, ticks, where, opening=opening and meter not in self._open)
        else:
            self._add_interval(meter, line, end_s, ticks, where)

    def _add_interval(self, meter: str, line: _Line, end_s: int, ticks: int | None, where: str) -> None:
        label = Label.ACTUAL
        if ticks is None:
            ticks, label = 0, Label.MISSING
        if ticks < 0:
            if not self._columns.clip_negative:
                raise refused(ReadingCode.VALUE_NEGATIVE, where, ticks / TICKS)
            ticks, label = 0, Label.EDITED
        energy_wh, line.carry = divmod(line.carry + ticks, self._per_wh)
        self._check_register(line.register_wh + energy_wh, where)
        duration_s = self._columns.duration_s
        self._append(meter, line, end_s - duration_s, duration_s, energy_wh, label)

    def _add_register(
        self, meter: str, line: _Line, end_s: int, ticks: int | None, where: str, *, opening: bool
    ) -> None:
        """A missing register is no row: the next one bridges it. The first one only opens the line."""
        if ticks is None:
            return
        if ticks < 0:
            raise refused(ReadingCode.VALUE_NEGATIVE, where, ticks / TICKS)
        register_wh = ticks // self._per_wh
        self._check_register(register_wh, where)
        if opening:
            line.register_wh, line.end_s = register_wh, end_s
            return
        if register_wh < line.register_wh:
            raise refused(ReadingCode.REGISTER_FELL, where, register_wh, last_wh=line.register_wh)
        start_s = end_s - self._columns.duration_s
        label = Label.ACTUAL
        if 0 < line.end_s < start_s:
            start_s, label = line.end_s, Label.REGISTER_ONLY
        self._append(meter, line, start_s, end_s - start_s, register_wh - line.register_wh, label)

    def _check_register(self, register_wh: int, where: str) -> None:
        if register_wh > MAX_REGISTER_WH:
            raise refused(ReadingCode.VALUE_OUT_OF_RANGE, where, register_wh, limit=MAX_REGISTER_WH, unit="Wh")

    def _append(self, meter: str, line: _Line, start_s: int, duration_s: int, energy_wh: int, label: Label) -> None:
        line.register_wh += energy_wh
        line.end_s = start_s + duration_s
        self._meters.append(meter)
        self._rows.append((start_s, duration_s, energy_wh, line.register_wh, int(label)))

    def take(self) -> Iterator[ReadingTable]:
        """Yield the rows taken since the last call as one table, if there are any."""
        if not self._rows:
            return
        rows = np.array(self._rows, dtype=np.int64).T
        columns = {name: np.ascontiguousarray(row) for name, row in zip(_FIELDS, rows, strict=True)}
        meters, self._meters, self._rows = self._meters, [], []
        yield ReadingTable(meter=meters, channel=self._columns.channel, tier=self._columns.tier, **columns)
