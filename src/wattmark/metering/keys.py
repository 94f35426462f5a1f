"""Meter keys: which public key may sign for which device, from when until when.

Validity is asked at log time, the time the platform receives an envelope, never at a time the signer
claims: a stolen key cannot sign into the past.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from wattmark.crypto.signing import ED25519_PUBLIC_BYTES, ES256_PUBLIC_BYTES
from wattmark.metering.cose import ALGORITHMS, EDDSA, ES256
from wattmark.metering.decode import KID_BYTES, exact_bytes, exact_int
from wattmark.metering.errors import Code, refusal

OUR_KID_BYTES: Final = 8
"""Length of the key ids we make [bytes]; eight bytes cost little in every envelope."""
_PUBLIC_BYTES: Final = {ES256: ES256_PUBLIC_BYTES, EDDSA: ED25519_PUBLIC_BYTES}


def key_id(public_key: bytes) -> bytes:
    """Return the key id we give a public key: the first 8 bytes of its SHA-256."""
    return sha256(public_key).digest()[:OUR_KID_BYTES]


@dataclass(frozen=True, slots=True)
class MeterKey:
    """A public key registered for one device.

    Attributes:
        kid: key id, 4..32 bytes.
        alg: -7 (ES256) or -8 (EdDSA), pinned.
        public_key: 65-byte uncompressed P-256 point, or 32-byte Ed25519 key.
        device: number of the device (meter channel) it signs for.
        valid_from_ms: first log time at which it may sign [ms].
        revoked_at_ms: log time from which it may not, or ``None``.
    """

    kid: bytes
    alg: int
    public_key: bytes
    device: int
    valid_from_ms: int
    revoked_at_ms: int | None = None

    def __post_init__(self) -> None:
        """Refuse a key that could never verify anything.

        Raises:
            EnvelopeMalformed: ``WRONG_TYPE``, ``OUT_OF_RANGE`` or ``KEY_INVALID``.
        """
        exact_bytes(self.kid, "kid", *KID_BYTES)
        exact_int(self.alg, "alg", min(ALGORITHMS), max(ALGORITHMS))
        if len(self.public_key) != _PUBLIC_BYTES[self.alg]:
            raise refusal(Code.KEY_INVALID, self.public_key.hex(), alg=self.alg)

    def check_valid_at(self, log_time_ms: int) -> None:
        """Refuse the key outside ``[valid_from_ms, revoked_at_ms)``.

        Raises:
            SignerRefused: ``KEY_NOT_YET_VALID`` or ``KEY_REVOKED``.
        """
        if log_time_ms < self.valid_from_ms:
            raise refusal(Code.KEY_NOT_YET_VALID, self.kid.hex(), from_ms=self.valid_from_ms)
        if self.revoked_at_ms is not None and log_time_ms >= self.revoked_at_ms:
            raise refusal(Code.KEY_REVOKED, self.kid.hex(), until_ms=self.revoked_at_ms)


class KeyRing:
    """The registered keys, looked up by key id and device.

    One meter may sign for several channels (devices) with one key; one key id names one public key only.
    """

    __slots__ = ("_by_kid",)

    def __init__(self, keys: Iterable[MeterKey] = ()) -> None:
        """Take the keys in the order they were registered."""
        self._by_kid: dict[bytes, dict[int, MeterKey]] = {}
        for key in keys:
            self.add(key)

    def __len__(self) -> int:
        return sum(len(devices) for devices in self._by_kid.values())

    def add(self, key: MeterKey) -> None:
        """Register a key.

        Raises:
            SignerRefused: ``KEY_TAKEN``, the key id stands for another public key or algorithm, or the
                device has it already (a revoked key does not come back).
        """
        devices = self._by_kid.setdefault(key.kid, {})
        if key.device in devices or any(
            (known.public_key, known.alg) != (key.public_key, key.alg) for known in devices.values()
        ):
            raise refusal(Code.KEY_TAKEN, key.kid.hex())
        devices[key.device] = key

    def revoke(self, kid: bytes, device: int, at_ms: int) -> None:
        """Let a key end at log time ``at_ms``; the earlier of two revocations counts.

        Raises:
            SignerUnknown: ``KEY_UNKNOWN``.
            SignerRefused: ``KEY_OF_ANOTHER_METER``.
        """
        key = self.find(kid, device)
        until_ms = at_ms if key.revoked_at_ms is None else min(at_ms, key.revoked_at_ms)
        self._by_kid[kid][device] = replace(key, revoked_at_ms=until_ms)

    def find(self, kid: bytes, device: int) -> MeterKey:
        """Return the key of a device.

        Raises:
            SignerUnknown: ``KEY_UNKNOWN``, no device has it.
            SignerRefused: ``KEY_OF_ANOTHER_METER``, another device has it.
        """
        devices = self._by_kid.get(kid)
        if not devices:
            raise refusal(Code.KEY_UNKNOWN, kid.hex())
        if device not in devices:
            raise refusal(Code.KEY_OF_ANOTHER_METER, kid.hex(), device=device)
        return devices[device]
