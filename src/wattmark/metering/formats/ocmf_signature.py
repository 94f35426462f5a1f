"""Signatures and keys of OCMF in the spellings found in the field, all read into (curve, point, r, s).

Signatures: hex or base64; DER, also with integers that lack their sign byte; or plain ``r || s``. Keys:
SubjectPublicKeyInfo, ``04 || x || y`` or plain ``x || y``; hex or base64, spaces between.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

from wattmark.core.errors import MalformedInput
from wattmark.crypto.ecdsa import CURVE_UNSUPPORTED, CURVES, Curve, check_point
from wattmark.metering.formats.ocmf_json import json_object
from wattmark.metering.formats.record_refusals import RecordCode, record_refused

DEFAULT_ALGORITHM: Final = "ECDSA-secp256r1-SHA256"
ALGORITHMS: Final = {f"ECDSA-{name}-SHA256": curve for name, curve in CURVES.items()} | {
    f"ECDSA-{name.replace('P', '')}-SHA256": curve for name, curve in CURVES.items() if name.startswith("brainpool")
}
"""``SA`` -> curve; the brainpool curves as in the standard (without P) and as in the field."""
MIME: Final = "application/x-der"
SIGNATURE_FIELDS: Final = frozenset({"SA", "SE", "SM", "SD"})
ENCODINGS: Final = ("hex", "base64")
MAX_KEY_CHARS: Final = 2_048

_EC_PUBLIC_KEY: Final = bytes.fromhex("2a8648ce3d0201")
_SEQUENCE, _INTEGER, _BITS, _OBJECT = 0x30, 0x02, 0x03, 0x06
_LONG: Final = 0x80
_LONG_ONE: Final = 0x81
_UNCOMPRESSED: Final = 4
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+", re.ASCII)
_WHERE: Final = "signature"


@dataclass(frozen=True, slots=True)
class OcmfKey:
    """A registered public key.

    Attributes:
        curve: name of its curve.
        point: ``x || y``.
    """

    curve: str
    point: bytes


@dataclass(frozen=True, slots=True)
class OcmfSignature:
    """The signature section.

    Attributes:
        curve: the curve ``SA`` names.
        r: first half.
        s: second half.
        text: ``SD`` as received.
    """

    curve: Curve
    r: int
    s: int
    text: str


def read_signature(section: bytes) -> OcmfSignature:
    """Return the signature of the third section.

    Raises:
        ReadingsMalformed: ``NOT_JSON``, ``FIELD_UNKNOWN``, ``FIELD_MISSING``, ``CODE_UNKNOWN`` or
            ``SIGNATURE_UNREADABLE``.
    """
    fields = json_object(section, _WHERE)
    for name, value in fields.items():
        if name not in SIGNATURE_FIELDS:
            raise record_refused(RecordCode.FIELD_UNKNOWN, f"{_WHERE}, {name}", value, known=sorted(SIGNATURE_FIELDS))
        if type(value) is not str:
            raise record_refused(RecordCode.FIELD_INVALID, f"{_WHERE}, {name}", value, rule="a text")
    algorithm = fields.get("SA", DEFAULT_ALGORITHM)
    if algorithm not in ALGORITHMS:
        raise record_refused(RecordCode.CODE_UNKNOWN, f"{_WHERE}, SA", algorithm, known=sorted(ALGORITHMS))
    encoding = fields.get("SE", ENCODINGS[0])
    if encoding not in ENCODINGS:
        raise record_refused(RecordCode.CODE_UNKNOWN, f"{_WHERE}, SE", encoding, known=ENCODINGS)
    if fields.get("SM", MIME) != MIME:
        raise record_refused(RecordCode.CODE_UNKNOWN, f"{_WHERE}, SM", fields["SM"], known=[MIME])
    if "SD" not in fields:
        raise record_refused(RecordCode.FIELD_MISSING, f"{_WHERE}, SD", None)
    curve, text = ALGORITHMS[algorithm], fields["SD"]
    data = _bytes_of(text, encoding)
    halves = None if data is None else _halves(data, curve.coordinate_bytes)
    if halves is None:
        raise record_refused(RecordCode.SIGNATURE_UNREADABLE, f"{_WHERE}, SD", text, count=2 * curve.coordinate_bytes)
    return OcmfSignature(curve, *halves, text)


def read_key(text: str, curve: Curve | None = None) -> OcmfKey:
    """Return a public key from its text.

    Args:
        text: hex or base64; white space is ignored.
        curve: the curve, where the key does not say it: plain ``x || y``.

    Raises:
        ReadingsMalformed: ``KEY_MISSING``, ``KEY_UNREADABLE`` or ``KEY_OF_ANOTHER_CURVE``.
        MalformedInput: ``CURVE_UNSUPPORTED``, this machine's OpenSSL was built without the curve.
    """
    plain = "".join(text.split()) if len(text) <= MAX_KEY_CHARS else text
    if not plain:
        raise record_refused(RecordCode.KEY_MISSING, "public key", text)
    data = None
    if len(plain) <= MAX_KEY_CHARS:
        data = _bytes_of(plain, "hex" if _HEX.fullmatch(plain) else "base64")
    key = None if data is None else _key_of(data, curve)
    if key is None:
        raise record_refused(RecordCode.KEY_UNREADABLE, "public key", text)
    if curve is not None and key.curve != curve.name:
        raise record_refused(RecordCode.KEY_OF_ANOTHER_CURVE, "public key", key.curve, curve=curve.name)
    try:
        check_point(CURVES[key.curve], key.point)
    except MalformedInput as error:
        if error.code == CURVE_UNSUPPORTED:
            raise
        raise record_refused(RecordCode.KEY_UNREADABLE, "public key", text) from error
    return key


def _bytes_of(text: str, encoding: str) -> bytes | None:
    if encoding == "hex":
        return bytes.fromhex(text) if _HEX.fullmatch(text) else None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _halves(data: bytes, size: int) -> tuple[int, int] | None:
    """DER first: plain halves that happen to be DER of just their length do not occur."""
    if (body := _only(data, _SEQUENCE)) is not None:
        first = _item(body, _INTEGER)
        second = None if first is None else _only(first[1], _INTEGER)
        if first is not None and second is not None and 0 < len(first[0]) <= size + 1 and 0 < len(second) <= size + 1:
            return int.from_bytes(first[0], "big"), int.from_bytes(second, "big")
    if len(data) == 2 * size:
        return int.from_bytes(data[:size], "big"), int.from_bytes(data[size:], "big")
    return None


def _key_of(data: bytes, curve: Curve | None) -> OcmfKey | None:
    if (info := _only(data, _SEQUENCE)) is not None:
        algorithm = _item(info, _SEQUENCE)
        bits = None if algorithm is None else _only(algorithm[1], _BITS)
        kind = None if algorithm is None else _item(algorithm[0], _OBJECT)
        oid = None if kind is None else _only(kind[1], _OBJECT)
        named = next((found for found in CURVES.values() if found.oid == oid), None)
        if named is not None and kind is not None and kind[0] == _EC_PUBLIC_KEY and bits is not None:
            head = bytes((0, _UNCOMPRESSED))
            if bits.startswith(head) and len(bits) == len(head) + 2 * named.coordinate_bytes:
                return OcmfKey(named.name, bits[len(head) :])
    if curve is None:
        return None
    whole = 2 * curve.coordinate_bytes
    if len(data) == whole + 1 and data[0] == _UNCOMPRESSED:
        data = data[1:]
    return OcmfKey(curve.name, data) if len(data) == whole else None


def _item(data: bytes, tag: int) -> tuple[bytes, bytes] | None:
    """Return content and rest of the DER item at the start, if it has this tag and a fitting, shortest length."""
    if len(data) < 2 or data[0] != tag:
        return None
    start, length = 2, data[1]
    if length == _LONG_ONE and len(data) > start and data[start] >= _LONG:
        start, length = start + 1, data[start]
    elif length >= _LONG:
        return None
    return (data[start : start + length], data[start + length :]) if len(data) >= start + length else None


def _only(data: bytes, tag: int) -> bytes | None:
    found = _item(data, tag)
    return found[0] if found is not None and not found[1] else None
