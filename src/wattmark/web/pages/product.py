"""One product: its book, charts, trades and result, what is mine in it, and the order form."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from wattmark.api.ticker import product_values
from wattmark.api.told import STATES
from wattmark.core.errors import Refused
from wattmark.core.money import MAX_PRICE_SEN, MIN_PRICE_SEN
from wattmark.flows.place_orders import Order, plan_orders
from wattmark.flows.platform import Platform
from wattmark.flows.queries import accounts
from wattmark.flows.queries import market as reads
from wattmark.flows.queries.auctions import auction_result
from wattmark.flows.queries.lots import Lot, sellable
from wattmark.flows.queries.trading import halt_of
from wattmark.market import layout as m
from wattmark.web.figures import write_energy
from wattmark.web.pages.drawings import STEPS_S, candles_of, draw_candles, draw_curves, draw_depth
from wattmark.web.pages.naming import area_name, gate_sentence, new_id, product_name, standing
from wattmark.web.pages.order_form import (
    OrderForm,
    choices_of,
    empty_form,
    read_order,
    refused_form,
    typed,
)
from wattmark.web.pages.order_words import cancelled_message, order_row, placed_message, refused_words
from wattmark.web.pages.parts import Fact, Message
from wattmark.web.pages.preview import preview_of
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
        told: said at the head of the form, where the answer to a sent form is looked for.
        preview: the order to foresee.
        step_s: length of a candle [s], ``None`` for a fitting one.
        lot: the lot to sell, for a fresh form.
    """

    form: OrderForm | None = None
    message: Message | None = None
    told: Message | None = None
    preview: Order | None = None
    step_s: int | None = None
    lot: int | None = None


@router.get("/market/{product}")
async def product_page(
    product: Number,
    visit: Visited,
    step: Annotated[int | None, Query(ge=1)] = None,
    lot: Annotated[int | None, Query(ge=0)] = None,
    cancelled: Annotated[int | None, Query(ge=0)] = None,
    orders: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """Show one product's book, candles, trades and order form."""
    message = cancelled_message(visit.say, cancelled, orders)
    return await show(visit, product, Asked(message=message, step_s=step if step in STEPS_S else None, lot=lot))


@router.post("/market/{product}/order")
async def place(product: Number, visit: Visited) -> Response:
    """Place an order from the form, or show what it would do; a refusal shows the form again with the reason."""
    fields = await visit.form()
    values, account = typed(fields), visit.signed_in.account
    try:
        order = await visit.read(lambda platform: read_order(platform, product, values, account))
        if fields.get("action") == "preview":
            return await show(visit, product, Asked(OrderForm(values), preview=order))
        done = await visit.context.order(plan_orders([order]).commands[0])
    except Refused as error:
        message = refused_words(visit.say, visit.say.t("order.refused"), error, values)
        return await show(
            visit, product, Asked(refused_form(values, error, new_id(visit), visit.say), told=message), 422
        )
    message = await visit.read(lambda platform: placed_message(platform, visit.say, done, order))
    return await show(visit, product, Asked(empty_form(new_id(visit), side=values["side"]), told=message))


async def show(visit: Visit, product: int, asked: Asked, status: int = 200) -> Response:
    """Return the page of a product."""
    values = await visit.read(lambda platform: page_values(platform, product, asked, visit))
    return visit.page("product.html", values, status)


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
            "plants.kind", source=say.source(item.source), area=area_name(item.area, say), capacity=_mode(item, say)
        ),
        "standing": standing(item, now_ms),
        "sentence": gate_sentence(item, say, now_ms, _mode(item, say)),
        "is_call": is_call,
        "facts": _facts(item, say),
        "trades": _trades(platform, number, say),
        "close": say.time(item.gate_close_ms),
        "stream": f"/api/v1/market/stream?product={number}",
        "address": f"/market/{number}" + (f"?step={asked.step_s}" if asked.step_s else ""),
        "levels": LEVELS_SHOWN,
        "state": STATES[item.state],
        "halt": _halt_words(platform, item, say),
        "volume_wh": item.traded_wh,
    }
    values: dict[str, Any] = {
        "product": product,
        "message": asked.message,
        "told": asked.told,
        "choices": choices_of(item, say),
    }
    if is_call:
        values |= {"auction": _auction(platform, number, say), "book": None, "depth": None, "candles": None}
    else:
        values |= {"auction": None, **_continuous(platform, item, asked.step_s, say)}
    values["mine"] = None if visit.visitor is None else _mine(platform, item, visit, now_ms)
    form = asked.form or empty_form(new_id(visit), **_wished(values["mine"], asked.lot))
    preview = None if asked.preview is None else preview_of(platform, asked.preview, say)
    return {**values, "form": form, "preview": preview}


def _mode(item: reads.Product, say: Say) -> str:
    return say.t("market.auction" if item.mode == m.MODE_CALL else "market.continuous")


def _facts(item: reads.Product, say: Say) -> list[Fact]:
    values = product_values(item)
    name = f"product.{item.product}"
    keys = {"bid": "market.bid", "ask": "market.ask", "last": "market.last", "volume": "market.volume"}
    if item.mode == m.MODE_CALL:
        keys = {}
    facts = [Fact(say.t(key), values[f"{name}.{entry}"], f"{name}.{entry}") for entry, key in keys.items()]
    return [*facts, *_limits(item, say)]


def _limits(item: reads.Product, say: Say) -> list[Fact]:
    """Return the product's own limits, where it has any."""
    facts = []
    if (item.low_sen, item.high_sen) != (MIN_PRICE_SEN, MAX_PRICE_SEN):
        facts.append(Fact(say.t("product.collar"), f"{say.price(item.low_sen)}–{say.price(item.high_sen)}"))
    if item.position_wh:
        facts.append(Fact(say.t("product.position"), say.exact_energy(item.position_wh)))
    return facts


def _halt_words(platform: Platform, item: reads.Product, say: Say) -> str:
    """Return why trading does not go on, empty where it does."""
    if item.state == m.PRODUCT_ASKING:
        return say.t("trading.asking_words")
    halt = halt_of(platform, item.product)
    return "" if halt is None else say.t("trading.halted_words", time=say.time(halt.since_ms), reason=halt.reason)


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
    facts = [Fact(say.t("auction.price"), price), Fact(say.t("auction.quantity"), say.exact_energy(result.quantity_wh))]
    if result.net_export_wh:
        key = "auction.exported" if result.net_export_wh > 0 else "auction.imported"
        facts.append(Fact(say.t(key), say.exact_energy(abs(result.net_export_wh))))
    return {"curves": draw_curves(result, say), "facts": facts}


def _mine(platform: Platform, item: reads.Product, visit: Visit, now_ms: int) -> dict[str, Any]:
    say, account = visit.say, visit.signed_in.account
    orders = [order for order in reads.open_orders(platform, account) if order.product == item.product]
    trades = platform.views.trades(product=item.product, account=account, limit=MINE_SHOWN)
    lots = sellable(platform, account, item.product, now_ms=now_ms)
    return {
        "wallet": say.t("order.wallet", cash=say.money(accounts.account(platform, account).free_e5jpy)),
        "orders": [order_row(order, visit) for order in orders],
        "told": say.t("product.told", price=say.price(trades[0].price_sen_per_kwh)) if trades else "",
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
        "lots_shown": MINE_SHOWN,
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
