"""Plants, a plant's page, and stamps."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from wattmark.api.security import not_theirs
from wattmark.certificates.render import render_stamp
from wattmark.certificates.stamp import BANKED, TO_ORDER, Postmark, StampFacts, StampState, stamp_state
from wattmark.core.codes import AREA_TEXT
from wattmark.core.periods import KOMA_S, day_periods
from wattmark.flows.platform import Platform
from wattmark.flows.queries.lots import Lot, latest_of_device, latest_used, lot
from wattmark.flows.queries.plants import (
    Device,
    days_with_energy,
    device,
    plants,
    production,
    production_by_device,
    token_totals,
)
from wattmark.flows.queries.story import story_of_lot
from wattmark.tokens import layout as k
from wattmark.web.charts.bars import bar_chart
from wattmark.web.pages.parts import Fact, chosen_day, stamp_card, stamp_cards
from wattmark.web.pages.stories import story_page
from wattmark.web.say import Say, texture
from wattmark.web.visit import Visited

router = APIRouter()

Number = Annotated[int, Path(ge=0, le=(1 << 31) - 1)]
SHORT_STORY = 140
"""Letters of a story shown in the list of plants."""
SHOWN_STAMPS = 8


@router.get("/plants")
async def list_plants(visit: Visited) -> Response:
    """Show all plants."""
    return visit.page("plants.html", {"plants": await visit.read(lambda platform: plant_cards(platform, visit.say))})


@router.get("/plants/{device}")
async def plant(device: Number, visit: Visited, day: Annotated[str | None, Query()] = None) -> Response:
    """Show a plant: story, production, tokens, stamps."""
    values = await visit.read(lambda platform: plant_values(platform, device, day, visit.say))
    return visit.page("plant.html", {"plant": values})


@router.get("/stamp/{lot}.svg")
async def stamp_picture(lot: Number, visit: Visited) -> Response:
    """Return the stamp of a lot."""
    facts, state, postmark = await visit.read(lambda platform: stamp_facts(platform, lot))
    picture = render_stamp(facts, state, postmark, visit.say.language)
    headers = {"Cache-Control": "public, max-age=60", "Vary": "Accept-Language, Cookie"}
    return Response(picture, media_type="image/svg+xml", headers=headers)


@router.get("/stamp/{lot}")
async def stamp(lot: Number, visit: Visited) -> Response:
    """Show a stamp and what happened to its watt-hours."""
    story = await visit.read(lambda platform: story_page(platform, story_of_lot(platform, lot), visit.say))
    return visit.page("stamp.html", {"story": story})


def plant_cards(platform: Platform, say: Say, owner: int | None = None) -> list[dict[str, Any]]:
    """Return what the list of plants shows: all of them, or an owner's."""
    days = days_with_energy(platform)
    made = production_by_device(platform, days[-1]) if days else {}
    items = plants(platform)
    faces = {found.device: found.lot for found in reversed(latest_used(platform, limit=len(items)))}
    return [
        {
            "device": item.device,
            "texture": texture(item.source),
            "name": say.text(item.name),
            "kind": kind_words(item, say),
            "story": shortened(say.text(item.story)),
            "day_energy": say.energy(made.get(item.device, 0)),
            "face": faces.get(item.device),
        }
        for item in items
        if owner is None or item.account == owner
    ]


def plant_values(platform: Platform, number: int, asked: str | None, say: Say) -> dict[str, Any]:
    """Return what a plant's page shows.

    Raises:
        UnknownReference: there is no such plant; meters of consumption have no page.
        MalformedInput: the day asked for is no day.
    """
    item = device(platform, number)
    if not item.is_plant:
        raise not_theirs("device", number)
    days = days_with_energy(platform, number)
    day, here = chosen_day(days, asked)
    stamps = latest_of_device(platform, number, SHOWN_STAMPS)
    used = latest_used(platform, device=number, limit=SHOWN_STAMPS // 2)
    return {
        "device": number,
        "name": say.text(item.name),
        "kind": kind_words(item, say),
        "story": say.text(item.story),
        "facts": _facts(item, say),
        "face": _face((used or stamps)[0], item, say) if used or stamps else None,
        "days": days,
        "here": here,
        "date": "" if day is None else say.date(day),
        "tokens": _token_facts(platform, number, say),
        "stamps": stamp_cards(platform, _merged(used, stamps), say),
        **_production(platform, item, day, say),
    }


def stamp_facts(platform: Platform, number: int) -> tuple[StampFacts, StampState, Postmark | None]:
    """Return what a lot's stamp is drawn from: metered and registered facts only.

    Raises:
        UnknownReference: there is no such lot.
    """
    found = lot(platform, number)
    maker = device(platform, found.device)
    facts = StampFacts(
        maker.name,
        found.device,
        found.bundle,
        found.start,
        found.end,
        maker.source_code,
        maker.area_code,
        found.period,
        found.bundle_wh,
        maker.capacity_w,
    )
    state = stamp_state(found.state, found.claim)
    postmark = None
    if state in {StampState.USED, StampState.CTO}:
        note = BANKED if found.claim == k.CLAIM_BANKED else TO_ORDER
        postmark = Postmark(found.used_in or found.period, AREA_TEXT[maker.area_code], note)
    return facts, state, postmark


def kind_words(item: Device, say: Say) -> str:
    """Return source, area and capacity in one line."""
    return say.t(
        "plants.kind", source=say.source(item.source), area=say.area(item.area), capacity=say.power(item.capacity_w)
    )


def shortened(words: str) -> str:
    """Return the beginning of a story."""
    return words if len(words) <= SHORT_STORY else words[: SHORT_STORY - 1].rstrip() + "…"


def _facts(item: Device, say: Say) -> list[Fact]:
    return [
        Fact(say.t("plant.source"), say.text(item.kind) or say.source(item.source)),
        Fact(say.t("plant.area"), say.text(item.location) or say.area(item.area)),
        Fact(say.t("plant.capacity"), say.power(item.capacity_w)),
        Fact(say.t("plant.tier"), f"T{item.tier}"),
        Fact(say.t("plant.resolution"), say.t("plant.minutes", minutes=item.resolution_s // 60)),
        Fact(say.t("plant.register"), say.exact_energy(item.register_wh)),
    ]


def _face(found: Lot, item: Device, say: Say) -> dict[str, Any]:
    card = stamp_card(found, item, say)
    return {"lot": card.lot, "href": card.href, "alt": card.alt, "caption": say.t("plant.face", period=card.period)}


def _token_facts(platform: Platform, number: int, say: Say) -> list[Fact]:
    totals = token_totals(platform, number)
    parts = {
        "plant.issued": totals.issued_wh,
        "plant.held": totals.held_wh,
        "plant.reserved": totals.reserved_wh,
        "plant.retired": totals.retired_wh,
        "plant.expired": totals.expired_wh,
        "plant.withdrawn": totals.withdrawn_wh,
    }
    return [Fact(say.t(key), say.exact_energy(wh)) for key, wh in parts.items()]


def _merged(used: list[Lot], others: list[Lot]) -> list[Lot]:
    """Return used stamps first, each lot once, at most ``SHOWN_STAMPS``."""
    seen = {item.lot: item for item in [*used, *others]}
    return list(seen.values())[:SHOWN_STAMPS]


def _production(platform: Platform, item: Device, day: date | None, say: Say) -> dict[str, Any]:
    slots = [] if day is None else production(platform, item.device, day)
    if day is None or not slots:
        return {"wide": "", "narrow": "", "made_sentence": "", "head": (), "rows": ()}
    made = {slot.period.start_s: slot.wh for slot in slots}
    periods = day_periods(day, item.resolution_s)
    values = [made.get(period.start_s, 0) for period in periods]
    names = _hour_names(len(periods))
    total = say.energy(sum(values))
    peak = max(slots, key=lambda slot: slot.wh)
    label = say.t(
        "plant.chart_label", plant=say.text(item.name), energy=total, date=say.date(day), peak=say.clock(peak.period)
    )
    axis = say.t("front.energy_axis") if item.resolution_s == KOMA_S else say.t("me.energy")
    charts = {
        name: bar_chart(values, names, texture=texture(item.source), label=label, axis=axis, wide=wide)
        for name, wide in (("wide", True), ("narrow", False))
    }
    return {
        **charts,
        "made_sentence": say.t("plant.made_sentence", energy=total, date=say.date(day)),
        "head": (say.t("plant.when"), f"{say.t('me.energy')} [Wh]"),
        "rows": [(say.clock(slot.period), f"{slot.wh:,}") for slot in slots],
    }


def _hour_names(count: int) -> list[str]:
    """Return a name every six hours."""
    every = count // 4
    return ["" if index % every else f"{index * 24 // count}:00" for index in range(count)]
