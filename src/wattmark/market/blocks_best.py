"""The best selection of blocks, by HiGHS: greatest surplus among those in which every accepted block passes J22.

J25 is the rule; this is its measure. Within what the blocks can reach, a cell (area, period) has a handful of prices,
each with the range of the blocks' net demand that leads to it, so the price enters the program as a choice of one
range and J22 becomes linear in it::

    maximise    hourly surplus (concave in the net demand: one slope per range) + limit x quantity of each block
    net demand  z = sum of the accepted blocks' volumes, lowest[k] <= z <= highest[k] for the chosen range k
    J22         sum of volume x price of the chosen range <= limit x quantity, for each accepted block
    J24         child <= parent, loop A = loop B

HiGHS counts in floats; its answer is only a proposal. Every proposal is cleared in integers by our own rule, is then
forbidden, and the program is solved again for as good a one until there is none; of those that hold the exact surplus
decides, equal surplus by the earliest ids. Hence the same answer on every machine. One thread, fixed options.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from wattmark.core.money import MIN_PRICE_SEN
from wattmark.market.blocks import BlockKind
from wattmark.market.blocks_book import BlockBook, BlockTable
from wattmark.market.blocks_market import Curve, SeparateAreas, published
from wattmark.market.blocks_program import Program, solve

MAX_PROPOSALS: Final = 64
"""Proposals cleared in integers before the search says that it is not proven."""


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """The best selection found.

    Attributes:
        book: the selection, cleared in integers; holds.
        surplus: of hourly orders and accepted blocks [sen x quantity].
        proven: whether no better selection exists; ``False`` when the number of proposals was not enough.
        proposals: how many proposals were cleared.
    """

    book: BlockBook
    surplus: int
    proven: bool
    proposals: int


@dataclass(frozen=True, slots=True)
class Range:
    """Net demands of a cell that lead to one price: lowest to highest; the slope is the hourly orders' value there."""

    lowest: int
    highest: int
    price_sen: int
    value_sen: int


def best_selection(
    table: BlockTable, market: SeparateAreas, start: BlockBook, max_proposals: int = MAX_PROPOSALS
) -> Best:
    """Return the selection of the greatest surplus; equal surplus: the one with the earliest ids.

    Args:
        table: the blocks.
        market: areas that clear on their own.
        start: a selection that holds, such as that of ``search``: the answer is at least as good.
        max_proposals: proposals cleared before giving up the proof.
    """
    best = Best(start, start.surplus(), proven=False, proposals=0)
    program, scale = _program(table, market)
    constant = _constant(table, market)
    seen = [start.accepted.copy()]
    proven = False
    while len(seen) <= max_proposals:
        proposal = solve(program, len(table.blocks), seen, (best.surplus - constant) / scale)
        if proposal is None:
            proven = True
            break
        seen.append(proposal)
        book = BlockBook(table, market, proposal)
        if book.holds():
            surplus = book.surplus()
            if (surplus, proposal.tolist()) > (best.surplus, best.book.accepted.tolist()):
                best = Best(book, surplus, proven=False, proposals=0)
    return Best(best.book, best.surplus, proven, len(seen) - 1)


def ranges(curve: Curve, lowest: int, highest: int) -> list[Range]:
    """Return the ranges of net demand between two bounds around 0, each with its price, in ascending order."""
    lowest, highest = max(lowest, -curve.all_bought), min(highest, curve.all_sold)
    found = []
    if lowest == -curve.all_bought:
        value = int(curve.ticks[0]) >> 1 if len(curve.ticks) else 0
        found.append(Range(lowest, lowest, MIN_PRICE_SEN, value))
        lowest += 1
    at = int(curve.net.searchsorted(lowest))
    while lowest <= highest:
        tick, until = int(curve.ticks[at]), min(int(curve.net[at]), highest)
        if until >= lowest:
            found.append(Range(lowest, until, published(tick), tick >> 1))
        lowest = max(lowest, until + 1)
        at += 1
    return found


def size_of(table: BlockTable, market: SeparateAreas) -> int:
    """Return how many choices the program has: blocks, and ranges of the cells they reach."""
    return len(table.blocks) + sum(len(choices) for _, choices in _cells(table, market))


def _cells(table: BlockTable, market: SeparateAreas) -> list[tuple[int, list[Range]]]:
    low, high = np.minimum(table.volume, 0).sum(axis=0), np.maximum(table.volume, 0).sum(axis=0)
    touched = np.flatnonzero((table.volume != 0).any(axis=0)).tolist()
    return [(cell, ranges(market.curves[cell], int(low[cell]), int(high[cell]))) for cell in touched]


def _constant(table: BlockTable, market: SeparateAreas) -> int:
    """Return what the program's objective leaves out: the surplus where every cell is at its lowest net demand."""
    lowest = np.zeros(len(market.curves), np.int64)
    for cell, choices in _cells(table, market):
        lowest[cell] = choices[0].lowest
    shape = (len(market.areas), len(market.periods))
    return market.surplus(lowest.reshape(shape), np.zeros(shape, np.int64))


def _program(table: BlockTable, market: SeparateAreas) -> tuple[Program, float]:
    """Return the program and the scale of its objective; quantities are in units of the largest slot / 1,000."""
    unit = max(float(np.abs(table.volume).max()), 1.0) / 1_000
    scale = unit * 1_000
    program = Program()
    blocks = [program.column(float(value) / scale, 1, integer=True) for value in table.value_at_limit.tolist()]
    prices: dict[int, list[tuple[int, int]]] = {}
    for cell, choices in _cells(table, market):
        demand = [
            (blocks[row], table.volume[row, cell] / unit) for row in np.flatnonzero(table.volume[:, cell]).tolist()
        ]
        chosen = [program.column(0, 1, integer=True) for _ in choices]
        infinity = float("inf")
        program.row([(column, 1.0) for column in chosen], 1, 1)
        low = [(column, -choice.lowest / unit) for column, choice in zip(chosen, choices, strict=True)]
        high = [(column, -choice.highest / unit) for column, choice in zip(chosen, choices, strict=True)]
        program.row(demand + low, 0, infinity)
        program.row(demand + high, -infinity, 0)
        prices[cell] = [(column, choice.price_sen) for column, choice in zip(chosen, choices, strict=True)]
        base, steps, before = choices[0].lowest, [], choices[0].lowest
        for choice in choices:
            length = (choice.highest - before) / unit
            before = choice.highest
            steps.append(program.column(-choice.value_sen * unit / scale, length, integer=False))
        program.row(demand + [(column, -1.0) for column in steps], base / unit, base / unit)
    for row, column in enumerate(blocks):
        _in_the_money(program, table, prices, row, column)
        partner = int(table.partner[row])
        if table.blocks[row].kind is BlockKind.LINK_CHILD:
            program.row([(blocks[partner], 1.0), (column, -1.0)], 0, 1)
        elif table.blocks[row].kind is BlockKind.LOOP_A:
            program.row([(blocks[partner], 1.0), (column, -1.0)], 0, 0)
    return program, scale


def _in_the_money(
    program: Program, table: BlockTable, prices: dict[int, list[tuple[int, int]]], row: int, block: int
) -> None:
    """Add J22 for one block: volume x price at most its limit x quantity if it is accepted (mean prices, in sen)."""
    volume = table.volume[row]
    quantity = float(np.abs(volume).sum())
    limit = float(table.value_at_limit[row]) / quantity
    terms: list[tuple[int, float]] = []
    most = -limit
    for cell in np.flatnonzero(volume).tolist():
        share = float(volume[cell]) / quantity
        terms += [(column, share * price) for column, price in prices[cell]]
        most += max(share * price for _, price in prices[cell])
    if most > 0:
        program.row([*terms, (block, most)], float("-inf"), limit + most)
