"""Every invariant of the ledger as a function that returns findings: file, position, rule, detail.

None trusts what it checks: frames are chained from zero, tiles and checkpoint are compared with the tree hashed
anew from the journal's entries, lake files with the hashes their journal record holds. What follows a torn or
damaged frame is checked on its own, so that one fault does not hide another.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattmark.core.errors import Refused, UnknownReference
from wattmark.core.findings import Finding
from wattmark.crypto.hashing import HASH_BYTES, sha256
from wattmark.ledger.checkpoint import Checkpoint, open_checkpoint
from wattmark.ledger.frames import CHAIN_START, Bytes, Frame, Tail, TailKind, parse_segment_name, scan_segment
from wattmark.ledger.lakefile import CHUNK_BYTES, LakeFile
from wattmark.ledger.merkle import MerkleTree
from wattmark.ledger.note import Verifier
from wattmark.ledger.tiles import (
    CHECKPOINT_PATH,
    ENTRIES_LEVEL,
    TILE_HEIGHT,
    TILE_WIDTH,
    TileId,
    parse_tile_path,
    tile_bytes,
    tiles_of,
)

PUBLISHED_FILE: Final = "log/checkpoint"
"""The public checkpoint, relative to the home directory."""
LAST_FILE: Final = "checkpoint/last"
"""The checkpoint of the compare-and-swap store, relative to the home directory."""
WHOLE_FILE: Final = "whole file"
"""Position of a fault that is the file's existence or length."""

JOURNAL_RULE: Final = "journal: frames are whole, numbered and chained, zeros behind them"
TILE_RULE: Final = "C2SP tlog-tiles: a tile holds the hashes of the entries"
CHECKPOINT_RULE: Final = "L7: the signed checkpoint is that of the journal"
LAKE_RULE: Final = "lake: a file has the SHA-256 its journal record names"


def audit_journal(files: Iterable[tuple[str, Bytes]]) -> list[Finding]:
    """Check every frame of every segment.

    Args:
        files: (path relative to the home directory, bytes) of every file of the journal, sorted by path.
    """
    return [item for item in scan_journal(files) if isinstance(item, Finding)]


def scan_journal(files: Iterable[tuple[str, Bytes]]) -> Iterator[tuple[str, Frame] | Finding]:
    """Yield (file, frame) of every frame that holds, and a finding for whatever does not, in the order of the files.

    Args:
        files: (path relative to the home directory, bytes) of every file of the journal, sorted by path.
    """
    expected, prev_hash = 0, CHAIN_START
    for file, data in files:
        first = parse_segment_name(file.rpartition("/")[2])
        if first is None:
            yield Finding(file, WHOLE_FILE, JOURNAL_RULE, "no file of a journal")
            continue
        if first != expected:
            detail = f"starts with frame {first}; {expected} is the next: a segment is missing or cut short"
            yield Finding(file, "byte 0", JOURNAL_RULE, detail)
        chain: bytes | None = prev_hash if first == expected else None
        expected = first
        for item in scan_segment(data, first, chain):
            if isinstance(item, Frame):
                expected, prev_hash = item.sequence + 1, item.frame_hash
                yield file, item
            else:
                yield from _tail_findings(file, item)
        if not len(data):
            yield Finding(file, WHOLE_FILE, JOURNAL_RULE, "empty")


def audit_tiles(paths: Sequence[str], read: Callable[[str], bytes], tree: MerkleTree, size: int) -> list[Finding]:
    """Compare every stored tile byte for byte with the tree, and name those that are missing.

    Tiles of sizes up to that of the tree may be there (an obsolete partial one, or those of entries not yet
    signed); those of ``size`` entries must be, a partial one in its full one at least.

    Args:
        paths: every path below the log directory.
        read: returns a file's bytes.
        tree: the tree over all entries of the journal.
        size: size of the signed checkpoint [entries].
    """
    findings: list[Finding] = []
    present: set[TileId] = set()
    for path in paths:
        if path == CHECKPOINT_PATH:
            continue
        try:
            tile = parse_tile_path(path)
        except Refused:
            findings.append(Finding(f"log/{path}", WHOLE_FILE, TILE_RULE, "no file of a log"))
            continue
        present.add(tile)
        findings += _tile_findings(path, tile, read(path), tree)
    for tile in tiles_of(size):
        if tile not in present and TileId(tile.level, tile.index) not in present:
            findings.append(Finding(f"log/{tile.path}", WHOLE_FILE, TILE_RULE, "missing"))
    return findings


def audit_checkpoint(published: str | None, last: str | None, vkey: str | Verifier, tree: MerkleTree) -> list[Finding]:
    """Check signature, origin, size and root of both copies of the checkpoint, and that they are equal.

    Args:
        published: text of ``log/checkpoint``, ``None`` when there is none.
        last: text of ``checkpoint/last``, ``None`` when there is none.
        vkey: the log's public key.
        tree: the tree over all entries of the journal.
    """
    if published is None and last is None:
        return []
    findings: list[Finding] = []
    for file, text, other in ((PUBLISHED_FILE, published, last), (LAST_FILE, last, published)):
        if text is None:
            findings.append(Finding(file, WHOLE_FILE, CHECKPOINT_RULE, "missing"))
            continue
        try:
            checkpoint = open_checkpoint(text, vkey)
        except Refused as error:
            findings.append(Finding(file, _first_difference(text, other), CHECKPOINT_RULE, str(error)))
        else:
            findings += _root_findings(file, checkpoint, tree)
    if not findings and published != last:
        place = _first_difference(published or "", last)
        findings.append(Finding(PUBLISHED_FILE, place, CHECKPOINT_RULE, f"differs from {LAST_FILE}"))
    return findings


def audit_lake_file(described: LakeFile, data: bytes | None) -> list[Finding]:
    """Compare a lake file with its journal record; ``None`` for a file that is missing."""
    file = f"lake/{described.path}"
    if data is None:
        return [Finding(file, WHOLE_FILE, LAKE_RULE, "missing")]
    findings: list[Finding] = []
    if len(data) != described.size:
        detail = f"{len(data)} bytes instead of {described.size}"
        findings.append(Finding(file, f"byte {min(len(data), described.size)}", LAKE_RULE, detail))
    for number, expected in enumerate(described.chunk_sha256s):
        chunk = data[number * CHUNK_BYTES : min((number + 1) * CHUNK_BYTES, described.size)]
        if sha256(chunk) != expected:
            end = min((number + 1) * CHUNK_BYTES, described.size)
            place = f"byte {number * CHUNK_BYTES} to {end - 1}"
            findings.append(Finding(file, place, LAKE_RULE, f"chunk {number} has another SHA-256"))
    if not findings and sha256(data) != described.sha256:
        findings.append(Finding(file, WHOLE_FILE, LAKE_RULE, "another SHA-256 although all chunks fit"))
    return findings


def audit_lake(named: Iterable[LakeFile], get: Callable[[str], bytes]) -> list[Finding]:
    """Check every lake file that a journal record names."""
    findings: list[Finding] = []
    for described in named:
        try:
            data: bytes | None = get(described.path)
        except UnknownReference:
            data = None
        findings += audit_lake_file(described, data)
    return findings


def tree_of(leaf_hashes: NDArray[np.uint8]) -> MerkleTree:
    """Return the tree over leaf hashes (``uint8 [n, 32]``)."""
    tree = MerkleTree()
    tree.append(leaf_hashes)
    return tree


def _tail_findings(file: str, tail: Tail) -> list[Finding]:
    if tail.kind is TailKind.CLEAN:
        return []
    return [Finding(file, tail.position, JOURNAL_RULE, tail.detail)]


def _tile_findings(path: str, tile: TileId, data: bytes, tree: MerkleTree) -> list[Finding]:
    file = f"log/{path}"
    complete = 0 if tile.level == ENTRIES_LEVEL else tree.size >> (TILE_HEIGHT * tile.level)
    if tile.index * TILE_WIDTH + tile.width > complete:
        return [Finding(file, WHOLE_FILE, TILE_RULE, "stray: the journal has no such entries")]
    if len(data) != tile.width * HASH_BYTES:
        detail = f"{len(data)} bytes instead of {tile.width * HASH_BYTES}"
        return [Finding(file, WHOLE_FILE, TILE_RULE, detail)]
    expected = tile_bytes(tree, tile)
    if data == expected:
        return []
    wrong = np.frombuffer(data, dtype=np.uint8) != np.frombuffer(expected, dtype=np.uint8)
    byte = int(np.argmax(wrong))
    rows = int(wrong.reshape(tile.width, HASH_BYTES).any(axis=1).sum())
    place = f"hash {byte // HASH_BYTES} at byte {byte}"
    return [Finding(file, place, TILE_RULE, f"{rows} of {tile.width} hashes differ from the journal's")]


def _root_findings(file: str, checkpoint: Checkpoint, tree: MerkleTree) -> list[Finding]:
    if checkpoint.size > tree.size:
        detail = f"size {checkpoint.size} but the journal holds {tree.size} entries"
        return [Finding(file, "line 2", CHECKPOINT_RULE, detail)]
    if tree.root(checkpoint.size) != checkpoint.root:
        detail = f"root {checkpoint.root.hex()} but the entries give {tree.root(checkpoint.size).hex()}"
        return [Finding(file, "line 3", CHECKPOINT_RULE, detail)]
    return []


def _first_difference(text: str, other: str | None) -> str:
    """Return the first byte where a text and its copy differ, in words."""
    if other is None or text == other:
        return WHOLE_FILE
    mine, theirs = text.encode(), other.encode()
    same = next((place for place, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b), None)
    return f"byte {min(len(mine), len(theirs)) if same is None else same}"
