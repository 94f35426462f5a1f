"""A host on which writers are started and killed: it loads the program once, then forks a standby for each line it reads.

A standby waits for the writer's lock in the database, opens the real sequencer, and answers batches on a socket in the
file system: those who ask reach it although its network is cut, which is the harder case. An answer is a byte (1:
durable, 0: refused), then the verdicts or the checkpoint.
"""

import os
import signal
import socket
import struct
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np

from wattmark.core.errors import WattmarkError
from wattmark.engine import layout as e
from wattmark.engine.apply import apply
from wattmark.engine.commands import Kind, command
from wattmark.engine.state import State
from wattmark.ledger.merkle import MerkleTree, leaf_hashes
from wattmark.wiring import open_sequencer

LENGTH = struct.Struct("<I")
NOW_MS = 1_700_000_000_000
PUBLISH = b"publish"


def deposits(client: int, first: int, count: int) -> np.ndarray:
    """Commands of a client, numbered: the id says which one it is, the amount as well."""
    row = command(Kind.DEPOSIT, id=1, actor=0, account=0, amount_e5jpy=1)
    rows = np.tile(row, (count, 1))
    rows[:, e.W_ID_HIGH], rows[:, e.W_ID_LOW] = client, np.arange(first, first + count)
    rows[:, e.W_FIELDS + 1] = np.arange(first, first + count) + 1
    return rows


def send(connection: socket.socket, data: bytes) -> None:
    connection.sendall(LENGTH.pack(len(data)) + data)


def receive(connection: socket.socket) -> bytes:
    (length,) = LENGTH.unpack(_exactly(connection, LENGTH.size))
    return _exactly(connection, length)


def _exactly(connection: socket.socket, length: int) -> bytes:
    parts = []
    while length:
        part = connection.recv(min(length, 1 << 20))
        if not part:
            raise ConnectionError("closed")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def write(home: Path, path: Path) -> None:
    with open_sequencer(home, standby=True) as sequencer:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(f"{path}.new")
        listening.listen(1_024)
        Path(f"{path}.new").rename(path)

        def answer(connection: socket.socket) -> None:
            while asked := receive(connection):
                try:
                    if asked == PUBLISH:
                        said = sequencer.publish().encode()
                    else:
                        rows = np.frombuffer(asked, np.int64).reshape(-1, e.COMMAND_WORDS).copy()
                        said = sequencer.submit(rows, now_ms=NOW_MS).tobytes()
                except WattmarkError as error:
                    send(connection, b"\x00" + str(error).encode())
                else:
                    send(connection, b"\x01" + said)

        def serve(connection: socket.socket) -> None:
            with suppress(OSError):  # who asked has gone
                answer(connection)

        while True:
            threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()


def main() -> None:
    apply(State(), deposits(9, 0, 2), NOW_MS)  # compiled code is loaded
    MerkleTree().append(leaf_hashes(np.zeros((2, 176), np.uint8)))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
    print("ready", flush=True)
    for line in sys.stdin:
        home, path = line.split()
        child = os.fork()
        if not child:
            os.close(0)
            write(Path(home), Path(path))
        print(child, flush=True)


if __name__ == "__main__":
    main()
