"""ECDSA on meters' curves: OpenSSL's and ours say the same of each other's work."""

import pytest

from wattmark.core.errors import MalformedInput
from wattmark.crypto import secp192k1
from wattmark.crypto.ecdsa import CURVES, ecdsa_sha256_verify
from wattmark.crypto.hashing import sha256
from wattmark.crypto.signing import SignatureInvalid
from wattmark.testing.ocmf import OcmfSigner

OURS = CURVES["secp192k1"]


def times(scalar: int) -> secp192k1.Point:
    total, power = None, secp192k1.GENERATOR
    while scalar:
        if scalar & 1:
            total = secp192k1.add(total, power)
        power, scalar = secp192k1.add(power, power), scalar >> 1
    return total


def signature(secret: int, message: bytes, nonce: int) -> tuple[int, int]:
    """A textbook signer (SEC 1, 4.1.3) for a curve nobody else here signs on."""
    point = times(nonce)
    assert point is not None
    r = point[0] % secp192k1.ORDER
    digest = int.from_bytes(sha256(message)[:24], "big")
    return r, pow(nonce, -1, secp192k1.ORDER) * (digest + r * secret) % secp192k1.ORDER


def public(secret: int) -> bytes:
    point = times(secret)
    assert point is not None
    return b"".join(number.to_bytes(24, "big") for number in point)


def test_the_curve() -> None:
    assert secp192k1.on_curve(secp192k1.GENERATOR)
    assert times(secp192k1.ORDER) is None
    assert times(secp192k1.ORDER + 1) == secp192k1.GENERATOR
    two, three = times(2), times(3)
    assert two is not None
    assert three is not None
    assert secp192k1.on_curve(three)
    assert secp192k1.add(two, secp192k1.GENERATOR) == three
    assert secp192k1.add(two, (two[0], -two[1] % secp192k1.FIELD)) is None


@pytest.mark.parametrize("secret", [1, 2, 77, secp192k1.ORDER - 1])
def test_what_a_textbook_signs(secret: int) -> None:
    r, s = signature(secret, b"reading", 1_000_003)
    ecdsa_sha256_verify(OURS, public(secret), b"reading", r, s)
    ecdsa_sha256_verify(OURS, public(secret), b"reading", r, secp192k1.ORDER - s)  # ECDSA is malleable
    for wrong in [(r, s + 1), (r + 1, s), (0, s), (r, 0), (r + secp192k1.ORDER, s), (r, s + secp192k1.ORDER)]:
        with pytest.raises(SignatureInvalid):
            ecdsa_sha256_verify(OURS, public(secret), b"reading", *wrong)
    with pytest.raises(SignatureInvalid):
        ecdsa_sha256_verify(OURS, public(secret), b"readinG", r, s)


@pytest.mark.parametrize("curve", [name for name, curve in CURVES.items() if curve.group is not None])
def test_what_openssl_signs(curve: str) -> None:
    signer = OcmfSigner(curve)
    r, s = signer.halves("reading")
    ecdsa_sha256_verify(signer.curve, signer.key.point, b"reading", r, s)
    for wrong in [(r, s + 1), (r, 0), (0, s)]:
        with pytest.raises(SignatureInvalid):
            ecdsa_sha256_verify(signer.curve, signer.key.point, b"reading", *wrong)


@pytest.mark.parametrize("curve", CURVES)
def test_a_point_beside_the_curve(curve: str) -> None:
    size = CURVES[curve].coordinate_bytes
    for point in (bytes(2 * size), b"\x01" * (2 * size), b"\xff" * (2 * size), bytes(5), b""):
        with pytest.raises(MalformedInput, match="BAD_PUBLIC_KEY"):
            ecdsa_sha256_verify(CURVES[curve], point, b"", 1, 1)
