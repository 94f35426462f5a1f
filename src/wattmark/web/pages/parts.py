"""Pieces that several pages show: facts, stamps, days to choose from, messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from wattmark.api.routes.shapes import day_of
from wattmark.core.errors import Refused
from wattmark.flows.platform import Platform
from wattmark.flows.queries.lots import Lot
from wattmark.flows.queries.plants import Device, device
from wattmark.web.say import Say


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and a value; ``live`` names the number of the stream that updates it."""

    name: str
    value: str
    live: str = ""


@dataclass(frozen=True, slots=True)
class StampCard:
    """A stamp with its caption."""

    lot: int
    href: str
    name: str
    period: str
    state: str
    alt: str


@dataclass(frozen=True, slots=True)
class Message:
    """Something said at the head of a page; tone ``ok`` or ``no``; ``link`` are the words that lead to ``href``."""

    tone: str
    title: str
    lines: tuple[str, ...]
    href: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class DayPick:
    """The day shown and its neighbours, as addresses want them."""

    day: str
    before: str
    after: str


def refusal_message(say: Say, title: str, error: Refused) -> Message:
    """Return a refusal as a message: field, value, rule."""
    return Message(
        "no",
        title,
        (
            f"{say.t('error.field')}: {error.field} = {error.shown_value()}",
            f"{say.t('error.rule')}: {say.text(error.rule)}",
        ),
    )


def stamp_cards(platform: Platform, lots: Sequence[Lot], say: Say) -> list[StampCard]:
    """Return the cards of lots; plants are looked up once each."""
    known: dict[int, Device] = {}
    cards = []
    for lot in lots:
        maker = known.setdefault(lot.device, device(platform, lot.device))
        cards.append(stamp_card(lot, maker, say))
    return cards


def stamp_card(lot: Lot, maker: Device, say: Say) -> StampCard:
    """Return the card of one lot."""
    state = say.t(f"state.{lot.state}")
    name, quantity = say.text(maker.name), say.energy(lot.quantity_wh)
    alt = say.t("stamp.alt", plant=name, quantity=quantity, period=say.period(lot.period), state=state_words(lot, say))
    return StampCard(lot.lot, f"/stamp/{lot.lot}", name, say.short_period(lot.period), f"{quantity} · {state}", alt)


def state_words(lot: Lot, say: Say) -> str:
    """Return what became of a lot."""
    return say.t(f"claim.{lot.claim}") if lot.claim else say.t(f"state.{lot.state}")


def chosen_day(days: Sequence[date], asked: str | None) -> tuple[date | None, DayPick]:
    """Return the day asked for, or the last one, and its neighbours.

    Raises:
        MalformedInput: what is asked for is no day.
    """
    if asked is not None:
        day = day_of(asked)
    elif days:
        day = days[-1]
    else:
        return None, DayPick("", "", "")
    before = [other for other in days if other < day]
    after = [other for other in days if other > day]
    return day, DayPick(
        day.isoformat(), before[-1].isoformat() if before else "", after[0].isoformat() if after else ""
    )
