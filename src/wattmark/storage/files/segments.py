"""Reading journal segments: listing, mapping into memory, chained frames across files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from wattmark.core.errors import Broken
from wattmark.ledger.frames import CHAIN_START, Bytes, Frame, Tail, TailKind, parse_segment_name, scan_segment
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

    def map(self) -> Bytes:
        """Return the file's bytes, mapped read-only (``uint8 [size]``)."""
        if not self.path.stat().st_size:
            return np.empty(0, dtype=np.uint8)
        return np.asarray(np.memmap(self.path, dtype=np.uint8, mode="r"))


def list_segments(directory: Path) -> list[Segment]:
    """Return the segments of a journal directory in order."""
    found: list[Segment] = []
    for path in directory.iterdir() if directory.is_dir() else ():
        first = parse_segment_name(path.name)
        if first is not None:
            found.append(Segment(first, path))
    return sorted(found)


def journal_files(directory: Path) -> Iterator[tuple[str, Bytes]]:
    """Yield (path relative to the home directory, bytes) of every journal file, for the auditor.

    The writer's lock and unfinished temporary files hold no truth and are left out.
    """
    for path in sorted(directory.iterdir()) if directory.is_dir() else ():
        if path.name != LOCK_NAME and not path.name.endswith(TEMPORARY_SUFFIX):
            yield Segment(0, path).file, Segment(0, path).map()


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
    segments: list[Segment], from_sequence: int, until_sequence: int | None, marks: Marks
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
        for item in scan_segment(segment.map(), expected, prev_hash, offset):
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
