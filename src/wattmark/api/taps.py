"""Taps: what one listener still has to be told, in a queue of its own; a slow one loses its queue and nobody else's.

Theory of operation. Updates come from the thread of the market data and are handed to the event loop in one call for
all that came meanwhile. Each tap gets those of its products. A tap whose queue is full loses all of it: for each of its
products it is told of a gap and given a fresh snapshot, from which it goes on. So does one whose board was dropped. A
product is joined in this order: the tap is entered first, then the snapshot is taken, and what came in between with a
number that is in the snapshot already is left out. Numbers are checked once more on the way out: what a listener is
told follows what it was told before, by exactly one, or it is told of a gap.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wattmark.api.told import Told
from wattmark.core.errors import Unavailable
from wattmark.core.text import Text
from wattmark.flows.market_data import MarketData, Picture, Update

QUEUE: Final = 256
"""Updates that may wait for a listener."""
MAX_PENDING: Final = 4_096
"""Updates that may wait for the event loop; beyond, everybody is told of a gap."""
MAX_TAPS: Final = 2_000
MAX_PRODUCTS: Final = 64
"""Products of one tap."""

FULL: Final = Text(en="too many listeners", ja="接続が多すぎます")
OVER: Final = Text(en="the service is stopping", ja="停止処理中")


@dataclass(frozen=True, slots=True)
class Gap:
    """Updates of a product were lost; a snapshot follows."""

    product: int


Item = Told | Gap | Picture


class Tap:
    """The queue of one listener; made by ``Taps.open``."""

    def __init__(self, taps: "Taps", capacity: int, wake: asyncio.Event) -> None:
        """Wait for updates of no product yet."""
        self._taps = taps
        self._capacity = capacity
        self._queue: deque[Told] = deque()
        self._next: dict[int, int] = {}
        self._lost: set[int] = set()
        self._wake = wake
        self._is_closed = False
        self.gaps = 0

    @property
    def products(self) -> frozenset[int]:
        """The products that were joined."""
        return frozenset(self._next)

    async def join(self, product: int, seen: int | None = None) -> list[Item]:
        """Follow a product from now on; return the snapshot, or the increments after ``seen``.

        Raises:
            UnknownReference: there is no such product.
            Unavailable: too many are being followed.
        """
        if product not in self._next and len(self._next) >= MAX_PRODUCTS:
            raise Unavailable(FULL)
        self._taps.enter(product, self)
        try:
            picture, missed = await asyncio.to_thread(self._taps.data.join, product, self, seen)
        except BaseException:
            if product not in self._next:
                self._taps.leave(product, self)
            raise
        if self._is_closed:
            self._taps.leave(product, self)
            raise Unavailable(OVER)
        if picture is not None:
            self._next[product] = picture.sequence + 1
            return [picture]
        assert seen is not None
        self._next[product] = seen + len(missed) + 1
        return [Told(Update(product, increment)) for increment in missed]

    def leave(self, product: int) -> None:
        """Follow a product no more."""
        if self._next.pop(product, None) is not None:
            self._taps.leave(product, self)
            self._lost.discard(product)

    def close(self) -> None:
        """Follow nothing more, and let whoever waits go."""
        self._is_closed = True
        for product in self.products:
            self.leave(product)
        self._taps.close(self)
        self._wake.set()

    def put(self, told: Told) -> None:
        """Queue an update, or lose the queue."""
        if told.update.increment is None:
            self._lost.add(told.product)
        elif len(self._queue) >= self._capacity:
            self._queue.clear()
            self._lost |= self._next.keys()
        elif told.product not in self._lost:
            self._queue.append(told)
        self._wake.set()

    async def take(self, wait_s: float) -> list[Item]:
        """Return what is to be told now, in order; nothing when nothing came in ``wait_s`` seconds.

        Raises:
            Unavailable: the service is stopping, or a lost board cannot be made anew.
        """
        if not self._queue and not self._lost and not self._is_closed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
        self._wake.clear()
        return await self.drain()

    async def drain(self) -> list[Item]:
        """Return what is to be told now, in order, without waiting for more.

        Raises:
            Unavailable: as ``take``.
        """
        if self._is_closed:
            raise Unavailable(OVER)
        items: list[Item] = []
        while self._queue:
            told = self._queue.popleft()
            expected = self._next.get(told.product)
            if expected is None or told.sequence < expected or told.product in self._lost:
                continue
            if told.sequence > expected:
                self._lost.add(told.product)
                continue
            self._next[told.product] = expected + 1
            items.append(told)
        for product in sorted(self._lost & self._next.keys()):
            self._lost.discard(product)
            self.gaps += 1
            items += [Gap(product), *await self.join(product)]
        return items


class Taps:
    """All taps of an application; hands updates from the market data's thread to them on the event loop."""

    def __init__(self, data: MarketData, *, max_taps: int = MAX_TAPS) -> None:
        """Tell what ``data`` tells."""
        self.data = data
        self.is_over = False
        self._max_taps = max_taps
        self._taps: set[Tap] = set()
        self._by_product: dict[int, set[Tap]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._pending: list[Update] = []

    def start(self) -> None:
        """Listen from now on; called once, inside the event loop."""
        self._loop = asyncio.get_running_loop()
        self.data.subscribe(self._heard)
        self.data.start()

    async def stop(self) -> None:
        """Let every listener go and end the market data's thread."""
        self._end()
        if self._loop is not None:
            await asyncio.to_thread(self.data.close)

    def end(self) -> None:
        """Let every listener go; for a server that is about to wait for its connections. From any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self.is_over = True
        for tap in tuple(self._taps):
            tap.close()

    def open(self, wake: asyncio.Event | None = None) -> Tap:
        """Return a new tap, which sets ``wake`` when there is something to tell.

        Raises:
            Unavailable: as many listen as may, or the service is stopping.
        """
        if self.is_over:
            raise Unavailable(OVER)
        if len(self._taps) >= self._max_taps:
            raise Unavailable(FULL)
        tap = Tap(self, QUEUE, asyncio.Event() if wake is None else wake)
        self._taps.add(tap)
        return tap

    def close(self, tap: Tap) -> None:
        """Forget a tap."""
        self._taps.discard(tap)

    def __len__(self) -> int:
        return len(self._taps)

    def enter(self, product: int, tap: Tap) -> None:
        """Give a tap the updates of a product from now on."""
        self._by_product.setdefault(product, set()).add(tap)

    def leave(self, product: int, tap: Tap) -> None:
        """Give a tap no more updates of a product."""
        taps = self._by_product.get(product, set())
        taps.discard(tap)
        if not taps:
            self._by_product.pop(product, None)
        self.data.leave(product, tap)

    def _heard(self, updates: Sequence[Update]) -> None:
        """Queue updates for the event loop; in the market data's thread, or the writer's."""
        assert self._loop is not None
        with self._lock:
            is_first = not self._pending
            if len(self._pending) + len(updates) > MAX_PENDING:
                lost = {update.product for update in (*self._pending, *updates)}
                self._pending = [Update(product, None) for product in sorted(lost)]
            else:
                self._pending += updates
        if is_first:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
                self._loop.call_soon_threadsafe(self._dispatch)

    def _dispatch(self) -> None:
        with self._lock:
            updates, self._pending = self._pending, []
        for update in updates:
            taps = self._by_product.get(update.product)
            if taps:
                told = Told(update)
                for tap in taps:
                    tap.put(told)
