"""The call auction as a library: arrays of orders in, price and accepted quantities out (J12-J17)."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.market.auction_kernels import clearing_price, ration

Column = npt.NDArray[np.int64]
HALF_BITS: Final = 31
MAX_TOTAL: Final = 1 << 62
"""What one side may not reach in all, so that rationing (J16) stays in 64 bits."""


@dataclass(frozen=True, slots=True, eq=False)
class Cleared:
    """The result of a call auction.

    Attributes:
        price_sen: one price for all [sen/kWh]; ``None`` when nothing trades (quantity 0 means no price).
        quantity: traded, in the unit of the orders.
        sold: int64[n]: accepted per sell order, in the order given.
        bought: int64[m]: accepted per buy order, in the order given.
    """

    price_sen: int | None
    quantity: int
    sold: Column
    bought: Column


def clear(sell_price: Column, sell_quantity: Column, buy_price: Column, buy_quantity: Column) -> Cleared:
    """Clear one product: lowest crossing price (J13), largest quantity (J14), whole units rationed (J16).

    Args:
        sell_price: int64[n] limits [sen/kWh]; earlier orders first.
        sell_quantity: int64[n] positive, in whole units (Wh or lots).
        buy_price: int64[m] limits [sen/kWh]; earlier orders first.
        buy_quantity: int64[m] positive.

    Raises:
        MalformedInput: columns of different length, a negative price, a quantity below 1, or a side that sums to
            2^62 or more.
    """
    _check("sell", sell_price, sell_quantity)
    _check("buy", buy_price, buy_quantity)
    sells = np.argsort(sell_price, kind="stable")
    buys = np.argsort(-buy_price, kind="stable")
    columns = (sell_price[sells], sell_quantity[sells], buy_price[buys], buy_quantity[buys])
    price, total = clearing_price(*columns)
    sold = np.zeros(len(sells), np.int64)
    bought = np.zeros(len(buys), np.int64)
    if total:
        accepted = np.zeros(len(sells), np.int64)
        ration(columns[0], columns[1], price, total, False, accepted)  # noqa: FBT003 - a kernel takes plain values
        sold[sells] = accepted
        accepted = np.zeros(len(buys), np.int64)
        ration(columns[2], columns[3], price, total, True, accepted)  # noqa: FBT003 - as above
        bought[buys] = accepted
    return Cleared(int(price) if total else None, int(total), sold, bought)


def _check(side: str, prices: Column, quantities: Column) -> None:
    if prices.shape != quantities.shape or prices.ndim != 1:
        rule = Text(en="one price and one quantity per order", ja="注文ごとに価格と数量を一つずつ")
        raise MalformedInput("COLUMNS_DIFFER", f"{side}_price", prices.shape, rule)
    if prices.size and (int(prices.min()) < 0 or int(quantities.min()) < 1):
        rule = Text(en="prices from 0, quantities from 1", ja="価格は0以上、数量は1以上")
        raise MalformedInput("ORDER_INVALID", side, (int(prices.min()), int(quantities.min())), rule)
    high, low = quantities >> HALF_BITS, quantities & ((1 << HALF_BITS) - 1)
    total = (int(high.sum()) << HALF_BITS) + int(low.sum())  # exact where the plain sum would wrap
    if total >= MAX_TOTAL:
        rule = Text(en="quantities that sum to less than 2^62", ja="数量の合計は2^62未満")
        raise MalformedInput("QUANTITY_TOO_LARGE", f"{side}_quantity", total, rule)
