"""Servers in processes of their own: ours, and the least that answers over the same stack, as a limit."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import Receive, Scope, Send

OURS: Final = "from wattmark.cli.main import run; raise SystemExit(run())"
BARE: Final = "from wattmark.simulation.benchmarks.http_server import serve_bare; serve_bare()"
BARE_ANSWER: Final = (
    b'{"id":"00000000000000000000000000000001","outcome":"OK","timestamp_ms":1,"order":1,"filled_wh":0}'
)
STOP_S: Final = 60
"""Longest wait for a server to end, or to have taken in what it acknowledged [s]."""
TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        pid: its process.
        port: where it listens on the loopback address.
    """

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """Return the processor time it has used, all threads [s]."""
        after_name = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / TICKS_PER_S


@contextmanager
def server(program: str, *arguments: str, one_core: bool = False) -> Iterator[Server]:
    """Start a server of ours that tells its address, and end it afterwards.

    Args:
        program: Python source.
        arguments: of the program.
        one_core: binds it to one core, and this process to the others while it runs.

    Raises:
        RuntimeError: it ended instead.
    """
    cores = os.sched_getaffinity(0)
    core = {max(cores)}
    if one_core:
        os.sched_setaffinity(0, core)  # a child begins where its parent stands
    try:
        process = subprocess.Popen(  # noqa: S603 - our own program, a fixed interpreter
            [sys.executable, "-c", program, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        if one_core:
            os.sched_setaffinity(0, cores - core or cores)
        output = process.stdout
        assert output is not None
        try:
            told = output.readline()
            port = told.partition("http://127.0.0.1:")[2].partition("/")[0]
            if not port:
                raise RuntimeError(f"the server did not start: {told}")
            yield Server(process.pid, int(port))
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            output.close()
    finally:
        os.sched_setaffinity(0, cores)


def serve_bare() -> None:
    """Serve an application that reads a body and sends one fixed answer, until interrupted."""

    async def bare(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BARE_ANSWER))]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": BARE_ANSWER})

    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sys.stdout.write(f"Serving http://127.0.0.1:{listening.getsockname()[1]}/\n")
        sys.stdout.flush()
        uvicorn.Server(uvicorn.Config(bare, log_level="warning", lifespan="off")).run(sockets=[listening])
