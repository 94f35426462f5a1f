"""The life of one watt-hour in words: its stations with what happened, when, and where to read on."""

from dataclasses import dataclass

from wattmark.flows.platform import Platform
from wattmark.flows.queries.market import product_of_lot
from wattmark.flows.queries.plants import Device, device
from wattmark.flows.queries.story import Step, StepKind, Story
from wattmark.web.pages.parts import Fact, stamp_card, state_words
from wattmark.web.say import Say


@dataclass(frozen=True, slots=True)
class Link:
    """Where to read on."""

    href: str
    words: str


@dataclass(frozen=True, slots=True)
class Station:
    """One station of the journey."""

    title: str
    when: str
    words: str
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class StoryPage:
    """A watt-hour's life, ready to be shown."""

    lot: int
    serial: str
    title: str
    lead: str
    caption: str
    period: str
    plant: str
    plant_href: str
    stamp_href: str
    stamp_alt: str
    facts: tuple[Fact, ...]
    stations: tuple[Station, ...]


def story_page(platform: Platform, story: Story, say: Say) -> StoryPage:
    """Return the story in one language."""
    lot = story.lot
    maker = device(platform, lot.device)
    name = say.text(maker.name)
    product = product_of_lot(platform, lot.area, lot.source, lot.period)
    published = platform.sequencer.published_size
    teller = _Teller(story, maker, say, product, published)
    card = stamp_card(lot, maker, say)
    return StoryPage(
        lot.lot,
        f"{story.serial:,}",
        say.t("story.title", plant=name, serial=f"{story.serial:,}"),
        say.t(
            "stamp.lead",
            quantity=say.energy(lot.quantity_wh),
            start=f"{lot.start:,}",
            end=f"{lot.end - 1:,}",
            period=say.period(lot.period),
        ),
        say.t("story.caption", total=say.exact_energy(lot.bundle_wh)),
        say.period(lot.period),
        name,
        f"/plants/{lot.device}",
        card.href,
        card.alt,
        (
            Fact(say.t("stamp.state"), state_words(lot, say)),
            Fact(say.t("stamp.kind"), say.t(f"kind.{lot.kind}")),
            Fact(say.t("stamp.tier"), f"T{lot.tier}"),
            Fact(say.t("stamp.expiry"), say.time(lot.expiry_s * 1_000)),
            Fact(say.t("stamp.evidence"), lot.evidence.hex()),
        ),
        tuple(teller.station(step) for step in story.steps),
    )


@dataclass(frozen=True, slots=True)
class _Teller:
    story: Story
    maker: Device
    say: Say
    product: int | None
    published: int

    def station(self, step: Step) -> Station:
        """Return one station in words."""
        key = "story.settled" if step.kind is StepKind.MATCHED else f"story.{step.kind.value}"
        return Station(self.say.t(key), self._when(step), self._words(step), tuple(self._links(step)))

    def _when(self, step: Step) -> str:
        if step.kind is StepKind.MEASURED:
            return self.say.period(self.story.lot.period)
        if step.kind is StepKind.MATCHED and self.story.used_in is not None:
            return self.say.period(self.story.used_in)
        return self.say.time(step.timestamp_ms) if step.timestamp_ms else ""

    def _words(self, step: Step) -> str:
        say, story = self.say, self.story
        quantity = say.energy(step.quantity_wh)
        plant, serial = say.text(self.maker.name), f"{story.serial:,}"
        if step.kind is StepKind.MEASURED:
            before, after = f"{story.register_from_wh:,}", f"{story.register_to_wh:,}"
            return say.t("story.measured_words", plant=plant, before=before, after=after)
        if step.kind is StepKind.ISSUED:
            return say.t("story.issued_words", quantity=say.energy(story.lot.bundle_wh), serial=serial)
        if step.kind is StepKind.TRADED:
            return say.t("story.traded_words", price=say.price(step.price_sen), quantity=quantity)
        if step.kind is StepKind.MATCHED:
            return self._matched()
        if step.kind is StepKind.RETIRED:
            period = say.clock(story.used_in) if story.used_in is not None else NO_PERIOD
            return say.t("story.retired_words", quantity=quantity, period=period)
        if step.kind is StepKind.PROVEN:
            covered = step.position < self.published
            key = "story.proven_words" if covered else "story.not_proven_words"
            values = {"position": f"{step.position:,}"} | ({"size": f"{self.published:,}"} if covered else {})
            return say.t(key, **values)
        if step.kind is StepKind.TRANSFERRED:
            return say.t("story.transferred_words", quantity=quantity)
        return say.t(f"story.{step.kind.value}_words")

    def _matched(self) -> str:
        used_in = self.story.used_in
        if used_in is None or used_in == self.story.lot.period:
            return self.say.t("story.settled_same")
        return self.say.t("story.settled_bank", period=self.say.period(used_in))

    def _links(self, step: Step) -> list[Link]:
        say = self.say
        record = Link(f"/log/{step.position}", say.t("story.link_record", position=f"{step.position:,}"))
        if step.kind is StepKind.MEASURED:
            return [Link(f"/plants/{self.story.lot.device}", say.t("story.link_plant"))]
        if step.kind is StepKind.PROVEN:
            proof = Link(f"/log/{step.position}", say.t("story.link_proof"))
            return [proof, Link(f"/verify?position={step.position}", say.t("story.link_check"))]
        if step.kind in {StepKind.NOT_TRADED, StepKind.HELD, StepKind.MATCHED}:
            return []
        if step.kind is StepKind.TRADED and self.product is not None:
            return [Link(f"/market/{self.product}", say.t("story.link_market")), record]
        return [record]


NO_PERIOD = "–"
