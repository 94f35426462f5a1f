"""Settle a JST day: match verified consumption with own tokens, retire exactly those ranges, charge the rest.

Order of a carried-out settlement: lake files durable, BULK_ROOT of the allocation and of the statements, RETIRE
commands, PAY commands. What is on record is never decided again: a settlement that was interrupted, or is asked for
twice, is carried out from its own allocation. Settle before ``expire_lots``: a claim for a period before its date may
be redeemed after it.
"""

from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any, Final, TypeVar

import numpy as np
import pyarrow as pa

from wattmark.core.ids import derive_id, id_hex
from wattmark.core.periods import DAY_S, jst_day_start_s
from wattmark.engine import layout as e
from wattmark.engine.commands import BulkKind, Kind, command, kind_of
from wattmark.engine.outcomes import Outcome, refusal
from wattmark.flows.bulk import LakeTable, plan_bulk
from wattmark.flows.lakefiles import lake_table
from wattmark.flows.plan import Commands, Plan, plan_of
from wattmark.flows.platform import Platform
from wattmark.flows.recorded import recorded_tables
from wattmark.flows.settle_inputs import load_demand, load_lots
from wattmark.flows.statements import bundle_devices, statement_table, tariff_of
from wattmark.metering.decode import period_of_day
from wattmark.settlement.columns import Allocation, Columns, DaySettlement, Residual, SpotPrices
from wattmark.settlement.settle import settle_day as settle_columns

PAY_SETTLEMENT: Final = 1
"""Reason code of a PAY command: the residual of a settled day."""
ALLOCATION_TABLE: Final = "allocations"
RESIDUAL_TABLE: Final = "residual"

ColumnsT = TypeVar("ColumnsT", bound=Columns)


@dataclass(frozen=True, slots=True)
class SettlePlan:
    """A settlement that is decided and not yet carried out.

    Attributes:
        plan: lake files and commands.
        settlement: allocation and residual.
    """

    plan: Plan
    settlement: DaySettlement


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement that was carried out.

    Attributes:
        settlement: allocation and residual.
        unpaid: accounts whose cash and credit did not cover their residual.
    """

    settlement: DaySettlement
    unpaid: tuple[int, ...]


def settlement_id(day: date) -> int:
    """Return the id a day's settlement derives all of its ids from."""
    return derive_id("settle", period_of_day(day))


def plan_settle_day(platform: Platform, day: date, prices: SpotPrices) -> SettlePlan:
    """Return the plan that settles a JST day.

    Args:
        platform: the platform; the day's meters must be sealed.
        day: JST day.
        prices: day-ahead prices of every area and period with consumption [sen/kWh].

    Raises:
        UnknownReference: a period without a price.
        MalformedInput: overlapping periods.
    """
    identity = settlement_id(day)
    recorded = recorded_settlement(platform, day)
    if recorded is not None:
        return SettlePlan(_commands(recorded, day, identity), recorded)
    demand = load_demand(platform, day)
    lots = load_lots(platform.state, day, demand.account)
    settlement = settle_columns(demand, lots, prices, tariff_of(platform.settings))
    return SettlePlan(plan_records(platform, settlement, day) + _commands(settlement, day, identity), settlement)


def recorded_settlement(platform: Platform, day: date) -> DaySettlement | None:
    """Return the settlement of a day that is on record, ``None`` before.

    Raises:
        Broken: its lake file is missing or not the one on record.
    """
    tables = recorded_tables(platform, allocation_id(settlement_id(day)))
    if tables is None:
        return None
    return DaySettlement(columns_of(tables[0], Allocation), columns_of(tables[1], Residual))


def columns_of(table: pa.Table, form: type[ColumnsT]) -> ColumnsT:
    """Return the settlement columns a lake table holds."""
    return form(*(table.column(field.name).to_numpy() for field in fields(form)))


def settle_day(platform: Platform, day: date, prices: SpotPrices, now_ms: int) -> Settled:
    """Settle a JST day while no other command can come between.

    Raises:
        Refused: as ``plan_settle_day``, or a RETIRE or BULK_ROOT was refused (a fault of ours).
        Unavailable: nothing was acknowledged.
    """
    with platform.sequencer.reading():
        decided = plan_settle_day(platform, day, prices)
        verdicts = platform.execute(decided.plan, now_ms)
    unpaid = []
    for row, outcome in zip(decided.plan.commands, verdicts[:, e.V_OUTCOME].tolist(), strict=True):
        if outcome == Outcome.INSUFFICIENT_CASH and kind_of(row) == Kind.PAY:
            unpaid.append(int(row[e.W_FIELDS]))
        elif outcome != Outcome.OK:
            raise refusal(row, outcome)
    return Settled(decided.settlement, tuple(unpaid))


def allocation_id(identity: int) -> int:
    """Return the id of the allocation's BULK_ROOT record."""
    return derive_id("allocation", identity)


def retire_rows(allocation: Allocation, identity: int) -> list[Commands]:
    """Return one RETIRE per allocated range, lowest serials of a lot first: its row keeps the rest."""
    ordered = allocation.take(np.lexsort((allocation.start, allocation.lot)).astype(np.int64))
    return [
        command(
            Kind.RETIRE,
            id=derive_id("retire", identity, bundle, start),
            actor=e.OPERATOR,
            lot=lot,
            start=start,
            end=end,
            beneficiary_account=account,
            claim=claim,
            period_start_s=period_s,
            duration_s=duration_s,
        )
        for account, period_s, duration_s, lot, bundle, start, end, claim in zip(
            *(
                getattr(ordered, name).tolist()
                for name in ("account", "period_start_s", "duration_s", "lot", "bundle", "start", "end", "claim")
            ),
            strict=True,
        )
    ]


def pay_rows(residual: Residual, day: date, identity: int) -> list[Commands]:
    """Return one PAY per account with a residual: its whole day at spot price plus tariff, to the operator."""
    accounts, index = np.unique(residual.account, return_inverse=True)
    owed = np.zeros(len(accounts), np.int64)
    np.add.at(owed, index, residual.spot_amount_e5 + residual.tariff_amount_e5)
    return [
        command(
            Kind.PAY,
            id=derive_id("pay", identity, account),
            actor=e.OPERATOR,
            from_account=account,
            to_account=e.OPERATOR,
            amount_e5jpy=amount_e5,
            reason=PAY_SETTLEMENT,
            period_start_s=jst_day_start_s(day),
            duration_s=DAY_S,
        )
        for account, amount_e5 in zip(accounts.tolist(), owed.tolist(), strict=True)
        if amount_e5 > 0 and account != e.OPERATOR
    ]


def plan_records(platform: Platform, settlement: DaySettlement, day: date) -> Plan:
    """Return the lake files and records of a settlement: allocation with residual, and statements."""
    identity, salt_key = settlement_id(day), platform.keys.blinding
    allocation, residual = settlement.allocation, settlement.residual
    record = allocation_id(identity)
    tables = [
        _columns_table(ALLOCATION_TABLE, allocation, allocation.quantity_wh, record, salt_key),
        _columns_table(RESIDUAL_TABLE, residual, residual.residual_wh, record, salt_key),
    ]
    statement_record = derive_id("statements", identity)
    span: dict[str, Any] = {"period_start_s": jst_day_start_s(day), "duration_s": DAY_S}
    tariff = tariff_of(platform.settings)
    extra = {"day": period_of_day(day), "tariff": asdict(tariff)}
    statements = statement_table(settlement, bundle_devices(platform), tariff, day, statement_record, salt_key)
    return plan_bulk(BulkKind.ALLOCATION, tables, identity=record, extra=extra, **span) + plan_bulk(
        BulkKind.STATEMENTS, [statements], identity=statement_record, extra=extra, **span
    )


def _commands(settlement: DaySettlement, day: date, identity: int) -> Plan:
    return plan_of([*retire_rows(settlement.allocation, identity), *pay_rows(settlement.residual, day, identity)])


def _columns_table(name: str, columns: Columns, wh: np.ndarray, record: int, salt_key: bytes) -> LakeTable:
    path = f"allocations/{name}-{id_hex(record)}.parquet"
    arrays = {title: pa.array(column) for title, column in columns.columns().items()}
    return LakeTable(path, lake_table(arrays, wh, salt_key, path))
