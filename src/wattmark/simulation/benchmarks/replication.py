"""What one follower costs: the same batches to a writer that waits for nobody, and to one that waits for a follower.

Writer and follower are processes of their own on this machine, each with its files on the same disk. The follower
verifies and applies every command again before it stores it, and a batch is answered when it has. A machine of its own
would add a round trip and take the follower's work off this one.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from wattmark.core.clock import now_ms
from wattmark.core.codes import Role
from wattmark.core.ids import derive_id
from wattmark.crypto.hashing import sha256
from wattmark.flows.issue_key import issue_key
from wattmark.simulation.benchmarks.http import Orders, batch, check_batches, make_home, settle
from wattmark.simulation.benchmarks.http_client import HOST, drive
from wattmark.simulation.benchmarks.http_server import OURS, STOP_S, Server, server
from wattmark.simulation.benchmarks.report import significant
from wattmark.wiring import Platform
from wattmark.wiring.takeover import change_followers

NAME: Final = "bench-follower"
SECRET: Final = sha256(b"bench follower").hex()
BATCHES: Final = {1: 400, 64: 300, 1_024: 100, 8_192: 24}
"""Size of a batch -> how many are sent, one after the other."""
QUICK: Final = 20
"""How many times less a quick run sends."""
LINES: Final = 3
"""Connections that send the largest batches at once, for the rate."""


def measured(*, quick: bool) -> dict[str, Any]:
    """Return latency [ms] by size of batch and the rate at the largest [orders/s], alone and with one follower.

    Args:
        quick: send a twentieth.
    """
    with TemporaryDirectory(prefix="wattmark-bench-") as folder:
        home = Path(folder) / "home"
        make_home(home)
        with Platform.open(home) as platform:
            identity = derive_id("bench follower")
            issue_key(platform, identity=identity, account=0, roles=Role.OPERATOR, secret=SECRET, now_ms=now_ms())
            vkey = platform.keys.vkey
        orders = Orders()
        with server(OURS, "serve", str(home), "--port", "0") as writer:
            alone = _figures(writer, orders, quick=quick)
        change_followers(home, [NAME], 1, now_ms())
        with (
            server(OURS, "serve", str(home), "--port", "0") as writer,
            _follower(writer, Path(folder) / "mirror", vkey),
        ):
            followed = _figures(writer, orders, quick=quick)
    return {"acknowledge_after_0": alone, "acknowledge_after_1": followed}


def _figures(writer: Server, orders: Orders, *, quick: bool) -> dict[str, Any]:
    less = QUICK if quick else 1
    drive(writer.port, [[batch(trader, orders.rows(trader, 64), binary=True) for _ in range(3)] for trader in (0, 1)])
    latency: dict[str, Any] = {}
    for size, number in BATCHES.items():
        settle(writer)
        sent = [batch(0, orders.rows(0, size), binary=True) for _ in range(max(3, number // less))]
        driven = drive(writer.port, [sent])
        check_batches(driven, size, binary=True)
        latency[str(size)] = {
            "p50": significant(driven.quantile_ms(0.5)),
            "p99": significant(driven.quantile_ms(0.99)),
        }
    settle(writer)
    size, number = max(BATCHES.items())
    each = max(2, number // less)
    driven = drive(
        writer.port,
        [[batch(line, orders.rows(line, size), binary=True) for _ in range(each)] for line in range(LINES)],
    )
    check_batches(driven, size, binary=True)
    return {"latency_ms_by_batch": latency, "per_s": round(size * len(driven.bodies) / driven.seconds)}


@contextmanager
def _follower(writer: Server, home: Path, vkey: str) -> Iterator[None]:
    """Run a follower until the end; begin when it has everything.

    Raises:
        RuntimeError: it ended instead.
    """
    url = f"http://{HOST}:{writer.port}"
    process = subprocess.Popen(  # noqa: S603 - our own program, a fixed interpreter
        [sys.executable, "-c", OURS, "follow", url, str(home), "--vkey", vkey, "--name", NAME],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C.UTF-8", "WATTMARK_API_KEY": SECRET},
    )
    try:
        until = time.monotonic() + STOP_S
        while not _is_confirmed(writer):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the follower did not follow")
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_confirmed(writer: Server) -> bool:
    connection = HTTPConnection(HOST, writer.port, timeout=STOP_S)
    try:
        connection.request("GET", "/api/v1/replication/head", headers={"Authorization": f"Bearer {SECRET}"})
        answer = connection.getresponse()
        head = json.loads(answer.read())
        return bool(answer.status == HTTPStatus.OK and head["confirmed"].get(NAME) == head["last_sequence"])
    finally:
        connection.close()
