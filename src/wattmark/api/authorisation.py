"""Who may call what: one table for all routes of the API, enforced in one place.

A route without an entry cannot be served: ``check_table`` refuses to build the application, and a test
walks the routes. ``OWN`` routes name an account in their path; ``OBJECT`` routes name something else and
check its owner themselves, which the tests try for each of them.
"""

import asyncio
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, WebSocketRoute

from wattmark.api.context import Context
from wattmark.api.security import Principal, bearer_secret, key_required, not_allowed, not_theirs

API: Final = "/api/v1"
WEBSOCKET: Final = "WEBSOCKET"
"""In place of a method: a route that is no request but a connection; it asks for the key itself."""
_IDENTIFIERS: Final = ThreadPoolExecutor(2, "wattmark-keys")


class Access(Enum):
    """Who may call a route.

    ======== ==========================================================================================
    PUBLIC   everybody
    ANY      everybody; a caller with a key may see more
    KEY      any active key
    ACTOR    any active key that may give commands (not an auditor's)
    OWN      reading: the account in the path, the operator, an auditor; commands: the account, the operator
    OBJECT   any active key; the handler checks whose the thing is
    ..._ACT  the same for a command on it: never an auditor's key, and the state machine has the last word
    OVERSEE  the operator and auditors
    OPERATE  the operator
    ======== ==========================================================================================
    """

    PUBLIC = "everybody"
    ANY = "everybody; more with a key"
    KEY = "any key"
    ACTOR = "any key but an auditor's"
    OWN = "the account itself, operator, auditor"
    OBJECT = "its owner, operator, auditor"
    OBJECT_ACT = "its owner; the operator where the rules allow it"
    OVERSEE = "operator, auditor"
    OPERATE = "operator"


TABLE: Final[dict[tuple[str, str], Access]] = {
    ("GET", f"{API}/health"): Access.PUBLIC,
    ("GET", f"{API}/stream"): Access.PUBLIC,
    ("GET", f"{API}/day"): Access.PUBLIC,
    ("GET", f"{API}/bank"): Access.PUBLIC,
    ("GET", f"{API}/accounts"): Access.OVERSEE,
    ("POST", f"{API}/accounts"): Access.OPERATE,
    ("GET", f"{API}/accounts/me"): Access.KEY,
    ("GET", f"{API}/accounts/{{account}}"): Access.OWN,
    ("GET", f"{API}/accounts/{{account}}/keys"): Access.OWN,
    ("POST", f"{API}/accounts/{{account}}/keys"): Access.OPERATE,
    ("POST", f"{API}/keys/{{key}}/revoke"): Access.OBJECT_ACT,
    ("GET", f"{API}/accounts/{{account}}/holdings"): Access.OWN,
    ("GET", f"{API}/accounts/{{account}}/orders"): Access.OWN,
    ("GET", f"{API}/accounts/{{account}}/trades"): Access.OWN,
    ("GET", f"{API}/accounts/{{account}}/devices"): Access.OWN,
    ("GET", f"{API}/accounts/{{account}}/statements"): Access.OWN,
    ("GET", f"{API}/accounts/{{account}}/statements/{{day}}"): Access.OWN,
    ("GET", f"{API}/plan/{{retailer}}/{{day}}"): Access.PUBLIC,
    ("POST", f"{API}/accounts/{{account}}/deposits"): Access.OPERATE,
    ("POST", f"{API}/accounts/{{account}}/payouts"): Access.OPERATE,
    ("POST", f"{API}/bank/cover"): Access.OPERATE,
    ("GET", f"{API}/devices"): Access.PUBLIC,
    ("POST", f"{API}/devices"): Access.OPERATE,
    ("GET", f"{API}/devices/{{device}}"): Access.ANY,
    ("GET", f"{API}/devices/{{device}}/production"): Access.ANY,
    ("POST", f"{API}/devices/{{device}}/meter-keys"): Access.OPERATE,
    ("POST", f"{API}/readings"): Access.ACTOR,
    ("POST", f"{API}/readings/bulk"): Access.ACTOR,
    ("POST", f"{API}/orders"): Access.ACTOR,
    ("POST", f"{API}/orders/batch"): Access.ACTOR,
    ("GET", f"{API}/orders/{{id}}"): Access.OBJECT,
    ("POST", f"{API}/orders/{{id}}/cancel"): Access.OBJECT_ACT,
    ("POST", f"{API}/orders/{{id}}/amend"): Access.OBJECT_ACT,
    ("POST", f"{API}/accounts/{{account}}/orders/cancel-all"): Access.OWN,
    ("GET", f"{API}/commands/{{id}}"): Access.OBJECT,
    ("GET", f"{API}/products"): Access.PUBLIC,
    ("POST", f"{API}/products"): Access.OPERATE,
    ("GET", f"{API}/products/{{product}}"): Access.PUBLIC,
    ("POST", f"{API}/products/{{product}}/limits"): Access.OPERATE,
    ("POST", f"{API}/products/{{product}}/trading"): Access.OPERATE,
    ("POST", f"{API}/products/{{product}}/capacity"): Access.OPERATE,
    ("POST", f"{API}/products/{{product}}/routes"): Access.OPERATE,
    ("GET", f"{API}/products/{{product}}/book"): Access.PUBLIC,
    ("GET", f"{API}/products/{{product}}/trades"): Access.PUBLIC,
    ("GET", f"{API}/products/{{product}}/candles"): Access.PUBLIC,
    ("GET", f"{API}/market/stream"): Access.PUBLIC,
    (WEBSOCKET, f"{API}/socket"): Access.ANY,
    ("GET", f"{API}/lots/{{lot}}"): Access.OBJECT,
    ("POST", f"{API}/lots/{{lot}}/transfer"): Access.OBJECT_ACT,
    ("POST", f"{API}/lots/{{lot}}/split"): Access.OBJECT_ACT,
    ("POST", f"{API}/lots/{{lot}}/reserve"): Access.OBJECT_ACT,
    ("POST", f"{API}/lots/{{lot}}/release"): Access.OBJECT_ACT,
    ("POST", f"{API}/lots/{{lot}}/retire"): Access.OBJECT_ACT,
    ("POST", f"{API}/lots/{{lot}}/bank"): Access.OBJECT_ACT,
    ("GET", f"{API}/lots/{{lot}}/certificate"): Access.OBJECT,
    ("GET", f"{API}/records/{{position}}"): Access.ANY,
    ("GET", f"{API}/records/{{position}}/proof"): Access.PUBLIC,
    ("GET", f"{API}/replication/frames"): Access.OVERSEE,
    ("GET", f"{API}/replication/head"): Access.OVERSEE,
    ("GET", f"{API}/replication/tiles"): Access.OVERSEE,
    ("GET", f"{API}/replication/settings"): Access.OVERSEE,
    ("GET", f"{API}/replication/lake/{{path:path}}"): Access.OVERSEE,
    ("POST", f"{API}/replication/fence"): Access.OPERATE,
    ("GET", "/log/checkpoint"): Access.PUBLIC,
    ("GET", f"{API}/log/witnesses"): Access.PUBLIC,
    ("GET", "/log/tile/entries/{path:path}"): Access.ANY,
    ("GET", "/log/tile/{level}/{path:path}"): Access.PUBLIC,
}
"""(method, path) -> who may call it."""


def served_routes(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Yield (method, path) of every route of ours, those of included routers too (newer FastAPI nests them)."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield from ((method, route.path) for method in route.methods or ())
        elif isinstance(route, WebSocketRoute):
            yield WEBSOCKET, route.path
        elif (router := getattr(route, "original_router", None)) is not None:
            yield from served_routes(router.routes)


def check_table(routes: Iterable[BaseRoute]) -> None:
    """Check that every route has an entry and every entry a route; a mistake of ours ends the start."""
    served = set(served_routes(routes))
    assert served == TABLE.keys(), f"routes and the authorisation table differ: {sorted(served ^ TABLE.keys())}"


def access_of(request: Request) -> Access:
    """Return who may call the route that serves a request."""
    return TABLE[request.method, request.scope["route"].path]


async def enforce(request: Request, context: Context) -> None:
    """Let a request through to its handler, or refuse it; stores the caller in ``request.state.caller``.

    Raises:
        NotAuthorised: no key where one is needed (401), or the role does not suffice (403).
        UnknownReference: an account of somebody else; it reads as if it did not exist (404).
    """
    access = access_of(request)
    request.state.caller = None
    header = request.headers.get("authorization", "")
    if access is Access.PUBLIC or (access is Access.ANY and not header):
        return
    caller = await caller_behind(context, bearer_secret(header))
    request.state.caller = caller
    check_access(access, caller, request.method, request.path_params)


async def caller_behind(context: Context, secret: str) -> Principal:
    """Return the caller behind an API key.

    One that was not used before is looked up on threads of its own: readers may be waiting for the very follower that
    is asking.

    Raises:
        NotAuthorised: unknown, revoked or malformed.
    """
    known = context.keys.remembered(secret)
    if known is not None:
        return known
    return await asyncio.get_running_loop().run_in_executor(_IDENTIFIERS, context.keys.identify, secret)


def check_access(access: Access, caller: Principal, method: str, path: dict[str, str]) -> None:
    """Check a caller against a route's entry.

    Raises:
        NotAuthorised: the role does not suffice.
        UnknownReference: an account of somebody else.
    """
    reads = method == "GET"
    if access is Access.OPERATE and not caller.is_operator:
        raise not_allowed("authorization", access.value)
    if access is Access.OVERSEE and not caller.sees_all:
        raise not_allowed("authorization", access.value)
    if not reads and not caller.may_act:
        raise not_allowed("authorization", Access.ACTOR.value)
    if access is Access.OWN and path.get("account") != str(caller.account) and not caller.sees_all:
        raise not_theirs("account", path.get("account", ""))


def caller_of(request: Request) -> Principal:
    """Return the caller that ``enforce`` found.

    Raises:
        NotAuthorised: there is none.
    """
    caller: Principal | None = request.state.caller
    if caller is None:
        raise key_required()
    return caller


async def _caller_if_any(request: Request) -> Principal | None:
    caller: Principal | None = request.state.caller
    return caller


async def _caller(request: Request) -> Principal:  # FastAPI gives a dependency that is no coroutine a thread
    return caller_of(request)


Caller = Annotated[Principal, Depends(_caller)]
"""A route's parameter: the caller."""
MaybeCaller = Annotated[Principal | None, Depends(_caller_if_any)]
"""A route's parameter: the caller or nobody."""
