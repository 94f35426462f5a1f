"""Settling a day in batches that a kill cannot tear: decide once, write it down, then carry it out.

The decision (allocation, residual, statements) goes to the lake and is recorded first. The retirements and
charges follow in parts of at most ``PART_COMMANDS``; each part is read back from the recorded files, so it
does not matter how much of the settlement the ledger already shows.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from wattmark.core.ids import id_hex
from wattmark.core.periods import DAY_S, jst_day_start_s
from wattmark.engine.commands import BulkKind, Kind, kind_of, stack
from wattmark.flows.bulk import LakeTable, plan_bulk
from wattmark.flows.lakefiles import lake_table
from wattmark.flows.plan import Plan, plan_of
from wattmark.flows.platform import Platform
from wattmark.flows.settle_day import (
    pay_rows,
    plan_settle_day,
    recorded_settlement,
    retire_rows,
    settlement_id,
)
from wattmark.flows.settle_plan import PLAN_TABLE, plan_record_id
from wattmark.metering.decode import period_of_day
from wattmark.settlement.columns import SpotPrices
from wattmark.settlement.plan import PlanAllocation, PlanDemand, PlanLots, allocate_plan
from wattmark.simulation.agents import Moment
from wattmark.simulation.community import Part, plan_pseudonym
from wattmark.simulation.phases import PART_COMMANDS, settle_parts
from wattmark.simulation.world import MISSING
from wattmark.tokens.lot import Claim


def decide_day(platform: Platform, moment: Moment) -> Plan:
    """Return the plan that records what a day's settlement is: lake files and their two records."""
    decided = plan_settle_day(platform, day_of(moment), spot_prices(moment)).plan
    records = [row for row in decided.commands if kind_of(row) == Kind.BULK_ROOT]
    return Plan(stack(records), decided.payloads, decided.files)


def carry_out_day(platform: Platform, moment: Moment, part: int) -> Plan:
    """Return one part, counted from 1, of the retirements and charges that the day's record names."""
    world, day = moment.world.parameters, day_of(moment)
    settlement = recorded_settlement(platform, day)
    assert settlement is not None, "the day is decided before it is carried out"
    identity, used = settlement_id(day), settlement.allocation
    charges = pay_rows(settlement.residual, day, identity)
    most = PART_COMMANDS * settle_parts(world.homes, world.plants)
    assert len(used) + len(charges) <= most, "the parts hold every command"
    first, end = (part - 1) * PART_COMMANDS, part * PART_COMMANDS
    # The order in which the flow retires: highest serials of a lot first, so that its row keeps the rest.
    ordered = used.take(np.lexsort((-used.start, used.lot)).astype(np.int64))
    retirements = retire_rows(ordered.take(slice(first, end)), identity)
    return plan_of([*retirements, *charges[max(first - len(used), 0) : max(end - len(used), 0)]])


def plan_customers(platform: Platform, moment: Moment) -> Plan:
    """Return the plan that divides the retailer's used tokens among its plan customers (bulk path).

    One row per serial range and customer, behind a pseudonym and a salt, under one root: a customer can
    check that their Wh are in a total that does not exceed what the retailer retired.
    """
    world, day = moment.world, day_of(moment)
    customers = moment.community.of_part(Part.PLAN_HOME)
    retailer = moment.account_of[moment.community.only(Part.RETAILER).index]
    settlement = recorded_settlement(platform, day)
    assert settlement is not None, "the day is settled before its tokens are divided"
    used = settlement.allocation
    used = used.take(np.flatnonzero((used.account == retailer) & (used.claim == Claim.SAME_SLOT)))
    lots = PlanLots(used.lot, used.bundle, used.start, used.end, used.period_start_s)
    first = moment.period - world.periods_per_day + 1
    rows = [
        (number, world.period(period).start_s, world.duration_s, int(world.consumption_wh[member.row, period]))
        for number, member in enumerate(customers)
        for period in range(first, moment.period + 1)
        if world.consumption_wh[member.row, period] != MISSING
    ]
    columns = zip(*rows, strict=True) if rows else ([],) * 4
    demand = PlanDemand(*(np.array(column, np.int64) for column in columns))
    divided = allocate_plan(demand, lots)
    pseudonyms = [plan_pseudonym(moment.seed, period_of_day(day), member) for member in customers]
    record = plan_record_id(retailer, day)
    return plan_bulk(
        BulkKind.PLAN,
        [_plan_table(divided, pseudonyms, record, platform.keys.blinding)],
        identity=record,
        period_start_s=jst_day_start_s(day),
        duration_s=DAY_S,
        extra={"day": period_of_day(day), "retailer": retailer},
    )


def spot_prices(moment: Moment) -> SpotPrices:
    """Return the area's published prices of the moment's day."""
    world = moment.world
    last = moment.period + 1
    first = last - world.periods_per_day
    count = world.periods_per_day
    return SpotPrices(
        area=np.full(count, int(world.area), np.int64),
        period_start_s=np.array([world.period(index).start_s for index in range(first, last)], np.int64),
        duration_s=np.full(count, world.duration_s, np.int64),
        price_sen=world.price_sen[first:last],
    )


def _plan_table(divided: PlanAllocation, pseudonyms: Sequence[bytes], record: int, salt_key: bytes) -> LakeTable:
    """Return the rows as ``settlement.plan.plan_row`` encodes them: all columns but Wh and salt."""
    path = f"plan/{PLAN_TABLE}-{id_hex(record)}.parquet"
    columns = {
        "pseudonym": pa.array([pseudonyms[customer] for customer in divided.customer.tolist()], pa.binary()),
        "period_start_s": pa.array(divided.period_start_s),
        "duration_s": pa.array(divided.duration_s),
        "bundle": pa.array(divided.bundle),
        "start": pa.array(divided.start),
        "end": pa.array(divided.end),
    }
    return LakeTable(path, lake_table(columns, divided.quantity_wh, salt_key, path))


def day_of(moment: Moment) -> date:
    """Return the JST day of a moment."""
    return moment.world.day(moment.period // moment.world.periods_per_day)
