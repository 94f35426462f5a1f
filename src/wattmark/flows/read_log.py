"""Read the records of a log from its journal alone: no state, no read model, so that it is quick beside a writer."""

from bisect import bisect_right
from collections.abc import Iterator

from wattmark.core.errors import UnknownReference
from wattmark.core.text import Text
from wattmark.engine.batch import HEADER, decode_batch, leaf_entries
from wattmark.flows.sequence import Record
from wattmark.ledger.ports import Journal


class LogReader:
    """Finds records by log index; ``catch_up`` takes in what was acknowledged since."""

    def __init__(self, journal: Journal) -> None:
        """Read ``journal``, which is open for reading."""
        self._journal = journal
        self._frame_starts: list[int] = []
        self._size = 0

    @property
    def size(self) -> int:
        """Number of records taken in."""
        return self._size

    def catch_up(self) -> int:
        """Take in the frames that are new and return the number of records.

        Raises:
            Broken: a frame does not hold.
        """
        for frame in self._journal.read(len(self._frame_starts)):
            _, count, *_ = HEADER.unpack_from(frame.payload)
            self._frame_starts.append(self._size)
            self._size += count
        return self._size

    def records(self, start: int, end: int) -> Iterator[Record]:
        """Yield the records of log indices [start, end) that are there.

        Raises:
            UnknownReference: there is no record at ``start``.
            Broken: a frame does not hold.
        """
        if not 0 <= start < self._size:
            rule = Text(en=f"a log index below {self._size}", ja=f"{self._size}未満のログ番号")
            raise UnknownReference("UNKNOWN_RECORD", "position", start, rule)
        number = bisect_right(self._frame_starts, start) - 1
        position = self._frame_starts[number]
        for frame in self._journal.read(number):
            batch = decode_batch(frame.payload)
            entries = leaf_entries(batch)
            for row in range(max(start - position, 0), min(end - position, len(entries))):
                yield Record(position + row, batch.commands[row], batch.verdicts[row], entries[row].tobytes())
            position += len(entries)
            if position >= end:
                return
