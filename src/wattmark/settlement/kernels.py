"""Settlement kernels: arrays in, arrays out; int64 Wh and sen/kWh; no float decides (B1, L6)."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Int64s = npt.NDArray[np.int64]


class DemandColumns(NamedTuple):
    """Consumption: account, area, period start [s], duration [s], [Wh]."""

    account: Int64s
    area: Int64s
    start_s: Int64s
    duration_s: Int64s
    wh: Int64s


class LotColumns(NamedTuple):
    """Lots: account, area, first serial, serial after the last, own period [s], window of a claim [s]."""

    account: Int64s
    area: Int64s
    first: Int64s
    after: Int64s
    start_s: Int64s
    end_s: Int64s
    from_s: Int64s
    until_s: Int64s


@njit(cache=True, nogil=True)
def overlap(first_wh: Int64s, second_wh: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """Return the overlaps of two cumulative sums: (index in first, index in second, Wh), B5.

    ``x_ij = max(0, min(D_i, Q_j) - max(D_i - d_i, Q_j - q_j))`` by two pointers. Rows come in order
    of the common axis and none holds 0 Wh (B4). What one side has beyond the other stays unmatched.
    """
    bound = len(first_wh) + len(second_wh)
    first_index = np.empty(bound, np.int64)
    second_index = np.empty(bound, np.int64)
    quantity_wh = np.empty(bound, np.int64)
    count = 0
    i = 0
    j = 0
    first_left = first_wh[0] if len(first_wh) else np.int64(0)
    second_left = second_wh[0] if len(second_wh) else np.int64(0)
    while i < len(first_wh) and j < len(second_wh):
        take = min(first_left, second_left)
        if take > 0:
            first_index[count] = i
            second_index[count] = j
            quantity_wh[count] = take
            count += 1
        first_left -= take
        second_left -= take
        if first_left == 0:
            i += 1
            if i < len(first_wh):
                first_left = first_wh[i]
        if second_left == 0:
            j += 1
            if j < len(second_wh):
                second_left = second_wh[j]
    return first_index[:count], second_index[:count], quantity_wh[:count]


@njit(cache=True, nogil=True)
def order_of_demand(demand: DemandColumns) -> tuple[bool, bool, int]:
    """Return whether rows are in order of (account, area, start), whether a key repeats, and a row that overlaps.

    The last is a row that begins before the one before it ends, in the same account and area, or -1; it
    says nothing where rows are not in order.
    """
    in_order = True
    repeats = False
    overlap_row = -1
    for i in range(1, len(demand.account)):
        step = demand.account[i] - demand.account[i - 1]
        if step == 0:
            step = demand.area[i] - demand.area[i - 1]
        if step > 0:
            continue
        if step < 0 or demand.start_s[i] < demand.start_s[i - 1]:
            in_order = False
            break
        if demand.start_s[i] == demand.start_s[i - 1]:
            repeats = True
        elif demand.start_s[i] < demand.start_s[i - 1] + demand.duration_s[i - 1]:
            overlap_row = i
    return in_order, repeats, overlap_row


@njit(cache=True, nogil=True)
def find_prices(
    demand: DemandColumns, area_first: Int64s, price_start_s: Int64s, price_end_s: Int64s, price_sen: Int64s
) -> tuple[Int64s, int]:
    """Return the price of each demand row [sen/kWh], and the first row whose period no price contains, or -1.

    Demand is in order of (account, area, start), prices of (area, start); the prices of area a are
    ``area_first[a] .. area_first[a + 1]``. Each account is walked once beside its area's prices.
    """
    found = np.zeros(len(demand.account), np.int64)
    missing = -1
    p = 0
    for i in range(len(demand.account)):
        area = demand.area[i]
        last = area_first[area + 1]
        start_s = demand.start_s[i]
        if i == 0 or demand.account[i] != demand.account[i - 1] or area != demand.area[i - 1]:
            p = area_first[area]
        while p < last and price_end_s[p] <= start_s:
            p += 1
        if p < last and price_start_s[p] <= start_s and start_s + demand.duration_s[i] <= price_end_s[p]:
            found[i] = price_sen[p]
        elif missing < 0:
            missing = i
    return found, missing


@njit(cache=True, nogil=True)
def follows(account: int, area: int, other_account: int, other_area: int) -> int:
    """Return -1, 0 or 1: how (account, area) compares with the other."""
    if account != other_account:
        return 1 if account > other_account else -1
    if area != other_area:
        return 1 if area > other_area else -1
    return 0


@njit(cache=True, nogil=True)
def most_banked_rows(demand: DemandColumns, lots: LotColumns, bank: Int64s, rules: int) -> int:
    """Return a bound on the banked rows: in an account with claims each period ends at most one row more per rule."""
    bound = len(bank)
    b = 0
    for i in range(len(demand.account)):
        while (
            b < len(bank) and follows(lots.account[bank[b]], lots.area[bank[b]], demand.account[i], demand.area[i]) < 0
        ):
            b += 1
        if b < len(bank) and lots.account[bank[b]] == demand.account[i] and lots.area[bank[b]] == demand.area[i]:
            bound += rules + 1
    return bound


@njit(cache=True, nogil=True)
def settle(
    demand: DemandColumns,
    price_sen: Int64s,
    lots: LotColumns,
    slot: Int64s,
    bank: Int64s,
    rule: Int64s,
    rule_min_price_sen: Int64s,
    rule_cap_wh: Int64s,
    cover_wh: Int64s,
) -> tuple[Int64s, Int64s, Int64s, Int64s]:
    """Settle consumption against own lots; return (demand row, lot row, first serial, Wh) of each range.

    ``slot`` and ``bank`` are rows of ``lots``: same-slot lots in order of (account, area, start, expiry,
    lot), banked ones of (account, area, until, lot); ``rule[b]`` is the rule of ``bank[b]``. Demand is in
    order of (account, area, start). ``cover_wh[0]`` and ``cover_wh[1]`` receive the Wh covered from the
    same slot and from the bank per demand row.

    Same slot first (B5 with one demand per period): a lot serves its own period only (B2 e). Then the
    bank, in time order of the periods, first expiring first: a banked lot serves a period that begins at
    ``from`` or later, ends by ``until``, whose day-ahead price is at least its rule's, up to the rule's
    cap per period (K3). Nothing later than the period is read.
    """
    rules = len(rule_cap_wh)
    bound = len(slot)
    if len(bank):
        bound += most_banked_rows(demand, lots, bank, rules)
    out_demand = np.empty(bound, np.int64)
    out_lot = np.empty(bound, np.int64)
    out_start = np.empty(bound, np.int64)
    out_wh = np.empty(bound, np.int64)
    next_serial = np.empty(len(bank), np.int64)
    for b in range(len(bank)):
        next_serial[b] = lots.first[bank[b]]
    room_wh = np.empty(rules, np.int64)
    count = 0
    s = 0
    bank_low = 0
    bank_high = 0
    for i in range(len(demand.account)):
        account = demand.account[i]
        area = demand.area[i]
        start_s = demand.start_s[i]
        end_s = start_s + demand.duration_s[i]
        left = demand.wh[i]
        while s < len(slot):
            row = slot[s]
            place = follows(lots.account[row], lots.area[row], account, area)
            if place > 0 or (place == 0 and lots.start_s[row] > start_s):
                break
            if place == 0 and left > 0 and lots.start_s[row] == start_s and lots.end_s[row] == end_s:
                take = min(left, lots.after[row] - lots.first[row])
                out_demand[count] = i
                out_lot[count] = row
                out_start[count] = lots.first[row]
                out_wh[count] = take
                count += 1
                left -= take
            s += 1
        cover_wh[0, i] = demand.wh[i] - left
        if len(bank) == 0:
            continue
        if i == 0 or account != demand.account[i - 1] or area != demand.area[i - 1]:
            bank_low = bank_high
            while (
                bank_low < len(bank)
                and follows(lots.account[bank[bank_low]], lots.area[bank[bank_low]], account, area) < 0
            ):
                bank_low += 1
            bank_high = bank_low
            while (
                bank_high < len(bank)
                and follows(lots.account[bank[bank_high]], lots.area[bank[bank_high]], account, area) == 0
            ):
                bank_high += 1
        while bank_low < bank_high and (
            next_serial[bank_low] == lots.after[bank[bank_low]] or lots.until_s[bank[bank_low]] < end_s
        ):
            bank_low += 1
        if left == 0 or bank_low == bank_high:
            continue
        after_slot = left
        for r in range(rules):
            room_wh[r] = rule_cap_wh[r] if price_sen[i] >= rule_min_price_sen[r] else 0
        for b in range(bank_low, bank_high):
            row = bank[b]
            take = min(left, lots.after[row] - next_serial[b], room_wh[rule[b]])
            if take > 0 and lots.from_s[row] <= start_s:  # none has lapsed: the first of them has not
                out_demand[count] = i
                out_lot[count] = row
                out_start[count] = next_serial[b]
                out_wh[count] = take
                count += 1
                next_serial[b] += take
                room_wh[rule[b]] -= take
                left -= take
                if left == 0:
                    break
        cover_wh[1, i] = after_slot - left
    return out_demand[:count], out_lot[:count], out_start[:count], out_wh[:count]


@njit(cache=True, nogil=True)
def floor_shares(quantity: Int64s, pot: int, asked: int) -> tuple[Int64s, Int64s]:
    """Return ``divmod(quantity[i] * pot, asked)`` per row, for ``pot <= asked < 2^61`` (J16).

    The product may need 128 bits, so it is built bit by bit: after each step the remainder is below
    ``asked``, hence nothing overflows.
    """
    share = np.empty(len(quantity), np.int64)
    remainder = np.empty(len(quantity), np.int64)
    for i in range(len(quantity)):
        quotient = np.int64(0)
        rest = np.int64(0)
        bit = np.int64(1)
        while bit <= quantity[i] // 2:
            bit *= 2
        while bit > 0:
            quotient *= 2
            rest *= 2
            if quantity[i] & bit:
                rest += pot
            while rest >= asked:
                rest -= asked
                quotient += 1
            bit //= 2
        share[i] = quotient
        remainder[i] = rest
    return share, remainder
