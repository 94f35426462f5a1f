"""Connections that keep the promises of the journal, and what their errors mean."""

from contextlib import suppress
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from wattmark.core.errors import Unavailable
from wattmark.core.text import Text

Connection = psycopg.Connection[tuple[Any, ...]]

CONNECT_TIMEOUT_S: Final = 5
"""Longest wait for a connection [s]."""
UNHEARD_MS: Final = 10_000
"""A server that acknowledges nothing for so long is given up (TCP_USER_TIMEOUT) [ms]."""

_LINK: Final[dict[str, Any]] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": UNHEARD_MS,
    "application_name": "wattmark",
}
LEASE_MS: Final = 2_500
"""A writer of whom the server hears nothing for so long loses its session, and with it the lock [ms]."""
HAS_LEASES: Final = 140_000
"""PostgreSQL 14 and newer end idle sessions (idle_session_timeout)."""
_WRITER_SETTINGS: Final = """
    SELECT set_config('synchronous_commit',
                      CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END,
                      false),
           set_config('default_transaction_isolation', 'read committed', false),
           set_config('client_min_messages', 'warning', false),
           set_config('tcp_keepalives_idle', '1', false),
           set_config('tcp_keepalives_interval', '1', false),
           set_config('tcp_keepalives_count', '1', false),
           set_config('tcp_user_timeout', '2500', false),
           current_setting('fsync'), current_setting('full_page_writes')
"""


def connect_writer(dsn: str) -> Connection:
    """Return a connection whose every statement is a transaction that is on disk when it returns.

    With ``synchronous_standby_names`` set on the server, on disk means there as well. The server notices within about
    two seconds that the host of this connection is gone, and gives its locks to whoever waits.

    Raises:
        Unavailable: not reached, or the server runs without fsync or full_page_writes.
    """
    try:
        connection: Connection = psycopg.connect(dsn, autocommit=True, **_LINK)
        with closing_on_error(connection):
            row = connection.execute(_WRITER_SETTINGS).fetchone()
            assert row is not None
            if row[-2:] != ("on", "on"):
                reason = Text(
                    en="the database runs with fsync or full_page_writes off: it would lose what it acknowledged",
                    ja="データベースのfsyncかfull_page_writesが無効です。確定済みの記録が失われるおそれがあります",
                )
                raise Unavailable(reason)
    except psycopg.Error as error:
        raise database_failed(error) from error
    return connection


def take_lease(connection: Connection) -> bool:
    """Have the server end the session when it hears nothing for ``LEASE_MS``; return whether it can.

    Raises:
        psycopg.Error: the database fails.
    """
    if connection.info.server_version < HAS_LEASES:
        return False
    connection.execute("SELECT set_config('idle_session_timeout', %s, false)", (str(LEASE_MS),))
    return True


def connect_reader(dsn: str) -> Connection:
    """Return a connection that cannot write; each of its transactions sees one moment.

    Raises:
        Unavailable: not reached.
    """
    try:
        connection: Connection = psycopg.connect(dsn, **_LINK)
        with closing_on_error(connection):
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    except psycopg.Error as error:
        raise database_failed(error) from error
    return connection


class closing_on_error:  # noqa: N801 - reads like contextlib.closing
    """Close a connection if the block raises."""

    def __init__(self, connection: Connection) -> None:
        """Guard the connection."""
        self._connection = connection

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close after an error."""
        if kind is not None:
            close_quietly(self._connection)


def close_quietly(connection: Connection) -> None:
    """Close a connection that may be broken."""
    with suppress(psycopg.Error):
        connection.close()


def is_definite(error: psycopg.Error, connection: Connection) -> bool:
    """Return whether the server itself said that the statement failed: then it has stored nothing.

    An error without its answer, or one that ended the session, says nothing about a commit under way.
    """
    alive = not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
    return error.sqlstate is not None and alive


def database_failed(error: psycopg.Error) -> Unavailable:
    """Return the error that reports a database that fails or is not there."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return Unavailable(Text(en=f"the database fails: {lines[0]}", ja=f"データベースの異常: {lines[0]}"))
