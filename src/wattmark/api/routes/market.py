"""Products, books, trades, candles, an account's orders and trades, and the streams."""

import asyncio
from datetime import date
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from wattmark.api.authorisation import API, Caller
from wattmark.api.bodies import StrictRoute
from wattmark.api.context import Served
from wattmark.api.events import book_events, seen_of
from wattmark.api.models import MAX_TIME_S, AnswerCapacity, ListProduct, OpenRoute, Row, SetLimits, SetTrading
from wattmark.api.routes.shapes import accepted, day_of, shape, tagged
from wattmark.api.taps import MAX_PRODUCTS
from wattmark.api.told import candle_fields, picture_fields
from wattmark.core.ids import parse_id
from wattmark.core.periods import DAY_S, JST_OFFSET_S
from wattmark.engine.commands import Kind, command
from wattmark.flows.platform import Platform
from wattmark.flows.queries import market as reads
from wattmark.flows.queries.auctions import auction_result
from wattmark.market import layout as m
from wattmark.market.candles import start_of

router = APIRouter(tags=["market"], route_class=StrictRoute)

CANDLE_SECONDS: Final = 1_800
MAX_INTERVAL_S: Final = 366 * DAY_S
MAX_CANDLES: Final = 2_000
MAX_LEVELS: Final = 100_000
MAX_POSITION: Final = (1 << 63) - 1
TRADING: Final = {"resume": m.PRODUCT_OPEN, "halt": m.PRODUCT_HALTED}
ALIGNED: Final = {"jst": JST_OFFSET_S, "utc": 0}
STREAM_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
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


@router.post(f"{API}/products/{{product}}/limits", summary="Bound prices and positions")
async def set_limits(product: Row, body: SetLimits, context: Served, caller: Caller) -> dict[str, Any]:
    """Bound a product's prices, and what one account may buy of it; 0 lifts a bound."""
    row = command(
        Kind.SET_LIMITS,
        id=parse_id(body.id),
        actor=caller.account,
        product=product,
        low_sen_per_kwh=body.low_sen,
        high_sen_per_kwh=body.high_sen,
        position_wh=body.position_wh,
    )
    return accepted(body.id, await context.order(row))


@router.post(f"{API}/products/{{product}}/trading", summary="Halt a product, or let it go on")
async def set_trading(product: Row, body: SetTrading, context: Served, caller: Caller) -> dict[str, Any]:
    """Halt a product: orders queue, cancels are taken at once (J38, J40); or let it go on, by arrival."""
    row = command(
        Kind.SET_TRADING,
        id=parse_id(body.id),
        actor=caller.account,
        product=product,
        trading_state=TRADING[body.trading],
        reason=body.reason,
    )
    return accepted(body.id, await context.order(row))


@router.post(f"{API}/products/{{product}}/capacity", summary="Answer a product that asks for capacity")
async def answer_capacity(product: Row, body: AnswerCapacity, context: Served, caller: Caller) -> dict[str, Any]:
    """Say how much of the pair that waits may flow: that much trades, and the product goes on (J38, J39)."""
    row = command(
        Kind.ANSWER_CAPACITY,
        id=parse_id(body.id),
        actor=caller.account,
        product=product,
        granted_wh=body.granted_wh,
    )
    return accepted(body.id, await context.order(row))


@router.post(f"{API}/products/{{product}}/routes", summary="Open a route between two areas again")
async def open_route(product: Row, body: OpenRoute, context: Served, caller: Caller) -> dict[str, Any]:
    """Say that the capacity from one area to another has changed: blocked pairs may meet again (J39)."""
    row = command(
        Kind.OPEN_ROUTE,
        id=parse_id(body.id),
        actor=caller.account,
        product=product,
        from_area=body.from_area,
        to_area=body.to_area,
    )
    return accepted(body.id, await context.order(row))


@router.get(f"{API}/products/{{product}}", summary="A product")
async def get_product(product: Row, context: Served) -> dict[str, Any]:
    """Return a product with its best prices."""
    found: dict[str, Any] = shape(await context.read(lambda platform: reads.product(platform, product)))
    return found


@router.get(f"{API}/products/{{product}}/book", summary="The book: a snapshot with its sequence number")
async def get_book(
    product: Row,
    context: Served,
    request: Request,
    levels: Annotated[int | None, Query(ge=1, le=MAX_LEVELS, description="prices a side; all without it")] = None,
) -> Response:
    """Return both sides of a book by price, the best first, as the increments of the streams go on from it.

    Call auctions are blind: no prices before the auction, and its result after it (J11, J20).
    """
    picture = await asyncio.to_thread(context.taps.data.picture, product)
    fields = await asyncio.to_thread(picture_fields, picture, levels)
    if picture.is_blind:
        fields["result"] = shape(await context.read(lambda platform: auction_result(platform, product)))
    return await asyncio.to_thread(tagged, request, fields, f"{product}.{picture.sequence}.{levels or 0}")


@router.get(f"{API}/products/{{product}}/trades", summary="Trades, newest first; without names")
async def get_trades(
    product: Row,
    context: Served,
    request: Request,
    before: Annotated[int | None, Query(ge=0, le=MAX_POSITION)] = None,
    limit: Limit = 100,
) -> Response:
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

    return tagged(request, {"trades": await context.read(read)})


@router.get(f"{API}/products/{{product}}/candles", summary="Candles of any interval, oldest first")
async def get_candles(
    product: Row,
    context: Served,
    request: Request,
    interval_s: Annotated[int, Query(ge=1, le=MAX_INTERVAL_S, description="whole seconds")] = CANDLE_SECONDS,
    from_s: Annotated[int | None, Query(alias="from", ge=0, le=MAX_TIME_S, description="POSIX seconds")] = None,
    to_s: Annotated[int | None, Query(alias="to", ge=0, le=MAX_TIME_S, description="POSIX seconds")] = None,
    align: Annotated[Literal["jst", "utc"], Query(description="whose midnight intervals are counted from")] = "jst",
    limit: Annotated[int, Query(ge=1, le=MAX_CANDLES, description="the newest so many")] = 500,
) -> Response:
    """Return what the trades of each interval came to: whole candles that touch ``[from, to)``.

    An interval without trades has no candle.
    """
    align_s = ALIGNED[align]
    since_s = None if from_s is None else start_of(from_s, interval_s, align_s)
    until_s = None if not to_s else start_of(to_s - 1, interval_s, align_s) + interval_s

    def read(platform: Platform) -> list[dict[str, int]]:
        reads.product(platform, product)
        found = platform.views.candles(
            interval_s,
            product=product,
            since_ms=None if since_s is None else since_s * 1_000,
            until_ms=None if until_s is None else until_s * 1_000,
            align_s=align_s,
            limit=limit,
        )
        return [candle_fields(candle) for candle in found]

    return tagged(request, {"candles": [] if to_s == 0 else await context.read(read)})


@router.get(f"{API}/market/stream", summary="Books, best prices or trades as server-sent events")
async def follow_books(
    request: Request,
    context: Served,
    product: Annotated[list[Row], Query(min_length=1, max_length=MAX_PRODUCTS, description="once per product")],
    channel: Annotated[Literal["book", "top", "trades"], Query()] = "book",
) -> Response:
    """Return an event stream: a ``snapshot`` of each product, then its ``increment`` events, numbered without gaps.

    Who reads too slowly is told of a ``gap`` and given a new snapshot. ``Last-Event-ID`` goes on where a stream ended.
    """
    products = list(dict.fromkeys(product))
    await context.read(lambda platform: [reads.product(platform, number) for number in products])
    tap = context.taps.open()
    seen = seen_of(request.headers.get("last-event-id", ""), products)
    return StreamingResponse(
        book_events(tap, products, seen, channel), media_type="text/event-stream", headers=STREAM_HEADERS
    )


@router.get(f"{API}/stream", tags=["market"], summary="Market data as server-sent events")
async def stream(request: Request, context: Served) -> Response:
    """Return an event stream: ``market`` events whose data is ``{"values": {name: text}}``."""
    events = context.stream.listen(request.headers.get("last-event-id", ""))
    return StreamingResponse(events, media_type="text/event-stream", headers=STREAM_HEADERS)


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


def _side(buyer: int, account: int) -> str:
    return "buy" if buyer == account else "sell"
