"""The next segment is made beside the appends, and counts for nothing before it is used."""

import os
import threading
from pathlib import Path

import pytest

from reference.failing_disk import SyncedBy
from wattmark.core.errors import Unavailable
from wattmark.storage.files.journal import NEXT_NAME, FileJournal

SEGMENT = 8 * 1024
PAYLOAD = bytes(range(250)) * 4


def _journal(folder, sync=os.fdatasync):
    return FileJournal(folder, segment_bytes=SEGMENT, reserve_bytes=0, disk=SyncedBy(sync))


def _append_half(journal):
    while journal._end <= SEGMENT // 2:
        journal.append(PAYLOAD)


def test_zeros_are_written_by_another_thread_and_the_frames_go_on(tmp_path):
    writers = []

    def sync(handle):
        writers.append(threading.current_thread() is threading.main_thread())
        os.fdatasync(handle)

    journal = _journal(tmp_path, sync)
    for _ in range(40):
        journal.append(PAYLOAD)
    segments = sorted(tmp_path.glob("*.seg"))
    assert len(segments) > 3
    assert all(path.stat().st_size == SEGMENT for path in segments)
    assert writers.count(True) == 40 + 1, "one per frame and one for the first segment"
    assert [frame.payload for frame in journal.read()] == [PAYLOAD] * 40
    journal.close()
    with_all = _journal(tmp_path)
    assert with_all.last_sequence == 39
    with_all.close()


def test_an_unused_segment_is_removed_at_the_close_and_after_a_crash(tmp_path):
    journal = _journal(tmp_path)
    _append_half(journal)
    assert journal._next is not None
    assert journal._next.result().name == NEXT_NAME
    journal.close()
    assert not (tmp_path / NEXT_NAME).exists()
    (tmp_path / NEXT_NAME).write_bytes(b"left by a crash")
    again = _journal(tmp_path)
    assert not (tmp_path / NEXT_NAME).exists()
    again.append(PAYLOAD)
    again.close()


def test_a_next_segment_that_failed_is_made_again_when_it_is_due(tmp_path):
    """Zeros hold no truth: a disk that was full for a moment stops nobody."""

    def sync(handle):
        if threading.current_thread() is not threading.main_thread():
            raise OSError(28, "no space left on device")
        os.fdatasync(handle)

    journal = _journal(tmp_path, sync)
    for _ in range(40):
        journal.append(PAYLOAD)
    assert [frame.payload for frame in journal.read()] == [PAYLOAD] * 40
    journal.close()
    assert {path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"} == set()


def test_a_next_segment_that_fails_again_when_it_is_due_stops_the_journal(tmp_path):
    frames = []

    def sync(handle):
        if frames and Path(f"/proc/self/fd/{handle}").readlink().suffix == ".tmp":
            raise OSError(5, "input/output error")
        os.fdatasync(handle)

    journal = _journal(tmp_path, sync)
    journal.append(PAYLOAD)
    frames.append(1)
    _append_half(journal)
    while journal._end + len(PAYLOAD) + 49 <= SEGMENT:
        journal.append(PAYLOAD)
    stored = journal.last_sequence
    for _ in range(2):
        with pytest.raises(Unavailable):
            journal.append(PAYLOAD)
    journal.close()
    again = _journal(tmp_path)
    assert again.last_sequence == stored
    again.close()
