"""P1 telegrams as text: check sequence first, then every line, or nothing.

``/identity``, an empty line, lines of objects, ``!`` and a CRC-16/ARC over everything from ``/`` through ``!``. Telegrams
of version 2.2 and 3 have none; they also have no clock, so that one with a clock or a version must carry it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wattmark.metering.formats.record_refusals import RecordCode, record_refused

MAX_TELEGRAM_BYTES: Final = 16_384
"""Longest telegram; those in the field have less than 2,048 [bytes]."""
UNITS: Final = frozenset(
    [
        "kWh",
        "Wh",
        "kW",
        "W",
        "kvarh",
        "varh",
        "kvar",
        "var",
        "kVA",
        "VA",
        "kVAh",
        "VAh",
        "V",
        "A",
        "Hz",
        "s",
        "m3",
        "GJ",
        "MJ",
    ]
)
"""Units that stand behind a star."""
_SHAPE: Final = re.compile(rb"/([^\r\n]{1,96})\r\n\r\n((?:[^\r\n!]*\r\n)*)!([0-9A-F]{0,4})(?:\r\n)?")
_OBJECT: Final = re.compile(
    r"(\d{1,3})-(\d{1,3}):(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\*(\d{1,3}))?((?:\([^()]*\))+)", re.ASCII
)
_GROUPS: Final = re.compile(r"(?:\([^()]*\))+")
_MEASURED: Final = re.compile(r"-?[0-9.]+\*(.*)", re.DOTALL)
_POLYNOMIAL: Final = 0xA001

Code = tuple[int, int, int, int, int]
"""OBIS A to E."""


@dataclass(frozen=True, slots=True)
class P1Object:
    """One object.

    Attributes:
        code: OBIS A to E.
        values: what stands in its brackets, in order.
        line: its line, from 1.
    """

    code: Code
    values: tuple[str, ...]
    line: int

    @property
    def where(self) -> str:
        """Return its place, for errors."""
        a, b, c, d, e = self.code
        return f"line {self.line}, {a}-{b}:{c}.{d}.{e}"


@dataclass(frozen=True, slots=True)
class P1Frame:
    """A telegram whose check fits.

    Attributes:
        data: as received: the evidence.
        identity: first line.
        checked: it carries a check sequence.
        objects: by code, each once.
    """

    data: bytes
    identity: str
    checked: bool
    objects: Mapping[Code, P1Object]


def _table() -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        rows.append(value)
    return tuple(rows)


_TABLE: Final = _table()


def check_sequence(data: bytes) -> int:
    """Return CRC-16/ARC: reflected polynomial A001, no start value; BB3D for the digits 1 to 9."""
    value = 0
    for byte in data:
        value = value >> 8 ^ _TABLE[(value ^ byte) & 0xFF]
    return value


def split_stream(stream: bytes) -> tuple[bytes, ...]:
    """Return the telegrams of what a serial line delivered, in order; what stands between them is no telegram.

    Each may still be refused. A telegram that has not ended is not among them.
    """
    found = []
    at = 0
    while (start := stream.find(b"/", at)) >= 0:
        end = stream.find(b"\r\n!", start)
        if end < 0 or (stop := stream.find(b"\r\n", end + 3)) < 0:
            break
        later = stream.rfind(b"\r\n/", start, end)
        start = start if later < 0 else later + 2
        at = stop + 2
        found.append(stream[start:at])
    return tuple(found)


def read_frame(data: bytes) -> P1Frame:
    """Return one telegram, its check verified and every line understood as an object.

    Raises:
        ReadingsMalformed: ``RECORD_TOO_LONG``, ``NOT_P1``, ``CHECKSUM_WRONG``, ``OBIS_INVALID`` (a line that is no object),
            ``UNIT_UNKNOWN``, ``FIELD_INVALID`` (an object twice).
    """
    if len(data) > MAX_TELEGRAM_BYTES:
        raise record_refused(RecordCode.RECORD_TOO_LONG, "telegram", len(data), limit=MAX_TELEGRAM_BYTES)
    match = _SHAPE.fullmatch(data)
    if match is None:
        raise record_refused(
            RecordCode.NOT_P1, "telegram", data[:32].decode("latin-1"), rule="whole lines, nothing after"
        )
    if match[3]:
        expected = check_sequence(data[: match.start(3)])
        if int(match[3], 16) != expected:
            raise record_refused(
                RecordCode.CHECKSUM_WRONG, f"byte {match.start(3)}", match[3].decode(), expected=f"{expected:04X}"
            )
    objects: dict[Code, P1Object] = {}
    last: P1Object | None = None
    for number, line in enumerate(match[2].decode("latin-1").split("\r\n")[:-1], 3):
        one = _object(line, number, last)
        if one.code in objects and one.line == number:
            raise record_refused(RecordCode.FIELD_INVALID, one.where, line, rule="each object once")
        objects[one.code] = last = one
    return P1Frame(data, match[1].decode("latin-1"), bool(match[3]), objects)


def _object(line: str, number: int, last: P1Object | None) -> P1Object:
    """Return the object of a line; one that begins with a bracket goes on with the line before."""
    where = f"line {number}"
    if not line.isascii() or not line.isprintable():
        raise record_refused(RecordCode.OBIS_INVALID, where, line)
    if last is not None and _GROUPS.fullmatch(line):
        one = P1Object(last.code, last.values + _values(line), last.line)
    else:
        match = _OBJECT.fullmatch(line)
        if match is None or max(codes := [int(match[part] or 255) for part in range(1, 7)]) > 0xFF:
            raise record_refused(RecordCode.OBIS_INVALID, where, line)
        a, b, c, d, e, _ = codes
        one = P1Object((a, b, c, d, e), _values(match[7]), number)
    for value in one.values:
        unit = _MEASURED.fullmatch(value)
        if unit and unit[1] not in UNITS:
            raise record_refused(RecordCode.UNIT_UNKNOWN, one.where, value, known=sorted(UNITS))
    return one


def _values(groups: str) -> tuple[str, ...]:
    return tuple(groups[1:-1].split(")("))
