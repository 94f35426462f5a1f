"""The market: products, books, trades; sums over the open orders, never a copy of the book."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.errors import UnknownReference
from wattmark.core.ids import words_id
from wattmark.core.periods import DAY_S, JST_OFFSET_S, Period, jst_day_start_s
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.flows.platform import Platform
from wattmark.market import layout as m
from wattmark.market.order import Order, shown

PRODUCT: Final = Text(en="a listed product", ja="登録済みの商品")
ORDER: Final = Text(en="an existing order", ja="存在する注文")
ABOVE_ANY_PRICE: Final = 1 << 40
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Product:
    """What can be traded, and where its book stands.

    Attributes:
        product: its number.
        area: market area (J8).
        source: code of the source.
        period: the period, or the year for the other scopes.
        scope: 0 one period, 1 banked of a year, 2 certificates of a year.
        mode: 1 continuous, 2 call auction.
        state: open, closed, halted, or asking for capacity (``market.layout``).
        gate_open_ms: first time of an order [ms].
        gate_close_ms: end of trading [ms].
        best_bid_sen: highest buy price [sen/kWh], ``None`` without one.
        best_ask_sen: lowest sell price [sen/kWh], ``None`` without one.
        bid_wh: energy wanted [Wh].
        ask_wh: energy offered [Wh].
        last_price_sen: price of the last trade [sen/kWh], ``None`` without one.
        traded_wh: traded so far [Wh].
        low_sen: lowest price of an order [sen/kWh].
        high_sen: highest price of an order [sen/kWh].
        position_wh: what one account may have bought, less sold, and still bid for [Wh]; 0 is no limit.

    The best prices and what stands behind them are nobody's to see in a call auction (J11): nothing stands there.
    """

    product: int
    area: int
    source: int
    period: Period
    scope: int
    mode: int
    state: int
    gate_open_ms: int
    gate_close_ms: int
    best_bid_sen: int | None
    best_ask_sen: int | None
    bid_wh: int
    ask_wh: int
    last_price_sen: int | None
    traded_wh: int
    low_sen: int
    high_sen: int
    position_wh: int

    @property
    def is_open(self) -> bool:
        """Return whether it was neither closed nor cleared yet."""
        return self.state != m.PRODUCT_CLOSED

    def takes_orders(self, now_ms: int) -> bool:
        """Return whether an order would be taken at this time."""
        return self.is_open and self.gate_open_ms <= now_ms < self.gate_close_ms


@dataclass(frozen=True, slots=True)
class Level:
    """All open orders of one side at one price."""

    price_sen: int
    quantity_wh: int
    orders: int


@dataclass(frozen=True, slots=True)
class Book:
    """Both sides, the best price first."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order as it stands.

    Attributes:
        order: its number.
        account: whose.
        product: number of the product.
        side: 1 buy, 2 sell.
        price_sen: limit [sen/kWh].
        quantity_wh: as placed [Wh].
        remaining_wh: still open [Wh].
        state: 1 open, 2 filled, 3 cancelled, 4 waits for trading to go on.
        position: record that placed it.
        identity: id of the command that placed it.
        created_ms: when [ms].
        is_market: whether it takes any price.
        tif: what becomes of what does not trade at once (``market.layout``).
        self_trade: what gives way when it meets an order of its own account (``market.layout``).
        area: the buyer's area in a product of every area, else 0.
        expires_ms: when it ends by itself [ms], 0 for the gate.
        display_wh: what it shows at a time [Wh], 0 for all of it.
        shown_wh: what it shows now [Wh].
    """

    order: int
    account: int
    product: int
    side: int
    price_sen: int
    quantity_wh: int
    remaining_wh: int
    state: int
    position: int
    identity: int
    created_ms: int
    is_market: bool
    tif: int
    self_trade: int
    area: int
    expires_ms: int
    display_wh: int
    shown_wh: int

    @property
    def is_live(self) -> bool:
        """Return whether it is in the book, or waits for trading to go on."""
        return self.state in {m.ORDER_OPEN, m.ORDER_QUEUED}


def product(platform: Platform, number: int) -> Product:
    """Return a product.

    Raises:
        UnknownReference: there is none with this number.
    """
    if not 0 <= number < platform.state.count("products"):
        raise UnknownReference("UNKNOWN_PRODUCT", "product", number, PRODUCT)
    return _products(platform, np.array([number], np.int64))[0]


def products_of_day(
    platform: Platform, day: date, *, area: int | None = None, source: int | None = None
) -> list[Product]:
    """Return the products whose period starts on a JST day, by period, area and source."""
    table = platform.state.products
    start = jst_day_start_s(day)
    wanted = (table[:, m.P_SCOPE] == m.SCOPE_PERIOD) & (table[:, m.P_PERIOD_S] >= start)
    wanted &= table[:, m.P_PERIOD_S] < start + DAY_S
    if area is not None:
        wanted &= table[:, m.P_AREA] == area
    if source is not None:
        wanted &= table[:, m.P_SOURCE] == source
    rows = np.flatnonzero(wanted)
    order = np.lexsort((table[rows, m.P_SOURCE], table[rows, m.P_AREA], table[rows, m.P_PERIOD_S]))
    return _products(platform, rows[order])


def products_of_year(platform: Platform) -> list[Product]:
    """Return the products that name no single period: banked energy and certificates."""
    table = platform.state.products
    return _products(platform, np.flatnonzero(table[:, m.P_SCOPE] != m.SCOPE_PERIOD))


def days_with_products(platform: Platform) -> list[date]:
    """Return the JST days with a listed product, oldest first."""
    table = platform.state.products
    starts = table[table[:, m.P_SCOPE] == m.SCOPE_PERIOD, m.P_PERIOD_S]
    days = np.unique((starts + JST_OFFSET_S) // DAY_S)
    return [date.fromordinal(date(1970, 1, 1).toordinal() + int(day)) for day in days]


def product_of_lot(platform: Platform, area: int, source: int, period: Period) -> int | None:
    """Return the product of one period, area and source, ``None`` when none is listed."""
    table = platform.state.products
    fits = (table[:, m.P_SCOPE] == m.SCOPE_PERIOD) & (table[:, m.P_AREA] == area)
    fits &= (table[:, m.P_SOURCE] == source) & (table[:, m.P_PERIOD_S] == period.start_s)
    rows = np.flatnonzero(fits)
    return int(rows[-1]) if len(rows) else None


def book(platform: Platform, number: int, depth: int = 50) -> Book:
    """Return what a product's open orders show, summed by price, at most ``depth`` levels a side; nothing of a call auction.

    Raises:
        UnknownReference: there is no such product.
    """
    if product(platform, number).mode == m.MODE_CALL:
        return Book((), ())
    orders = platform.state.orders
    mine = orders[(orders[:, m.O_STATE] == m.ORDER_OPEN) & (orders[:, m.O_PRODUCT] == number)]
    bids = _levels(mine[mine[:, m.O_SIDE] == m.BUY])[::-1]
    asks = _levels(mine[mine[:, m.O_SIDE] == m.SELL])
    return Book(tuple(bids[:depth]), tuple(asks[:depth]))


def order(platform: Platform, number: int) -> OpenOrder:
    """Return an order.

    Raises:
        UnknownReference: there is none with this number.
    """
    if not 0 <= number < platform.state.count("orders"):
        raise UnknownReference("UNKNOWN_ORDER", "order", number, ORDER)
    return _order(platform, number)


def open_orders(platform: Platform, account: int, limit: int = 200) -> list[OpenOrder]:
    """Return an account's live orders, newest first: open ones, and those that wait for trading to go on."""
    orders = platform.state.orders
    live = (orders[:, m.O_STATE] == m.ORDER_OPEN) | (orders[:, m.O_STATE] == m.ORDER_QUEUED)
    rows = np.flatnonzero(live & (orders[:, m.O_ACCOUNT] == account))
    return [_order(platform, int(row)) for row in rows[::-1][:limit]]


def _order(platform: Platform, number: int) -> OpenOrder:
    row = platform.state.orders[number]
    position = int(row[m.O_POSITION])
    terms = Order.from_row(number, row)
    ids = platform.state.ids[position]
    return OpenOrder(
        number,
        int(row[m.O_ACCOUNT]),
        int(row[m.O_PRODUCT]),
        int(row[m.O_SIDE]),
        int(row[m.O_PRICE_SEN]),
        int(row[m.O_QUANTITY_WH]),
        int(row[m.O_REMAINING_WH]),
        int(row[m.O_STATE]),
        position,
        words_id(int(ids[e.I_LOW]), int(ids[e.I_HIGH])),
        int(ids[e.I_TIMESTAMP_MS]),
        bool(terms.is_market),
        int(terms.tif),
        int(terms.self_trade),
        terms.area,
        terms.expires_ms,
        terms.display_wh,
        int(shown(row.reshape(1, -1))[0]),
    )


def _levels(orders: Rows) -> list[Level]:
    """Return the orders summed by price, lowest price first."""
    prices, inverse, counts = np.unique(orders[:, m.O_PRICE_SEN], return_inverse=True, return_counts=True)
    sums = np.zeros(len(prices), np.int64)
    np.add.at(sums, inverse, shown(orders))
    return [Level(int(p), int(q), int(n)) for p, q, n in zip(prices, sums, counts, strict=True)]


def _products(platform: Platform, rows: Rows) -> list[Product]:
    table, orders = platform.state.products, platform.state.orders
    count = len(table)
    bid = np.zeros(count, np.int64)
    ask = np.full(count, ABOVE_ANY_PRICE, np.int64)
    bid_wh, ask_wh = np.zeros(count, np.int64), np.zeros(count, np.int64)
    live = orders[
        (orders[:, m.O_STATE] == m.ORDER_OPEN) & (table[orders[:, m.O_PRODUCT], m.P_MODE] == m.MODE_CONTINUOUS)
    ]
    buys, sells = live[live[:, m.O_SIDE] == m.BUY], live[live[:, m.O_SIDE] == m.SELL]
    np.maximum.at(bid, buys[:, m.O_PRODUCT], buys[:, m.O_PRICE_SEN])
    np.minimum.at(ask, sells[:, m.O_PRODUCT], sells[:, m.O_PRICE_SEN])
    np.add.at(bid_wh, buys[:, m.O_PRODUCT], shown(buys))
    np.add.at(ask_wh, sells[:, m.O_PRODUCT], shown(sells))
    return [
        Product(
            row,
            int(table[row, m.P_AREA]),
            int(table[row, m.P_SOURCE]),
            Period(int(table[row, m.P_PERIOD_S]), int(table[row, m.P_DURATION_S])),
            int(table[row, m.P_SCOPE]),
            int(table[row, m.P_MODE]),
            int(table[row, m.P_STATE]),
            int(table[row, m.P_OPEN_MS]),
            int(table[row, m.P_CLOSE_MS]),
            int(bid[row]) or None,
            int(ask[row]) if ask_wh[row] else None,
            int(bid_wh[row]),
            int(ask_wh[row]),
            int(table[row, m.P_LAST_PRICE_SEN]) or None,
            int(table[row, m.P_VOLUME_WH]),
            int(table[row, m.P_LOW_SEN]),
            int(table[row, m.P_HIGH_SEN]),
            int(table[row, m.P_POSITION_WH]),
        )
        for row in rows.tolist()
    ]
