"""The whole run on a real platform: deterministic, honest, and with every kind of ending for a token."""

import numpy as np
import pytest

from wattmark.core.errors import RuleViolated
from wattmark.engine import layout as e
from wattmark.engine.layout import A_CASH_E5
from wattmark.flows.settle_day import recorded_settlement
from wattmark.simulation.figures import figures_of
from wattmark.simulation.phases import PART_COMMANDS, Step, phases_of
from wattmark.simulation.run import make_scene, open_home, run
from wattmark.simulation.world import Parameters
from wattmark.tokens.layout import (
    B_EXPIRED_WH,
    B_HELD_WH,
    B_ISSUED_WH,
    B_RESERVED_WH,
    B_RETIRED_WH,
    B_WITHDRAWN_WH,
)
from wattmark.wiring import audit_home

SMALL = Parameters(days=2, homes=8, plants=5, seed=3)


@pytest.fixture(scope="module")
def scene():
    return make_scene(SMALL, None)


@pytest.fixture(scope="module")
def home(scene, tmp_path_factory):
    home = tmp_path_factory.mktemp("demo") / "home"
    with open_home(home, scene) as platform:
        run(platform, scene)
    return home


@pytest.fixture(scope="module")
def figures(home, scene):
    with open_home(home, scene) as platform:
        return figures_of(platform)


def test_tokens_end_in_every_way_they_can(figures):
    for name in ("minted_wh", "traded_wh", "retired_wh", "banked_wh", "residual_wh", "expired_wh"):
        assert getattr(figures, name) > 0, name
    assert figures.envelopes_refused > 0
    assert figures.days == 2
    assert figures.periods == 96


def test_nothing_is_lost_and_money_sums_to_zero(home, scene):
    with open_home(home, scene) as platform:
        bundles, accounts = platform.state.bundles, platform.state.accounts
        ways = (B_HELD_WH, B_RESERVED_WH, B_RETIRED_WH, B_EXPIRED_WH, B_WITHDRAWN_WH)
        assert np.array_equal(bundles[:, B_ISSUED_WH], bundles[:, ways].sum(axis=1))
        assert accounts[:, A_CASH_E5].sum() == 0


def test_the_audit_finds_nothing(home):
    assert [item for item in audit_home(home) if item.is_truth] == []


def test_a_second_run_is_the_same_to_the_last_bit(home, scene, figures, tmp_path):
    other = make_scene(SMALL, None)
    with open_home(tmp_path / "again", other) as platform:
        run(platform, other)
        assert figures_of(platform) == figures


def test_another_seed_is_another_run(figures, tmp_path):
    other = make_scene(Parameters(days=2, homes=8, plants=5, seed=4), None)
    with open_home(tmp_path / "other", other) as platform:
        run(platform, other)
        found = figures_of(platform)
    assert found.state_hash != figures.state_hash
    assert found.root != figures.root


def test_a_finished_run_has_nothing_left_to_do(home, scene, figures):
    with open_home(home, scene) as platform:
        before = platform.state.position
        run(platform, scene)
        assert platform.state.position == before
        assert figures_of(platform) == figures


@pytest.mark.parametrize("stop", [Step.REGISTER, Step.CLEAR, Step.SEAL, Step.DECIDE, Step.SETTLE, Step.BANK])
def test_a_run_stopped_before_any_step_goes_on_there(stop, scene, figures, tmp_path):
    class StopHereError(Exception):
        pass

    def watch(phase):
        if phase.step is stop and phase.day == (1 if stop in {Step.SEAL, Step.DECIDE, Step.SETTLE, Step.BANK} else 0):
            raise StopHereError

    home = tmp_path / "stopped"
    with pytest.raises(StopHereError), open_home(home, scene) as platform:
        run(platform, scene, on_phase=watch)
    with open_home(home, scene) as platform:
        run(platform, scene)
        assert figures_of(platform) == figures


@pytest.mark.parametrize("field", ["days", "homes", "plants", "seed"])
def test_a_home_of_other_parameters_is_refused(field, home):
    values = {**SMALL.to_dict(), field: SMALL.to_dict()[field] + 1}
    with pytest.raises(RuleViolated) as caught:
        open_home(home, make_scene(Parameters(**values), None))
    assert caught.value.code == "HOME_OF_ANOTHER_RUN"
    assert caught.value.field == "home"


def test_the_journal_names_every_phase_by_its_time(home, scene):
    times = {phase.now_ms for phase in phases_of(scene.world)}
    with open_home(home, scene) as platform:
        stamps = {int(stamp) for stamp in np.unique(platform.state.ids[:, e.I_TIMESTAMP_MS])}
    created_ms = min(stamps)
    assert stamps - {created_ms} <= times


@pytest.mark.slow
def test_a_settlement_torn_between_its_parts_goes_on(tmp_path):
    class StopHereError(Exception):
        pass

    def watch(phase):
        if phase.step is Step.SETTLE and phase.part == 2:
            raise StopHereError

    large = make_scene(Parameters(days=1, homes=150, plants=12, seed=1), None)
    with open_home(tmp_path / "whole", large) as platform:
        run(platform, large)
        whole = figures_of(platform)
    home = tmp_path / "torn"
    with pytest.raises(StopHereError), open_home(home, large) as platform:
        run(platform, large, on_phase=watch)
    with open_home(home, large) as platform:
        before = platform.state.position
        run(platform, large)
        assert figures_of(platform) == whole
        assert platform.state.position > before
        settlement = recorded_settlement(platform, large.world.day(0))
        assert len(settlement.allocation) > PART_COMMANDS, "large enough to need a second part"
    assert [item.finding for item in audit_home(home) if item.is_truth] == []
