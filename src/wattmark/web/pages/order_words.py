"""What is said about orders: what became of one, why one was refused, how a table shows one."""

from typing import Any, Final

from wattmark.core.errors import Refused
from wattmark.flows.place_orders import Order
from wattmark.flows.platform import Done, Platform
from wattmark.flows.queries import market as reads
from wattmark.market import layout as m
from wattmark.web.pages.naming import new_id
from wattmark.web.pages.order_form import form_field
from wattmark.web.pages.parts import Message
from wattmark.web.say import Say
from wattmark.web.visit import Visit

FIELD_NAMES: Final = {
    name: f"order.{name}"
    for name in ("side", "kind", "price", "quantity", "area", "lot", "tif", "until", "minimum", "shown", "own")
}
"""Field of the form -> key of its name."""


def record_of(platform: Platform, say: Say, identity: int) -> tuple[str, str]:
    """Return where the record of a command is, and the words that lead there."""
    found = platform.sequencer.find(identity)
    assert found is not None, "a command that was accepted has a record"
    return f"/log/{found[0]}", say.t("order.proof", position=found[0])


def placed_message(platform: Platform, say: Say, done: Done, order: Order) -> Message:
    """Return what became of an order that was taken, and where its record is."""
    state = int(platform.state.orders[done.result0, m.O_STATE])
    rest_wh = int(platform.state.orders[done.result0, m.O_REMAINING_WH])
    words: dict[str, object] = {"order": done.result0, "rest": say.exact_energy(rest_wh)}
    if state == m.ORDER_QUEUED:
        key = "order.queued_words"
    elif int(platform.state.products[order.product, m.P_MODE]) == m.MODE_CALL:
        key = "order.bid_words"
    else:
        key = "order.ended_words" if state == m.ORDER_CANCELLED else "order.placed_words"
        words["filled"] = say.exact_energy(done.result1)
    href, link = record_of(platform, say, order.identity)
    return Message("ok", say.t("order.placed"), (say.t(key, **words),), href, link)


def refused_words(say: Say, title: str, error: Refused, values: dict[str, str]) -> Message:
    """Return why an order was refused: the field by its name on the form, the rule, what was entered."""
    name = form_field(error)
    lines = [f"{say.t(FIELD_NAMES[name]) if name in FIELD_NAMES else error.field}: {say.text(error.rule)}"]
    if values.get(name):
        lines.append(say.t("order.value", value=values[name]))
    return Message("no", title, tuple(lines))


def cancelled_message(say: Say, wh: int | None, orders: int | None) -> Message | None:
    """Return what was cancelled, if anything was."""
    if wh is None:
        return None
    quantity = say.exact_energy(wh)
    if orders is None:
        return Message("ok", say.t("orders.cancelled"), (say.t("orders.cancelled_words", quantity=quantity),))
    line = say.t("orders.all_cancelled_words", count=orders, quantity=quantity)
    return Message("ok", say.t("orders.all_cancelled"), (line,))


def order_row(order: reads.OpenOrder, visit: Visit) -> dict[str, Any]:
    """Return a live order as a table shows it."""
    say = visit.say
    return {
        "order": order.order,
        "product": order.product,
        "side": say.t("order.buy" if order.side == m.BUY else "order.sell"),
        "price": say.t("order.kind_market") if order.is_market else say.price(order.price_sen),
        "left": say.exact_energy(order.remaining_wh),
        "notes": order_notes(order, say),
        "position": order.position,
        "id": new_id(visit),
    }


def order_notes(order: reads.OpenOrder, say: Say) -> str:
    """Return what is special about a live order, in a few words."""
    notes = []
    if order.state == m.ORDER_QUEUED:
        notes.append(say.t("order.waits"))
    if order.display_wh:
        notes.append(say.t("order.shows", energy=say.exact_energy(order.shown_wh)))
    if order.expires_ms:
        notes.append(say.t("order.ends", time=say.short_time(order.expires_ms)))
    return " · ".join(notes)
