"""Energy: joules per 1,000 committed records, by the real sequencer on the mixed workload, and of the least work.

Ours is the whole process: the commands, the journal, and the thread that hashes, writes tiles and signs. The least work
is applying the same commands, hashing as many leaves and nodes, and one ``fdatasync`` of the same bytes per batch. The
two take turns, round by round, each with its own energy. Where Linux shows the processor's energy counters (RAPL,
``/sys/class/powercap``) they are read, and count everything the processor does meanwhile; else it is an estimate: CPU
seconds of this process, user and system, times watts per core.
"""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from wattmark.core.clock import cpu_seconds
from wattmark.engine.commands import Words
from wattmark.flows.energy import PUBLISHED, RECORDS, WATTS_PER_CORE, joules
from wattmark.flows.sequence import Sequencer
from wattmark.simulation.benchmarks.ledger import (
    BATCH,
    BATCHES,
    QUICK_BATCHES,
    ROUND,
    SETTINGS,
    Limit,
    pipelined,
    publishing,
    sqlite_rows,
    submit,
)
from wattmark.simulation.benchmarks.mixed import ACCOUNTS, mixed_commands, set_up
from wattmark.simulation.benchmarks.report import Report, significant
from wattmark.simulation.benchmarks.world import NOW_MS
from wattmark.wiring import Platform, open_sequencer

POWERCAP: Final = Path("/sys/class/powercap")
UJ_PER_J: Final = 1_000_000
MEASURED: Final = "measured"
ESTIMATE: Final = "estimate"


class Rapl:
    """The energy counters of the processor packages, each of which begins anew at its range [uJ]."""

    def __init__(self, folder: Path = POWERCAP) -> None:
        """Find the packages' counters that may be read; their parts (cores, memory) are counted in them."""
        self._counters: list[tuple[Path, int]] = []
        for package in sorted(folder.glob("intel-rapl:*")):
            if package.name.count(":") > 1:
                continue
            try:
                (package / "energy_uj").read_text()
                range_uj = int((package / "max_energy_range_uj").read_text())
            except (OSError, ValueError):
                continue
            self._counters.append((package / "energy_uj", range_uj))

    @property
    def is_readable(self) -> bool:
        """Whether there is a counter."""
        return bool(self._counters)

    def read(self) -> list[int]:
        """Return the counters [uJ]."""
        return [int(path.read_text()) for path, _ in self._counters]

    def joules_since(self, before: list[int]) -> float:
        """Return the energy since an earlier reading, less than one round of a counter ago [J]."""
        turns = zip(before, self.read(), self._counters, strict=True)
        return sum((now - then) % (range_uj + 1) for then, now, (_, range_uj) in turns) / UJ_PER_J


class Meter:
    """Sums up energy and CPU time of pieces of work."""

    def __init__(self, rapl: Rapl, watts_per_core: float) -> None:
        """Read the counters where there are some, else count CPU time at so many watts."""
        self._rapl, self._watts = rapl, watts_per_core
        self.joules = self.cpu_s = self.wall_s = 0.0

    def take(self, work: Callable[[], object]) -> None:
        """Do a piece of work and add what it used."""
        counters, cpu_s, begun = self._rapl.read(), cpu_seconds(), time.perf_counter()
        work()
        used_s = cpu_seconds() - cpu_s
        self.wall_s += time.perf_counter() - begun
        self.cpu_s += used_s
        self.joules += self._rapl.joules_since(counters) if self._rapl.is_readable else joules(used_s, self._watts)


def run(*, quick: bool, watts_per_core: float = WATTS_PER_CORE) -> Report:
    """Return the report; ``quick`` uses 4 batches of 8,192 instead of 48.

    Args:
        quick: a small run.
        watts_per_core: power of a busy core, where the processor's counters cannot be read [W].
    """
    begun = time.perf_counter()
    batches = QUICK_BATCHES if quick else BATCHES
    rows = mixed_commands((batches + 1) * BATCH)
    first, timed = rows[:BATCH], rows[BATCH:]
    rapl = Rapl()
    ours, least = Meter(rapl, watts_per_core), Meter(rapl, watts_per_core)
    with tempfile.TemporaryDirectory(prefix="wattmark-bench-") as folder:
        place = Path(folder)
        limit = Limit(place, batches)
        Platform.create(place / "home", SETTINGS, NOW_MS).close()
        with open_sequencer(place / "home") as sequencer:
            submit(sequencer, set_up(), BATCH)
            submit(sequencer, first, BATCH)  # compile, and have orders in the book
            sequencer.publish()
            limit.apply(set_up())
            limit.apply(first)
            before = sequencer.position
            for at in range(0, len(timed), ROUND * BATCH):
                some = timed[at : at + ROUND * BATCH]
                ours.take(partial(_commit, sequencer, some))
                least.take(partial(_least, limit, some))
            records = sequencer.position - before
            assert sequencer.published_size == sequencer.position, "everything committed is under a checkpoint"
        limit.close()
        peer = Meter(rapl, watts_per_core)
        peer.take(lambda: sqlite_rows(place, timed, BATCH))
    return Report(
        bench="energy",
        figure=ours.joules * RECORDS / records,
        unit="J per 1,000 committed records (less is better)",
        limit=least.joules * RECORDS / len(timed),
        limit_is="apply, hash leaves and nodes, append the same bytes with one fdatasync per batch",
        peers={"SQLite, WAL, synchronous=FULL, rows only": peer.joules * RECORDS / len(timed)},
        seconds=time.perf_counter() - begun,
        detail={
            "method": _method(rapl, watts_per_core),
            "figure_is": MEASURED if rapl.is_readable else ESTIMATE,
            "watts_per_core": None if rapl.is_readable else watts_per_core,
            "records": records,
            "batch": BATCH,
            "accounts": ACCOUNTS,
            "cpu_us_per_record": significant(1e6 * ours.cpu_s / records),
            "limit_cpu_us_per_record": significant(1e6 * least.cpu_s / len(timed)),
            "busy_cores": significant(ours.cpu_s / ours.wall_s),
            "published_j_per_1000": {
                one.name.en: {"low": one.low_j, "high": one.high_j, "provenance": one.provenance.en}
                for one in PUBLISHED
            },
        },
    )


def _commit(sequencer: Sequencer, rows: Words) -> None:
    with publishing(sequencer):
        pipelined(sequencer, rows, BATCH)


def _least(limit: Limit, rows: Words) -> None:
    for begin in range(0, len(rows), BATCH):
        limit.take(rows[begin : begin + BATCH])


def _method(rapl: Rapl, watts_per_core: float) -> str:
    if rapl.is_readable:
        return "measured: energy counters of the processor packages (RAPL), whatever else runs on them included"
    return (
        f"estimate: CPU seconds of this process, user and system, x {watts_per_core:g} W per busy core; "
        "no energy counter can be read here"
    )
