"""Linear limits on net positions (フェンス, J28): prices from a linear programme, everything else exact again.

Fences break the form that makes splitting a matter of cuts, so HiGHS (MIT licence) proposes prices. Whole numbers are
then found on the face of best results that those prices leave: boundary ticks, and flows on links between areas whose
prices, fences added, are equal. Last the lowest prices that support the result. What comes out has the certificate of
``coupling_check``, or there is no result: if no whole quantities at whole ticks are best (fences with large
coefficients can ask for half a tick), the auction is refused and not rounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.errors import RuleViolated
from wattmark.core.text import Text
from wattmark.market import coupling_kernels as kernels
from wattmark.market.layout import BUY, SELL

Column = npt.NDArray[np.int64]
Table = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
StepColumns = tuple[Column, Column, Column, Column]

INFINITE: Final = float("inf")
NEARLY: Final = 1e-4
"""How far from a whole number a corner may be that is one."""
WIDTHS: Final = (200, 2_000)
"""How far from the ticks without fences prices are looked for first [sen/kWh]."""
LARGEST_DENOMINATOR: Final = 10_000
"""A fence's price is a fraction of ticks; no finer one is looked for."""


@dataclass(slots=True)
class _Programme:
    """Maximise ``cost`` over columns between bounds and rows between bounds; entries row by row."""

    cost: Floats
    lower: Floats
    upper: Floats
    rows: list[tuple[Column, Floats, float, float]] = field(default_factory=list)
    whole: int = 0
    """How many of the first columns must be whole; a simplex result that is not is looked for again."""

    def row(self, columns: Sequence[int] | Column, values: Sequence[int] | Floats, low: float, high: float) -> None:
        """Add a constraint."""
        self.rows.append((np.array(columns, np.int64), np.array(values, np.float64), low, high))

    def solve(self) -> tuple[Floats, Floats]:
        """Return (column values, row duals): one thread, one seed, no gap.

        A corner of a programme whose entries are small whole numbers is found without rounding, however large the
        bounds. So the simplex comes first, and the search for whole numbers only when a corner has none.

        Raises:
            RuleViolated: nothing is allowed, or nothing whole.
        """
        values, duals = self._run(whole=False)
        wanted = values[: self.whole]
        if (np.abs(wanted - np.rint(wanted)) > NEARLY).any():
            values, duals = self._run(whole=True)
        return values, duals

    def _run(self, *, whole: bool) -> tuple[Floats, Floats]:
        # Imported here: it takes a quarter of a second and few auctions have fences. The plain class is the silent one.
        from highspy import _core as highs  # noqa: PLC0415 - see above

        model = highs.HighsLp()
        model.num_col_, model.num_row_ = len(self.cost), len(self.rows)
        model.sense_ = highs.ObjSense.kMaximize
        model.col_cost_, model.col_lower_, model.col_upper_ = self.cost, self.lower, self.upper
        model.row_lower_ = np.array([low for _, _, low, _ in self.rows])
        model.row_upper_ = np.array([high for *_, high in self.rows])
        model.a_matrix_.format_ = highs.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.cumsum([0, *(len(columns) for columns, *_ in self.rows)]).astype(np.int32)
        model.a_matrix_.index_ = np.concatenate([columns for columns, *_ in self.rows]).astype(np.int32)
        model.a_matrix_.value_ = np.concatenate([values for _, values, *_ in self.rows])
        if whole:
            kinds = (highs.HighsVarType.kContinuous, highs.HighsVarType.kInteger)
            model.integrality_ = [kinds[column < self.whole] for column in range(len(self.cost))]
        solver = highs._Highs()  # noqa: SLF001 - see above
        for name, value in (("output_flag", False), ("threads", 1), ("random_seed", 0), ("mip_rel_gap", 0.0)):
            solver.setOptionValue(name, value)
        solver.passModel(model)
        solver.run()
        if solver.getModelStatus() != highs.HighsModelStatus.kOptimal:
            raise _not_exact(str(solver.modelStatusToString(solver.getModelStatus())))
        solution = solver.getSolution()
        return np.array(solution.col_value), np.array(solution.row_dual)

    def settle(self, objectives: Sequence[Sequence[int]], sign: int) -> Floats:
        """Optimise sums of columns one after the other, keeping each result; return the last column values."""
        values = np.zeros(len(self.cost))
        for columns in objectives:
            self.cost = np.zeros(len(self.lower))
            self.cost[list(columns)] = sign
            values, _ = self.solve()
            total = float(values[list(columns)].sum())
            if columns[0] < self.whole:
                total = float(np.rint(total))
            if len(columns) == 1:
                self.lower[columns[0]] = self.upper[columns[0]] = total
            else:
                self.row(columns, np.ones(len(columns)), total, total)
        return values


@dataclass(frozen=True, slots=True, eq=False)
class Fenced:
    """What fences leave: ticks and totals per area, flow per link, prices that links compare, what a fence is worth."""

    tick: Column
    sold: Column
    bought: Column
    ends: Table
    flow: Column
    hub: list[Fraction]
    fence_prices: tuple[Fraction, ...]


def clear_fenced(
    columns: StepColumns, ends: Table, capacity: Column, fences: tuple[Table, Column], near: Column, ceiling_sen: int
) -> Fenced:
    """Return the best result within links and fences (J27, J28).

    Prices are first looked for near those without fences. Prices that support a result do so whatever they were found
    with, so only a search that finds none goes on farther away.

    Args:
        columns: the steps, checked.
        ends: int64[m, 2] the links' areas, from 0.
        capacity: int64[m].
        fences: coefficients int64[k, areas] and bounds int64[k].
        near: int64[areas] each area's tick without fences.
        ceiling_sen: where market buys stand.

    Raises:
        RuleViolated: ``FENCES_NOT_EXACT``: no whole quantities at whole ticks are best.
    """
    face = _Face(columns, ends, capacity, *fences, ceiling_sen)
    tick, prices = face.proposed_prices(near)
    values = face.best_quantities(tick, prices)
    tick, prices = face.lowest_prices(values)
    areas = len(tick)
    sold, bought, flow = values[:areas], values[areas : 2 * areas], values[2 * areas :]
    return Fenced(tick, sold, bought, ends, flow, face.hub(tick, prices), prices)


class _Face:
    """The auction's programme, and the face of its best results."""

    def __init__(
        self,
        columns: StepColumns,
        ends: Table,
        capacity: Column,
        coefficients: Table,
        bound: Column,
        ceiling_sen: int,
    ) -> None:
        self.columns = columns
        self.ends = ends
        self.capacity = capacity
        self.coefficients = coefficients
        self.bound = bound
        self.ceiling_sen = ceiling_sen
        self.areas = coefficients.shape[1]
        # what a unit on a link adds to each fence
        self.on_links = coefficients[:, ends[:, 0]] - coefficients[:, ends[:, 1]]

    def proposed_prices(self, near: Column) -> tuple[Column, tuple[Fraction, ...]]:
        """Return prices and fences' prices that support a best result of the linear programme over all ticks."""
        for width in WIDTHS:
            try:
                return self._prices_within(near - width, near + width)
            except RuleViolated:
                continue
        return self._prices_within(np.zeros_like(near), np.full_like(near, self.ceiling_sen))

    def _prices_within(self, low: Column, high: Column) -> tuple[Column, tuple[Fraction, ...]]:
        """Propose prices while steps cheaper than ``low`` sell, and dearer than ``high`` buy, and do nothing else.

        They are those that support the programme's corner, if that is whole, else its own ones, rounded.
        """
        price, quantity, side, area = self.columns
        stands = np.where((price == 0) & (side == BUY), self.ceiling_sen, price)
        span = self.ceiling_sen + 1
        keys, where = np.unique((area * 4 + side) * span + stands, return_inverse=True)
        amount = np.zeros(len(keys), np.int64)
        np.add.at(amount, where, quantity)
        at, buys, owner = keys % span, keys // span % 4 == BUY, keys // span // 4 - 1
        trades = np.where(buys, at >= low[owner], at <= high[owner])
        whole = np.where(buys, at > high[owner], at < low[owner])
        programme = _Programme(
            np.concatenate((np.where(buys, at, -at), np.zeros(len(self.ends)))).astype(float),
            np.concatenate((np.where(whole, amount, 0), np.zeros(len(self.ends)))).astype(float),
            np.concatenate((np.where(trades, amount, 0), self.capacity)).astype(float),
        )
        for one in range(self.areas):
            mine = np.nonzero(owner == one)[0]
            out, into = (len(keys) + np.nonzero(self.ends[:, end] == one)[0] for end in (0, 1))
            signs = (np.where(buys[mine], -1.0, 1.0), np.full(len(out), -1.0), np.ones(len(into)))
            programme.row(np.concatenate((mine, out, into)), np.concatenate(signs), 0, 0)
        links = np.arange(len(keys), len(keys) + len(self.ends))
        for row, bound in zip(self.on_links, self.bound.tolist(), strict=True):
            programme.row(links, row.astype(float), -INFINITE, bound)
        values, duals = programme.solve()
        totals = [
            values[: len(keys)][(owner == one) & (buys == side)].sum() for side in (0, 1) for one in range(self.areas)
        ]
        corner = np.concatenate((totals, values[len(keys) :]))
        if (np.abs(corner - np.rint(corner)) <= NEARLY).all():
            return self.lowest_prices(np.rint(corner).astype(np.int64))
        if (low > 0).any() or (high < self.ceiling_sen).any():
            raise _not_exact("a corner near the prices without fences is not whole")
        tick = np.rint(-duals[: self.areas])  # a dual is what one more unit on the right is worth: sold and not bought
        prices = tuple(_fraction(dual) for dual in duals[self.areas :].tolist())
        return np.clip(tick, 0, self.ceiling_sen).astype(np.int64), prices

    def best_quantities(self, tick: Column, prices: tuple[Fraction, ...]) -> Column:
        """Return whole totals sold, bought and flows on the face that the prices leave.

        Largest quantity first; then the areas in order sell as much as they can, then buy as much as they can.
        """
        sums = np.zeros((self.areas, kernels.SUM_WORDS), np.int64)
        kernels.sum_sides(*self.columns, self.ceiling_sen, tick, sums)
        hub = self.hub(tick, prices)
        start = [hub[end] for end in self.ends[:, 0].tolist()]
        stop = [hub[end] for end in self.ends[:, 1].tolist()]
        full = np.array([one < other for one, other in zip(start, stop, strict=True)], np.bool_)
        empty = np.array([one > other for one, other in zip(start, stop, strict=True)], np.bool_)
        least = np.concatenate((sums[:, kernels.SELL_BELOW], sums[:, kernels.BUY_ABOVE]))
        most = least + np.concatenate((sums[:, kernels.SELL_AT], sums[:, kernels.BUY_AT]))
        programme = _Programme(
            np.zeros(2 * self.areas + len(self.ends)),
            np.concatenate((least, np.where(full, self.capacity, 0))).astype(float),
            np.concatenate((most, np.where(empty, 0, self.capacity))).astype(float),
            whole=2 * self.areas + len(self.ends),
        )
        links = np.arange(2 * self.areas, 2 * self.areas + len(self.ends))
        for area in range(self.areas):
            out, into = (links[self.ends[:, end] == area] for end in (0, 1))
            signs = np.concatenate(([1, -1], np.full(len(out), -1), np.ones(len(into))))
            programme.row(np.concatenate(([area, self.areas + area], out, into)), signs, 0, 0)
        for row, bound, price in zip(self.on_links, self.bound.tolist(), prices, strict=True):
            programme.row(links, row.astype(float), bound if price else -INFINITE, bound)
        each = [(column,) for column in range(2 * self.areas)]
        return np.rint(programme.settle([range(self.areas), *each], 1)).astype(np.int64)

    def hub(self, tick: Column, prices: tuple[Fraction, ...]) -> list[Fraction]:
        """Return each area's price with the fences' prices added: what links compare."""
        weights = self.coefficients.T.tolist()
        return [
            price + sum((one * factor for one, factor in zip(prices, row, strict=True)), Fraction(0))
            for price, row in zip(tick.tolist(), weights, strict=True)
        ]

    def lowest_prices(self, values: Column) -> tuple[Column, tuple[Fraction, ...]]:
        """Return the lowest prices in area order that support a result, then the fences' lowest prices in order."""
        room = self.bound - self.coefficients @ (values[: self.areas] - values[self.areas : 2 * self.areas])
        fences = len(room)
        lower, upper = np.zeros(self.areas + fences), np.full(self.areas + fences, INFINITE)
        for area in range(self.areas):
            lower[area], upper[area] = self._supported(area, int(values[area]), int(values[self.areas + area]))
        upper[self.areas :][room > 0] = 0
        programme = _Programme(np.zeros(self.areas + fences), lower, upper, whole=self.areas)
        every = np.arange(self.areas, self.areas + fences)
        for link, (start, end) in enumerate(self.ends.tolist()):
            flow, capacity = int(values[2 * self.areas + link]), int(self.capacity[link])
            signs = np.concatenate(([1, -1], -self.on_links[:, link]))
            low, high = 0 if flow > 0 else -INFINITE, 0 if flow < capacity else INFINITE
            programme.row(np.concatenate(([end, start], every)), signs, low, high)
        found = programme.settle([(column,) for column in range(self.areas + fences)], -1)
        return np.rint(found[: self.areas]).astype(np.int64), tuple(
            _fraction(one) for one in found[self.areas :].tolist()
        )

    def _supported(self, area: int, sold: int, bought: int) -> tuple[int, int]:
        """Return the lowest and highest price that agree with what an area sells and buys."""
        price, quantity, side, owner = self.columns
        low, high = 0, self.ceiling_sen
        for wanted, total in ((SELL, sold), (BUY, bought)):
            mine = (owner == area + 1) & (side == wanted)
            stands = np.where((price[mine] == 0) & (wanted == BUY), self.ceiling_sen, price[mine])
            order = np.argsort(stands if wanted == SELL else -stands, kind="stable")
            upto = np.cumsum(quantity[mine][order])
            last = int(stands[order][np.searchsorted(upto, total)]) if total else None
            first = int(stands[order][np.searchsorted(upto, total, "right")]) if total < upto[-1:].sum() else None
            down, up = (last, first) if wanted == SELL else (first, last)
            low, high = low if down is None else max(low, down), high if up is None else min(high, up)
        return low, high


def _fraction(value: float) -> Fraction:
    return Fraction(value).limit_denominator(LARGEST_DENOMINATOR)


def _not_exact(detail: str) -> RuleViolated:
    rule = Text(
        en="fences under which whole quantities at whole ticks are best",
        ja="整数の数量と価格で最適となるフェンス",
    )
    return RuleViolated("FENCES_NOT_EXACT", "fences", detail, rule)
