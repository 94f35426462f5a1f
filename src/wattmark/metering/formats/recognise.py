"""Which format a file of readings is in, by its content: the first bytes, never the name.

Recognising is not reading: what looks like a format may still be refused by its reader.
"""

from enum import StrEnum
from typing import Final

from wattmark.metering.formats.devices_json import MAX_MESSAGE_BYTES, maker_of
from wattmark.metering.formats.ocmf_json import json_object
from wattmark.metering.formats.record_refusals import RecordCode, record_refused


class Format(StrEnum):
    """Formats that say themselves what they are; a CSV with a column map does not."""

    OCMF = "ocmf"
    OCMF_CONTAINER = "ocmf-xml"
    DLMS_FRAME = "dlms-hdlc"
    DLMS_CIPHERED = "dlms-glo"
    DLMS_PUSH = "dlms"
    ECHONET = "echonet"
    ERXUDP = "erxudp"
    P1 = "p1"
    NEM12 = "nem12"
    DEVICE_JSON = "device-json"
    PARQUET = "parquet"


_STARTS: Final = (
    (b"PAR1", Format.PARQUET),
    (b"\x10\x81", Format.ECHONET),
    (b"\xdb\x08", Format.DLMS_CIPHERED),
    (b"\x0f", Format.DLMS_PUSH),
)
"""Binary formats, by their first bytes."""
_TEXTS: Final = (
    (b"OCMF|", Format.OCMF),
    (b"ERXUDP ", Format.ERXUDP),
    (b"100,NEM12,", Format.NEM12),
    (b"100,NEM13,", Format.NEM12),
    (b"200,", Format.NEM12),
    (b"250,", Format.NEM12),
    (b"<?xml", Format.OCMF_CONTAINER),
    (b"<values", Format.OCMF_CONTAINER),
)
"""Text formats, by their first letters after white space."""
_FLAG: Final = 0x7E
_HDLC: Final = 0xA0
_TYPE: Final = 0xF0
_PRINTABLE_HEAD: Final = 3
_NEM_FIELDS: Final = 8


def recognise(data: bytes) -> Format:
    """Return the format of a file or message.

    Args:
        data: its bytes, or its first ones; JSON must be whole.

    Raises:
        ReadingsMalformed: ``FORMAT_UNKNOWN``.
    """
    for start, found in _STARTS:
        if data.startswith(start):
            return found
    frame = data.lstrip(bytes((_FLAG,)))[:1]
    if frame and frame[0] & _TYPE == _HDLC and data[:1] in (frame, bytes((_FLAG,))):
        return Format.DLMS_FRAME
    text = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    for start, found in _TEXTS:
        if text.startswith(start) and (found is not Format.NEM12 or _is_nem(text)):
            return found
    if _is_telegram(text):
        return Format.P1
    if text.startswith(b"{") and len(data) <= MAX_MESSAGE_BYTES:
        maker_of(json_object(data, "message"))
        return Format.DEVICE_JSON
    raise record_refused(RecordCode.FORMAT_UNKNOWN, "byte 0", data[:16].hex(), known=[one.value for one in Format])


def _is_nem(text: bytes) -> bool:
    """A row of numbers in some CSV may begin like a channel of a NEM12 file without a header; it has not its fields."""
    line = text.split(b"\n", 1)[0]
    return line.startswith(b"100,") or line.count(b",") >= _NEM_FIELDS


def _is_telegram(text: bytes) -> bool:
    return text.startswith(b"/") and text[1 : 1 + _PRINTABLE_HEAD].isalnum() and b"\r\n\r\n" in text[:128]
