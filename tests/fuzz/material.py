"""Valid material to make inputs of: a small journal with its log, signed notes, proofs, a witness and its answers."""

from functools import cache

import numpy as np

from reference.engine_world import World
from reference.state_machine import Model
from wattmark.engine.apply import apply
from wattmark.engine.batch import Batch, draw_salts, encode_batch, leaf_entries, named_payloads
from wattmark.engine.snapshot import Snapshot
from wattmark.engine.state import TABLES, State
from wattmark.ledger.checkpoint import Checkpoint, sign_checkpoint
from wattmark.ledger.frames import CHAIN_START, Frame, encode_frame, scan_segment
from wattmark.ledger.merkle import MerkleTree, leaf_hashes
from wattmark.ledger.note import NoteKey

LOG = NoteKey("log.example/fuzz", bytes(range(32)))
SEED = 20_260_101
FRAMES = 12
SEGMENT_BYTES = 8_192


class Journal:
    """A journal of ``FRAMES`` small frames, the states before each, and the tree over its records."""

    def __init__(self) -> None:
        model = Model()
        world = World(SEED, model)
        state, chain = State(), CHAIN_START
        self.payloads: list[bytes] = []
        self.frames: list[Frame] = []
        self.states: list[tuple[dict, np.ndarray]] = []
        self.entries: list[bytes] = []
        self.snapshots: list[Snapshot] = []
        starts: list[int] = []
        for rows, now_ms in world.batches(60, largest=7):
            model.apply(rows, now_ms)
            before, start = tables_of(state), state.position
            commands = np.array(rows, np.int64)
            applied = apply(state, commands, now_ms)
            if not applied.fresh.any():
                continue
            self.states.append(before)
            starts.append(start)
            kept = commands[applied.fresh]
            payloads = {digest: world.payloads[digest] for digest in sorted(named_payloads(kept))}
            sequence = len(self.frames)
            salts = draw_salts(b"k" * 32, sequence, len(kept))
            batch = Batch(state.now_ms, kept, applied.verdicts[applied.fresh], salts, payloads)
            payload = encode_batch(batch)
            whole = encode_frame(sequence, chain, payload)
            [frame, _] = scan_segment(whole, sequence, chain)
            assert isinstance(frame, Frame)
            chain = frame.frame_hash
            self.payloads.append(payload)
            self.frames.append(frame)
            self.entries += [entry.tobytes() for entry in leaf_entries(batch)]
            self.snapshots.append(
                Snapshot(sequence, chain, np.array(starts, np.int64), State.from_tables(*tables_of(state)))
            )
            if len(self.frames) == FRAMES:
                break

    @property
    def bytes(self) -> list[bytes]:
        """The frames as they are stored."""
        return [encode_frame(frame.sequence, frame.prev_hash, frame.payload) for frame in self.frames]


def tables_of(state: State) -> tuple[dict, np.ndarray]:
    """What a state is made of, copied."""
    return {name: state.table(name).copy() for name in TABLES}, state.header.copy()


@cache
def journal() -> Journal:
    return Journal()


@cache
def tree(size: int) -> MerkleTree:
    """The tree over ``size`` made-up entries."""
    made = MerkleTree()
    made.append(leaf_hashes([b"entry %d" % number for number in range(size)]))
    return made


def checkpoint(size: int, key: NoteKey = LOG) -> str:
    return sign_checkpoint(Checkpoint(LOG.name, size, tree(size).root()), key)
