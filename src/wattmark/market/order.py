"""Products, orders and trades as values."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.periods import Period
from wattmark.core.text import Text
from wattmark.market import layout as m

Row = npt.NDArray[np.int64]


class Side(IntEnum):
    """Buy or sell."""

    BUY = m.BUY
    SELL = m.SELL


class OrderState(IntEnum):
    """Where an order is in its life."""

    OPEN = m.ORDER_OPEN
    FILLED = m.ORDER_FILLED
    CANCELLED = m.ORDER_CANCELLED


class TimeInForce(IntEnum):
    """What becomes of what does not trade at once."""

    REST = m.TIF_REST
    IMMEDIATE = m.TIF_IMMEDIATE


class Mode(IntEnum):
    """How a product trades: zaraba (J37) or call auction (J12-J16)."""

    CONTINUOUS = m.MODE_CONTINUOUS
    CALL = m.MODE_CALL


class Scope(IntEnum):
    """Which tokens a product takes."""

    PERIOD = m.SCOPE_PERIOD
    BANKED_YEAR = m.SCOPE_BANKED_YEAR
    CERTIFICATE_YEAR = m.SCOPE_CERTIFICATE_YEAR


SIDE_TEXT: Final = {Side.BUY: Text(en="buy", ja="買い"), Side.SELL: Text(en="sell", ja="売り")}
MODE_TEXT: Final = {
    Mode.CONTINUOUS: Text(en="continuous trading", ja="ザラ場"),
    Mode.CALL: Text(en="call auction", ja="板寄せ"),
}
SCOPE_TEXT: Final = {
    Scope.PERIOD: Text(en="one period", ja="1コマ"),
    Scope.BANKED_YEAR: Text(en="banked, any period of the year", ja="預け入れ(年内の任意のコマ)"),
    Scope.CERTIFICATE_YEAR: Text(en="certificates, any period of the year", ja="証書(年内の任意のコマ)"),
}
ORDER_STATE_TEXT: Final = {
    OrderState.OPEN: Text(en="open", ja="有効"),
    OrderState.FILLED: Text(en="filled", ja="約定"),
    OrderState.CANCELLED: Text(en="cancelled", ja="取消し"),
}


@dataclass(frozen=True, slots=True)
class Product:
    """Area x source x period (or any period of a year), with its gates.

    Attributes:
        product: row.
        area: market area 1 to 9.
        source: energy source 1 to 7.
        period: the period, or (year start, year length).
        scope: which tokens it takes.
        opens_ms: first moment orders are taken.
        closes_ms: first moment they no longer are.
        mode: how it trades.
        is_open: whether it has not been cleared or closed.
        last_price_sen: price of the last trade [sen/kWh], 0 before the first.
        volume_wh: traded so far [Wh].
    """

    product: int
    area: int
    source: int
    period: Period
    scope: Scope
    opens_ms: int
    closes_ms: int
    mode: Mode
    is_open: bool
    last_price_sen: int
    volume_wh: int

    @classmethod
    def from_row(cls, product: int, row: Row) -> "Product":
        """Return the product of a table row int64[12]."""
        words = row.tolist()
        return cls(
            product=product,
            area=words[m.P_AREA],
            source=words[m.P_SOURCE],
            period=Period(words[m.P_PERIOD_S], words[m.P_DURATION_S]),
            scope=Scope(words[m.P_SCOPE]),
            opens_ms=words[m.P_OPEN_MS],
            closes_ms=words[m.P_CLOSE_MS],
            mode=Mode(words[m.P_MODE]),
            is_open=words[m.P_STATE] == m.PRODUCT_OPEN,
            last_price_sen=words[m.P_LAST_PRICE_SEN],
            volume_wh=words[m.P_VOLUME_WH],
        )


@dataclass(frozen=True, slots=True)
class Order:
    """A limit order.

    Attributes:
        order: row.
        account: who placed it.
        product: product's row.
        side: buy or sell.
        price_sen: limit [sen/kWh].
        quantity_wh: as placed [Wh].
        remaining_wh: not yet traded [Wh].
        lot: the reserved lot it sells, ``None`` for a buy.
        state: open, filled or cancelled.
        position: log index of its record.
        created_ms: when it was placed.
        value_e5: traded so far [10^-5 JPY].
    """

    order: int
    account: int
    product: int
    side: Side
    price_sen: int
    quantity_wh: int
    remaining_wh: int
    lot: int | None
    state: OrderState
    position: int
    created_ms: int
    value_e5: int

    @classmethod
    def from_row(cls, order: int, row: Row) -> "Order":
        """Return the order of a table row int64[12]."""
        words = row.tolist()
        return cls(
            order=order,
            account=words[m.O_ACCOUNT],
            product=words[m.O_PRODUCT],
            side=Side(words[m.O_SIDE]),
            price_sen=words[m.O_PRICE_SEN],
            quantity_wh=words[m.O_QUANTITY_WH],
            remaining_wh=words[m.O_REMAINING_WH],
            lot=words[m.O_LOT] if words[m.O_SIDE] == m.SELL else None,
            state=OrderState(words[m.O_STATE]),
            position=words[m.O_POSITION],
            created_ms=words[m.O_CREATED_MS],
            value_e5=words[m.O_VALUE_E5],
        )


@dataclass(frozen=True, slots=True)
class Level:
    """One price of a side of the book: total Wh and number of orders."""

    price_sen: int
    quantity_wh: int
    orders: int


def depth(orders: Row, product: int) -> tuple[list[Level], list[Level]]:
    """Return (bids best first, asks best first) of a product from the order table int64[n, 12]."""
    resting = orders[(orders[:, m.O_PRODUCT] == product) & (orders[:, m.O_STATE] == m.ORDER_OPEN)]
    return _side(resting, m.BUY)[::-1], _side(resting, m.SELL)


def _side(resting: Row, side: int) -> list[Level]:
    rows = resting[resting[:, m.O_SIDE] == side]
    prices, inverse, counts = np.unique(rows[:, m.O_PRICE_SEN], return_inverse=True, return_counts=True)
    totals = np.zeros(len(prices), np.int64)
    np.add.at(totals, inverse, rows[:, m.O_REMAINING_WH])
    return [Level(*level) for level in zip(prices.tolist(), totals.tolist(), counts.tolist(), strict=True)]
