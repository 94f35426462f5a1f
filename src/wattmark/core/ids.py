"""128-bit ids: made by the client, so that a retry is the same command."""

import hashlib
import os
from typing import Final

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text

ID_BYTES: Final = 16
ID_HEX_CHARS: Final = 32
WORD_MASK: Final = (1 << 64) - 1
MAX_ID: Final = (1 << 128) - 1


def derive_id(*parts: str | int | bytes) -> int:
    """Return a deterministic non-zero 128-bit id of the parts.

    The parts are framed by type and length, so ("ab", "c") and ("a", "bc") differ.
    """
    digest = hashlib.sha256()
    for part in parts:
        kind, data = _part_bytes(part)
        digest.update(kind + len(data).to_bytes(4, "big") + data)
    return int.from_bytes(digest.digest()[:ID_BYTES], "big") or 1


def _part_bytes(part: str | int | bytes) -> tuple[bytes, bytes]:
    if isinstance(part, bytes):
        return b"b", part
    if isinstance(part, str):
        return b"s", part.encode()
    return b"i", str(part).encode()


def fresh_id(now_ms: int) -> int:
    """Return a new time-ordered id: 48 bits of milliseconds, then 80 random bits."""
    return ((now_ms & ((1 << 48) - 1)) << 80) | int.from_bytes(os.urandom(10), "big")


def random_bytes(count: int) -> bytes:
    """Return ``count`` bytes from the operating system's generator."""
    return os.urandom(count)


def id_words(identity: int) -> tuple[int, int]:
    """Return (low, high) 64-bit words as signed integers, the form of a command record."""
    if not 0 < identity <= MAX_ID:
        rule = Text(en="1 to 2^128 - 1", ja="1以上2^128-1以下")
        raise MalformedInput("ID_INVALID", "id", identity, rule)
    return _signed(identity & WORD_MASK), _signed(identity >> 64)


def words_id(low: int, high: int) -> int:
    """Return the id of two signed words."""
    return (int(high) & WORD_MASK) << 64 | (int(low) & WORD_MASK)


def id_hex(identity: int) -> str:
    """Return 32 lower-case hexadecimal digits."""
    return f"{identity:032x}"


def parse_id(text: str, field: str = "id") -> int:
    """Return the id written as 32 hexadecimal digits.

    Raises:
        MalformedInput: not exactly 32 hexadecimal digits, or zero.
    """
    if len(text) == ID_HEX_CHARS and set(text) <= set("0123456789abcdef") and (identity := int(text, 16)):
        return identity
    rule = Text(en="32 lower-case hexadecimal digits, not all zero", ja="小文字の16進数32桁(すべて0は不可)")
    raise MalformedInput("ID_INVALID", field, text, rule)


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word
