"""Snapshot at any moment + increments after it = the book of the state, against a book of plain dictionaries."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmark.core.errors import RuleViolated
from wattmark.market import layout as m
from wattmark.market.board import Board, Increment, Level, changes_of

PRODUCTS = (0, 1, 7)


class Plain:
    """Open orders, one by one, and the change of each level as the engine would report it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.orders: dict[int, tuple[int, int, int, int]] = {}
        self.position = 0

    def rows(self, product: int) -> np.ndarray:
        rows = [(side, price, wh) for p, side, price, wh in self.orders.values() if p == product]
        return np.array(rows, np.int64).reshape(-1, 3)

    def step(self) -> list[int]:
        """Place an order, fill or cancel a part of one; return the change row."""
        self.position += 1
        if not self.orders or self.chance.random() < 0.55:
            order = (
                self.chance.choice(PRODUCTS),
                self.chance.choice((m.BUY, m.SELL)),
                self.chance.randint(1, 6),
                self.chance.randint(1, 9),
            )
            self.orders[self.position] = order
        else:
            number = self.chance.choice(list(self.orders))
            order = self.orders.pop(number)
            left = self.chance.randint(0, order[3] - 1)
            if left:
                self.orders[number] = (*order[:3], left)
        product, side, price, _ = order
        level = [wh for p, s, at, wh in self.orders.values() if (p, s, at) == (product, side, price)]
        return [product, side, price, sum(level), len(level), self.position]


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    batches=st.lists(st.integers(0, 12), max_size=30),
    joins=st.lists(st.integers(0, 30), min_size=1, max_size=4),
    lost=st.integers(0, 30),
)
def test_snapshot_and_increments_are_the_book(seed: int, batches: list[int], joins: list[int], lost: int) -> None:
    book, no_trades = Plain(seed), np.empty((0, m.TRADE_WORDS), np.int64)
    sequence = dict.fromkeys(PRODUCTS, 0)
    boards: list[Board] = []
    slow = {product: Board(product, 0) for product in PRODUCTS}
    has_gap = set()
    for number, size in enumerate(batches):
        boards += [
            Board.from_orders(product, sequence[product], book.rows(product))
            for product in PRODUCTS
            for _ in range(joins.count(number))
        ]
        changes = np.array([book.step() for _ in range(size)], np.int64).reshape(-1, 6)
        for product, changed in changes_of(changes, no_trades, PRODUCTS).items():
            sequence[product] += 1
            increment = Increment(product, sequence[product], changed.levels, changed.trades)
            for board in boards:
                if board.product == product:
                    board.apply(increment)
            if number == lost:
                has_gap.add(product)
            elif product in has_gap:
                with pytest.raises(RuleViolated):
                    slow[product].apply(increment)
                slow[product] = Board.from_orders(product, sequence[product], book.rows(product))  # resynchronised
                has_gap.discard(product)
            else:
                slow[product].apply(increment)
    for board in [*boards, *(board for product, board in slow.items() if product not in has_gap)]:
        expected = Board.from_orders(board.product, board.sequence, book.rows(board.product))
        assert board.bids() == expected.bids()
        assert board.asks() == expected.asks()
        assert board.sequence == sequence[board.product]
        assert board.bids() == sorted(board.bids(), key=lambda level: -level.price_sen)
        assert board.asks() == sorted(board.asks(), key=lambda level: level.price_sen)
        assert Level(m.BUY, 1, 0, 0) not in board.bids()
