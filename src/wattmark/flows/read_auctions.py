"""Read cleared call auctions from the journal: the orders as they stood at the gate, and what they came to.

Tables keep an order's end, not its state at the gate: amended, cancelled, out of date. So the journal is applied again
from the beginning, and the tables are looked at just before an auction's record (L6). Auctions that were cleared
together (``clear_together``) are cleared again from their bids and the limits on record, and held against it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np

from wattmark.core.codes import Area
from wattmark.core.encoding import json_decode_strict
from wattmark.core.errors import Broken, MalformedInput, Refused, UnknownReference
from wattmark.core.periods import KOMA_S, Period
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.apply import apply
from wattmark.engine.batch import Batch, decode_batch
from wattmark.engine.commands import BulkKind, Words, words_hash
from wattmark.engine.state import State
from wattmark.flows.clear_together import FORMAT, gather
from wattmark.flows.clear_together import Bids as Gathered
from wattmark.ledger.ports import Frame
from wattmark.market import layout as m
from wattmark.market.coupling import Coupled, Links, Steps, couple
from wattmark.market.publish import (
    AreaAuction,
    Bids,
    BlockVolumes,
    PublishedSlot,
    publish_coupled,
    publish_slot,
    standing,
)
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


@dataclass(frozen=True, slots=True, eq=False)
class ClearedTogether:
    """A half hour whose areas were cleared together.

    Attributes:
        source: code of the energy source.
        period: the half hour.
        areas: areas that had an auction.
        steps: hourly orders, and accepted blocks as orders without a limit (J22).
        links: what might flow [Wh].
        coupled: what they came to.
        blocks: of the blocks, what was offered, sold, wanted and bought.
    """

    source: int
    period: Period
    areas: tuple[Area, ...]
    steps: Steps
    links: Links
    coupled: Coupled
    blocks: BlockVolumes


Cleared = ClearedProduct | ClearedTogether


def cleared_auctions(frames: Iterable[Frame], day: date, source: int | None = None) -> Iterator[Cleared]:
    """Yield the cleared call auctions of half hours of a JST day, in the order of the log.

    Args:
        frames: the whole journal.
        day: delivery day.
        source: only products of this source.

    Raises:
        Broken: the journal does not replay, or bids come to another result than the one on record.
    """
    state = State()
    for frame in frames:
        batch = decode_batch(frame.payload)
        found: list[Cleared] = [one for content in _records(batch) for one in _together(state, frame, content)]
        cleared = (batch.commands[:, e.W_HEAD] & e.HALF_MASK == e.CLEAR_AUCTION) & (
            batch.verdicts[:, e.V_OUTCOME] == e.OK
        )
        start = 0
        for row in np.flatnonzero(cleared).tolist():
            _apply(state, frame, batch, slice(start, row))
            position, product = state.position, int(batch.commands[row, e.W_FIELDS])
            orders = _at_the_gate(state, product, batch.timestamp_ms)
            _apply(state, frame, batch, slice(row, row + 1))
            found.append(_found(state, product, position, orders))
            start = row + 1
        _apply(state, frame, batch, slice(start, None))
        for one in found:
            if one.period.duration_s == KOMA_S and one.period.jst_date() == day and source in {None, one.source}:
                yield one


def published_day(auctions: Iterable[Cleared], day: date, lot_wh: int) -> list[PublishedSlot]:
    """Return what is published of a day, slot by slot.

    Args:
        auctions: its cleared auctions, of one source.
        day: delivery day.
        lot_wh: what stands as 0.1 MW in a curve [Wh].

    Raises:
        UnknownReference: none was cleared.
        MalformedInput: an area and slot was cleared twice, or for several sources.
    """
    slots: dict[int, list[Cleared]] = defaultdict(list)
    sources = set()
    for one in auctions:
        slots[one.period.koma()].append(one)
        sources.add(one.source)
    if len(sources) > 1:
        rule = Text(en="products of one source; say which", ja="電源種別を1つ指定すること")
        raise MalformedInput("SOURCE_AMBIGUOUS", "source", sorted(sources), rule)
    if not slots:
        rule = Text(en="a day with cleared call auctions of half hours", ja="30分コマの板寄せが約定した日であること")
        raise UnknownReference("NO_AUCTIONS", "day", day.isoformat(), rule)
    number = day.toordinal() - FIRST_DAY
    return [_published((number, slot), slots[slot], lot_wh) for slot in sorted(slots)]


def _published(slot: tuple[int, int], found: list[Cleared], lot_wh: int) -> PublishedSlot:
    (first, *others) = found
    if isinstance(first, ClearedTogether) and not others:
        return publish_coupled(
            slot,
            first.steps,
            first.links,
            first.coupled,
            lot_wh=lot_wh,
            lone_areas=True,
            listed=first.areas,
            blocks=first.blocks,
        )
    alone = {one.auction.area: one.auction for one in found if isinstance(one, ClearedProduct)}
    if len(alone) < len(found):
        rule = Text(en="one auction per area and slot", ja="エリアとコマごとに1つのオークション")
        raise MalformedInput("PRODUCT_TWICE", "slot", slot[1], rule)
    return publish_slot(*slot, [alone[area] for area in sorted(alone)], lot_wh)


def _records(batch: Batch) -> Iterator[dict[str, Any]]:
    """Yield what the records of auctions in a batch say."""
    kinds, accepted = batch.commands[:, e.W_HEAD] & e.HALF_MASK, batch.verdicts[:, e.V_OUTCOME] == e.OK
    for row in batch.commands[(kinds == e.BULK_ROOT) & accepted]:
        if int(row[e.W_FIELDS]) == BulkKind.AUCTIONS:
            yield json_decode_strict(batch.payloads[words_hash(row[e.W_HASH :])])


def _together(before: State, frame: Frame, content: dict[str, Any]) -> list[ClearedTogether]:
    """Return the half hours of a record, cleared again from their bids."""
    try:
        return list(_cleared_again(before, content)) if content.get("format") == FORMAT else []
    except (LookupError, TypeError, ValueError, Refused) as error:
        where = f"frame {frame.sequence} at byte {frame.offset}"
        raise Broken("journal", where, "the payload of a record of auctions", str(error)) from error


def _cleared_again(before: State, content: dict[str, Any]) -> Iterator[ClearedTogether]:
    source, duration_s = int(content["source"]), int(content["duration_s"])
    if duration_s != KOMA_S:
        return
    bids = gather(before, source, duration_s, int(content["at_ms"]))
    accepted = set(content["blocks"]["accepted"])
    on_record = {(int(one["area"]), int(one["period"])): one["price_sen"] for one in content["products"]}
    for index, start_s in enumerate(bids.starts_s):
        blocks = [
            (one.side, one.area, quantity, one.block in accepted)
            for one in bids.blocks
            for code, quantity in one.slots
            if code == index
        ]
        steps = _steps(bids, index, [block for block in blocks if block[3]])
        links = _links(content["links"], index)
        coupled = couple(steps, links, areas=len(Area))
        areas = sorted(Area(area) for area, at in bids.product if at == index)
        for area in areas:
            price = on_record[int(area), index]
            if price is not None and price != coupled.prices_sen[area - 1]:
                detail = f"area {area}, period {start_s}: {price} on record, {coupled.prices_sen[area - 1]} derived"
                raise Broken("journal", f"auctions of source {source}", "auctions: the price of the bids", detail)
        volumes = [
            sum(block[2] for block in blocks if block[0] == side and (block[3] or not only))
            for side in (m.SELL, m.BUY)
            for only in (False, True)
        ]
        yield ClearedTogether(
            source, Period(start_s, duration_s), tuple(areas), steps, links, coupled, BlockVolumes(*volumes)
        )


def _steps(bids: Gathered, index: int, accepted: list[tuple[int, int, int, bool]]) -> Steps:
    """Return the hourly orders of a period, and its accepted blocks as orders without a limit."""
    mine = bids.orders.period == index
    side, area, quantity = (np.array([block[word] for block in accepted], np.int64) for word in range(3))
    return Steps(
        np.concatenate([bids.orders.price_sen[mine], np.zeros(len(accepted), np.int64)]),
        np.concatenate([bids.orders.quantity[mine], quantity]),
        np.concatenate([bids.orders.side[mine], side]),
        np.concatenate([bids.orders.area[mine], area]),
    )


def _links(rows: list[dict[str, Any]], index: int) -> Links:
    return Links(
        np.array([row["from"] for row in rows], np.int64),
        np.array([row["to"] for row in rows], np.int64),
        np.array([row["capacity_wh"][index] for row in rows], np.int64),
    )


def _apply(state: State, frame: Frame, batch: Batch, part: slice) -> None:
    commands = batch.commands[part]
    if len(commands) and (apply(state, commands, batch.timestamp_ms).verdicts != batch.verdicts[part]).any():
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
