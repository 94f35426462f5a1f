"""The journal as rows of a PostgreSQL database (extra ``postgres``)."""

from wattmark.storage.postgres.journal import PostgresJournal

__all__ = ["PostgresJournal"]
