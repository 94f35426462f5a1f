"""My orders: what is open and what traded; amending one, cancelling one, cancelling all."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from starlette.responses import RedirectResponse, Response

from wattmark.api.security import not_theirs
from wattmark.core.errors import Refused
from wattmark.core.ids import parse_id
from wattmark.flows.place_orders import EVERY_PRODUCT, plan_amend, plan_cancel, plan_cancel_all
from wattmark.flows.platform import Done, Platform
from wattmark.flows.queries import market as reads
from wattmark.market import layout as m
from wattmark.market.order import (
    ORDER_STATE_TEXT,
    SELF_TRADE_TEXT,
    TIME_IN_FORCE_TEXT,
    OrderState,
    SelfTrade,
    TimeInForce,
)
from wattmark.web.figures import parse_energy, parse_price, write_energy
from wattmark.web.pages.naming import new_id, product_name
from wattmark.web.pages.order_form import MARKET_PRICE_SEN, FieldsRefused, OrderForm, refused_form, typed
from wattmark.web.pages.order_words import cancelled_message, order_row, record_of, refused_words
from wattmark.web.pages.parts import Fact, Message, refusal_message
from wattmark.web.say import Say
from wattmark.web.visit import Visit, Visited

router = APIRouter()

Number = Annotated[int, Path(ge=0, le=(1 << 31) - 1)]
Count = Annotated[int | None, Query(ge=0)]
Product = Annotated[int | None, Query(ge=0, le=(1 << 31) - 1)]
TRADES_SHOWN: Final = 50
AMEND_FIELDS: Final = ("id", "price", "quantity")


@router.get("/me/orders")
async def my_orders(visit: Visited, cancelled: Count = None, orders: Count = None) -> Response:
    """Show one's open orders and trades."""
    return await orders_page(visit, cancelled_message(visit.say, cancelled, orders))


@router.get("/me/orders/cancel-all")
async def ask_cancel_all(visit: Visited, product: Product = None) -> Response:
    """Ask whether all of one's orders are to be cancelled, or all in one product."""
    return await ask_page(visit, product, None)


@router.post("/me/orders/cancel-all")
async def cancel_all(visit: Visited) -> Response:
    """Cancel all of one's orders, or all in one product."""
    fields = await visit.form()
    account, number = visit.signed_in.account, fields.get("product", "")
    product = int(number) if number.isascii() and number.isdecimal() and len(number) <= 10 else None
    try:
        plan = plan_cancel_all(
            identity=parse_id(fields.get("id", "")),
            actor=account,
            account=account,
            product=EVERY_PRODUCT if product is None else product,
        )
        done = await visit.context.order(plan.commands[0])
    except Refused as error:
        return await ask_page(visit, product, refusal_message(visit.say, visit.say.t("order.refused"), error), 422)
    back = "/me/orders" if product is None else f"/market/{product}"
    return RedirectResponse(f"{back}?orders={done.result0}&cancelled={done.result1}", 303)


@router.get("/me/orders/{order}")
async def my_order(order: Number, visit: Visited) -> Response:
    """Show an order of one's own, with the form that amends it."""
    return await order_page(visit, order, None, None)


@router.post("/me/orders/{order}/cancel")
async def cancel(order: Number, visit: Visited) -> Response:
    """Cancel an order of one's own."""
    fields = await visit.form()
    account = visit.signed_in.account
    found = await visit.read(lambda platform: own_order(platform, order, account))
    try:
        plan = plan_cancel(identity=parse_id(fields.get("id", "")), account=account, target=found.identity)
        done = await visit.context.order(plan.commands[0])
    except Refused as error:
        return await orders_page(visit, refusal_message(visit.say, visit.say.t("order.refused"), error), 422)
    back = f"/market/{found.product}" if fields.get("back") == "product" else "/me/orders"
    return RedirectResponse(f"{back}?cancelled={done.result1}", 303)


@router.post("/me/orders/{order}/amend")
async def amend(order: Number, visit: Visited) -> Response:
    """Change the price or the quantity of an order of one's own."""
    fields = await visit.form()
    say, account = visit.say, visit.signed_in.account
    values = typed(fields, AMEND_FIELDS)
    found = await visit.read(lambda platform: own_order(platform, order, account))
    try:
        identity, price_sen, quantity_wh = read_amendment(values, found)
        plan = plan_amend(
            identity=identity,
            account=account,
            target=found.identity,
            price_sen_per_kwh=price_sen,
            quantity_wh=quantity_wh,
        )
        done = await visit.context.order(plan.commands[0])
    except Refused as error:
        form = refused_form(values, error, new_id(visit), say)
        return await order_page(visit, order, form, refused_words(say, say.t("amend.refused"), error, values), 422)
    message = await visit.read(lambda platform: amended_message(platform, say, done, identity))
    return await order_page(visit, order, None, message)


def read_amendment(values: dict[str, str], order: reads.OpenOrder) -> tuple[int, int, int]:
    """Return (command id, price [sen/kWh], whole quantity [Wh]) of a filled-in form; a market order keeps its price.

    Raises:
        FieldsRefused: fields that are no figures.
    """
    errors: dict[str, Refused] = {}
    found = {"price": MARKET_PRICE_SEN}
    for name, parse in (("id", parse_id), ("price", parse_price), ("quantity", parse_energy)):
        try:
            if name != "price" or not order.is_market:
                found[name] = parse(values[name])
        except Refused as error:
            errors[name] = error
    if errors:
        raise FieldsRefused(errors)
    return found["id"], found["price"], found["quantity"]


def amended_message(platform: Platform, say: Say, done: Done, identity: int) -> Message:
    """Return what became of an amendment, and where its record is."""
    line = say.t("amend.done_words", order=done.result0, filled=say.exact_energy(done.result1))
    return Message("ok", say.t("amend.done"), (line,), *record_of(platform, say, identity))


def own_order(platform: Platform, number: int, account: int) -> reads.OpenOrder:
    """Return an order of one's own.

    Raises:
        UnknownReference: there is none, or it is somebody else's.
    """
    found = reads.order(platform, number)
    if found.account != account:
        raise not_theirs("order", number)
    return found


async def orders_page(visit: Visit, message: Message | None, status: int = 200) -> Response:
    """Return the page of orders."""
    account = visit.signed_in.account
    values = await visit.read(lambda platform: order_values(platform, account, visit))
    return visit.page("orders.html", {**values, "message": message, "tab": "orders"}, status)


def order_values(platform: Platform, account: int, visit: Visit) -> dict[str, Any]:
    """Return what the page of orders shows."""
    say = visit.say

    def name(number: int) -> str:
        return product_name(reads.product(platform, number), say)

    trades = [
        {
            "when": say.short_time(item.timestamp_ms),
            "product": item.product,
            "name": name(item.product),
            "side": say.t("order.buy" if item.buyer == account else "order.sell"),
            "price": say.price(item.price_sen_per_kwh),
            "quantity": f"{item.quantity_wh:,}",
            "position": item.position,
        }
        for item in platform.views.trades(account=account, limit=TRADES_SHOWN)
    ]
    mine = reads.open_orders(platform, account)
    return {"open": [order_row(item, visit) | {"name": name(item.product)} for item in mine], "trades": trades}


async def ask_page(visit: Visit, product: int | None, message: Message | None, status: int = 200) -> Response:
    """Return the page that asks before all orders are cancelled."""
    account, say = visit.signed_in.account, visit.say

    def values(platform: Platform) -> dict[str, Any]:
        mine = [item for item in reads.open_orders(platform, account) if product in {None, item.product}]
        where = say.t("orders.everywhere")
        if product is not None:
            where = product_name(reads.product(platform, product), say)
        return {
            "sentence": say.t("orders.ask_words", count=len(mine), where=where),
            "rows": [order_row(item, visit) for item in mine],
            "product": "" if product is None else product,
            "back": "/me/orders" if product is None else f"/market/{product}",
            "id": new_id(visit),
        }

    return visit.page("cancel_all.html", {**await visit.read(values), "message": message, "tab": "orders"}, status)


async def order_page(
    visit: Visit, order: int, form: OrderForm | None, message: Message | None, status: int = 200
) -> Response:
    """Return the page of one order."""
    account = visit.signed_in.account

    def values(platform: Platform) -> dict[str, Any]:
        found = own_order(platform, order, account)
        item = reads.product(platform, found.product)
        fresh = OrderForm(
            {
                "id": new_id(visit),
                "price": visit.say.price(found.price_sen),
                "quantity": write_energy(found.quantity_wh),
            }
        )
        return {
            "order": {
                **order_row(found, visit),
                "name": product_name(item, visit.say),
                "facts": order_facts(found, visit.say),
                "is_live": found.is_live,
                "is_market": found.is_market,
            },
            "form": form or fresh,
        }

    return visit.page("order.html", {**await visit.read(values), "message": message, "tab": "orders"}, status)


def order_facts(order: reads.OpenOrder, say: Say) -> list[Fact]:
    """Return what there is to know of an order."""
    facts = [
        Fact(say.t("order.state"), say.text(ORDER_STATE_TEXT[OrderState(order.state)])),
        Fact(say.t("order.side"), say.t("order.buy" if order.side == m.BUY else "order.sell")),
        Fact(say.t("order.price"), say.t("order.kind_market") if order.is_market else say.price(order.price_sen)),
        Fact(say.t("order.quantity"), say.exact_energy(order.quantity_wh)),
        Fact(say.t("orders.left"), say.exact_energy(order.remaining_wh)),
        Fact(say.t("order.tif"), say.text(TIME_IN_FORCE_TEXT[TimeInForce(order.tif)])),
        Fact(say.t("order.own"), say.text(SELF_TRADE_TEXT[SelfTrade(order.self_trade)])),
        Fact(say.t("order.placed_at"), say.time(order.created_ms)),
    ]
    if order.expires_ms:
        facts.append(Fact(say.t("order.until"), say.time(order.expires_ms)))
    if order.display_wh:
        facts.append(Fact(say.t("order.shown"), say.exact_energy(order.display_wh)))
    if order.area:
        facts.append(Fact(say.t("order.area"), say.area(order.area)))
    return facts
