"""Take in day seals: verify, keep every envelope, write the verified slots, mint what only the seal has brought."""

from collections.abc import Sequence
from dataclasses import dataclass

from wattmark.engine.commands import BulkKind
from wattmark.flows.bulk import plan_bulk
from wattmark.flows.ingest_slots import bulk_id
from wattmark.flows.mint import issue_rows, mint_rules
from wattmark.flows.plan import ChannelChange, Plan, in_one_frame, plan_of
from wattmark.flows.platform import Platform
from wattmark.flows.readings import ChannelStates, day_rows, earlier_outcomes, envelope_table, slot_table
from wattmark.metering.batch import DayOutcome, Mapper, verify_days
from wattmark.metering.verify import VerifiedSlot


@dataclass(frozen=True, slots=True)
class DaySeal:
    """What to do with day envelopes, and what became of each.

    Attributes:
        plan: two lake files, their BULK_ROOT, and the ISSUE commands, in this order.
        outcomes: one per envelope, in the order given.
    """

    plan: Plan
    outcomes: list[DayOutcome]

    @property
    def accepted(self) -> int:
        """Return how many envelopes passed every step."""
        return sum(outcome.reading is not None for outcome in self.outcomes)


def plan_seal_day(
    platform: Platform, envelopes: Sequence[bytes], *, identity: int, received_ms: int, mapper: Mapper = map
) -> DaySeal:
    """Return the plan that takes in day envelopes; arguments, repeats and refusals as in ``plan_ingest_slots``."""
    earlier = earlier_outcomes(platform, bulk_id(identity), envelopes)
    if earlier is not None:
        return DaySeal(plan_of([]), earlier)
    platform.channels.refresh(platform.state)
    states, outcomes = verify_days(
        envelopes, ChannelStates(platform.channels), platform.channels.keys, received_ms, mapper=mapper
    )
    record, salt_key = bulk_id(identity), platform.keys.blinding
    days = [outcome.reading for outcome in outcomes if outcome.reading is not None]
    slots = [slot for day in days for slot in day.slots]
    tables = [
        envelope_table(day_rows(envelopes, outcomes, states), record, received_ms, salt_key),
        slot_table(days, platform.state, record, salt_key),
    ]
    start_s = min((slot.period_start_s for slot in slots), default=0)
    end_s = max((slot.leaf.t_end for slot in slots), default=start_s)
    bulk = plan_bulk(
        BulkKind.READINGS,
        tables,
        identity=record,
        period_start_s=start_s,
        duration_s=end_s - start_s,
        extra={"days": sorted({day.day.period for day in days})},
    )
    new: list[VerifiedSlot] = [slot for day in days for slot in day.new_slots]
    issues = issue_rows(platform.state, new, mint_rules(platform.settings), received_ms)
    change = ChannelChange(record, tuple(states.values()))
    return DaySeal(in_one_frame(bulk + plan_of(issues, channels=[change]), "envelopes"), outcomes)
