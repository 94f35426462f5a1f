"""Products, books, trades, candles, orders, and the stream."""

import json
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Final, Literal

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import ValidationError

from wattmark.api.authorisation import API, Caller
from wattmark.api.bodies import StrictRoute, read_json
from wattmark.api.commit import MAX_BATCH
from wattmark.api.context import Served
from wattmark.api.models import Command, ListProduct, PlaceOrder, PlaceOrders, Row
from wattmark.api.routes.shapes import accepted, day_of, shape
from wattmark.api.security import Principal, not_theirs
from wattmark.core.errors import MalformedInput, NotAuthorised, Refused
from wattmark.core.ids import id_hex, parse_id
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.commands import Kind, Words, actor_of, command, from_bytes, id_of, kind_of, stack
from wattmark.engine.outcomes import Outcome, refusal
from wattmark.flows.place_orders import plan_cancel
from wattmark.flows.platform import Platform
from wattmark.flows.queries import market as reads
from wattmark.market import layout as m

router = APIRouter(tags=["market"], route_class=StrictRoute)

OCTETS: Final = "application/octet-stream"
CANDLE_SECONDS: Final = 1_800
SIDES: Final = {"buy": m.BUY, "sell": m.SELL}
SELL_NEEDS: Final = Text(
    en="a sell order names a lot and its first serial; a buy order neither",
    ja="売りはロットと先頭の番号を指定し、買いは指定しない",
)
ORDER_KINDS: Final = Text(en="PLACE_ORDER or CANCEL", ja="PLACE_ORDERまたはCANCEL")
OWN_ACTOR: Final = Text(en="the account of your key", ja="自分のキーの口座")
BATCH: Final = Text(en=f"1 to {MAX_BATCH} records of 128 bytes", ja=f"128バイトの記録1〜{MAX_BATCH}件")
Limit = Annotated[int, Query(ge=1, le=500, description="at most so many")]


@router.get(f"{API}/products", summary="Products of a day, and those of a year")
async def list_products(
    context: Served,
    day: Annotated[str | None, Query(description="JST day, such as 2021-01-12; default: the last listed")] = None,
    area: Annotated[int | None, Query(ge=1, le=9)] = None,
    source: Annotated[int | None, Query(ge=1, le=7)] = None,
) -> dict[str, Any]:
    """Return the products of a JST day with their best prices, and the products that name no period."""
    wanted = None if day is None else day_of(day)

    def read(platform: Platform) -> tuple[date | None, list[reads.Product], list[reads.Product]]:
        days = reads.days_with_products(platform)
        chosen = wanted or (days[-1] if days else None)
        found = reads.products_of_day(platform, chosen, area=area, source=source) if chosen else []
        return chosen, found, reads.products_of_year(platform)

    chosen, of_day, of_year = await context.read(read)
    return {"day": shape(chosen), "products": shape(of_day), "yearly": shape(of_year)}


@router.post(f"{API}/products", status_code=201, summary="List a product")
async def list_product(body: ListProduct, context: Served, caller: Caller) -> dict[str, Any]:
    """List what can be traded."""
    terms = body.model_dump(exclude={"id"})
    row = command(Kind.LIST_PRODUCT, id=parse_id(body.id), actor=caller.account, **terms)
    return accepted(body.id, await context.order(row), "product")


@router.get(f"{API}/products/{{product}}", summary="A product")
async def get_product(product: Row, context: Served) -> dict[str, Any]:
    """Return a product with its best prices."""
    found: dict[str, Any] = shape(await context.read(lambda platform: reads.product(platform, product)))
    return found


@router.get(f"{API}/products/{{product}}/book", summary="Open orders by price")
async def get_book(product: Row, context: Served) -> dict[str, Any]:
    """Return both sides of a book, the best price first."""
    found: dict[str, Any] = shape(await context.read(lambda platform: reads.book(platform, product)))
    return found


@router.get(f"{API}/products/{{product}}/trades", summary="Trades, newest first; without names")
async def get_trades(
    product: Row, context: Served, before: Annotated[int | None, Query(ge=0)] = None, limit: Limit = 100
) -> dict[str, Any]:
    """Return the public side of a product's trades: no accounts."""

    def read(platform: Platform) -> list[dict[str, int]]:
        reads.product(platform, product)
        rows = platform.views.trades(product=product, before_position=before, limit=limit)
        return [
            {
                "position": row.position,
                "timestamp_ms": row.timestamp_ms,
                "quantity_wh": row.quantity_wh,
                "price_sen_per_kwh": row.price_sen_per_kwh,
            }
            for row in rows
        ]

    return {"trades": await context.read(read)}


@router.get(f"{API}/products/{{product}}/candles", summary="Candles, oldest first")
async def get_candles(
    product: Row, context: Served, duration_s: Annotated[int, Query(ge=60, le=86_400)] = CANDLE_SECONDS
) -> dict[str, Any]:
    """Return the prices of a product's trades per stretch of time."""

    def read(platform: Platform) -> Sequence[Any]:
        reads.product(platform, product)
        return platform.views.candles(duration_s, product=product)

    return {"candles": shape(await context.read(read))}


@router.get(f"{API}/stream", tags=["market"], summary="Market data as server-sent events")
async def stream(request: Request, context: Served) -> Response:
    """Return an event stream: ``market`` events whose data is ``{"values": {name: text}}``."""
    events = context.stream.listen(request.headers.get("last-event-id", ""))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


@router.post(f"{API}/orders", status_code=201, summary="Place an order")
async def place_order(body: PlaceOrder, context: Served, caller: Caller) -> dict[str, Any]:
    """Place one order for the caller's account."""
    return accepted(body.id, await context.order(order_row(body, caller.account)), "order", "filled_wh")


@router.post(f"{API}/orders/batch", summary="Place up to 8,192 orders; JSON, or records of 128 bytes")
async def place_orders(request: Request, context: Served, caller: Caller) -> Response:
    """Place or cancel many orders in one batch; each has an outcome of its own, in the order given.

    ``application/json``: ``{"orders": [...]}`` as for a single order. ``application/octet-stream``: command
    records of 128 bytes, ``PLACE_ORDER`` and ``CANCEL`` only, the actor being the caller's account; whoever accepts
    ``application/octet-stream`` is answered with verdicts of 32 bytes: timestamp [ms], outcome, two results.
    """
    body = await request.body()
    is_binary = _is_octets(request.headers.get("content-type", ""))
    commands = await run_in_threadpool(_records if is_binary else _orders, body, caller)
    verdicts = await context.commit.submit(commands)
    if _is_octets(request.headers.get("accept", "")):
        return Response(np.ascontiguousarray(verdicts, "<i8").tobytes(), media_type=OCTETS)
    return Response(await run_in_threadpool(_answers, commands, verdicts), media_type="application/json")


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
        return {"position": found[0], **_outcome(record.command, record.verdict.tolist())}

    return await context.run(read)


@router.get(f"{API}/accounts/{{account}}/orders", summary="Orders of an account, newest first")
async def account_orders(
    account: Row,
    context: Served,
    before: Annotated[int | None, Query(ge=0)] = None,
    limit: Limit = 100,
    state: Annotated[Literal["all", "open"], Query()] = "all",
) -> dict[str, Any]:
    """Return an account's orders: all as they were placed, or those still open as they stand."""
    if state == "open":
        return {"orders": shape(await context.read(lambda platform: reads.open_orders(platform, account, limit)))}
    found = await context.read(lambda platform: platform.views.orders(account, before_position=before, limit=limit))
    return {"orders": shape(found)}


@router.get(f"{API}/accounts/{{account}}/trades", summary="Trades of an account, newest first")
async def account_trades(
    account: Row, context: Served, before: Annotated[int | None, Query(ge=0)] = None, limit: Limit = 100
) -> dict[str, Any]:
    """Return an account's trades; the other side is not named."""
    found = await context.read(
        lambda platform: platform.views.trades(account=account, before_position=before, limit=limit)
    )
    hidden = {"buyer", "seller", "buy_order", "sell_order"}
    rows = [
        {**{name: value for name, value in shape(row).items() if name not in hidden}, "side": _side(row.buyer, account)}
        for row in found
    ]
    return {"trades": rows}


def order_row(body: PlaceOrder, account: int) -> Words:
    """Return the command of an order.

    Raises:
        MalformedInput: a sell order without a lot, or a buy order with one.
    """
    sells = body.side == "sell"
    if sells != (body.lot is not None) or sells != (body.start is not None):
        raise MalformedInput("ORDER_LOT", "lot", body.lot if body.lot is not None else "", SELL_NEEDS)
    return command(
        Kind.PLACE_ORDER,
        id=parse_id(body.id),
        actor=account,
        product=body.product,
        side=SIDES[body.side],
        price_sen_per_kwh=body.price_sen_per_kwh,
        quantity_wh=body.quantity_wh,
        lot=body.lot or 0,
        start=body.start or 0,
        tif=m.TIF_IMMEDIATE if body.immediate else m.TIF_REST,
    )


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


def _is_octets(header: str) -> bool:
    return header.partition(";")[0].strip() == OCTETS


def _orders(body: bytes, caller: Principal) -> Words:
    try:
        parsed = PlaceOrders.model_validate(read_json(body))
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
    return stack(order_row(item, caller.account) for item in parsed.orders)


def _answers(commands: Words, verdicts: Words) -> bytes:
    outcomes = [_outcome(row, verdict) for row, verdict in zip(commands, verdicts.tolist(), strict=True)]
    accepted_count = sum(item["outcome"] == "OK" for item in outcomes)
    answer = {"accepted": accepted_count, "refused": len(outcomes) - accepted_count, "outcomes": outcomes}
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


def _records(body: bytes, caller: Principal) -> Words:
    commands = from_bytes(body)
    if not 1 <= len(commands) <= MAX_BATCH:
        raise MalformedInput("BATCH_LENGTH", "body", len(commands), BATCH)
    for index, row in enumerate(commands):
        if kind_of(row) not in (Kind.PLACE_ORDER, Kind.CANCEL):
            raise MalformedInput("KIND_NOT_ALLOWED", f"{index}.kind", kind_of(row), ORDER_KINDS)
        if actor_of(row) != caller.account:
            raise NotAuthorised("NOT_AUTHORISED", f"{index}.actor", actor_of(row), OWN_ACTOR)
    return commands


def _outcome(row: Words, verdict: list[int]) -> dict[str, Any]:
    timestamp_ms, outcome, result0, result1 = verdict
    answer: dict[str, Any] = {"id": id_hex(id_of(row)), "outcome": Outcome(outcome).name, "timestamp_ms": timestamp_ms}
    if outcome == Outcome.OK:
        return {**answer, "result0": result0, "result1": result1}
    error: Refused = refusal(row, outcome)
    return {**answer, "error": error.to_dict()}


def _side(buyer: int, account: int) -> str:
    return "buy" if buyer == account else "sell"
