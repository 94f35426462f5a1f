"""Settlements recomputed: demand from verified slots, sums and amounts, retirements, charges, statements."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import pyarrow as pa

from wattmark.core.findings import Finding
from wattmark.core.ids import id_words
from wattmark.engine import layout as e
from wattmark.engine.commands import Words, fields, id_of
from wattmark.engine.outcomes import Outcome
from wattmark.engine.state import State
from wattmark.flows.lakefiles import SALT_COLUMN, WH_COLUMN
from wattmark.flows.settle_day import columns_of, pay_rows, retire_rows, settlement_id
from wattmark.flows.settle_inputs import load_lots, slot_rows_demand, spread
from wattmark.flows.settle_plan import plan_retire_id
from wattmark.flows.statements import statement_table
from wattmark.metering.decode import day_of_period
from wattmark.settlement.audit import audit_settlement
from wattmark.settlement.columns import Allocation, DaySettlement, Residual
from wattmark.settlement.tariff import Tariff
from wattmark.tokens import layout as k

RETIRE_RULE: Final = "L2: the retired ranges are exactly the allocated ones"
DEMAND_RULE: Final = "settlement: consumption is that of the verified slots"
PAY_RULE: Final = "L3: the residual of a settled day is charged once"
STATEMENT_RULE: Final = "settlement: a statement is that of allocation and residual"
PLAN_RULE: Final = "L2: plan rows lie end to end and are retired"


@dataclass(frozen=True, slots=True)
class _Expected:
    """A RETIRE or PAY that a settlement on record must have led to."""

    file: str
    row: Words


@dataclass(frozen=True, slots=True, order=True)
class _PlanRange:
    """Serials ``[start, end)`` of a bundle that a PLAN record divides among a retailer's customers."""

    bundle: int
    start: int
    end: int
    file: str
    record: int
    retailer: int


class SettlementCheck:
    """Checks each settlement when its record comes, and its commands at the end."""

    def __init__(self, slots_of: Callable[[int], Sequence[pa.Table]], resolution_s: int) -> None:
        """Take verified slots of a day (yyyymmdd) from ``slots_of``."""
        self._slots_of = slots_of
        self._resolution_s = resolution_s
        self._days: dict[int, tuple[DaySettlement, Tariff]] = {}
        self._expected: list[_Expected] = []
        self._plan: list[_PlanRange] = []
        self._retired: dict[int, Words] = {}

    def allocation(self, tables: Mapping[str, pa.Table], content: Mapping[str, Any], before: State) -> list[Finding]:
        """Check an ALLOCATION record's tables.

        Args:
            tables: allocation and residual by lake path, in this order.
            content: the record's payload.
            before: the state before the frame.
        """
        (path, allocation), (other, residual) = tables.items()
        file = f"lake/{path}"
        day = day_of_period(int(content["day"]))
        tariff = Tariff(**content["tariff"])
        settlement = DaySettlement(columns_of(allocation, Allocation), columns_of(residual, Residual))
        self._days[int(content["day"])] = (settlement, tariff)
        lots = load_lots(before, day, settlement.residual.account)
        used = lots.take(np.flatnonzero(np.isin(lots.lot, settlement.allocation.lot)))
        findings = audit_settlement(settlement, used, tariff, file)
        findings += self._demand(f"lake/{other}", day, settlement.residual)
        identity = settlement_id(day)
        self._expected += [_Expected(file, row) for row in retire_rows(settlement.allocation, identity)]
        self._expected += [_Expected(f"lake/{other}", row) for row in pay_rows(settlement.residual, day, identity)]
        return findings

    def statements(self, tables: Mapping[str, pa.Table], content: Mapping[str, Any], state: State) -> list[Finding]:
        """Make the statements of a STATEMENTS record anew and compare."""
        if not tables:
            raise KeyError("no table of statements")
        (path, stored) = next(iter(tables.items()))
        known = self._days.pop(int(content["day"]), None)
        if known is None:
            return [Finding(f"lake/{path}", "whole file", STATEMENT_RULE, "no allocation of that day on record")]
        devices = state.bundles[:, k.B_DEVICE]
        day = day_of_period(int(content["day"]))
        expected = statement_table(known[0], devices, known[1], day, 1, bytes(32)).table
        names = [name for name in expected.column_names if name != SALT_COLUMN]
        for name in names:
            here, there = stored.column(name).to_pylist(), expected.column(name).to_pylist()
            if here != there:
                row = next((at for at, pair in enumerate(zip(here, there, strict=False)) if pair[0] != pair[1]), -1)
                return [Finding(f"lake/{path}", f"row {row}, column {name}", STATEMENT_RULE, "recomputed otherwise")]
        return []

    def plan(self, path: str, table: pa.Table, record: int, retailer: int) -> list[Finding]:
        """Check a PLAN record's rows: ranges of a bundle lie end to end without overlap."""
        bundle, start, end = (table.column(name).to_numpy() for name in ("bundle", "start", "end"))
        file = f"lake/{path}"
        order = np.lexsort((start, bundle))
        bundle, start, end = bundle[order], start[order], end[order]
        wrong = end - start != table.column(WH_COLUMN).to_numpy()[order]
        same = bundle[1:] == bundle[:-1]
        wrong[1:] |= same & (start[1:] < end[:-1])
        first = np.flatnonzero(np.concatenate(([True], ~same | (start[1:] != end[:-1])))) if len(bundle) else order
        last = np.append(first[1:], len(bundle)) - 1
        for at, until in zip(first.tolist(), last.tolist(), strict=True):
            self._plan.append(_PlanRange(int(bundle[at]), int(start[at]), int(end[until]), file, record, retailer))
        return [
            Finding(file, f"row {order[at]}", PLAN_RULE, "overlaps or has another length")
            for at in np.flatnonzero(wrong)
        ]

    def retired(self, position: int, command: Words, actor: int) -> None:
        """Remember an accepted RETIRE that settles metered use on behalf of another."""
        if actor == e.OPERATOR and int(command[7]) in (k.CLAIM_SAME_SLOT, k.CLAIM_BANKED) and int(command[6]) != actor:
            self._retired[position] = command

    def frame(self, state: State) -> None:
        """Drop what a frame has fulfilled, so that only what is still owed is kept."""
        self._expected = [expected for expected in self._expected if self._owed(state, expected)]

    def finish(self, state: State) -> list[Finding]:
        """Return what settlements on record did not lead to, and retirements that no settlement led to."""
        findings: list[Finding] = []
        for expected in self._expected:
            command = fields(expected.row)
            position = state.find_id(*id_words(id_of(expected.row)))
            rule = RETIRE_RULE if "beneficiary_account" in command else PAY_RULE
            detail = f"on record, not carried out: {command}"
            findings.append(Finding(expected.file, f"record {position}", rule, detail))
        findings += self._finish_plan(state)
        findings += [
            Finding("journal", f"record {position}", RETIRE_RULE, f"retired, not allocated: {fields(command)}")
            for position, command in self._retired.items()
        ]
        return findings

    def _owed(self, state: State, expected: _Expected) -> bool:
        """Return whether a command that follows from a settlement has not been carried out."""
        position = state.find_id(*id_words(id_of(expected.row)))
        outcome = int(state.ids[position, e.I_OUTCOME]) if position >= 0 else -1
        command = fields(expected.row)
        if "beneficiary_account" not in command:
            return outcome not in (Outcome.OK, Outcome.INSUFFICIENT_CASH)
        if outcome != Outcome.OK or not _is_retired(state, position, command):
            return True
        self._retired.pop(position, None)
        return False

    def _finish_plan(self, state: State) -> list[Finding]:
        """Check that what plans divide was retired for their retailer, by the plan or by the day's settlement, once."""
        lots = state.lots
        findings: list[Finding] = []
        used = (lots[:, k.L_STATE] == k.RETIRED) & (lots[:, k.L_CLAIM] == k.CLAIM_SAME_SLOT)
        by_bundle: dict[int, list[tuple[int, int, int]]] = {}
        for lot in lots[used][:, [k.L_BUNDLE, k.L_START, k.L_END, k.L_REF]].tolist():
            by_bundle.setdefault(lot[0], []).append((lot[1], lot[2], lot[3]))
        before = None
        for part in sorted(self._plan):
            at = part.start
            for start, end, beneficiary in sorted(by_bundle.get(part.bundle, [])):
                if start <= at < end and beneficiary == part.retailer:
                    self._retired.pop(state.find_id(*id_words(plan_retire_id(part.record, part.bundle, start))), None)
                    at = end
            if at < part.end:
                detail = f"bundle {part.bundle} [{at}, {part.end}) is not retired for account {part.retailer}"
                findings.append(Finding(part.file, f"bundle {part.bundle}", PLAN_RULE, detail))
            if before is not None and before.bundle == part.bundle and part.start < before.end:
                detail = f"bundle {part.bundle} [{part.start}, {before.end}) is divided twice"
                findings.append(Finding(part.file, f"bundle {part.bundle}", PLAN_RULE, detail))
            before = part
        return findings

    def _demand(self, file: str, day: date, residual: Residual) -> list[Finding]:
        number = day.year * 10_000 + day.month * 100 + day.day
        metered: dict[tuple[int, int, int], int] = {}
        for table in self._slots_of(number):
            parts = spread(slot_rows_demand(table), self._resolution_s)
            for account, area, start_s, _, wh in zip(*(part.tolist() for part in parts), strict=True):
                metered[account, area, start_s] = metered.get((account, area, start_s), 0) + wh
        findings = []
        columns = (residual.account, residual.area, residual.period_start_s, residual.consumption_wh)
        for row, (account, area, start_s, wh) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
            found = metered.get((account, area, start_s), 0)
            if found != wh:
                findings.append(Finding(file, f"row {row}", DEMAND_RULE, f"{wh} Wh, verified {found} Wh"))
        return findings


def _is_retired(state: State, position: int, command: Mapping[str, int]) -> bool:
    """Return whether the record's lot is the retired range for that beneficiary and claim."""
    lot = state.lots[int(state.ids[position, e.I_RESULT0])]
    return (
        (lot[k.L_START], lot[k.L_END], lot[k.L_STATE]) == (command["start"], command["end"], k.RETIRED)
        and lot[k.L_REF] == command["beneficiary_account"]
        and lot[k.L_CLAIM] == command["claim"]
        and lot[k.L_CLAIM_PERIOD_S] == command["period_start_s"]
    )
