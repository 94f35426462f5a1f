"""JEPX's file of bid curves (入札カーブ, J31): raw CSV or Parquet -> ``CurveTable`` and back, in bounded memory.

The columns of the Parquet form are date, slot, curve_id (-1 the system curve), price_jpy_x100, sell_cum_mw_x10,
buy_cum_mw_x10. Both forms hold exact integers: sen per kWh and 0.1 MW.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from wattmark.core.errors import MalformedInput
from wattmark.market.curves import END_PRICE_SEN, LAST_PRICE_SEN, Column, CurveTable, curve_key, curve_table
from wattmark.market.formats.jepx import (
    MAX_GROUP,
    MAX_PRICE_SEN,
    SLOTS,
    JepxCode,
    date_of,
    day_of,
    group_of,
    lots_of_mw,
    mw_of_lots,
    price_of,
    refused,
    slot_of,
    yen_of_sen,
)
from wattmark.market.formats.jepx_lines import PublishedLines, buffer, is_parquet
from wattmark.market.published import SYSTEM

HEADER: Final = (
    "電力受渡日",
    "商品コード",
    "入札価格(円/kWh)",
    "売入札量累積(MW)",
    "買入札量累積(MW)",
    "分断エリア連番",
)
PARQUET_COLUMNS: Final = ("date", "slot", "curve_id", "price_jpy_x100", "sell_cum_mw_x10", "buy_cum_mw_x10")
MAX_CURVE_ROWS: Final = 250_000
"""Rows of one curve: every tick from 0.00 to 999.99 twice, and some."""
PARQUET_ROWS: Final = 65_536
MAX_LOTS: Final = 1_000_000_000
VOLUME_DIGITS: Final = 8
_FORMS: Final = (r"^[0-9]{8}$", r"^[0-9]{1,2}$", r"^[0-9]{1,3}\.[0-9]{2}$", *[r"^[0-9]{1,8}\.[0-9]$"] * 2, r"^[0-9]{0,4}$")  # fmt: skip
Rows = tuple[Column, Column, Column, Column, Column, Column]
"""day, slot, group, price, sell, buy of each row."""
_OUT_OF_RANGE: Final = (
    (JepxCode.SLOT_INVALID, 1, SLOTS),
    (JepxCode.GROUP_INVALID, SYSTEM, MAX_GROUP),
    (JepxCode.PRICE_INVALID, 0, MAX_PRICE_SEN),
    (JepxCode.VOLUME_INVALID, 0, MAX_LOTS),
    (JepxCode.VOLUME_INVALID, 0, MAX_LOTS),
)


def read_curves(source: BinaryIO, file: str) -> Iterator[CurveTable]:
    """Yield the curves of a file in tables of whole curves.

    Args:
        source: the opened file: CSV as published, plain or gzip, UTF-8 or CP932; or Parquet.
        file: its name, for errors.

    Raises:
        MalformedInput: the first line (or row) that does not hold; names file, line, column, value and rule.
    """
    buffered = buffer(source)
    builder = _CurveBuilder(file, "row" if is_parquet(buffered) else "line")
    blocks = _parquet_blocks(buffered, file) if is_parquet(buffered) else _text_blocks(buffered, file)
    for lines, rows in blocks:
        yield from builder.add(lines, rows)
    yield from builder.finish()


def write_curves(sink: BinaryIO, tables: Iterable[CurveTable], encoding: str = "utf-8") -> None:
    """Write curves as JEPX publishes them (J31)."""
    sink.write((",".join(HEADER) + "\n").encode(encoding))
    for table in tables:
        counts = np.diff(table.first)
        heads = [
            f"{date_of(day):%Y%m%d},{slot}," for day, slot in zip(table.day.tolist(), table.slot.tolist(), strict=True)
        ]
        ends = ["" if group == SYSTEM else str(group) for group in table.group.tolist()]
        owner = np.repeat(np.arange(len(table)), counts).tolist()
        columns = zip(owner, table.price_sen.tolist(), table.sell_lots.tolist(), table.buy_lots.tolist(), strict=True)
        lines = (
            f"{heads[curve]}{yen_of_sen(price)},{mw_of_lots(sell)},{mw_of_lots(buy)},{ends[curve]}\n"
            for curve, price, sell, buy in columns
        )
        sink.write("".join(lines).encode(encoding))


def write_curves_parquet(sink: BinaryIO, tables: Iterable[CurveTable]) -> None:
    """Write curves as Parquet, one row group per table."""
    types = (pa.date32(), pa.int8(), pa.int16(), pa.int32(), pa.int32(), pa.int32())
    schema = pa.schema(list(zip(PARQUET_COLUMNS, types, strict=True)))
    with pq.ParquetWriter(sink, schema, write_page_checksum=True) as writer:
        for table in tables:
            counts = np.diff(table.first)
            columns = [np.repeat(column, counts) for column in (table.day, table.slot, table.group)]
            columns += [table.price_sen, table.sell_lots, table.buy_lots]
            arrays = [pa.array(column.astype(np.int32)).cast(kind) for column, kind in zip(columns, types, strict=True)]
            writer.write_table(pa.table(arrays, schema=schema))


def _text_blocks(source: BinaryIO, file: str) -> Iterator[tuple[Column, Rows]]:
    lines = PublishedLines(source, file)
    order = [lines.column(name) for name in HEADER]
    for first, text in lines.blocks():
        rows = None if "\n\n" in text else _columns_at_once(text.replace("\r\n", "\n"), len(lines.header), order)
        if rows is not None:
            yield np.arange(first, first + len(rows[0])), rows
        else:
            yield _columns_by_line(lines, first, text, order)


def _columns_at_once(text: str, width: int, order: list[int]) -> Rows | None:
    """Return the columns of a block whose every line has the usual form, else ``None``.

    The forms are narrower than what ``_columns_by_line`` takes, so the two never disagree.
    """
    if "\r" in text or '"' in text or "\x00" in text:
        return None
    names = [str(index) for index in range(width)]
    try:
        table = pa_csv.read_csv(
            pa.py_buffer(text.encode()),
            read_options=pa_csv.ReadOptions(column_names=names, use_threads=False),
            parse_options=pa_csv.ParseOptions(quote_char=False),
            convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid:
        return None
    texts = [table.column(index) for index in order]
    if table.num_rows != text.count("\n") + (not text.endswith("\n")):
        return None
    if not all(
        pc.all(pc.match_substring_regex(column, form)).as_py() for column, form in zip(texts, _FORMS, strict=True)
    ):
        return None
    distinct = texts[0].unique().to_pylist()
    days = {name: day_of(name) for name in distinct}
    if None in days.values():
        return None
    numbers = np.array([days[name] for name in distinct], np.int64)
    day = numbers[texts[0].combine_chunks().dictionary_encode().indices.to_numpy()]
    slot = _integers(texts[1])
    group = _integers(pc.if_else(pc.equal(texts[5], ""), str(SYSTEM), texts[5]))
    price, sell, buy = (_integers(pc.replace_substring(texts[index], ".", "")) for index in (2, 3, 4))
    if not (1 <= int(slot.min()) <= int(slot.max()) <= SLOTS):
        return None
    return day, slot, group, price, sell, buy


def _integers(texts: Any) -> Column:  # noqa: ANN401 - Arrow has no types
    column: Column = texts.cast(pa.int64()).to_numpy()
    return column


def _columns_by_line(lines: PublishedLines, first: int, text: str, order: list[int]) -> tuple[Column, Rows]:
    """Return the columns of a block read one cell at a time; this is the one that names what is wrong."""
    read: tuple[Callable[[str], int | None], ...] = (day_of, slot_of, price_of, lots_of_mw, lots_of_mw, group_of)
    codes = (
        JepxCode.DAY_INVALID,
        JepxCode.SLOT_INVALID,
        JepxCode.PRICE_INVALID,
        JepxCode.VOLUME_INVALID,
        JepxCode.VOLUME_INVALID,
        JepxCode.GROUP_INVALID,
    )
    numbers: list[int] = []
    found: list[list[int]] = []
    for number, cells in lines.rows_of(first, text):
        values: list[int] = []
        for index, parse, code, name in zip(order, read, codes, HEADER, strict=True):
            value = parse(cells[index])
            if value is None:
                raise refused(code, lines.file, f"line {number}, {name}", cells[index], digits=VOLUME_DIGITS)
            values.append(value)
        numbers.append(number)
        found.append(values)
    day, slot, price, sell, buy, group = np.array(found, np.int64).reshape(-1, len(HEADER)).T
    return np.array(numbers, np.int64), (day, slot, group, price, sell, buy)


def _parquet_blocks(source: BinaryIO, file: str) -> Iterator[tuple[Column, Rows]]:
    row = 0
    try:
        table = pq.ParquetFile(source, page_checksum_verification=True)
        for name in PARQUET_COLUMNS:
            if name not in table.schema_arrow.names:
                raise refused(JepxCode.NOT_PARQUET, file, "schema", table.schema_arrow.names, column=name)
        for batch in table.iter_batches(batch_size=PARQUET_ROWS, columns=list(PARQUET_COLUMNS), use_threads=False):
            columns = [_parquet_column(batch.column(name), file, name) for name in PARQUET_COLUMNS]
            for (code, low, high), name, column in zip(_OUT_OF_RANGE, PARQUET_COLUMNS[1:], columns[1:], strict=True):
                wrong = np.flatnonzero((column < low) | (column > high))
                if len(wrong):
                    where = f"row {row + int(wrong[0])}, {name}"
                    raise refused(code, file, where, int(column[wrong[0]]), digits=VOLUME_DIGITS)
            day, slot, group, price, sell, buy = columns
            yield np.arange(row, row + batch.num_rows), (day, slot, group, price, sell, buy)
            row += batch.num_rows
        if row != table.metadata.num_rows:
            raise refused(JepxCode.ROWS_MISSING, file, f"row {row}", row, count=table.metadata.num_rows)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise refused(JepxCode.NOT_PARQUET, file, f"row {row}", str(error), column=PARQUET_COLUMNS[0]) from error


def _parquet_column(column: Any, file: str, name: str) -> Column:  # noqa: ANN401 - Arrow has no types
    """Return a column as int64; a date as its number from 1970-01-01."""
    is_day = name == PARQUET_COLUMNS[0]
    kind = column.type
    fits = pa.types.is_date(kind) or pa.types.is_timestamp(kind) if is_day else pa.types.is_integer(kind)
    if not fits or column.null_count:
        raise refused(JepxCode.COLUMN_TYPE, file, name, str(kind), type="date" if is_day else "integer")
    if is_day:
        column = column.cast(pa.date32()).cast(pa.int32())
    return np.asarray(column.cast(pa.int64()).to_numpy(zero_copy_only=False))


@dataclass(slots=True)
class _CurveBuilder:
    """Puts blocks of rows together to whole curves, and holds them to J31."""

    file: str
    unit: str
    lines: list[Column] = field(default_factory=list)
    rows: list[Rows] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    open_rows: int = 0

    def add(self, lines: Column, rows: Rows) -> Iterator[CurveTable]:
        """Yield the curves that ended before the last row; keep the last one."""
        if not len(lines):
            return
        key = curve_key(*rows[:3])
        turns = np.flatnonzero(key[1:] != key[:-1]) + 1
        before = int(curve_key(*(column[-1:] for column in self.rows[-1][:3]))[0]) if self.rows else None
        cut = int(turns[-1]) if len(turns) else 0
        if len(turns) or (before is not None and before != int(key[0])):
            self.lines.append(lines[:cut])
            self.rows.append(_part(rows, 0, cut))
            yield from self.finish()
        self.lines.append(lines[cut:])
        self.rows.append(_part(rows, cut, len(lines)))
        self.open_rows += len(lines) - cut
        if self.open_rows > MAX_CURVE_ROWS:
            raise self._refused(
                JepxCode.CURVE_TOO_LONG, int(lines[-1]), HEADER[5], self.open_rows, limit=MAX_CURVE_ROWS
            )

    def finish(self) -> Iterator[CurveTable]:
        """Yield the curves that are held."""
        lines = np.concatenate([np.empty(0, np.int64), *self.lines])
        if len(lines):
            columns = [np.concatenate(parts) for parts in zip(*self.rows, strict=True)]
            table = curve_table(columns[0], columns[1], columns[2], (columns[3], columns[4], columns[5]))
            self._check(table, lines)
            yield table
        self.lines, self.rows, self.open_rows = [], [], 0

    def _check(self, table: CurveTable, lines: Column) -> None:
        for curve, key in enumerate(table.key().tolist()):
            if key in self.seen:
                value = f"{date_of(int(table.day[curve]))} {table.slot[curve]} {table.group[curve]}"
                raise self._refused(JepxCode.CURVE_TWICE, int(lines[table.first[curve]]), HEADER[5], value)
            self.seen.add(key)
        follows = np.ones(max(table.rows - 1, 0), np.bool_)
        follows[table.first[1:-1] - 1] = False
        checks = (
            (JepxCode.PRICE_FELL, HEADER[2], table.price_sen, 1),
            (JepxCode.SELL_FELL, HEADER[3], table.sell_lots, 1),
            (JepxCode.BUY_ROSE, HEADER[4], table.buy_lots, -1),
        )
        for code, name, column, direction in checks:
            wrong = np.flatnonzero(follows & (np.diff(column) * direction < 0))
            if len(wrong):
                row = int(wrong[0])
                raise self._refused(code, int(lines[row + 1]), name, int(column[row + 1]), last=int(column[row]))
        self._check_ends(table, lines)

    def _check_ends(self, table: CurveTable, lines: Column) -> None:
        """Refuse a curve that was cut: every published one begins and ends alike (J31)."""
        first, last = table.first[:-1], table.first[1:] - 1
        prices, sells, buys = table.price_sen, table.sell_lots, table.buy_lots
        checks = (
            (JepxCode.CURVE_BEGINS, HEADER[2], first, prices, 0, yen_of_sen),
            (JepxCode.CURVE_BEGINS, HEADER[3], first, sells, 0, mw_of_lots),
            (JepxCode.CURVE_BEGINS, HEADER[2], np.minimum(first + 1, last), prices, 0, yen_of_sen),
            (JepxCode.CURVE_ENDS, HEADER[2], last, prices, END_PRICE_SEN, yen_of_sen),
            (JepxCode.CURVE_ENDS, HEADER[4], last, buys, 0, mw_of_lots),
            (JepxCode.CURVE_ENDS, HEADER[2], np.maximum(last - 1, first), prices, LAST_PRICE_SEN, yen_of_sen),
        )
        for code, name, rows, column, wanted, shown in checks:
            wrong = rows[column[rows] != wanted]
            if len(wrong):
                raise self._refused(code, int(lines[wrong[0]]), name, shown(int(column[wrong[0]])))

    def _refused(self, code: JepxCode, line: int, name: str, value: object, **words: object) -> MalformedInput:
        return refused(code, self.file, f"{self.unit} {line}, {name}", value, **words)


def _part(rows: Rows, start: int, end: int) -> Rows:
    day, slot, group, price, sell, buy = (column[start:end] for column in rows)
    return day, slot, group, price, sell, buy
