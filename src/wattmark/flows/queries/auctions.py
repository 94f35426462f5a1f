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
        net_export_wh: of what was offered, sold to other areas; negative: bought there [Wh].

    What comes from other areas stands among the sells at the lowest price, what goes there among the buys at the
    highest one, like accepted blocks: none of it depends on this product's price alone.
    """

    price_sen: int | None
    quantity_wh: int
    sells: tuple[Level, ...]
    buys: tuple[Level, ...]
    net_export_wh: int = 0


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
    in_block = took_part[:, m.O_TERMS] >> m.TERMS_BLOCK & 1 > 0
    took_part = took_part[~in_block | (took_part[:, m.O_VALUE_E5] > 0)]
    net_wh = int(platform.state.products[number, m.P_NET_WH]) if item.traded_wh else 0
    return AuctionResult(
        item.last_price_sen if item.traded_wh else None,
        item.traded_wh,
        tuple(_curve(took_part, m.SELL, 0, max(-net_wh, 0))),
        tuple(_curve(took_part, m.BUY, item.high_sen, max(net_wh, 0))[::-1]),
        net_wh,
    )


def _curve(orders: Rows, side: int, end_sen: int, moved_wh: int) -> list[Level]:
    """Return one side's orders summed by price, lowest first; accepted blocks and what moved stand at the end."""
    mine = orders[orders[:, m.O_SIDE] == side]
    prices = np.where(mine[:, m.O_TERMS] >> m.TERMS_BLOCK & 1 > 0, end_sen, mine[:, m.O_PRICE_SEN])
    quantities = mine[:, m.O_QUANTITY_WH]
    if moved_wh:
        prices, quantities = np.append(prices, end_sen), np.append(quantities, moved_wh)
    found, inverse = np.unique(prices, return_inverse=True)
    sums = np.zeros(len(found), np.int64)
    np.add.at(sums, inverse, quantities)
    return list(zip(found.tolist(), sums.tolist(), strict=True))


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
