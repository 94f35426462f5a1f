"""Transfer, split, reserve, release and retire serial ranges of lots."""

from wattmark.core.periods import Period
from wattmark.engine.commands import Kind, command
from wattmark.flows.plan import Plan, plan_of

NO_PERIOD = Period(0, 0)
"""A certificate claim names no period of consumption (K2)."""


def plan_transfer(*, identity: int, actor: int, lot: int, start: int, end: int, to_account: int) -> Plan:
    """Return the plan that gives the serials ``[start, end)`` to another account; result0 is their lot."""
    return plan_of(
        [command(Kind.TRANSFER, id=identity, actor=actor, lot=lot, start=start, end=end, to_account=to_account)]
    )


def plan_split(*, identity: int, actor: int, lot: int, start: int, end: int) -> Plan:
    """Return the plan that cuts the serials ``[start, end)`` out of a lot; result0 is their lot."""
    return plan_of([command(Kind.SPLIT, id=identity, actor=actor, lot=lot, start=start, end=end)])


def plan_reserve(*, identity: int, actor: int, lot: int, start: int, end: int, timeout_ms: int) -> Plan:
    """Return the plan that holds ``[start, end)`` back until released or timed out [ms]; result0 is their lot."""
    return plan_of(
        [command(Kind.RESERVE, id=identity, actor=actor, lot=lot, start=start, end=end, timeout_ms=timeout_ms)]
    )


def plan_release(*, identity: int, actor: int, lot: int) -> Plan:
    """Return the plan that gives a reserved lot back to its owner."""
    return plan_of([command(Kind.RELEASE, id=identity, actor=actor, lot=lot)])


def plan_retire(
    *,
    identity: int,
    actor: int,
    lot: int,
    start: int,
    end: int,
    beneficiary: int,
    claim: int,
    period: Period = NO_PERIOD,
) -> Plan:
    """Return the plan that uses up ``[start, end)`` for a beneficiary; result0 is the retired lot.

    Args:
        identity: 128-bit id of the command.
        actor: owner, or the operator in a settlement.
        lot: row of the lot.
        start: first serial.
        end: serial after the last.
        beneficiary: account it is retired for.
        claim: 1 SAME_SLOT, 2 BANKED, 3 CERTIFICATE (K1).
        period: period of the consumption it is matched with; ``NO_PERIOD`` for a certificate.
    """
    row = command(
        Kind.RETIRE,
        id=identity,
        actor=actor,
        lot=lot,
        start=start,
        end=end,
        beneficiary_account=beneficiary,
        claim=int(claim),
        period_start_s=period.start_s,
        duration_s=period.duration_s,
    )
    return plan_of([row])
