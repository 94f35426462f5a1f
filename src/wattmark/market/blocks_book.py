"""A set of blocks over a market: which are accepted, at which prices, and what each one gains (J22)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.market import layout as m
from wattmark.market.blocks import Block, BlockKind
from wattmark.market.blocks_market import MAX_CELL_QUANTITY, BlockMarket, Column, index_of

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class BlockTable:
    """Blocks as arrays, in ascending order of their ids.

    Attributes:
        blocks: the blocks.
        volume: int64[n, areas x periods]: what each block buys (positive) or sells (negative) in each cell.
        value_at_limit: int64[n]: limit x signed quantity [sen x quantity].
        area: int64[n]: index of the block's area.
        first: int64[n]: index of its first period.
        last: int64[n]: one past the index of its last period.
        partner: int64[n]: row of the other block of its link or loop, -1 without.
    """

    blocks: tuple[Block, ...]
    volume: Column
    value_at_limit: Column
    area: Column
    first: Column
    last: Column
    partner: Column

    @classmethod
    def of(cls, blocks: Sequence[Block], market: BlockMarket) -> "BlockTable":
        """Return the table of blocks whose form has been checked.

        Raises:
            MalformedInput: a slot or area the market does not have, or blocks of one side that ask for more than
                2^45 in one cell.
        """
        ordered = tuple(sorted(blocks, key=lambda block: block.block))
        row_of = {block.block: row for row, block in enumerate(ordered)}
        width = len(market.periods)
        area = index_of(market.areas, np.array([block.area for block in ordered], np.int64), "area")
        starts = np.array([block.slots[0][0] for block in ordered], np.int64)
        first = index_of(market.periods, starts, "slots")
        lengths = np.array([len(block.slots) for block in ordered], np.int64)
        volume = np.zeros((len(ordered), len(market.areas) * width), np.int64)
        limits = np.zeros(len(ordered), np.int64)
        for row, block in enumerate(ordered):
            codes = tuple(code for code, _ in block.slots)
            if market.periods[first[row] : first[row] + len(codes)] != codes:
                rule = Text(en="consecutive product codes of this auction", ja="この入札の連続した商品コード")
                raise MalformedInput("inconsistency", "slots", list(codes), rule)
            sign = 1 if block.side == m.BUY else -1
            start = area[row] * width + first[row]
            volume[row, start : start + len(codes)] = [sign * quantity for _, quantity in block.slots]
            limits[row] = sign * block.limit_sen * block.quantity
        for side in (np.maximum(volume, 0), np.maximum(-volume, 0)):
            if (side.sum(axis=0, dtype=np.float64) > MAX_CELL_QUANTITY).any():
                rule = Text(en="at most 2^45 in one period and area", ja="1コマ1エリアの合計は2^45以下")
                raise MalformedInput("QUANTITY_TOO_LARGE", "slots", len(ordered), rule)
        partner = [-1 if block.partner is None else row_of[block.partner] for block in ordered]
        return cls(ordered, volume, limits, area, first, first + lengths, np.array(partner, np.int64))

    def with_its_dependants(self, row: int) -> tuple[int, ...]:
        """Return the rows that are dropped together with one: its loop, or a parent's child (J24, J25)."""
        if self.blocks[row].kind in {BlockKind.LOOP_A, BlockKind.LOOP_B, BlockKind.LINK_PARENT}:
            return tuple(sorted((row, int(self.partner[row]))))
        return (row,)

    def respects_pairs(self, accepted: Flags) -> bool:
        """Return whether each child has its parent and each loop is whole or out (J24)."""
        for row, block in enumerate(self.blocks):
            other = self.partner[row]
            if block.kind is BlockKind.LINK_CHILD and accepted[row] and not accepted[other]:
                return False
            if block.kind is BlockKind.LOOP_A and accepted[row] != accepted[other]:
                return False
        return True


class BlockBook:
    """Accepted blocks and the prices they make; a change prices only the periods it touches.

    Attributes:
        table: the blocks.
        market: the hourly orders.
        accepted: bool[n]: which blocks are in.
        price: int64[areas, periods]: price of every cell [sen/kWh].
        short: int64[areas, periods]: 1 where the buy blocks, -1 where the sell blocks cannot trade whole.
        bought: int64[areas, periods]: what accepted buy blocks take.
        sold: int64[areas, periods]: what accepted sell blocks give.
        priced: number of periods priced so far.
        decisions: number of changes so far, the first selection included.
    """

    def __init__(self, table: BlockTable, market: BlockMarket, accepted: Flags) -> None:
        """Price the market under some accepted blocks."""
        shape = (len(market.areas), len(market.periods))
        self.table = table
        self.market = market
        self.accepted = accepted.copy()
        taken = table.volume[accepted]
        self.bought = np.maximum(taken, 0).sum(axis=0).reshape(shape)
        self.sold = np.maximum(-taken, 0).sum(axis=0).reshape(shape)
        self.price, self.short = market.price(range(shape[1]), self.bought, self.sold)
        self.priced = shape[1]
        self.decisions = 1
        self._value = table.volume @ self.price.ravel()

    def change(self, rows: Iterable[int], *, accept: bool) -> None:
        """Accept or reject some blocks and price the periods they touch."""
        touched: set[int] = set()
        sign = 1 if accept else -1
        width = self.price.shape[1]
        for row in rows:
            assert self.accepted[row] != accept
            self.accepted[row] = accept
            area, first, last = int(self.table.area[row]), int(self.table.first[row]), int(self.table.last[row])
            volume = self.table.volume[row, area * width + first : area * width + last]
            side = self.bought if self.table.blocks[row].side == m.BUY else self.sold
            side[area, first:last] += sign * np.abs(volume)
            touched.update(range(first, last))
        periods = sorted(touched)
        price, short = self.market.price(periods, self.bought, self.sold)
        self.short[:, periods] = short
        self.priced += len(periods)
        self.decisions += 1
        change = price - self.price[:, periods]
        moved = np.flatnonzero(change)
        if len(moved):
            areas, places = np.divmod(moved, len(periods))
            cells = areas * width + np.array(periods, np.int64)[places]
            self._value += self.table.volume[:, cells] @ change.ravel()[moved]
            self.price[:, periods] = price

    def gains(self) -> Column:
        """Return what each block gains at the prices of now [sen x quantity]: limit less price for a buy block.

        J22 holds for a block where it is not negative: sums are compared, nothing is divided.
        """
        gain: Column = self.table.value_at_limit - self._value
        return gain

    def cut(self) -> Flags:
        """Return which accepted blocks have a slot in which their side cannot trade whole."""
        if not self.short.any():
            return np.zeros(len(self.accepted), np.bool_)
        return self.accepted & ((self.table.volume * self.short.ravel()) > 0).any(axis=1)

    def failing(self) -> Flags:
        """Return which accepted blocks may not stay: out of the money (J22) or cut."""
        return (self.accepted & (self.gains() < 0)) | self.cut()

    def holds(self) -> bool:
        """Return whether the selection is one that may be published: J22 and J24 hold for every accepted block."""
        return not self.failing().any() and self.table.respects_pairs(self.accepted)

    def surplus(self) -> int:
        """Return the surplus of hourly orders and accepted blocks; needs ``holds`` [sen x quantity]."""
        hourly = self.market.surplus(self.bought, self.sold)
        blocks: int = sum(self.table.value_at_limit[self.accepted].tolist())
        return hourly + blocks
