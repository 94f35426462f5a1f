"""A PostgreSQL server of the tests' own: made with initdb, reached by a socket in its folder, ended by its id."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

DEBIAN_PROGRAMS = "/usr/lib/postgresql/*/bin"
UNPRIVILEGED = "nobody"


def programs() -> Path | None:
    """The folder of initdb and pg_ctl, of the newest version there is."""
    found = shutil.which("initdb")
    folders = sorted(Path("/").glob(DEBIAN_PROGRAMS.lstrip("/")), key=lambda path: int(path.parent.name.split(".")[0]))
    return Path(found).resolve().parent if found else folders[-1] if folders else None


class PostgresServer:
    """One server; it refuses to run as root, so root runs it as ``nobody``."""

    def __init__(
        self, binaries: Path, *, on: Sequence[str] = (), address: str = "", primary: "PostgresServer | None" = None
    ) -> None:
        """Make and start one.

        Args:
            binaries: folder of the programs.
            on: what is put before a command to run it on another host.
            address: where it listens besides its socket.
            primary: the server to follow, as the standby ``s1``; a new cluster when ``None``.
        """
        self._binaries = binaries
        self._on, self._address = list(on), address
        self.folder = Path(tempfile.mkdtemp(prefix="wattmark-pg-"))
        self._data = self.folder / "data"
        self._as: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(self.folder, UNPRIVILEGED)
            self._as = ["setpriv", f"--reuid={UNPRIVILEGED}", "--regid=nogroup", "--clear-groups"]
        if primary is not None:
            source = f"host={primary.folder} user=wattmark application_name=s1"
            self._run("pg_basebackup", "-D", self._data, "-d", source, "-R", "-X", "stream", "-c", "fast", "--no-sync")
            self._configure(f"unix_socket_directories = '{self.folder}'")
            self.start()
            return
        # --no-sync: what makes a cluster need not be durable; what the cluster stores is (fsync stays on)
        self._run("initdb", "-D", self._data, "-U", "wattmark", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        with (self._data / "pg_hba.conf").open("a") as file:
            file.write("host all all 10.99.0.0/16 trust\n")
        self._configure(
            f"listen_addresses = '{address}'",
            f"unix_socket_directories = '{self.folder}'",
            "max_connections = 60",
            "shared_buffers = 32MB",
        )
        self.start()

    @property
    def dsn(self) -> str:
        return f"host={self._address or self.folder} user=wattmark dbname=postgres"

    def start(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-l", self.folder / "log", "-w", "-t", "60", "start", on=self._on)

    def promote(self) -> None:
        """Make a standby the primary."""
        self._run("pg_ctl", "-D", self._data, "-w", "-t", "60", "promote")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-t", "60", "-m", "immediate", "stop")

    def kill(self) -> None:
        """Kill the postmaster; its children end when they notice."""
        os.kill(int((self._data / "postmaster.pid").read_text().split("\n")[0]), signal.SIGKILL)

    def remove(self) -> None:
        if (self._data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder)

    def _configure(self, *settings: str) -> None:
        with (self._data / "postgresql.conf").open("a") as file:
            file.write("\n".join(settings) + "\n")

    def _run(self, program: str, *words: object, on: Sequence[str] = ()) -> None:
        command = [*on, *self._as, str(self._binaries / program), *map(str, words)]
        ran = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd="/", timeout=120, check=False
        )
        if ran.returncode:
            raise AssertionError(f"{program}: {ran.stderr[-2000:]}")
