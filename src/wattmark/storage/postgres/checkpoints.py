"""The last signed checkpoint as one row beside the journal, so that whoever takes over goes on from it.

Life of a swap: connect; take a lock of the transaction; make the table if it is missing; compare; write; commit, on
disk and on the standbys that the server asks for. A failure may leave the swap done or not: ``load`` tells.
"""

import psycopg
from psycopg.errors import Diagnostic
from psycopg.sql import SQL, Composed, Identifier

from wattmark.core.errors import RuleViolated, Unavailable
from wattmark.core.text import Text
from wattmark.storage.postgres.connect import connect_reader, connect_writer, database_failed
from wattmark.storage.postgres.statements import statements_of

_CREATE = """
    CREATE SCHEMA IF NOT EXISTS {schema};
    CREATE TABLE IF NOT EXISTS {schema}.checkpoint (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        note text NOT NULL
    )
"""
_WRITE = """
    INSERT INTO {schema}.checkpoint (note) VALUES (%s) ON CONFLICT (only_row) DO UPDATE SET note = excluded.note
"""
_LOCK = "SELECT pg_advisory_xact_lock(%s)"


class PostgresCheckpoints:
    """The checkpoint store in one schema of a database; see ``wattmark.ledger.ports.Checkpoints``."""

    def __init__(self, dsn: str, *, schema: str = "wattmark") -> None:
        """Use the schema; its table is made by the first swap.

        Raises:
            MalformedInput: not a plain schema name.
        """
        self._dsn = dsn
        self._lock_key = statements_of(schema).lock_key ^ 1
        self._exists = SQL("SELECT to_regclass({name}) IS NOT NULL").format(name=f'"{schema}".checkpoint')
        self._read = self._made(schema, "SELECT note FROM {schema}.checkpoint")
        self._create = self._made(schema, _CREATE)
        self._write = self._made(schema, _WRITE)

    def load(self) -> str | None:
        """Return the last signed checkpoint, ``None`` before the first.

        Raises:
            Unavailable: the database fails.
        """
        connection = connect_reader(self._dsn)
        try:
            if connection.execute(self._exists).fetchone() == (False,):
                return None
            found = connection.execute(self._read).fetchone()
        except psycopg.Error as error:
            raise database_failed(error) from error
        finally:
            connection.close()
        return None if found is None else str(found[0])

    def compare_and_swap(self, old: str | None, new: str) -> None:
        """Replace ``old`` by ``new``.

        Raises:
            RuleViolated: the store holds something else than ``old``; nothing changed.
            Unavailable: the database fails; load again to learn which one is stored.
        """
        warnings: list[str] = []

        def note(notice: Diagnostic) -> None:
            if notice.severity_nonlocalized == "WARNING":
                warnings.append(notice.message_primary or "")

        connection = connect_writer(self._dsn)
        try:
            connection.add_notice_handler(note)
            with connection.transaction():
                connection.execute(_LOCK, (self._lock_key,))
                connection.execute(self._create)
                found = connection.execute(self._read).fetchone()
                if (None if found is None else found[0]) != old:
                    rule = Text(en="the stored checkpoint is the expected one", ja="保存済みチェックポイントが想定通り")
                    raise RuleViolated("CHECKPOINT_CHANGED", "old", old, rule)
                connection.execute(self._write, (new,))
        except psycopg.Error as error:
            raise database_failed(error) from error
        finally:
            connection.close()
        if warnings:  # a wait for a standby was cancelled: nothing is promised
            reason = Text(en=f"the database does not confirm: {warnings[-1]}", ja=f"確認できません: {warnings[-1]}")
            raise Unavailable(reason)

    @staticmethod
    def _made(schema: str, text: str) -> Composed:
        return SQL(text).format(schema=Identifier(schema))
