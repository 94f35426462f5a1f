"""The Merkle tree of a meter's day (RFC 6962, 2.1): leaf H(00 || leaf), node H(01 || left || right), SHA-256.

A tree of at most a few thousand leaves, made inside the meter; the platform's own log is in ``ledger``.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from wattmark.metering.errors import Code, refusal

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""Root of no leaves (RFC 6962, 2.1)."""


def leaf_hash(leaf: bytes) -> bytes:
    """Return H(00 || leaf), the name of a signed payload everywhere in this package."""
    return sha256(b"\x00" + leaf).digest()


def _next_level(level: Sequence[bytes]) -> list[bytes]:
    """Return the level above; a last hash without sibling rises unchanged (the split of RFC 6962)."""
    above = [sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
    if len(level) % 2:
        above.append(level[-1])
    return above


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes in order."""
    if not leaf_hashes:
        return EMPTY_ROOT
    level = leaf_hashes
    while len(level) > 1:
        level = _next_level(level)
    return level[0]


def slot_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Return the inclusion path of one slot: 6 hashes (192 bytes) for 48 slots.

    Args:
        leaf_hashes: leaf hashes of the day in order.
        index: position of the slot, ``0 <= index < len(leaf_hashes)``.
    """
    assert 0 <= index < len(leaf_hashes)
    path, level, position = [], leaf_hashes, index
    while len(level) > 1:
        sibling = position ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level, position = _next_level(level), position >> 1
    return path


def verify_slot_proof(hash_: bytes, index: int, n: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that a slot's leaf stands at ``index`` in a sealed day of ``n`` leaves (RFC 9162, 2.1.3.2).

    Args:
        hash_: leaf hash of the slot.
        index: its position.
        n: number of leaves of the day.
        path: hashes from the leaf's sibling upwards.
        root: the day's signed root.

    Raises:
        ReadingRefused: ``ROOT_MISMATCH``.
    """
    node, position, width, used = hash_, index, n, 0
    while width > 1 and used <= len(path):
        if position ^ 1 < width:
            sibling = path[used] if used < len(path) else b""
            used += 1
            node = sha256(b"\x01" + (sibling + node if position & 1 else node + sibling)).digest()
        position, width = position >> 1, (width + 1) >> 1
    if not 0 <= index < n or used != len(path) or node != root:
        raise refusal(Code.ROOT_MISMATCH, node.hex(), expected=root.hex())
