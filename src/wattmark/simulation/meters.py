"""The meters of the community: what each one signs, and what attackers on the line make of it.

A meter's registers, sequence numbers and chain of days are pure functions of the world, so a meter
needs no memory: after a crash it signs the same bytes again.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Final

import numpy as np

from wattmark.metering.channel import Commissioning
from wattmark.metering.envelope import Leaf
from wattmark.metering.sign import MeterSigner
from wattmark.metering.transport import day_hash
from wattmark.simulation.chance import pick, uniform
from wattmark.simulation.community import Community, Meter
from wattmark.simulation.world import MISSING, Ints, World

FAULT_SHARE: Final = 0.006
"""Share of slots in which somebody also sends a bad envelope."""
OPENING_REGISTER_LIMIT_WH: Final = 10_000_000


class Fault(Enum):
    """What an attacker on the line sends besides the honest envelope."""

    TAMPERED = "tampered"
    REPLAYED = "replayed"
    FOREIGN_KEY = "foreign key"


class MeterChannel:
    """One channel of one meter over the whole world.

    Attributes:
        meter: who it is.
        signer: its key.
        commissioning: the record its chain of days hangs on.
    """

    __slots__ = (
        "_days",
        "_duration_s",
        "_missing",
        "_per_day",
        "_registers",
        "_seq",
        "_start_s",
        "commissioning",
        "meter",
        "signer",
    )

    def __init__(self, seed: int, meter: Meter, world: World) -> None:
        """Lay the world's series on the meter's register line."""
        self.meter = meter
        self.signer = MeterSigner(meter.meter_id, meter.channel, meter.alg, meter.key_seed)
        opening = pick(seed, f"opening register {meter.index}", OPENING_REGISTER_LIMIT_WH)
        self.commissioning = Commissioning(meter.meter_id, meter.channel, world.duration_s, opening)
        series = _series(meter, world)
        self._missing = series == MISSING
        self._registers = opening + np.cumsum(np.where(self._missing, 0, series))
        self._seq = np.cumsum(~self._missing) - 1
        self._start_s = world.start_s
        self._duration_s = world.duration_s
        self._per_day = world.periods_per_day
        self._days: dict[int, tuple[bytes | None, bytes]] = {}

    def leaf(self, period: int) -> Leaf | None:
        """Return the leaf of a period index, or ``None`` where the meter was off."""
        if self._missing[period]:
            return None
        end_s = self._start_s + (period + 1) * self._duration_s
        return self.signer.leaf(int(self._seq[period]), end_s, self._duration_s, int(self._registers[period]))

    def slot_envelope(self, period: int) -> bytes | None:
        """Return the signed slot of a period index, or ``None`` where the meter was off."""
        leaf = self.leaf(period)
        return None if leaf is None else self.signer.sign_slot(leaf)

    def day_envelope(self, day: int) -> bytes | None:
        """Return the signed day of a day index, or ``None`` if the meter was off all day."""
        return self._sealed(day)[0]

    def _sealed(self, day: int) -> tuple[bytes | None, bytes]:
        """Return (envelope, hash the next day points at)."""
        for earlier in range(len(self._days), day + 1):
            before = self._days[earlier - 1][1] if earlier else self.commissioning.hash()
            first = earlier * self._per_day
            leaves = [leaf for period in range(first, first + self._per_day) if (leaf := self.leaf(period)) is not None]
            if leaves:
                opened = int(self._registers[first - 1]) if first else self.commissioning.register_open_wh
                envelope = self.signer.sign_day(leaves, before, reg_open=opened)
                self._days[earlier] = (envelope, day_hash(envelope))
            else:
                self._days[earlier] = (None, before)
        return self._days[day]


def channels_of(community: Community, world: World) -> tuple[MeterChannel, ...]:
    """Return the channels of all meters, in order."""
    return tuple(MeterChannel(community.seed, meter, world) for meter in community.meters)


def slot_envelopes(seed: int, channels: Sequence[MeterChannel], period: int) -> list[tuple[int, bytes]]:
    """Return (index of the channel it claims to be of, envelope) of everything on the line in a period.

    Bad envelopes arrive before the honest one they imitate: they must fail by themselves, not because
    they come second.
    """
    sent: list[tuple[int, bytes]] = []
    for index, channel in enumerate(channels):
        honest = channel.slot_envelope(period)
        fault = fault_of(seed, channel.meter.index, period)
        if fault is not None and (bad := _bad_envelope(fault, channels, index, period)) is not None:
            sent.append((index, bad))
        if honest is not None:
            sent.append((index, honest))
    return sent


def fault_of(seed: int, meter: int, period: int) -> Fault | None:
    """Return what an attacker does to a meter in a period; mostly nothing."""
    draws = uniform(seed, f"fault {meter} {period}", 2)
    return list(Fault)[int(draws[1] * len(Fault))] if draws[0] < FAULT_SHARE else None


def _bad_envelope(fault: Fault, channels: Sequence[MeterChannel], index: int, period: int) -> bytes | None:
    channel = channels[index]
    leaf = channel.leaf(period)
    if fault is Fault.REPLAYED:
        return channel.slot_envelope(period - 1) if period else None
    if leaf is None:
        return None
    if fault is Fault.TAMPERED:
        # One more kWh under the old signature: the register's bytes end before quality and status.
        raised = channel.signer.leaf(leaf.seq, leaf.t_end, leaf.dur_s, leaf.register_wh + 1_000)
        honest, other = channel.signer.sign_slot(leaf), channel.signer.sign_slot(raised)
        return other[:-_SIGNATURE_BYTES] + honest[-_SIGNATURE_BYTES:]
    thief = channels[(index + 1) % len(channels)].meter
    stolen = MeterSigner(channel.meter.meter_id, channel.meter.channel, thief.alg, thief.key_seed)
    return stolen.sign_slot(leaf)


_SIGNATURE_BYTES: Final = 64


def _series(meter: Meter, world: World) -> Ints:
    if not meter.produces:
        return np.asarray(world.consumption_wh[meter.row])
    produced = world.solar_wh if meter.plant is None else world.plant_wh
    return np.asarray(produced[meter.row])
