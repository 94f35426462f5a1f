"""Auctions of many periods and areas cleared together: the plan, its record, and the audit that computes it again."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from reference.block_world import FIRST_S, GATE_MS, PERIODS, SLOT_S, BlockDay
from reference.engine_world import as_array
from reference.state_machine import Model
from wattmark.core.codes import Area, Source
from wattmark.core.encoding import json_canonical
from wattmark.core.errors import MalformedInput
from wattmark.core.ids import derive_id
from wattmark.core.periods import Period
from wattmark.crypto.hashing import sha256
from wattmark.engine.apply import apply
from wattmark.engine.audit import audit_state
from wattmark.engine.commands import BulkKind, Kind, command
from wattmark.engine.outcomes import Outcome
from wattmark.engine.state import State
from wattmark.flows.audit_auctions import PRICE_RULE, RULE
from wattmark.flows.bank_deposit import plan_deposit_cash
from wattmark.flows.clear_auctions import plan_clear_auctions
from wattmark.flows.clear_together import AuctionPolicy, plan_clear_together
from wattmark.flows.list_products import plan_list_products
from wattmark.flows.place_blocks import Slot, plan_cancel_block, plan_open_block, plan_place_slots
from wattmark.flows.place_orders import buy, plan_orders, sell
from wattmark.flows.plan import Plan, plan_of
from wattmark.market import layout as m
from wattmark.testing.small_home import NIGHT_MS, SmallHome
from wattmark.tokens import layout as k
from wattmark.wiring import audit_home

HOME_GATE_MS = NIGHT_MS + 60_000


def at_the_gate(seed: int) -> tuple[State, Model]:
    """A day of bids and blocks in two areas, up to the gate."""
    state, model = State(), Model()
    for rows, now in BlockDay(seed, model, mistakes=0).day():
        if now >= GATE_MS:
            return state, model
        apply(state, as_array(rows), now)
        model.apply(rows, now)
    raise AssertionError


@pytest.mark.parametrize("seed", range(6))
def test_a_day_is_cleared_in_one_batch_that_the_engine_and_the_model_accept(seed: int) -> None:
    state, model = at_the_gate(seed)
    policy = AuctionPolicy({(1, 2): 200, (2, 1): 50}, {FIRST_S: {(1, 2): 10**6, (2, 1): 10**6}}, income_account=7)
    plan = plan_clear_together(state, policy, GATE_MS)
    applied = apply(state, plan.commands, GATE_MS)
    assert set(applied.verdicts[:, 1].tolist()) == {Outcome.OK}
    assert model.apply(plan.commands.tolist(), GATE_MS)[0] == applied.verdicts.tolist()
    assert audit_state(state) == []
    assert (state.products[:, m.P_STATE] == m.PRODUCT_CLOSED).all()
    assert not (state.orders[:, m.O_STATE] == m.ORDER_IN_BLOCK).any()
    assert not state.accounts[3:7, 2].any()
    (payload,) = plan.payloads
    record = json.loads(payload)
    assert json_canonical(record) == payload
    assert state.accounts[7, 1] == sum(int(income) for income in record["income_e5jpy"])
    flows = {(link["from"], link["to"]): link["flow_wh"] for link in record["links"]}
    assert all(flow <= 200 for flow in flows[1, 2][1:])
    assert [flows[1, 2][at] - flows[2, 1][at] for at in range(PERIODS)] == [
        one["sold_wh"] - one["bought_wh"] for one in record["products"] if one["area"] == 1
    ]
    assert record["period_start_s"] == [FIRST_S + at * SLOT_S for at in range(PERIODS)]
    accepted = np.flatnonzero(state.blocks[:, m.BL_STATE] == m.BLOCK_ACCEPTED).tolist()
    assert accepted == record["blocks"]["accepted"]
    assert len(plan_clear_together(state, policy, GATE_MS)) == 0, "it is over"


@pytest.mark.parametrize("seed", range(6))
def test_what_expires_between_the_gate_and_the_clearing_takes_no_part(seed: int) -> None:
    state, _ = at_the_gate(seed)
    later = GATE_MS + 3_000
    plan = plan_clear_together(state, AuctionPolicy({(1, 2): 100}), later)
    assert set(apply(state, plan.commands, later).verdicts[:, 1].tolist()) == {Outcome.OK}
    assert audit_state(state) == []


def test_before_the_gate_there_is_nothing_to_do_and_limits_are_those_of_links() -> None:
    state, _ = at_the_gate(0)
    assert len(plan_clear_together(state, AuctionPolicy(), GATE_MS - 1)) == 0
    with pytest.raises(MalformedInput, match="NO_SUCH_LINK"):
        plan_clear_together(state, AuctionPolicy({(1, 9): 5}), GATE_MS)


def test_a_day_without_any_bid_ends_without_prices() -> None:
    state, model = State(), Model()
    day = BlockDay(1, model)
    rows = day.founding(FIRST_S * 1000)
    apply(state, as_array(rows), FIRST_S * 1000)
    plan = plan_clear_together(state, AuctionPolicy(), GATE_MS)
    assert set(apply(state, plan.commands, GATE_MS).verdicts[:, 1].tolist()) == {Outcome.OK}
    assert (state.products[:, m.P_STATE] == m.PRODUCT_CLOSED).all()
    assert {one["price_sen"] for one in json.loads(plan.payloads[0])["products"]} == {None}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallHome]:
    """A home with six call auctions, a sell block, a buy block and hourly bids."""
    made = SmallHome(tmp_path / "home")
    made.measure()
    cash = plan_deposit_cash(identity=derive_id("cash"), account=made.consumer, amount_e5jpy=10**9)
    made.platform.execute_all(cash, NIGHT_MS)
    yield made
    made.close()


def auctions(small: SmallHome) -> list[tuple[int, int]]:
    """List six auctions; return (product, lot) of each."""
    bundles, lots = small.platform.state.bundles, small.platform.state.lots
    held = sorted(small.held(small.producer), key=lambda lot: int(bundles[lots[lot, k.L_BUNDLE], k.B_PERIOD_S]))
    found = []
    for lot in held[8:14]:
        bundle = bundles[lots[lot, k.L_BUNDLE]]
        plan = plan_list_products(
            area=Area.TOKYO,
            sources=[Source.SOLAR],
            periods=[Period(int(bundle[k.B_PERIOD_S]), int(bundle[k.B_DURATION_S]))],
            gate_open_ms=0,
            gate_close_ms=HOME_GATE_MS,
            mode=m.MODE_CALL,
        )
        found.append((small.platform.execute_one(plan, NIGHT_MS).result0, lot))
    return found


def bids(small: SmallHome) -> list[int]:
    """Two blocks of which one is in the money, and hourly bids; return the blocks."""
    listed = auctions(small)
    numbers = []
    for side, account, limit in ((2, small.producer, 900), (1, small.consumer, 700)):
        opened = plan_open_block(
            identity=derive_id("block", side), account=account, side=side, price_sen_per_kwh=limit, slots=4
        )
        number = small.platform.execute_one(opened, NIGHT_MS).result0
        slots = [Slot(product, 50, lot if side == 2 else 0) for product, lot in listed[:4]]
        small.platform.execute_all(plan_place_slots(account=account, block=number, slots=slots), NIGHT_MS)
        numbers.append(number)
    orders = []
    for product, _ in listed:
        orders.append(buy(derive_id("buy", product), small.consumer, product, 1_500, 60))
        state = small.platform.state
        lot = next(
            lot
            for lot in small.held(small.producer)
            if state.bundles[state.lots[lot, k.L_BUNDLE], k.B_PERIOD_S] == state.products[product, m.P_PERIOD_S]
        )
        start = int(state.lots[lot, k.L_START])
        orders.append(
            sell(derive_id("sell", product), small.producer, product, 1_000, lot=lot, start=start, end=start + 90)
        )
    small.platform.execute_all(plan_orders(orders), NIGHT_MS)
    return numbers


def truth(home: Path) -> list[str]:
    return [found.finding.rule for found in audit_home(home) if found.is_truth]


def test_a_home_clears_its_auctions_with_blocks_and_the_audit_finds_the_same(small: SmallHome) -> None:
    sold, bought = bids(small)
    done = small.platform.execute_all(
        plan_clear_together(small.platform.state, AuctionPolicy(), HOME_GATE_MS), HOME_GATE_MS
    )
    assert len(done) == 1 + 6 + 1 + 6 + 1
    blocks = small.platform.state.blocks
    assert blocks[[sold, bought], m.BL_STATE].tolist() == [m.BLOCK_ACCEPTED, m.BLOCK_REJECTED]
    assert blocks[sold, m.BL_VALUE_E5] == 4 * 50 * 1_000
    assert len(small.platform.views.trades(product=int(small.platform.state.orders[0, m.O_PRODUCT]))) == 2
    small.close()
    assert truth(small.home) == []


def test_a_block_is_cancelled_and_gives_back_what_it_reserved(small: SmallHome) -> None:
    listed = auctions(small)
    opened = plan_open_block(
        identity=derive_id("block"), account=small.producer, side=2, price_sen_per_kwh=900, slots=4
    )
    number = small.platform.execute_one(opened, NIGHT_MS).result0
    before = small.held(small.producer)
    slots = [Slot(product, small.size(lot), lot) for product, lot in listed[:3]]
    small.platform.execute_all(plan_place_slots(account=small.producer, block=number, slots=slots), NIGHT_MS)
    assert len(small.held(small.producer)) == len(before) - 3
    plan = plan_cancel_block(identity=derive_id("cancel"), account=small.producer, block=number)
    assert small.platform.execute_one(plan, NIGHT_MS).result1 == sum(slot.quantity_wh for slot in slots)
    assert small.held(small.producer) == before
    assert small.platform.execute_all(plan_clear_auctions(small.platform.state, HOME_GATE_MS), HOME_GATE_MS)


def forged(plan: Plan, change: dict[str, object]) -> Plan:
    """The same commands beside a record that says something else."""
    payload = json_canonical(json.loads(plan.payloads[0]) | change)
    rows = plan.commands.copy()
    record = command(
        Kind.BULK_ROOT,
        id=derive_id("forged"),
        actor=0,
        bulk_kind=int(BulkKind.AUCTIONS),
        rows=1,
        total_wh=1,
        period_start_s=0,
        duration_s=0,
        root=bytes(32),
        hash=sha256(payload),
    )
    rows[0] = record
    return plan_of(list(rows), [payload])


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"surplus_e5jpy": "1"}, RULE),
        ({"at_ms": NIGHT_MS + 60_001}, None),
        ({"blocks": {"accepted": [], "rejected": [0, 1], "paradoxically_rejected": [0]}}, RULE),
        ({"links": []}, "a table of its kind"),
        ({"format": "another"}, RULE),
        ({"source": 7}, "a table of its kind"),
        ({"products": []}, PRICE_RULE),
    ],
)
def test_a_record_that_lies_is_found(small: SmallHome, change: dict[str, object], rule: str | None) -> None:
    bids(small)
    plan = forged(plan_clear_together(small.platform.state, AuctionPolicy(), HOME_GATE_MS), change)
    small.platform.execute_all(plan, HOME_GATE_MS)
    small.close()
    assert rule in truth(small.home) if rule else truth(small.home) == []


def test_prices_without_a_record_are_found(small: SmallHome) -> None:
    bids(small)
    plan = plan_clear_together(small.platform.state, AuctionPolicy(), HOME_GATE_MS)
    small.platform.execute_all(plan_of(list(plan.commands[1:])), HOME_GATE_MS)
    small.close()
    assert set(truth(small.home)) == {PRICE_RULE}


def test_the_capacity_file() -> None:
    links = [{"from": 1, "to": 2, "capacity_wh": 7}, {"from": 1, "to": 2, "capacity_wh": 9, "period_start_s": 1_800}]
    policy = AuctionPolicy.parse(json_canonical({"links": links, "income_account": 3}))
    assert policy == AuctionPolicy({(1, 2): 7}, {1_800: {(1, 2): 9}}, 3)
    assert [int(policy.links(start).capacity.sum()) for start in (0, 1_800)] == [7, 9]
    for wrong in ([], {}, {"links": [{"from": 1}]}, {"links": [{"from": 1, "to": 2, "capacity_wh": -1}]}):
        with pytest.raises(MalformedInput, match="CAPACITY_INVALID"):
            AuctionPolicy.parse(json_canonical(wrong))


def test_the_command_clears_what_is_due(small: SmallHome, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from wattmark.cli.market import market

    bids(small)
    small.close()
    capacity = tmp_path / "capacity.json"
    capacity.write_bytes(json_canonical({"links": []}))
    done = CliRunner().invoke(market, ["clear", str(small.home), "--capacity", str(capacity), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"auctions": 6, "traded_wh": 0, "income_e5jpy": 0}, (
        "by now the tokens have expired"
    )
    assert truth(small.home) == []
    again = CliRunner().invoke(market, ["clear", str(small.home)])
    assert again.exit_code == 0
