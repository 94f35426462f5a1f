"""JEPX's summary file of day-ahead results (J35), and our list of published prices per curve.

The summary is read as published (Japanese header), as our CSV and Parquet with English names, and written as published.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from wattmark.core.codes import Area
from wattmark.market.formats.jepx import (
    AREA_NAMES,
    AREA_SLUGS,
    MAX_DIGITS,
    JepxCode,
    areas_of,
    date_of,
    day_of,
    number_of,
    price_of,
    refused,
    slot_of,
    yen_of_sen,
)
from wattmark.market.formats.jepx_lines import PublishedLines, buffer, is_parquet
from wattmark.market.published import SYSTEM, CurveKey, PublishedPrice, SpotResult

DAY: Final = ("受渡日", "delivery_date")
SLOT: Final = ("時刻コード", "slot")
VOLUMES: Final = (
    ("売り入札量(kWh)", "sell_bid_kwh"),
    ("買い入札量(kWh)", "buy_bid_kwh"),
    ("約定総量(kWh)", "contract_kwh"),
)
PRICES: Final = (
    ("システムプライス(円/kWh)", "system_price"),
    *((f"エリアプライス{AREA_NAMES[area]}(円/kWh)", AREA_SLUGS[area]) for area in Area),
)
BLOCKS: Final = (
    ("売りブロック入札総量(kWh)", "sell_block_bid_kwh"),
    ("売りブロック約定総量(kWh)", "sell_block_contract_kwh"),
    ("買いブロック入札総量(kWh)", "buy_block_bid_kwh"),
    ("買いブロック約定総量(kWh)", "buy_block_contract_kwh"),
)
COLUMNS: Final = (DAY, SLOT, *VOLUMES, *PRICES, *BLOCKS)
EXPECTED_PRICE: Final = "published_price_jpy_per_kwh"
EXPECTED_VOLUME: Final = "system_contract_kwh"
PARQUET_ROWS: Final = 65_536
MAX_EXPONENT: Final = 20
MISSING: Final = -1
Chunk = tuple[list[str], Sequence[Sequence[str]]]
"""Where each row stands, and the texts of each column."""


def read_summary(source: BinaryIO, file: str) -> Iterator[SpotResult]:
    """Yield the results of a summary file, one per day and slot, in the order of the file (J35).

    Args:
        source: the opened file: CSV as published or with English names, plain or gzip; or Parquet.
        file: its name, for errors.

    Raises:
        MalformedInput: the first line (or row) that does not hold; names file, line, column, value and rule.
    """
    buffered = buffer(source)
    rows = _parquet_rows(buffered, file) if is_parquet(buffered) else _text_rows(PublishedLines(buffered, file))
    yield from _results(rows, file)


def read_expected(source: BinaryIO, file: str) -> dict[CurveKey, PublishedPrice] | list[SpotResult]:
    """Return published prices by (day, slot, curve), or the rows of a summary, whichever the file holds.

    Raises:
        MalformedInput: as ``read_summary``.
    """
    buffered = buffer(source)
    if is_parquet(buffered):
        return list(read_summary(buffered, file))
    lines = PublishedLines(buffered, file)
    if lines.has(EXPECTED_PRICE):
        return _expected(lines)
    return list(_results(_text_rows(lines), file))


def write_summary(sink: BinaryIO, results: Iterable[SpotResult], encoding: str = "utf-8") -> None:
    """Write results as JEPX publishes them (J35)."""
    lines = [",".join(names[0] for names in COLUMNS)]
    for one in results:
        volumes = (one.sell_kwh, one.buy_kwh, one.contract_kwh)
        prices = (one.system_sen, *one.area_sen)
        cells = [f"{date_of(one.day):%Y/%m/%d}", str(one.slot)]
        cells += ["" if kwh is None else str(kwh) for kwh in volumes]
        cells += ["" if sen is None else yen_of_sen(sen) for sen in prices]
        cells += ["" if kwh is None else str(kwh) for kwh in one.blocks_kwh]
        lines.append(",".join(cells))
    sink.write(("\n".join(lines) + "\n").encode(encoding))


def _expected(lines: PublishedLines) -> dict[CurveKey, PublishedPrice]:
    names = ("date", "slot", "curve_id", "areas", EXPECTED_PRICE, EXPECTED_VOLUME)
    order = [lines.column(name) for name in names]
    found: dict[CurveKey, PublishedPrice] = {}
    for number, cells in lines.rows():
        texts = [cells[index] for index in order]
        curve = SYSTEM if texts[2] == str(SYSTEM) else number_of(texts[2])
        areas = areas_of(texts[3])
        if areas is None or (areas == ()) != (curve == SYSTEM):
            raise refused(JepxCode.AREAS_INVALID, lines.file, f"line {number}, {names[3]}", texts[3])
        values: list[int] = []
        for value, code, column in (
            (day_of(texts[0]), JepxCode.DAY_INVALID, 0),
            (slot_of(texts[1]), JepxCode.SLOT_INVALID, 1),
            (curve, JepxCode.GROUP_INVALID, 2),
            (_maybe(price_of, texts[4]), JepxCode.PRICE_INVALID, 4),
            (_maybe(number_of, texts[5]), JepxCode.VOLUME_INVALID, 5),
        ):
            if value is None:
                raise refused(code, lines.file, f"line {number}, {names[column]}", texts[column], digits=MAX_DIGITS)
            values.append(value)
        day, slot, group, price, volume = values
        if (day, slot, group) in found:
            raise refused(JepxCode.ROW_TWICE, lines.file, f"line {number}, {names[2]}", texts[2])
        found[day, slot, group] = PublishedPrice(areas, _none(price), _none(volume))
    return found


def _maybe(read: Callable[[str], int | None], text: str) -> int | None:
    """Return what a reader says of a text, ``MISSING`` for the empty one."""
    return read(text) if text else MISSING


def _none(value: int | None) -> int | None:
    return None if value == MISSING else value


def _results(chunks: Iterator[Chunk], file: str) -> Iterator[SpotResult]:
    """Yield the rows of chunks of columns; each distinct text of a column is read once."""
    readers: list[tuple[Callable[[str], int | None], JepxCode]] = [
        (day_of, JepxCode.DAY_INVALID),
        (slot_of, JepxCode.SLOT_INVALID),
        *[(number_of, JepxCode.VOLUME_INVALID)] * len(VOLUMES),
        *[(price_of, JepxCode.PRICE_INVALID)] * len(PRICES),
        *[(number_of, JepxCode.VOLUME_INVALID)] * len(BLOCKS),
    ]
    seen: set[tuple[int, int]] = set()
    for wheres, columns in chunks:
        known: list[dict[str, int | None]] = []
        for number, ((read, code), column) in enumerate(zip(readers, columns, strict=True)):
            may_be_empty = number >= len((DAY, SLOT))
            known.append({text: _maybe(read, text) if may_be_empty else read(text) for text in set(column)})
            if None in known[-1].values():
                row = next(row for row, text in enumerate(column) if known[-1][text] is None)
                raise refused(code, file, f"{wheres[row]}, {COLUMNS[number][0]}", column[row], digits=MAX_DIGITS)
        values = [[texts[text] for text in column] for texts, column in zip(known, columns, strict=True)]
        for row, (day, slot, *rest) in enumerate(zip(*values, strict=True)):
            assert day is not None
            assert slot is not None
            if (day, slot) in seen:
                raise refused(JepxCode.ROW_TWICE, file, f"{wheres[row]}, {SLOT[0]}", columns[1][row])
            seen.add((day, slot))
            cells = [None if value == MISSING else value for value in rest] if MISSING in rest else rest
            yield SpotResult(day, slot, cells[0], cells[1], cells[2], cells[3], tuple(cells[4:13]), tuple(cells[13:]))


def _text_rows(lines: PublishedLines) -> Iterator[Chunk]:
    """Yield the cells in the order of ``COLUMNS``; blocks may be absent, as in early years."""
    order = [lines.column(*names) for names in COLUMNS[: -len(BLOCKS)]]
    blocks = [lines.column(*names) if any(map(lines.has, names)) else None for names in BLOCKS]
    for first, text in lines.blocks():
        rows = list(lines.rows_of(first, text))
        if rows:
            cells = list(zip(*(cells for _, cells in rows), strict=True))
            empty = ("",) * len(rows)
            columns = [cells[index] for index in order]
            columns += [empty if index is None else cells[index] for index in blocks]
            yield [f"line {number}" for number, _ in rows], columns


def _parquet_rows(source: BinaryIO, file: str) -> Iterator[Chunk]:
    names = [name for _, name in COLUMNS]
    row = 0
    try:
        table = pq.ParquetFile(source, page_checksum_verification=True)
        for name in names:
            if name not in table.schema_arrow.names:
                raise refused(JepxCode.NOT_PARQUET, file, "schema", table.schema_arrow.names, column=name)
        for batch in table.iter_batches(batch_size=PARQUET_ROWS, columns=names, use_threads=False):
            columns = [_texts(batch.column(name), file, name) for name in names]
            yield [f"row {number}" for number in range(row, row + batch.num_rows)], columns
            row += batch.num_rows
        if row != table.metadata.num_rows:
            raise refused(JepxCode.ROWS_MISSING, file, f"row {row}", row, count=table.metadata.num_rows)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise refused(JepxCode.NOT_PARQUET, file, f"row {row}", str(error), column=names[0]) from error


def _texts(column: Any, file: str, name: str) -> list[str]:  # noqa: ANN401 - Arrow has no types
    """Return a column's values as the texts that a CSV would have; null and NaN are empty."""
    kind = column.type
    if name == DAY[1]:
        if not (pa.types.is_date(kind) or pa.types.is_timestamp(kind)) or column.null_count:
            raise refused(JepxCode.COLUMN_TYPE, file, name, str(kind), type="date")
        column = column.cast(pa.date32())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise refused(JepxCode.COLUMN_TYPE, file, name, str(kind), type="number")
    texts = ["" if text is None else text for text in column.cast(pa.string()).to_pylist()]
    if not pa.types.is_floating(kind):
        return texts
    plain = {text: _decimal(text) for text in set(texts)}
    return [plain[text] for text in texts]


def _decimal(text: str) -> str:
    """Return a double's shortest decimal without exponent and without a fraction of zero; NaN is empty."""
    if text in {"", "nan"}:
        return ""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    if not value.is_finite() or abs(value.adjusted()) > MAX_EXPONENT:
        return text
    return format(value, "f").removesuffix(".0")
