"""The ledger's audit over a home directory of files: journal, tiles, checkpoint, lake."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattmark.core.errors import Refused
from wattmark.core.findings import Finding
from wattmark.ledger import audit
from wattmark.ledger.checkpoint import open_checkpoint
from wattmark.ledger.lakefile import LakeFile
from wattmark.ledger.merkle import MerkleTree
from wattmark.ledger.tiles import CHECKPOINT_PATH, tree_from_tiles
from wattmark.storage.files.calls import LOCAL_DISK, Disk
from wattmark.storage.files.checkpoints import FileCheckpoints
from wattmark.storage.files.lake import FileLake
from wattmark.storage.files.segments import journal_files
from wattmark.storage.files.tiles import FileTiles

JOURNAL: Final = "journal"
LOG: Final = "log"
CHECKPOINT: Final = "checkpoint"
LAKE: Final = "lake"


def audit_journal(home: Path, disk: Disk = LOCAL_DISK) -> list[Finding]:
    """Check every frame of the journal, its chain, and the zeros behind it."""
    return audit.audit_journal(journal_files(home / JOURNAL, disk))


def audit_log(home: Path, leaf_hashes: NDArray[np.uint8] | None, vkey: str, disk: Disk = LOCAL_DISK) -> list[Finding]:
    """Check the log's tiles and both copies of the checkpoint against the journal's entries.

    Args:
        home: the home directory.
        leaf_hashes: hashes of all entries of the journal (``uint8 [n, 32]``); ``None`` when the journal cannot
            be read, in which case the lowest tiles stand in for it and only contradictions are found.
        vkey: the log's public key.
        disk: where the home lies.
    """
    tiles = FileTiles(home / LOG, disk=disk)
    paths = tiles.list()
    published = tiles.read(CHECKPOINT_PATH).decode(errors="replace") if CHECKPOINT_PATH in paths else None
    last = FileCheckpoints(home / CHECKPOINT, disk=disk).load()
    size = max(_signed_size(published, vkey), _signed_size(last, vkey))
    tree = _tree_of_tiles(tiles, size) if leaf_hashes is None else audit.tree_of(leaf_hashes)
    return [
        *audit.audit_tiles(paths, lambda path: disk.read(home / LOG / path), tree, min(size, tree.size)),
        *audit.audit_checkpoint(published, last, vkey, tree),
    ]


def audit_lake(home: Path, named: Iterable[LakeFile]) -> list[Finding]:
    """Check every lake file that a journal record names."""
    return audit.audit_lake(named, FileLake(home / LAKE).get)


def _signed_size(text: str | None, vkey: str) -> int:
    try:
        return open_checkpoint(text, vkey).size if text else 0
    except Refused:
        return 0


def _tree_of_tiles(tiles: FileTiles, size: int) -> MerkleTree:
    try:
        return tree_from_tiles(tiles.read, size)
    except Refused:
        return MerkleTree()
