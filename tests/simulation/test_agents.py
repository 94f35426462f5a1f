"""What agents may and may not want, at every moment of a run (the numbered rules of ``agents.py``)."""

from collections import defaultdict

import numpy as np
import pytest

from wattmark.engine.layout import I_OUTCOME
from wattmark.engine.outcomes import Outcome
from wattmark.flows.bank_deposit import bank_cover
from wattmark.flows.settle_day import recorded_settlement
from wattmark.flows.settle_plan import plan_customer_proof, plan_record_id
from wattmark.market.layout import BUY, SCOPE_BANKED_YEAR, SCOPE_CERTIFICATE_YEAR, SELL
from wattmark.metering.decode import period_of_day
from wattmark.settlement.plan import verify_customer_proof
from wattmark.simulation import agents, night, policy
from wattmark.simulation.agents import STAMP_WH, Moment
from wattmark.simulation.community import Part, plan_pseudonym
from wattmark.simulation.meters import channels_of
from wattmark.simulation.phases import Step, phases_of
from wattmark.simulation.run import make_scene, open_home
from wattmark.simulation.stepping import Stepper
from wattmark.simulation.tables import fresh_lots, open_products
from wattmark.simulation.world import MISSING, Parameters
from wattmark.tokens.layout import (
    CLAIM_CERTIFICATE,
    GENERATION,
    HELD,
    L_CLAIM,
    L_KIND,
    L_OWNER,
    L_REF,
    L_STATE,
    RETIRED,
)

WORLD = Parameters(days=2, homes=10, plants=5, seed=11)


class Watched:
    """A run that keeps what agents wanted, and what they stood before, at every moment."""

    def __init__(self, home):
        self.scene = make_scene(WORLD, None)
        self.platform = open_home(home, self.scene)
        community = self.scene.community
        self.stepper = Stepper(self.scene.world, community, channels_of(community, self.scene.world), self.platform)
        self.period_wishes, self.claim_bids, self.covers = [], [], []
        for phase in phases_of(self.scene.world):
            state = self.platform.state
            if phase.step is Step.ORDERS:
                moment = self.moment(phase)
                wishes = agents.period_wishes(moment, state)
                assert wishes == agents.period_wishes(moment, state)
                self.period_wishes.append((moment, wishes, fresh_lots(state, moment.start_s)))
            if phase.step is Step.CLAIMS:
                self.claim_bids.append((self.moment(phase), agents.claim_bids(self.moment(phase), state)))
            plan = self.stepper.plan(phase)
            if len(plan):
                self.platform.execute(plan, phase.now_ms)
            self.covers.append(bank_cover(self.platform.state))
        self.platform.publish()

    def moment(self, phase):
        return Moment(self.scene.world, self.scene.community, self.stepper.account_of, policy.TARIFF_SEN, phase.period)

    def account(self, member):
        return self.stepper.account_of[member.index]


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    run = Watched(tmp_path_factory.mktemp("watched") / "home")
    yield run
    run.platform.close()


def test_every_command_of_the_run_is_accepted(watched):
    outcomes = watched.platform.state.ids[:, I_OUTCOME]
    assert {Outcome(int(code)).name for code in np.unique(outcomes)} == {"OK"}


def test_rule_1_panels_serve_their_own_home_first(watched):
    community, world = watched.scene.community, watched.scene.world
    homes = {watched.account(member): member for member in community.of_part(Part.HOME)}
    seen = 0
    for moment, wishes, lots in watched.period_wishes:
        held, offered = defaultdict(int), defaultdict(int)
        for lot in lots:
            held[lot.owner] += lot.quantity_wh
        for wish in wishes:
            if wish.side == SELL:
                offered[wish.account] += wish.quantity_wh
        for account, wh in held.items():
            if account in homes:
                used = max(int(world.consumption_wh[homes[account].row, moment.period]), 0)
                assert offered[account] == max(wh - used, 0)
                seen += 1
            else:
                assert offered[account] == wh
    assert seen > 20


def test_rule_2_nobody_bids_for_more_than_it_used(watched):
    community, world = watched.scene.community, watched.scene.world
    plan = community.of_part(Part.PLAN_HOME)
    for moment, wishes, _ in watched.period_wishes:
        wanted = defaultdict(int)
        for wish in wishes:
            if wish.side == BUY:
                wanted[wish.account] += wish.quantity_wh
        used = {watched.account(member): moment.used_wh(member) for member in community.of_part(Part.HOME)}
        used[watched.account(community.only(Part.RETAILER))] = sum(moment.used_wh(member) for member in plan)
        used[watched.account(community.only(Part.COLLECTOR))] = STAMP_WH
        assert all(wh <= used[account] for account, wh in wanted.items())
    assert (world.consumption_wh == MISSING).any(), "a home without a reading bids for nothing"


def test_rule_3_no_home_bids_above_what_the_grid_costs(watched):
    collector = watched.account(watched.scene.community.only(Part.COLLECTOR))
    for moment, wishes, _ in watched.period_wishes:
        for wish in wishes:
            if wish.side == BUY and wish.account != collector:
                assert wish.price_sen_per_kwh <= moment.spot_sen + moment.tariff_sen


def test_rule_5_banked_tokens_are_bought_when_the_grid_is_dearer(watched):
    bought = [(moment, wish) for moment, wishes in watched.claim_bids for wish in wishes]
    assert bought
    for moment, wish in bought:
        assert wish.price_sen_per_kwh <= moment.spot_sen + moment.tariff_sen
        assert wish.immediate


def test_rule_6_only_town_hall_and_collector_retire_certificates(watched):
    community, lots = watched.scene.community, watched.platform.state.lots
    certificates = lots[(lots[:, L_STATE] == RETIRED) & (lots[:, L_CLAIM] == CLAIM_CERTIFICATE)]
    allowed = {watched.account(community.only(part)) for part in (Part.TOWN_HALL, Part.COLLECTOR)}
    assert set(certificates[:, L_REF].tolist()) == allowed


def test_the_collector_keeps_some_stamps_mint(watched):
    lots = watched.platform.state.lots
    collector = watched.account(watched.scene.community.only(Part.COLLECTOR))
    kept = (lots[:, L_OWNER] == collector) & (lots[:, L_STATE] == HELD) & (lots[:, L_KIND] == GENERATION)
    assert kept.any()


def test_the_bank_never_owes_more_than_its_cover(watched):
    assert all(cover.is_full for cover in watched.covers)
    assert max(cover.outstanding_wh for cover in watched.covers) > 0


def test_every_plan_customer_can_check_their_own_share(watched):
    platform, scene = watched.platform, watched.scene
    retailer = watched.account(scene.community.only(Part.RETAILER))
    for number in range(2):
        day = scene.world.day(number)
        found = platform.sequencer.find(plan_record_id(retailer, day))
        assert found is not None
        settlement = recorded_settlement(platform, day)
        mine = settlement.allocation.take(np.flatnonzero(settlement.allocation.account == retailer))
        shares = 0
        for member in scene.community.of_part(Part.PLAN_HOME):
            pseudonym = plan_pseudonym(scene.community.seed, period_of_day(day), member)
            proof = plan_customer_proof(platform, retailer, day, pseudonym)
            verify_customer_proof(proof, proof.root, proof.total_wh)
            first = number * 48
            used = scene.world.consumption_wh[member.row, first : first + 48]
            assert 0 < proof.quantity_wh <= used[used != MISSING].sum()
            shares += proof.quantity_wh
        assert shares == proof.total_wh
        assert shares == int(mine.quantity_wh[mine.claim == 1].sum())


def test_a_living_book_is_left_for_visitors(watched):
    state = watched.platform.state
    products = [
        *open_products(state, SCOPE_BANKED_YEAR).values(),
        *open_products(state, SCOPE_CERTIFICATE_YEAR).values(),
    ]
    resting = watched.platform.state.orders[night.open_order_rows(state)]
    assert {int(product) for product in resting[:, 1]} <= set(products)
    assert {BUY, SELL} == {int(side) for side in resting[:, 2]}
