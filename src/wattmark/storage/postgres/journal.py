"""The journal as rows: one append is one frame, one row, one transaction.

Life of an opening: connect; take the writer's advisory lock (a taker first ends the session that holds it); make
the tables if they are missing; raise the epoch, which fences every earlier writer; read the last rows back.

While it is open the writer is heard twice a second: the server itself ends the session of one that hangs (a lease, its
``idle_session_timeout``), and whoever waits for the lock gets it. A writer that only slept, and finds nobody in its
place, connects anew.

Life of an append: one statement stores the row if the epoch is still ours, and its commit is on disk (and on the
synchronous standbys the server asks for) when it returns. No row: another writer has taken over, and this journal
takes nothing more. A failure the server itself reports has stored nothing. Any other failure leaves the outcome
unknown, and it is found out before anything is said: connect anew, end the old session, raise our own epoch, which
waits for an append under way and makes every later one impossible, then read the row back. There with our hash: it
was stored. Not there: it never will be, and is stored now. Epoch no longer ours: fenced.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import Any, Final

import psycopg
from psycopg.errors import Diagnostic
from psycopg.sql import Composed

from wattmark.core.errors import Unavailable
from wattmark.core.text import Text
from wattmark.crypto.hashing import sha256
from wattmark.ledger.frames import CHAIN_START, Frame, Tail, encode_frame
from wattmark.storage.postgres.connect import (
    Connection,
    close_quietly,
    connect_writer,
    database_failed,
    is_definite,
    take_lease,
)
from wattmark.storage.postgres.rows import Readers, frame_of_row, read_frames
from wattmark.storage.postgres.statements import ANYBODY, LOCK, TERMINATE_HOLDER, Statements, statements_of

LOCK_WAIT_S: Final = 2.0
"""Longest wait for the lock of a writer whose session is ending [s]."""
RECONNECT_S: Final = 10.0
"""How long a lost database is waited for before an append of unknown outcome is given up [s]."""
RECONNECT_EVERY_S: Final = 0.1
HEARD_EVERY_S: Final = 0.5
"""How often an idle writer says that it is there, far more often than its lease asks for [s]."""

FENCED: Final = Text(
    en="another writer has taken over the journal; this one takes nothing more",
    ja="他のプロセスが書込を引き継ぎました。このプロセスはもう書き込めません",
)
NOT_WRITER: Final = Text(en="the journal is not open for writing", ja="ジャーナルは書込用に開かれていません")
FAILED: Final = Text(
    en="an earlier write failed; open the journal anew", ja="前回の書込に失敗しました。開き直してください"
)


class PostgresJournal:
    """A journal in one schema of a database; see ``wattmark.ledger.ports.Journal``."""

    def __init__(
        self,
        dsn: str,
        *,
        schema: str = "wattmark",
        read_only: bool = False,
        takeover: bool = False,
        lock_wait_s: float = LOCK_WAIT_S,
        reconnect_s: float = RECONNECT_S,
    ) -> None:
        """Open the journal and find its last frame.

        Args:
            dsn: connection string of libpq; a direct connection, no pool of transactions in between.
            schema: where the tables lie; made when this is the writer.
            read_only: take no lock and write nothing.
            takeover: end the session of the writer there is, if there is one, and fence it.
            lock_wait_s: wait so long for a writer whose session is ending [s].
            reconnect_s: wait so long for a lost database [s].

        Raises:
            MalformedInput: not a plain schema name.
            Unavailable: another process is the writer, or the database is not reached or not durable.
            Broken: one of the last two rows is damaged.
        """
        self._dsn = dsn
        self._statements: Statements = statements_of(schema)
        self._readers = Readers(dsn, self._statements)
        self._lock_wait_s = lock_wait_s
        self._reconnect_s = reconnect_s
        self._last_sequence = -1
        self._last_hash = CHAIN_START
        self._connection: Connection | None = None
        self._warnings: list[str] = []
        self._epoch = self._backend = 0
        self._stopped: Text | None = NOT_WRITER
        self._talk = Lock()
        self._over = Event()
        try:
            if not read_only:
                self._become_writer(takeover=takeover)
                Thread(target=self._be_heard, name="postgres lease", daemon=True).start()
            if self._readers.tables_exist():
                self._recover()
        except BaseException:
            self.close()
            raise
        self._stopped = NOT_WRITER if read_only else None

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
        """Always ``None``: a transaction is whole or not there."""
        return None

    @property
    def epoch(self) -> int:
        """The writer's epoch; 0 for a reader."""
        return self._epoch

    def check_room(self) -> None:
        """Refuse where ``append`` would; how full its disks are, the server alone knows.

        Raises:
            Unavailable: not the writer, or fenced by another one.
        """
        stopped = self._stopped
        if stopped is NOT_WRITER or stopped is FENCED:  # anything else may be an append under way
            raise Unavailable(stopped)

    def append(self, payload: bytes) -> int:
        """Store one payload durably and return its sequence.

        Raises:
            MalformedInput: empty or too long; nothing is stored.
            Unavailable: not the writer, fenced by another one, disk full, or the database is lost for too long.
        """
        with self._talk:
            return self._append(payload)

    def _append(self, payload: bytes) -> int:
        if self._stopped is not None:
            raise Unavailable(self._stopped)
        sequence = self._last_sequence + 1
        frame = encode_frame(sequence, self._last_hash, payload)
        frame_hash = sha256(frame)
        row = (sequence, self._last_hash, frame_hash, frame)
        self._stopped = FAILED  # until the outcome is known
        try:
            self._store(row)
        except psycopg.Error as error:
            assert self._connection is not None
            if is_definite(error, self._connection):
                self._stopped = FENCED if isinstance(error, psycopg.errors.UniqueViolation) else None
                raise database_failed(error) from error
            self._find_out(row, error)
        self._last_sequence, self._last_hash = sequence, frame_hash
        return sequence

    def read(self, from_sequence: int = 0) -> Iterator[Frame]:
        """Yield the frames from ``from_sequence`` on, a few in memory at a time, checked and chained.

        The writer reads what it has acknowledged; a reader reads what is there when it starts.

        Raises:
            Broken: a row is missing or does not hold; names it.
            Unavailable: the database fails.
        """
        until = None if self._epoch == 0 else self._last_sequence
        if until is not None and from_sequence > until:
            return iter(())
        if until is None and not self._readers.tables_exist():
            return iter(())
        return read_frames(self._readers, self._statements.name, from_sequence, until)

    def drop_torn_tail(self) -> Tail | None:
        """Return ``None``: there is never one.

        Raises:
            Unavailable: not the writer.
        """
        if self._stopped is not None:
            raise Unavailable(self._stopped)
        return None

    def close(self) -> None:
        """Release the connections and with them the writer's lock; fine when that was done before."""
        self._stopped = NOT_WRITER
        self._over.set()
        with self._talk:
            if self._connection is not None:
                close_quietly(self._connection)
                self._connection = None
        self._readers.close()

    def _become_writer(self, *, takeover: bool) -> None:
        connection = self._connect()
        deadline = time.monotonic() + self._lock_wait_s
        try:
            if takeover:
                connection.execute(TERMINATE_HOLDER, (self._statements.lock_key, ANYBODY))
            connection = self._wait_for_lock(connection, deadline)
            take_lease(connection)
            with connection.transaction():
                if not _value(connection, self._statements.exists):
                    connection.execute(self._statements.create)
            self._backend = connection.info.backend_pid
            self._warnings.clear()
            self._epoch = _value(connection, self._statements.raise_epoch)
            self._check_confirmed()
        except psycopg.errors.LockNotAvailable as error:
            reason = Text(en="another process is the writer of this schema", ja="他のプロセスが書込中")
            raise Unavailable(reason) from error
        except psycopg.Error as error:
            raise database_failed(error) from error
        self._lock_wait_s = min(self._lock_wait_s, LOCK_WAIT_S)

    def _wait_for_lock(self, connection: Connection, deadline: float) -> Connection:
        """Take the lock; a database that goes away meanwhile and comes back, or another of its hosts, is asked anew."""
        while True:
            try:
                self._lock(connection, deadline - time.monotonic())
            except psycopg.Error as error:
                if is_definite(error, connection) or time.monotonic() >= deadline:
                    raise
            else:
                return connection
            close_quietly(connection)
            while connection.closed:
                time.sleep(RECONNECT_EVERY_S)
                try:
                    connection = self._connect()
                except Unavailable:
                    if time.monotonic() >= deadline:
                        raise

    def _be_heard(self) -> None:
        """Keep the lease while nothing is appended, and learn from the epoch when somebody has taken over."""
        while not self._over.wait(HEARD_EVERY_S):
            with suppress(psycopg.Error, Unavailable):  # whether the database is there, the next append finds out
                epoch = self._heard_epoch() or self._readers.epoch()
                with self._talk:
                    if epoch > self._epoch and not self._over.is_set():
                        self._stopped = FENCED
                        return

    def _heard_epoch(self) -> int:
        """Return the epoch as the writer's own session sees it; 0 when that session is lost."""
        if not self._talk.acquire(blocking=False):
            return self._epoch  # whoever appends is heard
        try:
            return 0 if self._connection is None else int(_value(self._connection, self._statements.epoch))
        except psycopg.Error:
            return 0
        finally:
            self._talk.release()

    def _recover(self) -> None:
        rows = self._readers.last_rows()
        prev_hash: bytes | None = CHAIN_START if rows and rows[-1][0] == 0 else None
        for row in reversed(rows):
            expected = self._last_sequence + 1 if self._last_sequence >= 0 else row[0]
            frame = frame_of_row(self._statements.name, row, expected, prev_hash)
            self._last_sequence, self._last_hash = frame.sequence, frame.frame_hash
            prev_hash = frame.frame_hash

    def _connect(self) -> Connection:
        connection = connect_writer(self._dsn)
        self._connection = connection
        self._warnings.clear()
        connection.add_notice_handler(self._note)
        return connection

    def _lock(self, connection: Connection, wait_s: float) -> None:
        wait_ms = max(int(wait_s * 1_000), 1)
        connection.execute("SELECT set_config('lock_timeout', %s, false)", (str(wait_ms),))
        connection.execute(LOCK, (self._statements.lock_key,))

    def _store(self, row: tuple[Any, ...]) -> None:
        assert self._connection is not None
        self._warnings.clear()
        stored = self._connection.execute(self._statements.append, (*row, self._epoch), prepare=True).rowcount
        self._check_confirmed()
        if stored != 1:
            self._stopped = FENCED
            raise Unavailable(FENCED)
        self._stopped = None

    def _find_out(self, row: tuple[Any, ...], cause: psycopg.Error) -> None:
        """Learn whether a row was stored, and store it if it was not; see the module's theory.

        Raises:
            Unavailable: fenced, or the database is lost for too long.
        """
        deadline = time.monotonic() + self._reconnect_s
        while True:
            try:
                self._read_back(row)
            except (psycopg.Error, Unavailable) as error:
                if self._stopped is FENCED:
                    raise
                if time.monotonic() >= deadline:
                    raise database_failed(cause) from error
                time.sleep(RECONNECT_EVERY_S)
            else:
                return

    def _read_back(self, row: tuple[Any, ...]) -> None:
        old = self._connection
        assert old is not None
        close_quietly(old)
        connection = self._connect()
        connection.execute(TERMINATE_HOLDER, (self._statements.lock_key, self._backend))
        with suppress(psycopg.errors.LockNotAvailable):  # whoever holds it raises the epoch, or has
            self._lock(connection, self._lock_wait_s)
        take_lease(connection)
        self._backend = connection.info.backend_pid
        self._warnings.clear()
        raised = connection.execute(self._statements.raise_own_epoch, (self._epoch,)).fetchone()
        self._check_confirmed()  # this commit is behind that of the row: confirmed, it confirms both
        found = connection.execute(self._statements.stored_hash, (row[0],), binary=True).fetchone()
        is_stored = found is not None and found[0] == row[2]
        if raised is None:
            self._stopped = FENCED
            if not is_stored:
                raise Unavailable(FENCED)
            return
        self._epoch = raised[0]
        if is_stored:
            self._stopped = None
        else:
            self._store(row)

    def _note(self, notice: Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._warnings.append(notice.message_primary or "")

    def _check_confirmed(self) -> None:
        """Raise if the last commit came with a warning: its wait for a standby was cancelled, nothing is promised."""
        if self._warnings:
            raise _NotConfirmed(self._warnings[-1])


class _NotConfirmed(psycopg.OperationalError):
    """A commit of unknown durability."""


def _value(connection: Connection, statement: Composed) -> Any:  # noqa: ANN401 - the statement's own type
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0]
