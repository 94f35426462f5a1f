"""What is done again and again beside the requests, never on the event loop's thread.

Publishing a checkpoint about once a second while the log grows, and asking witnesses for cosignatures.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from wattmark.core.errors import WattmarkError

LOGGER: Final = logging.getLogger("wattmark.api")


class Publisher:
    """One task and one thread of its own that call ``publish`` while something waits for it."""

    def __init__(
        self,
        is_due: Callable[[], bool],
        publish: Callable[[], object],
        interval_s: float,
        failing: str = "no checkpoint",
    ) -> None:
        """Ask ``is_due`` every ``interval_s`` seconds; ``publish`` blocks and does its own locking.

        Args:
            is_due: quick, called on the event loop's thread.
            publish: called in the thread; what it raises is logged once, not every time.
            interval_s: pause between two calls [s].
            failing: how the log line begins.
        """
        self._failing = failing
        self._thread: ThreadPoolExecutor | None = None
        self._is_due = is_due
        self._publish = publish
        self._interval_s = max(interval_s, 0.05)
        self._task: asyncio.Task[None] | None = None
        self._said = ""

    def start(self) -> None:
        """Start the task; called once, inside the event loop."""
        self._thread = ThreadPoolExecutor(1, "publisher")
        self._task = asyncio.get_running_loop().create_task(self._run(), name="publisher")

    async def stop(self) -> None:
        """End the task once the call under way has returned: the platform may be closed after that.

        What is still unpublished is published then.
        """
        if self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        if self._thread is not None:
            await asyncio.to_thread(self._thread.shutdown)

    async def _run(self) -> None:
        while True:
            if self._is_due():
                await self._once()
            await asyncio.sleep(self._interval_s)

    async def _once(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._publish)
        except (WattmarkError, OSError) as error:  # whatever the disk does, the next round comes
            if str(error) != self._said:  # once, not every second
                self._said = str(error)
                LOGGER.error("%s: %s", self._failing, error)  # noqa: TRY400 - an error of ours, said in one line
        else:
            self._said = ""
