"""Audit: records per second of a whole log, from its files to its signed checkpoint.

The log is one of the mixed workload, published every few batches. The audit is the one of ``wattmark audit --quick``:
every frame read, its CRC, number and chain checked, its batch decoded, payloads and salts compared, leaves and tree
hashed, every tile compared, both copies of the checkpoint verified. The limit is what no audit can leave out: hashing
frames, leaves and nodes, over bytes that lie in memory, on one core. They take turns. The full audit (``wattmark audit``)
applies every command again, and checks laws, snapshot and read model; its rate is in the details. It must find nothing
but that no reading is behind the tokens of this workload.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np

from wattmark.core.clock import cpu_seconds
from wattmark.crypto.hashing import sha256
from wattmark.engine.batch import decode_batch, leaf_entries
from wattmark.flows.audit_readings import MINT_RULE
from wattmark.ledger.frames import encode_frame
from wattmark.ledger.merkle import MerkleTree, leaf_hashes
from wattmark.simulation.benchmarks.ledger import BATCH, BATCHES, QUICK_BATCHES, SETTINGS, plain_tree, submit
from wattmark.simulation.benchmarks.mixed import ACCOUNTS, mixed_commands, set_up
from wattmark.simulation.benchmarks.report import Report, seconds_of, significant
from wattmark.simulation.benchmarks.world import NOW_MS
from wattmark.wiring import Platform, audit_home, open_sequencer
from wattmark.wiring.audit import AuditedHome

MIB: Final = 1 << 20
PUBLISHED_EVERY: Final = 4
"""Batches between two publications."""
TURNS: Final = 5


def make_log(home: Path, batches: int) -> int:
    """Make a log of so many batches after the set-up, and return its size."""
    rows = mixed_commands(batches * BATCH)
    Platform.create(home, SETTINGS, NOW_MS).close()
    with open_sequencer(home) as sequencer:
        submit(sequencer, set_up(), BATCH)
        for at in range(0, len(rows), PUBLISHED_EVERY * BATCH):
            submit(sequencer, rows[at : at + PUBLISHED_EVERY * BATCH], BATCH)
            sequencer.publish()
        return sequencer.position


def clean(home: Path, *, quick: bool) -> None:
    """Audit a home that must hold, but for what nobody measured: the workload mints without meters."""
    found = [item for item in audit_home(home, quick=quick) if item.is_truth]
    assert all(item.finding.rule == MINT_RULE for item in found), found[:3]
    assert quick != bool(found), "bytes hold; that no reading is behind a token is found by the full audit"


class Limit:
    """Hashing alone: every frame, every leaf, every node, one after the other."""

    def __init__(self, home: Path) -> None:
        """Read the journal into memory: whole frames as they were hashed, and their entries."""
        frames = [item[1] for item in AuditedHome(home).frames() if isinstance(item, tuple)]
        self._frames = [encode_frame(frame.sequence, frame.prev_hash, frame.payload) for frame in frames]
        self._entries = [leaf_entries(decode_batch(frame.payload)) for frame in frames]
        self.bytes = sum(map(len, self._frames))
        self.size = sum(map(len, self._entries))

    def hash(self) -> bytes:
        """Hash everything and return the root."""
        for frame in self._frames:
            sha256(frame)
        tree = MerkleTree()
        for entries in self._entries:
            tree.append(leaf_hashes(entries))
        return tree.root()

    def plain(self) -> None:
        """Hash leaves and nodes, not the frames, with a loop over hashlib."""
        plain_tree(np.concatenate(self._entries))


def run(*, quick: bool) -> Report:
    """Return the report; ``quick`` uses a log of 4 batches of 8,192 after the set-up instead of 48."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="wattmark-bench-") as folder:
        home = Path(folder) / "home"
        size = make_log(home, QUICK_BATCHES if quick else BATCHES)
        limit = Limit(home)
        limit.hash()  # compile
        clean(home, quick=True)
        ours, least, ours_cpu, least_cpu = [], [], [], []
        for _ in range(TURNS):
            marks = [cpu_seconds()]
            ours.append(seconds_of(lambda: clean(home, quick=True)))
            marks.append(cpu_seconds())
            least.append(seconds_of(limit.hash))
            marks.append(cpu_seconds())
            ours_cpu.append(marks[1] - marks[0])
            least_cpu.append(marks[2] - marks[1])
        full_seconds = seconds_of(lambda: clean(home, quick=False))
        tiles = sum(1 for path in (home / "log" / "tile").rglob("*") if path.is_file())
    assert limit.size == size
    return Report(
        bench="audit",
        figure=size / statistics.median(ours),
        unit="records/s",
        limit=size / statistics.median(least),
        limit_is="hashing the frames, leaves and nodes alone, over bytes in memory, one core",
        peers={"hashlib Merkle tree over the same leaves": size / seconds_of(limit.plain)},
        seconds=time.perf_counter() - begun,
        detail={
            "records": size,
            "accounts": ACCOUNTS,
            "journal_mib": round(limit.bytes / MIB),
            "tiles": tiles,
            "ratio_by_cpu_seconds": significant(statistics.median(least_cpu) / statistics.median(ours_cpu)),
            "full_audit_per_s": round(size / full_seconds),
        },
    )
