"""A market killed in the middle of an auction, a halt or a question for capacity is found as it stood.

The book of a writer opened anew (from a snapshot and the frames after it) is that of the plain-Python model after every
record of the journal; what was acknowledged is there.
"""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reference.market_storm import open_ledger, replay
from wattmark.engine.apply import apply
from wattmark.engine.audit import audit_state
from wattmark.engine.batch import decode_batch
from wattmark.engine.state import State
from wattmark.market import layout as m

KILLS = 12
MOST_LINES = 50
"""Batches a process is let through before it is killed in one of the next."""


def killed(home: Path, tests: Path, seed: int, lines: int) -> int:
    """Run a market, kill it after so many acknowledged batches; return the size it acknowledged last."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tests), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, str(tests / "reference" / "market_storm.py"), str(home), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as market:
        assert market.stdout is not None
        acknowledged = [market.stdout.readline() for _ in range(lines)]
        market.send_signal(signal.SIGKILL)
        acknowledged += market.stdout.read().split("\n")[:-1]
    assert market.returncode == -signal.SIGKILL
    return max(int(line) for line in acknowledged if line.strip())


def book_of(state: State) -> tuple[np.ndarray, ...]:
    """What the derived book holds: best levels, queues and every resting order by price and time."""
    tables = state.tables()
    live = np.flatnonzero(np.isin(state.orders[:, m.O_STATE], (m.ORDER_OPEN, m.ORDER_QUEUED)))
    levels = tables.levels[tables.links[live, m.LINK_LEVEL], m.LEVEL_WH :]
    return live, tables.links[live][:, [m.LINK_NEXT, m.LINK_PREV]], levels


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_market_killed_at_any_moment_is_found_as_it_stood(tmp_path: Path, repository: Path) -> None:
    chance = random.Random(20210115)
    met = dict.fromkeys(("halted with orders waiting", "asking", "auction past its gate", "iceberg", "timed"), 0)
    for kill in range(KILLS):
        acknowledged = killed(tmp_path / "home", repository / "tests", kill, chance.randrange(2, MOST_LINES))
        with open_ledger(tmp_path / "home") as ledger:
            found = ledger.sequencer.state
            assert found.position >= acknowledged
            model = replay(ledger)
            for name, rows in model.tables().items():
                assert found.table(name).tolist() == rows, name
            again = State()
            for frame in ledger.journal.read(0):
                batch = decode_batch(frame.payload)
                apply(again, batch.commands, batch.timestamp_ms)
            assert again.state_hash() == found.state_hash()
            for ours, other in zip(book_of(found), book_of(again), strict=True):
                assert ours.tolist() == other.tolist()
            assert audit_state(found) == []
        count(met, found)
    assert all(met.values()), met


def count(met: dict[str, int], state: State) -> None:
    """Note which situations a kill has left behind."""
    products, orders = state.products, state.orders
    queued = orders[orders[:, m.O_STATE] == m.ORDER_QUEUED]
    resting = orders[orders[:, m.O_STATE] == m.ORDER_OPEN]
    met["halted with orders waiting"] += bool((products[queued[:, m.O_PRODUCT], m.P_STATE] == m.PRODUCT_HALTED).any())
    met["asking"] += bool((products[:, m.P_STATE] == m.PRODUCT_ASKING).any())
    bids = products[resting[:, m.O_PRODUCT]]
    past = (bids[:, m.P_MODE] == m.MODE_CALL) & (bids[:, m.P_CLOSE_MS] <= state.now_ms)
    met["auction past its gate"] += bool(past.any())
    met["iceberg"] += bool((resting[:, m.O_DISPLAY_WH] > 0).any())
    met["timed"] += bool((resting[:, m.O_EXPIRES_MS] > 0).any())
