"""Witnesses over HTTP: one request per connection, no redirects, an end to every wait."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

from wattmark.core.errors import Unavailable
from wattmark.core.text import Text
from wattmark.flows.cosign import Answer
from wattmark.ledger.witness import ADD_CHECKPOINT, MAX_ANSWER_BYTES

TIMEOUT_S: Final = 5.0
"""Longest time for one request, from the first byte of the connection to the last of the answer [s]."""


class HttpWitnesses:
    """Asks witnesses; see ``wattmark.flows.cosign.Witnesses``."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        """Give up a request after ``timeout_s`` seconds."""
        self._timeout_s = timeout_s

    def add_checkpoint(self, url: str, body: bytes) -> Answer:
        """Send the request and return the answer, at most 64 KiB of it.

        Raises:
            Unavailable: not reached, too slow, or no HTTP; the reason says which.
        """
        connection: http.client.HTTPConnection | None = None
        try:
            parts = urlsplit(url)
            kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
            if parts.scheme not in kinds or not parts.hostname:
                raise _failed("not an http or https address")
            connection = kinds[parts.scheme](parts.hostname, parts.port, timeout=self._timeout_s)
            connection.connect()
            with _deadline(connection, self._timeout_s):
                path = f"{parts.path.rstrip('/')}/{ADD_CHECKPOINT}"
                connection.request("POST", path, body, {"Content-Type": "text/plain; charset=utf-8"})
                answer = connection.getresponse()
                data = _at_most(answer, MAX_ANSWER_BYTES)
                kind = (answer.getheader("Content-Type") or "").partition(";")[0].strip()
            return Answer(answer.status, kind, data)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _failed(f"{type(error).__name__}: {error}") from error
        finally:
            if connection is not None:
                connection.close()


def _at_most(answer: http.client.HTTPResponse, most: int) -> bytes:
    """Return the beginning of a body. Piece by piece: a chunk said to be -1 bytes long would be read to its end."""
    data = bytearray()
    while len(data) < most and (part := answer.read1(most - len(data))):
        data += part
    return bytes(data[:most])


@contextmanager
def _deadline(connection: http.client.HTTPConnection, seconds: float) -> Iterator[None]:
    """Cut the connection after some seconds: a socket's own timeout counts from each byte anew.

    Raises:
        TimeoutError: it was cut; what was read until then is no answer.
    """
    late = threading.Event()

    def cut() -> None:
        late.set()
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    connected: socket.socket = connection.sock
    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if late.is_set():
        raise TimeoutError(f"no whole answer within {seconds} s")


def _failed(why: str) -> Unavailable:
    return Unavailable(Text(en=f"witness not reached: {why}", ja=f"立会人に接続できません: {why}"))
