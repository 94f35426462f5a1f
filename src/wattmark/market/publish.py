"""What is published of a slot's auctions (J20): system price, area prices, groups, volumes and bid curves."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from wattmark.core.codes import Area
from wattmark.core.energy import WH_PER_KWH
from wattmark.core.money import MAX_PRICE_SEN
from wattmark.market import layout as m
from wattmark.market.auction import clear
from wattmark.market.coupling import Coupled, Links, Steps, joined
from wattmark.market.curves import Column, CurveTable, bid_curve, curve_table, join_curves
from wattmark.market.published import SYSTEM, AreaGroup, CurveKey, PublishedPrice, SpotResult
from wattmark.market.units import LOT_WH


@dataclass(frozen=True, slots=True, eq=False)
class Bids:
    """The orders of one side as they stood at the gate.

    Attributes:
        price_sen: int64[n] limits; a market sell stands at 0, a market buy at 99,900 (J17) [sen/kWh].
        quantity_wh: int64[n] [Wh].
    """

    price_sen: Column
    quantity_wh: Column


@dataclass(frozen=True, slots=True)
class BlockVolumes:
    """Energy of the blocks in a slot.

    Attributes:
        offered_wh: of all sell blocks [Wh].
        sold_wh: of the accepted ones [Wh].
        wanted_wh: of all buy blocks [Wh].
        bought_wh: of the accepted ones [Wh].
    """

    offered_wh: int = 0
    sold_wh: int = 0
    wanted_wh: int = 0
    bought_wh: int = 0

    def kwh(self) -> tuple[int, int, int, int]:
        """Return the four in the order of the summary, cut to whole kWh (J35)."""
        offered, sold, wanted, bought = (
            wh // WH_PER_KWH for wh in (self.offered_wh, self.sold_wh, self.wanted_wh, self.bought_wh)
        )
        return offered, sold, wanted, bought


NO_BLOCKS: Final = BlockVolumes()


@dataclass(frozen=True, slots=True, eq=False)
class AreaAuction:
    """A cleared call auction of one area and slot.

    Attributes:
        area: its area.
        price_sen: the one price, ``None`` when nothing traded [sen/kWh].
        traded_wh: traded [Wh].
        sells: what was offered.
        buys: what was wanted.
    """

    area: Area
    price_sen: int | None
    traded_wh: int
    sells: Bids
    buys: Bids


@dataclass(frozen=True, slots=True, eq=False)
class PublishedSlot:
    """A slot as it is published.

    Attributes:
        groups: the system, then one group per area, numbered from 0 in the order of the areas.
        curves: a curve per group.
        result: volumes and prices.
        cut_wh: what the curves leave out of all that was offered and wanted, since volumes are cut to lots [Wh].
    """

    groups: tuple[AreaGroup, ...]
    curves: CurveTable
    result: SpotResult
    cut_wh: int


def publish_slot(day: int, slot: int, auctions: Sequence[AreaAuction], lot_wh: int = LOT_WH) -> PublishedSlot:
    """Return what is published of one slot.

    Areas that were cleared each by itself are a group each. The system price is that of all orders together without
    limits (J26). Volumes of curves are whole lots, cut off (J1); those of the result whole kWh.

    Args:
        day: delivery day, numbered from 1970-01-01.
        slot: 1..48 (J6).
        auctions: at least one, at most one per area, in the order of the areas.
        lot_wh: what stands as 0.1 MW in a curve; 50,000 Wh is true to J1, less magnifies a small market [Wh].
    """
    sells = _together([one.sells for one in auctions])
    buys = _together([one.buys for one in auctions])
    system = clear(sells.price_sen, sells.quantity_wh, buys.price_sen, buys.quantity_wh)
    groups = [AreaGroup(day, slot, SYSTEM, ())]
    groups += [AreaGroup(day, slot, number, (one.area,)) for number, one in enumerate(auctions)]
    sides = [(sells, buys), *((one.sells, one.buys) for one in auctions)]
    curves = [_curve(group, *both, lot_wh) for group, both in zip(groups, sides, strict=True)]
    prices = {one.area: one.price_sen for one in auctions}
    offered, wanted = int(sells.quantity_wh.sum()), int(buys.quantity_wh.sum())
    result = SpotResult(
        day,
        slot,
        offered // WH_PER_KWH,
        wanted // WH_PER_KWH,
        sum(one.traded_wh for one in auctions) // WH_PER_KWH,
        system.price_sen,
        tuple(prices.get(area) for area in Area),
        NO_BLOCKS.kwh(),
    )
    return PublishedSlot(tuple(groups), join_curves(curves), result, offered + wanted - _kept(curves[0], lot_wh))


def publish_coupled(
    slot: tuple[int, int],
    steps: Steps,
    links: Links,
    coupled: Coupled,
    *,
    lot_wh: int = LOT_WH,
    lone_areas: bool = False,
    listed: Collection[Area] = tuple(Area),
    blocks: BlockVolumes = NO_BLOCKS,
) -> PublishedSlot:
    """Return what is published of one slot of a coupled auction (J26-J30).

    A group is linked areas of one price. Its curve holds its orders and what came in or went out over full links, as
    market orders, so that the curve clears at the group's price. Groups are numbered in the order of
    their first area; those of one area are left out, so numbers can skip (J32).

    Args:
        slot: delivery day, numbered from 1970-01-01, and 1..48 (J6).
        steps: orders of areas 1 to 9, or fewer, with accepted blocks as orders without a limit (J22) [Wh].
        links: what might flow.
        coupled: what they came to.
        lot_wh: what stands as 0.1 MW in a curve [Wh].
        lone_areas: publish groups of one area too.
        listed: areas that had an auction; power may pass through the others, which are not published.
        blocks: of the blocks, accepted or not.
    """
    everywhere = tuple(Area(number + 1) for number in range(len(coupled.sold)))
    groups, members = [AreaGroup(*slot, SYSTEM, ())], [everywhere]
    named = [(areas, tuple(area for area in areas if area in listed)) for areas in _groups(links, coupled)]
    for number, (areas, published) in enumerate(pair for pair in named if pair[1]):
        if len(published) > 1 or lone_areas:
            groups.append(AreaGroup(*slot, number, published))
            members.append(areas)
    curves = []
    for group, inside in zip(groups, members, strict=True):
        numbers = np.array(inside, np.int64)
        starts_here, ends_here = np.isin(links.from_area, numbers), np.isin(links.to_area, numbers)
        comes_wh, goes_wh = (
            int(coupled.flow[way].sum()) for way in (ends_here & ~starts_here, starts_here & ~ends_here)
        )
        mine = np.isin(steps.area, numbers)
        buying, selling = mine & (steps.side == m.BUY), mine & (steps.side == m.SELL)
        sells, buys = (Bids(steps.price_sen[side], steps.quantity[side]) for side in (selling, buying))
        buys = Bids(standing(buys.price_sen, buying=True), buys.quantity_wh)
        curves.append(_curve(group, _with_flow(sells, comes_wh, 0), _with_flow(buys, goes_wh, MAX_PRICE_SEN), lot_wh))
    in_curve = int(steps.quantity.sum())
    offered, wanted = (int(steps.quantity[steps.side == side].sum()) for side in (m.SELL, m.BUY))
    offered, wanted = offered + blocks.offered_wh - blocks.sold_wh, wanted + blocks.wanted_wh - blocks.bought_wh
    prices = {area: price for area, price in zip(Area, coupled.prices_sen, strict=False) if area in listed}
    result = SpotResult(
        *slot,
        offered // WH_PER_KWH,
        wanted // WH_PER_KWH,
        coupled.quantity // WH_PER_KWH,
        coupled.system_price_sen,
        tuple(prices.get(area) for area in Area),
        blocks.kwh(),
    )
    return PublishedSlot(tuple(groups), join_curves(curves), result, in_curve - _kept(curves[0], lot_wh))


def published_prices(slots: Sequence[PublishedSlot]) -> dict[CurveKey, PublishedPrice]:
    """Return the price of every curve, to replay against."""
    found: dict[CurveKey, PublishedPrice] = {}
    for one in slots:
        for group in one.groups:
            if group.group == SYSTEM:
                found[group.key] = PublishedPrice((), one.result.system_sen, one.result.contract_kwh)
            else:
                prices = [price for area in group.areas if (price := one.result.area_sen[area - 1]) is not None]
                found[group.key] = PublishedPrice(group.areas, prices[0] if prices else None, None)
    return found


def standing(price_sen: Column, *, buying: bool) -> Column:
    """Return the prices of orders on a curve: one without a limit (0) stands at the end that always trades (J17)."""
    return np.where(price_sen == 0, MAX_PRICE_SEN, price_sen) if buying else price_sen


def _together(sides: Sequence[Bids]) -> Bids:
    return Bids(
        np.concatenate([side.price_sen for side in sides]), np.concatenate([side.quantity_wh for side in sides])
    )


def _curve(group: AreaGroup, sells: Bids, buys: Bids, lot_wh: int) -> CurveTable:
    price, sell, buy = bid_curve(sells.price_sen, sells.quantity_wh, buys.price_sen, buys.quantity_wh)
    day, slot, number = (np.full(len(price), value, np.int64) for value in group.key)
    return curve_table(day, slot, number, (price, sell // lot_wh, buy // lot_wh))


def _kept(system: CurveTable, lot_wh: int) -> int:
    """Return what the system curve holds of all that was offered and wanted [Wh]."""
    return int(system.sell_lots[-1] + system.buy_lots[0]) * lot_wh


def _with_flow(side: Bids, flow_wh: int, price_sen: int) -> Bids:
    """Return a side with what comes in (sells) or goes out (buys), if anything does, at a price that always trades."""
    if not flow_wh:
        return side
    return Bids(np.append(side.price_sen, price_sen), np.append(side.quantity_wh, flow_wh))


def _groups(links: Links, coupled: Coupled) -> list[tuple[Area, ...]]:
    """Return the groups in the order of their first area: all areas, or linked areas of one price.

    A link between areas of one price may be full: then the price of one of them follows from the other's orders. An
    area that trades nothing and passes nothing is in the group at whose tick its own curves meet, without a price.
    """
    count = len(coupled.sold)
    if not coupled.split:
        return [tuple(Area(number + 1) for number in range(count))]
    linked = np.zeros((count, count), np.int64)
    linked[links.from_area - 1, links.to_area - 1] = links.capacity > 0
    same_price = coupled.tick_sen[:, None] == coupled.tick_sen[None, :]
    together = joined(np.where(same_price, linked | linked.T, 0))
    found: dict[bytes, list[Area]] = {}
    for number in range(count):
        found.setdefault(together[number].tobytes(), []).append(Area(number + 1))
    return [tuple(areas) for areas in found.values()]
