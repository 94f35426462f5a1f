"""ECHONET Lite frames of format 1, alone or in the ``ERXUDP`` line of a Wi-SUN module.

A frame is read to its last byte: header, objects, service, and as many properties as it says. It carries no check and
no signature; what protects it is the way it came (``ErxUdp.tier``).
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from wattmark.core.codes import Tier
from wattmark.metering.formats.dlms_axdr import Reader
from wattmark.metering.formats.record_refusals import RecordCode, record_refused

MAX_FRAME_BYTES: Final = 1_500
"""Longest frame; the largest a meter sends is one history of each direction [bytes]."""
HEADER: Final = 0x1081
PORT: Final = 3_610
_LINE: Final = re.compile(
    rb"ERXUDP ([0-9A-F:]{39}) ([0-9A-F:]{39}) ([0-9A-F]{4}) ([0-9A-F]{4}) ([0-9A-F]{16}) ([01])(?: ([01]))?"
    rb" ([0-9A-F]{4}) ((?:[0-9A-F]{2})+)\r?\n?"
)
_MAX_LINE_BYTES: Final = 2 * MAX_FRAME_BYTES + 256


class Service(IntEnum):
    """Services (ESV) by which a meter answers or announces."""

    SET_REFUSED = 0x51
    GET_REFUSED = 0x52
    SET_DONE = 0x71
    GET_ANSWER = 0x72
    ANNOUNCED = 0x73
    ANNOUNCED_CONFIRMED = 0x74


MAY_BE_EMPTY: Final = frozenset({Service.SET_REFUSED, Service.GET_REFUSED, Service.SET_DONE})
"""Services in which a property without data says that it was refused, or done."""


@dataclass(frozen=True, slots=True)
class Property:
    """One property.

    Attributes:
        epc: its code.
        data: its data (EDT); empty where it was refused, or set.
        offset: where its code stands in the frame [bytes].
    """

    epc: int
    data: bytes
    offset: int

    @property
    def where(self) -> str:
        """Return its place, for errors."""
        return f"EPC {self.epc:02X} at byte {self.offset}"


@dataclass(frozen=True, slots=True)
class EchonetFrame:
    """One frame.

    Attributes:
        data: the frame: the evidence.
        transaction: its TID.
        source: object that sent it: class group, class, instance.
        destination: object it was sent to.
        service: ESV.
        properties: in order, each code once.
    """

    data: bytes
    transaction: int
    source: bytes
    destination: bytes
    service: Service
    properties: tuple[Property, ...]


@dataclass(frozen=True, slots=True)
class ErxUdp:
    """What a Wi-SUN module heard.

    Attributes:
        frame: the frame.
        sender: link-layer address of the meter, 8 bytes.
        tier: T1 where the link was secured (route B), else T0.
    """

    frame: EchonetFrame
    sender: bytes
    tier: Tier


def read_echonet(data: bytes) -> EchonetFrame:
    """Return the frame, read whole.

    Args:
        data: one UDP payload.

    Raises:
        ReadingsMalformed: ``RECORD_TOO_LONG``, ``RECORD_CUT``, ``BYTES_LEFT_OVER``, ``NOT_ECHONET``, ``CODE_UNKNOWN``
            (a request, an unknown service), ``FIELD_INVALID`` (a code twice, no property, an empty answer).
    """
    if len(data) > MAX_FRAME_BYTES:
        raise record_refused(RecordCode.RECORD_TOO_LONG, "frame", len(data), limit=MAX_FRAME_BYTES)
    reader = Reader(data)
    if (header := int.from_bytes(reader.take(2), "big")) != HEADER:
        raise record_refused(RecordCode.NOT_ECHONET, "byte 0", f"{header:04X}")
    transaction = int.from_bytes(reader.take(2), "big")
    source, destination = reader.take(3), reader.take(3)
    service = _service(reader)
    properties = tuple(_property(reader, service) for _ in range(reader.byte()))
    reader.end()
    if not properties:
        raise record_refused(RecordCode.FIELD_INVALID, "byte 11", 0, rule="at least one property")
    seen: set[int] = set()
    for one in properties:
        if one.epc in seen:
            raise record_refused(RecordCode.FIELD_INVALID, one.where, f"{one.epc:02X}", rule="each property once")
        seen.add(one.epc)
    return EchonetFrame(data, transaction, source, destination, service, properties)


def read_erxudp(line: bytes) -> ErxUdp:
    """Return what one line of a Wi-SUN module says; its field SIDE may be there or not.

    Raises:
        ReadingsMalformed: as ``read_echonet``; ``NOT_ECHONET``, another line; ``FIELD_INVALID``, another port or length.
    """
    if len(line) > _MAX_LINE_BYTES:
        raise record_refused(RecordCode.RECORD_TOO_LONG, "line", len(line), limit=_MAX_LINE_BYTES)
    match = _LINE.fullmatch(line)
    if match is None:
        raise record_refused(RecordCode.NOT_ECHONET, "line", line[:64].decode("ascii", "replace"))
    port, length = int(match[3], 16), int(match[8], 16)
    data = bytes.fromhex(match[9].decode())
    if port != PORT or int(match[4], 16) != PORT:
        raise record_refused(RecordCode.FIELD_INVALID, "ports", port, rule=f"port {PORT} on both sides")
    if length != len(data):
        raise record_refused(RecordCode.FIELD_INVALID, "data length", len(data), rule=f"{length} bytes")
    secured = match[6] == b"1"
    return ErxUdp(read_echonet(data), bytes.fromhex(match[5].decode()), Tier.T1 if secured else Tier.T0)


def _service(reader: Reader) -> Service:
    where, number = reader.offset, reader.byte()
    try:
        return Service(number)
    except ValueError as error:
        known = [f"{int(one):02X}" for one in Service]
        raise record_refused(RecordCode.CODE_UNKNOWN, f"byte {where}", f"{number:02X}", known=known) from error


def _property(reader: Reader, service: Service) -> Property:
    offset = reader.offset
    epc, size = reader.take(2)
    found = Property(epc, reader.take(size), offset)
    if not size and service not in MAY_BE_EMPTY:
        raise record_refused(RecordCode.FIELD_INVALID, found.where, 0, rule="an answer with data")
    if size and service is Service.SET_DONE:
        raise record_refused(RecordCode.FIELD_INVALID, found.where, size, rule="no data in what was set")
    return found
