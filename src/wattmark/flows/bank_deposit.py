"""Deposit tokens with the bank: the charge in kind goes to the operator, the rest becomes an energy claim."""

import numpy as np

from wattmark.core.ids import derive_id
from wattmark.engine import layout as e
from wattmark.engine.commands import Kind, command
from wattmark.engine.state import State
from wattmark.flows.plan import Plan, plan_of
from wattmark.settlement.bank import Cover, charge_in_kind, redemption_rule
from wattmark.tokens import layout as k


def plan_bank_deposit(
    state: State,
    *,
    identity: int,
    lot: int,
    start: int,
    end: int,
    rule: int,
    deposit_s: int,
    deposited_before_wh: int | None = None,
) -> Plan:
    """Return the plan that deposits the serials ``[start, end)`` of a lot under a redemption rule (K3, K5).

    The operator receives the charge first, the rest is banked from what then is left of the lot. Result0 of the
    last command is the banked lot.

    Args:
        state: the tables; names owner and what was deposited before.
        identity: id of the deposit; those of its commands derive from it.
        lot: row of the lot.
        start: first serial.
        end: serial after the last.
        rule: version of the redemption rule.
        deposit_s: time of the deposit [POSIX s]; the lapse counts from here.
        deposited_before_wh: what the account deposited under this rule before [Wh]; read from the state when
            ``None``. Give it when several deposits stand in one batch.

    Raises:
        UnknownReference: no such redemption rule.
        MalformedInput: a quantity out of range.
    """
    terms = redemption_rule(rule)
    owner = int(state.lots[lot, k.L_OWNER]) if 0 <= lot < state.count("lots") else e.OPERATOR
    before_wh = deposited_wh(state, owner, rule) if deposited_before_wh is None else deposited_before_wh
    split = charge_in_kind(before_wh, end - start, terms.charge_per_mille)
    middle = start + split.credited_wh
    rows = []
    if split.charge_wh:
        rows.append(
            command(
                Kind.TRANSFER,
                id=derive_id("bank charge", identity),
                actor=owner,
                lot=lot,
                start=middle,
                end=end,
                to_account=e.OPERATOR,
            )
        )
    if split.credited_wh:
        rows.append(
            command(
                Kind.BANK,
                id=identity,
                actor=owner,
                lot=lot,
                start=start,
                end=middle,
                rule=rule,
                redeem_until_s=terms.redeem_until_s(deposit_s),
            )
        )
    return plan_of(rows)


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
