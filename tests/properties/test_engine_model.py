"""The engine against the plain-Python model of the documented rules: verdicts, trades, every table, every law."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from reference.engine_world import World, as_array
from reference.state_machine import Model
from wattmark.engine import layout as e
from wattmark.engine.apply import apply
from wattmark.engine.audit import audit_state
from wattmark.engine.outcomes import Outcome
from wattmark.engine.snapshot import Snapshot, dump, load
from wattmark.engine.state import HASHED_WORDS, State
from wattmark.market import layout as m
from wattmark.market.kernels import best_level, next_level
from wattmark.market.order import Level, depth

INTERPRETED = bool(os.environ.get("NUMBA_DISABLE_JIT"))
COMMANDS = 1_000 if INTERPRETED else 5_000


def assert_equal(state: State, model: Model) -> None:
    for name, rows in model.tables().items():
        assert state.table(name).tolist() == rows, name
    assert state.header[list(HASHED_WORDS)].tolist() == model.bank()
    assert_book_counts(state)


def assert_book_counts(state: State) -> None:
    """What the live book says of each price is what the open orders say; the counters of open orders too."""
    tables = state.tables()
    for product in range(state.count("products")):
        found = []
        for side in (m.BUY, m.SELL):
            levels = []
            level = best_level(tables.roots, product, side)
            while level:
                _, _, _, orders, shown_wh, price = tables.levels[level].tolist()
                levels.append(Level(price, shown_wh, orders))
                level = next_level(tables.roots, tables.nodes, product, side, price)
            found.append(levels)
        assert tuple(found) == depth(state.orders, product)
        queued = (state.orders[:, m.O_PRODUCT] == product) & (state.orders[:, m.O_STATE] == m.ORDER_QUEUED)
        resting = sum(level.orders for side in found for level in side)
        assert resting + queued.sum() == state.products[product, m.P_OPEN_ORDERS]
    assert state.products[:, m.P_OPEN_ORDERS].sum() == state.header[e.H_OPEN_ORDERS]


def run(seed: int, commands: int, *, look: int = 50) -> tuple[State, Model, list]:
    """Run both; return them and the stream (rows, now)."""
    state, model = State(), Model()
    world = World(seed, model)
    stream = []
    for number, (rows, now) in enumerate(world.batches(commands)):
        applied = apply(state, as_array(rows), now)
        verdicts, fresh, trades = model.apply(rows, now)
        assert applied.verdicts.tolist() == verdicts
        assert applied.fresh.tolist() == fresh
        assert applied.trades.tolist() == trades
        assert applied.changes.tolist() == model.changes
        assert audit_state(state) == []
        if number % look == 0:
            assert_equal(state, model)
        stream.append((as_array(rows), now))
    assert_equal(state, model)
    return state, model, stream


@pytest.mark.parametrize("seed", range(3 if INTERPRETED else 8))
def test_the_engine_equals_the_model(seed: int) -> None:
    run(seed, COMMANDS)


def test_the_streams_are_worth_running() -> None:
    """A generator that only makes mistakes would prove little."""
    _, model, _ = run(11, COMMANDS)
    reached = Counter(Outcome(verdict[1]) for _, verdict in model.log)
    done = Counter(command.kind for command, verdict in model.log if verdict[1] == Outcome.OK)
    assert reached[Outcome.OK] > len(model.log) // 4
    assert len(done) > (18 if INTERPRETED else 22)
    assert len(reached) > (30 if INTERPRETED else 50)
    assert sum(order["value"] > 0 for order in model.orders) > (4 if INTERPRETED else 100)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 103))
def test_long_streams_agree_too(seed: int) -> None:
    run(seed, 40_000, look=400)


@pytest.mark.parametrize("seed", [21, 22])
def test_the_split_into_batches_changes_nothing(seed: int) -> None:
    """Given the same time for each command, batches of one, of many and of all that share it end the same."""
    state, _, stream = run(seed, COMMANDS // 2)
    single, joined = State(), State()
    for rows, now in stream:
        for row in rows:
            apply(single, row[None, :], now)
    times = sorted({now for _, now in stream})
    for now in times:
        apply(joined, np.concatenate([rows for rows, at in stream if at == now]), now)
    assert single.state_hash() == joined.state_hash() == state.state_hash()
    assert single.ids.tolist() == joined.ids.tolist() == state.ids.tolist()


@pytest.mark.parametrize("seed", [31, 32])
def test_a_snapshot_is_as_good_as_the_state_it_was_taken_of(seed: int) -> None:
    """Stop at every few batches, go on from the bytes: same verdicts, trades and hashes to the end."""
    _, _, stream = run(seed, COMMANDS // 2)
    state, other = State(), State()
    for number, (rows, now) in enumerate(stream):
        if number % 7 == 0:
            taken = Snapshot(number, bytes(32), np.arange(number + 1), other)
            other = load(dump(taken)).state
        applied, again = apply(state, rows, now), apply(other, rows, now)
        assert applied.verdicts.tolist() == again.verdicts.tolist()
        assert applied.trades.tolist() == again.trades.tolist()
        assert applied.changes.tolist() == again.changes.tolist()
        assert state.state_hash() == other.state_hash()
    assert state.ids.tolist() == other.ids.tolist()


@pytest.mark.parametrize("seed", [41])
def test_every_command_can_be_sent_again(seed: int) -> None:
    """A retry gets the verdict it got, makes no record, no trade, and moves not even the clock."""
    state, model, _ = run(seed, COMMANDS // 2)
    before, position, now = state.state_hash(), state.position, state.now_ms
    rows = np.array([command.words for command, _ in model.log])
    for part in np.array_split(np.arange(len(rows)), 5):
        applied = apply(state, rows[part[::-1]], now + 86_400_000)
        assert not applied.fresh.any()
        assert applied.trades.tolist() == []
        assert applied.verdicts.tolist() == [model.log[i][1] for i in part[::-1]]
    assert (state.state_hash(), state.position, state.now_ms) == (before, position, now)


def test_replay_of_the_records_alone_gives_the_state() -> None:
    """What made no record had no effect (L6)."""
    state, model, _ = run(51, COMMANDS // 2)
    again = State()
    for command, verdict in model.log:
        applied = apply(again, np.array([command.words]), verdict[0])
        assert applied.verdicts.tolist() == [verdict]
        assert applied.fresh.all()
    assert again.state_hash() == state.state_hash()


def test_interpreted_and_compiled_kernels_agree(repository: Path) -> None:
    """The same tests with NUMBA_DISABLE_JIT=1: where Python integers and int64 differ, numpy warns."""
    if INTERPRETED:
        pytest.skip("already interpreted")
    names = ["the_engine_equals", "split_into_batches", "as_good_as"]
    command = [sys.executable, "-m", "pytest", "-q", "-x", str(Path(__file__)), "-k", " or ".join(names), "-p"]
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [*command, "no:cacheprovider"], cwd=repository, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
