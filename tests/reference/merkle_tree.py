"""RFC 9162 section 2.1, written as it is written there: slow, recursive, from the entries each time."""

from collections.abc import Sequence
from hashlib import sha256


def _split(width: int) -> int:
    power = 1
    while power * 2 < width:
        power *= 2
    return power


def root(entries: Sequence[bytes]) -> bytes:
    """MTH(D_n), 2.1.1."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = _split(len(entries))
    return sha256(b"\x01" + root(entries[:k]) + root(entries[k:])).digest()


def path(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D_n), 2.1.3.1."""
    if len(entries) == 1:
        return []
    k = _split(len(entries))
    if m < k:
        return [*path(m, entries[:k]), root(entries[k:])]
    return [*path(m - k, entries[k:]), root(entries[:k])]


def proof(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """PROOF(m, D_n), 2.1.4.1, for 0 < m < n."""
    return _subproof(m, entries, whole=True)


def _subproof(m: int, entries: Sequence[bytes], *, whole: bool) -> list[bytes]:
    if m == len(entries):
        return [] if whole else [root(entries)]
    k = _split(len(entries))
    if m <= k:
        return [*_subproof(m, entries[:k], whole=whole), root(entries[k:])]
    return [*_subproof(m - k, entries[k:], whole=False), root(entries[:k])]


def tile(entries: Sequence[bytes], level: int, index: int, width: int) -> bytes:
    """A tile as C2SP tlog-tiles defines it: hash i covers 256^l entries from (256 n + i) 256^l."""
    span = 256**level
    starts = [(index * 256 + place) * span for place in range(width)]
    return b"".join(root(entries[start : start + span]) for start in starts)
