"""Settings to engines: the journal and the checkpoint store a home asks for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from wattmark.core.errors import MalformedInput
from wattmark.core.findings import Finding
from wattmark.core.text import Text
from wattmark.engine.snapshot import Snapshot
from wattmark.flows.keys import LogKeys
from wattmark.flows.sequence import Sequencer
from wattmark.flows.settings import JOURNAL_POSTGRES, Settings
from wattmark.ledger.frames import Frame
from wattmark.ledger.ports import Checkpoints, Journal
from wattmark.storage.files import FileCheckpoints, FileJournal, FileTiles
from wattmark.wiring.home import read_keys, read_settings
from wattmark.wiring.ledger import start_sequencer

STANDBY_WAIT_S: Final = 24 * 86_400.0
"""How long a standby waits for the writer's lock: about the longest time that PostgreSQL takes [s]."""


def open_journal(
    home: Path, settings: Settings, *, read_only: bool = False, takeover: bool = False, standby: bool = False
) -> Journal:
    """Open the journal of a home.

    Args:
        home: the directory.
        settings: the operator's settings.
        read_only: take no lock and write nothing.
        takeover: end the writer there is and fence it (PostgreSQL).
        standby: wait until the writer there is has gone (PostgreSQL).

    Raises:
        MalformedInput: taking over or standing by where the engine cannot, or the engine is not installed.
        Unavailable: another process is the writer, or the engine is not reached.
        Broken: the last frames are damaged.
    """
    if settings.journal == JOURNAL_POSTGRES:
        postgres = _postgres()
        wait = {"lock_wait_s": STANDBY_WAIT_S} if standby else {}
        journal: Journal = postgres.PostgresJournal(
            settings.journal_dsn, schema=settings.journal_schema, read_only=read_only, takeover=takeover, **wait
        )
        return journal
    if takeover or standby:
        rule = Text(
            en="a journal in PostgreSQL, whose lock tells who writes", ja="PostgreSQLのジャーナルでのみ利用できる"
        )
        raise MalformedInput("JOURNAL_NOT_SHARED", "journal", settings.journal, rule)
    return FileJournal(
        home / "journal",
        segment_bytes=settings.segment_bytes,
        reserve_bytes=settings.reserve_bytes,
        read_only=read_only,
    )


def open_checkpoints(home: Path, settings: Settings, writer: Journal | None = None) -> Checkpoints:
    """Return the store of the last signed checkpoint: it is kept with the journal.

    Args:
        home: the directory.
        settings: the operator's settings.
        writer: the journal as ``open_journal`` returned it, of whoever swaps; in PostgreSQL its epoch fences the swaps
            too, and without it the store is for loading only.

    Raises:
        MalformedInput: the engine is not installed.
    """
    if settings.journal == JOURNAL_POSTGRES:
        postgres = _postgres()
        epoch = (lambda: writer.epoch) if isinstance(writer, postgres.PostgresJournal) else None
        store: Checkpoints = postgres.PostgresCheckpoints(
            settings.journal_dsn, schema=settings.journal_schema, epoch=epoch
        )
        return store
    return FileCheckpoints(home / "checkpoint")


def audited_rows(settings: Settings) -> Iterator[tuple[str, Frame] | Finding]:
    """Yield the frames of a journal in PostgreSQL, with findings between them.

    Raises:
        MalformedInput: the engine is not installed.
        Unavailable: the database is not reached.
    """
    with _readers(settings) as (postgres, readers, name):
        yield from postgres.scan_rows(readers, name)


def audited_bytes(settings: Settings) -> int:
    """Return how many bytes a journal in PostgreSQL has, about.

    Raises:
        MalformedInput: the engine is not installed.
        Unavailable: the database is not reached.
    """
    with _readers(settings) as (_, readers, _name):
        size: int = readers.size()
        return size


@contextmanager
def _readers(settings: Settings) -> Iterator[tuple[ModuleType, Any, str]]:
    postgres = _postgres()
    statements = postgres.statements_of(settings.journal_schema)
    readers = postgres.Readers(settings.journal_dsn, statements)
    try:
        yield postgres, readers, statements.name
    finally:
        readers.close()


@contextmanager
def open_sequencer(home: Path, *, takeover: bool = False, standby: bool = False) -> Iterator[Sequencer]:
    """Open journal, state and log of a platform for writing, without its read model, which will be caught up later.

    Args:
        home: the directory.
        takeover: as of ``open_journal``.
        standby: as of ``open_journal``.

    Raises:
        MalformedInput: no platform there, or its settings or keys are malformed.
        Unavailable: another process is the writer.
        Broken: the journal is damaged, does not replay, or is not what was signed.
    """
    settings = read_settings(home)
    keys = read_keys(home, settings.origin)
    journal = open_journal(home, settings, takeover=takeover, standby=standby)
    tiles = FileTiles(home / "log")
    log_keys = LogKeys(settings.origin, keys.vkey, keys.log, keys.blinding, keys.subtree)

    def attempt(snapshot: Snapshot | None) -> Sequencer:
        checkpoints = open_checkpoints(home, settings, journal)
        return Sequencer(journal=journal, tiles=tiles, checkpoints=checkpoints, keys=log_keys, snapshot=snapshot)

    try:
        sequencer, _ = start_sequencer(attempt, None, journal, tiles)
        yield sequencer
    finally:
        journal.close()


def _postgres() -> ModuleType:
    """Return the engine, which needs an extra of the package.

    Raises:
        MalformedInput: it is not installed.
    """
    try:
        from wattmark.storage import postgres  # noqa: PLC0415 - most platforms do without its driver
    except ImportError as error:
        rule = Text(
            en="installed with the extra `postgres`: pip install wattmark[postgres]",
            ja="追加機能postgresの導入が必要: pip install wattmark[postgres]",
        )
        raise MalformedInput("EXTRA_MISSING", "journal", JOURNAL_POSTGRES, rule) from error
    return postgres
