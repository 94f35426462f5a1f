"""Days of block bids and coupled auctions: the engine against the plain-Python model, and both against the library."""

from collections import Counter

import numpy as np
import pytest

from reference.block_world import NEW_KINDS, BlockDay
from reference.engine_world import as_array
from reference.state_machine import Model
from wattmark.engine.apply import apply
from wattmark.engine.audit import audit_state
from wattmark.engine.outcomes import Outcome
from wattmark.engine.snapshot import Snapshot, dump, load
from wattmark.engine.state import State
from wattmark.market import layout as m


def run(seed: int) -> tuple[State, Model, BlockDay, list]:
    state, model = State(), Model()
    day = BlockDay(seed, model)
    stream = []
    for rows, now in day.day():
        applied = apply(state, as_array(rows), now)
        verdicts, fresh, trades = model.apply(rows, now)
        assert applied.verdicts.tolist() == verdicts
        assert applied.fresh.tolist() == fresh
        assert applied.trades.tolist() == trades
        assert audit_state(state) == []
        stream.append((as_array(rows), now))
    for name, rows in model.tables().items():
        assert state.table(name).tolist() == rows, name
    return state, model, day, stream


@pytest.mark.parametrize("seed", range(12))
def test_a_day_with_blocks_equals_the_model_and_trades_what_the_library_says(seed: int) -> None:
    state, model, day, _ = run(seed)
    result = day.result
    for (area, period), product in day.product.items():
        row = state.products[product]
        assert row[m.P_STATE] == m.PRODUCT_CLOSED
        assert row[m.P_OPEN_ORDERS] == row[m.P_OPEN_SLOTS] == 0
        assert not state.tables().roots[product].any(), "the book is empty"
        mine = state.orders[state.orders[:, m.O_PRODUCT] == product]
        traded = mine[:, m.O_QUANTITY_WH] - mine[:, m.O_REMAINING_WH]
        for side, expected in ((m.SELL, result.sold), (m.BUY, result.bought)):
            assert traded[mine[:, m.O_SIDE] == side].sum() == expected[area - 1, period]
    accepted = np.flatnonzero(state.blocks[:, m.BL_STATE] == m.BLOCK_ACCEPTED).tolist()
    assert tuple(accepted) == result.accepted
    assert not state.blocks[:, m.BL_HELD_E5].any()
    assert not (state.orders[:, m.O_STATE] == m.ORDER_IN_BLOCK).any()
    assert state.accounts[7, 1] == sum(result.income)
    hourly = [row for row, order in enumerate(model.orders) if row not in model.slot_rows]
    order = sorted((model.orders[row]["arrival"], row) for row in hourly if model.orders[row]["arrival"])
    assert len(order) >= len(result.accepted_quantity)


def test_the_days_are_worth_running() -> None:
    reached: Counter[tuple[int, str]] = Counter()
    accepted = rejected = across = 0
    for seed in range(12):
        _, model, day, _ = run(seed)
        accepted += len(day.result.accepted)
        rejected += len(day.result.rejected)
        across += int(np.abs(day.result.flow).sum() > 0)
        for command, verdict in model.log:
            reached[command.kind, Outcome(verdict[1]).name] += 1
    assert min(reached[int(kind), "OK"] for kind in NEW_KINDS) > 3
    names = {name for kind, name in reached if kind in NEW_KINDS}
    assert len(names) > 18
    assert {"CLEARING_INVALID", "PRODUCT_NOT_PRICED", "BLOCK_NOT_OPEN", "SLOT_NOT_NEXT", "INSUFFICIENT_CASH"} <= names
    assert min(accepted, rejected, across) > 5


def test_a_snapshot_in_the_middle_of_an_auction_goes_on_to_the_same_state() -> None:
    state, _, _, stream = run(3)
    other = State()
    for number, (rows, now) in enumerate(stream):
        taken = Snapshot(number, bytes(32), np.arange(number + 1), other)
        other = load(dump(taken)).state
        apply(other, rows, now)
    assert other.state_hash() == state.state_hash()
