"""A client that costs little: prepared bytes over keep-alive connections, one thread, one request in flight on each."""

import selectors
import socket
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

import numpy as np

HOST: Final = "127.0.0.1"
RECEIVE_BYTES: Final = 1 << 18
TIMEOUT_S: Final = 120
"""Longest wait for anything to happen [s]."""
END_OF_HEAD: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length: "


@dataclass(frozen=True, slots=True)
class Driven:
    """What a run of requests met.

    Attributes:
        seconds: from the first byte sent to the last one received [s].
        waits_s: of each answer, from when its request was due to its last byte [s].
        bodies: the answers.
    """

    seconds: float
    waits_s: list[float]
    bodies: list[bytes]

    def quantile_ms(self, part: float) -> float:
        """Return a quantile of the waits [ms]."""
        return float(np.quantile(self.waits_s, part)) * 1_000


def request(path: str, secret: str, body: bytes, *headers: str) -> bytes:
    """Return a POST request as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {HOST}", f"Authorization: Bearer {secret}", *headers]
    return ("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])).encode() + body


@dataclass(slots=True)
class _Line:
    """One connection."""

    socket: socket.socket
    requests: deque[tuple[float, bytes]]
    due: float = 0.0
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    received: bytearray = field(default_factory=bytearray)
    length: int = 0
    """Bytes of the whole answer; 0 until its head is there."""

    @property
    def is_idle(self) -> bool:
        return not self.due

    def begin(self, now: float) -> None:
        """Send the next request, or as much of it as the socket takes."""
        due, data = self.requests.popleft()
        self.due, self.unsent, self.length = due or now, memoryview(data), 0
        self.received.clear()
        self.send()

    def send(self) -> None:
        try:
            self.unsent = self.unsent[self.socket.send(self.unsent) :]
        except BlockingIOError:
            return

    def receive(self) -> bytes | None:
        """Return the body when the answer is complete."""
        part = self.socket.recv(RECEIVE_BYTES)
        if not part:
            raise ConnectionError("the server closed the connection")
        self.received += part
        if not self.length and (end := self.received.find(END_OF_HEAD)) >= 0:
            head = bytes(self.received[:end]).lower()
            if head[9:10] != b"2":
                raise ConnectionError(bytes(self.received).decode(errors="replace"))
            at = head.index(LENGTH) + len(LENGTH)
            self.length = end + len(END_OF_HEAD) + int(head[at:].split(b"\r\n", 1)[0])
        if not self.length or len(self.received) < self.length:
            return None
        return bytes(self.received[self.received.index(END_OF_HEAD) + len(END_OF_HEAD) :])


def drive(port: int, requests: Sequence[Iterable[bytes]], interval_s: float = 0.0) -> Driven:
    """Send requests over one connection per sequence and return what came of them; any status but 2xx ends the run.

    Args:
        port: of the server, on the loopback address.
        requests: per connection, what it sends one after the other.
        interval_s: a request of any connection is due so often [s]; one that finds its connection busy waits, and the
            wait counts. 0 sends each as soon as the one before is answered.

    Raises:
        ConnectionError: an answer other than 2xx, or none.
    """
    waits: list[float] = []
    bodies: list[bytes] = []
    clock = time.perf_counter
    with ExitStack() as open_sockets, selectors.DefaultSelector() as selector:
        begun = clock() + interval_s
        lines: list[_Line] = []
        for number, some in enumerate(requests):
            connection = open_sockets.enter_context(socket.create_connection((HOST, port), TIMEOUT_S))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(0)
            due = (begun + interval_s * (number + len(requests) * turn) for turn in range(1 << 30))
            timed = deque((when if interval_s else 0.0, data) for when, data in zip(due, some, strict=False))
            lines.append(_Line(connection, timed))
            selector.register(connection, selectors.EVENT_READ, lines[-1])
        begun = clock()
        _begin_due(lines, begun, selector)
        left = sum(len(line.requests) + (not line.is_idle) for line in lines)
        while len(bodies) < left:
            happened = selector.select(_timeout(lines, clock(), interval_s))
            if not happened and not interval_s:
                raise ConnectionError("the server does not answer")
            for key, mask in happened:
                line: _Line = key.data
                if mask & selectors.EVENT_WRITE:
                    line.send()
                    if not line.unsent:
                        selector.modify(line.socket, selectors.EVENT_READ, line)
                if mask & selectors.EVENT_READ and (body := line.receive()) is not None:
                    now = clock()
                    waits.append(now - line.due)
                    bodies.append(body)
                    line.due = 0.0
                    if not interval_s:
                        _begin_due([line], now, selector)
            if interval_s:
                _begin_due(lines, clock(), selector)
        return Driven(clock() - begun, waits, bodies)


def _begin_due(lines: Iterable[_Line], now: float, selector: selectors.BaseSelector) -> None:
    for line in lines:
        if line.is_idle and line.requests and line.requests[0][0] <= now:
            line.begin(now)
            if line.unsent:
                selector.modify(line.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, line)


def _timeout(lines: Iterable[_Line], now: float, interval_s: float) -> float:
    if not interval_s:
        return TIMEOUT_S
    next_due = min((line.requests[0][0] for line in lines if line.is_idle and line.requests), default=now + TIMEOUT_S)
    return max(0.0, next_due - now)
