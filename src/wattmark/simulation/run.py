"""Carry out a run on a real platform, from wherever its journal stands.

Theory of operation: ``phases.py`` says why the last time in the journal is all that must be known to go
on. A home is made under another name and renamed when it is whole, so that a kill leaves either no home
or a platform whose journal can be read.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wattmark.core.encoding import json_decode_strict
from wattmark.core.errors import RuleViolated
from wattmark.core.ids import random_bytes
from wattmark.core.text import Text
from wattmark.engine.batch import MAX_COMMANDS
from wattmark.engine.layout import A_PAYLOAD
from wattmark.flows.keys import SECRET_BYTES, Keys
from wattmark.flows.steps import Steps, no_steps
from wattmark.ledger.note import NoteKey
from wattmark.simulation import policy, setup
from wattmark.simulation.community import Community, Part, make_community, secret_bytes
from wattmark.simulation.meters import channels_of
from wattmark.simulation.phases import BEFORE_S, Phase, Step, phases_of, remaining
from wattmark.simulation.realdata import real_world
from wattmark.simulation.stepping import Stepper
from wattmark.simulation.synthetic import synthetic_world
from wattmark.simulation.world import Parameters, World
from wattmark.wiring import Platform

UNFINISHED_SUFFIX: Final = ".unfinished"
PREPARING: Final = Text(en="preparing (first time: compiling)", ja="準備(初回はコンパイル)")
SIMULATING: Final = Text(en="half hours simulated", ja="シミュレーション(30分ごと)")


@dataclass(frozen=True, slots=True)
class Scene:
    """A world and who lives in it."""

    world: World
    community: Community


def make_scene(parameters: Parameters, data: Path | None) -> Scene:
    """Return the scene of the parameters; ``data`` is the folder of measured records, if any.

    Raises:
        MalformedInput: a parameter out of range, or records absent or of another form.
    """
    world = synthetic_world(parameters) if data is None else real_world(parameters, data)
    return Scene(world, make_community(world))


def open_home(home: Path, scene: Scene, steps: Steps = no_steps) -> Platform:
    """Return the platform of a run, made if it is not there yet; ``steps`` is told that this may take a while.

    Raises:
        RuleViolated: the home holds something else, or a run of other parameters.
        Unavailable: another process writes there.
    """
    steps(PREPARING, 0, 1)
    if not home.exists() or not any(home.iterdir()):
        _make_home(home, scene)
    platform = Platform.open(home)
    try:
        _check_same_run(platform, scene)
    except BaseException:
        platform.close()
        raise
    return platform


def run(
    platform: Platform, scene: Scene, steps: Steps = no_steps, on_phase: Callable[[Phase], None] | None = None
) -> None:
    """Carry out every phase that the journal does not hold yet, and publish a checkpoint each night.

    Args:
        platform: the platform, from ``open_home``.
        scene: world and community.
        steps: told the progress in periods.
        on_phase: called before each phase.

    Raises:
        RuleViolated: the journal is beyond the run without having all of it: somebody else wrote to it.
        Unavailable: the disk is full or fails; start again to go on.
    """
    world = scene.world
    stepper = Stepper(world, scene.community, channels_of(scene.community, world), platform)
    phases = phases_of(world)
    for phase in remaining(phases, platform.state.now_ms):
        if on_phase is not None:
            on_phase(phase)
        plan = stepper.plan(phase)
        assert len(plan) <= MAX_COMMANDS - 1, "a phase is one frame, so that a kill finds it whole or absent"
        if len(plan):
            platform.execute(plan, phase.now_ms)
        if phase.step is Step.REST or (phase.step is Step.OPEN_DAY and phase.day):
            platform.publish()
            platform.tick(phase.now_ms)
        if phase.step is Step.CLAIMS:
            steps(PREPARING, 1, 1)
            steps(SIMULATING, phase.period + 1, world.periods)
    steps(PREPARING, 1, 1)
    steps(SIMULATING, world.periods, world.periods)
    platform.publish()
    settled = len(platform.views.settled_days())
    if settled != world.parameters.days:
        rule = Text(
            en="a home nobody else wrote to before its run was complete",
            ja="実演が終わる前に他から書き込まれていないディレクトリ",
        )
        raise RuleViolated("RUN_OVERTAKEN", "home", f"{platform.home}: {settled} of {world.parameters.days} days", rule)


def _make_home(home: Path, scene: Scene) -> None:
    unfinished = home.with_name(home.name + UNFINISHED_SUFFIX)
    shutil.rmtree(unfinished, ignore_errors=True)
    created_ms = (scene.world.start_s - 2 * BEFORE_S) * 1_000
    seed = scene.community.seed
    # The log's and the blinding key are part of what a seed determines; sessions are not.
    keys = Keys(
        NoteKey(policy.ORIGIN, secret_bytes(seed, "log")), secret_bytes(seed, "blinding"), random_bytes(SECRET_BYTES)
    )
    with Platform.create(unfinished, policy.demo_settings(scene.world), created_ms, keys):
        pass
    if home.exists():
        home.rmdir()
    os.replace(unfinished, home)  # noqa: PTH105 - atomic, also over nothing


def _check_same_run(platform: Platform, scene: Scene) -> None:
    """Refuse a home that is no run of these parameters; its retailer's profile says what it is."""
    retailer = scene.community.only(Part.RETAILER)
    found = platform.sequencer.find(setup.account_id(scene.community.seed, retailer.index))
    wanted = setup.run_profile(scene.world)
    present: object = None
    if found is not None:
        words = platform.state.accounts[int(found[1][2]), A_PAYLOAD : A_PAYLOAD + 4]
        payload = platform.views.payload(words.astype("<i8").tobytes())
        present = None if payload is None else json_decode_strict(payload).get(setup.PARAMETERS_FIELD)
    elif (
        platform.settings == policy.demo_settings(scene.world) and platform.state.count("accounts") == GENESIS_ACCOUNTS
    ):
        return
    if present != wanted:
        rule = Text(
            en=f"a new or empty directory, or a demo of the same parameters {wanted}",
            ja=f"新しいか空のディレクトリ、または同じ条件の実演 {wanted}",
        )
        raise RuleViolated("HOME_OF_ANOTHER_RUN", "home", f"{platform.home}: {present or 'not this demo'}", rule)


GENESIS_ACCOUNTS: Final = 3
