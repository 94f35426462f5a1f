"""Plants: who they are, what they made, what became of their tokens."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.codes import Area, Source
from wattmark.core.errors import UnknownReference
from wattmark.core.periods import DAY_S, JST_OFFSET_S, Period, jst_day_start_s
from wattmark.core.text import Text
from wattmark.flows.platform import Platform
from wattmark.flows.queries.texts import device_content, text_in
from wattmark.tokens import layout as k

DEVICE: Final = Text(en="a registered device", ja="登録済みの機器")


@dataclass(frozen=True, slots=True)
class Device:
    """One channel of a metered device.

    Attributes:
        device: its number.
        account: owner.
        area: market area (J8).
        source: 0 for consumption.
        capacity_w: nameplate power [W].
        is_plant: whether it produces.
        tier: evidence tier.
        resolution_s: length of its periods [s].
        register_wh: where its register stands [Wh].
        name: what it is called.
        story: what is told of it.
        kind: technology, free word, empty when not given.
        location: place, as coarse as its owner gave it.
    """

    device: int
    account: int
    area: int
    source: int
    capacity_w: int
    is_plant: bool
    tier: int
    resolution_s: int
    register_wh: int
    name: Text
    story: Text
    kind: Text
    location: Text

    @property
    def area_code(self) -> Area:
        """Return the area as its enum."""
        return Area(self.area)

    @property
    def source_code(self) -> Source:
        """Return the source as its enum; of plants only."""
        return Source(self.source)


@dataclass(frozen=True, slots=True)
class TokenTotals:
    """What became of a device's tokens; issued is the sum of the others (L1) [Wh]."""

    issued_wh: int
    held_wh: int
    reserved_wh: int
    retired_wh: int
    expired_wh: int
    withdrawn_wh: int


@dataclass(frozen=True, slots=True)
class Slot:
    """Energy of one period [Wh]."""

    period: Period
    wh: int


def device(platform: Platform, number: int) -> Device:
    """Return a device.

    Raises:
        UnknownReference: there is none with this number.
    """
    if not 0 <= number < platform.state.count("devices"):
        raise UnknownReference("UNKNOWN_DEVICE", "device", number, DEVICE)
    row = platform.state.devices[number]
    content = device_content(platform, number)
    return Device(
        number,
        int(row[k.D_OWNER]),
        int(row[k.D_AREA]),
        int(row[k.D_SOURCE]),
        int(row[k.D_CAPACITY_W]),
        int(row[k.D_ROLE]) == k.CHANNEL_PRODUCTION,
        int(row[k.D_TIER]),
        int(row[k.D_RESOLUTION_S]),
        int(row[k.D_REG_NEXT_WH]),
        text_in(content, "name", Text(en=f"Plant {number}", ja=f"発電所{number}")),
        text_in(content, "story"),
        text_in(content, "kind"),
        text_in(content, "location"),
    )


def plants(platform: Platform, *, after: int = -1, limit: int = 500) -> list[Device]:
    """Return the producing devices, by number, from after ``after`` on."""
    rows = np.flatnonzero(platform.state.devices[:, k.D_ROLE] == k.CHANNEL_PRODUCTION)
    return [device(platform, int(row)) for row in rows[rows > after][:limit]]


def devices_of(platform: Platform, account: int) -> list[Device]:
    """Return all devices of an account, consumption included."""
    rows = np.flatnonzero(platform.state.devices[:, k.D_OWNER] == account)
    return [device(platform, int(row)) for row in rows]


def production(platform: Platform, number: int, day: date) -> list[Slot]:
    """Return what a device made in each minted period of a JST day, in order."""
    bundles = platform.state.bundles
    start = jst_day_start_s(day)
    mine = (bundles[:, k.B_DEVICE] == number) & _within(bundles[:, k.B_PERIOD_S], start, start + DAY_S)
    rows = np.flatnonzero(mine)
    slots = [
        Slot(
            Period(int(bundles[row, k.B_PERIOD_S]), int(bundles[row, k.B_DURATION_S])), int(bundles[row, k.B_ISSUED_WH])
        )
        for row in rows
    ]
    return sorted(slots, key=lambda slot: slot.period)


def production_by_device(platform: Platform, day: date) -> dict[int, int]:
    """Return device -> energy of a JST day [Wh]."""
    bundles = platform.state.bundles
    start = jst_day_start_s(day)
    rows = bundles[_within(bundles[:, k.B_PERIOD_S], start, start + DAY_S)]
    made = np.zeros(platform.state.count("devices"), np.int64)
    np.add.at(made, rows[:, k.B_DEVICE], rows[:, k.B_ISSUED_WH])
    return {int(number): int(made[number]) for number in np.flatnonzero(made)}


def token_totals(platform: Platform, number: int) -> TokenTotals:
    """Return what became of a device's tokens."""
    bundles = platform.state.bundles
    mine = bundles[bundles[:, k.B_DEVICE] == number]
    words = (k.B_ISSUED_WH, k.B_HELD_WH, k.B_RESERVED_WH, k.B_RETIRED_WH, k.B_EXPIRED_WH, k.B_WITHDRAWN_WH)
    return TokenTotals(*(int(mine[:, word].sum()) for word in words))


def days_with_energy(platform: Platform, number: int | None = None) -> list[date]:
    """Return the JST days with minted energy, oldest first; of one device, or of any."""
    bundles = platform.state.bundles
    starts = bundles[:, k.B_PERIOD_S] if number is None else bundles[bundles[:, k.B_DEVICE] == number, k.B_PERIOD_S]
    days = np.unique((starts + JST_OFFSET_S) // DAY_S)
    return [date.fromordinal(date(1970, 1, 1).toordinal() + int(day)) for day in days]


def _within(starts: npt.NDArray[np.int64], low: int, high: int) -> npt.NDArray[np.bool_]:
    return (starts >= low) & (starts < high)
