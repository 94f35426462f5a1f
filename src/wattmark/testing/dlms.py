"""DLMS pushes of our own making: lists, frames and ciphered messages, for tests and fuzzing."""

from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from wattmark.metering.formats.dlms_cipher import AUTHENTICATED, BROADCAST, ENCRYPTED, GLO, TAG_BYTES, GloKeys
from wattmark.metering.formats.dlms_hdlc import check_sequence

TITLE: Final = bytes.fromhex("574d4b0000000001")
KEYS: Final = GloKeys(bytes(range(16)), bytes(range(0x40, 0x50)), bytes(range(0x80, 0x90)))
TIME: Final = bytes.fromhex("07ea0401030900 00 00 fde4 00")
"""2026-04-01 09:00:00 in Japan, that is 00:00 UTC: deviation -540 minutes, a clock without doubts."""
TIME_UTC_S: Final = 1_775_001_600
_LONG: Final = 0x80
_BYTE: Final = 0x100


def length(count: int) -> bytes:
    """Return a length in its shortest form."""
    if count < _LONG:
        return bytes((count,))
    return bytes((0x81, count)) if count < _BYTE else b"\x82" + count.to_bytes(2, "big")


def register(c: int, raw: int, scaler: int = 0, unit: int = 30) -> bytes:
    """Return ``{obis 1-0:c.8.0, u32, {scaler, unit}}``."""
    obis = bytes((9, 6, 1, 0, c, 8, 0, 0xFF))
    scale = bytes((2, 2, 15)) + scaler.to_bytes(1, "big", signed=True) + bytes((22, unit))
    return b"\x02\x03" + obis + b"\x06" + raw.to_bytes(4, "big") + scale


def notification(*items: bytes, time: bytes = TIME) -> bytes:
    """Return a DataNotification of an array of items."""
    head = bytes((len(time),)) + time
    return b"\x0f\x40\x00\x00\x01" + head + b"\x01" + length(len(items)) + b"".join(items)


PUSH: Final = notification(register(1, 123_456), register(2, 7_890, 1))
"""Import 123,456 Wh, export 78,900 Wh."""


def glo(
    plaintext: bytes,
    counter: int,
    *,
    keys: GloKeys = KEYS,
    title: bytes = TITLE,
    control: int = AUTHENTICATED | ENCRYPTED,
) -> bytes:
    """Return a general-glo-ciphering message.

    Args:
        plaintext: what to protect.
        counter: invocation counter.
        keys: keys of the sender.
        title: its system title.
        control: security control byte; without ``ENCRYPTED`` the plaintext stays readable.
    """
    key = keys.broadcast if control & BROADCAST and keys.broadcast else keys.unicast
    count = counter.to_bytes(4, "big")
    encryptor = Cipher(AES(key), GCM(title + count)).encryptor()
    associated = bytes((control,)) + keys.authentication
    enciphered = bool(control & ENCRYPTED)
    encryptor.authenticate_additional_data(associated if enciphered else associated + plaintext)
    text = encryptor.update(plaintext if enciphered else b"") + encryptor.finalize()
    body = bytes((control,)) + count + (text if enciphered else plaintext) + encryptor.tag[:TAG_BYTES]
    return bytes((GLO, len(title))) + title + length(len(body)) + body


def hdlc(message: bytes, *, segments: int = 1) -> bytes:
    """Return HDLC frames with flags that carry a message behind an LLC header."""
    whole = b"\xe6\xe7\x00" + message
    size = -(-len(whole) // segments)
    frames = []
    for number in range(segments):
        part = whole[number * size : (number + 1) * size]
        head = 0xA000 | (0x0800 if number < segments - 1 else 0) | len(part) + 10
        start = head.to_bytes(2, "big") + b"\x41\x08\x83\x13"
        start += check_sequence(start).to_bytes(2, "little") + part
        frames.append(b"\x7e" + start + check_sequence(start).to_bytes(2, "little") + b"\x7e")
    return b"".join(frames)
