"""Arrow tables <-> settlement columns, and one bucket of the bulk path (B9, B10)."""

from typing import TypeVar

import pyarrow as pa

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.settlement.columns import Columns, DaySettlement, Demand, Lots, SpotPrices
from wattmark.settlement.settle import settle_day
from wattmark.settlement.tariff import Tariff

Kind = TypeVar("Kind", bound=Columns)


def schema_of(kind: type[Columns]) -> pa.Schema:
    """Return the Arrow and Parquet schema of a kind of columns: int64, never null."""
    return pa.schema([pa.field(name, pa.int64(), nullable=False) for name in kind.__dataclass_fields__])


def to_table(columns: Columns) -> pa.Table:
    """Return the columns as an Arrow table."""
    return pa.table(list(columns.columns().values()), schema=schema_of(type(columns)))


def from_table(kind: type[Kind], table: pa.Table) -> Kind:
    """Return the columns of a table; further columns are refused, not skipped.

    Raises:
        MalformedInput: other names or another order, another type, or a null.
    """
    names = list(kind.__dataclass_fields__)
    if table.column_names != names:
        rule = Text(en=f"the columns {', '.join(names)}", ja=f"列は{', '.join(names)}")
        raise MalformedInput("TABLE_COLUMNS", kind.__name__, table.column_names, rule)
    for name in names:
        column = table.column(name)
        if column.type != pa.int64() or column.null_count:
            rule = Text(en="int64 without nulls", ja="欠損のないint64")
            raise MalformedInput("TABLE_TYPE", name, str(column.type), rule)
    return kind(*(table.column(name).to_numpy() for name in names))


def settle_bucket(demand: pa.Table, lots: pa.Table, prices: pa.Table, tariff: Tariff) -> tuple[pa.Table, pa.Table]:
    """Settle one bucket of accounts: Arrow in, (allocation, residual) out.

    The account ranges of two buckets never meet, so buckets run in any order, on threads or on other
    machines, and their results joined in order of account are those of one run (L6).

    Raises:
        Refused: as ``settle_day``, or a table of another schema.
    """
    result: DaySettlement = settle_day(
        from_table(Demand, demand), from_table(Lots, lots), from_table(SpotPrices, prices), tariff
    )
    return to_table(result.allocation), to_table(result.residual)
