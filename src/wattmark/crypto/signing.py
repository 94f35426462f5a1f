"""Signatures: Ed25519 (RFC 8032) through PyNaCl, ES256 (RFC 7518 3.4, RFC 9053 2.1) and ML-DSA-44 (FIPS 204) through cryptography.

Keys are made from 32 random bytes the caller draws. Ed25519 and ES256 (RFC 6979) sign the same each time; ML-DSA-44 adds
randomness of its own against faults (FIPS 204 3.4, hedged), so that two signatures of one message differ. A verification raises; it never returns a truth value. Batch and single Ed25519
verification can disagree on crafted signatures, so there is one path and one pinned library.
"""

from functools import lru_cache
from typing import Final

import nacl.exceptions
import nacl.signing
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from wattmark.core.errors import MalformedInput, Refused
from wattmark.core.text import Text

SEED_BYTES: Final = 32
"""Length of the secret seed of every kind of key [bytes]."""
SIGNATURE_BYTES: Final = 64
"""Length of an Ed25519 signature and of a raw ES256 ``r || s`` [bytes]."""
ED25519_PUBLIC_BYTES: Final = 32
"""Length of an Ed25519 public key [bytes]."""
ES256_PUBLIC_BYTES: Final = 65
"""Length of an uncompressed P-256 point, ``0x04 || x || y`` (SEC 1, 2.3.3) [bytes]."""
MLDSA44_PUBLIC_BYTES: Final = 1_312
"""Length of an ML-DSA-44 public key (FIPS 204, table 2) [bytes]."""
MLDSA44_SIGNATURE_BYTES: Final = 2_420
"""Length of an ML-DSA-44 signature (FIPS 204, table 2) [bytes]."""
KEYS_KEPT: Final = 4_096
"""Parsed ES256 public keys kept, so that a meter's key is checked to lie on the curve once."""

_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SCALAR_BYTES: Final = 32


class SignatureInvalid(Refused):
    """A signature does not verify under the key it is said to be made with."""


def ed25519_public_key(seed: bytes) -> bytes:
    """Return the public key of a 32-byte seed [32 bytes].

    Raises:
        MalformedInput: the seed has another length.
    """
    return bytes(nacl.signing.SigningKey(_checked_seed(seed)).verify_key)


def ed25519_sign(seed: bytes, message: bytes) -> bytes:
    """Return the Ed25519 signature of ``message`` [64 bytes].

    Raises:
        MalformedInput: the seed has another length than 32 bytes.
    """
    return bytes(nacl.signing.SigningKey(_checked_seed(seed)).sign(message).signature)


def ed25519_verify(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Check an Ed25519 signature; libsodium also refuses low-order points and a non-canonical S.

    Raises:
        MalformedInput: the key is not 32 bytes.
        SignatureInvalid: the signature does not verify.
    """
    if len(public_key) != ED25519_PUBLIC_BYTES:
        raise _malformed_key(public_key, Text(en="an Ed25519 key of 32 bytes", ja="32バイトのEd25519公開鍵"))
    if len(signature) != SIGNATURE_BYTES:
        raise _invalid(signature)
    try:
        nacl.signing.VerifyKey(public_key).verify(message, signature)
    except (nacl.exceptions.BadSignatureError, nacl.exceptions.ValueError) as error:
        raise _invalid(signature) from error


def es256_public_key(seed: bytes) -> bytes:
    """Return the public point of a 32-byte seed, uncompressed [65 bytes].

    Raises:
        MalformedInput: the seed has another length.
    """
    public = _es256_private(seed).public_key()
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def es256_sign(seed: bytes, message: bytes) -> bytes:
    """Return the raw ``r || s`` signature of ``message``, the same each time (RFC 6979) [64 bytes].

    Raises:
        MalformedInput: the seed has another length than 32 bytes.
    """
    der = _es256_private(seed).sign(message, ec.ECDSA(SHA256(), deterministic_signing=True))
    r, s = decode_dss_signature(der)
    return r.to_bytes(_SCALAR_BYTES, "big") + s.to_bytes(_SCALAR_BYTES, "big")


def es256_verify(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Check a raw ``r || s`` signature over P-256 and SHA-256.

    Raises:
        MalformedInput: the key is not an uncompressed point on the curve.
        SignatureInvalid: the signature does not verify.
    """
    key = _es256_public(public_key)
    if len(signature) != SIGNATURE_BYTES:
        raise _invalid(signature)
    r = int.from_bytes(signature[:_SCALAR_BYTES], "big")
    s = int.from_bytes(signature[_SCALAR_BYTES:], "big")
    try:
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except InvalidSignature as error:
        raise _invalid(signature) from error


@lru_cache(maxsize=KEYS_KEPT)
def mldsa44_public_key(seed: bytes) -> bytes:
    """Return the public key of a 32-byte seed [1,312 bytes].

    Raises:
        MalformedInput: the seed has another length.
    """
    return MLDSA44PrivateKey.from_seed_bytes(_checked_seed(seed)).public_key().public_bytes_raw()


def mldsa44_sign(seed: bytes, message: bytes) -> bytes:
    """Return an ML-DSA-44 signature of ``message``, without a context, another one each time [2,420 bytes].

    Raises:
        MalformedInput: the seed has another length than 32 bytes.
    """
    return MLDSA44PrivateKey.from_seed_bytes(_checked_seed(seed)).sign(message)


def mldsa44_verify(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Check an ML-DSA-44 signature without a context (FIPS 204 5.3).

    Raises:
        MalformedInput: the key is not 1,312 bytes.
        SignatureInvalid: the signature does not verify.
    """
    if len(public_key) != MLDSA44_PUBLIC_BYTES:
        raise _malformed_key(public_key, Text(en="an ML-DSA-44 key of 1,312 bytes", ja="1,312バイトのML-DSA-44公開鍵"))
    if len(signature) != MLDSA44_SIGNATURE_BYTES:
        raise _invalid(signature)
    try:
        MLDSA44PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature as error:
        raise _invalid(signature) from error


def _es256_private(seed: bytes) -> ec.EllipticCurvePrivateKey:
    scalar = 1 + int.from_bytes(_checked_seed(seed), "big") % (_P256_ORDER - 1)
    return ec.derive_private_key(scalar, ec.SECP256R1())


@lru_cache(maxsize=KEYS_KEPT)
def _es256_public(public_key: bytes) -> ec.EllipticCurvePublicKey:
    rule = Text(en="an uncompressed P-256 point of 65 bytes", ja="65バイトの非圧縮P-256公開鍵")
    if len(public_key) != ES256_PUBLIC_BYTES:
        raise _malformed_key(public_key, rule)
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    except ValueError as error:
        raise _malformed_key(public_key, rule) from error


def _checked_seed(seed: bytes) -> bytes:
    if len(seed) != SEED_BYTES:
        rule = Text(en="a seed of 32 bytes", ja="32バイトのシード")
        raise MalformedInput("BAD_SEED", "seed", f"{len(seed)} bytes", rule)
    return seed


def _malformed_key(public_key: bytes, rule: Text) -> MalformedInput:
    return MalformedInput("BAD_PUBLIC_KEY", "public_key", public_key.hex(), rule)


def _invalid(signature: bytes) -> SignatureInvalid:
    rule = Text(en="the signature verifies under the key", ja="署名が鍵で検証できること")
    return SignatureInvalid("SIGNATURE_INVALID", "signature", signature.hex(), rule)
