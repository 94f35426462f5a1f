"""Products, books, trades, candles, an account's orders and trades, and the stream."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from wattmark.api.authorisation import API, Caller
from wattmark.api.bodies import StrictRoute
from wattmark.api.context import Served
from wattmark.api.models import ListProduct, Row
from wattmark.api.routes.shapes import accepted, day_of, shape
from wattmark.core.ids import parse_id
from wattmark.engine.commands import Kind, command
from wattmark.flows.platform import Platform
from wattmark.flows.queries import market as reads

router = APIRouter(tags=["market"], route_class=StrictRoute)

CANDLE_SECONDS: Final = 1_800
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
