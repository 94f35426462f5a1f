"""Snapshots: the used rows of every table at the end of a frame, so that a start need not replay for ever.

A snapshot is disposable. It carries a SHA-256 over all its bytes and names the frame it stands at by hash;
one that does not hold is ignored, and the journal is replayed from an earlier one or from the beginning.

::

    "WMS3" | head length u32 | head (canonical JSON) | header words | used rows of each table | frame starts | SHA-256
"""

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

import numpy as np

from wattmark.core.encoding import json_canonical, json_decode_strict
from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.commands import Words
from wattmark.engine.state import TABLES, State
from wattmark.market import layout as m

MAGIC: Final = b"WMS3"
LENGTH: Final = struct.Struct("<4sI")
DIGEST_BYTES: Final = 32

_HEAD_CHARS: Final = 200
_PRICE_BITS: Final = m.TRIE_BITS * m.TRIE_DEPTH


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A state and where in the journal it stands.

    Attributes:
        sequence: last frame applied.
        frame_hash: hash of that whole frame.
        frame_starts: int64[sequence + 1]: log index of each frame's first record.
        state: the tables.
    """

    sequence: int
    frame_hash: bytes
    frame_starts: Words
    state: State


def dump(snapshot: Snapshot) -> bytes:
    """Return the bytes of a snapshot."""
    state = snapshot.state
    head = {
        "sequence": snapshot.sequence,
        "frame_hash": snapshot.frame_hash.hex(),
        "rows": {name: state.count(name) for name in TABLES},
        "frames": len(snapshot.frame_starts),
    }
    text = json_canonical(head)
    parts = [LENGTH.pack(MAGIC, len(text)), text, _bytes(state.header)]
    parts += [_bytes(state.table(name)) for name in TABLES]
    parts.append(_bytes(snapshot.frame_starts))
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return b"".join([*parts, digest.digest()])


def load(data: bytes | memoryview) -> Snapshot:
    """Return the snapshot, checked byte for byte against its SHA-256.

    Raises:
        MalformedInput: a changed byte, another format or a wrong length.
    """
    body = memoryview(data)[:-DIGEST_BYTES]
    if len(data) < LENGTH.size + DIGEST_BYTES or hashlib.sha256(body).digest() != data[-DIGEST_BYTES:]:
        raise _malformed("sha256", len(data))
    magic, size = LENGTH.unpack_from(body)
    if magic != MAGIC:
        raise _malformed("magic", bytes(magic).hex())
    head = _checked_head(json_decode_strict(bytes(body[LENGTH.size : LENGTH.size + size])))
    rest = body[LENGTH.size + size :]
    if len(rest) != 8 * head.words:
        raise _malformed("length", len(data))
    words = np.frombuffer(rest, "<i8")
    header, words = words[: e.HEADER_WORDS], words[e.HEADER_WORDS :]
    tables = {}
    for (name, (width, _)), rows in zip(TABLES.items(), head.rows, strict=True):
        tables[name], words = words[: rows * width].reshape(-1, width), words[rows * width :]
    _check_book(tables, header)
    state = State.from_tables(tables, header)
    return Snapshot(head.sequence, head.frame_hash, words.astype(np.int64), state)


@dataclass(frozen=True, slots=True)
class _Head:
    sequence: int
    frame_hash: bytes
    rows: tuple[int, ...]
    frames: int

    @property
    def words(self) -> int:
        """Return how many words follow: header, tables, frame starts."""
        widths = (width for width, _ in TABLES.values())
        return e.HEADER_WORDS + sum(rows * width for rows, width in zip(self.rows, widths, strict=True)) + self.frames


def _checked_head(head: object) -> _Head:
    try:
        match head:
            case {"sequence": int(sequence), "frame_hash": str(digest), "rows": dict(rows), "frames": int(frames)}:
                counts = tuple(int(rows[name]) for name in TABLES)
                if min(*counts, frames, sequence) >= 0:
                    return _Head(sequence, bytes.fromhex(digest), counts, frames)
            case _:
                pass
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _malformed("head", str(error)) from error
    raise _malformed("head", repr(head)[:_HEAD_CHARS])


def _check_book(tables: dict[str, Words], header: Words) -> None:
    """Refuse counts that are not those of the tables, and open orders that no book can hold."""
    orders = tables["orders"]
    opened = orders[np.isin(orders[:, m.O_STATE], (m.ORDER_OPEN, m.ORDER_QUEUED))]
    counted = all(header[word] == len(tables[name]) for name, (_, word) in TABLES.items())
    product, price, side = opened[:, m.O_PRODUCT], opened[:, m.O_PRICE_SEN], opened[:, m.O_SIDE]
    known = (product >= 0) & (product < len(tables["products"])) & (price >= 0) & (price < 1 << _PRICE_BITS)
    if not counted or header[e.H_OPEN_ORDERS] != len(opened) or not (known & np.isin(side, (m.BUY, m.SELL))).all():
        raise _malformed("rows", header.tolist())


def _bytes(words: Words) -> bytes:
    return np.ascontiguousarray(words, "<i8").tobytes()


def _malformed(field: str, value: object) -> MalformedInput:
    rule = Text(en="an undamaged WMS3 snapshot", ja="損傷のないWMS3スナップショット")
    return MalformedInput("SNAPSHOT_MALFORMED", field, value, rule)
