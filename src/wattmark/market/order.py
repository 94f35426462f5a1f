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
    QUEUED = m.ORDER_QUEUED
    IN_BLOCK = m.ORDER_IN_BLOCK


class TimeInForce(IntEnum):
    """What becomes of what does not trade at once."""

    REST = m.TIF_REST
    IMMEDIATE = m.TIF_IMMEDIATE
    ALL_OR_NONE = m.TIF_ALL_OR_NONE
    POST_ONLY = m.TIF_POST_ONLY


class SelfTrade(IntEnum):
    """What becomes of orders of one account that would trade with each other in a zaraba."""

    CANCEL_NEWEST = m.STP_NEWEST
    CANCEL_OLDEST = m.STP_OLDEST
    CANCEL_BOTH = m.STP_BOTH
    DECREMENT = m.STP_DECREMENT


class TradingState(IntEnum):
    """Whether a product trades: halted by the operator, or while capacity is asked for (J38)."""

    OPEN = m.PRODUCT_OPEN
    CLOSED = m.PRODUCT_CLOSED
    HALTED = m.PRODUCT_HALTED
    ASKING = m.PRODUCT_ASKING
    PRICED = m.PRODUCT_PRICED


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
    OrderState.QUEUED: Text(en="waits for trading to go on", ja="取引再開待ち"),
    OrderState.IN_BLOCK: Text(en="slot of a block", ja="ブロックの1コマ"),
}
TIME_IN_FORCE_TEXT: Final = {
    TimeInForce.REST: Text(en="rests until the gate", ja="閉場まで待機"),
    TimeInForce.IMMEDIATE: Text(en="immediate or cancel", ja="即時(残りは取消し)"),
    TimeInForce.ALL_OR_NONE: Text(en="fill or kill", ja="全量即時(不可なら不成立)"),
    TimeInForce.POST_ONLY: Text(en="post only", ja="待機のみ(直ちに約定しない)"),
}
SELF_TRADE_TEXT: Final = {
    SelfTrade.CANCEL_NEWEST: Text(en="cancel the newer order", ja="新しい注文を取消し"),
    SelfTrade.CANCEL_OLDEST: Text(en="cancel the older order", ja="古い注文を取消し"),
    SelfTrade.CANCEL_BOTH: Text(en="cancel both", ja="両方を取消し"),
    SelfTrade.DECREMENT: Text(en="reduce both", ja="両方を減量"),
}
TRADING_STATE_TEXT: Final = {
    TradingState.OPEN: Text(en="trading", ja="取引中"),
    TradingState.CLOSED: Text(en="closed", ja="終了"),
    TradingState.HALTED: Text(en="halted", ja="取引停止中"),
    TradingState.ASKING: Text(en="halted: capacity is asked for", ja="停止中(空容量を照会中)"),
    TradingState.PRICED: Text(en="auction: price found, trades follow", ja="板寄せ価格決定、約定処理待ち"),
}


@dataclass(frozen=True, slots=True)
class Product:
    """Area x source x period (or any period of a year), with its gates.

    Attributes:
        product: row.
        area: market area 1 to 9; 0 trades across all of them.
        source: energy source 1 to 7.
        period: the period, or (year start, year length).
        scope: which tokens it takes.
        opens_ms: first moment orders are taken.
        closes_ms: first moment they no longer are.
        mode: how it trades.
        state: whether it trades, is halted, asks for capacity, or is over.
        last_price_sen: price of the last trade [sen/kWh], 0 before the first.
        volume_wh: traded so far [Wh].
        low_sen: lowest price of an order [sen/kWh].
        high_sen: highest price of an order [sen/kWh].
        position_wh: what one account may have bought, less sold, and still bid for [Wh]; 0 is no limit.
    """

    product: int
    area: int
    source: int
    period: Period
    scope: Scope
    opens_ms: int
    closes_ms: int
    mode: Mode
    state: TradingState
    last_price_sen: int
    volume_wh: int
    low_sen: int
    high_sen: int
    position_wh: int

    @property
    def is_open(self) -> bool:
        """Return whether it has not been cleared or closed."""
        return self.state is not TradingState.CLOSED

    @classmethod
    def from_row(cls, product: int, row: Row) -> "Product":
        """Return the product of a table row int64[22]."""
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
            state=TradingState(words[m.P_STATE]),
            last_price_sen=words[m.P_LAST_PRICE_SEN],
            volume_wh=words[m.P_VOLUME_WH],
            low_sen=words[m.P_LOW_SEN],
            high_sen=words[m.P_HIGH_SEN],
            position_wh=words[m.P_POSITION_WH],
        )


@dataclass(frozen=True, slots=True)
class Order:
    """An order.

    Attributes:
        order: row.
        account: who placed it.
        product: product's row.
        side: buy or sell.
        price_sen: limit [sen/kWh].
        quantity_wh: as placed [Wh].
        remaining_wh: not yet traded [Wh].
        lot: the reserved lot it sells, ``None`` for a buy.
        state: open, waiting, filled or cancelled.
        position: log index of its record.
        value_e5: traded so far [10^-5 JPY].
        is_market: whether it takes any price.
        tif: what becomes of what does not trade at once.
        self_trade: what becomes of it when it meets another order of its account.
        area: the buyer's area in a product of every area, otherwise 0.
        expires_ms: when it ends by itself, 0 for the gate.
        display_wh: what an iceberg shows at a time [Wh], 0 for all of it.
        session: session that cancels it when it ends, 0 for none.
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
    value_e5: int
    is_market: bool
    tif: TimeInForce
    self_trade: SelfTrade
    area: int
    expires_ms: int
    display_wh: int
    session: int

    @classmethod
    def from_row(cls, order: int, row: Row) -> "Order":
        """Return the order of a table row int64[16]."""
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
            value_e5=words[m.O_VALUE_E5],
            is_market=bool(words[m.O_TERMS] >> m.TERMS_MARKET & m.TERMS_MASK),
            tif=TimeInForce(words[m.O_TERMS] & m.TERMS_MASK),
            self_trade=SelfTrade(words[m.O_TERMS] >> m.TERMS_SELF_TRADE & m.TERMS_MASK),
            area=words[m.O_TERMS] >> m.TERMS_AREA & m.TERMS_MASK,
            expires_ms=words[m.O_EXPIRES_MS],
            display_wh=words[m.O_DISPLAY_WH],
            session=words[m.O_GROUP],
        )


@dataclass(frozen=True, slots=True)
class Level:
    """One price of a side of the book: the Wh shown and the number of orders."""

    price_sen: int
    quantity_wh: int
    orders: int


def depth(orders: Row, product: int) -> tuple[list[Level], list[Level]]:
    """Return (bids best first, asks best first) of a product from the order table int64[n, 16]."""
    resting = orders[(orders[:, m.O_PRODUCT] == product) & (orders[:, m.O_STATE] == m.ORDER_OPEN)]
    return _side(resting, m.BUY)[::-1], _side(resting, m.SELL)


def shown(orders: Row) -> Row:
    """Return what each order int64[n, 16] shows [Wh]: all that remains, of an iceberg the rest of its slice."""
    quantity, remaining, display = (orders[:, word] for word in (m.O_QUANTITY_WH, m.O_REMAINING_WH, m.O_DISPLAY_WH))
    done = quantity - remaining
    slice_wh = np.where(display, display, quantity)
    slices_end: Row = np.minimum((done // slice_wh + 1) * slice_wh, quantity)
    return slices_end - done


def _side(resting: Row, side: int) -> list[Level]:
    rows = resting[resting[:, m.O_SIDE] == side]
    prices, inverse, counts = np.unique(rows[:, m.O_PRICE_SEN], return_inverse=True, return_counts=True)
    totals = np.zeros(len(prices), np.int64)
    np.add.at(totals, inverse, shown(rows))
    return [Level(*level) for level in zip(prices.tolist(), totals.tolist(), counts.tolist(), strict=True)]
