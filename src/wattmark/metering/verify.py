"""Verification of slot and day envelopes: pure functions from bytes and a state to a reading and the next state.

The steps, in the order in which they are taken; an envelope is refused by the first that does not hold, so
the code of a refusal says that every step before it held:

 1. size: not longer than the format allows (ENVELOPE_TOO_LONG)
 2. strict decode: the one deterministic CBOR encoding, exact types (NOT_CBOR, NOT_DETERMINISTIC, WRONG_TYPE)
 3. header: COSE_Sign1, protected exactly ``{1: alg, 4: kid}``, unprotected empty (HEADER_INVALID)
 4. payload: a leaf of 9 or a day of 14 elements, each in range (WRONG_TYPE, OUT_OF_RANGE)
 5. channel: the meter and channel are registered, and those expected (CHANNEL_UNKNOWN)
 6. key: registered for this device, algorithm pinned (KEY_UNKNOWN, KEY_OF_ANOTHER_METER, ALGORITHM_MISMATCH)
 7. key valid at log time (KEY_NOT_YET_VALID, KEY_REVOKED)
 8. signature over the exact bytes (SIGNATURE_INVALID)
 9. day: the values cover n slots and lead to the signed root (VALUES_MISMATCH, ROOT_MISMATCH)
10. the channel is not frozen (CHANNEL_FROZEN)
11. sequence: not seen before (REPLAYED, or EQUIVOCATION where another truth was signed for it), no gap
    (SEQUENCE_GAP); day: chained to the seal before (CHAIN_BROKEN), boot counter (BOOT_COUNTER_FELL),
    configuration (CONFIG_CHANGED); slot: not too long without a seal (SEAL_OVERDUE)
12. slot length as registered (DURATION_MISMATCH)
13. time: on the grid, no overlap, at most half a slot in the future (TIME_OFF_GRID, TIME_OVERLAP,
    TIME_FUTURE); day: a later day, and all its slots within it (PERIOD_MISMATCH)
14. register: never falls (REGISTER_FELL); day: opens where the seal before closed and closes where its last
    leaf stands (REGISTER_NOT_TILED)
15. day: every leaf accepted by slot before is the identical leaf (SLOT_DIFFERS)

An EQUIVOCATION or SLOT_DIFFERS carries the frozen state, which replaces the old one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from wattmark.core.periods import DAY_S, jst_day_start_s
from wattmark.metering.channel import ChannelState
from wattmark.metering.decode import day_of_period
from wattmark.metering.envelope import Leaf
from wattmark.metering.errors import Code, Equivocation, refusal
from wattmark.metering.keys import KeyRing
from wattmark.metering.opening import OpenedDay, OpenedSlot, open_day, open_slot
from wattmark.metering.reading import (
    DEFAULT_POLICY,
    LastReading,
    VerifiedDay,
    VerifiedSlot,
    VerifyPolicy,
    late_before,
    verified_slot,
)

__all__ = [
    "DEFAULT_POLICY",
    "VerifiedDay",
    "VerifiedSlot",
    "VerifyPolicy",
    "accept_day",
    "accept_slot",
    "verify_day",
    "verify_slot",
]

_MS: Final = 1_000


def verify_slot(
    envelope: bytes,
    keys: KeyRing,
    state: ChannelState,
    log_time_ms: int,
    policy: VerifyPolicy = DEFAULT_POLICY,
) -> tuple[VerifiedSlot, ChannelState]:
    """Return the slot of an envelope and the channel's next state (steps 1-14).

    Args:
        envelope: COSE_Sign1 over a leaf, as received.
        keys: registered keys.
        state: where the channel stands.
        log_time_ms: when the platform received it [ms].
        policy: the operator's decisions about time.

    Raises:
        Refused: a leaf of the tree in ``metering.errors``, by the first step that does not hold.
    """
    opened = open_slot(envelope, {state.key: state}, keys, log_time_ms)
    return accept_slot(opened, state, log_time_ms, policy)


def verify_day(
    envelope: bytes,
    keys: KeyRing,
    state: ChannelState,
    log_time_ms: int,
    policy: VerifyPolicy = DEFAULT_POLICY,
) -> tuple[VerifiedDay, ChannelState]:
    """Return the day of an envelope and the channel's next state (steps 1-15).

    Args:
        envelope: a signed day with its values, as received.
        keys: registered keys.
        state: where the channel stands.
        log_time_ms: when the platform received it [ms].
        policy: the operator's decisions about time.

    Raises:
        Refused: a leaf of the tree in ``metering.errors``, by the first step that does not hold.
    """
    opened = open_day(envelope, {state.key: state}, keys, log_time_ms)
    return accept_day(opened, state, log_time_ms, policy)


def accept_slot(
    opened: OpenedSlot, state: ChannelState, log_time_ms: int, policy: VerifyPolicy = DEFAULT_POLICY
) -> tuple[VerifiedSlot, ChannelState]:
    """Return the slot of an opened envelope and the channel's next state (steps 10-14).

    Raises:
        ReadingRefused: the first step that does not hold.
    """
    leaf = opened.leaf
    assert (leaf.meter_id, leaf.channel, opened.device) == (state.meter_id, state.channel, state.device)
    # 10
    _check_not_frozen(state)
    # 11
    if leaf.seq <= state.last_seq:
        kept = state.kept_hash(leaf.seq)
        if kept is not None and kept != opened.hash:
            raise _equivocation(Code.EQUIVOCATION, leaf.seq, state)
        raise refusal(Code.REPLAYED, leaf.seq, next_seq=state.last_seq + 1)
    if leaf.seq != state.last_seq + 1:
        raise refusal(Code.SEQUENCE_GAP, leaf.seq, next_seq=state.last_seq + 1)
    if (leaf.seq - state.sealed_seq) * state.resolution_s > policy.max_unsealed_s:
        raise refusal(Code.SEAL_OVERDUE, leaf.t_end, limit_s=policy.max_unsealed_s)
    # 12, 13, 14
    before = LastReading(state.last_t_end, state.last_register_wh, state.last_quality)
    _check_leaf_after(leaf, before, state, log_time_ms)
    late_before_s = late_before(log_time_ms, policy)
    slot = verified_slot(leaf, opened.hash, opened.device, opened.kid, before, late_before_s)
    after = replace(
        state,
        last_seq=leaf.seq,
        last_t_end=leaf.t_end,
        last_register_wh=leaf.register_wh,
        last_quality=leaf.quality,
        kept_hashes=state.kept_hashes + opened.hash,
    )
    return slot, after


def accept_day(
    opened: OpenedDay, state: ChannelState, log_time_ms: int, policy: VerifyPolicy = DEFAULT_POLICY
) -> tuple[VerifiedDay, ChannelState]:
    """Return the day of an opened envelope and the channel's next state (steps 10-15).

    Raises:
        ReadingRefused: the first step that does not hold.
    """
    day = opened.day
    assert (day.meter_id, day.channel, opened.device) == (state.meter_id, state.channel, state.device)
    # 10
    _check_not_frozen(state)
    # 11
    _check_chain(opened, state)
    # 13
    day_start_s = _check_period(opened, state)
    # 12, 13, 14
    before = LastReading(state.sealed_t_end, state.sealed_register_wh, state.sealed_quality)
    if day.reg_open != before.register_wh:
        raise refusal(Code.REGISTER_NOT_TILED, day.reg_open, field="reg_open", expected_wh=before.register_wh)
    _check_leaves_after(opened, before, state, day_start_s, log_time_ms)
    columns = opened.columns
    last = LastReading(columns.t_end[-1], columns.register_wh[-1], columns.quality[-1])
    if day.reg_close != last.register_wh:
        raise refusal(Code.REGISTER_NOT_TILED, day.reg_close, field="reg_close", expected_wh=last.register_wh)
    # 15
    last_seq = day.seq_first + day.n - 1
    by_slot = _check_slots_sealed(opened.hashes, state)
    sealed = replace(
        state,
        sealed_seq=last_seq,
        sealed_t_end=last.t_end,
        sealed_register_wh=last.register_wh,
        sealed_quality=last.quality,
        last_period=day.period,
        last_day_hash=opened.hash,
        boot_ctr=day.boot_ctr,
        kept_from=day.seq_first,
        kept_hashes=b"".join(opened.hashes) + _hashes_after(state, last_seq),
    )
    if last_seq > state.last_seq:
        sealed = replace(
            sealed,
            last_seq=last_seq,
            last_t_end=last.t_end,
            last_register_wh=last.register_wh,
            last_quality=last.quality,
        )
    return VerifiedDay(opened, before, by_slot, late_before(log_time_ms, policy)), sealed


def _check_not_frozen(state: ChannelState) -> None:
    if state.frozen:
        raise refusal(Code.CHANNEL_FROZEN, f"{state.meter_id.hex()}/{state.channel}")


def _check_chain(opened: OpenedDay, state: ChannelState) -> None:
    """Step 11 of a day."""
    day = opened.day
    if day.seq_first <= state.sealed_seq:
        sealed_before = day.seq_first == state.kept_from and state.last_period
        if sealed_before and opened.hash != state.last_day_hash:
            raise _equivocation(Code.EQUIVOCATION, day.seq_first, state)
        raise refusal(Code.REPLAYED, day.seq_first, next_seq=state.sealed_seq + 1)
    if day.seq_first != state.sealed_seq + 1:
        raise refusal(Code.SEQUENCE_GAP, day.seq_first, field="seq_first", next_seq=state.sealed_seq + 1)
    if day.prev_day_hash != state.last_day_hash:
        raise refusal(Code.CHAIN_BROKEN, day.prev_day_hash.hex(), expected=state.last_day_hash.hex())
    if day.boot_ctr < state.boot_ctr:
        raise refusal(Code.BOOT_COUNTER_FELL, day.boot_ctr, boot_ctr=state.boot_ctr)
    if day.cfg_hash != state.cfg_hash:
        raise refusal(Code.CONFIG_CHANGED, day.cfg_hash.hex(), expected=state.cfg_hash.hex())


def _check_period(opened: OpenedDay, state: ChannelState) -> int:
    """Step 13 of a day: return 00:00 JST of its day, POSIX seconds."""
    if opened.day.period <= state.last_period:
        raise refusal(Code.PERIOD_MISMATCH, opened.day.period)
    return jst_day_start_s(day_of_period(opened.day.period))


def _check_leaf_after(leaf: Leaf, before: LastReading, state: ChannelState, log_time_ms: int) -> None:
    """Steps 12-14 of a leaf that follows ``before``."""
    resolution_s = state.resolution_s
    # 12
    if leaf.dur_s != resolution_s:
        raise refusal(Code.DURATION_MISMATCH, leaf.dur_s, resolution_s=resolution_s)
    # 13
    if leaf.t_end % resolution_s or leaf.t_end < resolution_s:
        raise refusal(Code.TIME_OFF_GRID, leaf.t_end, resolution_s=resolution_s)
    if leaf.t_end - leaf.dur_s < before.t_end:
        raise refusal(Code.TIME_OVERLAP, leaf.t_end, last_t_end=before.t_end)
    limit_s = _latest_s(state, log_time_ms)
    if leaf.t_end > limit_s:
        raise refusal(Code.TIME_FUTURE, leaf.t_end, limit_s=limit_s)
    # 14
    if leaf.register_wh < before.register_wh:
        raise refusal(Code.REGISTER_FELL, leaf.register_wh, last_register_wh=before.register_wh)


def _check_leaves_after(
    opened: OpenedDay, before: LastReading, state: ChannelState, day_start_s: int, log_time_ms: int
) -> None:
    """Steps 12-14 of a day's leaves: all at once where they hold, one by one to name the first that does not."""
    columns, day_end_s = opened.columns, day_start_s + DAY_S
    t_end = np.array([before.t_end, *columns.t_end], dtype=np.int64)
    registers = np.array([before.register_wh, *columns.register_wh], dtype=np.int64)
    if (
        columns.dur_s == state.resolution_s
        and not (t_end[1:] % state.resolution_s).any()
        and (np.diff(t_end) >= columns.dur_s).all()
        and day_start_s < columns.t_end[0]
        and columns.t_end[-1] <= min(day_end_s, _latest_s(state, log_time_ms))
        and (np.diff(registers) >= 0).all()
    ):
        return
    for leaf in columns.leaves(opened.day):
        _check_leaf_after(leaf, before, state, log_time_ms)
        if not day_start_s < leaf.t_end <= day_end_s:
            raise refusal(Code.PERIOD_MISMATCH, leaf.t_end, field="t_end")
        before = LastReading(leaf.t_end, leaf.register_wh, leaf.quality)


def _latest_s(state: ChannelState, log_time_ms: int) -> int:
    """Return the latest end a slot may have at a log time: half a slot ahead [POSIX s]."""
    return log_time_ms // _MS + state.resolution_s // 2


def _check_slots_sealed(hashes: Sequence[bytes], state: ChannelState) -> int:
    """Step 15: return how many of the day's leaves had been accepted by slot."""
    by_slot = min(state.last_seq - state.sealed_seq, len(hashes))
    for offset, hash_ in enumerate(hashes[:by_slot]):
        seq = state.sealed_seq + 1 + offset
        if state.kept_hash(seq) != hash_:
            raise _equivocation(Code.SLOT_DIFFERS, seq, state)
    return by_slot


def _hashes_after(state: ChannelState, seq: int) -> bytes:
    """Return the kept leaf hashes of the sequence numbers above ``seq``."""
    return b"".join(state.kept_hash(later) or b"" for later in range(seq + 1, state.last_seq + 1))


def _equivocation(code: Code, seq: int, state: ChannelState) -> Equivocation:
    error = refusal(code, seq)
    assert isinstance(error, Equivocation)
    error.state = replace(state, frozen=True)
    return error
