"""Reading rows back: each is one frame, byte for byte that of ``ledger.frames``."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final

import psycopg
from psycopg.pq import ExecStatus, TransactionStatus

from wattmark.core.errors import Broken
from wattmark.core.findings import Finding
from wattmark.ledger.frames import CHAIN_START, MAX_SEQUENCE, Frame, scan_segment
from wattmark.storage.postgres.connect import Connection, close_quietly, connect_reader, database_failed
from wattmark.storage.postgres.statements import Statements

CHAIN_RULE: Final = "journal: frames are whole, numbered and chained"
"""Rule named by a ``Broken`` of the journal."""
ROWS_AHEAD: Final = 4
"""Rows fetched at a time: a few frames of 1.5 MB, at most of 32 MiB each."""
IDLE_READERS: Final = 2
"""Connections kept for the next reader."""


class Readers:
    """Connections for reading, kept for reuse; any number of threads may read."""

    def __init__(self, dsn: str, statements: Statements) -> None:
        """Connect on demand."""
        self._dsn = dsn
        self._statements = statements
        self._lock = Lock()
        self._idle: list[Connection] = []

    def rows(self, first: int, last: int = MAX_SEQUENCE) -> Iterator[tuple[Any, ...]]:
        """Yield (sequence, prev_hash, frame_hash, frame) of the rows ``[first, last]``, as of one moment, unchecked.

        Raises:
            Unavailable: the database fails.
        """
        with self._connection() as connection, connection.cursor("frames", binary=True) as cursor:
            cursor.itersize = ROWS_AHEAD
            cursor.execute(self._statements.rows, (first, last))
            yield from cursor

    def tables_exist(self) -> bool:
        """Return whether there is a journal at all.

        Raises:
            Unavailable: the database fails.
        """
        with self._connection() as connection:
            return _only_value(connection.execute(self._statements.exists)) is True

    def size(self) -> int:
        """Return how many bytes the frames have, as the database keeps them, about.

        Raises:
            Unavailable: the database fails.
        """
        with self._connection() as connection:
            if _only_value(connection.execute(self._statements.exists)) is not True:
                return 0
            found = _only_value(connection.execute(self._statements.size))
            assert isinstance(found, int)
            return found

    def epoch(self) -> int:
        """Return the epoch of the writer in turn.

        Raises:
            Unavailable: the database fails.
        """
        with self._connection() as connection:
            found = _only_value(connection.execute(self._statements.epoch))
            assert isinstance(found, int)
            return found

    def last_rows(self) -> list[tuple[Any, ...]]:
        """Return the last two rows, last first.

        Raises:
            Unavailable: the database fails.
        """
        with self._connection() as connection, connection.cursor(binary=True) as cursor:
            return cursor.execute(self._statements.last).fetchall()

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            close_quietly(connection)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        try:
            if connection is not None and connection.pgconn.exec_(b"").status != ExecStatus.EMPTY_QUERY:
                close_quietly(connection)  # the server was started anew meanwhile
                connection = None
            if connection is None:
                connection = connect_reader(self._dsn)
            with connection.transaction():
                yield connection
        except psycopg.Error as error:
            raise database_failed(error) from error
        finally:
            if connection is not None:
                self._put_back(connection)

    def _put_back(self, connection: Connection) -> None:
        with self._lock:
            usable = not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
            if usable and len(self._idle) < IDLE_READERS:
                self._idle.append(connection)
                return
        close_quietly(connection)


def read_frames(readers: Readers, name: str, first: int, last: int | None) -> Iterator[Frame]:
    """Yield the frames ``[first, last]``, to the end when ``last`` is ``None``, checked and chained.

    Raises:
        Broken: a row is missing or does not hold; names it.
        Unavailable: the database fails.
    """
    start = max(first - 1, 0)
    prev_hash: bytes | None = None if start else CHAIN_START
    expected = start
    for row in readers.rows(start, MAX_SEQUENCE if last is None else last):
        frame = frame_of_row(name, row, expected, prev_hash)
        expected, prev_hash = frame.sequence + 1, frame.frame_hash
        if frame.sequence >= first:
            yield frame
    if last is not None and expected <= last:
        raise Broken(name, f"row {expected}", CHAIN_RULE, "missing")


def frame_of_row(name: str, row: tuple[Any, ...], expected: int, prev_hash: bytes | None) -> Frame:
    """Return the frame of a row if it is the expected one and whole.

    Args:
        name: schema and table, for the error.
        row: sequence, prev_hash, frame_hash, frame.
        expected: sequence it must have.
        prev_hash: hash it must chain to, or ``None`` to take its word.

    Raises:
        Broken: it is not; names the row.
    """
    sequence, stored_prev_hash, stored_hash, data = row
    if sequence != expected:
        raise Broken(name, f"row {expected}", CHAIN_RULE, f"missing; row {sequence} follows")
    frame = next(scan_segment(data, expected, prev_hash))
    if not isinstance(frame, Frame):
        raise Broken(name, f"row {expected}", CHAIN_RULE, frame.detail or "no frame")
    if frame.end != len(data):
        raise Broken(name, f"row {expected}", CHAIN_RULE, f"{len(data) - frame.end} bytes behind the frame")
    if (stored_prev_hash, stored_hash) != (frame.prev_hash, frame.frame_hash):
        raise Broken(name, f"row {expected}", CHAIN_RULE, "prev_hash or frame_hash is not that of the frame")
    return frame


def scan_rows(readers: Readers, name: str) -> Iterator[tuple[str, Frame] | Finding]:
    """Yield (table, frame) of every row that holds, in order, and a finding for what does not.

    What follows a fault is checked on its own.

    Raises:
        Unavailable: the database fails.
    """
    if not readers.tables_exist():
        return
    expected, prev_hash = 0, CHAIN_START
    for row in readers.rows(0):
        chain: bytes | None = prev_hash
        if row[0] != expected:
            yield Finding(name, f"row {expected}", CHAIN_RULE, f"missing; row {row[0]} follows")
            expected, chain = row[0], None
        try:
            frame = frame_of_row(name, row, expected, chain)
        except Broken as error:
            yield Finding.from_broken(error)
            prev_hash = row[2]
        else:
            prev_hash = frame.frame_hash
            yield name, frame
        expected += 1


def _only_value(cursor: psycopg.Cursor[tuple[Any, ...]]) -> object:
    row = cursor.fetchone()
    assert row is not None
    return row[0]
