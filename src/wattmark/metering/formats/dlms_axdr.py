"""A-XDR (IEC 62056-6-2): tag, length, content; every item keeps its tag, and every byte is read or the whole is refused."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from wattmark.metering.formats.record_refusals import RecordCode, record_refused

MAX_DEPTH: Final = 8
"""Deepest nesting; a list of structures of structures needs four."""
MAX_ITEMS: Final = 4_096
"""Items in one body, all levels together."""


class Tag(IntEnum):
    """Kinds of item that are read; floats are not, for energy is counted."""

    NULL = 0
    ARRAY = 1
    STRUCTURE = 2
    BOOLEAN = 3
    INT32 = 5
    UINT32 = 6
    OCTETS = 9
    TEXT = 10
    INT8 = 15
    INT16 = 16
    UINT8 = 17
    UINT16 = 18
    INT64 = 20
    UINT64 = 21
    ENUM = 22


INTEGERS: Final = {
    Tag.INT32: (4, True),
    Tag.UINT32: (4, False),
    Tag.INT8: (1, True),
    Tag.INT16: (2, True),
    Tag.UINT8: (1, False),
    Tag.UINT16: (2, False),
    Tag.INT64: (8, True),
    Tag.UINT64: (8, False),
}
"""Bytes and sign of each integer."""
_LONG: Final = 0x80
_LENGTH_BYTES: Final = {0x81: 1, 0x82: 2}


@dataclass(frozen=True, slots=True)
class Item:
    """One item.

    Attributes:
        tag: its kind.
        value: ``None``, ``bool``, ``int``, ``bytes``, ``str``, or a tuple of items.
        offset: where its tag stands in the body [bytes].
    """

    tag: Tag
    value: object
    offset: int

    @property
    def items(self) -> tuple["Item", ...]:
        """Return the items of an array or a structure; none of anything else."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def integer(self) -> int | None:
        """Return the value of an integer, else ``None``; an enum is none."""
        return self.value if self.tag in INTEGERS and isinstance(self.value, int) else None


class Reader:
    """Bytes read once from the front."""

    def __init__(self, data: bytes, base: int = 0) -> None:
        """Start at the first byte, which is byte ``base`` of what was received."""
        self._data = data
        self._at = 0
        self._base = base
        self._items = 0

    @property
    def offset(self) -> int:
        """Return the place in what was received [bytes]."""
        return self._base + self._at

    def take(self, count: int) -> bytes:
        """Return the next bytes.

        Raises:
            ReadingsMalformed: ``RECORD_CUT``.
        """
        found = self._data[self._at : self._at + count]
        if len(found) < count:
            raise record_refused(RecordCode.RECORD_CUT, f"byte {self.offset}", found, count=count - len(found))
        self._at += count
        return found

    def byte(self) -> int:
        """Return the next byte."""
        return self.take(1)[0]

    def rest(self) -> bytes:
        """Return all that is left."""
        return self.take(len(self._data) - self._at)

    def end(self) -> None:
        """Check that nothing is left.

        Raises:
            ReadingsMalformed: ``BYTES_LEFT_OVER``.
        """
        if self._at != len(self._data):
            raise record_refused(RecordCode.BYTES_LEFT_OVER, f"byte {self.offset}", self._data[self._at :])

    def length(self) -> int:
        """Return a length: one byte up to 127, or 81 nn, 82 nnnn in the shortest form.

        Raises:
            ReadingsMalformed: ``FIELD_INVALID``.
        """
        where, first = self.offset, self.byte()
        if first < _LONG:
            return first
        size = _LENGTH_BYTES.get(first)
        found = -1 if size is None else int.from_bytes(self.take(size), "big")
        if found < (_LONG if size == 1 else _LONG << 1):
            raise record_refused(RecordCode.FIELD_INVALID, f"byte {where}", first, rule="a length in its shortest form")
        return found

    def item(self, depth: int = 0) -> Item:
        """Return the next item with all that is in it.

        Raises:
            ReadingsMalformed: ``CODE_UNKNOWN`` (an unknown tag, a float), ``RECORD_CUT``, ``FIELD_INVALID``.
        """
        where, number = self.offset, self.byte()
        self._items += 1
        if depth > MAX_DEPTH or self._items > MAX_ITEMS:
            rule = f"at most {MAX_DEPTH} levels and {MAX_ITEMS} items"
            raise record_refused(RecordCode.FIELD_INVALID, f"byte {where}", number, rule=rule)
        try:
            tag = Tag(number)
        except ValueError as error:
            known = [int(tag) for tag in Tag]
            raise record_refused(RecordCode.CODE_UNKNOWN, f"byte {where}", number, known=known) from error
        if tag in (Tag.ARRAY, Tag.STRUCTURE):
            return Item(tag, tuple(self.item(depth + 1) for _ in range(self.length())), where)
        return Item(tag, self._plain(tag, where), where)

    def _plain(self, tag: Tag, where: int) -> object:
        if tag is Tag.NULL:
            return None
        if tag in INTEGERS:
            size, signed = INTEGERS[tag]
            return int.from_bytes(self.take(size), "big", signed=signed)
        if tag is Tag.ENUM:
            return self.byte()
        if tag is Tag.BOOLEAN:
            value = self.byte()
            if value not in (0, 1, 0xFF):
                raise record_refused(RecordCode.FIELD_INVALID, f"byte {where}", value, rule="a boolean")
            return bool(value)
        content = self.take(self.length())
        if tag is Tag.OCTETS:
            return content
        text = content.decode("ascii", "replace")
        if not text.isascii() or not text.isprintable():
            raise record_refused(RecordCode.FIELD_INVALID, f"byte {where}", content, rule="printable ASCII text")
        return text


def decode(data: bytes, base: int = 0) -> Item:
    """Return the one item that a body is.

    Args:
        data: the body.
        base: its place in what was received, for errors [bytes].

    Raises:
        ReadingsMalformed: it is not one whole item with nothing after it.
    """
    reader = Reader(data, base)
    item = reader.item()
    reader.end()
    return item
