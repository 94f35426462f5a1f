"""The market's daily report and the operator's round, on a platform whose commands are on record."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from wattmark.core.codes import Area, Source
from wattmark.core.errors import MalformedInput
from wattmark.core.ids import derive_id
from wattmark.core.periods import Period
from wattmark.engine.commands import Kind, command
from wattmark.engine.outcomes import Outcome
from wattmark.flows.bank_deposit import plan_deposit_cash
from wattmark.flows.clear_auctions import plan_clear_auctions
from wattmark.flows.list_products import plan_list_products
from wattmark.flows.owners import OWNERS_FILE, parse_owners
from wattmark.flows.place_orders import Order, buy, plan_amend, plan_cancel, plan_cancel_all, plan_orders, sell
from wattmark.flows.plan import plan_of
from wattmark.flows.round_market import plan_round
from wattmark.flows.watch_market import market_day, traded_days, watch_market
from wattmark.market import layout as m
from wattmark.market.policy import MarketPolicy
from wattmark.market.surveillance.day import AMENDED, CANCELLED, ENDED, EXPIRED, FILLED, STILL_OPEN
from wattmark.market.surveillance.policy import Surveillance
from wattmark.testing.small_home import NIGHT_MS, SmallHome
from wattmark.tokens import layout as k

TODAY = date(2021, 1, 5)
GATE_MS = NIGHT_MS + 3_600_000


def opened(tmp_path: Path, **policy) -> SmallHome:
    made = SmallHome(tmp_path / "home", market=MarketPolicy(**policy))
    made.measure()
    for number, account in enumerate((made.consumer, made.producer)):
        cash = plan_deposit_cash(identity=derive_id("cash", number), account=account, amount_e5jpy=10**10)
        made.platform.execute_all(cash, NIGHT_MS)
    return made


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallHome]:
    made = opened(tmp_path)
    yield made
    made.close()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[SmallHome]:
    made = opened(tmp_path, collar_down=200, collar_up=300, position_period_wh=5_000, halt_move=100, halt_trades=2)
    yield made
    made.close()


def listed(small: SmallHome, lot: int, mode: int = m.MODE_CONTINUOUS) -> int:
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


def place(small: SmallHome, orders: list, now_ms: int) -> list[int]:
    return [one.result0 for one in small.platform.execute_all(plan_orders(orders), now_ms)]


def test_every_way_an_order_ends_is_told_apart(small: SmallHome) -> None:
    lot = small.held(small.producer)[12]
    size, product = small.size(lot), listed(small, lot)
    start = NIGHT_MS + 10_000
    placed = place(
        small,
        [
            sell(1, small.producer, product, 900, lot=lot, start=0, end=size),
            buy(2, small.consumer, product, 1_000, 100),  # fills
            buy(3, small.consumer, product, 500, 100),  # is cancelled by its owner
            buy(4, small.consumer, product, 400, 100),  # is swept away
            buy(5, small.consumer, product, 300, 100, tif=m.TIF_IMMEDIATE),  # finds nothing
            buy(6, small.producer, product, 200, 100),  # rests on
        ],
        start,
    )
    small.platform.execute_all(plan_cancel(identity=7, account=small.consumer, target=3), start + 1_000)
    small.platform.execute_all(plan_cancel_all(identity=8, actor=small.consumer, account=small.consumer), start + 2_000)
    day = market_day(small.platform, TODAY)
    orders = day.orders
    assert orders.order.tolist() == placed
    assert orders.end.tolist() == [STILL_OPEN, FILLED, CANCELLED, CANCELLED, ENDED, STILL_OPEN]
    assert (orders.ended_ms - start).tolist()[1:5] == [0, 1_000, 2_000, 0]
    assert orders.placed_ms.tolist() == [start] * 6
    assert orders.filled_wh.tolist() == [100, 100, 0, 0, 0, 0]
    assert day.trades.quantity_wh.tolist() == [100]
    assert day.trades.buyer.tolist() == [small.consumer]
    assert day.trades.taker_side.tolist() == [m.BUY]
    with small.platform.sequencer.reading():
        assert traded_days(small.platform) == [TODAY]
    empty = market_day(small.platform, date(2021, 1, 3))
    assert len(empty.trades) == len(empty.orders) == 0
    later = market_day(small.platform, date(2021, 1, 6))
    assert later.orders.order.tolist() == [placed[0], placed[5]], "what still stands"


def amend(small: SmallHome, account: int, target: int, price: int, wh: int, now_ms: int) -> int:
    plan = plan_amend(
        identity=derive_id("amend", target, now_ms, price, wh),
        account=account,
        target=target,
        price_sen_per_kwh=price,
        quantity_wh=wh,
    )
    return small.platform.execute_one(plan, now_ms).result1


def test_an_amended_order_is_a_row_for_each_price_and_quantity_it_had(small: SmallHome) -> None:
    lot = small.held(small.producer)[12]
    size, product = small.size(lot), listed(small, lot)
    start = NIGHT_MS + 10_000
    early, asked, other = place(
        small,
        [
            buy(1, small.consumer, product, 400, 60),
            sell(2, small.producer, product, 900, lot=lot, start=0, end=size),
            buy(3, small.consumer, product, 300, 70),
        ],
        start,
    )
    assert amend(small, small.consumer, 1, 500, 80, start + 1_000) == 0
    assert amend(small, small.consumer, 1, 950, 30, start + 2_000) == 30
    assert amend(small, small.consumer, 3, 900, 70, start + 3_000) == 70
    small.platform.execute_all(plan_cancel_all(identity=9, actor=small.consumer, account=small.consumer), start + 4_000)
    day = market_day(small.platform, TODAY)
    orders, trades = day.orders, day.trades
    assert orders.order.tolist() == [early, early, early, asked, other, other]
    assert orders.price_sen.tolist() == [400, 500, 950, 900, 300, 900]
    assert orders.quantity_wh.tolist() == [60, 80, 30, size, 70, 70]
    assert orders.filled_wh.tolist() == [0, 0, 30, 100, 0, 70]
    assert (orders.placed_ms - start).tolist() == [0, 1_000, 2_000, 0, 0, 3_000]
    assert (orders.ended_ms - start).tolist()[:3] == [1_000, 2_000, 2_000]
    assert orders.end.tolist() == [AMENDED, AMENDED, FILLED, STILL_OPEN, AMENDED, FILLED]
    for position, price in zip(orders.position.tolist(), orders.price_sen.tolist(), strict=True):
        assert small.platform.sequencer.record(position).command[5] == price
    assert early < asked, "by their numbers the seller came last"
    assert trades.taker_side.tolist() == [m.BUY, m.BUY]
    assert trades.buy_since.tolist() == trades.position.tolist()
    assert (day.sweeps.timestamp_ms - start).tolist() == [4_000]
    assert watch_market(small.platform, TODAY).figures.orders == 3


def test_an_order_keeps_what_it_was_on_a_day_when_it_is_amended_later(small: SmallHome) -> None:
    lot = small.held(small.producer)[12]
    size, product = small.size(lot), listed(small, lot)
    offer = sell(1, small.producer, product, 900, lot=lot, start=0, end=size)
    place(small, [offer, buy(2, small.consumer, product, 900, 40)], NIGHT_MS)
    amend(small, small.producer, 1, 800, 90, NIGHT_MS + 1_000)
    (before, after) = market_day(small.platform, TODAY).orders.quantity_wh.tolist()[:2]
    assert (before, after) == (size, 50), "what is left after the fill"
    later = market_day(small.platform, date(2021, 1, 6)).orders
    assert (later.price_sen.tolist(), later.end.tolist()) == ([800], [STILL_OPEN])


@pytest.mark.parametrize("way", ["cancel", "to 1 Wh", "to price 1", "short life"])
def test_a_wall_that_goes_after_a_small_fill_is_found_however_it_goes(small: SmallHome, way: str) -> None:
    lot = small.held(small.producer)[12]
    size, product = small.size(lot), listed(small, lot)
    place(small, [buy(derive_id("b", n), small.consumer, product, 500, 20) for n in range(20)], NIGHT_MS)
    at = NIGHT_MS + 10_000
    for number in range(3):
        wall, piece = derive_id("wall", number), number * 20
        lives = at + 3_000 if way == "short life" else 0
        order = Order(wall, small.producer, product, m.BUY, 880, 3_000, expires_ms=lives)
        rest = small.held(small.producer)[12]
        real = sell(
            derive_id("real", number), small.producer, product, 900, lot=rest, start=piece, end=min(piece + 20, size)
        )
        place(small, [order, real], at)
        place(small, [buy(derive_id("hit", number), small.consumer, product, 900, 20)], at + 1_000)
        if way == "cancel":
            plan = plan_cancel(identity=derive_id("c", number), account=small.producer, target=wall)
            small.platform.execute_all(plan, at + 3_000)
        elif way != "short life":
            price, wh = (880, 1) if way == "to 1 Wh" else (1, 3_000)
            amend(small, small.producer, wall, price, wh, at + 3_000)
        at += 60_000
    place(small, [buy(derive_id("end"), small.consumer, product, 500, 20)], at)
    alerts = watch_market(small.platform, TODAY).alerts
    assert [(one.rule, one.owners) for one in alerts] == [("F4", (small.producer,))]
    if way == "short life":
        assert (market_day(small.platform, TODAY).orders.end == EXPIRED).sum() == 3


def test_own_orders_that_meet_in_an_auction_are_found_in_the_report(tmp_path: Path) -> None:
    policy = Surveillance(wash_trades=2, wash_wh=100)
    small = opened(tmp_path, surveillance=policy)
    lots = small.held(small.producer)[10:14]
    for number, lot in enumerate(lots):
        product = listed(small, lot, m.MODE_CALL)
        size = small.size(lot)
        place(
            small,
            [
                sell(derive_id("s", number), small.producer, product, 900, lot=lot, start=0, end=size),
                buy(derive_id("b", number, 0), small.producer, product, 950, size // 2),
                buy(derive_id("b", number, 1), small.producer, product, 950, size - size // 2),
            ],
            NIGHT_MS + 1_000,
        )
    small.platform.execute_all(plan_clear_auctions(small.platform.state, GATE_MS), GATE_MS)
    report = watch_market(small.platform, TODAY)
    assert [alert.rule for alert in report.alerts] == ["F1"] * 4
    assert {alert.owners for alert in report.alerts} == {(small.producer,)}
    first = report.alerts[0]
    assert first.trade_count == 2
    for position in first.trades:
        assert small.platform.sequencer.record(position).command[2] & 0xFFFF == Kind.CLEAR_AUCTION
    json.dumps(report.to_dict())
    small.close()


def test_owners_come_from_the_operators_file(small: SmallHome) -> None:
    assert small.platform.owner_groups() == ()
    path = small.home / OWNERS_FILE
    path.write_text(json.dumps({"format": "wattmark-owners@v1", "owners": [[small.consumer, small.producer]]}))
    day = market_day(small.platform, TODAY)
    assert day.owners[small.producer] == day.owners[small.consumer] == min(small.producer, small.consumer)
    path.write_text('{"format": "wattmark-owners@v1", "owners": [[999]]}')
    with pytest.raises(MalformedInput) as error:
        market_day(small.platform, TODAY)
    assert (error.value.field, error.value.value) == ("owners", 999)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"format": "wattmark-owners@v1"}',
        '{"format": "wattmark-owners@v2", "owners": []}',
        '{"format": "wattmark-owners@v1", "owners": [[true]]}',
        '{"format": "wattmark-owners@v1", "owners": [[-1]]}',
        '{"format": "wattmark-owners@v1", "owners": {"1": 2}}',
        '{"format": "wattmark-owners@v1", "owners": [[1, 2], [2]]}',
    ],
)
def test_a_file_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(MalformedInput):
        parse_owners(text.encode())


def test_without_a_policy_a_round_does_nothing(small: SmallHome) -> None:
    listed(small, small.held(small.producer)[12])
    assert len(plan_round(small.platform, NIGHT_MS)) == 0


def test_new_products_get_limits_once_and_a_hand_set_limit_stays(watched: SmallHome) -> None:
    lots = watched.held(watched.producer)
    first = listed(watched, lots[10])
    size = watched.size(lots[10])
    watched.platform.execute_all(plan_round(watched.platform, NIGHT_MS), NIGHT_MS)
    limits = watched.platform.state.products[first, [m.P_LOW_SEN, m.P_HIGH_SEN, m.P_POSITION_WH]]
    assert limits.tolist() == [1, 99_900, 5_000], "no earlier price, no collar"
    assert len(plan_round(watched.platform, NIGHT_MS)) == 0
    place(
        watched,
        [
            sell(1, watched.producer, first, 1_000, lot=lots[10], start=0, end=size),
            buy(2, watched.consumer, first, 1_000, size),
        ],
        NIGHT_MS,
    )
    second = listed(watched, lots[11])
    watched.platform.execute_all(plan_round(watched.platform, NIGHT_MS), NIGHT_MS)
    limits = watched.platform.state.products[second, [m.P_LOW_SEN, m.P_HIGH_SEN, m.P_POSITION_WH]]
    assert limits.tolist() == [800, 1_300, 5_000]
    dear = watched.platform.execute(plan_orders([buy(3, watched.consumer, second, 1_301, 10)]), NIGHT_MS)
    assert dear[0, 1] == Outcome.PRICE_OUTSIDE_COLLAR
    much = watched.platform.execute(plan_orders([buy(4, watched.consumer, second, 1_000, 5_001)]), NIGHT_MS)
    assert much[0, 1] == Outcome.POSITION_LIMIT
    by_hand = command(
        Kind.SET_LIMITS, id=5, actor=0, product=second, low_sen_per_kwh=700, high_sen_per_kwh=900, position_wh=0
    )
    watched.platform.execute_all(plan_of([by_hand]), NIGHT_MS)
    assert len(plan_round(watched.platform, NIGHT_MS)) == 0


def test_a_price_that_runs_away_halts_its_product_for_a_while(watched: SmallHome) -> None:
    lot = watched.held(watched.producer)[12]
    product = listed(watched, lot)
    now = NIGHT_MS + 5_000
    for number, price in enumerate((1_000, 1_050)):
        place(
            watched,
            [
                sell(
                    derive_id(1, number),
                    watched.producer,
                    product,
                    price,
                    lot=lot,
                    start=number * 50,
                    end=number * 50 + 50,
                )
                if number == 0
                else sell(
                    derive_id(1, number),
                    watched.producer,
                    product,
                    price,
                    lot=watched.held(watched.producer)[12],
                    start=50,
                    end=100,
                ),
                buy(derive_id(2, number), watched.consumer, product, price, 50),
            ],
            now + number,
        )
    assert not [row for row in plan_round(watched.platform, now + 2).commands if row[2] & 0xFFFF == Kind.SET_TRADING]
    rest = watched.held(watched.producer)[12]
    place(
        watched,
        [
            sell(derive_id(1, 2), watched.producer, product, 1_101, lot=rest, start=100, end=150),
            buy(derive_id(2, 2), watched.consumer, product, 1_101, 50),
        ],
        now + 3,
    )
    watched.platform.execute_all(plan_round(watched.platform, now + 4), now + 4)
    assert watched.platform.state.products[product, m.P_STATE] == m.PRODUCT_HALTED
    assert len(plan_round(watched.platform, now + 5)) == 0, "it halts once"
    (queued,) = place(watched, [buy(9, watched.consumer, product, 1_000, 10)], now + 6)
    assert watched.platform.state.orders[queued, m.O_STATE] == m.ORDER_QUEUED
    end_ms = now + 4 + watched.platform.settings.market.halt_length_ms
    assert len(plan_round(watched.platform, end_ms - 1)) == 0
    watched.platform.tick(end_ms)
    assert watched.platform.state.products[product, m.P_STATE] == m.PRODUCT_OPEN
    assert len(plan_round(watched.platform, end_ms + 1)) == 0, "old trades never halt again"


def test_a_halt_by_hand_is_not_ended_by_a_round(watched: SmallHome) -> None:
    product = listed(watched, watched.held(watched.producer)[12])
    watched.platform.execute_all(plan_round(watched.platform, NIGHT_MS), NIGHT_MS)
    halt = command(Kind.SET_TRADING, id=1, actor=0, product=product, trading_state=m.PRODUCT_HALTED, reason=0)
    watched.platform.execute_all(plan_of([halt]), NIGHT_MS)
    assert len(plan_round(watched.platform, NIGHT_MS + 86_400_000)) == 0


def test_a_days_trades_are_columns_in_order(small: SmallHome) -> None:
    assert small.platform.views.trade_columns(0, 1 << 50).shape == (0, 9)
    assert np.int64 == small.platform.views.trade_columns(0, 1).dtype
