"""Lots: see, transfer, split, reserve, release, retire, bank; the certificate of a retirement."""

from typing import Any, Final

from fastapi import APIRouter, Response

from wattmark.api.authorisation import API, Caller
from wattmark.api.bodies import StrictRoute
from wattmark.api.context import Served
from wattmark.api.models import Bank, Command, Range, Reserve, Retire, Row, Transfer
from wattmark.api.routes.shapes import accepted, shape
from wattmark.api.security import Principal, not_theirs
from wattmark.core.errors import MalformedInput, RuleViolated
from wattmark.core.ids import parse_id
from wattmark.core.periods import Period
from wattmark.core.text import Text
from wattmark.engine.outcomes import RULES, Outcome
from wattmark.flows import move_lots
from wattmark.flows.bank_deposit import DepositWish, is_deposit, is_repeated, plan_bank_deposit
from wattmark.flows.plan import Plan, plan_of
from wattmark.flows.platform import Platform
from wattmark.flows.prove_retirement import prove_retirement
from wattmark.flows.queries import lots as reads

router = APIRouter(tags=["lots"], route_class=StrictRoute)

NOTHING_CREDITED: Final = Text(
    en="a range of which something is left after the charge", ja="手数料を引いて残りのある範囲"
)


@router.get(f"{API}/lots/{{lot}}", summary="A lot")
async def get_lot(lot: Row, context: Served, caller: Caller) -> dict[str, Any]:
    """Return a lot; one's own, or one retired for oneself."""
    found: dict[str, Any] = shape(await context.read(lambda platform: own_lot(platform, lot, caller)))
    return found


@router.post(f"{API}/lots/{{lot}}/transfer", summary="Give a range to another account")
async def transfer(lot: Row, body: Transfer, context: Served, caller: Caller) -> dict[str, Any]:
    """Transfer the serials ``[start, end)``."""
    plan = move_lots.plan_transfer(
        identity=parse_id(body.id),
        actor=caller.account,
        lot=lot,
        start=body.start,
        end=body.end,
        to_account=body.to_account,
    )
    return accepted(body.id, await context.order(plan.commands[0]), "lot")


@router.post(f"{API}/lots/{{lot}}/split", summary="Cut a range out of a lot")
async def split(lot: Row, body: Range, context: Served, caller: Caller) -> dict[str, Any]:
    """Make the serials ``[start, end)`` a lot of their own."""
    plan = move_lots.plan_split(
        identity=parse_id(body.id), actor=caller.account, lot=lot, start=body.start, end=body.end
    )
    return accepted(body.id, await context.order(plan.commands[0]), "lot")


@router.post(f"{API}/lots/{{lot}}/reserve", summary="Hold a range back")
async def reserve(lot: Row, body: Reserve, context: Served, caller: Caller) -> dict[str, Any]:
    """Reserve the serials ``[start, end)`` until released or timed out."""
    plan = move_lots.plan_reserve(
        identity=parse_id(body.id),
        actor=caller.account,
        lot=lot,
        start=body.start,
        end=body.end,
        timeout_ms=body.timeout_ms,
    )
    return accepted(body.id, await context.order(plan.commands[0]), "lot")


@router.post(f"{API}/lots/{{lot}}/release", summary="Give a reserved lot back to its owner")
async def release(lot: Row, body: Command, context: Served, caller: Caller) -> dict[str, Any]:
    """Release a reservation."""
    plan = move_lots.plan_release(identity=parse_id(body.id), actor=caller.account, lot=lot)
    return accepted(body.id, await context.order(plan.commands[0]), "lot")


@router.post(f"{API}/lots/{{lot}}/retire", summary="Use a range up")
async def retire(lot: Row, body: Retire, context: Served, caller: Caller) -> dict[str, Any]:
    """Retire the serials ``[start, end)``; they can never be used again."""
    plan = move_lots.plan_retire(
        identity=parse_id(body.id),
        actor=caller.account,
        lot=lot,
        start=body.start,
        end=body.end,
        beneficiary=body.beneficiary_account,
        claim=body.claim,
        period=Period(body.period_start_s, body.duration_s),
    )
    return accepted(body.id, await context.order(plan.commands[0]), "lot")


@router.post(f"{API}/lots/{{lot}}/bank", summary="Put a range into the bank")
async def bank(lot: Row, body: Bank, context: Served, caller: Caller) -> dict[str, Any]:
    """Deposit the serials ``[start, end)`` under a rule; the charge in kind goes to the operator (K3, K5)."""
    identity = parse_id(body.id)
    wish = DepositWish(identity, lot, body.start, body.end, body.rule)

    def plan(platform: Platform, now_ms: int) -> Plan:
        if not caller.is_operator and own_lot(platform, lot, caller).owner != caller.account:
            raise not_theirs("lot", lot)
        found = platform.sequencer.find(identity)
        if found is not None:  # the window counts from the first time; a retry must be the same command
            if not is_repeated(platform, wish, found[0]):
                raise RuleViolated("ID_REUSED", "id", body.id, RULES[Outcome.ID_REUSED].text)
            return repeated(platform, found[0])
        made = plan_bank_deposit(platform.state, wish, now_ms)
        if not is_deposit(made):
            raise MalformedInput("RANGE_EMPTY", "end", body.end, NOTHING_CREDITED)
        return made

    return accepted(body.id, (await context.carry_out(plan))[-1], "lot")


@router.get(f"{API}/lots/{{lot}}/certificate", summary="Proof bundle of a retirement")
async def certificate(lot: Row, context: Served, caller: Caller) -> Response:
    """Return the certificate of a retired lot, to be verified offline; one's own."""

    def position(platform: Platform) -> int:
        return reads.retired_at(platform, own_lot(platform, lot, caller).lot)

    at = await context.read(position)
    data = await context.run(lambda platform: prove_retirement(platform, at))
    headers = {"Content-Disposition": f'attachment; filename="wattmark-{lot}.json"'}
    return Response(data, media_type="application/json", headers=headers)


def own_lot(platform: Platform, number: int, caller: Principal) -> reads.Lot:
    """Return a lot that the caller owns or that was retired for them; overseers see all.

    Raises:
        UnknownReference: there is none, or it is another's.
    """
    found = reads.lot(platform, number)
    if caller.account in {found.owner, found.beneficiary} or caller.sees_all:
        return found
    raise not_theirs("lot", number)


def repeated(platform: Platform, position: int) -> Plan:
    """Return the plan that sends a recorded command again; it is answered with its stored verdict."""
    return plan_of([platform.sequencer.record(position).command])
