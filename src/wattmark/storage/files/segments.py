"""Reading journal segments: listing, mapping into memory, chained frames across files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wattmark.core.errors import Broken
from wattmark.ledger.frames import CHAIN_START, Bytes, Frame, Tail, TailKind, parse_segment_name, scan_segment
from wattmark.storage.files.calls import LOCAL_DISK, Disk
from wattmark.storage.files.disk import TEMPORARY_SUFFIX

LOCK_NAME: Final = "writer.lock"
"""File whose lock the one writer holds; always empty."""
MARK_BYTES: Final = 256 * 1024
"""Distance between remembered frame starts [bytes]."""
CHAIN_RULE: Final = "journal: frames are whole, numbered and chained"
"""Rule named by a ``Broken`` of the journal."""


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One segment file and the sequence of its first frame."""

    first_sequence: int
    path: Path

    @property
    def file(self) -> str:
        """Return the path relative to the home directory."""
        return f"{self.path.parent.name}/{self.path.name}"


def list_segments(directory: Path, disk: Disk) -> list[Segment]:
    """Return the segments of a journal directory in order."""
    named = ((parse_segment_name(name), name) for name in disk.names(directory))
    return sorted(Segment(first, directory / name) for first, name in named if first is not None)


def journal_files(directory: Path, disk: Disk = LOCAL_DISK) -> Iterator[tuple[str, Bytes]]:
    """Yield (path relative to the home directory, bytes) of every journal file, for the auditor.

    The writer's lock and unfinished temporary files hold no truth and are left out.
    """
    for name in sorted(disk.names(directory)):
        if name != LOCK_NAME and not name.endswith(TEMPORARY_SUFFIX):
            yield Segment(0, directory / name).file, disk.map(directory / name)


class Marks:
    """Where some frames start, so that a read need not begin at the head of a segment."""

    __slots__ = ("_places",)

    def __init__(self) -> None:
        """Know nothing yet."""
        self._places: dict[int, list[tuple[int, int]]] = {}

    def note(self, segment: Segment, sequence: int, offset: int) -> None:
        """Remember where a frame starts, unless one close before it is known."""
        places = self._places.setdefault(segment.first_sequence, [(segment.first_sequence, 0)])
        if offset - places[-1][1] >= MARK_BYTES:
            places.append((sequence, offset))

    def before(self, segment: Segment, sequence: int) -> tuple[int, int]:
        """Return (sequence, offset) of the last known frame at or before ``sequence``."""
        places = self._places.get(segment.first_sequence, ())
        return max((place for place in places if place[0] <= sequence), default=(segment.first_sequence, 0))


def read_frames(
    segments: list[Segment], from_sequence: int, until_sequence: int | None, marks: Marks, disk: Disk
) -> Iterator[Frame]:
    """Yield the frames of ``[from_sequence, until_sequence]``; to the end, short of a torn tail, when ``None``.

    Raises:
        Broken: a frame in the way does not hold, or a segment is missing.
    """
    behind = sum(segment.first_sequence <= from_sequence for segment in segments)
    expected: int | None = None if behind else 0
    prev_hash: bytes | None = None
    for segment in segments[max(0, behind - 1) :]:
        if expected is None:
            expected, offset = marks.before(segment, max(segment.first_sequence, from_sequence - 1))
            prev_hash = None if expected else CHAIN_START
        elif segment.first_sequence != expected:
            raise Broken(segment.file, "byte 0", CHAIN_RULE, "the segment before is missing or cut short")
        else:
            offset = 0
        for item in scan_segment(disk.map(segment.path), expected, prev_hash, offset):
            if isinstance(item, Tail):
                _check_tail(segment, item, is_last=segment == segments[-1])
                break
            marks.note(segment, item.sequence, item.offset)
            expected, prev_hash = item.sequence + 1, item.frame_hash
            if item.sequence >= from_sequence:
                yield item
            if item.sequence == until_sequence:
                return


def _check_tail(segment: Segment, tail: Tail, *, is_last: bool) -> None:
    if tail.kind is TailKind.BROKEN or (tail.kind is TailKind.TORN and not is_last):
        raise Broken(segment.file, tail.position, CHAIN_RULE, tail.detail)
