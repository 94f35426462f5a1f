"""COSE_Sign1 (RFC 9052, 4.2) in the only form accepted.

Tag 18, protected header exactly ``{1: alg, 4: kid}``, empty unprotected header, attached payload, empty
external data.

A leaf and a day are arrays of different length, so a signature of one is never one of the other.
ECDSA signatures are malleable: an envelope is identified by the hash of its payload, never by its own bytes.
"""

from dataclasses import dataclass
from typing import Any, Final

from wattmark.core.encoding import cbor_encode
from wattmark.metering.decode import KID_BYTES, exact_list, strict_item
from wattmark.metering.errors import Code, refusal

ES256: Final = -7
"""ECDSA on P-256 with SHA-256; mandatory (RFC 9053, 2.1)."""
EDDSA: Final = -8
"""Ed25519; optional (RFC 9053, 2.2)."""
ALGORITHMS: Final = (ES256, EDDSA)
SIGNATURE_BYTES: Final = 64
"""Both algorithms sign with 64 bytes; ES256 as raw r || s."""
TAG_18: Final = b"\xd2"
"""First byte of a COSE_Sign1."""
_LABEL_ALG: Final = 1
_LABEL_KID: Final = 4
_MAX_HEADER_BYTES: Final = 48


@dataclass(frozen=True, slots=True)
class Sign1:
    """A parsed COSE_Sign1 whose signature has not been checked.

    Attributes:
        alg: -7 or -8.
        kid: key id.
        protected: the header's bytes, as signed.
        payload: the payload's bytes, as signed.
        signature: 64 bytes.
    """

    alg: int
    kid: bytes
    protected: bytes
    payload: bytes
    signature: bytes

    def signed_bytes(self) -> bytes:
        """Return the Sig_structure the signature covers (RFC 9052, 4.4)."""
        return signed_bytes(self.protected, self.payload)


def protected_header(alg: int, kid: bytes) -> bytes:
    """Return the bytes of ``{1: alg, 4: kid}``."""
    return cbor_encode({_LABEL_ALG: alg, _LABEL_KID: kid})


def signed_bytes(protected: bytes, payload: bytes) -> bytes:
    """Return the deterministic Sig_structure (RFC 9052, 4.4)."""
    return cbor_encode(["Signature1", protected, b"", payload])


def encode_sign1(protected: bytes, payload: bytes, signature: bytes) -> bytes:
    """Return the tagged COSE_Sign1."""
    return TAG_18 + cbor_encode([protected, {}, payload, signature])


def decode_sign1(data: bytes, limit: int) -> Sign1:
    """Return the parts of a COSE_Sign1; the signature is the caller's to check.

    Args:
        data: what was received.
        limit: size limit [bytes].

    Raises:
        EnvelopeMalformed: ``ENVELOPE_TOO_LONG``, ``NOT_CBOR``, ``NOT_DETERMINISTIC``, ``WRONG_TYPE`` or
            ``HEADER_INVALID``.
    """
    if len(data) > limit:
        raise refusal(Code.ENVELOPE_TOO_LONG, len(data), limit=limit)
    if data[:1] != TAG_18:
        raise refusal(Code.HEADER_INVALID, data[:1].hex(), field="tag")
    protected, unprotected, payload, signature = exact_list(strict_item(data[1:], limit), "sign1", 4)
    for field, value in (("protected", protected), ("payload", payload), ("signature", signature)):
        if type(value) is not bytes:
            raise refusal(Code.WRONG_TYPE, value, field=field, shape="bytes")
    if len(signature) != SIGNATURE_BYTES:
        raise refusal(Code.WRONG_TYPE, len(signature), field="signature", shape=f"{SIGNATURE_BYTES} bytes")
    if type(unprotected) is not dict or unprotected:
        raise refusal(Code.HEADER_INVALID, unprotected, field="unprotected")
    alg, kid = _header(strict_item(protected, _MAX_HEADER_BYTES), protected)
    return Sign1(alg, kid, protected, payload, signature)


def _header(item: Any, protected: bytes) -> tuple[int, bytes]:  # noqa: ANN401 - any CBOR item
    """Return (alg, kid) of a header that holds nothing else."""
    if type(item) is dict and len(item) == 2 and all(type(label) is int for label in item):
        alg, kid = item.get(_LABEL_ALG), item.get(_LABEL_KID)
        shortest, longest = KID_BYTES
        if type(alg) is int and alg in ALGORITHMS and type(kid) is bytes and shortest <= len(kid) <= longest:
            return alg, kid
    raise refusal(Code.HEADER_INVALID, protected.hex())
