"""Orders: one by one, many in one body, what became of them, and cancelling."""

import json
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from wattmark.api.authorisation import API, Caller, caller_of
from wattmark.api.batch import order_rows, outcome_fields, records, verdicts_as_bytes, verdicts_as_json
from wattmark.api.bodies import DirectRoute, StrictRoute, read_model
from wattmark.api.commit import MAX_BATCH
from wattmark.api.context import Served, context_of
from wattmark.api.models import Amend, CancelAll, Command, PlaceOrder, PlaceOrders, Row
from wattmark.api.routes.shapes import accepted, shape
from wattmark.api.security import Principal, not_theirs
from wattmark.core.ids import id_hex, parse_id
from wattmark.engine import layout as e
from wattmark.engine.commands import Words, actor_of, id_of
from wattmark.engine.outcomes import Outcome
from wattmark.flows.place_orders import ANY_SESSION, EVERY_PRODUCT, plan_amend, plan_cancel, plan_cancel_all
from wattmark.flows.platform import Platform
from wattmark.flows.queries import market as reads
from wattmark.market import layout as m

router = APIRouter(tags=["market"], route_class=StrictRoute)
direct = APIRouter(tags=["market"], route_class=DirectRoute)
"""The two that place orders."""

OCTETS: Final = "application/octet-stream"
JSON: Final = "application/json"
SMALL_BYTES: Final = 128 << 10
"""Up to here a body is read in 2 ms or less [bytes]."""
Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")
_ORDER: Final = PlaceOrder.model_json_schema()
_ORDERS: Final = {
    "type": "object",
    "properties": {"orders": {"type": "array", "minItems": 1, "maxItems": MAX_BATCH, "items": _ORDER}},
    "required": ["orders"],
    "additionalProperties": False,
}
_RECORDS: Final = {"type": "string", "format": "binary"}


def _body(**schemas: dict[str, Any]) -> dict[str, Any]:
    content = {{"json": JSON, "octets": OCTETS}[name]: {"schema": schema} for name, schema in schemas.items()}
    return {"requestBody": {"required": True, "content": content}}


@direct.post(f"{API}/orders", status_code=201, summary="Place an order", openapi_extra=_body(json=_ORDER))
async def place_order(request: Request) -> Response:
    """Place one order for the caller's account."""
    body = read_model(PlaceOrder, await request.body())
    (row,) = order_rows([body], caller_of(request).account)
    answer = accepted(body.id, await context_of(request).order(row), "order", "filled_wh")
    return Response(json.dumps(answer, separators=(",", ":")), 201, media_type=JSON)


@direct.post(
    f"{API}/orders/batch",
    summary="Place up to 8,192 orders; JSON, or records of 128 bytes",
    openapi_extra=_body(json=_ORDERS, octets=_RECORDS),
)
async def place_orders(request: Request) -> Response:
    """Place, amend or cancel many orders in one batch; each has an outcome of its own, in the order given.

    ``application/json``: ``{"orders": [...]}`` as for a single order. ``application/octet-stream``: command
    records of 128 bytes, ``PLACE_ORDER``, ``AMEND``, ``CANCEL`` and ``CANCEL_ALL`` only, the actor being the caller's account; whoever accepts
    ``application/octet-stream`` is answered with verdicts of 32 bytes: timestamp [ms], outcome, two results.
    """
    body, account = await request.body(), caller_of(request).account
    if media_type(request.headers.get("content-type", "")) == OCTETS:
        commands = records(body, account)
    else:
        commands = await _here_or_in_a_thread(len(body), _orders, body, account)
    verdicts = await context_of(request).commit.submit(commands)
    if prefers_octets(request.headers.get("accept", "")):
        return Response(verdicts_as_bytes(verdicts), media_type=OCTETS)
    answer = await _here_or_in_a_thread(commands.nbytes, verdicts_as_json, commands, verdicts)
    return Response(answer, media_type=JSON)


@router.get(f"{API}/orders/{{id}}", summary="An order by the id of its command")
async def get_order(id: str, context: Served, caller: Caller) -> dict[str, Any]:  # noqa: A002 - the path's name
    """Return an order as it stands; one's own."""
    found: dict[str, Any] = shape(await context.read(lambda platform: own_order(platform, id, caller)))
    return found


@router.post(f"{API}/orders/{{id}}/cancel", summary="Cancel an order by the id of its command")
async def cancel_order(id: str, body: Command, context: Served, caller: Caller) -> dict[str, Any]:  # noqa: A002 - the path's name
    """Cancel what is open of an order; one's own."""
    found = await context.read(lambda platform: own_order(platform, id, caller, reads_all=False))
    plan = plan_cancel(identity=parse_id(body.id), account=found.account, target=found.identity)
    return accepted(body.id, await context.order(plan.commands[0]), "order", "released_wh")


@router.post(f"{API}/orders/{{id}}/amend", summary="Change price and quantity of an order")
async def amend_order(id: str, body: Amend, context: Served, caller: Caller) -> dict[str, Any]:  # noqa: A002 - the path's name
    """Change price and whole quantity of an order that rests; one's own.

    Less at the same price keeps its place in the book; anything else goes to the end, and may trade at once.
    """
    found = await context.read(lambda platform: own_order(platform, id, caller, reads_all=False))
    plan = plan_amend(
        identity=parse_id(body.id),
        account=found.account,
        target=found.identity,
        price_sen_per_kwh=body.price_sen_per_kwh,
        quantity_wh=body.quantity_wh,
    )
    return accepted(body.id, await context.order(plan.commands[0]), "order", "filled_wh")


@router.post(f"{API}/accounts/{{account}}/orders/cancel-all", summary="Cancel all orders of an account")
async def cancel_all_orders(account: Row, body: CancelAll, context: Served, caller: Caller) -> dict[str, Any]:
    """Cancel what rests of an account's orders: all, those of a product, those of a session."""
    plan = plan_cancel_all(
        identity=parse_id(body.id),
        actor=caller.account,
        account=account,
        product=EVERY_PRODUCT if body.product is None else body.product,
        session=body.session or ANY_SESSION,
    )
    return accepted(body.id, await context.order(plan.commands[0]), "cancelled", "released_wh")


@router.get(f"{API}/commands/{{id}}", summary="What became of a command")
async def get_command(id: str, context: Served, caller: Caller) -> dict[str, Any]:  # noqa: A002 - the path's name
    """Return position and outcome of a command of one's own, so that a lost answer can be asked for again."""
    identity = parse_id(id)

    def read(platform: Platform) -> dict[str, Any]:
        found = platform.sequencer.find(identity)
        if found is None:
            raise not_theirs("id", id)
        record = platform.sequencer.record(found[0])
        if actor_of(record.command) != caller.account and not caller.sees_all:
            raise not_theirs("id", id)
        outcome = outcome_fields(record.command, record.verdict.tolist())
        return {"position": found[0], "id": id_hex(id_of(record.command)), **outcome}

    return await context.run(read)


def own_order(platform: Platform, identity: str, caller: Principal, *, reads_all: bool = True) -> reads.OpenOrder:
    """Return the order that a command placed.

    Raises:
        UnknownReference: none, or not the caller's to see.
    """
    found = platform.sequencer.find(parse_id(identity))
    if found is None or int(found[1][e.V_OUTCOME]) != Outcome.OK:
        raise not_theirs("order", identity)
    number = int(found[1][e.V_RESULT0])
    orders = platform.state.orders
    if number >= len(orders) or int(orders[number, m.O_POSITION]) != found[0]:
        raise not_theirs("order", identity)
    order = reads.order(platform, number)
    may_see = caller.sees_all if reads_all else caller.is_operator
    if order.account != caller.account and not may_see:
        raise not_theirs("order", identity)
    return order


def media_type(part: str) -> str:
    """Return the media type of a header's part, without its parameters."""
    return part.partition(";")[0].strip().lower()


def prefers_octets(accept: str) -> bool:
    """Return whether an Accept header names the binary form before any other that is offered."""
    offered = (kind for kind in map(media_type, accept.split(",")) if kind in {OCTETS, JSON, "*/*", "application/*"})
    return next(offered, JSON) == OCTETS


async def _here_or_in_a_thread(
    size: int, work: Callable[Parameters, Answer], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Answer:
    """Do what takes less time than handing it over at once, and the rest in a thread, so that others are answered."""
    if size <= SMALL_BYTES:
        return work(*args, **kwargs)
    return await run_in_threadpool(work, *args, **kwargs)


def _orders(body: bytes, account: int) -> Words:
    return order_rows(read_model(PlaceOrders, body).orders, account, "orders.{}.")
