"""What a call auction came to: price, energy, and both curves (J20); nothing before it was cleared (J11)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattmark.engine import layout as e
from wattmark.engine.commands import fields
from wattmark.flows.place_orders import ANY_SESSION, EVERY_PRODUCT
from wattmark.flows.platform import Platform
from wattmark.flows.queries import market as reads
from wattmark.market import layout as m

Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
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
    took_part = orders[rows[~_ended_before(platform, item, rows)]]
    buys, sells = took_part[took_part[:, m.O_SIDE] == m.BUY], took_part[took_part[:, m.O_SIDE] == m.SELL]
    price = item.last_price_sen if item.traded_wh else None
    return AuctionResult(price, item.traded_wh, tuple(_summed(sells)), tuple(_summed(buys)[::-1]))


def _ended_before(platform: Platform, item: reads.Product, rows: Rows) -> Flags:
    """Return which of a product's orders, ``int64 [n]``, had ended by the gate: cancelled, or past their time.

    From the gate on no bid can be cancelled (J10).
    """
    orders = platform.state.orders[rows]
    ended: Flags = (orders[:, m.O_EXPIRES_MS] > 0) & (orders[:, m.O_EXPIRES_MS] <= item.gate_close_ms)
    if not len(rows):
        return ended
    first = int(orders[:, m.O_POSITION].min())
    records = platform.state.ids[first : platform.sequencer.position]
    kinds = records[:, e.I_HEAD] & e.HALF_MASK
    taken = (records[:, e.I_OUTCOME] == e.OK) & (records[:, e.I_TIMESTAMP_MS] < item.gate_close_ms)
    ended |= np.isin(rows, records[taken & (kinds == e.CANCEL), e.I_RESULT0])
    for position in (first + np.flatnonzero(taken & (kinds == e.CANCEL_ALL))).tolist():
        wish = fields(platform.sequencer.record(position).command)
        ended |= (
            (orders[:, m.O_POSITION] < position)
            & (orders[:, m.O_ACCOUNT] == wish["account"])
            & (wish["product"] in {EVERY_PRODUCT, item.product})
            & ((orders[:, m.O_GROUP] == wish["session"]) | (wish["session"] == ANY_SESSION))
        )
    return ended


def _summed(orders: Rows) -> list[Level]:
    """Return the orders summed by price, lowest first."""
    prices, inverse = np.unique(orders[:, m.O_PRICE_SEN], return_inverse=True)
    sums = np.zeros(len(prices), np.int64)
    np.add.at(sums, inverse, orders[:, m.O_QUANTITY_WH])
    return list(zip(prices.tolist(), sums.tolist(), strict=True))
