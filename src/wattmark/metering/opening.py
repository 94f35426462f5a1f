"""Steps 1 to 9 of the verification: from bytes to a payload signed by a key that may sign it.

These steps need no reading state, only the device of the channel, and may run in any order and in threads
(libsodium frees the interpreter). The steps are numbered in ``verify``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from wattmark.crypto.signing import SignatureInvalid, ed25519_verify, es256_verify
from wattmark.metering.channel import ChannelKey, ChannelState
from wattmark.metering.cose import EDDSA, ES256, SIGNATURE_BYTES, Sign1, decode_sign1
from wattmark.metering.envelope import MAX_LEAF_BYTES, Day, Leaf, decode_day, decode_leaf
from wattmark.metering.errors import Code, refusal
from wattmark.metering.keys import KeyRing
from wattmark.metering.transport import DayColumns, decode_transport
from wattmark.metering.tree import leaf_hash, root_of

MAX_SLOT_BYTES: Final = MAX_LEAF_BYTES + SIGNATURE_BYTES + 64
"""Longest slot envelope [bytes]."""
_VERIFY: Final[dict[int, Callable[[bytes, bytes, bytes], None]]] = {ES256: es256_verify, EDDSA: ed25519_verify}


@dataclass(frozen=True, slots=True)
class OpenedSlot:
    """A slot whose signature holds; its place in the sequence is unchecked.

    Attributes:
        leaf: the signed leaf.
        hash: its leaf hash.
        device: device of the channel.
        kid: key that signed.
    """

    leaf: Leaf
    hash: bytes
    device: int
    kid: bytes


@dataclass(frozen=True, slots=True)
class OpenedDay:
    """A day whose signature and root hold; its place in the chain is unchecked.

    Attributes:
        day: the signed day.
        hash: leaf hash of its payload.
        device: device of the channel.
        kid: key that signed.
        columns: its rebuilt leaves.
        hashes: their leaf hashes.
    """

    day: Day
    hash: bytes
    device: int
    kid: bytes
    columns: DayColumns
    hashes: list[bytes]


def open_slot(
    envelope: bytes, states: Mapping[ChannelKey, ChannelState], keys: KeyRing, log_time_ms: int
) -> OpenedSlot:
    """Return the signed leaf of a slot envelope (steps 1-8).

    Args:
        envelope: what was received.
        states: known channels; only their device is used.
        keys: registered keys.
        log_time_ms: when it was received [ms].

    Raises:
        Refused: the first step that does not hold.
    """
    # 1 size, 2 deterministic, 3 header
    sign1 = decode_sign1(envelope, MAX_SLOT_BYTES)
    # 4 payload
    leaf = decode_leaf(sign1.payload)
    device = _device(leaf.meter_id, leaf.channel, states)
    _check_signer(sign1, device, keys, log_time_ms)
    return OpenedSlot(leaf, leaf_hash(sign1.payload), device, sign1.kid)


def open_day(envelope: bytes, states: Mapping[ChannelKey, ChannelState], keys: KeyRing, log_time_ms: int) -> OpenedDay:
    """Return the signed day of a day envelope with its leaves (steps 1-9).

    Args:
        envelope: what was received.
        states: known channels; only their device is used.
        keys: registered keys.
        log_time_ms: when it was received [ms].

    Raises:
        Refused: the first step that does not hold.
    """
    # 1 size, 2 deterministic, 3 header
    transport = decode_transport(envelope)
    sign1 = transport.sign1
    # 4 payload
    day = decode_day(sign1.payload)
    device = _device(day.meter_id, day.channel, states)
    _check_signer(sign1, device, keys, log_time_ms)
    # 9 values and root
    columns = transport.columns(day)
    hashes = columns.hashes(day)
    root = root_of(hashes)
    if root != day.root:
        raise refusal(Code.ROOT_MISMATCH, day.root.hex(), expected=root.hex())
    return OpenedDay(day, leaf_hash(sign1.payload), device, sign1.kid, columns, hashes)


def _device(meter_id: bytes, channel: int, states: Mapping[ChannelKey, ChannelState]) -> int:
    # 5 channel
    state = states.get(ChannelKey(meter_id, channel))
    if state is None:
        raise refusal(Code.CHANNEL_UNKNOWN, f"{meter_id.hex()}/{channel}")
    return state.device


def _check_signer(sign1: Sign1, device: int, keys: KeyRing, log_time_ms: int) -> None:
    # 6 key of this device, algorithm pinned to it
    key = keys.find(sign1.kid, device)
    if key.alg != sign1.alg:
        raise refusal(Code.ALGORITHM_MISMATCH, sign1.alg, alg=key.alg)
    # 7 key valid at log time
    key.check_valid_at(log_time_ms)
    # 8 signature
    try:
        _VERIFY[key.alg](key.public_key, sign1.signed_bytes(), sign1.signature)
    except SignatureInvalid as error:
        raise refusal(Code.SIGNATURE_INVALID, sign1.signature.hex()) from error
