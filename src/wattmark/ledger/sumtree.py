"""A salted Merkle sum tree: a total, provably made of parts nobody sees.

Node format (prefixes differ from the log's 0x00 and 0x01, so no hash of one tree is one of the other; ``u64`` is
big-endian, a sum is 0 .. 2^63 - 1 [Wh])::

    leaf   SHA-256(0x10 || u64 wh || 16-byte salt || row)
    inner  SHA-256(0x11 || left hash || u64 left sum || right hash || u64 right sum)      sum = left + right
    root   SHA-256(0x12 || u64 rows || u64 total || hash of the top node)                 rows = 0: 32 zero bytes

The shape is that of RFC 9162 (split at the largest power of two below the width). Both sums are hashed in their
parent and the number of rows and the total in the root, so neither can be told differently to two people. A
proof holds for each level the sibling's hash and sum. Every verifier refuses a negative or overflowing sum,
therefore the parts of all who verified never exceed the total. The salt keeps a row from being guessed from its
hash; the sum of the nearest sibling is one other, unnamed row's Wh, which is what this construction reveals.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattmark.core.errors import MalformedInput, RuleViolated
from wattmark.core.text import Text
from wattmark.crypto.hashing import HASH_BYTES
from wattmark.ledger.merkle import ProofInvalid

SALT_BYTES: Final = 16
"""Length of a row's random salt [bytes]."""
MAX_SUM_WH: Final = (1 << 63) - 1
"""Largest sum of a node [Wh]."""
MAX_SIBLINGS: Final = 63
"""Longest proof [siblings]."""
LEAF_PREFIX: Final = b"\x10"
INNER_PREFIX: Final = b"\x11"
ROOT_PREFIX: Final = b"\x12"

_SUM_BYTES: Final = 8
_NODE_BYTES: Final = HASH_BYTES + _SUM_BYTES
_HEADER: Final = struct.Struct(">QQ")
_HALF_BITS: Final = 32


@dataclass(frozen=True, slots=True)
class Sibling:
    """Hash [32 bytes] and sum [Wh] of a node beside the path."""

    digest: bytes
    wh: int


@dataclass(frozen=True, slots=True)
class SumProof:
    """Row number, number of rows, and the siblings from the row up to the top."""

    index: int
    rows: int
    siblings: tuple[Sibling, ...]

    def encode(self) -> bytes:
        """Return ``u64 index || u64 rows || (32-byte hash || u64 sum)*``, integers big-endian."""
        nodes = [one.digest + one.wh.to_bytes(_SUM_BYTES, "big") for one in self.siblings]
        return _HEADER.pack(self.index, self.rows) + b"".join(nodes)

    @classmethod
    def decode(cls, data: bytes) -> "SumProof":
        """Return the proof of its byte form.

        Raises:
            MalformedInput: another length than a proof can have.
        """
        body = len(data) - _HEADER.size
        if body < 0 or body % _NODE_BYTES or body // _NODE_BYTES > MAX_SIBLINGS:
            rule = Text(en="16 bytes and 40 for each sibling", ja="16バイトと兄弟ごとに40バイト")
            raise MalformedInput("BAD_SUM_PROOF", "proof", len(data), rule)
        index, rows = _HEADER.unpack_from(data)
        siblings = tuple(
            Sibling(
                data[start : start + HASH_BYTES],
                int.from_bytes(data[start + HASH_BYTES : start + _NODE_BYTES], "big"),
            )
            for start in range(_HEADER.size, len(data), _NODE_BYTES)
        )
        return cls(index, rows, siblings)


class SumTree:
    """The tree over rows, their Wh and their salts; keeps every level for proofs (80 bytes per row)."""

    __slots__ = ("_levels", "_rows", "_sums", "_total_wh")

    def __init__(self, rows: Sequence[bytes], wh: NDArray[np.int64], salts: NDArray[np.uint8]) -> None:
        """Hash the tree.

        Args:
            rows: the bytes a customer's row is proven by.
            wh: energy of each row, >= 0 (``int64 [n]``) [Wh].
            salts: random salt of each row (``uint8 [n, 16]``).

        Raises:
            MalformedInput: the three do not have the same number of rows or the required types.
            RuleViolated: a negative Wh, or a total above 2^63 - 1.
        """
        count = len(rows)
        fits = wh.dtype == np.int64 and salts.dtype == np.uint8
        if not fits or wh.shape != (count,) or salts.shape != (count, SALT_BYTES):
            rule = Text(en="int64 Wh [n] and uint8 salts [n, 16] for n rows", ja="n行にint64のWhと16バイトのソルト")
            raise MalformedInput("BAD_SUM_ROWS", "rows", (count, wh.shape, salts.shape), rule)
        self._rows = count
        self._total_wh = _checked_total(wh)
        coded = wh.astype(">u8").tobytes()
        salted = salts.tobytes()
        leaves = [
            sha256(
                LEAF_PREFIX
                + coded[_SUM_BYTES * place : _SUM_BYTES * (place + 1)]
                + salted[SALT_BYTES * place : SALT_BYTES * (place + 1)]
                + row
            ).digest()
            for place, row in enumerate(rows)
        ]
        self._levels = [np.frombuffer(b"".join(leaves), dtype=np.uint8).reshape(count, HASH_BYTES)]
        self._sums = [wh.copy()]
        while len(self._sums[-1]) > 1:
            hashes, sums = _parents(self._levels[-1], self._sums[-1])
            self._levels.append(hashes)
            self._sums.append(sums)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self._rows

    @property
    def total_wh(self) -> int:
        """Sum over all rows [Wh]."""
        return self._total_wh

    @property
    def root(self) -> bytes:
        """Root hash, which commits to rows and total [32 bytes]."""
        top = self._levels[-1][0].tobytes() if self._rows else bytes(HASH_BYTES)
        return _root(self._rows, self._total_wh, top)

    def proof(self, index: int) -> SumProof:
        """Return the proof of row ``index``.

        Raises:
            MalformedInput: there is no such row.
        """
        if not 0 <= index < self._rows:
            rule = Text(en="0 <= index < rows", ja="0 <= index < 行数")
            raise MalformedInput("BAD_INDEX", "index", index, rule)
        siblings: list[Sibling] = []
        place = index
        for hashes, sums in zip(self._levels, self._sums, strict=True):
            beside = place ^ 1
            if beside < len(sums):
                siblings.append(Sibling(hashes[beside].tobytes(), int(sums[beside])))
            place >>= 1
        return SumProof(index, self._rows, tuple(siblings))


def verify_sum_proof(row: bytes, wh: int, salt: bytes, proof: SumProof, root: bytes, total_wh: int) -> None:
    """Check that a row's own ``wh`` [Wh] is one part of ``total_wh`` [Wh] under ``root``.

    1. Own Wh, every sibling's sum and every sum on the way up lie in 0 .. 2^63 - 1.
    2. Salt and hashes have their lengths, the index is below the number of rows.
    3. The path has exactly the siblings the tree's shape asks for (RFC 9162 2.1.3.2).
    4. The sum at the top is the total, and rows, total and top hash give the root.

    Raises:
        ProofInvalid: one of these does not hold.
    """
    if len(salt) != SALT_BYTES or len(root) != HASH_BYTES:
        raise _invalid("salt" if len(salt) != SALT_BYTES else "root", salt.hex())
    if not 0 <= proof.index < proof.rows <= MAX_SUM_WH:
        raise _invalid("index", proof.index)
    total = _checked_sum("wh", wh)
    digest = sha256(LEAF_PREFIX + total.to_bytes(_SUM_BYTES, "big") + salt + row).digest()
    place, last = proof.index, proof.rows - 1
    for one in proof.siblings:
        if last == 0 or len(one.digest) != HASH_BYTES:
            raise _invalid("siblings", len(proof.siblings))
        sibling_wh = _checked_sum("sibling", one.wh)
        if place & 1 or place == last:
            digest = _inner(one.digest, sibling_wh, digest, total)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            digest = _inner(digest, total, one.digest, sibling_wh)
        total = _checked_sum("sum", total + sibling_wh)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise _invalid("siblings", len(proof.siblings))
    if total != total_wh:
        raise _invalid("total_wh", total_wh)
    if _root(proof.rows, total, digest) != root:
        raise _invalid("root", root.hex())


def _checked_total(wh: NDArray[np.int64]) -> int:
    if len(wh) and int(wh.min()) < 0:
        rule = Text(en="Wh >= 0", ja="Whは0以上")
        raise RuleViolated("NEGATIVE_WH", "wh", int(wh.min()), rule)
    low = wh & ((1 << _HALF_BITS) - 1)
    total = (int((wh >> _HALF_BITS).sum()) << _HALF_BITS) + int(low.sum())
    if total > MAX_SUM_WH:
        rule = Text(en="a total of at most 2^63 - 1 Wh", ja="合計は2^63-1Wh以下")
        raise RuleViolated("SUM_OVERFLOW", "wh", total, rule)
    return total


def _parents(hashes: NDArray[np.uint8], sums: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the level above; an odd last node moves up as it is, which is the shape of RFC 9162."""
    pairs = len(sums) // 2
    nodes = np.empty((pairs, 2, _NODE_BYTES), dtype=np.uint8)
    nodes[:, :, :HASH_BYTES] = hashes[: 2 * pairs].reshape(pairs, 2, HASH_BYTES)
    coded = sums[: 2 * pairs].astype(">u8").view(np.uint8)
    nodes[:, :, HASH_BYTES:] = coded.reshape(pairs, 2, _SUM_BYTES)
    image = np.empty((pairs, 1 + 2 * _NODE_BYTES), dtype=np.uint8)
    image[:, 0] = INNER_PREFIX[0]
    image[:, 1:] = nodes.reshape(pairs, 2 * _NODE_BYTES)
    digests = b"".join([sha256(one).digest() for one in image.view("V81").ravel().tolist()])
    above = np.frombuffer(digests, dtype=np.uint8).reshape(pairs, HASH_BYTES)
    folded = sums[: 2 * pairs : 2] + sums[1 : 2 * pairs : 2]
    if len(sums) % 2:
        return np.concatenate([above, hashes[-1:]]), np.concatenate([folded, sums[-1:]])
    return above, folded


def _inner(left: bytes, left_wh: int, right: bytes, right_wh: int) -> bytes:
    left_sum, right_sum = left_wh.to_bytes(_SUM_BYTES, "big"), right_wh.to_bytes(_SUM_BYTES, "big")
    return sha256(INNER_PREFIX + left + left_sum + right + right_sum).digest()


def _root(rows: int, total_wh: int, top: bytes) -> bytes:
    return sha256(ROOT_PREFIX + _HEADER.pack(rows, total_wh) + top).digest()


def _checked_sum(field: str, wh: int) -> int:
    if not 0 <= wh <= MAX_SUM_WH:
        raise _invalid(field, wh)
    return wh


def _invalid(field: str, value: object) -> ProofInvalid:
    rule = Text(en="the sum proof leads to root and total", ja="合計証明が根と合計に一致すること")
    return ProofInvalid("SUM_PROOF_INVALID", field, value, rule)
