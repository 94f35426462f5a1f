"""COSE_Sign1: one header form, one tag, one length of signature."""

import cbor2
import pytest

from wattmark.core.errors import MalformedInput
from wattmark.metering.cose import EDDSA, ES256, decode_sign1, encode_sign1, protected_header, signed_bytes

KID = b"keyid-01"
SIGNATURE = b"s" * 64


def raw(protected: object, unprotected: object = None, payload: object = b"p", signature: object = SIGNATURE) -> bytes:
    return b"\xd2" + cbor2.dumps([protected, unprotected or {}, payload, signature], canonical=True)


def header(item: object) -> bytes:
    return cbor2.dumps(item, canonical=True)


@pytest.mark.parametrize("alg", [ES256, EDDSA])
def test_round_trip(alg):
    envelope = encode_sign1(protected_header(alg, KID), b"payload", SIGNATURE)
    sign1 = decode_sign1(envelope, 1_000)
    assert (sign1.alg, sign1.kid, sign1.payload, sign1.signature) == (alg, KID, b"payload", SIGNATURE)
    assert encode_sign1(sign1.protected, sign1.payload, sign1.signature) == envelope
    assert cbor2.loads(envelope).tag == 18


def test_signed_bytes_are_the_sig_structure_of_rfc_9052():
    protected = protected_header(ES256, KID)
    assert cbor2.loads(signed_bytes(protected, b"x")) == ["Signature1", protected, b"", b"x"]


@pytest.mark.parametrize(
    ("envelope", "code"),
    [
        (raw(header({1: -7, 4: KID}))[1:], "HEADER_INVALID"),
        (b"\xd1" + raw(header({1: -7, 4: KID}))[1:], "HEADER_INVALID"),
        (raw(header({1: -7})), "HEADER_INVALID"),
        (raw(header({4: KID})), "HEADER_INVALID"),
        (raw(header({1: -7, 4: KID, 5: b"iv"})), "HEADER_INVALID"),
        (raw(header({1: -7, 3: KID})), "HEADER_INVALID"),
        (raw(header({True: -7, 4: KID})), "HEADER_INVALID"),
        (raw(header({1.0: -7, 4: KID})), "HEADER_INVALID"),
        (raw(header({1: -35, 4: KID})), "HEADER_INVALID"),
        (raw(header({1: -7.0, 4: KID})), "HEADER_INVALID"),
        (raw(header({1: -7, 4: "keyid-01"})), "HEADER_INVALID"),
        (raw(header({1: -7, 4: b"kid"})), "HEADER_INVALID"),
        (raw(header([1, -7, 4, KID])), "HEADER_INVALID"),
        (raw(b""), "NOT_CBOR"),
        (raw(b"\xa2\x04\x48keyid-01\x01\x26"), "NOT_DETERMINISTIC"),
        (raw(b"\xa1" * 49), "ENVELOPE_TOO_LONG"),
        (raw({1: -7, 4: KID}), "WRONG_TYPE"),
        (raw(header({1: -7, 4: KID}), {4: KID}), "HEADER_INVALID"),
        (raw(header({1: -7, 4: KID}), payload=None), "WRONG_TYPE"),
        (raw(header({1: -7, 4: KID}), signature=b"s" * 63), "WRONG_TYPE"),
        (raw(header({1: -7, 4: KID}), signature="s" * 64), "WRONG_TYPE"),
        (b"\xd2" + cbor2.dumps([header({1: -7, 4: KID}), {}, b"p"]), "WRONG_TYPE"),
        (b"\xd2\x80", "WRONG_TYPE"),
        (b"\xd2", "NOT_CBOR"),
        (b"", "HEADER_INVALID"),
        (raw(header({1: -7, 4: KID})) + b"\x00", "NOT_DETERMINISTIC"),
        (raw(header({1: -7, 4: KID}), payload=bytes(1_000)), "ENVELOPE_TOO_LONG"),
    ],
)
def test_any_other_form_is_refused(envelope, code):
    with pytest.raises(MalformedInput) as refused:
        decode_sign1(envelope, 1_000)
    assert refused.value.code == code
