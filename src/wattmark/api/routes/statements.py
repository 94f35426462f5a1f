"""Statements of accounts, proofs of plan customers, and the sums everybody may see."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response

from wattmark.api.authorisation import API, Caller
from wattmark.api.bodies import StrictRoute
from wattmark.api.context import Served
from wattmark.api.models import Row, SetCover
from wattmark.api.routes.shapes import accepted, day_of, shape
from wattmark.core.errors import Unavailable
from wattmark.core.ids import parse_id
from wattmark.flows.bank_deposit import bank_cover, plan_set_cover
from wattmark.flows.platform import Platform
from wattmark.flows.prove_plan import prove_plan
from wattmark.flows.queries import accounts
from wattmark.flows.queries.day import balance
from wattmark.flows.queries.mine import settled_days
from wattmark.flows.queries.plants import days_with_energy
from wattmark.flows.statements import read_statement

router = APIRouter(route_class=StrictRoute)

Pseudonym = Annotated[
    str,
    Header(
        alias="wattmark-pseudonym",
        pattern="^[0-9a-f]{32}$",
        description="the customer's pseudonym of that day: 128 bits that only the customer and the retailer know",
    ),
]


@router.get(f"{API}/accounts/{{account}}/statements", tags=["statements"], summary="Days with a statement")
async def list_statements(account: Row, context: Served) -> dict[str, Any]:
    """Return the JST days an account has a statement of, newest first."""

    def read(platform: Platform) -> list[str]:
        accounts.account(platform, account)
        return [day.isoformat() for day in reversed(settled_days(platform, account))]

    return {"days": await context.read(read)}


@router.get(f"{API}/accounts/{{account}}/statements/{{day}}", tags=["statements"], summary="A statement")
async def get_statement(account: Row, day: str, context: Served) -> dict[str, Any]:
    """Return the statement of an account and JST day, with every serial range."""
    wanted = day_of(day)
    return await context.read(lambda platform: read_statement(platform, account, wanted))


@router.get(f"{API}/plan/{{retailer}}/{{day}}", tags=["statements"], summary="A plan customer's own proof")
async def get_plan_proof(retailer: Row, day: str, context: Served, pseudonym: Pseudonym) -> Response:
    """Return the proof file of one plan customer, to be verified offline; the pseudonym is the key to it."""
    wanted, secret = day_of(day), bytes.fromhex(pseudonym)
    data = await context.run(lambda platform: prove_plan(platform, retailer, wanted, secret))
    return Response(data, media_type="application/json")


@router.get(f"{API}/day", tags=["market"], summary="Supply, demand and price of a day")
async def get_day(
    context: Served, day: Annotated[str | None, Query(description="JST day; default: the latest with data")] = None
) -> dict[str, Any]:
    """Return sums over everybody, period by period; no household can be told apart."""
    wanted = None if day is None else day_of(day)

    def read(platform: Platform) -> dict[str, Any]:
        days = days_with_energy(platform)
        chosen = wanted or (days[-1] if days else None)
        return {"day": None, "slots": []} if chosen is None else shape(balance(platform, chosen))

    return await context.read(read)


@router.get(f"{API}/bank", tags=["bank"], summary="What covers the bank (K4)")
async def get_bank(context: Served) -> dict[str, Any]:
    """Return what is owed and what stands behind it."""
    cover = await context.read(lambda platform: bank_cover(platform.state))
    return {
        **shape(cover),
        "collateral_wh": cover.collateral_wh,
        "cover_wh": cover.cover_wh,
        "ratio_per_mille": cover.ratio_per_mille,
        "missing_e5": cover.missing_e5,
    }


@router.post(f"{API}/bank/cover", tags=["bank"], summary="Declare the bank's cover besides its collateral")
async def set_cover(body: SetCover, context: Served, caller: Caller) -> dict[str, Any]:
    """Declare what is bought forward and stored, and the stress price."""
    plan = plan_set_cover(
        identity=parse_id(body.id),
        forward_wh=body.forward_wh,
        stored_wh=body.stored_wh,
        stress_price_sen=body.stress_price_sen,
        actor=caller.account,
    )
    return accepted(body.id, await context.order(plan.commands[0]))


@router.get(f"{API}/health", tags=["log"], summary="Whether the platform can acknowledge")
async def health(context: Served) -> dict[str, Any]:
    """Return the size of the log; 503 when the writer has stopped, ``refusing`` with a reason while only reads go on."""

    def read(platform: Platform) -> dict[str, Any]:
        sequencer = platform.sequencer
        answer: dict[str, Any] = {"position": sequencer.position, "published": sequencer.published_size}
        try:
            sequencer.check_writing()
        except Unavailable as error:
            return {"status": "refusing", "reason": {"en": error.reason.en, "ja": error.reason.ja}, **answer}
        return {"status": "ok", **answer}

    return await context.read(read)
