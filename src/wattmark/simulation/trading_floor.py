"""A small exchange for simulated traders: price-time books in plain Python, and what happened as columns.

It exists so that thousands of simulated days take seconds; the exchange itself is the engine's. An order trades at the
price of the one that waited (J37), best price first, then the earliest. Here an account may trade with itself: what
rules forbid, a simulation must be able to try.
"""

from bisect import insort
from dataclasses import dataclass, field

import numpy as np

from wattmark.market.layout import BUY, MODE_CONTINUOUS, SELL
from wattmark.market.surveillance.day import (
    AMENDED,
    CANCELLED,
    ENDED,
    EXPIRED,
    FILLED,
    STILL_OPEN,
    Column,
    MarketDay,
    Products,
    orders_of,
    owners_of,
    sweeps_of,
    trades_of,
)


@dataclass(slots=True)
class Standing:
    """An order on the floor.

    Attributes:
        number: in order of arrival.
        account: whose.
        product: of which product.
        side: 1 buy, 2 sell.
        price_sen: limit [sen/kWh].
        quantity_wh: as placed, or as its last amendment left it [Wh].
        left_wh: not yet traded [Wh].
        placed_ms: when it was placed or last amended [ms].
        position: of the command that did so.
        expires_ms: when it runs out [ms], 0 for never.
        ended_ms: when it ended [ms], 0 while it stands.
        end: how it ended.
    """

    number: int
    account: int
    product: int
    side: int
    price_sen: int
    quantity_wh: int
    left_wh: int
    placed_ms: int
    position: int
    expires_ms: int = 0
    ended_ms: int = 0
    end: int = STILL_OPEN

    @property
    def stands(self) -> bool:
        """Return whether it can still trade."""
        return self.end == STILL_OPEN


@dataclass(slots=True)
class Book:
    """The waiting orders of a product, the best first: (price for sorting, number)."""

    bids: list[tuple[int, int]] = field(default_factory=list)
    asks: list[tuple[int, int]] = field(default_factory=list)

    def side(self, side: int) -> list[tuple[int, int]]:
        """Return the waiting orders of a side."""
        return self.bids if side == BUY else self.asks


class Floor:
    """Books of some products, every order and every trade."""

    def __init__(self, close_ms: list[int], start_ms: int) -> None:
        """Open the floor.

        Args:
            close_ms: gate of each product [ms].
            start_ms: when it opens [ms].
        """
        self.close_ms = close_ms
        self.now_ms = start_ms
        self.orders: list[Standing] = []
        self.trades: list[tuple[int, ...]] = []
        self.sweeps: list[tuple[int, int, int]] = []
        self.last_sen = [0] * len(close_ms)
        self._books = [Book() for _ in close_ms]
        self._before: list[tuple[int, ...]] = []
        self._position = 0

    def best(self, product: int, side: int) -> int | None:
        """Return the best price of a side [sen/kWh], ``None`` without one."""
        number = self._best(product, side)
        return None if number is None else self.orders[number].price_sen

    def _best(self, product: int, side: int) -> int | None:
        waiting = self._books[product].side(side)
        while waiting:
            order = self.orders[waiting[0][1]]
            if order.stands and 0 < order.expires_ms <= self.now_ms:
                order.end, order.ended_ms = EXPIRED, order.expires_ms
            if order.stands:
                break
            del waiting[0]
        return waiting[0][1] if waiting else None

    def place(
        self,
        account: int,
        product: int,
        side: int,
        price_sen: int,
        quantity_wh: int,
        *,
        rests: bool = True,
        expires_ms: int = 0,
    ) -> Standing:
        """Place an order and return it; what does not trade at once rests or is dropped."""
        self._position += 1
        order = Standing(
            len(self.orders),
            account,
            product,
            side,
            max(int(price_sen), 1),
            int(quantity_wh),
            int(quantity_wh),
            self.now_ms,
            self._position,
            expires_ms,
        )
        self.orders.append(order)
        self._enter(order, rests=rests)
        return order

    def _enter(self, order: Standing, *, rests: bool = True) -> None:
        sign = 1 if order.side == BUY else -1
        while order.left_wh:
            other = self._best(order.product, BUY + SELL - order.side)
            if other is None or (self.orders[other].price_sen - order.price_sen) * sign > 0:
                break
            self._trade(order, self.orders[other])
        if order.left_wh and rests:
            insort(self._books[order.product].side(order.side), (-sign * order.price_sen, order.number))
        elif order.left_wh:
            order.end, order.ended_ms = ENDED, self.now_ms

    def amend(self, order: Standing, price_sen: int, left_wh: int) -> None:
        """Change price and open quantity of an order, if it still stands; it goes to the end of its level, or trades."""
        if not order.stands:
            return
        self._position += 1
        self._before.append((*_order_row(order, self.now_ms)[:-3], self.now_ms, AMENDED, order.position))
        sign = 1 if order.side == BUY else -1
        waiting = self._books[order.product].side(order.side)
        entry = (-sign * order.price_sen, order.number)
        if entry in waiting:
            waiting.remove(entry)
        order.price_sen, order.quantity_wh, order.left_wh = max(int(price_sen), 1), int(left_wh), int(left_wh)
        order.placed_ms, order.position = self.now_ms, self._position
        self._enter(order)

    def cancel_all(self, account: int, product: int) -> None:
        """Take every order of an account back, of a product or, below zero, of all; it may have none."""
        self.sweeps.append((self.now_ms, account, product))
        for order in self.orders:
            if order.account == account and product in (-1, order.product):
                self.cancel(order)

    def cancel(self, order: Standing) -> None:
        """Take an order back, if it still stands."""
        if order.stands:
            order.end, order.ended_ms = CANCELLED, self.now_ms

    def auction(self, product: int, price_sen: int, pairs: list[tuple[Standing, Standing, int]]) -> None:
        """Record the trades (buy, sell, Wh) of a call auction that cleared at a price."""
        for buy, sell, wh in pairs:
            self._record(product, buy, sell, wh, price_sen)

    def _trade(self, order: Standing, waiting: Standing) -> None:
        wh = min(order.left_wh, waiting.left_wh)
        buy, sell = (order, waiting) if order.side == BUY else (waiting, order)
        self._record(order.product, buy, sell, wh, waiting.price_sen)

    def _record(self, product: int, buy: Standing, sell: Standing, wh: int, price_sen: int) -> None:
        for one in (buy, sell):
            one.left_wh -= wh
            if not one.left_wh:
                one.end, one.ended_ms = FILLED, self.now_ms
        self.last_sen[product] = price_sen
        self.trades.append(
            (
                self.now_ms,
                product,
                buy.account,
                sell.account,
                buy.number,
                sell.number,
                buy.position,
                sell.position,
                wh,
                price_sen,
                self._position,
            )
        )

    def day(
        self, start_ms: int, end_ms: int, accounts: int, groups: list[list[int]], modes: Column | None = None
    ) -> MarketDay:
        """Return what happened as the rules see it.

        Args:
            start_ms: first moment of the day [ms].
            end_ms: first moment after it [ms].
            accounts: how many there are.
            groups: accounts of one owner.
            modes: mode of each product, zaraba without.
        """
        close = np.array(self.close_ms, np.int64)
        names = (
            "timestamp_ms",
            "product",
            "buyer",
            "seller",
            "buy_order",
            "sell_order",
            "buy_since",
            "sell_since",
            "quantity_wh",
            "price_sen",
            "position",
        )
        columns = np.array(self.trades, np.int64).reshape(-1, len(names)).T
        rows = [_order_row(order, min(end_ms, self.close_ms[order.product])) for order in self.orders]
        order_names = (
            "order",
            "account",
            "product",
            "side",
            "price_sen",
            "quantity_wh",
            "filled_wh",
            "placed_ms",
            "ended_ms",
            "end",
            "position",
        )
        rows = sorted(rows + self._before, key=lambda row: (row[0], row[-1]))
        orders = np.array(rows, np.int64).reshape(-1, len(order_names)).T
        mode = np.full(len(close), MODE_CONTINUOUS, np.int64) if modes is None else modes
        return MarketDay(
            start_ms,
            end_ms,
            trades_of(**dict(zip(names, columns, strict=True))),
            orders_of(**dict(zip(order_names, orders, strict=True))),
            Products(close, mode),
            owners_of(accounts, groups),
            sweeps_of(self.sweeps),
        )


def _order_row(order: Standing, gate_ms: int) -> tuple[int, ...]:
    ended, end = (gate_ms, ENDED) if order.stands else (order.ended_ms, order.end)
    if order.stands and 0 < order.expires_ms < gate_ms:
        ended, end = order.expires_ms, EXPIRED
    return (
        order.number,
        order.account,
        order.product,
        order.side,
        order.price_sen,
        order.quantity_wh,
        order.quantity_wh - order.left_wh,
        order.placed_ms,
        ended,
        end,
        order.position,
    )
