"""The journal as segment files: one append is one frame, one write, one fdatasync.

Life of an append: check the room on the disk; start a new segment if the frame does not fit (written full of
zeros, synced, renamed into place, directory synced); write the frame; fdatasync; only then count it. The zeros of the
next segment are written by a second thread once this one is half full, so that no append waits for them. Whatever
goes wrong between write and sync, its effect is unknown, so the journal refuses further appends until it is
opened anew. An opening syncs first and drops what memory holds: it reads back what is really on the disk.
"""

import errno
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from wattmark.core.errors import Broken, Unavailable
from wattmark.core.text import Text
from wattmark.crypto.hashing import sha256
from wattmark.ledger.frames import CHAIN_START, Frame, Tail, TailKind, encode_frame, scan_segment, segment_name
from wattmark.storage.files.calls import LOCAL_DISK, Disk
from wattmark.storage.files.disk import (
    RESERVE_BYTES,
    TEMPORARY_SUFFIX,
    ExclusiveLock,
    disk_failed,
    disk_full,
    make_directory,
    write_synced,
    writing_failed,
)
from wattmark.storage.files.segments import CHAIN_RULE, LOCK_NAME, Marks, Segment, list_segments, read_frames

SEGMENT_BYTES: Final = 64 * 1024 * 1024
"""Length of a segment file [bytes]."""

NEXT_NAME: Final = f"next{TEMPORARY_SUFFIX}"
"""The segment to come while it is being filled with zeros; of no worth after a crash."""

_ZEROS: Final = bytes(1024 * 1024)


class FileJournal:
    """A journal in one directory; see ``wattmark.ledger.ports.Journal``."""

    def __init__(
        self,
        directory: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        reserve_bytes: int = RESERVE_BYTES,
        read_only: bool = False,
        disk: Disk = LOCAL_DISK,
    ) -> None:
        """Open the journal and find its last frame; a torn tail is left in place and told by ``torn_tail``.

        Args:
            directory: where the segments lie; created when this is the writer.
            segment_bytes: length of new segments [bytes].
            reserve_bytes: ``check_room`` refuses when less room than this is left on the disk beside the next
                segment, and ``append`` when less than half of it is [bytes].
            read_only: do not take the writer's lock and never write.
            disk: where it lies; tests inject failures here.

        Raises:
            Unavailable: another process is the writer, or the disk fails.
            Broken: a frame of the last two segments is damaged.
        """
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._reserve_bytes = reserve_bytes
        self._read_only = read_only
        self._disk = disk
        self._segment: Segment | None = None
        self._handle: int | None = None
        self._room = self._end = 0
        self._last_sequence = -1
        self._last_hash = CHAIN_START
        self._torn: Tail | None = None
        self._marks = Marks()
        self._open = True
        self._failed = False
        self._lock: ExclusiveLock | None = None
        self._helper = disk.helpers(1)
        self._next: Future[Path] | None = None
        try:
            if not read_only:
                make_directory(directory, disk)
                self._lock = ExclusiveLock(directory / LOCK_NAME, disk=disk)
                self._settle()
            self._recover()
        except OSError as error:
            self.close()
            raise disk_failed(error) from error
        except BaseException:
            self.close()
            raise

    @property
    def last_sequence(self) -> int:
        """Sequence of the last frame; -1 when there is none."""
        return self._last_sequence

    @property
    def last_hash(self) -> bytes:
        """SHA-256 of the last whole frame; 32 zero bytes when there is none."""
        return self._last_hash

    @property
    def torn_tail(self) -> Tail | None:
        """What a stopped write left behind the last frame, until it is dropped."""
        return self._torn

    def check_room(self) -> None:
        """Refuse early: below the reserve nothing new is begun, and what is under way has half of it left.

        The segment to come counts as room that is needed, until it is being made.

        Raises:
            Unavailable: not the writer, or disk almost full; nothing is stopped by asking.
        """
        self._check_open()
        self._check_free(self._reserve_bytes + (0 if self._is_next_coming() else self._segment_bytes))

    def append(self, payload: bytes) -> int:
        """Store one payload durably and return its sequence.

        Raises:
            MalformedInput: empty or too long; nothing is stored.
            Unavailable: not the writer, disk full, or an earlier append failed.
        """
        self._check_writer()
        sequence = self._last_sequence + 1
        frame = encode_frame(sequence, self._last_hash, payload)
        self._check_free(self._reserve_bytes // 2)
        self.drop_torn_tail()
        if self._handle is None or self._end + len(frame) > self._room:
            self._start_segment(sequence, max(self._segment_bytes, len(frame)))
        assert self._segment is not None
        self._write(frame)
        self._marks.note(self._segment, sequence, self._end)
        self._end += len(frame)
        self._last_sequence = sequence
        self._last_hash = sha256(frame)
        if self._next is None and self._end > self._room // 2:
            self._next = self._helper.submit(self._write_zeros, NEXT_NAME, self._segment_bytes)
        return sequence

    def read(self, from_sequence: int = 0) -> Iterator[Frame]:
        """Yield the frames from ``from_sequence`` on, one in memory at a time, checked and chained.

        The writer reads what it has acknowledged; a reader reads what is whole, without a torn tail.

        Raises:
            Broken: a frame does not hold; names file and position.
        """
        until = None if self._read_only else self._last_sequence
        if until is not None and from_sequence > until:
            return iter(())
        return read_frames(list_segments(self._directory, self._disk), from_sequence, until, self._marks, self._disk)

    def drop_torn_tail(self) -> Tail | None:
        """Overwrite a torn tail with zeros, durably, and say what was dropped.

        Raises:
            Unavailable: not the writer, or the disk fails.
        """
        self._check_writer()
        dropped = self._torn
        if dropped is not None and self._segment is not None:
            rest = self._disk.map(self._segment.path)[self._end :]
            used = len(rest) - int(np.argmax(rest[::-1] != 0)) if rest.any() else 0
            self._write(bytes(used))
            self._torn = None
        return dropped

    def close(self) -> None:
        """Release files and the writer's lock; fine when that was done before."""
        self._open = False
        self._helper.shutdown()
        if self._next is not None:
            self._next = None
            with suppress(OSError):  # of no worth: cleared by the next opening
                self._disk.unlink(self._directory / NEXT_NAME)
        if self._handle is not None:
            self._disk.close(self._handle)
            self._handle = None
        if self._lock is not None:
            self._lock.release()

    def _settle(self) -> None:
        """Make durable what a writer that was stopped may have left in memory only, and read what the disk has.

        Without it a whole frame could be found and answered for that no sync ever covered.
        """
        self._disk.sync_directory(self._directory.parent)
        self._disk.sync_directory(self._directory)
        for segment in list_segments(self._directory, self._disk)[-2:]:
            handle = self._disk.open(segment.path)
            try:
                self._disk.sync(handle)
                self._disk.forget(handle)
            finally:
                self._disk.close(handle)

    def _recover(self) -> None:
        segments = list_segments(self._directory, self._disk)
        prev_hash = None if len(segments) > 2 else CHAIN_START
        for segment in segments[-2:]:
            self._recover_segment(segment, prev_hash)
            prev_hash = self._last_hash
        if self._read_only:
            return
        for name in self._disk.names(self._directory):
            if name.endswith(TEMPORARY_SUFFIX):
                self._disk.unlink(self._directory / name)
        if self._segment is not None:
            self._handle = self._disk.open(self._segment.path)

    def _recover_segment(self, segment: Segment, prev_hash: bytes | None) -> None:
        if self._torn is not None:
            raise Broken(segment.file, "byte 0", CHAIN_RULE, "the segment before ends in a torn frame")
        if prev_hash is not None and segment.first_sequence != self._last_sequence + 1:
            raise Broken(segment.file, "byte 0", CHAIN_RULE, "the segment before is missing or cut short")
        data = self._disk.map(segment.path)
        self._segment, self._room = segment, len(data)
        for item in scan_segment(data, segment.first_sequence, prev_hash):
            if isinstance(item, Frame):
                self._marks.note(segment, item.sequence, item.offset)
                self._last_sequence, self._last_hash = item.sequence, item.frame_hash
            else:
                self._end = item.offset
                if item.kind is TailKind.BROKEN:
                    raise Broken(segment.file, item.position, CHAIN_RULE, item.detail)
                self._torn = item if item.kind is TailKind.TORN else None

    def _start_segment(self, sequence: int, size: int) -> None:
        path = self._directory / segment_name(sequence)
        try:
            if self._next is not None and self._next.exception() is not None:
                self._next = None  # what went wrong may be over
            if self._next is not None and size == self._segment_bytes:
                temporary, self._next = self._next.result(), None
            else:
                temporary = self._write_zeros(path.name + TEMPORARY_SUFFIX, size)
            self._disk.rename(temporary, path)
            self._disk.sync_directory(self._directory)
            handle = self._disk.open(path)
        except OSError as error:
            self._failed = True
            raise writing_failed(error) from error
        if self._handle is not None:
            self._disk.close(self._handle)
        self._handle, self._segment, self._room, self._end = handle, Segment(sequence, path), size, 0

    def _is_next_coming(self) -> bool:
        """Return whether the next segment is made or being made, and has not failed so far."""
        coming = self._next
        return coming is not None and not (coming.done() and coming.exception() is not None)

    def _write_zeros(self, name: str, size: int) -> Path:
        path = self._directory / name
        write_synced(path, (_ZEROS[: size - start] for start in range(0, size, len(_ZEROS))), self._disk)
        return path

    def _write(self, data: bytes) -> None:
        """Write at the end and sync; any error stops the journal, since its effect is unknown."""
        assert self._handle is not None
        self._failed = True
        try:
            if self._disk.write(self._handle, data, self._end) != len(data):
                raise OSError(errno.EIO, "only a part of a frame was taken")  # noqa: TRY301 - as any other failure
            self._disk.sync(self._handle)
        except OSError as error:
            raise writing_failed(error) from error
        self._failed = False

    def _check_free(self, least_bytes: int) -> None:
        try:
            free = self._disk.free(self._directory)
        except OSError as error:
            raise disk_failed(error) from error
        if free < least_bytes:
            raise disk_full()

    def _check_open(self) -> None:
        if self._read_only or not self._open:
            raise Unavailable(Text(en="the journal is not open for writing", ja="ジャーナルは書込用に開かれていません"))

    def _check_writer(self) -> None:
        self._check_open()
        if self._failed:
            reason = Text(
                en="an earlier write failed; open the journal anew", ja="前回の書込に失敗しました。開き直してください"
            )
            raise Unavailable(reason)
