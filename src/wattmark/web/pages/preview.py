"""The preview of an order: what it would do, in facts and sentences, by the book as it is seen now."""

from dataclasses import dataclass

from wattmark.core.money import amount_e5jpy
from wattmark.flows.place_orders import Order
from wattmark.flows.platform import Platform
from wattmark.flows.queries import market as reads
from wattmark.market import layout as m
from wattmark.web.charts.axes import Level
from wattmark.web.pages.foresight import Foresight, foresee, without
from wattmark.web.pages.order_form import MARKET_PRICE_SEN
from wattmark.web.pages.parts import Fact
from wattmark.web.say import Say


@dataclass(frozen=True, slots=True)
class Preview:
    """What an order would do."""

    facts: tuple[Fact, ...]
    lines: tuple[str, ...]


def preview_of(platform: Platform, order: Order, say: Say) -> Preview:
    """Return what an order would do if it came now; nothing is decided by it.

    Raises:
        UnknownReference: there is no such product.
    """
    item = reads.product(platform, order.product)
    facts, lines = _worth(order, say), []
    if item.mode == m.MODE_CALL:
        key = "foresee.auction" if order.side == m.BUY else "foresee.auction_sell"
        lines.append(say.t(key, close=say.time(item.gate_close_ms)))
    elif item.state != m.PRODUCT_OPEN:
        lines.append(say.t("foresee.queued"))
    else:
        more, told = _in_the_book(platform, order, say)
        facts += more
        lines += told
        if item.area == m.EVERY_AREA:
            lines.append(say.t("foresee.capacity"))
        lines.append(say.t("foresee.as_seen"))
    if order.display_wh:
        facts.append(Fact(say.t("foresee.seen"), say.exact_energy(min(order.display_wh, order.quantity_wh))))
    if order.expires_ms:
        facts.append(Fact(say.t("foresee.ends"), say.time(order.expires_ms)))
    return Preview(tuple(facts), tuple(lines))


def _worth(order: Order, say: Say) -> list[Fact]:
    if order.price_sen_per_kwh == MARKET_PRICE_SEN:
        return []
    worth = say.money(amount_e5jpy(order.price_sen_per_kwh, order.quantity_wh))
    facts = [Fact(say.t("foresee.worth"), worth)]
    if order.side == m.BUY:
        facts.append(Fact(say.t("foresee.held"), worth))
    return facts


def _in_the_book(platform: Platform, order: Order, say: Say) -> tuple[list[Fact], list[str]]:
    buying = order.side == m.BUY
    limit = None if order.price_sen_per_kwh == MARKET_PRICE_SEN else order.price_sen_per_kwh
    book = reads.book(platform, order.product)
    levels = [(level.price_sen, level.quantity_wh) for level in (book.asks if buying else book.bids)]
    own = _own(platform, order)
    seen = foresee(without(levels, own), order.quantity_wh, limit, buying=buying)
    lines = []
    if foresee(own, order.quantity_wh, limit, buying=buying).now_wh:
        lines.append(say.t("foresee.own"))
    if order.tif == m.TIF_POST_ONLY and foresee(levels, 1, limit, buying=buying).now_wh:
        return [], [say.t("foresee.would_trade")]
    least = order.quantity_wh if order.tif == m.TIF_ALL_OR_NONE else order.min_quantity_wh
    if seen.now_wh < least:
        return [], [say.t("foresee.not_fillable"), *lines]
    return _fate(order, seen, say), lines


def _fate(order: Order, seen: Foresight, say: Say) -> list[Fact]:
    now = say.t("foresee.nothing")
    if seen.mean_sen is not None:
        now = f"{say.exact_energy(seen.now_wh)} {say.t('foresee.mean', price=say.price(seen.mean_sen))}"
    facts = [Fact(say.t("foresee.now"), now)]
    if seen.now_wh:
        facts.append(Fact(say.t("foresee.cost"), say.money(seen.now_e5)))
    if seen.rest_wh:
        key = "foresee.deleted" if order.tif == m.TIF_IMMEDIATE else "foresee.rest"
        facts.append(Fact(say.t(key), say.exact_energy(seen.rest_wh)))
    return facts


def _own(platform: Platform, order: Order) -> list[Level]:
    """Return one's own orders on the other side, as others see them, best price first."""
    found = [
        (mine.price_sen, mine.shown_wh)
        for mine in reads.open_orders(platform, order.account)
        if mine.product == order.product and mine.side != order.side and mine.state == m.ORDER_OPEN
    ]
    return sorted(found, reverse=order.side == m.SELL)
