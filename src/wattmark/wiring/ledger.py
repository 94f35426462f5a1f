"""Journal, state and log on the files of one directory, without anything around them.

This is the part of an opening and of a snapshot that everybody shares: the platform, and the fault simulator, which
puts a disk in memory under it. Life of an opening: the journal is locked and its last frame found; the newest snapshot
that holds is taken; the journal is replayed from there; tree, tiles and signed checkpoint are held against each other;
where snapshot or tiles do not hold, the journal alone is asked and the tiles are written anew. Only then is a torn
tail dropped.
"""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from wattmark.core.errors import Broken, Refused
from wattmark.core.findings import Finding
from wattmark.engine import snapshot as snapshots
from wattmark.engine.commands import Words
from wattmark.engine.snapshot import Snapshot
from wattmark.flows.keys import LogKeys
from wattmark.flows.sequence import Sequencer
from wattmark.ledger.checkpoint import Checkpoint
from wattmark.ledger.ports import Journal, Tiles
from wattmark.ledger.tiles import CHECKPOINT_PATH, tree_from_tiles
from wattmark.storage.files import FileCheckpoints, FileJournal, FileTiles
from wattmark.storage.files.audit import audit_journal, audit_log
from wattmark.storage.files.calls import LOCAL_DISK, Disk
from wattmark.wiring.snapshots import sealed, store_snapshot, stored_snapshots

__all__ = ["Disk", "Ledger", "audit_ledger", "newest_snapshot", "stands_at", "start_sequencer", "write_snapshot"]

JOURNAL_DIRECTORY: Final = "journal"
LOG_DIRECTORY: Final = "log"
CHECKPOINT_DIRECTORY: Final = "checkpoint"

Leaves = NDArray[np.uint8]


def stands_at(journal: Journal, sequence: int, frame_hash: bytes) -> bool:
    """Return whether the journal's frame of that number has that hash."""
    if sequence == journal.last_sequence:
        return frame_hash == journal.last_hash
    if sequence > journal.last_sequence:
        return False
    return next(iter(journal.read(sequence))).frame_hash == frame_hash


def newest_snapshot(
    home: Path, blinding: bytes, journal: Journal, up_to: int, disk: Disk = LOCAL_DISK
) -> Snapshot | None:
    """Return the newest snapshot at or before a frame that holds and is of this journal, else ``None``."""
    for _, snapshot in stored_snapshots(home, blinding, disk):
        if snapshot is None or snapshot.sequence > up_to:
            continue
        if stands_at(journal, snapshot.sequence, snapshot.frame_hash):
            return snapshot
    return None


def start_sequencer(
    attempt: Callable[[Snapshot | None], Sequencer],
    snapshot: Snapshot | None,
    journal: Journal,
    tiles: Tiles,
    *,
    read_only: bool = False,
) -> tuple[Sequencer, Snapshot | None]:
    """Return a sequencer that stands at the journal's end, and the snapshot it did start from.

    Args:
        attempt: makes the sequencer from a snapshot, or from the journal alone.
        snapshot: where to start, if it holds.
        journal: the stored truth; a torn tail is dropped once nothing signed is found beyond the whole frames.
        tiles: public files of the log; mended where they do not hold, with a copy of the signed checkpoint.
        read_only: write nothing.

    Raises:
        Broken: the journal does not replay, or is not what was signed.
        Unavailable: the disk refuses.
    """
    try:
        sequencer = attempt(snapshot)
    except (Broken, Refused):
        if snapshot is None:
            raise
        snapshot = None  # snapshot or tiles do not hold: ask the journal alone
        sequencer = attempt(None)
    if not read_only:
        if snapshot is None and not _tiles_hold(sequencer, tiles):
            sequencer.mend_tiles()
        journal.drop_torn_tail()  # the sequencer found nothing signed beyond the whole frames
        if sequencer.checkpoint_text is not None:
            tiles.write_many([(CHECKPOINT_PATH, sequencer.checkpoint_text.encode())])
    return sequencer, snapshot


def _tiles_hold(sequencer: Sequencer, tiles: Tiles) -> bool:
    """Return whether the tiles lead to the signed root, to which the sequencer has held the journal."""
    text = sequencer.checkpoint_text
    if text is None:
        return True
    signed = Checkpoint.parse(text.partition("\n\n")[0] + "\n")
    try:
        return tree_from_tiles(tiles.read, signed.size).root() == signed.root
    except Refused:
        return False


def write_snapshot(
    home: Path,
    blinding: bytes,
    sequencer: Sequencer,
    tiles: Tiles,
    publish: Callable[[], object],
    disk: Disk = LOCAL_DISK,
) -> int:
    """Publish, store a snapshot of the state, delete what it makes superfluous, and return the frame it stands at.

    Raises:
        Unavailable: stopped, or a store refuses.
    """
    with sequencer.reading():
        taken = sequencer.snapshot()
        data = snapshots.dump(taken)
    publish()  # at least as far as the snapshot: it starts from signed tiles
    store_snapshot(home, taken, sealed(data, blinding), disk)
    tiles.prune(sequencer.published_size)
    return taken.sequence


def audit_ledger(home: Path, leaf_hashes: Leaves | None, vkey: str, disk: Disk = LOCAL_DISK) -> list[Finding]:
    """Return what does not hold of journal, tiles and checkpoints; nothing is written.

    Args:
        home: the directory.
        leaf_hashes: of all records (``uint8 [n, 32]``); ``None`` where the journal cannot be read.
        vkey: the log's public key.
        disk: where the home lies.
    """
    return [*audit_journal(home, disk), *audit_log(home, leaf_hashes, vkey, disk)]


class Ledger:
    """The writer of one directory: journal, tiles, checkpoint store, snapshots, and the sequencer over them."""

    def __init__(
        self, home: Path, keys: LogKeys, *, segment_bytes: int, reserve_bytes: int, disk: Disk = LOCAL_DISK
    ) -> None:
        """Open the directory, which need not exist, for writing.

        Raises:
            Broken: what is stored does not hold.
            Unavailable: another process is the writer, or the disk refuses.
        """
        self.home, self.disk, self._keys = home, disk, keys
        self.journal = FileJournal(
            home / JOURNAL_DIRECTORY, segment_bytes=segment_bytes, reserve_bytes=reserve_bytes, disk=disk
        )
        self.tiles = FileTiles(home / LOG_DIRECTORY, disk=disk)
        self.checkpoints = FileCheckpoints(home / CHECKPOINT_DIRECTORY, disk=disk)
        try:
            found = newest_snapshot(home, keys.blinding_key, self.journal, self.journal.last_sequence, disk)
            self.sequencer, self.started_from = start_sequencer(self._attempt, found, self.journal, self.tiles)
        except BaseException:
            self.journal.close()
            raise

    def _attempt(self, snapshot: Snapshot | None) -> Sequencer:
        return Sequencer(
            journal=self.journal, tiles=self.tiles, checkpoints=self.checkpoints, keys=self._keys, snapshot=snapshot
        )

    def submit(self, commands: Words, payloads: list[bytes], now_ms: int) -> Words:
        """Apply a batch and return its verdicts, durable; see ``Sequencer.submit``."""
        return self.sequencer.submit(commands, payloads, now_ms=now_ms)

    def take_snapshot(self) -> None:
        """Publish and store a snapshot; see ``write_snapshot``."""
        write_snapshot(
            self.home, self._keys.blinding_key, self.sequencer, self.tiles, self.sequencer.publish, self.disk
        )

    def close(self) -> None:
        """Release the files and the writer's lock."""
        self.journal.close()

    def __enter__(self) -> Self:
        """Return the ledger."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the ledger."""
        self.close()
