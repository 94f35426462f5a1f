"""Times rise strictly, every period and every night is there, and going on after a kill starts at the right place."""

from collections import Counter
from itertools import pairwise

import pytest

from wattmark.simulation.phases import NIGHT, PERIOD, Phase, Step, parts_of, phases_of, remaining, settle_parts
from wattmark.simulation.synthetic import synthetic_world
from wattmark.simulation.world import Parameters


@pytest.fixture(scope="module")
def world():
    return synthetic_world(Parameters(days=3, homes=2, plants=1))


def test_every_phase_has_its_own_later_time(world):
    phases = phases_of(world)
    assert all(before.now_ms < after.now_ms for before, after in pairwise(phases))


def test_every_period_and_every_night_is_there(world):
    steps = Counter(phase.step for phase in phases_of(world))
    for step, _ in PERIOD:
        assert steps[step] == 144
    for step in NIGHT:
        assert steps[step] == 3 * len(parts_of(step, 2, 1))
    assert steps[Step.OPEN_DAY] == 3
    assert steps[Step.REST] == 1


def test_the_night_is_over_before_the_next_period_is_issued():
    world = synthetic_world(Parameters(days=2, homes=1_000, plants=200))
    phases = phases_of(world)
    assert all(before.now_ms < after.now_ms for before, after in pairwise(phases))
    opened = next(phase for phase in phases if phase.step is Step.OPEN_DAY and phase.day == 1)
    assert opened.now_ms < world.period(48).end_s * 1_000


def test_settlement_comes_before_banking_and_expiry(world):
    night = [phase.step for phase in phases_of(world) if phase.day == 1 and phase.step in NIGHT]
    order = [Step.CANCEL, Step.SEAL, Step.DECIDE, Step.SETTLE, Step.PLAN, Step.BANK, Step.EXPIRE]
    positions = [night.index(step) for step in order]
    assert positions == sorted(positions)


def test_it_goes_on_after_the_last_time_in_the_journal(world):
    phases = phases_of(world)
    assert remaining(phases, 0) == phases
    for at in (0, 5, 100, len(phases) - 1):
        assert remaining(phases, phases[at].now_ms) == phases[at + 1 :]
        assert remaining(phases, phases[at].now_ms - 1) == phases[at:]
    assert remaining(phases, phases[-1].now_ms + 86_400_000) == []


def test_parts_grow_with_the_community():
    assert settle_parts(24, 6) < settle_parts(100, 6) < settle_parts(1_000, 200)
    assert len(parts_of(Step.BANK, 24, 6)) == 1
    assert len(parts_of(Step.BANK, 500, 6)) == 11
    assert list(parts_of(Step.SETTLE, 2, 1)) == [1]
    assert Phase(Step.SETTLE, 0, 47, 1, 5).part == 1
