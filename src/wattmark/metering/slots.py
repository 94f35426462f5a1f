"""Slots of many channels as columns: what the VEE rules read, whatever format the readings came in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.metering.verify import VerifiedSlot

Column = npt.NDArray[np.int64]
_MS: Final = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class SlotColumns:
    """Slots in the order of arrival; every column int64 of one length.

    Attributes:
        channel: device number, or any number that names a register line.
        period_start_s: start, POSIX seconds.
        duration_s: length [s].
        reg_from_wh: register before [Wh].
        reg_to_wh: register at the end [Wh].
        energy_wh: energy as delivered [Wh].
        label: a ``Label``.
        tier: evidence tier.
        capacity_w: rated power of the device [W].
        resolution_s: registered slot length [s].
        received_s: log time, POSIX seconds.
    """

    channel: Column
    period_start_s: Column
    duration_s: Column
    reg_from_wh: Column
    reg_to_wh: Column
    energy_wh: Column
    label: Column
    tier: Column
    capacity_w: Column
    resolution_s: Column
    received_s: Column

    def __post_init__(self) -> None:
        """Hold every column to one length and to int64."""
        columns = [getattr(self, name) for name in self.__slots__]
        assert all(column.dtype == np.int64 and column.shape == (len(self),) for column in columns)

    def __len__(self) -> int:
        return len(self.channel)

    @property
    def end_s(self) -> Column:
        """Return the ends, POSIX seconds."""
        return self.period_start_s + self.duration_s


@dataclass(frozen=True, slots=True, eq=False)
class SlotOrder:
    """The slots in order of time within their channel, resends left out.

    Attributes:
        rows: row numbers in order of (channel, start, arrival), the first arrival of each slot only.
        before: for each, the position in ``rows`` of the slot before it in its channel, or -1.
        resent: row numbers of later arrivals of a slot.
        first: for each of ``resent``, the row that arrived first.
    """

    rows: Column
    before: Column
    resent: Column
    first: Column


def in_sequence(columns: SlotColumns) -> SlotOrder:
    """Return the order in which a channel's slots follow each other."""
    n = len(columns)
    order = np.lexsort((np.arange(n), columns.period_start_s, columns.channel)).astype(np.int64)
    channel, start = columns.channel[order], columns.period_start_s[order]
    repeats = np.zeros(n, dtype=bool)
    repeats[1:] = (channel[1:] == channel[:-1]) & (start[1:] == start[:-1])
    firsts = np.flatnonzero(~repeats)
    group = np.cumsum(~repeats) - 1
    rows = order[firsts]
    before = np.arange(len(rows), dtype=np.int64) - 1
    before[1:][columns.channel[rows[1:]] != columns.channel[rows[:-1]]] = -1
    return SlotOrder(rows, before, order[repeats], rows[group[repeats]])


def columns_of(
    slots: Sequence[VerifiedSlot],
    capacity_w: Sequence[int],
    tier: Sequence[int],
    resolution_s: Sequence[int],
    received_ms: int,
) -> SlotColumns:
    """Return verified slots as columns.

    Args:
        slots: in the order of arrival.
        capacity_w: rated power of each slot's device [W].
        tier: evidence tier of each slot's device.
        resolution_s: registered slot length of each slot's device [s].
        received_ms: log time [ms].
    """

    def column(values: Iterable[int]) -> Column:
        return np.fromiter(values, dtype=np.int64, count=len(slots))

    return SlotColumns(
        channel=column(slot.device for slot in slots),
        period_start_s=column(slot.period_start_s for slot in slots),
        duration_s=column(slot.duration_s for slot in slots),
        reg_from_wh=column(slot.reg_from_wh for slot in slots),
        reg_to_wh=column(slot.reg_to_wh for slot in slots),
        energy_wh=column(slot.energy_wh for slot in slots),
        label=column(int(slot.label) for slot in slots),
        tier=column(tier),
        capacity_w=column(capacity_w),
        resolution_s=column(resolution_s),
        received_s=np.full(len(slots), received_ms // _MS, dtype=np.int64),
    )
