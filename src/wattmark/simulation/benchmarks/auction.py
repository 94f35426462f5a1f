"""The call auction: price and every order's whole lots, on the public book of one to a million bids.

The book is drawn as anybody can draw it (``numpy.random.default_rng(20210115)``), with common prices, so that
ties and rationing count. Price and quantity are checked against the values known for it: a fast wrong answer
has no figure.
"""

import time
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.market.auction_kernels import clearing_price, ration
from wattmark.simulation.benchmarks.peers import run_peer
from wattmark.simulation.benchmarks.report import Report, median_rate

Int64s = npt.NDArray[np.int64]

EXPECTED: Final = {
    1_000: (1_493, 12_925),
    10_000: (1_502, 126_334),
    100_000: (1_499, 1_263_048),
    1_000_000: (1_500, 12_630_794),
}
"""Bids -> (price [sen/kWh], lots), found independently of this code."""
TICKS: Final = 2_502
SELL_SIDE: Final = False
BUY_SIDE: Final = True
PEER_BIDS: Final = 1_000

_PYMARKET: Final = """
import json, sys, time
try:
    import numpy as np, pandas as pd
    from pymarket.mechanisms.huang_auction import huang_auction
except ImportError:
    sys.exit(77)
n = int(sys.argv[1]); h = n // 2
draw = np.random.default_rng(20210115)
sp, sq = draw.integers(500, 2501, h), draw.integers(1, 101, h)
bp, bq = draw.integers(500, 2501, h), draw.integers(1, 101, h)
frame = pd.DataFrame({"quantity": np.r_[sq, bq].astype(float), "price": np.r_[sp, bp].astype(float),
    "user": np.arange(n), "buying": np.r_[np.zeros(h, bool), np.ones(h, bool)], "time": 0.0, "divisible": True})
times = []
for _ in range(3):
    begun = time.perf_counter(); huang_auction(frame.copy()); times.append(time.perf_counter() - begun)
print(json.dumps({"rate": n / sorted(times)[1]}))
"""


def draw_book(bids: int) -> tuple[Int64s, Int64s, Int64s, Int64s]:
    """Return (sell prices, sell lots, buy prices, buy lots), half of the bids each [sen/kWh, lots]."""
    draw = np.random.default_rng(20210115)
    half = bids // 2
    sell_price, sell_lots = draw.integers(500, 2501, half), draw.integers(1, 101, half)
    buy_price, buy_lots = draw.integers(500, 2501, half), draw.integers(1, 101, half)
    return sell_price, sell_lots, buy_price, buy_lots


def clear(book: tuple[Int64s, Int64s, Int64s, Int64s]) -> tuple[int, int, Int64s, Int64s]:
    """Return (price, lots, accepted sells, accepted buys) in the order of arrival (J12-J16)."""
    sell_price, sell_lots, buy_price, buy_lots = book
    sell_order = np.argsort(sell_price, kind="stable")
    buy_order = np.argsort(-buy_price, kind="stable")
    sells = sell_price[sell_order], sell_lots[sell_order]
    buys = buy_price[buy_order], buy_lots[buy_order]
    price, total = clearing_price(*sells, *buys)
    sold, bought = np.zeros_like(sell_lots), np.zeros_like(buy_lots)
    accepted = np.empty_like(sell_lots)
    ration(*sells, price, total, SELL_SIDE, accepted)
    sold[sell_order] = accepted
    ration(*buys, price, total, BUY_SIDE, accepted)
    bought[buy_order] = accepted
    return int(price), int(total), sold, bought


def numpy_clear(book: tuple[Int64s, Int64s, Int64s, Int64s]) -> tuple[int, int]:
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


def tick_buckets(book: tuple[Int64s, Int64s, Int64s, Int64s]) -> tuple[int, int]:
    """Return (price, lots) by one pass over the bids into tick buckets: the least work for a price alone."""
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
    sizes = [size for size in EXPECTED if size <= (10_000 if quick else 1_000_000)]
    clear(draw_book(1_000))  # compile
    cases = []
    rate = limit = 0.0
    peers = {}
    for size in sizes:
        book = draw_book(size)
        price, lots, sold, bought = clear(book)
        assert (price, lots) == numpy_clear(book) == tick_buckets(book) == EXPECTED[size]
        assert int(sold.sum()) == int(bought.sum()) == lots
        rate = median_rate(size, partial(clear, book))
        limit = median_rate(size, partial(tick_buckets, book))
        peers["numpy sort, price only"] = median_rate(size, partial(numpy_clear, book))
        cases.append({"bids": size, "price_sen_per_kwh": price, "lots": lots, "seconds": round(size / rate, 6)})
    if (peer := run_peer(_PYMARKET, str(PEER_BIDS))) is not None:
        peers[f"pymarket huang, {PEER_BIDS} bids"] = peer["rate"]
    return Report(
        bench="auction",
        figure=rate,
        unit="bids/s",
        limit=limit,
        limit_is="one pass of the bids into tick buckets, price only (numpy)",
        peers=peers,
        seconds=time.perf_counter() - begun,
        detail={"cases": cases},
    )
