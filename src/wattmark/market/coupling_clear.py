"""Market splitting within links: one price if that loses nothing, else a price per area, totals and flows (J26, J27)."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.market import coupling_flow_kernels as flows
from wattmark.market import coupling_kernels as kernels

Column = npt.NDArray[np.int64]
Table = npt.NDArray[np.int64]
StepColumns = tuple[Column, Column, Column, Column]
"""Price, quantity, side and area of each step."""

TICKS: Final = 1 << kernels.STEP_BUCKET_BITS
"""Ticks of a bucket."""


@dataclass(frozen=True, slots=True, eq=False)
class Cleared:
    """A result per area.

    Attributes:
        tick: int64[areas] where each area's curves meet.
        sums: int64[areas, words] quantities and values on either side of the tick (``coupling_kernels``).
        sold: int64[areas].
        bought: int64[areas].
        flow: int64[areas, areas] what flows from row to column, less what flows back.
        split: whether there is more than one market.
    """

    tick: Column
    sums: Table
    sold: Column
    bought: Column
    flow: Table
    split: bool


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Steps summed by bucket: int64[areas, buckets], sells and buys together; and each area's buys."""

    by_bucket: Table
    buys: Column


def clear_within_links(
    columns: StepColumns, ceiling_sen: int, weights: Weights, cap: Table, pairs: Table
) -> tuple[Cleared, int, int]:
    """Return (result, system tick, system quantity).

    Args:
        columns: the steps, checked.
        ceiling_sen: where market buys stand.
        weights: their sums by bucket.
        cap: int64[areas, areas] what may flow from row to column.
        pairs: int64[k, 2] the linked areas in the order of the links.
    """
    areas = len(weights.buys)
    room = np.empty((areas + flows.EXTRA_NODES, areas + flows.EXTRA_NODES), np.int64)
    system = _system_tick(columns, ceiling_sen, weights)
    tick = np.full(areas, system)
    sums = sums_at(columns, ceiling_sen, tick)
    supply = int(sums[:, kernels.SELL_BELOW].sum() + sums[:, kernels.SELL_AT].sum())
    quantity = min(supply, int(sums[:, kernels.BUY_ABOVE].sum() + sums[:, kernels.BUY_AT].sum()))
    split = int(flows.balance(tick, sums, cap, room)) != quantity
    if split:
        tick = _area_ticks(columns, ceiling_sen, weights, cap)
        sums = sums_at(columns, ceiling_sen, tick)
        found = int(flows.balance(tick, sums, cap, room))
        assert found >= 0, "prices made of minimal cuts are supported by some flow"
    group, sold, bought = (np.zeros(areas, np.int64) for _ in range(3))
    flows.label_groups(tick, cap, group)
    flows.share_boundary(group, sums, room, sold, bought)
    flow = np.zeros((areas, areas), np.int64)
    flows.read_flows(tick, cap, room, flow)
    flows.shorten_flows(tick, cap, pairs, flow)
    sold += sums[:, kernels.SELL_BELOW]
    bought += sums[:, kernels.BUY_ABOVE]
    return Cleared(tick, sums, sold, bought, flow, split), system, quantity


def sums_at(columns: StepColumns, ceiling_sen: int, tick: Column) -> Table:
    """Return the sums of each area's steps on either side of its tick."""
    sums = np.zeros((len(tick), kernels.SUM_WORDS), np.int64)
    kernels.sum_sides(*columns, ceiling_sen, tick, sums)
    return sums


def _system_tick(columns: StepColumns, ceiling_sen: int, weights: Weights) -> int:
    """Return the lowest tick where all areas together meet (J12-J15)."""
    alone, nothing = np.zeros((1, 1), np.int64), np.zeros(1, np.int64)
    sums_to = weights.by_bucket.sum(axis=0, keepdims=True)
    total = weights.buys.sum(keepdims=True)
    kernels.running_sums(sums_to, nothing)
    low, high = np.zeros(1, np.int64), np.full(1, sums_to.shape[1] - 1)
    flows.lowest_prices(sums_to, total, nothing, alone, low, high)
    bucket = int(low[0])
    ticks = np.zeros((len(weights.buys), TICKS), np.int64)
    kernels.weigh_ticks(*columns, ceiling_sen, np.full(len(ticks), bucket), ticks)
    fine = ticks.sum(axis=0, keepdims=True)
    kernels.running_sums(fine, sums_to[0, bucket - 1 : bucket] if bucket else nothing)
    origin = low * TICKS
    low, high = origin.copy(), origin + TICKS - 1
    flows.lowest_prices(fine, total, origin, alone, low, high)
    return int(low[0])


def _area_ticks(columns: StepColumns, ceiling_sen: int, weights: Weights, cap: Table) -> Column:
    """Return each area's lowest tick at which it is not short: by buckets, then within them."""
    areas = len(weights.buys)
    nothing = np.zeros(areas, np.int64)
    sums_to = weights.by_bucket.copy()
    kernels.running_sums(sums_to, nothing)
    low, high = nothing.copy(), np.full(areas, sums_to.shape[1] - 1)
    flows.lowest_prices(sums_to, weights.buys, nothing, cap, low, high)
    fine = np.zeros((areas, TICKS), np.int64)
    kernels.weigh_ticks(*columns, ceiling_sen, low, fine)
    kernels.running_sums(fine, np.where(low > 0, sums_to[np.arange(areas), low - 1], 0))
    origin = low * TICKS
    low, high = origin.copy(), origin + TICKS - 1
    flows.lowest_prices(fine, weights.buys, origin, cap, low, high)
    return low
