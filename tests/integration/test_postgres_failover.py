"""The primary of a synchronous pair is killed under load and its standby promoted: nothing acknowledged is lost."""

import threading
import time
from contextlib import ExitStack, closing, suppress

import psycopg
import pytest

from reference.postgres_server import PostgresServer, programs
from reference.standby_host import NOW_MS, deposits
from reference.witnessed_log import LOG
from wattmark.core.errors import Unavailable
from wattmark.engine import layout as e
from wattmark.engine.batch import decode_batch
from wattmark.flows.keys import LogKeys
from wattmark.flows.sequence import Sequencer
from wattmark.storage.files import FileTiles
from wattmark.storage.postgres import PostgresCheckpoints, PostgresJournal

pytestmark = [pytest.mark.service, pytest.mark.slow]
ROUNDS = 3
BATCH = 16


class Client(threading.Thread):
    """Sends numbered deposits until it is told to stop, each again until it is acknowledged."""

    def __init__(self, sequencer: Sequencer) -> None:
        super().__init__(daemon=True)
        self._sequencer = sequencer
        self.acknowledged = 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            with suppress(Unavailable):
                self._sequencer.submit(deposits(1, self.acknowledged, BATCH), now_ms=NOW_MS)
                self.acknowledged += BATCH


def in_step(server: PostgresServer) -> None:
    """Wait until a standby has everything and counts."""
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = 's1'")
        connection.execute("SELECT pg_reload_conf()")
        for _ in range(300):
            if connection.execute("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'").fetchone():
                return
            time.sleep(0.1)
    raise AssertionError("no standby came")


def acknowledges(client: Client, more: int) -> None:
    want, end = client.acknowledged + more * BATCH, time.monotonic() + 60
    while client.acknowledged < want:
        assert client.is_alive()
        assert time.monotonic() < end, "nothing is acknowledged"
        time.sleep(0.01)


def numbers_in(dsn: str) -> list[int]:
    """The numbers of the deposits in a server's journal, in order."""
    found: list[int] = []
    with closing(PostgresJournal(dsn, schema="pair", read_only=True)) as journal:
        for frame in journal.read():
            commands = decode_batch(frame.payload).commands
            found += commands[commands[:, e.W_ID_HIGH] == 1, e.W_ID_LOW].tolist()
    return found


@pytest.mark.timeout(300)
def test_a_promoted_standby_has_everything_that_was_acknowledged(tmp_path, require_service):
    binaries = programs()
    require_service("PostgreSQL", available=binaries, install="postgresql")
    with ExitStack() as stack:
        primary = PostgresServer(binaries)
        stack.callback(primary.remove)
        last: Client | None = None
        for turn in range(ROUNDS):
            standby = PostgresServer(binaries, primary=primary)
            stack.callback(standby.remove)
            in_step(primary)
            both = (
                f"host={primary.folder},{standby.folder} user=wattmark dbname=postgres target_session_attrs=read-write"
            )
            journal = PostgresJournal(both, schema="pair", takeover=True, reconnect_s=60)
            sequencer = Sequencer(
                journal=journal,
                tiles=FileTiles(tmp_path / "log"),
                checkpoints=PostgresCheckpoints(both, schema="pair", epoch=lambda journal=journal: journal.epoch),
                keys=LogKeys(LOG.name, LOG.vkey, LOG, bytes(32)),
            )
            client = Client(sequencer)
            before = client.acknowledged = last.acknowledged if last else 0
            client.start()
            acknowledges(client, 10)
            signed = sequencer.publish()
            primary.stop()  # at once: no last words to the standby
            at_kill = client.acknowledged
            standby.promote()
            with psycopg.connect(
                standby.dsn, autocommit=True
            ) as connection:  # it waits for no standby until it has one
                connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
                connection.execute("SELECT pg_reload_conf()")
            acknowledges(client, 10)  # the writer finds out by itself what became of its frame
            client.over.set()
            client.join(60)
            assert not client.is_alive()
            assert client.acknowledged > at_kill > before, f"round {turn}"
            journal.close()
            assert numbers_in(standby.dsn) == list(range(client.acknowledged)), (
                "every acknowledged command once, in order, nothing else"
            )
            assert PostgresCheckpoints(standby.dsn, schema="pair").load() == signed
            primary, last = standby, client
