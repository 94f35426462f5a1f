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
from wattmark.market.auction import Cleared, clear, clear_orders, curves
from wattmark.market.auction_kernels import DIGITS, clearing_price, least_of_largest, ration, share_of
from wattmark.market.curves import bid_curve

EXAMPLES = 40 if os.environ.get("NUMBA_DISABLE_JIT") else 300
HIGH = 99_900
Orders = list[tuple[int, int]]
Marked = list[tuple[int, int, bool]]

small = st.integers(1, 5)
large = st.integers(1, 2**40)
huge = st.integers(2**40 - 3, 2**40)
giant = st.one_of(st.integers(2**48 - 2, 2**48 + 2), st.integers(2**57, 2**58 - 1))


def side(quantity: st.SearchStrategy[int], lowest: int, most: int = 14) -> st.SearchStrategy[Orders]:
    few = st.integers(lowest, 6)
    any_price = st.one_of(few, st.integers(lowest, HIGH), st.integers(HIGH - 2, HIGH))
    return st.one_of(*(st.lists(st.tuples(price, quantity), max_size=most) for price in (st.just(3), few, any_price)))


books = st.one_of(*(st.tuples(side(quantity, 0), side(quantity, 1)) for quantity in (small, large, huge, giant)))


def marked(orders: st.SearchStrategy[Orders]) -> st.SearchStrategy[Marked]:
    """Orders of which about half are market orders."""
    return orders.flatmap(
        lambda rows: st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)).map(
            lambda flags: [(*row, flag) for row, flag in zip(rows, flags, strict=True)]
        )
    )


marked_books = st.one_of(
    *(st.tuples(marked(side(quantity, 0)), marked(side(quantity, 1))) for quantity in (small, large, giant))
)


def columns(orders: Orders) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(orders, np.int64).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy()


def run(sells: Orders, buys: Orders) -> Cleared:
    return clear(*columns(sells), *columns(buys))


def run_marked(sells: Marked, buys: Marked, high: int = HIGH) -> tuple[int | None, int, list[int], list[int]]:
    flags = [np.array([flag for *_, flag in orders], np.bool_) for orders in (sells, buys)]
    plain = [[(price, wh) for price, wh, _ in orders] for orders in (sells, buys)]
    found = clear(*columns(plain[0]), *columns(plain[1]), sell_market=flags[0], buy_market=flags[1], high_sen=high)
    return found.price_sen, found.quantity, found.sold.tolist(), found.bought.tolist()


def by_twin(sells: Marked, buys: Marked, high: int = HIGH) -> tuple[int | None, int, list[int], list[int]]:
    plain = [[(price, wh) for price, wh, _ in orders] for orders in (sells, buys)]
    market = tuple([i for i, (*_, flag) in enumerate(orders) if flag] for orders in (sells, buys))
    return twin.clear(plain[0], plain[1], market, high)


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
    assert cleared.price_sen == (max(lowest, 1) if quantity else None)
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
    if price == 1 and sum(wh for limit, wh in sells if limit == 0) >= sum(wh for _, wh in buys):
        price = 0  # where the curves cross; what is published is at least one sen (J17)
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
@given(marked_books, st.sampled_from([HIGH, 3, 250_000]))
def test_market_orders_stand_at_the_ends_and_go_before_limits(book: tuple[Marked, Marked], high: int) -> None:
    """J16, J17: whatever price a market order carries."""
    expected = by_twin(*book, high)
    assert run_marked(*book, high) == expected
    ignored = [[(77_777 if flag else price, wh, flag) for price, wh, flag in orders] for orders in book]
    assert run_marked(*ignored, high) == expected


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(marked_books)
def test_a_limit_order_at_the_boundary_gets_nothing_before_market_orders_have_all(book: tuple[Marked, Marked]) -> None:
    _, _, sold, bought = run_marked(*book)
    for orders, accepted, end in ((book[0], sold, 0), (book[1], bought, HIGH)):
        short = any(flag and got < wh for (_, wh, flag), got in zip(orders, accepted, strict=True))
        if short:
            limits = [got for (price, _, flag), got in zip(orders, accepted, strict=True) if not flag and price == end]
            assert sum(limits) == 0


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(marked_books, st.randoms(use_true_random=False), st.booleans())
def test_one_table_in_any_order_clears_like_two_sides(book: tuple[Marked, Marked], random: Random, gaps: bool) -> None:
    """With arrivals, the order of rows changes nothing at all."""
    rows = [(*order, side) for orders, side in zip(book, (m.SELL, m.BUY), strict=True) for order in orders]
    arrival = sorted(random.sample(range(10**15), len(rows))) if gaps else list(range(len(rows)))
    order = random.sample(range(len(rows)), len(rows))
    table = np.array([(*rows[i], arrival[i]) for i in order], np.int64).reshape(-1, 5)
    found = clear_orders(table[:, 0], table[:, 1], table[:, 3], market=table[:, 2] == 1, arrival=table[:, 4])
    price, total, sold, bought = by_twin(*book)
    assert (found.price_sen, found.quantity) == (price, total)
    assert found.accepted.tolist() == [[*sold, *bought][i] for i in order]


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(
    books, st.lists(st.integers(0, 3), min_size=14, max_size=14), st.lists(st.integers(0, 3), min_size=14, max_size=14)
)
def test_equal_arrivals_go_by_row(book: tuple[Orders, Orders], sell_at: list[int], buy_at: list[int]) -> None:
    sells, buys = book
    rows = [(*order, m.SELL, at) for order, at in zip(sells, sell_at, strict=False)]
    rows += [(*order, m.BUY, at) for order, at in zip(buys, buy_at, strict=False)]
    table = np.array(rows, np.int64).reshape(-1, 4)
    found = clear_orders(table[:, 0], table[:, 1], table[:, 2], arrival=table[:, 3])
    ranks = [sorted(range(len(orders)), key=lambda i: (at[i], i)) for orders, at in ((sells, sell_at), (buys, buy_at))]
    price, total, sold, bought = twin.clear([sells[i] for i in ranks[0]], [buys[i] for i in ranks[1]])
    assert (found.price_sen, found.quantity) == (price, total)
    places = [*ranks[0], *(len(sells) + i for i in ranks[1])]
    assert found.accepted[places].tolist() == [*sold, *bought]


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(books)
def test_the_curves_cross_where_the_auction_clears(book: tuple[Orders, Orders]) -> None:
    """J33 on the published form: p[i-1] if sell[i-1] >= buy[i], else p[i], for the first row with sell >= buy."""
    sells, buys = book
    cleared, drawn = run(sells, buys), curves(*columns(sells), *columns(buys))
    price, sell, buy = drawn.price_sen.tolist(), drawn.sell.tolist(), drawn.buy.tolist()
    row = next(i for i in range(len(price)) if sell[i] >= buy[i])
    at = row - 1 if row and sell[row - 1] >= buy[row] else row
    assert cleared.quantity == min(sell[at], buy[at])
    assert cleared.price_sen == (max(price[at], 1) if cleared.quantity else None)
    assert price[:2] == [0, 0]
    assert price[-2:] == [HIGH, 99_999]
    assert sell[0] == buy[-1] == 0
    for tick, offered, wanted in list(zip(price, sell, buy, strict=True))[1:-1]:
        assert offered == sum(wh for limit, wh in sells if limit <= tick)
        assert wanted == sum(wh for limit, wh in buys if limit >= tick)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(marked_books)
def test_the_curves_of_market_orders_begin_and_end_with_them(book: tuple[Marked, Marked]) -> None:
    flags = [np.array([flag for *_, flag in orders], np.bool_) for orders in book]
    plain = [columns([(price, wh) for price, wh, _ in orders]) for orders in book]
    drawn = curves(*plain[0], *plain[1], sell_market=flags[0], buy_market=flags[1])
    ends = [np.where(flag, end, side[0]) for flag, end, side in zip(flags, (0, HIGH), plain, strict=True)]
    expected = bid_curve(ends[0], plain[0][1], ends[1], plain[1][1])
    for found, wanted in zip((drawn.price_sen, drawn.sell, drawn.buy), expected, strict=True):
        assert found.tolist() == wanted.tolist()


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(marked_books)
def test_what_the_engine_calls_gives_what_the_library_gives(book: tuple[Marked, Marked]) -> None:
    """`clearing_price` and `ration` on orders best price first, then earliest."""
    stands = [
        sorted(((end if flag else price), i) for i, (price, _, flag) in enumerate(orders))
        for orders, end in zip(book, (0, HIGH), strict=True)
    ]
    stands[1].sort(key=lambda row: (-row[0], row[1]))
    prices = [np.array([price for price, _ in rows], np.int64) for rows in stands]
    sizes = [np.array([orders[i][1] for _, i in rows], np.int64) for orders, rows in zip(book, stands, strict=True)]
    flags = [np.array([orders[i][2] for _, i in rows], np.bool_) for orders, rows in zip(book, stands, strict=True)]
    tick, total = clearing_price(prices[0], sizes[0], prices[1], sizes[1])
    price, quantity, *expected = run_marked(*book)
    assert total == quantity
    assert price == (max(tick, 1) if total else None)
    if total:
        for buying in (False, True):
            accepted = np.full(len(sizes[buying]), -1, np.int64)
            ration(prices[buying], sizes[buying], flags[buying], tick, total, buying, accepted)
            assert accepted.tolist() == [expected[buying][i] for _, i in stands[buying]]


limits = st.sampled_from([2**bits + more for bits in (1, 30, 31, 32, 47, 48, 49, 60, 61) for more in (-1, 0, 1)])
asked_totals = st.one_of(st.integers(1, 2**62 - 1), limits, st.just(2**62 - 1))


def to_at_most(most: int) -> st.SearchStrategy[int]:
    near = limits.map(lambda number: min(number, most))
    return st.one_of(
        st.integers(0, most), near, near.map(lambda number: most - number), st.integers(0, min(most, 2**48))
    )


@settings(max_examples=EXAMPLES * 4, deadline=None, derandomize=True)
@given(asked_totals.flatmap(lambda asked: st.tuples(to_at_most(asked), to_at_most(asked), st.just(asked))))
def test_a_share_is_exact_where_the_product_has_124_bits(numbers: tuple[int, int, int]) -> None:
    quantity, left, asked = numbers
    found = share_of(*(np.int64(number) for number in numbers))
    assert tuple(map(int, found)) == divmod(quantity * left, asked)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(st.data())
def test_a_share_on_the_edge_of_its_estimate(data: st.DataObject) -> None:
    """Products that are a multiple of what is asked, or one less: where an estimate is off first."""
    asked = data.draw(st.integers(2**40, 2**61 - 1))
    left = data.draw(st.integers(asked // 2, asked))
    quotient = data.draw(st.integers(1, 2**48 - 2))
    for quantity in {quotient * asked // left, -(-quotient * asked // left)}:
        if quantity < 2**48:
            found = share_of(np.int64(quantity), np.int64(left), np.int64(asked))
            assert tuple(map(int, found)) == divmod(quantity * left, asked)


def test_a_share_beyond_what_double_precision_can_estimate() -> None:
    random = Random(48)
    for _ in range(2_000):
        asked = random.randrange(2**60, 2**61)
        quantity, left = random.randrange(2 ** random.randrange(47, 60)), random.randrange(asked)
        found = share_of(np.int64(quantity), np.int64(left), np.int64(asked))
        assert tuple(map(int, found)) == divmod(quantity * left, asked)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(st.lists(st.one_of(st.integers(0, 5), st.integers(0, 2**62 - 1)), min_size=1, max_size=30), st.data())
def test_the_largest_are_found_without_sorting(values: list[int], data: st.DataObject) -> None:
    wanted = data.draw(st.integers(1, len(values)))
    least, equal = least_of_largest(np.array(values, np.int64), wanted, np.empty(DIGITS, np.int64))
    ranked = sorted(values, reverse=True)
    assert least == ranked[wanted - 1]
    assert equal == ranked[:wanted].count(least)


@pytest.mark.parametrize("wanted", [1, 14, 29, 31, 59, 88])
def test_of_many_equal_remainders_the_earliest_get_the_odd_units(wanted: int) -> None:
    """Thirty equal sells in mixed rows: arrivals decide, not rows."""
    arrival = Random(wanted).sample(range(1_000), 30)
    table = np.array([(5, 3, m.SELL, at) for at in arrival] + [(5, wanted, m.BUY, 7)], np.int64)
    found = clear_orders(table[:, 0], table[:, 1], table[:, 2], arrival=table[:, 3])
    earliest = sorted(range(30), key=lambda row: arrival[row])[: wanted % 30]
    assert found.accepted.tolist() == [wanted // 30 + (row in earliest) for row in range(30)] + [wanted]


def test_a_hundred_thousand_orders_at_one_price_equal_the_twin() -> None:
    """More remainders than digits, of quantities up to the largest a command may name."""
    draw = np.random.default_rng(11)
    sells = list(zip([1_500] * 100_000, draw.integers(1, 2**40, 100_000).tolist(), strict=True))
    buys = [(1_500, 7 * sum(wh for _, wh in sells) // 11)]
    cleared = run(sells, buys)
    assert (cleared.price_sen, cleared.quantity, cleared.sold.tolist(), cleared.bought.tolist()) == twin.clear(
        sells, buys
    )


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


@pytest.mark.parametrize(
    ("seed", "orders", "prices", "others"),
    [(0, 120, 9, 0), (1, 120, 9, 0), (2, 200, 70, 0), (3, 200, 70, 0), (4, 30, 9, 9), (5, 60, 1, 0)],
)
def test_the_engine_clears_like_the_library(seed: int, orders: int, prices: int, others: int) -> None:
    """CLEAR_AUCTION on accounts, lots and orders gives each order what `clear` gives it, by time of entry.

    Twice, so that the second book is made of what the first one left; with so many orders of another product between.
    """
    random = Random(seed)
    w = SmallWorld()
    w.at(NOW_S)
    for number in range(4):
        w.account(f"seller {number}", 2)
        w.device(f"plant {number}", 3 + number, 1)
        w.issue(number, 26_000, NOW_S - SLOT)
    buyer = w.account("buyer", 4, cash=10**12)
    products = [w.product(f"auction {i}", 0, mode=2, gate_close_ms=(NOW_S + DAY * (i + 1)) * 1000) for i in range(3)]
    for day, product in enumerate(products[:2], 1):
        books: tuple[Marked, Marked] = ([], [])
        rows: tuple[list[int], list[int]] = ([], [])
        for number in range(orders):
            price, wh = random.randint(1, prices), random.randint(1, 400)
            is_market = random.random() < 0.1
            name, placed = f"{product} {number}", 0 if is_market else price
            if random.random() < 0.5:
                books[1].append((price, wh, is_market))
                rows[1].append(w.order(name, buyer, 1, placed, wh, product))
            else:
                seller = random.randrange(4)
                held = [i for i, lot in enumerate(w.model.lots) if lot["owner"] == 3 + seller and lot["state"] == 1]
                lot = max(held, key=lambda i: w.model.lots[i]["end"] - w.model.lots[i]["start"])
                books[0].append((price, wh, is_market))
                rows[0].append(w.sell(name, 3 + seller, placed, product, lot, wh))
            for other in range(others):
                w.order(f"{name} {other}", buyer, 1, 1 + other, 1, products[2])
        price, total, *accepted = run_marked(*books)
        w.at(NOW_S + DAY * day)
        assert w.do(Kind.CLEAR_AUCTION, product=product) == (price or 0, total)
        table = w.state.orders
        filled = table[:, m.O_QUANTITY_WH] - table[:, m.O_REMAINING_WH]
        for side in (0, 1):
            assert filled[rows[side]].tolist() == accepted[side]
            assert table[rows[side], m.O_VALUE_E5].tolist() == (filled[rows[side]] * (price or 0)).tolist()
        assert not w.state.tables().roots[product].any()  # nothing rests, nothing is best
        assert audit_state(w.state) == []
    assert w.state.products[products[2], m.P_OPEN_ORDERS] == 2 * orders * others
