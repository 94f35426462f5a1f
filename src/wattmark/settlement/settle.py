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
from wattmark.settlement.tariff import Tariff
from wattmark.tokens.lot import Claim, LotKind

_CLAIM_OF_KIND: Final = np.array([0, Claim.SAME_SLOT, Claim.BANKED, Claim.SAME_SLOT], np.int64)
"""Claim by ``LotKind``."""


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
    wanted = _demand_columns(demand)
    price_sen = _prices_of(demand, wanted, prices)  # step 3
    until_s = np.minimum(lots.expiry_s, lots.redeem_until_s)
    slot, bank = _in_order(lots, until_s)  # step 4
    rule_index, minimum, cap = _rule_columns(lots.redeem_rule[bank], rules)
    lot_end_s = lots.period_start_s + lots.duration_s
    held = kernels.LotColumns(
        account=lots.account,
        area=lots.area,
        first=lots.start,
        after=lots.end,
        start_s=lots.period_start_s,
        end_s=lot_end_s,
        from_s=np.maximum(lot_end_s, lots.redeem_from_s),
        until_s=until_s,
    )
    cover_wh = np.zeros((2, len(demand)), np.int64)
    row, lot_row, start, quantity_wh = kernels.settle(  # step 5
        wanted, price_sen, held, slot, bank, rule_index, minimum, cap, cover_wh
    )
    allocation = Allocation(  # step 6
        account=demand.account[row],
        area=demand.area[row],
        period_start_s=demand.period_start_s[row],
        duration_s=demand.duration_s[row],
        lot=lots.lot[lot_row],
        bundle=lots.bundle[lot_row],
        start=start,
        end=start + quantity_wh,
        quantity_wh=quantity_wh,
        claim=_CLAIM_OF_KIND[lots.kind[lot_row]],
    )
    residual_wh = demand.consumption_wh - cover_wh[0] - cover_wh[1]
    residual = Residual(
        **demand.columns(),
        same_slot_wh=cover_wh[0],
        banked_wh=cover_wh[1],
        residual_wh=residual_wh,
        price_sen=price_sen,
        spot_amount_e5=residual_wh * price_sen,
        tariff_amount_e5=residual_wh * tariff.energy_adder_sen,
    )
    return DaySettlement(allocation, residual)


def _demand_columns(demand: Demand) -> kernels.DemandColumns:
    return kernels.DemandColumns(*demand.columns().values())


def _order(*keys: Int64s) -> Int64s:
    """Return the rows in order of the keys, first key first."""
    return np.lexsort(keys[::-1]).astype(np.int64)


def _is_in_order(*keys: Int64s) -> bool:
    tied = np.ones(max(0, len(keys[0]) - 1), np.bool_)
    for key in keys:
        step = np.diff(key)
        if np.any(tied & (step < 0)):
            return False
        tied &= step == 0
        if not tied.any():
            return True
    return True


def _added_up(demand: Demand) -> Demand:
    in_order, repeats, overlap_row = kernels.order_of_demand(_demand_columns(demand))
    if not in_order:
        demand = demand.take(_order(demand.account, demand.area, demand.period_start_s))
        _, repeats, overlap_row = kernels.order_of_demand(_demand_columns(demand))
    if repeats:
        demand = _one_per_period(demand)
        _, _, overlap_row = kernels.order_of_demand(_demand_columns(demand))
    if overlap_row >= 0:
        raise _overlap(demand, overlap_row)
    return demand


def _one_per_period(demand: Demand) -> Demand:
    new = np.ones(len(demand), np.bool_)
    new[1:] = (np.diff(demand.account) != 0) | (np.diff(demand.area) != 0) | (np.diff(demand.period_start_s) != 0)
    first = np.flatnonzero(new)
    one = demand.take(first)
    unequal = np.minimum.reduceat(demand.duration_s, first) != np.maximum.reduceat(demand.duration_s, first)
    if unequal.any():
        raise _overlap(one, int(np.argmax(unequal)))
    total = np.add.reduceat(demand.consumption_wh, first)
    check_range("demand.consumption_wh", total, 0, MAX_WH)
    return Demand(one.account, one.area, one.period_start_s, one.duration_s, total)


def _overlap(demand: Demand, row: int) -> MalformedInput:
    at = f"account {demand.account[row]} at {demand.period_start_s[row]}"
    rule = Text(en="periods of one account and area that do not overlap", ja="同じ口座・エリアの期間が重ならないこと")
    return MalformedInput("PERIODS_OVERLAP", "demand.period_start_s", at, rule)


def _prices_of(demand: Demand, wanted: kernels.DemandColumns, prices: SpotPrices) -> Int64s:
    check_range("prices.area", prices.area, 0, AREA_SPAN - 2)
    check_range("prices.duration_s", prices.duration_s, 1, NEVER_S)
    check_range("prices.price_sen", prices.price_sen, MIN_PRICE_SEN, MAX_PRICE_SEN)
    prices = prices.take(_order(prices.area, prices.period_start_s))
    end_s = prices.period_start_s + prices.duration_s
    again = (np.diff(prices.area) == 0) & (end_s[:-1] > prices.period_start_s[1:])
    if again.any():
        rule = Text(en="one price per area and period", ja="エリアと期間ごとに価格は1つ")
        at = int(prices.period_start_s[int(np.argmax(again))])
        raise MalformedInput("PRICES_OVERLAP", "prices.period_start_s", at, rule)
    area_first = np.searchsorted(prices.area, np.arange(AREA_SPAN + 1)).astype(np.int64)
    price_sen: Int64s
    price_sen, missing = kernels.find_prices(wanted, area_first, prices.period_start_s, end_s, prices.price_sen)
    if missing >= 0:
        at_text = f"area {demand.area[missing]} at {demand.period_start_s[missing]}"
        rule = Text(
            en="a day-ahead price for every settled period", ja="精算するすべての期間に前日スポット価格があること"
        )
        raise UnknownReference("PRICE_MISSING", "prices", at_text, rule)
    return price_sen


def _in_order(lots: Lots, until_s: Int64s) -> tuple[Int64s, Int64s]:
    """Return the rows of the same-slot lots and of the banked lots, each in its total order (B4)."""
    claim = lots.kind == LotKind.ENERGY_CLAIM
    slot, bank = np.flatnonzero(~claim).astype(np.int64), np.flatnonzero(claim).astype(np.int64)
    slot_keys = (lots.account, lots.area, lots.period_start_s, lots.expiry_s, lots.lot)
    bank_keys = (lots.account, lots.area, until_s, lots.lot)
    _refuse_twice(lots)
    return _rows_in_order(slot, slot_keys), _rows_in_order(bank, bank_keys)


def _rows_in_order(rows: Int64s, keys: tuple[Int64s, ...]) -> Int64s:
    chosen = keys if len(rows) == len(keys[0]) else tuple(key[rows] for key in keys)
    return rows if _is_in_order(*chosen) else rows[_order(*chosen)]


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
