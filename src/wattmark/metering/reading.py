"""What verification gives: the verified slot, and the verified day with its slots."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.periods import DAY_S
from wattmark.metering.envelope import ClockState, Day, Leaf, Quality
from wattmark.metering.labels import Label, slot_label
from wattmark.metering.opening import OpenedDay

Column = npt.NDArray[np.int64]
_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class VerifyPolicy:
    """What the operator decides about time.

    Attributes:
        max_unsealed_s: energy-time that may be accepted by slot before a day seal confirms it [s].
        late_after_s: a slot received later than this after its end is ACTUAL_LATE [s].
    """

    max_unsealed_s: int = 3 * DAY_S
    late_after_s: int = DAY_S + DAY_S // 2


DEFAULT_POLICY: Final = VerifyPolicy()


@dataclass(frozen=True, slots=True)
class LastReading:
    """The reading that a leaf follows.

    Attributes:
        t_end: its end, POSIX seconds; 0 where there was none.
        register_wh: its register [Wh].
        quality: its ``Quality``.
    """

    t_end: int
    register_wh: int
    quality: int


@dataclass(frozen=True, slots=True)
class VerifiedSlot:
    """One slot that passed every step.

    Attributes:
        device: number of the device.
        leaf: the signed leaf.
        hash: its leaf hash: the reading's name and its evidence.
        kid: key that signed.
        period_start_s: start of what the energy covers, POSIX seconds; earlier than the slot's own start
            where the meter was off before it (then the label is REGISTER_ONLY).
        duration_s: length of what it covers [s].
        reg_from_wh: register before [Wh].
        reg_to_wh: register at the end [Wh].
        label: what the energy is worth as evidence.
    """

    device: int
    leaf: Leaf
    hash: bytes
    kid: bytes
    period_start_s: int
    duration_s: int
    reg_from_wh: int
    reg_to_wh: int
    label: Label

    @property
    def energy_wh(self) -> int:
        """Return the energy of the slot [Wh]."""
        return self.reg_to_wh - self.reg_from_wh


@dataclass(frozen=True)
class VerifiedDay:
    """One day seal that passed every step; its slots are made when first asked for, and then kept.

    Attributes:
        opened: the signed day with its columns and leaf hashes.
        before: the reading sealed before it.
        first_new: index of the first slot that no slot envelope had brought before.
        late_before_s: a slot that ended before this second is ACTUAL_LATE.
    """

    opened: OpenedDay
    before: LastReading
    first_new: int
    late_before_s: int

    @property
    def device(self) -> int:
        """Return the number of the device."""
        return self.opened.device

    @property
    def day(self) -> Day:
        """Return the signed day."""
        return self.opened.day

    @property
    def hash(self) -> bytes:
        """Return its leaf hash: the next day's ``prev_day_hash``."""
        return self.opened.hash

    @property
    def kid(self) -> bytes:
        """Return the key that signed."""
        return self.opened.kid

    @property
    def energy_wh(self) -> Column:
        """Return the energy of each slot [Wh], int64; sums to ``reg_close - reg_open``."""
        registers = np.array(self.opened.columns.register_wh, dtype=np.int64)
        return np.diff(registers, prepend=np.int64(self.day.reg_open))

    @cached_property
    def slots(self) -> tuple[VerifiedSlot, ...]:
        """Return every slot of the day."""
        opened = self.opened
        leaves = opened.columns.leaves(opened.day)
        last = [self.before, *(LastReading(leaf.t_end, leaf.register_wh, leaf.quality) for leaf in leaves[:-1])]
        return tuple(
            verified_slot(leaf, hash_, opened.device, opened.kid, before, self.late_before_s, opened.day.clock_state)
            for leaf, hash_, before in zip(leaves, opened.hashes, last, strict=True)
        )

    @property
    def new_slots(self) -> tuple[VerifiedSlot, ...]:
        """Return the slots that only the seal has brought."""
        return self.slots[self.first_new :]


def late_before(log_time_ms: int, policy: VerifyPolicy) -> int:
    """Return the second before which a slot must have ended to be late at a log time [POSIX s]."""
    return log_time_ms // _MS - policy.late_after_s


def verified_slot(
    leaf: Leaf,
    hash_: bytes,
    device: int,
    kid: bytes,
    before: LastReading,
    late_before_s: int,
    clock_state: int = ClockState.SYNCHRONISED,
) -> VerifiedSlot:
    """Return a slot that passed, with the span its energy covers and its label.

    Args:
        leaf: the signed leaf.
        hash_: its leaf hash.
        device: number of the device.
        kid: key that signed.
        before: the reading it follows.
        late_before_s: a slot that ended before this second is late.
        clock_state: state of the meter's clock where a seal says it; any but SYNCHRONISED is questionable.
    """
    start_s = leaf.t_end - leaf.dur_s
    gap = 0 < before.t_end < start_s
    label = slot_label(
        leaf.quality,
        leaf.status,
        bridged=gap or before.quality != Quality.GOOD,
        late=leaf.t_end < late_before_s,
    )
    if clock_state != ClockState.SYNCHRONISED:
        label = max(label, Label.QUESTIONABLE)
    start_s = before.t_end if gap else start_s
    return VerifiedSlot(
        device=device,
        leaf=leaf,
        hash=hash_,
        kid=kid,
        period_start_s=start_s,
        duration_s=leaf.t_end - start_s,
        reg_from_wh=before.register_wh,
        reg_to_wh=leaf.register_wh,
        label=label,
    )
