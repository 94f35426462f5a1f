"""A short life of a ledger on a good disk, with every moment at which a fault may strike."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

import numpy as np

from wattmark.engine.commands import Words
from wattmark.simulation.faults.disk import Call, SimulatedDisk
from wattmark.simulation.faults.image import Change, Image
from wattmark.simulation.faults.laws import KEYS, NEW_DISK, NOTHING_PROMISED, Laws, Machine, Promise, require
from wattmark.simulation.faults.oracle import ExpectedLog, Oracle
from wattmark.simulation.faults.workload import START_MS, Workload

MakeOracle = Callable[[], Oracle]

STEPS: Final = 12
COMMANDS: Final = 5
"""Most commands in one batch."""
SEGMENTS: Final = (2_048, 4_096, 4_096, 8_192, 65_536)
WAITS_MS: Final = (0, 1, 1_000, 600_000, 1_800_000, -5_000)
"""How the clock moves between batches; it may stand still or run back [ms]."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A batch, when it was sent, and the verdicts every answer to it must give."""

    commands: Words
    payloads: list[bytes]
    now_ms: int
    verdicts: Words


@dataclass(frozen=True, slots=True)
class Moment:
    """The disk after one call, and what was promised by then."""

    call: Call
    image: Image
    promise: Promise
    step: int


@dataclass(slots=True)
class Recording:
    """What happened on a good disk.

    Attributes:
        moments: after each call that changes something.
        asked: the batch that made frame ``n``.
        steps: what was done, with the image before it and the promise after it.
        changes: everything that was ever written, in order.
    """

    machine: Machine
    laws: Laws
    moments: list[Moment] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    steps: list[tuple[str, Asked | None, Image, Promise]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    promise: Promise = NOTHING_PROMISED

    @property
    def end(self) -> Image:
        """The disk at the end, everything written."""
        image = self.moments[-1].image
        return image.settled(image.pending)


class Recorder:
    """Drives a ledger through a seeded script and keeps every moment."""

    def __init__(self, seed: str, make_oracle: MakeOracle) -> None:
        """Prepare; ``record`` does it."""
        self._random = Random(seed)
        oracle = make_oracle()
        self._expected = ExpectedLog(oracle, KEYS.blinding_key)
        self._workload = Workload(self._random, oracle)
        self._recording = Recording(Machine(self._random.choice(SEGMENTS)), Laws(self._expected))
        self._disk = SimulatedDisk(NEW_DISK, note=self._note)
        self._promise = NOTHING_PROMISED
        self._now_ms = START_MS

    def record(self) -> Recording:
        """Play the script and return the recording.

        Raises:
            LawBroken: even a good disk does not keep what was promised.
        """
        recording, machine = self._recording, self._recording.machine
        ledger = machine.open(self._disk)
        chance = self._random
        for step in range(STEPS):
            dice = chance.random()
            before = self._disk.image()
            asked = None
            if step == 0 or dice < 0.55:
                what = "submit"
                asked = self._ask(first=step == 0)
                got = ledger.submit(asked.commands, asked.payloads, asked.now_ms)
                require("L6", np.array_equal(got, asked.verdicts), f"step {step}: verdicts differ from the oracle's")
                self._promise = Promise(self._promise.possible, self._promise.possible, self._promise.signed)
            elif dice < 0.85 or step == STEPS - 1:
                what = "publish"
                ledger.sequencer.publish()
            elif dice < 0.95:
                what = "snapshot"
                ledger.take_snapshot()
            else:
                what = "reopen"
                ledger.close()
                ledger = machine.open(self._disk)
            if what != "submit":
                signed = ledger.sequencer.published_size
                self._promise = Promise(self._promise.frames, self._promise.possible, signed)
            recording.laws.check_state(ledger)
            recording.steps.append((what, asked, before, self._promise))
        for position in range(ledger.sequencer.published_size):
            recording.laws.check_proof(ledger, position)
        ledger.close()
        recording.promise = self._promise
        return recording

    def _ask(self, *, first: bool) -> Asked:
        chance = self._random
        self._now_ms += chance.choice(WAITS_MS)
        draw = self._workload.founding() if first else self._workload.draw(chance.randint(1, COMMANDS), self._now_ms)
        frames = len(self._expected.frames)
        asked = Asked(*draw, self._now_ms, self._expected.add(*draw, self._now_ms))
        if len(self._expected.frames) > frames:
            self._recording.asked.append(asked)
            self._promise = Promise(self._promise.frames, frames, self._promise.signed)
        return asked

    def _note(self, call: Call, image: Image) -> None:
        recording = self._recording
        recording.changes += [change for change in image.pending if change.call == call.number]
        recording.moments.append(Moment(call, image, self._promise, len(recording.steps)))
