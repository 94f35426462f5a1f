"""Everything at once: clients, a network that loses and repeats, a clock that jumps, a disk that fails, power cuts.

Theory of operation. Time is a queue of events. Each client has one batch under way; it sends it, waits, and sends it
again until it has an answer, always with the same ids. The network drops, delays, repeats and reorders requests and
answers, and at times parts a client from the sequencer. The sequencer's clock stands still, jumps, or runs back. The
disk is slow, full, fails, or loses its power. The oracle takes each batch when the sequencer has, and nothing else.
"""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Final

import numpy as np

from wattmark.core.errors import Unavailable
from wattmark.engine import layout as e
from wattmark.engine.commands import Words
from wattmark.simulation.faults.case import Outcomes
from wattmark.simulation.faults.disk import Fault, PowerCut, SimulatedDisk
from wattmark.simulation.faults.laws import KEYS, NEW_DISK, Laws, Machine, Promise, require
from wattmark.simulation.faults.oracle import ExpectedLog
from wattmark.simulation.faults.recording import MakeOracle
from wattmark.simulation.faults.workload import START_MS, Workload

CLIENTS: Final = 4
BATCHES: Final = 22
"""Batches of each client."""
COMMANDS: Final = 3
PATIENCE_MS: Final = 400
"""After so long without an answer a client asks again [ms]."""
TRAVEL_MS: Final = (1, 5, 20)
PUBLISH_MS: Final = 600
CALM_AFTER_MS: Final = 120_000
"""From then on nothing fails any more, so that every client gets its answer [ms]."""
CLOCK: Final = {"clock stands still": 0, "clock jumps ahead": 3_600_000, "clock runs back": -90_000}
FROZEN_MS: Final = 1_000
TROUBLE_MS: Final = (60, 200, 500)
DISK_FAULTS: Final = (Fault.ERROR_LOST, Fault.ERROR_DONE, Fault.FULL, Fault.SHORT, Fault.STOP, Fault.STOP)


@dataclass(slots=True)
class _Client:
    """One client.

    Attributes:
        left: batches it has not begun.
        batch: the one under way, ``None`` when it is done.
        number: of the batch; an answer to an earlier one is compared and dropped.
        parted_until_ms: until then the network carries nothing to or from it.
        answers: verdicts by number of the batch.
    """

    left: int = BATCHES
    batch: tuple[Words, list[bytes]] | None = None
    number: int = -1
    parted_until_ms: int = 0
    answers: dict[int, Words] = field(default_factory=dict)


class Storm:
    """One seeded storm."""

    def __init__(self, seed: str, make_oracle: MakeOracle) -> None:
        """Set up clients, network, clock, disk and sequencer."""
        self._chance = Random(f"storm {seed}")
        oracle = make_oracle()
        self._expected = ExpectedLog(oracle, KEYS.blinding_key)
        self._workload = Workload(self._chance, oracle)
        self._laws = Laws(self._expected)
        self._machine = Machine(self._chance.choice((2_048, 4_096, 16_384)))
        self._disk = SimulatedDisk(NEW_DISK)
        self._disk.on_sync = self._spin
        self._clients = [_Client() for _ in range(CLIENTS)]
        self._events: list[tuple[int, int, str, int, int]] = []
        self._order = 0
        self._now_ms = 0
        self._clock_ms = START_MS
        self._slow_until_ms = self._frozen_until_ms = 0
        self._full_until_ms = 0
        self._signed = 0
        self._asked: dict[tuple[int, int], tuple[Words, list[bytes]]] = {}
        self._told: dict[tuple[int, int], Words] = {}
        self.outcomes: Outcomes = Counter()
        self._ledger = self._machine.open(self._disk)

    def play(self) -> Outcomes:
        """Play it to its end and return what befell it.

        Raises:
            LawBroken: a law does not hold.
        """
        self._submit(*self._workload.founding())
        for client in range(CLIENTS):
            self._at(self._chance.randrange(50), "next", client)
        self._at(PUBLISH_MS, "publish")
        self._at(100, "trouble")
        while self._events:
            self._now_ms, _, what, client, number = heapq.heappop(self._events)
            getattr(self, f"_on_{what}")(client, number)
            self._laws.check_state(self._ledger)
        for who in self._clients:
            require("answered", who.left == 0 and who.batch is None, "a client never got its answer")
        self._disk.plan = {}  # what was still to come does not come any more
        self._publish()
        self._laws.check_log(self._ledger, self._signed)
        for position in range(0, self._ledger.sequencer.published_size, 7):
            self._laws.check_proof(self._ledger, position)
        self._ledger.close()
        return self.outcomes

    # ----------------------------------------------------------------------------------------- what happens

    def _on_next(self, client: int, _: int) -> None:
        """Let a client begin its next batch."""
        who = self._clients[client]
        if not who.left:
            return
        who.left -= 1
        who.number += 1
        who.batch = self._workload.draw(self._chance.randint(1, COMMANDS), self._clock_ms)
        self._asked[client, who.number] = who.batch
        self._on_send(client, who.number)

    def _on_send(self, client: int, number: int) -> None:
        """Let a client send what is not answered yet, and ask again later."""
        who = self._clients[client]
        if who.batch is not None and who.number == number:
            self._carry("request", client, number)
            self._at(PATIENCE_MS, "send", client, number)

    def _on_request(self, client: int, number: int) -> None:
        """Let the sequencer take a request that has arrived."""
        verdicts = self._submit(*self._asked[client, number])
        if verdicts is not None:
            told = self._told.setdefault((client, number), verdicts)
            require("retry", np.array_equal(told, verdicts), f"client {client}, batch {number}: another verdict")
            self._carry("answer", client, number)

    def _on_answer(self, client: int, number: int) -> None:
        """Let a client read an answer; a second one must be the same."""
        who = self._clients[client]
        verdicts = self._told[client, number]
        if number in who.answers:
            same = np.array_equal(who.answers[number], verdicts)
            require("retry", same, f"client {client}, batch {number}: two answers that differ")
            return
        who.answers[number] = verdicts
        if number == who.number:
            who.batch = None
            self._at(self._chance.randrange(60), "next", client)

    def _on_publish(self, _client: int, _number: int) -> None:
        """Let the publisher do its round."""
        self._publish(snapshot=self._chance.random() < 0.2)
        if any(client.left or client.batch is not None for client in self._clients):
            self._at(PUBLISH_MS, "publish")

    def _on_trouble(self, _client: int, _number: int) -> None:
        """Let something go wrong."""
        chance = self._chance
        if self._now_ms > CALM_AFTER_MS:
            return
        match chance.randrange(5):
            case 0:
                name = chance.choice(list(CLOCK))
                self._clock_ms += CLOCK[name]
                self._frozen_until_ms = self._now_ms + (0 if CLOCK[name] else FROZEN_MS)
                self.outcomes[name, "time in the log does not run back"] += 1
            case 1:
                who = chance.choice(self._clients)
                who.parted_until_ms = self._now_ms + chance.choice((300, 2_000))
                self.outcomes["network: client parted", "answered later"] += 1
            case 2:
                self._slow_until_ms = self._now_ms + 1_500
                self.outcomes["disk slow", "clients ask again, one verdict"] += 1
            case 3:
                self._disk.plan = {len(self._disk.calls) + chance.randint(1, 25): chance.choice(DISK_FAULTS)}
            case _:
                self._full_until_ms = self._now_ms + chance.choice((100, 1_000))
                self.outcomes["disk nearly full", "refused early, reads go on"] += 1
        if any(client.left or client.batch is not None for client in self._clients):
            self._at(chance.choice(TROUBLE_MS), "trouble")

    # ------------------------------------------------------------------------------------------ the sequencer

    def _submit(self, commands: Words, payloads: list[bytes]) -> Words | None:
        """Let the sequencer apply a batch; return the verdicts, ``None`` where it gave no answer."""
        if self._now_ms >= self._frozen_until_ms:
            self._clock_ms += self._chance.choice((0, 1, 40, 5_000))
        now_ms = self._clock_ms
        self._disk.room = 0 if self._now_ms < self._full_until_ms else 1 << 40
        before = self._ledger.sequencer.sequence + 1
        known = self._known(commands)
        try:
            verdicts = self._ledger.submit(commands, payloads, now_ms)
        except Unavailable:
            if not self._disk.happened and not self._disk.room:
                with self._ledger.sequencer.reading() as state:
                    require("reads go on", state.position == self._expected.frames[-1].size, "reads differ")
                return None
            self._recover(before, commands, payloads, now_ms, cut=self._chance.random() < 0.5)
            return None
        except PowerCut:
            self._recover(before, commands, payloads, now_ms, cut=True)
            return None
        if known == len(commands):
            require("once", self._ledger.sequencer.sequence + 1 == before, "a retry has made a record")
        expected = self._expected.add(commands, payloads, now_ms)
        require("L6", np.array_equal(verdicts, expected), "verdicts differ from the oracle's")
        return verdicts

    def _publish(self, *, snapshot: bool = False) -> None:
        before = self._ledger.sequencer.sequence + 1
        try:
            if snapshot:
                self._ledger.take_snapshot()
            else:
                self._ledger.sequencer.publish()
        except Unavailable:
            self._count_disk("publication fails, the next goes on")
        except PowerCut:
            self._recover(before, None, [], 0, cut=True)
        else:
            self._signed = self._laws.check_log(self._ledger, self._signed)

    def _recover(self, before: int, commands: Words | None, payloads: list[bytes], now_ms: int, *, cut: bool) -> None:
        """Start the sequencer anew, after a power cut or in the same machine; the batch in flight may be there."""
        self._count_disk("started anew, all acknowledged there")
        if cut:
            image = self._disk.image()
            share = self._chance.choice((0.0, 0.5, 1.0))
            kept = [change for change in image.pending if self._chance.random() < share]
            self._disk = SimulatedDisk(image.settled(kept))
            self._disk.on_sync = self._spin
        else:
            self._disk.restart()
            self._disk.happened.clear()
        self._ledger = self._machine.open(self._disk)
        held = self._ledger.sequencer.sequence + 1
        if held > before:
            require("L5", commands is not None, "a frame nobody asked for")
            assert commands is not None
            self._expected.add(commands, payloads, now_ms)
        self._laws.check(self._ledger, Promise(before, len(self._expected.frames) - 1, self._signed))

    def _count_disk(self, outcome: str) -> None:
        for call, fault in self._disk.happened:
            self.outcomes[f"{call.what}: {fault.value}", outcome] += 1
        self._disk.happened.clear()
        self._disk.plan = {}

    # --------------------------------------------------------------------------------------------- small things

    def _known(self, commands: Words) -> int:
        """Return how many of the ids stand in the log."""
        state = self._ledger.sequencer.state
        return sum(state.find_id(int(row[e.W_ID_LOW]), int(row[e.W_ID_HIGH])) >= 0 for row in commands)

    def _carry(self, what: str, client: int, number: int) -> None:
        """Hand a message to the network."""
        chance = self._chance
        if self._now_ms < self._clients[client].parted_until_ms:
            return
        dice = chance.random() if self._now_ms <= CALM_AFTER_MS else 1.0
        if dice < 0.15:
            self.outcomes[f"network: {what} dropped", "sent again"] += 1
            return
        copies = 1
        delay = chance.choice(TRAVEL_MS)
        if dice < 0.30:
            copies = 2
            self.outcomes[f"network: {what} repeated", "one verdict"] += 1
        elif dice < 0.50:
            delay += chance.choice((100, 700, 3_000))
            self.outcomes[f"network: {what} delayed and overtaken", "one verdict"] += 1
        for copy in range(copies):
            self._at(delay + copy * chance.choice((0, 50, 900)), what, client, number)

    def _at(self, delay_ms: int, what: str, client: int = 0, number: int = 0) -> None:
        self._order += 1
        heapq.heappush(self._events, (self._now_ms + delay_ms, self._order, what, client, number))

    def _spin(self) -> None:
        """Take the time a sync takes."""
        self._now_ms += 250 if self._now_ms < self._slow_until_ms else 1
