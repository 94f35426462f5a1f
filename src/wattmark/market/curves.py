"""Bid curves (J20): cumulative steps of supply and demand per day, slot and group of areas, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.int64]
LAST_PRICE_SEN: Final = 99_900
"""The last tick of a published curve with orders, where a market buy stands (J17, J31) [sen/kWh]."""
END_PRICE_SEN: Final = 99_999
"""The end row of a published curve, where nothing is wanted (J31) [sen/kWh]."""
KEY_DAYS: Final = 100_000_000
"""What a day counts in a curve's key."""
KEY_SLOTS: Final = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class CurveTable:
    """Curves one after another, each a run of rows in rising price.

    Attributes:
        day: int64[c] delivery days, numbered from 1970-01-01.
        slot: int64[c] 1..48 (J6).
        group: int64[c] number of the group of areas, -1 for the system curve (J31).
        first: int64[c+1] row at which each curve begins; the last is the number of rows.
        price_sen: int64[n] prices [sen/kWh].
        sell_lots: int64[n] offered at this price or less [0.1 MW].
        buy_lots: int64[n] wanted at this price or more [0.1 MW].
    """

    day: Column
    slot: Column
    group: Column
    first: Column
    price_sen: Column
    sell_lots: Column
    buy_lots: Column

    def __len__(self) -> int:
        return len(self.day)

    @property
    def rows(self) -> int:
        """Return the number of rows of all curves."""
        return len(self.price_sen)

    def key(self) -> Column:
        """Return one number per curve: rising with day, slot and group."""
        return curve_key(self.day, self.slot, self.group)


def curve_key(day: Column, slot: Column, group: Column) -> Column:
    """Return one number per (day, slot, group): rising in that order."""
    key: Column = day * KEY_DAYS + slot * KEY_SLOTS + group + 1
    return key


def curve_table(day: Column, slot: Column, group: Column, columns: tuple[Column, Column, Column]) -> CurveTable:
    """Return the table of rows that each name their curve; a curve's rows stand together.

    Args:
        day: int64[n] of each row.
        slot: int64[n].
        group: int64[n].
        columns: price [sen/kWh], cumulative sell and buy [0.1 MW], int64[n] each.
    """
    key = curve_key(day, slot, group)
    starts = np.flatnonzero(np.diff(key, prepend=key[:1] - 1))
    first = np.append(starts, len(key)).astype(np.int64)
    return CurveTable(day[starts], slot[starts], group[starts], first, *columns)


def bid_curve(
    sell_price: Column, sell_quantity: Column, buy_price: Column, buy_quantity: Column
) -> tuple[Column, Column, Column]:
    """Return the curve of orders in any order: price, cumulative sell and buy, in the form of J31.

    Two rows at 0.00, one per price of an order, one at 999.00, and an end row at 999.99 with nothing wanted.

    Args:
        sell_price: int64[n] from 0 (a market sell) to 99,900 [sen/kWh].
        sell_quantity: int64[n] in the unit of the curve.
        buy_price: int64[m] to 99,900, where a market buy stands [sen/kWh].
        buy_quantity: int64[m].
    """
    present = np.zeros(LAST_PRICE_SEN + 1, np.bool_)
    present[[0, LAST_PRICE_SEN]] = True
    present[sell_price] = True
    present[buy_price] = True
    ticks = np.flatnonzero(present)
    offered, wanted = np.zeros((2, LAST_PRICE_SEN + 1), np.int64)
    np.add.at(offered, sell_price, sell_quantity)
    np.add.at(wanted, buy_price, buy_quantity)
    supply = np.cumsum(offered[ticks])
    demand = np.cumsum(wanted[ticks][::-1])[::-1]
    return (
        np.concatenate([np.zeros(1, np.int64), ticks, np.full(1, END_PRICE_SEN, np.int64)]),
        np.concatenate([np.zeros(1, np.int64), supply, supply[-1:]]),
        np.concatenate([demand[:1], demand, np.zeros(1, np.int64)]),
    )


def join_curves(tables: Sequence[CurveTable]) -> CurveTable:
    """Return the curves of all tables in order."""
    rows = np.cumsum([0, *(table.rows for table in tables)])
    firsts = [table.first[:-1] + start for table, start in zip(tables, rows, strict=False)]
    none = np.empty(0, np.int64)

    def joined(name: str) -> Column:
        return np.concatenate([none, *(getattr(table, name) for table in tables)])

    return CurveTable(
        joined("day"),
        joined("slot"),
        joined("group"),
        np.concatenate([*firsts, rows[-1:]]).astype(np.int64),
        joined("price_sen"),
        joined("sell_lots"),
        joined("buy_lots"),
    )
