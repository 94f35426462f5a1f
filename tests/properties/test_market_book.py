"""The trie book against one sorted list, over long random lives; its free lists and its rebuilding."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest

from reference.book import SideBook
from wattmark.market import layout as m
from wattmark.market.kernels import (
    best_level,
    best_order,
    book_insert,
    book_remove,
    find_level,
    highest_bit,
    lowest_bit,
    next_level,
    side_orders,
    weigh,
)

INTERPRETED = bool(os.environ.get("NUMBA_DISABLE_JIT"))
PRODUCTS = 3
PRICES = {
    "clustered": lambda random: random.randint(990, 1_010),
    "spread over every tick": lambda random: random.randint(1, 99_900),
    "at the edges of the nodes": lambda random: random.choice(
        (1, 31, 32, 33, 1_023, 1_024, 32_767, 32_768, 65_535, 99_900)
    ),
    "one price": lambda random: 500,
}


class Trie:
    """The kernels and their tables."""

    def __init__(self, orders: int) -> None:
        self.orders = np.zeros((orders, m.ORDER_WORDS), np.int64)
        self.count = 0
        self.empty()

    def empty(self) -> None:
        orders = len(self.orders)
        self.links = np.zeros((orders, m.LINK_WORDS), np.int64)
        self.roots = np.zeros((PRODUCTS, m.ROOT_WORDS), np.int64)
        self.nodes = np.zeros((2 + m.TRIE_DEPTH * orders, m.NODE_WORDS), np.int64)
        self.levels = np.zeros((2 + orders, m.LEVEL_WORDS), np.int64)
        self.aux = np.zeros(m.AUX_WORDS, np.int64)

    def book(self) -> tuple[np.ndarray, ...]:
        return self.orders, self.links, self.roots, self.nodes, self.levels, self.aux

    def insert(self, product: int, side: int, price: int, wh: int) -> int:
        row = self.count
        self.count += 1
        self.orders[row, [m.O_PRODUCT, m.O_SIDE, m.O_PRICE_SEN, m.O_REMAINING_WH]] = product, side, price, wh
        self.orders[row, m.O_QUANTITY_WH] = wh
        self.orders[row, m.O_STATE] = m.ORDER_OPEN
        book_insert(*self.book(), row)
        return row

    def remove(self, row: int) -> None:
        book_remove(*self.book(), row)
        self.orders[row, m.O_STATE] = m.ORDER_CANCELLED

    def fill(self, row: int, wh: int) -> None:
        """Trade a part: the order keeps its place."""
        weigh(self.orders, self.links, self.levels, row, -1)
        self.orders[row, m.O_REMAINING_WH] -= wh
        weigh(self.orders, self.links, self.levels, row, 1)

    def side(self, product: int, side: int) -> list[int]:
        out = np.empty(self.count, np.int64)
        found = side_orders(*self.book()[:5], product, side, out)
        return out[:found].tolist()

    def depth(self, product: int, side: int) -> list[tuple[int, int, int]]:
        """(price, Wh, orders) level by level."""
        found = []
        level = best_level(self.roots, product, side)
        while level:
            price = int(self.levels[level, m.LEVEL_PRICE])
            assert self.levels[level, m.LEVEL_WH] == self.levels[level, m.LEVEL_SHOWN_WH]
            found.append((price, int(self.levels[level, m.LEVEL_WH]), int(self.levels[level, m.LEVEL_ORDERS])))
            level = next_level(self.roots, self.nodes, product, side, price)
        return found


def live(seed: int, steps: int, prices: str, *, look: int) -> tuple[Trie, int]:
    """Return the emptied book and how many orders it held at most."""
    random = Random(seed)
    trie = Trie(steps)
    twin = {(product, side): SideBook(side) for product in range(PRODUCTS) for side in (m.BUY, m.SELL)}
    open_orders: list[int] = []
    most = 0
    for step in range(steps):
        wish = random.random()
        crowded = len(open_orders) > 60
        if not open_orders or wish < (0.35 if crowded else 0.6):
            product, side = random.randrange(PRODUCTS), random.choice((m.BUY, m.SELL))
            price, wh = PRICES[prices](random), random.randint(1, 2**40)
            row = trie.insert(product, side, price, wh)
            twin[product, side].insert(row, price, wh)
            open_orders.append(row)
        else:
            row = random.choice(open_orders)
            if random.random() < 0.4:  # as matching does: from the best of its side
                row = twin[int(trie.orders[row, m.O_PRODUCT]), int(trie.orders[row, m.O_SIDE])].best() or row
            product, side, price, left = (
                int(x) for x in trie.orders[row, [m.O_PRODUCT, m.O_SIDE, m.O_PRICE_SEN, m.O_REMAINING_WH]]
            )
            book = twin[product, side]
            if random.random() < 0.4 and left > 1:
                part = random.randint(1, left - 1)
                trie.fill(row, part)
                book.wh[row] -= part
            else:
                trie.remove(row)
                book.remove(row, price)
                open_orders.remove(row)
        most = max(most, len(open_orders))
        key = random.choice(list(twin))
        best = twin[key].best()
        assert best_order(trie.roots, trie.levels, *key) == (-1 if best is None else best)
        if step % look == 0:
            for key, book in twin.items():
                assert trie.side(*key) == book.orders()
                assert trie.depth(*key) == book.levels()
    for row in open_orders:
        trie.remove(row)
        twin[int(trie.orders[row, m.O_PRODUCT]), int(trie.orders[row, m.O_SIDE])].remove(
            row, int(trie.orders[row, m.O_PRICE_SEN])
        )
    assert not trie.roots.any()
    return trie, most


@pytest.mark.parametrize("prices", PRICES)
@pytest.mark.parametrize("seed", [1] if INTERPRETED else [1, 2])
def test_the_trie_equals_a_sorted_list(prices: str, seed: int) -> None:
    live(seed, 600 if INTERPRETED else 6_000, prices, look=40)


@pytest.mark.parametrize("prices", PRICES)
def test_what_is_given_back_is_used_again(prices: str) -> None:
    """Thousands of orders through a book of at most a few dozen leave only so many nodes and levels."""
    trie, most = live(9, 600 if INTERPRETED else 6_000, prices, look=10**9)
    assert trie.aux[m.X_LEVELS] <= most < 150
    assert trie.aux[m.X_NODES] <= most * m.TRIE_DEPTH
    free = {"nodes": 0, "levels": 0}
    node, level = trie.aux[m.X_FREE_NODE], trie.aux[m.X_FREE_LEVEL]
    while node:
        node, free["nodes"] = trie.nodes[node, 0], free["nodes"] + 1
    while level:
        level, free["levels"] = trie.levels[level, m.LEVEL_HEAD], free["levels"] + 1
    assert free == {"nodes": trie.aux[m.X_NODES], "levels": trie.aux[m.X_LEVELS]}


@pytest.mark.parametrize("prices", PRICES)
def test_a_rebuilt_book_is_traversed_in_the_same_order(prices: str) -> None:
    """From the open orders in the order of their arrival (J37), which is that of the rows here."""
    random = Random(4)
    trie = Trie(900)
    for _ in range(900):
        row = trie.insert(random.randrange(PRODUCTS), random.choice((1, 2)), PRICES[prices](random), 10)
        if random.random() < 0.5:
            rows = np.flatnonzero(trie.orders[: trie.count, m.O_STATE] == m.ORDER_OPEN).tolist()
            chosen = random.choice(rows)
            if random.random() < 0.5:
                trie.remove(chosen)
            elif trie.orders[chosen, m.O_REMAINING_WH] > 1:
                trie.fill(chosen, 1)
        assert row == trie.count - 1
    keys = [(product, side) for product in range(PRODUCTS) for side in (1, 2)]
    before = [(trie.side(*key), trie.depth(*key)) for key in keys]
    assert sum(len(found) for found, _ in before) > 300
    trie.empty()
    for row in np.flatnonzero(trie.orders[: trie.count, m.O_STATE] == m.ORDER_OPEN).tolist():
        book_insert(*trie.book(), row)
    assert [(trie.side(*key), trie.depth(*key)) for key in keys] == before


def test_levels_are_found_by_their_price_only() -> None:
    trie = Trie(10)
    trie.insert(0, m.BUY, 1_000, 5)
    trie.insert(0, m.SELL, 1_001, 6)
    trie.insert(1, m.BUY, 1_000, 7)
    for product, side, price, wh in ((0, m.BUY, 1_000, 5), (0, m.SELL, 1_001, 6), (1, m.BUY, 1_000, 7)):
        assert trie.levels[find_level(trie.roots, trie.nodes, product, side, price), m.LEVEL_WH] == wh
    for product, side, price in ((0, m.BUY, 1_001), (0, m.SELL, 1_000), (1, m.SELL, 1_000), (2, m.BUY, 1_000)):
        assert find_level(trie.roots, trie.nodes, product, side, price) == 0


def test_the_bits_of_a_node() -> None:
    random = Random(3)
    masks = [1 << bit for bit in range(32)] + [random.getrandbits(32) | 1 << random.randrange(32) for _ in range(500)]
    for mask in masks:
        assert lowest_bit(np.int64(mask)) == (mask & -mask).bit_length() - 1
        assert highest_bit(np.int64(mask)) == mask.bit_length() - 1


def test_interpreted_and_compiled_book_and_auction_agree(repository: Path) -> None:
    if INTERPRETED:
        pytest.skip("already interpreted")
    files = [str(Path(__file__)), str(Path(__file__).with_name("test_market_auction.py"))]
    command = [sys.executable, "-m", "pytest", "-q", "-x", *files, "-p", "no:cacheprovider"]
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
