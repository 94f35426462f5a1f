"""Tables and statements of the journal in one schema.

``epoch`` holds one row. A writer raises it when it opens; every append and every swap of the checkpoint is conditional
on it and share-locks the row until its commit. So a write and a raise never overlap: the write is there before the
epoch is raised, or it finds another epoch and stores nothing. A writer whose epoch is gone can never write again.
"""

from dataclasses import dataclass
from typing import Final

from psycopg.sql import SQL, Composed, Identifier

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.crypto.hashing import sha256

MAX_SCHEMA_CHARS: Final = 63
"""Longest name PostgreSQL keeps whole [bytes]."""

_CREATE: Final = """
    CREATE SCHEMA IF NOT EXISTS {schema};
    CREATE TABLE {schema}.epoch (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        epoch bigint NOT NULL CHECK (epoch > 0)
    );
    CREATE TABLE {schema}.journal (
        sequence bigint PRIMARY KEY CHECK (sequence >= 0),
        epoch bigint NOT NULL,
        prev_hash bytea NOT NULL CHECK (octet_length(prev_hash) = 32),
        frame_hash bytea NOT NULL CHECK (octet_length(frame_hash) = 32),
        frame bytea NOT NULL
    );
    CREATE TABLE {schema}.checkpoint (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        note text NOT NULL
    );
    ALTER TABLE {schema}.journal ALTER frame SET STORAGE EXTERNAL;
    CREATE FUNCTION {schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'the journal is only ever appended to'; END $$;
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {schema}.journal
        FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse();
"""
_RAISE: Final = """
    INSERT INTO {schema}.epoch AS held (epoch) VALUES (1)
    ON CONFLICT (only_row) DO UPDATE SET epoch = held.epoch + 1 RETURNING epoch
"""
_RAISE_OWN: Final = "UPDATE {schema}.epoch SET epoch = epoch + 1 WHERE epoch = %s RETURNING epoch"
_APPEND: Final = """
    INSERT INTO {schema}.journal (sequence, epoch, prev_hash, frame_hash, frame)
    SELECT %s, held.epoch, %b, %b, %b FROM {schema}.epoch AS held WHERE held.epoch = %s FOR SHARE
"""
_HOLD_EPOCH: Final = "SELECT true FROM {schema}.epoch WHERE epoch = %s FOR SHARE"
_WRITE_CHECKPOINT: Final = """
    INSERT INTO {schema}.checkpoint (note) VALUES (%s) ON CONFLICT (only_row) DO UPDATE SET note = excluded.note
"""
_COLUMNS: Final = "SELECT sequence, prev_hash, frame_hash, frame FROM {schema}.journal"

LOCK: Final = "SELECT pg_advisory_lock(%s)"
"""Taken by the writer for the length of its session."""
TERMINATE_HOLDER: Final = """
    SELECT pg_terminate_backend(pid) FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND pid <> pg_backend_pid()
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (classid::bigint << 32 | objid::bigint) = %s AND %s IN (pid, 0)
"""
"""Ends the session that holds the lock (key), if it is the one asked for (process, or ``ANYBODY``)."""
ANYBODY: Final = 0


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements of one schema.

    Attributes:
        name: schema and table, for findings.
        lock_key: key of the writer's advisory lock, of the schema's name.
        exists: whether the tables are there.
        create: makes them.
        raise_epoch: fences every earlier writer and returns the new epoch.
        raise_own_epoch: the same, if the epoch is still (epoch).
        append: stores (sequence, prev_hash, frame_hash, frame) if the epoch is still (epoch).
        last: the last two rows, last first.
        stored_hash: hash of the frame (sequence).
        rows: the rows from (sequence) to (sequence).
        size: bytes of the table.
        epoch: the epoch.
        hold_epoch: keeps the epoch (epoch) from being raised until the commit; no row if it was raised.
        checkpoint: the last signed checkpoint.
        write_checkpoint: replaces it by (note).
    """

    name: str
    lock_key: int
    exists: Composed
    create: Composed
    raise_epoch: Composed
    raise_own_epoch: Composed
    append: Composed
    last: Composed
    stored_hash: Composed
    rows: Composed
    size: Composed
    epoch: Composed
    hold_epoch: Composed
    checkpoint: Composed
    write_checkpoint: Composed


def statements_of(schema: str) -> Statements:
    """Return the statements of a schema.

    Raises:
        MalformedInput: not a plain name.
    """
    plain = schema.isascii() and schema.isidentifier() and schema == schema.lower() and len(schema) <= MAX_SCHEMA_CHARS
    if not plain or schema.startswith("pg_"):
        rule = Text(
            en="a schema name of lower-case letters, digits and underscores", ja="スキーマ名は英小文字・数字・下線"
        )
        raise MalformedInput("BAD_SCHEMA", "schema", schema, rule)

    def made(text: str) -> Composed:
        return SQL(text).format(schema=Identifier(schema))

    return Statements(
        name=f"postgres {schema}.journal",
        lock_key=int.from_bytes(sha256(b"wattmark journal " + schema.encode())[:8], "big", signed=True),
        exists=SQL("SELECT to_regclass({name}) IS NOT NULL").format(name=f'"{schema}".journal'),
        create=made(_CREATE),
        raise_epoch=made(_RAISE),
        raise_own_epoch=made(_RAISE_OWN),
        append=made(_APPEND),
        last=made(_COLUMNS + " ORDER BY sequence DESC LIMIT 2"),
        stored_hash=made("SELECT frame_hash FROM {schema}.journal WHERE sequence = %s"),
        rows=made(_COLUMNS + " WHERE sequence BETWEEN %s AND %s ORDER BY sequence"),
        size=SQL("SELECT pg_table_size({name}::regclass)").format(name=f'"{schema}".journal'),
        epoch=made("SELECT epoch FROM {schema}.epoch"),
        hold_epoch=made(_HOLD_EPOCH),
        checkpoint=made("SELECT note FROM {schema}.checkpoint"),
        write_checkpoint=made(_WRITE_CHECKPOINT),
    )
