"""SHA-256 of many rows of one length: the CPU's own instructions where it has them, else hashlib.

The choice is made here and nowhere else: by what the CPU can do and by the number of rows. Few rows do not pay
for loading the compiler, so that the offline verifier never loads it.
"""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattmark.crypto.hashing import HASH_BYTES

COMPILED_FROM: Final = 256
"""From so many rows on, compiled code is worth loading [rows]."""

Bytes2 = NDArray[np.uint8]
RowHasher = Callable[[bytes, Bytes2], Bytes2]
"""(prefix of one byte, uint8[n, m]) -> uint8[n, 32]: SHA-256(prefix || row) of each row."""


def row_hasher(count: int) -> RowHasher:
    """Return the quickest way to hash about ``count`` rows; every way gives the same."""
    return _best() if count >= COMPILED_FROM else hash_rows_by_hashlib


def hash_rows_by_hashlib(prefix: bytes, rows: Bytes2) -> Bytes2:
    """Return SHA-256(prefix || row) of each row as ``uint8 [n, 32]``."""
    count, length = rows.shape
    images = np.empty((count, 1 + length), np.uint8)
    images[:, 0] = prefix[0]
    images[:, 1:] = rows
    digests = b"".join([sha256(image).digest() for image in images.view(f"V{1 + length}").ravel().tolist()])
    return np.frombuffer(digests, np.uint8).reshape(count, HASH_BYTES)


@cache
def _best() -> RowHasher:
    from wattmark.ledger import kernels  # noqa: PLC0415 - half a second that few rows are not worth

    if not kernels.HAS_SHA:
        return hash_rows_by_hashlib

    def hash_rows(prefix: bytes, rows: Bytes2) -> Bytes2:
        digests = np.empty((len(rows), HASH_BYTES), np.uint8)
        kernels.hash_rows(np.uint8(prefix[0]), np.ascontiguousarray(rows), digests)
        return digests

    return hash_rows
