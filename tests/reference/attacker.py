"""Somebody who knows everything about a log but its secrets, and looks for what he knows in its public hashes.

He has every record with its id, time, account numbers, Wh and verdict, every payload and every row of the lake, and the
source code. He lacks the blinding key and the salts, but those that he was given with proofs of his own. For each
record he tries every salt that public data could give, and the small values he is not sure of.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from wattmark.engine.batch import draw_salts
from wattmark.engine.commands import FIELDS, Kind, kind_of
from wattmark.ledger.merkle import leaf_hash

SALT_BYTES = 16
BARE_BYTES = 160
"""Command and verdict without the salt."""


@dataclass
class Attacker:
    """What is public, and what he was given.

    Attributes:
        hashes: every hash of every public tile.
        public: texts of the log that everybody has: origin, key, checkpoints, root.
        given: salts of proofs that are his own.
        tried: guesses so far.
    """

    hashes: frozenset[bytes]
    public: list[bytes]
    given: list[bytes] = field(default_factory=list)
    tried: int = 0

    def salts(self, bare: bytes, position: int, frames: Iterable[tuple[int, int]]) -> Iterator[bytes]:
        """Salts of a record at a log index; ``frames``: (number, records) of the frames it may be in."""
        yield b""
        yield from (bytes(SALT_BYTES), b"\xff" * SALT_BYTES)
        yield from (position.to_bytes(SALT_BYTES, order) for order in ("little", "big"))
        yield from (bare[:16], bare[:16][::-1], bare[128:144], bare[-16:])
        texts = [bare, bare[:128], bare[:16], *self.public, *self.given]
        for text in texts:
            for digest in (hashlib.sha256(text).digest(), hashlib.sha256(bytes([0]) + text).digest()):
                yield from (digest[:16], digest[16:])
            yield hashlib.shake_128(text).digest(16)
        for given in self.given:
            number = int.from_bytes(given, "big")
            yield given
            yield from (((number + step) % 2**128).to_bytes(16, "big") for step in (1, -1, position))
        for key in [
            b"",
            bytes(32),
            *self.public,
            *self.given,
            *(hashlib.sha256(text).digest() for text in self.public),
        ]:
            for number, count in frames:
                yield from map(bytes, draw_salts(key, number, count))

    def finds(self, bare: bytes, salts: Iterable[bytes]) -> bytes | None:
        """The first salt under which the record is in the log, in any way of hashing it."""
        for salt in salts:
            entry = bare + salt
            for digest in (leaf_hash(entry), hashlib.sha256(entry).digest(), leaf_hash(salt + bare)):
                self.tried += 1
                if digest in self.hashes:
                    return salt
        return None


def variants(bare: bytes, names: tuple[str, ...], most: int) -> Iterator[bytes]:
    """The record with every small value of some fields, one at a time, and as it is."""
    yield bare
    words = np.frombuffer(bare, "<i8").copy()
    fields = FIELDS[Kind(kind_of(words[:16]))]
    for name in names:
        if name in fields:
            place = 3 + fields.index(name)
            true = int(words[place])
            for value in range(most):
                words[place] = value
                yield words.tobytes()
            words[place] = true
