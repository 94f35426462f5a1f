"""What a benchmark reports, and how rates are taken."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

RUNS = 5


@dataclass(frozen=True, slots=True)
class Report:
    """One benchmark's result.

    Attributes:
        bench: name of the benchmark.
        figure: median rate of our engine [unit].
        unit: what is counted, per second.
        limit: rate of the least work this machine could do instead, measured in the same run [unit].
        limit_is: what that work is.
        peers: name -> rate on the same workload [unit]; absent peers are not listed.
        seconds: time the whole benchmark took [s].
        detail: further facts of the run (sizes, checked results).
    """

    bench: str
    figure: float
    unit: str
    limit: float
    limit_is: str
    peers: dict[str, float]
    seconds: float
    detail: dict[str, object] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Return the JSON form: bench, figure, unit, limit, ratio, peers, cores, seconds and details."""
        return {
            "bench": self.bench,
            "figure": significant(self.figure),
            "unit": self.unit,
            "limit": significant(self.limit),
            "limit_is": self.limit_is,
            "ratio": significant(self.figure / self.limit),
            "peers": {name: significant(rate) for name, rate in sorted(self.peers.items())},
            "cores": os.cpu_count() or 1,
            "seconds": round(self.seconds, 3),
            "detail": self.detail,
        }


def significant(value: float) -> float:
    """Return the value to four significant digits: a rate on a shared machine has no more."""
    return float(f"{value:.4g}")


def median_rate(amount: int, work: Callable[[], object], runs: int = RUNS) -> float:
    """Return ``amount`` divided by the median time of ``runs`` calls [1/s]."""
    return amount / statistics.median(seconds_of(work) for _ in range(runs))


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long one call takes [s]."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
