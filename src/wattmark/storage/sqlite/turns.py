"""A lock that is given to whoever has waited longest, so that a busy writer cannot starve a reader."""

import threading
from collections import deque
from types import TracebackType


class Turns:
    """A mutual exclusion lock with a queue; not for taking twice in one thread."""

    __slots__ = ("_gates", "_mutex", "_taken")

    def __init__(self) -> None:
        """Start free."""
        self._mutex = threading.Lock()
        self._gates: deque[threading.Lock] = deque()
        self._taken = False

    def __enter__(self) -> None:
        """Wait for one's turn."""
        with self._mutex:
            if not self._taken:
                self._taken = True
                return
            gate = threading.Lock()
            gate.acquire()
            self._gates.append(gate)
        gate.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hand the lock to the next in the queue."""
        with self._mutex:
            if self._gates:
                self._gates.popleft().release()
            else:
                self._taken = False
