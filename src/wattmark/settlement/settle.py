"""Settle one run of periods: own same-slot tokens first, then the bank, the rest at the spot price.

The steps, each cited by number in the code:

1. Check every column; refuse what is outside its range or refers to nothing.
2. Add up the demand of one (account, area, period); refuse periods that overlap.
3. Find the day-ahead price of every period in its area; refuse a period without one.
4. Put all rows in the total order of B4, so that the order of the input changes no byte (L6).
5. Match: same slot and same area, then banked tokens under the rule fixed at deposit (kernel).
6. Write the allocation with serial ranges and the residual with exact amounts.

An account and a token meet only inside one area (B2 d); connecting areas is a matter of `grid`.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from wattmark.core.energy import MAX_WH
from wattmark.core.errors import MalformedInput, UnknownReference
from wattmark.core.money import MAX_PRICE_SEN, MIN_PRICE_SEN
from wattmark.core.text import Text
from wattmark.settlement import kernels
from wattmark.settlement.bank import REDEMPTION_RULES, RedemptionRule, redemption_rule
from wattmark.settlement.columns import (
    AREA_SPAN,
    NEVER_S,
    Allocation,
    DaySettlement,
    Demand,
    Int64s,
    Lots,
    Residual,
    SpotPrices,
    check_demand,
    check_lots,
    check_range,
)
from wattmark.settlement.kinds import Claim, LotKind
from wattmark.settlement.tariff import Tariff

_NO_LOTS: Final = Lots.empty()


def settle_day(
    demand: Demand,
    lots: Lots,
    prices: SpotPrices,
    tariff: Tariff,
    rules: Mapping[int, RedemptionRule] = REDEMPTION_RULES,
) -> DaySettlement:
    """Return which serials cover which consumption, and what the rest costs.

    Args:
        demand: metered consumption of the periods to settle [Wh].
        lots: held lots of the same accounts; lots that fit no period stay untouched.
        prices: day-ahead prices of every area and period in ``demand`` [sen/kWh].
        tariff: terms for the residual.
        rules: redemption rules by version (K3).

    Returns:
        Allocation in order of (account, area, period), same slot before bank; residual, one row per
        (account, area, period). For each of these rows consumption = same slot + banked + residual.

    Raises:
        MalformedInput: a value outside its range, overlapping periods, a lot twice.
        UnknownReference: a period without a price, a banked lot without a known rule.
    """
    check_demand(demand)
    check_lots(lots)  # step 1
    demand = _added_up(demand)  # step 2
    price_sen = _prices_of(demand, prices)  # step 3
    slot, bank = _in_order(lots)  # step 4
    bank_from_s = np.maximum(bank.period_start_s + bank.duration_s, bank.redeem_from_s)
    bank_until_s = np.minimum(bank.expiry_s, bank.redeem_until_s)
    rule_index, minimum, cap = _rule_columns(bank.redeem_rule, rules)
    same_slot_wh, banked_wh = np.zeros(len(demand), np.int64), np.zeros(len(demand), np.int64)
    row, lot_row, before_wh, quantity_wh = kernels.settle(  # step 5
        _group(demand),
        demand.period_start_s,
        demand.period_start_s + demand.duration_s,
        demand.consumption_wh,
        price_sen,
        _group(slot),
        slot.period_start_s,
        slot.period_start_s + slot.duration_s,
        slot.end - slot.start,
        _group(bank),
        bank_from_s,
        bank_until_s,
        rule_index,
        bank.end - bank.start,
        minimum,
        cap,
        same_slot_wh,
        banked_wh,
    )
    residual_wh = demand.consumption_wh - same_slot_wh - banked_wh
    allocation = _allocation(demand, slot, bank, row, lot_row, before_wh, quantity_wh)  # step 6
    residual = Residual(
        **demand.columns(),
        same_slot_wh=same_slot_wh,
        banked_wh=banked_wh,
        residual_wh=residual_wh,
        price_sen=price_sen,
        spot_amount_e5=residual_wh * price_sen,
        tariff_amount_e5=residual_wh * tariff.energy_adder_sen,
    )
    return DaySettlement(allocation, residual)


def _allocation(
    demand: Demand, slot: Lots, bank: Lots, row: Int64s, lot_row: Int64s, before_wh: Int64s, quantity_wh: Int64s
) -> Allocation:
    def of_lot(name: str) -> Int64s:
        return np.concatenate((getattr(slot, name), getattr(bank, name)))[lot_row]

    start = of_lot("start") + before_wh
    return Allocation(
        account=demand.account[row],
        area=demand.area[row],
        period_start_s=demand.period_start_s[row],
        duration_s=demand.duration_s[row],
        lot=of_lot("lot"),
        bundle=of_lot("bundle"),
        start=start,
        end=start + quantity_wh,
        quantity_wh=quantity_wh,
        claim=np.where(lot_row < len(slot), Claim.SAME_SLOT, Claim.BANKED).astype(np.int64),
    )


def _group(table: Demand | Lots) -> Int64s:
    return table.account * AREA_SPAN + table.area


def _ordered(*keys: Int64s) -> Int64s | None:
    """Return the rows in order of the keys (first key first), or ``None`` if they are in order."""
    if len(keys[0]) < 2:
        return None
    tied = np.ones(len(keys[0]) - 1, np.bool_)
    for key in keys:
        step = np.diff(key)
        if np.any(tied & (step < 0)):
            return np.lexsort(keys[::-1]).astype(np.int64)
        tied &= step == 0
        if not tied.any():
            return None
    return None


def _added_up(demand: Demand) -> Demand:
    order = _ordered(_group(demand), demand.period_start_s)
    demand = demand if order is None else demand.take(order)
    if len(demand) == 0:
        return demand
    same_group = np.diff(_group(demand)) == 0
    same_start = np.diff(demand.period_start_s) == 0
    first = np.flatnonzero(np.concatenate(([True], ~(same_group & same_start))))
    if len(first) != len(demand):
        total = np.add.reduceat(demand.consumption_wh, first)
        longest = np.maximum.reduceat(demand.duration_s, first)
        _refuse_overlap(np.minimum.reduceat(demand.duration_s, first) != longest, demand.take(first))
        one = demand.take(first)
        demand = Demand(one.account, one.area, one.period_start_s, one.duration_s, total)
        check_range("demand.consumption_wh", total, 0, MAX_WH)
        same_group = np.diff(_group(demand)) == 0
    overlap = same_group & (demand.period_start_s[:-1] + demand.duration_s[:-1] > demand.period_start_s[1:])
    _refuse_overlap(overlap, demand)
    return demand


def _refuse_overlap(wrong: np.ndarray, demand: Demand) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        at = f"account {demand.account[row]} at {demand.period_start_s[row]}"
        rule = Text(
            en="periods of one account and area that do not overlap", ja="同じ口座・エリアの期間が重ならないこと"
        )
        raise MalformedInput("PERIODS_OVERLAP", "demand.period_start_s", at, rule)


def _prices_of(demand: Demand, prices: SpotPrices) -> Int64s:
    check_range("prices.area", prices.area, 0, AREA_SPAN - 2)
    check_range("prices.duration_s", prices.duration_s, 1, NEVER_S)
    check_range("prices.price_sen", prices.price_sen, MIN_PRICE_SEN, MAX_PRICE_SEN)
    order = np.lexsort((prices.period_start_s, prices.area)).astype(np.int64)
    prices = prices.take(order)
    end_s = prices.period_start_s + prices.duration_s
    again = (np.diff(prices.area) == 0) & (end_s[:-1] > prices.period_start_s[1:])
    if again.any():
        rule = Text(en="one price per area and period", ja="エリアと期間ごとに価格は1つ")
        at = int(prices.period_start_s[int(np.argmax(again))])
        raise MalformedInput("PRICES_OVERLAP", "prices.period_start_s", at, rule)
    area_first = np.searchsorted(prices.area, np.arange(AREA_SPAN + 1)).astype(np.int64)
    row = kernels.find_prices(
        _group(demand),
        demand.area,
        demand.period_start_s,
        demand.period_start_s + demand.duration_s,
        area_first,
        prices.period_start_s,
        end_s,
    )
    if len(row) and int(row.min()) < 0:
        missing = int(np.argmin(row))
        at_text = f"area {demand.area[missing]} at {demand.period_start_s[missing]}"
        rule = Text(
            en="a day-ahead price for every settled period", ja="精算するすべての期間に前日スポット価格があること"
        )
        raise UnknownReference("PRICE_MISSING", "prices", at_text, rule)
    return prices.price_sen[row]


def _in_order(lots: Lots) -> tuple[Lots, Lots]:
    """Return the same-slot lots and the banked lots, each in its total order (B4)."""
    claim = lots.kind == LotKind.ENERGY_CLAIM
    slot, bank = (
        (lots.take(np.flatnonzero(~claim)), lots.take(np.flatnonzero(claim))) if claim.any() else (lots, _NO_LOTS)
    )
    if (order := _ordered(_group(slot), slot.period_start_s, slot.expiry_s, slot.lot)) is not None:
        slot = slot.take(order)
    until_s = np.minimum(bank.expiry_s, bank.redeem_until_s)
    if (order := _ordered(_group(bank), until_s, bank.lot)) is not None:
        bank = bank.take(order)
    _refuse_twice(lots)
    return slot, bank


def _refuse_twice(lots: Lots) -> None:
    number = lots.lot
    if len(number) > 1 and np.any(np.diff(number) <= 0):
        number = np.sort(number)
    twice = np.diff(number) == 0
    if twice.any():
        rule = Text(en="each lot once", ja="同じロットは1行のみ")
        raise MalformedInput("LOT_TWICE", "lots.lot", int(number[int(np.argmax(twice))]), rule)


def _rule_columns(versions: Int64s, rules: Mapping[int, RedemptionRule]) -> tuple[Int64s, Int64s, Int64s]:
    """Return each lot's rule as an index, and by index the lowest price [sen/kWh] and the cap [Wh]."""
    used, index = np.unique(versions, return_inverse=True)
    terms = [redemption_rule(int(version), rules) for version in used]
    minimum = np.array([term.min_price_sen for term in terms], np.int64)
    cap = np.array([term.cap_per_slot_wh for term in terms], np.int64)
    return index.astype(np.int64), minimum, cap
