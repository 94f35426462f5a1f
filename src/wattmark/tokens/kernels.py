"""Moves of serial ranges between lots: arrays in, arrays out; the caller has checked every rule.

A lot is the range [start, end) of one bundle. Taking [a, b) out of it leaves the old row with the left
remainder (or, when the range begins at the start, with the right one), so ranges always partition
their parent (L2). Every Wh counter of the bundle moves with its tokens (L1).
"""

import numba
import numpy as np

from wattmark.tokens.layout import (
    B_EXPIRED_WH,
    B_HELD_WH,
    B_RESERVED_WH,
    B_RETIRED_WH,
    B_WITHDRAWN_WH,
    EXPIRED,
    HELD,
    L_BUNDLE,
    L_CLAIM,
    L_CLAIM_PERIOD_S,
    L_END,
    L_OWNER,
    L_REF,
    L_SINCE_MS,
    L_START,
    L_STATE,
    NO_REF,
    RESERVED,
    RETIRED,
)


@numba.njit(cache=True, nogil=True, _nrt=False)
def counter_of_state(state):
    """Return the column of ``bundles`` that counts the Wh in a lot state (L1)."""
    if state == HELD:
        return B_HELD_WH
    if state == RESERVED:
        return B_RESERVED_WH
    if state == RETIRED:
        return B_RETIRED_WH
    if state == EXPIRED:
        return B_EXPIRED_WH
    return B_WITHDRAWN_WH


@numba.njit(cache=True, nogil=True, _nrt=False)
def copy_lot(lots, count, lot, start, end):
    """Write row ``count`` as a copy of ``lot`` with another range; return the row."""
    for word in range(lots.shape[1]):
        lots[count, word] = lots[lot, word]
    lots[count, L_START] = start
    lots[count, L_END] = end
    return count


@numba.njit(cache=True, nogil=True, _nrt=False)
def take_range(lots, count, lot, start, end):
    """Cut [start, end) out of a lot that contains it.

    Returns:
        (row of the taken part, new number of rows): the lot itself when the range is the whole of it.
    """
    first = lots[lot, L_START]
    last = lots[lot, L_END]
    if start == first and end == last:
        return lot, count
    taken = copy_lot(lots, count, lot, start, end)
    count += 1
    if start == first:
        lots[lot, L_START] = end
        return taken, count
    lots[lot, L_END] = start
    if end < last:
        copy_lot(lots, count, lot, end, last)
        count += 1
    return taken, count


@numba.njit(cache=True, nogil=True, _nrt=False)
def set_state(lots, bundles, lot, state, now_ms):
    """Move a whole lot to a state and its Wh to that state's counter (L1)."""
    bundle = lots[lot, L_BUNDLE]
    quantity = lots[lot, L_END] - lots[lot, L_START]
    bundles[bundle, counter_of_state(lots[lot, L_STATE])] -= quantity
    bundles[bundle, counter_of_state(state)] += quantity
    lots[lot, L_STATE] = state
    lots[lot, L_SINCE_MS] = now_ms


@numba.njit(cache=True, nogil=True, _nrt=False)
def set_owner(lots, lot, owner, now_ms):
    """Give a whole lot to an owner."""
    lots[lot, L_OWNER] = owner
    lots[lot, L_REF] = NO_REF
    lots[lot, L_SINCE_MS] = now_ms


@numba.njit(cache=True, nogil=True, _nrt=False)
def set_claim(lots, lot, beneficiary, claim, period_s):
    """Note for whom and for which period a lot was retired."""
    lots[lot, L_REF] = beneficiary
    lots[lot, L_CLAIM] = claim
    lots[lot, L_CLAIM_PERIOD_S] = period_s


@numba.njit(cache=True, nogil=True, _nrt=True)
def bundle_balances(lots, n_lots, n_bundles):
    """Return int64[n_bundles, 6]: Wh in states 1 to 5 per bundle, counted from the lots (L1)."""
    balances = np.zeros((n_bundles, 6), np.int64)
    for lot in range(n_lots):
        balances[lots[lot, L_BUNDLE], lots[lot, L_STATE]] += lots[lot, L_END] - lots[lot, L_START]
    return balances
