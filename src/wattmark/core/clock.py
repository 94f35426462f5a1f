"""The only place that reads the wall clock; everything else takes time as an input (L6)."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Returns POSIX milliseconds UTC."""


def now_ms() -> int:
    """Return POSIX milliseconds UTC."""
    return time.time_ns() // 1_000_000


def cpu_seconds() -> float:
    """Return the CPU time of this process, user and system, of all its threads [s]."""
    return time.process_time()
