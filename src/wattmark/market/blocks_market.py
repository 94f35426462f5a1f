"""The hourly orders under a set of blocks: step curves on which a block is a shift (J12-J17, J22).

A block sell enters as the cheapest sell and a buy block as the dearest buy, so a selection of blocks reaches the price
of a period only through its net demand z (bought less sold by blocks): the price is the lowest order price at which
hourly supply less hourly demand just above it is at least z. Those differences never fall, so a period is priced
again in one binary search.

Prices stand on a ladder of ticks on which every rank of order has a step of its own (J16, J17)::

    0 block sell | 1 market sell | 2 x price limit orders | 2 x price + 1 market buys that stand there | 199,802 block buy
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from wattmark.core.errors import MalformedInput
from wattmark.core.money import MAX_PRICE_SEN, MIN_PRICE_SEN
from wattmark.core.text import Text
from wattmark.market import auction
from wattmark.market import layout as m

Column = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
ClearAuction = Callable[[Column, Column, Column, Column], auction.Cleared]
"""A call auction with the signature of ``auction.clear``."""

BLOCK_SELL: Final = 0
BLOCK_BUY: Final = 2 * MAX_PRICE_SEN + 2
MAX_CELL_QUANTITY: Final = 1 << 45
"""What one side of a period and area may sum to, blocks included, so that its value stays in 64 bits."""
NO_PRICE: Final = -1
"""Where nothing trades: quantity 0 means no price, never 0.00 (J15)."""


@dataclass(frozen=True, slots=True, eq=False)
class HourlyOrders:
    """Orders for one period each, as columns of one length; earlier orders first.

    Attributes:
        period: product code of each.
        area: area of each.
        side: 1 buy, 2 sell.
        price_sen: limit, of a market order the price where it stands: 0 for a sell, for a buy usually 99,900 (J17)
            [sen/kWh].
        quantity: positive, in the unit of the auction (Wh or lots).
        is_market: whether it is a market order (成行).
    """

    period: Column
    area: Column
    side: Column
    price_sen: Column
    quantity: Column
    is_market: Flags

    def ticks(self) -> Column:
        """Return each order's step on the ladder."""
        return 2 * self.price_sen + self.is_market

    def check(self) -> None:
        """Check the form.

        Raises:
            MalformedInput: columns of different length, a side other than 1 or 2, a limit outside 0.01 to 999.00
                JPY/kWh, a quantity below 1.
        """
        columns = (self.period, self.area, self.side, self.price_sen, self.quantity, self.is_market)
        if len({column.shape for column in columns}) != 1 or self.period.ndim != 1:
            rule = Text(en="columns of one length", ja="同じ長さの列")
            raise MalformedInput("COLUMNS_DIFFER", "orders", [len(column) for column in columns], rule)
        wrong = ~np.isin(self.side, (m.BUY, m.SELL))
        if wrong.any():
            rule = Text(en="1 buy or 2 sell", ja="1(買い)または2(売り)")
            raise MalformedInput("code", "side", int(self.side[wrong][0]), rule)
        lowest = np.where(self.is_market & (self.side == m.SELL), 0, MIN_PRICE_SEN)
        wrong = (self.price_sen < lowest) | (self.price_sen > np.where(lowest, MAX_PRICE_SEN, 0))
        if wrong.any():
            rule = Text(
                en="a price from 0.01 to 999.00 JPY/kWh, 0 for a market sell (J7, J17)",
                ja="価格は0.01円以上999.00円/kWh以下、売りの成行は0",
            )
            raise MalformedInput("range", "price_sen", int(self.price_sen[wrong][0]), rule)
        wrong = (self.quantity < 1) | (self.quantity > MAX_CELL_QUANTITY)
        if wrong.any():
            rule = Text(en="a quantity from 1 to 2^45", ja="量は1以上2^45以下")
            raise MalformedInput("range", "quantity", int(self.quantity[wrong][0]), rule)


@dataclass(frozen=True, slots=True, eq=False)
class Fill:
    """What a selection of blocks leaves to the hourly orders.

    Attributes:
        price_sen: int64[areas, periods], ``NO_PRICE`` where nothing trades [sen/kWh].
        sold: int64[areas, periods]: sold in all, blocks included.
        bought: int64[areas, periods]: bought in all, blocks included.
        accepted: int64[n]: accepted per hourly order.
        flow: int64[links, periods]: per directed link; no row where areas clear on their own.
        income: congestion income of each period (J29) [sen x quantity].
    """

    price_sen: Column
    sold: Column
    bought: Column
    accepted: Column
    flow: Column
    income: tuple[int, ...]


class BlockMarket(Protocol):
    """What the search needs to know of a market: cells are (area, period), blocks are shifts of their net demand."""

    areas: tuple[int, ...]
    periods: tuple[int, ...]

    def price(self, periods: Sequence[int], bought: Column, sold: Column) -> tuple[Column, Column]:
        """Price some periods (by index) under blocks that buy and sell so much.

        Args:
            periods: indexes of the periods.
            bought: int64[areas, periods of the market] that accepted buy blocks take.
            sold: int64[areas, periods of the market] that accepted sell blocks give.

        Returns:
            prices int64[areas, k] [sen/kWh], and int64[areas, k]: 1 where the buy blocks, -1 where the sell blocks
            cannot trade whole there, else 0.
        """
        ...

    def surplus(self, bought: Column, sold: Column) -> int:
        """Return the surplus of the hourly orders [sen x quantity]; needs that all blocks trade whole."""
        ...

    def fill(self, bought: Column, sold: Column) -> Fill:
        """Clear every period for good; needs that all blocks trade whole."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The hourly orders of one period and area as step functions of the ladder's ticks.

    Attributes:
        ticks: int64[k] distinct ticks, ascending.
        supply: int64[k]: sells at that tick or lower.
        demand: int64[k]: buys above that tick.
        net: int64[k]: supply less demand; never falls.
        sell_value: int64[k]: value of the sells below that tick [sen x quantity].
        buy_value: int64[k]: value of the buys above that tick [sen x quantity].
        all_bought: all hourly buys.
        all_sold: all hourly sells.
    """

    ticks: Column
    supply: Column
    demand: Column
    net: Column
    sell_value: Column
    buy_value: Column
    all_bought: int
    all_sold: int

    @classmethod
    def of(cls, ticks: Column, side: Column, quantity: Column) -> "Curve":
        """Return the curve of the orders of one period and area."""
        steps, place = np.unique(ticks, return_inverse=True)
        sells, buys = np.zeros(len(steps), np.int64), np.zeros(len(steps), np.int64)
        selling = side == m.SELL
        np.add.at(sells, place[selling], quantity[selling])
        np.add.at(buys, place[~selling], quantity[~selling])
        values = steps >> 1
        supply, taken = np.cumsum(sells), np.cumsum(buys)
        total = int(taken[-1]) if len(steps) else 0
        buy_value = np.cumsum(buys * values)
        return cls(
            ticks=steps,
            supply=supply,
            demand=total - taken,
            net=supply - (total - taken),
            sell_value=np.cumsum(sells * values) - sells * values,
            buy_value=(buy_value[-1] if len(steps) else 0) - buy_value,
            all_bought=total,
            all_sold=int(supply[-1]) if len(steps) else 0,
        )

    def price(self, net: int) -> tuple[int, int]:
        """Return (price [sen/kWh], 1, -1 or 0 as in ``BlockMarket.price``) under a net demand of blocks."""
        if net <= -self.all_bought:  # the block sells themselves are the lowest order price (J15, J17)
            return MIN_PRICE_SEN, -1 if net < -self.all_bought else 0
        if net > self.all_sold:
            return MAX_PRICE_SEN, 1
        return published(int(self.ticks[self.net.searchsorted(net)])), 0

    def surplus(self, net: int) -> int:
        """Return the largest surplus of the hourly orders that leaves ``net`` to the blocks [sen x quantity]."""
        if not len(self.ticks):
            return 0
        at = int(self.net.searchsorted(net))
        value = int(self.ticks[at]) >> 1
        below = int(self.supply[at - 1]) if at else 0
        marginal = net - below + int(self.demand[at])
        return int(self.buy_value[at]) - int(self.sell_value[at]) - value * marginal


def published(tick: int) -> int:
    """Return the price of a tick of the ladder: 0.01 to 999.00 JPY/kWh (J17) [sen/kWh]."""
    return min(max(tick >> 1, MIN_PRICE_SEN), MAX_PRICE_SEN)


class SeparateAreas:
    """Areas that each clear on their own, by the rule of the call auction."""

    def __init__(
        self,
        orders: HourlyOrders,
        areas: tuple[int, ...],
        periods: tuple[int, ...],
        clear: ClearAuction = auction.clear,
    ) -> None:
        """Make the curves of every area and period.

        Args:
            orders: hourly orders.
            areas: the areas, ascending; every order's area is one of them.
            periods: the product codes, ascending; every order's period is one of them.
            clear: the auction that gives each hourly order its quantity at the end.

        Raises:
            MalformedInput: orders of wrong form (``HourlyOrders.check``), an unknown area or period, or a side that
                sums to more than 2^45.
        """
        self.areas = areas
        self.periods = periods
        self._clear = clear
        self._quantity = orders.quantity
        self._side = orders.side
        self._rows = rows_by_cell(orders, areas, periods)
        self._ticks = orders.ticks()
        self.curves = [Curve.of(self._ticks[rows], self._side[rows], self._quantity[rows]) for rows in self._rows]

    def price(self, periods: Sequence[int], bought: Column, sold: Column) -> tuple[Column, Column]:
        """Price some periods, as ``BlockMarket.price`` says."""
        prices = np.empty((len(self.areas), len(periods)), np.int64)
        short = np.empty_like(prices)
        for area in range(len(self.areas)):
            for place, period in enumerate(periods):
                net = int(bought[area, period] - sold[area, period])
                curve = self.curves[area * len(self.periods) + period]
                prices[area, place], short[area, place] = curve.price(net)
        return prices, short

    def surplus(self, bought: Column, sold: Column) -> int:
        """Return the surplus of the hourly orders [sen x quantity]."""
        return sum(curve.surplus(net) for curve, net in zip(self.curves, (bought - sold).ravel().tolist(), strict=True))

    def fill(self, bought: Column, sold: Column) -> Fill:
        """Clear every cell with the auction itself, blocks as its best orders; prices must be those of the curves."""
        shape = (len(self.areas), len(self.periods))
        prices = np.full(shape, NO_PRICE, np.int64)
        totals = np.zeros(shape, np.int64)
        accepted = np.zeros(len(self._quantity), np.int64)
        for cell, rows in enumerate(self._rows):
            place = divmod(cell, len(self.periods))
            selling = self._side[rows] == m.SELL
            columns = [
                _led(BLOCK_SELL, int(sold[place]), self._ticks[rows[selling]], self._quantity[rows[selling]]),
                _led(BLOCK_BUY, int(bought[place]), self._ticks[rows[~selling]], self._quantity[rows[~selling]]),
            ]
            cleared = self._clear(*columns[0], *columns[1])
            if cleared.price_sen is None:
                assert not sold[place]
                assert not bought[place]
                continue
            prices[place] = published(cleared.price_sen)
            totals[place] = cleared.quantity
            assert prices[place] == self.curves[cell].price(int(bought[place] - sold[place]))[0]
            assert not sold[place] or cleared.sold[0] == sold[place]
            assert not bought[place] or cleared.bought[0] == bought[place]
            accepted[rows[selling]] = cleared.sold[1 if sold[place] else 0 :]
            accepted[rows[~selling]] = cleared.bought[1 if bought[place] else 0 :]
        flow = np.zeros((0, shape[1]), np.int64)
        return Fill(prices, totals, totals.copy(), accepted, flow, (0,) * shape[1])


def rows_by_cell(orders: HourlyOrders, areas: tuple[int, ...], periods: tuple[int, ...]) -> list[Column]:
    """Return the rows of each cell, area by area and within it period by period, earlier orders first.

    Raises:
        MalformedInput: orders of wrong form, an unknown area or period, or more than 2^45 in one cell.
    """
    orders.check()
    cell = index_of(areas, orders.area, "area") * len(periods) + index_of(periods, orders.period, "period")
    order = np.argsort(cell, kind="stable")
    bounds = np.searchsorted(cell[order], np.arange(len(areas) * len(periods) + 1))
    found = [order[start:end] for start, end in pairwise(bounds.tolist())]
    for rows in found:
        if float(orders.quantity[rows].sum(dtype=np.float64)) > MAX_CELL_QUANTITY:
            rule = Text(en="at most 2^45 in one period and area", ja="1コマ1エリアの合計は2^45以下")
            raise MalformedInput("QUANTITY_TOO_LARGE", "quantity", len(rows), rule)
    return found


def index_of(names: tuple[int, ...], column: Column, field: str) -> Column:
    """Return the place of each value among ascending names.

    Raises:
        MalformedInput: a value that is none of them.
    """
    known = np.array(names, np.int64)
    wrong = ~np.isin(column, known)
    if wrong.any():
        rule = Text(en="a period and area of this auction", ja="この入札の商品とエリア")
        raise MalformedInput("code", field, int(column[wrong][0]), rule)
    return np.searchsorted(known, column).astype(np.int64)


def _led(tick: int, block: int, ticks: Column, quantity: Column) -> tuple[Column, Column]:
    """Return one side's orders with the blocks' volume, if any, as the first of them."""
    if not block:
        return ticks, quantity
    return np.concatenate(([tick], ticks)), np.concatenate(([block], quantity))
