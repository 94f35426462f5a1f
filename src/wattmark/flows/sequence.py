"""The sequencer: the one way to change the state, and the log that proves it.

Life of a batch: checked for form, applied, written to the journal with its verdicts (durable), shown to the read
models, acknowledged. Two locks make it a pipeline: under the first batches are applied, under the second their frames
are written in the same order, so that the state may be some batches ahead of the disk; whoever reads the state waits
until the disk has caught up. A batch that was applied but could not be written stops the writer: nothing more is
acknowledged or read from memory (L5). So does one that a read model could not take in: the next would leave a gap.
"""

import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from wattmark.core.errors import Broken, MalformedInput, Unavailable, UnknownReference
from wattmark.core.ids import id_words
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.apply import apply
from wattmark.engine.batch import (
    MAX_COMMANDS,
    MAX_PAYLOAD_BYTES,
    MAX_PAYLOADS_BYTES,
    Batch,
    decode_batch,
    draw_salts,
    encode_batch,
    leaf_entries,
    named_payloads,
)
from wattmark.engine.commands import Kind, Words, command, payload_hash, stack
from wattmark.engine.snapshot import Snapshot
from wattmark.engine.state import State
from wattmark.flows.keys import LogKeys
from wattmark.flows.ports import AppliedFrame
from wattmark.flows.publication import READ_ONLY, Publication
from wattmark.ledger.ports import Checkpoints, Frame, Journal, Tiles
from wattmark.ledger.proof import LogProof
from wattmark.tokens import layout as k

STATE_HASH_EVERY: Final = 64
"""Every so many frames the last record is the hash of the state before it [frames]; fewer in a large state."""
ROWS_HASHED_EVERY: Final = 1 << 17
"""From so many rows on, the distance doubles with the rows: hashing all tables must not be most of the work [rows]."""

RESERVED_HIGH_WORD: Final = int.from_bytes(b"WATTMARK", "big")
"""High word of the ids the sequencer gives its own records; nobody else may use it, or a log could be jammed."""

STOPPED: Final = Text(
    en="the writer has stopped after a failed write; open the platform anew",
    ja="書き込みに失敗したため停止中。プラットフォームを開き直すこと",
)
NO_SALTS: Final = np.empty((0, e.SALT_BYTES), np.uint8)

Listener = Callable[[AppliedFrame, State], None]
"""Called with a durable frame and a state that is at least as far; only what never changes may be read of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One record of the journal.

    Attributes:
        position: its log index.
        command: int64[16].
        verdict: int64[4].
        entry: the 176 bytes whose hash is the leaf.
    """

    position: int
    command: Words
    verdict: Words
    entry: bytes


def state_hash_command(sequence: int, state_hash: bytes) -> Words:
    """Return the record that carries the state's hash at the end of a frame; its id is of the reserved ones."""
    identity = RESERVED_HIGH_WORD << 64 | sequence + 1
    return command(Kind.STATE_HASH, id=identity, actor=e.OPERATOR, hash=state_hash, frame_sequence=sequence)


def state_hash_is_due(sequence: int, state: State) -> bool:
    """Return whether a frame carries the state's hash; a rule of the journal alone, the same after any restart."""
    distance = STATE_HASH_EVERY << (state.rows // ROWS_HASHED_EVERY).bit_length()
    return sequence % distance == distance - 1


def released_ranges(state: State, commands: Words, verdicts: Words) -> Words:
    """Return int64[k, 2]: serials [start, end) of the lots that RELEASE and EXPIRE records gave back, in order."""
    kinds = commands[:, e.W_HEAD] & e.HALF_MASK
    rows = np.flatnonzero(((kinds == e.RELEASE) | (kinds == e.EXPIRE)) & (verdicts[:, e.V_OUTCOME] == e.OK))
    ranges: Words = state.lots[commands[rows, e.W_FIELDS]][:, [k.L_START, k.L_END]]
    return ranges


def replay_frame(state: State, frame: Frame) -> tuple[Batch, AppliedFrame]:
    """Apply a stored frame to the state and compare every verdict with the stored one (L6).

    Raises:
        Broken: the payload is no batch, a verdict or a state hash differs.
    """
    where = f"frame {frame.sequence} at byte {frame.offset}"
    try:
        batch = decode_batch(frame.payload)
    except MalformedInput as error:
        raise Broken("journal", where, "batch format", str(error)) from error
    first = state.position
    if batch.timestamp_ms < state.now_ms:
        raise Broken("journal", where, "L6", f"time runs back to {batch.timestamp_ms} ms")
    last = batch.commands[-1] if len(batch.commands) else None
    if last is not None and int(last[e.W_HEAD]) & e.HALF_MASK == e.STATE_HASH:
        applied = apply(state, batch.commands[:-1], batch.timestamp_ms)
        expected = state_hash_command(frame.sequence, state.state_hash())
        if (last != expected).any():
            raise Broken("journal", where, "L6", "the state hash differs")
        closing = apply(state, batch.commands[-1:], batch.timestamp_ms)
        verdicts = np.concatenate([applied.verdicts, closing.verdicts])
        fresh = np.concatenate([applied.fresh, closing.fresh])
    else:
        applied = apply(state, batch.commands, batch.timestamp_ms)
        verdicts, fresh = applied.verdicts, applied.fresh
    wrong = np.flatnonzero((verdicts != batch.verdicts).any(axis=1) | ~fresh)
    if len(wrong):
        record = f"{where}, record {first + int(wrong[0])}"
        detail = f"stored {batch.verdicts[wrong[0]].tolist()}, derived {verdicts[wrong[0]].tolist()}"
        raise Broken("journal", record, "L6", detail)
    ranges = released_ranges(state, batch.commands, verdicts)
    return batch, AppliedFrame(
        frame.sequence,
        frame.frame_hash,
        first,
        batch.commands,
        verdicts,
        batch.payloads,
        applied.trades,
        ranges,
        applied.changes,
    )


@dataclass(slots=True)
class _Made:
    """A frame that was applied and is not durable yet."""

    batch: Batch
    first: int
    trades: Words
    ranges: Words
    changes: Words


class Sequencer:
    """Applies, stores, acknowledges and publishes; reads go through ``reading``."""

    def __init__(
        self,
        *,
        journal: Journal,
        tiles: Tiles,
        checkpoints: Checkpoints,
        keys: LogKeys,
        snapshot: Snapshot | None = None,
        listeners: Iterable[tuple[int, Listener]] = (),
    ) -> None:
        """Recover: replay the journal after the snapshot, rebuild the tree, hold both against the checkpoint.

        Args:
            journal: the stored truth.
            tiles: public files of the log.
            checkpoints: store of the last signed checkpoint.
            keys: identity and secrets of the log.
            snapshot: where to start; ``None`` replays from the beginning.
            listeners: (first frame wanted, callback), fed during recovery and after each frame.

        Raises:
            Broken: the journal does not replay, or is behind or beside the signed checkpoint.
        """
        self._journal, self._keys = journal, keys
        self._listeners = list(listeners)
        self._lock = threading.RLock()  # taken before the next one where both are
        self._write_lock = threading.Lock()
        self._failed = False
        self._made: deque[_Made] = deque()
        self._log = Publication(tiles, checkpoints, keys)
        if snapshot and not _is_usable(snapshot, self._log.signed_size, journal):
            snapshot = None  # disposable
        self.state = snapshot.state if snapshot else State()
        self._frame_starts: list[int] = snapshot.frame_starts.tolist() if snapshot else []
        self._frame_hash = snapshot.frame_hash if snapshot else bytes(32)
        if snapshot:
            self._log.start_from_tiles()
        for frame in journal.read(snapshot.sequence + 1 if snapshot else 0):
            self._replay(frame)
        self._durable = self.sequence
        self._log.check(self.position)

    @property
    def position(self) -> int:
        """Number of records: the next log index."""
        return self.state.position

    @property
    def sequence(self) -> int:
        """Sequence of the last frame; -1 when there is none."""
        return len(self._frame_starts) - 1

    @property
    def frame_hash(self) -> bytes:
        """Hash of the last durable frame."""
        return self._frame_hash

    @property
    def published_size(self) -> int:
        """Size of the last signed checkpoint."""
        return self._log.size

    @property
    def checkpoint_text(self) -> str | None:
        """The last signed checkpoint."""
        return self._log.text

    @contextmanager
    def reading(self) -> Iterator[State]:
        """Hold the state still between batches, all of it durable, so that one read sees one position."""
        with self._lock:
            self._check_running()
            self._write_until(self.sequence)
            yield self.state

    def submit(
        self,
        commands: Words,
        payloads: Iterable[bytes] = (),
        *,
        now_ms: int,
        applied: Callable[[], object] | None = None,
    ) -> Words:
        """Apply a batch of at most 8,192 commands and return a verdict for each, durable on return (L5).

        Known ids are answered with their stored verdict and make no record. All new records stand in one
        frame: acknowledged together or not at all. Threads may submit at the same time: while one batch is
        written, the next is applied.

        Args:
            commands: int64[n, 16].
            payloads: bytes whose SHA-256 stands in a command.
            now_ms: the time [ms].
            applied: called once the batch has its place in the order, before it is written; it neither waits nor fails.

        Raises:
            MalformedInput: too many commands; a payload missing, unnamed or too long; a ``STATE_HASH`` or an id of
                the sequencer's own from outside.
            Unavailable: read-only, stopped, or the journal or a listener refuses; nothing is acknowledged. Where it was
                a listener the frame is durable, and the same ids are answered once the platform is opened anew.
        """
        by_hash = check_batch(commands, payloads)
        with self._lock:
            self._check_running()
            if self._keys.signer is None:
                raise Unavailable(READ_ONLY)
            self._journal.check_room()  # refused here, nothing has changed and reads go on
            with self._stopping():
                verdicts = self._apply(commands, by_hash, now_ms)
            until = self.sequence  # a retry is answered when what it repeats is durable
            if applied is not None:
                applied()
        self._write_until(until)
        if self._log.is_behind:
            self._log.catch_up()
        return verdicts

    def listen(self, listener: Listener) -> None:
        """Tell a listener of every frame from now on, as soon as it is durable; it must neither wait nor fail."""
        with self._write_lock:
            self._listeners.append((0, listener))

    def stop_listening(self, listener: Listener) -> None:
        """Tell a listener nothing any more."""
        with self._write_lock:
            self._listeners = [entry for entry in self._listeners if entry[1] != listener]

    def check_writing(self) -> None:
        """Refuse where ``submit`` would refuse any batch, without trying one: for whoever watches the platform.

        Raises:
            Unavailable: read-only, stopped, or the disk is almost full.
        """
        self._check_running()
        if self._keys.signer is None:
            raise Unavailable(READ_ONLY)
        self._journal.check_room()

    def publish(self) -> str:
        """Make tiles durable, sign a checkpoint over every durable record and return it.

        Raises:
            Unavailable: read-only, stopped, or a store refuses.
            RuleViolated: somebody else has swapped the checkpoint.
        """
        self._check_running()
        return self._log.publish()

    def mend_tiles(self) -> None:
        """Write every tile of the published size anew, from the tree that was held against the signed root.

        Raises:
            Unavailable: a store refuses.
        """
        self._log.mend_tiles()

    def inclusion(self, position: int) -> LogProof:
        """Return the proof that a published record is in the log.

        Raises:
            UnknownReference: no such record, or not yet under a checkpoint.
        """
        return self._log.inclusion(position)

    def find(self, identity: int) -> tuple[int, Words] | None:
        """Return (log index, verdict int64[4]) of the record with an id, or ``None``."""
        low, high = id_words(identity)
        with self.reading() as state:
            position = state.find_id(low, high)
            if position < 0:
                return None
            row = state.ids[position]
            return position, row[[e.I_TIMESTAMP_MS, e.I_OUTCOME, e.I_RESULT0, e.I_RESULT1]].copy()

    def records(self, start: int, end: int) -> Iterator[Record]:
        """Yield the records of log indices [start, end), read from the journal.

        Raises:
            UnknownReference: not a range of existing records.
        """
        with self.reading():
            if not 0 <= start <= end <= self.position:
                rule = Text(
                    en=f"a range of log indices up to {self.position}", ja=f"{self.position}以下のログ番号の範囲"
                )
                raise UnknownReference("UNKNOWN_RECORD", "position", (start, end), rule)
            frame = bisect_right(self._frame_starts, start) - 1
        if start == end:
            return
        position = self._frame_starts[frame]
        for stored in self._journal.read(frame):
            batch = decode_batch(stored.payload)
            entries = leaf_entries(batch)
            for i in range(max(start - position, 0), min(end - position, len(entries))):
                yield Record(position + i, batch.commands[i], batch.verdicts[i], entries[i].tobytes())
            position += len(entries)
            if position >= end:
                return

    def record(self, position: int) -> Record:
        """Return one record.

        Raises:
            UnknownReference: there is none.
        """
        return next(self.records(position, position + 1))

    def snapshot(self) -> Snapshot:
        """Return the state where it stands; publish first, so that the tiles reach as far.

        The snapshot shares the live tables: take it and write it out under ``reading``.
        """
        return Snapshot(self.sequence, self._frame_hash, np.array(self._frame_starts, np.int64), self.state)

    def _check_running(self) -> None:
        if self._failed:
            raise Unavailable(STOPPED)

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        """Stop the writer for good where anything is raised: memory, disk and listeners may disagree."""
        try:
            yield
        except BaseException:
            self._failed = True
            raise

    def _apply(self, commands: Words, payloads: dict[bytes, bytes], now_ms: int) -> Words:
        """Apply a batch and queue its frame, if it makes one; return the verdicts."""
        sequence = self.sequence + 1
        first = self.state.position
        applied = apply(self.state, commands, now_ms)
        if not applied.fresh.any():
            return applied.verdicts
        stored, verdicts = commands[applied.fresh], applied.verdicts[applied.fresh]
        if state_hash_is_due(sequence, self.state):
            closing = stack([state_hash_command(sequence, self.state.state_hash())])
            verdicts = np.concatenate([verdicts, apply(self.state, closing, now_ms).verdicts])
            stored = np.concatenate([stored, closing])
        named = named_payloads(stored)
        kept = {digest: payload for digest, payload in payloads.items() if digest in named}
        batch = Batch(self.state.now_ms, stored, verdicts, NO_SALTS, kept)
        ranges = released_ranges(self.state, stored, verdicts)
        self._made.append(_Made(batch, first, applied.trades, ranges, applied.changes))
        self._frame_starts.append(first)
        return applied.verdicts

    def _write_until(self, sequence: int) -> None:
        """Write every frame up to one that was applied, in order, unless that was done."""
        with self._write_lock:
            while self._durable < sequence:
                self._check_running()
                with self._stopping():
                    self._write(self._made.popleft())

    def _write(self, made: _Made) -> None:
        sequence = self._durable + 1
        salts = draw_salts(self._keys.blinding_key, sequence, len(made.batch.commands))
        batch = replace(made.batch, salts=salts)
        written = self._journal.append(encode_batch(batch))
        assert written == sequence, "the journal numbers frames as the sequencer does"
        self._frame_hash = self._journal.last_hash
        self._log.take(leaf_entries(batch))
        self._tell(
            AppliedFrame(
                sequence,
                self._frame_hash,
                made.first,
                batch.commands,
                batch.verdicts,
                batch.payloads,
                made.trades,
                made.ranges,
                made.changes,
            )
        )
        self._durable = sequence

    def _tell(self, frame: AppliedFrame) -> None:
        for first, listener in self._listeners:
            if frame.sequence >= first:
                listener(frame, self.state)

    def _replay(self, frame: Frame) -> None:
        if frame.prev_hash != self._frame_hash:
            raise Broken("journal", f"frame {frame.sequence}", "L6", "it does not follow the snapshot's frame")
        batch, applied = replay_frame(self.state, frame)
        self._log.replay(frame.sequence, applied.first_position, leaf_entries(batch))
        self._frame_starts.append(applied.first_position)
        self._frame_hash = frame.frame_hash
        self._tell(applied)


def _is_usable(snapshot: Snapshot, signed_size: int, journal: Journal) -> bool:
    """Return whether the journal reaches the snapshot and signed tiles hold the tree up to it."""
    return snapshot.sequence <= journal.last_sequence and snapshot.state.position <= signed_size


def check_batch(commands: Words, payloads: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return the payloads by their SHA-256; commands that no frame may hold are refused.

    Whoever joins batches of several callers asks for each of them first, or one could spoil the batch for all.

    Raises:
        MalformedInput: too many commands; a ``STATE_HASH`` or an id of the sequencer's own, with the index of the
            first; a payload missing, unnamed or too long.
    """
    if len(commands) > MAX_COMMANDS:
        rule = Text(en=f"at most {MAX_COMMANDS} commands in a batch", ja=f"1回に{MAX_COMMANDS}件以下")
        raise MalformedInput("BATCH_TOO_LONG", "commands", len(commands), rule)
    internal = np.flatnonzero(commands[:, e.W_HEAD] & e.HALF_MASK == e.STATE_HASH)
    if len(internal):
        rule = Text(en="STATE_HASH is written by the sequencer only", ja="STATE_HASHは内部でのみ記録")
        raise MalformedInput("KIND_INTERNAL", _field_of(commands, internal, "kind"), Kind.STATE_HASH.name, rule)
    reserved = np.flatnonzero(commands[:, e.W_ID_HIGH] == RESERVED_HIGH_WORD)
    if len(reserved):
        rule = Text(en="an id outside the range of the sequencer's own", ja="内部記録用の範囲以外のID")
        raise MalformedInput("ID_RESERVED", _field_of(commands, reserved, "id"), f"{RESERVED_HIGH_WORD:016x}...", rule)
    by_hash = {payload_hash(payload): payload for payload in payloads}
    _check_payloads(commands, by_hash)
    return by_hash


def _field_of(commands: Words, wrong: Words, field: str) -> str:
    return field if len(commands) == 1 else f"{int(wrong[0])}.{field}"


def _check_payloads(commands: Words, payloads: dict[bytes, bytes]) -> None:
    longest = max(map(len, payloads.values()), default=0)
    if longest > MAX_PAYLOAD_BYTES:
        rule = Text(en=f"at most {MAX_PAYLOAD_BYTES} bytes in a payload", ja=f"内容物は{MAX_PAYLOAD_BYTES}バイト以下")
        raise MalformedInput("PAYLOAD_TOO_LONG", "payload", longest, rule)
    total = sum(map(len, payloads.values()))
    if total > MAX_PAYLOADS_BYTES:
        rule = Text(en=f"at most {MAX_PAYLOADS_BYTES} bytes in all payloads", ja=f"合計{MAX_PAYLOADS_BYTES}バイト以下")
        raise MalformedInput("PAYLOADS_TOO_LONG", "payload", total, rule)
    named = named_payloads(commands)
    wrong = named ^ set(payloads)
    if wrong:
        digest = min(wrong)
        rule = Text(en="every payload is named by a command, and every named one is sent", ja="内容物とその参照は一致")
        raise MalformedInput("PAYLOAD_MISMATCH", "payload", digest.hex(), rule)
