"""The hourly orders of coupled areas under a set of blocks: market splitting (J26-J29) with blocks as its best steps."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.market import coupling
from wattmark.market import layout as m
from wattmark.market.blocks_market import (
    BLOCK_BUY,
    BLOCK_SELL,
    NO_PRICE,
    Column,
    Fill,
    HourlyOrders,
    published,
    rows_by_cell,
)
from wattmark.market.coupling import Coupled, Links, Steps

Couple = Callable[[Steps, Links], Coupled]
"""Clears one period of coupled areas; ticks of the steps are those of the ladder (``blocks_market``)."""
STEP_WORDS: Final = 4
TICKS: Final = BLOCK_BUY + 1
SIDES: Final = 3


class CoupledAreas:
    """Areas 1 to n that clear together under link limits of each period."""

    def __init__(
        self,
        orders: HourlyOrders,
        areas: int,
        periods: tuple[int, ...],
        links: Sequence[Links],
        couple: Couple | None = None,
    ) -> None:
        """Sum the orders to steps.

        Args:
            orders: hourly orders.
            areas: how many areas there are; their numbers are 1 to this.
            periods: the product codes, ascending; every order's period is one of them.
            links: the limits of each period, the same links in the same order.
            couple: how one period is cleared; market splitting without fences when ``None``.

        Raises:
            MalformedInput: orders of wrong form, or not one set of limits per period.
        """
        if len(links) != len(periods):
            rule = Text(en="one set of limits per period", ja="コマごとに一組の空容量")
            raise MalformedInput("COLUMNS_DIFFER", "links", len(links), rule)
        self.areas = tuple(range(1, areas + 1))
        self.periods = periods
        self._links = links
        self._couple = couple or self._split
        self._orders = orders
        self._ticks = orders.ticks()
        rows = rows_by_cell(orders, self.areas, periods)
        self._rows = [
            np.sort(np.concatenate([rows[area * len(periods) + period] for area in range(areas)]))
            for period in range(len(periods))
        ]
        self._steps = [self._summed(self._rows[period]) for period in range(len(periods))]
        self._known: dict[tuple[int, bytes, bytes], tuple[Column, Column]] = {}

    def _split(self, steps: Steps, links: Links) -> Coupled:
        return coupling.couple(steps, links, areas=len(self.areas), ceiling_sen=BLOCK_BUY)

    def _summed(self, rows: Column) -> Steps:
        """Return one step for all orders of a tick, side and area: prices depend on nothing else."""
        key = (self._orders.area[rows] * SIDES + self._orders.side[rows]) * TICKS + self._ticks[rows]
        distinct, place = np.unique(key, return_inverse=True)
        quantity = np.zeros(len(distinct), np.int64)
        np.add.at(quantity, place, self._orders.quantity[rows])
        cell, tick = np.divmod(distinct, TICKS)
        area, side = np.divmod(cell, SIDES)
        return Steps(tick, quantity, side, area)

    @staticmethod
    def _with_blocks(steps: Steps, bought: Column, sold: Column) -> tuple[Steps, Column]:
        """Return the steps with the blocks before them, and the block steps alone: int64[4, k]."""
        rows = []
        for area in range(len(bought)):
            if bought[area]:
                rows.append((BLOCK_BUY, int(bought[area]), m.BUY, area + 1))
            if sold[area]:
                rows.append((BLOCK_SELL, int(sold[area]), m.SELL, area + 1))
        first = np.array(rows, np.int64).reshape(-1, STEP_WORDS).T
        columns = (steps.price_sen, steps.quantity, steps.side, steps.area)
        joined = [np.concatenate((head, column)) for head, column in zip(first, columns, strict=True)]
        return Steps(*joined), first

    def price(self, periods: Sequence[int], bought: Column, sold: Column) -> tuple[Column, Column]:
        """Price some periods, as ``BlockMarket.price`` says."""
        prices = np.empty((len(self.areas), len(periods)), np.int64)
        short = np.empty_like(prices)
        for place, period in enumerate(periods):
            key = (period, bought[:, period].tobytes(), sold[:, period].tobytes())
            if key not in self._known:
                self._known[key] = self._priced(period, bought[:, period], sold[:, period])
            prices[:, place], short[:, place] = self._known[key]
        return prices, short

    def _priced(self, period: int, bought: Column, sold: Column) -> tuple[Column, Column]:
        steps, blocks = self._with_blocks(self._steps[period], bought, sold)
        found = self._couple(steps, self._links[period])
        short = np.zeros(len(self.areas), np.int64)
        got = found.accepted[: blocks.shape[1]]
        for column in np.flatnonzero(got < blocks[1]).tolist():
            short[blocks[3, column] - 1] = 1 if blocks[2, column] == m.BUY else -1
        return np.array([published(tick) for tick in found.tick_sen.tolist()], np.int64), short

    def surplus(self, bought: Column, sold: Column) -> int:
        """Return the surplus of the hourly orders [sen x quantity]."""
        total = 0
        for period, summed in enumerate(self._steps):
            steps, blocks = self._with_blocks(summed, bought[:, period], sold[:, period])
            accepted = self._couple(steps, self._links[period]).accepted[blocks.shape[1] :]
            values = summed.price_sen >> 1
            signs = np.where(summed.side == m.BUY, 1, -1)
            total += sum((signs * values * accepted).tolist())
        return total

    def fill(self, bought: Column, sold: Column) -> Fill:
        """Clear every period for good, order by order."""
        shape = (len(self.areas), len(self.periods))
        prices = np.full(shape, NO_PRICE, np.int64)
        sold_in_all, bought_in_all = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        accepted = np.zeros(len(self._ticks), np.int64)
        flows, income = [], []
        for period, rows in enumerate(self._rows):
            columns = (self._ticks[rows], self._orders.quantity[rows], self._orders.side[rows], self._orders.area[rows])
            steps, blocks = self._with_blocks(Steps(*columns), bought[:, period], sold[:, period])
            found = self._couple(steps, self._links[period])
            assert (found.accepted[: blocks.shape[1]] == blocks[1]).all()
            prices[:, period] = [
                NO_PRICE if price is None else published(tick)
                for price, tick in zip(found.prices_sen, found.tick_sen.tolist(), strict=True)
            ]
            accepted[rows] = found.accepted[blocks.shape[1] :]
            sold_in_all[:, period], bought_in_all[:, period] = found.sold, found.bought
            flows.append(found.flow)
            paid = np.where(prices[:, period] == NO_PRICE, 0, prices[:, period]) * (found.bought - found.sold)
            income.append(sum(paid.tolist()))
        flow = np.stack(flows, axis=1) if flows else np.zeros((0, 0), np.int64)
        return Fill(prices, sold_in_all, bought_in_all, accepted, flow, tuple(income))
