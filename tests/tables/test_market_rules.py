"""The market's rules as text: call auction J12 to J16, zaraba J37, and the bugs that matching engines have."""

import numpy as np
import pytest

from reference import auction as twin
from reference.small_world import DAY, NOW_S, SLOT, SmallWorld
from wattmark.core.errors import MalformedInput
from wattmark.engine.audit import audit_state
from wattmark.engine.commands import Kind
from wattmark.engine.outcomes import Outcome
from wattmark.market import layout as m
from wattmark.market.auction import clear, clear_orders, curves
from wattmark.market.order import Level, Order, OrderState, Product, Side, depth
from wattmark.tokens import layout as k

ALICE, BOB, CAROL = 3, 4, 5

J15 = """
case                      | sells               | buys               | price | quantity
A supply marginal         | 5x10 10x10          | 20x15 3x10         | 10    | 15
B sell-out                | 5x10                | 20x15              | 20    | 10
C vertical overlap        | 5x10 12x10          | 20x10 8x10         | 8     | 10
D horizontal overlap      | 10x10 10x10         | 20x10 10x5         | 10    | 15
E no cross                | 10x10               | 5x10               | none  | 0
no sells                  |                     | 5x10               | none  | 0
no buys                   | 5x10                |                    | none  | 0
nobody                    |                     |                    | none  | 0
one price for both        | 7x10                | 7x10               | 7     | 10
touching, buyers short    | 7x10                | 7x4                | 7     | 4
touching, sellers short   | 7x4                 | 7x10               | 7     | 4
equal sums, a gap between | 5x10                | 20x10              | 5     | 10
at zero (J17)             | 0x10                | 99900x3            | 1     | 3
"""


def orders(text: str) -> list[tuple[int, int]]:
    return [(int(price), int(quantity)) for price, quantity in (part.split("x") for part in text.split())]


def columns(side: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(side, np.int64).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy()


@pytest.mark.parametrize("line", J15.strip().splitlines()[1:], ids=lambda line: line.split("|")[0].strip())
def test_price_and_quantity_of_a_call_auction(line: str) -> None:
    _, sells, buys, price, quantity = (part.strip() for part in line.split("|"))
    cleared = clear(*columns(orders(sells)), *columns(orders(buys)))
    expected = None if price == "none" else int(price)
    assert (cleared.price_sen, cleared.quantity) == (expected, int(quantity))
    assert cleared.sold.sum() == cleared.bought.sum() == int(quantity)
    assert twin.clear(orders(sells), orders(buys))[:2] == (expected, int(quantity))


J17 = """
case                                | sells            | buys                | price | sold    | bought
a market buy takes the lowest       | 5x10 8x10        | Mx15                | 8     | 10 5    | 15
a market sell takes the highest     | Mx15             | 5x10 8x10           | 5     | 15      | 5 10
market meets market: one sen        | Mx10             | Mx4                 | 1     | 4       | 4
market meets market, buyers long    | Mx4              | Mx10                | 99900 | 4       | 4
market sells are enough: one sen    | Mx10 Mx5 1x9     | 20x8 9x4            | 1     | 8 4 0   | 8 4
a limit at zero after market sells  | 0x10 Mx10        | 20x12               | 1     | 2 10    | 12
buyers long, market buys first      | 5x15             | 99900x10 Mx10       | 99900 | 15      | 5 10
market buys share what there is     | 5x8              | Mx7 99900x9 Mx5 Mx3 | 99900 | 8       | 4 0 3 1
market sells share what is wanted   | Mx7 0x9 Mx5 Mx3  | 20x8                | 1     | 4 0 3 1 | 8
a sell-out with a market buy (B)    | 5x10             | Mx5 20x15           | 20    | 10      | 5 5
nobody wants                        | Mx10             |                     | none  | 0       |
"""


@pytest.mark.parametrize("line", J17.strip().splitlines()[1:], ids=lambda line: line.split("|")[0].strip())
def test_market_orders_in_a_call_auction(line: str) -> None:
    """M is a market order: a sell stands at 0, a buy at 999.00; the published price is at least 0.01 (J16, J17)."""
    _, sells, buys, price, sold, bought = (part.strip() for part in line.split("|"))
    sides = [orders(text.replace("M", "500")) for text in (sells, buys)]
    market = [np.array([part.startswith("M") for part in text.split()], np.bool_) for text in (sells, buys)]
    cleared = clear(*columns(sides[0]), *columns(sides[1]), sell_market=market[0], buy_market=market[1])
    expected = None if price == "none" else int(price)
    accepted = [[int(part) for part in text.split()] for text in (sold, bought)]
    assert (cleared.price_sen, cleared.sold.tolist(), cleared.bought.tolist()) == (expected, *accepted)
    rows = tuple(np.flatnonzero(flags).tolist() for flags in market)
    assert twin.clear(*sides, rows) == (expected, cleared.quantity, *accepted)


J16 = """
case                         | side | orders at the boundary  | left | accepted
largest remainders           | sell | 7 5 3                   | 8    | 4 3 1
a tie to the earliest        | sell | 10 10                   | 15   | 8 7
on the buying side           | buy  | 7 5 3                   | 8    | 4 3 1
on the buying side, a tie    | buy  | 10 10                   | 15   | 8 7
three equal, one over        | sell | 1 1 1                   | 1    | 1 0 0
three equal, two over        | buy  | 1 1 1                   | 2    | 1 1 0
all of it                    | sell | 7 5 3                   | 15   | 7 5 3
nothing to round             | sell | 10 20 30                | 30   | 5 10 15
the big one first            | sell | 1 100                   | 50   | 0 50
the remainder goes to 1      | sell | 3 100                   | 50   | 1 49
beyond 2^63 in the product   | sell | 1099511627776 1099511627776 | 1099511627777 | 549755813889 549755813888
"""


@pytest.mark.parametrize("line", J16.strip().splitlines()[1:], ids=lambda line: line.split("|")[0].strip())
def test_the_boundary_tick_is_rationed_by_largest_remainder(line: str) -> None:
    """Before it stands a better order, which fills whole; behind it a worse one, which gets nothing."""
    _, side, boundary, left, accepted = (part.strip() for part in line.split("|"))
    quantities = [int(text) for text in boundary.split()]
    better, worse = (900, 1_100) if side == "sell" else (1_100, 900)
    rationed = [(worse, 6), *((1_000, quantity) for quantity in quantities), (better, 5)]
    enough = int(left) + 5
    other = [(2_000, enough)] if side == "sell" else [(1, enough)]
    sells, buys = (rationed, other) if side == "sell" else (other, rationed)
    cleared = clear(*columns(sells), *columns(buys))
    got = (cleared.sold if side == "sell" else cleared.bought).tolist()
    # with buyers short the price is 1,000 either way: the lowest crossing one
    assert (cleared.price_sen, cleared.quantity) == (1_000, enough)
    assert got == [0, *(int(text) for text in accepted.split()), 5]


@pytest.mark.parametrize(
    ("n", "price", "lots"), [(1_000, 1_493, 12_925), (10_000, 1_502, 126_334), (100_000, 1_499, 1_263_048)]
)
def test_the_book_that_peers_are_measured_on(n: int, price: int, lots: int) -> None:
    """Peers reference, section 6."""
    rng, half = np.random.default_rng(20210115), n // 2
    sides = [rng.integers(low, high, half) for low, high in ((500, 2501), (1, 101)) * 2]
    cleared = clear(*sides)
    assert (cleared.price_sen, cleared.quantity) == (price, lots)
    assert cleared.sold.sum() == cleared.bought.sum() == lots


BAD = """
case                  | field             | sells                                   | buys
ORDER_INVALID         | sell_quantity[0]  | 1x0                                     |
ORDER_INVALID         | sell_price[1]     | 1x1 -1x1                                |
ORDER_INVALID         | buy_quantity[0]   |                                         | 5x-1
ORDER_INVALID         | buy_price[2]      |                                         | 1x1 2x2 0x1
QUANTITY_TOO_LARGE    | sell_quantity[1]  | 1x2305843009213693952 1x2305843009213693952 |
QUANTITY_TOO_LARGE    | buy_quantity[0]   |                                         | 1x4611686018427387904
QUANTITY_TOO_LARGE    | buy_quantity[0]   |                                         | 1x9223372036854775807
"""


@pytest.mark.parametrize("line", BAD.strip().splitlines()[1:])
def test_orders_that_are_none_are_refused_by_field_and_row(line: str) -> None:
    code, field, sells, buys = (part.strip() for part in line.split("|"))
    with pytest.raises(MalformedInput) as caught:
        clear(*columns(orders(sells)), *columns(orders(buys)))
    assert (caught.value.code, caught.value.field) == (code, field)
    sides = [2] * len(sells.split()) + [1] * len(buys.split())
    both = columns(orders(f"{sells} {buys}"))
    with pytest.raises(MalformedInput) as caught:
        clear_orders(*both, np.array(sides))
    assert (caught.value.code, caught.value.field) == (code, field.split("_", maxsplit=1)[1])
    with pytest.raises(MalformedInput) as caught:
        curves(*columns(orders(sells)), *columns(orders(buys)))
    assert (caught.value.code, caught.value.field) == (code, field)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize(
    "wrong", [np.array([1.0, 2.0]), np.array([1]), np.array([[1, 2]]), np.array([1, 2], np.uint64)], ids=repr
)
def test_columns_that_are_none_are_refused(place: int, wrong: np.ndarray) -> None:
    given = [np.array([1, 2]) for _ in range(4)]
    given[place] = wrong
    with pytest.raises(MalformedInput) as caught:
        clear(*given)
    assert caught.value.code == "COLUMNS_DIFFER"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"side": [1, 3]}, "side"),
        ({"side": [1, 258]}, "side"),
        ({"side": [1]}, "side"),
        ({"market": [True]}, "market"),
        ({"arrival": [0, -1]}, "arrival"),
        ({"arrival": [0, 2**62]}, "arrival"),
        ({"arrival": [0]}, "arrival"),
        ({"quantity": [3, 0]}, "quantity[1]"),
    ],
)
def test_a_table_of_orders_is_checked_column_by_column(change: dict[str, list[int]], field: str) -> None:
    given = {"price": [3, 2], "quantity": [3, 2], "side": [1, 2], "market": [False, True], "arrival": [1, 0]}
    with pytest.raises(MalformedInput) as caught:
        clear_orders(**{name: np.array(column) for name, column in (given | change).items()})
    assert caught.value.field == field


def test_curves_end_at_the_highest_tick() -> None:
    with pytest.raises(MalformedInput) as caught:
        curves(*columns([(99_901, 1)]), *columns([]))
    assert (caught.value.code, caught.value.field) == ("ORDER_INVALID", "sell_price[0]")


# --------------------------------------------------------------------------------- in the engine


def market(*, mode: int = 1, owners: int = 1) -> tuple[SmallWorld, int]:
    """A product and 1,000 Wh of it for each of alice (lot 0), bob and carol, who all have cash."""
    w = SmallWorld()
    w.at(NOW_S)
    for name in ("alice", "bob", "carol"):
        w.account(name, 6, cash=10**10)
    for number in range(owners):
        w.device(f"plant {number}", 3 + number, 1)
        w.issue(number, 1_000, NOW_S - SLOT)
    return w, w.product("product", 0, mode=mode, gate_close_ms=(NOW_S + DAY) * 1000)


def front_lot(w: SmallWorld) -> int:
    """A lot that alice can sell."""
    held = [row for row, lot in enumerate(w.model.lots) if (lot["owner"], lot["state"]) == (ALICE, k.HELD)]
    return min(held, key=lambda row: -w.model.lots[row]["end"])


def trades_of(w: SmallWorld) -> list[list[int]]:
    """(buy order, sell order, Wh, price) of the last command."""
    wanted = [m.T_BUY_ORDER, m.T_SELL_ORDER, m.T_QUANTITY_WH, m.T_PRICE_SEN]
    return [[row[word] for word in wanted] for row in w.model.trades]


ZARABA = {
    "the earlier order sets the price (J37)": """
        sell 100 @ 1000 | rests 100 |
        buy   60 @ 1200 | rests 0   | 60 @ 1000 with 0
        sell  60 @ 1300 | rests 60  |
    """,
    "a seller meets the bid at the bid's price": """
        buy  100 @ 1200 | rests 100 |
        sell  60 @  900 | rests 0   | 60 @ 1200 with 0
    """,
    "best price first, then earliest": """
        sell 10 @ 1002  | rests 10  |
        sell 10 @ 1000  | rests 10  |
        sell 10 @ 1001  | rests 10  |
        sell 10 @ 1000  | rests 10  |
        buy  35 @ 1002  | rests 0   | 10 @ 1000 with 1, 10 @ 1000 with 3, 10 @ 1001 with 2, 5 @ 1002 with 0
    """,
    "nothing beyond the limit": """
        sell 10 @ 1000  | rests 10  |
        sell 10 @ 1001  | rests 10  |
        buy  30 @ 1000  | rests 20  | 10 @ 1000 with 0
        sell 5  @ 1001  | rests 5   |
    """,
    "the wrong side's price is never used": """
        buy  10 @ 900   | rests 10  |
        sell 10 @ 1100  | rests 10  |
        buy  10 @ 1000  | rests 10  |
        sell 10 @ 1000  | rests 0   | 10 @ 1000 with 2
        sell 10 @ 800   | rests 0   | 10 @ 900 with 0
    """,
    "a part keeps its place": """
        sell 10 @ 1000  | rests 10  |
        sell 10 @ 1000  | rests 10  |
        buy   4 @ 1000  | rests 0   | 4 @ 1000 with 0
        buy   8 @ 1000  | rests 0   | 6 @ 1000 with 0, 2 @ 1000 with 1
    """,
    "one's own order is never met: the newer one ends": """
        sell 10 @ 1000  | rests 10  |
        self 10 @ 1000  | rests 10  |
        buy  10 @ 1000  | rests 0   | 10 @ 1000 with 0
    """,
    "immediate or cancel": """
        sell 10 @ 1000  | rests 10  |
        ioc  25 @ 1000  | rests 15  | 10 @ 1000 with 0
        sell 15 @ 1000  | rests 15  |
        ioc   5 @  999  | rests 5   |
    """,
}
"""Alice sells, bob buys; ``with`` names the other order."""


@pytest.mark.parametrize("story", ZARABA)
def test_stories_of_continuous_trading(story: str) -> None:
    w, product = market()
    for number, line in enumerate(ZARABA[story].strip().splitlines()):
        wish, rests, expected = line.split("|")
        side, quantity, _, price = wish.split()
        name = f"order {number}"
        if side == "sell":
            w.sell(name, ALICE, int(price), product, front_lot(w), int(quantity))
        else:
            actor = ALICE if side == "self" else BOB
            w.order(name, actor, 1, int(price), int(quantity), product, tif=int(side == "ioc"))
        assert w.state.orders[number, m.O_REMAINING_WH] == int(rests.split()[1])
        own = w.model.orders[number]
        deals = []
        for deal in expected.split(","):
            if deal.strip():
                wh, _, at, _, other = deal.split()
                deals.append([int(wh), int(at), int(other)])
        found = [[wh, at, sell if own["side"] == 1 else buy] for buy, sell, wh, at in trades_of(w)]
        assert found == deals
        assert audit_state(w.state) == []


def test_a_trade_moves_serials_from_the_front_and_cash_to_the_seller() -> None:
    w, product = market()
    w.do(Kind.SPLIT, ALICE, lot=0, start=0, end=100)
    w.sell("ask", ALICE, 1_000, product, 0)
    w.order("bid", BOB, 1, 1_500, 30, product)
    owners = {(row["start"], row["end"]): (row["owner"], row["state"]) for row in w.model.lots}
    assert owners == {(0, 100): (ALICE, k.HELD), (100, 130): (BOB, k.HELD), (130, 1_000): (ALICE, k.RESERVED)}
    cash = w.state.accounts[[ALICE, BOB], 1:3].tolist()
    assert cash == [[10**10 + 30_000, 0], [10**10 - 30_000, 0]]
    assert w.state.orders[1, m.O_VALUE_E5] == 30_000
    assert Product.from_row(product, w.state.products[product]).last_price_sen == 1_000
    assert w.state.products[product, [m.P_VOLUME_WH, m.P_OPEN_ORDERS]].tolist() == [30, 1]


# the bugs of ledger reference, section 5


def test_bug_cancelling_a_filled_order_is_refused_and_harms_nothing() -> None:
    w, product = market()
    w.sell("ask", ALICE, 1_000, product, 0, 10)
    w.order("bid", BOB, 1, 1_000, 10, product)
    for name, actor in (("ask", ALICE), ("bid", BOB)):
        target = {"target_id_low": w.names[f"{name}_low"], "target_id_high": w.names[f"{name}_high"]}
        assert w.refused(Kind.CANCEL, actor, **target) is Outcome.ORDER_NOT_OPEN
    w.sell("next", ALICE, 1_000, product, front_lot(w), 10)
    w.order("buy", BOB, 1, 1_000, 10, product)
    assert trades_of(w) == [[3, 2, 10, 1_000]]


def test_bug_no_phantom_best_price_after_a_cancel_empties_a_level() -> None:
    w, product = market()
    w.sell("best", ALICE, 1_000, product, 0, 10)
    w.sell("next", ALICE, 1_100, product, front_lot(w), 10)
    w.do(Kind.CANCEL, ALICE, target_id_low=w.names["best_low"], target_id_high=w.names["best_high"])
    assert depth(w.state.orders, product) == ([], [Level(1_100, 10, 1)])
    w.order("bid", BOB, 1, 1_050, 10, product)
    assert trades_of(w) == []
    w.order("better bid", BOB, 1, 1_100, 4, product)
    assert trades_of(w) == [[3, 1, 4, 1_100]]
    assert depth(w.state.orders, product) == ([Level(1_050, 10, 1)], [Level(1_100, 6, 1)])


def test_bug_a_crossing_order_never_rests_crossed() -> None:
    w, product = market()
    for price in (1_000, 1_001, 1_002):
        w.sell(f"ask {price}", ALICE, price, product, front_lot(w), 10)
    w.order("bid", BOB, 1, 1_001, 100, product)
    bids, asks = depth(w.state.orders, product)
    assert (bids, asks) == ([Level(1_001, 80, 1)], [Level(1_002, 10, 1)])
    assert bids[0].price_sen < asks[0].price_sen


def test_bug_first_in_first_out_at_one_price_over_many_orders() -> None:
    w, product = market()
    for number in range(40):
        w.sell(f"{number}", ALICE, 1_000, product, front_lot(w), 2)
    for number in (3, 17, 0, 39):
        w.do(Kind.CANCEL, ALICE, target_id_low=w.names[f"{number}_low"], target_id_high=w.names[f"{number}_high"])
    w.order("bid", BOB, 1, 1_000, 72, product)
    assert [sell for _, sell, _, _ in trades_of(w)] == [n for n in range(40) if n not in (3, 17, 0, 39)]


def test_bug_the_remainder_of_an_immediate_order_does_not_rest() -> None:
    w, product = market()
    w.order("ioc buy", BOB, 1, 1_000, 50, product, tif=1)
    order = Order.from_row(0, w.state.orders[0])
    assert (order.state, order.remaining_wh, order.side, order.lot) == (OrderState.CANCELLED, 50, Side.BUY, None)
    assert depth(w.state.orders, product) == ([], [])
    assert w.state.accounts[BOB, 2] == 0  # nothing stays held
    w.order("bid", BOB, 1, 1_000, 20, product)
    w.order("ioc", ALICE, 2, 1_000, 50, product, lot=0, start=0, tif=1)
    assert trades_of(w) == [[1, 2, 20, 1_000]]
    spans = sorted((lot["start"], lot["end"], lot["owner"], lot["state"]) for lot in w.model.lots)
    assert spans == [(0, 20, BOB, k.HELD), (20, 50, ALICE, k.HELD), (50, 1_000, ALICE, k.HELD)]


def test_bug_a_cancel_of_an_unknown_id_is_not_acknowledged() -> None:
    w, _ = market()
    for low, high in ((0, 0), (1, 0), (-1, -1), (2**63 - 1, -(2**63))):
        assert w.refused(Kind.CANCEL, 0, target_id_low=low, target_id_high=high) is Outcome.UNKNOWN_ORDER


def test_bug_what_an_order_held_is_free_after_it_ends() -> None:
    """Filled below its limit, cancelled, or closed with its product: not a unit stays behind."""
    w, product = market()
    w.order("high bid", BOB, 1, 2_000, 10, product)
    w.order("low bid", BOB, 1, 500, 10, product)
    assert w.state.accounts[BOB, 2] == 25_000
    w.sell("ask", ALICE, 1_000, product, 0, 4)
    assert w.state.accounts[BOB, 1:3].tolist() == [10**10 - 8_000, 17_000]
    w.do(Kind.CANCEL, BOB, target_id_low=w.names["high bid_low"], target_id_high=w.names["high bid_high"])
    assert w.state.accounts[BOB, 2] == 5_000
    closed, cancelled = w.do(Kind.CLOSE_PRODUCT, product=product)
    assert (closed, cancelled) == (product, 1)
    assert w.state.accounts[BOB, 1:3].tolist() == [10**10 - 8_000, 0]


# call auction in the engine


def auctioned(w: SmallWorld, product: int) -> tuple[int, int]:
    w.at(NOW_S + DAY)
    return w.do(Kind.CLEAR_AUCTION, product=product)


def test_the_engine_clears_case_a_and_gives_everything_else_back() -> None:
    w, product = market(mode=2, owners=2)
    w.sell("cheap", ALICE, 5, product, 0, 10)
    w.sell("dear", BOB, 10, product, 1, 10)
    w.order("buyer", CAROL, 1, 20, 15, product)
    w.order("low", CAROL, 1, 3, 10, product)
    assert trades_of(w) == []  # blind: nothing trades before the gate (J11)
    assert auctioned(w, product) == (10, 15)
    assert trades_of(w) == [[2, 0, 10, 10], [2, 1, 5, 10]]
    states = w.state.orders[:, [m.O_STATE, m.O_REMAINING_WH]].tolist()
    assert states == [[2, 0], [3, 5], [2, 0], [3, 10]]
    assert w.state.accounts[[ALICE, BOB, CAROL], 1].tolist() == [10**10 + 100, 10**10 + 50, 10**10 - 150]
    assert w.state.accounts[:, 2].tolist() == [0] * 6
    assert {lot["state"] for lot in w.model.lots} == {k.HELD}
    assert audit_state(w.state) == []
    assert w.refused(Kind.CLEAR_AUCTION, product=product) is Outcome.PRODUCT_CLOSED


@pytest.mark.parametrize(
    "line",
    [line for line in J17.strip().splitlines()[1:] if " 0x" not in line],
    ids=lambda line: line.split("|")[0].strip(),
)
def test_the_engine_gives_market_orders_what_the_rule_says(line: str) -> None:
    _, sells, buys, price, sold, bought = (part.strip() for part in line.split("|"))
    w, product = market(mode=2)
    accepted = [int(part) for part in f"{sold} {bought}".split()]
    for number, order in enumerate(f"{sells} {buys}".split()):
        limit, quantity = order.replace("M", "0").split("x")
        if number < len(sells.split()):
            w.sell(f"{number}", ALICE, int(limit), product, front_lot(w), int(quantity))
        else:
            w.order(f"{number}", CAROL, 1, int(limit), int(quantity), product)
    assert auctioned(w, product) == (0 if price == "none" else int(price), sum(accepted) // 2)
    assert (w.state.orders[:, m.O_QUANTITY_WH] - w.state.orders[:, m.O_REMAINING_WH]).tolist()[
        : len(accepted)
    ] == accepted
    assert w.state.accounts[CAROL, 2] == 0
    assert audit_state(w.state) == []


def test_no_cross_closes_the_product_without_a_price() -> None:
    w, product = market(mode=2)
    w.sell("ask", ALICE, 10, product, 0, 10)
    w.order("bid", BOB, 1, 5, 10, product)
    assert auctioned(w, product) == (0, 0)
    assert w.state.products[product, [m.P_STATE, m.P_LAST_PRICE_SEN, m.P_VOLUME_WH, m.P_OPEN_ORDERS]].tolist() == [
        2,
        0,
        0,
        0,
    ]
    assert w.state.accounts[BOB, 1:3].tolist() == [10**10, 0]


def test_an_auction_does_not_clear_before_its_gate() -> None:
    w, product = market(mode=2)
    w.names["now"] = (NOW_S + DAY) * 1000 - 1
    assert w.refused(Kind.CLEAR_AUCTION, product=product) is Outcome.GATE_NOT_CLOSED
    w.order("last", BOB, 1, 5, 10, product)
    w.names["now"] += 1
    order = {"product": product, "side": 1, "price_sen_per_kwh": 5, "quantity_wh": 1, "lot": 0, "start": 0, "tif": 0}
    assert w.refused(Kind.PLACE_ORDER, BOB, **order) is Outcome.PRODUCT_CLOSED
    w.do(Kind.CLEAR_AUCTION, product=product)


def test_tokens_past_their_date_are_not_auctioned() -> None:
    w, product = market(mode=2, owners=2)
    dated = w.model.bundles[0]
    w.sell("ask", ALICE, 10, product, 0, 10)
    w.sell("other", BOB, 12, product, 1, 10)
    w.order("bid", CAROL, 1, 15, 10, product)
    w.at(dated["expiry"])
    assert w.do(Kind.CLEAR_AUCTION, product=product) == (0, 0)
    assert w.state.orders[:, m.O_STATE].tolist() == [3, 3, 3]
    assert audit_state(w.state) == []


YEARS = """
year starts            length | takes the period
period                 1      | yes
period                 1800   | yes
period - 1             1      | no
period - 1             2      | yes
period + 1             1800   | no
period - 86400         86400  | no
period - 86400         86401  | yes
"""


@pytest.mark.parametrize("line", YEARS.strip().splitlines()[1:])
def test_a_product_of_a_year_takes_the_periods_that_begin_in_it(line: str) -> None:
    figures, takes = line.split("|")
    start, length = figures.rsplit(maxsplit=1)
    w, _ = market()
    year = {"period_start_s": eval(start, {"period": NOW_S - SLOT}), "duration_s": int(length)}
    product = w.product("year", 0, scope=2, **year)
    order = {"product": product, "side": 2, "price_sen_per_kwh": 5, "quantity_wh": 1, "lot": 0, "start": 0, "tif": 0}
    if takes.strip() == "yes":
        w.do(Kind.PLACE_ORDER, ALICE, **order)
    else:
        assert w.refused(Kind.PLACE_ORDER, ALICE, **order) is Outcome.PRODUCT_MISMATCH
