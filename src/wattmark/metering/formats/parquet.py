"""Parquet of unsigned readings (tier T0), by the same column map as CSV, in bounded memory.

Times may be timestamps (with or without zone), integers (POSIX seconds, ``time_format`` epoch) or texts;
values integers, decimals, texts, or floats, which stand for their shortest decimal form, rounded to a billionth of the unit.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from wattmark.metering.formats.columns import ColumnMap
from wattmark.metering.formats.csv import TABLE_ROWS
from wattmark.metering.formats.refusals import ReadingCode, refused
from wattmark.metering.formats.table import ReadingBuilder, ReadingTable
from wattmark.metering.formats.values import ticks_of, time_reader, utc_seconds

_NANO: Final = Decimal("1e-9")
_MAX_DIGITS: Final = 15
"""Digits of a double; a larger value is out of range anyway."""
_SHORT: Final = re.compile(r"-?\d+(\.\d{1,9})?")


def read_parquet(
    source: BinaryIO | pa.NativeFile,
    columns: ColumnMap,
    register_open_wh: dict[str, int] | None = None,
    table_rows: int = TABLE_ROWS,
) -> Iterator[ReadingTable]:
    """Yield the file's readings in tables of at most ``table_rows`` rows.

    Args:
        source: the opened file.
        columns: what its columns mean; one column of time, one of values.
        register_open_wh: register of each meter before the file [Wh]; 0 where not said.
        table_rows: rows after which a table is given.

    Raises:
        ReadingsMalformed: the first row that cannot be believed.
    """
    if len(columns.time) != 1 or columns.day_values:
        raise refused(
            ReadingCode.MAP_INVALID, "time", columns.time, rule="one time column and one value column in Parquet"
        )
    names = [columns.time[0], columns.value, *([columns.meter] if columns.meter else [])]
    builder = ReadingBuilder(columns, register_open_wh)
    row = 0
    try:
        file = pq.ParquetFile(source)
        for name in names:
            if name not in file.schema_arrow.names:
                raise refused(ReadingCode.COLUMN_MISSING, "schema", file.schema_arrow.names, column=name)
        for batch in file.iter_batches(batch_size=table_rows, columns=names):
            _add_batch(batch, columns, builder, row)
            row += batch.num_rows
            yield from builder.take()
    except (pa.ArrowException, OSError) as error:
        raise refused(ReadingCode.NOT_PARQUET, f"row {row}", str(error)) from error


def _add_batch(batch: pa.RecordBatch, columns: ColumnMap, builder: ReadingBuilder, first_row: int) -> None:
    times = _times(batch.column(columns.time[0]), columns, first_row)
    values = batch.column(columns.value)
    texts = _texts(values)
    if columns.meter:
        meters = batch.column(columns.meter).cast(pa.string()).to_pylist()
    else:
        meters = [columns.meter_name] * batch.num_rows
    for i, (time_s, text, meter) in enumerate(zip(times, texts, meters, strict=True)):
        where = f"row {first_row + i}, column {columns.value}"
        if text in columns.missing:
            ticks = None
        elif not text:
            raise refused(ReadingCode.VALUE_MISSING, where, text, missing=list(columns.missing))
        else:
            ticks = ticks_of(text, where, columns.unit)
        builder.add(meter or "", time_s, ticks, where)


def _times(column: Any, columns: ColumnMap, first_row: int) -> list[int]:  # noqa: ANN401 - Arrow has no types
    """Return the stamps as POSIX seconds."""
    name = columns.time[0]
    if pa.types.is_timestamp(column.type):
        zone = columns.zone()
        aware = column.type.tz is not None
        column = column.cast(pa.timestamp("us", column.type.tz))
        return [
            _instant(value, f"row {first_row + i}, column {name}", zone, aware=aware)
            for i, value in enumerate(column.to_pylist())
        ]
    read = time_reader(columns)
    return [
        read("" if value is None else str(value), f"row {first_row + i}, column {name}")
        for i, value in enumerate(column.to_pylist())
    ]


def _instant(value: Any, where: str, zone: Any, *, aware: bool) -> int:  # noqa: ANN401 - Arrow has no types
    if value is None:
        raise refused(ReadingCode.TIME_UNREADABLE, where, value, form="timestamp")
    return int(value.timestamp()) if aware else utc_seconds(value, zone, where)


def _texts(column: Any) -> list[str]:  # noqa: ANN401 - Arrow has no types
    """Return the values as decimal texts; null is empty, NaN is ``nan``."""
    texts = ["" if text is None else text for text in column.cast(pa.string()).to_pylist()]
    if pa.types.is_floating(column.type):
        return [_plain(text) for text in texts]
    return texts


def _plain(text: str) -> str:
    """Return a float's shortest decimal, to the billionth and without exponent."""
    if not text or _SHORT.fullmatch(text):
        return text
    value = Decimal(text)
    if not value.is_finite():
        return text
    if value.adjusted() > _MAX_DIGITS:
        return format(value, "f")
    return format(value.quantize(_NANO), "f")
