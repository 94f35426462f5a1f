"""Continuous trading: orders and cancels per second through the state machine, on a public stream.

The stream is ``random.Random(7)``: buy with probability 1/2, a price of 1,400 to 1,600 sen/kWh, 1 to 100 Wh, and
with probability 1/10 a cancel of the order five earlier. Ours does more than a book: each order is checked and
reserved against cash or numbered tokens, each fill moves serials and money, each command is idempotent. The
volume traded must equal that of a plain-Python book of price and time.
"""

import heapq
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from wattmark.engine import layout as e
from wattmark.engine.apply import apply
from wattmark.engine.commands import Kind, Words
from wattmark.market import layout as m
from wattmark.simulation.benchmarks.peers import run_peer
from wattmark.simulation.benchmarks.report import Report, median_rate, seconds_of
from wattmark.simulation.benchmarks.world import FIRST_TRADER, LOT_WH, NOW_MS, TRADERS, lot_of, market

BATCH: Final = 8_192
ORDERS: Final = 400_000
QUICK_ORDERS: Final = 20_000
PEER_ORDERS: Final = 50_000
SLOW_PEER_ORDERS: Final = 2_000

_STREAM: Final = """
import json, random, sys, time
def stream(n):
    draw = random.Random(7)
    for i in range(n):
        yield i, draw.random() < .5, draw.randint(1400, 1600), draw.randint(1, 100), draw.random() < .1
events = list(stream(int(sys.argv[1])))
cancels = sum(1 for i, _, _, _, cancel in events if cancel and i >= 5)
"""
_LIGHT: Final = (
    _STREAM
    + """
try:
    from lightmatchingengine.lightmatchingengine import LightMatchingEngine, Side
except ImportError:
    sys.exit(77)
engine, placed, traded = LightMatchingEngine(), [], 0
begun = time.perf_counter()
for i, buys, price, quantity, cancel in events:
    order, trades = engine.add_order("X", price, quantity, Side.BUY if buys else Side.SELL)
    placed.append(order)
    traded += sum(trade.trade_qty for trade in trades)
    if cancel and i >= 5 and placed[i - 5].leaves_qty > 0:
        engine.cancel_order(placed[i - 5].order_id, "X")
print(json.dumps({"rate": (len(events) + cancels) / (time.perf_counter() - begun), "traded": traded}))
"""
)
_ORDER_MATCHING: Final = (
    _STREAM
    + """
try:
    from datetime import datetime, timedelta
    from loguru import logger
    logger.remove()
    from order_matching.enums import Side
    from order_matching.matching_engine import MatchingEngine
    from order_matching.order import LimitOrder
    from order_matching.orders import Orders
except ImportError:
    sys.exit(77)
engine, first = MatchingEngine(seed=1), datetime(2026, 1, 1)
begun = time.perf_counter()
for i, buys, price, quantity, cancel in events:
    at = first + timedelta(seconds=i)
    engine.place(Orders([LimitOrder(side=Side.BUY if buys else Side.SELL, price=price, size=quantity,
        timestamp=at, order_id=str(i), trader_id="x")]))
    engine.match(timestamp=at)
    if cancel and i >= 5 and engine.unprocessed_orders.find_order_by_id(str(i - 5)) is not None:
        engine.cancel_order(str(i - 5))
print(json.dumps({"rate": (len(events) + cancels) / (time.perf_counter() - begun)}))
"""
)


@dataclass(frozen=True, slots=True)
class Event:
    """One order of the stream, and whether the order five earlier is cancelled after it."""

    buys: bool
    price: int
    quantity: int
    cancels: bool


def stream(orders: int) -> list[Event]:
    """Return the public stream."""
    draw = random.Random(7)
    return [
        Event(draw.random() < 0.5, draw.randint(1400, 1600), draw.randint(1, 100), draw.random() < 0.1 and i >= 5)
        for i in range(orders)
    ]


def records(events: list[Event]) -> Words:
    """Return the stream as command records int64[n, 16]; sellers sell from the back of their lot."""
    rows = np.zeros((len(events) + sum(event.cancels for event in events), e.COMMAND_WORDS), np.int64)
    left = dict.fromkeys(range(TRADERS), LOT_WH)
    actors: list[int] = []
    at = 0
    for number, event in enumerate(events):
        trader = 2 * (number % (TRADERS // 2)) + (0 if event.buys else 1)
        actors.append(FIRST_TRADER + trader)
        fields = (0, m.BUY, event.price, event.quantity, 0, 0, 0)
        if not event.buys:
            left[trader] -= event.quantity
            fields = (0, m.SELL, event.price, event.quantity, lot_of(trader), left[trader], 0)
        rows[at, : e.W_FIELDS] = number + 1, 0, Kind.PLACE_ORDER | actors[number] << e.ACTOR_SHIFT
        rows[at, e.W_FIELDS : e.W_FIELDS + len(fields)] = fields
        at += 1
        if event.cancels:
            head = Kind.CANCEL | actors[number - 5] << e.ACTOR_SHIFT
            rows[at, : e.W_FIELDS + 1] = len(events) + number + 1, 0, head, number - 4
            at += 1
    return rows


def plain_book(events: list[Event]) -> int:
    """Return the Wh traded by a book of two heaps and a dictionary: what pure Python can do."""
    buys: list[list[int]] = []
    sells: list[list[int]] = []
    placed: list[list[int]] = []
    traded = 0
    for number, event in enumerate(events):
        mine, others = (buys, sells) if event.buys else (sells, buys)
        order = [-event.price if event.buys else event.price, number, event.quantity]
        while order[2] and others:
            best = others[0]
            if not best[2]:
                heapq.heappop(others)
                continue
            if order[0] + best[0] > 0:
                break
            quantity = min(order[2], best[2])
            order[2] -= quantity
            best[2] -= quantity
            traded += quantity
        if order[2]:
            heapq.heappush(mine, order)
        placed.append(order)
        if event.cancels:
            placed[number - 5][2] = 0
    return traded


def batches(rows: Words) -> Iterator[Words]:
    """Yield the records in batches of at most 8,192."""
    for first in range(0, len(rows), BATCH):
        yield rows[first : first + BATCH]


def trade(rows: Words) -> tuple[float, int, int]:
    """Return (seconds, Wh traded, trades) of the records on a fresh market."""
    state = market(m.MODE_CONTINUOUS)
    traded = trades = 0
    begun = time.perf_counter()
    for batch in batches(rows):
        applied = apply(state, batch, NOW_MS)
        trades += len(applied.trades)
        traded += int(applied.trades[:, m.T_QUANTITY_WH].sum())
    return time.perf_counter() - begun, traded, trades


def run(*, quick: bool) -> Report:
    """Return the report; ``quick`` uses 20,000 orders instead of 400,000."""
    begun = time.perf_counter()
    events = stream(QUICK_ORDERS if quick else ORDERS)
    rows = records(events)
    trade(rows[:100])  # compile
    runs = [trade(rows) for _ in range(3)]
    seconds, traded, trades = sorted(runs)[1]
    scattered = np.random.default_rng(7).permutation(len(rows))
    table = np.zeros_like(rows)

    def store() -> None:
        table[scattered] = rows

    expected: list[int] = []
    plain_seconds = seconds_of(lambda: expected.append(plain_book(events)))
    assert traded == expected[0], (traded, expected)
    peers = {"plain Python heaps, no accounts": len(rows) / plain_seconds}
    peer_orders = QUICK_ORDERS if quick else PEER_ORDERS
    if (peer := run_peer(_LIGHT, str(peer_orders))) is not None:
        peers[f"lightmatchingengine, {peer_orders} orders"] = peer["rate"]
    if (peer := run_peer(_ORDER_MATCHING, str(SLOW_PEER_ORDERS))) is not None:
        peers[f"order-matching, {SLOW_PEER_ORDERS} orders"] = peer["rate"]
    return Report(
        bench="book",
        figure=len(rows) / seconds,
        unit="orders and cancels/s",
        limit=median_rate(len(rows), store),
        limit_is="storing the same 128-byte records at random rows of a table (numpy)",
        peers=peers,
        seconds=time.perf_counter() - begun,
        detail={
            "orders": len(events),
            "cancels": len(rows) - len(events),
            "trades": trades,
            "traded_wh": traded,
            "batch": BATCH,
        },
    )
