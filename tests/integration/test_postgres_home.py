"""A platform whose journal and checkpoint store are in PostgreSQL: made, served, audited, taken over on another host."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from wattmark.core.errors import Broken, MalformedInput, Unavailable
from wattmark.core.ids import derive_id
from wattmark.core.text import Text
from wattmark.engine.commands import Kind, command
from wattmark.flows.plan import Plan, plan_of
from wattmark.flows.settings import Settings, parse_settings, settings_bytes
from wattmark.testing.small_home import NIGHT_MS, SmallHome
from wattmark.wiring import Platform, audit_home
from wattmark.wiring.engines import open_checkpoints

pytestmark = pytest.mark.service
TAKEOVERS = 12


def shared(postgres) -> dict[str, str]:
    return {
        "journal": "postgres",
        "journal_dsn": postgres.dsn,
        "journal_schema": f"test_{uuid.uuid4().hex[:16]}",
    }


@pytest.fixture
def small(postgres, tmp_path):
    made = SmallHome(tmp_path / "home", **shared(postgres)).run()
    yield made
    made.close()


def deposit(number: int) -> Plan:
    row = command(Kind.DEPOSIT, id=derive_id("late", number), actor=0, account=3, amount_e5jpy=1)
    return plan_of([row])


def other_host(home: Path, place: Path) -> Path:
    """What an operator carries to a second host: settings, keys and the lake; nothing that was written since."""
    place.mkdir()
    shutil.copytree(home / "keys", place / "keys")
    if (home / "lake").exists():
        shutil.copytree(home / "lake", place / "lake")
    shutil.copy(home / "wattmark.json", place)
    return place


def findings(home: Path) -> list[str]:
    return [f"{found.finding.file} {found.finding.position}" for found in audit_home(home) if found.is_truth]


def test_a_whole_life_in_the_database_is_audited_without_findings(small, tmp_path):
    assert not (small.home / "journal").exists()
    assert not (small.home / "checkpoint").exists()
    before = small.platform.state.state_hash()
    assert findings(small.home) == []
    with Platform.open(small.home, read_only=True) as beside:
        assert beside.state.state_hash() == before
    small.close()
    assert findings(small.home) == []
    small.platform = Platform.open(small.home)
    assert small.platform.state.state_hash() == before


def test_the_home_on_another_host_goes_on_where_the_first_one_stood(small, tmp_path):
    """Tiles are made anew from the journal, the signed checkpoint is the database's: no fork can be signed."""
    first = small.platform.publish()
    before = small.platform.state.state_hash()
    second = other_host(small.home, tmp_path / "second")
    with pytest.raises(Unavailable, match="another process is the writer"):
        Platform.open(second)
    with Platform.open(second, takeover=True) as taken:
        assert (taken.sequencer.checkpoint_text, taken.state.state_hash()) == (first, before)
        with pytest.raises(Unavailable, match="taken over"):
            small.platform.execute_all(deposit(1), NIGHT_MS)
        with pytest.raises(Unavailable):
            small.platform.publish()
        text = taken.publish()
        assert (second / "log" / "checkpoint").read_text() == text
    assert findings(second) == []
    with pytest.raises(Unavailable):
        small.close()  # a fenced writer has nothing to sign
    small.platform = Platform.open(second)


def test_a_host_without_a_lake_file_says_so_and_ends_nobody(small, tmp_path):
    second = other_host(small.home, tmp_path / "second")
    missing = next((second / "lake").rglob("*.parquet"))
    missing.unlink()
    for how in ({"takeover": True}, {"standby": True}):
        with pytest.raises(Broken, match=missing.name):
            Platform.open(second, **how)
    small.platform.execute_all(deposit(1), NIGHT_MS)


def test_the_operators_command_ends_and_fences_the_writer(small, tmp_path):
    second = other_host(small.home, tmp_path / "second")
    command_line = [*CLI, "takeover", second, "--json"]
    refused = subprocess.run([*command_line, "--epoch", "9"], capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    small.platform.execute_all(deposit(1), NIGHT_MS)
    ran = subprocess.run(command_line, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    done = json.loads(ran.stdout)
    assert (done["epoch"], done["records"]) == (small.platform.epoch + 1, small.platform.sequencer.position)
    with pytest.raises(Unavailable, match="taken over"):
        small.platform.execute_all(deposit(2), NIGHT_MS)
    with pytest.raises(Unavailable):
        small.close()
    small.platform = Platform.open(second)


@pytest.mark.parametrize("change", ["frame", "prev_hash", "missing"])
def test_a_row_that_was_changed_is_named(small, postgres, change):
    schema = small.platform.settings.journal_schema
    small.close()
    statement = {
        "frame": "UPDATE {}.journal SET frame = set_byte(frame, 90, get_byte(frame, 90) # 1) WHERE sequence = 5",
        "prev_hash": "UPDATE {}.journal SET prev_hash = frame_hash WHERE sequence = 5",
        "missing": "DELETE FROM {}.journal WHERE sequence = 5",
    }[change]
    with psycopg.connect(postgres.dsn) as connection:
        connection.execute(f"ALTER TABLE {schema}.journal DISABLE TRIGGER ALL")
        connection.execute(statement.format(schema))
    assert f"postgres {schema}.journal row 5" in findings(small.home)
    shutil.rmtree(small.home / "views")
    shutil.rmtree(small.home / "snapshots")
    with pytest.raises(Broken, match="row 5"):
        Platform.open(small.home)


def test_a_checkpoint_that_was_changed_is_found(small, postgres):
    schema = small.platform.settings.journal_schema
    small.close()
    with psycopg.connect(postgres.dsn) as connection:
        connection.execute(f"UPDATE {schema}.checkpoint SET note = replace(note, 'small', 'smell')")
    assert any("checkpoint/last" in found for found in findings(small.home))
    with pytest.raises(Broken, match="checkpoint"):
        Platform.open(small.home)


def test_a_schema_that_holds_a_journal_is_no_place_for_a_new_platform(small, tmp_path):
    with pytest.raises((MalformedInput, Unavailable)):
        Platform.create(tmp_path / "another", small.platform.settings, NIGHT_MS)
    small.close()
    with pytest.raises(MalformedInput) as caught:
        Platform.create(tmp_path / "another", small.platform.settings, NIGHT_MS)
    assert (caught.value.code, caught.value.field) == ("JOURNAL_NOT_EMPTY", "journal_schema")
    small.platform = Platform.open(small.home)


@pytest.mark.parametrize(
    "dsn",
    [
        "host=x password=hunter2",
        "postgresql://me:hunter2@host/db",
        "host=x PASSWORD = hunter2",
        "postgresql://host/db?p%61ssword=hunter2",
        "host=x sslpassword='hunter2'",
        "host=x oauth_client_secret=hunter2",
    ],
)
def test_a_password_in_the_settings_is_refused_and_not_repeated(dsn):
    with pytest.raises(MalformedInput) as caught:
        Settings(origin="a.example/log", name=Text(en="a", ja="a"), journal="postgres", journal_dsn=dsn)
    assert (caught.value.field, "hunter2" in str(caught.value)) == ("journal_dsn", False)


def test_settings_of_the_engine_stand_in_the_file_only_where_they_are_not_the_defaults(postgres):
    plain = Settings(origin="a.example/log", name=Text(en="a", ja="a"))
    assert b"journal" not in settings_bytes(plain)
    changed = plain.with_changes(**shared(postgres))
    assert parse_settings(settings_bytes(changed)) == changed
    for wrong in ({"journal": "file"}, {"journal_dsn": ""}, {"journal": "oracle"}, {"journal_schema": "Pub lic"}):
        with pytest.raises(MalformedInput):
            changed.with_changes(**wrong)


def test_a_file_journal_cannot_be_taken_over_through_a_database(tmp_path):
    small = SmallHome(tmp_path / "home")
    small.close()
    for how in ({"takeover": True}, {"standby": True}):
        with pytest.raises(MalformedInput) as caught:
            Platform.open(small.home, **how)
        assert caught.value.code == "JOURNAL_NOT_SHARED"
    small.platform = Platform.open(small.home)
    small.close()


def test_the_commands_of_the_guide_run(postgres, tmp_path, repository):
    guide = (repository / "docs" / "guides" / "postgres.md").read_text()
    commands = [line.removeprefix("$ wattmark ") for line in guide.splitlines() if line.startswith("$ wattmark ")]
    assert len(commands) == 2
    schema = f"test_{uuid.uuid4().hex[:16]}"
    for line in commands:
        words = shlex.split(line)
        words = [word.replace("host=db.example user=wattmark dbname=wattmark", postgres.dsn) for word in words]
        words = [schema if word == "wattmark" else word for word in words]
        ran = subprocess.run([*CLI, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
    assert b"postgres" in (tmp_path / "home" / "wattmark.json").read_bytes()


@pytest.mark.slow
def test_standbys_take_over_from_killed_servers_and_nothing_acknowledged_is_lost(postgres, tmp_path):
    """Two hosts serve one journal in turn; each writer is killed or stopped under load, the other takes its place."""
    made = subprocess.run(
        [*CLI, "init", tmp_path / "a", "--json", "--journal", "postgres", "--journal-dsn", postgres.dsn,
         "--journal-schema", f"test_{uuid.uuid4().hex[:16]}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    key = json.loads(made.stdout)["operator_key"]
    other_host(tmp_path / "a", tmp_path / "b")
    homes = [tmp_path / "a", tmp_path / "b"]
    acknowledged: dict[str, int] = {}
    seconds = []
    with ExitStack() as stack:
        stopped: list[subprocess.Popen] = []
        writer = stack.enter_context(serving(homes[0]))
        for turn in range(TAKEOVERS):
            with client_of(writer, key) as client:
                bodies = [
                    {"id": f"{number:032x}", "roles": 4, "name": f"home {number}"}
                    for number in range(5 * turn + 1, 5 * turn + 6)
                ]
                for body in bodies:
                    answer = client.post("/api/v1/accounts", json=body)
                    assert answer.status_code == 201, answer.text
                    acknowledged[body["id"]] = answer.json()["account"]
            next_home = homes[1 - turn % 2]
            if turn % 3 == 2:  # it hangs, and wakes up later: the operator says who goes on
                begun = time.perf_counter()
                writer.send_signal(signal.SIGSTOP)
                stopped.append(writer)
                standby = stack.enter_context(serving(next_home, "--takeover"))
            else:
                standby = stack.enter_context(serving(next_home, "--standby"))
                begun = time.perf_counter()
                writer.kill()
                writer.wait()
            with client_of(standby, key) as client:
                seconds.append(time.perf_counter() - begun)
                for body in bodies:  # a client that saw no answer sends again: the same command, the same account
                    assert client.post("/api/v1/accounts", json=body).json()["account"] == acknowledged[body["id"]]
            writer = standby
        for process in stopped:
            process.send_signal(signal.SIGCONT)
        assert len(set(acknowledged.values())) == len(acknowledged) == 5 * TAKEOVERS
    print("takeover seconds:", [round(value, 2) for value in seconds])
    last = homes[TAKEOVERS % 2]
    with Platform.open(last) as platform:
        for identity, account in acknowledged.items():
            found = platform.sequencer.find(int(identity, 16))
            assert found is not None
            assert int(found[1][2]) == account
    assert findings(last) == []
    assert open_checkpoints(last, settings_of(last)).load() is not None


CLI = [sys.executable, "-c", "from wattmark.cli.main import app; app()"]


def settings_of(home: Path) -> Settings:
    return parse_settings((home / "wattmark.json").read_bytes())


@contextmanager
def serving(home: Path, *options: str):
    """A server process; it may still be waiting for its turn."""
    environment = os.environ | {"LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
    command = [*CLI, "serve", home, "--port", "0", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()


def client_of(process: subprocess.Popen, key: str) -> httpx.Client:
    """A client of a server, once it answers."""
    if not hasattr(process, "url"):
        assert process.stdout is not None
        told = []
        for line in process.stdout:
            told.append(line)
            if "http://" in line:
                break
        assert told, "it ended without a word"
        assert "http://" in told[-1], told
        process.url = "http://" + told[-1].partition("http://")[2].split()[0]
    return httpx.Client(base_url=process.url, headers={"Authorization": f"Bearer {key}"}, timeout=20)
