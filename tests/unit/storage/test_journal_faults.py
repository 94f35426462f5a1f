"""What the file journal does when the disk, the power or a process fails."""

import errno
import os
from pathlib import Path

import pytest

from reference.failing_disk import SyncedBy, WithRoom
from wattmark.core.errors import Broken, Unavailable
from wattmark.ledger.frames import CHAIN_START, SECTOR_BYTES, TailKind, encode_frame
from wattmark.storage.files import FileJournal
from wattmark.storage.files.audit import audit_journal

SEGMENT_BYTES = 8_192


class Disk:
    """A sync function that fails at a chosen call, and counts."""

    def __init__(self, fail_at: int = -1, code: int = errno.EIO) -> None:
        self.calls, self.fail_at, self.code = 0, fail_at, code

    def __call__(self, handle: int) -> None:
        self.calls += 1
        if self.calls == self.fail_at:
            raise OSError(self.code, os.strerror(self.code))
        os.fdatasync(handle)


def _open(home: Path, **options) -> FileJournal:
    return FileJournal(home / "journal", **{"segment_bytes": SEGMENT_BYTES, "reserve_bytes": 0, **options})


def _payloads(journal: FileJournal) -> list[bytes]:
    return [frame.payload for frame in journal.read()]


def _written(home: Path, payloads: list[bytes], **options) -> Path:
    """Append the payloads, close, and return the last segment's path."""
    journal = _open(home, **options)
    for payload in payloads:
        journal.append(payload)
    journal.close()
    return max((home / "journal").glob("*.seg"))


def _patch(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as stream:
        stream.seek(offset)
        stream.write(data)


def test_each_append_is_one_sync(tmp_path):
    disk = Disk()
    journal = _open(tmp_path, disk=SyncedBy(disk))
    journal.append(b"first")
    assert disk.calls == 2  # the zeros of the new segment, then the frame
    for number in range(5):
        journal.append(b"more")
        assert disk.calls == 3 + number
    journal.close()


@pytest.mark.parametrize("fail_at", [1, 2, 3, 4])
def test_after_a_failed_sync_nothing_more_is_taken(tmp_path, fail_at):
    disk = Disk(fail_at)
    journal = _open(tmp_path, disk=SyncedBy(disk))
    acknowledged = []
    for number in range(4):
        payload = b"payload %d" % number
        try:
            journal.append(payload)
        except Unavailable:
            break
        acknowledged.append(payload)
    assert len(acknowledged) == max(0, fail_at - 2)
    calls = disk.calls
    for _ in range(3):
        with pytest.raises(Unavailable):
            journal.append(b"never again")
    assert disk.calls == calls, "a second sync on the same descriptor would report success wrongly"
    assert _payloads(journal) == acknowledged
    journal.close()
    again = _open(tmp_path)
    assert _payloads(again)[: len(acknowledged)] == acknowledged
    assert len(_payloads(again)) <= len(acknowledged) + 1  # the one of unknown outcome
    again.append(b"on we go")
    assert audit_journal(tmp_path) == []
    again.close()


def test_an_interrupt_between_write_and_sync_stops_the_journal(tmp_path):
    armed = []

    def interrupted(handle: int) -> None:
        if armed:
            raise KeyboardInterrupt
        os.fdatasync(handle)

    _written(tmp_path, [b"first"])
    journal = _open(tmp_path, disk=SyncedBy(interrupted))
    armed.append(1)
    with pytest.raises(KeyboardInterrupt):
        journal.append(b"unknown outcome")
    with pytest.raises(Unavailable):
        journal.append(b"later")
    assert _payloads(journal) == [b"first"]
    journal.close()


def test_a_disk_almost_full_is_refused_before_anything_is_written(tmp_path):
    room = [500 + SEGMENT_BYTES]
    journal = _open(tmp_path, reserve_bytes=500, disk=WithRoom(room))
    journal.append(b"fits")
    room[0] = 499 + SEGMENT_BYTES
    with pytest.raises(Unavailable, match="almost full"):
        journal.check_room()
    room[0] = 249
    with pytest.raises(Unavailable, match="almost full"):
        journal.append(b"does not")
    room[0] = 500 + SEGMENT_BYTES
    journal.check_room()
    assert journal.append(b"fits again") == 1
    assert _payloads(journal) == [b"fits", b"fits again"]
    journal.close()


def test_a_disk_that_fills_up_while_a_segment_is_made_costs_nothing(tmp_path):
    _written(tmp_path, [bytes([1]) * 8_000])
    journal = _open(tmp_path, disk=SyncedBy(Disk(2, errno.ENOSPC)))
    with pytest.raises(Unavailable):
        journal.append(bytes([2]) * 8_000)
    journal.close()
    again = _open(tmp_path)
    assert again.append(bytes([3]) * 8_000) == 1
    assert audit_journal(tmp_path) == []
    again.close()


def test_segments_are_full_of_zeros_and_a_large_frame_gets_a_large_one(tmp_path):
    last = _written(tmp_path, [b"\x01" * 5_000, b"\x02" * 5_000, b"\x03" * 50_000, b"\x04"])
    sizes = {path.name: path.stat().st_size for path in last.parent.glob("*.seg")}
    assert sizes == {f"{0:020d}.seg": 8_192, f"{1:020d}.seg": 8_192, f"{2:020d}.seg": 50_049, f"{3:020d}.seg": 8_192}
    assert audit_journal(tmp_path) == []


def test_a_leftover_of_segment_making_is_cleared(tmp_path):
    last = _written(tmp_path, [b"first"])
    leftover = last.with_name(f"{1:020d}.seg.tmp")
    leftover.write_bytes(b"half made")
    assert audit_journal(tmp_path) == []
    _open(tmp_path, read_only=True).close()
    assert leftover.exists()
    _open(tmp_path).close()
    assert not leftover.exists()


def test_a_segment_made_but_not_yet_used_is_used(tmp_path):
    last = _written(tmp_path, [b"\x01" * 8_000])
    last.with_name(f"{1:020d}.seg").write_bytes(bytes(SEGMENT_BYTES))
    journal = _open(tmp_path)
    assert journal.last_sequence == 0
    assert journal.append(b"\x02" * 8_000) == 1
    assert len(_payloads(journal)) == 2
    assert audit_journal(tmp_path) == []
    journal.close()


@pytest.mark.parametrize("kept", [1, 4, 30, 48, 49, 1_000, 1_999])
def test_a_torn_tail_is_kept_until_it_is_dropped(tmp_path, kept):
    last = _written(tmp_path, [b"first", b"second"])
    journal = _open(tmp_path, read_only=True)
    end = 49 * 2 + 11
    frame = encode_frame(2, journal.last_hash, b"\x7f" * 2_000)
    _patch(last, end, frame[:kept])
    before = last.read_bytes()

    journal = _open(tmp_path)
    assert journal.last_sequence == 1
    assert journal.torn_tail is not None
    assert (journal.torn_tail.kind, journal.torn_tail.offset) == (TailKind.TORN, end)
    assert last.read_bytes() == before, "the evidence stays until somebody decides"
    [finding] = audit_journal(tmp_path)
    assert finding.position == f"frame 2 at byte {end}"
    assert "torn" in finding.detail

    dropped = journal.drop_torn_tail()
    assert dropped is not None
    assert journal.torn_tail is None
    assert journal.drop_torn_tail() is None
    assert audit_journal(tmp_path) == []
    journal.close()

    journal = _open(tmp_path)
    assert journal.torn_tail is None
    assert journal.append(b"third") == 2
    assert _payloads(journal) == [b"first", b"second", b"third"]
    journal.close()


def test_an_append_drops_the_torn_tail_too(tmp_path):
    last = _written(tmp_path, [b"first"])
    _patch(last, 49 + 5, encode_frame(1, CHAIN_START, b"\x7f" * 2_000)[:1_500])
    journal = _open(tmp_path)
    assert journal.append(b"x") == 1
    journal.close()
    assert audit_journal(tmp_path) == []
    assert _payloads(_open(tmp_path, read_only=True)) == [b"first", b"x"]


def test_a_reader_stops_before_a_torn_tail(tmp_path):
    last = _written(tmp_path, [b"first"])
    _patch(last, 49 + 5, encode_frame(1, CHAIN_START, b"\x7f" * 2_000)[:1_500])
    journal = _open(tmp_path, read_only=True)
    assert _payloads(journal) == [b"first"]
    with pytest.raises(Unavailable):
        journal.drop_torn_tail()


@pytest.mark.parametrize("frame", [0, 1, 2])
@pytest.mark.parametrize("inside", [0, 3, 5, 8, 20, 48, 60])
def test_damage_in_any_frame_stops_a_writer_and_names_the_place(tmp_path, frame, inside):
    last = _written(tmp_path, [b"payload of twenty by"] * 3)
    offset = frame * 69 + inside
    _patch(last, offset, bytes([last.read_bytes()[offset] ^ 0x40]))
    with pytest.raises(Broken) as broken:
        _open(tmp_path)
    assert broken.value.file == f"journal/{last.name}"
    assert broken.value.position == f"frame {frame} at byte {frame * 69}"
    [finding] = audit_journal(tmp_path)
    assert (finding.file, finding.position) == (broken.value.file, broken.value.position)
    with pytest.raises(Broken):
        list(FileJournal.read(_reader_of(tmp_path), 0))


def _reader_of(home: Path) -> FileJournal:
    """A reader that has not looked at the frames yet."""
    reader = FileJournal(home / "empty", read_only=True)
    reader._directory = home / "journal"
    return reader


def test_a_flip_among_the_zeros_stops_a_writer_and_names_the_byte(tmp_path):
    last = _written(tmp_path, [b"first"])
    _patch(last, 7_000, b"\x10")
    with pytest.raises(Broken) as broken:
        _open(tmp_path)
    assert broken.value.position == "byte 7000"
    assert [finding.position for finding in audit_journal(tmp_path)] == ["byte 7000"]


def test_an_earlier_segment_may_not_end_torn(tmp_path):
    last = _written(tmp_path, [b"\x01" * 5_000, b"\x02" * 5_000])
    first = min(last.parent.glob("*.seg"))
    _patch(first, 5_049, encode_frame(1, CHAIN_START, b"\x7f" * 2_000)[:1_500])
    with pytest.raises(Broken):
        _open(tmp_path)
    assert [finding.file for finding in audit_journal(tmp_path)] == [f"journal/{first.name}"]


@pytest.mark.parametrize(("segments", "missing"), [(2, 0), (4, 0), (4, 1), (4, 2)])
def test_a_missing_segment_is_found(tmp_path, segments, missing):
    """Not the last one: the journal alone cannot know that its end is missing; the checkpoint does."""
    _written(tmp_path, [bytes([1 + number]) * 5_000 for number in range(segments)])
    paths = sorted((tmp_path / "journal").glob("*.seg"))
    gone = paths[missing]
    gone.unlink()
    findings = audit_journal(tmp_path)
    assert [finding.file for finding in findings] == [f"journal/{paths[paths.index(gone) + 1].name}"]
    with pytest.raises(Broken):
        list(_reader_of(tmp_path).read())


def test_segments_swapped_are_found(tmp_path):
    _written(tmp_path, [bytes([1 + number]) * 5_000 for number in range(3)])
    first, second, _ = sorted((tmp_path / "journal").glob("*.seg"))
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)
    assert {finding.file for finding in audit_journal(tmp_path)} >= {f"journal/{first.name}", f"journal/{second.name}"}


def test_a_segment_cut_short_or_emptied_is_found(tmp_path):
    last = _written(tmp_path, [b"\x01" * 5_000, b"\x02" * 5_000])
    whole = last.read_bytes()
    for size in (0, 1, 47, 48, 5_000, 5_048):
        last.write_bytes(whole[:size])
        assert [finding.file for finding in audit_journal(tmp_path)] == [f"journal/{last.name}"], size


def test_a_strange_file_is_found_and_the_lock_is_none(tmp_path):
    last = _written(tmp_path, [b"first"])
    assert (last.parent / "writer.lock").exists()
    (last.parent / "notes.txt").write_text("hello")
    assert [finding.file for finding in audit_journal(tmp_path)] == ["journal/notes.txt"]


def test_a_forged_frame_with_a_right_checksum_breaks_the_chain(tmp_path):
    last = _written(tmp_path, [b"first", b"second", b"third!"])
    _patch(last, 54, encode_frame(1, b"\x01" * 32, b"forged"))
    assert [finding.position for finding in audit_journal(tmp_path)] == ["frame 1 at byte 54"]
    last.write_bytes(last.read_bytes()[:54].ljust(SEGMENT_BYTES, b"\x00"))
    journal = _open(tmp_path)
    _patch(last, 54, encode_frame(1, journal.last_hash, b"forged") + encode_frame(2, bytes(32), b"third!"))
    assert [finding.position for finding in audit_journal(tmp_path)] == ["frame 2 at byte 109"]
    journal.close()


def test_a_lost_sector_in_the_last_frame_is_torn_and_in_an_earlier_one_damage(tmp_path):
    last = _written(tmp_path, [b"\x01" * 3_000, b"\x02" * 3_000])
    whole = last.read_bytes()
    _patch(last, SECTOR_BYTES * 8, bytes(SECTOR_BYTES))
    journal = _open(tmp_path)
    assert journal.torn_tail is not None
    journal.close()
    last.write_bytes(whole)
    _patch(last, SECTOR_BYTES * 2, bytes(SECTOR_BYTES))
    with pytest.raises(Broken):
        _open(tmp_path)


@pytest.mark.parametrize("opened_anew", [False, True])
def test_a_read_from_the_middle_starts_close_by_and_still_chains(tmp_path, opened_anew):
    """Marks are kept every 256 KiB; each start gives the same frames as a read from the beginning."""
    journal = _open(tmp_path, segment_bytes=1 << 20)
    for number in range(60):
        journal.append(bytes([number + 1]) * 50_000)
    if opened_anew:
        journal.close()
        journal = _open(tmp_path, segment_bytes=1 << 20)
    whole = list(journal.read())
    assert [frame.sequence for frame in whole] == list(range(60))
    for start in range(60):
        assert list(journal.read(start)) == whole[start:]
        assert next(iter(journal.read(start))) == whole[start]
    journal.close()
    for missing in (1, 59):
        reader = _open(tmp_path, read_only=True)
        path = tmp_path / "journal" / f"{0:020d}.seg"
        frame = whole[missing] if missing < 20 else whole[15]
        _patch(path, frame.offset + 60, b"\x00")
        with pytest.raises(Broken):
            list(reader.read(frame.sequence))
        _patch(path, frame.offset + 60, frame.payload[12:13])


def test_an_opening_syncs_what_a_killed_writer_may_have_left_in_memory(tmp_path):
    _written(tmp_path, [b"\x01" * 5_000, b"\x02" * 5_000, b"\x03" * 5_000])
    disk = Disk()
    journal = _open(tmp_path, disk=SyncedBy(disk))
    assert disk.calls == 2, "the last two segments"
    journal.close()
    with pytest.raises(Unavailable, match="the disk fails"):
        _open(tmp_path, disk=SyncedBy(Disk(1)))
    reader = Disk()
    _open(tmp_path, read_only=True, disk=SyncedBy(reader)).close()
    assert reader.calls == 0
    _open(tmp_path).close()
