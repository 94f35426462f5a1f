"""Call auctions of one period in several areas, cleared together from the state."""

import json

import numpy as np
import pytest

from reference.small_world import DAY, NOW_S, SLOT, SmallWorld
from wattmark.core.encoding import json_canonical
from wattmark.core.errors import RuleViolated, UnknownReference
from wattmark.core.periods import Period
from wattmark.engine.commands import Kind
from wattmark.flows.clear_coupled import clear_coupled
from wattmark.market.coupling import Fences, japan_links

GATE_S = NOW_S + DAY
PERIOD = Period(NOW_S - SLOT, SLOT)
SOLAR = 1
BUYER, SELLER = 3, 4


def world(areas: tuple[int, ...] = (1, 2, 3), mode: int = 2) -> SmallWorld:
    """A seller with a plant of 1,000 Wh in each area, a buyer with cash, and a call auction per area."""
    w = SmallWorld()
    w.at(NOW_S)
    w.account("buyer", 4, cash=10**12)
    w.account("seller", 2)
    for area in areas:
        lot = w.issue(w.device(f"plant {area}", SELLER, SOLAR, area=area), 1_000, PERIOD.start_s)
        w.names[f"lot {area}"] = lot
        w.product(f"area {area}", lot, mode=mode, gate_close_ms=GATE_S * 1_000)
    return w


def offer(w: SmallWorld, area: int, price: int, quantity: int, **more: int) -> int:
    held = [row for row, lot in enumerate(w.model.lots) if lot["owner"] == SELLER and lot["state"] == 1]
    lot = next(row for row in held if w.model.bundles[w.model.lots[row]["bundle"]]["area"] == area)
    return w.sell("offer", SELLER, price, w.names[f"area {area}"], lot, quantity, **more)


def bid(w: SmallWorld, area: int, price: int, quantity: int, **more: int) -> int:
    return w.order("bid", BUYER, 1, price, quantity, w.names[f"area {area}"], **more)


def cleared(w: SmallWorld, capacity: dict[tuple[int, int], int], **more: object):
    return clear_coupled(w.state, PERIOD, SOLAR, japan_links(capacity), now_ms=GATE_S * 1_000, **more)


def test_a_full_link_makes_two_prices_and_income() -> None:
    w = world()
    orders = [offer(w, 1, 500, 400), bid(w, 3, 2_000, 300), offer(w, 3, 900, 400), offer(w, 2, 500, 100)]
    before = w.state.state_hash()
    auction = cleared(w, {(1, 2): 100, (2, 3): 120})
    assert auction.orders.tolist() == orders
    assert auction.coupled.prices_sen[:3] == (500, 500, 900)
    assert auction.coupled.accepted.tolist() == [96, 300, 180, 24]  # 120 shared as 400 to 100 (J16)
    assert auction.coupled.income == 120 * 400
    value = json.loads(auction.to_json())
    assert auction.to_json() == json_canonical(value)
    assert value["areas"][2] == {
        "area": 3,
        "product": w.names["area 3"],
        "price_sen": 900,
        "sold_wh": 180,
        "bought_wh": 300,
        "net_wh": -120,
    }
    assert value["income_e5jpy"] == "48000"
    assert [link["flow_wh"] for link in value["links"] if link["flow_wh"]] == [96, 120]
    assert value["orders"] == [[orders[0], 96], [orders[1], 300], [orders[2], 180], [orders[3], 24]]
    assert w.state.state_hash() == before


def test_with_room_there_is_one_price_and_no_income() -> None:
    w = world()
    offer(w, 1, 500, 400)
    bid(w, 3, 2_000, 300)
    auction = cleared(w, {(1, 2): 400, (2, 3): 400})
    assert auction.coupled.prices_sen == (500,) * 9
    assert (auction.coupled.split, auction.coupled.income) == (False, 0)


def test_market_orders_come_first_wherever_they_are() -> None:
    w = world()
    offer(w, 1, 500, 300)
    limit, market = bid(w, 1, 99_900, 400), bid(w, 2, 0, 200)
    auction = cleared(w, {(1, 2): 1_000})
    shares = dict(zip(auction.orders.tolist(), auction.coupled.accepted.tolist(), strict=True))
    assert (shares[market], shares[limit]) == (200, 100)
    assert auction.coupled.prices_sen[0] == 99_900


def test_fences_are_part_of_the_value() -> None:
    w = world()
    offer(w, 1, 500, 400)
    bid(w, 3, 2_000, 300)
    offer(w, 3, 900, 400)
    fences = Fences(np.array([[1, 1, 0, 0, 0, 0, 0, 0, 0]], np.int64), np.array([90], np.int64))
    auction = cleared(w, {(1, 2): 400, (2, 3): 400}, fences=fences)
    assert auction.coupled.net[:3].tolist() == [90, 0, -90]
    assert json.loads(auction.to_json())["fences"] == [
        {"coefficients": [1, 1, 0, 0, 0, 0, 0, 0, 0], "bound_wh": 90, "price_sen": "400"}
    ]


def test_orders_and_tokens_past_their_time_do_not_take_part() -> None:
    w = world()
    kept = offer(w, 1, 500, 400)
    offer(w, 2, 100, 400, expires_ms=GATE_S * 1_000 - 1)
    bid(w, 3, 2_000, 300, expires_ms=GATE_S * 1_000)
    late = bid(w, 3, 2_000, 300)
    auction = clear_coupled(w.state, PERIOD, SOLAR, japan_links({}), now_ms=GATE_S * 1_000)
    assert auction.orders.tolist() == [kept, late]
    expired_s = w.model.bundles[0]["expiry"]
    assert clear_coupled(w.state, PERIOD, SOLAR, japan_links({}), now_ms=expired_s * 1_000).orders.tolist() == [late]


def test_what_cannot_be_cleared_together_is_refused() -> None:
    w = world()
    gate_ms = GATE_S * 1_000
    with pytest.raises(UnknownReference, match="NO_AUCTIONS"):
        clear_coupled(w.state, PERIOD, 2, japan_links({}), now_ms=gate_ms)
    with pytest.raises(RuleViolated, match="GATE_NOT_CLOSED"):
        clear_coupled(w.state, PERIOD, SOLAR, japan_links({}), now_ms=gate_ms - 1)
    w.product("again", w.names["lot 2"], mode=2, gate_close_ms=gate_ms)
    with pytest.raises(RuleViolated, match="PRODUCT_TWICE"):
        cleared(w, {})
    w.do(Kind.CLOSE_PRODUCT, product=w.names["again"])
    cleared(w, {})
    limits = {"low_sen_per_kwh": 1, "high_sen_per_kwh": 5_000, "position_wh": 0}
    w.do(Kind.SET_LIMITS, product=w.names["area 1"], **limits)
    with pytest.raises(RuleViolated, match="LIMITS_DIFFER"):
        cleared(w, {})
    for area in (2, 3):
        w.do(Kind.SET_LIMITS, product=w.names[f"area {area}"], **limits)
    assert cleared(w, {}).ceiling_sen == 5_000
    w.do(Kind.SET_TRADING, product=w.names["area 1"], trading_state=3, reason=1)
    with pytest.raises(RuleViolated, match="PRODUCT_HALTED"):
        cleared(w, {})
