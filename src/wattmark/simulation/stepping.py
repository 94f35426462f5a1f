"""From a phase to its plan: the one place that knows which step calls what.

Every method reads the platform and the world and returns a ``Plan``; none keeps anything.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from wattmark.core.ids import derive_id
from wattmark.flows.clear_auctions import plan_clear_auctions
from wattmark.flows.expire_lots import plan_expire_lots
from wattmark.flows.ingest_slots import plan_ingest_slots
from wattmark.flows.place_orders import Order, plan_orders
from wattmark.flows.plan import Plan, join
from wattmark.flows.platform import Platform
from wattmark.flows.seal_day import plan_seal_day
from wattmark.market.layout import TIF_IMMEDIATE, TIF_REST
from wattmark.simulation import agents, night, policy, setup
from wattmark.simulation.agents import Moment, Wish
from wattmark.simulation.community import Community, Part
from wattmark.simulation.meters import MeterChannel, slot_envelopes
from wattmark.simulation.phases import PART_COMMANDS, Phase, Step
from wattmark.simulation.settling import carry_out_day, decide_day, plan_customers
from wattmark.simulation.world import World


@dataclass(frozen=True)
class Stepper:
    """The world, who lives in it, and the platform they live on."""

    world: World
    community: Community
    channels: tuple[MeterChannel, ...]
    platform: Platform

    @property
    def seed(self) -> int:
        """Return the seed."""
        return self.community.seed

    @cached_property
    def account_of(self) -> dict[int, int]:
        """Return member index -> account number, as the ledger gave them."""
        return {
            member.index: self._result(setup.account_id(self.seed, member.index)) for member in self.community.members
        }

    @cached_property
    def device_of(self) -> dict[int, int]:
        """Return meter index -> device number, as the ledger gave them."""
        return {meter.index: self._result(setup.device_id(self.seed, meter.index)) for meter in self.community.meters}

    def plan(self, phase: Phase) -> Plan:
        """Return what a phase does to the ledger as it stands."""
        steps: dict[Step, Callable[[Phase], Plan]] = {
            Step.OPEN_ACCOUNTS: lambda _: setup.open_accounts(self.world, self.community),
            Step.REGISTER: lambda _: setup.register(self.world, self.community, self.channels, self.account_of),
            Step.FUND: lambda _: setup.fund(self.world, self.community, self.channels, self.account_of, self.device_of),
            Step.OPEN_DAY: self._open_day,
            Step.ISSUE: self._issue,
            Step.ORDERS: lambda at: self._orders(at, agents.period_wishes(self._moment(at), self.platform.state)),
            Step.CLEAR: lambda at: plan_clear_auctions(self.platform.state, at.now_ms),
            Step.CLAIMS: lambda at: self._orders(at, agents.claim_bids(self._moment(at), self.platform.state)),
            Step.CANCEL: lambda at: _first(night.cancel_resting(self.platform.state, self.seed, at.day)),
            Step.SEAL: self._seal,
            Step.DECIDE: lambda at: decide_day(self.platform, self._moment(at)),
            Step.SETTLE: lambda at: carry_out_day(self.platform, self._moment(at), at.part),
            Step.PLAN: lambda at: plan_customers(self.platform, self._moment(at)),
            Step.BANK: lambda at: night.bank_surplus(self._moment(at), self.platform.state, at.now_ms),
            Step.CERTIFICATES: self._certificates,
            Step.RETIRE: lambda at: _first(night.retire_certificates(self._moment(at), self.platform.state)),
            Step.EXPIRE: lambda at: _first(plan_expire_lots(self.platform.state, at.now_ms)),
            Step.REST: self._rest,
        }
        return steps[phase.step](phase)

    def _moment(self, phase: Phase) -> Moment:
        return Moment(self.world, self.community, self.account_of, policy.TARIFF_SEN, phase.period)

    def _open_day(self, phase: Phase) -> Plan:
        homes = [self.account_of[member.index] for member in self.community.of_part(Part.HOME)]
        retailer = self.account_of[self.community.only(Part.RETAILER).index]
        served = max(1, len(self.community.of_part(Part.PLAN_HOME)))
        state = self.platform.state
        topped = [
            night.top_up(state, self.seed, phase.day, homes, low_e5=policy.HOME_LOW_E5, full_e5=policy.HOME_CASH_E5),
            night.top_up(
                state,
                self.seed,
                phase.day,
                [retailer],
                low_e5=policy.RETAILER_CASH_PER_HOME_E5 * served // 2,
                full_e5=policy.RETAILER_CASH_PER_HOME_E5 * served,
            ),
        ]
        redeemed_at_home = frozenset({*homes, retailer})
        asks = agents.claim_asks(self._moment(phase), state, redeemed_at_home) if phase.day else []
        return join([setup.list_day(self.world, self.community, phase.day), *topped, self._orders(phase, asks)])

    def _issue(self, phase: Phase) -> Plan:
        producing = self.channels[: len(self.community.production)]
        sent = slot_envelopes(self.seed, producing, phase.period)
        if not sent:
            return join([])
        return plan_ingest_slots(
            self.platform,
            [envelope for _, envelope in sent],
            identity=derive_id("demo slots", self.seed, phase.period),
            received_ms=phase.now_ms,
        ).plan

    def _seal(self, phase: Phase) -> Plan:
        envelopes = [sealed for channel in self.channels if (sealed := channel.day_envelope(phase.day)) is not None]
        identity = derive_id("demo seal", self.seed, phase.day)
        return plan_seal_day(self.platform, envelopes, identity=identity, received_ms=phase.now_ms).plan

    def _certificates(self, phase: Phase) -> Plan:
        moment, state = self._moment(phase), self.platform.state
        return self._orders(phase, agents.certificate_wishes(moment, state, night.day_lots(moment, state)))

    def _rest(self, phase: Phase) -> Plan:
        return self._orders(phase, agents.resting_wishes(self._moment(phase), self.platform.state))

    def _orders(self, phase: Phase, wishes: Iterable[Wish]) -> Plan:
        return plan_orders(
            Order(
                identity=derive_id("demo order", self.seed, phase.step.value, phase.period, number),
                account=wish.account,
                product=wish.product,
                side=wish.side,
                price_sen_per_kwh=wish.price_sen_per_kwh,
                quantity_wh=wish.quantity_wh,
                lot=wish.lot,
                start=wish.start,
                tif=TIF_IMMEDIATE if wish.immediate else TIF_REST,
            )
            for number, wish in enumerate(wishes)
        )

    def _result(self, identity: int) -> int:
        found = self.platform.sequencer.find(identity)
        assert found is not None, "the community is set up before anybody acts"
        return int(found[1][2])


def _first(plan: Plan) -> Plan:
    """Return what of a plan fits into one phase; the next part plans again and finds the rest."""
    assert not plan.payloads
    return Plan(plan.commands[:PART_COMMANDS])
