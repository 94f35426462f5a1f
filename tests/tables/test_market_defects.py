"""What an attacker found in the market, by name: each story failed once."""

import pytest

from reference.small_world import DAY, NOW_S, SmallWorld, small_world
from wattmark.engine import layout as e
from wattmark.engine.audit import audit_state
from wattmark.engine.commands import Kind
from wattmark.engine.outcomes import Outcome
from wattmark.market import layout as m

NEWEST, DECREMENT = m.STP_NEWEST, m.STP_DECREMENT
IOC, GATE_MS = m.TIF_IMMEDIATE, (NOW_S + 2 * DAY) * 1_000


def names(w: SmallWorld, *wanted: str) -> list[int]:
    return [w.names[name] for name in wanted]


def lots_of(w: SmallWorld, wh: int, count: int) -> list[int]:
    """So many lots of Alice's, cut off the front of what she holds."""
    return [w.cut(w.names["held"], wh) for _ in range(count)]


def give(w: SmallWorld, lot: int, account: int) -> int:
    row = w.model.lots[lot]
    moved, _ = w.do(Kind.TRANSFER, w.names["alice"], lot=lot, start=row["start"], end=row["end"], to_account=account)
    return moved


def last_trades(w: SmallWorld) -> list[tuple[int, int]]:
    """(Wh, price) of the trades of the last command."""
    return [(trade[m.T_QUANTITY_WH], trade[m.T_PRICE_SEN]) for trade in w.model.trades]


def target(w: SmallWorld, name: str) -> dict[str, int]:
    return {"target_id_low": w.names[f"{name}_low"], "target_id_high": w.names[f"{name}_high"]}


def test_nobody_buys_with_money_he_does_not_have_by_meeting_himself() -> None:
    w = small_world()
    alice, bob, dave = names(w, "alice", "bob", "dave")
    product = w.product("fresh", w.names["held"])
    mine, other = lots_of(w, 100, 2)
    w.sell("own", dave, 99_900, product, give(w, mine, dave), 1)
    w.sell("accomplice", alice, 99_900, product, other)
    wish = {"product": product, "side": 1, "price_sen_per_kwh": 0, "quantity_wh": 101, "lot": 0, "start": 0, "tif": IOC}
    assert w.refused(Kind.PLACE_ORDER, dave, **wish, self_trade=DECREMENT) is Outcome.TERMS_MISMATCH
    w.do(Kind.PLACE_ORDER, dave, **wish, self_trade=NEWEST)
    assert last_trades(w) == []
    assert w.refused(Kind.PLACE_ORDER, dave, **wish, self_trade=m.STP_OLDEST) is Outcome.INSUFFICIENT_CASH
    w.do(Kind.PLACE_ORDER, bob, **wish | {"quantity_wh": 5})
    assert sum(wh for wh, _ in last_trades(w)) == 5
    assert audit_state(w.state) == []


def test_a_bid_of_an_auction_stands_from_the_gate_on() -> None:
    """J10: no time to live, no new limit and no halt takes it back."""
    w = small_world()
    alice, bob = names(w, "alice", "bob")
    product = w.product("auction", w.names["held"], mode=2)
    wish = {
        "product": product,
        "side": 1,
        "price_sen_per_kwh": 1_500,
        "quantity_wh": 50,
        "lot": 0,
        "start": 0,
        "tif": 0,
    }
    assert w.refused(Kind.PLACE_ORDER, bob, **wish, expires_ms=GATE_MS + 1) is Outcome.TIME_INVALID
    w.do(Kind.SET_TRADING, product=product, trading_state=3, reason=1)
    w.do(Kind.PLACE_ORDER, bob, **wish)
    w.sell("offer", alice, 1_000, product, w.names["held"], 50)
    w.at(NOW_S + 2 * DAY)
    limits = {"low_sen_per_kwh": 1, "high_sen_per_kwh": 1_200, "position_wh": 0}
    assert w.refused(Kind.SET_LIMITS, product=product, **limits) is Outcome.AUCTION_LOCKED
    assert w.do(Kind.SET_TRADING, product=product, trading_state=1, reason=1) == (product, 2)
    assert w.do(Kind.CLEAR_AUCTION, product=product) == (1_000, 50)


@pytest.mark.parametrize("halted", [False, True])
def test_a_pair_across_areas_trades_at_the_price_of_who_rested_first(*, halted: bool) -> None:
    """J37, whatever number its place in the book has got since."""
    w = small_world()
    alice, bob = names(w, "alice", "bob")
    product = w.product("roads", w.names["held"], area=0)
    if halted:
        w.do(Kind.SET_TRADING, product=product, trading_state=3, reason=1)
    w.sell("offer", alice, 1_000, product, w.names["held"], 50)
    w.order("wish", bob, 1, 1_500, 50, product, area=5)
    if halted:
        w.do(Kind.SET_TRADING, product=product, trading_state=1, reason=1)
    assert w.do(Kind.ANSWER_CAPACITY, product=product, granted_wh=50) == (50, 0)
    assert last_trades(w) == [(50, 1_000)]


def test_capacity_is_asked_for_what_an_iceberg_shows() -> None:
    """Its hidden part does not jump the queue."""
    w = small_world()
    alice, bob = names(w, "alice", "bob")
    product = w.product("roads", w.names["held"], area=0)
    w.sell("iceberg", alice, 1_000, product, w.names["held"], 100, display_wh=10)
    w.sell("plain", alice, 1_000, product, w.names["held"], 50)
    w.order("wish", bob, 1, 1_000, 100, product, area=5)
    asked = []
    while w.state.products[product, m.P_STATE] == m.PRODUCT_ASKING:
        asked.append(int(w.state.products[product, m.P_ASK_WH]))
        w.do(Kind.ANSWER_CAPACITY, product=product, granted_wh=asked[-1])
    assert asked == [10, 50, 10, 10, 10, 10]


def test_expired_tokens_are_not_sold_by_amending() -> None:
    w = small_world()
    alice, bob = names(w, "alice", "bob")
    device = w.names["sun"]
    w.at(NOW_S + 4 * w.names["slot"])
    lot = w.issue(device, 100, NOW_S + w.names["slot"], expiry_s=NOW_S + 5 * w.names["slot"])
    product = w.product("short", lot)
    w.sell("offer", alice, 2_000, product, lot)
    w.order("wish", bob, 1, 1_000, 100, product)
    w.at(NOW_S + 6 * w.names["slot"])
    amend = target(w, "offer") | {"price_sen_per_kwh": 1_000, "quantity_wh": 100}
    assert w.refused(Kind.AMEND, alice, **amend) is Outcome.LOT_EXPIRED


def test_what_an_order_hides_is_asked_of_its_owner_only() -> None:
    w = small_world()
    erin, bob = names(w, "erin", "bob")
    for quantity in (1, 99, 100, 2_000, 2_001, 10**6):
        wish = target(w, "iceberg") | {"price_sen_per_kwh": 1, "quantity_wh": quantity}
        assert w.refused(Kind.AMEND, bob, **wish) is Outcome.NOT_OWNER
    product = w.product("blind", w.names["held"], mode=2)
    w.order("market", erin, 1, 0, 10, product)
    w.order("limit", erin, 1, 500, 10, product)
    for name in ("market", "limit"):
        for price in (0, 500):
            wish = target(w, name) | {"price_sen_per_kwh": price, "quantity_wh": 5}
            assert w.refused(Kind.AMEND, bob, **wish) is Outcome.NOT_OWNER


def test_market_bids_stand_at_the_top_of_whatever_limits_are_set() -> None:
    """J17, J16: a wider collar does not put limit orders before them, a narrower one does not end them."""
    w = small_world()
    alice, bob, erin = names(w, "alice", "bob", "erin")
    product = w.product("auction", w.names["held"], mode=2)
    limits = {"product": product, "low_sen_per_kwh": 1_000, "position_wh": 0}
    w.do(Kind.SET_LIMITS, **limits, high_sen_per_kwh=2_000)
    row = w.order("market", bob, 1, 0, 50, product)
    assert w.do(Kind.SET_LIMITS, **limits, high_sen_per_kwh=1_500) == (product, 0)
    assert w.do(Kind.SET_LIMITS, **limits, high_sen_per_kwh=3_000) == (product, 0)
    assert w.state.accounts[bob, e.A_HELD_E5] >= 3_000 * 50
    w.order("limit", erin, 1, 2_500, 50, product)
    w.sell("offer", alice, 0, product, w.names["held"], 50)
    w.at(NOW_S + 2 * DAY)
    price, traded = w.do(Kind.CLEAR_AUCTION, product=product)
    assert (price, traded) == (2_500, 50)
    assert w.state.orders[row, m.O_REMAINING_WH] == 0
    assert audit_state(w.state) == []


def test_market_sells_alone_clear_at_the_lower_limit() -> None:
    w = small_world()
    alice, bob = names(w, "alice", "bob")
    product = w.product("auction", w.names["held"], mode=2)
    limits = {"product": product, "low_sen_per_kwh": 1_000, "high_sen_per_kwh": 2_000, "position_wh": 0}
    w.do(Kind.SET_LIMITS, **limits)
    w.sell("offer", alice, 0, product, w.names["held"], 50)
    w.order("wish", bob, 1, 1_500, 20, product)
    w.at(NOW_S + 2 * DAY)
    assert w.do(Kind.CLEAR_AUCTION, product=product) == (1_000, 20)
