"""A meter channel as the platform knows it: how it was commissioned, and where its reading stands.

``ChannelState`` is all that verification needs to know about the past. It is a value: a verification takes
one and returns the next, so a state can be kept in a snapshot, rebuilt from the lake, or tried and dropped.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

from wattmark.core.encoding import cbor_encode
from wattmark.metering.decode import (
    FORMAT_VERSION,
    ID_BYTES,
    MAX_CHANNEL,
    MAX_COUNTER,
    MAX_REGISTER_WH,
    exact_bytes,
    exact_int,
    exact_list,
    exact_version,
    slot_seconds,
    strict_item,
)
from wattmark.metering.errors import Code, refusal
from wattmark.metering.tree import HASH_BYTES, leaf_hash

MAX_STATE_BYTES: Final = 1 << 20
"""Size limit of an encoded state [bytes]."""
BEFORE_FIRST: Final = -1
"""Device number or sequence before anything has happened."""


class ChannelKey(NamedTuple):
    """Names a register line: one channel of one meter."""

    meter_id: bytes
    channel: int


@dataclass(frozen=True, slots=True)
class MeterConfiguration:
    """What turns counts into Wh; its hash is signed every day, so a change cannot pass unseen (V14, A24).

    Attributes:
        unit_mwh: energy of one count [mWh].
        coefficient: multiplier of the display.
        digits: digits before roll-over, 0 for none.
        transformer_ratio: current times voltage transformer ratio.
        firmware: the meter's own name for its firmware.
    """

    unit_mwh: int = 1_000
    coefficient: int = 1
    digits: int = 0
    transformer_ratio: int = 1
    firmware: str = ""

    def hash(self) -> bytes:
        """Return the ``cfg_hash`` of a day seal."""
        fields = [self.unit_mwh, self.coefficient, self.digits, self.transformer_ratio, self.firmware]
        return sha256(cbor_encode([FORMAT_VERSION, *fields])).digest()


PLAIN_CONFIGURATION: Final = MeterConfiguration().hash()
"""Configuration of a meter that counts whole Wh."""


@dataclass(frozen=True, slots=True)
class Commissioning:
    """The record a channel's chain of days hangs on; known to the meter and to the platform.

    Attributes:
        meter_id: 8..16 bytes.
        channel: register of the meter.
        resolution_s: slot length [s].
        register_open_wh: register when commissioned [Wh].
        seq_first: sequence number of the first leaf.
        cfg_hash: configuration hash of every day to come.
    """

    meter_id: bytes
    channel: int
    resolution_s: int
    register_open_wh: int = 0
    seq_first: int = 0
    cfg_hash: bytes = PLAIN_CONFIGURATION

    def hash(self) -> bytes:
        """Return the first ``prev_day_hash``."""
        fields = [self.meter_id, self.channel, self.resolution_s, self.register_open_wh, self.seq_first, self.cfg_hash]
        return leaf_hash(cbor_encode([FORMAT_VERSION, *fields]))

    def open_channel(self, device: int) -> "ChannelState":
        """Return the state before the first reading.

        Args:
            device: number of the device this channel is registered as.

        Raises:
            EnvelopeMalformed: a field has not its type or range.
        """
        exact_bytes(self.meter_id, "meter_id", *ID_BYTES)
        exact_int(self.channel, "channel", 0, MAX_CHANNEL)
        slot_seconds(self.resolution_s, "resolution_s")
        exact_int(self.register_open_wh, "register_open_wh", 0, MAX_REGISTER_WH)
        exact_int(self.seq_first, "seq_first", 0, MAX_COUNTER)
        exact_bytes(self.cfg_hash, "cfg_hash", HASH_BYTES, HASH_BYTES)
        before = self.seq_first - 1
        return ChannelState(
            meter_id=self.meter_id,
            channel=self.channel,
            device=device,
            resolution_s=self.resolution_s,
            cfg_hash=self.cfg_hash,
            last_seq=before,
            last_t_end=0,
            last_register_wh=self.register_open_wh,
            last_quality=0,
            sealed_seq=before,
            sealed_t_end=0,
            sealed_register_wh=self.register_open_wh,
            sealed_quality=0,
            last_period=0,
            last_day_hash=self.hash(),
            boot_ctr=0,
            kept_from=self.seq_first,
            kept_hashes=b"",
            frozen=False,
        )


@dataclass(frozen=True, slots=True)
class ChannelState:
    """Where the reading of one channel stands.

    Attributes:
        meter_id: 8..16 bytes.
        channel: register of the meter.
        device: number of the device.
        resolution_s: slot length [s].
        cfg_hash: configuration hash every day must carry.
        last_seq: sequence number of the last accepted leaf, by slot or by seal.
        last_t_end: its end, POSIX seconds; 0 before the first.
        last_register_wh: its register [Wh].
        last_quality: its ``Quality``.
        sealed_seq: last sequence number under a day seal.
        sealed_t_end: its end, POSIX seconds; 0 before the first seal.
        sealed_register_wh: its register [Wh]: the next day's ``reg_open``.
        sealed_quality: its ``Quality``.
        last_period: last sealed day, yyyymmdd; 0 before the first.
        last_day_hash: what the next seal's ``prev_day_hash`` must be.
        boot_ctr: boot counter of the last seal.
        kept_from: sequence number of the first kept leaf hash: the first of the last sealed day.
        kept_hashes: leaf hashes of ``kept_from..last_seq``, 32 bytes each.
        frozen: an equivocation was proved; nothing is accepted any more.
    """

    meter_id: bytes
    channel: int
    device: int
    resolution_s: int
    cfg_hash: bytes
    last_seq: int
    last_t_end: int
    last_register_wh: int
    last_quality: int
    sealed_seq: int
    sealed_t_end: int
    sealed_register_wh: int
    sealed_quality: int
    last_period: int
    last_day_hash: bytes
    boot_ctr: int
    kept_from: int
    kept_hashes: bytes
    frozen: bool

    @property
    def key(self) -> ChannelKey:
        """Return what this channel is looked up by."""
        return ChannelKey(self.meter_id, self.channel)

    def kept_hash(self, seq: int) -> bytes | None:
        """Return the leaf hash accepted for a sequence number, or ``None`` where it is no longer kept."""
        at = (seq - self.kept_from) * HASH_BYTES
        return self.kept_hashes[at : at + HASH_BYTES] if 0 <= at < len(self.kept_hashes) else None


def encode_state(state: ChannelState) -> bytes:
    """Return a state as deterministic CBOR, for snapshots."""
    return cbor_encode([FORMAT_VERSION, *(getattr(state, name) for name in ChannelState.__slots__)])


def decode_state(data: bytes) -> ChannelState:
    """Return the state of ``encode_state``.

    Raises:
        EnvelopeMalformed: other bytes.
    """
    version, *fields = exact_list(strict_item(data, MAX_STATE_BYTES), "state", 1 + len(ChannelState.__slots__))
    exact_version(version)
    types = (bytes, int, int, int, bytes, *(int,) * 9, bytes, int, int, bytes, bool)
    for name, value, type_ in zip(ChannelState.__slots__, fields, types, strict=True):
        if type(value) is not type_:
            raise refusal(Code.WRONG_TYPE, value, field=name, shape=type_.__name__)
    return ChannelState(*fields)
