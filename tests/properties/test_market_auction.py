"""Laws of the call auction, on random books with heavy ties and with quantities where 64 bits would wrap."""

import os
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import auction as twin
from reference.small_world import DAY, NOW_S, SLOT, SmallWorld
from wattmark.engine.audit import audit_state
from wattmark.engine.commands import Kind
from wattmark.market import layout as m
from wattmark.market.auction import Cleared, clear
from wattmark.market.auction_kernels import share_of

EXAMPLES = 40 if os.environ.get("NUMBA_DISABLE_JIT") else 300
Orders = list[tuple[int, int]]

few_prices = st.integers(0, 6)
prices = st.one_of(few_prices, st.integers(0, 99_900))
small = st.integers(1, 5)
large = st.integers(1, 2**40)
huge = st.integers(2**40 - 3, 2**40)


def side(quantity: st.SearchStrategy[int], most: int = 14) -> st.SearchStrategy[Orders]:
    return st.one_of(
        st.lists(st.tuples(few_prices, quantity), max_size=most), st.lists(st.tuples(prices, quantity), max_size=most)
    )


books = st.one_of(*(st.tuples(side(quantity), side(quantity)) for quantity in (small, large, huge)))


def columns(orders: Orders) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(orders, np.int64).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy()


def run(sells: Orders, buys: Orders) -> Cleared:
    return clear(*columns(sells), *columns(buys))


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(books)
def test_the_kernel_equals_its_twin(book: tuple[Orders, Orders]) -> None:
    cleared = run(*book)
    assert (cleared.price_sen, cleared.quantity, cleared.sold.tolist(), cleared.bought.tolist()) == twin.clear(*book)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(books)
def test_price_and_quantity_are_what_the_rule_says(book: tuple[Orders, Orders]) -> None:
    """J15 word by word: the lowest order price with S(p) >= D(just above p); quantity min(S(p), D(p))."""
    sells, buys = book
    cleared = run(sells, buys)

    def supply(price: int) -> int:
        return sum(wh for limit, wh in sells if limit <= price)

    def demand(price: int) -> int:
        return sum(wh for limit, wh in buys if limit >= price)

    crossing = [p for p, _ in sells + buys if supply(p) >= demand(p + 1)]
    lowest = min(crossing, default=0)
    quantity = min(supply(lowest), demand(lowest))
    assert cleared.quantity == quantity
    assert cleared.price_sen == (lowest if quantity else None)
    if quantity:
        # J14: no price allows a larger trade
        assert quantity == max(min(supply(p), demand(p)) for p, _ in sells + buys)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(books)
def test_better_orders_fill_whole_and_only_one_side_is_rationed(book: tuple[Orders, Orders]) -> None:
    sells, buys = book
    cleared = run(sells, buys)
    assert cleared.sold.sum() == cleared.bought.sum() == cleared.quantity
    if cleared.price_sen is None:
        return
    price = cleared.price_sen
    rationed = set()
    for name, orders, accepted, sign in (("sell", sells, cleared.sold, 1), ("buy", buys, cleared.bought, -1)):
        for (limit, wh), got in zip(orders, accepted.tolist(), strict=True):
            assert 0 <= got <= wh
            if sign * limit < sign * price:
                assert got == wh
            elif limit != price:
                assert got == 0
            elif got < wh:
                rationed.add(name)
    assert len(rationed) <= 1


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(books, st.randoms(use_true_random=False))
def test_the_order_of_orders_changes_neither_price_nor_total(book: tuple[Orders, Orders], random: Random) -> None:
    """Only who gets the odd Wh at the boundary depends on who was earlier."""
    sells, buys = book
    plain = run(sells, buys)
    mixed = [random.sample(range(len(orders)), len(orders)) for orders in book]
    again = run([sells[i] for i in mixed[0]], [buys[i] for i in mixed[1]])
    assert (again.price_sen, again.quantity) == (plain.price_sen, plain.quantity)
    for order, before, after in ((mixed[0], plain.sold, again.sold), (mixed[1], plain.bought, again.bought)):
        assert np.abs(before[order] - after).max(initial=0) <= 1
        assert before.sum() == after.sum()


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(
    st.integers(1, 2**62 - 1).flatmap(
        lambda asked: st.tuples(st.integers(0, asked), st.integers(0, asked), st.just(asked))
    )
)
def test_a_share_is_exact_where_the_product_has_124_bits(numbers: tuple[int, int, int]) -> None:
    quantity, left, asked = numbers
    found = share_of(*(np.int64(number) for number in numbers))
    assert tuple(map(int, found)) == divmod(quantity * left, asked)


def test_sides_that_sum_to_almost_2_to_the_62() -> None:
    count = 3_000
    rng = np.random.default_rng(7)
    quantity = rng.integers(2**49, 2**50, count)
    sells = list(zip(rng.integers(1, 4, count).tolist(), quantity.tolist(), strict=True))
    buys = list(zip(rng.integers(2, 5, count).tolist(), quantity[::-1].tolist(), strict=True))
    cleared = run(sells, buys)
    assert (cleared.price_sen, cleared.quantity, cleared.sold.tolist(), cleared.bought.tolist()) == twin.clear(
        sells, buys
    )
    assert sum(q for _, q in sells) > 2**61


@pytest.mark.parametrize("seed", range(6))
def test_the_engine_clears_like_the_library(seed: int) -> None:
    """CLEAR_AUCTION on accounts, lots and orders gives each order what `clear` gives it, by time of entry."""
    random = Random(seed)
    w = SmallWorld()
    w.at(NOW_S)
    for number in range(4):
        w.account(f"seller {number}", 2)
        w.device(f"plant {number}", 3 + number, 1)
        w.issue(number, 20_000, NOW_S - SLOT)
    buyer = w.account("buyer", 4, cash=10**12)
    product = w.product("auction", 0, mode=2, gate_close_ms=(NOW_S + DAY) * 1000)
    left = [0] * 4
    books: tuple[Orders, Orders] = ([], [])
    rows: tuple[list[int], list[int]] = ([], [])
    for number in range(120):
        price, wh = random.randint(1, 9), random.randint(1, 400)
        if random.random() < 0.5:
            books[1].append((price, wh))
            rows[1].append(w.order(f"{number}", buyer, 1, price, wh, product))
        else:
            seller = random.randrange(4)
            lot = max(i for i, lot in enumerate(w.model.lots) if lot["owner"] == 3 + seller and lot["state"] == 1)
            books[0].append((price, wh))
            rows[0].append(w.sell(f"{number}", 3 + seller, price, product, lot, wh))
            left[seller] += wh
    expected = run(*books)
    w.at(NOW_S + DAY)
    price, total = w.do(Kind.CLEAR_AUCTION, product=product)
    assert (price, total) == (expected.price_sen, expected.quantity)
    orders = w.state.orders
    filled = orders[:, m.O_QUANTITY_WH] - orders[:, m.O_REMAINING_WH]
    assert filled[rows[0]].tolist() == expected.sold.tolist()
    assert filled[rows[1]].tolist() == expected.bought.tolist()
    assert orders[:, m.O_VALUE_E5].tolist() == (filled * price).tolist()
    assert audit_state(w.state) == []
