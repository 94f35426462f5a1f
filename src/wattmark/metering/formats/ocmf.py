"""OCMF 1.4.1: ``OCMF|payload|signature``, the signed readings of charging stations and of meters like them.

Verification, in this order; the code of a refusal is the first step that fails:

1. size, and exactly three sections;
2. the signature section is understood: curve, r, s;
3. the key is on that curve;
4. the signature fits the payload's bytes as received, white space included;
5. only then the payload is read.

Keys travel apart from records: a key found beside one (``ocmf_container``) is a claim that the caller compares
with the key that was registered.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from wattmark.crypto.ecdsa import CURVES, ecdsa_sha256_verify
from wattmark.crypto.hashing import sha256
from wattmark.crypto.signing import SignatureInvalid
from wattmark.metering.decode import MAX_COUNTER
from wattmark.metering.errors import Code, refusal
from wattmark.metering.formats.ocmf_json import Number, json_object
from wattmark.metering.formats.ocmf_readings import VENDOR, OcmfReading, read_readings
from wattmark.metering.formats.ocmf_signature import OcmfKey, OcmfSignature, read_key, read_signature
from wattmark.metering.formats.record_refusals import RecordCode, record_refused
from wattmark.metering.formats.refusals import ReadingCode, refused

MAX_RECORD_BYTES: Final = 65_536
"""Longest record; one with 256 readings fits [bytes]."""
VERSIONS: Final = ("1.0", "1.1", "1.2", "1.3", "1.4")
FIELDS: Final = frozenset(
    {
        "FV",
        "GI",
        "GS",
        "GV",
        "PG",
        "MV",
        "MM",
        "MS",
        "MF",
        "IS",
        "IL",
        "IF",
        "IT",
        "ID",
        "TT",
        "CF",
        "LC",
        "CT",
        "CI",
        "RD",
    }
)
"""Names of a payload; those that start with U..Z are the maker's own besides."""
TRANSACTION: Final = "T"
FISCAL: Final = "F"
_HEAD: Final = b"OCMF"
_SECTIONS: Final = 3
_MAX_SERIAL_CHARS: Final = 64
_PAGING: Final = re.compile(r"([TF])(\d{1,16})", re.ASCII)


@dataclass(frozen=True, slots=True)
class OcmfRecord:
    """One verified record.

    Attributes:
        payload: the signed bytes: the evidence.
        payload_hash: SHA-256 of them; names the record, for ECDSA signatures are malleable.
        key: the key it was verified with.
        version: ``FV``.
        gateway_serial: ``GS``.
        meter_serial: ``MS``.
        counter: ``T`` transaction or ``F`` fiscal: the letter of ``PG``.
        page: number of the record under that letter.
        readings: what was read.
        vendor: signed names that start with U..Z, with their JSON values; numbers as written.
    """

    payload: bytes
    payload_hash: bytes
    key: OcmfKey
    version: str
    gateway_serial: str
    meter_serial: str
    counter: str
    page: int
    readings: tuple[OcmfReading, ...]
    vendor: tuple[tuple[str, object], ...]

    @property
    def meter(self) -> str:
        """Return the serial that names the meter: its own, else the gateway's."""
        return self.meter_serial or self.gateway_serial

    @property
    def minting(self) -> tuple[OcmfReading, ...]:
        """Return the readings a token may rest on; none in a transaction record whose register is its own."""
        return tuple(reading for reading in self.readings if reading.mints)


def read_ocmf(record: bytes, key: OcmfKey | str) -> OcmfRecord:
    """Verify one record and return what it says.

    Args:
        record: as received; white space around it is ignored.
        key: the registered key; as text (``read_key``) where only x and y are known, on the record's curve.

    Raises:
        ReadingsMalformed: the record or the key cannot be read; no value of it may be used.
        SignerRefused: ``SIGNATURE_INVALID``.
    """
    payload, section = split(record)
    signature = read_signature(section)
    if isinstance(key, str):
        key = read_key(key, signature.curve)
    if key.curve != signature.curve.name:
        raise record_refused(RecordCode.KEY_OF_ANOTHER_CURVE, "public key", key.curve, curve=signature.curve.name)
    _verify(payload, signature, key)
    return _record(payload, key)


def split(record: bytes) -> tuple[bytes, bytes]:
    """Return payload and signature section of a record, as received.

    Raises:
        ReadingsMalformed: ``RECORD_TOO_LONG`` or ``NOT_OCMF``.
    """
    if len(record) > MAX_RECORD_BYTES:
        raise record_refused(RecordCode.RECORD_TOO_LONG, "record", f"{len(record)} bytes", limit=MAX_RECORD_BYTES)
    sections = record.strip().split(b"|")
    if len(sections) != _SECTIONS or sections[0] != _HEAD:
        raise record_refused(RecordCode.NOT_OCMF, "record", record[:80])
    return sections[1], sections[2]


def _verify(payload: bytes, signature: OcmfSignature, key: OcmfKey) -> None:
    try:
        ecdsa_sha256_verify(CURVES[key.curve], key.point, payload, signature.r, signature.s)
    except SignatureInvalid as error:
        raise refusal(Code.SIGNATURE_INVALID, signature.text, field="signature, SD") from error


def _record(payload: bytes, key: OcmfKey) -> OcmfRecord:
    fields = json_object(payload, "payload")
    for name, value in fields.items():
        if name not in FIELDS and name[:1] not in VENDOR:
            raise record_refused(RecordCode.FIELD_UNKNOWN, f"payload, {name}", value, known=sorted(FIELDS))
    version = fields.get("FV")
    if version not in VERSIONS:
        raise record_refused(RecordCode.CODE_UNKNOWN, "payload, FV", version, known=VERSIONS)
    counter, page = _paging(fields)
    gateway, meter = _serial(fields, "GS"), _serial(fields, "MS")
    if not gateway and not meter:
        raise refused(ReadingCode.METER_INVALID, "payload, MS", meter)
    return OcmfRecord(
        payload=payload,
        payload_hash=sha256(payload),
        key=key,
        version=str(version),
        gateway_serial=gateway,
        meter_serial=meter,
        counter=counter,
        page=page,
        readings=read_readings(fields.get("RD")),
        vendor=tuple((name, value) for name, value in fields.items() if name[:1] in VENDOR),
    )


def _paging(fields: Mapping[str, Any]) -> tuple[str, int]:
    value = fields.get("PG")
    match = _PAGING.fullmatch(value) if type(value) is str else None
    if match is None or int(match[2]) > MAX_COUNTER:
        raise record_refused(RecordCode.FIELD_INVALID, "payload, PG", value, rule="T or F and a number")
    return match[1], int(match[2])


def _serial(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if (
        not isinstance(value, str)
        or isinstance(value, Number)
        or len(value) > _MAX_SERIAL_CHARS
        or not value.isprintable()
    ):
        raise refused(ReadingCode.METER_INVALID, f"payload, {name}", value)
    return value
