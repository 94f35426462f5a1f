"""What must hold of a ledger after every step, whatever befell it; anything else is a fault of ours."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from wattmark.engine.audit import audit_state
from wattmark.flows.keys import LogKeys
from wattmark.ledger.checkpoint import Checkpoint, open_checkpoint
from wattmark.ledger.note import NoteKey
from wattmark.ledger.proof import verify_log_proof
from wattmark.ledger.tiles import CHECKPOINT_PATH, tree_from_tiles
from wattmark.simulation.faults.disk import SimulatedDisk
from wattmark.simulation.faults.image import DIRECTORY, Image
from wattmark.simulation.faults.oracle import ExpectedLog
from wattmark.wiring.ledger import Ledger, audit_ledger

HOME: Final = Path("/ledger")
NEW_DISK: Final = Image(names={"/": {HOME.name: DIRECTORY}, str(HOME): {}})
"""A home that `wattmark init` has made: it is renamed into place, with its parent synced."""
ORIGIN: Final = "faults.example/log"
KEY: Final = NoteKey(ORIGIN, bytes(range(32)))
KEYS: Final = LogKeys(ORIGIN, KEY.vkey, KEY, b"blinding" * 4)


class LawBroken(AssertionError):  # noqa: N818 - a finding, named as the laws are
    """A law does not hold: the simulator has found something."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What clients were told before the fault.

    Attributes:
        frames: acknowledged frames: no fewer may be there.
        possible: frames that were asked for: no more may be there.
        signed: size of the last checkpoint that was given out.
    """

    frames: int
    possible: int
    signed: int


NOTHING_PROMISED: Final = Promise(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Machine:
    """How the simulated operator has set up the ledger.

    Attributes:
        segment_bytes: length of a journal segment [bytes].
        reserve_bytes: room below which writes are refused [bytes].
    """

    segment_bytes: int = 4_096
    reserve_bytes: int = 1 << 20

    def open(self, disk: SimulatedDisk) -> Ledger:
        """Open the ledger on a disk for writing."""
        return Ledger(HOME, KEYS, segment_bytes=self.segment_bytes, reserve_bytes=self.reserve_bytes, disk=disk)


def require(law: str, holds: bool, detail: object) -> None:  # noqa: FBT001 - the statement itself
    """Raise unless a law holds.

    Raises:
        LawBroken: it does not.
    """
    if not holds:
        raise LawBroken(f"{law}: {detail}")


class Laws:
    """Checks ledgers against one expected log; a state once found lawful is not summed up again."""

    def __init__(self, expected: ExpectedLog) -> None:
        """Compare with this log."""
        self.expected = expected
        self._lawful: set[bytes] = set()
        self._signed: dict[str, Checkpoint] = {}

    def check(self, ledger: Ledger, promise: Promise) -> int:
        """Check a ledger that was just opened, and return how many frames it holds.

        Raises:
            LawBroken: a law does not hold.
        """
        frames = ledger.sequencer.sequence + 1
        require("L5", promise.frames <= frames, f"{promise.frames} frames acknowledged, {frames} there")
        require("L5", frames <= promise.possible, f"{promise.possible} frames asked for, {frames} there")
        self.check_state(ledger)
        self.check_log(ledger, promise.signed)
        return frames

    def check_state(self, ledger: Ledger) -> None:
        """Check that journal and state are those of the oracle (L6), and lawful (L1 to L4, L9).

        Raises:
            LawBroken: they are not.
        """
        sequencer = ledger.sequencer
        expected = self.expected.frames[sequencer.sequence + 1]
        where = f"frame {sequencer.sequence}"
        require("L6", sequencer.frame_hash == expected.frame_hash, f"{where}: its bytes differ")
        require("L6", sequencer.position == expected.size, f"{where}: {sequencer.position} records")
        state_hash = sequencer.state.state_hash()
        require("L6", state_hash == expected.state_hash, f"{where}: the state differs from the oracle's")
        if state_hash not in self._lawful:
            findings = audit_state(sequencer.state)
            require("L1-L4", not findings, findings)
            ids = sequencer.state.ids[:, :2]
            require("once", len(np.unique(ids, axis=0)) == len(ids), f"{where}: an id stands in two records")
            self._lawful.add(state_hash)

    def check_log(self, ledger: Ledger, signed: int) -> int:
        """Check checkpoint, tiles and public copy (L7), and return the signed size.

        Raises:
            LawBroken: they do not fit each other or the journal, or the checkpoint has rolled back.
        """
        text = ledger.checkpoints.load()
        require("L7", text is not None or signed == 0, "the signed checkpoint is gone")
        if text is None:
            return 0
        if text not in self._signed:
            self._signed[text] = open_checkpoint(text, KEY.vkey, ORIGIN)
        checkpoint = self._signed[text]
        size = checkpoint.size
        require("L7", size >= signed, f"the checkpoint has rolled back from {signed} to {size}")
        held = ledger.sequencer.position
        require("L7", size <= held, f"signed {size} records, {held} are durable")
        require("L7", checkpoint.root == self.expected.root(size), f"the signed root of {size} records is another")
        tree = tree_from_tiles(ledger.tiles.read, size)
        require("L7", tree.root() == checkpoint.root, f"the tiles do not lead to the root of {size} records")
        public = ledger.tiles.read(CHECKPOINT_PATH).decode()
        require("L7", public == text, "the public copy is not the signed checkpoint")
        return size

    def check_proof(self, ledger: Ledger, position: int) -> None:
        """Check that a record under the checkpoint has an inclusion proof that a stranger can verify.

        Raises:
            LawBroken: the proof is of something else.
        """
        leaf = self.expected.leaves(position + 1)[position].tobytes()
        verify_log_proof(ledger.sequencer.inclusion(position), leaf, KEY.vkey, ORIGIN)

    def audit(self, disk: SimulatedDisk, records: int) -> set[str]:
        """Return the files an audit names, with nothing written."""
        return {finding.file for finding in audit_ledger(HOME, self.expected.leaves(records), KEY.vkey, disk)}
