"""Read cleared call auctions from the journal: the orders as they stood at the gate, and what they came to.

Tables keep an order's end, not its state at the gate: amended, cancelled, out of date. So the journal is applied again
from the beginning, and the tables are looked at just before an auction's record (L6).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from wattmark.core.codes import Area
from wattmark.core.errors import Broken, MalformedInput, UnknownReference
from wattmark.core.periods import KOMA_S, Period
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.apply import apply
from wattmark.engine.batch import decode_batch
from wattmark.engine.commands import Words
from wattmark.engine.state import State
from wattmark.ledger.ports import Frame
from wattmark.market import layout as m
from wattmark.market.publish import AreaAuction, Bids, PublishedSlot, publish_slot, standing
from wattmark.tokens import layout as k

MS_PER_S: Final = 1_000
FIRST_DAY: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, eq=False)
class ClearedProduct:
    """A call auction that took place.

    Attributes:
        product: its number.
        source: code of the energy source.
        period: the half hour.
        position: log index of the record that cleared it.
        auction: price, energy and the orders at the gate.
    """

    product: int
    source: int
    period: Period
    position: int
    auction: AreaAuction


def cleared_products(frames: Iterable[Frame], day: date, source: int | None = None) -> Iterator[ClearedProduct]:
    """Yield the cleared call auctions of half hours of a JST day, in the order of the log.

    Args:
        frames: the whole journal.
        day: delivery day.
        source: only products of this source.

    Raises:
        Broken: the journal does not replay.
    """
    state = State()
    for frame in frames:
        batch = decode_batch(frame.payload)
        heads = batch.commands[:, e.W_HEAD] & e.HALF_MASK
        cleared = (heads == e.CLEAR_AUCTION) & (batch.verdicts[:, e.V_OUTCOME] == e.OK)
        start = 0
        for row in np.flatnonzero(cleared).tolist():
            _apply(state, frame, batch.commands[start:row], batch.verdicts[start:row], batch.timestamp_ms)
            position = state.position
            orders = _at_the_gate(state, int(batch.commands[row, e.W_FIELDS]), batch.timestamp_ms)
            _apply(state, frame, batch.commands[row : row + 1], batch.verdicts[row : row + 1], batch.timestamp_ms)
            found = _found(state, int(batch.commands[row, e.W_FIELDS]), position, orders)
            start = row + 1
            if found.period.duration_s == KOMA_S and found.period.jst_date() == day and source in {None, found.source}:
                yield found
        _apply(state, frame, batch.commands[start:], batch.verdicts[start:], batch.timestamp_ms)


def published_day(products: Iterable[ClearedProduct], day: date, lot_wh: int) -> list[PublishedSlot]:
    """Return what is published of a day, slot by slot.

    Args:
        products: its cleared auctions, of one source.
        day: delivery day.
        lot_wh: what stands as 0.1 MW in a curve [Wh].

    Raises:
        UnknownReference: none was cleared.
        MalformedInput: an area and slot was cleared twice, or for several sources.
    """
    slots: dict[int, dict[Area, ClearedProduct]] = defaultdict(dict)
    sources = set()
    for one in products:
        slot, area = one.period.koma(), one.auction.area
        sources.add(one.source)
        if len(sources) > 1:
            rule = Text(en="products of one source; say which", ja="電源種別を1つ指定すること")
            raise MalformedInput("SOURCE_AMBIGUOUS", "source", sorted(sources), rule)
        if area in slots[slot]:
            rule = Text(en="one auction per area and slot", ja="エリアとコマごとに1つのオークション")
            raise MalformedInput("PRODUCT_TWICE", "product", (slots[slot][area].product, one.product), rule)
        slots[slot][area] = one
    if not slots:
        rule = Text(en="a day with cleared call auctions of half hours", ja="30分コマの板寄せが約定した日であること")
        raise UnknownReference("NO_AUCTIONS", "day", day.isoformat(), rule)
    number = day.toordinal() - FIRST_DAY
    return [
        publish_slot(number, slot, [slots[slot][area].auction for area in sorted(slots[slot])], lot_wh)
        for slot in sorted(slots)
    ]


def _apply(state: State, frame: Frame, commands: Words, verdicts: Words, now_ms: int) -> None:
    if not len(commands):
        return
    if (apply(state, commands, now_ms).verdicts != verdicts).any():
        raise Broken("journal", f"frame {frame.sequence} at byte {frame.offset}", "L6", "it does not replay")


def _at_the_gate(state: State, product: int, now_ms: int) -> tuple[Bids, Bids]:
    """Return (sells, buys) that take part: open orders, but none past its own time or that of the tokens it sells."""
    orders = state.orders
    mine = orders[(orders[:, m.O_PRODUCT] == product) & (orders[:, m.O_STATE] == m.ORDER_OPEN)]
    mine = mine[(mine[:, m.O_EXPIRES_MS] == 0) | (mine[:, m.O_EXPIRES_MS] > now_ms)]
    buys, sells = mine[mine[:, m.O_SIDE] == m.BUY], mine[mine[:, m.O_SIDE] == m.SELL]
    lots = state.lots[sells[:, m.O_LOT]]
    expires_s = np.where(
        lots[:, k.L_KIND] == k.ENERGY_CLAIM, lots[:, k.L_UNTIL_S], state.bundles[lots[:, k.L_BUNDLE], k.B_EXPIRY_S]
    )
    sells = sells[expires_s * MS_PER_S > now_ms]
    return _bids(sells, buying=False), _bids(buys, buying=True)


def _bids(orders: Words, *, buying: bool) -> Bids:
    return Bids(standing(orders[:, m.O_PRICE_SEN].copy(), buying=buying), orders[:, m.O_REMAINING_WH].copy())


def _found(state: State, product: int, position: int, sides: tuple[Bids, Bids]) -> ClearedProduct:
    row = state.products[product].tolist()
    traded_wh = row[m.P_VOLUME_WH]
    price = row[m.P_LAST_PRICE_SEN] if traded_wh else None
    auction = AreaAuction(Area(row[m.P_AREA]), price, traded_wh, *sides)
    return ClearedProduct(product, row[m.P_SOURCE], Period(row[m.P_PERIOD_S], row[m.P_DURATION_S]), position, auction)
