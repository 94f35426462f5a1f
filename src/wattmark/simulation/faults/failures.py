"""Calls that fail while the ledger runs: errors with and without effect, a full disk, short writes.

A failed journal write stops the writer: it answers nobody any more, and nothing is asked of the disk again. A failed
publication or snapshot is tried again and the commands go on. Whatever failed, what was answered is there after the
next power cut.
"""

from collections.abc import Iterator
from random import Random
from typing import Final

import numpy as np

from wattmark.core.errors import Broken, Unavailable
from wattmark.simulation.faults.case import Case, Outcomes, one
from wattmark.simulation.faults.crashes import go_on
from wattmark.simulation.faults.disk import Call, Fault, SimulatedDisk
from wattmark.simulation.faults.image import Image
from wattmark.simulation.faults.laws import NOTHING_PROMISED, LawBroken, Promise, require
from wattmark.simulation.faults.recording import Asked, MakeOracle, Recorder, Recording
from wattmark.wiring.ledger import Ledger

APPLICABLE: Final = {
    "open": (Fault.ERROR_LOST, Fault.ERROR_DONE, Fault.FULL),
    "write": (Fault.ERROR_LOST, Fault.ERROR_DONE, Fault.FULL, Fault.SHORT),
    "make directory": (Fault.ERROR_LOST, Fault.ERROR_DONE, Fault.FULL),
}
OTHERWISE: Final = (Fault.ERROR_LOST, Fault.ERROR_DONE)
NAMES: Final = {
    Fault.ERROR_LOST: "error, not done",
    Fault.ERROR_DONE: "error, done all the same",
    Fault.FULL: "disk full",
    Fault.SHORT: "short write",
}

Step = tuple[str, Asked | None, Image, Promise]


def failure_cases(seed: str, make_oracle: MakeOracle) -> Iterator[Case]:
    """Yield every call of every step of a recorded life, failing in every way it can; and an almost full disk."""
    recording = Recorder(seed, make_oracle).record()
    for number, step in enumerate(recording.steps):
        disk = SimulatedDisk(step[2])
        with recording.machine.open(disk) as ledger:
            opened = len(disk.calls)
            _do(ledger, step)
        for call in disk.calls:
            at_opening = call.number <= opened
            if at_opening and step[0] != "reopen":
                continue
            for fault in APPLICABLE.get(call.what, OTHERWISE):
                name = f"step {number} ({step[0]}), call {call.number} ({call.what} {call.path}): {fault.value}"
                yield Case(name, _Failure(recording, number, call, fault))
        if step[0] == "submit":
            yield Case(f"step {number}: almost full", _NearlyFull(recording, number))


class _Failure:
    """One failing call."""

    def __init__(self, recording: Recording, number: int, call: Call, fault: Fault) -> None:
        self._recording, self._number, self._call, self._fault = recording, number, call, fault

    def __call__(self) -> Outcomes:
        recording, number = self._recording, self._number
        step = recording.steps[number]
        before = recording.steps[number - 1][3] if number else NOTHING_PROMISED
        disk = SimulatedDisk(step[2], {self._call.number: self._fault})
        kind = f"{self._call.what}: {NAMES[self._fault]}"
        try:
            with recording.machine.open(disk) as ledger:
                outcome, promise = self._run(ledger, disk, step, before)
        except Unavailable:
            outcome, promise = "opening refused", Promise(before.frames, before.possible, before.signed)
        chance = Random(f"{number}/{self._call.number}/{self._fault.name}")
        try:
            self._after(disk, promise, chance)
        except Broken as broken:
            one_bit = self._fault is Fault.SHORT and broken.detail == "not zero behind the last frame"
            require("opens", one_bit, broken)
            return one(kind, "writer stopped; one bit is left of the torn frame and looks like a flip: not claimed")
        return one(kind, outcome)

    def _run(self, ledger: Ledger, disk: SimulatedDisk, step: Step, before: Promise) -> tuple[str, Promise]:
        recording = self._recording
        what, asked, _, after = step
        try:
            _do(ledger, step)
        except Unavailable:
            if what == "submit":
                _is_stopped(ledger, disk, asked)
                return "writer stopped", Promise(before.frames, after.possible, before.signed)
        else:
            recording.laws.check_state(ledger)
            return "carried out all the same", after
        recording.laws.check_state(ledger)
        frames = ledger.sequencer.sequence + 1
        return "refused, and the next try does it", go_on(ledger, recording, frames)

    def _after(self, disk: SimulatedDisk, promise: Promise, chance: Random) -> None:
        """Start again twice: in the same machine, and, after what the first start promised, with the power cut."""
        recording = self._recording
        if chance.random() < 0.5:
            disk.restart()
        else:
            disk = SimulatedDisk(_cut(disk.image(), chance))
        with recording.machine.open(disk) as ledger:
            frames = recording.laws.check(ledger, promise)
            promised = go_on(ledger, recording, frames)
            image = disk.image()
        with recording.machine.open(SimulatedDisk(_cut(image, chance))) as ledger:
            recording.laws.check(ledger, promised)


class _NearlyFull:
    """The room falls below the reserve, and is found again later."""

    def __init__(self, recording: Recording, number: int) -> None:
        self._recording, self._number = recording, number

    def __call__(self) -> Outcomes:
        recording, number = self._recording, self._number
        what, asked, image, after = recording.steps[number]
        before = recording.steps[number - 1][3] if number else NOTHING_PROMISED
        assert asked is not None
        assert what == "submit"
        disk = SimulatedDisk(image)
        with recording.machine.open(disk) as ledger:
            disk.room = recording.machine.reserve_bytes - 1
            calls = len(disk.calls)
            for _ in range(2):
                _refused(ledger, asked)
            require("early", len(disk.calls) == calls, "a refused batch has touched the disk")
            with ledger.sequencer.reading() as state:
                require("reads go on", state.position >= 0, "reads do not go on")
            if before.frames:
                ledger.sequencer.publish()
            recording.laws.check_state(ledger)
            disk.room = recording.machine.reserve_bytes + recording.machine.segment_bytes
            got = ledger.submit(asked.commands, asked.payloads, asked.now_ms)
            require("L6", np.array_equal(got, asked.verdicts), "verdicts differ after the disk was almost full")
        with recording.machine.open(SimulatedDisk(disk.image().settled(()))) as ledger:
            recording.laws.check(ledger, after)
        return one("disk nearly full", "refused early, reads and publication go on")


def _do(ledger: Ledger, step: Step) -> None:
    what, asked, _, _ = step
    if what == "submit":
        assert asked is not None
        got = ledger.submit(asked.commands, asked.payloads, asked.now_ms)
        require("L6", np.array_equal(got, asked.verdicts), "verdicts differ from the oracle's")
    elif what == "publish":
        ledger.sequencer.publish()
    elif what == "snapshot":
        ledger.take_snapshot()


def _is_stopped(ledger: Ledger, disk: SimulatedDisk, asked: Asked | None) -> None:
    """Check that a stopped writer answers nothing and asks nothing of the disk."""
    assert asked is not None
    calls = len(disk.calls)
    _refused(ledger, asked)
    for attempt in (lambda: ledger.sequencer.reading().__enter__(), ledger.sequencer.publish):
        try:
            attempt()
        except Unavailable:
            continue
        raise LawBroken("L5: a stopped writer still answers")
    require("L5", len(disk.calls) == calls, "a stopped writer asks the disk again")


def _refused(ledger: Ledger, asked: Asked) -> None:
    try:
        ledger.submit(asked.commands, asked.payloads, asked.now_ms)
    except Unavailable:
        return
    raise LawBroken("L5: a batch was taken that had to be refused")


def _cut(image: Image, chance: Random) -> Image:
    """Return the disk after a power cut: none, all or some of what was not synced is there."""
    share = chance.choice((0.0, 0.0, 0.5, 1.0))
    return image.settled(change for change in image.pending if chance.random() < share)
