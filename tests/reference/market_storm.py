"""A writer whose market never rests, to be killed at any moment: halts, questions for capacity, auctions, icebergs.

It reads its own journal into the plain-Python model (`state_machine.py`) and draws from that, so that a writer that
was killed goes on where its journal ends.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from reference import engine_world
from reference.engine_world import World
from reference.state_machine import Model
from wattmark.engine.batch import decode_batch
from wattmark.engine.commands import Kind
from wattmark.flows.keys import LogKeys
from wattmark.ledger.note import NoteKey
from wattmark.wiring.ledger import Ledger

KEY = NoteKey("market.example/storm", bytes(range(32)))
KEYS = LogKeys(KEY.name, KEY.vkey, KEY, b"b" * 32)
SNAPSHOT_EVERY = 12
MARKET = {
    Kind.ISSUE: 20,
    Kind.DEPOSIT: 4,
    Kind.LIST_PRODUCT: 5,
    Kind.SPLIT: 4,
    Kind.PLACE_ORDER: 120,
    Kind.CANCEL: 12,
    Kind.AMEND: 20,
    Kind.CANCEL_ALL: 1,
    Kind.SET_LIMITS: 2,
    Kind.SET_TRADING: 8,
    Kind.ANSWER_CAPACITY: 0.3,  # a question stays open for a while
    Kind.OPEN_ROUTE: 2,
    Kind.CLEAR_AUCTION: 8,
}


def open_ledger(home: Path) -> Ledger:
    return Ledger(home, KEYS, segment_bytes=1 << 18, reserve_bytes=0)


def replay(ledger: Ledger) -> Model:
    """The model after every record of the journal; each verdict is what the engine stored."""
    model = Model()
    for frame in ledger.journal.read(0):
        batch = decode_batch(frame.payload)
        verdicts, fresh, _ = model.apply(batch.commands.tolist(), batch.timestamp_ms)
        assert verdicts == batch.verdicts.tolist()
        assert all(fresh)
    return model


def batches(world: World, model: Model) -> Iterator[tuple[list[list[int]], int]]:
    """Endless: what the market does next, a few commands at a time, now and then a whole minute later."""
    now = max(model.now, engine_world.START_S * 1_000)
    if not model.log:
        yield world.founding(), now
    while True:
        now += world.random.choices((0, 1, 999, 60_000, 1_800_000), (8, 4, 4, 6, 3))[0]
        yield [world.draw(now).tolist() for _ in range(world.random.randint(1, 60))], now


def storm(home: Path, seed: int) -> None:
    """Trade until killed; print the log's size once it is durable."""
    engine_world.WEIGHTS = MARKET
    with open_ledger(home) as ledger:
        model = replay(ledger)
        world = World(seed, model)
        for number, (rows, now) in enumerate(batches(world, model)):
            commands = engine_world.as_array(rows)
            payloads = world.payloads_of(commands)
            if payloads is None:
                continue
            before = len(model.log)
            ledger.submit(commands, payloads, now)
            sys.stdout.write(f"{ledger.sequencer.state.position}\n")
            sys.stdout.flush()
            model.apply(rows, now)
            written = np.array([command.words for command, _ in model.log[before:]])
            assert len(written) <= len(rows)
            if number % SNAPSHOT_EVERY == SNAPSHOT_EVERY - 1:
                ledger.take_snapshot()


if __name__ == "__main__":
    storm(Path(sys.argv[1]), int(sys.argv[2]))
