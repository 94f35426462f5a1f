"""Feeds a read model with durable frames on a thread of its own, so that the writer need not wait for it.

Theory of operation. Frames stand in one queue and are taken in order. Whoever reads the model calls ``settle`` first
and then finds everything that was acknowledged before. When more than ``MAX_RECORDS`` records wait, ``put`` waits too:
memory stays bounded, and in the long run the writer goes as fast as the model. What the model raises ends the feed;
the next ``put`` or ``settle`` raises it again.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from wattmark.core.errors import Unavailable
from wattmark.core.text import Text
from wattmark.engine.state import State
from wattmark.flows.ports import AppliedFrame

MAX_RECORDS: Final = 1 << 18
"""Records that may wait; a longer frame is taken when nothing waits."""

CLOSED: Final = Text(en="the read model is closed", ja="参照用データベースは閉じている")


class Feed:
    """One queue and one thread, which starts with the first frame."""

    def __init__(self, record: Callable[[AppliedFrame, State], None], *, max_records: int = MAX_RECORDS) -> None:
        """Call ``record`` with every frame, in order."""
        self._record = record
        self._max_records = max_records
        self._changed = threading.Condition()
        self._frames: deque[tuple[AppliedFrame, State]] = deque()
        self._records = self._put = self._done = 0
        self._failure: Exception | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def put(self, frame: AppliedFrame, state: State) -> None:
        """Queue a frame; wait while too much is queued.

        Raises:
            Broken: a lake file that an earlier frame names is missing or wrong.
            Unavailable: the model refused an earlier frame, or is closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._has_room(len(frame.commands)) or self._is_over)
            self._check()
            self._frames.append((frame, state))
            self._records += len(frame.commands)
            self._put += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="read model", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def settle(self) -> None:
        """Wait until everything put before is taken in.

        Raises:
            Broken, Unavailable: as ``put``.
        """
        with self._changed:
            wanted = self._put
            self._changed.wait_for(lambda: self._done >= wanted or self._failure is not None)
            if self._failure is not None:
                raise self._failure

    def close(self) -> None:
        """Take in what waits and end the thread; nothing is raised, ``settle`` says what went wrong."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    @property
    def _is_over(self) -> bool:
        return self._closed or self._failure is not None

    def _has_room(self, records: int) -> bool:
        return not self._frames or self._records + records <= self._max_records

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._closed:
            raise Unavailable(CLOSED)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._frames) or self._is_over)
                if not self._frames or self._failure is not None:
                    return
                frame, state = self._frames[0]
            failure: Exception | None = None
            try:
                self._record(frame, state)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where the feed is used
                failure = error
            with self._changed:
                self._failure = failure
                if failure is None:
                    self._frames.popleft()
                    self._records -= len(frame.commands)
                    self._done += 1
                self._changed.notify_all()
