"""A seeded meter with its registration: signs slots and days that verify, for tests of anything above metering."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from itertools import accumulate

from wattmark.core.periods import jst_day_start_s
from wattmark.metering.channel import ChannelState, Commissioning
from wattmark.metering.cose import EDDSA
from wattmark.metering.envelope import ClockState, Leaf
from wattmark.metering.keys import KeyRing
from wattmark.metering.sign import MeterSigner
from wattmark.metering.transport import day_hash


@dataclass(frozen=True, slots=True)
class SignedDay:
    """One day as the meter sent it.

    Attributes:
        leaves: its leaves in order.
        slots: a slot envelope for each.
        seal: the day envelope.
        received_ms: log time right after the end of the day [ms].
    """

    leaves: tuple[Leaf, ...]
    slots: tuple[bytes, ...]
    seal: bytes
    received_ms: int


class SeededMeter:
    """One meter channel with its keys, its commissioning and a running register.

    Attributes:
        signer: the signing side.
        device: number it is registered as.
        record: its commissioning.
        keys: a ring that holds its key.
    """

    def __init__(
        self,
        seed: str = "meter",
        alg: int = EDDSA,
        device: int = 5,
        channel: int = 1,
        resolution_s: int = 1_800,
        register_open_wh: int = 1_000,
    ) -> None:
        """Make the meter of a seed; arguments as in ``Commissioning``."""
        secret = sha256(seed.encode()).digest()
        self.device = device
        self.signer = MeterSigner(secret[:8], channel, alg, secret)
        self.record = Commissioning(self.signer.meter_id, channel, resolution_s, register_open_wh)
        self.keys = KeyRing([self.signer.key(device, valid_from_ms=0)])
        self._seq = 0
        self._register_wh = register_open_wh
        self._prev_day_hash = self.record.hash()

    def state(self) -> ChannelState:
        """Return the channel's state before its first reading."""
        return self.record.open_channel(self.device)

    def leaves(self, day: date, energies_wh: Sequence[int], first_slot: int = 0) -> tuple[Leaf, ...]:
        """Return the next leaves, without advancing the meter.

        Args:
            day: the JST day.
            energies_wh: energy of consecutive slots [Wh].
            first_slot: index of the first one in the day.
        """
        duration_s = self.record.resolution_s
        start_s = jst_day_start_s(day) + first_slot * duration_s
        registers = list(accumulate(energies_wh, initial=self._register_wh))[1:]
        return tuple(
            self.signer.leaf(self._seq + i, start_s + (i + 1) * duration_s, duration_s, register_wh)
            for i, register_wh in enumerate(registers)
        )

    def seal(
        self,
        leaves: Sequence[Leaf],
        prev_day_hash: bytes | None = None,
        *,
        reg_open: int | None = None,
        boot_ctr: int = 1,
        clock_state: int = ClockState.SYNCHRONISED,
    ) -> bytes:
        """Return the day envelope over leaves, without advancing the meter; arguments as in ``sign_day``."""
        return self.signer.sign_day(
            leaves,
            self._prev_day_hash if prev_day_hash is None else prev_day_hash,
            reg_open=self._register_wh if reg_open is None else reg_open,
            boot_ctr=boot_ctr,
            clock_state=clock_state,
        )

    def day(self, day: date, energies_wh: Sequence[int]) -> SignedDay:
        """Return a whole day and advance the meter past it; arguments as in ``leaves``."""
        leaves = self.leaves(day, energies_wh)
        seal = self.seal(leaves)
        self._seq += len(leaves)
        self._register_wh = leaves[-1].register_wh
        self._prev_day_hash = day_hash(seal)
        slots = tuple(self.signer.sign_slot(leaf) for leaf in leaves)
        return SignedDay(leaves, slots, seal, received_ms=leaves[-1].t_end * 1_000)
