"""Accounts, their keys, money, devices and holdings."""

import hmac
from typing import Annotated, Any

from fastapi import APIRouter, Query

from wattmark.api.authorisation import API, Caller
from wattmark.api.bodies import StrictRoute
from wattmark.api.context import Served
from wattmark.api.models import Amount, Command, OpenAccount, RegisterKey, Row
from wattmark.api.routes.shapes import accepted, shape
from wattmark.api.security import not_theirs
from wattmark.core.ids import parse_id
from wattmark.engine import layout as e
from wattmark.engine.commands import Kind, command
from wattmark.flows.bank_deposit import plan_deposit_cash, plan_pay_out
from wattmark.flows.issue_key import plan_revoke_key
from wattmark.flows.open_account import plan_open_account
from wattmark.flows.platform import Platform
from wattmark.flows.queries import accounts as reads
from wattmark.flows.queries import lots, plants

router = APIRouter(tags=["accounts"], route_class=StrictRoute)

After = Annotated[int, Query(ge=-1, le=(1 << 31) - 1, description="continue after this number")]
Limit = Annotated[int, Query(ge=1, le=500, description="at most so many")]


@router.get(f"{API}/accounts", summary="Accounts, by number")
async def list_accounts(context: Served, after: After = -1, limit: Limit = 100) -> dict[str, Any]:
    """Return a page of accounts; ``next`` continues it."""
    found = await context.read(lambda platform: reads.accounts(platform, after=after, limit=limit))
    return {"accounts": shape(found), "next": found[-1].account if len(found) == limit else None}


@router.post(f"{API}/accounts", status_code=201, summary="Open an account")
async def open_account(body: OpenAccount, context: Served, caller: Caller) -> dict[str, Any]:
    """Open an account; the name goes into a payload of which only the salted hash is public."""
    # the salt derives from the id, so that a retry is the same command
    salt = hmac.digest(context.platform.keys.blinding, b"account salt " + body.id.encode(), "sha256")[:16]
    plan = plan_open_account(
        identity=parse_id(body.id),
        roles=body.roles,
        profile={"name": {"en": body.name, "ja": body.name}},
        salt=salt,
        credit_limit_e5jpy=body.credit_limit_e5jpy,
        actor=caller.account,
    )
    return accepted(body.id, await context.order(plan.commands[0], plan.payloads), "account")


@router.get(f"{API}/accounts/me", summary="The caller's own account")
async def me(context: Served, caller: Caller) -> dict[str, Any]:
    """Return the account of the key, and what the key may do."""
    found = await context.read(lambda platform: reads.account(platform, caller.account))
    return {**shape(found), "key": caller.key, "key_roles": int(caller.roles)}


@router.get(f"{API}/accounts/{{account}}", summary="An account")
async def get_account(account: Row, context: Served) -> dict[str, Any]:
    """Return an account with its money."""
    found: dict[str, Any] = shape(await context.read(lambda platform: reads.account(platform, account)))
    return found


@router.get(f"{API}/accounts/{{account}}/keys", summary="API keys of an account, by number")
async def list_keys(account: Row, context: Served) -> dict[str, Any]:
    """Return the keys of an account; never more of them than their hash."""
    found = await context.read(lambda platform: platform.views.keys_of(account))
    return {"keys": shape(found)}


@router.post(f"{API}/accounts/{{account}}/keys", status_code=201, summary="Register an API key by its SHA-256")
async def register_key(account: Row, body: RegisterKey, context: Served, caller: Caller) -> dict[str, Any]:
    """Register a key that its holder made; the platform only ever sees its hash."""
    row = command(
        Kind.REGISTER_KEY,
        id=parse_id(body.id),
        actor=caller.account,
        account=account,
        roles=body.roles,
        hash=bytes.fromhex(body.key_sha256),
    )
    return accepted(body.id, await context.order(row), "key")


@router.post(f"{API}/keys/{{key}}/revoke", summary="Revoke an API key")
async def revoke_key(key: Row, body: Command, context: Served, caller: Caller) -> dict[str, Any]:
    """End a key: one's own, or anybody's for the operator."""

    def owner(platform: Platform) -> int:
        keys = platform.state.keys
        return int(keys[key, e.K_ACCOUNT]) if key < len(keys) else -1

    if not caller.is_operator and await context.read(owner) != caller.account:
        raise not_theirs("key", key)
    plan = plan_revoke_key(identity=parse_id(body.id), key=key, actor=caller.account)
    return accepted(body.id, await context.order(plan.commands[0]), "key")


@router.get(f"{API}/accounts/{{account}}/holdings", summary="Live lots, newest first")
async def holdings(
    account: Row,
    context: Served,
    after: Annotated[int | None, Query(ge=0, le=(1 << 31) - 1)] = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """Return a page of an account's held and reserved lots; ``next`` continues it."""

    def read(platform: Platform) -> tuple[list[lots.Lot], tuple[int, int]]:
        reads.account(platform, account)
        return lots.holdings(platform, account, after=after, limit=limit), lots.holdings_total(platform, account)

    found, (count, total_wh) = await context.read(read)
    following = found[-1].lot if len(found) == limit else None
    return {"lots": shape(found), "count": count, "total_wh": total_wh, "next": following}


@router.get(f"{API}/accounts/{{account}}/devices", summary="Devices of an account")
async def list_devices(account: Row, context: Served) -> dict[str, Any]:
    """Return all devices of an account, meters of consumption included."""
    return {"devices": shape(await context.read(lambda platform: plants.devices_of(platform, account)))}


@router.post(f"{API}/accounts/{{account}}/deposits", summary="Book money that came in")
async def deposit(account: Row, body: Amount, context: Served, caller: Caller) -> dict[str, Any]:
    """Book a deposit from outside."""
    plan = plan_deposit_cash(
        identity=parse_id(body.id), account=account, amount_e5jpy=body.amount_e5jpy, actor=caller.account
    )
    return accepted(body.id, await context.order(plan.commands[0]))


@router.post(f"{API}/accounts/{{account}}/payouts", summary="Book money that went out")
async def pay_out(account: Row, body: Amount, context: Served, caller: Caller) -> dict[str, Any]:
    """Book a payment to outside."""
    plan = plan_pay_out(
        identity=parse_id(body.id), account=account, amount_e5jpy=body.amount_e5jpy, actor=caller.account
    )
    return accepted(body.id, await context.order(plan.commands[0]))
