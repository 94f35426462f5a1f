"""Seeded, structure-aware mutations: the same seed gives the same inputs on every machine.

An input is a valid one (a *seed*) with one to four changes. Half of the changes know nothing but bytes; the other half
know lines, numbers, base64 and the words of the formats, so that an input gets past the first check of its parser.
"""

import base64
import random
from collections.abc import Callable, Sequence
from typing import Final

MAX_BYTES: Final = 1 << 16
"""Longest input made [bytes]."""
MOST_CHANGES: Final = 4

INTEGERS: Final = (0, 1, 2, 7, 8, 127, 128, 255, 256, 32_767, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1)
NUMBERS: Final = (
    *("0", "1", "-1", "00", "01", "+1", "255", "256", "257", "1e3", "0x10", "1_000", " 1", "1 "),
    *("9223372036854775807", "9223372036854775808", "18446744073709551616", "9" * 40, "9" * 5_000),
    *("\u0661", "\uff11", "\u00b2", "\u0967"),
)
"""Numbers, some of them only to ``str.isdigit`` or ``int``."""
WORDS: Final = (
    *(b"\n", b"\n\n", b" ", b"\t", b"\r", b"\r\n", b"\0", b"+", b"=", b"==", b"#", b"/", b"..", b"../", b"%2e", b".p/"),
    *("\u2014 ".encode(), "\u2014".encode(), "\u00a0".encode(), "\u2028".encode(), b"\xef\xbb\xbf", b"\xed\xa0\x80"),
    *(b"\xff", b"\xc0\x80", b"old ", b"index ", b"extra ", b"log ", b"witness ", b"group ", b"quorum ", b"none"),
    *(b"all ", b"any ", b"tile/", b"entries", b"x000/", b"x001/", b"000", b"c2sp.org/tlog-proof@v1\n", b"{", b"}"),
    *(b"[", b"]", b'"', b"null", b"true", b"NaN", b"1.5", b"-0", b'{"a":1,"a":2}', b"[" * 40, b"\xd2\x84", b"\xff" * 8),
    b"\xc2\x59\x08\x00" + b"\xff" * 2_048,  # a CBOR integer of 4,932 digits
)
"""Words of the formats, and letters that have tricked parsers before."""

Fix = Callable[[bytearray], bytes]
"""Puts checksums right again, so that what they cover is reached."""


class Mutator:
    """Makes inputs out of seeds."""

    def __init__(self, seeds: Sequence[bytes], seed: int, fix: Fix | None = None) -> None:
        self._seeds = list(seeds)
        self._chance = random.Random(seed)
        self._fix = fix
        self._changes = (
            *(self._flip, self._flip, self._set, self._number, self._insert, self._delete, self._repeat, self._copy),
            *(self._cut, self._zeros, self._splice, self._swap),
            *(self._word, self._word, self._line, self._line, self._digits, self._base64),
        )

    def next(self) -> tuple[int, bytes]:
        """Return (number of the seed, an input made of it)."""
        chance = self._chance
        number = chance.randrange(len(self._seeds))
        data = bytearray(self._seeds[number])
        for _ in range(chance.randint(1, MOST_CHANGES)):
            chance.choice(self._changes)(data)
        if self._fix is not None and chance.random() < 0.5:
            return number, self._fix(data)[:MAX_BYTES]
        return number, bytes(data[:MAX_BYTES])

    def _at(self, data: bytearray) -> int:
        return self._chance.randrange(len(data)) if data else 0

    def _range(self, data: bytearray, longest: int = 64) -> tuple[int, int]:
        start = self._at(data)
        return start, start + self._chance.randint(1, longest)

    def _flip(self, data: bytearray) -> None:
        if data:
            data[self._at(data)] ^= 1 << self._chance.randrange(8)

    def _set(self, data: bytearray) -> None:
        if data:
            data[self._at(data)] = self._chance.randrange(256)

    def _number(self, data: bytearray) -> None:
        """Overwrite 1 to 8 bytes, mostly on a boundary of 8 or 4, by a number that is at an edge of something."""
        width = self._chance.choice((1, 2, 4, 4, 8, 8))
        at = self._at(data)
        if self._chance.random() < 0.7:
            at -= at % width
        value = self._chance.choice((*INTEGERS, len(data), len(data) - at, self._chance.getrandbits(8 * width)))
        value += self._chance.choice((-1, 0, 0, 1))
        order = "little" if self._chance.random() < 0.7 else "big"
        data[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, order)

    def _insert(self, data: bytearray) -> None:
        at = self._at(data)
        data[at:at] = self._chance.randbytes(self._chance.randint(1, 16))

    def _delete(self, data: bytearray) -> None:
        start, end = self._range(data)
        del data[start:end]

    def _repeat(self, data: bytearray) -> None:
        start, end = self._range(data)
        data[end:end] = data[start:end] * self._chance.choice((1, 1, 2, 20))

    def _copy(self, data: bytearray) -> None:
        start, end = self._range(data)
        at = self._at(data)
        data[at : at + end - start] = data[start:end]

    def _cut(self, data: bytearray) -> None:
        del data[self._at(data) :]

    def _zeros(self, data: bytearray) -> None:
        start, end = self._range(data, 600)
        data[start:end] = bytes(min(end, len(data)) - start) if self._chance.random() < 0.7 else bytes(end - start)

    def _splice(self, data: bytearray) -> None:
        """Go on as another seed does, from about the same place."""
        other = self._chance.choice(self._seeds)
        at = self._at(data)
        data[at:] = other[max(0, at + self._chance.choice((-8, -1, 0, 0, 0, 1, 8))) :]

    def _swap(self, data: bytearray) -> None:
        width = self._chance.choice((1, 8, 32, 128, 512))
        blocks = len(data) // width
        if blocks > 1:
            a, b = (width * self._chance.randrange(blocks) for _ in range(2))
            data[a : a + width], data[b : b + width] = data[b : b + width], data[a : a + width]

    def _word(self, data: bytearray) -> None:
        at = self._at(data)
        word = self._chance.choice(WORDS)
        data[at : at + self._chance.choice((0, 0, len(word)))] = word

    def _line(self, data: bytearray) -> None:
        """Drop, double, swap, empty or spread a line."""
        lines = bytes(data).split(b"\n")
        a, b = self._chance.randrange(len(lines)), self._chance.randrange(len(lines))
        how = self._chance.randrange(6)
        if how == 0:
            del lines[a]
        elif how == 1:
            lines.insert(b, lines[a])
        elif how == 2:
            lines[a], lines[b] = lines[b], lines[a]
        elif how == 3:
            lines[a] = b""
        elif how == 4:
            lines[a:a] = [lines[a]] * self._chance.choice((2, 70, 110))
        else:
            lines[a] = (
                self._chance.choice((b" ", b"\t", b"")) + lines[a] + self._chance.choice((b" ", b"\r", b"\0", b""))
            )
        data[:] = b"\n".join(lines)

    def _digits(self, data: bytearray) -> None:
        """Replace a run of digits by another number."""
        at = self._at(data)
        while at < len(data) and not 48 <= data[at] <= 57:
            at += 1
        end = at
        while end < len(data) and 48 <= data[end] <= 57:
            end += 1
        if end > at:
            near = str(int(data[at:end][:18]) + self._chance.choice((-1, 1)))
            data[at:end] = self._chance.choice((near, near, self._chance.choice(NUMBERS))).encode()

    def _base64(self, data: bytearray) -> None:
        """Re-encode a line's last word after changing what it stands for, or write it in another form."""
        lines = bytes(data).split(b"\n")
        at = self._chance.randrange(len(lines))
        head, space, word = lines[at].rpartition(b" ")
        how = self._chance.randrange(4)
        try:
            decoded = bytearray(base64.b64decode(word, validate=True))
        except ValueError:
            return
        if how == 0 and decoded:
            decoded[self._at(decoded)] ^= 1 << self._chance.randrange(8)
        elif how == 1:
            decoded = decoded[: self._at(decoded)]
        elif how == 2:
            decoded += self._chance.randbytes(self._chance.choice((1, 2, 3, 32)))
        again = base64.b64encode(decoded)
        if how == 3:  # the same bytes, not the one canonical form
            again = self._chance.choice(
                (again.rstrip(b"="), again + b"=", again[:4] + b"\n" + again[4:], again.swapcase())
            )
        lines[at] = head + space + again
        data[:] = b"\n".join(lines)
