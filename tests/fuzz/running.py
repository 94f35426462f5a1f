"""Runs a target over many inputs: nothing but documented errors, no hang, no memory, no change of state.

What is checked for each input: an error is one of those the function documents; it takes less than ``MAX_INPUT_S`` of
the processor. Every ``CHECK_EVERY`` inputs and at the end: the state is what it was, and the seed the input was made of
is still accepted, with the same result (mutate, then undo). Every ``MEASURE_EVERY`` inputs the memory allocated on the
way is measured. An ``AssertionError`` of a target is a finding like any other error.
"""

import json
import signal
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from fuzz.mutation import Fix, Mutator
from wattmark.core.errors import Refused

MAX_INPUT_S: Final = 5.0
"""Most processor time for one input; the slowest takes a few milliseconds [s]."""
MAX_INPUT_BYTES: Final = 32 << 20
"""Most memory allocated on the way through one input of at most 64 KiB [bytes]."""
CHECK_EVERY: Final = 512
MEASURE_EVERY: Final = 4_096


@dataclass(frozen=True)
class Target:
    """Something that reads what others wrote.

    Attributes:
        name: as printed.
        group: journal, tiles, notes, witness or exchange.
        seeds: valid inputs.
        read: reads an input; returns a value for what it accepts, raises a documented error for what it does not.
        errors: the documented errors.
        state: digest of everything that must not change.
        fix: puts checksums right after a mutation.
        runs: inputs in the slow lane of the tests; a core takes all targets in less than two minutes.
    """

    name: str
    group: str
    seeds: Sequence[bytes]
    read: Callable[[bytes], Any]
    errors: tuple[type[Exception], ...] = (Refused,)
    state: Callable[[], object] = lambda: None
    fix: Fix | None = None
    runs: int = 20_000


@dataclass
class Report:
    """What a run has seen."""

    name: str
    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    largest_bytes: int = 0
    codes: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        rate = self.inputs / self.seconds if self.seconds else 0.0
        return (
            f"{self.name:<28} {self.inputs:>9,} inputs {rate:>8,.0f}/s  {self.accepted:>8,} accepted"
            f"  {len(self.codes):>3} refusals  slowest {1e3 * self.slowest_s:6.1f} ms"
            f"  memory {self.largest_bytes / 1024:8,.0f} KiB"
        )


class Hang(BaseException):
    """An input takes too long; no handler of the code under test catches this."""


class Finding(Exception):  # noqa: N818 - the auditor's word
    """An input that does what none may; ``repr`` of the input is in the message."""


@contextmanager
def watched() -> Iterator[None]:
    """Raise ``Hang`` in the middle of whatever takes more than ``MAX_INPUT_S`` of the processor."""

    def stop(number: int, frame: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGPROF, stop)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def judge(target: Target, data: bytes, report: Report) -> None:
    """Read one input.

    Raises:
        Finding: it does what none may.
    """
    report.inputs += 1
    try:
        target.read(data)
    except target.errors as error:
        report.refused += 1
        report.codes.add(getattr(error, "code", type(error).__name__))
        _say(error)
    except (Exception, Hang) as error:
        raise Finding(f"{target.name}: {type(error).__name__}: {error}: input {data!r}") from error
    else:
        report.accepted += 1


def _say(error: Exception) -> None:
    """Write a refusal as the API and the CLI do; that must not fail either.

    Raises:
        Finding: it does.
    """
    try:
        str(error)
        if isinstance(error, Refused):
            json.dumps(error.to_dict())
    except Exception as fault:
        raise Finding(f"{type(error).__name__} cannot be shown: {type(fault).__name__}: {fault}") from fault


def outcome(target: Target, data: bytes) -> object:
    """What becomes of a seed: what is read, or how it is refused; some seeds are well formed and refused."""
    try:
        return target.read(data)
    except target.errors as error:
        return str(error)


def fuzz(target: Target, count: int, seed: int) -> Report:
    """Read ``count`` inputs.

    Raises:
        Finding: one does what none may.
    """
    report = Report(target.name)
    mutator = Mutator(target.seeds, seed, target.fix)
    expected = [outcome(target, data) for data in target.seeds]
    state = target.state()
    began = time.process_time()
    with watched():
        for number in range(count):
            seed_number, data = mutator.next()
            signal.setitimer(signal.ITIMER_PROF, MAX_INPUT_S)
            if number % MEASURE_EVERY:
                start = time.perf_counter()
                judge(target, data, report)
                report.slowest_s = max(report.slowest_s, time.perf_counter() - start)
            else:
                _measure(target, data, report)
            if number % CHECK_EVERY == 0 or number == count - 1:
                signal.setitimer(signal.ITIMER_PROF, 0)
                if target.state() != state:
                    raise Finding(f"{target.name}: the state has changed, at the latest by {data!r}")
                if outcome(target, target.seeds[seed_number]) != expected[seed_number]:
                    raise Finding(f"{target.name}: seed {seed_number} is no longer read as before")
    report.seconds = time.process_time() - began
    return report


def _measure(target: Target, data: bytes, report: Report) -> None:
    tracemalloc.start()
    try:
        judge(target, data, report)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    report.largest_bytes = max(report.largest_bytes, peak)
    if peak > MAX_INPUT_BYTES:
        raise Finding(f"{target.name}: {peak} bytes allocated by {data!r}")
