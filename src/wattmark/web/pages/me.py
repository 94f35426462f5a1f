"""My power and my wallet: what belongs to the account that logged in, and to nobody else."""

from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from wattmark.api.routes.lots import own_lot
from wattmark.api.routes.shapes import day_of
from wattmark.api.security import not_theirs
from wattmark.certificates.sheet import SheetCell, render_day_sheet
from wattmark.core.encoding import json_canonical
from wattmark.core.text import Text
from wattmark.flows.platform import Platform
from wattmark.flows.prove_retirement import prove_retirement
from wattmark.flows.queries import accounts
from wattmark.flows.queries.lots import Lot, holdings, holdings_total, retired_at
from wattmark.flows.queries.mine import MyDay, Used, my_day, settled_days
from wattmark.flows.queries.plants import Device, device
from wattmark.flows.statements import read_statement
from wattmark.tokens import layout as k
from wattmark.web.charts.ring import RingSlot, RingWords, ring_chart
from wattmark.web.pages.parts import Fact, chosen_day, state_words
from wattmark.web.pages.plants import plant_cards, stamp_facts
from wattmark.web.say import Say, texture
from wattmark.web.visit import Visited

router = APIRouter()

Number = Annotated[int, Path(ge=0, le=(1 << 31) - 1)]
PAGE_LOTS: Final = 50
HOUR_S: Final = 3_600
GRID: Final = "grid"
BANKED: Final = "banked"


@router.get("/me")
async def my_power(visit: Visited, day: Annotated[str | None, Query()] = None) -> Response:
    """Show the day's periods and which plants powered them."""
    account = visit.signed_in.account
    values = await visit.context.run(lambda platform: my_values(platform, account, day, visit.say))
    return visit.page("me.html", {"me": values, "tab": "me"})


@router.get("/me/sheet/{day}.svg")
async def my_sheet(day: str, visit: Visited) -> Response:
    """Return the day's sheet of stamps."""
    account, wanted = visit.signed_in.account, day_of(day)
    picture = await visit.read(lambda platform: day_sheet(platform, account, wanted, visit.say))
    return Response(picture, media_type="image/svg+xml", headers={"Cache-Control": "private, max-age=60"})


@router.get("/me/statement/{day}.json")
async def my_statement(day: str, visit: Visited) -> Response:
    """Return the day's statement with every serial range."""
    account, wanted = visit.signed_in.account, day_of(day)
    found = await visit.read(lambda platform: read_statement(platform, account, wanted))
    return download(json_canonical(found), f"wattmark-statement-{day}.json")


@router.get("/me/certificate/{lot}.json")
async def my_certificate(lot: Number, visit: Visited) -> Response:
    """Return the certificate of a retirement of one's own."""
    visitor = visit.signed_in
    at = await visit.read(lambda platform: retired_at(platform, own_lot(platform, lot, visitor).lot))
    data = await visit.context.run(lambda platform: prove_retirement(platform, at))
    return download(data, f"wattmark-{lot}.json")


@router.get("/me/wallet")
async def my_wallet(visit: Visited, after: Annotated[int | None, Query(ge=0, le=(1 << 31) - 1)] = None) -> Response:
    """Show one's money and lots."""
    account = visit.signed_in.account
    values = await visit.read(lambda platform: wallet_values(platform, account, after, visit.say))
    return visit.page("wallet.html", values)


def download(data: bytes, name: str) -> Response:
    """Return a JSON file to be saved."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Response(data, media_type="application/json", headers=headers)


def my_values(platform: Platform, account: int, asked: str | None, say: Say) -> dict[str, Any]:
    """Return what *my power* shows; the state is held still for the reads, not for the drawing.

    Raises:
        MalformedInput: the day asked for is no day.
    """
    with platform.sequencer.reading():
        days = settled_days(platform, account)
        day, here = chosen_day(days, asked)
        mine = None if day is None else my_day(platform, account, day)
        name = say.text(accounts.account(platform, account).name)
        own_plants = plant_cards(platform, say, account)
        used_devices = {used.device for slot in mine.slots for used in slot.used} if mine is not None else set()
        makers = {number: device(platform, number) for number in used_devices}
    lead = "me.lead_plants" if own_plants and not days else "me.lead"
    values: dict[str, Any] = {
        "lead": say.t(lead, name=name),
        "days": days,
        "here": here,
        "has_day": mine is not None,
        "own_plants": own_plants,
    }
    if mine is None or day is None:
        return values
    matched = mine.same_slot_per_mille
    words = RingWords(_ring_label(mine, say), say.percent(matched), say.t("me.ring_below"))
    return {
        **values,
        "day": day.isoformat(),
        "date": say.date(day),
        "sentence": say.t("me.sentence", date=say.date(day), matched=say.percent(matched)),
        "ring": ring_chart([_ring_slot(slot.used, slot.consumption_wh) for slot in mine.slots], words),
        "sheet_alt": _ring_label(mine, say),
        "names": _names(mine),
        "plants": _plant_rows(mine, makers, say),
        "facts": _matching_facts(mine, say),
        "bill": _bill(mine, say),
        "serials": _serials(mine, makers, say),
        **_table(mine, say),
    }


def day_sheet(platform: Platform, account: int, day: date, say: Say) -> str:
    """Return the day's sheet as SVG.

    Raises:
        UnknownReference: that day was not settled, or nothing was used.
    """
    mine = my_day(platform, account, day)
    if mine is None:
        raise not_theirs("day", day.isoformat())
    cells = []
    for slot in mine.slots:
        stamped = [used for used in slot.used if used.claim == k.CLAIM_SAME_SLOT and used.lot >= 0]
        largest = max(stamped, key=lambda used: used.quantity_wh, default=None)
        facts = None if largest is None else stamp_facts(platform, largest.lot)[0]
        more = max(len(stamped) - 1, 0)
        cells.append(SheetCell(slot.period, slot.consumption_wh, slot.same_slot_wh, facts, more))
    name = accounts.account(platform, account).name
    return render_day_sheet(day, cells, Text(en=name.en, ja=name.ja), say.language)


def _ring_slot(used: tuple[Used, ...], consumption_wh: int) -> RingSlot:
    parts = [(part_texture(item), item.quantity_wh) for item in used]
    return RingSlot(tuple(parts), consumption_wh)


def part_texture(used: Used) -> str:
    """Return the texture of used tokens; banked ones carry no origin (K1)."""
    return BANKED if used.claim == k.CLAIM_BANKED else texture(used.source)


def _ring_label(mine: MyDay, say: Say) -> str:
    return say.t(
        "me.ring_label",
        use=say.energy(mine.total("consumption_wh")),
        same=say.energy(mine.total("same_slot_wh")),
        bank=say.energy(mine.total("banked_wh")),
        rest=say.energy(mine.total("residual_wh")),
    )


def _names(mine: MyDay) -> list[str]:
    used = [part_texture(item) for slot in mine.slots for item in slot.used]
    names = sorted(set(used) - {BANKED}, key=used.index)
    return names + ([BANKED] if BANKED in used else []) + [GRID]


def _plant_rows(mine: MyDay, makers: dict[int, Device], say: Say) -> list[dict[str, str]]:
    total = max(mine.total("consumption_wh"), 1)
    sums: dict[int, int] = {}
    for slot in mine.slots:
        for used in slot.used:
            if used.claim != k.CLAIM_BANKED:
                sums[used.device] = sums.get(used.device, 0) + used.quantity_wh

    def row(name: str, wh: int, drawn: str, href: str = "") -> dict[str, str]:
        share = say.percent(wh * 1_000 // total)
        return {"name": name, "energy": say.energy(wh), "share": share, "texture": drawn, "href": href}

    rows = [
        row(say.text(makers[number].name), wh, texture(makers[number].source), f"/plants/{number}")
        for number, wh in sorted(sums.items(), key=lambda item: -item[1])
    ]
    if mine.total("banked_wh"):
        rows.append(row(say.t("source.banked"), mine.total("banked_wh"), BANKED))
    if mine.total("residual_wh"):
        rows.append(row(say.t("source.grid"), mine.total("residual_wh"), GRID))
    return rows


def _matching_facts(mine: MyDay, say: Say) -> list[Fact]:
    return [
        Fact(say.t("me.matched_day"), say.percent(_whole_day(mine))),
        Fact(say.t("me.matched_hour"), say.percent(mine.matched_per_mille(HOUR_S))),
        Fact(say.t("me.matched_slot"), say.percent(mine.same_slot_per_mille)),
    ]


def _whole_day(mine: MyDay) -> int:
    """Return the share matched when only the day's sums are compared [1/1000]."""
    use = mine.total("consumption_wh")
    own = sum(max(slot.same_slot_wh, slot.own_wh) for slot in mine.slots)
    return min(use, own) * 1_000 // use if use else 0


def _bill(mine: MyDay, say: Say) -> list[Fact]:
    energy = {
        "me.used": mine.total("consumption_wh"),
        "me.same_slot": mine.total("same_slot_wh"),
        "me.banked": mine.total("banked_wh"),
        "me.residual": mine.total("residual_wh"),
    }
    facts = [Fact(say.t(key), say.exact_energy(wh)) for key, wh in energy.items()]
    return [*facts, Fact(say.t("me.amount"), say.money(mine.total("amount_e5")))]


def _serials(mine: MyDay, makers: dict[int, Device], say: Say) -> list[dict[str, str]]:
    return [
        {
            "period": say.clock(slot.period),
            "plant": say.text(makers[used.device].name),
            "range": f"{used.bundle}: {used.start:,}–{used.end - 1:,}",
            "quantity": f"{used.quantity_wh:,}",
            "claim": say.t(f"claim.{used.claim}"),
            "certificate": f"/me/certificate/{used.lot}.json" if used.lot >= 0 else "",
        }
        for slot in mine.slots
        for used in slot.used
    ]


def _table(mine: MyDay, say: Say) -> dict[str, Any]:
    head = (
        say.t("market.period"),
        f"{say.t('me.consumption')} [Wh]",
        f"{say.t('me.same_slot')} [Wh]",
        f"{say.t('me.banked')} [Wh]",
        f"{say.t('source.grid')} [Wh]",
        f"{say.t('me.spot')} [{say.t('market.price')}]",
    )
    rows = [
        (
            say.clock(slot.period),
            *(f"{wh:,}" for wh in (slot.consumption_wh, slot.same_slot_wh, slot.banked_wh, slot.residual_wh)),
            say.price(slot.price_sen),
        )
        for slot in mine.slots
    ]
    return {"head": head, "rows": rows}


def wallet_values(platform: Platform, account: int, after: int | None, say: Say) -> dict[str, Any]:
    """Return what the wallet shows."""
    mine = accounts.account(platform, account)
    lots = holdings(platform, account, after=after, limit=PAGE_LOTS)
    count, total_wh = holdings_total(platform, account)
    makers: dict[int, Device] = {}
    for found in lots:
        if found.device not in makers:
            makers[found.device] = device(platform, found.device)
    money = {
        "wallet.cash": mine.cash_e5jpy,
        "wallet.held": mine.held_e5jpy,
        "wallet.credit": mine.credit_limit_e5jpy,
        "wallet.free": mine.free_e5jpy,
    }
    return {
        "tab": "wallet",
        "money": [Fact(say.t(key), say.money(amount)) for key, amount in money.items()],
        "lots_sentence": say.t("wallet.lots_sentence", count=f"{count:,}", energy=say.energy(total_wh)),
        "lots": [_lot_row(found, makers[found.device], say) for found in lots],
        "pages": {"before": None, "after": lots[-1].lot if len(lots) == PAGE_LOTS else None},
    }


def _lot_row(found: Lot, maker: Device, say: Say) -> dict[str, Any]:
    return {
        "lot": found.lot,
        "plant": say.text(maker.name),
        "period": say.period(found.period),
        "range": f"{found.bundle}: {found.start:,}–{found.end - 1:,}",
        "quantity": f"{found.quantity_wh:,}",
        "state": state_words(found, say),
    }
