"""The last signed checkpoint as one row beside the journal, so that whoever takes over goes on from it.

Life of a swap: connect; hold the writer's epoch; take a lock of the transaction; compare; write; commit, on disk and on
the standbys that the server asks for. A failure may leave the swap done or not: ``load`` tells. The epoch is that of the
journal's writer: one who was replaced can no more sign a checkpoint than append a frame.
"""

from collections.abc import Callable

import psycopg
from psycopg.errors import Diagnostic

from wattmark.core.errors import RuleViolated, Unavailable
from wattmark.core.text import Text
from wattmark.storage.postgres.connect import connect_reader, connect_writer, database_failed
from wattmark.storage.postgres.journal import FENCED, NOT_WRITER
from wattmark.storage.postgres.statements import statements_of

_LOCK = "SELECT pg_advisory_xact_lock(%s)"


class PostgresCheckpoints:
    """The checkpoint store in one schema of a database; see ``wattmark.ledger.ports.Checkpoints``."""

    def __init__(self, dsn: str, *, schema: str = "wattmark", epoch: Callable[[], int] | None = None) -> None:
        """Use the schema; its tables are those of the journal.

        Args:
            dsn: connection string of libpq.
            schema: where the tables lie.
            epoch: the journal's epoch of whoever swaps; ``None`` for loading only.

        Raises:
            MalformedInput: not a plain schema name.
        """
        self._dsn = dsn
        self._epoch = epoch
        self._statements = statements_of(schema)

    def load(self) -> str | None:
        """Return the last signed checkpoint, ``None`` before the first.

        Raises:
            Unavailable: the database fails.
        """
        connection = connect_reader(self._dsn)
        try:
            if connection.execute(self._statements.exists).fetchone() == (False,):
                return None
            found = connection.execute(self._statements.checkpoint).fetchone()
        except psycopg.Error as error:
            raise database_failed(error) from error
        finally:
            connection.close()
        return None if found is None else str(found[0])

    def compare_and_swap(self, old: str | None, new: str) -> None:
        """Replace ``old`` by ``new``.

        Raises:
            RuleViolated: the store holds something else than ``old``; nothing changed.
            Unavailable: not the writer, or fenced, and nothing changed; or the database fails: load again to learn which
                one is stored.
        """
        if self._epoch is None:
            raise Unavailable(NOT_WRITER)
        warnings: list[str] = []

        def note(notice: Diagnostic) -> None:
            if notice.severity_nonlocalized == "WARNING":
                warnings.append(notice.message_primary or "")

        connection = connect_writer(self._dsn)
        try:
            connection.add_notice_handler(note)
            with connection.transaction():
                if connection.execute(self._statements.hold_epoch, (self._epoch(),)).fetchone() is None:
                    raise Unavailable(FENCED)
                connection.execute(_LOCK, (self._statements.lock_key ^ 1,))
                found = connection.execute(self._statements.checkpoint).fetchone()
                if (None if found is None else found[0]) != old:
                    rule = Text(en="the stored checkpoint is the expected one", ja="保存済みチェックポイントが想定通り")
                    raise RuleViolated("CHECKPOINT_CHANGED", "old", old, rule)
                connection.execute(self._statements.write_checkpoint, (new,))
        except psycopg.Error as error:
            raise database_failed(error) from error
        finally:
            connection.close()
        if warnings:  # a wait for a standby was cancelled: nothing is promised
            reason = Text(en=f"the database does not confirm: {warnings[-1]}", ja=f"確認できません: {warnings[-1]}")
            raise Unavailable(reason)
