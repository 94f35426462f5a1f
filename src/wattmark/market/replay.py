"""Replay of published curves (J33): price and volume of each curve, by the rule of the product's own auction."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from wattmark.core.codes import Area
from wattmark.core.errors import MalformedInput
from wattmark.core.money import MIN_PRICE_SEN
from wattmark.core.text import Text
from wattmark.market.curves import Column, CurveTable
from wattmark.market.published import SYSTEM, AreaGroup, CurveKey, PublishedPrice, SpotResult
from wattmark.market.units import LOT_KWH

NO_PRICE: Final = 0
"""Stands in a column of prices where nothing crosses: quantity 0 means no price (J15)."""


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
        not_covered: days with published prices, but without any curve: no difference, so that a longer list will do.
        volumes_total: curves whose one group holds all nine areas.
        volumes_equal: those whose crossing volume is the published contract volume.
        volume_differences: the others.
    """

    published: Mapping[CurveKey, PublishedPrice]
    total: int = 0
    equal: int = 0
    differences: list[Difference] = field(default_factory=list)
    not_covered: int = 0
    volumes_total: int = 0
    volumes_equal: int = 0
    volume_differences: list[Difference] = field(default_factory=list)
    _seen: set[CurveKey] = field(default_factory=set)

    @property
    def curves(self) -> AbstractSet[CurveKey]:
        """Return the curves met so far."""
        return self._seen

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
        """Count what was published for the days of the curves, but has no curve; and the days that have none at all."""
        days = {day for day, _, _ in self._seen}
        self.not_covered = len({day for day, _, _ in self.published} - days)
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


def replay(table: CurveTable) -> Replayed:
    """Return the price and the quantity of every curve.

    The first row j with sell[j] >= buy[j+1] is the lowest price p with S(p) >= D(just above p): J33 and the auction's
    J15 are one rule, on sums that are already made. A published price is at least 0.01 (J17).
    """
    if not len(table):
        return Replayed(np.empty(0, np.int64), np.empty(0, np.int64))
    above = np.append(table.buy_lots[1:], 0)
    above[table.first[1:] - 1] = 0
    row = np.where(table.sell_lots >= above, np.arange(table.rows), table.rows)
    crossing = np.minimum.reduceat(row, table.first[:-1])  # the last row of a curve always crosses
    lots = np.minimum(table.sell_lots[crossing], table.buy_lots[crossing])
    price = np.maximum(table.price_sen[crossing], MIN_PRICE_SEN)
    return Replayed(np.where(lots > 0, price, NO_PRICE), lots)


def published_by_curve(results: Iterable[SpotResult], groups: Iterable[AreaGroup]) -> dict[CurveKey, PublishedPrice]:
    """Return the published price of each group's curve, from a summary; an area without a price says nothing.

    A system price is that of a system curve, whether or not the groups name it (J20).

    Raises:
        MalformedInput: the areas of one group have several prices: the two files contradict each other.
    """
    by_slot = {(one.day, one.slot): one for one in results}
    found: dict[CurveKey, PublishedPrice] = {
        (*slot, SYSTEM): PublishedPrice((), one.system_sen, one.contract_kwh)
        for slot, one in by_slot.items()
        if one.system_sen is not None
    }
    for group in groups:
        result = by_slot.get((group.day, group.slot))
        if result is None:
            continue
        if group.group == SYSTEM:
            found[group.key] = PublishedPrice((), result.system_sen, result.contract_kwh)
            continue
        prices = {price for area in group.areas if (price := result.area_sen[area - 1]) is not None}
        if len(prices) > 1:
            rule = Text(
                en="the areas of a group have one price (J32)", ja="グループ内のエリアの価格は同一であること(J32)"
            )
            where = f"groups, day {group.day}, slot {group.slot}, group {group.group}"
            raise MalformedInput("GROUP_PRICES_DIFFER", where, sorted(prices), rule)
        found[group.key] = PublishedPrice(group.areas, min(prices, default=None), None)
    return found


def unmatched_groups(
    groups: Iterable[AreaGroup], curves: AbstractSet[CurveKey]
) -> tuple[CurveKey | None, CurveKey | None]:
    """Return the first curve of areas that no group names, and the first group that has no curve on a day of curves.

    Each is ``None`` when there is none. A system curve needs no group to be known (J31).
    """
    named = {one.key for one in groups}
    days = {day for day, _, _ in curves}
    nameless = (key for key in curves - named if key[2] != SYSTEM)
    return min(nameless, default=None), min((key for key in named - curves if key[0] in days), default=None)
