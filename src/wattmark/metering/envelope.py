"""What a meter signs: one slot (a leaf) and one day (the root over its leaves).

Both are fixed arrays of integers and byte strings in deterministic CBOR. Registers are cumulative whole
Wh of the meter's register line, which never rolls over and never restarts: roll-over by digits is undone
where a foreign format is read (``registers.unwrap``), before anything is signed.
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final

from wattmark.core.encoding import cbor_encode
from wattmark.metering.decode import (
    FORMAT_VERSION,
    ID_BYTES,
    MAX_CHANNEL,
    MAX_COUNTER,
    MAX_REGISTER_WH,
    MAX_TIME_S,
    day_of_period,
    exact_bytes,
    exact_int,
    exact_list,
    exact_version,
    slot_seconds,
    strict_item,
)
from wattmark.metering.errors import Code, refusal
from wattmark.metering.tree import HASH_BYTES, leaf_hash

MAX_LEAF_BYTES: Final = 128
"""Longest leaf payload [bytes]."""
MAX_DAY_PAYLOAD_BYTES: Final = 1_024
"""Longest day payload [bytes]."""
MAX_SLOTS: Final = 1_440
"""Most slots of a day: one a minute."""
MAX_EVENTS: Final = 32
"""Most events a day reports."""
MAX_EVENT_CODE: Final = 0xFFFF


class Quality(IntEnum):
    """How the meter came by a register value (after the states of OCMF and ESPI)."""

    GOOD = 0
    SUBSTITUTED = 1
    ESTIMATED = 2
    QUESTIONABLE = 3
    NO_READING = 4


class Status(IntFlag):
    """What happened in the slot."""

    NONE = 0
    POWER_OUTAGE = 1
    CLOCK_SET = 2
    COVER_OPEN = 4
    MAGNET = 8
    BATTERY_LOW = 16
    OVERLOAD = 32


ALL_STATUS: Final = 63
"""Every defined bit; another bit is refused, never skipped."""


class ClockState(IntEnum):
    """State of the meter's clock at the seal (the letters U, I, S, R of OCMF)."""

    UNKNOWN = 0
    INFORMATIVE = 1
    SYNCHRONISED = 2
    RELATIVE = 3


@dataclass(frozen=True, slots=True)
class Leaf:
    """One slot: ``[1, meter_id, channel, seq, t_end, dur_s, register_wh, quality, status]``.

    Attributes:
        meter_id: 8..16 bytes.
        channel: register of the meter, 0..255.
        seq: counts the channel's slots, gapless.
        t_end: end of the slot, POSIX seconds UTC.
        dur_s: slot length [s].
        register_wh: cumulative register at ``t_end`` [Wh].
        quality: a ``Quality``.
        status: bits of ``Status``.
    """

    meter_id: bytes
    channel: int
    seq: int
    t_end: int
    dur_s: int
    register_wh: int
    quality: int = 0
    status: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a channel, as the meter seals it.

    Attributes:
        meter_id: 8..16 bytes.
        channel: register of the meter.
        period: the day in JST, yyyymmdd.
        seq_first: sequence number of the first leaf.
        n: number of leaves.
        reg_open: register at the seal before [Wh].
        reg_close: register of the last leaf [Wh].
        root: RFC 6962 root over the leaves.
        prev_day_hash: leaf hash of the previous day payload; the first holds the commissioning record's hash.
        boot_ctr: times the meter has started.
        clock_state: a ``ClockState``.
        cfg_hash: hash of unit, coefficient, digits, transformer ratio and firmware.
        events: (POSIX second, code) pairs.
    """

    meter_id: bytes
    channel: int
    period: int
    seq_first: int
    n: int
    reg_open: int
    reg_close: int
    root: bytes
    prev_day_hash: bytes
    boot_ctr: int
    clock_state: int
    cfg_hash: bytes
    events: tuple[tuple[int, int], ...] = ()

    def hash(self) -> bytes:
        """Return the leaf hash of the payload: the next day's ``prev_day_hash``."""
        return leaf_hash(encode_day(self))


def encode_leaf(leaf: Leaf) -> bytes:
    """Return the payload of a leaf.

    Raises:
        EnvelopeMalformed: a field has not its type or range.
    """
    check_leaf(leaf)
    return leaf_bytes(leaf)


def leaf_bytes(leaf: Leaf) -> bytes:
    """Return the payload of a leaf whose fields are known to be in range."""
    return cbor_encode(
        [
            FORMAT_VERSION,
            leaf.meter_id,
            leaf.channel,
            leaf.seq,
            leaf.t_end,
            leaf.dur_s,
            leaf.register_wh,
            leaf.quality,
            leaf.status,
        ]
    )


def decode_leaf(payload: bytes) -> Leaf:
    """Return the leaf of a payload.

    Raises:
        EnvelopeMalformed: too long, not deterministic, a wrong type or a value out of range.
    """
    version, *fields = exact_list(strict_item(payload, MAX_LEAF_BYTES), "leaf", 9)
    exact_version(version)
    leaf = Leaf(*fields)
    check_leaf(leaf)
    return leaf


def check_leaf(leaf: Leaf) -> None:
    """Refuse a leaf with a field of another type or out of range."""
    exact_bytes(leaf.meter_id, "meter_id", *ID_BYTES)
    exact_int(leaf.channel, "channel", 0, MAX_CHANNEL)
    exact_int(leaf.seq, "seq", 0, MAX_COUNTER)
    exact_int(leaf.t_end, "t_end", 0, MAX_TIME_S)
    slot_seconds(leaf.dur_s, "dur_s")
    exact_int(leaf.register_wh, "register_wh", 0, MAX_REGISTER_WH)
    exact_int(leaf.quality, "quality", 0, Quality.NO_READING)
    exact_int(leaf.status, "status", 0, ALL_STATUS)


def encode_day(day: Day) -> bytes:
    """Return the payload of a day.

    Raises:
        EnvelopeMalformed: a field has not its type or range.
    """
    check_day(day)
    return cbor_encode(
        [
            FORMAT_VERSION,
            day.meter_id,
            day.channel,
            day.period,
            day.seq_first,
            day.n,
            day.reg_open,
            day.reg_close,
            day.root,
            day.prev_day_hash,
            day.boot_ctr,
            day.clock_state,
            day.cfg_hash,
            [list(event) for event in day.events],
        ]
    )


def decode_day(payload: bytes) -> Day:
    """Return the day of a payload.

    Raises:
        EnvelopeMalformed: too long, not deterministic, a wrong type or a value out of range.
    """
    version, *fields = exact_list(strict_item(payload, MAX_DAY_PAYLOAD_BYTES), "day", 14)
    exact_version(version)
    fields[-1] = tuple(_event(pair) for pair in exact_list(fields[-1], "events", most=MAX_EVENTS))
    day = Day(*fields)
    check_day(day)
    return day


def _event(pair: object) -> tuple[int, int]:
    time_s, code = exact_list(pair, "events", 2)
    return exact_int(time_s, "events", 0, MAX_TIME_S), exact_int(code, "events", 0, MAX_EVENT_CODE)


def check_day(day: Day) -> None:
    """Refuse a day with a field of another type or out of range."""
    exact_bytes(day.meter_id, "meter_id", *ID_BYTES)
    exact_int(day.channel, "channel", 0, MAX_CHANNEL)
    day_of_period(exact_int(day.period, "period", 19_700_101, 99_991_231))
    exact_int(day.seq_first, "seq_first", 0, MAX_COUNTER)
    exact_int(day.n, "n", 1, MAX_SLOTS)
    exact_int(day.reg_open, "reg_open", 0, MAX_REGISTER_WH)
    exact_int(day.reg_close, "reg_close", 0, MAX_REGISTER_WH)
    exact_bytes(day.root, "root", HASH_BYTES, HASH_BYTES)
    exact_bytes(day.prev_day_hash, "prev_day_hash", HASH_BYTES, HASH_BYTES)
    exact_int(day.boot_ctr, "boot_ctr", 0, MAX_COUNTER)
    exact_int(day.clock_state, "clock_state", 0, ClockState.RELATIVE)
    exact_bytes(day.cfg_hash, "cfg_hash", HASH_BYTES, HASH_BYTES)
    if len(day.events) > MAX_EVENTS:
        raise refusal(Code.OUT_OF_RANGE, len(day.events), field="events", limit=f"0..{MAX_EVENTS}")
    for time_s, code in day.events:
        exact_int(time_s, "events", 0, MAX_TIME_S)
        exact_int(code, "events", 0, MAX_EVENT_CODE)
