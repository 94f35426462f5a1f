"""The benchmark's client: every request once, in order on its connection, and a wait that begins when it was due."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from wattmark.simulation.benchmarks.http_client import drive, request

LARGE = 3 << 20


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent, after the time its body asks for."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(float(self.headers.get("Wait", "0")))
        self.send_response(503 if self.path == "/busy" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.keys.append(self.headers["Authorization"])  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def echo() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.keys = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_every_request_is_answered_and_large_ones_are_whole(echo: ThreadingHTTPServer) -> None:
    bodies = [[b"%d " % (line * 10 + turn) * LARGE for turn in range(2)] for line in range(3)]
    driven = drive(
        echo.server_port, [[request("/x", f"key{n}", body) for body in some] for n, some in enumerate(bodies)]
    )
    assert sorted(driven.bodies) == sorted(body for some in bodies for body in some)
    assert sorted(echo.keys) == sorted(f"Bearer key{n}" for n in (0, 0, 1, 1, 2, 2))
    assert len(driven.waits_s) == 6
    assert 0 < driven.quantile_ms(0.5) <= driven.quantile_ms(0.99) <= driven.seconds * 1_000


def test_a_paced_request_that_is_late_counts_from_when_it_was_due(echo: ThreadingHTTPServer) -> None:
    slow = request("/x", "key", b"slow", "Wait: 0.5")
    quick = request("/x", "key", b"quick")
    driven = drive(echo.server_port, [[slow, quick, quick]], interval_s=0.1)
    assert driven.bodies == [b"slow", b"quick", b"quick"]
    waits = driven.waits_s
    assert waits[0] >= 0.5
    assert waits[1] == pytest.approx(waits[0] - 0.1, abs=0.05), "due 0.1 s after the first, sent when it was answered"
    assert waits[2] < waits[1]
    paced = drive(echo.server_port, [[quick] * 3, [quick] * 3], interval_s=0.05)
    assert paced.seconds >= 5 * 0.05
    assert max(paced.waits_s) < 1


def test_another_answer_than_success_ends_the_run(echo: ThreadingHTTPServer) -> None:
    with pytest.raises(ConnectionError, match="503"):
        drive(echo.server_port, [[request("/busy", "key", b"")]])
