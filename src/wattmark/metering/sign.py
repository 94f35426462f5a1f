"""The signing side: what a meter, a gateway or a simulated meter does.

ES256 signs deterministically (RFC 6979) and Ed25519 always does: the same readings and key give the same
bytes, on every run.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from wattmark.core.periods import JST
from wattmark.crypto.signing import ed25519_public_key, ed25519_sign, es256_public_key, es256_sign
from wattmark.metering.channel import PLAIN_CONFIGURATION
from wattmark.metering.cose import EDDSA, ES256, encode_sign1, protected_header, signed_bytes
from wattmark.metering.decode import period_of_day
from wattmark.metering.envelope import ClockState, Day, Leaf, encode_day, encode_leaf
from wattmark.metering.keys import MeterKey, key_id
from wattmark.metering.transport import encode_transport
from wattmark.metering.tree import leaf_hash, root_of

_PUBLIC: Final = {ES256: es256_public_key, EDDSA: ed25519_public_key}
_SIGN: Final = {ES256: es256_sign, EDDSA: ed25519_sign}


class MeterSigner:
    """Signs the slots and days of one meter channel.

    Attributes:
        meter_id: 8..16 bytes.
        channel: register of the meter.
        alg: -7 (ES256) or -8 (EdDSA).
        public_key: what the platform registers.
        kid: its key id.
    """

    __slots__ = ("_cfg_hash", "_private_key", "_protected", "alg", "channel", "kid", "meter_id", "public_key")

    def __init__(
        self, meter_id: bytes, channel: int, alg: int, private_key: bytes, cfg_hash: bytes = PLAIN_CONFIGURATION
    ) -> None:
        """Take the secret.

        Args:
            meter_id: 8..16 bytes.
            channel: register of the meter, 0..255.
            alg: -7 (ES256) or -8 (EdDSA).
            private_key: 32-byte seed.
            cfg_hash: hash of the meter's configuration.

        Raises:
            MalformedInput: the seed has another length.
        """
        assert alg in _SIGN
        self.meter_id = meter_id
        self.channel = channel
        self.alg = alg
        self.public_key = _PUBLIC[alg](private_key)
        self.kid = key_id(self.public_key)
        self._private_key = private_key
        self._protected = protected_header(alg, self.kid)
        self._cfg_hash = cfg_hash

    def key(self, device: int, valid_from_ms: int) -> MeterKey:
        """Return what the platform registers for this channel's device."""
        return MeterKey(self.kid, self.alg, self.public_key, device, valid_from_ms)

    def leaf(self, seq: int, t_end: int, dur_s: int, register_wh: int, quality: int = 0, status: int = 0) -> Leaf:
        """Return a leaf of this channel; arguments as in ``Leaf``."""
        return Leaf(self.meter_id, self.channel, seq, t_end, dur_s, register_wh, int(quality), int(status))

    def sign_slot(self, leaf: Leaf) -> bytes:
        """Return the slot envelope: COSE_Sign1 over one leaf.

        Raises:
            EnvelopeMalformed: a field of the leaf has not its type or range.
        """
        assert (leaf.meter_id, leaf.channel) == (self.meter_id, self.channel)
        return self._sign1(encode_leaf(leaf))

    def sign_day(
        self,
        leaves: Sequence[Leaf],
        prev_day_hash: bytes,
        *,
        reg_open: int,
        boot_ctr: int = 1,
        clock_state: int = ClockState.SYNCHRONISED,
        events: tuple[tuple[int, int], ...] = (),
    ) -> bytes:
        """Return the day envelope: the signed day with the values to rebuild its leaves.

        The day (JST) is that in which the first slot starts.

        Args:
            leaves: the day's leaves in order, consecutive sequence numbers, one slot length; at least one.
            prev_day_hash: ``transport.day_hash`` of the day before, or ``Commissioning.hash()``.
            reg_open: register at the seal before [Wh].
            boot_ctr: times the meter has started.
            clock_state: a ``ClockState``.
            events: (POSIX second, code) pairs.

        Raises:
            EnvelopeMalformed: a field has not its type or range.
        """
        assert leaves
        assert all(after.seq == before.seq + 1 for before, after in pairwise(leaves))
        assert len({leaf.dur_s for leaf in leaves}) == 1
        first = leaves[0]
        day = Day(
            meter_id=self.meter_id,
            channel=self.channel,
            period=period_of_day(datetime.fromtimestamp(first.t_end - first.dur_s, JST).date()),
            seq_first=first.seq,
            n=len(leaves),
            reg_open=reg_open,
            reg_close=leaves[-1].register_wh,
            root=root_of([leaf_hash(encode_leaf(leaf)) for leaf in leaves]),
            prev_day_hash=prev_day_hash,
            boot_ctr=boot_ctr,
            clock_state=int(clock_state),
            cfg_hash=self._cfg_hash,
            events=events,
        )
        return encode_transport(self._sign1(encode_day(day)), day, leaves)

    def _sign1(self, payload: bytes) -> bytes:
        signature = _SIGN[self.alg](self._private_key, signed_bytes(self._protected, payload))
        return encode_sign1(self._protected, payload, signature)
