"""The ledger: commands per second, from command to durable record, on a platform's own files.

The workload is ``mixed.py``. Each batch is applied, journalled with one ``fdatasync`` and answered; two batches are under
way, as on a server: while one is written the next is applied. Beside them a thread hashes, writes tiles and signs
checkpoints. The figure counts acknowledged commands. The limit is what cannot be left out, each alone at the same batch
size: applying, hashing leaves and nodes, and appending the same bytes to a bare file with one ``fdatasync``. The two
take turns, round by round, so that both meet the same machine.
"""

import os
import sqlite3
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np

from wattmark.core.text import Text
from wattmark.engine.apply import apply
from wattmark.engine.batch import ENTRY_BYTES, named_payloads
from wattmark.engine.commands import Words
from wattmark.engine.state import State
from wattmark.flows.sequence import Sequencer
from wattmark.flows.settings import Settings
from wattmark.ledger.merkle import MerkleTree, leaf_hashes
from wattmark.simulation.benchmarks import postgres, replication
from wattmark.simulation.benchmarks.mixed import ACCOUNTS, check, mixed_commands, set_up
from wattmark.simulation.benchmarks.report import Report, seconds_of, significant
from wattmark.simulation.benchmarks.world import NO_TEXT, NOW_MS
from wattmark.wiring import Platform, open_sequencer

BATCH: Final = 8_192
BATCHES: Final = 48
QUICK_BATCHES: Final = 4
ROUND: Final = 12
"""Batches that are submitted before the limit is measured with the same ones."""
UNDER_WAY: Final = 2
VIEWED_BATCHES: Final = 24
"""Batches that are also shown to the read model."""
LATENCY_BATCHES: Final = {1: 2_000, 64: 1_000, 1_024: 150}
"""Size of a batch -> how many of them are timed, besides those of ``BATCH``."""
QUICK_LATENCY_BATCHES: Final = {1: 100, 64: 50, 1_024: 10}
TOUCHED_BYTES: Final = 1 << 30
"""Memory that is written to and given back first: a virtual machine may get its pages only when they are used."""
PROOFS: Final = 200_000
SETTINGS: Final = Settings(origin="bench.example/log", name=Text(en="Benchmark", ja="測定"))
PUBLISH_EVERY_S: Final = SETTINGS.checkpoint_interval_ms / 1_000


def submit(sequencer: Sequencer, rows: Words, batch: int) -> list[float]:
    """Submit commands that none but cancels may be refused of; return the seconds of each batch."""
    seconds: list[float] = []
    for first in range(0, len(rows), batch):
        some = rows[first : first + batch]
        payloads = [NO_TEXT] if named_payloads(some) else []
        begun = time.perf_counter()
        verdicts = sequencer.submit(some, payloads, now_ms=NOW_MS)
        seconds.append(time.perf_counter() - begun)
        check(some, verdicts)
    return seconds


def pipelined(sequencer: Sequencer, rows: Words, batch: int) -> tuple[float, list[float]]:
    """Submit commands with ``UNDER_WAY`` batches under way, in order; return the seconds of all and of each."""
    latency: list[float] = []

    def submit_one(part: Words, payloads: list[bytes], applied: threading.Event) -> Words:
        since = time.perf_counter()
        try:
            verdicts = sequencer.submit(part, payloads, now_ms=NOW_MS, applied=applied.set)
        finally:
            applied.set()
        latency.append(time.perf_counter() - since)
        return verdicts

    parts = [rows[first : first + batch] for first in range(0, len(rows), batch)]
    named = [[NO_TEXT] if named_payloads(part) else [] for part in parts]
    under_way: deque[Future[Words]] = deque()
    done: list[Words] = []
    with ThreadPoolExecutor(UNDER_WAY) as pool:
        list(pool.map(time.sleep, [0.001] * UNDER_WAY))  # the threads are there
        begun = time.perf_counter()
        for part, payloads in zip(parts, named, strict=True):
            if len(under_way) == UNDER_WAY:
                done.append(under_way.popleft().result())
            applied = threading.Event()
            under_way.append(pool.submit(submit_one, part, payloads, applied))
            applied.wait()
        done += [future.result() for future in under_way]
        seconds = time.perf_counter() - begun
    for part, verdicts in zip(parts, done, strict=True):
        check(part, verdicts)
    return seconds, latency


@contextmanager
def publishing(sequencer: Sequencer) -> Iterator[None]:
    """Publish in a second thread, and once more at the end."""
    over = threading.Event()

    def publish() -> None:
        while not over.wait(PUBLISH_EVERY_S):
            sequencer.publish()
        sequencer.publish()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(publish)
        try:
            yield
        finally:
            over.set()
            running.result()


def quantiles_ms(seconds: list[float]) -> dict[str, float]:
    """Return median and 99th percentile [ms]."""
    p50, p99 = np.quantile(seconds, [0.5, 0.99]) * 1_000
    return {"p50": significant(float(p50)), "p99": significant(float(p99))}


class Limit:
    """What a batch cannot do without, each part alone; ``seconds`` sums them up by name."""

    def __init__(self, folder: Path, batches: int) -> None:
        """Apply the set-up, hash nothing yet, and write a file full of zeros for so many batches."""
        self.seconds = {"apply": 0.0, "hash": 0.0, "fdatasync": 0.0}
        self._state, self._tree = State(), MerkleTree()
        self._entries = np.random.default_rng(1).integers(0, 256, (BATCH, ENTRY_BYTES), np.uint8)
        self._data = self._entries.tobytes()
        path = folder / "bare"
        path.write_bytes(bytes(len(self._data) * batches))
        self._file = os.open(path, os.O_WRONLY)
        os.fsync(self._file)

    def apply(self, rows: Words) -> None:
        """Apply commands, untimed."""
        for first in range(0, len(rows), BATCH):
            apply(self._state, rows[first : first + BATCH], NOW_MS)

    def take(self, rows: Words) -> None:
        """Do one batch's parts, one after the other, and time each."""
        self.seconds["apply"] += seconds_of(lambda: apply(self._state, rows, NOW_MS))
        self.seconds["hash"] += seconds_of(lambda: self._tree.append(leaf_hashes(self._entries)))
        self.seconds["fdatasync"] += seconds_of(self._store)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _store(self) -> None:
        os.write(self._file, self._data)
        os.fdatasync(self._file)


def proofs_per_s(count: int) -> float:
    """Return the rate of inclusion proofs made in bulk for random leaves of a tree of a million."""
    tree = MerkleTree()
    tree.append(np.random.default_rng(1).integers(0, 256, (1_000_000, 32), np.uint8))
    asked = np.random.default_rng(2).integers(0, tree.size, count)
    return count / seconds_of(lambda: tree.inclusion_proofs(asked))


def sqlite_rows(folder: Path, rows: Words, batch: int) -> float:
    """Return the seconds to insert the records into SQLite, WAL, synchronous=FULL, one transaction per batch."""
    connection = sqlite3.connect(folder / "peer.db", isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE record (id INTEGER PRIMARY KEY, command BLOB NOT NULL)")
        records = [(int(row[0]), row.tobytes()) for row in rows]
        begun = time.perf_counter()
        for first in range(0, len(records), batch):
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO record VALUES (?, ?)", records[first : first + batch])
            connection.execute("COMMIT")
        return time.perf_counter() - begun
    finally:
        connection.close()


def plain_tree(rows: Words) -> None:
    """Hash the records into a Merkle tree with a loop over hashlib, nothing stored."""
    level = [sha256(b"\x00" + row.tobytes()).digest() for row in rows]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + level[len(level) // 2 * 2 :]


def run(*, quick: bool) -> Report:
    """Return the report; ``quick`` uses 4 batches of 8,192 instead of 48."""
    begun = time.perf_counter()
    np.ones(TOUCHED_BYTES, np.uint8)
    batches = QUICK_BATCHES if quick else BATCHES
    timed_latency = QUICK_LATENCY_BATCHES if quick else LATENCY_BATCHES
    rows = mixed_commands((batches + 2) * BATCH + sum(batch * count for batch, count in timed_latency.items()))
    first, timed, rest = rows[:BATCH], rows[BATCH : (batches + 1) * BATCH], rows[(batches + 1) * BATCH :]
    latency: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="wattmark-bench-") as folder:
        place = Path(folder)
        limit = Limit(place, batches)
        Platform.create(place / "home", SETTINGS, NOW_MS).close()
        with open_sequencer(place / "home") as sequencer:
            submit(sequencer, set_up(), BATCH)
            submit(sequencer, first, BATCH)  # compile, and have orders in the book
            sequencer.publish()
            limit.apply(set_up())
            limit.apply(first)
            seconds = 0.0
            each: list[float] = []
            with publishing(sequencer):
                for at in range(0, len(timed), ROUND * BATCH):
                    some = timed[at : at + ROUND * BATCH]
                    taken, latencies = pipelined(sequencer, some, BATCH)
                    seconds, each = seconds + taken, each + latencies
                    for begin in range(0, len(some), BATCH):
                        limit.take(some[begin : begin + BATCH])
            last_size = sequencer.published_size
            submit(sequencer, rest[:BATCH], BATCH)
            publish_seconds = seconds_of(sequencer.publish)
            published_per_s = (sequencer.published_size - last_size) / publish_seconds
            rest = rest[BATCH:]
            with publishing(sequencer):
                for batch, count in timed_latency.items():
                    some, rest = rest[: batch * count], rest[batch * count :]
                    latency[str(batch)] = quantiles_ms(submit(sequencer, some, batch))
            latency[str(BATCH)] = quantiles_ms(each)
            proof_bytes = len(sequencer.inclusion(sequencer.published_size // 2).format())
            size = sequencer.published_size
        with Platform.create(place / "viewed", SETTINGS, NOW_MS) as platform:
            submit(platform.sequencer, set_up(), BATCH)
            viewed = rows[: VIEWED_BATCHES * BATCH]
            viewed_seconds = pipelined(platform.sequencer, viewed, BATCH)[0]
            settled_seconds = viewed_seconds + seconds_of(platform.views.settled_days)
        limit.close()
        peers = {
            "SQLite, WAL, synchronous=FULL, rows only": len(timed) / sqlite_rows(place, timed, BATCH),
            "hashlib Merkle tree, not stored": len(timed) / seconds_of(lambda: plain_tree(timed)),
        }
    return Report(
        bench="ledger",
        figure=len(timed) / seconds,
        unit="durable commands/s",
        limit=len(timed) / sum(limit.seconds.values()),
        limit_is="apply, hash leaves and nodes, append the same bytes with one fdatasync per batch: each alone, summed",
        peers=peers,
        seconds=time.perf_counter() - begun,
        detail={
            "records": len(timed),
            "batch": BATCH,
            "accounts": ACCOUNTS,
            "latency_ms_by_batch": latency,
            "limit_ms_per_batch": {name: significant(1_000 * part / batches) for name, part in limit.seconds.items()},
            "ratio_without_hashing": significant(
                (limit.seconds["apply"] + limit.seconds["fdatasync"]) / seconds,
            ),
            "published_per_s": round(published_per_s),
            "with_read_model_per_s": round(len(viewed) / viewed_seconds),
            "into_read_model_per_s": round(len(viewed) / settled_seconds),
            "proofs_per_s": round(proofs_per_s(PROOFS)),
            "postgres": postgres.measured(SETTINGS, set_up(), viewed, BATCH, pipelined),
            "followers": replication.measured(quick=quick),
            "log_size": size,
            "proof_bytes": proof_bytes,
        },
    )
