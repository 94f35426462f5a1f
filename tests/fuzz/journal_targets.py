"""Bad journals: segments, files, batches, commands, snapshots."""

import hashlib
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from fuzz.material import SEGMENT_BYTES, journal
from fuzz.running import Target
from wattmark.core.errors import Broken, MalformedInput
from wattmark.crypto.hashing import crc32c, sha256
from wattmark.engine import layout as e
from wattmark.engine import snapshot as snapshots
from wattmark.engine.apply import apply
from wattmark.engine.audit import audit_state
from wattmark.engine.batch import decode_batch, encode_batch
from wattmark.engine.outcomes import Outcome
from wattmark.engine.state import State
from wattmark.flows.sequence import replay_frame
from wattmark.ledger.frames import (
    CHAIN_START,
    HEADER_BYTES,
    Frame,
    Tail,
    TailKind,
    encode_frame,
    scan_segment,
    segment_name,
)
from wattmark.storage.files import FileJournal

SPLIT = 6
"""Frames in the first of two segments."""
LAWS_EVERY = 16


def segments() -> list[bytes]:
    """Whole segments, full, half full, and with a torn last frame."""
    frames = journal().bytes
    whole = b"".join(frames)
    short = [encode_frame(0, CHAIN_START, b"one"), b""]
    gap = encode_frame(0, CHAIN_START, b"\x01" + bytes(1_500) + b"\x01")
    room = len(whole) + SEGMENT_BYTES
    return [
        whole.ljust(room, b"\0"),
        whole,
        b"".join(frames[:4]).ljust(SEGMENT_BYTES, b"\0"),
        (b"".join(frames[:3]) + frames[3][: len(frames[3]) // 2]).ljust(SEGMENT_BYTES, b"\0"),
        b"".join(short).ljust(600, b"\0"),
        gap.ljust(4_096, b"\0"),
        bytes(1_024),
    ]


def right_crcs(data: bytearray) -> bytes:
    """Give every frame that can be found by its length a CRC that holds."""
    at = 0
    while at + HEADER_BYTES < len(data):
        length = int.from_bytes(data[at : at + 4], "little")
        end = at + HEADER_BYTES + length + 1
        if not 1 <= length <= len(data) - at - HEADER_BYTES - 1:
            break
        data[end - 1] = 0xFF
        body = bytes(data[at : at + 4]) + bytes(data[at + 8 : end])
        data[at + 4 : at + 8] = crc32c(body).to_bytes(4, "little")
        at = end
    return bytes(data)


def right_chain(data: bytearray) -> bytes:
    """Give every frame that can be found by its length the number and the previous hash it should have, and a CRC."""
    at, sequence, chain = 0, 0, CHAIN_START
    while at + HEADER_BYTES < len(data):
        length = int.from_bytes(data[at : at + 4], "little")
        end = at + HEADER_BYTES + length + 1
        if not 1 <= length <= len(data) - at - HEADER_BYTES - 1:
            break
        data[at + 8 : at + 48] = sequence.to_bytes(8, "little") + chain
        data[end - 1] = 0xFF
        data[at + 4 : at + 8] = crc32c(bytes(data[at : at + 4]) + bytes(data[at + 8 : end])).to_bytes(4, "little")
        chain = sha256(bytes(data[at:end]))
        at, sequence = end, sequence + 1
    return bytes(data)


def read_segment(data: bytes) -> tuple[int, Tail]:
    *frames, tail = scan_segment(data, 0, CHAIN_START)
    assert isinstance(tail, Tail)
    chain = CHAIN_START
    for number, frame in enumerate(frames):
        assert isinstance(frame, Frame)
        assert (frame.sequence, frame.prev_hash) == (number, chain)
        assert data[frame.offset : frame.end] == encode_frame(number, chain, frame.payload)
        chain = frame.frame_hash
    assert tail.offset == (frames[-1].end if frames else 0)
    assert (tail.kind is TailKind.CLEAN) == (not any(data[tail.offset :]))
    assert (tail.position == "") == (tail.kind is TailKind.CLEAN)
    return len(frames), tail


def read_unforged(data: bytes) -> tuple[int, Tail]:
    """Without a CRC put right, the frames that hold are the first ones of a seed."""
    found = read_segment(data)
    *frames, _ = scan_segment(data, 0, CHAIN_START)
    whole = data[: frames[-1].end] if frames else b""
    assert any(seed.startswith(whole) for seed in segments_once()), "a frame nobody wrote"
    return found


_SEGMENTS: list[bytes] = []


def segments_once() -> list[bytes]:
    if not _SEGMENTS:
        _SEGMENTS.extend(segments())
    return _SEGMENTS


def file_target(folder: Path) -> Target:
    """Two segment files; an input is both, back to back."""
    frames = journal().bytes
    parts = [b"".join(frames[:SPLIT]), b"".join(frames[SPLIT:]).ljust(SEGMENT_BYTES, b"\0")]
    parts[0] = parts[0].ljust(len(parts[0]) + 64, b"\0")
    cut = len(parts[0])
    directory = folder / "journal"
    directory.mkdir()
    paths = [directory / segment_name(0), directory / segment_name(SPLIT)]

    def read(data: bytes) -> tuple[int, bytes, bool]:
        stored = (data[:cut], data[cut:])
        for path, part in zip(paths, stored, strict=True):
            path.write_bytes(part)
        try:
            return _open_both(directory)
        finally:
            assert tuple(path.read_bytes() for path in paths) == stored, "reading has changed a file"
            extra = {path.name for path in directory.iterdir()} - {path.name for path in paths}
            assert extra <= {"writer.lock"}, extra

    return Target("journal files", "journal", [b"".join(parts)], read, (Broken,), fix=right_chain, runs=8_000)


def _open_both(directory: Path) -> tuple[int, bytes, bool]:
    """What a reader sees; then what a writer sees, who opens no more than a reader reads."""
    errors: list[Broken] = []
    found: list[tuple[int, bytes, bool]] = []
    for read_only in (True, False):
        try:
            opened = FileJournal(directory, read_only=read_only, reserve_bytes=0)
        except Broken as error:
            errors.append(error)
            continue
        try:
            frames = list(opened.read())
            assert [frame.sequence for frame in frames] == list(range(len(frames)))
            assert opened.last_sequence == len(frames) - 1
            found.append((opened.last_sequence, opened.last_hash, opened.torn_tail is None))
        except Broken as error:
            errors.append(error)
        finally:
            opened.close()
    if errors:
        raise errors[0]
    assert found[0] == found[1]
    return found[0]


def read_batch(data: bytes) -> bytes:
    decoded = decode_batch(data)
    again = encode_batch(decoded)
    assert again == data
    return again


def right_payloads(data: bytearray) -> bytes:
    """Put the number of commands and the lengths in order, as far as there are bytes."""
    if len(data) >= 24:
        data[:4], data[20:24] = b"WMB1", bytes(4)
        count = min(int.from_bytes(data[4:8], "little"), (len(data) - 24) // 176)
        data[4:8] = count.to_bytes(4, "little")
        at, payloads = 24 + 176 * count, 0
        while at + 4 <= len(data):
            size = min(int.from_bytes(data[at : at + 4], "little"), len(data) - at - 4)
            data[at : at + 4] = size.to_bytes(4, "little")
            at, payloads = at + 4 + size, payloads + 1
        del data[at:]
        data[16:20] = payloads.to_bytes(4, "little")
    return bytes(data)


class Replay:
    """A mutated batch is replayed on the state before it; what is accepted leaves a state in which the laws hold."""

    def __init__(self) -> None:
        self.count = 0
        self.number = FRAMES_AT
        self.before = journal().states[self.number]

    def read(self, data: bytes) -> bytes:
        state = State.from_tables(*self.before)
        frame = Frame(self.number, 0, bytes(32), data, sha256(data))
        self.count += 1
        try:
            replay_frame(state, frame)
        finally:
            if self.count % LAWS_EVERY == 0:
                assert audit_state(state) == []
        return state.state_hash()


class Apply:
    """Any 128 bytes are a command: each has a named outcome, a refused one leaves no trace, the laws hold."""

    def __init__(self) -> None:
        self.count = 0
        self.before = journal().states[-1]

    def read(self, data: bytes) -> bytes:
        state = State.from_tables(*self.before)
        rows = np.frombuffer(data[: len(data) // 128 * 128], "<i8").reshape(-1, 16)[:64].astype(np.int64)
        hashed = state.state_hash()
        applied = apply(state, rows, state.now_ms + 1_000)
        outcomes = {Outcome(code) for code in applied.verdicts[:, e.V_OUTCOME].tolist()}
        if Outcome.OK not in outcomes:
            assert state.state_hash() == hashed, "refused, and the state has changed"
        again = apply(state, rows, state.now_ms)
        assert not again.fresh.any(), "a retry makes no record"
        assert state.position <= self.before[0]["ids"].shape[0] + len(rows)
        self.count += 1
        if self.count % LAWS_EVERY == 0:
            assert audit_state(state) == []
        return state.state_hash()


FRAMES_AT = 8


def right_digest(data: bytearray) -> bytes:
    return bytes(data[:-32]) + hashlib.sha256(data[:-32]).digest()


def read_snapshot(data: bytes) -> bytes:
    loaded = snapshots.load(data)
    return loaded.state.state_hash()


def targets(folder: Path, stack: ExitStack) -> list[Target]:
    del stack
    material = journal()
    rows = [np.frombuffer(payload, np.uint8)[24 : 24 + 128 * decode_count(payload)] for payload in material.payloads]
    dumped = [snapshots.dump(material.snapshots[number]) for number in (0, 3)]
    return [
        Target("segment", "journal", segments_once(), read_unforged, (), runs=60_000),
        Target("segment, CRCs right", "journal", segments_once(), read_segment, (), fix=right_crcs, runs=60_000),
        Target("segment, chain right", "journal", segments_once(), read_segment, (), fix=right_chain, runs=60_000),
        file_target(folder),
        Target("batch", "journal", material.payloads, read_batch, (MalformedInput,), fix=right_payloads, runs=100_000),
        Target("replay", "journal", [material.payloads[FRAMES_AT]], Replay().read, (Broken,), runs=20_000),
        Target("commands", "journal", [row.tobytes() for row in rows], Apply().read, (), runs=20_000),
        Target("snapshot", "journal", dumped, read_snapshot, (MalformedInput,), fix=right_digest, runs=40_000),
    ]


def decode_count(payload: bytes) -> int:
    return int.from_bytes(payload[4:8], "little")
