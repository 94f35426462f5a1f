"""Market splitting: a month of hourly auctions over seven coupled zones, and a day of Japan's nine areas.

The month is drawn from a seed: a long country like Italy, six zones in a chain and an island tied to two of them,
535,680 curve steps, limits that bind in most hours. Every result is checked by its certificate, and a sample of the
surpluses by a linear programme, which is also the peer: what the same auctions cost a solver that is told nothing of
their shape. The limit is the least that anybody must do who is given steps in no order: sort each area's steps by
price and sum them up, once. The day is 48 periods of nine areas with 10,000 orders each, with whole units for every
order.
"""

import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from wattmark.core.clock import cpu_seconds
from wattmark.market.coupling import JAPAN_PAIRS, Coupled, Links, Steps, couple, japan_links
from wattmark.market.coupling_check import verify_coupled
from wattmark.simulation.benchmarks.report import Report, median_rate, significant

SEED: Final = 20250401
ZONES: Final = 7
ZONE_PAIRS: Final = ((1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (2, 7), (3, 7))
"""North, centre-north, centre-south, south, toe, the island at the end of the chain; the other island."""
SUPPLY: Final = (30, 7, 9, 12, 5, 4, 3)
"""What stands in each zone [hundred units]."""
DEMAND: Final = (32, 6, 9, 5, 1, 3, 2)
CAPACITY: Final = (330, 280, 380, 160, 130, 30, 50)
"""Usual limit of each pair, either way [units]."""
SELLS: Final = 72
BUYS: Final = 34.28
"""Steps per zone and hour, on average: 744 steps per auction."""
HOURS: Final = 720
PERIODS: Final = 48
AREAS: Final = 9
ORDERS_PER_AREA: Final = 10_000
SAMPLE: Final = 60
"""One auction of so many is also solved as a linear programme."""


@dataclass(frozen=True, slots=True)
class Auction:
    """What one auction is given."""

    steps: Steps
    links: Links
    areas: int


def draw_hour(draw: np.random.Generator, hour: int) -> Auction:
    """Return an hour of the month: sun by day, demand by the clock, plants in price clusters, limits that vary."""
    clock = hour % 24
    sun = max(0.0, np.sin((clock - 6) / 12 * np.pi)) * draw.uniform(0.4, 1.0)
    load = 0.75 + 0.2 * np.sin((clock - 4) / 24 * 2 * np.pi) + 0.1 * (clock in (19, 20, 21)) + draw.normal(0, 0.03)
    parts = []
    for zone in range(1, ZONES + 1):
        sells, buys = draw.poisson(SELLS), draw.poisson(BUYS)
        cluster = draw.choice([1, 3_500, 5_500, 8_000, 12_000], sells, p=[0.3, 0.15, 0.3, 0.2, 0.05])
        price = np.where(cluster == 1, 1, cluster + (draw.normal(0, 0.08, sells) * cluster).astype(np.int64))
        size = draw.integers(10, 1_000, sells) * np.where((cluster == 1) & (zone > 3), 0.3 + 1.6 * sun, 1.0)
        size = np.maximum(1, size * SUPPLY[zone - 1] * 100 / (SELLS * 505)).astype(np.int64)
        parts.append((price // 10 * 10 + 1, size, np.full(sells, 2), np.full(sells, zone)))
        wish = np.where(draw.random(buys) < 0.6, 0, draw.integers(1_000, 15_000, buys))
        amount = draw.integers(10, 1_000, buys) * DEMAND[zone - 1] * 100 * load / (BUYS * 505)
        parts.append((wish, np.maximum(1, amount).astype(np.int64), np.ones(buys, np.int64), np.full(buys, zone)))
    columns = [np.concatenate([part[at] for part in parts]).astype(np.int64) for at in range(4)]
    order = draw.permutation(len(columns[0]))
    usual = np.repeat(np.array(CAPACITY), 2) * draw.uniform(0.6, 1.4, 2 * len(ZONE_PAIRS))
    ends = np.array([pair for a, b in ZONE_PAIRS for pair in ((a, b), (b, a))], np.int64)
    links = Links(ends[:, 0].copy(), ends[:, 1].copy(), usual.astype(np.int64))
    return Auction(Steps(*(column[order] for column in columns)), links, ZONES)


def draw_period(draw: np.random.Generator, orders: int) -> Auction:
    """Return one period of Japan's nine areas, ``orders`` in each: common prices, market orders, limits that bind."""
    area = np.repeat(np.arange(1, AREAS + 1), orders)
    side = draw.integers(1, 3, area.size)
    price = draw.integers(500, 2_501, area.size) + draw.integers(0, 300, AREAS + 1)[area]
    price[draw.random(area.size) < 0.02] = 0
    free = {pair: int(draw.integers(0, 3 * orders)) for a, b in JAPAN_PAIRS for pair in ((a, b), (b, a))}
    order = draw.permutation(area.size)
    columns = (price, draw.integers(1, 101, area.size), side, area)
    return Auction(Steps(*(column[order] for column in columns)), japan_links(free), AREAS)


def clear_all(auctions: list[Auction]) -> list[Coupled]:
    """Return the results of auctions, one after the other."""
    return [couple(one.steps, one.links, areas=one.areas) for one in auctions]


def check_all(auctions: list[Auction], results: list[Coupled]) -> None:
    """Raise unless every result has its certificate."""
    for one, result in zip(auctions, results, strict=True):
        verify_coupled(one.steps, one.links, result, areas=one.areas)


def sort_and_sum(auctions: list[Auction]) -> int:
    """Sort the steps of each area and side by price and sum them up, once: the limit."""
    total = 0
    for one in auctions:
        order = np.lexsort((one.steps.price_sen, one.steps.side, one.steps.area))
        total += int(np.cumsum(one.steps.quantity[order])[-1])
    return total


def solve(auction: Auction) -> int:
    """Return the greatest surplus of an auction as a linear programme finds it (HiGHS), rounded to whole units."""
    # The plain class is the silent one: highspy.Highs writes to standard output before any option can be set.
    from highspy import _core as highs  # noqa: PLC0415 - the peer, and a quarter of a second

    steps, links = auction.steps, auction.links
    stands = np.where((steps.price_sen == 0) & (steps.side == 1), 99_900, steps.price_sen)
    buys = steps.side == 1
    count, arcs = len(stands), len(links.capacity)
    programme = highs.HighsLp()
    programme.num_col_, programme.num_row_ = count + arcs, auction.areas
    programme.col_cost_ = np.concatenate((np.where(buys, -stands, stands), np.zeros(arcs))).astype(float)
    programme.col_lower_ = np.zeros(count + arcs)
    programme.col_upper_ = np.concatenate((steps.quantity, links.capacity)).astype(float)
    programme.row_lower_ = programme.row_upper_ = np.zeros(auction.areas)
    programme.a_matrix_.format_ = highs.MatrixFormat.kColwise
    ends = np.stack((links.from_area - 1, links.to_area - 1), axis=1)
    signs = np.tile([-1.0, 1.0], arcs)
    programme.a_matrix_.start_ = np.concatenate((np.arange(count), count + 2 * np.arange(arcs + 1))).astype(np.int32)
    programme.a_matrix_.index_ = np.concatenate((steps.area - 1, ends.ravel())).astype(np.int32)
    programme.a_matrix_.value_ = np.concatenate((np.where(buys, -1.0, 1.0), signs))
    solver = highs._Highs()  # noqa: SLF001 - see above
    solver.setOptionValue("output_flag", False)  # noqa: FBT003 - the option's value
    solver.setOptionValue("threads", 1)
    solver.passModel(programme)
    solver.run()
    return round(-solver.getObjectiveValue())


def peer_rates(auctions: list[Auction], results: list[Coupled]) -> dict[str, float]:
    """Return auctions per second of the solver on a sample; it must find our surplus."""
    sample = list(zip(auctions, results, strict=True))[:: max(1, min(SAMPLE, len(auctions) // 4))]
    solve(auctions[0])  # load
    begun = cpu_seconds()
    surpluses = [solve(auction) for auction, _ in sample]
    rate = len(sample) / (cpu_seconds() - begun)
    assert surpluses == [result.surplus for _, result in sample]
    return {"HiGHS, linear programme": rate}


def run(*, quick: bool) -> Report:
    """Return the report; ``quick`` takes a day of hours and two small periods."""
    begun = time.perf_counter()
    draw = np.random.default_rng(SEED)
    month = [draw_hour(draw, hour) for hour in range(24 if quick else HOURS)]
    clear_all(month[:1])  # compile
    results = clear_all(month)
    check_all(month, results)
    before = cpu_seconds()
    clear_all(month)
    month_cpu = cpu_seconds() - before
    rate = median_rate(len(month), partial(clear_all, month))
    limit = median_rate(len(month), partial(sort_and_sum, month))
    prices = Counter(len(set(result.prices_sen)) for result in results)
    day, day_cpu, day_seconds, day_split, orders = 2 if quick else PERIODS, 0.0, 0.0, 0, 0
    for _ in range(day):
        auction = draw_period(draw, 1_000 if quick else ORDERS_PER_AREA)
        at, cpu = time.perf_counter(), cpu_seconds()
        cleared = clear_all([auction])
        day_cpu, day_seconds = day_cpu + cpu_seconds() - cpu, day_seconds + time.perf_counter() - at
        check_all([auction], cleared)
        day_split += cleared[0].split
        orders += len(auction.steps.quantity)
    return Report(
        bench="coupling",
        figure=rate,
        unit="auctions/s",
        limit=limit,
        limit_is="sorting each auction's steps by area, side and price and summing them once (numpy)",
        peers=peer_rates(month, results),
        seconds=time.perf_counter() - begun,
        detail={
            "auctions": len(month),
            "steps": sum(len(one.steps.quantity) for one in month),
            "zones": ZONES,
            "cpu_seconds": significant(month_cpu),
            "certificates": len(results) + day,
            "split": sum(result.split for result in results),
            "auctions_by_number_of_prices": {str(key): prices[key] for key in sorted(prices)},
            "day": {
                "periods": day,
                "areas": AREAS,
                "orders": orders,
                "split": day_split,
                "seconds": significant(day_seconds),
                "cpu_seconds": significant(day_cpu),
            },
        },
    )
