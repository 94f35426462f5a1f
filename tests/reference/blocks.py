"""Block bids in plain Python: every selection cleared from scratch, J25 step by step, and the best of all 2^k."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product as every

from reference import auction
from wattmark.market.blocks import Block, BlockKind

BUY, SELL = 1, 2
Order = tuple[int, int, int, int, int, bool]
"""(period, area, side, price, quantity, is market order) of each hourly order, earlier orders first; a market order's
price is where it stands."""


@dataclass
class Outcome:
    """What a selection of blocks leads to."""

    prices: dict[tuple[int, int], int]
    traded: dict[tuple[int, int], int]
    accepted: list[int]
    failing: set[int]
    gains: dict[int, int]
    surplus: int


class Twin:
    """The auction of some hourly orders and blocks."""

    def __init__(self, orders: list[Order], blocks: list[Block]) -> None:
        self.orders = orders
        self.blocks = {block.block: block for block in blocks}

    def clear(self, selection: Iterable[int]) -> Outcome:
        """Clear every period and area with the selected blocks as its best orders."""
        chosen = sorted(selection)
        cells = {(area, period) for period, area, *_ in self.orders}
        cells |= {(block.area, period) for block in self.blocks.values() for period, _ in block.slots}
        found = Outcome({}, {}, [0] * len(self.orders), set(), {}, 0)
        reference: dict[tuple[int, int], int] = {}
        for cell in sorted(cells):
            self._cell(cell, chosen, found, reference)
        for name, block in self.blocks.items():
            value = sum(quantity * reference[block.area, period] for period, quantity in block.slots)
            sign = 1 if block.side == BUY else -1
            found.gains[name] = sign * (block.limit_sen * block.quantity - value)
            if name in chosen:
                found.surplus += sign * block.limit_sen * block.quantity
                if found.gains[name] < 0:
                    found.failing.add(name)
        return found

    def _cell(self, cell, chosen, found, reference) -> None:
        area, period = cell
        sides: dict[int, list[tuple[int, int]]] = {BUY: [], SELL: []}
        names: dict[int, list[tuple[str, int]]] = {BUY: [], SELL: []}
        for name in chosen:
            block = self.blocks[name]
            quantity = dict(block.slots).get(period, 0)
            if block.area == area and quantity:
                sides[block.side].append((10**7 if block.side == BUY else 0, quantity))
                names[block.side].append(("block", name))
        for row, (when, where, side, price, quantity, is_market) in enumerate(self.orders):
            if (where, when) == cell:
                sides[side].append((2 * price + is_market, quantity))
                names[side].append(("order", row))
        price, quantity, sold, bought = auction.clear(sides[SELL], sides[BUY])
        reference[cell] = self._reference_price(sides, price)
        if price is not None:
            found.prices[cell] = reference[cell]
            found.traded[cell] = quantity
        for side, filled in ((SELL, sold), (BUY, bought)):
            for (kind, number), (_, asked), got in zip(names[side], sides[side], filled, strict=True):
                if kind == "block" and got < asked:  # all blocks of that side are: none is before another
                    found.failing |= {name for word, name in names[side] if word == "block"}
                elif kind == "order":
                    found.accepted[number] = got
                    found.surplus += got * self.orders[number][3] * (1 if side == BUY else -1)

    @staticmethod
    def _reference_price(sides, price) -> int:
        """Return the price a block is judged by: that of J15 even where nothing trades."""
        if price is None:
            ticks = sorted({tick for side in sides.values() for tick, _ in side})
            crossing = [p for p in ticks if _supply(sides, p) >= _demand(sides, p + 1)]
            price = crossing[0] if crossing else 0
            if not sides[BUY]:
                price = 0
        return min(max(price // 2, 1), 99_900)

    def valid(self, selection: set[int]) -> bool:
        """Return whether J22 and J24 hold for a selection."""
        for name in selection:
            block = self.blocks[name]
            if block.kind is BlockKind.LINK_CHILD and block.partner not in selection:
                return False
            if block.kind in {BlockKind.LOOP_A, BlockKind.LOOP_B} and block.partner not in selection:
                return False
        return not self.clear(selection).failing

    def best(self) -> tuple[int, set[int]]:
        """Return (surplus, selection) of the best valid selection; equal: the one that has the earliest ids."""
        names = sorted(self.blocks)
        found = []
        for choice in every((True, False), repeat=len(names)):
            selection = {name for name, taken in zip(names, choice, strict=True) if taken}
            if self.valid(selection):
                found.append((self.clear(selection).surplus, choice))
        surplus, choice = max(found)
        return surplus, {name for name, taken in zip(names, choice, strict=True) if taken}

    def together(self, name: int) -> set[int]:
        """Return what is dropped with a block."""
        block = self.blocks[name]
        if block.kind in {BlockKind.STANDARD, BlockKind.LINK_CHILD}:
            return {name}
        return {name, block.partner}

    def search(self) -> set[int]:
        """Return the selection of J25."""
        selection = set(self.blocks)
        while True:
            outcome = self.clear(selection)
            failing = outcome.failing & selection
            if not failing:
                break
            worst = max(failing, key=lambda name: self._loss(name, outcome))
            selection -= self.together(worst)
        kept = True
        while kept:
            kept = False
            gains = self.clear(selection).gains
            wishes = sorted(self._wishes(selection), key=lambda wish: (-sum(gains[name] for name in wish), wish))
            for wish in wishes:
                if not selection & set(wish) and self.valid(selection | set(wish)):
                    selection |= set(wish)
                    kept = True
        return selection

    def _loss(self, name: int, outcome: Outcome) -> tuple[int, int]:
        if self.blocks[name].kind not in {BlockKind.LOOP_A, BlockKind.LOOP_B}:
            return -outcome.gains[name], name
        losses = [-outcome.gains[member] for member in self.together(name)]
        positive = [loss for loss in losses if loss > 0]
        return sum(positive) if positive else max(losses), max(self.together(name))

    def _wishes(self, selection: set[int]) -> set[tuple[int, ...]]:
        out = set(self.blocks) - selection
        return {tuple(sorted(self.together(name) & out)) for name in out} | {(name,) for name in out}


def _supply(sides, price: int) -> int:
    return sum(quantity for tick, quantity in sides[SELL] if tick <= price)


def _demand(sides, price: int) -> int:
    return sum(quantity for tick, quantity in sides[BUY] if tick >= price)
