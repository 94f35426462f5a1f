"""The run as a list: what happens when, in simulated time.

Theory of operation. A phase is one batch of commands, a pure function of the world and of the ledger
before it. Every phase has its own time, later than that of the phase before it, and the batch carries
that time. So the last time in the journal says which phase was the last one done; the run goes on with
the first phase after it. A phase in between that had nothing to do left no trace, and has nothing to do
when it is asked again, because the ledger before it is the same.
"""

import itertools
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wattmark.simulation.policy import GATE_DELAY_S
from wattmark.simulation.world import World

BEFORE_S: Final = 3_600
"""The community is set up in the hour before the first period [s]."""
ISSUE_DELAY_S: Final = 60
ORDERS_DELAY_S: Final = 300
CLAIMS_DELAY_S: Final = 660
NIGHT_DELAY_S: Final = 720
"""After the last period of a day and its trading, the day is closed [s]."""


class Step(StrEnum):
    """What a phase does."""

    OPEN_ACCOUNTS = "open accounts"
    REGISTER = "register meters and keys"
    FUND = "fund accounts, back the bank, list the year's products"
    OPEN_DAY = "list the day's products"
    ISSUE = "verify slots, issue tokens"
    ORDERS = "place orders"
    CLEAR = "clear the auctions"
    CLAIMS = "trade banked tokens"
    CANCEL = "cancel what rests"
    SEAL = "seal the day's readings"
    DECIDE = "decide and record the day's settlement"
    SETTLE = "retire and charge what was decided"
    PLAN = "allocate to plan customers"
    BANK = "bank the surplus"
    CERTIFICATES = "trade certificates"
    RETIRE = "retire certificates"
    EXPIRE = "expire tokens"
    REST = "leave orders for the morning"


@dataclass(frozen=True, slots=True)
class Phase:
    """One batch of the run.

    Attributes:
        step: what it does.
        day: index of the day.
        period: index of the period it is about, over the whole world.
        part: number of the part, where a step needs several batches.
        now_ms: simulated time of the batch [ms].
    """

    step: Step
    day: int
    period: int
    part: int
    now_ms: int


PART_COMMANDS: Final = 8_000
"""Most commands of one phase; a frame holds 8,192 and the sequencer may add one."""
HOMES_PER_PART: Final = 50
"""A step that may overflow a batch has one more part for so many homes."""
GENESIS: Final = (Step.OPEN_ACCOUNTS, Step.REGISTER, Step.FUND)
PERIOD: Final = (
    (Step.ISSUE, ISSUE_DELAY_S),
    (Step.ORDERS, ORDERS_DELAY_S),
    (Step.CLEAR, GATE_DELAY_S),
    (Step.CLAIMS, CLAIMS_DELAY_S),
)
NIGHT: Final = (
    Step.CANCEL,
    Step.SEAL,
    Step.DECIDE,
    Step.SETTLE,
    Step.PLAN,
    Step.BANK,
    Step.CERTIFICATES,
    Step.RETIRE,
    Step.EXPIRE,
)


def settle_parts(homes: int, plants: int) -> int:
    """Return how many batches hold every retirement and charge of a day.

    Per period, a fill either exhausts a sell or a buy order, and every home buys from at most five sources;
    twice that leaves room for banked tokens.
    """
    return 1 + 2 * 48 * (plants + 7 * homes) // PART_COMMANDS


def parts_of(step: Step, homes: int, plants: int) -> range:
    """Return the numbers of a step's parts."""
    if step is Step.SETTLE:
        return range(1, 1 + settle_parts(homes, plants))
    if step in {Step.CANCEL, Step.BANK, Step.RETIRE, Step.EXPIRE}:
        return range(1 + homes // HOMES_PER_PART)
    return range(1)


def phases_of(world: World) -> list[Phase]:
    """Return every phase of the run in order; their times rise strictly."""
    homes, plants = world.parameters.homes, world.parameters.plants
    start_ms = (world.start_s - BEFORE_S) * 1_000
    phases = [Phase(step, 0, 0, 0, start_ms + 1_000 * number) for number, step in enumerate(GENESIS)]
    per_day = world.periods_per_day
    for day in range(world.parameters.days):
        first, last = day * per_day, day * per_day + per_day - 1
        opened_ms = world.period(first).start_s * 1_000 if day == 0 else phases[-1].now_ms + 1_000
        phases.append(Phase(Step.OPEN_DAY, day, first, 0, opened_ms))
        for period in range(first, last + 1):
            end_s = world.period(period).end_s
            phases += [Phase(step, day, period, 0, (end_s + delay_s) * 1_000) for step, delay_s in PERIOD]
        night_ms = (world.period(last).end_s + NIGHT_DELAY_S) * 1_000
        steps = [(step, part) for step in NIGHT for part in parts_of(step, homes, plants)]
        phases += [Phase(step, day, last, part, night_ms + 1_000 * number) for number, (step, part) in enumerate(steps)]
    final = phases[-1]
    phases.append(Phase(Step.REST, final.day, final.period, 0, final.now_ms + 1_000))
    assert all(before.now_ms < after.now_ms for before, after in itertools.pairwise(phases))
    return phases


def remaining(phases: list[Phase], last_ms: int) -> list[Phase]:
    """Return the phases that come after the journal's last time."""
    return [phase for phase in phases if phase.now_ms > last_ms]
