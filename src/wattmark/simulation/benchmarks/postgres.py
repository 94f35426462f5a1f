"""The same commands with the journal in PostgreSQL: a server of our own, made for the measurement and ended with it.

The limit is one transaction per batch that inserts a row of the same bytes, nothing else done.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from wattmark.engine.batch import ENTRY_BYTES
from wattmark.engine.commands import Words
from wattmark.flows.sequence import Sequencer
from wattmark.flows.settings import Settings
from wattmark.simulation.benchmarks.report import seconds_of, significant
from wattmark.simulation.benchmarks.world import NOW_MS
from wattmark.wiring import Platform, open_sequencer

DEBIAN_PROGRAMS: Final = "usr/lib/postgresql/*/bin"
UNPRIVILEGED: Final = "nobody"
SCHEMA: Final = "bench"

Pipelined = Callable[[Sequencer, Words, int], tuple[float, list[float]]]


def measured(settings: Settings, set_up: Words, rows: Words, batch: int, pipelined: Pipelined) -> dict[str, Any]:
    """Return commands per second through the sequencer, the limit of the same run and their ratio, or why there is none.

    Args:
        settings: of the platform; the journal's are replaced.
        set_up: commands before those that are timed.
        rows: what is timed.
        batch: commands in a batch.
        pipelined: submits commands of a sequencer in batches and returns the seconds.
    """
    programs = _programs()
    if programs is None:
        return {"not_measured": "no initdb and pg_ctl on this machine"}
    try:
        import psycopg  # noqa: PLC0415 - an extra
    except ImportError:
        return {"not_measured": "the extra `postgres` is not installed"}
    with _server(programs) as dsn, tempfile.TemporaryDirectory(prefix="wattmark-bench-") as folder:
        home = Path(folder) / "home"
        shared = settings.with_changes(journal="postgres", journal_dsn=dsn, journal_schema=SCHEMA)
        Platform.create(home, shared, NOW_MS).close()
        with open_sequencer(home) as sequencer:
            pipelined(sequencer, set_up, batch)
            seconds, _ = pipelined(sequencer, rows, batch)
        data = os.urandom(batch * ENTRY_BYTES)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE bare (number serial PRIMARY KEY, frame bytea NOT NULL)")
            connection.execute("ALTER TABLE bare ALTER frame SET STORAGE EXTERNAL")

            def insert() -> None:
                for _ in range(len(rows) // batch):
                    connection.execute("INSERT INTO bare (frame) VALUES (%b)", (data,), prepare=True)

            bare = seconds_of(insert)
    return {
        "per_s": round(len(rows) / seconds),
        "limit_per_s": round(len(rows) / bare),
        "limit_is": "one transaction per batch that inserts a row of the same bytes",
        "ratio": significant(bare / seconds),
    }


def _programs() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/").glob(DEBIAN_PROGRAMS))
    return folders[-1] if folders else None


@contextmanager
def _server(programs: Path) -> Iterator[str]:
    """Run a server with the defaults of its makers, reached by a socket in its folder; end it and remove its data."""
    folder = Path(tempfile.mkdtemp(prefix="wattmark-pg-"))
    user: list[str] = []
    if os.geteuid() == 0:  # it refuses to run as root
        shutil.chown(folder, UNPRIVILEGED)
        user = ["setpriv", f"--reuid={UNPRIVILEGED}", "--regid=nogroup", "--clear-groups"]

    def run(program: str, *words: str) -> None:
        command = [*user, str(programs / program), "-D", str(folder / "data"), *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", timeout=120)  # noqa: S603 - programs of the database

    try:
        run("initdb", "-U", "wattmark", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        with (folder / "data" / "postgresql.conf").open("a") as file:
            file.write(f"listen_addresses = ''\nunix_socket_directories = '{folder}'\n")
        run("pg_ctl", "-w", "-t", "60", "-l", str(folder / "log"), "start")
        try:
            yield f"host={folder} user=wattmark dbname=postgres"
        finally:
            run("pg_ctl", "-w", "-t", "60", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
