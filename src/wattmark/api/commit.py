"""Group commit: concurrent requests share one batch, one journal frame and one fdatasync.

Theory of operation. Requests put their commands into a bounded queue and wait. One task takes what is
there, lingers a few milliseconds for more, up to ``MAX_BATCH`` commands, and submits the batch in a
worker thread; the sequencer returns once the frame is on disk (L5), and only then is anybody answered.
Idempotent ids make it safe to send a request again that got no answer.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.clock import Clock
from wattmark.core.errors import Unavailable
from wattmark.core.text import Text

Commands = npt.NDArray[np.int64]
Verdicts = npt.NDArray[np.int64]
Submit = Callable[[Commands, Sequence[bytes], int], Verdicts]
"""Applies and persists a batch at a time [ms]; durable on return."""

MAX_BATCH: Final = 8_192
LINGER_S: Final = 0.003
"""How long a batch waits for company [s]: short beside an fdatasync."""
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


class GroupCommit:
    """Gathers commands of concurrent requests; one instance per platform and event loop."""

    def __init__(
        self,
        submit: Submit,
        clock: Clock,
        *,
        linger_s: float = LINGER_S,
        queue_commands: int = QUEUE_COMMANDS,
    ) -> None:
        """Submit through ``submit`` (blocking, does its own locking), with the time of ``clock``."""
        self._submit = submit
        self._clock = clock
        self._linger_s = linger_s
        self._room = queue_commands
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._held: _Waiting | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the task; called once, inside the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="group commit")

    async def stop(self) -> None:
        """Finish the batch in hand, turn away what still waits, and end the task."""
        if self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        waiting = [self._held] if self._held is not None else []
        while not self._queue.empty():
            waiting.append(self._queue.get_nowait())
        for item in waiting:
            self._room += len(item.commands)
            if not item.answer.done():
                item.answer.set_exception(Unavailable(STOPPED))

    async def submit(self, commands: Commands, payloads: Sequence[bytes] = ()) -> Verdicts:
        """Return a verdict ``int64 [n, 4]`` for each command, once they are on disk.

        Args:
            commands: ``int64 [n, 16]``, at most ``MAX_BATCH`` of them.
            payloads: bytes whose SHA-256 stands in a command.

        Raises:
            Unavailable: the queue is full, the disk is, or the service is stopping.
        """
        assert len(commands) <= MAX_BATCH
        if self._task is None:
            raise Unavailable(STOPPED)
        if len(commands) > self._room:
            raise Unavailable(BUSY)
        self._room -= len(commands)
        answer: asyncio.Future[Verdicts] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_Waiting(commands, payloads, answer))
        return await answer

    async def _run(self) -> None:
        while True:
            batch = await self._gather()
            # once handed to the sequencer a batch runs to its end, also when the task is stopped meanwhile
            work = asyncio.ensure_future(asyncio.to_thread(self._apply, batch))
            try:
                await asyncio.wait([work])
            except asyncio.CancelledError:
                await asyncio.wait([work])
                raise
            finally:
                self._room += sum(len(item.commands) for item in batch)
                _answer(batch, work)

    async def _gather(self) -> list[_Waiting]:
        first = self._held or await self._queue.get()
        self._held = None
        batch, count = [first], len(first.commands)
        deadline = asyncio.get_running_loop().time() + self._linger_s
        try:
            while count < MAX_BATCH:
                async with asyncio.timeout_at(deadline):
                    item = await self._queue.get()
                if count + len(item.commands) > MAX_BATCH:
                    self._held = item
                    break
                batch.append(item)
                count += len(item.commands)
        except TimeoutError:
            return batch
        except asyncio.CancelledError:
            for item in batch:
                item.answer.set_exception(Unavailable(STOPPED))
            raise
        return batch

    def _apply(self, batch: list[_Waiting]) -> Verdicts:
        commands = np.concatenate([item.commands for item in batch])
        payloads = [payload for item in batch for payload in item.payloads]
        return self._submit(commands, payloads, self._clock())


def _answer(batch: list[_Waiting], work: asyncio.Future[Verdicts]) -> None:
    """Hand each request its verdicts, or the error that befell the batch."""
    error = work.exception()
    start = 0
    for item in batch:
        end = start + len(item.commands)
        if item.answer.done():
            pass  # the client has gone; its commands stand all the same
        elif error is not None:
            item.answer.set_exception(error)
        else:
            item.answer.set_result(work.result()[start:end])
        start = end
