"""The night's work that is policy, not settlement: cancel, bank, trade and retire certificates, top up."""

from collections.abc import Iterable, Mapping
from typing import Final

from wattmark.core.ids import derive_id, id_words, words_id
from wattmark.engine.commands import Kind, command
from wattmark.engine.layout import A_CASH_E5, I_HIGH, I_LOW, OPERATOR
from wattmark.engine.state import State
from wattmark.flows.bank_deposit import DepositWish, plan_bank_deposits, plan_deposit_cash
from wattmark.flows.move_lots import plan_retire
from wattmark.flows.plan import Plan, join, plan_of
from wattmark.market.layout import O_ACCOUNT, O_POSITION
from wattmark.simulation import policy
from wattmark.simulation.agents import Moment
from wattmark.simulation.chance import pick
from wattmark.simulation.community import Part
from wattmark.simulation.phases import PART_COMMANDS
from wattmark.simulation.tables import Lot, held_lots, open_order_rows
from wattmark.tokens.layout import GENERATION
from wattmark.tokens.lot import Claim

COLLECTOR_KEEPS_EVERY: Final = 3
"""The collector keeps every third stamp mint; the others are postmarked."""
COMMANDS_PER_DEPOSIT: Final = 2
"""The charge in kind and the deposit itself."""
SMALLEST_DEPOSIT_WH: Final = 50
"""Crumbs of a lot are not worth a deposit [Wh]."""
BANK_SHARE_PER_MILLE: Final = 700
"""Producers bank at most this share of a day's surplus; the rest keeps its origin as a certificate."""


def cancel_resting(state: State, seed: int, day: int) -> Plan:
    """Return the plan that cancels every resting order, so that settlement finds all tokens free."""
    rows = []
    for order in open_order_rows(state):
        placed = state.ids[int(state.orders[order, O_POSITION])]
        low, high = id_words(words_id(int(placed[I_LOW]), int(placed[I_HIGH])))
        rows.append(
            command(
                Kind.CANCEL,
                id=derive_id("demo cancel", seed, day, order),
                actor=int(state.orders[order, O_ACCOUNT]),
                target_id_low=low,
                target_id_high=high,
            )
        )
    return plan_of(rows)


def bank_surplus(moment: Moment, state: State, now_ms: int) -> Plan:
    """Return the plan that banks the day's unsold tokens as far as the cover goes (K4).

    Owners take turns, so that a short cover is not always used up by the same ones. What the cover does not
    reach keeps its origin as a certificate.
    """
    wishes = [
        DepositWish(
            identity=derive_id("demo bank", moment.seed, moment.period, lot.row, lot.start),
            lot=lot.row,
            start=lot.start,
            end=lot.start + lot.quantity_wh * BANK_SHARE_PER_MILLE // 1_000,
            rule=policy.BANK_RULE,
        )
        for lot in _by_turn(moment, day_lots(moment, state))
        if lot.quantity_wh >= SMALLEST_DEPOSIT_WH
    ]
    plan, _ = plan_bank_deposits(state, wishes[: PART_COMMANDS // COMMANDS_PER_DEPOSIT], now_ms)
    return plan


def retire_certificates(moment: Moment, state: State) -> Plan:
    """Return the plan with which the town hall and the collector retire what they bought for its origin."""
    town_hall = moment.account_of[moment.community.only(Part.TOWN_HALL).index]
    collector = moment.account_of[moment.community.only(Part.COLLECTOR).index]
    plans: list[Plan] = []
    for lot in held_lots(state, kind=GENERATION):
        postmarked = lot.owner == collector and pick(moment.seed, f"keep {lot.row}", COLLECTOR_KEEPS_EVERY) != 0
        if lot.owner != town_hall and not postmarked:
            continue
        plans.append(
            plan_retire(
                identity=derive_id("demo certificate", moment.seed, moment.period, lot.row),
                actor=lot.owner,
                lot=lot.row,
                start=lot.start,
                end=lot.end,
                beneficiary=lot.owner,
                claim=Claim.CERTIFICATE,
            )
        )
    return join(plans)


def top_up(state: State, seed: int, day: int, accounts: Iterable[int], *, low_e5: int, full_e5: int) -> Plan:
    """Return the plan that collects by direct debit from those whose cash is low [10^-5 JPY]."""
    plans = []
    for account in accounts:
        cash = int(state.accounts[account, A_CASH_E5])
        if cash < low_e5:
            identity = derive_id("demo top up", seed, day, account)
            plans.append(plan_deposit_cash(identity=identity, account=account, amount_e5jpy=full_e5 - cash))
    return join(plans)


def day_lots(moment: Moment, state: State) -> list[Lot]:
    """Return the tokens of the moment's day that nobody used or bought for a collection, in row order."""
    world = moment.world
    first_s = world.period(moment.period // world.periods_per_day * world.periods_per_day).start_s
    others = {OPERATOR} | {
        moment.account_of[moment.community.only(part).index] for part in (Part.COLLECTOR, Part.TOWN_HALL)
    }
    return [
        lot for lot in held_lots(state, kind=GENERATION) if lot.period_start_s >= first_s and lot.owner not in others
    ]


def _by_turn(moment: Moment, lots: list[Lot]) -> list[Lot]:
    turn: Mapping[int, int] = {
        owner: pick(moment.seed, f"bank turn {moment.period} {owner}", 1 << 30) for owner in {lot.owner for lot in lots}
    }
    return sorted(lots, key=lambda lot: (turn[lot.owner], lot.owner, lot.row))
