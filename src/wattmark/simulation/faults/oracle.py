"""What the log must hold, worked out without journal, tiles, checkpoints or sequencer.

An oracle is any state machine that gives verdicts and rows; the tests put the plain-Python one in. Everything a disk
must say of a log follows from it: each frame's bytes, the state after each frame, the Merkle root at each size.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from wattmark.engine import layout as e
from wattmark.engine.apply import apply
from wattmark.engine.batch import Batch, draw_salts, encode_batch, leaf_entries, named_payloads
from wattmark.engine.commands import Words, payload_hash
from wattmark.engine.state import BUSINESS_TABLES, HASHED_WORDS, TABLES, State
from wattmark.flows.sequence import STATE_HASH_EVERY, state_hash_command
from wattmark.ledger.frames import CHAIN_START, encode_frame

Rows = list[list[int]]
Root = bytes

MAX_ROWS: Final = 1 << 16
"""Rows up to which a state hash is due every ``STATE_HASH_EVERY`` frames; a simulated state stays below."""


class Oracle(Protocol):
    """A state machine that may be slow, but must be right."""

    def apply(self, rows: Rows, now_ms: int) -> tuple[Any, Any, Any]:
        """Apply commands and return (verdicts, which are new records, trades)."""
        ...

    def tables(self) -> dict[str, Any]:
        """Return the rows of every business table."""
        ...

    def bank(self) -> Sequence[int]:
        """Return the bank's words of the header."""
        ...


class Twin:
    """The engine itself, in memory: the oracle where there is no other. It sees what disks do, not what rules say."""

    def __init__(self) -> None:
        """Begin with the genesis state."""
        self._state = State()

    def apply(self, rows: Rows, now_ms: int) -> tuple[Any, Any, Any]:
        """Apply commands and return (verdicts, which are new records, trades)."""
        applied = apply(self._state, np.array(rows, np.int64).reshape(-1, e.COMMAND_WORDS), now_ms)
        return applied.verdicts.tolist(), applied.fresh.tolist(), applied.trades.tolist()

    def tables(self) -> dict[str, Any]:
        """Return the rows of every business table."""
        return {name: self._state.table(name) for name in BUSINESS_TABLES}

    def bank(self) -> Sequence[int]:
        """Return the bank's words of the header."""
        return [int(word) for word in self._state.header[list(HASHED_WORDS)]]


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """The log after a frame.

    Attributes:
        size: records so far.
        frame_hash: hash of the frame, and so of the whole journal.
        state_hash: of the business tables.
        rows: the frame's commands int64[n, 16].
    """

    size: int
    frame_hash: bytes
    state_hash: bytes
    rows: Words


class ExpectedLog:
    """Grows by one batch at a time."""

    def __init__(self, oracle: Oracle, blinding_key: bytes) -> None:
        """Begin empty."""
        self.oracle = oracle
        self._blinding_key = blinding_key
        self._now_ms = 0
        self._leaves: list[bytes] = []
        self._roots: dict[int, Root] = {}
        self.frames = [Expected(0, CHAIN_START, _state_hash(oracle), np.zeros((0, e.COMMAND_WORDS), np.int64))]
        """Entry ``n`` is the log after ``n`` frames."""

    def add(self, commands: Words, payloads: Iterable[bytes], now_ms: int) -> Words:
        """Apply a batch and return the verdicts int64[n, 4] that every answer to it must give."""
        rows = commands.tolist()
        given, fresh, _ = self.oracle.apply(rows, now_ms)
        verdicts = np.array(given, np.int64).reshape(-1, e.VERDICT_WORDS)
        new = np.array(fresh, np.bool_)
        if new.any():
            self._now_ms = max(self._now_ms, now_ms)
            self._add_frame(commands[new], verdicts[new], payloads, now_ms)
        return verdicts

    def root(self, size: int) -> Root:
        """Return the Merkle root of the first ``size`` records (RFC 6962)."""
        if size not in self._roots:
            self._roots[size] = merkle_root(self._leaves[:size])
        return self._roots[size]

    def leaves(self, size: int) -> NDArray[np.uint8]:
        """Return the leaf hashes of the first ``size`` records (``uint8 [n, 32]``)."""
        return np.frombuffer(b"".join(self._leaves[:size]), np.uint8).reshape(-1, 32)

    def _add_frame(self, stored: Words, verdicts: Words, payloads: Iterable[bytes], now_ms: int) -> None:
        sequence = len(self.frames) - 1
        state_hash = _state_hash(self.oracle)
        if sequence % STATE_HASH_EVERY == STATE_HASH_EVERY - 1:
            closing = state_hash_command(sequence, state_hash).reshape(1, -1)
            given, _, _ = self.oracle.apply(closing.tolist(), now_ms)
            stored = np.concatenate([stored, closing])
            verdicts = np.concatenate([verdicts, np.array(given, np.int64).reshape(1, -1)])
        named = named_payloads(stored)
        by_hash = {payload_hash(payload): payload for payload in payloads}
        kept = {digest: payload for digest, payload in by_hash.items() if digest in named}
        salts = draw_salts(self._blinding_key, sequence, len(stored))
        batch = Batch(self._now_ms, stored, verdicts, salts, kept)
        self._leaves += [hashlib.sha256(b"\0" + entry.tobytes()).digest() for entry in leaf_entries(batch)]
        frame = encode_frame(sequence, self.frames[-1].frame_hash, encode_batch(batch))
        made = Expected(len(self._leaves), hashlib.sha256(frame).digest(), state_hash, stored)
        self.frames.append(made)


def merkle_root(leaves: Sequence[bytes]) -> Root:
    """Return the root of leaf hashes as RFC 6962 defines it, by its own recursion."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + merkle_root(leaves[:split]) + merkle_root(leaves[split:])).digest()


def _state_hash(oracle: Oracle) -> bytes:
    """Return the hash that the state's definition gives for the oracle's rows (``engine/state.py``)."""
    digest = hashlib.sha256(b"wattmark/state/v1\n")
    tables = oracle.tables()
    assert sum(map(len, tables.values())) < MAX_ROWS
    for name in BUSINESS_TABLES:
        width = TABLES[name][0]
        rows = np.array(tables[name], "<i8").reshape(-1, width)
        digest.update(f"{name} {len(rows)} {width}\n".encode())
        digest.update(rows.tobytes())
    digest.update(np.array(oracle.bank(), "<i8").tobytes())
    return digest.digest()
