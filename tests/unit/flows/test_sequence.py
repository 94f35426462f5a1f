"""The sequencer on the file engines: durable verdicts, recovery, proofs, and what it refuses to believe."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pytest

from reference.engine_world import World, as_array
from reference.failing_disk import SyncedBy, WithRoom
from reference.log_home import KEY, ORIGIN, PAYLOAD, LogHome, deposit, open_account
from reference.state_machine import Model
from wattmark.core.errors import Broken, MalformedInput, RuleViolated, Unavailable, UnknownReference
from wattmark.core.ids import derive_id
from wattmark.core.text import Text
from wattmark.engine.batch import MAX_COMMANDS, MAX_PAYLOAD_BYTES, Batch, decode_batch, encode_batch
from wattmark.engine.commands import Kind, Words, command, kind_of, payload_hash, stack, words_hash
from wattmark.engine.outcomes import Outcome
from wattmark.engine.snapshot import Snapshot, dump, load
from wattmark.engine.state import State
from wattmark.flows.ports import AppliedFrame
from wattmark.flows.sequence import RESERVED_HIGH_WORD, STATE_HASH_EVERY
from wattmark.ledger.checkpoint import open_checkpoint
from wattmark.ledger.merkle import ProofInvalid, leaf_hash, verify_consistency
from wattmark.ledger.proof import LogProof, verify_log_proof
from wattmark.storage.files import FileCheckpoints, FileJournal, FileTiles

EIO = OSError(errno.EIO, "disk on fire")


def fill(log: LogHome, frames: int, *, first: int = 0, size: int = 1) -> None:
    for number in range(first, first + frames):
        log.submit(stack([deposit(f"{number}/{i}") for i in range(size)]), now_ms=1_000 + number)


def taken(log: LogHome) -> bytes:
    with log.reading():
        return dump(log.snapshot())


def rewrite(folder: Path, change, target: Path | None = None) -> None:
    """Write the journal anew, frame by frame, with a change to batches; the chain is whole again."""
    old = FileJournal(folder / "journal", read_only=True)
    batches = [change(frame.sequence, decode_batch(frame.payload)) for frame in old.read()]
    old.close()
    for file in (folder / "journal").iterdir():
        file.unlink()
    new = FileJournal(folder / "journal", segment_bytes=1 << 18, reserve_bytes=0)
    for batch in batches:
        if batch is not None:
            new.append(encode_batch(batch))
    new.close()


# ------------------------------------------------------------------------------------------ verdicts


def test_verdicts_are_durable_when_submit_returns(tmp_path: Path) -> None:
    log = LogHome(tmp_path)
    verdicts = log.submit(stack([open_account(1), deposit(1, account=3, amount=7)]), [PAYLOAD], now_ms=5)
    assert verdicts.tolist() == [[5, 0, 3, 0], [5, 0, 0, 0]]
    reader = FileJournal(tmp_path / "journal", read_only=True)  # what another process sees at this moment
    (frame,) = reader.read()
    assert decode_batch(frame.payload).verdicts.tolist() == verdicts.tolist()
    reader.close()
    log.close()
    log = LogHome(tmp_path)
    position, verdict = log.find(derive_id("deposit", "1"))
    assert (position, verdict.tolist()) == (1, [5, 0, 0, 0])
    assert log.find(derive_id("nobody")) is None
    log.close()


def test_only_new_records_enter_the_journal(tmp_path: Path) -> None:
    """A retry, an id that is zero or used again: answered, never recorded; their payloads are not kept."""
    log = LogHome(tmp_path)
    log.submit(stack([open_account(1), deposit(1)]), [PAYLOAD], now_ms=1)
    reused = deposit(1, amount=99)
    zero = deposit(2)
    zero[:2] = 0
    twice = deposit(3)
    mixed = stack([deposit(1), reused, zero, twice, twice, open_account(1)])
    verdicts = log.submit(mixed, [PAYLOAD], now_ms=2)
    assert verdicts[:, :2].tolist() == [
        [1, Outcome.OK],
        [2, Outcome.ID_REUSED],
        [2, Outcome.ID_IS_ZERO],
        [2, Outcome.OK],
        [2, Outcome.OK],
        [1, Outcome.OK],
    ]
    frames = log.frames()
    batch = decode_batch(frames[1].payload)
    assert (len(frames), len(batch.commands), batch.payloads) == (2, 1, {})
    assert log.position == 3
    before, position = log.state.state_hash(), log.position
    assert (log.submit(mixed[[0, 3, 5]], [PAYLOAD], now_ms=9)[:, 1] == Outcome.OK).all()
    assert log.submit(stack([]), now_ms=9).shape == (0, 4)
    assert (log.state.state_hash(), log.position, len(log.frames())) == (before, position, 2)
    log.close()


def test_a_refused_command_is_a_record_too(tmp_path: Path) -> None:
    log = LogHome(tmp_path)
    assert log.submit(stack([deposit(1, account=99)]), now_ms=1)[0, 1] == Outcome.UNKNOWN_ACCOUNT
    log.close()
    log = LogHome(tmp_path)
    assert log.submit(stack([deposit(1, account=99)]), now_ms=2).tolist() == [[1, Outcome.UNKNOWN_ACCOUNT, 0, 0]]
    log.close()


def test_time_never_runs_backwards(tmp_path: Path) -> None:
    log = LogHome(tmp_path)
    log.submit(stack([deposit(1)]), now_ms=100)
    assert log.submit(stack([deposit(2)]), now_ms=50)[0, 0] == 100
    log.submit(stack([deposit(1)]), now_ms=10**12)  # a retry does not move the clock
    assert log.submit(stack([deposit(3)]), now_ms=101)[0, 0] == 101
    log.close()
    LogHome(tmp_path).close()


# ------------------------------------------------------------------------------------- what it refuses


def too_long() -> tuple[Words, list[bytes]]:
    payload = bytes(MAX_PAYLOAD_BYTES + 1)
    return stack([open_account(1, payload)]), [payload]


def too_much() -> tuple[Words, list[bytes]]:
    payloads = [bytes([i]) * MAX_PAYLOAD_BYTES for i in range(17)]
    return stack([open_account(i, payload) for i, payload in enumerate(payloads)]), payloads


def own_id() -> Words:
    row = deposit(1)
    row[1] = RESERVED_HIGH_WORD
    return row


REFUSED = {
    "PAYLOAD_MISMATCH (missing)": lambda: (stack([open_account(1)]), []),
    "PAYLOAD_MISMATCH (not named)": lambda: (stack([deposit(1)]), [b"x"]),
    "PAYLOAD_MISMATCH (one of two)": lambda: (stack([open_account(1), open_account(2, b"y")]), [PAYLOAD]),
    "PAYLOAD_MISMATCH (another)": lambda: (stack([open_account(1)]), [PAYLOAD + b" "]),
    "PAYLOAD_TOO_LONG": too_long,
    "PAYLOADS_TOO_LONG": too_much,
    "BATCH_TOO_LONG": lambda: (np.repeat(deposit(1)[None, :], MAX_COMMANDS + 1, axis=0), []),
    "KIND_INTERNAL": lambda: (
        stack([command(Kind.STATE_HASH, id=1, actor=0, hash=bytes(32), frame_sequence=0)]),
        [],
    ),
    "ID_RESERVED": lambda: (stack([own_id()]), []),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_batch_of_the_wrong_form_is_refused_whole_and_nothing_changes(tmp_path: Path, case: str) -> None:
    log = LogHome(tmp_path)
    log.submit(stack([deposit("before")]), now_ms=1)
    before = log.state.state_hash()
    commands, payloads = REFUSED[case]()
    with pytest.raises(MalformedInput) as caught:
        log.submit(commands, payloads, now_ms=2)
    assert caught.value.code == case.split(maxsplit=1)[0]
    assert (log.state.state_hash(), log.position, log.sequence, log.state.now_ms) == (before, 1, 0, 1)
    log.submit(stack([deposit("after")]), now_ms=3)  # and it goes on
    log.close()
    LogHome(tmp_path).close()


def test_the_largest_batch_is_taken_and_read_back(tmp_path: Path) -> None:
    log = LogHome(tmp_path, segment_bytes=1 << 25)
    payloads = [bytes([i]) * MAX_PAYLOAD_BYTES for i in range(16)]
    rows = [open_account(i, payload) for i, payload in enumerate(payloads)]
    rows += [deposit(i) for i in range(MAX_COMMANDS - len(rows))]
    assert (log.submit(stack(rows), payloads, now_ms=1)[:, 1] == Outcome.OK).all()
    log.close()
    log = LogHome(tmp_path)
    assert log.position == MAX_COMMANDS
    log.close()


def test_nobody_can_take_the_id_of_a_state_hash(tmp_path: Path) -> None:
    """Its number can be known in advance; a client that had it would have jammed the log at that frame."""
    log = LogHome(tmp_path)
    fill(log, STATE_HASH_EVERY)
    (last,) = log.records(log.position - 1, log.position)
    row = deposit("imitation")
    row[:2] = last.command[:2]
    with pytest.raises(MalformedInput):
        log.submit(stack([row]), now_ms=10**6)
    log.close()


def test_a_reader_neither_writes_nor_publishes_but_finds(tmp_path: Path) -> None:
    log = LogHome(tmp_path)
    fill(log, 3)
    log.publish()
    reader = LogHome(tmp_path, read_only=True)
    for attempt in (lambda: reader.submit(stack([deposit("x")]), now_ms=1), reader.publish):
        with pytest.raises(Unavailable):
            attempt()
    assert reader.find(derive_id("deposit", "1/0")) is not None
    verify_log_proof(reader.inclusion(2), leaf_hash(reader.record(2).entry), KEY.vkey, ORIGIN)
    assert reader.state.state_hash() == log.state.state_hash()
    reader.close()
    log.close()


# ---------------------------------------------------------------------------------------- state hashes


def test_every_64th_frame_ends_with_the_hash_of_the_state_before_it(tmp_path: Path) -> None:
    log = LogHome(tmp_path)
    fill(log, STATE_HASH_EVERY - 1, size=2)
    log.submit(stack([deposit("last")]), now_ms=5_000)
    expected = log.state.state_hash()
    fill(log, STATE_HASH_EVERY + 3, first=100)
    hashes = [record for record in log.records(0, log.position) if kind_of(record.command) == Kind.STATE_HASH]
    assert [record.position for record in hashes] == [2 * 63 + 1, 2 * 63 + 1 + 64 + 1]
    assert words_hash(hashes[0].command[12:]) == expected
    assert hashes[0].verdict.tolist() == [5_000, Outcome.OK, 0, 0]
    assert [decode_batch(frame.payload).commands.shape[0] for frame in log.frames()[62:65]] == [2, 2, 1]
    log.close()


def test_a_wrong_state_hash_is_found_on_replay(tmp_path: Path) -> None:
    log = LogHome(tmp_path)
    fill(log, STATE_HASH_EVERY)
    log.close()

    def change(sequence: int, batch: Batch) -> Batch:
        if sequence == 63:
            batch.commands[-1, 15] ^= 1
        return batch

    rewrite(tmp_path, change)
    with pytest.raises(Broken, match=r"frame 63.*state hash differs"):
        LogHome(tmp_path)


# ------------------------------------------------------------------------------------------- recovery


def busy(tmp_path: Path, seed: int, commands: int, *, snapshot_at: int = -1, publish_every: int = 9):
    """Drive a log with a busy world; return (log, snapshot bytes)."""
    model = Model()
    world = World(seed, model)
    log = LogHome(tmp_path)
    snapshot = b""
    for number, (drawn, now) in enumerate(world.batches(commands, largest=12)):
        rows = as_array([row for row in drawn if world.payloads_of(as_array([row])) is not None])
        verdicts, _, _ = model.apply(rows.tolist(), now)
        assert log.submit(rows, world.payloads_of(rows) or [], now_ms=now).tolist() == verdicts
        if number % publish_every == 0:
            log.publish()
        if number == snapshot_at:
            log.publish()
            snapshot = taken(log)
    return log, snapshot


def test_recovery_with_and_without_a_snapshot_gives_the_same_log(tmp_path: Path) -> None:
    log, snapshot = busy(tmp_path, 5, 1_500, snapshot_at=80)
    root, state_hash = log.publish(), log.state.state_hash()
    log.close()
    assert load(snapshot).state.position < log.position
    for start in (None, load(snapshot)):
        again = LogHome(tmp_path, snapshot=start)
        assert again.state.state_hash() == state_hash
        assert (again.sequence, again.position, again.frame_hash) == (log.sequence, log.position, log.frame_hash)
        assert again.publish() == root
        assert again.inclusion(3) == log.inclusion(3)
        assert [r.entry for r in again.records(0, 50)] == [r.entry for r in log.records(0, 50)]
        again.close()
    again = LogHome(tmp_path, snapshot=load(snapshot))
    more = again.submit(stack([deposit("more")]), now_ms=10**14)
    state_hash, root = again.state.state_hash(), again.publish()
    again.close()
    plain = LogHome(tmp_path)
    assert plain.submit(stack([deposit("more")]), now_ms=10**15).tolist() == more.tolist()
    assert (plain.state.state_hash(), plain.publish()) == (state_hash, root)
    plain.close()


def test_a_snapshot_between_two_publications_is_good_too(tmp_path: Path) -> None:
    """Records under the tiles are compared with the journal, those beyond are hashed anew."""
    log = LogHome(tmp_path)
    fill(log, 10, size=3)
    log.publish()
    snapshot = taken(log)
    fill(log, 10, first=10, size=3)
    log.publish()
    fill(log, 10, first=20, size=3)
    root = log.state.state_hash()
    log.close()
    again = LogHome(tmp_path, snapshot=load(snapshot))
    assert again.state.state_hash() == root
    plain_root = open_checkpoint(again.publish(), KEY.vkey, ORIGIN).root
    again.close()
    plain = LogHome(tmp_path)
    assert open_checkpoint(plain.publish(), KEY.vkey, ORIGIN).root == plain_root
    plain.close()


def test_a_snapshot_that_reaches_beyond_the_checkpoint_or_the_journal_is_not_used(tmp_path: Path) -> None:
    """It is disposable: the log is replayed from the beginning."""
    log = LogHome(tmp_path)
    fill(log, 5)
    log.publish()
    fill(log, 5, first=5)
    snapshot, state_hash = taken(log), log.state.state_hash()
    log.close()
    again = LogHome(tmp_path, snapshot=load(snapshot))
    assert again.state.state_hash() == state_hash
    again.publish()
    again.close()
    ahead = load(snapshot)
    far = Snapshot(ahead.sequence + 9, ahead.frame_hash, ahead.frame_starts, ahead.state)
    again = LogHome(tmp_path, snapshot=far)
    assert (again.sequence, again.state.state_hash()) == (9, state_hash)
    again.close()


def test_a_snapshot_of_another_journal_is_noticed(tmp_path: Path) -> None:
    log = LogHome(tmp_path)
    fill(log, 5)
    log.publish()
    snapshot = load(taken(log))
    fill(log, 5, first=5)
    log.publish()
    log.close()
    other = Snapshot(snapshot.sequence, b"?" * 32, snapshot.frame_starts, snapshot.state)
    with pytest.raises(Broken, match="does not follow"):
        LogHome(tmp_path, snapshot=other)


@pytest.mark.parametrize("with_snapshot", [False, True])
def test_a_journal_shorter_than_what_was_signed_is_broken(tmp_path: Path, with_snapshot: bool) -> None:
    """Rolled back to an older copy: acknowledged records are missing (L5), so nothing more is signed."""
    log = LogHome(tmp_path)
    fill(log, 4)
    log.publish()
    snapshot = load(taken(log)) if with_snapshot else None
    fill(log, 4, first=4)
    log.publish()
    log.close()
    rewrite(tmp_path, lambda sequence, batch: batch if sequence < 6 else None)
    with pytest.raises(Broken, match="signed 8 records, the journal holds 6"):
        LogHome(tmp_path, snapshot=snapshot)


CHANGES = {
    "a changed verdict": lambda b: b.verdicts.__setitem__((0, 1), 67),
    "a changed result": lambda b: b.verdicts.__setitem__((0, 2), 1),
    "a changed amount": lambda b: b.commands.__setitem__((0, 4), -5),
    "an actor who may not": lambda b: b.commands.__setitem__((0, 2), int(b.commands[0, 2]) | 9 << 32),
    "a record twice": lambda b: b.commands.__setitem__((1, slice(None)), b.commands[0]),
    "a changed time": lambda b: b.verdicts.__setitem__((0, 0), 3),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_journal_that_does_not_replay_is_broken(tmp_path: Path, change: str) -> None:
    """Even when frames and chain were made anew: the verdicts are derived again (L6)."""
    log = LogHome(tmp_path)
    fill(log, 6, size=2)
    log.close()

    def apply_change(sequence: int, batch: Batch) -> Batch:
        if sequence == 3:
            CHANGES[change](batch)
        return batch

    rewrite(tmp_path, apply_change)
    with pytest.raises(Broken, match="frame 3"):
        LogHome(tmp_path)


def test_time_that_runs_backwards_in_the_journal_is_broken(tmp_path: Path) -> None:
    log = LogHome(tmp_path)
    fill(log, 3)
    log.close()

    def change(sequence: int, batch: Batch) -> Batch:
        if sequence < 2:
            return batch
        batch.verdicts[:, 0] = 1
        return Batch(1, batch.commands, batch.verdicts, batch.salts, batch.payloads)

    rewrite(tmp_path, change)
    with pytest.raises(Broken, match="time runs back"):
        LogHome(tmp_path)


@pytest.mark.parametrize("with_snapshot", [False, True])
def test_a_journal_beside_what_was_signed_is_broken(tmp_path: Path, with_snapshot: bool) -> None:
    """It replays, but its records are others than those under the checkpoint: here one salt (L7)."""
    log = LogHome(tmp_path)
    fill(log, 4)
    log.publish()
    snapshot = load(taken(log)) if with_snapshot else None
    fill(log, 4, first=4)
    log.publish()
    log.close()

    def change(sequence: int, batch: Batch) -> Batch:
        salts = batch.salts.copy()
        salts[0, 0] ^= sequence == 5
        return Batch(batch.timestamp_ms, batch.commands, batch.verdicts, salts, batch.payloads)

    rewrite(tmp_path, change)
    with pytest.raises(Broken, match="L7"):
        LogHome(tmp_path, snapshot=snapshot)


@pytest.mark.parametrize("harm", ["flip", "remove", "cut"])
def test_harmed_tiles_are_noticed_when_the_tree_is_read_from_them(tmp_path: Path, harm: str) -> None:
    log = LogHome(tmp_path)
    fill(log, 4)
    log.publish()
    snapshot = load(taken(log))
    log.close()
    tile = tmp_path / "log" / "tile" / "0" / "000.p" / "4"
    data = bytearray(tile.read_bytes())
    if harm == "remove":
        tile.unlink()
    else:
        data[40] ^= 1
        tile.write_bytes(data if harm == "flip" else data[:-32])
    with pytest.raises(Broken, match="log/tile"):
        LogHome(tmp_path, snapshot=snapshot)
    LogHome(tmp_path).close()  # without the snapshot the journal alone makes the tree


@pytest.mark.parametrize("harm", ["flip", "another key", "empty"])
def test_a_harmed_checkpoint_is_broken(tmp_path: Path, harm: str) -> None:
    log = LogHome(tmp_path)
    fill(log, 4)
    text = log.publish()
    log.close()
    file = tmp_path / "checkpoint" / "last"
    changed = {"flip": text.replace("\n4\n", "\n3\n"), "another key": text.replace("AA", "AB"), "empty": ""}[harm]
    if changed == text:
        changed = text[:-4] + ("A" if text[-4] != "A" else "B") + text[-3:]
    file.write_text(changed)
    with pytest.raises(Broken, match="checkpoint/last"):
        LogHome(tmp_path)


def test_a_checkpoint_of_another_log_is_broken(tmp_path: Path) -> None:
    for folder, names in ((tmp_path / "a", "one"), (tmp_path / "b", "two")):
        log = LogHome(folder)
        log.submit(stack([deposit(names)]), now_ms=1)
        log.publish()
        log.close()
    (tmp_path / "a" / "checkpoint" / "last").write_bytes((tmp_path / "b" / "checkpoint" / "last").read_bytes())
    with pytest.raises(Broken, match="does not hash to the root"):
        LogHome(tmp_path / "a")


# --------------------------------------------------------------------------------------- failing disks


class Disk:
    """Makes a sync fail; what was written since the last one is kept, lost or torn."""

    def __init__(self, fail_at: int, fate: str) -> None:
        self.calls, self.fail_at, self.fate = 0, fail_at, fate
        self.synced: dict[int, bytes] = {}

    def __call__(self, handle: int) -> None:
        self.calls += 1
        path = f"/proc/self/fd/{handle}"
        inode = os.fstat(handle).st_ino
        now = Path(path).read_bytes()
        if self.calls - 1 != self.fail_at:
            os.fdatasync(handle)
            self.synced[inode] = now
            return
        before = self.synced.get(inode, bytes(len(now)))
        if self.fate == "lost":
            os.pwrite(handle, before, 0)
        if self.fate == "torn":
            changed = [i for i in range(len(now)) if now[i] != before[i]]
            middle = changed[len(changed) // 2]
            os.pwrite(handle, before[middle:], middle)
        raise EIO


@pytest.mark.parametrize("fate", ["kept", "lost", "torn"])
@pytest.mark.parametrize("fail_at", [1, 2, 5])
def test_a_failed_sync_stops_the_writer_and_opening_anew_recovers_a_prefix(
    tmp_path: Path, fail_at: int, fate: str
) -> None:
    """L5: what was acknowledged is there; what was not is there whole or not at all."""
    log = LogHome(tmp_path, segment_bytes=1 << 14, disk=SyncedBy(Disk(fail_at, fate)))
    acknowledged = []
    doubtful = []
    for number in range(9):
        names = [f"{number}/{i}" for i in range(3)]
        try:
            log.submit(stack([deposit(name) for name in names]), now_ms=number)
        except Unavailable:
            doubtful = names
            break
        acknowledged += names
    assert len(acknowledged) == 3 * (fail_at - 1)
    attempts = {
        "submit": lambda: log.submit(stack([deposit("x")]), now_ms=99),
        "a retry": lambda: log.submit(stack([deposit("0/0")]), now_ms=99),
        "find": lambda: log.find(derive_id("deposit", "0/0")),
        "records": lambda: next(log.records(0, 1)),
        "reading": lambda: log.reading().__enter__(),
        "publish": log.publish,
    }
    for attempt in attempts.values():
        with pytest.raises(Unavailable):
            attempt()
    log.close()
    again = LogHome(tmp_path)
    assert all(again.find(derive_id("deposit", name)) for name in acknowledged)
    found = [again.find(derive_id("deposit", name)) is not None for name in doubtful]
    assert found == [fate == "kept"] * 3
    assert again.find(derive_id("deposit", "x")) is None
    assert again.position == len(acknowledged) + sum(found)
    retried = again.submit(stack([deposit(name) for name in doubtful]), now_ms=50)
    assert (retried[:, 1] == Outcome.OK).all()
    assert again.position == len(acknowledged) + 3
    again.publish()
    again.close()
    LogHome(tmp_path).close()


def test_an_almost_full_disk_refuses_writes_and_reads_go_on(tmp_path: Path) -> None:
    room = [10**9]
    log = LogHome(tmp_path, reserve_bytes=10**6, disk=WithRoom(room))
    log.submit(stack([deposit(1)]), now_ms=1)
    room[0] = 10**5
    for _ in range(2):
        with pytest.raises(Unavailable, match="almost full"):
            log.submit(stack([deposit(2)]), now_ms=2)
    assert log.find(derive_id("deposit", "1")) is not None
    assert log.find(derive_id("deposit", "2")) is None
    assert open_checkpoint(log.publish(), KEY.vkey, ORIGIN).size == 1
    room[0] = 10**9
    log.submit(stack([deposit(3)]), now_ms=3)
    assert log.position == 2
    log.close()


def test_a_disk_that_fills_up_under_a_batch_stops_the_writer_and_nothing_is_acknowledged(tmp_path: Path) -> None:
    class Filling(WithRoom):
        def free(self, directory: Path) -> int:
            return self.room.pop(0)

    log = LogHome(tmp_path, reserve_bytes=10**6, disk=Filling([10**9, 10**9, 10**9, 10**5]))
    log.submit(stack([deposit(1)]), now_ms=1)
    with pytest.raises(Unavailable, match="almost full"):
        log.submit(stack([deposit(2)]), now_ms=2)
    with pytest.raises(Unavailable):
        log.find(derive_id("deposit", "1"))
    log.close()
    again = LogHome(tmp_path)
    assert (again.position, again.find(derive_id("deposit", "2"))) == (1, None)
    again.close()


def test_a_listener_that_refuses_stops_the_writer_and_opening_anew_answers_a_retry(tmp_path: Path) -> None:
    """The frame is durable; the next one must not reach a listener that has a gap."""
    heard = []

    def listen(frame: AppliedFrame, _: State) -> None:
        if frame.sequence == 1:
            raise Unavailable(Text(en="full", ja="満杯"))
        heard.append(frame.sequence)

    log = LogHome(tmp_path, listeners=[(0, listen)])
    log.submit(stack([deposit(0)]), now_ms=0)
    with pytest.raises(Unavailable, match="full"):
        log.submit(stack([deposit(1)]), now_ms=1)
    attempts = (
        lambda: log.submit(stack([deposit(2)]), now_ms=2),
        lambda: log.submit(stack([deposit(1)]), now_ms=2),
        lambda: log.reading().__enter__(),
        log.publish,
    )
    for attempt in attempts:
        with pytest.raises(Unavailable, match="open the platform anew"):
            attempt()
    log.close()
    assert heard == [0]
    again = LogHome(tmp_path)
    assert again.position == 2
    assert again.submit(stack([deposit(1)]), now_ms=9)[0].tolist()[:2] == [1, Outcome.OK]
    assert again.position == 2
    again.close()


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    log = LogHome(tmp_path)
    with pytest.raises(Unavailable):
        LogHome(tmp_path)
    log.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_whoever_was_told_ok_is_found_after_kill_9(tmp_path: Path, seed: int, repository: Path) -> None:
    """Three lives on one folder, each ended at a random moment."""
    random = Random(seed)
    acknowledged: list[str] = []
    for life in range(3):
        environment = os.environ | {"PYTHONPATH": str(repository / "tests")}
        arguments = [sys.executable, "-m", "reference.log_home", str(tmp_path), f"{life}"]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment, text=True) as writer:
            assert writer.stdout is not None
            first = writer.stdout.readline()
            time.sleep(random.uniform(0, 0.3))
            os.kill(writer.pid, signal.SIGKILL)
            told = (first + writer.stdout.read()).split("\n")[:-1]  # without a half line
        acknowledged += " ".join(told).split()
        log = LogHome(tmp_path)
        missing = [name for name in acknowledged if log.find(derive_id("deposit", name)) is None]
        assert missing == []
        assert log.position >= len(acknowledged) > 0
        log.publish()
        log.close()


# --------------------------------------------------------------------------------- several at a time


def test_many_threads_submit_and_each_answer_is_durable_and_in_order(tmp_path: Path) -> None:
    """Every verdict is that of its place in the journal; retries of other threads' ids rest on durable records."""
    log = LogHome(tmp_path)
    log.submit(stack([open_account(1)]), [PAYLOAD], now_ms=1)

    def client(number: int) -> list[tuple[str, int]]:
        told = []
        for turn in range(40):
            name = f"{number}/{turn}" if turn % 4 else f"shared/{turn}"
            verdicts = log.submit(stack([deposit(name, account=3, amount=1)]), now_ms=2)
            reader = FileJournal(tmp_path / "journal", read_only=True)
            stored = {int(row[0]) for frame in reader.read() for row in decode_batch(frame.payload).commands}
            reader.close()
            assert int(deposit(name, account=3, amount=1)[0]) in stored, "acknowledged before it was on disk"
            told.append((name, int(verdicts[0, 1])))
        return told

    with ThreadPoolExecutor(8) as pool:
        told = [pair for answers in pool.map(client, range(8)) for pair in answers]
    assert {outcome for _, outcome in told} == {Outcome.OK}
    frames = 1 + 8 * 30 + 10
    assert log.position == frames + frames // STATE_HASH_EVERY
    with log.reading() as state:
        assert state.accounts[3, 1] == 8 * 30 + 10
        before = state.state_hash()
    log.publish()
    log.close()
    log = LogHome(tmp_path)
    assert (log.state.state_hash(), log.sequence + 1) == (before, frames)
    log.close()


def test_the_next_batch_is_applied_while_one_is_written_and_no_reader_sees_it(tmp_path: Path) -> None:
    writing, go_on = threading.Event(), threading.Event()
    stuck = [False]

    def sync(handle: int) -> None:
        if stuck[0]:
            writing.set()
            assert go_on.wait(10)
        os.fdatasync(handle)

    log = LogHome(tmp_path, disk=SyncedBy(sync))
    log.submit(stack([open_account(1)]), [PAYLOAD], now_ms=1)
    stuck[0] = True
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(log.submit, stack([deposit("a")]), now_ms=2)
        assert writing.wait(10)
        second = pool.submit(log.submit, stack([deposit("b")]), now_ms=3)
        while log.sequence < 2:
            time.sleep(0.001)  # it is applied
        seen = pool.submit(lambda: log.find(derive_id("deposit", "a")))
        again = pool.submit(log.submit, stack([deposit("a")]), now_ms=4)
        for waiting in (first, second, seen, again):
            with pytest.raises(TimeoutError):
                waiting.result(0.05)
        stuck[0] = False
        go_on.set()
        assert first.result(10).tolist() == again.result(10).tolist() == [[2, 0, 0, 0]]
        assert second.result(10).tolist() == [[3, 0, 0, 0]]
        assert seen.result(10) is not None
    assert [len(decode_batch(frame.payload).commands) for frame in log.frames()] == [1, 1, 1]
    log.close()


def test_a_failed_write_refuses_everybody_who_waits_behind_it(tmp_path: Path) -> None:
    writing, go_on = threading.Event(), threading.Event()
    stuck = [False]

    def sync(handle: int) -> None:
        if stuck[0]:
            writing.set()
            assert go_on.wait(10)
            raise EIO
        os.fdatasync(handle)

    log = LogHome(tmp_path, disk=SyncedBy(sync))
    fill(log, 2)
    stuck[0] = True
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(log.submit, stack([deposit("a")]), now_ms=2_000)]
        assert writing.wait(10)
        waiting += [pool.submit(log.submit, stack([deposit(name)]), now_ms=2_000) for name in ("b", "c", "a", "0/0")]
        while log.sequence < 4:
            time.sleep(0.001)
        go_on.set()
        for future in waiting:
            with pytest.raises(Unavailable):
                future.result(10)
    with pytest.raises(Unavailable):
        log.publish()
    log.close()
    log = LogHome(tmp_path)
    assert log.position in {2, 3}, "what was written before, and perhaps the frame whose sync failed"
    log.close()


def test_whoever_submits_hashes_when_too_much_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody publishes for a long time: what waits to be hashed stays bounded."""
    monkeypatch.setattr("wattmark.flows.publication.MAX_WAITING", 50)
    log = LogHome(tmp_path)
    most = 0
    for number in range(40):
        fill(log, 1, first=number, size=9)
        most = max(most, sum(map(len, log._log._waiting)))
    assert most <= 50
    assert open_checkpoint(log.publish(), KEY.vkey, ORIGIN).size == 360
    log.close()


# ------------------------------------------------------------------------------------ log and proofs


def test_every_published_record_has_a_proof_that_verifies(tmp_path: Path) -> None:
    log = LogHome(tmp_path)
    for number in range(30):
        log.submit(stack([deposit(f"{number}/{i}") for i in range(1 + number % 13)]), now_ms=number)
        if number % 10 == 9:
            log.publish()
    size = log.published_size
    assert size == log.position > 190
    for record in log.records(0, size):
        proof = LogProof.parse(log.inclusion(record.position).format())
        checkpoint = verify_log_proof(proof, leaf_hash(record.entry), KEY.vkey, ORIGIN)
        assert checkpoint.size == size
        assert record.entry[:128] == record.command.astype("<i8").tobytes()
        assert record.entry[128:160] == record.verdict.astype("<i8").tobytes()
    with pytest.raises(ProofInvalid):
        verify_log_proof(log.inclusion(5), leaf_hash(log.record(6).entry), KEY.vkey, ORIGIN)
    log.close()


def test_what_is_not_published_has_no_proof_yet(tmp_path: Path) -> None:
    log = LogHome(tmp_path)
    fill(log, 1)
    for position in (0, -1, 1):
        with pytest.raises(UnknownReference):
            log.inclusion(position)
    log.publish()
    log.inclusion(0)
    fill(log, 1, first=1)
    for position in (1, 2, -1):
        with pytest.raises(UnknownReference):
            log.inclusion(position)
    log.close()


def test_checkpoints_are_consistent_and_the_same_when_nothing_is_new(tmp_path: Path) -> None:
    log = LogHome(tmp_path)
    texts = [log.publish()]
    for number in range(6):
        fill(log, 7, first=7 * number, size=9)
        texts.append(log.publish())
        assert log.publish() == texts[-1] == log.checkpoint_text
    checkpoints = [open_checkpoint(text, KEY.vkey, ORIGIN) for text in texts]
    assert [checkpoint.size for checkpoint in checkpoints] == [63 * n for n in range(7)]
    for old, new in pairwise(checkpoints):
        proof = log._log._tree.consistency_proof(old.size, new.size)
        verify_consistency(old.size, new.size, old.root, new.root, proof)
    assert (tmp_path / "log" / "checkpoint").read_text() == texts[-1]
    assert (tmp_path / "checkpoint" / "last").read_text() == texts[-1]
    log.close()


def test_salts_blind_equal_records_and_come_from_the_secret(tmp_path: Path) -> None:
    log = LogHome(tmp_path)
    fill(log, 3, size=5)
    salts = {record.entry[160:] for record in log.records(0, 15)}
    assert len(salts) == 15
    assert all(any(salt) for salt in salts)
    log.close()


def test_records_are_read_across_frames(tmp_path: Path) -> None:
    log = LogHome(tmp_path)
    for number in range(12):
        log.submit(stack([deposit(f"{number}/{i}") for i in range(number + 1)]), now_ms=number)
    everything = list(log.records(0, log.position))
    assert [record.position for record in everything] == list(range(78))
    for start, end in [(0, 0), (0, 1), (1, 3), (2, 7), (77, 78), (78, 78), (10, 60), (0, 78)]:
        assert [r.entry for r in log.records(start, end)] == [r.entry for r in everything[start:end]]
    assert log.record(40).entry == everything[40].entry
    for start, end in [(-1, 2), (3, 2), (70, 79), (79, 79)]:
        with pytest.raises(UnknownReference):
            list(log.records(start, end))
    log.close()


def test_listeners_hear_every_frame_once_from_the_one_they_want(tmp_path: Path) -> None:
    log = LogHome(tmp_path)
    fill(log, 5)
    log.close()
    heard: dict[str, list[tuple[int, int, int]]] = {"all": [], "late": []}

    def listener(name: str):
        return lambda frame, state: heard[name].append((frame.sequence, frame.first_position, state.position))

    log = LogHome(tmp_path, listeners=[(0, listener("all")), (3, listener("late"))])
    fill(log, 2, first=5)
    log.submit(stack([deposit("0/0")]), now_ms=99)  # a retry is nothing new
    assert heard["all"] == [(n, n, n + 1) for n in range(7)]
    assert heard["late"] == heard["all"][3:]
    log.close()


def test_a_failing_tile_store_publishes_nothing_and_the_next_try_does(tmp_path: Path) -> None:
    log = LogHome(tmp_path)
    fill(log, 3)
    old = log.publish()
    fill(log, 3, first=3)
    failing = [True]

    def sync(handle: int) -> None:
        if failing[0]:
            raise EIO
        os.fsync(handle)

    log._log._tiles = FileTiles(tmp_path / "log", disk=SyncedBy(sync))
    with pytest.raises(Unavailable):
        log.publish()
    assert (log.checkpoint_text, log.published_size) == (old, 3)
    assert FileCheckpoints(tmp_path / "checkpoint").load() == old
    failing[0] = False
    assert open_checkpoint(log.publish(), KEY.vkey, ORIGIN).size == 6
    log.close()


@pytest.mark.parametrize("swapped", [False, True])
def test_publishing_goes_on_after_a_swap_that_was_not_answered(tmp_path: Path, swapped: bool) -> None:
    """The store failed before or after it took the checkpoint: the next publication learns which and extends it."""
    log = LogHome(tmp_path)
    fill(log, 3)
    old = log.publish()
    fill(log, 3, first=3)
    store = log._log._checkpoints
    real = store.compare_and_swap

    def unclear(before: str | None, after: str) -> None:
        if swapped:
            real(before, after)
        raise Unavailable(Text(en="the disk fails", ja="ディスクの異常"))

    store.compare_and_swap = unclear
    with pytest.raises(Unavailable):
        log.publish()
    assert log.checkpoint_text == old, "not said before it is sure"
    store.compare_and_swap = real
    text = log.publish()
    assert open_checkpoint(text, KEY.vkey, ORIGIN).size == 6
    assert (tmp_path / "log" / "checkpoint").read_text() == store.load() == text
    fill(log, 1, first=6)
    assert open_checkpoint(log.publish(), KEY.vkey, ORIGIN).size == 7
    log.close()


def test_a_checkpoint_swapped_by_somebody_else_stops_the_publication(tmp_path: Path) -> None:
    """Two logs that went apart must not both sign."""
    log = LogHome(tmp_path)
    fill(log, 3)
    old = log.publish()
    FileCheckpoints(tmp_path / "checkpoint").compare_and_swap(old, old + "\n")
    fill(log, 1, first=3)
    with pytest.raises(RuleViolated):
        log.publish()
    assert log.published_size == 3
    log.close()


def test_a_signed_size_is_never_larger_than_what_is_durable(tmp_path: Path) -> None:
    """Writers and the publisher at once: each checkpoint covers only acknowledged records."""
    log = LogHome(tmp_path)
    acknowledged = [0]
    sizes: list[tuple[int, int]] = []
    done = threading.Event()

    def publish() -> None:
        while not done.is_set():
            size = open_checkpoint(log.publish(), KEY.vkey, ORIGIN).size
            sizes.append((size, log.position))

    publisher = threading.Thread(target=publish)
    publisher.start()

    def write(name: int) -> None:
        for number in range(40):
            log.submit(stack([deposit(f"{name}/{number}")]), now_ms=number)
            acknowledged[0] += 1

    writers = [threading.Thread(target=write, args=(name,)) for name in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    done.set()
    publisher.join()
    assert all(size <= position for size, position in sizes)
    assert log.position == 120 + 1  # and one state hash
    final = log.publish()
    log.close()
    again = LogHome(tmp_path)
    assert again.publish() == final
    again.close()


def test_payloads_travel_with_the_records_that_name_them(tmp_path: Path) -> None:
    log = LogHome(tmp_path)
    log.submit(stack([open_account(1), open_account(2), open_account(3, b"other")]), [PAYLOAD, b"other"], now_ms=1)
    log.close()
    heard = []
    log = LogHome(tmp_path, listeners=[(0, lambda frame, _: heard.append(dict(frame.payloads)))])
    assert heard == [{payload_hash(PAYLOAD): PAYLOAD, payload_hash(b"other"): b"other"}]
    log.close()
