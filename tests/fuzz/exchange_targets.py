"""Damaged files of the exchange: refused, or read as a reader of single lines reads them."""

import gzip
import io
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from fuzz.running import Target
from reference import jepx as twin
from wattmark.core.codes import Area
from wattmark.core.errors import MalformedInput
from wattmark.market.curves import CurveTable, curve_table, join_curves
from wattmark.market.formats.jepx_curves import read_curves, write_curves, write_curves_parquet
from wattmark.market.formats.jepx_groups import read_groups, write_groups
from wattmark.market.formats.jepx_results import read_expected, read_summary, write_summary
from wattmark.market.published import AreaGroup, SpotResult

TABLE = join_curves(
    [
        curve_table(
            *(np.full(5, value, np.int64) for value in (19_767, slot, group)),
            (np.array([0, 0, 1_234, 99_900, 99_999]), np.array([0, 5, 70, 70, 70]), np.array([90, 90, 33, 2, 0])),
        )
        for slot, group in ((1, -1), (1, 0), (2, -1))
    ]
)
GROUPS = [AreaGroup(19_767, 1, -1, ()), AreaGroup(19_767, 1, 0, (Area.TOKYO, Area.CHUBU))]
RESULTS = [SpotResult(19_767, slot, 5, 6, 4, 900, (None, *range(8)), (1,) * 4) for slot in (1, 2)]
PRICES = b"""date,slot,curve_id,areas,published_price_jpy_per_kwh,system_contract_kwh
2024-02-14,1,-1,system,15.4,15161300
2024-02-14,1,0,tokyo+chubu,9.05,
"""


def rows_of(table: CurveTable) -> list[tuple[int, ...]]:
    owner = np.repeat(np.arange(len(table)), np.diff(table.first))
    columns = (table.day[owner], table.slot[owner], table.group[owner])
    return list(zip(*(c.tolist() for c in (*columns, table.price_sen, table.sell_lots, table.buy_lots)), strict=True))


def read_text(data: bytes) -> list[tuple[int, ...]]:
    found = rows_of(join_curves(list(read_curves(io.BytesIO(data), "curves"))))
    assert found == [tuple(row) for row in twin.rows(data)]
    return found


def read_columns(data: bytes) -> list[tuple[int, ...]]:
    """Pages carry checksums: what is read is what was written."""
    found = rows_of(join_curves(list(read_curves(io.BytesIO(data), "curves"))))
    assert found == rows_of(TABLE)
    return found


def written(encoding: str) -> bytes:
    sink = io.BytesIO()
    write_curves(sink, [TABLE], encoding)
    return sink.getvalue()


def targets(folder: Path, stack: ExitStack) -> list[Target]:
    del folder, stack
    columns, groups, results = io.BytesIO(), io.BytesIO(), io.BytesIO()
    write_curves_parquet(columns, [TABLE])
    write_groups(groups, GROUPS, "cp932")
    write_summary(results, RESULTS)
    refusals = (MalformedInput,)
    curves = [written("utf-8"), written("cp932"), gzip.compress(written("utf-8"), mtime=0)]
    return [
        Target("bid curves", "exchange", curves, read_text, refusals, runs=20_000),
        Target("bid curves, Parquet", "exchange", [columns.getvalue()], read_columns, refusals, runs=5_000),
        Target(
            "area groups", "exchange", [groups.getvalue()], lambda d: read_groups(io.BytesIO(d), "groups"), refusals
        ),
        Target(
            "results",
            "exchange",
            [results.getvalue()],
            lambda d: list(read_summary(io.BytesIO(d), "r")),
            refusals,
            runs=10_000,
        ),
        Target(
            "published prices",
            "exchange",
            [PRICES],
            lambda d: read_expected(io.BytesIO(d), "prices"),
            refusals,
            runs=10_000,
        ),
    ]
