"""The public log: acknowledged records are hashed into a tree, and checkpoints over it are signed.

Life of a publication: leaves hashed, tiles durable, checkpoint signed and swapped into its own store, public copy
written. It runs beside the commands and never holds them up; only when more than ``MAX_WAITING`` records wait to be
hashed does whoever submits hash them too.
"""

import threading
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

import numpy as np

from wattmark.core.errors import Broken, Refused, Unavailable, UnknownReference
from wattmark.core.text import Text
from wattmark.engine.batch import Bytes2
from wattmark.flows.keys import LogKeys
from wattmark.ledger.audit import CHECKPOINT_RULE, TILE_RULE
from wattmark.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from wattmark.ledger.merkle import MerkleTree, leaf_hashes
from wattmark.ledger.ports import Checkpoints, Tiles
from wattmark.ledger.proof import LogProof
from wattmark.ledger.tiles import CHECKPOINT_PATH, changed_tiles, tile_bytes, tiles_of, tree_from_tiles

MAX_WAITING: Final = 1 << 20
"""Records that may wait to be hashed, 176 bytes each."""
TILES_AT_ONCE: Final = 256
"""Tiles of somebody else's log that are compared and stored at a time [tiles]."""
READ_ONLY: Final = Text(en="opened for reading only", ja="読み取り専用で開いている")


class Publication:
    """Tree, tiles and checkpoints of one log.

    Attributes:
        text: the last signed checkpoint.
        size: how many records it covers, once ``check`` has held them against it.
    """

    def __init__(self, tiles: Tiles, checkpoints: Checkpoints, keys: LogKeys) -> None:
        """Read the last signed checkpoint; the tree is empty until ``start`` or ``replay``.

        Raises:
            Broken: the stored checkpoint is not one of this log.
        """
        self._tiles, self._checkpoints, self._keys = tiles, checkpoints, keys
        self._lock = threading.Lock()
        self._waiting: list[Bytes2] = []
        self._tree = MerkleTree()
        self._offered: tuple[str, int] | None = None
        self.text = self._copied = checkpoints.load()
        self.size = 0
        self._signed = self._last_signed()

    @property
    def signed_size(self) -> int:
        """How many records the checkpoint covers that the store held at the beginning."""
        return self._signed.size if self._signed else 0

    @property
    def is_behind(self) -> bool:
        """Whether so much waits to be hashed that whoever submits should help."""
        return sum(map(len, self._waiting)) > MAX_WAITING

    def start_from_tiles(self) -> None:
        """Take the tree of the tiles under the last signed checkpoint.

        Raises:
            Broken: the tiles are not those that were signed.
        """
        if self._signed is None:
            return
        size = self._signed.size
        try:
            tree = tree_from_tiles(self._tiles.read, size)
        except Refused as error:
            raise Broken("log/tile", f"size {size}", "C2SP tlog-tiles", str(error)) from error
        if tree.root(size) != self._signed.root:
            raise Broken("log/tile", f"size {size}", "L7", "the tiles do not hash to the signed root")
        self._tree = tree

    def replay(self, sequence: int, first: int, entries: Bytes2) -> None:
        """Take the entries of a stored frame from log index ``first`` on; those under the tiles must be theirs.

        Raises:
            Broken: the tiles hold other records.
        """
        leaves = leaf_hashes(entries)
        known = min(self._tree.size, first + len(leaves)) - first
        if known > 0 and self._tree.nodes(0, first, first + known) != leaves[:known].tobytes():
            raise Broken("journal", f"frame {sequence}", "L7", "its records are not those of the signed tiles")
        if known < len(leaves):
            self._tree.append(leaves[max(known, 0) :])

    def check(self, position: int) -> None:
        """Hold the tree, which now reaches ``position``, against the last signed checkpoint.

        Raises:
            Broken: the journal is shorter than what was signed, or something else.
        """
        signed = self._signed
        if signed is None:
            return
        if signed.size > position:
            detail = f"signed {signed.size} records, the journal holds {position}"
            raise Broken("journal", f"record {position}", "L5", detail)
        if self._tree.root(signed.size) != signed.root:
            raise Broken("journal", f"record below {signed.size}", "L7", "the journal does not hash to the root")
        self.size = signed.size

    def take(self, entries: Bytes2) -> None:
        """Take the entries of a frame that is durable; they are hashed later."""
        self._waiting.append(entries)

    def catch_up(self) -> None:
        """Hash what was taken since the last time."""
        with self._lock:
            self._hash()

    def publish(self) -> str:
        """Make tiles durable, sign a checkpoint over every record taken, and return it.

        Raises:
            Unavailable: read-only, or a store refuses; the next call goes on from what the stores hold.
            RuleViolated: somebody else has swapped the checkpoint.
        """
        if self._keys.signer is None:
            raise Unavailable(READ_ONLY)
        with self._lock:
            self._settle_offer()
            self._hash()
            size = self._tree.size
            if self.text is not None and size == self.size:
                return self._copy(self.text)
            self._tiles.write_many(changed_tiles(self._tree, self.size, size))
            signers = [key for key in (self._keys.signer, self._keys.subtree_signer) if key is not None]
            text = sign_checkpoint(Checkpoint(self._keys.origin, size, self._tree.root(size)), *signers)
            self._offered = text, size
            self._checkpoints.compare_and_swap(self.text, text)
            self._accept()
            return self._copy(text)

    def accept(self, text: str, served: Callable[[Sequence[str]], Sequence[bytes | None]]) -> bool:
        """Take a checkpoint that the log's writer signed, once everything under it is found to be the same here.

        Args:
            text: the signed note.
            served: returns tiles as the writer serves them, ``None`` where it does not.

        Returns:
            Whether everything it covers is here; if not, ask again later.

        Raises:
            Refused: not signed by the log's key, or of another log.
            Broken: root or tiles are not those of the records here.
            Unavailable: a store refuses, or the writer is not reached.
        """
        checkpoint = open_checkpoint(text, self._keys.vkey, self._keys.origin)
        size = checkpoint.size
        with self._lock:
            self._hash()
            if size > self._tree.size:
                return False
            root = self._tree.root(size)
        if root != checkpoint.root:
            raise Broken("log/checkpoint", "line 3", CHECKPOINT_RULE, f"the records here have the root {root.hex()}")
        if self.text is not None and size <= self.size:
            return True
        tiles = tiles_of(size, self.size)
        while part := tuple(islice(tiles, TILES_AT_ONCE)):
            with self._lock:
                files = [(tile.path, tile_bytes(self._tree, tile)) for tile in part]
            theirs = served([path for path, _ in files])
            for (path, expected), data in zip(files, theirs, strict=True):
                if data != expected:
                    raise Broken(f"log/{path}", "whole file", TILE_RULE, "the writer serves another tile, or none")
            self._tiles.write_many(files)
        with self._lock:
            self._checkpoints.compare_and_swap(self.text, text)
            self.text, self.size = text, size
            self._copy(text)
        return True

    def mend_tiles(self) -> None:
        """Write every tile of the published size anew, from the tree that was held against the signed root.

        Raises:
            Unavailable: a store refuses.
        """
        with self._lock:
            self._tiles.write_many(changed_tiles(self._tree, 0, self.size))

    def inclusion(self, position: int) -> LogProof:
        """Return the proof that a published record is in the log.

        Raises:
            UnknownReference: no such record, or not yet under a checkpoint.
        """
        with self._lock:
            text, size = self.text, self.size
            if text is None or not 0 <= position < size:
                rule = Text(en=f"a published log index below {size}", ja=f"公開済みのログ番号({size}未満)")
                raise UnknownReference("NOT_PUBLISHED", "position", position, rule)
            return LogProof(position, tuple(self._tree.inclusion_proof(position, size)), text)

    def _hash(self) -> None:
        taken = tuple(self._waiting)
        if taken:
            self._tree.append(leaf_hashes(np.concatenate(taken)))
            del self._waiting[: len(taken)]

    def _copy(self, text: str) -> str:
        if self._copied != text:
            self._tiles.write_many([(CHECKPOINT_PATH, text.encode())])
            self._copied = text
        return text

    def _settle_offer(self) -> None:
        """Learn from the store what became of a swap that was not answered."""
        if self._offered is None:
            return
        if self._checkpoints.load() == self._offered[0]:
            self._accept()
        self._offered = None

    def _accept(self) -> None:
        assert self._offered is not None
        self.text, self.size = self._offered
        self._offered = None

    def _last_signed(self) -> Checkpoint | None:
        if self.text is None:
            return None
        try:
            return open_checkpoint(self.text, self._keys.vkey, self._keys.origin)
        except Refused as error:
            raise Broken("checkpoint/last", "note", "C2SP tlog-checkpoint", str(error)) from error
