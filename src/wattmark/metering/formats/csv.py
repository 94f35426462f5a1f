"""CSV of unsigned readings (tier T0), by a declarative column map, in bounded memory.

The whole file is believed or none of it: an unknown unit, an unreadable line or a column too many is a
refusal that names line, column, value and rule, never a skipped line.
"""

import csv
from collections.abc import Iterator
from typing import Final, Protocol

from wattmark.metering.formats.columns import ColumnMap
from wattmark.metering.formats.refusals import ReadingCode, refused
from wattmark.metering.formats.table import ReadingBuilder, ReadingTable
from wattmark.metering.formats.values import ticks_of, time_reader

MAX_LINE_BYTES: Final = 64 * 1_024
"""Longest line: 1,440 one-minute values of a day fit [bytes]."""
TABLE_ROWS: Final = 65_536
"""Rows of a table when the caller does not say."""
_BYTE_ORDER_MARK: Final = "\ufeff"


class LineSource(Protocol):
    """An opened binary file, or anything else that gives lines."""

    def readline(self, limit: int, /) -> bytes:
        """Return the next line with its end, at most ``limit`` bytes of it; empty at the end."""
        ...


def read_csv(
    source: LineSource,
    columns: ColumnMap,
    register_open_wh: dict[str, int] | None = None,
    table_rows: int = TABLE_ROWS,
) -> Iterator[ReadingTable]:
    """Yield the file's readings in tables of about ``table_rows`` rows.

    Args:
        source: the opened file.
        columns: what its columns mean.
        register_open_wh: register of each meter before the file [Wh]; 0 where not said.
        table_rows: rows after which a table is given.

    Raises:
        ReadingsMalformed: the first line that cannot be believed.
    """
    builder = ReadingBuilder(columns, register_open_wh)
    add = None
    width = 0
    for line, row in _rows(source, columns):
        if add is None:
            add, width = _row_adder([name.strip() for name in row], columns, builder), len(row)
            continue
        if len(row) != width:
            if not row:
                continue
            raise refused(ReadingCode.COLUMN_COUNT, f"line {line}", len(row), count=width)
        add(row, line)
        if len(builder) >= table_rows:
            yield from builder.take()
    if add is None:
        raise refused(ReadingCode.COLUMN_MISSING, "line 1", "", column=columns.time[0])
    yield from builder.take()


def _lines(source: LineSource, columns: ColumnMap) -> Iterator[str]:
    """Yield decoded lines after the skipped ones."""
    number = 0
    while line := source.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise refused(ReadingCode.LINE_TOO_LONG, f"line {number}", len(line), limit=MAX_LINE_BYTES)
        try:
            text = line.decode(columns.encoding)
        except UnicodeDecodeError as error:
            shown = line[error.start : error.start + 4].hex()
            raise refused(ReadingCode.NOT_IN_ENCODING, f"line {number}", shown, encoding=columns.encoding) from error
        if number == 1:
            text = text.removeprefix(_BYTE_ORDER_MARK)
        if number > columns.skip_lines:
            yield text


def _rows(source: LineSource, columns: ColumnMap) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of each row."""
    reader = csv.reader(_lines(source, columns), delimiter=columns.delimiter, strict=True)
    try:
        for row in reader:
            yield reader.line_num + columns.skip_lines, row
    except csv.Error as error:
        line = reader.line_num + columns.skip_lines
        raise refused(ReadingCode.NOT_CSV, f"line {line}", str(error)) from error


class _RowAdder(Protocol):
    def __call__(self, row: list[str], line: int, /) -> None: ...


def _row_adder(header: list[str], columns: ColumnMap, builder: ReadingBuilder) -> _RowAdder:
    """Return the function that gives one row of the file to the builder."""
    times = [_index(header, name) for name in columns.time]
    meter_at = _index(header, columns.meter) if columns.meter else -1
    first = _index(header, columns.value or columns.day_values)
    count = columns.slots_per_day if columns.day_values else 1
    if len(header) < first + count:
        raise refused(ReadingCode.COLUMN_COUNT, "header", len(header), count=first + count)
    step_s = columns.duration_s if columns.day_values else 0
    offset_s = columns.duration_s if columns.day_values and columns.stamp == "end" else 0
    read_time = time_reader(columns)
    where_time = "+".join(columns.time)

    def add(row: list[str], line: int) -> None:
        start_s = read_time(" ".join(row[at] for at in times), f"line {line}, column {where_time}")
        meter = row[meter_at].strip() if meter_at >= 0 else columns.meter_name
        for i in range(count):
            where = f"line {line}, column {header[first + i]}"
            text = row[first + i].strip()
            if text in columns.missing:
                ticks = None
            elif not text:
                raise refused(ReadingCode.VALUE_MISSING, where, text, missing=list(columns.missing))
            else:
                ticks = ticks_of(text, where, columns.unit)
            builder.add(meter, start_s + offset_s + i * step_s, ticks, where)

    return add


def _index(header: list[str], name: str) -> int:
    try:
        return header.index(name)
    except ValueError:
        raise refused(ReadingCode.COLUMN_MISSING, "header", header, column=name) from None
