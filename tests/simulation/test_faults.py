"""Disk, clock and network fail by a seed; the laws hold (``docs/reference/faults.md``).

The oracle is the plain-Python state machine, so a fault and a wrong rule are both found here.
"""

import json
import os
import subprocess
import sys

import pytest

from reference.state_machine import Model
from wattmark.simulation.faults.campaign import KINDS, play_again, run_campaign
from wattmark.simulation.faults.oracle import Twin

FAULTS_IN_CI = 100_000


@pytest.mark.parametrize("kind", list(KINDS))
def test_some_faults_of_each_kind_break_no_law(kind):
    tally = run_campaign(20210104, 150, Model, kinds=(kind,))
    assert tally.failures == []
    assert tally.faults >= 150


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_a_hundred_thousand_faults_break_no_law():
    """``make faults`` plays ten times as many."""
    tally = run_campaign(7, int(os.environ.get("FAULTS", FAULTS_IN_CI)), Model)
    assert tally.failures == []
    assert tally.faults >= FAULTS_IN_CI
    kinds = {kind for kind, _ in tally.outcomes}
    for expected in (
        *("power cut: torn: some unsynced lost", "process killed, then power cut", "bit flip: journal"),
        *(
            "lost write: journal",
            "misdirected write: journal",
            "sync: error, not done",
            "sync: error, done all the same",
        ),
        *("write: disk full", "write: short write", "disk nearly full", "disk slow", "clock runs back"),
        *("clock jumps ahead", "clock stands still", "network: client parted", "network: answer dropped"),
        *("network: request repeated", "network: request delayed and overtaken", "rename: power cut"),
    ):
        assert expected in kinds, expected


def test_the_same_seed_plays_the_same_faults():
    first, again, other = (run_campaign(seed, 250, Model) for seed in (3, 3, 4))
    assert first.trace == again.trace != other.trace
    assert first.outcomes == again.outcomes


def test_the_engine_as_its_own_oracle_plays_the_same_faults():
    """The two state machines agree, so the two campaigns are one."""
    assert run_campaign(5, 200, Twin).trace == run_campaign(5, 200, Model).trace


@pytest.mark.parametrize("kind", ["crashes", "failures", "storms"])
def test_a_case_can_be_played_alone(kind):
    tally = play_again(kind, "3.0", 0, Model)
    assert tally.failures == []
    assert tally.faults >= 1
    assert tally.trace == play_again(kind, "3.0", 0, Model).trace


def test_the_program_says_what_happened_as_json(repository):
    command = [sys.executable, "-m", "wattmark.simulation.faults", "--seed", "2", "--faults", "200"]
    command += ["--oracle", "reference.state_machine:Model"]
    environment = os.environ | {"PYTHONPATH": str(repository / "tests")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    summary = json.loads(done.stdout)
    assert summary["faults"] >= 200
    assert summary["failures"] == []
    assert sum(sum(outcomes.values()) for outcomes in summary["by_kind"].values()) == summary["faults"]
