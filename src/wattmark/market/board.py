"""The public picture of a product: its book summed by price, and how it goes on, in numbered steps.

Theory of operation. A *snapshot* is the whole book at a sequence number. An *increment* is what one durable batch
changed of one product: every level that changed as it stands after it (0 Wh: the level is gone), and the trades. Both
carry the product's sequence number, which rises by exactly one with each increment. So whoever holds the book at ``n``
applies the increment ``n + 1`` and nothing else; any other number is a gap, and the answer to a gap is a new snapshot.
Levels are absolute and not differences, so that a snapshot and the increments after it are the book of the state.

Numbers go on over restarts without being stored: a picture begins at the number of records in the journal, and since
each increment needs at least one record of its own, no increment before was numbered higher.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.errors import RuleViolated
from wattmark.core.text import Text
from wattmark.market import layout as m

Rows = npt.NDArray[np.int64]

NEXT: Final = Text(
    en="the sequence number after the last one; take a snapshot", ja="直前の次の番号(板全体を取り直すこと)"
)
THIS_PRODUCT: Final = Text(en="the product of this book", ja="この板の商品")

PRICE_BITS: Final = 17
"""Bits that hold any price [sen/kWh]."""


@dataclass(frozen=True, slots=True)
class Level:
    """What stands at one price of one side after an increment: shown energy [Wh] and number of orders; 0 is nothing."""

    side: int
    price_sen: int
    quantity_wh: int
    orders: int


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """A trade as everybody sees it: ``quantity_wh`` [Wh] at ``price_sen`` [sen/kWh] at a time [ms], and its record."""

    position: int
    timestamp_ms: int
    price_sen: int
    quantity_wh: int


@dataclass(frozen=True, slots=True)
class Increment:
    """What one durable batch changed of one product.

    Attributes:
        product: its number.
        sequence: one more than that of the increment, or of the snapshot, before.
        levels: every level that changed, as it stands now; at most one per side and price.
        trades: in the order they were made.
        state: the product's new state (``P_STATE``), ``None`` where it is what it was.
    """

    product: int
    sequence: int
    levels: tuple[Level, ...] = ()
    trades: tuple[PublicTrade, ...] = ()
    state: int | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What one batch changed of one product, before it has a number."""

    levels: tuple[Level, ...]
    trades: tuple[PublicTrade, ...]


class Side:
    """One side of a book: price [sen/kWh] -> (shown energy [Wh], orders), and the prices in order."""

    __slots__ = ("_at", "_prices")

    def __init__(self, levels: Iterable[tuple[int, int, int]] = ()) -> None:
        """Begin with levels: price [sen/kWh], shown energy [Wh], orders."""
        self._at = {price: (quantity_wh, orders) for price, quantity_wh, orders in levels}
        self._prices = sorted(self._at)

    def __len__(self) -> int:
        return len(self._prices)

    def put(self, price_sen: int, quantity_wh: int, orders: int) -> None:
        """Let a level stand as given; without orders it is gone."""
        known = price_sen in self._at
        if orders:
            self._at[price_sen] = (quantity_wh, orders)
            if not known:
                insort(self._prices, price_sen)
        elif known:
            del self._at[price_sen]
            del self._prices[bisect_left(self._prices, price_sen)]

    def levels(self, side: int, depth: int | None = None) -> Iterator[Level]:
        """Yield the levels of a side, the best price first, at most ``depth``."""
        prices = reversed(self._prices) if side == m.BUY else iter(self._prices)
        for price in islice(prices, depth):
            yield Level(side, price, *self._at[price])


class Board:
    """The public book of one product.

    Attributes:
        product: its number.
        sequence: of the last increment, or of the snapshot.
        state: state of the product (``P_STATE``).
    """

    __slots__ = ("_sides", "product", "sequence", "state")

    def __init__(self, product: int, sequence: int, levels: Iterable[Level] = (), state: int = m.PRODUCT_OPEN) -> None:
        """Begin with a snapshot."""
        self.product = product
        self.sequence = sequence
        self.state = state
        given = list(levels)
        self._sides = {
            side: Side((level.price_sen, level.quantity_wh, level.orders) for level in given if level.side == side)
            for side in (m.BUY, m.SELL)
        }

    @classmethod
    def from_orders(cls, product: int, sequence: int, orders: Rows, state: int = m.PRODUCT_OPEN) -> "Board":
        """Return the board of a product's open orders.

        Args:
            product: its number.
            sequence: number of this snapshot.
            orders: ``int64 [n, 3]``: side, price [sen/kWh], shown energy [Wh] of each order.
            state: state of the product.
        """
        return cls(product, sequence, summed(orders), state)

    def apply(self, increment: Increment) -> None:
        """Go on by one increment.

        Raises:
            RuleViolated: of another product, or its number is not the next one; nothing has changed.
        """
        if increment.product != self.product:
            raise RuleViolated("OTHER_PRODUCT", "product", increment.product, THIS_PRODUCT)
        if increment.sequence != self.sequence + 1:
            raise RuleViolated("SEQUENCE_GAP", "sequence", increment.sequence, NEXT)
        for level in increment.levels:
            self._sides[level.side].put(level.price_sen, level.quantity_wh, level.orders)
        if increment.state is not None:
            self.state = increment.state
        self.sequence = increment.sequence

    def bids(self, depth: int | None = None) -> list[Level]:
        """Return the buy levels, the highest price first, at most ``depth``."""
        return list(self._sides[m.BUY].levels(m.BUY, depth))

    def asks(self, depth: int | None = None) -> list[Level]:
        """Return the sell levels, the lowest price first, at most ``depth``."""
        return list(self._sides[m.SELL].levels(m.SELL, depth))

    def top(self) -> tuple[Level | None, Level | None]:
        """Return the best bid and the best ask."""
        return next(iter(self.bids(1)), None), next(iter(self.asks(1)), None)


def summed(orders: Rows) -> list[Level]:
    """Return the levels of orders ``int64 [n, 3]``: side, price [sen/kWh], shown energy [Wh]."""
    key = orders[:, 0] << PRICE_BITS | orders[:, 1]
    keys, inverse, counts = np.unique(key, return_inverse=True, return_counts=True)
    total = np.zeros(len(keys), np.int64)
    np.add.at(total, inverse.reshape(-1), orders[:, 2])
    return [
        Level(at >> PRICE_BITS, at & ((1 << PRICE_BITS) - 1), wh, count)
        for at, wh, count in zip(keys.tolist(), total.tolist(), counts.tolist(), strict=True)
    ]


def changes_of(changes: Rows, trades: Rows, wanted: Iterable[int]) -> dict[int, Changes]:
    """Return product -> what a batch changed of it, for the wanted products of which it changed something.

    Trades of one record at one price are told as one: what an order took there, or all of a call auction.

    Args:
        changes: ``int64 [k, 6]``, columns ``C_*``, in the order they happened; of several changes of one level the
            last one counts.
        trades: ``int64 [n, 9]``, columns ``T_*``, in the order they were made.
        wanted: numbers of products.
    """
    among = np.fromiter(wanted, np.int64)
    changes = changes[np.isin(changes[:, m.C_PRODUCT], among)]
    trades = trades[np.isin(trades[:, m.T_PRODUCT], among)]
    levels: dict[int, list[Level]] = {}
    for product, side, price_sen, shown_wh, orders, _ in _last_of_each_level(changes).tolist():
        levels.setdefault(product, []).append(Level(side, price_sen, shown_wh, orders))
    made: dict[int, list[PublicTrade]] = {}
    for product, *trade in _prints(trades).tolist():
        made.setdefault(product, []).append(PublicTrade(*trade))
    return {
        product: Changes(tuple(levels.get(product, ())), tuple(made.get(product, ())))
        for product in sorted(levels.keys() | made.keys())
    }


def _last_of_each_level(changes: Rows) -> Rows:
    """Return the last row of each product, side and price, in the order of their happening."""
    if len(changes) <= 1:
        return changes
    level = (changes[:, m.C_PRODUCT] << 2 | changes[:, m.C_SIDE]) << PRICE_BITS | changes[:, m.C_PRICE_SEN]
    _, first = np.unique(level[::-1], return_index=True)
    last: Rows = changes[np.sort(len(changes) - 1 - first)]
    return last


def _prints(trades: Rows) -> Rows:
    """Return product, position, time [ms], price [sen/kWh] and energy [Wh] of neighbours of one record and price."""
    told: Rows = trades[:, [m.T_PRODUCT, m.T_POSITION, m.T_TIMESTAMP_MS, m.T_PRICE_SEN, m.T_QUANTITY_WH]]
    if len(told) <= 1:
        return told
    differs = (np.diff(told[:, [0, 1, 3]], axis=0) != 0).any(axis=1)
    first = np.flatnonzero(np.concatenate(([True], differs)))
    energy = np.add.reduceat(told[:, 4], first)
    told = told[first]
    told[:, 4] = energy
    return told
