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


def read_frames(segments: list[Segment], from_sequence: int, until_sequence: int | None) -> Iterator[Frame]:
    """Yield the frames of ``[from_sequence, until_sequence]``; to the end, short of a torn tail, when ``None``.

    Raises:
        Broken: a frame in the way does not hold, or a segment is missing.
    """
    wanted = [place for place, segment in enumerate(segments) if segment.first_sequence <= from_sequence]
    start = wanted[-1] if wanted else 0
    expected: int | None = None
    prev_hash: bytes | None = None
    for segment in segments[start:]:
        if (start == 0 and expected is None and segment.first_sequence) or expected not in (
            None,
            segment.first_sequence,
        ):
            raise Broken(segment.file, "byte 0", CHAIN_RULE, "the segment before is missing or cut short")
        if expected is None and segment.first_sequence == 0:
            prev_hash = CHAIN_START
        expected = segment.first_sequence
        for item in scan_segment(segment.map(), expected, prev_hash):
            if isinstance(item, Tail):
                _check_tail(segment, item, is_last=segment == segments[-1])
                break
            expected, prev_hash = item.sequence + 1, item.frame_hash
            if item.sequence >= from_sequence:
                yield item
            if item.sequence == until_sequence:
                return


def _check_tail(segment: Segment, tail: Tail, *, is_last: bool) -> None:
    if tail.kind is TailKind.BROKEN or (tail.kind is TailKind.TORN and not is_last):
        raise Broken(segment.file, tail.position, CHAIN_RULE, tail.detail)
