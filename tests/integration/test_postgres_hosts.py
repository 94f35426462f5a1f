"""Writers on hosts of their own are killed, stopped and cut off under load; a standby on another host takes over."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from reference.hosts import SERVER, Hosts, can_make_hosts
from reference.postgres_server import PostgresServer, programs
from reference.standby_host import NOW_MS, PUBLISH, deposits, receive, send
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.batch import ENTRY_BYTES, decode_batch
from wattmark.engine.commands import Kind
from wattmark.flows.settings import Settings
from wattmark.ledger.checkpoint import open_checkpoint
from wattmark.ledger.merkle import MerkleTree, leaf_hashes
from wattmark.storage.postgres import PostgresJournal
from wattmark.wiring import Platform, open_sequencer

pytestmark = [pytest.mark.service, pytest.mark.slow]

FAULTS = (["kill"] * 4 + ["stop", "kill", "cut"]) * 7 + ["kill"] * 3
"""What happens to each writer in turn: kill -9; SIGSTOP, woken when another writes; its cable cut, mended then."""
LONGEST_TAKEOVER_S = 5
BATCH = 16
CLIENTS = 2
PAUSE_S = 0.05
"""Between two batches of a client: each takeover replays the whole journal, and a busy machine shall be in time."""
LONGEST_WAIT_S = 30
PATIENCE_S = 0.5
"""How long a client waits for an answer before it asks another writer."""


@dataclass
class Writer:
    """A process on a host: its id, where it answers."""

    host: int
    process: int
    path: Path


@dataclass
class Load:
    """Clients that send batch after batch to whoever answers, each again until it is acknowledged."""

    writers: list[Writer] = field(default_factory=list)
    acknowledged: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)
    by_path: dict[Path, int] = field(default_factory=dict)
    retries: int = 0
    last: bytes = b""
    over: threading.Event = field(default_factory=threading.Event)

    def run(self, client: int) -> None:
        """Send numbered batches; what is under way at the end is sent until it is acknowledged."""
        number, connection, path = 0, None, None
        while not self.over.is_set():
            rows = deposits(client, number, BATCH)
            while True:
                try:
                    if connection is None:
                        connection, path = self._connect()
                    send(connection, rows.tobytes())
                    said = receive(connection)
                    self.last = said[:200]
                    if said[:1] == b"\x01":
                        break
                except (OSError, IndexError) as error:
                    self.last = repr(error).encode()
                self.retries += 1
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(0.01)
            self.acknowledged[client, number] = np.frombuffer(said[1:], np.int64).reshape(-1, e.VERDICT_WORDS)
            self.by_path[path] = self.by_path.get(path, 0) + 1
            number += BATCH
            time.sleep(PAUSE_S)
        if connection is not None:
            connection.close()

    def await_batches(self, writer: Writer, count: int, where: str) -> None:
        """Wait until a writer has acknowledged so many batches."""
        end = time.monotonic() + LONGEST_WAIT_S
        while self.by_path.get(writer.path, 0) < count:
            assert time.monotonic() < end, f"{where}: nothing is acknowledged; the last answer: {self.last!r}"
            time.sleep(0.005)

    def _connect(self) -> tuple[socket.socket, Path]:
        """Reach the newest writer that answers; the ones before it may be stopped or cut off."""
        writer = [writer for writer in self.writers if writer.path.exists()][-1]
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(PATIENCE_S)
            connection.connect(str(writer.path))
        except OSError:
            connection.close()
            raise
        return connection, writer.path


def ask(writer: Writer, data: bytes, patience_s: float = 20) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(patience_s)
        connection.connect(str(writer.path))
        send(connection, data)
        return receive(connection)


@contextmanager
def standby_host(prefix: list[str]):
    """A process on a host that forks standbys."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    command = [*prefix, sys.executable, "-m", "reference.standby_host"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.terminate()


def start_standby(on: subprocess.Popen, host: int, home: Path, path: Path) -> Writer:
    print(home, path, file=on.stdin, flush=True)
    return Writer(host, int(on.stdout.readline()), path)


@pytest.mark.timeout(600)
def test_writers_on_other_hosts_are_killed_stopped_and_cut_off_under_load(tmp_path, require_service):
    binaries = programs()
    require_service("PostgreSQL", available=binaries, install="postgresql")
    apart = can_make_hosts()
    with ExitStack() as stack:
        hosts = Hosts(2) if apart else None
        if hosts is not None:
            stack.callback(hosts.remove)
        server = PostgresServer(binaries, on=hosts.on(0) if hosts else (), address=SERVER if hosts else "")
        stack.callback(server.remove)
        local = f"host={server.folder} user=wattmark dbname=postgres"
        schema = f"test_{uuid.uuid4().hex[:16]}"
        settings = Settings(
            origin="hosts.example/log", name=Text(en="h", ja="h"), journal="postgres", journal_dsn=local,
            journal_schema=schema,
        )  # fmt: skip
        first = tmp_path / "home1"
        Platform.create(first, settings, NOW_MS).close()
        subprocess.run(["cp", "-r", first, tmp_path / "home2"], check=True)
        homes = [first, tmp_path / "home2"]
        for home in homes:  # each reaches the server over its own cable
            text = (home / "wattmark.json").read_text()
            (home / "wattmark.json").write_text(text.replace(f"host={server.folder}", server.dsn.split()[0]))
        forks = [
            stack.enter_context(standby_host(hosts.on(number) if hosts else [])) for number in range(1, 3)
        ]  # fmt: skip
        faults = [fault if apart or fault != "cut" else "stop" for fault in FAULTS]
        report = run_faults(faults, forks, homes, tmp_path, hosts)
        for home in homes:
            (home / "wattmark.json").write_text(
                (home / "wattmark.json").read_text().replace(server.dsn.split()[0], f"host={server.folder}")
            )
        check_log(report, PostgresJournal(local, schema=schema, read_only=True), homes[0])
    seconds = {kind: max(s for f, s in zip(faults, report.seconds, strict=True) if f == kind) for kind in set(faults)}
    print(
        json.dumps(
            {
                "hosts": "network namespaces" if apart else "processes: no root or no ip(8)",
                "faults": {kind: faults.count(kind) for kind in sorted(set(faults))},
                "acknowledged_batches": len(report.load.acknowledged),
                "batches_sent_again": report.load.retries,
                "longest_takeover_s": {kind: round(value, 2) for kind, value in sorted(seconds.items())},
                "median_takeover_s": round(float(np.median(report.seconds)), 2),
            }
        )
    )
    assert max(report.seconds) < LONGEST_TAKEOVER_S


@dataclass
class Played:
    load: Load
    seconds: list[float]
    checkpoints: list[str]


def run_faults(faults, forks, homes, folder, hosts) -> Played:
    played = Played(Load(), [], [])
    load = played.load

    def standby(number: int) -> Writer:
        host = number % 2
        return start_standby(forks[host], host + 1, homes[host], folder / f"{number}.sock")

    clients = [threading.Thread(target=load.run, args=(client,)) for client in range(1, CLIENTS + 1)]
    writer = standby(0)
    load.writers.append(writer)
    for client in clients:
        client.start()
    try:
        for turn, fault in enumerate(faults, start=1):
            load.await_batches(writer, 2 + turn % 3, f"turn {turn}, before")
            if turn % 5 == 0:
                said = ask(writer, PUBLISH)
                assert said[:1] == b"\x01", said
                played.checkpoints.append(said[1:].decode())
            after = standby(turn)
            time.sleep(0.15)  # it waits by now; if not, its start counts as well
            begun = time.monotonic()
            break_(fault, writer, hosts)
            load.writers.append(after)
            load.await_batches(after, 1, f"turn {turn}, {fault}")
            played.seconds.append(time.monotonic() - begun)
            print(turn, fault, round(played.seconds[-1], 2), flush=True)
            come_back(fault, writer, hosts)
            writer = after
        said = ask(writer, PUBLISH)
        played.checkpoints.append(said[1:].decode())
    finally:
        load.over.set()
        for client in clients:
            client.join(30)
        assert not any(client.is_alive() for client in clients), load.last
        os.kill(writer.process, signal.SIGKILL)
    return played


def break_(fault: str, writer: Writer, hosts: Hosts | None) -> None:
    if fault == "cut":
        assert hosts is not None
        hosts.cut(writer.host)
    else:
        os.kill(writer.process, signal.SIGKILL if fault == "kill" else signal.SIGSTOP)


def come_back(fault: str, writer: Writer, hosts: Hosts | None) -> None:
    """Let the old writer wake up, or hear from the network again: it acknowledges nothing and signs nothing more."""
    if fault == "kill":
        return
    if fault == "cut":
        assert hosts is not None
        hosts.mend(writer.host)
    else:
        os.kill(writer.process, signal.SIGCONT)
    for asked in (deposits(77, 0, 1).tobytes(), PUBLISH):
        said = ask(writer, asked)
        assert said[:1] == b"\x00", said
    os.kill(writer.process, signal.SIGKILL)


def check_log(played: Played, journal: PostgresJournal, home: Path) -> None:
    """Every acknowledged command is there once with its verdict, nothing else is, and no checkpoint is of another log."""
    rows, verdicts, tree = [], [], MerkleTree()
    public = (home / "keys/log.vkey").read_text().strip()
    with open_sequencer(home, takeover=True) as sequencer:
        entries = b"".join(record.entry for record in sequencer.records(0, sequencer.position))
    tree.append(leaf_hashes(np.frombuffer(entries, np.uint8).reshape(-1, ENTRY_BYTES)))
    for checkpoint in [open_checkpoint(text, public) for text in played.checkpoints]:
        assert tree.root(checkpoint.size) == checkpoint.root, "a fork was signed"
    for frame in journal.read():
        batch = decode_batch(frame.payload)
        kept = batch.commands[:, e.W_HEAD] & e.HALF_MASK == Kind.DEPOSIT
        rows.append(batch.commands[kept])
        verdicts.append(batch.verdicts[kept])
    journal.close()
    stored, given = np.concatenate(rows), np.concatenate(verdicts)
    by_id = {(int(row[e.W_ID_HIGH]), int(row[e.W_ID_LOW])): verdict for row, verdict in zip(stored, given, strict=True)}
    assert len(by_id) == len(stored), "a command stands twice in the journal"
    for (client, first), said in played.load.acknowledged.items():
        for number, verdict in enumerate(said, start=first):
            assert (by_id.pop((client, number)) == verdict).all(), "an acknowledged verdict was lost"
    assert not by_id, "what nobody was told is there"
