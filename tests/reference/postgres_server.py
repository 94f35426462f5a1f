"""A PostgreSQL server of the tests' own: made with initdb, reached by a socket in its folder, ended by its id."""

import os
import shutil
import signal
import subprocess
import tempfile
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

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="wattmark-pg-"))
        self._data = self.folder / "data"
        self._as: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(self.folder, UNPRIVILEGED)
            self._as = ["setpriv", f"--reuid={UNPRIVILEGED}", "--regid=nogroup", "--clear-groups"]
        # --no-sync: what makes a cluster need not be durable; what the cluster stores is (fsync stays on)
        self._run("initdb", "-D", self._data, "-U", "wattmark", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        settings = [
            "listen_addresses = ''",
            f"unix_socket_directories = '{self.folder}'",
            "max_connections = 60",
            "shared_buffers = 32MB",
        ]
        with (self._data / "postgresql.conf").open("a") as file:
            file.write("\n".join(settings) + "\n")
        self.start()

    @property
    def dsn(self) -> str:
        return f"host={self.folder} user=wattmark dbname=postgres"

    def start(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-l", self.folder / "log", "-w", "-t", "60", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-t", "60", "-m", "immediate", "stop")

    def kill(self) -> None:
        """Kill the postmaster; its children end when they notice."""
        os.kill(int((self._data / "postmaster.pid").read_text().split("\n")[0]), signal.SIGKILL)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def _run(self, program: str, *words: object) -> None:
        command = [*self._as, str(self._binaries / program), *map(str, words)]
        ran = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd="/", timeout=120, check=False
        )
        if ran.returncode:
            raise AssertionError(f"{program}: {ran.stderr[-2000:]}")
