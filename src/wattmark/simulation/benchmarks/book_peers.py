"""Other projects' books on the public stream, each in a process and an environment of its own.

The stream is ``random.Random(7)``: buy with probability 1/2, a price of 1,400 to 1,600, a quantity of 1 to 100, and with
probability 1/10 a cancel of the order five earlier, where it still rests. Each script prints its rate and, where the
project tells it, what was traded, which must be what everybody else trades.
"""

from dataclasses import dataclass
from typing import Final

from wattmark.simulation.benchmarks.peers import run_peer
from wattmark.simulation.benchmarks.report import significant

_STREAM: Final = """
import json, random, sys, time
def stream(n):
    draw = random.Random(7)
    for i in range(n):
        yield i, draw.random() < .5, draw.randint(1400, 1600), draw.randint(1, 100), draw.random() < .1
events = list(stream(int(sys.argv[1])))
cancels = sum(1 for i, _, _, _, cancel in events if cancel and i >= 5)
def told(begun, traded):
    print(json.dumps({"rate": (len(events) + cancels) / (time.perf_counter() - begun), "traded": traded}))
"""
_LIGHT: Final = """
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
told(begun, traded / 2)
"""
_ORDER_MATCHING: Final = """
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
told(begun, 0)
"""
_ORDERLY_CHAOS: Final = """
try:
    from orderly_chaos import LimitOrderBook
except ImportError:
    sys.exit(77)
book, traded = LimitOrderBook(), 0
begun = time.perf_counter()
for i, buys, price, quantity, cancel in events:
    traded += (book.limit_buy if buys else book.limit_sell)(i + 1, quantity, price)
    if cancel and i >= 5 and book.has(i - 4):
        book.cancel(i - 4)
told(begun, traded)
"""
_OBOOK: Final = """
try:
    import obook
except ImportError:
    sys.exit(77)
placed = []
with obook.Book(max_orders=1_000_000) as book:
    begun = time.perf_counter()
    for i, buys, price, quantity, cancel in events:
        user = 1 + 2 * (i % 32) + buys
        placed.append((book.submit(user, obook.BUY if buys else obook.SELL, price, quantity).order_id, user))
        if cancel and i >= 5:
            book.cancel(*placed[i - 5])
    told(begun, 0)
"""
_PYORDERBOOK: Final = """
try:
    from pyorderbook import Book, ask, bid
except ImportError:
    sys.exit(77)
book, placed = Book(), []
begun = time.perf_counter()
for i, buys, price, quantity, cancel in events:
    order = (bid if buys else ask)("X", price, quantity)
    book.match(order)
    placed.append(order)
    if cancel and i >= 5 and book.get_order(placed[i - 5].id) is not None:
        book.cancel(placed[i - 5])
told(begun, 0)
"""
_CYTHON: Final = """
try:
    from cython_orderbook import Order, OrderBook, OrderSide
except ImportError:
    sys.exit(77)
book, placed = OrderBook(), []
begun = time.perf_counter()
for i, buys, price, quantity, cancel in events:
    order = Order(side=OrderSide.BID if buys else OrderSide.ASK, price=price, original_quantity=quantity)
    book.add_limit_order(order)
    placed.append(order)
    if cancel and i >= 5 and placed[i - 5].remaining_quantity > 0:
        book.cancel_order(placed[i - 5].order_id)
told(begun, sum(order.original_quantity - order.remaining_quantity for order in placed) / 2)
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A project of the package index.

    Attributes:
        name: package and version.
        script: what drives it through the stream.
        orders: how many orders it gets at most, so that a slow one ends.
        lacks: what it does not do and ours does.
    """

    name: str
    script: str
    orders: int
    lacks: str


PEERS: Final = (
    Peer("orderly-chaos 0.2.0 (C++)", _ORDERLY_CHAOS, 200_000, "icebergs, fill or kill, post only, amends, accounts"),
    Peer("obook 0.1.0 (C++)", _OBOOK, 200_000, "icebergs, least quantities, ends by time, many products in one book"),
    Peer("cython-orderbook 0.1.2 (Cython)", _CYTHON, 200_000, "every kind but limit and market; amends, accounts"),
    Peer("lightmatchingengine 2019.1.4", _LIGHT, 50_000, "every kind but limit; amends, accounts"),
    Peer("pyorderbook 0.4.9", _PYORDERBOOK, 20_000, "every kind but limit; amends, accounts"),
    Peer("order-matching 0.12.0", _ORDER_MATCHING, 2_000, "every kind but limit and market; amends"),
)


def measured(most: int) -> dict[str, dict[str, float]]:
    """Return name -> rate [orders and cancels/s], quantity traded (0: it does not say) and orders of present peers."""
    found: dict[str, dict[str, float]] = {}
    for peer in PEERS:
        orders = min(most, peer.orders)
        if (numbers := run_peer(_STREAM + peer.script, str(orders))) is not None:
            found[peer.name] = numbers | {"orders": orders}
    return found


def ratios(found: dict[str, dict[str, float]], ours: float) -> dict[str, float]:
    """Return how many times each peer's rate ours is."""
    return {name: significant(ours / numbers["rate"]) for name, numbers in found.items()}
