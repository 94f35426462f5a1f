"""The front page: the life of one watt-hour, the day, the bank, the latest postmarks."""

from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter
from markupsafe import Markup
from starlette.responses import Response

from wattmark.flows.bank_deposit import bank_cover
from wattmark.flows.platform import Platform
from wattmark.flows.queries.day import Balance, balance
from wattmark.flows.queries.lots import latest_used
from wattmark.flows.queries.plants import days_with_energy
from wattmark.flows.queries.story import front_story
from wattmark.settlement.bank import Cover
from wattmark.web.charts.cover import cover_bar
from wattmark.web.charts.day import DaySlot, DayWords, day_chart
from wattmark.web.pages.parts import Fact, stamp_cards
from wattmark.web.pages.stories import story_page
from wattmark.web.say import NO_VALUE, Say, texture
from wattmark.web.visit import Visited

router = APIRouter()


@dataclass(frozen=True, slots=True)
class DayPanel:
    """The day's chart with its figures."""

    date: str
    has_data: bool
    facts: tuple[Fact, ...] = ()
    wide: Markup = field(default_factory=Markup)
    narrow: Markup = field(default_factory=Markup)
    names: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@router.get("/")
async def front(visit: Visited) -> Response:
    """Show what happened to one watt-hour, and today."""
    values = await visit.context.run(lambda platform: front_values(platform, visit.say))
    return visit.page("front.html", values)


def front_values(platform: Platform, say: Say) -> dict[str, Any]:
    """Return what the front page shows; the state is held still for the reads, not for the drawing."""
    sequencer = platform.sequencer
    with sequencer.reading() as state:
        story = front_story(platform)
        told = None if story is None else story_page(platform, story, say)
        days = days_with_energy(platform)
        day = balance(platform, days[-1]) if days else None
        cover = bank_cover(state)
        stamps = stamp_cards(platform, latest_used(platform, limit=12), say)
        size, published = f"{sequencer.position:,}", f"{sequencer.published_size:,}"
    return {
        "story": told,
        "day": DayPanel("", has_data=False) if day is None else day_panel(day, say),
        "bank": bank_panel(cover, say),
        "stamps": stamps,
        "log": {"sentence": say.t("front.log_sentence", size=size, published=published)},
    }


def _energy(wh: int | None, say: Say) -> str:
    return NO_VALUE if wh is None else say.energy(wh)


def day_panel(day: Balance, say: Say) -> DayPanel:
    """Return the chart of a day, its figures and its table."""
    sources = sorted({source for slot in day.slots for source in slot.supply_wh})
    slots = [
        DaySlot(
            tuple((texture(source), slot.supply_wh.get(source, 0)) for source in sources),
            slot.demand_wh,
            slot.price_sen,
        )
        for slot in day.slots
    ]
    top = max((slot.price_sen for slot in day.slots if slot.price_sen is not None), default=None)
    words = DayWords(
        say.t(
            "front.chart_label",
            date=say.date(day.day),
            supply=say.energy(day.supply_wh),
            demand=_energy(day.demand_wh, say),
            price=say.price(top),
        ),
        say.t("front.energy_axis"),
        say.t("front.price_axis"),
    )
    rows = tuple(
        (
            say.clock(slot.period),
            *(f"{slot.supply_wh.get(source, 0):,}" for source in sources),
            NO_VALUE if slot.demand_wh is None else f"{slot.demand_wh:,}",
            say.price(slot.price_sen),
        )
        for slot in day.slots
    )
    facts = [
        Fact(say.t("front.fact_supply"), say.energy(day.supply_wh)),
        Fact(say.t("front.fact_demand"), _energy(day.demand_wh, say)),
        Fact(say.t("front.fact_traded"), say.energy(day.traded_wh)),
    ]
    if top is not None:
        facts.append(Fact(say.t("front.fact_price"), say.t("front.price_value", price=say.price(top))))
    return DayPanel(
        say.date(day.day),
        has_data=True,
        facts=tuple(facts),
        wide=day_chart(slots, words, wide=True),
        narrow=day_chart(slots, words, wide=False),
        names=tuple(texture(source) for source in sources),
        head=(
            say.t("front.period"),
            *(f"{say.source(source)} [Wh]" for source in sources),
            f"{say.t('front.demand')} [Wh]",
            say.t("front.price_axis"),
        ),
        rows=rows,
    )


def bank_panel(cover: Cover, say: Say) -> dict[str, Any]:
    """Return what is owed and what covers it (K4)."""
    parts = (("hydro", cover.forward_wh), ("storage", cover.stored_wh), ("banked", cover.collateral_wh))
    names = ("bank.forward", "bank.stored", "bank.collateral")
    ratio = cover.ratio_per_mille
    if ratio is None:
        sentence = say.t("bank.nothing", cover=say.energy(cover.cover_wh))
    else:
        owed, stands = say.energy(cover.outstanding_wh), say.energy(cover.cover_wh)
        sentence = say.t("bank.sentence", owed=owed, cover=stands, ratio=say.ratio(ratio))
    return {
        "sentence": sentence,
        "wide": cover_bar(cover.outstanding_wh, parts, sentence, wide=True),
        "narrow": cover_bar(cover.outstanding_wh, parts, sentence, wide=False),
        "parts": [
            {"texture": name, "words": f"{say.t(key)}: {say.energy(wh)}"}
            for (name, wh), key in zip(parts, names, strict=True)
        ],
        "stress": say.t("bank.stress", price=say.price(cover.stress_price_sen)),
    }
