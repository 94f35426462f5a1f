"""``wattmark follow`` as a process: killed at any moment it goes on, a writer that is away is waited for, a lie ends it."""

import contextlib
import http.client
import json
import random
import shutil
import threading
import time
import uuid
from pathlib import Path

import pytest

from reference.machines import Host, Hosts, Program
from wattmark.cli.main import run
from wattmark.core.codes import Role
from wattmark.core.ids import derive_id, id_hex
from wattmark.core.text import Text
from wattmark.engine.batch import decode_batch
from wattmark.engine.commands import id_of
from wattmark.flows.issue_key import issue_key
from wattmark.flows.open_account import open_account, plan_open_account
from wattmark.flows.replication import REPLACED
from wattmark.flows.settings import Settings
from wattmark.ledger.frames import Frame, scan_segment
from wattmark.storage.files import FileJournal
from wattmark.storage.http.writers import HttpWriter
from wattmark.wiring import Platform, audit_home

pytestmark = [pytest.mark.slow, pytest.mark.service]

KILLS = 20
PORT = 8400
OPERATOR = "0a" * 32


def make_home(home: Path, **changes: object) -> str:
    """Make a home with an operator's key, and a consumer as account 3; return the log's public key."""
    settings = Settings(
        origin="follow.example/log",
        name=Text(en="Follow", ja="追随"),
        checkpoint_interval_ms=200,
        snapshot_frames=50,
        segment_bytes=1 << 17,
        reserve_bytes=0,
        acknowledge_within_ms=1_000,
    ).with_changes(**changes)
    home.parent.mkdir(parents=True, exist_ok=True)
    with Platform.create(home, settings, 1_000) as platform:
        issue_key(platform, identity=derive_id("key"), account=0, roles=Role.OPERATOR, secret=OPERATOR, now_ms=1_000)
        consumer = plan_open_account(
            identity=derive_id("consumer"),
            roles=Role.CONSUMER,
            profile={"name": {"en": "c", "ja": "c"}},
            salt=bytes(16),
        )
        assert open_account(platform, consumer, 1_000) == 3
        return platform.keys.vkey


def deposit(address: str, identity: str) -> tuple[int, dict]:
    connection = http.client.HTTPConnection(address, PORT, timeout=5)
    headers = {"Authorization": f"Bearer {OPERATOR}", "Content-Type": "application/json"}
    try:
        body = json.dumps({"id": identity, "amount_e5jpy": 1})
        connection.request("POST", "/api/v1/accounts/3/deposits", body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def serve(host: Host, home: Path) -> Program:
    program = host.run("serve", home, "--host", host.address, "--port", PORT)
    program.await_line("Serving")
    return program


def last_sequence(home: Path) -> int:
    journal = FileJournal(home / "journal", read_only=True)
    journal.close()
    return journal.last_sequence


def await_length(home: Path, wanted: int) -> None:
    until = time.monotonic() + 30
    while last_sequence(home) < wanted:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_follower_killed_at_any_moment_goes_on_where_it_was(tmp_path: Path) -> None:
    chance = random.Random(5)
    home, mirror = tmp_path / "writer" / "home", tmp_path / "mirror"
    vkey = make_home(home)
    over = threading.Event()
    with Hosts(tmp_path / "logs", 2) as (one, two):
        writer = serve(one, home)
        url = f"http://{one.address}:{PORT}"

        def load() -> None:
            while not over.is_set():
                assert deposit(one.address, uuid.uuid4().hex)[0] == 200

        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            lengths = []
            for number in range(KILLS):
                follower = two.run("follow", url, mirror, "--vkey", vkey, key=OPERATOR)
                if number % 4:
                    follower.await_line("Following")
                time.sleep(chance.uniform(0, 0.4))
                assert follower.is_running, follower.output()
                follower.kill()
                if (mirror / "journal").is_dir():
                    lengths.append(last_sequence(mirror))
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert lengths == sorted(lengths)
        assert lengths[-1] > lengths[0]
        done = two.run("follow", url, mirror, "--once", key=OPERATOR)
        assert done.wait() == 0, done.output()
        found = json.loads(done.output())
        assert found["last_sequence"] == last_sequence(home)
        assert writer.stop() is not None
    assert [one for one in audit_home(mirror) if one.is_truth] == []
    for path in (home / "journal").glob("*.seg"):
        assert (mirror / "journal" / path.name).read_bytes() == path.read_bytes()


def test_a_writer_that_is_away_is_waited_for(tmp_path: Path) -> None:
    home, mirror = tmp_path / "writer" / "home", tmp_path / "mirror"
    vkey = make_home(home)
    with Hosts(tmp_path / "logs", 2) as (one, two):
        writer = serve(one, home)
        url = f"http://{one.address}:{PORT}"
        follower = two.run("follow", url, mirror, "--vkey", vkey, "--host", two.address, "--port", PORT, key=OPERATOR)
        follower.await_line("Serving")
        await_length(mirror, last_sequence(home))
        writer.kill()
        time.sleep(0.5)
        assert follower.is_running
        assert deposit(two.address, uuid.uuid4().hex)[0] == 503, "it is no writer"
        writer = serve(one, home)
        assert deposit(one.address, uuid.uuid4().hex)[0] == 200
        await_length(mirror, last_sequence(home))
        if two.cut():
            assert deposit(one.address, uuid.uuid4().hex)[0] == 200, "nobody waits for a mirror that does not count"
            time.sleep(0.3)
            two.join()
            await_length(mirror, last_sequence(home))
        follower.stop()
        assert OPERATOR not in follower.output()
        assert "Traceback" not in follower.output()
    assert [one for one in audit_home(mirror) if one.is_truth] == []


def test_what_nobody_confirmed_is_answered_only_once_somebody_has_it(tmp_path: Path) -> None:
    home, mirror = tmp_path / "writer" / "home", tmp_path / "mirror"
    vkey = make_home(home, followers=("tokyo",), acknowledge_after=1)
    identity = uuid.uuid4().hex
    with Hosts(tmp_path / "logs", 2) as (one, two):
        writer = serve(one, home)
        url = f"http://{one.address}:{PORT}"
        words = ("follow", url, mirror, "--name", "tokyo", "--vkey", vkey)
        follower = two.run(*words, key=OPERATOR)
        follower.await_line("Following")
        while deposit(one.address, uuid.uuid4().hex)[0] != 200:
            time.sleep(0.05)
        follower.kill()
        before = last_sequence(mirror)
        status, refused = deposit(one.address, identity)
        assert (status, refused["error"]["code"]) == (503, "UNAVAILABLE")
        assert "too few followers" in refused["error"]["rule"]["en"]
        assert last_sequence(home) == before + 1, "it is on the writer's disk and was not acknowledged"
        writer.kill()
        writer = serve(one, home)
        for _ in range(3):
            assert deposit(one.address, identity)[0] == 503
        assert last_sequence(home) == before + 1
        two.run(*words, key=OPERATOR)
        while (answered := deposit(one.address, identity))[0] != 200:
            time.sleep(0.05)
        assert last_sequence(mirror) >= before + 1
        assert deposit(one.address, identity) == answered
        assert last_sequence(home) == before + 1, "carried out once"


def test_a_replaced_writer_sets_aside_what_nobody_confirmed(tmp_path: Path) -> None:
    home, mirror = tmp_path / "writer" / "home", tmp_path / "mirror"
    vkey = make_home(home, followers=("tokyo",), acknowledge_after=1)
    identity = uuid.uuid4().hex
    with Hosts(tmp_path / "logs", 2) as (one, two):
        writer = serve(one, home)
        url = f"http://{one.address}:{PORT}"
        follower = two.run("follow", url, mirror, "--name", "tokyo", "--vkey", vkey, key=OPERATOR)
        follower.await_line("Following")
        while deposit(one.address, uuid.uuid4().hex)[0] != 200:
            time.sleep(0.05)
        follower.stop()
        assert deposit(one.address, identity)[0] == 503
        common = last_sequence(mirror)
        assert last_sequence(home) == common + 1
        for name in ("log.key", "blinding.key"):
            shutil.copy(home / "keys" / name, mirror / "keys" / name)
        new = two.run("takeover", mirror, "--acknowledge-after", 0, "--host", two.address, "--port", PORT)
        new.await_line("Serving")
        with contextlib.closing(HttpWriter(url, OPERATOR)) as told:
            assert told.fence(1, "")["role"] == REPLACED
        assert deposit(two.address, identity)[0] == 200, "the same id, where nobody has seen it"
        writer.kill()
        rejoined = one.run(
            "follow", f"http://{two.address}:{PORT}", home, "--rejoin", "--once", "--name", "old", key=OPERATOR
        )
        assert rejoined.wait() == 0, rejoined.output()
        (aside,) = (home / "set-aside").iterdir()
        assert str(aside) in rejoined.output()
        frames = [item for item in scan_segment(aside.read_bytes(), common + 1, None) if isinstance(item, Frame)]
        assert [frame.sequence for frame in frames] == [common + 1]
        assert identity in [id_hex(id_of(row)) for row in decode_batch(frames[0].payload).commands]
        assert last_sequence(home) == last_sequence(mirror)
        assert new.stop() is not None
    for checked in (home, mirror):
        assert [one for one in audit_home(checked) if one.is_truth] == []


def test_another_past_of_the_log_ends_a_follower_with_the_evidence(tmp_path: Path) -> None:
    """The operator rolls the whole home back and goes on from there: every file of it holds, and the mirror knows."""
    home, mirror = tmp_path / "writer" / "home", tmp_path / "mirror"
    vkey = make_home(home)
    shutil.copytree(home, tmp_path / "older")
    with Hosts(tmp_path / "logs", 2) as (one, two):
        url = f"http://{one.address}:{PORT}"
        writer = serve(one, home)
        for _ in range(3):
            assert deposit(one.address, uuid.uuid4().hex)[0] == 200
        done = two.run("follow", url, mirror, "--vkey", vkey, "--once", key=OPERATOR)
        assert done.wait() == 0, done.output()
        follower = two.run("follow", url, mirror, "--host", two.address, "--port", PORT, key=OPERATOR)
        follower.await_line("Serving")
        writer.stop()
        writer = serve(one, tmp_path / "older")
        assert follower.wait() == 1, follower.output()
        assert "L5: a log only grows" in follower.output()
        for _ in range(5):
            assert deposit(one.address, uuid.uuid4().hex)[0] == 200
        forked = two.run("follow", url, mirror, "--once", key=OPERATOR)
        assert forked.wait() == 1
        assert "another frame of this number" in forked.output()
        writer.stop()
    assert [one for one in audit_home(tmp_path / "older") if one.is_truth] == []
    kept = {path.name for path in (mirror / "evidence").rglob("*")}
    assert {"what.json", "checkpoint-ours", "frames-theirs"} <= kept


def test_a_rejoining_follower_never_gives_up_what_was_signed(tmp_path: Path) -> None:
    """A higher epoch is no excuse for a log that lost what its checkpoints promised."""
    home, mirror = tmp_path / "writer" / "home", tmp_path / "mirror"
    vkey = make_home(home)
    older = tmp_path / "older"
    with Hosts(tmp_path / "logs", 2) as (one, two):
        url = f"http://{one.address}:{PORT}"
        writer = serve(one, home)
        early = two.run("follow", url, older, "--vkey", vkey, "--once", key=OPERATOR)
        assert early.wait() == 0
        assert deposit(one.address, uuid.uuid4().hex)[0] == 200
        time.sleep(0.5)
        done = two.run("follow", url, mirror, "--vkey", vkey, "--once", key=OPERATOR)
        assert done.wait() == 0
        writer.stop()
        for name in ("log.key", "blinding.key"):
            shutil.copy(home / "keys" / name, older / "keys" / name)
        refused = one.run("takeover", older)
        assert refused.wait() == 2
        assert "--may-lose" in refused.output()
        writer = one.run("takeover", older, "--may-lose", "--host", one.address, "--port", PORT)
        writer.await_line("Serving")
        for words in ((), ("--rejoin",)):
            caught = two.run("follow", url, mirror, "--once", *words, key=OPERATOR)
            assert caught.wait() == 1, caught.output()
            assert "L5" in caught.output()
        before = last_sequence(mirror)
    assert not (mirror / "set-aside").exists()
    assert last_sequence(mirror) == before


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("ftp://x/", "mirror", "--vkey", "a+b+c"), 2, "BAD_ADDRESS"),
        (("http://127.0.0.1:1/", "mirror", "--vkey", "a+b+c"), 3, "writer not reached"),
        (("http://127.0.0.1:1/", "mirror"), 2, "KEY_NEEDED"),
        (("http://127.0.0.1:1/", "mirror", "--key-file", "no-such-file"), 2, "FILE_UNREADABLE"),
    ],
)
def test_wrong_arguments_are_one_line(words, code: int, told: str, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("WATTMARK_API_KEY", "0b" * 32)
    assert run(["follow", words[0], str(tmp_path / words[1]), *words[2:]]) == code
    output = "".join(capsys.readouterr())
    assert told in output
    assert len(output.splitlines()) == 1
    assert "0b" * 32 not in output
    assert not (tmp_path / "mirror").exists()
