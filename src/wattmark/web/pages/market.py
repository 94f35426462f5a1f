"""The market's ladder, one product's book and candles, and placing an order."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from wattmark.api.ticker import product_values
from wattmark.core.errors import MalformedInput, Refused
from wattmark.core.ids import fresh_id, id_hex, parse_id
from wattmark.core.periods import Period
from wattmark.core.text import Text
from wattmark.engine.commands import Words
from wattmark.flows.place_orders import buy, plan_orders, sell
from wattmark.flows.platform import Done, Platform
from wattmark.flows.ports import Candle as Traded
from wattmark.flows.queries import accounts
from wattmark.flows.queries import market as reads
from wattmark.flows.queries.day import balance
from wattmark.flows.queries.lots import Lot, lot, sellable
from wattmark.market import layout as m
from wattmark.web.charts.book import BookWords, Candle, candle_chart, depth_chart, depth_mark
from wattmark.web.pages.parts import Fact, Message, chosen_day, refusal_message
from wattmark.web.say import Say, texture
from wattmark.web.visit import Visit, Visited

router = APIRouter()

Number = Annotated[int, Path(ge=0, le=(1 << 31) - 1)]
CANDLES_WANTED: Final = 40
CANDLE_STEPS_S: Final = (60, 300, 900, 1_800, 3_600, 14_400, 86_400)
TRADES_SHOWN: Final = 20
LEVELS_SHOWN: Final = 12
SEN: Final = 100


@router.get("/market")
async def ladder(
    visit: Visited, day: Annotated[str | None, Query()] = None, source: Annotated[int | None, Query(ge=1, le=7)] = None
) -> Response:
    """Show the ladder of half hours of a day."""
    values = await visit.read(lambda platform: ladder_values(platform, day, source, visit))
    return visit.page("market.html", values)


@router.get("/market/{product}")
async def product_page(product: Number, visit: Visited) -> Response:
    """Show one product's book, candles, trades and order form."""
    form = {"id": new_id(visit), "side": "buy", "price": "", "quantity": "", "lot": ""}
    values = await visit.read(lambda platform: product_values_of(platform, product, form, visit))
    return visit.page("product.html", {**values, "message": None})


@router.post("/market/{product}/order")
async def place(product: Number, visit: Visited) -> Response:
    """Place an order from the form; a refusal shows the form again with the reason."""
    fields = await visit.form()
    form = {name: fields.get(name, "") for name in ("id", "side", "price", "quantity", "lot")}
    status = 200
    try:
        row = await visit.read(lambda platform: order_of_form(platform, product, form, visit.signed_in.account))
        done = await visit.context.order(row)
        message = placed_message(visit.say, done, int(row[_QUANTITY_WORD]))
        form = {"id": new_id(visit), "side": form["side"], "price": "", "quantity": "", "lot": ""}
    except Refused as error:
        message, status = refusal_message(visit.say, visit.say.t("order.refused"), error), 422
        form["id"] = new_id(visit)
    values = await visit.read(lambda platform: product_values_of(platform, product, form, visit))
    return visit.page("product.html", {**values, "message": message}, status)


_QUANTITY_WORD: Final = 6
"""Word of a PLACE_ORDER record that holds its quantity."""


def new_id(visit: Visit) -> str:
    """Return a fresh command id for a form: sending it twice is the same command."""
    return id_hex(fresh_id(visit.context.clock()))


def order_of_form(platform: Platform, product: int, form: dict[str, str], account: int) -> Words:
    """Return the command of a filled-in form.

    Raises:
        MalformedInput: a field that is no number.
        UnknownReference: no such lot.
    """
    identity = parse_id(form["id"])
    price_sen, quantity_wh = parse_price(form["price"]), parse_whole(form["quantity"], "quantity", "1200")
    if form["side"] == "sell":
        number = parse_whole(form["lot"], "lot", "12")
        start = lot(platform, number).start
        order = sell(identity, account, product, price_sen, lot=number, start=start, end=start + quantity_wh)
    else:
        order = buy(identity, account, product, price_sen, quantity_wh)
    row: Words = plan_orders([order]).commands[0]
    return row


def parse_price(text: str) -> int:
    """Return a price written in JPY/kWh with at most two decimals [sen/kWh].

    Raises:
        MalformedInput: another form.
    """
    whole, _, decimals = text.strip().replace(",", "").partition(".")
    if whole.isascii() and whole.isdecimal() and len(whole) <= 6 and len(decimals) <= 2 and _is_digits(decimals):
        return int(whole) * SEN + int((decimals + "00")[:2])
    raise _not_number("price", text, "12.50")


def parse_whole(text: str, field: str, example: str) -> int:
    """Return a whole number.

    Raises:
        MalformedInput: another form.
    """
    plain = text.strip().replace(",", "")
    if plain.isascii() and plain.isdecimal() and len(plain) <= 13:
        return int(plain)
    raise _not_number(field, text, example)


def _is_digits(text: str) -> bool:
    return text == "" or (text.isascii() and text.isdecimal())


def _not_number(field: str, value: str, example: str) -> MalformedInput:
    rule = Text(en=f"a plain number, such as {example}", ja=f"数字(例 {example})")
    return MalformedInput("NUMBER_INVALID", field, value, rule)


def placed_message(say: Say, done: Done, quantity_wh: int) -> Message:
    """Return what is said after an order was taken."""
    filled, rest = say.exact_energy(done.result1), say.exact_energy(quantity_wh - done.result1)
    return Message(
        "ok", say.t("order.placed"), (say.t("order.placed_words", order=done.result0, filled=filled, rest=rest),)
    )


def ladder_values(platform: Platform, asked: str | None, source: int | None, visit: Visit) -> dict[str, Any]:
    """Return what the ladder shows.

    Raises:
        MalformedInput: the day asked for is no day.
    """
    say, now_ms = visit.say, visit.context.clock()
    days = reads.days_with_products(platform)
    day, here = chosen_day(days, asked)
    every = [] if day is None else reads.products_of_day(platform, day)
    found = sorted({item.source for item in every})
    chosen = source if source in found else (found[0] if found else None)
    rows = [item for item in every if item.source == chosen]
    yearly = reads.products_of_year(platform)
    spot = {} if day is None else {slot.period: slot.price_sen for slot in balance(platform, day).slots}
    return {
        "is_open": any(item.takes_orders(now_ms) for item in rows),
        "date": "" if day is None else say.date(day),
        "days": days,
        "here": here,
        "sources": [
            {"code": code, "name": say.source(code), "texture": texture(code), "here": code == chosen} for code in found
        ],
        "rows": _ladder_rows(rows, say, now_ms, spot),
        "yearly": _ladder_rows(yearly, say, now_ms, {}),
    }


def _ladder_rows(
    items: list[reads.Product], say: Say, now_ms: int, spot: dict[Period, int | None]
) -> list[dict[str, Any]]:
    limit = max((max(item.bid_wh, item.ask_wh) for item in items), default=1)
    rows = []
    for item in items:
        values = product_values(item)
        name = f"product.{item.product}"
        depth = say.t("market.depth_label", bid=say.energy(item.bid_wh), ask=say.energy(item.ask_wh))
        rows.append(
            {
                "product": item.product,
                "name": say.clock(item.period) if item.scope == m.SCOPE_PERIOD else product_name(item, say),
                "gate": gate_words(item, say, now_ms),
                "bid": values[f"{name}.bid"],
                "ask": values[f"{name}.ask"],
                "last": values[f"{name}.last"],
                "volume": values[f"{name}.volume"],
                "day_ahead": say.price(spot.get(item.period)),
                "mark": depth_mark(item.bid_wh, item.ask_wh, limit, depth),
            }
        )
    return rows


def product_name(item: reads.Product, say: Say) -> str:
    """Return what a product is called."""
    source, area = say.source(item.source), say.area(item.area)
    if item.scope == m.SCOPE_PERIOD:
        return say.t("market.name_period", source=source, area=area, period=say.period(item.period))
    key = "market.name_banked" if item.scope == m.SCOPE_BANKED_YEAR else "market.name_certificate"
    return say.t(key, source=source, area=area, year=say.year(item.period))


def gate_words(item: reads.Product, say: Say, now_ms: int) -> str:
    """Return when the gate closes."""
    if not item.takes_orders(now_ms):
        return say.t("market.gate_closed")
    close = say.short_time(item.gate_close_ms) if item.scope == m.SCOPE_PERIOD else say.time(item.gate_close_ms)
    return say.t("market.gate_closes", time=close)


def product_values_of(platform: Platform, number: int, form: dict[str, str], visit: Visit) -> dict[str, Any]:
    """Return what a product's page shows.

    Raises:
        UnknownReference: there is no such product.
    """
    say, now_ms = visit.say, visit.context.clock()
    item = reads.product(platform, number)
    mode = say.t("market.auction" if item.mode == m.MODE_CALL else "market.continuous")
    key = "product.sentence_open" if item.takes_orders(now_ms) else "product.sentence_closed"
    trades = platform.views.trades(product=number, limit=TRADES_SHOWN)
    product = {
        "number": number,
        "name": product_name(item, say),
        "kind": say.t("plants.kind", source=say.source(item.source), area=say.area(item.area), capacity=mode),
        "sentence": say.t(key, close=say.time(item.gate_close_ms), mode=mode),
        "is_open": item.takes_orders(now_ms),
        "facts": _product_facts(item, say),
        "trades": [
            {
                "when": say.short_time(trade.timestamp_ms),
                "price": say.price(trade.price_sen_per_kwh),
                "quantity": f"{trade.quantity_wh:,}",
                "position": trade.position,
            }
            for trade in trades
        ],
        **_book_values(reads.book(platform, number), say),
        **_candle_values(platform, number, say),
    }
    lots, wallet = [], ""
    if visit.visitor is not None:
        account = visit.visitor.account
        lots = [_lot_choice(found, say) for found in sellable(platform, account, number, now_ms=now_ms)]
        wallet = say.t("order.wallet", cash=say.money(accounts.account(platform, account).free_e5jpy))
    return {"product": product, "form": form, "lots": lots, "wallet": wallet}


def _lot_choice(found: Lot, say: Say) -> dict[str, Any]:
    words = f"#{found.lot}: {say.exact_energy(found.quantity_wh)} ({found.start:,}–{found.end - 1:,})"
    return {"lot": found.lot, "words": words}


def _product_facts(item: reads.Product, say: Say) -> list[Fact]:
    values = product_values(item)
    name = f"product.{item.product}"
    keys = {"bid": "market.bid", "ask": "market.ask", "last": "market.last", "volume": "market.volume"}
    return [Fact(say.t(key), values[f"{name}.{field}"], f"{name}.{field}") for field, key in keys.items()]


def _book_values(book: reads.Book, say: Say) -> dict[str, Any]:
    bids = [(level.price_sen, level.quantity_wh) for level in book.bids]
    asks = [(level.price_sen, level.quantity_wh) for level in book.asks]
    values: dict[str, Any] = {
        "bids": _levels(book.bids, say),
        "asks": _levels(book.asks, say),
        "depth_wide": "",
        "depth_narrow": "",
        "depth_head": (),
        "depth_rows": (),
    }
    if not bids and not asks:
        return values
    label = say.t(
        "product.depth_label",
        bid=say.energy(sum(wh for _, wh in bids)),
        ask=say.energy(sum(wh for _, wh in asks)),
        best_bid=say.price(bids[0][0] if bids else None),
        best_ask=say.price(asks[0][0] if asks else None),
    )
    words = BookWords(label, say.t("order.buy"), say.t("order.sell"), say.t("me.energy"))
    rows = [(say.price(price), say.t("order.buy"), f"{wh:,}") for price, wh in bids]
    rows += [(say.price(price), say.t("order.sell"), f"{wh:,}") for price, wh in asks]
    return {
        **values,
        "depth_wide": depth_chart(bids, asks, words, wide=True),
        "depth_narrow": depth_chart(bids, asks, words, wide=False),
        "depth_head": (say.t("market.price"), say.t("product.side"), "Wh"),
        "depth_rows": rows,
    }


def _levels(levels: tuple[reads.Level, ...], say: Say) -> list[dict[str, str]]:
    return [
        {"price": say.price(level.price_sen), "quantity": f"{level.quantity_wh:,}"} for level in levels[:LEVELS_SHOWN]
    ]


def _candle_values(platform: Platform, number: int, say: Say) -> dict[str, Any]:
    candles = _candles(platform, number)
    if not candles:
        return {"candles_wide": "", "candles_narrow": "", "candle_head": (), "candle_rows": ()}
    drawn = [
        Candle(
            say.short_time(item.start_s * 1_000),
            item.open_sen,
            item.high_sen,
            item.low_sen,
            item.close_sen,
            item.quantity_wh,
        )
        for item in candles
    ]
    label = say.t(
        "product.candles_label",
        first=say.price(drawn[0].first_sen),
        last=say.price(drawn[-1].last_sen),
        low=say.price(min(item.low_sen for item in drawn)),
        high=say.price(max(item.high_sen for item in drawn)),
    )
    axis = say.t("front.price_axis")
    return {
        "candles_wide": candle_chart(drawn, label, axis, wide=True),
        "candles_narrow": candle_chart(drawn, label, axis, wide=False),
        "candle_head": (
            say.t("market.time"),
            say.t("product.open"),
            say.t("product.high"),
            say.t("product.low"),
            say.t("product.close"),
            "Wh",
        ),
        "candle_rows": [
            (
                item.name,
                *(say.price(price) for price in (item.first_sen, item.high_sen, item.low_sen, item.last_sen)),
                f"{item.quantity_wh:,}",
            )
            for item in drawn
        ],
    }


def _candles(platform: Platform, number: int) -> list[Traded]:
    """Return at most about ``CANDLES_WANTED`` candles, of the finest step that gives so few."""
    candles: list[Traded] = []
    for step_s in CANDLE_STEPS_S:
        candles = platform.views.candles(step_s, product=number)
        if len(candles) <= CANDLES_WANTED:
            break
    return candles[-CANDLES_WANTED:]
