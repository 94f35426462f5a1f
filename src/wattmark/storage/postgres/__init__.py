"""Journal and checkpoint store in a PostgreSQL database (extra ``postgres``)."""

from wattmark.storage.postgres.checkpoints import PostgresCheckpoints
from wattmark.storage.postgres.journal import PostgresJournal
from wattmark.storage.postgres.rows import Readers, scan_rows
from wattmark.storage.postgres.statements import statements_of

__all__ = ["PostgresCheckpoints", "PostgresJournal", "Readers", "scan_rows", "statements_of"]
