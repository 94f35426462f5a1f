"""What is published of a slot's auctions (J20): system price, area prices, groups, volumes and bid curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from wattmark.core.codes import Area
from wattmark.core.energy import WH_PER_KWH
from wattmark.core.money import MAX_PRICE_SEN
from wattmark.market.auction import clear
from wattmark.market.curves import Column, CurveTable, bid_curve, curve_table, join_curves
from wattmark.market.published import SYSTEM, AreaGroup, CurveKey, PublishedPrice, SpotResult
from wattmark.market.units import LOT_WH

NO_BLOCKS: Final = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Bids:
    """The orders of one side as they stood at the gate.

    Attributes:
        price_sen: int64[n] limits; a market sell stands at 0, a market buy at 99,900 (J17) [sen/kWh].
        quantity_wh: int64[n] [Wh].
    """

    price_sen: Column
    quantity_wh: Column


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
        NO_BLOCKS,
    )
    kept = int(curves[0].sell_lots[-1] + curves[0].buy_lots[0]) * lot_wh
    return PublishedSlot(tuple(groups), join_curves(curves), result, offered + wanted - kept)


def published_prices(slots: Sequence[PublishedSlot]) -> dict[CurveKey, PublishedPrice]:
    """Return the price of every curve, to replay against."""
    found: dict[CurveKey, PublishedPrice] = {}
    for one in slots:
        for group in one.groups:
            if group.group == SYSTEM:
                found[group.key] = PublishedPrice((), one.result.system_sen, one.result.contract_kwh)
            else:
                found[group.key] = PublishedPrice(group.areas, one.result.area_sen[group.areas[0] - 1], None)
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
