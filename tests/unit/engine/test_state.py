"""The tables: growth, hashing, the id index, snapshots that hold and snapshots that do not."""

import numpy as np
import pytest

from reference.small_world import NOW_S, SLOT, SmallWorld, small_world
from wattmark.core.errors import MalformedInput
from wattmark.core.ids import derive_id, id_words
from wattmark.engine import layout as e
from wattmark.engine.apply import apply
from wattmark.engine.commands import Kind, command, stack
from wattmark.engine.snapshot import Snapshot, dump, load
from wattmark.engine.state import BUSINESS_TABLES, TABLES, State


def snapshot(state: State) -> Snapshot:
    return Snapshot(4, b"h" * 32, np.array([0, 3, 5, 9, 11], np.int64), state)


def deposits(first: int, count: int) -> np.ndarray:
    return stack(
        command(Kind.DEPOSIT, id=derive_id("d", n), actor=0, account=0, amount_e5jpy=1)
        for n in range(first, first + count)
    )


def test_the_genesis_has_three_accounts_and_nothing_else() -> None:
    state = State()
    assert {name: state.count(name) for name in TABLES if state.count(name)} == {"accounts": 3}
    assert state.accounts[:, e.A_ROLES].tolist() == [1, 0, 0]
    assert (state.position, state.now_ms) == (0, 0)
    assert state.state_hash() == State().state_hash()


def test_the_tables_are_read_only_views() -> None:
    world = small_world()
    for name in TABLES:
        with pytest.raises(ValueError, match="read-only"):
            world.state.table(name)[:1] = 1
        assert len(world.state.table(name)) == world.state.count(name)
    for name in BUSINESS_TABLES:
        assert (getattr(world.state, name) == world.state.table(name)).all()


def test_the_hash_sees_every_word_of_every_business_table_and_of_the_bank() -> None:
    world = small_world()
    hashes = {world.state.state_hash()}
    cells = 1
    for name in BUSINESS_TABLES:
        table = world.state._arrays[name]
        for row in {0, world.state.count(name) - 1} & set(range(world.state.count(name))):
            for word in range(table.shape[1]):
                table[row, word] += 1
                hashes.add(world.state.state_hash())
                table[row, word] -= 1
                cells += 1
    for word in (e.H_COVER_FORWARD_WH, e.H_COVER_STORED_WH, e.H_STRESS_PRICE_SEN, e.H_OUTSTANDING_WH):
        world.state.header[word] += 1
        hashes.add(world.state.state_hash())
        world.state.header[word] -= 1
        cells += 1
    assert len(hashes) == cells


def test_the_hash_does_not_depend_on_the_room_a_table_has() -> None:
    world = small_world()
    before = world.state.state_hash()
    world.state.reserve(50_000)
    assert world.state.state_hash() == before


def test_tables_grow_with_what_is_put_into_them() -> None:
    """Beyond every first size, in batches that do not divide it."""
    state = State()
    for first in range(0, 9_000, 750):
        applied = apply(state, deposits(first, 750), 1)
        assert (applied.verdicts[:, 1] == 0).all()
    assert state.position == 9_000
    assert state.accounts[0, e.A_CASH_E5] == 9_000
    for number in (0, 749, 750, 4_444, 8_999):
        assert state.find_id(*id_words(derive_id("d", number))) == number
    assert state.find_id(*id_words(derive_id("d", 9_000))) == -1
    assert not apply(state, deposits(4_000, 2_000), 2).fresh.any()


def test_what_a_batch_did_holds_no_more_than_it_did() -> None:
    """Room is made for a trade with every open order; frames that wait for a read model must not hold it."""
    applied = apply(State(), deposits(1, 4), NOW_S * 1_000)
    assert applied.trades.base is None
    assert applied.trades.nbytes == 0


def test_ids_that_meet_in_one_slot_are_kept_apart() -> None:
    """Low and high words chosen so that all searches begin at the same place."""
    rows = deposits(0, 300)
    rows[:, 1] = 0
    rows[:, 0] = np.arange(1, 301) << 17  # the mixing keeps the low 17 bits of these the same
    rows[:, 0] ^= rows[:, 0] >> 17
    state = State()
    assert apply(state, rows, 1).fresh.all()
    assert not apply(state, rows[::-1], 1).fresh.any()
    for number, row in enumerate(rows):
        assert state.find_id(int(row[0]), int(row[1])) == number


def test_a_snapshot_holds_every_table() -> None:
    world = small_world()
    taken = load(dump(snapshot(world.state)))
    assert (taken.sequence, taken.frame_hash, taken.frame_starts.tolist()) == (4, b"h" * 32, [0, 3, 5, 9, 11])
    for name in TABLES:
        assert (taken.state.table(name) == world.state.table(name)).all()
    assert (taken.state.header == world.state.header).all()
    assert taken.state.state_hash() == world.state.state_hash()
    assert dump(taken) == dump(snapshot(world.state))


def test_a_state_of_a_snapshot_does_not_share_its_tables() -> None:
    world = small_world()
    taken = load(dump(snapshot(world.state)))
    before = taken.state.state_hash()
    world.do(Kind.DEPOSIT, account=0, amount_e5jpy=1)
    assert taken.state.state_hash() == before


def test_the_book_of_a_loaded_snapshot_trades_on() -> None:
    world = SmallWorld()
    world.at(NOW_S)
    alice, bob = world.account("alice", 6), world.account("bob", 6, cash=10**9)
    lot = world.issue(world.device("sun", alice, 1), 1_000, NOW_S - SLOT)
    product = world.product("zaraba", lot)
    world.sell("ask", alice, 700, product, lot)
    other = world.copy()
    other.order("bid", bob, 1, 900, 5, product)
    assert other.model.trades[0][4:6] == [5, 700]


def test_a_changed_byte_anywhere_is_refused() -> None:
    data = dump(snapshot(small_world().state))
    rng = np.random.default_rng(5)
    for place in [0, 5, 9, len(data) - 1, *rng.integers(0, len(data), 60).tolist()]:
        changed = bytearray(data)
        changed[place] ^= 1 << int(rng.integers(8))
        with pytest.raises(MalformedInput):
            load(bytes(changed))
    for end in (0, 10, 39, len(data) - 1):
        with pytest.raises(MalformedInput):
            load(data[:end])
