"""Market splitting (市場分断) as a library: steps per area and link limits in, prices, flows and fills out (J26-J29).

First all areas are cleared as one (the system price, J12-J15). If no flow within the limits carries that result, each
area gets a price of its own: of all results within the limits the one of greatest surplus, among those of the
largest quantity, with the lowest prices (J27). Everything is whole numbers; there is no solver.

Prices. At a tick t some areas are short: supply up to t, all imports they could get included, is less than their
demand above t. Exactly those must be dearer than t. Which they are is a minimal cut of a network of a dozen nodes
(``coupling_flow_kernels.short_areas``), and an area's price is the lowest tick at which it is not among them. The
sets shrink as t rises, so a price is found by halving. These are the lowest of all prices that support a result of
greatest surplus: a set of such prices has a least member in every area at once, which is why the order of areas in
J27 never has to decide.

Quantities. Better-priced steps trade whole, worse ones not at all, links between unequal prices are full. What is
left, the boundary ticks and the links between equal prices, is a flow problem: the largest quantity, then each area
in order as near to its share of the tick as the limits allow, then as little flow as possible.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.errors import MalformedInput
from wattmark.core.money import MAX_PRICE_SEN, MIN_PRICE_SEN
from wattmark.core.text import Text
from wattmark.market import coupling_kernels as kernels
from wattmark.market.coupling_clear import Cleared, StepColumns, Weights, clear_within_links, sums_at
from wattmark.market.coupling_fences import Fenced, clear_fenced
from wattmark.market.coupling_flow_kernels import shorten_flows

Column = npt.NDArray[np.int64]
Table = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

MAX_SUM: Final = 1 << 60
"""What all steps may sum to, times the number of links plus two: sums over cuts stay in 64 bits."""
MAX_TOTAL: Final = 1 << 52
"""What all steps may sum to [Wh or lots]."""
MAX_CEILING_SEN: Final = (1 << 20) - 1
MAX_AREAS: Final = 256
MAX_COEFFICIENT: Final = 100

JAPAN_PAIRS: Final = ((1, 2), (2, 3), (3, 4), (4, 5), (4, 6), (5, 6), (6, 7), (6, 8), (7, 8), (7, 9))
"""The links between Japan's nine areas (J28), each with a limit in either direction."""


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """What one auction is offered: a row per order, or per step of a curve; earlier orders first.

    Attributes:
        price_sen: int64[n] limits [sen/kWh]; 0 is a market order (J17).
        quantity: int64[n] positive, in whole units (Wh or lots).
        side: int64[n] 1 buys, 2 sells.
        area: int64[n] from 1.
    """

    price_sen: Column
    quantity: Column
    side: Column
    area: Column


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """Directed limits between areas.

    Attributes:
        from_area: int64[m] from 1.
        to_area: int64[m].
        capacity: int64[m] what may flow that way [unit of the steps], 0 or more.
    """

    from_area: Column
    to_area: Column
    capacity: Column


@dataclass(frozen=True, slots=True, eq=False)
class Fences:
    """Linear limits on net positions (フェンス, J28): coefficients x net positions, row by row, at most the bound.

    Attributes:
        coefficients: int64[k, areas].
        bound: int64[k], 0 or more: trading nothing is always allowed.
    """

    coefficients: Table
    bound: Column


@dataclass(frozen=True, slots=True, eq=False)
class Coupled:
    """The result of a coupled auction.

    Attributes:
        prices_sen: one price per area [sen/kWh]; ``None`` where nothing trades: no quantity in the area, nor in
            those it is joined with by links that have room both ways.
        system_price_sen: the price without limits, ``None`` when nothing would trade.
        split: whether the limits made more than one market of it.
        tick_sen: int64[areas] where each area's curves meet; below the lowest price only if market orders meet
            each other (J17).
        sold: int64[areas] accepted sells.
        bought: int64[areas] accepted buys.
        flow: int64[m] per directed link; of two opposite links at most one is used.
        accepted: int64[n] per step, in the order given.
        surplus: value to buyers less cost to sellers at their limits [sen/kWh x unit].
        income: congestion income, value bought less value sold (J29) [sen/kWh x unit]; with Wh 10^-5 JPY.
        fence_prices: what one more unit of each fence would be worth [sen/kWh]; empty without fences.
    """

    prices_sen: tuple[int | None, ...]
    system_price_sen: int | None
    split: bool
    tick_sen: Column
    sold: Column
    bought: Column
    flow: Column
    accepted: Column
    surplus: int
    income: int
    fence_prices: tuple[Fraction, ...] = ()

    @property
    def net(self) -> Column:
        """Net positions int64[areas]: sold less bought, what an area sends out."""
        return self.sold - self.bought

    @property
    def quantity(self) -> int:
        """Traded in all areas together."""
        return int(self.sold.sum())


def japan_links(capacity: dict[tuple[int, int], int]) -> Links:
    """Return the links of Japan's nine areas (J28) with a free capacity per directed pair; left out is 0.

    Raises:
        MalformedInput: a pair that no link joins.
    """
    directed = [pair for low, high in JAPAN_PAIRS for pair in ((low, high), (high, low))]
    for pair in capacity:
        if pair not in directed:
            raise MalformedInput(
                "NO_SUCH_LINK",
                "capacity",
                pair,
                Text(en="areas joined by a link (J28)", ja="連系線で結ばれたエリアの組(J28)"),
            )
    table = np.array([(*pair, capacity.get(pair, 0)) for pair in directed], np.int64)
    return Links(*table.T.copy())


def couple(
    steps: Steps, links: Links, *, areas: int, ceiling_sen: int = MAX_PRICE_SEN, fences: Fences | None = None
) -> Coupled:
    """Clear one auction in all areas at once (J26-J29, J12-J17).

    Ties between areas: at a boundary tick each price group shares as J16 shares among orders, market before limit
    orders, equal remainders to the lower area; where a limit forbids that, the areas in order, first for sells, then
    for buys, get the amount nearest to their share that is still possible. Ties between orders of an area: J16.
    Ties between flows: least in all, then least on the first link, the second and so on. So the order of arrival
    decides about odd units within an area, never about a price, an area's total or a flow.

    Fences count when the result without them breaks one (``coupling_fences``). Then the areas in order sell, and after
    that buy, as much of their boundary ticks as they can.

    Args:
        steps: what is offered.
        links: what may flow.
        areas: how many areas there are; their numbers are 1 to this.
        ceiling_sen: the highest price, where market buys stand (J17) [sen/kWh].
        fences: linear limits on net positions.

    Raises:
        MalformedInput: columns of different length or kind, a step, link or fence out of range, quantities that sum
            to more than 2^52, or more than 2^60 divided by the number of links plus two.
        RuleViolated: ``FENCES_NOT_EXACT``: under the fences no whole quantities at whole ticks are best.
    """
    price, quantity, side, area = _columns("steps", steps.price_sen, steps.quantity, steps.side, steps.area)
    columns: StepColumns = price, quantity, side, area
    _check_size(areas, ceiling_sen)
    most = min(MAX_TOTAL, MAX_SUM // (len(links.capacity) + 2))
    cap, pairs = _network(links, areas, most)
    weights = Weights(
        np.zeros((areas, (ceiling_sen >> kernels.STEP_BUCKET_BITS) + 1), np.int64), np.zeros(areas, np.int64)
    )
    bad = kernels.weigh_buckets(*columns, ceiling_sen, most, weights.by_bucket, weights.buys)
    if bad >= 0:
        rule = Text(
            en=f"prices 0 to {ceiling_sen}, quantities from 1 to {most} in all, sides 1 and 2, areas 1 to {areas}",
            ja=f"価格は0から{ceiling_sen}、数量は1以上で合計{most}以下、売買区分は1か2、エリアは1から{areas}",
        )
        raise MalformedInput("STEP_INVALID", f"steps[{bad}]", tuple(int(column[bad]) for column in columns), rule)
    found, system_tick, system_quantity = clear_within_links(columns, ceiling_sen, weights, cap, pairs)
    fence_prices: tuple[Fraction, ...] = ()
    if fences is not None:
        coefficients, bound = _fence_table(fences, areas)
        fence_prices = (Fraction(0),) * len(bound)
        if (coefficients @ (found.sold - found.bought) > bound).any():
            fenced = clear_fenced(columns, *_wires(links, cap), (coefficients, bound), found.tick, ceiling_sen)
            found, fence_prices = _fenced(columns, ceiling_sen, fenced, cap, pairs), fenced.fence_prices
    sold_at = found.sold - found.sums[:, kernels.SELL_BELOW]
    bought_at = found.bought - found.sums[:, kernels.BUY_ABOVE]
    accepted = np.empty(len(price), np.int64)
    kernels.fill_steps(*columns, ceiling_sen, found.tick, found.sums, sold_at, bought_at, accepted)
    priced = _priced(found, cap) if found.split else [system_quantity > 0] * areas
    prices = [max(tick, MIN_PRICE_SEN) if has else None for tick, has in zip(found.tick.tolist(), priced, strict=True)]
    values = zip((found.bought - found.sold).tolist(), prices, strict=True)
    return Coupled(
        prices_sen=tuple(prices),
        system_price_sen=max(system_tick, MIN_PRICE_SEN) if system_quantity else None,
        split=found.split,
        tick_sen=found.tick,
        sold=found.sold,
        bought=found.bought,
        flow=_per_link(links, found.flow),
        accepted=accepted,
        surplus=_surplus(found.sums, found.tick, bought_at - sold_at),
        income=sum(quantity * price for quantity, price in values if price is not None),
        fence_prices=fence_prices,
    )


def _wires(links: Links, cap: Table) -> tuple[Table, Column]:
    """Return the links' areas from 0, int64[m, 2], and their capacities, none beyond what all could need."""
    ends = np.stack((links.from_area, links.to_area), axis=1) - 1
    return ends, np.minimum(links.capacity, cap[ends[:, 0], ends[:, 1]])


def _fenced(columns: StepColumns, ceiling_sen: int, fenced: Fenced, cap: Table, pairs: Table) -> Cleared:
    """Return a result within fences with short flows."""
    ranks = {value: rank for rank, value in enumerate(sorted(set(fenced.hub)))}
    hub = np.array([ranks[value] for value in fenced.hub], np.int64)
    flow = np.zeros_like(cap)
    np.add.at(flow, (fenced.ends[:, 0], fenced.ends[:, 1]), fenced.flow)
    flow -= flow.T.copy()
    shorten_flows(hub, cap, pairs, flow)
    sums = sums_at(columns, ceiling_sen, fenced.tick)
    return Cleared(fenced.tick, sums, fenced.sold, fenced.bought, flow, split=True)


def joined(room: Table) -> Mask:
    """Return which areas are joined: bool[areas, areas], from what may still flow from row to column.

    Two areas are joined when a way leads between them over links that have room both ways: one market.
    """
    reach: Mask = (room > 0) & (room.T > 0) | np.eye(len(room), dtype=np.bool_)
    for _ in range(len(room).bit_length()):
        reach = reach @ reach
    return reach


def _priced(found: Cleared, cap: Table) -> list[bool]:
    """Return which areas have a price: those that trade or pass power, and those joined with them."""
    trades = (found.sold > 0) | (found.bought > 0) | (found.flow != 0).any(axis=1)
    reach = joined(cap - found.flow)
    return [bool((reach[area] & trades).any()) for area in range(len(trades))]


def _surplus(sums: Table, tick: Column, short: Column) -> int:
    """Return the exact surplus; values of better-priced steps come in two words, ``short`` is bought less sold at the tick."""
    high = sums[:, kernels.BUY_VALUE_HIGH] - sums[:, kernels.SELL_VALUE_HIGH]
    low = sums[:, kernels.BUY_VALUE_LOW] - sums[:, kernels.SELL_VALUE_LOW]
    better = (int(high.sum()) << kernels.STEP_VALUE_BITS) + int(low.sum())
    return better + sum(int(price) * int(quantity) for price, quantity in zip(tick, short, strict=True))


def _columns(name: str, *columns: Column) -> tuple[Column, ...]:
    """Return the columns as int64, one dimension and one length."""
    if any(np.ndim(column) != 1 or len(column) != len(columns[0]) for column in columns):
        rule = Text(en="columns of one length", ja="同じ長さの列")
        raise MalformedInput("COLUMNS_DIFFER", name, tuple(np.shape(column) for column in columns), rule)
    if any(np.asarray(column).dtype != np.int64 for column in columns):
        rule = Text(en="columns of int64", ja="int64の列")
        raise MalformedInput("NOT_INTEGERS", name, tuple(str(np.asarray(column).dtype) for column in columns), rule)
    return tuple(np.ascontiguousarray(column) for column in columns)


def _check_size(areas: int, ceiling_sen: int) -> None:
    if not 1 <= areas <= MAX_AREAS:
        raise MalformedInput("AREAS_INVALID", "areas", areas, Text(en=f"1 to {MAX_AREAS}", ja=f"1から{MAX_AREAS}"))
    if not MIN_PRICE_SEN <= ceiling_sen <= MAX_CEILING_SEN:
        rule = Text(en=f"{MIN_PRICE_SEN} to {MAX_CEILING_SEN}", ja=f"{MIN_PRICE_SEN}から{MAX_CEILING_SEN}")
        raise MalformedInput("CEILING_INVALID", "ceiling_sen", ceiling_sen, rule)


def _network(links: Links, areas: int, most: int) -> tuple[Table, Table]:
    """Return (capacity from row to column int64[areas, areas], linked pairs int64[k, 2] in order), areas from 0."""
    start, end, capacity = _columns("links", links.from_area, links.to_area, links.capacity)
    wrong = (np.minimum(start, end) < 1) | (np.maximum(start, end) > areas) | (start == end) | (capacity < 0)
    if wrong.any():
        bad = int(np.argmax(wrong))
        rule = Text(
            en=f"two different areas of 1 to {areas}, capacity from 0", ja=f"1から{areas}の異なる2エリア、容量は0以上"
        )
        raise MalformedInput(
            "LINK_INVALID", f"links[{bad}]", (int(start[bad]), int(end[bad]), int(capacity[bad])), rule
        )
    cap = np.zeros((areas, areas), np.int64)
    np.add.at(cap, (start - 1, end - 1), np.minimum(capacity, most))  # more than everything is no limit
    pairs = dict.fromkeys(zip(np.minimum(start, end).tolist(), np.maximum(start, end).tolist(), strict=True))
    return cap, np.array(list(pairs), np.int64).reshape(-1, 2) - 1


def _fence_table(fences: Fences, areas: int) -> tuple[Table, Column]:
    coefficients, bound = np.asarray(fences.coefficients), np.asarray(fences.bound)
    fits = coefficients.shape == (len(bound), areas) and {coefficients.dtype, bound.dtype} == {np.dtype(np.int64)}
    if not fits or np.abs(coefficients).max(initial=0) > MAX_COEFFICIENT or bound.min(initial=0) < 0:
        rule = Text(
            en=f"int64 coefficients up to {MAX_COEFFICIENT} per area and a bound from 0 for each fence",
            ja=f"フェンスごとに、エリアの数の係数(int64、絶対値{MAX_COEFFICIENT}以下)と0以上の上限",
        )
        raise MalformedInput("FENCE_INVALID", "fences", (coefficients.shape, bound.shape), rule)
    return coefficients, np.minimum(bound, MAX_TOTAL)


def _per_link(links: Links, flow: Table) -> Column:
    """Return the flow of each directed link; of parallel links the earlier one is filled first."""
    result = np.zeros(len(links.capacity), np.int64)
    left = np.maximum(flow, 0).tolist()
    rows = zip(links.from_area.tolist(), links.to_area.tolist(), links.capacity.tolist(), strict=True)
    for row, (start, end, capacity) in enumerate(rows):
        amount = min(capacity, left[start - 1][end - 1])
        left[start - 1][end - 1] -= amount
        result[row] = amount
    return result
