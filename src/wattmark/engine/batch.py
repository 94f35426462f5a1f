"""The payload of a journal frame: the commands of one batch with their verdicts, salts and payloads.

::

    "WMB1" | count u32 | timestamp_ms i64 | payloads u32 | zero u32      24 bytes
    commands 128 x count | verdicts 32 x count | salts 16 x count
    payloads: (length u32 | bytes) x payloads

Integers are little-endian. A leaf of the log is command | verdict | salt, 176 bytes; the salt blinds it,
so that a public tile tells nothing about a guessed record (L8).
"""

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.crypto.hashing import HASH_BYTES
from wattmark.engine import layout as e
from wattmark.engine.commands import PAYLOAD_KINDS, Words

MAGIC: Final = b"WMB1"
HEADER: Final = struct.Struct("<4sIqII")
LENGTH: Final = struct.Struct("<I")
VERDICT_BYTES: Final = 8 * e.VERDICT_WORDS
ENTRY_BYTES: Final = e.COMMAND_BYTES + VERDICT_BYTES + e.SALT_BYTES
MAX_COMMANDS: Final = 8_192
"""Most commands in one batch."""
MAX_PAYLOAD_BYTES: Final = 1 << 20
"""Longest payload [bytes]."""
MAX_PAYLOADS_BYTES: Final = 16 << 20
"""Most payload bytes in one batch, so that its frame is one every journal takes [bytes]."""

_HAS_PAYLOAD: Final = np.isin(np.arange(e.HALF_MASK + 1), sorted(PAYLOAD_KINDS))
Bytes2 = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Batch:
    """One frame's records.

    Attributes:
        timestamp_ms: time of the batch.
        commands: int64[n, 16].
        verdicts: int64[n, 4].
        salts: uint8[n, 16].
        payloads: SHA-256 -> bytes of the payloads that travel beside the commands.
    """

    timestamp_ms: int
    commands: Words
    verdicts: Words
    salts: Bytes2
    payloads: dict[bytes, bytes]


def draw_salts(blinding_key: bytes, sequence: int, count: int) -> Bytes2:
    """Return uint8[count, 16]: blinding salts of a frame, secret as long as the key is (L8)."""
    seed = b"wattmark/salts/v1" + blinding_key + sequence.to_bytes(8, "big")
    return np.frombuffer(hashlib.shake_128(seed).digest(e.SALT_BYTES * count), np.uint8).reshape(count, e.SALT_BYTES)


def encode_batch(batch: Batch) -> bytes:
    """Return the frame payload."""
    parts = [
        HEADER.pack(MAGIC, len(batch.commands), batch.timestamp_ms, len(batch.payloads), 0),
        np.ascontiguousarray(batch.commands, "<i8").tobytes(),
        np.ascontiguousarray(batch.verdicts, "<i8").tobytes(),
        batch.salts.tobytes(),
    ]
    for payload in batch.payloads.values():
        parts.append(LENGTH.pack(len(payload)))
        parts.append(payload)
    return b"".join(parts)


def decode_batch(data: bytes | memoryview) -> Batch:
    """Return the batch of a frame payload; every byte must be accounted for.

    Raises:
        MalformedInput: another format, a wrong length, or a payload no command names.
    """
    view = memoryview(data)
    if len(view) < HEADER.size:
        raise _malformed("length", len(view))
    magic, count, timestamp, n_payloads, zero = HEADER.unpack_from(view)
    if magic != MAGIC or zero:
        raise _malformed("magic", bytes(view[:4]).hex())
    offset = HEADER.size
    if len(view) < offset + count * ENTRY_BYTES:
        raise _malformed("count", count)
    commands = np.frombuffer(view, "<i8", count * e.COMMAND_WORDS, offset).reshape(count, e.COMMAND_WORDS)
    offset += count * e.COMMAND_BYTES
    verdicts = np.frombuffer(view, "<i8", count * e.VERDICT_WORDS, offset).reshape(count, e.VERDICT_WORDS)
    offset += count * VERDICT_BYTES
    salts = np.frombuffer(view, np.uint8, count * e.SALT_BYTES, offset).reshape(count, e.SALT_BYTES)
    offset += count * e.SALT_BYTES
    payloads: dict[bytes, bytes] = {}
    for _ in range(n_payloads):
        if len(view) < offset + LENGTH.size:
            raise _malformed("payload", offset)
        (size,) = LENGTH.unpack_from(view, offset)
        offset += LENGTH.size
        if size > MAX_PAYLOAD_BYTES or len(view) < offset + size:
            raise _malformed("payload", offset)
        payload = bytes(view[offset : offset + size])
        payloads[hashlib.sha256(payload).digest()] = payload
        offset += size
    if offset != len(view):
        raise _malformed("length", len(view))
    batch = Batch(timestamp, commands.astype(np.int64), verdicts.astype(np.int64), salts, payloads)
    if set(payloads) != named_payloads(batch.commands) or len(payloads) != n_payloads:
        raise _malformed("payloads", n_payloads)
    return batch


def named_payloads(commands: Words) -> set[bytes]:
    """Return the hashes of the payloads that the commands name."""
    kinds = commands[:, e.W_HEAD] & e.HALF_MASK
    hashes = np.ascontiguousarray(commands[_HAS_PAYLOAD[kinds], e.W_HASH :], "<i8").tobytes()
    return {hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)}


def leaf_entries(batch: Batch) -> Bytes2:
    """Return uint8[n, 176]: the log entries of the batch's records."""
    count = len(batch.commands)
    entries = np.empty((count, ENTRY_BYTES), np.uint8)
    entries[:, : e.COMMAND_BYTES] = np.ascontiguousarray(batch.commands, "<i8").view(np.uint8).reshape(count, -1)
    verdicts = np.ascontiguousarray(batch.verdicts, "<i8").view(np.uint8).reshape(count, -1)
    entries[:, e.COMMAND_BYTES : -e.SALT_BYTES] = verdicts
    entries[:, -e.SALT_BYTES :] = batch.salts
    return entries


def _malformed(field: str, value: object) -> MalformedInput:
    rule = Text(en="a whole WMB1 batch (engine/batch.py)", ja="完全なWMB1バッチ(engine/batch.py)")
    return MalformedInput("BATCH_MALFORMED", field, value, rule)
