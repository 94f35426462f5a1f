"""The Merkle tree of RFC 6962 / RFC 9162: append, roots, inclusion and consistency proofs.

Theory of operation. Row ``i`` of ``_levels[k]`` is the hash of the *complete* subtree ``i`` of 2^k leaves; behind
the complete ones there is spare room. A complete subtree never changes, so appending is pure extension, level by
level and without an object per leaf; every root and proof of every earlier size can be read off at any time. A
tree of size n is cut into complete subtrees by the binary digits of n; what is not complete is folded from the
right when asked for. One thread appends; others may read sizes published to them before: a level that needs more
room is copied, and whoever reads the old one finds the same hashes there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattmark.core.errors import MalformedInput, Refused
from wattmark.core.text import Text
from wattmark.crypto.hashing import HASH_BYTES
from wattmark.ledger.hashing import Bytes2, row_hasher

LEAF_PREFIX: Final = b"\x00"
"""Domain separation of a leaf (RFC 9162 2.1.1)."""
NODE_PREFIX: Final = b"\x01"
"""Domain separation of an inner node (RFC 9162 2.1.1)."""
EMPTY_ROOT: Final = sha256(b"").digest()
"""Root of the tree without leaves (RFC 9162 2.1.1)."""
MAX_ENTRY_BYTES: Final = 65_535
"""Longest log entry, from the u16 length of an entry bundle (C2SP tlog-tiles) [bytes]."""

_SIZE_RULE = Text(en="0 <= index < size <= tree size", ja="0 <= index < size <= 木の大きさ")


class ProofInvalid(Refused):
    """A Merkle proof does not lead to the root it is said to lead to."""


def leaf_hash(entry: bytes) -> bytes:
    """Return SHA-256(0x00 || entry) [32 bytes]."""
    return sha256(LEAF_PREFIX + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right) [32 bytes]."""
    return sha256(NODE_PREFIX + left + right).digest()


def leaf_hashes(entries: Sequence[bytes] | Bytes2) -> Bytes2:
    """Return the leaf hashes of entries of at most 65,535 bytes, as ``uint8 [n, 32]``.

    Args:
        entries: bytes objects, or entries of one length as ``uint8 [n, length]``.

    Raises:
        MalformedInput: an entry is too long.
    """
    longest = entries.shape[1] if isinstance(entries, np.ndarray) else max(map(len, entries), default=0)
    if longest > MAX_ENTRY_BYTES:
        rule = Text(en="a log entry of at most 65,535 bytes", ja="ログエントリは65,535バイト以下")
        raise MalformedInput("ENTRY_TOO_LONG", "entry", longest, rule)
    if isinstance(entries, np.ndarray):
        return row_hasher(len(entries))(LEAF_PREFIX, entries)
    digests = b"".join([sha256(LEAF_PREFIX + entry).digest() for entry in entries])
    return np.frombuffer(digests, dtype=np.uint8).reshape(len(entries), HASH_BYTES)


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Inclusion proofs of one length.

    Attributes:
        places: where their leaves stand among those asked for (``int64 [n]``).
        hashes: sibling hashes from the leaf up (``uint8 [n, length, 32]``).
    """

    places: NDArray[np.int64]
    hashes: NDArray[np.uint8]


class MerkleTree:
    """An append-only tree that keeps every complete subtree in memory (64 bytes per leaf)."""

    __slots__ = ("_leaves", "_levels")

    def __init__(self) -> None:
        """Start empty."""
        self._leaves = 0
        self._levels: list[Bytes2] = []

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._leaves

    def append(self, leaf_hashes: Iterable[bytes] | Bytes2) -> int:
        """Append leaf hashes (``uint8 [n, 32]`` or an iterable of 32 bytes each) and return the new size.

        Raises:
            MalformedInput: a hash is not 32 bytes; nothing is appended.
        """
        hashes = _packed(leaf_hashes)
        grown = self._leaves + len(hashes)
        hash_rows = row_hasher(len(hashes))
        level, start, end = 0, self._leaves, grown
        while start < end:
            self._extend(level, start, hashes)
            level, start, end = level + 1, start >> 1, end >> 1
            children = self._levels[level - 1][2 * start : 2 * end]
            hashes = hash_rows(NODE_PREFIX, children.reshape(end - start, 2 * HASH_BYTES))
        self._leaves = grown
        return grown

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of the complete subtree ``index`` of 2^``level`` leaves [32 bytes].

        Raises:
            MalformedInput: that subtree is not complete.
        """
        return self.nodes(level, index, index + 1)

    def nodes(self, level: int, start: int, end: int) -> bytes:
        """Return the hashes of the complete subtrees ``[start, end)`` of 2^``level`` leaves, back to back.

        Raises:
            MalformedInput: one of them is not complete.
        """
        if not (level >= 0 and 0 <= start <= end <= self.size >> level):
            raise MalformedInput("BAD_INDEX", "node", (level, start, end), _SIZE_RULE)
        return self._levels[level][start:end].tobytes() if end > start else b""

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the first ``size`` leaves (all when ``None``) [32 bytes].

        Raises:
            MalformedInput: the tree has fewer leaves.
        """
        size = self.size if size is None else size
        if not 0 <= size <= self.size:
            raise MalformedInput("BAD_SIZE", "size", size, _SIZE_RULE)
        return self._range_root(0, size) if size else EMPTY_ROOT

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the sibling hashes from leaf ``index`` up to the root at ``size`` (RFC 9162 2.1.3.1).

        Raises:
            MalformedInput: not ``0 <= index < size <= tree size``.
        """
        size = self.size if size is None else size
        if not 0 <= index < size <= self.size:
            raise MalformedInput("BAD_INDEX", "index", index, _SIZE_RULE)
        start, end = 0, size
        path: list[bytes] = []
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.append(self._range_root(middle, end))
                end = middle
            else:
                path.append(self._range_root(start, middle))
                start = middle
        path.reverse()
        return path

    def inclusion_proofs(self, indices: NDArray[np.int64], size: int | None = None) -> list[Paths]:
        """Return the inclusion proofs of many leaves at one size, grouped by the complete subtree that holds them.

        Args:
            indices: leaves in any order (``int64 [m]``).
            size: as for ``inclusion_proof``.

        Raises:
            MalformedInput: not ``0 <= index < size <= tree size`` for one of them.
        """
        size = self.size if size is None else size
        if not 0 <= size <= self.size or (len(indices) and not 0 <= indices.min() <= indices.max() < size):
            raise MalformedInput("BAD_INDEX", "indices", (len(indices), size), _SIZE_RULE)
        found: list[Paths] = []
        start = 0
        while start < size:
            level = (size - start).bit_length() - 1
            end = start + (1 << level)
            places = np.flatnonzero((indices >= start) & (indices < end))
            if len(places):
                shared = self.inclusion_proof(start, size)[level:]
                hashes = np.empty((len(places), level + len(shared), HASH_BYTES), np.uint8)
                leaves = indices[places]
                for height in range(level):
                    hashes[:, height] = self._rows(height, (leaves >> height) ^ 1)
                for height, digest in enumerate(shared, level):
                    hashes[:, height] = np.frombuffer(digest, np.uint8)
                found.append(Paths(places, hashes))
            start = end
        return found

    def consistency_proof(self, old_size: int, new_size: int | None = None) -> list[bytes]:
        """Return the proof that the tree at ``new_size`` extends the one at ``old_size`` (RFC 9162 2.1.4.1).

        The proof is empty when the sizes are equal or the old tree was empty.

        Raises:
            MalformedInput: not ``0 <= old_size <= new_size <= tree size``.
        """
        new_size = self.size if new_size is None else new_size
        if not 0 <= old_size <= new_size <= self.size:
            raise MalformedInput("BAD_SIZE", "old_size", old_size, _SIZE_RULE)
        if old_size in (0, new_size):
            return []
        start, end, old_end, whole = 0, new_size, old_size, True
        path: list[bytes] = []
        while old_end != end:
            middle = start + _split(end - start)
            if old_end <= middle:
                path.append(self._range_root(middle, end))
                end = middle
            else:
                path.append(self._range_root(start, middle))
                start, whole = middle, False
        if not whole:
            path.append(self._range_root(start, end))
        path.reverse()
        return path

    def _rows(self, level: int, indices: NDArray[np.int64]) -> Bytes2:
        """Return the hashes of some complete subtrees of 2^``level`` leaves (``uint8 [n, 32]``)."""
        return self._levels[level][indices]

    def _range_root(self, start: int, end: int) -> bytes:
        """Return the root over ``[start, end)``; ``start`` is a multiple of a power of two >= the width."""
        parts: list[bytes] = []
        while start < end:
            level = (end - start).bit_length() - 1
            parts.append(self._levels[level][start >> level].tobytes())
            start += 1 << level
        root = parts.pop()
        while parts:
            root = node_hash(parts.pop(), root)
        return root

    def _extend(self, level: int, start: int, hashes: Bytes2) -> None:
        """Write the hashes of the complete subtrees from ``start`` on, of which there are none yet."""
        end = start + len(hashes)
        if level == len(self._levels):
            self._levels.append(np.empty((end, HASH_BYTES), np.uint8))
        elif end > len(self._levels[level]):
            roomy = np.empty((2 * end, HASH_BYTES), np.uint8)
            roomy[:start] = self._levels[level][:start]
            self._levels[level] = roomy
        self._levels[level][start:end] = hashes


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash is leaf ``index`` of the tree of ``size`` leaves with ``root`` (RFC 9162 2.1.3.2).

    Raises:
        ProofInvalid: the proof does not lead to the root, or something is not a 32-byte hash or not in range.
    """
    _check_hashes([leaf, root, *proof])
    if not 0 <= index < size:
        raise _invalid("index", index)
    place, last, digest = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise _invalid("proof", len(proof))
        if place & 1 or place == last:
            digest = node_hash(sibling, digest)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            digest = node_hash(digest, sibling)
        place, last = place >> 1, last >> 1
    if last != 0 or digest != root:
        raise _invalid("root", root.hex())


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree (``new_size``, ``new_root``) extends (``old_size``, ``old_root``) (RFC 9162 2.1.4.2).

    Raises:
        ProofInvalid: it does not, or something is not a 32-byte hash or not in range.
    """
    _check_hashes([old_root, new_root, *proof])
    if not 0 <= old_size <= new_size:
        raise _invalid("old_size", old_size)
    if old_size in (0, new_size):
        expected = EMPTY_ROOT if old_size == 0 else new_root
        if proof or old_root != expected or (new_size == 0 and new_root != EMPTY_ROOT):
            raise _invalid("old_root", old_root.hex())
        return
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    if not path:
        raise _invalid("proof", 0)
    place, last = old_size - 1, new_size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old_digest = new_digest = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise _invalid("proof", len(proof))
        if place & 1 or place == last:
            old_digest, new_digest = node_hash(sibling, old_digest), node_hash(sibling, new_digest)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new_digest = node_hash(new_digest, sibling)
        place, last = place >> 1, last >> 1
    if last != 0 or old_digest != old_root:
        raise _invalid("old_root", old_root.hex())
    if new_digest != new_root:
        raise _invalid("new_root", new_root.hex())


def _split(width: int) -> int:
    """Return the largest power of two below ``width`` (>= 2)."""
    return 1 << ((width - 1).bit_length() - 1)


def _packed(hashes: Iterable[bytes] | Bytes2) -> Bytes2:
    rule = Text(en="hashes of 32 bytes each", ja="各32バイトのハッシュ")
    if isinstance(hashes, np.ndarray):
        if hashes.dtype != np.uint8 or hashes.ndim != 2 or hashes.shape[1] != HASH_BYTES:
            raise MalformedInput("BAD_HASH", "leaf_hashes", (str(hashes.dtype), hashes.shape), rule)
        return hashes
    items = list(hashes)
    for item in items:
        if len(item) != HASH_BYTES:
            raise MalformedInput("BAD_HASH", "leaf_hashes", bytes(item).hex(), rule)
    return np.frombuffer(b"".join(items), np.uint8).reshape(-1, HASH_BYTES)


def _check_hashes(hashes: Iterable[bytes]) -> None:
    for digest in hashes:
        if len(digest) != HASH_BYTES:
            rule = Text(en="a hash of 32 bytes", ja="32バイトのハッシュ")
            raise ProofInvalid("BAD_HASH", "hash", bytes(digest).hex(), rule)


def _invalid(field: str, value: object) -> ProofInvalid:
    rule = Text(en="the Merkle proof leads to the root", ja="マークル証明が根に一致すること")
    return ProofInvalid("PROOF_INVALID", field, value, rule)
