"""``wattmark serve`` as a process: it answers, keeps what it acknowledged, and leaves a sealed, sound home behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection, connect

from wattmark.core.ids import derive_id, id_hex
from wattmark.engine.commands import Kind, command
from wattmark.flows.plan import plan_of
from wattmark.market import layout as m
from wattmark.storage.sqlite.views import is_sealed
from wattmark.testing.small_home import NIGHT_MS, SECRET, SmallHome
from wattmark.wiring import Platform, audit_home

PROGRAM = "import sys; from wattmark.cli.main import run; sys.exit(run())"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    small = SmallHome(tmp_path / "home").run()
    small.close()
    return small.home


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@contextmanager
def served(home: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "serve", str(home), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    try:
        assert process.stdout is not None
        told = re.match(r"Serving http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
        assert told is not None, process.communicate()
        yield process, int(told[1])
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_it_serves_the_log_and_closes_in_peace(home: Path) -> None:
    with served(home) as (process, port):
        status, note = get(port, "/log/checkpoint")
        assert (status, note) == (200, (home / "log" / "checkpoint").read_bytes())
        assert get(port, "/")[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) in (0, -signal.SIGTERM)
        assert "Traceback" not in process.stderr.read()  # type: ignore[union-attr]
    assert is_sealed(home / "views" / "views.db")
    assert list(audit_home(home)) == []


def test_a_second_server_is_refused_in_one_line(home: Path) -> None:
    with served(home):
        second = subprocess.run(
            [sys.executable, "-c", PROGRAM, "serve", str(home), "--port", "0"],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert second.returncode == 3
        assert "writer" in second.stderr
        assert second.stderr.count("\n") == 1
        reader = subprocess.run(
            [sys.executable, "-c", PROGRAM, "log", "checkpoint", str(home), "--json"],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert json.loads(reader.stdout)["origin"] == "test.example/small"


def test_an_address_that_is_taken_is_refused_in_one_line_and_none_is_told(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = subprocess.run(
            [sys.executable, "-c", PROGRAM, "serve", str(home), "--port", str(port)],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert ran.returncode == 3
    assert f"127.0.0.1:{port}" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert ran.stdout == "", "an address that does not answer is not told"


def test_a_killed_server_leaves_a_home_that_opens(home: Path) -> None:
    with served(home) as (process, _):
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    assert not is_sealed(home / "views" / "views.db")
    with Platform.open(home) as again:
        assert again.views.trades()
    assert list(audit_home(home)) == []


def ask(connection: ClientConnection, **message: object) -> dict:
    connection.send(json.dumps(message))
    return json.loads(connection.recv(timeout=20))


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_orders_of_a_connection_end_with_a_server_that_is_killed_or_stopped(
    tmp_path: Path, how: signal.Signals
) -> None:
    with closing(SmallHome(tmp_path / "home").run()) as small:
        ends_ms = 4_000_000_000_000
        terms = {
            "area": 3,
            "source": 1,
            "period_start_s": 0,
            "duration_s": 1_800,
            "gate_open_ms": 0,
            "mode": 1,
            "scope": 0,
        }
        row = command(Kind.LIST_PRODUCT, id=derive_id("long"), actor=0, gate_close_ms=ends_ms, **terms)
        product = small.platform.execute_one(plan_of([row]), NIGHT_MS).result0
        home = small.home
    order = {"product": product, "side": "buy", "price_sen_per_kwh": 5, "quantity_wh": 7}
    with served(home) as (process, port), connect(f"ws://127.0.0.1:{port}/api/v1/socket") as connection:
        ask(connection, op="login", key=f"wm_{SECRET}", session=9)
        assert ask(connection, op="place", id=id_hex(derive_id("mine")), **order)["outcome"] == "OK"
        process.send_signal(how)
        process.wait(timeout=30)
    with Platform.open(home) as stopped:
        state = int(stopped.state.orders[-1, m.O_STATE])
        assert state == (m.ORDER_OPEN if how == signal.SIGKILL else m.ORDER_CANCELLED)
    with served(home) as (process, port):
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    with Platform.open(home) as again:
        assert int(again.state.orders[-1, m.O_STATE]) == m.ORDER_CANCELLED, "before the first request is answered"
    assert list(audit_home(home)) == []
