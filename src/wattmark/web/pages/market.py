"""The list of markets: filters, figures, and the ladder of half hours."""

from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import Response

from wattmark.api.ticker import product_values
from wattmark.core.codes import Area, Source
from wattmark.core.periods import Period
from wattmark.flows.platform import Platform
from wattmark.flows.queries import market as reads
from wattmark.flows.queries.day import balance
from wattmark.market import layout as m
from wattmark.web.charts.depth import depth_mark
from wattmark.web.pages.naming import area_name, gate_words, product_name
from wattmark.web.pages.parts import Fact, chosen_day
from wattmark.web.say import Say
from wattmark.web.visit import Visit, Visited

router = APIRouter()

ROWS_SHOWN: Final = 96
"""Rows of one page of the ladder: two a half hour."""
KINDS: Final = ("continuous", "auction", "banked", "certificate")
ALL: Final = 0
"""Code of a filter that lets everything through."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What of the market a visitor wants to see.

    Attributes:
        day: JST day, ``None`` for the last one.
        area: 1 to 9, 0 for all, ``None`` for the first that has a product.
        source: 1 to 7, 0 for all, ``None`` for the first that has a product.
        kind: one of ``KINDS``, ``None`` for all.
        skip: rows of the ladder before those shown.
    """

    day: str | None
    area: int | None
    source: int | None
    kind: str | None
    skip: int


@router.get("/market")
async def market_page(
    visit: Visited,
    day: Annotated[str | None, Query()] = None,
    area: Annotated[int | None, Query(ge=0, le=9)] = None,
    source: Annotated[int | None, Query(ge=0, le=7)] = None,
    kind: Annotated[str | None, Query(max_length=16)] = None,
    skip: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> Response:
    """Show the ladder of half hours of a day, and the products of the year."""
    wish = Wish(day or None, area, source, kind if kind in KINDS else None, skip)
    return visit.page("market.html", await visit.read(lambda platform: market_values(platform, wish, visit)))


def market_values(platform: Platform, wish: Wish, visit: Visit) -> dict[str, Any]:
    """Return what the list of markets shows.

    Raises:
        MalformedInput: the day asked for is no day.
    """
    say, now_ms = visit.say, visit.context.clock()
    days = reads.days_with_products(platform)
    day, here = chosen_day(days, wish.day)
    every = [] if day is None else reads.products_of_day(platform, day)
    year = reads.products_of_year(platform)
    area = _chosen(wish.area, every)
    sources = sorted({item.source for item in every if area in {ALL, item.area}})
    source = wish.source if wish.source is not None else (sources[0] if sources else ALL)
    rows = [item for item in every if _fits(item, area, source, wish.kind)]
    yearly = [item for item in year if _fits(item, wish.area or ALL, wish.source or ALL, wish.kind)]
    shown = rows[wish.skip : wish.skip + ROWS_SHOWN]
    spot = {} if day is None else {slot.period: slot.price_sen for slot in balance(platform, day).slots}
    is_one = ALL not in (area, source)
    more = _address(here.day, area, source, wish.kind, wish.skip + ROWS_SHOWN)
    return {
        "is_open": any(item.takes_orders(now_ms) for item in rows),
        "date": "" if day is None else say.date(day),
        "days": days,
        "here": here,
        "filters": _filters(area, source, wish.kind, [*every, *year], say),
        "query": urlencode({"area": area, "source": source, "kind": wish.kind or ""}),
        "facts": _facts([*rows, *yearly], say, now_ms),
        "of_what": _of_what(area, source, say),
        "rows": _rows(shown, say, now_ms, spot, named=not is_one),
        "more": more if len(rows) > wish.skip + ROWS_SHOWN else "",
        "yearly": _rows(yearly, say, now_ms, {}, named=True),
    }


def _chosen(area: int | None, every: list[reads.Product]) -> int:
    return area if area is not None else min((item.area for item in every), default=ALL)


def _fits(item: reads.Product, area: int, source: int, kind: str | None) -> bool:
    return area in {ALL, item.area} and source in {ALL, item.source} and kind in {None, kind_of(item)}


def kind_of(item: reads.Product) -> str:
    """Return which of ``KINDS`` a product is."""
    if item.scope == m.SCOPE_BANKED_YEAR:
        return "banked"
    if item.scope == m.SCOPE_CERTIFICATE_YEAR:
        return "certificate"
    return "auction" if item.mode == m.MODE_CALL else "continuous"


def _address(day: str, area: int, source: int, kind: str | None, skip: int) -> str:
    return "/market?" + urlencode({"day": day, "area": area, "source": source, "kind": kind or "", "skip": skip})


def _filters(area: int, source: int, kind: str | None, every: list[reads.Product], say: Say) -> list[dict[str, Any]]:
    """Return the lists of the filter form: only what has a product, and what is chosen now."""
    areas = [int(code) for code in Area if int(code) in {area, *(item.area for item in every)}]
    sources = [int(code) for code in Source if int(code) in {source, *(item.source for item in every)}]
    kinds = [name for name in KINDS if name in {kind, *(kind_of(item) for item in every)}]
    return [
        _filter("area", say, [(str(code), say.area(code)) for code in areas], str(area)),
        _filter("source", say, [(str(code), say.source(code)) for code in sources], str(source)),
        _filter("kind", say, [(name, say.t(f"market.kind_{name}")) for name in kinds], kind or "", every=""),
    ]


def _filter(name: str, say: Say, found: list[tuple[str, str]], chosen: str, every: str = str(ALL)) -> dict[str, Any]:
    choices = [(every, say.t("market.every")), *found]
    return {
        "name": name,
        "label": say.t(f"market.{name}"),
        "choices": [{"value": value, "words": words, "here": value == chosen} for value, words in choices],
    }


def _of_what(area: int, source: int, say: Say) -> str:
    names = [say.t("market.all_areas") if area == ALL else say.area(area)]
    if source != ALL:
        names.append(say.source(source))
    return " · ".join(names)


def _facts(items: list[reads.Product], say: Say, now_ms: int) -> list[Fact]:
    return [
        Fact(say.t("market.found"), f"{len(items):,}"),
        Fact(say.t("market.taking"), f"{sum(item.takes_orders(now_ms) for item in items):,}"),
        Fact(say.t("market.traded_here"), say.energy(sum(item.traded_wh for item in items))),
    ]


def _rows(
    items: list[reads.Product], say: Say, now_ms: int, spot: dict[Period, int | None], *, named: bool
) -> list[dict[str, Any]]:
    limit = max((max(item.bid_wh, item.ask_wh) for item in items), default=1)
    rows = []
    for item in items:
        values = product_values(item)
        name = f"product.{item.product}"
        blind = ""
        if item.mode == m.MODE_CALL:
            blind = say.t("market.auction") + (f" · {say.t('market.blind')}" if item.is_open else "")
        depth = say.t("market.depth_label", bid=say.energy(item.bid_wh), ask=say.energy(item.ask_wh))
        period = say.clock(item.period)
        if item.scope != m.SCOPE_PERIOD:
            period = product_name(item, say)
        elif named:
            period = f"{period} {area_name(item.area, say)} {say.source(item.source)}"
        rows.append(
            {
                "product": item.product,
                "name": period,
                "gate": gate_words(item, say, now_ms),
                "blind": blind,
                "bid": values[f"{name}.bid"],
                "ask": values[f"{name}.ask"],
                "last": values[f"{name}.last"],
                "volume": values[f"{name}.volume"],
                "day_ahead": say.price(spot.get(item.period)),
                "mark": depth_mark(item.bid_wh, item.ask_wh, limit, depth),
            }
        )
    return rows
