"""A signed reading inside a certificate: the smallest decoder that can check it without `metering`.

A reading is the leaf ``[1, meter_id, channel, seq, t_end, dur_s, register_wh, quality, status]``, signed
alone (slot envelope), or under the signed root of its day (leaf, path, day seal). Signatures are
COSE_Sign1 (RFC 9052), ES256 or EdDSA; the name of a leaf is its RFC 6962 leaf hash.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from wattmark.core.encoding import cbor_decode_strict, cbor_encode
from wattmark.core.errors import MalformedInput, RuleViolated
from wattmark.core.text import Text
from wattmark.crypto.signing import ed25519_verify, es256_verify
from wattmark.ledger.merkle import MerkleTree, leaf_hash, verify_inclusion

MAX_SEAL_BYTES: Final = 2_048
ES256: Final = -7
EDDSA: Final = -8

_TAG_18: Final = b"\xd2"
_LEAF_SHAPE: Final = (int, bytes, int, int, int, int, int, int, int)
_DAY_SHAPE: Final = (int, bytes, int, int, int, int, int, int, bytes, bytes, int, int, bytes, list)
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class MeterKey:
    """A meter's public key as registered in the log: algorithm, key id, key bytes."""

    alg: int
    kid: bytes
    public_key: bytes


@dataclass(frozen=True, slots=True)
class Reading:
    """A leaf with the seal that covers it.

    Attributes:
        leaf: payload of the slot.
        seal: COSE_Sign1 over the leaf (slot envelope) or over its day.
        index: position of the leaf in the day, ``None`` for a slot envelope.
        path: hashes from the leaf's sibling to the day's root; empty for a slot envelope.
    """

    leaf: bytes
    seal: bytes
    index: int | None = None
    path: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Leaf:
    """The facts of a slot that a certificate speaks about."""

    meter_id: bytes
    channel: int
    end_s: int
    duration_s: int
    register_wh: int


@dataclass(frozen=True, slots=True)
class _Sign1:
    alg: int
    kid: bytes
    protected: bytes
    payload: bytes
    signature: bytes


def slot_reading(envelope: bytes) -> Reading:
    """Return the reading of a slot envelope.

    Raises:
        MalformedInput: not a COSE_Sign1 of the accepted form.
    """
    return Reading(_sign1(envelope).payload, envelope)


def day_reading(transport: bytes, leaves: Sequence[bytes], index: int) -> Reading:
    """Return the reading of one slot of a day envelope.

    Args:
        transport: the day as it was received, ``[1, seal, ...]``.
        leaves: payloads of all leaves of that day, in order.
        index: position of the slot in the day.

    Raises:
        MalformedInput: not a day envelope, or no such slot.
    """
    item = cbor_decode_strict(transport)
    if type(item) is not list or len(item) < 2 or type(item[1]) is not bytes:
        raise _malformed("transport", transport[:32].hex())
    tree = MerkleTree()
    tree.append([leaf_hash(leaf) for leaf in leaves])
    return Reading(leaves[index], item[1], index, tuple(tree.inclusion_proof(index)))


def read_leaf(payload: bytes) -> Leaf:
    """Return the facts of a leaf.

    Raises:
        MalformedInput: not the deterministic CBOR array of a leaf.
    """
    _, meter_id, channel, _, end_s, duration_s, register_wh, _, _ = _typed(payload, _LEAF_SHAPE, "leaf")
    return Leaf(meter_id, channel, end_s, duration_s, register_wh)


def verify_reading(reading: Reading, key: MeterKey | None) -> Leaf:
    """Return the facts of a reading whose seal covers its leaf.

    1. The leaf is well formed.
    2. Slot envelope: the sealed payload is the leaf. Day: the leaf lies at its index under the sealed
       root, with the sequence number, meter and channel of the day.
    3. With a key: the seal names it and is signed by it.

    Raises:
        MalformedInput: a part is not of its form.
        RuleViolated: the seal is over something else, or names another key.
        ProofInvalid: the leaf is not under the day's root.
        SignatureInvalid: the seal is not signed by the key.
    """
    leaf = read_leaf(reading.leaf)  # 1
    sign1 = _sign1(reading.seal)
    if reading.index is None:  # 2
        if sign1.payload != reading.leaf:
            raise _other("leaf", reading.leaf.hex(), Text(en="the sealed payload", ja="封印された内容"))
    else:
        _check_day(sign1.payload, reading, reading.index)
    if key is not None:  # 3
        if (key.alg, key.kid) != (sign1.alg, sign1.kid):
            raise _other("kid", sign1.kid.hex(), Text(en="the registered meter key", ja="登録された計器の鍵"))
        signed = cbor_encode(["Signature1", sign1.protected, b"", sign1.payload])
        (es256_verify if sign1.alg == ES256 else ed25519_verify)(key.public_key, signed, sign1.signature)
    return leaf


def _check_day(payload: bytes, reading: Reading, index: int) -> None:
    day = _typed(payload, _DAY_SHAPE, "day")
    _, meter_id, channel, seq, *_ = _typed(reading.leaf, _LEAF_SHAPE, "leaf")
    if (day[1], day[2], day[4] + index) != (meter_id, channel, seq):
        raise _other("leaf", seq, Text(en="meter, channel and sequence of the day", ja="当日の計器・チャネル・連番"))
    verify_inclusion(index, day[5], leaf_hash(reading.leaf), list(reading.path), day[8])


def _sign1(data: bytes) -> _Sign1:
    shape = (bytes, dict, bytes, bytes)
    if data[:1] != _TAG_18:
        raise _malformed("sign1", data[:1].hex())
    protected, unprotected, payload, signature = _typed(data[1:], shape, "sign1", version=False)
    header = cbor_decode_strict(protected, MAX_SEAL_BYTES)
    if unprotected or type(header) is not dict or set(header) != {1, 4}:
        raise _malformed("header", protected.hex())
    alg, kid = header[1], header[4]
    if type(alg) is not int or alg not in (ES256, EDDSA) or type(kid) is not bytes:
        raise _malformed("header", protected.hex())
    return _Sign1(alg, kid, protected, payload, signature)


def _typed(data: bytes, shape: tuple[type, ...], field: str, *, version: bool = True) -> list[Any]:
    item = cbor_decode_strict(data, MAX_SEAL_BYTES)
    if type(item) is not list or tuple(type(value) for value in item) != shape or (version and item[0] != _VERSION):
        raise _malformed(field, data[:32].hex())
    return item


def _malformed(field: str, value: object) -> MalformedInput:
    rule = Text(en="deterministic CBOR of the envelope's form", ja="封筒形式の決定的CBOR")
    return MalformedInput("READING_MALFORMED", field, value, rule)


def _other(field: str, value: object, rule: Text) -> RuleViolated:
    return RuleViolated("READING_MISMATCH", field, value, rule)
