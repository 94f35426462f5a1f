"""Records and frames of meters: refused, or read as the value they were signed, authenticated or checked as."""

from contextlib import ExitStack
from pathlib import Path

from fuzz.running import Target
from wattmark.core.errors import NotAuthorised, Refused, RuleViolated, UnknownReference
from wattmark.metering.errors import ReadingsMalformed
from wattmark.metering.formats.dlms import DlmsPush, open_push, read_frame, read_push
from wattmark.metering.formats.dlms_axdr import decode
from wattmark.metering.formats.dlms_hdlc import check_sequence
from wattmark.metering.formats.ocmf import OcmfRecord, read_ocmf
from wattmark.metering.formats.ocmf_container import read_container
from wattmark.metering.formats.ocmf_signature import read_key
from wattmark.testing.dlms import KEYS, PUSH, TITLE, glo, hdlc, notification, register
from wattmark.testing.ocmf import FISCAL, OcmfSigner

SIGNER = OcmfSigner()
RECORD = SIGNER.record()
TRUE = read_ocmf(RECORD, SIGNER.key)
CONTAINER = b'<?xml version="1.0"?><values><value context="End"><signedData format="OCMF">%s</signedData>'
CONTAINER = (
    CONTAINER % RECORD + b'<publicKey encoding="hex">%s</publicKey></value></values>' % SIGNER.info.hex().encode()
)
PUSHES = [PUSH, notification(register(1, 2**32 - 1, -9), b"\x02\x02\x09\x06\0\0\x60\x01\0\xff\x0a\x02m1")]
FRAMES = [hdlc(PUSH), hdlc(PUSH, segments=3)]
CIPHERED = [glo(PUSH, 7), glo(PUSH, 8, control=0x10)]
REFUSALS = (ReadingsMalformed, NotAuthorised, RuleViolated, UnknownReference)


def signed(data: bytes) -> OcmfRecord:
    """No damage gives another record than the one that was signed."""
    found = read_ocmf(data, SIGNER.key)
    assert found == TRUE
    return found


def resigned(data: bytes) -> OcmfRecord:
    """Past the signature: whatever the meter signs is refused or read."""
    try:
        payload = data.decode()
    except UnicodeDecodeError:
        payload = data.decode("latin-1")
    found = read_ocmf(SIGNER.record(payload), SIGNER.key)
    assert found.payload == payload.encode()
    return found


def contained(data: bytes) -> list[OcmfRecord]:
    found = []
    for value in read_container(data):
        try:
            found.append(read_ocmf(value.data, SIGNER.key))
        except Refused:
            continue
    assert all(record == TRUE for record in found)
    return found


def framed(data: bytes) -> bytes:
    """Sixteen bits of check let one in 65,536 through; what is let through is one message, or refused as one."""
    return read_frame(data)


def with_check(data: bytearray) -> bytes:
    """Make the last frame's check right."""
    body = bytes(data).strip(b"\x7e")[:-2]
    return body + check_sequence(body).to_bytes(2, "little")


def ciphered(data: bytes) -> DlmsPush:
    found = open_push(data, {TITLE: KEYS}, {})
    assert found.payload == PUSH
    return found


def authenticated(data: bytes) -> DlmsPush:
    """Past the tag: whatever the meter sends is refused or read."""
    found = open_push(glo(data, 1), {TITLE: KEYS}, {})
    assert found.payload == data
    return found


def targets(folder: Path, stack: ExitStack) -> list[Target]:
    del folder, stack
    der = OcmfSigner("secp384r1")
    keys = [SIGNER.info.hex().encode(), der.info.hex(" ").encode()]
    return [
        Target(
            "OCMF", "records", [RECORD, SIGNER.record(form="raw", encoding="base64")], signed, REFUSALS, runs=10_000
        ),
        Target("OCMF payload", "records", [FISCAL.encode()], resigned, REFUSALS, runs=10_000),
        Target("OCMF container", "records", [CONTAINER], contained, REFUSALS, runs=10_000),
        Target("OCMF key", "records", keys, lambda data: read_key(data.decode("latin-1")), REFUSALS, runs=10_000),
        Target("DLMS frame", "records", FRAMES, framed, REFUSALS, fix=with_check, runs=10_000),
        Target("DLMS ciphered", "records", CIPHERED, ciphered, REFUSALS, runs=10_000),
        Target("DLMS push, authenticated", "records", PUSHES, authenticated, REFUSALS, runs=10_000),
        Target("DLMS push", "records", PUSHES, read_push, REFUSALS, runs=10_000),
        Target("A-XDR", "records", [push[18:] for push in PUSHES], decode, REFUSALS, runs=10_000),
    ]
