"""What a cosignature signs (C2SP tlog-cosignature): the note's text with a time, or a statement about a (sub)tree.

::

    0x04  "cosignature/v1" newline "time <s>" newline, then the note's whole text

    0x06  label "subtree/v1" newline NUL     12 bytes        integers big-endian, names of 1 to 255 bytes
          cosigner name                      u8 length | bytes
          timestamp                          u64 [s], 0 where nothing is said about the largest tree; 0 when start > 0
          origin of the log                  u8 length | bytes
          start, end                         u64, the leaves [start, end); a checkpoint is [0, size)
          root of the subtree                32 bytes

The second does not cover a checkpoint's extension lines, and says so by what it holds.
"""

import struct
from typing import Final

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.crypto.hashing import HASH_BYTES

LABEL: Final = b"subtree/v1\n\0"
"""Start of the message of type 0x06, and of no other (C2SP tlog-cosignature)."""
MAX_NAME_BYTES: Final = 255
"""Longest cosigner name and origin in a message of type 0x06 [bytes]."""
MAX_TIMESTAMP_S: Final = (1 << 63) - 1
"""Latest time of a cosignature (C2SP tlog-cosignature) [s since 1970]."""
MAX_LEAF: Final = (1 << 63) - 1
"""Bound on the leaves of a subtree."""

_U64: Final = struct.Struct(">Q")
_RULE: Final = Text(en="a (sub)tree as C2SP tlog-cosignature signs it", ja="C2SP tlog-cosignatureの署名対象の(部分)木")


def timed_text(text: str, time_s: int) -> bytes:
    """Return what a cosignature/v1 (0x04) signs.

    Args:
        text: the note's text.
        time_s: time of the cosignature [s since 1970].
    """
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def subtree_message(cosigner: str, time_s: int, origin: str, leaves: tuple[int, int], root: bytes) -> bytes:
    """Return what a (sub)tree cosignature (0x06) signs.

    Args:
        cosigner: name of its key.
        time_s: when this was the largest tree the cosigner had seen, 0 for no such statement [s since 1970].
        origin: the log's origin line.
        leaves: the subtree's leaves ``[start, end)``.
        root: the subtree's root [32 bytes].

    Raises:
        MalformedInput: a name or number out of range, or a time for a subtree that is no whole tree.
    """
    start, end = leaves
    in_range = 0 <= time_s <= MAX_TIMESTAMP_S and 0 <= start <= end <= MAX_LEAF
    if not in_range or (start and time_s) or len(root) != HASH_BYTES:
        raise MalformedInput("BAD_SUBTREE", "subtree", (time_s, start, end, root.hex()), _RULE)
    return b"".join(
        [
            LABEL,
            _name("cosigner", cosigner),
            _U64.pack(time_s),
            _name("origin", origin),
            _U64.pack(start),
            _U64.pack(end),
            root,
        ]
    )


def _name(field: str, name: str) -> bytes:
    encoded = name.encode()
    if not 1 <= len(encoded) <= MAX_NAME_BYTES:
        raise MalformedInput("BAD_SUBTREE", field, name, _RULE)
    return bytes([len(encoded)]) + encoded
