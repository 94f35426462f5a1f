"""The PostgreSQL journal when writers die, are fenced, lose the server, or somebody meddles with the rows."""

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from reference.witnessed_log import LOG
from wattmark.core.errors import Broken, MalformedInput, Unavailable
from wattmark.core.findings import Finding
from wattmark.core.ids import derive_id
from wattmark.engine.commands import Kind, command, stack
from wattmark.engine.outcomes import Outcome
from wattmark.flows.keys import LogKeys
from wattmark.flows.sequence import Sequencer
from wattmark.ledger.frames import CHAIN_START
from wattmark.storage.files import FileCheckpoints, FileJournal, FileTiles
from wattmark.storage.postgres import PostgresCheckpoints, PostgresJournal
from wattmark.storage.postgres.rows import Readers, scan_rows
from wattmark.storage.postgres.statements import statements_of

pytestmark = pytest.mark.service


@pytest.fixture
def schema() -> str:
    return f"test_{uuid.uuid4().hex[:16]}"


@pytest.fixture
def opened(postgres, schema):
    """Open journals of one schema; all are closed at the end."""
    journals = []

    def open_(**options):
        journals.append(PostgresJournal(postgres.dsn, schema=schema, **{"lock_wait_s": 0.5, **options}))
        return journals[-1]

    yield open_
    for journal in journals:
        journal.close()


def _payload(number: int) -> bytes:
    return b"%d " % number + bytes([number % 255 + 1]) * (number * 7919 % 20_000)


def _payloads(journal) -> list[bytes]:
    return [frame.payload for frame in journal.read()]


def _meddle(postgres, schema, statement: str) -> None:
    with psycopg.connect(postgres.dsn) as connection:
        connection.execute(f"ALTER TABLE {schema}.journal DISABLE TRIGGER ALL")
        connection.execute(statement.format(schema=schema))


def test_an_old_writer_is_fenced_by_a_taker_and_can_never_append_again(opened):
    old = opened()
    assert [old.append(b"a"), old.append(b"b")] == [0, 1]
    new = opened(takeover=True)
    assert (new.epoch, new.last_sequence, new.last_hash) == (old.epoch + 1, 1, old.last_hash)
    for _ in range(3):
        with pytest.raises(Unavailable, match="taken over"):
            old.append(b"late")
    assert new.append(b"c") == 2
    with pytest.raises(Unavailable, match="taken over"):
        old.append(b"later")
    assert _payloads(new) == [b"a", b"b", b"c"]
    assert _payloads(old) == [b"a", b"b"], "it still reads what it acknowledged"


def test_a_fenced_writer_whose_session_lives_is_told_by_the_epoch_alone(opened, postgres, schema):
    old = opened()
    old.append(b"a")
    with psycopg.connect(postgres.dsn) as connection:
        connection.execute(f"UPDATE {schema}.epoch SET epoch = epoch + 1")
    with pytest.raises(Unavailable, match="taken over"):
        old.append(b"b")
    with pytest.raises(Unavailable, match="taken over"):
        old.append(b"c")


def test_a_writer_that_sleeps_loses_its_lease_and_one_that_only_idles_keeps_it(opened, postgres, schema):
    """The server hears nothing of it and ends its session; the lock goes to who waits for it; the epoch tells it."""
    old = opened(lock_wait_s=60)
    old.append(b"a")
    with pytest.raises(Unavailable, match="another process"):
        opened(lock_wait_s=4)
    begun = time.monotonic()
    with old._talk, ThreadPoolExecutor(1) as pool:  # nothing is said any more
        new = pool.submit(opened, lock_wait_s=60).result(timeout=30)
        assert 1.5 < time.monotonic() - begun < 5
    for _ in range(40):
        try:
            old.check_room()
        except Unavailable:
            break
        time.sleep(0.1)
    with pytest.raises(Unavailable, match="taken over"):  # told before it tries
        old.check_room()
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="taken over"):
        old.append(b"late")
    assert (time.monotonic() - begun < 1, new.append(b"b"), _payloads(new)) == (True, 1, [b"a", b"b"])


def test_a_writer_that_slept_and_was_not_missed_goes_on(opened):
    journal = opened()
    journal.append(b"a")
    with journal._talk:
        time.sleep(4)
    assert journal.append(b"b") == 1
    assert journal.epoch == 2
    assert _payloads(journal) == [b"a", b"b"]


def test_a_fenced_writer_can_swap_no_checkpoint(opened, postgres, schema):
    """What it could have signed would leave the new writer with a checkpoint that it does not know."""
    old = opened()
    store = PostgresCheckpoints(postgres.dsn, schema=schema, epoch=lambda: old.epoch)
    store.compare_and_swap(None, "one\n")
    new = opened(takeover=True)
    with pytest.raises(Unavailable, match="taken over"):
        store.compare_and_swap("one\n", "two\n")
    with pytest.raises(Unavailable, match="not open for writing"):
        PostgresCheckpoints(postgres.dsn, schema=schema).compare_and_swap("one\n", "two\n")
    taken = PostgresCheckpoints(postgres.dsn, schema=schema, epoch=lambda: new.epoch)
    assert taken.load() == "one\n"
    taken.compare_and_swap("one\n", "three\n")
    assert store.load() == "three\n"


def test_an_append_under_way_is_stored_before_the_taker_reads_or_never(opened, postgres, schema):
    """The taker waits for it; afterwards the old writer's row is there, or the writer was told."""
    old = opened()
    for turn in range(8):
        with ThreadPoolExecutor(2) as pool:
            late = pool.submit(_try_append, old, b"%d" % turn)
            time.sleep(0.0007 * turn)
            new = pool.submit(opened, takeover=True, lock_wait_s=5).result()
            stored = late.result()
        seen = _payloads(new)
        assert (seen[-1:] == [b"%d" % turn]) == stored
        assert new.last_sequence == len(seen) - 1
        old = new


def _try_append(journal, payload: bytes) -> bool:
    try:
        journal.append(payload)
    except Unavailable:
        return False
    return True


def test_a_lost_session_is_found_out_and_the_writer_goes_on(opened, postgres):
    journal = opened()
    journal.append(b"a")
    epoch = journal.epoch
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (journal._connection.info.backend_pid,))
    assert journal.append(b"b") == 1
    assert journal.epoch == epoch + 1
    assert _payloads(journal) == [b"a", b"b"]
    with pytest.raises(Unavailable, match="another process"):
        opened()


@pytest.mark.parametrize("stored", [True, False])
def test_a_commit_of_unknown_outcome_is_read_back_by_its_hash(opened, postgres, schema, stored):
    """The answer is lost after the commit, or before the statement: one row, acknowledged once, either way."""
    journal = opened()
    journal.append(b"a")
    connection = journal._connection
    execute = connection.execute

    def lose_the_answer(*arguments, **options):
        if stored:
            execute(*arguments, **options)
        raise psycopg.OperationalError("connection lost")

    connection.execute = lose_the_answer
    assert journal.append(b"b") == 1
    assert journal.append(b"c") == 2
    assert _payloads(journal) == [b"a", b"b", b"c"]
    assert len({frame.frame_hash for frame in journal.read()}) == 3


def test_a_cancelled_wait_for_a_standby_is_no_promise(opened, postgres, schema):
    """PostgreSQL then says that the commit is done, with a warning only: nothing may be acknowledged on that."""
    journal = opened(reconnect_s=1.0)
    journal.append(b"a")
    backend = journal._connection.info.backend_pid
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        try:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            connection.execute("SELECT pg_reload_conf()")
            time.sleep(0.3)
            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(_try_append, journal, b"b")
                time.sleep(0.5)
                assert not waiting.done()
                connection.execute("SELECT pg_cancel_backend(%s)", (backend,))
                time.sleep(0.7)
                assert not waiting.done(), "it is not acknowledged: the standby still has not got it"
                connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
                connection.execute("SELECT pg_reload_conf()")
                assert waiting.result(timeout=30), "confirmed by the commit behind it"
        finally:
            connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
            connection.execute("SELECT pg_reload_conf()")
    assert _payloads(journal) == [b"a", b"b"]


def test_a_server_without_fsync_is_refused(postgres, schema):
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        try:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
            time.sleep(0.3)
            with pytest.raises(Unavailable, match="fsync"):
                PostgresJournal(postgres.dsn, schema=schema)
        finally:
            connection.execute("ALTER SYSTEM RESET fsync")
            connection.execute("SELECT pg_reload_conf()")
    time.sleep(0.3)


def test_a_database_that_is_not_there_is_unavailable(postgres, schema):
    for dsn in (f"host={postgres.folder} dbname=nowhere user=wattmark", "host=/nowhere"):
        for read_only in (False, True):
            with pytest.raises(Unavailable):
                PostgresJournal(dsn, schema=schema, read_only=read_only)
    for name in ("", "Upper", "pg_own", "a b", 'a"b', "a" * 64):
        with pytest.raises(MalformedInput):
            PostgresJournal(postgres.dsn, schema=name)


MEDDLING = {
    "row 2": "UPDATE {schema}.journal SET frame = set_byte(frame, 60, get_byte(frame, 60) # 1) WHERE sequence = 2",
    "row 3": "DELETE FROM {schema}.journal WHERE sequence = 3",
    "row 1": "UPDATE {schema}.journal SET frame = frame || '\\x00' WHERE sequence = 1",
    "row 4": "UPDATE {schema}.journal SET frame_hash = prev_hash WHERE sequence = 4",
    "row 5": "UPDATE {schema}.journal AS j SET frame = o.frame FROM {schema}.journal AS o WHERE j.sequence = 5 AND o.sequence = 6",
    "row 0": "UPDATE {schema}.journal SET frame = '' WHERE sequence = 0",
}


@pytest.mark.parametrize(("row", "statement"), MEDDLING.items(), ids=MEDDLING)
def test_meddling_is_refused_by_the_tables_and_named_by_the_reader(opened, postgres, schema, row, statement):
    journal = opened()
    for number in range(9):
        journal.append(_payload(number))
    with pytest.raises(psycopg.errors.RaiseException), psycopg.connect(postgres.dsn) as connection:
        connection.execute(statement.format(schema=schema))
    statements = statements_of(schema)
    readers = Readers(postgres.dsn, statements)
    assert not [item for item in scan_rows(readers, statements.name) if isinstance(item, Finding)]
    _meddle(postgres, schema, statement)
    with pytest.raises(Broken) as broken:
        list(journal.read())
    assert (broken.value.file, broken.value.position) == (f"postgres {schema}.journal", row)
    assert row in {item.position for item in scan_rows(readers, statements.name) if isinstance(item, Finding)}
    readers.close()


def test_the_last_rows_are_checked_when_it_is_opened(opened, postgres, schema):
    journal = opened()
    for number in range(3):
        journal.append(_payload(number))
    journal.close()
    _meddle(postgres, schema, MEDDLING["row 2"])
    with pytest.raises(Broken):
        opened()


def test_frames_are_those_of_the_file_journal(opened, tmp_path):
    rows, files = opened(), FileJournal(tmp_path / "journal", segment_bytes=50_000, reserve_bytes=0)
    for number in range(12):
        rows.append(_payload(number))
        files.append(_payload(number))
    assert [(f.sequence, f.prev_hash, f.frame_hash) for f in rows.read()] == [
        (f.sequence, f.prev_hash, f.frame_hash) for f in files.read()
    ]
    files.close()


@pytest.mark.slow
def test_the_server_is_killed_and_comes_back_while_the_writer_waits(opened, postgres):
    journal = opened(reconnect_s=30)
    journal.append(b"a")
    postgres.stop()
    starter = threading.Timer(1.0, postgres.start)
    starter.start()
    assert journal.append(b"b") == 1
    starter.join()
    assert _payloads(journal) == [b"a", b"b"]


def _sequencer(folder: Path, journal) -> Sequencer:
    keys = LogKeys(LOG.name, LOG.vkey, LOG, bytes(32))
    return Sequencer(
        journal=journal, tiles=FileTiles(folder / "log"), checkpoints=FileCheckpoints(folder / "checkpoint"), keys=keys
    )


def _deposits(first: int, count: int):
    return stack(
        [
            command(Kind.DEPOSIT, id=derive_id("deposit", number), actor=0, account=0, amount_e5jpy=number + 1)
            for number in range(first, first + count)
        ]
    )


@pytest.mark.slow
def test_clients_of_a_fenced_platform_retry_by_id_and_are_counted_once(opened, tmp_path):
    old = _sequencer(tmp_path, opened())
    first = old.submit(_deposits(0, 5), now_ms=1_000)
    old.publish()
    new = _sequencer(tmp_path, opened(takeover=True))
    assert new.state.state_hash() == old.state.state_hash()
    for _ in range(2):
        with pytest.raises(Unavailable):
            old.submit(_deposits(3, 6), now_ms=2_000)
    with pytest.raises(Unavailable):
        old.publish()
    again = new.submit(_deposits(3, 6), now_ms=3_000)  # the clients ask the new writer, by the same ids
    assert (again[:2] == first[3:]).all(), "known ids: the stored verdicts"
    assert [int(verdict[1]) for verdict in again] == [Outcome.OK] * 6
    assert new.position == 9
    assert [new.find(derive_id("deposit", number))[0] for number in range(9)] == list(range(9))
    third = _sequencer(tmp_path, opened(takeover=True))
    assert third.state.state_hash() == new.state.state_hash()
    assert third.frame_hash == new.frame_hash != CHAIN_START
