"""Listing, ordering, clearing and closing through plans."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from wattmark.core.codes import Area, Source
from wattmark.core.ids import derive_id
from wattmark.core.periods import Period, day_periods
from wattmark.engine.outcomes import Outcome
from wattmark.flows.bank_deposit import plan_deposit_cash, plan_pay_out
from wattmark.flows.clear_auctions import plan_clear_auctions, plan_close_products
from wattmark.flows.list_products import plan_list_products
from wattmark.flows.move_lots import plan_release, plan_reserve, plan_retire, plan_split
from wattmark.flows.place_orders import buy, plan_cancel, plan_orders, sell
from wattmark.flows.plan import join, plan_of
from wattmark.market.layout import MODE_CALL, MODE_CONTINUOUS, P_STATE, PRODUCT_CLOSED
from wattmark.testing.small_home import DAY, NIGHT_MS, SmallHome
from wattmark.tokens import layout as k

GATE_MS = NIGHT_MS + 60_000


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallHome]:
    made = SmallHome(tmp_path / "home")
    made.measure()
    cash = plan_deposit_cash(identity=derive_id("cash"), account=made.consumer, amount_e5jpy=10**9)
    made.platform.execute_all(cash, NIGHT_MS)
    yield made
    made.close()


def listed(small: SmallHome, lot: int, mode: int) -> int:
    bundle = small.platform.state.bundles[small.platform.state.lots[lot, k.L_BUNDLE]]
    plan = plan_list_products(
        area=Area.TOKYO,
        sources=[Source.SOLAR],
        periods=[Period(int(bundle[k.B_PERIOD_S]), int(bundle[k.B_DURATION_S]))],
        gate_open_ms=0,
        gate_close_ms=GATE_MS,
        mode=mode,
    )
    return small.platform.execute_one(plan, NIGHT_MS).result0


def test_a_day_of_products_is_listed_once(small: SmallHome) -> None:
    plan = plan_list_products(
        area=Area.TOKYO, sources=[Source.SOLAR, Source.WIND], periods=day_periods(DAY), gate_open_ms=0
    )
    done = small.platform.execute_all(plan, NIGHT_MS - 86_400_000)
    assert [one.result0 for one in done] == list(range(96))
    assert small.platform.execute_all(plan, NIGHT_MS) == done
    assert small.platform.state.count("products") == 96
    gates = small.platform.state.products[:, 6]
    assert gates.tolist() == [period.end_s * 1_000 for period in day_periods(DAY) for _ in range(2)]


def test_a_call_auction_clears_at_its_gate_at_one_price(small: SmallHome) -> None:
    lot = small.held(small.producer)[10]
    size, product = small.size(lot), listed(small, lot, MODE_CALL)
    orders = [
        sell(1, small.producer, product, 1_000, lot=lot, start=0, end=size),
        buy(2, small.consumer, product, 2_000, size),
    ]
    small.platform.execute_all(plan_orders(orders), NIGHT_MS)
    assert len(plan_clear_auctions(small.platform.state, GATE_MS - 1)) == 0
    cleared = small.platform.execute_all(plan_clear_auctions(small.platform.state, GATE_MS), GATE_MS)
    assert [one.result1 for one in cleared] == [size]
    assert 1_000 <= cleared[0].result0 <= 2_000
    (trade,) = small.platform.views.trades(product=product)
    assert (trade.quantity_wh, trade.price_sen_per_kwh) == (size, cleared[0].result0)
    assert len(plan_clear_auctions(small.platform.state, GATE_MS)) == 0, "it is over"


def test_a_product_past_its_gate_is_closed_and_gives_back_what_rests(small: SmallHome) -> None:
    lot = small.held(small.producer)[10]
    size, product = small.size(lot), listed(small, lot, MODE_CONTINUOUS)
    small.platform.execute_all(
        plan_orders([sell(1, small.producer, product, 900, lot=lot, start=0, end=size)]), NIGHT_MS
    )
    assert lot not in small.held(small.producer)
    small.platform.execute_all(plan_close_products(small.platform.state, GATE_MS), GATE_MS)
    assert lot in small.held(small.producer)
    assert small.platform.state.products[product, P_STATE] == PRODUCT_CLOSED


def test_an_order_is_cancelled_by_the_id_that_placed_it(small: SmallHome) -> None:
    lot = small.held(small.producer)[10]
    size, product = small.size(lot), listed(small, lot, MODE_CONTINUOUS)
    identity = derive_id("mine")
    order = sell(identity, small.producer, product, 900, lot=lot, start=10, end=size)
    small.platform.execute_all(plan_orders([order]), NIGHT_MS)
    done = small.platform.execute_one(plan_cancel(identity=7, account=small.producer, target=identity), NIGHT_MS)
    assert done.result1 == size - 10


def test_a_lot_is_split_reserved_released_and_retired(small: SmallHome) -> None:
    platform, actor = small.platform, small.producer
    lot = small.held(actor)[10]
    size = small.size(lot)
    cut = platform.execute_one(plan_split(identity=1, actor=actor, lot=lot, start=0, end=5), NIGHT_MS).result0
    held = platform.execute_one(
        plan_reserve(identity=2, actor=actor, lot=cut, start=0, end=5, timeout_ms=GATE_MS), NIGHT_MS
    ).result0
    assert platform.state.lots[held, k.L_STATE] == k.RESERVED
    platform.execute_one(plan_release(identity=3, actor=actor, lot=held), NIGHT_MS)
    retire = plan_retire(identity=4, actor=actor, lot=held, start=0, end=5, beneficiary=actor, claim=3)
    gone = platform.execute_one(retire, NIGHT_MS).result0
    bundle = platform.state.bundles[platform.state.lots[gone, k.L_BUNDLE]]
    assert (bundle[k.B_RETIRED_WH], bundle[k.B_HELD_WH]) == (5, size - 5)


def test_plans_add_up_in_order_and_each_command_has_its_own_outcome(small: SmallHome) -> None:
    good = plan_deposit_cash(identity=1, account=small.consumer, amount_e5jpy=5)
    bad = plan_pay_out(identity=2, account=small.producer, amount_e5jpy=5)
    size = small.platform.sequencer.sequence
    verdicts = small.platform.execute(good + bad + plan_of([]), NIGHT_MS)
    assert [Outcome(int(one)) for one in verdicts[:, 1]] == [Outcome.OK, Outcome.INSUFFICIENT_CASH]
    assert small.platform.sequencer.sequence == size + 1, "one frame"
    assert len(join([])) == 0
    assert small.platform.execute(plan_of([]), NIGHT_MS).shape == (0, 4)
