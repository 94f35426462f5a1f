"""The call auction: price and every order's whole lots, on the public book of one to a million bids.

The book is drawn as anybody can draw it (``numpy.random.default_rng(20210115)``), with common prices, so that
ties and rationing count. Price and quantity are checked against the values known for it: a fast wrong answer
has no figure. The limit is one pass over the memory concerned: every column read once, every result written once.

Beside it: the passes of the kernel one by one, the worst book (all orders at one price, of quantities whose products
have 120 bits), one table of both sides in mixed order, a day of 48 periods in nine areas, and the same book in the
ledger (``auction_ledger.py``).
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.market import auction
from wattmark.market import auction_kernels as kernels
from wattmark.market import layout as m
from wattmark.simulation.benchmarks import auction_ledger
from wattmark.simulation.benchmarks.auction_peers import run_peers
from wattmark.simulation.benchmarks.report import Report, median_rate, significant

Int64s = npt.NDArray[np.int64]
Book = tuple[Int64s, Int64s, Int64s, Int64s]

EXPECTED: Final = {
    1_000: (1_493, 12_925),
    10_000: (1_502, 126_334),
    100_000: (1_499, 1_263_048),
    1_000_000: (1_500, 12_630_794),
}
"""Bids -> (price [sen/kWh], lots), found independently of this code."""
QUICK_BIDS: Final = 10_000
TICKS: Final = 2_502
ALL_TICKS: Final = 99_900
PERIODS: Final = 48
AREAS: Final = 9
ORDERS_PER_AREA: Final = 10_000
LARGE: Final = 1 << 40
NOTHING: Final = 0


def draw_book(bids: int) -> Book:
    """Return (sell prices, sell lots, buy prices, buy lots), half of the bids each [sen/kWh, lots]."""
    draw = np.random.default_rng(20210115)
    half = bids // 2
    sell_price, sell_lots = draw.integers(500, 2501, half), draw.integers(1, 101, half)
    buy_price, buy_lots = draw.integers(500, 2501, half), draw.integers(1, 101, half)
    return sell_price, sell_lots, buy_price, buy_lots


def clear(book: Book) -> tuple[int, int, Int64s, Int64s]:
    """Return (price, lots, accepted sells, accepted buys) in the order of arrival (J12-J17)."""
    cleared = auction.clear(*book)
    return cleared.price_sen or NOTHING, cleared.quantity, cleared.sold, cleared.bought


def memory_pass(book: Book) -> int:
    """Read every column once and write every result once: what no auction can do without."""
    for column in (book[1], book[3]):
        np.empty_like(column).fill(1)
    return sum(int(column.sum()) for column in book)


def numpy_clear(book: Book) -> tuple[int, int]:
    """Return (price, lots) with nothing but numpy: sort, cumulate, search; no order's own lots."""
    sell_price, sell_lots, buy_price, buy_lots = book
    sell_order, buy_order = np.argsort(sell_price), np.argsort(buy_price)
    supply, demand = np.cumsum(sell_lots[sell_order]), np.cumsum(buy_lots[buy_order])
    ticks = np.unique(np.concatenate((sell_price, buy_price)))
    at_most = np.searchsorted(sell_price[sell_order], ticks, "right")
    offered = np.where(at_most > 0, supply[at_most - 1], 0)
    below = np.searchsorted(buy_price[buy_order], ticks, "left")
    above = np.searchsorted(buy_price[buy_order], ticks, "right")
    wanted = demand[-1] - np.where(below > 0, demand[below - 1], 0)
    wanted_above = demand[-1] - np.where(above > 0, demand[above - 1], 0)
    at = int(np.argmax(offered >= wanted_above))
    return int(ticks[at]), int(min(offered[at], wanted[at]))


def tick_buckets(book: Book) -> tuple[int, int]:
    """Return (price, lots) by one pass over the bids into tick buckets: the least work for a price alone in numpy."""
    sell_price, sell_lots, buy_price, buy_lots = book
    offered = np.cumsum(np.bincount(sell_price, sell_lots, TICKS).astype(np.int64))
    at_tick = np.bincount(buy_price, buy_lots, TICKS).astype(np.int64)
    wanted = np.cumsum(at_tick[::-1])[::-1]
    asked = np.bincount(np.concatenate((sell_price, buy_price)), minlength=TICKS) > 0
    at = int(np.argmax(asked & (offered >= wanted - at_tick)))
    return at, int(min(offered[at], wanted[at]))


def run(*, quick: bool) -> Report:
    """Return the report; ``quick`` stops at 10,000 bids instead of a million."""
    begun = time.perf_counter()
    sizes = [size for size in EXPECTED if size <= (QUICK_BIDS if quick else max(EXPECTED))]
    clear(draw_book(min(EXPECTED)))  # compile
    cases = [_case(size) for size in sizes]
    largest = cases[-1]
    others = run_peers(sizes, EXPECTED)
    ours = {case["bids"]: case["seconds"] for case in cases}
    peers = {f"{found.peer}, {found.bids} bids": found.bids / found.seconds for found in others}
    peers |= {name: largest["bids"] / largest[name] for name in (SORTED, BUCKETS)}
    return Report(
        bench="auction",
        figure=largest["bids"] / largest["seconds"],
        unit="bids/s",
        limit=largest["bids"] / largest["memory pass"],
        limit_is="every column read once and every result written once",
        peers=peers,
        seconds=time.perf_counter() - begun,
        detail={
            "cases": [{name: _rounded(value) for name, value in case.items()} for case in cases],
            "peers": [
                found.to_dict() | {"times_ours": significant(found.seconds / ours[found.bids])} for found in others
            ],
            "passes_s": _passes(sizes[-1]),
            "books_s": _books(sizes[-1]),
            "day": _day(PERIODS // 8 if quick else PERIODS),
            "ledger": auction_ledger.measure(draw_book(sizes[-1]), EXPECTED[sizes[-1]]),
        },
    )


SORTED: Final = "numpy sort, price only"
BUCKETS: Final = "numpy tick buckets, price only"


def _case(bids: int) -> dict[str, float]:
    """Return one size: price, lots, and seconds of ours, of the memory pass and of a price alone in numpy."""
    book = draw_book(bids)
    price, lots, sold, bought = clear(book)
    assert (price, lots) == numpy_clear(book) == tick_buckets(book) == EXPECTED[bids]
    assert int(sold.sum()) == int(bought.sum()) == lots
    found: dict[str, float] = {"bids": bids, "price_sen_per_kwh": price, "lots": lots}
    for name, work in (
        ("seconds", clear),
        ("memory pass", memory_pass),
        (BUCKETS, tick_buckets),
        (SORTED, numpy_clear),
    ):
        found[name] = 1 / median_rate(1, partial(work, book))
    found["times_memory_pass"] = found["seconds"] / found["memory pass"]
    return found


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else significant(value)


def _passes(bids: int) -> dict[str, float]:
    """Return the seconds of the kernel's passes, each over both sides."""
    book = draw_book(bids)
    price, lots = EXPECTED[bids]
    sides = np.empty(0, np.int8)
    digits = np.empty((2, kernels.DIGITS), np.int64)
    nobody, always = np.empty(0, np.bool_), np.empty(0, np.int64)
    rows, accepted = np.empty_like(book[0]), np.empty_like(book[0])

    def both(work: Callable[[Int64s, Int64s, npt.NDArray[np.int8], int], None]) -> None:
        work(book[0], book[1], sides, m.SELL)
        work(book[2], book[3], sides, m.BUY)

    def accept(prices: Int64s, quantities: Int64s, none: npt.NDArray[np.int8], side: int) -> None:
        kernels.accept_side(prices, quantities, none, side, price, accepted, rows)

    def ration(prices: Int64s, quantities: Int64s, none: npt.NDArray[np.int8], side: int) -> None:
        kernels.ration_side(prices, quantities, none, side, nobody, always, price, lots, accepted, digits[0])

    work = {
        "find the tick": partial(kernels.find_tick, *book, sides, TICKS, 1, digits),
        "accept or not": partial(both, accept),
        "accept or not, and ration": partial(both, ration),
    }
    return {name: significant(1 / median_rate(1, one)) for name, one in work.items()}


def _books(bids: int) -> dict[str, float]:
    """Return the seconds of other books of that size, each checked by its sums."""
    draw = np.random.default_rng(7)
    half = bids // 2
    sell_price, sell_lots, buy_price, buy_lots = draw_book(bids)
    wide = [draw.integers(1, ALL_TICKS + 1, half) for _ in range(2)]
    large = [draw.integers(LARGE // 2, LARGE, half) for _ in range(2)]
    same = np.full(half, 1_500)
    books: dict[str, Book] = {
        "99,900 ticks": (wide[0], sell_lots, wide[1], buy_lots),
        "one price": (same, sell_lots, same, buy_lots),
        "one price, quantities of 40 bits": (same, large[0], same, large[1]),
    }
    found = {}
    for name, book in books.items():
        _, lots, sold, bought = clear(book)
        assert int(sold.sum()) == int(bought.sum()) == lots > 0
        found[name] = significant(1 / median_rate(1, partial(clear, book)))
    mixed = draw.permutation(2 * half)
    prices, sizes = np.concatenate((sell_price, buy_price))[mixed], np.concatenate((sell_lots, buy_lots))[mixed]
    side = np.repeat(np.array([m.SELL, m.BUY], np.int8), half)[mixed]
    work = partial(auction.clear_orders, prices, sizes, side, arrival=mixed)
    assert (work().price_sen, work().quantity) == EXPECTED[bids]
    found["one table, mixed, with arrivals"] = significant(1 / median_rate(1, work))
    return found


def _day(periods: int) -> dict[str, float]:
    """Return the seconds of a day's auctions of nine areas that each clear alone, every order with its lots."""
    draw = np.random.default_rng(1)
    shape = periods, AREAS, ORDERS_PER_AREA // 2
    prices = [draw.integers(500, 2_501, shape) for _ in range(2)]
    lots = [draw.integers(1, 101, shape) for _ in range(2)]

    def clear_all() -> int:
        total = 0
        for period in range(periods):
            for area in range(AREAS):
                at = period, area
                total += auction.clear(prices[0][at], lots[0][at], prices[1][at], lots[1][at]).quantity
        return total

    traded = clear_all()
    return {
        "auctions": periods * AREAS,
        "orders": periods * AREAS * ORDERS_PER_AREA,
        "lots": traded,
        "seconds": significant(1 / median_rate(1, clear_all)),
    }
