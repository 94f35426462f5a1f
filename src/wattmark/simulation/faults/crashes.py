"""A power cut after every call, with every unsynced change independently there or not."""

from collections.abc import Iterator
from functools import partial
from itertools import islice, product
from random import Random
from typing import Final

import numpy as np

from wattmark.simulation.faults.case import Case, Outcomes, one
from wattmark.simulation.faults.disk import Call, SimulatedDisk
from wattmark.simulation.faults.image import Change, Image
from wattmark.simulation.faults.laws import Promise, require
from wattmark.simulation.faults.recording import MakeOracle, Moment, Recorder, Recording
from wattmark.wiring.ledger import Ledger

ALL_SUBSETS_UP_TO: Final = 3
"""So many unsynced changes are tried in every combination."""
RANDOM_SUBSETS: Final = 7
GO_ON_EVERY: Final = 5
"""After every so many crashes the life goes on: retry, next batch, publication, and one more power cut."""


def crash_cases(seed: str, make_oracle: MakeOracle) -> Iterator[Case]:
    """Yield every power cut of one recorded life; images that were seen before are left out."""
    recording = Recorder(seed, make_oracle).record()
    seen: set[tuple[Promise, tuple[tuple[str, bytes], ...]]] = set()
    number = 0
    for moment in recording.moments:
        for kept in _survivors(moment, Random(f"{seed}/{moment.call.number}")):
            image = moment.image.settled(kept)
            key = moment.promise, tuple(sorted(image.tree().items()))
            if key in seen:
                continue
            seen.add(key)
            number += 1
            name = f"step {moment.step}, call {moment.call.number} ({moment.call.what} {moment.call.path})"
            yield Case(
                f"{name}, kept {len(kept)} of {len(moment.image.pending)}",
                _Crash(recording, moment, kept, image, number),
            )


def kill_cases(seed: str, make_oracle: MakeOracle) -> Iterator[Case]:
    """Yield the process killed after every call of one recorded life; the machine, and what it has in memory, lives on.

    The next process goes on, and then the power is cut with nothing unsynced kept: what it answered must be there.
    """
    recording = Recorder(seed, make_oracle).record()
    for moment in recording.moments:
        name = f"step {moment.step}, call {moment.call.number} ({moment.call.what} {moment.call.path})"
        yield Case(f"{name}, killed", _Kill(recording, moment))


class _Kill:
    """One killed process."""

    def __init__(self, recording: Recording, moment: Moment) -> None:
        self._recording, self._moment = recording, moment

    def __call__(self) -> Outcomes:
        recording, moment = self._recording, self._moment
        disk = SimulatedDisk(moment.image)
        with recording.machine.open(disk) as ledger:
            frames = recording.laws.check(ledger, moment.promise)
            promise = go_on(ledger, recording, frames)
            image = disk.image()
        with recording.machine.open(SimulatedDisk(image.settled(()))) as again:
            recording.laws.check(again, promise)
        return one("process killed, then power cut", "all acknowledged there")


def recovery_cases(seed: str, make_oracle: MakeOracle) -> Iterator[Case]:
    """Yield power cuts during the opening that follows a power cut, after every call of that opening."""
    recording = Recorder(seed, make_oracle).record()
    seen: set[tuple[Promise, tuple[tuple[str, bytes], ...]]] = set()
    for moment in recording.moments:
        chance = Random(f"{seed}/opening/{moment.call.number}")
        *_, kept = islice(_survivors(moment, chance), 1 + chance.randrange(4))
        again: list[Moment] = []
        note = partial(_keep, again, moment)
        recording.machine.open(SimulatedDisk(moment.image.settled(kept), note=note)).close()
        for inner in again:
            for left in _survivors(inner, chance):
                image = inner.image.settled(left)
                key = inner.promise, tuple(sorted(image.tree().items()))
                if key not in seen:
                    seen.add(key)
                    name = f"call {moment.call.number}, opening {inner.call.what} {inner.call.path}"
                    yield Case(f"{name}, kept {len(left)}", _Recovery(recording, inner.promise, image))


def _keep(moments: list[Moment], before: Moment, call: Call, image: Image) -> None:
    moments.append(Moment(call, image, before.promise, before.step))


class _Recovery:
    """One opening after an opening that was cut short."""

    def __init__(self, recording: Recording, promise: Promise, image: Image) -> None:
        self._recording, self._promise, self._image = recording, promise, image

    def __call__(self) -> Outcomes:
        with self._recording.machine.open(SimulatedDisk(self._image)) as ledger:
            self._recording.laws.check(ledger, self._promise)
        return one("power cut while opening after a power cut", "all acknowledged there")


class _Crash:
    """One power cut: boot, check, and every so often go on."""

    def __init__(
        self, recording: Recording, moment: Moment, kept: tuple[Change, ...], image: Image, number: int
    ) -> None:
        self._recording, self._moment, self._kept = recording, moment, kept
        self._image, self._number = image, number

    def __call__(self) -> Outcomes:
        recording, moment = self._recording, self._moment
        disk = SimulatedDisk(self._image)
        with recording.machine.open(disk) as ledger:
            frames = recording.laws.check(ledger, moment.promise)
            outcome = "in flight: kept" if frames > moment.promise.frames else "all acknowledged there"
            if frames == moment.promise.frames < moment.promise.possible:
                outcome = "in flight: gone"
            if self._number % GO_ON_EVERY == 0:
                promise = go_on(ledger, recording, frames)
                disk = SimulatedDisk(disk.image().settled(()))
                ledger.close()
                with recording.machine.open(disk) as again:
                    recording.laws.check(again, promise)
                    audited = recording.laws.audit(disk, again.sequencer.position)
                    require("audit", not audited, audited)
        return one(f"power cut: {self._kind()}", outcome)

    def _kind(self) -> str:
        pending = len(self._moment.image.pending)
        if not pending:
            return "nothing unsynced"
        if not self._kept:
            return "everything unsynced lost"
        return "everything unsynced kept" if len(self._kept) == pending else "torn: some unsynced lost"


def go_on(ledger: Ledger, recording: Recording, frames: int) -> Promise:
    """Send the last batch again and the next one, publish, and return what is promised then.

    Raises:
        LawBroken: a retry has another verdict or makes another record, or the log does not go on as it would have.
    """
    if frames:
        asked = recording.asked[frames - 1]
        again = ledger.submit(asked.commands, asked.payloads, asked.now_ms)
        require("retry", np.array_equal(again, asked.verdicts), f"frame {frames - 1}: a retry has another verdict")
        require("once", ledger.sequencer.sequence + 1 == frames, f"frame {frames - 1}: a retry made a record")
    if frames < len(recording.asked):
        asked = recording.asked[frames]
        got = ledger.submit(asked.commands, asked.payloads, asked.now_ms)
        require("L6", np.array_equal(got, asked.verdicts), f"frame {frames}: verdicts differ after the fault")
        frames += 1
    ledger.sequencer.publish()
    recording.laws.check_state(ledger)
    signed = recording.laws.check_log(ledger, ledger.sequencer.position)
    return Promise(frames, frames, signed)


def _survivors(moment: Moment, chance: Random) -> Iterator[tuple[Change, ...]]:
    """Yield which unsynced changes reach the disk: none, all, and others."""
    pending = moment.image.pending
    if len(pending) <= ALL_SUBSETS_UP_TO:
        for bits in product((False, True), repeat=len(pending)):
            yield tuple(change for change, bit in zip(pending, bits, strict=True) if bit)
        return
    yield ()
    yield pending
    for _ in range(RANDOM_SUBSETS):
        share = chance.choice((0.15, 0.5, 0.85))
        yield tuple(change for change in pending if chance.random() < share)
