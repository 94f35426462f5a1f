"""Auctions cleared together, case by case: what the engine accepts as a result, who pays what, what it refuses."""

import pytest

from reference.small_world import DAY, NOW_S, SLOT, YEAR, BlockWorld
from wattmark.engine import layout as e
from wattmark.engine.audit import audit_state
from wattmark.engine.commands import Kind
from wattmark.engine.outcomes import Outcome
from wattmark.market import layout as m

FIRST_S = NOW_S - 20 * SLOT
ALICE, BOB = 3, 4
NORTH, SOUTH = 1, 2


def world(*, expiry_s: int = NOW_S + 365 * DAY) -> BlockWorld:
    """Alice has 1,000 Wh in each of four periods of two areas; Bob has cash; auctions whose gate closes now."""
    w = BlockWorld()
    w.at(NOW_S - 10 * SLOT)
    w.account("alice", 6)
    w.account("bob", 4, cash=10**9)
    w.account("income", 4)
    for area in (NORTH, SOUTH):
        plant = w.device(f"plant {area}", ALICE, 1, area=area)
        for period in range(4):
            lot = w.issue(plant, 1_000, FIRST_S + period * SLOT, expiry_s)
            w.product(f"{area} {period}", lot, mode=2, gate_close_ms=NOW_S * 1000)
    return w


def ask(w: BlockWorld, product: str, price: int, wh: int) -> int:
    number = w.names[product]
    lot = w.lot_of(ALICE, number, wh)
    return w.sell("ask", ALICE, price, number, lot, wh)


def bid(w: BlockWorld, product: str, price: int, wh: int) -> int:
    return w.order("bid", BOB, 1, price, wh, w.names[product])


def store(w: BlockWorld, product: str, price: int, net: int = 0) -> None:
    w.do(Kind.PRICE_AUCTION, product=w.names[product], price_sen_per_kwh=price, net_export_wh=net)


def clear(w: BlockWorld, product: str = "1 0") -> tuple[int, int]:
    return w.do(Kind.CLEAR_COUPLED, product=w.names[product], income_account=w.names["income"])


def is_refused(w: BlockWorld, product: str = "1 0") -> bool:
    outcome = w.refused(Kind.CLEAR_COUPLED, product=w.names[product], income_account=w.names["income"])
    return outcome is Outcome.CLEARING_INVALID


def cash(w: BlockWorld) -> list[int]:
    assert audit_state(w.state) == []
    return w.state.accounts[[ALICE, BOB, w.names["income"]], e.A_CASH_E5].tolist()


def test_buyers_pay_their_areas_price_sellers_get_theirs_and_the_difference_is_booked() -> None:
    """J29: 60 of 100 Wh flow from 5 to 20 sen/kWh."""
    w = world()
    ask(w, "1 0", 5, 100)
    bid(w, "1 0", 8, 40)
    bid(w, "2 0", 20, 90)
    w.at(NOW_S)
    store(w, "1 0", 5, 60)
    store(w, "2 0", 20, -60)
    assert clear(w) == (100, 60 * 15)
    assert cash(w) == [100 * 5, 10**9 - 40 * 5 - 60 * 20, 60 * 15]
    assert w.state.products[:2, m.P_LAST_PRICE_SEN].tolist() == [5, 0]
    names = [w.names["1 0"], w.names["2 0"]]
    assert w.state.products[names, m.P_VOLUME_WH].tolist() == [100, 60]
    assert w.state.products[names, m.P_STATE].tolist() == [m.PRODUCT_CLOSED] * 2


REFUSED = """
case                                  | asks               | bids              | north   | south
power would flow to the cheaper side  | 1:20x100           | 2:25x100          | 20 100  | 10 -100
the same the right way round          | 1:20x100           | 2:25x100          | 10 100  | 20 -100
areas do not balance                  | 1:5x100            | 2:20x100          | 5 60    | 20 -50
one area sends what nobody takes      | 1:5x100            | 1:8x40            | 5 60    | 0 0
a better ask would stay out           | 1:5x100 1:7x10     | 1:20x50           | 7 0     | 0 0
a better bid would stay out           | 1:5x10             | 1:20x50 1:9x5     | 9 0     | 0 0
a worse ask would trade               | 1:5x10 1:9x50      | 1:20x60           | 5 0     | 0 0
no price though they cross            | 1:5x10             | 1:5x10            | 0 0     | 0 0
no price and yet a flow               |                    | 1:5x10            | 0 5     | 0 -5
more than all is sent                 | 1:5x10             | 2:20x50           | 5 11    | 20 -11
"""


def offers(w: BlockWorld, asks: str, bids: str) -> None:
    for text, place in ((asks, ask), (bids, bid)):
        for one in text.split():
            area, order = one.split(":")
            price, wh = order.split("x")
            place(w, f"{area} 0", int(price), int(wh))


@pytest.mark.parametrize("line", REFUSED.strip().splitlines()[1:], ids=lambda line: line.split("|")[0].strip())
def test_what_is_no_clearing_is_refused_and_changes_nothing(line: str) -> None:
    name, asks, bids, north, south = (part.strip() for part in line.split("|"))
    w = world()
    offers(w, asks, bids)
    w.at(NOW_S)
    store(w, "1 0", *map(int, north.split()))
    store(w, "2 0", *map(int, south.split()))
    if name == "the same the right way round":
        assert is_refused(w)  # the ask stands at 20: at 10 it is worse than the price
        store(w, "1 0", 20, 100)
        store(w, "2 0", 25, -100)
        assert clear(w) == (100, 500)
        return
    assert is_refused(w)


ACCEPTED = """
case                                     | asks            | bids              | north  | south   | traded
the boundary tick shares the most        | 1:5x10 1:5x30   | 1:5x20 1:9x10     | 5 0    | 0 0     | 30
the lowest of several prices is not asked| 1:5x10          | 1:20x10           | 20 0   | 0 0     | 10
no cross, no price                       | 1:10x10         | 1:5x10            | 0 0    | 0 0     | 0
nothing at all                           |                 |                   | 0 0    | 0 0     | 0
all goes south                           | 1:5x10          | 2:5x10            | 5 10   | 5 -10   | 10
"""


@pytest.mark.parametrize("line", ACCEPTED.strip().splitlines()[1:], ids=lambda line: line.split("|")[0].strip())
def test_what_is_a_clearing_trades(line: str) -> None:
    _, asks, bids, north, south, traded = (part.strip() for part in line.split("|"))
    w = world()
    offers(w, asks, bids)
    w.at(NOW_S)
    store(w, "1 0", *map(int, north.split()))
    store(w, "2 0", *map(int, south.split()))
    assert clear(w) == (int(traded), 0)
    assert audit_state(w.state) == []


def with_block(side: int, limit: int, **more: int) -> tuple[BlockWorld, int]:
    """A block of 100 Wh in four periods of the north, and the other side of it as hourly orders at 10."""
    w = world(**more)
    block = w.block("block", ALICE if side == 2 else BOB, side, limit)
    w.slots(block, "1 ", 0, 4)
    for period in range(4):
        (bid if side == 2 else ask)(w, f"1 {period}", 10, 100)
    w.at(NOW_S)
    for period in range(4):
        store(w, f"1 {period}", 10)
    w.do(Kind.DECIDE_BLOCK, block=block, accept=1)
    return w, block


def test_a_buy_block_pays_a_dear_slot_out_of_its_cheap_ones_and_gets_the_rest_back() -> None:
    """J22: limit 10, prices 25, 5, 5, 4: the sum is 39 of 40, and the dear slot alone costs more than its share."""
    w = world()
    block = w.block("block", BOB, 1, 10)
    w.slots(block, "1 ", 0, 4)
    prices = (25, 5, 5, 4)
    for period, price in enumerate(prices):
        ask(w, f"1 {period}", price, 100)
    w.do(Kind.PAYOUT, account=BOB, amount_e5jpy=10**9 - 4_000)
    w.at(NOW_S)
    for period, price in enumerate(prices):
        store(w, f"1 {period}", price)
    w.do(Kind.DECIDE_BLOCK, block=block, accept=1)
    for period in (0, 2, 1, 3):
        assert clear(w, f"1 {period}") == (100, 0)
        assert audit_state(w.state) == []
    assert cash(w) == [3_900, 100, 0]
    assert w.state.accounts[BOB, e.A_HELD_E5] == 0
    assert w.state.blocks[block, [m.BL_VALUE_E5, m.BL_OPEN_SLOTS]].tolist() == [3_900, 0]


def test_an_accepted_block_that_another_price_takes_out_of_the_money_does_not_trade() -> None:
    w, _ = with_block(2, 10)
    store(w, "1 3", 9)
    assert is_refused(w)
    store(w, "1 3", 10)
    assert clear(w) == (100, 0)


def test_a_buy_block_that_another_price_takes_out_of_the_money_does_not_trade() -> None:
    w, _ = with_block(1, 10)
    store(w, "1 3", 11)
    assert is_refused(w)


def test_a_block_whose_tokens_have_expired_does_not_trade_and_can_be_rejected() -> None:
    w, block = with_block(2, 10, expiry_s=NOW_S + 1)
    w.at(NOW_S + 1)
    assert is_refused(w)
    w.do(Kind.DECIDE_BLOCK, block=block, accept=0)
    assert w.state.blocks[block, m.BL_STATE] == m.BLOCK_REJECTED
    store(w, "1 0", 0)
    assert clear(w) == (0, 0)


@pytest.mark.parametrize("side", [1, 2])
def test_what_is_left_of_a_block_that_has_traded_in_part_is_given_back(side: int) -> None:
    w, block = with_block(side, 10)
    clear(w)
    assert w.do(Kind.DECIDE_BLOCK, block=block, accept=0) == (block, 1)
    assert w.state.blocks[block, m.BL_STATE] == m.BLOCK_CANCELLED
    assert w.state.blocks[block, [m.BL_HELD_E5, m.BL_VALUE_E5]].tolist() == [0, 1_000]
    assert cash(w)[:2] == [1_000, 10**9 - 1_000]
    assert w.refused(Kind.DECIDE_BLOCK, block=block, accept=0) is Outcome.BLOCK_NOT_OPEN


def test_an_auction_of_a_year_may_be_priced_too_but_takes_no_block() -> None:
    w = world()
    year = w.product("year", 0, mode=2, scope=2, gate_close_ms=NOW_S * 1000, **YEAR)
    w.order("bid", BOB, 1, 9, 50, year)
    w.sell("ask", ALICE, 9, year, w.lot_of(ALICE, year, 50), 50)
    w.at(NOW_S)
    w.do(Kind.PRICE_AUCTION, product=year, price_sen_per_kwh=9, net_export_wh=0)
    assert clear(w, "year") == (50, 0)


def test_a_cancelled_buy_block_no_longer_counts_for_the_position_limit() -> None:
    w = world()
    product = w.names["1 0"]
    w.do(Kind.SET_LIMITS, product=product, low_sen_per_kwh=1, high_sen_per_kwh=99_900, position_wh=100)
    first, second = w.block("first", BOB, 1, 10), w.block("second", BOB, 1, 10)
    w.slot(first, product, 90)
    slot = {"block": second, "product": product, "quantity_wh": 90, "lot": 0, "start": 0}
    assert w.refused(Kind.PLACE_SLOT, actor=BOB, **slot) is Outcome.POSITION_LIMIT
    w.do(Kind.CANCEL_BLOCK, actor=BOB, block=first)
    w.slot(second, product, 90)
