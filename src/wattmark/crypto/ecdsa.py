"""ECDSA with SHA-256 on the curves that meters use (OCMF 1.4.1): verification only.

``cryptography`` does the work on every curve it has; secp192k1, which it has not, is done in whole numbers.
192-bit curves are weak by today's measure: what they prove is for the caller's tier to say.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.crypto import secp192k1
from wattmark.crypto.hashing import sha256
from wattmark.crypto.signing import SignatureInvalid

CURVE_UNSUPPORTED: Final = "CURVE_UNSUPPORTED"
"""Code of the refusal where OpenSSL was built without a curve, as some distributions do."""
_KEYS_KEPT: Final = 4_096


@dataclass(frozen=True, slots=True)
class Curve:
    """One named curve.

    Attributes:
        name: as ``cryptography`` spells it.
        oid: object identifier in DER, content only.
        coordinate_bytes: length of x, y, r and s [bytes].
        group: the curve of ``cryptography``, or ``None`` where it has none.
    """

    name: str
    oid: bytes
    coordinate_bytes: int
    group: ec.EllipticCurve | None


CURVES: Final = {
    curve.name: curve
    for curve in (
        Curve("secp192r1", bytes.fromhex("2a8648ce3d030101"), 24, ec.SECP192R1()),
        Curve("secp192k1", bytes.fromhex("2b8104001f"), 24, None),
        Curve("secp256r1", bytes.fromhex("2a8648ce3d030107"), 32, ec.SECP256R1()),
        Curve("secp256k1", bytes.fromhex("2b8104000a"), 32, ec.SECP256K1()),
        Curve("secp384r1", bytes.fromhex("2b81040022"), 48, ec.SECP384R1()),
        Curve("brainpoolP256r1", bytes.fromhex("2b2403030208010107"), 32, ec.BrainpoolP256R1()),
        Curve("brainpoolP384r1", bytes.fromhex("2b240303020801010b"), 48, ec.BrainpoolP384R1()),
    )
}
"""Every curve by name."""


def check_point(curve: Curve, point: bytes) -> None:
    """Check that ``x || y`` is a point of the curve.

    Raises:
        MalformedInput: it is not, or has another length.
    """
    _public(curve.name, point)


def ecdsa_sha256_verify(curve: Curve, point: bytes, message: bytes, r: int, s: int) -> None:
    """Check an ECDSA signature over SHA-256 of a message (SEC 1, 4.1.4).

    Args:
        curve: one of ``CURVES``.
        point: public key, ``x || y`` [2 * coordinate_bytes bytes].
        message: the signed bytes.
        r: first half of the signature.
        s: second half.

    Raises:
        MalformedInput: the key is not a point of the curve.
        SignatureInvalid: the signature does not verify.
    """
    key = _public(curve.name, point)
    if isinstance(key, tuple):
        if not secp192k1.verifies(key, sha256(message), r, s):
            raise _invalid(r, s)
        return
    try:
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except InvalidSignature as error:
        raise _invalid(r, s) from error
    except UnsupportedAlgorithm as error:
        raise _unsupported(curve) from error


@lru_cache(maxsize=_KEYS_KEPT)
def _public(name: str, point: bytes) -> ec.EllipticCurvePublicKey | tuple[int, int]:
    curve = CURVES[name]
    n = curve.coordinate_bytes
    x, y = int.from_bytes(point[:n], "big"), int.from_bytes(point[n:], "big")
    if len(point) != 2 * n:
        raise _malformed(curve, point)
    if curve.group is None:
        if not secp192k1.on_curve((x, y)):
            raise _malformed(curve, point)
        return x, y
    try:
        return ec.EllipticCurvePublicNumbers(x, y, curve.group).public_key()
    except ValueError as error:
        raise _malformed(curve, point) from error
    except UnsupportedAlgorithm as error:
        raise _unsupported(curve) from error


def _malformed(curve: Curve, point: bytes) -> MalformedInput:
    rule = Text(
        en=f"x and y of a point of {curve.name}, {2 * curve.coordinate_bytes} bytes",
        ja=f"{curve.name}上の点のxとy、{2 * curve.coordinate_bytes}バイト",
    )
    return MalformedInput("BAD_PUBLIC_KEY", "public_key", point.hex(), rule)


def _unsupported(curve: Curve) -> MalformedInput:
    rule = Text(en="a curve that this machine's OpenSSL has", ja="このマシンのOpenSSLが対応する曲線であること")
    return MalformedInput(CURVE_UNSUPPORTED, "curve", curve.name, rule)


def _invalid(r: int, s: int) -> SignatureInvalid:
    rule = Text(en="the signature verifies under the key", ja="署名が鍵で検証できること")
    return SignatureInvalid("SIGNATURE_INVALID", "signature", f"r {r:x}, s {s:x}", rule)
