"""A listener that does not read costs one buffer, slows nobody, and is dropped."""

import dataclasses
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from reference.served_home import new_id
from wattmark.api.stream import MarketStream
from wattmark.cli.serve import SLOW_READER_MS, listen
from wattmark.testing.small_home import NIGHT_MS, SECRET, SmallHome
from wattmark.web.app import create_site

EVENT_CHARS = 200_000
DROPPED_AFTER_MS = 2_000
BUFFER_BYTES = 64 << 10
"""What the server keeps of an answer before it waits for the reader, besides one event."""


@contextmanager
def streaming(folder: Path) -> Iterator[tuple[uvicorn.Server, MarketStream, int]]:
    """Serve a home whose market stream says much and often, to readers who have two seconds."""
    small = SmallHome(folder / "home").run()
    ticks = iter(range(1 << 30))

    async def render() -> dict[str, str]:
        return {"numbers": f"{next(ticks)} " + "x" * EVENT_CHARS}

    site = create_site(small.platform, lambda: NIGHT_MS + 60_000)
    stream = MarketStream(render, tick_s=0.02)
    site.state.context = dataclasses.replace(site.state.context, stream=stream)
    server = uvicorn.Server(uvicorn.Config(site, log_level="error", timeout_graceful_shutdown=1))
    with listen("127.0.0.1", 0) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DROPPED_AFTER_MS)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            thread.join(0.02)
        try:
            yield server, stream, listening.getsockname()[1]
        finally:
            stream.end()
            server.should_exit = True
            thread.join(20)
            small.close()


def unsent_bytes(server: uvicorn.Server) -> int:
    return max((c.transport.get_write_buffer_size() for c in [*server.server_state.connections]), default=0)


@pytest.mark.timeout(60)
def test_a_reader_who_does_not_read_is_dropped_and_nobody_waits_for_it(tmp_path: Path) -> None:
    with streaming(tmp_path) as (server, stream, port):
        headers = {"Authorization": f"Bearer wm_{SECRET}"}
        with (
            socket.create_connection(("127.0.0.1", port)) as silent,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20) as client,
            client.stream("GET", "/api/v1/stream") as listened,
        ):
            silent.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: here\r\n\r\n")
            heard = listened.iter_bytes()
            order = {"product": 0, "side": "buy", "price_sen_per_kwh": 1, "quantity_wh": 1}
            begun, most, numbers, listeners = time.monotonic(), 0, 0, 0
            while stream.listeners != 1 or numbers < 20:
                assert time.monotonic() - begun < 20, "the silent one is still there"
                answer = client.post("/api/v1/orders", json={"id": new_id("slow", numbers), **order})
                assert answer.status_code in {201, 409}, answer.text  # 409: the gate of the product has closed
                next(heard)
                numbers += 1
                most = max(most, unsent_bytes(server))
                listeners = max(listeners, stream.listeners)
            assert listeners == 2
            assert most <= BUFFER_BYTES + 2 * EVENT_CHARS, "one buffer and the event that overfilled it"
            assert stream.renderings > 20
            assert numbers / (time.monotonic() - begun) > 5, "orders and the other listener went on"


def test_every_connection_has_the_limit() -> None:
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == SLOW_READER_MS
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
