"""Every invariant of a settlement as a function that returns findings; nothing here settles anew.

The checks share no code with the kernel: they read the tables that were kept and say what does not
hold. ``audit_settlement`` runs them all; ``audit_statement`` recomputes one statement's sums.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from wattmark.core.findings import Finding
from wattmark.core.money import E5_PER_YEN, truncate_yen
from wattmark.settlement.bank import REDEMPTION_RULES, RedemptionRule
from wattmark.settlement.columns import Allocation, DaySettlement, Int64s, Lots, Residual
from wattmark.settlement.tariff import Tariff
from wattmark.tokens.lot import Claim, LotKind

FEW: Final = 20
"""Most findings of one check; the count of the rest is in the last one."""


def audit_settlement(
    settlement: DaySettlement,
    lots: Lots,
    tariff: Tariff,
    file: str,
    rules: Mapping[int, RedemptionRule] = REDEMPTION_RULES,
) -> list[Finding]:
    """Return what does not hold in a settlement.

    Args:
        settlement: the tables that were kept.
        lots: the lots as they were before, each allocated one among them.
        tariff: terms that applied.
        file: name under which findings report the tables.
        rules: redemption rules by version.
    """
    allocation, residual = settlement.allocation, settlement.residual
    return [
        *_residual_sums(residual, file),
        *_amounts(residual, tariff, file),
        *_rows_once(residual, file),
        *_allocation_sums(allocation, residual, file),
        *_ranges_overlap(allocation, file),
        *_lot_terms(allocation, residual, lots, file, rules),
    ]


def audit_retirements(allocation: Allocation, retired: Allocation, file: str) -> list[Finding]:
    """Return where the retired ranges are not exactly the allocated ones (L2).

    Args:
        allocation: what settlement allocated.
        retired: what the state machine retired for settlement, in the same columns; ``lot`` may differ,
            since a cut makes a new row.
        file: name under which findings report the tables.
    """
    names = ("account", "area", "period_start_s", "duration_s", "bundle", "start", "end", "claim")
    findings = []
    for name, here, there in (
        ("allocated, not retired", allocation, retired),
        ("retired, not allocated", retired, allocation),
    ):
        other = set(zip(*(getattr(there, column).tolist() for column in names), strict=True))
        rows = enumerate(zip(*(getattr(here, column).tolist() for column in names), strict=True))
        findings += [
            Finding(file, f"row {at}", "L2", f"{name}: {dict(zip(names, row, strict=True))}")
            for at, row in rows
            if row not in other
        ]
    return findings[:FEW]


def audit_statement(statement: Mapping[str, Any], tariff: Tariff, file: str) -> list[Finding]:
    """Return what does not hold in a statement's JSON form: sums, amounts, ranges, invoice (J4, B2)."""
    findings = []

    def expect(rule: str, position: str, expected: object, found: object) -> None:
        if expected != found:
            findings.append(Finding(file, position, rule, f"expected {expected}, found {found}"))

    lines = statement["lines"]
    for at, line in enumerate(lines):
        position = f"line {at}"
        covered = line["same_slot_wh"] + line["banked_wh"] + line["residual_wh"]
        expect("B2", position, line["consumption_wh"], covered)
        for claim, column in ((Claim.SAME_SLOT, "same_slot_wh"), (Claim.BANKED, "banked_wh")):
            ranges = sum(part["end"] - part["start"] for part in line["ranges"] if part["claim"] == claim.name)
            expect("B2", position, line[column], ranges)
        expect("J4", position, line["residual_wh"] * line["price_sen_per_kwh"], line["spot_amount_e5"])
        expect("J4", position, line["residual_wh"] * tariff.energy_adder_sen, line["tariff_amount_e5"])
    totals = statement["totals"]
    for name in ("consumption_wh", "same_slot_wh", "banked_wh", "residual_wh", "spot_amount_e5", "tariff_amount_e5"):
        expect("B2", f"totals.{name}", sum(line[name] for line in lines), totals[name])
    fixed_e5 = tariff.fixed_per_day_e5 if lines else 0
    expect("J4", "totals.fixed_amount_e5", fixed_e5, totals["fixed_amount_e5"])
    owed_e5 = totals["spot_amount_e5"] + totals["tariff_amount_e5"] + fixed_e5
    expect("J4", "totals.amount_e5", owed_e5, totals["amount_e5"])
    for at, line in enumerate(statement["invoice"]):
        expect("J3", f"invoice {at}", truncate_yen(line["exact_e5"]), line["yen"])
        expect("J4", f"invoice {at}", line["exact_e5"] - line["yen"] * E5_PER_YEN, line["rounding_e5"])
    expect("J4", "invoice", owed_e5, sum(line["exact_e5"] for line in statement["invoice"]))
    return findings


def _few(file: str, rule: str, wrong: np.ndarray, detail: str) -> Iterator[Finding]:
    rows = np.flatnonzero(wrong).tolist()
    for number, row in enumerate(rows[:FEW], 1):
        more = f" (and {len(rows) - FEW} more rows)" if number == FEW < len(rows) else ""
        yield Finding(file, f"row {row}", rule, detail + more)


def _residual_sums(residual: Residual, file: str) -> Iterator[Finding]:
    covered = residual.same_slot_wh + residual.banked_wh + residual.residual_wh
    yield from _few(file, "B2", covered != residual.consumption_wh, "consumption = same slot + banked + residual")
    negative = (residual.same_slot_wh < 0) | (residual.banked_wh < 0) | (residual.residual_wh < 0)
    yield from _few(file, "B2", negative, "no part is negative")


def _amounts(residual: Residual, tariff: Tariff, file: str) -> Iterator[Finding]:
    spot_e5 = residual.residual_wh * residual.price_sen
    yield from _few(file, "J4", spot_e5 != residual.spot_amount_e5, "spot amount = residual x price")
    tariff_e5 = residual.residual_wh * tariff.energy_adder_sen
    yield from _few(file, "J4", tariff_e5 != residual.tariff_amount_e5, "tariff amount = residual x adder")


def _rows_once(residual: Residual, file: str) -> Iterator[Finding]:
    order = np.lexsort((residual.period_start_s, residual.area, residual.account))
    again = np.zeros(len(residual), np.bool_)
    if len(residual) > 1:
        same = np.ones(len(residual) - 1, np.bool_)
        for column in (residual.account, residual.area, residual.period_start_s):
            same &= np.diff(column[order]) == 0
        again[order[1:]] = same
    yield from _few(file, "B4", again, "one row per account, area and period")


def _keys(table: Allocation | Residual) -> list[tuple[int, int, int, int]]:
    columns = (table.account, table.area, table.period_start_s, table.duration_s)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _allocation_sums(allocation: Allocation, residual: Residual, file: str) -> Iterator[Finding]:
    wrong = (allocation.end - allocation.start != allocation.quantity_wh) | (allocation.quantity_wh <= 0)
    yield from _few(file, "L2", wrong, "quantity = end - start > 0")
    row_of = {key: row for row, key in enumerate(_keys(residual))}
    row = np.array([row_of.get(key, -1) for key in _keys(allocation)], np.int64)
    yield from _few(file, "B2", row < 0, "an allocated range belongs to a period with consumption")
    for claim, covered in ((Claim.SAME_SLOT, residual.same_slot_wh), (Claim.BANKED, residual.banked_wh)):
        chosen = (row >= 0) & (allocation.claim == claim)
        total = np.zeros(len(residual), np.int64)
        np.add.at(total, row[chosen], allocation.quantity_wh[chosen])
        yield from _few(file, "B2", total != covered, f"ranges of {claim.name} add up to what is covered")


def _ranges_overlap(allocation: Allocation, file: str) -> Iterator[Finding]:
    order = np.lexsort((allocation.start, allocation.bundle))
    bundle, start, end = allocation.bundle[order], allocation.start[order], allocation.end[order]
    twice = np.zeros(len(allocation), np.bool_)
    if len(allocation) > 1:
        inside = (np.diff(bundle) == 0) & (end[:-1] > start[1:])
        twice[order[1:]] = inside
    yield from _few(file, "L2", twice, "serials of one bundle are used once")


def _lot_terms(
    allocation: Allocation, residual: Residual, lots: Lots, file: str, rules: Mapping[int, RedemptionRule]
) -> Iterator[Finding]:
    """Check each range against its lot: owner, area, serials, kind, window, price and cap (B2, K1, K3)."""
    row_of = {lot: row for row, lot in enumerate(lots.lot.tolist())}
    row = np.array([row_of.get(lot, -1) for lot in allocation.lot.tolist()], np.int64)
    yield from _few(file, "L2", row < 0, "an allocated range is of a known lot")
    known = np.flatnonzero(row >= 0)
    used, lot = allocation.take(known), lots.take(row[known])
    yield from _few(file, "L2", (used.account != lot.account) | (used.bundle != lot.bundle), "own lot, own bundle")
    yield from _few(file, "L2", (used.start < lot.start) | (used.end > lot.end), "serials inside the lot")
    yield from _few(file, "B2", used.area != lot.area, "token and account in one area")
    same = (used.claim == Claim.SAME_SLOT) & (lot.kind != LotKind.ENERGY_CLAIM)
    banked = (used.claim == Claim.BANKED) & (lot.kind == LotKind.ENERGY_CLAIM)
    yield from _few(file, "K1", ~(same | banked), "the claim is one the lot's kind carries")
    slot = (used.period_start_s == lot.period_start_s) & (used.duration_s == lot.duration_s)
    yield from _few(file, "B2", same & ~slot, "same-slot use in the lot's own slot")
    end_s = used.period_start_s + used.duration_s
    early = used.period_start_s < np.maximum(lot.redeem_from_s, lot.period_start_s + lot.duration_s)
    late = end_s > np.minimum(lot.expiry_s, lot.redeem_until_s)
    yield from _few(file, "K3", banked & (early | late), "redeemed inside the window fixed at deposit")
    yield from _rule_terms(used, residual, lot.redeem_rule, banked, file, rules)


def _rule_terms(
    used: Allocation,
    residual: Residual,
    version: Int64s,
    banked: np.ndarray,
    file: str,
    rules: Mapping[int, RedemptionRule],
) -> Iterator[Finding]:
    price = dict(zip(_keys(residual), residual.price_sen.tolist(), strict=True))
    taken: dict[tuple[tuple[int, int, int, int], int], int] = {}
    keys = _keys(used)
    for at in np.flatnonzero(banked).tolist():
        rule = rules.get(int(version[at]))
        if rule is None:
            yield Finding(file, f"row {at}", "K3", f"redemption rule {int(version[at])} is known")
            continue
        if price.get(keys[at], 0) < rule.min_price_sen:
            yield Finding(file, f"row {at}", "K3", f"price of at least {rule.min_price_sen} sen/kWh")
        held = taken[keys[at], rule.version] = taken.get((keys[at], rule.version), 0) + int(used.quantity_wh[at])
        if held > rule.cap_per_slot_wh:
            yield Finding(file, f"row {at}", "K3", f"at most {rule.cap_per_slot_wh} Wh per period")
