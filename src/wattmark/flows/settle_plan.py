"""Plan customers: divide the retailer's tokens of a day among those who do not trade, one record for all (bulk path)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import pyarrow as pa

from wattmark.core.errors import UnknownReference
from wattmark.core.ids import derive_id, id_hex, id_words
from wattmark.core.periods import DAY_S, jst_day_start_s
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.commands import BulkKind, Kind, command
from wattmark.engine.state import State
from wattmark.flows.bulk import LakeTable, plan_bulk
from wattmark.flows.lakefiles import SALT_COLUMN, WH_COLUMN, lake_table, row_bytes, secret_order, tree_of
from wattmark.flows.plan import Commands, Plan, plan_of
from wattmark.flows.platform import Platform
from wattmark.flows.recorded import recorded_tables
from wattmark.metering.decode import period_of_day
from wattmark.settlement.plan import CustomerProof, PlanAllocation, PlanDemand, PlanLots, RowProof, allocate_plan
from wattmark.tokens import layout as k
from wattmark.tokens.lot import Claim

PLAN_TABLE: Final = "plan"


@dataclass(frozen=True, slots=True)
class PlanSettlement:
    """A plan settlement that is decided and not yet carried out.

    Attributes:
        plan: lake file and commands.
        allocation: serials given to each customer.
    """

    plan: Plan
    allocation: PlanAllocation


def plan_record_id(retailer: int, day: date) -> int:
    """Return the id of the BULK_ROOT record of a retailer's plan day."""
    return derive_id("plan", retailer, period_of_day(day))


def plan_retire_id(record: int, bundle: int, start: int) -> int:
    """Return the id of the RETIRE of serials that begin at ``start``."""
    return derive_id("plan retire", record, bundle, start)


def plan_settle_plan(
    platform: Platform, day: date, demand: PlanDemand, pseudonyms: Sequence[bytes], retailer: int
) -> PlanSettlement:
    """Return the plan that divides the retailer's tokens of a JST day among its customers and retires them.

    A day that is on record is not divided again: its allocation is empty, and its plan retires what an interrupted
    run has left.

    Args:
        platform: the platform.
        day: JST day.
        demand: consumption of the customers.
        pseudonyms: 16 bytes for each customer number.
        retailer: account that holds the tokens.

    Raises:
        MalformedInput: a value out of range, or a pseudonym of another length.
        RuleViolated: a customer twice in a period.
    """
    record = plan_record_id(retailer, day)
    recorded = recorded_tables(platform, record)
    if recorded is not None:
        rest = _rest_rows(platform.state, recorded[0], record, retailer)
        return PlanSettlement(plan_of(rest), PlanAllocation.empty())
    allocation = allocate_plan(demand, plan_lots(platform.state, day, retailer))
    path = f"plan/{PLAN_TABLE}-{id_hex(record)}.parquet"
    shuffled = allocation.take(secret_order(len(allocation), platform.keys.blinding, path))
    columns: dict[str, Any] = {
        "pseudonym": pa.array([pseudonyms[customer] for customer in shuffled.customer.tolist()], pa.binary()),
        "period_start_s": pa.array(shuffled.period_start_s),
        "duration_s": pa.array(shuffled.duration_s),
        "bundle": pa.array(shuffled.bundle),
        "start": pa.array(shuffled.start),
        "end": pa.array(shuffled.end),
    }
    table = LakeTable(path, lake_table(columns, shuffled.quantity_wh, platform.keys.blinding, path))
    bulk = plan_bulk(
        BulkKind.PLAN,
        [table],
        identity=record,
        period_start_s=jst_day_start_s(day),
        duration_s=DAY_S,
        extra={"day": period_of_day(day), "retailer": retailer},
    )
    return PlanSettlement(bulk + plan_of(_retire_rows(allocation, record, retailer)), allocation)


def plan_lots(state: State, day: date, retailer: int) -> PlanLots:
    """Return the retailer's held same-slot tokens of a JST day."""
    start_s = jst_day_start_s(day)
    lots = state.lots
    period_s = state.bundles[lots[:, k.L_BUNDLE], k.B_PERIOD_S]
    row = np.flatnonzero(
        (lots[:, k.L_OWNER] == retailer)
        & (lots[:, k.L_STATE] == k.HELD)
        & (lots[:, k.L_KIND] != k.ENERGY_CLAIM)
        & (period_s >= start_s)
        & (period_s < start_s + DAY_S)
    ).astype(np.int64)
    mine = lots[row]
    return PlanLots(row, mine[:, k.L_BUNDLE], mine[:, k.L_START], mine[:, k.L_END], period_s[row])


def plan_customer_proof(platform: Platform, retailer: int, day: date, pseudonym: bytes) -> CustomerProof:
    """Return a customer's own proof of a plan day; it holds no other customer's row.

    Raises:
        UnknownReference: no such plan day, or no row of that customer.
        Broken: the lake file is not the one on record.
    """
    rule = Text(en="a plan day with energy of this customer", ja="この需要家の電力があるプラン日")
    recorded = recorded_tables(platform, plan_record_id(retailer, day))
    if recorded is None:
        raise UnknownReference("UNKNOWN_PLAN_DAY", "day", period_of_day(day), rule)
    table = recorded[0]
    mine = [row for row, one in enumerate(table.column("pseudonym").to_pylist()) if one == pseudonym]
    if not mine:
        raise UnknownReference("UNKNOWN_CUSTOMER", "pseudonym", pseudonym.hex(), rule)
    tree, encoded = tree_of(table), list(row_bytes(table))
    wh, salts = table.column(WH_COLUMN).to_pylist(), table.column(SALT_COLUMN).to_pylist()
    rows = tuple(RowProof(encoded[row], wh[row], salts[row], tree.proof(row)) for row in mine)
    return CustomerProof(rows, tree.root, tree.total_wh)


def _rest_rows(state: State, table: pa.Table, record: int, retailer: int) -> list[Commands]:
    """Return the RETIREs of a recorded plan that were not carried out; those that were have their id in the journal."""
    lots = state.lots
    rows: list[Commands] = []
    for bundle, start, end in _runs(table):
        held = (lots[:, k.L_BUNDLE] == bundle) & (lots[:, k.L_OWNER] == retailer) & (lots[:, k.L_STATE] == k.HELD)
        candidates = np.flatnonzero(held)
        at = start
        while at < end:
            done = state.find_id(*id_words(plan_retire_id(record, bundle, at)))
            if done >= 0:
                at = int(lots[int(state.ids[done, e.I_RESULT0]), k.L_END])
                continue
            inside = [int(lot) for lot in candidates if lots[lot, k.L_START] <= at < lots[lot, k.L_END]]
            if not inside:
                break  # gone since: the audit names it
            until = min(int(lots[inside[0], k.L_END]), end)
            period = state.bundles[bundle, [k.B_PERIOD_S, k.B_DURATION_S]].tolist()
            rows.append(_retire_row(record, retailer, (inside[0], bundle, at, until), period))
            at = until
    return rows


def _runs(table: pa.Table) -> list[tuple[int, int, int]]:
    """Return (bundle, start, end) of the stretches that a plan's rows cover end to end."""
    names = ("bundle", "start", "end")
    runs: list[tuple[int, int, int]] = []
    for bundle, start, end in sorted(zip(*(table.column(name).to_pylist() for name in names), strict=True)):
        if runs and runs[-1][0] == bundle and runs[-1][2] == start:
            runs[-1] = (bundle, runs[-1][1], end)
        else:
            runs.append((bundle, start, end))
    return runs


def _retire_rows(allocation: PlanAllocation, record: int, retailer: int) -> list[Commands]:
    """Return one RETIRE per lot: what its customers took lies end to end."""
    lots, first = np.unique(allocation.lot, return_index=True)
    ends = np.zeros(len(lots), np.int64)
    np.maximum.at(ends, np.searchsorted(lots, allocation.lot), allocation.end)
    starts = np.full(len(lots), np.iinfo(np.int64).max)
    np.minimum.at(starts, np.searchsorted(lots, allocation.lot), allocation.start)
    return [
        _retire_row(
            record,
            retailer,
            (int(lot), int(allocation.bundle[row]), int(start), int(end)),
            [int(allocation.period_start_s[row]), int(allocation.duration_s[row])],
        )
        for lot, row, start, end in zip(lots, first, starts, ends, strict=True)
    ]


def _retire_row(record: int, retailer: int, part: tuple[int, int, int, int], period: list[int]) -> Commands:
    """Return the RETIRE of (lot, bundle, start, end) in (start [s], duration [s])."""
    lot, bundle, start, end = part
    return command(
        Kind.RETIRE,
        id=plan_retire_id(record, bundle, start),
        actor=e.OPERATOR,
        lot=lot,
        start=start,
        end=end,
        beneficiary_account=retailer,
        claim=Claim.SAME_SLOT,
        period_start_s=period[0],
        duration_s=period[1],
    )
