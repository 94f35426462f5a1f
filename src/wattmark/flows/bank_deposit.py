"""Deposit tokens with the bank: the charge in kind goes to the operator, the rest becomes an energy claim."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from wattmark.core.errors import Refused
from wattmark.core.ids import derive_id
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.commands import Kind, actor_of, command, fields, kind_of
from wattmark.engine.outcomes import Outcome, refusal
from wattmark.engine.state import State
from wattmark.flows.plan import Commands, Plan, plan_of
from wattmark.flows.platform import Platform, existing
from wattmark.settlement.bank import Cover, charge_in_kind, redemption_rule
from wattmark.tokens import layout as k


@dataclass(frozen=True, slots=True)
class DepositWish:
    """Serials ``[start, end)`` of a lot that its owner wants to bank under a redemption rule (K3)."""

    identity: int
    lot: int
    start: int
    end: int
    rule: int


def plan_bank_deposit(state: State, wish: DepositWish, now_ms: int) -> Plan:
    """Return the plan of one deposit: BANK of the credited serials, before it TRANSFER of the charge to the operator.

    The commands of a batch do not wait for each other, so everything that could refuse the BANK is checked here
    first. Result0 of the last command is the banked lot.

    Raises:
        UnknownReference: no such lot or redemption rule.
        RuleViolated: the lot cannot be banked (kind, state, dates), or the cover is too small (K4).
        MalformedInput: a quantity out of range.
    """
    plan, refused = plan_bank_deposits(state, [wish], now_ms)
    if refused:
        raise refused[0][1]
    return plan


def plan_bank_deposits(
    state: State, wishes: Iterable[DepositWish], now_ms: int
) -> tuple[Plan, list[tuple[DepositWish, Refused]]]:
    """Return the plan of many deposits in one batch, and those that cannot be made with the reason.

    Charge and cover run on: each deposit sees what the ones before it in the batch add (K4, K5). A lot stands in one
    wish only.

    Args:
        state: the tables.
        wishes: deposits in order.
        now_ms: time of the batch [ms]; the lapse counts from here.
    """
    rows: list[Commands] = []
    refused: list[tuple[DepositWish, Refused]] = []
    deposited: dict[tuple[int, int], int] = {}
    cover = bank_cover(state)
    for wish in wishes:
        try:
            _check_lot(state, wish, now_ms)
            terms = redemption_rule(wish.rule)
            owner = int(state.lots[wish.lot, k.L_OWNER])
            key = (owner, wish.rule)
            before_wh = deposited.get(key)
            before_wh = deposited_wh(state, owner, wish.rule) if before_wh is None else before_wh
            split = charge_in_kind(before_wh, wish.end - wish.start, terms.charge_per_mille)
            cover = cover.after_deposit(split.credited_wh)
        except Refused as error:
            refused.append((wish, error))
            continue
        deposited[key] = before_wh + wish.end - wish.start
        rows += _deposit_rows(wish, owner, split.credited_wh, terms.redeem_until_s(now_ms // e.MS_PER_S))
    return plan_of(rows), refused


def is_deposit(plan: Plan) -> bool:
    """Return whether a plan banks something: the charge may take a small range whole."""
    return len(plan.commands) > 0 and kind_of(plan.commands[-1]) == Kind.BANK


def is_repeated(platform: Platform, wish: DepositWish, position: int) -> bool:
    """Return whether the record of the wish's id is this very deposit.

    The BANK names the credited serials only. The charge behind them is in the TRANSFER before it; the operator pays
    itself none, and there a range at least as long as the credited one counts as the same.

    Args:
        platform: holds the record.
        wish: what is asked for now.
        position: where a command with the wish's id stands.
    """
    row = platform.sequencer.record(position).command
    if kind_of(row) != Kind.BANK:
        return False
    terms = fields(row)
    if (terms["lot"], terms["start"], terms["rule"]) != (wish.lot, wish.start, wish.rule):
        return False
    charge = platform.sequencer.find(_charge_id(wish))
    if charge is not None:
        return fields(platform.sequencer.record(charge[0]).command)["end"] == wish.end
    return terms["end"] <= wish.end if actor_of(row) == e.OPERATOR else terms["end"] == wish.end


def _charge_id(wish: DepositWish) -> int:
    return derive_id("bank charge", wish.identity)


def _deposit_rows(wish: DepositWish, owner: int, credited_wh: int, until_s: int) -> list[Commands]:
    middle = wish.start + credited_wh
    rows = []
    if middle < wish.end and owner != e.OPERATOR:
        rows.append(
            command(
                Kind.TRANSFER,
                id=_charge_id(wish),
                actor=owner,
                lot=wish.lot,
                start=middle,
                end=wish.end,
                to_account=e.OPERATOR,
            )
        )
    if credited_wh:
        rows.append(_bank_row(wish, owner, middle, until_s))
    return rows


def _bank_row(wish: DepositWish, owner: int, end: int, until_s: int) -> Commands:
    return command(
        Kind.BANK,
        id=wish.identity,
        actor=owner,
        lot=wish.lot,
        start=wish.start,
        end=end,
        rule=wish.rule,
        redeem_until_s=until_s,
    )


def _check_lot(state: State, wish: DepositWish, now_ms: int) -> None:
    """Refuse what the state machine would refuse as a BANK, in its order."""
    lot = existing(state.count("lots"), wish.lot, "lot", Text(en="lot", ja="ロット"))
    row, bundle = state.lots[lot], state.bundles[state.lots[lot, k.L_BUNDLE]]
    end_ms = int(bundle[k.B_PERIOD_S] + bundle[k.B_DURATION_S]) * e.MS_PER_S
    held = row[k.L_STATE] == k.HELD
    inside = row[k.L_START] <= wish.start < wish.end <= row[k.L_END]
    alive = int(bundle[k.B_EXPIRY_S]) * e.MS_PER_S > now_ms
    window = end_ms <= now_ms <= end_ms + k.BANK_WINDOW_S * e.MS_PER_S
    for holds, outcome in (
        (held, Outcome.LOT_NOT_HELD),
        (inside, Outcome.RANGE_NOT_IN_LOT),
        (alive, Outcome.LOT_EXPIRED),
        (row[k.L_KIND] == k.GENERATION, Outcome.KIND_MISMATCH),
        (window, Outcome.PERIOD_NOT_OVER if now_ms < end_ms else Outcome.BANK_WINDOW_CLOSED),
    ):
        if not holds:
            raise refusal(_bank_row(wish, int(row[k.L_OWNER]), wish.end, 0), outcome)


def deposited_wh(state: State, account: int, rule: int) -> int:
    """Return what an account holds or held as claims under a rule, before the charge, rounded up [Wh].

    The credit of a deposit is floored on the cumulative deposit (K5); inverting it needs the least gross amount
    that gives the credited total.
    """
    lots = state.lots
    mine = (lots[:, k.L_KIND] == k.ENERGY_CLAIM) & (lots[:, k.L_RULE] == rule)
    mine &= np.where(lots[:, k.L_STATE] == k.RETIRED, lots[:, k.L_REF], lots[:, k.L_OWNER]) == account
    credited = int((lots[mine, k.L_END] - lots[mine, k.L_START]).sum())
    keep = 1_000 - redemption_rule(rule).charge_per_mille
    return -(-credited * 1_000 // keep) if keep else 0


def bank_cover(state: State) -> Cover:
    """Return what stands behind the banked tokens (K4, L9); the front page shows it."""
    return Cover(
        forward_wh=int(state.header[e.H_COVER_FORWARD_WH]),
        stored_wh=int(state.header[e.H_COVER_STORED_WH]),
        collateral_e5=max(0, int(state.accounts[e.COLLATERAL, e.A_CASH_E5])),
        stress_price_sen=max(1, int(state.header[e.H_STRESS_PRICE_SEN])),
        outstanding_wh=int(state.header[e.H_OUTSTANDING_WH]),
    )


def plan_set_cover(
    *, identity: int, forward_wh: int, stored_wh: int, stress_price_sen: int, actor: int = e.OPERATOR
) -> Plan:
    """Return the plan that declares the bank's cover besides its collateral account (K4)."""
    row = command(
        Kind.SET_COVER,
        id=identity,
        actor=actor,
        forward_wh=forward_wh,
        stored_wh=stored_wh,
        stress_price_sen=stress_price_sen,
    )
    return plan_of([row])


def plan_deposit_cash(*, identity: int, account: int, amount_e5jpy: int, actor: int = e.OPERATOR) -> Plan:
    """Return the plan that brings money in; account ``COLLATERAL`` backs the bank (K4)."""
    row = command(Kind.DEPOSIT, id=identity, actor=actor, account=account, amount_e5jpy=amount_e5jpy)
    return plan_of([row])


def plan_pay_out(*, identity: int, account: int, amount_e5jpy: int, actor: int = e.OPERATOR) -> Plan:
    """Return the plan that pays money out [10^-5 JPY]."""
    row = command(Kind.PAYOUT, id=identity, actor=actor, account=account, amount_e5jpy=amount_e5jpy)
    return plan_of([row])
