"""What a settlement reads: demand from verified readings in the lake, lots from the state."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wattmark.core.periods import DAY_S, jst_day_start_s
from wattmark.engine.state import State
from wattmark.flows.lakefiles import read_table
from wattmark.flows.platform import Platform
from wattmark.metering.decode import period_of_day
from wattmark.settlement.columns import Demand, Int64s, Lots
from wattmark.tokens import layout as k

_DEMAND_COLUMNS: Final = ("account", "area", "period_start_s", "duration_s", "wh")


def load_demand(platform: Platform, day: date, accounts: Sequence[int] | None = None) -> Demand:
    """Return the metered consumption of a JST day, from the verified slots of its seals.

    A slot that covers several periods (the meter was off) is spread evenly over them, what is left over going to the
    last: for billing only, nothing is minted from it (metering reference, section 4).

    Args:
        platform: the platform.
        day: JST day.
        accounts: restrict to these accounts; ``None`` for all.
    """
    start_s = jst_day_start_s(day)
    paths = platform.views.slot_files(period_of_day(day))
    tables = [slot_rows_demand(read_table(platform.lake.get(path))) for path in paths]
    if not tables:
        return Demand.empty()
    parts = [spread(table, platform.settings.resolution_s) for table in tables]
    demand = Demand(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    inside = (demand.period_start_s >= start_s) & (demand.period_start_s < start_s + DAY_S)
    if accounts is not None:
        inside &= np.isin(demand.account, np.asarray(accounts, np.int64))
    return demand.take(np.flatnonzero(inside))


def slot_rows_demand(table: pa.Table) -> pa.Table:
    """Return the consumption rows of a table of verified slots."""
    consumed = pc.equal(table.column("channel_role"), k.CHANNEL_CONSUMPTION)
    return table.filter(consumed).select(list(_DEMAND_COLUMNS))


def spread(table: pa.Table, resolution_s: int) -> tuple[Int64s, ...]:
    """Return account, area, start [s], duration [s] and Wh with every row cut to the settlement period."""
    columns = [np.ascontiguousarray(table.column(name).to_numpy(), np.int64) for name in _DEMAND_COLUMNS]
    account, area, start_s, duration_s, wh = columns
    count = np.maximum(duration_s // resolution_s, 1)
    row = np.repeat(np.arange(len(wh)), count)
    number = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    share = wh[row] // count[row]
    last = number == count[row] - 1
    share[last] += wh % count
    step_s = np.where(count[row] > 1, resolution_s, duration_s[row])
    return account[row], area[row], start_s[row] + number * resolution_s, step_s, share


def load_lots(state: State, day: date, accounts: Int64s) -> Lots:
    """Return the held lots that the accounts may use in a JST day: same-slot tokens of the day and banked ones.

    A claim's date is that of its deposit (K5), not its bundle's.
    """
    start_s = jst_day_start_s(day)
    lots, bundles = state.lots, state.bundles
    bundle = lots[:, k.L_BUNDLE]
    claim = lots[:, k.L_KIND] == k.ENERGY_CLAIM
    period_s = bundles[bundle, k.B_PERIOD_S]
    of_day = (period_s >= start_s) & (period_s < start_s + DAY_S)
    usable = claim & (lots[:, k.L_FROM_S] < start_s + DAY_S) & (lots[:, k.L_UNTIL_S] > start_s)
    mine = np.isin(lots[:, k.L_OWNER], accounts)
    row = np.flatnonzero((lots[:, k.L_STATE] == k.HELD) & mine & np.where(claim, usable, of_day))
    bundle, claim = bundle[row], claim[row]
    until_s = lots[row, k.L_UNTIL_S]
    return Lots(
        lot=row.astype(np.int64),
        account=lots[row, k.L_OWNER],
        bundle=bundle,
        area=bundles[bundle, k.B_AREA],
        start=lots[row, k.L_START],
        end=lots[row, k.L_END],
        period_start_s=period_s[row],
        duration_s=bundles[bundle, k.B_DURATION_S],
        kind=lots[row, k.L_KIND],
        expiry_s=np.where(claim, until_s, bundles[bundle, k.B_EXPIRY_S]),
        redeem_rule=np.where(claim, lots[row, k.L_RULE], 0),
        redeem_from_s=np.where(claim, lots[row, k.L_FROM_S], 0),
        redeem_until_s=np.where(claim, until_s, 0),
    )
