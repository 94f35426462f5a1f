"""My power: one account's day, which serials of which plants covered each period, and what the rest was."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wattmark.core.periods import Period
from wattmark.flows.platform import Platform
from wattmark.flows.queries.day import ALLOCATION, RESIDUAL, settlement_table
from wattmark.tokens import layout as k


@dataclass(frozen=True, slots=True)
class Used:
    """Tokens ``[start, end)`` of a bundle that covered a part of a period.

    Attributes:
        lot: the retired lot, -1 when it is not found.
        bundle: number of the bundle.
        device: where it was made.
        source: what it was made from.
        made: when it was made.
        start: first serial.
        end: serial after the last.
        claim: 1 same slot, 2 banked.
    """

    lot: int
    bundle: int
    device: int
    source: int
    made: Period
    start: int
    end: int
    claim: int

    @property
    def quantity_wh(self) -> int:
        """Return the energy [Wh]."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class MySlot:
    """One period: use = same slot + banked + residual [Wh]; price [sen/kWh], amount [10^-5 JPY].

    ``own_wh`` are the account's tokens of the period, used or not [Wh].
    """

    period: Period
    consumption_wh: int
    same_slot_wh: int
    banked_wh: int
    residual_wh: int
    price_sen: int
    amount_e5: int
    own_wh: int
    used: tuple[Used, ...]


@dataclass(frozen=True, slots=True)
class MyDay:
    """One account's settled day."""

    account: int
    day: date
    slots: tuple[MySlot, ...]

    def total(self, column: str) -> int:
        """Return the sum of a column over all periods."""
        return sum(int(getattr(slot, column)) for slot in self.slots)

    @property
    def same_slot_per_mille(self) -> int:
        """Return what share of the use was matched period by period [1/1000]."""
        use = self.total("consumption_wh")
        return self.total("same_slot_wh") * 1_000 // use if use else 0

    def matched_per_mille(self, step_s: int) -> int:
        """Return what share of the use own tokens of the same stretch of ``step_s`` seconds would cover [1/1000].

        Only whole stretches are compared, so a coarser clock never shows less.
        """
        use: dict[int, int] = {}
        own: dict[int, int] = {}
        for slot in self.slots:
            stretch = slot.period.start_s // step_s
            use[stretch] = use.get(stretch, 0) + slot.consumption_wh
            own[stretch] = own.get(stretch, 0) + max(slot.same_slot_wh, slot.own_wh)
        total = sum(use.values())
        return sum(min(use[stretch], own[stretch]) for stretch in use) * 1_000 // total if total else 0


def my_day(platform: Platform, account: int, day: date) -> MyDay | None:
    """Return an account's day, ``None`` before it is settled or when it used nothing.

    Raises:
        Broken: a file of the settlement is missing or not what its record says.
    """
    residual = settlement_table(platform, day, RESIDUAL)
    allocation = settlement_table(platform, day, ALLOCATION)
    if residual is None or allocation is None:
        return None
    mine = residual.filter(pc.equal(residual.column("account"), account)).sort_by("period_start_s").to_pylist()
    if not mine:
        return None
    used = _used(platform, allocation.filter(pc.equal(allocation.column("account"), account)))
    own = _own_tokens(platform, account, mine[0]["period_start_s"], mine[-1]["period_start_s"])
    slots = tuple(
        MySlot(
            Period(row["period_start_s"], row["duration_s"]),
            row["consumption_wh"],
            row["same_slot_wh"],
            row["banked_wh"],
            row["residual_wh"],
            row["price_sen"],
            row["spot_amount_e5"] + row["tariff_amount_e5"],
            own.get(row["period_start_s"], 0),
            tuple(used.get(row["period_start_s"], ())),
        )
        for row in mine
    )
    return MyDay(account, day, slots)


def settled_days(platform: Platform, account: int) -> list[date]:
    """Return the JST days an account has a statement of, oldest first."""
    return [_date(number) for number in sorted(platform.views.statement_days(account))]


def _date(number: int) -> date:
    return date(number // 10_000, number // 100 % 100, number % 100)


def _used(platform: Platform, rows: pa.Table) -> dict[int, list[Used]]:
    bundles = platform.state.bundles
    lots = _retired_lots(platform, [row["bundle"] for row in rows.select(["bundle"]).to_pylist()])
    found: dict[int, list[Used]] = {}
    for row in rows.to_pylist():
        bundle = bundles[row["bundle"]]
        used = Used(
            lots.get((row["bundle"], row["start"]), -1),
            row["bundle"],
            int(bundle[k.B_DEVICE]),
            int(bundle[k.B_SOURCE]),
            Period(int(bundle[k.B_PERIOD_S]), int(bundle[k.B_DURATION_S])),
            row["start"],
            row["end"],
            row["claim"],
        )
        found.setdefault(row["period_start_s"], []).append(used)
    return found


def _retired_lots(platform: Platform, bundles: list[int]) -> dict[tuple[int, int], int]:
    lots = platform.state.lots
    rows = np.flatnonzero((lots[:, k.L_STATE] == k.RETIRED) & np.isin(lots[:, k.L_BUNDLE], bundles))
    keys = zip(lots[rows, k.L_BUNDLE].tolist(), lots[rows, k.L_START].tolist(), strict=True)
    return dict(zip(keys, rows.tolist(), strict=True))


def _own_tokens(platform: Platform, account: int, first_s: int, last_s: int) -> dict[int, int]:
    """Return period start -> the account's tokens made in it, banked ones not counted (K1) [Wh]."""
    lots, bundles = platform.state.lots, platform.state.bundles
    starts = bundles[lots[:, k.L_BUNDLE], k.B_PERIOD_S]
    rows = np.flatnonzero(
        (lots[:, k.L_OWNER] == account)
        & (lots[:, k.L_KIND] != k.ENERGY_CLAIM)
        & (starts >= first_s)
        & (starts <= last_s)
    )
    own: dict[int, int] = {}
    for start, wh in zip(starts[rows].tolist(), (lots[rows, k.L_END] - lots[rows, k.L_START]).tolist(), strict=True):
        own[start] = own.get(start, 0) + wh
    return own
