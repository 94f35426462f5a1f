"""The replay of curves and the product's own auction are one rule: on random books, and on what JEPX published."""

import gzip
import json
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import jepx as twin
from wattmark.core.codes import Area
from wattmark.market.auction import clear
from wattmark.market.curves import Column, CurveTable, bid_curve, curve_table, join_curves
from wattmark.market.formats.jepx_curves import read_curves, write_curves
from wattmark.market.formats.jepx_results import read_summary, write_summary
from wattmark.market.published import AreaGroup, PublishedPrice, SpotResult
from wattmark.market.replay import (
    NO_CURVE,
    NOT_PUBLISHED,
    TWICE,
    UNEQUAL,
    Comparison,
    published_by_curve,
    replay,
    unmatched_groups,
)

Orders = list[tuple[int, int]]

prices = st.one_of(st.integers(0, 6), st.integers(0, 99_900))
quantities = st.one_of(st.integers(1, 4), st.integers(1, 10**6))
side = st.lists(st.tuples(prices, quantities), max_size=14)
buy_side = st.lists(st.tuples(prices.map(lambda price: max(price, 1)), quantities), max_size=14)


def columns(orders: Orders) -> tuple[Column, Column]:
    table = np.array(orders, np.int64).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy()


def one_curve(sells: Orders, buys: Orders, slot: int = 1) -> CurveTable:
    price, sell, buy = bid_curve(*columns(sells), *columns(buys))
    same = np.ones(len(price), np.int64)
    return curve_table(18_000 * same, slot * same, -1 * same, (price, sell, buy))


def curves_of(table: CurveTable) -> list[tuple[list[int], list[int], list[int]]]:
    ends = table.first.tolist()
    return [
        (table.price_sen[a:b].tolist(), table.sell_lots[a:b].tolist(), table.buy_lots[a:b].tolist())
        for a, b in pairwise(ends)
    ]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(side, buy_side)
def test_a_curve_replays_to_what_its_orders_clear_at(sells: Orders, buys: Orders) -> None:
    """The auction's price, lifted to the floor of 0.01 that JEPX publishes (J17)."""
    cleared = clear(*columns(sells), *columns(buys))
    replayed = replay(one_curve(sells, buys))
    assert replayed.lots.tolist() == [cleared.quantity]
    assert replayed.price_sen.tolist() == [0 if cleared.price_sen is None else max(cleared.price_sen, 1)]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(side, buy_side), min_size=1, max_size=5))
def test_the_replay_is_the_rule_of_the_reference(books: list[tuple[Orders, Orders]]) -> None:
    table = join_curves([one_curve(sells, buys, slot) for slot, (sells, buys) in enumerate(books, 1)])
    replayed = replay(table)
    found = list(zip(replayed.price_sen.tolist(), replayed.lots.tolist(), strict=True))
    assert found == [twin.crossing(*curve) or (0, 0) for curve in curves_of(table)]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(side, buy_side, st.integers(0, 9))
def test_the_order_of_arrival_changes_no_curve(sells: Orders, buys: Orders, seed: int) -> None:
    mixed_sells, mixed_buys = sells[:], buys[:]
    Random(seed).shuffle(mixed_sells)
    Random(seed + 1).shuffle(mixed_buys)
    assert curves_of(one_curve(sells, buys)) == curves_of(one_curve(mixed_sells, mixed_buys))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(side, buy_side)
def test_a_curve_has_the_form_that_is_published(sells: Orders, buys: Orders) -> None:
    """J31: two rows at 0.00, the first without supply; a row at 999.00; an end row at 999.99 without demand."""
    ((price, sell, buy),) = curves_of(one_curve(sells, buys))
    assert (price[:2], price[-2:], sell[0], buy[-1]) == ([0, 0], [99_900, 99_999], 0, 0)
    assert price == sorted(price)
    assert sell == sorted(sell)
    assert buy == sorted(buy, reverse=True)
    assert (sell[-1], buy[0]) == (sum(q for _, q in sells), sum(q for _, q in buys))
    for p, s, b in zip(price[1:-1], sell[1:-1], buy[1:-1], strict=True):
        assert s == sum(q for limit, q in sells if limit <= p)
        assert b == sum(q for limit, q in buys if limit >= p)


def a_table(*books: tuple[Orders, Orders]) -> CurveTable:
    return join_curves([one_curve(sells, buys, slot) for slot, (sells, buys) in enumerate(books, 1)])


def compared(table: CurveTable, published: dict[tuple[int, int, int], PublishedPrice]) -> Comparison:
    comparison = Comparison(published)
    comparison.add(table, replay(table))
    comparison.finish()
    return comparison


CROSSING = ([(5, 10), (10, 10)], [(20, 15), (3, 10)])


def test_what_differs_is_named() -> None:
    """A wrong price, a curve nobody published, a published price without a curve, a curve that comes twice."""
    table = a_table(CROSSING, CROSSING)
    published = {
        (18_000, 1, -1): PublishedPrice((), 11, None),
        (18_000, 3, -1): PublishedPrice((), 10, None),
        (18_001, 3, -1): PublishedPrice((), 10, None),  # another day: not covered
        (18_001, 4, -1): PublishedPrice((), 10, None),
        (18_002, 4, -1): PublishedPrice((), 10, None),
    }
    comparison = Comparison(published)
    comparison.add(table, replay(table))
    comparison.add(one_curve(*CROSSING), replay(one_curve(*CROSSING)))
    comparison.finish()
    assert (comparison.equal, comparison.total, comparison.not_covered) == (0, 4, 2)
    found = [(one.key[1], one.replayed, one.published, one.what) for one in comparison.differences]
    assert found == [
        (1, 10, 11, UNEQUAL),
        (2, 10, None, NOT_PUBLISHED),
        (1, 10, None, TWICE),
        (3, None, 10, NO_CURVE),
    ]


def test_no_crossing_is_no_price_on_both_sides() -> None:
    table = a_table(([(10, 10)], [(5, 10)]))
    assert compared(table, {(18_000, 1, -1): PublishedPrice((), None, None)}).equal == 1
    assert compared(table, {(18_000, 1, -1): PublishedPrice((), 1, None)}).equal == 0


def test_the_volume_is_compared_where_one_group_holds_all_areas() -> None:
    """J34: lots of 50 kWh; a smaller group says nothing about the total."""
    table = a_table(CROSSING)
    whole = curve_table(*(np.repeat(c, np.diff(table.first)) for c in (table.day, table.slot, table.group + 1)), (
        table.price_sen, table.sell_lots, table.buy_lots))  # fmt: skip
    for areas, kwh, expected in ((tuple(Area), 750, (1, 1)), (tuple(Area), 700, (0, 1)), ((Area.TOKYO,), 700, (0, 0))):
        published = {
            (18_000, 1, -1): PublishedPrice((), 10, kwh),
            (18_000, 1, 0): PublishedPrice(areas, 10, None),
        }
        found = compared(whole, published)
        assert (found.volumes_equal, found.volumes_total) == expected


def test_a_summary_gives_each_group_the_price_of_its_areas() -> None:
    result = SpotResult(18_000, 1, 1, 1, 1, 900, (1, 2, 2, 4, 5, 6, 7, 8, 9), (None,) * 4)
    groups = [
        AreaGroup(18_000, 1, -1, ()),
        AreaGroup(18_000, 1, 0, (Area.TOHOKU, Area.TOKYO)),
        AreaGroup(18_000, 2, 0, (Area.TOHOKU, Area.TOKYO)),
    ]
    assert published_by_curve([result], groups) == {
        (18_000, 1, -1): PublishedPrice((), 900, 1),
        (18_000, 1, 0): PublishedPrice((Area.TOHOKU, Area.TOKYO), 2, None),
    }
    suspended = SpotResult(18_000, 3, None, None, None, None, (None,) * 9, (None,) * 4)
    assert published_by_curve([result, suspended], []) == {(18_000, 1, -1): PublishedPrice((), 900, 1)}


def test_groups_and_curves_of_the_same_days_belong_together() -> None:
    """J32: a system curve needs no name; groups of other days are not asked for."""
    areas = (Area.TOHOKU, Area.TOKYO)
    groups = [AreaGroup(18_000, slot, 0, areas) for slot in (1, 2)] + [AreaGroup(18_001, 1, 0, areas)]
    curves = {(18_000, slot, group) for slot in (1, 2) for group in (-1, 0)}
    assert unmatched_groups(groups, curves) == (None, None)
    assert unmatched_groups(groups[1:], curves) == ((18_000, 1, 0), None)
    assert unmatched_groups([], curves) == ((18_000, 1, 0), None)
    assert unmatched_groups(groups, curves - {(18_000, 2, 0)}) == (None, (18_000, 2, 0))
    assert unmatched_groups([AreaGroup(18_000, 1, -1, ())], {(18_000, 2, -1)}) == (None, (18_000, 1, -1))


# -------------------------------------------------------------------------------- what JEPX published


@pytest.fixture(scope="module")
def bid_curves(shared_data: Path) -> Path:
    return shared_data / "jepx" / "bid_curves"


@pytest.fixture(scope="module")
def development_days(bid_curves: Path) -> CurveTable:
    with (bid_curves / "bid_curves_dev10days.parquet").open("rb") as source:
        return join_curves(list(read_curves(source, "dev10days")))


@pytest.mark.data
def test_one_row_too_late_is_found_out(development_days: CurveTable) -> None:
    """J33: p[i] alone fails on 820 of 1,359 curves; the reference and the kernel agree on every one."""
    replayed = replay(development_days)
    curves = curves_of(development_days)
    assert [twin.crossing(*curve) for curve in curves] == list(
        zip(replayed.price_sen.tolist(), replayed.lots.tolist(), strict=True)
    )
    late = [twin.mutant(*curve) for curve in curves]
    assert sum(a != b for a, b in zip(late, replayed.price_sen.tolist(), strict=True)) == 820


@pytest.mark.data
def test_written_again_a_published_file_is_the_same(bid_curves: Path, tmp_path: Path) -> None:
    """The raw day byte for byte."""
    with (bid_curves / "raw_spot_bid_curves_20220615.csv.gz").open("rb") as source:
        tables = list(read_curves(source, "raw"))
    written = tmp_path / "written.csv"
    with written.open("wb") as sink:
        write_curves(sink, tables)
    assert written.read_bytes() == gzip.decompress((bid_curves / "raw_spot_bid_curves_20220615.csv.gz").read_bytes())


@pytest.mark.data
@pytest.mark.parametrize(
    ("curves", "groups", "total", "volumes", "not_covered"),
    [
        ("bid_curves_dev10days.parquet", [], 1_359, 69, 0),
        ("raw_spot_bid_curves_20220615.csv.gz", ["raw_spot_splitting_areas_20220615.csv"], 132, 9, 9),
    ],
)
def test_every_published_price_is_reproduced(
    curves: str,
    groups: list[str],
    total: int,
    volumes: int,
    not_covered: int,
    bid_curves: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """J33 and J34 on what was published, through the program; the list of prices may be of more days."""
    from wattmark.cli import main

    arguments = [str(bid_curves / curves), "--expected", str(bid_curves / "expected_prices_dev10days.csv.gz")]
    for name in groups:
        arguments += ["--groups", str(bid_curves / name)]
    assert main.run(["jepx", "replay", *arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["equal"], report["total"], report["differences"]) == (total, total, [])
    assert report["volumes"] == {"equal": volumes, "total": volumes, "differences": []}
    assert report["not_covered"] == not_covered
    assert report["seconds"] > 0


@pytest.mark.data
def test_a_cut_file_is_refused(bid_curves: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Curves cut mid-curve, groups cut to their header or 40 lines, groups of one day for curves of ten."""
    from wattmark.cli import main

    raw = gzip.decompress((bid_curves / "raw_spot_bid_curves_20220615.csv.gz").read_bytes()).splitlines(keepends=True)
    named = bid_curves / "raw_spot_splitting_areas_20220615.csv"
    lines = named.read_bytes().splitlines(keepends=True)
    whole, cut = tmp_path / "whole.csv", tmp_path / "cut.csv"
    header, forty = tmp_path / "header.csv", tmp_path / "forty.csv"
    for file, kept in ((whole, raw), (cut, raw[:-150]), (header, lines[:1]), (forty, lines[:40])):
        file.write_bytes(b"".join(kept))
    for curves, groups, says in (
        (cut, named, f"cut.csv, line {len(raw) - 150}, 入札価格(円/kWh) = 18.03"),
        (whole, header, "[GROUP_MISSING]"),
        (whole, forty, "[GROUP_MISSING]"),
        (bid_curves / "bid_curves_dev10days.parquet", named, "[GROUP_MISSING]"),
    ):
        words = [str(curves), "--groups", str(groups)]
        expected = str(bid_curves / "expected_prices_dev10days.csv.gz")
        assert main.run(["jepx", "replay", *words, "--expected", expected]) == 2
        assert says in capsys.readouterr().err


@pytest.mark.data
def test_a_summary_says_the_same(bid_curves: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The raw day against the exchange's own summary of that day, as published and as Parquet."""
    from wattmark.cli import main

    everything = bid_curves.parent / "jepx_spot_summary_2010-04_2025-08.parquet"
    day = pq.read_table(everything, filters=[("delivery_date", "==", datetime(2022, 6, 15))])  # noqa: DTZ001 - a column without zone
    pq.write_table(day, tmp_path / "day.parquet")
    with (tmp_path / "day.parquet").open("rb") as source, (tmp_path / "day.csv").open("wb") as sink:
        write_summary(sink, read_summary(source, "day"), "cp932")
    curves, groups = (
        str(bid_curves / name)
        for name in ("raw_spot_bid_curves_20220615.csv.gz", "raw_spot_splitting_areas_20220615.csv")
    )
    for name in ("day.parquet", "day.csv"):
        words = ["jepx", "replay", curves, "--groups", groups, "--expected", str(tmp_path / name), "--json"]
        assert main.run(words) == 0
        report = json.loads(capsys.readouterr().out)
        assert (report["equal"], report["total"]) == (132, 132)
        assert (report["volumes"]["equal"], report["volumes"]["total"]) == (9, 9)
