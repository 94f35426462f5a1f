"""The ledger: payments per second, from command to durable, provable record on a whole platform.

Each batch is applied, journalled with one ``fdatasync``, shown to the read models and answered; tiles and a signed
checkpoint follow every eighth batch and at the end, so that every record counted has an inclusion proof. The limit is
the same bytes appended to a bare file with one ``fdatasync`` per batch, in the same directory.
"""

import os
import sqlite3
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np

from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.batch import ENTRY_BYTES
from wattmark.engine.commands import Kind, Words
from wattmark.engine.outcomes import Outcome
from wattmark.flows.settings import Settings
from wattmark.market import layout as m
from wattmark.simulation.benchmarks.report import Report, seconds_of
from wattmark.simulation.benchmarks.world import FIRST_TRADER, NO_TEXT, NOW_MS, TRADERS, set_up_commands
from wattmark.wiring import Platform

BATCH: Final = 8_192
BATCHES: Final = 24
QUICK_BATCHES: Final = 2
PUBLISH_EVERY: Final = 8
SMALL_BATCHES: Final = {1: 64, 100: 32, 1_000: 16}
SETTINGS: Final = Settings(origin="bench.example/log", name=Text(en="Benchmark", ja="測定"))


def payments(count: int, first_id: int) -> Words:
    """Return seeded payments between traders as records int64[n, 16]."""
    draw = np.random.default_rng(first_id)
    payer = draw.integers(0, TRADERS, count)
    payee = (payer + draw.integers(1, TRADERS, count)) % TRADERS
    rows = np.zeros((count, e.COMMAND_WORDS), np.int64)
    rows[:, e.W_ID_LOW] = first_id + np.arange(count)
    rows[:, e.W_HEAD] = Kind.PAY | (FIRST_TRADER + payer) << e.ACTOR_SHIFT
    rows[:, e.W_FIELDS] = FIRST_TRADER + payer
    rows[:, e.W_FIELDS + 1] = FIRST_TRADER + payee
    rows[:, e.W_FIELDS + 2] = draw.integers(1, 1_000_000, count)
    return rows


def submit(platform: Platform, rows: Words, batch: int) -> float:
    """Return the seconds from the first command to the last signed checkpoint."""
    begun = time.perf_counter()
    for number, first in enumerate(range(0, len(rows), batch), 1):
        verdicts = platform.sequencer.submit(rows[first : first + batch], now_ms=NOW_MS)
        assert bool(np.all(verdicts[:, e.V_OUTCOME] == Outcome.OK))
        if number % PUBLISH_EVERY == 0:
            platform.publish()
    platform.publish()
    return time.perf_counter() - begun


def bare_file(folder: Path, batches: int, batch: int) -> float:
    """Return the seconds to append as many bytes to a preallocated file, with one ``fdatasync`` per batch."""
    data = bytes(range(256)) * (ENTRY_BYTES * batch // 256 + 1)
    path = folder / "bare"
    path.write_bytes(bytes(len(data) * batches))
    file = os.open(path, os.O_WRONLY)
    try:
        os.fsync(file)
        begun = time.perf_counter()
        for _ in range(batches):
            os.write(file, data)
            os.fdatasync(file)
        return time.perf_counter() - begun
    finally:
        os.close(file)


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
    """Return the report; ``quick`` uses 2 batches of 8,192 instead of 24."""
    begun = time.perf_counter()
    batches = QUICK_BATCHES if quick else BATCHES
    rows = payments(batches * BATCH, 1)
    small: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="wattmark-bench-") as folder:
        place = Path(folder)
        with Platform.create(place / "home", SETTINGS, NOW_MS) as platform:
            accepted = platform.sequencer.submit(set_up_commands(m.MODE_CONTINUOUS), [NO_TEXT], now_ms=NOW_MS)
            assert bool(np.all(accepted[:, e.V_OUTCOME] == Outcome.OK))
            next_id = len(rows) + 1
            submit(platform, payments(BATCH, next_id), BATCH)  # compile
            next_id += BATCH
            seconds = submit(platform, rows, BATCH)
            for batch, count in SMALL_BATCHES.items():
                few = payments(batch * (2 if quick else count), next_id)
                next_id += len(few)
                small[str(batch)] = round(len(few) / submit(platform, few, batch))
            size = platform.sequencer.published_size
            proof = platform.sequencer.inclusion(size // 2)
            proof_bytes = len(proof.format())
        limit = len(rows) / bare_file(place, batches, BATCH)
        peers = {
            "SQLite, WAL, synchronous=FULL, rows only": len(rows) / sqlite_rows(place, rows, BATCH),
            "hashlib Merkle tree, not stored": len(rows) / seconds_of(lambda: plain_tree(rows)),
        }
    return Report(
        bench="ledger",
        figure=len(rows) / seconds,
        unit="durable, provable payments/s",
        limit=limit,
        limit_is="the same bytes appended to a bare file, one fdatasync per batch",
        peers=peers,
        seconds=time.perf_counter() - begun,
        detail={
            "records": len(rows),
            "batch": BATCH,
            "per_s_by_batch": small,
            "log_size": size,
            "proof_bytes": proof_bytes,
        },
    )
