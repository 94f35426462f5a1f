"""A run that is killed at random moments ends as one that is not (the resumability law of ``phases.py``)."""

import json
import random
import signal
import subprocess
import sys
import time

import pytest

from wattmark.storage.files import FileJournal

KILLS = 22
ARGUMENTS = ["--days", "3", "--homes", "8", "--plants", "4", "--seed", "7", "--no-serve", "--json"]
OWN_OF_A_PROCESS = {"seconds", "peak_mb", "home"}
LONGEST_WRITING_S = 0.35
"""A kill comes at most this long after the first write of a process: the run advances, and never finishes at once."""
LONGEST_START_S = 1.5


def start(home):
    program = "from wattmark.cli.main import app; app()"
    return subprocess.Popen(
        [sys.executable, "-c", program, "demo", "--home", str(home), *ARGUMENTS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(home):
    process = start(home)
    out, error = process.communicate(timeout=240)
    assert process.returncode == 0, error
    return json.loads(out)


def written(home):
    """Return a mark that changes when a process has appended to the journal."""
    return max((path.stat().st_mtime_ns for path in (home / "journal").glob("*.seg")), default=0)


def frames(home):
    """Return how many frames the journal holds, 0 before there is one."""
    if not (home / "journal").is_dir():
        return 0
    journal = FileJournal(home / "journal", read_only=True)
    try:
        return journal.last_sequence + 1
    finally:
        journal.close()


def run_until_killed(home, chance, *, early):
    """Start a process and kill it; return its output if it was done before."""
    before = written(home)
    process = start(home)
    deadline = time.monotonic() + 120
    if early:
        time.sleep(chance.uniform(0.2, LONGEST_START_S))
    else:
        while process.poll() is None and written(home) == before and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(chance.uniform(0.0, LONGEST_WRITING_S))
    process.send_signal(signal.SIGKILL)
    out, error = process.communicate(timeout=60)
    if process.returncode == -signal.SIGKILL:
        return None
    assert process.returncode == 0, error
    return json.loads(out)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_killed_many_times_ends_as_one_that_was_not(tmp_path):
    whole = finish(tmp_path / "whole")
    assert whole["audit_findings"] == 0
    chance = random.Random(20210113)
    kills, finished, home = 0, 0, tmp_path / "killed-0"
    reached = set()
    while kills < KILLS:
        result = run_until_killed(home, chance, early=kills % 5 == 0)
        if result is None:
            kills += 1
            reached.add((home.name, frames(home)))
            continue
        check(result, whole)
        finished += 1
        home = tmp_path / f"killed-{finished}"
    check(finish(home), whole)
    assert len(reached) > KILLS // 2, "the kills hit the run at different places"


def check(result, whole):
    for name in whole.keys() - OWN_OF_A_PROCESS:
        assert result[name] == whole[name], name
    assert result["audit_findings"] == 0
    assert result["cash_sum_e5jpy"] == 0
