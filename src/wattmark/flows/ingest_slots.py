"""Take in slot envelopes: verify, keep every one in the lake, mint what the policy lets become tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

from wattmark.core.ids import derive_id
from wattmark.engine.commands import BulkKind
from wattmark.flows.bulk import plan_bulk
from wattmark.flows.mint import issue_rows, mint_rules
from wattmark.flows.plan import ChannelChange, Plan, in_one_frame, plan_of
from wattmark.flows.platform import Platform
from wattmark.flows.readings import ChannelStates, earlier_outcomes, envelope_table, slot_rows
from wattmark.metering.batch import Mapper, SlotOutcome, verify_slots


@dataclass(frozen=True, slots=True)
class SlotIngest:
    """What to do with slot envelopes, and what became of each.

    Attributes:
        plan: the lake file, its BULK_ROOT, and the ISSUE commands, in this order.
        outcomes: one per envelope, in the order given.
    """

    plan: Plan
    outcomes: list[SlotOutcome]

    @property
    def accepted(self) -> int:
        """Return how many envelopes passed every step."""
        return sum(outcome.reading is not None for outcome in self.outcomes)


def plan_ingest_slots(
    platform: Platform, envelopes: Sequence[bytes], *, identity: int, received_ms: int, mapper: Mapper = map
) -> SlotIngest:
    """Return the plan that takes in slot envelopes.

    Carry it out before the next one is planned: it starts from where each channel stands now. For a delivery that is
    on record nothing is left to do: the plan is empty and the outcomes are the recorded ones, by code.

    Args:
        platform: the platform.
        envelopes: as received, in order.
        identity: id of the delivery; a retry has the same.
        received_ms: log time: key validity and lateness are judged by it [ms].
        mapper: ``map``, or an executor's, to check signatures in threads.

    Raises:
        RuleViolated: other envelopes were delivered under this id.
    """
    earlier = earlier_outcomes(platform, bulk_id(identity), envelopes)
    if earlier is not None:
        return SlotIngest(plan_of([]), earlier)
    platform.channels.refresh(platform.state)
    states, outcomes = verify_slots(
        envelopes, ChannelStates(platform.channels), platform.channels.keys, received_ms, mapper=mapper
    )
    record = bulk_id(identity)
    table = envelope_table(slot_rows(envelopes, outcomes, states), record, received_ms, platform.keys.blinding)
    verified = [outcome.reading for outcome in outcomes if outcome.reading is not None]
    start_s = min((slot.period_start_s for slot in verified), default=0)
    end_s = max((slot.leaf.t_end for slot in verified), default=start_s)
    bulk = plan_bulk(BulkKind.READINGS, [table], identity=record, period_start_s=start_s, duration_s=end_s - start_s)
    issues = issue_rows(platform.state, verified, mint_rules(platform.settings), received_ms)
    change = ChannelChange(record, tuple(states.values()))
    return SlotIngest(in_one_frame(bulk + plan_of(issues, channels=[change]), "envelopes"), outcomes)


def bulk_id(identity: int) -> int:
    """Return the id of the BULK_ROOT record of a delivery."""
    return derive_id("readings", identity)
