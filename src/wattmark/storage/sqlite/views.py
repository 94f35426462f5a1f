"""The read model in one SQLite file: disposable, sealed at a clean close, rebuilt otherwise.

Theory of operation. While a writer has the file open there is no seal beside it, so a crash always leads to a
rebuild. At a clean close the write-ahead log is folded in and the file's SHA-256 is written to ``views.db.sha256``.
A file without a seal, or one that does not match it, is never read: it is thrown away and rebuilt from the journal
and the lake, or from a sealed copy that was taken with a snapshot. One connection writes,
reads and checkpoints (WAL); a lock lets threads share it. Nothing is synced: after a power failure the file is either
what the seal says, byte for byte, or it is rebuilt, and the disk is left to the journal.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import file_digest
from pathlib import Path
from typing import Final, Self

from wattmark.core.errors import Unavailable
from wattmark.core.text import Text
from wattmark.engine.state import State
from wattmark.flows.ports import AppliedFrame, LakePlace
from wattmark.storage.sqlite.reads import SqliteReads
from wattmark.storage.sqlite.schema import create_tables, schema_is_current
from wattmark.storage.sqlite.writes import FrameWriter

FILE_NAME: Final = "views.db"
COPY_NAME: Final = "copy.db"
"""A sealed copy, taken with each snapshot while a writer runs."""
SEAL_SUFFIX: Final = ".sha256"
CACHE_KIB: Final = 64 * 1024
"""Pages kept in memory: the indexes by account are written all over [KiB]."""
COMMIT_FRAMES: Final = 64
"""Frames per transaction; more only means more to rebuild, which a crash causes anyway."""

ReadLake = Callable[[str], bytes]


class SqliteViews(SqliteReads):
    """The read model of one process."""

    def __init__(self, connection: sqlite3.Connection, read_lake: ReadLake, path: Path | None) -> None:
        """Wrap an open connection; ``path`` is ``None`` for a model in memory."""
        super().__init__(connection)
        self._writer = FrameWriter(connection, read_lake)
        self._path = path
        self._pending = 0
        self._torn = False

    @classmethod
    def open_sealed(cls, path: Path, read_lake: ReadLake) -> Self | None:
        """Return the sealed model for writing and take off its seal; ``None`` when it cannot be believed."""
        if not is_sealed(path):
            return None
        connection = _connect(path)
        if not schema_is_current(connection):
            connection.close()
            return None
        _seal_path(path).unlink()
        return cls(connection, read_lake, path)

    @classmethod
    def read_sealed(cls, path: Path, read_lake: ReadLake) -> Self | None:
        """Return the sealed model for reading only; ``None`` when it cannot be believed."""
        if not is_sealed(path):
            return None
        connection = _connect_read_only(path)
        if not schema_is_current(connection):
            connection.close()
            return None
        return cls(connection, read_lake, None)

    @classmethod
    def create(cls, path: Path, read_lake: ReadLake) -> Self:
        """Return an empty model in place of whatever stood at ``path``."""
        _clear(path)
        connection = _connect(path)
        create_tables(connection)
        return cls(connection, read_lake, path)

    @classmethod
    def from_copy(cls, copy: Path, path: Path | None, read_lake: ReadLake) -> Self | None:
        """Return a model that goes on from a sealed copy: at ``path``, or in memory when ``None``.

        ``None`` is returned when there is no copy that can be believed.
        """
        if not is_sealed(copy):
            return None
        source = _connect_read_only(copy)
        try:
            if not schema_is_current(source):
                return None
            if path is None:
                connection = sqlite3.connect(":memory:", check_same_thread=False)
            else:
                _clear(path)
                connection = _connect(path)
            source.backup(connection)
        finally:
            source.close()
        return cls(connection, read_lake, path)

    @classmethod
    def in_memory(cls, read_lake: ReadLake) -> Self:
        """Return an empty model that leaves nothing behind: for readers beside a running writer."""
        connection = sqlite3.connect(":memory:", check_same_thread=False)
        create_tables(connection)
        return cls(connection, read_lake, None)

    def cursor(self) -> tuple[int, bytes] | None:
        """Return (sequence, hash) of the last frame taken in, or ``None``."""
        value = self._blob("SELECT value FROM meta WHERE name = 'cursor'")
        return None if value is None else (int.from_bytes(value[:8], "big"), value[8:])

    def record(self, frame: AppliedFrame, state: State) -> None:
        """Take in the next frame.

        Raises:
            Broken: a lake file named by the frame is missing or not what the record says.
            Unavailable: SQLite refuses, now or before; the frame stands in the journal, and the model is to be rebuilt.
        """
        with self._writing():
            self._writer.write(frame, state)
            self._pending += 1
            if self._pending >= COMMIT_FRAMES:
                self._commit()

    def channel(self, device: int) -> bytes | None:
        """Return the stored verification state of a device's channel."""
        return self._blob("SELECT state FROM channels WHERE device = ?", device)

    def pending(self, device: int) -> list[LakePlace]:
        """Return where the slot envelopes accepted after that state lie, oldest first."""
        with self._settled():
            rows = self._connection.execute("SELECT file, row FROM pending WHERE device = ? ORDER BY number", (device,))
            return [LakePlace(*row) for row in rows]

    def close(self) -> None:
        """Commit, fold in the write-ahead log, close and seal the file.

        Raises:
            Unavailable: SQLite refuses, now or before; the file is closed without a seal.
        """
        try:
            with self._writing():
                self._commit()
                if self._path is not None:
                    self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self.abandon()
        if self._path is not None:
            _seal(self._path)

    def write_copy(self, copy: Path) -> None:
        """Write a sealed copy of the model as it stands, from which an opening after a crash goes on.

        Raises:
            Unavailable: SQLite refuses; where only the copy failed, the model goes on.
        """
        try:
            _clear(copy)
            with closing(sqlite3.connect(copy)) as target, self._turns:
                with self._whole_write():
                    self._commit()
                self._connection.backup(target)
            _seal(copy)
        except (sqlite3.Error, OSError) as error:
            reason = f"the copy of the read model cannot be written ({error})"
            raise Unavailable(Text(en=reason, ja=f"参照用データベースの複製を書き込めません({error})")) from error

    def abandon(self) -> None:
        """Close without a seal: the next opening rebuilds."""
        with self._turns:
            self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Wait for one's turn and write."""
        with self._turns, self._whole_write():
            yield

    @contextmanager
    def _whole_write(self) -> Iterator[None]:
        """Enclose a write; one that does not reach its end is the last one."""
        if self._torn:
            raise Unavailable(_unwritable("an earlier write failed"))
        self._torn = True  # until the write is whole
        try:
            yield
        except sqlite3.Error as error:
            raise Unavailable(_unwritable(str(error))) from error
        self._torn = False

    def _commit(self) -> None:
        self._connection.commit()
        self._pending = 0


def is_sealed(path: Path) -> bool:
    """Return whether the file is the one that was sealed at the last clean close."""
    seal = _seal_path(path)
    if not path.is_file() or not seal.is_file():
        return False
    return seal.read_bytes() == f"{_digest(path)}  {path.name}\n".encode()


def _unwritable(why: str) -> Text:
    return Text(
        en=f"the read model cannot be written ({why}); open the platform anew",
        ja=f"参照用データベースに書き込めません({why})。プラットフォームを開き直すこと",
    )


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(f"PRAGMA cache_size = {-CACHE_KIB}")
    return connection


def _connect_read_only(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(uri, uri=True, check_same_thread=False)


def _clear(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", _seal_path(path).name):
        (path.parent / name).unlink(missing_ok=True)


def _seal(path: Path) -> None:
    _seal_path(path).write_text(f"{_digest(path)}  {path.name}\n")


def _seal_path(path: Path) -> Path:
    return path.with_name(path.name + SEAL_SUFFIX)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
