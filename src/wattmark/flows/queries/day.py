"""Supply, demand and price of one JST day, for everybody; sums only, of at least ``LEAST_ACCOUNTS`` accounts each.

Supply comes from the bundles in the state. Demand and price come from the settlement's residual table once the
day is settled, before that demand comes from the verified slots of the seals and there is no price yet.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from wattmark.core.encoding import json_decode_strict
from wattmark.core.periods import DAY_S, Period, day_periods, jst_day_start_s
from wattmark.engine.commands import BulkKind
from wattmark.flows.bulk import payload_files, read_checked
from wattmark.flows.platform import Platform
from wattmark.flows.settle_inputs import load_demand
from wattmark.metering.decode import period_of_day
from wattmark.tokens import layout as k

Int64s = npt.NDArray[np.int64]

ALLOCATION: Final = "allocations-"
RESIDUAL: Final = "residual-"
LEAST_ACCOUNTS: Final = 3
"""Fewest accounts whose use is shown as one sum: of one it is its own, of two each knows the other's (L8)."""
SETTLED_LOOKED_AT: Final = 4_000
"""Settlements looked through for a day: about ten years of them."""


@dataclass(frozen=True, slots=True)
class BalanceSlot:
    """One period of the day.

    Attributes:
        period: which.
        supply_wh: source code -> energy made [Wh].
        demand_wh: metered use, ``None`` when nothing is known yet or too few accounts used anything [Wh].
        price_sen: day-ahead price of the area, ``None`` before the settlement [sen/kWh].
    """

    period: Period
    supply_wh: dict[int, int]
    demand_wh: int | None
    price_sen: int | None


@dataclass(frozen=True, slots=True)
class Balance:
    """A JST day, period by period."""

    day: date
    is_settled: bool
    slots: tuple[BalanceSlot, ...]
    traded_wh: int

    @property
    def supply_wh(self) -> int:
        """Return everything made [Wh]."""
        return sum(sum(slot.supply_wh.values()) for slot in self.slots)

    @property
    def demand_wh(self) -> int | None:
        """Return everything used in the periods whose use is shown, ``None`` where none is [Wh]."""
        shown = [slot.demand_wh for slot in self.slots if slot.demand_wh is not None]
        return sum(shown) if shown else None


def balance(platform: Platform, day: date) -> Balance:
    """Return supply, demand and price of a JST day."""
    periods = day_periods(day, platform.settings.resolution_s)
    supply = _supply(platform, day, periods)
    residual = settlement_table(platform, day, RESIDUAL)
    if residual is not None:
        starts, wh = _numbers(residual, "period_start_s"), _numbers(residual, "consumption_wh")
        who = _numbers(residual, "account")
        prices = dict(zip(starts.tolist(), _numbers(residual, "price_sen").tolist(), strict=True))
    else:
        demand = load_demand(platform, day)
        starts, wh, who, prices = demand.period_start_s, demand.consumption_wh, demand.account, {}
    used = sums_of_many(starts, wh, who)
    slots = tuple(
        BalanceSlot(period, supply[index], used.get(period.start_s), prices.get(period.start_s))
        for index, period in enumerate(periods)
    )
    start_s = jst_day_start_s(day)
    traded = sum(row.quantity_wh for row in platform.views.products(from_s=start_s, until_s=start_s + DAY_S))
    return Balance(day, residual is not None, slots, traded)


def settlement_table(platform: Platform, day: date, name: str) -> pa.Table | None:
    """Return a table of a day's settlement by the beginning of its file's name, ``None`` before it is settled.

    Raises:
        Broken: the file is missing or not what its record says.
    """
    number = period_of_day(day)
    start_s = jst_day_start_s(day)
    for row in platform.views.bulk(bulk_kind=int(BulkKind.ALLOCATION), limit=SETTLED_LOOKED_AT):
        if row.period_start_s != start_s:
            continue
        payload = platform.views.payload(row.payload_hash)
        if payload is None or json_decode_strict(payload).get("day") != number:
            continue
        for described, _ in payload_files(payload):
            if described.path.rsplit("/", 1)[-1].startswith(name):
                return read_checked(described, platform.lake.get)
    return None


def _numbers(table: pa.Table, name: str) -> Int64s:
    return np.ascontiguousarray(table.column(name).to_numpy(), np.int64)


def sums_of_many(starts: Int64s, wh: Int64s, accounts: Int64s) -> dict[int, int]:
    """Return period start -> sum [Wh], without the periods in which fewer than ``LEAST_ACCOUNTS`` used anything."""
    sums: dict[int, int] = {}
    users: dict[int, set[int]] = {}
    for start, amount, account in zip(starts.tolist(), wh.tolist(), accounts.tolist(), strict=True):
        sums[start] = sums.get(start, 0) + amount
        if amount:
            users.setdefault(start, set()).add(account)
    return {start: amount for start, amount in sums.items() if len(users.get(start, ())) >= LEAST_ACCOUNTS}


def _supply(platform: Platform, day: date, periods: list[Period]) -> list[dict[int, int]]:
    bundles = platform.state.bundles
    start_s = jst_day_start_s(day)
    rows = bundles[(bundles[:, k.B_PERIOD_S] >= start_s) & (bundles[:, k.B_PERIOD_S] < start_s + DAY_S)]
    index = (rows[:, k.B_PERIOD_S] - start_s) // (DAY_S // len(periods))
    sums = np.zeros((len(periods), 16), np.int64)
    np.add.at(sums, (index, rows[:, k.B_SOURCE]), rows[:, k.B_ISSUED_WH])
    return [{source: int(row[source]) for source in np.flatnonzero(row).tolist()} for row in sums]
