"""The read models against slow sums over the whole state, on a home in which everything happened once."""

from collections.abc import Iterator

import numpy as np
import pytest

from wattmark.core.errors import RuleViolated, UnknownReference
from wattmark.core.ids import derive_id
from wattmark.core.periods import DAY_S, Period, day_periods, jst_day_start_s
from wattmark.engine import layout as e
from wattmark.flows.list_products import plan_list_products
from wattmark.flows.place_orders import buy, plan_orders, sell
from wattmark.flows.queries import accounts, lots, market, plants, records
from wattmark.flows.queries.day import balance, sums_of_many
from wattmark.flows.queries.mine import MyDay, MySlot, my_day, settled_days
from wattmark.flows.queries.story import StepKind, front_story, story_of_lot
from wattmark.market import layout as m
from wattmark.testing.small_home import DAY, LOAD_WH, NIGHT_MS, SUN_WH, SmallHome
from wattmark.tokens import layout as k

USES = [
    *[(0, 1, 2), (0, 2, 3), (0, 3, 4)],
    *[(1_800, 10, 2), (1_800, 20, 3), (1_800, 30, 4), (1_800, 0, 5)],
    *[(3_600, 5, 2), (3_600, 5, 3), (3_600, 5, 3)],  # two accounts
    *[(5_400, 5, 2), (5_400, 5, 3), (5_400, 0, 4)],  # the third used nothing
    (7_200, 9, 2),
]
"""Period start, energy, account."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallHome]:
    made = SmallHome(tmp_path_factory.mktemp("queries") / "home").run()
    yield made
    made.close()


def test_a_day_balances(small: SmallHome) -> None:
    day = balance(small.platform, DAY)
    assert day.is_settled
    assert [slot.period for slot in day.slots] == day_periods(DAY)
    assert [sum(slot.supply_wh.values()) for slot in day.slots] == list(SUN_WH)
    assert {slot.price_sen for slot in day.slots} == {1_500}
    assert day.supply_wh == sum(SUN_WH)
    assert day.traded_wh == small.platform.state.products[0, m.P_VOLUME_WH] > 0


def test_the_use_of_one_home_is_not_shown_to_everybody(small: SmallHome) -> None:
    day = balance(small.platform, DAY)
    assert {slot.demand_wh for slot in day.slots} == {None}
    assert day.demand_wh is None


def test_the_use_of_three_is_shown_as_a_sum() -> None:
    starts, wh, who = (np.array(column) for column in zip(*USES, strict=True))
    assert sums_of_many(starts, wh, who) == {0: 6, 1_800: 60}


def test_a_day_without_anything_is_empty(small: SmallHome) -> None:
    day = balance(small.platform, DAY.replace(day=20))
    assert not day.is_settled
    assert (day.supply_wh, day.demand_wh, day.traded_wh) == (0, None, 0)
    assert all(slot.demand_wh is None and slot.price_sen is None for slot in day.slots)


def test_my_day_adds_up_to_the_retired_serials(small: SmallHome) -> None:
    mine = my_day(small.platform, small.consumer, DAY)
    assert mine is not None
    assert [slot.consumption_wh for slot in mine.slots] == list(LOAD_WH)
    for slot in mine.slots:
        assert slot.consumption_wh == slot.same_slot_wh + slot.banked_wh + slot.residual_wh
        used = {claim: sum(u.quantity_wh for u in slot.used if u.claim == claim) for claim in (1, 2)}
        assert (used[1], used[2]) == (slot.same_slot_wh, slot.banked_wh)
        for part in slot.used:
            row = small.platform.state.lots[part.lot]
            assert (row[k.L_STATE], row[k.L_START], row[k.L_END]) == (k.RETIRED, part.start, part.end)
            assert row[k.L_REF] == small.consumer
    assert mine.total("same_slot_wh") > 0
    assert settled_days(small.platform, small.consumer) == [DAY]
    assert my_day(small.platform, small.producer, DAY) is None
    assert settled_days(small.platform, small.producer) == []


def slot_of(number: int, use: int, own: int) -> MySlot:
    same = min(use, own)
    return MySlot(Period(jst_day_start_s(DAY) + number * 1_800, 1_800), use, same, 0, use - same, 1_000, 0, own, ())


def test_a_coarser_clock_never_matches_less() -> None:
    slots = (slot_of(0, 100, 0), slot_of(1, 100, 150), slot_of(2, 100, 0), slot_of(3, 0, 60))
    mine = MyDay(3, DAY, slots)
    assert mine.same_slot_per_mille == 100 * 1_000 // 300
    assert mine.matched_per_mille(1_800) == mine.same_slot_per_mille
    assert mine.matched_per_mille(3_600) == 210 * 1_000 // 300
    assert mine.matched_per_mille(DAY_S * 400) == 210 * 1_000 // 300
    assert MyDay(3, DAY, ()).matched_per_mille(3_600) == 0


def test_tokens_of_a_plant_are_conserved(small: SmallHome) -> None:
    totals = plants.token_totals(small.platform, small.plant)
    parts = (totals.held_wh, totals.reserved_wh, totals.retired_wh, totals.expired_wh, totals.withdrawn_wh)
    assert totals.issued_wh == sum(parts) == sum(SUN_WH), "L1"
    assert [slot.wh for slot in plants.production(small.platform, small.plant, DAY)] == [wh for wh in SUN_WH if wh]
    assert plants.production_by_device(small.platform, DAY) == {small.plant: sum(SUN_WH)}
    assert plants.days_with_energy(small.platform) == plants.days_with_energy(small.platform, small.plant) == [DAY]
    assert plants.days_with_energy(small.platform, small.dwelling) == []
    assert [item.device for item in plants.plants(small.platform)] == [small.plant]
    assert [item.device for item in plants.devices_of(small.platform, small.consumer)] == [small.dwelling]


def test_holdings_are_the_live_lots_once_each(small: SmallHome) -> None:
    table = small.platform.state.lots
    for account in range(small.platform.state.count("accounts")):
        live = [
            row
            for row in range(len(table))
            if table[row, k.L_OWNER] == account and table[row, k.L_STATE] in (k.HELD, k.RESERVED)
        ]
        paged, after = [], None
        while page := lots.holdings(small.platform, account, after=after, limit=3):
            paged += [item.lot for item in page]
            after = page[-1].lot
        assert sorted(paged) == live
        total = sum(int(table[row, k.L_END] - table[row, k.L_START]) for row in live)
        assert lots.holdings_total(small.platform, account) == (len(live), total)


def test_a_retired_lot_knows_its_record(small: SmallHome) -> None:
    used = lots.latest_used(small.platform)
    assert used
    for item in used:
        record = small.platform.sequencer.record(lots.retired_at(small.platform, item.lot))
        assert record.verdict[e.V_RESULT0] == item.lot
    held = lots.holdings(small.platform, small.producer)[0]
    with pytest.raises(RuleViolated):
        lots.retired_at(small.platform, held.lot)
    with pytest.raises(UnknownReference):
        lots.lot(small.platform, 1 << 20)


def test_the_front_story_goes_the_whole_way(small: SmallHome) -> None:
    story = front_story(small.platform)
    assert story is not None
    assert [step.kind for step in story.steps] == [
        StepKind.MEASURED,
        StepKind.ISSUED,
        StepKind.TRADED,
        StepKind.MATCHED,
        StepKind.RETIRED,
        StepKind.PROVEN,
    ]
    assert story.lot.start <= story.serial < story.lot.end
    assert story.register_to_wh - story.register_from_wh == story.lot.bundle_wh
    positions = [step.position for step in story.steps]
    assert positions == sorted(positions), "what happened is told in order"


def test_a_story_only_tells_of_its_own_serial(small: SmallHome) -> None:
    for row in range(small.platform.state.count("lots")):
        story = story_of_lot(small.platform, row)
        kinds = [step.kind for step in story.steps]
        assert kinds[:2] == [StepKind.MEASURED, StepKind.ISSUED]
        assert kinds.count(StepKind.RETIRED) == (story.lot.state == k.RETIRED)
        assert (StepKind.HELD in kinds) == (story.lot.state in (k.HELD, k.RESERVED))
        assert kinds.count(StepKind.BANKED) == (story.lot.kind == k.ENERGY_CLAIM)


def test_books_are_sums_of_the_open_orders(small: SmallHome) -> None:
    platform = small.platform
    period = Period(jst_day_start_s(DAY) + 30 * 1_800, 1_800)
    listing = plan_list_products(
        area=3, sources=[1], periods=[period], gate_open_ms=0, gate_close_ms=NIGHT_MS + DAY_S * 1_000
    )
    product = platform.execute_one(listing, NIGHT_MS).result0
    row = next(item for item in lots.sellable(platform, small.producer, product, now_ms=NIGHT_MS))
    orders = [buy(derive_id("q", n), small.consumer, product, 500 + n % 3, 10 + n) for n in range(9)]
    orders += [
        sell(
            derive_id("s", n), small.producer, product, 900 - n, lot=row.lot, start=row.start + n, end=row.start + n + 1
        )
        for n in range(2)
    ]
    platform.execute(plan_orders(orders), NIGHT_MS)
    book = market.book(platform, product)
    table = platform.state.orders
    live = table[(table[:, m.O_PRODUCT] == product) & (table[:, m.O_STATE] == m.ORDER_OPEN)]
    for side, levels in ((m.BUY, book.bids), (m.SELL, book.asks)):
        mine = live[live[:, m.O_SIDE] == side]
        assert {level.price_sen for level in levels} == set(mine[:, m.O_PRICE_SEN].tolist())
        for level in levels:
            here = mine[mine[:, m.O_PRICE_SEN] == level.price_sen]
            assert (level.quantity_wh, level.orders) == (here[:, m.O_REMAINING_WH].sum(), len(here))
    assert [level.price_sen for level in book.bids] == [502, 501, 500]
    assert [level.price_sen for level in book.asks] == sorted(level.price_sen for level in book.asks)
    shown = market.product(platform, product)
    assert (shown.best_bid_sen, shown.best_ask_sen) == (502, book.asks[0].price_sen)
    assert shown.bid_wh == sum(level.quantity_wh for level in book.bids)
    assert [order.account for order in market.open_orders(platform, small.consumer)] == [small.consumer] * 9
    assert product in [item.product for item in market.products_of_day(platform, DAY)]
    assert market.product_of_lot(platform, 3, 1, period) == product


def test_what_can_be_sold_fits_the_product(small: SmallHome) -> None:
    platform = small.platform
    product = market.product(platform, 0)
    found = lots.sellable(platform, small.producer, 0, now_ms=NIGHT_MS)
    assert all(item.period == product.period and item.owner == small.producer for item in found)
    assert lots.sellable(platform, small.producer, 0, now_ms=1 << 50) == [], "nothing past its expiry"


def test_accounts_have_names_and_their_money(small: SmallHome) -> None:
    mine = accounts.account(small.platform, small.consumer)
    row = small.platform.state.accounts[small.consumer]
    assert (mine.name.en, mine.cash_e5jpy) == ("consumer", row[e.A_CASH_E5])
    assert mine.free_e5jpy == row[e.A_CASH_E5] - row[e.A_HELD_E5] + row[e.A_CREDIT_E5]
    assert accounts.account(small.platform, 0).name.en == "Operator"
    assert [item.account for item in accounts.accounts(small.platform, after=1, limit=2)] == [2, 3]
    with pytest.raises(UnknownReference):
        accounts.account(small.platform, -1)


def test_a_stranger_sees_public_records_only(small: SmallHome) -> None:
    platform = small.platform
    for position in range(0, platform.sequencer.position, 7):
        record = platform.sequencer.record(position)
        seen = records.entry(platform, position)
        assert (seen.kind != 0) == records.is_public(record)
        assert (seen.fields == {}) or records.is_public(record)
        assert records.entry(platform, position, sees_all=True).kind != 0
        own = records.entry(platform, position, small.consumer)
        assert (own.kind != 0) == (records.is_public(record) or records.concerns(record, small.consumer))
    latest = records.latest_public(platform, 5)
    assert [item.position for item in latest] == sorted((item.position for item in latest), reverse=True)
    assert len(latest) == 5


def test_entry_bundles_hold_back_what_is_private(small: SmallHome) -> None:
    platform = small.platform
    assert records.bundle_entries(platform, 0, 40, None, sees_all=False) is None
    entries = records.bundle_entries(platform, 0, 40, None, sees_all=True)
    assert entries is not None
    assert entries == [platform.sequencer.record(position).entry for position in range(40)]
    assert np.unique([len(entry) for entry in entries]).tolist() == [176]
