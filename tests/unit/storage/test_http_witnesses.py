"""A hostile witness gets no more of the log's memory than the longest answer, whatever HTTP it speaks."""

import resource
import socket
import threading
from collections.abc import Iterator

import pytest

from wattmark.core.errors import Unavailable
from wattmark.ledger.witness import MAX_ANSWER_BYTES
from wattmark.storage.http.witnesses import HttpWitnesses
from wattmark.storage.http.writers import HttpWriter

MIB = 1 << 20
OK = b"HTTP/1.1 200 OK\r\n"
ENDLESS = {
    "a body without a length": (OK + b"\r\n", b"x" * MIB),
    "a body of 100 GB": (OK + b"Content-Length: 99999999999\r\n\r\n", b"x" * MIB),
    "a chunk of -1 bytes": (OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", b"x" * MIB),
    "a chunk of 100 GB": (OK + b"Transfer-Encoding: chunked\r\n\r\n174876e7ff\r\n", b"x" * MIB),
    "chunks of one byte with long extensions": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n",
        (b"1;" + b"e" * 60_000 + b"\r\nx\r\n") * 16,
    ),
    "headers without an end": (OK, b"X: " + b"y" * 60_000 + b"\r\n"),
    "answers to come without an end": (b"", b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" * 1_000),
}


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize(("head", "again"), ENDLESS.values(), ids=ENDLESS)
def test_what_never_ends_is_cut(listening: socket.socket, head: bytes, again: bytes) -> None:
    def answer() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.settimeout(5)  # the kernel may let a sender wait for a while after the other end is gone
            connection.recv(MIB)
            try:
                connection.sendall(head)
                while True:
                    connection.sendall(again)
            except OSError:
                return

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        found = HttpWitnesses(1.0).add_checkpoint(f"http://127.0.0.1:{listening.getsockname()[1]}", b"old 0\n\n")
    except Unavailable:
        found = None
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert found is None or len(found.body) <= MAX_ANSWER_BYTES
    assert grown_kib < 16 * 1_024, f"{grown_kib} KiB"
    thread.join(10)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"error":' * 100_000, b"1" * 5_000, b"\xff", b"[]"])
def test_a_writers_answer_that_is_no_object_is_no_answer(listening: socket.socket, body: bytes) -> None:
    """Of a refusal too; nested too deeply for a parser, it must not end the follower."""

    def answer() -> None:
        for status in (b"200 OK", b"500 No"):
            connection, _ = listening.accept()
            with connection:
                connection.recv(MIB)
                head = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
                connection.sendall(head + body)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    for _ in range(2):
        with pytest.raises(Unavailable):
            HttpWriter(f"http://127.0.0.1:{listening.getsockname()[1]}", "wm_00", 5.0).head()
    thread.join(10)
