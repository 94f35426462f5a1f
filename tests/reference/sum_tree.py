"""The salted sum tree from its definition, recursive: (hash, sum) of every node and the proofs."""

from collections.abc import Sequence
from hashlib import sha256

Leaf = tuple[bytes, int, bytes]


def _u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


def node(leaves: Sequence[Leaf]) -> tuple[bytes, int]:
    """Hash and sum of the node over (row, wh, salt)."""
    if len(leaves) == 1:
        row, wh, salt = leaves[0]
        return sha256(b"\x10" + _u64(wh) + salt + row).digest(), wh
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    left, right = node(leaves[:k]), node(leaves[k:])
    return sha256(b"\x11" + left[0] + _u64(left[1]) + right[0] + _u64(right[1])).digest(), left[1] + right[1]


def root(leaves: Sequence[Leaf]) -> tuple[bytes, int]:
    """Root hash and total."""
    top, total = node(leaves) if leaves else (bytes(32), 0)
    return sha256(b"\x12" + _u64(len(leaves)) + _u64(total) + top).digest(), total


def siblings(index: int, leaves: Sequence[Leaf]) -> list[tuple[bytes, int]]:
    """(hash, sum) beside the path of a leaf, leaf first."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if index < k:
        return [*siblings(index, leaves[:k]), node(leaves[k:])]
    return [*siblings(index - k, leaves[k:]), node(leaves[:k])]
