"""The two digests of the platform: SHA-256 where someone may lie, CRC32C where a disk may err."""

import hashlib
from typing import Final

import google_crc32c

HASH_BYTES: Final = 32
"""Length of a SHA-256 digest [bytes]."""


def sha256(data: bytes | bytearray | memoryview) -> bytes:
    """Return the SHA-256 digest of ``data`` (FIPS 180-4) [32 bytes]."""
    return hashlib.sha256(data).digest()


def crc32c(data: bytes | bytearray | memoryview, before: int = 0) -> int:
    """Return the CRC-32C (Castagnoli, RFC 3720 B.4) of ``data`` behind data whose CRC is ``before`` [0 .. 2^32 - 1]."""
    return int(google_crc32c.extend(before, data if isinstance(data, bytes) else bytes(data)))
