"""Starting and memory: a platform with a million lots is opened from its snapshot; what a lot, order or record takes.

The opening is the whole one of a server: settings, keys, lock, sealed read model, snapshot checked and loaded, the tree
hashed anew from its tiles and held against the signed root. The limit is what that cannot do without: reading the
snapshot's bytes, hashing them, and hashing the tree over as many leaf hashes. Memory is resident memory (Linux: statm) that
grows while one kind of row is added to a state; the table's own bytes per row stand beside it.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from wattmark.crypto.hashing import sha256
from wattmark.engine import layout as e
from wattmark.engine.apply import apply
from wattmark.engine.commands import Kind, Words
from wattmark.engine.outcomes import Outcome
from wattmark.engine.state import State
from wattmark.flows.sequence import Sequencer
from wattmark.ledger.merkle import MerkleTree
from wattmark.market import layout as m
from wattmark.simulation.benchmarks.ledger import BATCH, SETTINGS
from wattmark.simulation.benchmarks.report import Report, seconds_of, significant
from wattmark.simulation.benchmarks.world import FIRST_TRADER, LOT_WH, NO_TEXT, NOW_MS, lot_of, set_up_commands
from wattmark.tokens import layout as k
from wattmark.wiring import Platform, open_sequencer

LOTS: Final = 1_000_000
QUICK_LOTS: Final = 20_000
OPENINGS: Final = 5
BUYER, SELLER = 0, 1
STATM: Final = Path("/proc/self/statm")
WORD_BYTES: Final = 8
SPREAD: Final = 200_000
"""Records that touch every page of the index of ids beforehand."""


def rows_of(kind: Kind, actor: int, count: int, first_id: int, fields: dict[int, int | Words]) -> Words:
    """Return ``int64 [count, 16]``: commands of one kind and actor, fields by place, as numbers or arrays."""
    rows = np.zeros((count, e.COMMAND_WORDS), np.int64)
    rows[:, e.W_ID_LOW] = first_id + np.arange(count)
    rows[:, e.W_HEAD] = kind | actor << e.ACTOR_SHIFT
    for place, value in fields.items():
        rows[:, e.W_FIELDS + place] = value
    return rows


def gifts(count: int) -> Words:
    """Return transfers of one watt-hour each from the end of a seller's lot: every one makes a lot."""
    ends = LOT_WH - np.arange(count)
    fields: dict[int, int | Words] = {0: lot_of(SELLER), 1: ends - 1, 2: ends, 3: FIRST_TRADER + BUYER}
    return rows_of(Kind.TRANSFER, FIRST_TRADER + SELLER, count, 1, fields)


def bids(count: int) -> Words:
    """Return buy orders over a hundred prices that rest: nobody sells."""
    fields: dict[int, int | Words] = {0: 0, 1: m.BUY, 2: 1_400 + np.arange(count) % 100, 3: 1}
    return rows_of(Kind.PLACE_ORDER, FIRST_TRADER + BUYER, count, 1 << 40, fields)


def refused(count: int) -> Words:
    """Return cancels of orders that do not exist: records, and nothing else."""
    return rows_of(Kind.CANCEL, FIRST_TRADER + BUYER, count, 1 << 41, {0: 1 << 50, 1: 0})


def resident_bytes() -> int:
    """Return the resident memory of this process, 0 where the system does not tell [bytes]."""
    try:
        pages = int(STATM.read_text().split()[1])
    except OSError:
        return 0
    return pages * resource.getpagesize()


def growth(work: Callable[[], object]) -> int:
    """Return by how much a piece of work makes the process grow [bytes]."""
    before = resident_bytes()
    work()
    return resident_bytes() - before


def memory(count: int) -> dict[str, object]:
    """Return bytes per row: grown resident memory of a state and a tree, and the tables' own widths.

    The index of ids is all there before anything is measured, and stands for itself.
    """
    state, tree = State(), MerkleTree()
    apply(state, set_up_commands(m.MODE_CONTINUOUS), NOW_MS)
    leaves = np.random.default_rng(1).integers(0, 256, (BATCH, 32), np.uint8)
    MerkleTree().append(leaves)  # compiled, before anything is measured

    def add(rows: Words, outcome: Outcome) -> None:
        for at in range(0, len(rows), BATCH):
            verdicts = apply(state, rows[at : at + BATCH], NOW_MS).verdicts
            assert (verdicts[:, e.V_OUTCOME] == outcome).all(), np.unique(verdicts[:, e.V_OUTCOME])

    all_rows = [
        ("lot", gifts(count), Outcome.OK),
        ("order", bids(count), Outcome.OK),
        ("record", refused(count), Outcome.UNKNOWN_ORDER),
    ]
    state.reserve(4 * count)  # no table grows meanwhile; what is not written takes no memory
    add(rows_of(Kind.CANCEL, FIRST_TRADER + BUYER, SPREAD, 1 << 42, {0: 1 << 50, 1: 0}), Outcome.UNKNOWN_ORDER)
    grown = {name: growth(partial(add, rows, outcome)) for name, rows, outcome in all_rows}
    grown["tree"] = growth(lambda: [tree.append(leaves) for _ in range(0, count, BATCH)])
    record = grown["record"] / count
    return {
        "rows_of_each": count,
        "resident_per_record": round(record),
        "resident_per_record_in_tree": round(grown["tree"] / tree.size),
        "id_index_per_record": round(state.tables().id_index.nbytes / state.position),
        "resident_per_lot": round(grown["lot"] / count - record),
        "resident_per_open_order": round(grown["order"] / count - record),
        "row_bytes": {
            "lot": WORD_BYTES * k.LOT_WORDS,
            "order": WORD_BYTES * m.ORDER_WORDS,
            "record": WORD_BYTES * e.ID_WORDS,
        },
    }


def memory_of_a_new_process(count: int) -> dict[str, object]:
    """Return ``memory(count)`` of a process whose memory goes back to the system at once when it is given back."""
    program = f"import json; from {__name__} import memory; print(json.dumps(memory({count})))"
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(resource.getpagesize())}
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)  # noqa: S603 - our own
    found: dict[str, object] = json.loads(ran.stdout)
    return found


def submit(sequencer: Sequencer, rows: Words, payloads: list[bytes]) -> None:
    """Submit commands in batches, all of which must be accepted."""
    for at in range(0, len(rows), BATCH):
        verdicts = sequencer.submit(rows[at : at + BATCH], payloads, now_ms=NOW_MS)
        assert not verdicts[:, e.V_OUTCOME].any()


def run(*, quick: bool) -> Report:
    """Return the report; ``quick`` takes 20,000 lots."""
    begun = time.perf_counter()
    count = QUICK_LOTS if quick else LOTS
    with tempfile.TemporaryDirectory(prefix="wattmark-bench-") as folder:
        home = Path(folder) / "home"
        with Platform.create(home, SETTINGS, NOW_MS) as platform:
            submit(platform.sequencer, set_up_commands(m.MODE_CONTINUOUS), [NO_TEXT])
            submit(platform.sequencer, gifts(count), [])
            records = platform.sequencer.position
        snapshot = max((home / "snapshots").iterdir())
        leaves = np.random.default_rng(1).integers(0, 256, (records, 32), np.uint8)
        seconds: list[float] = []
        least: list[float] = []
        for _ in range(OPENINGS):
            opening = time.perf_counter()
            with Platform.open(home) as platform:
                seconds.append(time.perf_counter() - opening)
                assert platform.state.count("lots") > count
                assert platform.sequencer.position == records
            least.append(seconds_of(lambda: (sha256(snapshot.read_bytes()), MerkleTree().append(leaves))))
        replaying = time.perf_counter()
        with open_sequencer(home) as sequencer:
            replay_s = time.perf_counter() - replaying
            assert sequencer.position == records
        size = snapshot.stat().st_size
    opened_s = statistics.median(seconds)
    return Report(
        bench="start",
        figure=count / opened_s,
        unit="lots/s, opened from a snapshot",
        limit=count / statistics.median(least),
        limit_is="reading and hashing the snapshot's bytes, hashing the tree over as many leaf hashes",
        peers={"the journal replayed, no snapshot and no read model": count / replay_s},
        seconds=time.perf_counter() - begun,
        detail={
            "lots": count,
            "records": records,
            "start_s": significant(opened_s),
            "best_start_s": significant(min(seconds)),
            "replay_s": significant(replay_s),
            "snapshot_bytes": size,
            "memory_bytes": memory_of_a_new_process(count),
        },
    )
