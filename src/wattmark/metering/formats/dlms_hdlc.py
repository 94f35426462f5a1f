"""HDLC frames of DLMS (IEC 62056-46): format 3, addresses, header and frame check sequences, the LLC header."""

from typing import Final

from wattmark.metering.formats.dlms_axdr import Reader
from wattmark.metering.formats.record_refusals import RecordCode, record_refused

MAX_BYTES: Final = 65_536
"""Longest run of frames that make one message [bytes]."""
FLAG: Final = 0x7E
LLC: Final = (bytes.fromhex("e6e700"), bytes.fromhex("e6e600"))
"""Header of a response or push, and of a command."""
_FORMAT: Final = 0xA000
_FORMAT_MASK: Final = 0xF000
_SEGMENTED: Final = 0x0800
_LENGTH_MASK: Final = 0x07FF
_LAST_ADDRESS_BYTE: Final = 0x01
_ADDRESS_BYTES: Final = (1, 2, 4)
_CHECK_BYTES: Final = 2
_POLYNOMIAL: Final = 0x8408


def _table() -> tuple[int, ...]:
    entries = []
    for number in range(256):
        value = number
        for _ in range(8):
            value = value >> 1 ^ _POLYNOMIAL if value & 1 else value >> 1
        entries.append(value)
    return tuple(entries)


_TABLE: Final = _table()


def check_sequence(data: bytes) -> int:
    """Return the CRC-16 of HDLC (ISO 13239; CRC-16/X-25: 906E for the digits 1 to 9)."""
    value = 0xFFFF
    for byte in data:
        value = value >> 8 ^ _TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFF


def read_hdlc(data: bytes) -> bytes:
    """Return the message that one frame, or a run of segments, carries; flags around frames may be missing.

    Raises:
        ReadingsMalformed: ``RECORD_TOO_LONG``, ``NOT_HDLC``, ``RECORD_CUT``, ``CHECKSUM_WRONG`` or ``BYTES_LEFT_OVER``.
    """
    if len(data) > MAX_BYTES:
        raise record_refused(RecordCode.RECORD_TOO_LONG, "frame", f"{len(data)} bytes", limit=MAX_BYTES)
    parts: list[bytes] = []
    at, more = _skip_flags(data, 0), True
    while more:
        information, at, more = _frame(data, at)
        parts.append(information)
        at = _skip_flags(data, at)
    if at != len(data):
        raise record_refused(RecordCode.BYTES_LEFT_OVER, f"byte {at}", data[at:])
    return b"".join(parts)


def strip_llc(message: bytes) -> bytes:
    """Return an information field without its LLC header.

    Raises:
        ReadingsMalformed: ``NOT_HDLC``, there is none.
    """
    if message[:3] not in LLC:
        raise record_refused(RecordCode.NOT_HDLC, "byte 0", message[:3], rule="the LLC header E6 E7 00")
    return message[3:]


def _skip_flags(data: bytes, at: int) -> int:
    while at < len(data) and data[at] == FLAG:
        at += 1
    return at


def _frame(data: bytes, at: int) -> tuple[bytes, int, bool]:
    """Return information, the place after the frame, and whether another segment follows."""
    head = int.from_bytes(data[at : at + 2], "big")
    if head & _FORMAT_MASK != _FORMAT:
        raise record_refused(RecordCode.NOT_HDLC, f"byte {at}", data[at : at + 2], rule="it starts with A")
    length = head & _LENGTH_MASK
    frame = data[at : at + length]
    if len(frame) < length:
        raise record_refused(RecordCode.RECORD_CUT, f"byte {at}", f"{len(frame)} bytes", count=length - len(frame))
    reader = Reader(frame, at)
    reader.take(2)
    for name in ("destination", "source"):
        _address(reader, name)
    reader.byte()  # control: what a push carries here differs from meter to meter
    header = reader.offset - at
    _check(frame, header, at)
    information = frame[header + _CHECK_BYTES : -_CHECK_BYTES]
    if header + _CHECK_BYTES < length:
        _check(frame, length - _CHECK_BYTES, at)
        if not information:
            raise record_refused(RecordCode.NOT_HDLC, f"byte {at}", length, rule="information between its checks")
    return information, at + length, bool(head & _SEGMENTED)


def _address(reader: Reader, name: str) -> None:
    where, size = reader.offset, 1
    while not reader.byte() & _LAST_ADDRESS_BYTE:
        size += 1
    if size not in _ADDRESS_BYTES:
        raise record_refused(RecordCode.NOT_HDLC, f"byte {where}", size, rule=f"a {name} address of 1, 2 or 4 bytes")


def _check(frame: bytes, end: int, at: int) -> None:
    expected = check_sequence(frame[:end]).to_bytes(_CHECK_BYTES, "little")
    found = frame[end : end + _CHECK_BYTES]
    if found != expected:
        raise record_refused(RecordCode.CHECKSUM_WRONG, f"byte {at + end}", found.hex(), expected=expected.hex())
