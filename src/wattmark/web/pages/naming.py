"""How the pages of the market name products, say where they stand, and number forms."""

from wattmark.core.ids import fresh_id, id_hex
from wattmark.flows.queries.market import Product
from wattmark.market import layout as m
from wattmark.web.say import Say
from wattmark.web.visit import Visit


def new_id(visit: Visit) -> str:
    """Return a fresh command id for a form: sending it twice is the same command."""
    return id_hex(fresh_id(visit.context.clock()))


def area_name(area: int, say: Say) -> str:
    """Return the name of a product's area, also of one that spans all of them."""
    return say.t("market.all_areas") if area == m.EVERY_AREA else say.area(area)


def product_name(item: Product, say: Say) -> str:
    """Return what a product is called."""
    source, area = say.source(item.source), area_name(item.area, say)
    if item.scope == m.SCOPE_PERIOD:
        return say.t("market.name_period", source=source, area=area, period=say.period(item.period))
    key = "market.name_banked" if item.scope == m.SCOPE_BANKED_YEAR else "market.name_certificate"
    return say.t(key, source=source, area=area, year=say.year(item.period))


def standing(item: Product, now_ms: int) -> str:
    """Return where trading stands: ``soon``, ``open``, ``halted``, ``asking`` or ``closed``."""
    if not item.is_open or now_ms >= item.gate_close_ms:
        return "closed"
    if now_ms < item.gate_open_ms:
        return "soon"
    return {m.PRODUCT_HALTED: "halted", m.PRODUCT_ASKING: "asking"}.get(item.state, "open")


def gate_sentence(item: Product, say: Say, now_ms: int, mode: str) -> str:
    """Return when orders are taken, in JST."""
    state = standing(item, now_ms)
    words = {"close": say.time(item.gate_close_ms), "mode": mode}
    if state == "closed":
        return say.t("product.sentence_closed", **words)
    if state == "soon":
        return say.t("product.sentence_soon", open=say.time(item.gate_open_ms), **words)
    return say.t("product.sentence_open", **words)


def gate_words(item: Product, say: Say, now_ms: int) -> str:
    """Return when the gate closes, in a few words."""
    if not item.takes_orders(now_ms):
        return say.t("market.gate_closed")
    close = say.short_time(item.gate_close_ms) if item.scope == m.SCOPE_PERIOD else say.time(item.gate_close_ms)
    words = say.t("market.gate_closes", time=close)
    state = standing(item, now_ms)
    return words if state == "open" else f"{say.t(f'trading.{state}')} · {words}"
