"""Clients choose ids; no habit of theirs may make the index slow, and both twins of the mixing agree."""

import numpy as np
import pytest

from wattmark.engine.commands import mix_ids
from wattmark.engine.market_kernels import id_slot

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
    for start in (mix_ids(low, high) & mask).tolist():
        steps = 0
        while taken[(start + steps) & mask]:
            steps += 1
        taken[(start + steps) & mask] = True
        longest = max(longest, steps)
    assert longest < 64


def test_the_mixing_of_arrays_and_the_compiled_one_agree() -> None:
    words = np.random.default_rng(2).integers(-(2**63), 2**63 - 1, (500, 2))
    mixed = mix_ids(words[:, 0], words[:, 1])
    assert mixed.min() >= 0
    python = getattr(id_slot, "py_func", id_slot)
    for (low, high), slot in zip(words.tolist(), mixed.tolist(), strict=True):
        assert id_slot(low, high) == slot
        assert python(low, high) == slot
