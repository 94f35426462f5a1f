"""One product: its book, charts, trades and result, what is mine in it, and the order form."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from wattmark.api.ticker import product_values
from wattmark.core.errors import Refused
from wattmark.core.money import amount_e5jpy
from wattmark.flows.place_orders import Order, plan_orders
from wattmark.flows.platform import Done, Platform
from wattmark.flows.queries import accounts
from wattmark.flows.queries import market as reads
from wattmark.flows.queries.auctions import auction_result
from wattmark.flows.queries.lots import Lot, sellable
from wattmark.market import layout as m
from wattmark.web.figures import write_energy
from wattmark.web.pages.drawings import STEPS_S, candles_of, draw_candles, draw_curves, draw_depth
from wattmark.web.pages.foresight import foresee, without
from wattmark.web.pages.naming import gate_sentence, new_id, product_name, standing
from wattmark.web.pages.order_form import (
    OrderForm,
    choices_of,
    empty_form,
    form_field,
    read_order,
    refused_form,
    typed_form,
)
from wattmark.web.pages.parts import Fact, Message
from wattmark.web.say import NO_VALUE, Say
from wattmark.web.visit import Visit, Visited

router = APIRouter()

Number = Annotated[int, Path(ge=0, le=(1 << 31) - 1)]
TRADES_SHOWN: Final = 20
MINE_SHOWN: Final = 10
LEVELS_SHOWN: Final = 8
"""Levels of each side in the short book; the whole one is folded away."""
LEVELS_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What a visitor did on the page: the form as it is, what is said about it, what it would do.

    Attributes:
        form: the form; ``None`` for a fresh one.
        message: said at the head of the page.
        preview: the order to foresee.
        step_s: length of a candle [s], ``None`` for a fitting one.
        lot: the lot to sell, for a fresh form.
    """

    form: OrderForm | None = None
    message: Message | None = None
    preview: Order | None = None
    step_s: int | None = None
    lot: int | None = None


@router.get("/market/{product}")
async def product_page(
    product: Number,
    visit: Visited,
    step: Annotated[int | None, Query(ge=1)] = None,
    lot: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """Show one product's book, candles, trades and order form."""
    return await show(visit, product, Asked(step_s=step if step in STEPS_S else None, lot=lot))


@router.post("/market/{product}/order")
async def place(product: Number, visit: Visited) -> Response:
    """Place an order from the form, or show what it would do; a refusal shows the form again with the reason."""
    fields = await visit.form()
    values, account = typed_form(fields), visit.signed_in.account
    try:
        order = await visit.read(lambda platform: read_order(platform, product, values, account))
        if fields.get("action") == "preview":
            return await show(visit, product, Asked(OrderForm(values), preview=order))
        done = await visit.context.order(plan_orders([order]).commands[0])
    except Refused as error:
        form = refused_form(values, error, new_id(visit), visit.say)
        return await show(visit, product, Asked(form, refused_message(visit.say, error, values)), 422)
    message = await visit.read(lambda platform: placed_message(platform, visit.say, done, order))
    return await show(visit, product, Asked(empty_form(new_id(visit), side=values["side"]), message))


async def show(visit: Visit, product: int, asked: Asked, status: int = 200) -> Response:
    """Return the page of a product."""
    values = await visit.read(lambda platform: page_values(platform, product, asked, visit))
    return visit.page("product.html", values, status)


def refused_message(say: Say, error: Refused, values: dict[str, str]) -> Message:
    """Return why an order was refused: the field by its name on the form, what was entered, the rule."""
    name = form_field(error)
    words = {"quantity": "order.quantity", "price": "order.price", "lot": "order.lot", "tif": "order.tif"}.get(name)
    lines = [f"{say.t(words) if words else error.field}: {say.text(error.rule)}"]
    if values.get(name):
        lines.append(say.t("order.value", value=values[name]))
    return Message("no", say.t("order.refused"), tuple(lines))


def placed_message(platform: Platform, say: Say, done: Done, order: Order) -> Message:
    """Return what became of an order that was taken, and where its record is."""
    row = platform.state.orders[done.result0]
    rest_wh = order.quantity_wh - done.result1
    waits = int(row[m.O_STATE]) == m.ORDER_OPEN
    if int(platform.state.products[order.product, m.P_MODE]) == m.MODE_CALL:
        key = "order.bid_words"
    else:
        key = "order.placed_words" if waits or not rest_wh else "order.ended_words"
    words = {"order": done.result0, "filled": say.exact_energy(done.result1), "rest": say.exact_energy(rest_wh)}
    position = int(row[m.O_POSITION])
    line = say.t(key, **({"order": done.result0, "rest": words["rest"]} if key == "order.bid_words" else words))
    return Message("ok", say.t("order.placed"), (line,), f"/log/{position}", say.t("order.proof", position=position))


def page_values(platform: Platform, number: int, asked: Asked, visit: Visit) -> dict[str, Any]:
    """Return what a product's page shows.

    Raises:
        UnknownReference: there is no such product.
    """
    say, now_ms = visit.say, visit.context.clock()
    item = reads.product(platform, number)
    is_call = item.mode == m.MODE_CALL
    product = {
        "number": number,
        "name": product_name(item, say),
        "kind": say.t(
            "plants.kind", source=say.source(item.source), area=say.area(item.area), capacity=_mode(item, say)
        ),
        "standing": standing(item, now_ms),
        "sentence": gate_sentence(item, say, now_ms, _mode(item, say)),
        "is_call": is_call,
        "facts": _facts(item, say),
        "trades": _trades(platform, number, say),
        "close": say.time(item.gate_close_ms),
    }
    values: dict[str, Any] = {"product": product, "message": asked.message, "choices": choices_of(say)}
    if is_call:
        values |= {"auction": _auction(platform, number, say), "book": None, "depth": None, "candles": None}
    else:
        values |= {"auction": None, **_continuous(platform, item, asked.step_s, say)}
    values["mine"] = None if visit.visitor is None else _mine(platform, item, visit, now_ms)
    form = asked.form or empty_form(new_id(visit), **_wished(values["mine"], asked.lot))
    preview = None if asked.preview is None else _preview(platform, item, asked.preview, say)
    return {**values, "form": form, "preview": preview}


def _mode(item: reads.Product, say: Say) -> str:
    return say.t("market.auction" if item.mode == m.MODE_CALL else "market.continuous")


def _facts(item: reads.Product, say: Say) -> list[Fact]:
    values = product_values(item)
    name = f"product.{item.product}"
    keys = {"bid": "market.bid", "ask": "market.ask", "last": "market.last", "volume": "market.volume"}
    if item.mode == m.MODE_CALL:
        keys = {}
    return [Fact(say.t(key), values[f"{name}.{entry}"], f"{name}.{entry}") for entry, key in keys.items()]


def _trades(platform: Platform, number: int, say: Say) -> list[dict[str, Any]]:
    return [
        {
            "when": say.short_time(trade.timestamp_ms),
            "price": say.price(trade.price_sen_per_kwh),
            "quantity": f"{trade.quantity_wh:,}",
            "position": trade.position,
        }
        for trade in platform.views.trades(product=number, limit=TRADES_SHOWN)
    ]


def _continuous(platform: Platform, item: reads.Product, step_s: int | None, say: Say) -> dict[str, Any]:
    book = reads.book(platform, item.product, LEVELS_MOST)
    step, candles = candles_of(platform, item.product, step_s)
    steps = [{"seconds": seconds, "name": say.t(key), "here": seconds == step} for seconds, key in STEPS_S.items()]
    return {
        "book": _book(book, say),
        "depth": draw_depth(book, say),
        "candles": draw_candles(candles, step, say),
        "steps": steps,
    }


def _book(book: reads.Book, say: Say) -> dict[str, Any]:
    def rows(levels: tuple[reads.Level, ...]) -> list[dict[str, str]]:
        return [
            {"price": say.price(level.price_sen), "wh": f"{level.quantity_wh:,}", "orders": f"{level.orders:,}"}
            for level in levels
        ]

    spread = NO_VALUE
    if book.bids and book.asks:
        spread = say.price(book.asks[0].price_sen - book.bids[0].price_sen)
    return {
        "asks": rows(book.asks[:LEVELS_SHOWN])[::-1],
        "bids": rows(book.bids[:LEVELS_SHOWN]),
        "all_asks": rows(book.asks)[::-1],
        "all_bids": rows(book.bids),
        "spread": say.t("product.spread", spread=spread),
        "is_long": max(len(book.asks), len(book.bids)) > LEVELS_SHOWN,
        "is_empty": not book.asks and not book.bids,
    }


def _auction(platform: Platform, number: int, say: Say) -> dict[str, Any]:
    """Return the result of an auction; before it there is nothing to show (J11)."""
    result = auction_result(platform, number)
    if result is None:
        return {"curves": None, "facts": ()}
    price = say.t("auction.no_trade")
    if result.price_sen is not None:
        price = say.t("front.price_value", price=say.price(result.price_sen))
    facts = (Fact(say.t("auction.price"), price), Fact(say.t("auction.quantity"), say.exact_energy(result.quantity_wh)))
    return {"curves": draw_curves(result, say), "facts": facts}


def _mine(platform: Platform, item: reads.Product, visit: Visit, now_ms: int) -> dict[str, Any]:
    say, account = visit.say, visit.signed_in.account
    orders = [order for order in reads.open_orders(platform, account) if order.product == item.product]
    trades = platform.views.trades(product=item.product, account=account, limit=MINE_SHOWN)
    lots = sellable(platform, account, item.product, now_ms=now_ms)
    return {
        "wallet": say.t("order.wallet", cash=say.money(accounts.account(platform, account).free_e5jpy)),
        "orders": [order_row(order, visit) for order in orders],
        "trades": [
            {
                "when": say.short_time(trade.timestamp_ms),
                "side": say.t("order.buy" if trade.buyer == account else "order.sell"),
                "price": say.price(trade.price_sen_per_kwh),
                "quantity": f"{trade.quantity_wh:,}",
                "position": trade.position,
            }
            for trade in trades
        ],
        "lots": [_lot_choice(found, say) for found in lots],
    }


def order_row(order: reads.OpenOrder, visit: Visit) -> dict[str, Any]:
    """Return an open order as a table shows it."""
    say = visit.say
    return {
        "order": order.order,
        "product": order.product,
        "side": say.t("order.buy" if order.side == m.BUY else "order.sell"),
        "price": say.price(order.price_sen),
        "left": say.exact_energy(order.remaining_wh),
        "position": order.position,
        "id": new_id(visit),
    }


def _lot_choice(found: Lot, say: Say) -> dict[str, Any]:
    energy, serials = say.exact_energy(found.quantity_wh), f"{found.start:,}–{found.end - 1:,}"
    return {
        "lot": found.lot,
        "energy": energy,
        "serials": serials,
        "plain": write_energy(found.quantity_wh),
        "words": f"#{found.lot}: {energy} ({serials})",
    }


def _wished(mine: dict[str, Any] | None, lot: int | None) -> dict[str, str]:
    """Return what a fresh form holds when a lot is to be sold."""
    found = next((choice for choice in mine["lots"] if choice["lot"] == lot), None) if mine else None
    return {} if found is None else {"side": "sell", "lot": str(lot), "quantity": found["plain"]}


def _preview(platform: Platform, item: reads.Product, order: Order, say: Say) -> dict[str, Any]:
    """Return what an order would do, as facts and sentences."""
    buying = order.side == m.BUY
    worth_e5 = amount_e5jpy(order.price_sen_per_kwh, order.quantity_wh)
    facts = [Fact(say.t("foresee.worth"), say.money(worth_e5))]
    if buying:
        facts.append(Fact(say.t("foresee.held"), say.money(worth_e5)))
    if item.mode == m.MODE_CALL:
        key = "foresee.auction" if buying else "foresee.auction_sell"
        return {"facts": facts, "lines": (say.t(key, close=say.time(item.gate_close_ms)),)}
    book = reads.book(platform, item.product, LEVELS_MOST)
    own = [
        (mine.price_sen, mine.remaining_wh)
        for mine in reads.open_orders(platform, order.account)
        if mine.product == item.product and mine.side != order.side
    ]
    levels = [(level.price_sen, level.quantity_wh) for level in (book.asks if buying else book.bids)]
    seen = foresee(without(levels, own), order.quantity_wh, order.price_sen_per_kwh, buying=buying)
    now = say.t("foresee.nothing")
    if seen.mean_sen is not None:
        now = f"{say.exact_energy(seen.now_wh)} {say.t('foresee.mean', price=say.price(seen.mean_sen))}"
    facts.append(Fact(say.t("foresee.now"), now))
    if seen.now_wh:
        facts.append(Fact(say.t("foresee.cost"), say.money(seen.now_e5)))
    if seen.rest_wh:
        key = "foresee.rest" if order.tif == m.TIF_REST else "foresee.deleted"
        facts.append(Fact(say.t(key), say.exact_energy(seen.rest_wh)))
    return {"facts": facts, "lines": (say.t("foresee.as_seen"),)}
