"""Publishes a checkpoint about once a second while the log grows, never on the event loop's thread."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from wattmark.core.errors import WattmarkError

LOGGER: Final = logging.getLogger("wattmark.api")


class Publisher:
    """One task that calls ``publish`` while records wait for a checkpoint."""

    def __init__(self, is_due: Callable[[], bool], publish: Callable[[], object], interval_s: float) -> None:
        """Ask ``is_due`` every ``interval_s`` seconds; ``publish`` blocks and does its own locking."""
        self._is_due = is_due
        self._publish = publish
        self._interval_s = max(interval_s, 0.05)
        self._task: asyncio.Task[None] | None = None
        self._said = ""

    def start(self) -> None:
        """Start the task; called once, inside the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="publisher")

    async def stop(self) -> None:
        """End the task; what is still unpublished is published when the platform is closed."""
        if self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _run(self) -> None:
        while True:
            if self._is_due():
                await self._once()
            await asyncio.sleep(self._interval_s)

    async def _once(self) -> None:
        try:
            await asyncio.to_thread(self._publish)
        except (WattmarkError, OSError) as error:  # whatever the disk does, the next round comes
            if str(error) != self._said:  # once, not every second
                self._said = str(error)
                LOGGER.error("no checkpoint: %s", error)  # noqa: TRY400 - an error of ours, said in one line
