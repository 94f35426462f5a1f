"""What a call auction came to: price, energy, and both curves (J20); nothing before it was cleared (J11)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattmark.engine import layout as e
from wattmark.flows.platform import Platform
from wattmark.flows.queries import market as reads
from wattmark.market import layout as m

Rows = npt.NDArray[np.int64]
Level = tuple[int, int]
"""Price [sen/kWh] and quantity [Wh]."""


@dataclass(frozen=True, slots=True)
class AuctionResult:
    """A cleared auction.

    Attributes:
        price_sen: the one price [sen/kWh], ``None`` when nothing traded.
        quantity_wh: traded [Wh].
        sells: offered, summed by price, lowest first.
        buys: wanted, summed by price, highest first.
    """

    price_sen: int | None
    quantity_wh: int
    sells: tuple[Level, ...]
    buys: tuple[Level, ...]


def auction_result(platform: Platform, number: int) -> AuctionResult | None:
    """Return what an auction came to, ``None`` before it was cleared or where trading is continuous.

    Raises:
        UnknownReference: there is no such product.
    """
    item = reads.product(platform, number)
    if item.mode != m.MODE_CALL or item.is_open:
        return None
    orders = platform.state.orders
    rows = np.flatnonzero(orders[:, m.O_PRODUCT] == number)
    rows = rows[~np.isin(rows, _withdrawn(platform, rows))]
    buys, sells = rows[orders[rows, m.O_SIDE] == m.BUY], rows[orders[rows, m.O_SIDE] == m.SELL]
    price = item.last_price_sen if item.traded_wh else None
    return AuctionResult(price, item.traded_wh, tuple(_summed(orders[sells])), tuple(_summed(orders[buys])[::-1]))


def _withdrawn(platform: Platform, rows: Rows) -> Rows:
    """Return the orders, among ``rows``, that were cancelled before the auction."""
    if not len(rows):
        return rows
    state = platform.state
    first = int(state.orders[rows, m.O_POSITION].min())
    records = state.ids[first : platform.sequencer.position]
    cancels = (records[:, e.I_HEAD] & e.HALF_MASK == e.CANCEL) & (records[:, e.I_OUTCOME] == e.OK)
    found: Rows = records[cancels, e.I_RESULT0]
    return found


def _summed(orders: Rows) -> list[Level]:
    """Return the orders summed by price, lowest first."""
    prices, inverse = np.unique(orders[:, m.O_PRICE_SEN], return_inverse=True)
    sums = np.zeros(len(prices), np.int64)
    np.add.at(sums, inverse, orders[:, m.O_QUANTITY_WH])
    return list(zip(prices.tolist(), sums.tolist(), strict=True))
