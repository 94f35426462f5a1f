"""Settlement kernels: arrays in, arrays out; int64 Wh and sen/kWh; no float decides (B1, L6)."""

import numpy as np
import numpy.typing as npt
from numba import njit

Int64s = npt.NDArray[np.int64]


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
def find_prices(
    group: Int64s,
    area: Int64s,
    start_s: Int64s,
    end_s: Int64s,
    area_first: Int64s,
    price_start_s: Int64s,
    price_end_s: Int64s,
) -> Int64s:
    """Return for each demand row the price row whose period contains it, or -1.

    Demand rows are in order of (group, start); price rows of (area, start); the rows of area a are
    ``area_first[a] .. area_first[a + 1]``. Each group is walked once beside its area's prices.
    """
    row = np.empty(len(start_s), np.int64)
    p = 0
    for i in range(len(start_s)):
        last = area_first[area[i] + 1]
        if i == 0 or group[i] != group[i - 1]:
            p = area_first[area[i]]
        while p < last and price_end_s[p] <= start_s[i]:
            p += 1
        inside = p < last and price_start_s[p] <= start_s[i] and end_s[i] <= price_end_s[p]
        row[i] = p if inside else -1
    return row


@njit(cache=True, nogil=True)
def settle(
    group: Int64s,
    start_s: Int64s,
    end_s: Int64s,
    consumption_wh: Int64s,
    price_sen: Int64s,
    slot_group: Int64s,
    slot_start_s: Int64s,
    slot_end_s: Int64s,
    slot_wh: Int64s,
    bank_group: Int64s,
    bank_from_s: Int64s,
    bank_until_s: Int64s,
    bank_rule: Int64s,
    bank_wh: Int64s,
    rule_min_price_sen: Int64s,
    rule_cap_wh: Int64s,
    same_slot_wh: Int64s,
    banked_wh: Int64s,
) -> tuple[Int64s, Int64s, Int64s, Int64s]:
    """Settle consumption against own lots; return (demand row, lot row, Wh before in the lot, Wh).

    A group is one account in one area. Sorted by (group, start): the demand; by (group, start,
    expiry, lot): the same-slot lots; by (group, until, lot): the banked lots. Lot rows below
    ``len(slot_group)`` are same-slot lots, the rest banked ones. ``same_slot_wh`` and ``banked_wh``
    are filled per demand row.

    Same slot first (B5 with one demand per period): a lot serves its own period only (B2 e). Then the bank, in time order of the periods, first expiring first: a banked lot
    serves a period that begins at ``from`` or later, ends by ``until``, whose day-ahead price is at
    least its rule's, up to the rule's cap per period (K3). Nothing later than the period is read.
    """
    slots = len(slot_group)
    rules = len(rule_cap_wh)
    bound = slots
    if len(bank_group):
        bound += len(bank_group) + len(group) * (rules + 1)
    out_demand = np.empty(bound, np.int64)
    out_lot = np.empty(bound, np.int64)
    out_before = np.empty(bound, np.int64)
    out_wh = np.empty(bound, np.int64)
    bank_left = bank_wh.copy()
    room_wh = np.empty(rules, np.int64)
    count = 0
    s = 0
    bank_low = 0
    bank_high = 0
    for i in range(len(group)):
        this = group[i]
        if i == 0 or this != group[i - 1]:
            bank_low = bank_high
            while bank_low < len(bank_group) and bank_group[bank_low] < this:
                bank_low += 1
            bank_high = bank_low
            while bank_high < len(bank_group) and bank_group[bank_high] == this:
                bank_high += 1
        left = consumption_wh[i]
        while s < slots and (slot_group[s] < this or (slot_group[s] == this and slot_start_s[s] < start_s[i])):
            s += 1
        while s < slots and slot_group[s] == this and slot_start_s[s] < end_s[i]:
            if left > 0 and slot_start_s[s] == start_s[i] and slot_end_s[s] == end_s[i]:
                take = min(left, slot_wh[s])
                out_demand[count] = i
                out_lot[count] = s
                out_before[count] = 0
                out_wh[count] = take
                count += 1
                left -= take
            s += 1
        same_slot_wh[i] = consumption_wh[i] - left
        after_slot = left
        while bank_low < bank_high and (bank_left[bank_low] == 0 or bank_until_s[bank_low] < end_s[i]):
            bank_low += 1
        if left > 0 and bank_low < bank_high:
            for r in range(rules):
                room_wh[r] = rule_cap_wh[r] if price_sen[i] >= rule_min_price_sen[r] else 0
            for b in range(bank_low, bank_high):
                r = bank_rule[b]
                take = min(left, bank_left[b], room_wh[r])
                if take > 0 and bank_from_s[b] <= start_s[i] and end_s[i] <= bank_until_s[b]:
                    out_demand[count] = i
                    out_lot[count] = slots + b
                    out_before[count] = bank_wh[b] - bank_left[b]
                    out_wh[count] = take
                    count += 1
                    bank_left[b] -= take
                    room_wh[r] -= take
                    left -= take
                    if left == 0:
                        break
        banked_wh[i] = after_slot - left
    return out_demand[:count], out_lot[:count], out_before[:count], out_wh[:count]


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
