"""Market data as server-sent events: one rendering per tick, the same bytes to every listener.

Theory of operation. A task renders the public numbers once a second (texts ready to be shown), sends
what changed as one event with the next id, and keeps the last events. A listener that comes back with
``Last-Event-ID`` gets what it missed, or everything when that is too long ago. When nothing changes a
comment goes out every ``PING_S`` seconds, so that a dead connection is noticed.
"""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final

from wattmark.core.errors import Unavailable
from wattmark.core.text import Text

TICK_S: Final = 1.0
PING_S: Final = 15.0
KEPT_EVENTS: Final = 64
MAX_LISTENERS: Final = 2_000

FULL: Final = Text(en="too many listeners", ja="接続が多すぎます")
Snapshot = Mapping[str, str]
"""Name of a public number -> its text."""


class MarketStream:
    """Renders ticks and hands them to listeners; one instance per platform and event loop."""

    def __init__(
        self,
        render: Callable[[], Awaitable[Snapshot]],
        *,
        tick_s: float = TICK_S,
        ping_s: float = PING_S,
        max_listeners: int = MAX_LISTENERS,
    ) -> None:
        """Render through ``render``, off the event loop's thread."""
        self._render = render
        self._tick_s = tick_s
        self._ping_s = ping_s
        self._max_listeners = max_listeners
        self._events: deque[tuple[int, bytes]] = deque(maxlen=KEPT_EVENTS)
        self._last: dict[str, str] = {}
        self._number = 0
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_over = False
        self.listeners = 0
        self.renderings = 0

    def start(self) -> None:
        """Start the task; called once, inside the event loop."""
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name="market stream")

    async def stop(self) -> None:
        """End the task and every listener."""
        if self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        self._end()

    def end(self) -> None:
        """Let every listener go; for a server that is about to wait for its connections. From any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._is_over = True
        self._wake()

    def listen(self, last_event_id: str = "") -> AsyncIterator[bytes]:
        """Return the bytes of the event stream from after ``last_event_id`` on.

        Raises:
            Unavailable: as many listen as may.
        """
        if self.listeners >= self._max_listeners:
            raise Unavailable(FULL)
        self.listeners += 1
        return self._events_from(int(last_event_id) if last_event_id.isdecimal() and len(last_event_id) < 16 else None)

    async def _events_from(self, seen: int | None) -> AsyncIterator[bytes]:
        try:
            yield b"retry: 2000\n\n"
            oldest = self._events[0][0] if self._events else self._number + 1
            if seen is None or seen < oldest - 1 or seen > self._number:
                seen = self._number
                if self._last:
                    yield _event(seen, self._last)
            while not self._is_over:
                missed = [event for number, event in self._events if number > seen]
                seen = self._number
                for event in missed:
                    yield event
                if missed:
                    continue
                try:
                    async with asyncio.timeout(self._ping_s):
                        await self._changed.wait()
                except TimeoutError:
                    yield b": ping\n\n"
        finally:
            self.listeners -= 1

    async def _run(self) -> None:
        while True:
            if self.listeners or not self._last:
                with contextlib.suppress(Unavailable):  # a writer that waits for its followers; it is asked again
                    await self.tick()
            await asyncio.sleep(self._tick_s)

    async def tick(self) -> None:
        """Render once; when a number changed, send the changed ones to everybody."""
        snapshot = await self._render()
        self.renderings += 1
        changed = {name: text for name, text in snapshot.items() if self._last.get(name) != text}
        if not changed:
            return
        self._number += 1
        self._last = dict(snapshot)
        self._events.append((self._number, _event(self._number, changed)))
        self._wake()

    def _wake(self) -> None:
        """Wake every listener that waits now; later ones wait for the next change."""
        self._changed.set()
        self._changed = asyncio.Event()


def _event(number: int, values: Mapping[str, str]) -> bytes:
    data = json.dumps({"values": values}, ensure_ascii=False, separators=(",", ":"))
    return f"id: {number}\nevent: market\ndata: {data}\n\n".encode()
