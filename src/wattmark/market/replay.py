"""Replay of published curves (J33): price and volume of each curve, by the product's own auction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np

from wattmark.core.codes import Area
from wattmark.core.errors import MalformedInput
from wattmark.core.money import MIN_PRICE_SEN
from wattmark.core.text import Text
from wattmark.market.auction_kernels import clearing_price
from wattmark.market.curves import Column, CurveTable
from wattmark.market.published import SYSTEM, AreaGroup, CurveKey, PublishedPrice, SpotResult

NO_PRICE: Final = 0
"""Stands in a column of prices where nothing crosses: quantity 0 means no price (J15)."""
LOT_KWH: Final = 50
"""0.1 MW over half an hour (J1) [kWh]."""


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """What each curve clears at.

    Attributes:
        price_sen: int64[c] at least 1; ``NO_PRICE`` without a crossing [sen/kWh].
        lots: int64[c] traded quantity: the smaller side at the price [0.1 MW].
    """

    price_sen: Column
    lots: Column


@dataclass(frozen=True, slots=True)
class Difference:
    """A curve whose replay is not what was published.

    Attributes:
        key: day, slot, group.
        replayed: price [sen/kWh] or volume [kWh] of the replay, ``None`` without one or without a curve.
        published: the published one, ``None`` when none was.
        what: in words.
    """

    key: CurveKey
    replayed: int | None
    published: int | None
    what: Text


UNEQUAL: Final = Text(en="another price", ja="価格が異なる")
NO_CURVE: Final = Text(en="published, but without a curve", ja="公表値はあるがカーブがない")
NOT_PUBLISHED: Final = Text(en="a curve without a published price", ja="カーブはあるが公表価格がない")
TWICE: Final = Text(en="a curve that stands in two files", ja="2つのファイルに重複するカーブ")
OTHER_VOLUME: Final = Text(en="another volume", ja="約定量が異なる")


@dataclass(slots=True)
class Comparison:
    """Replayed curves against published prices, curve by curve, and volumes where that is meant (J34).

    Attributes:
        published: price of each curve.
        total: curves compared so far, and published ones of the same days without a curve.
        equal: those that agree.
        differences: the others, in the order found.
        volumes_total: curves whose one group holds all nine areas.
        volumes_equal: those whose crossing volume is the published contract volume.
        volume_differences: the others.
    """

    published: Mapping[CurveKey, PublishedPrice]
    total: int = 0
    equal: int = 0
    differences: list[Difference] = field(default_factory=list)
    volumes_total: int = 0
    volumes_equal: int = 0
    volume_differences: list[Difference] = field(default_factory=list)
    _seen: set[CurveKey] = field(default_factory=set)

    def add(self, table: CurveTable, replayed: Replayed) -> None:
        """Compare the curves of one table."""
        columns = (table.day, table.slot, table.group, replayed.price_sen, replayed.lots)
        for day, slot, group, price, lots in zip(*(column.tolist() for column in columns), strict=True):
            key = (day, slot, group)
            found = None if price == NO_PRICE else price
            expected = self.published.get(key)
            self.total += 1
            if key in self._seen:
                self.differences.append(Difference(key, found, None, TWICE))
                continue
            self._seen.add(key)
            if expected is None:
                self.differences.append(Difference(key, found, None, NOT_PUBLISHED))
                continue
            if expected.price_sen == found:
                self.equal += 1
            else:
                self.differences.append(Difference(key, found, expected.price_sen, UNEQUAL))
            if len(expected.areas) == len(Area):
                self._add_volume(key, lots)

    def finish(self) -> None:
        """Count what was published for the days of the curves, but has no curve."""
        days = {day for day, _, _ in self._seen}
        for key, one in self.published.items():
            if key[0] in days and key not in self._seen:
                self.total += 1
                self.differences.append(Difference(key, None, one.price_sen, NO_CURVE))

    def _add_volume(self, key: CurveKey, lots: int) -> None:
        system = self.published.get((key[0], key[1], SYSTEM))
        if system is None or system.contract_kwh is None:
            return
        self.volumes_total += 1
        if lots * LOT_KWH == system.contract_kwh:
            self.volumes_equal += 1
        else:
            self.volume_differences.append(Difference(key, lots * LOT_KWH, system.contract_kwh, OTHER_VOLUME))


def steps(table: CurveTable) -> tuple[Column, Column]:
    """Return what each row adds to supply, and what demand loses behind it: the orders at its price [0.1 MW]."""
    sell = np.diff(table.sell_lots, prepend=0)
    first = table.first[:-1]
    sell[first] = table.sell_lots[first]
    buy = -np.diff(table.buy_lots, append=0)
    last = table.first[1:] - 1
    buy[last] = table.buy_lots[last]
    return sell, buy


def replay(table: CurveTable) -> Replayed:
    """Return the price and the quantity of every curve.

    The steps of a curve are orders, and are cleared by the kernel that clears orders (J12-J15): the first row j with
    sell[j] >= buy[j+1], which is J33. A published price is at least 0.01 (J17).
    """
    sell, buy = steps(table)
    rows = table.rows
    falling_price, falling_buy = table.price_sen[::-1].copy(), buy[::-1].copy()
    prices = np.zeros(len(table), np.int64)
    lots = np.zeros(len(table), np.int64)
    bounds = table.first.tolist()
    for curve, (start, end) in enumerate(pairwise(bounds)):
        turned = slice(rows - end, rows - start)
        price, quantity = clearing_price(
            table.price_sen[start:end], sell[start:end], falling_price[turned], falling_buy[turned]
        )
        lots[curve] = quantity
        prices[curve] = max(price, MIN_PRICE_SEN) if quantity else NO_PRICE
    return Replayed(prices, lots)


def published_by_curve(results: Iterable[SpotResult], groups: Iterable[AreaGroup]) -> dict[CurveKey, PublishedPrice]:
    """Return the published price of each group's curve, from a summary.

    Raises:
        MalformedInput: the areas of one group have several prices: the two files contradict each other.
    """
    by_slot = {(one.day, one.slot): one for one in results}
    found: dict[CurveKey, PublishedPrice] = {}
    for group in groups:
        result = by_slot.get((group.day, group.slot))
        if result is None:
            continue
        if group.group == SYSTEM:
            found[group.key] = PublishedPrice((), result.system_sen, result.contract_kwh)
            continue
        prices = {result.area_sen[area - 1] for area in group.areas}
        if len(prices) > 1:
            rule = Text(
                en="the areas of a group have one price (J32)", ja="グループ内のエリアの価格は同一であること(J32)"
            )
            where = f"groups, day {group.day}, slot {group.slot}, group {group.group}"
            raise MalformedInput("GROUP_PRICES_DIFFER", where, sorted(map(str, prices)), rule)
        found[group.key] = PublishedPrice(group.areas, prices.pop(), None)
    return found
