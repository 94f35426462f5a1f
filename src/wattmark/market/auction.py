"""The call auction as a library: arrays of orders in, price and accepted quantities out (J12-J17).

Theory of operation: ``auction_kernels.py``. Rows stand in any order of price; among equal remainders at the boundary
tick the earliest order gets the odd unit, so rows are given earliest first, or with a column of arrivals.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.errors import MalformedInput
from wattmark.core.money import MAX_PRICE_SEN, MIN_PRICE_SEN
from wattmark.core.text import Text
from wattmark.market import auction_kernels as kernels
from wattmark.market import curves as bid_curves
from wattmark.market import layout as m

Column = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.integer]
MAX_TOTAL: Final = kernels.MAX_TOTAL
"""What one side may not reach in all, so that rationing (J16) stays in 64 bits."""
MAX_ARRIVAL: Final = (1 << 62) - 1
"""The latest arrival that can be told apart."""
BOTH: Final = np.empty(0, np.int8)
"""No column of sides: each side has columns of its own."""
NO_FLAGS: Final = np.empty(0, np.bool_)
NO_ARRIVALS: Final = np.empty(0, np.int64)
_PRICES: Final = Text(en="sells stand at 0 or more, buys at 1 or more", ja="売りの価格は0以上、買いの価格は1以上")
_QUANTITIES: Final = Text(en="quantities from 1", ja="数量は1以上")
_TOTALS: Final = Text(en="quantities that sum to less than 2^62", ja="数量の合計は2^62未満")
_BAD: Final = {
    kernels.PRICE_INVALID: ("ORDER_INVALID", "price", _PRICES),
    kernels.QUANTITY_INVALID: ("ORDER_INVALID", "quantity", _QUANTITIES),
    kernels.TOTAL_INVALID: ("QUANTITY_TOO_LARGE", "quantity", _TOTALS),
}


@dataclass(frozen=True, slots=True, eq=False)
class Cleared:
    """The result of a call auction.

    Attributes:
        price_sen: one price for all, at least 1 (J17) [sen/kWh]; ``None`` when nothing trades (quantity 0 means no
            price).
        quantity: traded, in the unit of the orders.
        sold: int64[n]: accepted per sell order, in the order given.
        bought: int64[m]: accepted per buy order, in the order given.
    """

    price_sen: int | None
    quantity: int
    sold: Column
    bought: Column


@dataclass(frozen=True, slots=True, eq=False)
class ClearedOrders:
    """The result of a call auction over one table of orders.

    Attributes:
        price_sen: one price for all, at least 1 (J17) [sen/kWh]; ``None`` when nothing trades.
        quantity: traded, in the unit of the orders.
        accepted: int64[n]: accepted per order, in the order given.
    """

    price_sen: int | None
    quantity: int
    accepted: Column


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """The bid curves of an auction (J20), row by row as JEPX publishes them (J31).

    Two rows at 0.00 (nothing sold, then the market sells), a row per price of an order, one at 999.00 and an end row
    at 999.99 where nothing is wanted.

    Attributes:
        price_sen: int64[k] rising [sen/kWh].
        sell: int64[k] offered at this price or less, in the unit of the orders.
        buy: int64[k] wanted at this price or more.
    """

    price_sen: Column
    sell: Column
    buy: Column


def clear(
    sell_price: Integers,
    sell_quantity: Integers,
    buy_price: Integers,
    buy_quantity: Integers,
    *,
    sell_market: Flags | None = None,
    buy_market: Flags | None = None,
    high_sen: int = MAX_PRICE_SEN,
) -> Cleared:
    """Clear one product: lowest crossing price (J13), largest quantity (J14), whole units rationed (J16).

    Args:
        sell_price: int64[n] limits from 0 [sen/kWh]; earlier orders first.
        sell_quantity: int64[n] positive, in whole units (Wh or lots).
        buy_price: int64[m] limits from 1 [sen/kWh]; earlier orders first.
        buy_quantity: int64[m] positive.
        sell_market: bool[n]: market orders, whose price is ignored: they stand at 0, before limit orders (J16, J17).
        buy_market: bool[m]: market orders, which stand at ``high_sen``.
        high_sen: the upper limit, where market buys stand [sen/kWh].

    Raises:
        MalformedInput: columns that are not integers or of different length, a price or quantity below what is said
            above, or a side that sums to 2^62 or more.
    """
    sells = _side("sell", sell_price, sell_quantity, sell_market, None, 0)
    buys = _side("buy", buy_price, buy_quantity, buy_market, None, high_sen)
    sold, bought = np.empty_like(sells[0]), np.empty_like(buys[0])
    status, side, tick, total = kernels.clear_sides(*sells, sold, *buys, bought, BOTH)
    if status != kernels.COLUMNS_OK:
        name, columns = ("sell", sells) if side == m.SELL else ("buy", buys)
        raise _bad_order(status, f"{name}_", tick, columns[0], columns[1])
    return Cleared(max(int(tick), MIN_PRICE_SEN) if total else None, int(total), sold, bought)


def clear_orders(
    price: Integers,
    quantity: Integers,
    side: Integers,
    *,
    market: Flags | None = None,
    arrival: Integers | None = None,
    high_sen: int = MAX_PRICE_SEN,
) -> ClearedOrders:
    """Clear one product whose orders stand in one table.

    Args:
        price: int64[n] limits [sen/kWh].
        quantity: int64[n] positive, in whole units (Wh or lots).
        side: int[n] 1 buy, 2 sell.
        market: bool[n]: market orders, as in ``clear``.
        arrival: int64[n] from 0, lower for earlier orders; equal ones, and orders without the column, by row.
        high_sen: the upper limit, where market buys stand [sen/kWh].

    Raises:
        MalformedInput: as in ``clear``, a side that is neither, or an arrival below 0.
    """
    sides = np.ascontiguousarray(side, np.int8)
    if (
        np.shape(side) != np.shape(price)
        or not np.array_equal(sides, side)
        or not np.isin(sides, (m.BUY, m.SELL)).all()
    ):
        raise MalformedInput(
            "SIDE_INVALID", "side", np.shape(side), Text(en="1 buy or 2 sell", ja="1(買い)または2(売り)")
        )
    columns = _side("", price, quantity, market, arrival, np.where(sides == m.BUY, high_sen, 0))
    accepted = np.empty_like(columns[0])
    status, _, tick, total = kernels.clear_sides(*columns, accepted, *columns, accepted, sides)
    if status != kernels.COLUMNS_OK:
        raise _bad_order(status, "", tick, columns[0], columns[1])
    return ClearedOrders(max(int(tick), MIN_PRICE_SEN) if total else None, int(total), accepted)


def curves(
    sell_price: Integers,
    sell_quantity: Integers,
    buy_price: Integers,
    buy_quantity: Integers,
    *,
    sell_market: Flags | None = None,
    buy_market: Flags | None = None,
) -> Curves:
    """Return both curves of the orders that ``clear`` is given, with 999.00 as the upper limit (J20, J31).

    Raises:
        MalformedInput: as in ``clear``, and a price above 999.00.
    """
    sells = _side("sell", sell_price, sell_quantity, sell_market, None, 0)
    buys = _side("buy", buy_price, buy_quantity, buy_market, None, MAX_PRICE_SEN)
    for name, (prices, quantities, *_), lowest in (("sell_", sells, 0), ("buy_", buys, 1)):
        status, row = kernels.check_side(prices, quantities, lowest, MAX_PRICE_SEN)
        if status != kernels.COLUMNS_OK:
            raise _bad_order(status, name, row, prices, quantities)
    return Curves(*bid_curves.bid_curve(sells[0], sells[1], buys[0], buys[1]))


def _side(
    name: str,
    price: Integers,
    quantity: Integers,
    market: Flags | None,
    arrival: Integers | None,
    stands: int | npt.NDArray[np.int64],
) -> tuple[Column, Column, Flags, Column]:
    """Return (standing price, quantity, market flags, arrivals) of orders as the kernels take them."""
    prefix = f"{name}_" if name else ""
    prices = _column(f"{prefix}price", price, np.shape(price))
    quantities = _column(f"{prefix}quantity", quantity, prices.shape)
    flags = NO_FLAGS
    if market is not None:
        flags = np.ascontiguousarray(market, np.bool_)
        if flags.shape != prices.shape:
            raise _columns_differ(f"{prefix}market", flags.shape)
        prices = np.where(flags, stands, prices).astype(np.int64)
    arrivals = NO_ARRIVALS
    if arrival is not None:
        arrivals = _column(f"{prefix}arrival", arrival, prices.shape)
        if arrivals.size and not 0 <= int(arrivals.min()) <= int(arrivals.max()) <= MAX_ARRIVAL:
            rule = Text(en="arrivals from 0 to 2^62 - 1", ja="到着順は0以上2^62未満")
            raise MalformedInput("ORDER_INVALID", f"{prefix}arrival", int(arrivals.min()), rule)
    return prices, quantities, flags, arrivals


def _column(field: str, values: Integers, shape: tuple[int, ...]) -> Column:
    given = np.asarray(values)
    if given.ndim != 1 or given.shape != shape or (given.size and not np.can_cast(given.dtype, np.int64)):
        raise _columns_differ(field, given.shape)
    return np.ascontiguousarray(given, np.int64)


def _columns_differ(field: str, shape: tuple[int, ...]) -> MalformedInput:
    rule = Text(en="one 64-bit integer per order in every column", ja="どの列も注文ごとに64ビット整数を一つずつ")
    return MalformedInput("COLUMNS_DIFFER", field, shape, rule)


def _bad_order(status: int, prefix: str, row: int, prices: Column, quantities: Column) -> MalformedInput:
    code, word, rule = _BAD[status]
    value = int((prices if word == "price" else quantities)[row])
    return MalformedInput(code, f"{prefix}{word}[{row}]", value, rule)
