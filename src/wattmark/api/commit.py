"""Group commit: concurrent requests share one batch, one journal frame and one fdatasync.

Theory of operation. A request puts its commands into a bounded queue and waits. A batch is what waits, in the order
it came, up to ``MAX_BATCH`` commands; a thread submits it, and only once the frame is on disk (L5) is anybody
answered. Idempotent ids make it safe to send a request again that got no answer.

When a batch begins::

    being applied   written   waiting                            then
    yes             -         -                                  wait: the order of arrival is the order of the book
    no              none      as many requests as last time      begin: who was answered together asks together
    no              none      fewer                              begin, at the latest after LINGER_S
    no              one       OVERLAP commands or more           begin: they are applied while the other is written
    no              one       fewer                              wait: they would only wait for the disk again
    no              two       -                                  wait

A client alone was the only one last time, so it never lingers.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.clock import Clock
from wattmark.core.errors import Unavailable
from wattmark.core.text import Text

Commands = npt.NDArray[np.int64]
Verdicts = npt.NDArray[np.int64]
Submit = Callable[[Commands, Sequence[bytes], int, Callable[[], object]], Verdicts]
"""Applies and persists a batch at a time [ms]; calls back when it is applied; durable on return."""
Check = Callable[[Commands, Sequence[bytes]], object]
"""Raises ``Refused`` for commands that would fail the whole batch, and with it the requests of others."""

MAX_BATCH: Final = 8_192
MAX_PAYLOADS: Final = 256
"""Payloads in one batch: with bodies of 64 KiB or less they fit into a frame."""
LINGER_S: Final = 0.003
"""How long a batch waits for the company of last time [s]: short beside an fdatasync."""
IN_FLIGHT: Final = 2
"""Batches between queue and answer: one is written while the next is applied."""
OVERLAP: Final = 1_024
"""Commands that are worth applying while another batch is written."""
QUEUE_COMMANDS: Final = 4 * MAX_BATCH
"""Commands that may wait; beyond this, requests are turned away with 503."""

BUSY: Final = Text(
    en="too many commands are waiting; nothing was done", ja="処理待ちが多いため受け付けていません(変更なし)"
)
STOPPED: Final = Text(en="the service is stopping; nothing was done", ja="停止処理中のため受け付けていません(変更なし)")


@dataclass(slots=True)
class _Waiting:
    commands: Commands
    payloads: Sequence[bytes]
    answer: asyncio.Future[Verdicts]


_Batch = tuple[_Waiting, ...]


class GroupCommit:
    """Gathers commands of concurrent requests; one instance per platform and event loop."""

    def __init__(
        self,
        submit: Submit,
        clock: Clock,
        *,
        check: Check | None = None,
        linger_s: float = LINGER_S,
        queue_commands: int = QUEUE_COMMANDS,
    ) -> None:
        """Submit through ``submit`` (blocking, does its own locking), with the time of ``clock``."""
        self._submit = submit
        self._clock = clock
        self._check = check
        self._linger_s = linger_s
        self._limit = self._room = queue_commands
        self._queue: deque[_Waiting] = deque()
        self._queued = 0
        self._company = 1
        self._lingering: asyncio.TimerHandle | None = None
        self._applying: _Batch | None = None
        self._working: set[asyncio.Future[Verdicts]] = set()
        self._threads: ThreadPoolExecutor | None = None

    @property
    def waiting(self) -> int:
        """Commands that are not answered yet."""
        return self._limit - self._room

    def start(self) -> None:
        """Take commands from now on; called once."""
        self._threads = ThreadPoolExecutor(IN_FLIGHT, "group commit")

    async def stop(self) -> None:
        """Turn away what still waits, and finish the batches in hand."""
        if self._threads is None:
            return
        threads, self._threads = self._threads, None
        self._stop_lingering()
        for item in self._queue:
            self._room += len(item.commands)
            if not item.answer.done():
                item.answer.set_exception(Unavailable(STOPPED))
        self._queue.clear()
        self._queued = 0
        if self._working:
            await asyncio.wait(self._working)
        threads.shutdown()

    async def submit(self, commands: Commands, payloads: Sequence[bytes] = ()) -> Verdicts:
        """Return a verdict ``int64 [n, 4]`` for each command, once they are on disk.

        Args:
            commands: ``int64 [n, 16]``, at most ``MAX_BATCH`` of them.
            payloads: bytes whose SHA-256 stands in a command.

        Raises:
            Refused: the check finds commands that no batch may hold; nothing else is touched.
            Unavailable: the queue is full, the disk is, or the service is stopping.
        """
        assert len(commands) <= MAX_BATCH
        if self._threads is None:
            raise Unavailable(STOPPED)
        if self._check is not None:
            self._check(commands, payloads)
        if len(commands) > self._room:
            raise Unavailable(BUSY)
        self._room -= len(commands)
        answer: asyncio.Future[Verdicts] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(commands, payloads, answer))
        self._queued += len(commands)
        self._go_on()
        return await answer

    def _go_on(self) -> None:
        """Begin a batch if the table says so; called whenever something in it has changed."""
        if not self._queue or self._applying is not None or len(self._working) >= IN_FLIGHT:
            return
        if self._working:
            if self._queued >= OVERLAP:
                self._begin()
        elif len(self._queue) >= self._company or self._queued >= MAX_BATCH:
            self._begin()
        elif self._lingering is None:
            self._lingering = asyncio.get_running_loop().call_later(self._linger_s, self._linger_no_more)

    def _linger_no_more(self) -> None:
        self._lingering = None
        if self._queue and not self._working:
            self._begin()

    def _stop_lingering(self) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None

    def _begin(self) -> None:
        self._stop_lingering()
        batch = self._take()
        self._company = len(batch)
        self._applying = batch
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, self._work, batch, loop)
        self._working.add(work)
        work.add_done_callback(lambda done: self._end(batch, done))

    def _take(self) -> _Batch:
        """Take the next batch out of the queue."""
        taken: list[_Waiting] = []
        commands = payloads = 0
        while self._queue:
            item = self._queue[0]
            commands, payloads = commands + len(item.commands), payloads + len(item.payloads)
            if taken and (commands > MAX_BATCH or payloads > MAX_PAYLOADS):
                break
            taken.append(self._queue.popleft())
            self._queued -= len(item.commands)
        return tuple(taken)

    def _work(self, batch: _Batch, loop: asyncio.AbstractEventLoop) -> Verdicts:
        """Submit a batch; in a thread."""
        commands = np.concatenate([item.commands for item in batch])
        payloads = [payload for item in batch for payload in item.payloads]
        return self._submit(commands, payloads, self._clock(), lambda: loop.call_soon_threadsafe(self._applied, batch))

    def _applied(self, batch: _Batch) -> None:
        if self._applying is batch:
            self._applying = None
            self._go_on()

    def _end(self, batch: _Batch, work: asyncio.Future[Verdicts]) -> None:
        """Answer the requests of a batch, with their verdicts or with the error that befell it, and go on."""
        self._working.discard(work)
        error = work.exception()
        start = 0
        for item in batch:
            end = start + len(item.commands)
            self._room += len(item.commands)
            if item.answer.done():
                pass  # the client has gone; its commands stand all the same
            elif error is not None:
                item.answer.set_exception(error)
            else:
                item.answer.set_result(work.result()[start:end])
            start = end
        if self._applying is batch:
            self._applying = None
        self._go_on()
