"""Laws of the readers and writers of published files: round trips, one truth by two readers, and no third outcome."""

import gzip
import io
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import jepx as twin
from wattmark.core.codes import Area
from wattmark.core.errors import MalformedInput
from wattmark.market.curves import CurveTable, bid_curve, curve_table, join_curves
from wattmark.market.formats import jepx_curves
from wattmark.market.formats.jepx_curves import read_curves, write_curves, write_curves_parquet
from wattmark.market.formats.jepx_groups import read_groups, write_groups
from wattmark.market.formats.jepx_lines import PublishedLines
from wattmark.market.formats.jepx_results import read_expected, read_summary, write_summary
from wattmark.market.published import AreaGroup, SpotResult

DAYS = st.integers(date(2005, 4, 1).toordinal(), date(2099, 12, 31).toordinal()).map(
    lambda ordinal: ordinal - date(1970, 1, 1).toordinal()
)
orders = st.lists(st.tuples(st.integers(0, 99_900), st.integers(1, 10_000)), max_size=6)
keys = st.lists(st.tuples(DAYS, st.integers(1, 48), st.integers(-1, 9)), min_size=1, max_size=6, unique=True)
encodings = st.sampled_from(["utf-8", "cp932"])


@st.composite
def tables(draw: st.DrawFn) -> CurveTable:
    found = []
    for day, slot, group in draw(keys):
        sides = [np.array(draw(orders), np.int64).reshape(-1, 2) for _ in range(2)]
        price, sell, buy = bid_curve(*(side[:, word] for side in sides for word in (0, 1)))
        same = np.ones(len(price), np.int64)
        found.append(curve_table(day * same, slot * same, group * same, (price, sell, buy)))
    return join_curves(found)


def same(one: CurveTable, other: CurveTable) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in CurveTable.__slots__)


def read(data: bytes) -> CurveTable:
    return join_curves(list(read_curves(io.BytesIO(data), "file")))


def written(write: Callable[..., None], *arguments: Any) -> bytes:
    sink = io.BytesIO()
    write(sink, *arguments)
    return sink.getvalue()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(tables(), encodings, st.booleans())
def test_curves_written_are_curves_read(table: CurveTable, encoding: str, packed: bool) -> None:
    data = written(write_curves, [table], encoding)
    assert same(read(gzip.compress(data) if packed else data), table)
    assert same(read(written(write_curves_parquet, [table])), table)


def row_tuples(table: CurveTable) -> list[tuple[int, ...]]:
    owner = np.repeat(np.arange(len(table)), np.diff(table.first))
    columns = (table.day[owner], table.slot[owner], table.group[owner])
    return list(zip(*(c.tolist() for c in (*columns, table.price_sen, table.sell_lots, table.buy_lots)), strict=True))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(tables(), st.integers(1, 400))
def test_where_a_block_ends_makes_no_difference(table: CurveTable, size: int) -> None:
    data = written(write_curves, [table])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wattmark.market.formats.jepx_lines.BLOCK_BYTES", size)
        assert same(read(data), table)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(tables())
def test_a_block_at_once_is_a_block_by_line(table: CurveTable) -> None:
    lines = PublishedLines(io.BytesIO(written(write_curves, [table])), "file")
    order = [lines.column(name) for name in jepx_curves.HEADER]
    for first, text in lines.blocks():
        fast = jepx_curves._columns_at_once(text, len(lines.header), order)
        _, slow = jepx_curves._columns_by_line(lines, first, text, order)
        assert fast is not None
        assert all(np.array_equal(a, b) for a, b in zip(fast, slow, strict=True))


groups = st.permutations(list(Area)).flatmap(
    lambda areas: st.integers(1, 4).map(lambda n: [tuple(sorted(areas[i::n])) for i in range(n)])
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(DAYS, st.integers(1, 48), groups, encodings)
def test_groups_written_are_groups_read(day: int, slot: int, parts: list[tuple[Area, ...]], encoding: str) -> None:
    made = [AreaGroup(day, slot, -1, ()), *(AreaGroup(day, slot, n * 2, part) for n, part in enumerate(parts))]
    assert read_groups(io.BytesIO(written(write_groups, made, encoding)), "file") == made


kwh = st.one_of(st.none(), st.integers(0, 10**12 - 1))
sen = st.one_of(st.none(), st.integers(0, 99_999))
results = st.builds(
    SpotResult,
    DAYS,
    st.integers(1, 48),
    kwh,
    kwh,
    kwh,
    sen,
    st.tuples(*[sen] * 9),
    st.tuples(*[kwh] * 4),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(results, max_size=5, unique_by=lambda one: (one.day, one.slot)), encodings)
def test_results_written_are_results_read(made: list[SpotResult], encoding: str) -> None:
    data = written(write_summary, made, encoding)
    assert list(read_summary(io.BytesIO(data), "file")) == made
    assert read_expected(io.BytesIO(data), "file") == made


# ------------------------------------------------------------------------------ files that were changed

TABLE = join_curves(
    [
        curve_table(
            *(np.full(5, value, np.int64) for value in (19_767, slot, group)),
            (np.array([0, 0, 1_234, 99_900, 99_999]), np.array([0, 5, 70, 70, 70]), np.array([90, 90, 33, 2, 0])),
        )
        for slot, group in ((1, -1), (1, 0), (2, -1))
    ]
)
FILES: dict[str, tuple[Callable[[io.BytesIO, str], Any], bytes]] = {
    "curves": (read_curves, written(write_curves, [TABLE])),
    "curves, CP932": (read_curves, written(write_curves, [TABLE], "cp932")),
    "curves, gzip": (read_curves, gzip.compress(written(write_curves, [TABLE]), mtime=0)),
    "curves, Parquet": (read_curves, written(write_curves_parquet, [TABLE])),
    "groups": (
        read_groups,
        written(write_groups, [AreaGroup(19_767, 1, -1, ()), AreaGroup(19_767, 1, 0, (Area.TOKYO, Area.CHUBU))]),
    ),
    "summary": (
        read_summary,
        written(write_summary, [SpotResult(19_767, n, 5, 6, 4, 900, (None, *range(8)), (1,) * 4) for n in (1, 2)]),
    ),
    "prices": (
        read_expected,
        b"""date,slot,curve_id,areas,published_price_jpy_per_kwh,system_contract_kwh
2024-02-14,1,-1,system,15.4,15161300
2024-02-14,1,0,tokyo+chubu,9.05,
""",
    ),
}
Change = tuple[str, float, bytes]
changes = st.lists(
    st.tuples(
        st.sampled_from(["set", "insert", "delete", "copy", "cut"]),
        st.floats(0, 1, exclude_max=True),
        st.one_of(
            st.binary(min_size=1, max_size=3), st.sampled_from([b",", b"\n", b"\r", b"0", b"-", b".", b'"', b" "])
        ),
    ),
    min_size=1,
    max_size=3,
)


def changed(data: bytes, wanted: list[Change]) -> bytes:
    for kind, where, new in wanted:
        at = int(where * len(data))
        if kind == "set":
            data = data[:at] + new + data[at + len(new) :]
        elif kind == "insert":
            data = data[:at] + new + data[at:]
        elif kind == "delete":
            data = data[:at] + data[at + len(new) :]
        elif kind == "copy":
            data = data[:at] + data[at // 2 : at] + data[at:]
        else:
            data = data[:at]
    return data


def read_or_refused(reader: Callable[[io.BytesIO, str], Any], data: bytes) -> Any:
    try:
        found = reader(io.BytesIO(data), "file")
        return found if isinstance(found, dict | list) else list(found)
    except MalformedInput as error:
        return error


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=250, deadline=None, derandomize=True)
@given(wanted=changes)
def test_a_changed_file_is_refused_or_read_and_nothing_else(name: str, wanted: list[Change]) -> None:
    """Never another exception; and what is read of a curve file is what a reader of single lines reads."""
    reader, data = FILES[name]
    damaged = changed(data, wanted)
    found = read_or_refused(reader, damaged)
    if isinstance(found, MalformedInput):
        assert "file, " in found.field
        assert found.rule.ja
        return
    if name == "curves, Parquet":
        assert same(join_curves(found), TABLE)  # pages carry checksums: what is read is what was written
    elif reader is read_curves:
        assert row_tuples(join_curves(found)) == [tuple(row) for row in twin.rows(damaged)]
