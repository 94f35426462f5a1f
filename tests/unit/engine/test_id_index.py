"""Clients choose ids; no habit of theirs may make the index slow, and no growth of it loses one."""

import numpy as np
import pytest

from wattmark.engine import layout as e
from wattmark.engine.apply import apply
from wattmark.engine.commands import Kind
from wattmark.engine.order_kernels import id_slot
from wattmark.engine.state import State

COUNT = 20_000
COUNTING = np.arange(COUNT)
HABITS = {
    "one client counts": (COUNTING, 0 * COUNTING),
    "two clients count": (np.tile(np.arange(COUNT // 2), 2), np.repeat([0, 1], COUNT // 2)),
    "sixteen clients count": (np.tile(np.arange(COUNT // 16), 16), np.repeat(np.arange(16), COUNT // 16)),
    "the high word counts": (0 * COUNTING + 7, COUNTING),
    "steps of a power of two": (COUNTING << 20, 0 * COUNTING),
    "time-ordered": (np.random.default_rng(1).integers(-(2**63), 2**63 - 1, COUNT), 1_790_000_000_000 + COUNTING << 16),
}


@pytest.mark.parametrize("habit", HABITS)
def test_no_habit_of_choosing_ids_makes_long_searches(habit: str) -> None:
    low, high = (words.astype(np.int64) for words in HABITS[habit])
    mask = (1 << 16) - 1
    taken = np.zeros(mask + 1, np.bool_)
    longest = 0
    for words in zip(low.tolist(), high.tolist(), strict=True):
        start, steps = int(id_slot(*words)) & mask, 0
        while taken[(start + steps) & mask]:
            steps += 1
        taken[(start + steps) & mask] = True
        longest = max(longest, steps)
    assert longest < 64


def test_the_mixing_is_the_same_compiled_and_in_python() -> None:
    python = getattr(id_slot, "py_func", id_slot)
    for low, high in np.random.default_rng(2).integers(-(2**63), 2**63 - 1, (500, 2)).tolist():
        assert id_slot(low, high) == python(low, high) >= 0


@pytest.mark.parametrize("batch", [1, 7, 300])
def test_every_id_is_found_at_every_moment_of_a_growth(batch: int) -> None:
    """The larger index is filled over many batches; meanwhile and afterwards every id is known."""
    state = State()
    sizes = set()
    count = 3_000
    for first in range(1, count, batch):
        rows = np.zeros((batch, e.COMMAND_WORDS), np.int64)
        rows[:, e.W_ID_LOW] = np.arange(first, first + batch)
        rows[:, e.W_HEAD] = Kind.RELEASE
        apply(state, rows, 0)
        sizes.add(len(state.tables().id_index))
        known = {1, first, first + batch - 1, (first + batch) // 2}
        assert [state.find_id(low, 0) for low in known] == [low - 1 for low in known]
        assert state.find_id(first + batch, 0) == -1
        assert not apply(state, rows, 0).fresh.any(), "all of them are retries"
        assert 4 * state.position <= 3 * len(state.tables().id_index)
    assert len(sizes) == 4, sizes
    assert [state.find_id(low, 0) for low in range(1, count)] == list(range(count - 1))
