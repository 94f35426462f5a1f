"""Block bids: hundreds of blocks over a day of 48 auctions, in one area and in Japan's nine, and against the best choice.

The figure is the search of J25 over 500 blocks and half a million hourly orders in one area. The limit is the least that
anybody must do: clear all 48 periods once, without a search. One peer clears every period again for each decision
the search makes, which is what it costs not to know that a block is a shift of a curve; the other is HiGHS, which
proves the best choice of a day that is small enough.
"""

import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from wattmark.core.clock import cpu_seconds
from wattmark.market import layout as m
from wattmark.market.blocks import MIN_SLOTS, Block, check_blocks
from wattmark.market.blocks_best import best_selection, size_of
from wattmark.market.blocks_book import BlockBook, BlockTable
from wattmark.market.blocks_coupled import CoupledAreas
from wattmark.market.blocks_market import HourlyOrders, SeparateAreas
from wattmark.market.blocks_search import BlockResult, result_of, search
from wattmark.market.coupling import JAPAN_PAIRS, japan_links
from wattmark.simulation.benchmarks.report import Report, median_rate, seconds_of, significant

SEED: Final = 20210115
PERIODS: Final = 48
AREAS: Final = 9
ORDERS: Final = 10_000
"""Hourly orders per period and area."""
BLOCKS: Final = 500
SMALL_BLOCKS: Final = 40
"""Blocks of the day whose best choice is proven."""
LOT_WH: Final = 50_000
MARKET_SHARE: Final = 0.02
HIGH_SEN: Final = 99_900


@dataclass(frozen=True, slots=True)
class Day:
    """Hourly orders and blocks of a day."""

    orders: HourlyOrders
    blocks: list[Block]


def draw_day(draw: np.random.Generator, areas: int, orders: int, blocks: int) -> Day:
    """Return a day: orders around 15 JPY/kWh, dearer to the south, and blocks of 4 to 20 periods."""
    count = PERIODS * areas * orders
    area = np.tile(np.repeat(np.arange(1, areas + 1), orders), PERIODS)
    side = draw.integers(m.BUY, m.SELL + 1, count)
    market = draw.random(count) < MARKET_SHARE
    price = draw.integers(500, 2_500, count) + 20 * area
    price = np.where(market, np.where(side == m.BUY, HIGH_SEN, 0), price)
    quantity = draw.integers(1, 101, count) * LOT_WH
    period = np.repeat(np.arange(1, PERIODS + 1), areas * orders)
    found = []
    for number in range(blocks):
        first = int(draw.integers(1, PERIODS - MIN_SLOTS + 2))
        last = min(PERIODS, first + MIN_SLOTS - 1 + int(draw.integers(0, 17)))
        wh = draw.integers(1, 101, last - first + 1) * LOT_WH * max(1, orders // 100)
        slots = tuple(zip(range(first, last + 1), wh.tolist(), strict=True))
        limit = int(draw.integers(900, 2_100))
        found.append(Block(number, int(draw.integers(1, 3)), limit, slots, int(draw.integers(1, areas + 1))))
    return Day(HourlyOrders(period, area, side, price, quantity, market), found)


def one_area(day: Day) -> tuple[BlockTable, SeparateAreas]:
    """Return the blocks and the market of a day in one area."""
    check_blocks(day.blocks)
    market = SeparateAreas(day.orders, (1,), tuple(range(1, PERIODS + 1)))
    return BlockTable.of(day.blocks, market), market


def nine_areas(day: Day, orders: int) -> tuple[BlockResult, float]:
    """Return the result of a day in nine coupled areas, and the CPU seconds it took from orders to fills."""
    begun = cpu_seconds()
    capacity = {pair: orders * 400_000 for a, b in JAPAN_PAIRS for pair in ((a, b), (b, a))}
    market = CoupledAreas(day.orders, AREAS, tuple(range(1, PERIODS + 1)), [japan_links(capacity)] * PERIODS)
    result = result_of(search(BlockTable.of(day.blocks, market), market))
    return result, cpu_seconds() - begun


def run(*, quick: bool) -> Report:
    """Return the report; ``quick`` takes 200 orders per period and fewer blocks."""
    begun = time.perf_counter()
    draw = np.random.default_rng(SEED)
    orders, blocks = (200, 60) if quick else (ORDERS, BLOCKS)
    day = draw_day(draw, 1, orders, blocks)
    table, market = one_area(day)
    book = search(table, market)
    result = result_of(book)  # compiled now; and every period is cleared by the auction itself and compared
    nothing = np.zeros((1, PERIODS), np.int64)
    clearing = min(seconds_of(lambda: market.fill(nothing, nothing)) for _ in range(3))
    small = draw_day(draw, 1, 200, 12 if quick else SMALL_BLOCKS)
    small_table, small_market = one_area(small)
    rule = search(small_table, small_market)
    at = cpu_seconds()
    best = best_selection(small_table, small_market, rule)
    best_seconds = cpu_seconds() - at
    assert best.surplus >= rule.surplus()
    assert BlockBook(small_table, small_market, best.book.accepted).holds()
    nine_areas(draw_day(draw, AREAS, 20, 5), 20)  # compile
    japan, japan_seconds = nine_areas(draw_day(draw, AREAS, orders, blocks), orders)
    return Report(
        bench="blocks",
        figure=median_rate(blocks, lambda: search(table, market)),
        unit="blocks/s",
        limit=blocks / clearing,
        limit_is="clearing all 48 periods once with the auction, without any search",
        peers={
            "clearing all periods for each decision": blocks / (clearing * book.decisions),
            "HiGHS, the best choice proven": len(small.blocks) / best_seconds,
        },
        seconds=time.perf_counter() - begun,
        detail={
            "hourly_orders": len(day.orders.side),
            "blocks": blocks,
            "accepted": len(result.accepted),
            "rejected_in_the_money": len(result.paradoxically_rejected),
            "decisions": book.decisions,
            "periods_priced": result.priced,
            "best": {
                "blocks": len(small.blocks),
                "choices": size_of(small_table, small_market),
                "proven": best.proven,
                "cpu_seconds": significant(best_seconds),
                "surplus_above_the_rule": best.surplus - rule.surplus(),
            },
            "nine_areas": {
                "hourly_orders": PERIODS * AREAS * orders,
                "blocks": blocks,
                "accepted": len(japan.accepted),
                "rejected_in_the_money": len(japan.paradoxically_rejected),
                "cpu_seconds": significant(japan_seconds),
            },
        },
    )
