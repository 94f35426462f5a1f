"""A small log that signs what it is told to, honest or not, for the tests of witnesses."""

from pathlib import Path

from wattmark.flows.cosign import SignedLog
from wattmark.flows.witness import Witness
from wattmark.ledger.checkpoint import Checkpoint, sign_checkpoint
from wattmark.ledger.merkle import MerkleTree, leaf_hash
from wattmark.ledger.note import COSIGNATURE_V1, NoteKey
from wattmark.ledger.tiles import changed_tiles
from wattmark.ledger.witness import format_request
from wattmark.storage.files import FileCheckpoints, FileTiles

LOG = NoteKey("wattmark.example/log", bytes(range(32)))
STRANGER = NoteKey("stranger.example/log", bytes(range(1, 33)))
NOW_MS = 1_700_000_000_500


def witness_key(number: int) -> NoteKey:
    return NoteKey(f"witness.example/{number}", bytes([number]) * 32, COSIGNATURE_V1)


def witness(folder: Path, number: int = 1) -> Witness:
    return Witness([witness_key(number)], [LOG.verifier], lambda name: FileCheckpoints(folder / "logs" / name))


class Tree:
    """The entries ``<story> 0``, ``<story> 1`` ..., the first ``shared`` ones those of the story before."""

    def __init__(self, story: str = "true", *, shared: int = 0, before: "Tree | None" = None) -> None:
        self._tree, self._story, self._shared, self._before = MerkleTree(), story, shared, before

    def entry(self, number: int) -> bytes:
        if number >= self._shared:
            return f"{self._story} {number}".encode()
        return self._before.entry(number) if self._before is not None else f"true {number}".encode()

    def upto(self, size: int) -> MerkleTree:
        for number in range(self._tree.size, size):
            self._tree.append([leaf_hash(self.entry(number))])
        return self._tree

    def checkpoint(self, size: int, key: NoteKey = LOG) -> str:
        return sign_checkpoint(Checkpoint(LOG.name, size, self.upto(size).root(size)), key)

    def request(self, old: int, size: int, key: NoteKey = LOG) -> bytes:
        proof = self.upto(size).consistency_proof(min(old, size), size)
        return format_request(old, proof, self.checkpoint(size, key))


def signed_log(folder: Path, tree: Tree, size: int) -> SignedLog:
    """Publish a tree of ``size`` entries below ``folder`` as a writer does, replacing whatever was there."""
    log = SignedLog(
        LOG.verifier, FileCheckpoints(folder / "checkpoint"), FileTiles(folder / "log"), FileCheckpoints(folder / "w")
    )
    log.tiles.write_many(changed_tiles(tree.upto(size), 0, size))
    log.last.compare_and_swap(log.last.load(), tree.checkpoint(size))
    return log
