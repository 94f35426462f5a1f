"""The life of one watt-hour: what happened to one serial of one bundle, step by step, from the read model."""

from dataclasses import dataclass
from enum import Enum

from wattmark.core.periods import Period
from wattmark.engine import layout as e
from wattmark.flows.platform import Platform
from wattmark.flows.ports import EventRow
from wattmark.flows.queries.lots import Lot, latest_used, lot
from wattmark.tokens import layout as k

CANDIDATES = 60
"""Used lots looked at when a story is chosen for the front page."""
TRADE = 0
"""Kind of a trade among the events."""


class StepKind(Enum):
    """A station of a watt-hour's life."""

    MEASURED = "measured"
    ISSUED = "issued"
    TRADED = "traded"
    NOT_TRADED = "not_traded"
    TRANSFERRED = "transferred"
    BANKED = "banked"
    MATCHED = "settled"
    RETIRED = "retired"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    HELD = "held"
    PROVEN = "proven"


_KINDS = {
    TRADE: StepKind.TRADED,
    e.TRANSFER: StepKind.TRANSFERRED,
    e.BANK: StepKind.BANKED,
    e.RETIRE: StepKind.RETIRED,
    e.EXPIRE: StepKind.EXPIRED,
    e.WITHDRAW: StepKind.WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One station.

    Attributes:
        kind: what happened.
        timestamp_ms: when it was written, or the period's end for a measurement [ms].
        position: log index of its record.
        quantity_wh: how many Wh took this step together [Wh].
        price_sen: of a trade [sen/kWh], else 0.
    """

    kind: StepKind
    timestamp_ms: int
    position: int
    quantity_wh: int
    price_sen: int = 0


@dataclass(frozen=True, slots=True)
class Story:
    """What happened to one watt-hour.

    Attributes:
        lot: the lot it is in now.
        serial: its number inside its bundle.
        register_from_wh: the meter before the period [Wh].
        register_to_wh: the meter after it [Wh].
        steps: its stations, in order.
        used_in: the period of the use it was matched with, if any.
        last_position: log index of the last record about it.
    """

    lot: Lot
    serial: int
    register_from_wh: int
    register_to_wh: int
    steps: tuple[Step, ...]
    used_in: Period | None
    last_position: int


def story_of_lot(platform: Platform, number: int) -> Story:
    """Return the life of the watt-hour in the middle of a lot.

    Raises:
        UnknownReference: there is no such lot.
    """
    return _story(platform, lot(platform, number))


def front_story(platform: Platform) -> Story | None:
    """Return the life of a recent watt-hour that went the whole way, the richest of the latest; ``None`` if none did."""
    stories = [_story(platform, item) for item in latest_used(platform, limit=CANDIDATES)]
    return max(stories, key=_richness, default=None)


def _richness(story: Story) -> tuple[int, int]:
    """Return how much there is to tell: stations first, then how many watt-hours went the same way."""
    kinds = {step.kind for step in story.steps}
    wanted = kinds & {StepKind.TRADED, StepKind.RETIRED, StepKind.MATCHED, StepKind.ISSUED}
    return len(wanted), story.lot.quantity_wh


def _story(platform: Platform, item: Lot) -> Story:
    serial = (item.start + item.end) // 2
    bundle = platform.state.bundles[item.bundle]
    events = [event for event in platform.views.events(item.bundle) if event.start <= serial < event.end]
    steps: list[Step] = []
    for event in events:
        steps.extend(_steps(event, item))
    if not any(step.kind in {StepKind.TRADED, StepKind.TRANSFERRED} for step in steps):
        steps.insert(min(2, len(steps)), Step(StepKind.NOT_TRADED, 0, -1, 0))
    last = max((step.position for step in steps), default=-1)
    if item.state in {k.HELD, k.RESERVED}:
        steps.append(Step(StepKind.HELD, item.since_ms, last, item.quantity_wh))
    steps.append(Step(StepKind.PROVEN, 0, last, item.quantity_wh))
    return Story(
        item,
        serial,
        int(bundle[k.B_REG_FROM_WH]),
        int(bundle[k.B_REG_TO_WH]),
        tuple(steps),
        item.used_in,
        last,
    )


def _steps(event: EventRow, item: Lot) -> list[Step]:
    quantity = event.end - event.start
    if event.kind == e.ISSUE:
        measured = Step(StepKind.MEASURED, item.period.end_s * 1_000, event.position, quantity)
        return [measured, Step(StepKind.ISSUED, event.timestamp_ms, event.position, quantity)]
    kind = _KINDS.get(event.kind)
    if kind is None:
        return []
    step = Step(kind, event.timestamp_ms, event.position, quantity, max(event.price_sen_per_kwh, 0))
    if kind is StepKind.RETIRED and item.used_in is not None:
        return [Step(StepKind.MATCHED, event.timestamp_ms, event.position, quantity), step]
    return [step]
