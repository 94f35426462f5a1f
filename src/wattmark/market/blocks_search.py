"""The search for the blocks to accept (J25), and the result of an auction with blocks (J20, J22, J23).

Accept all and clear. While an accepted block loses (J22) or cannot trade whole, drop the block or loop with the
greatest loss (equal: the latest id; a parent takes its child). Then retry what is out, the greatest gain first (equal:
the earliest id), and keep what leaves every accepted block in the money; repeat until a round keeps nothing. Each
member of a link or loop passes J22 on its own: the gain of one never heals the loss of the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wattmark.market.blocks import PRODUCT_CODES, Block, BlockKind, check_blocks
from wattmark.market.blocks_book import BlockBook, BlockTable, Flags
from wattmark.market.blocks_market import BlockMarket, Column, Fill, HourlyOrders, SeparateAreas


@dataclass(frozen=True, slots=True, eq=False)
class BlockResult:
    """An auction with blocks.

    Attributes:
        areas: the areas, ascending.
        periods: the product codes, ascending.
        price_sen: int64[areas, periods], ``NO_PRICE`` (-1) where nothing trades [sen/kWh].
        sold: int64[areas, periods]: sold in all, blocks included.
        bought: int64[areas, periods]: bought in all, blocks included.
        accepted_quantity: int64[n]: accepted per hourly order, in the order given.
        accepted: ids of the accepted blocks, ascending.
        rejected: ids of the others, ascending.
        paradoxically_rejected: those of the others that are in the money at the published prices (J23), ascending: a
            child only if its parent is accepted or in the money too, a loop only if both its blocks are.
        surplus: of hourly orders and accepted blocks [sen x quantity].
        flow: int64[links, periods] per directed link; no row where areas clear on their own.
        income: congestion income of each period (J29) [sen x quantity].
        priced: how many periods the search priced.
    """

    areas: tuple[int, ...]
    periods: tuple[int, ...]
    price_sen: Column
    sold: Column
    bought: Column
    accepted_quantity: Column
    accepted: tuple[int, ...]
    rejected: tuple[int, ...]
    paradoxically_rejected: tuple[int, ...]
    surplus: int
    flow: Column
    income: tuple[int, ...]
    priced: int

    def rejected_share(self) -> tuple[int, int]:
        """Return (paradoxically rejected, all blocks): the share that is reported monthly (J23)."""
        return len(self.paradoxically_rejected), len(self.accepted) + len(self.rejected)


def clear_with_blocks(
    orders: HourlyOrders, blocks: Sequence[Block], codes: Sequence[int] = PRODUCT_CODES, lot: int = 1
) -> BlockResult:
    """Clear hourly orders and blocks of areas that each clear on their own, by the rule J25.

    Args:
        orders: hourly orders.
        blocks: block bids, in any order: only their ids count.
        codes: the product codes of the auction, ascending.
        lot: smallest unit of quantity in a block's slot (J1).

    Raises:
        MalformedInput: blocks or orders of wrong form (J21; ``check_blocks``, ``HourlyOrders.check``).
    """
    market = separate_areas(orders, blocks, codes, lot)
    return result_of(search(BlockTable.of(blocks, market), market))


def separate_areas(
    orders: HourlyOrders, blocks: Sequence[Block], codes: Sequence[int] = PRODUCT_CODES, lot: int = 1
) -> SeparateAreas:
    """Return the market of some orders, after checking the form of the blocks (J21).

    Raises:
        MalformedInput: as ``clear_with_blocks``.
    """
    check_blocks(blocks, codes, lot)
    areas = sorted({*orders.area.tolist(), *(block.area for block in blocks)})
    return SeparateAreas(orders, tuple(areas), tuple(codes))


def search(table: BlockTable, market: BlockMarket) -> BlockBook:
    """Return the book after the search of J25."""
    book = BlockBook(table, market, np.ones(len(table.blocks), np.bool_))
    while True:
        worst = _worst(book)
        if worst is None:
            break
        book.change([row for row in worst if book.accepted[row]], accept=False)
    while _retry(book):
        pass
    assert book.holds()
    return book


def _worst(book: BlockBook) -> tuple[int, ...] | None:
    """Return the rows to drop next: the greatest loss, equal losses by the latest id."""
    failing = book.failing()
    rows = np.flatnonzero(failing)
    if not len(rows):
        return None
    gains = book.gains()

    def rank(row: int) -> tuple[int, int]:
        block = book.table.blocks[row]
        if block.kind not in {BlockKind.LOOP_A, BlockKind.LOOP_B}:
            return int(-gains[row]), row
        pair = book.table.with_its_dependants(row)
        losses = [int(-gains[member]) for member in pair]
        return sum(loss for loss in losses if loss > 0) or max(losses), max(pair)

    return book.table.with_its_dependants(max(rows.tolist(), key=rank))


def _retry(book: BlockBook) -> bool:
    """Try everything that is out once; return whether something was kept."""
    gains = book.gains()
    wishes = sorted(_wishes(book), key=lambda rows: (-sum(int(gains[row]) for row in rows), rows))
    kept = False
    for rows in wishes:
        if any(book.accepted[row] for row in rows) or not _may_enter(book, rows):
            continue
        if len(rows) == 1 and book.gains()[rows[0]] < 0:
            continue  # alone, a block only moves prices against itself
        book.change(rows, accept=True)
        if book.holds():
            kept = True
        else:
            book.change(rows, accept=False)
    return kept


def _wishes(book: BlockBook) -> list[tuple[int, ...]]:
    """Return the sets of rejected rows that may enter together."""
    found: list[tuple[int, ...]] = []
    for row in np.flatnonzero(~book.accepted).tolist():
        block = book.table.blocks[row]
        partner = int(book.table.partner[row])
        if block.kind is BlockKind.LOOP_B:
            continue  # comes with its LOOP-A
        if block.kind is BlockKind.LOOP_A or (block.kind is BlockKind.LINK_PARENT and not book.accepted[partner]):
            found.append(tuple(sorted((row, partner))))
        if block.kind is not BlockKind.LOOP_A:
            found.append((row,))
    return found


def _may_enter(book: BlockBook, rows: tuple[int, ...]) -> bool:
    child = book.table.blocks[rows[0]].kind is BlockKind.LINK_CHILD and len(rows) == 1
    return not child or bool(book.accepted[book.table.partner[rows[0]]])


def result_of(book: BlockBook) -> BlockResult:
    """Return what a book publishes; needs that its selection holds."""
    fill: Fill = book.market.fill(book.bought, book.sold)
    ids = np.array([block.block for block in book.table.blocks], np.int64)
    paradoxical = paradoxically_rejected(book, fill)
    return BlockResult(
        areas=book.market.areas,
        periods=book.market.periods,
        price_sen=fill.price_sen,
        sold=fill.sold,
        bought=fill.bought,
        accepted_quantity=fill.accepted,
        accepted=tuple(ids[book.accepted].tolist()),
        rejected=tuple(ids[~book.accepted].tolist()),
        paradoxically_rejected=tuple(ids[paradoxical].tolist()),
        surplus=book.surplus(),
        flow=fill.flow,
        income=fill.income,
        priced=book.priced,
    )


def paradoxically_rejected(book: BlockBook, fill: Fill) -> Flags:
    """Return which blocks J22 would accept at the published prices though they are rejected (J23)."""
    unpriced = (fill.price_sen <= 0).ravel()
    in_the_money = (book.gains() >= 0) & ~((book.table.volume != 0) & unpriced).any(axis=1)
    found: Flags = in_the_money & ~book.accepted
    for row, block in enumerate(book.table.blocks):
        other = book.table.partner[row]
        if block.kind in {BlockKind.LOOP_A, BlockKind.LOOP_B}:
            found[row] &= in_the_money[other]
        elif block.kind is BlockKind.LINK_CHILD:
            found[row] &= book.accepted[other] or in_the_money[other]
    return found
