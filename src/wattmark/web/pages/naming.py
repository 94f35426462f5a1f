"""How the pages of the market name products, say where they stand, and number forms."""

from wattmark.core.ids import fresh_id, id_hex
from wattmark.flows.queries.market import Product
from wattmark.market import layout as m
from wattmark.web.say import Say
from wattmark.web.visit import Visit


def new_id(visit: Visit) -> str:
    """Return a fresh command id for a form: sending it twice is the same command."""
    return id_hex(fresh_id(visit.context.clock()))


def product_name(item: Product, say: Say) -> str:
    """Return what a product is called."""
    source, area = say.source(item.source), say.area(item.area)
    if item.scope == m.SCOPE_PERIOD:
        return say.t("market.name_period", source=source, area=area, period=say.period(item.period))
    key = "market.name_banked" if item.scope == m.SCOPE_BANKED_YEAR else "market.name_certificate"
    return say.t(key, source=source, area=area, year=say.year(item.period))


def standing(item: Product, now_ms: int) -> str:
    """Return where trading stands: ``soon``, ``open`` or ``closed``."""
    if not item.is_open or now_ms >= item.gate_close_ms:
        return "closed"
    return "soon" if now_ms < item.gate_open_ms else "open"


def gate_sentence(item: Product, say: Say, now_ms: int, mode: str) -> str:
    """Return when orders are taken, in JST."""
    key = f"product.sentence_{standing(item, now_ms)}"
    opens = {"open": say.time(item.gate_open_ms)} if key == "product.sentence_soon" else {}
    return say.t(key, close=say.time(item.gate_close_ms), mode=mode, **opens)


def gate_words(item: Product, say: Say, now_ms: int) -> str:
    """Return when the gate closes, in a few words."""
    if not item.takes_orders(now_ms):
        return say.t("market.gate_closed")
    close = say.short_time(item.gate_close_ms) if item.scope == m.SCOPE_PERIOD else say.time(item.gate_close_ms)
    return say.t("market.gate_closes", time=close)
