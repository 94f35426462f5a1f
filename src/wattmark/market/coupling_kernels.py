"""Market splitting over the steps of one auction: weights per tick, sums at a price, whole units for every step.

A step is an order or a row of a curve: price [sen/kWh], quantity, side, area (from 1). Price 0 is a market
order (J17): a sell stands at 0, a buy at the ceiling. A tick is found in two levels, bucket and tick within.
Rows of ``sums`` are areas, its columns ``SELL_BELOW`` and so on: quantities on either side of the area's price.
"""

import numba
import numpy as np

from wattmark.market.layout import BUY, SELL

STEP_BUCKET_BITS = 10
"""Ticks of a bucket: 2^10."""
STEP_VALUE_BITS = 24
"""Values are summed in two words: price times the quantity's low bits, and times the others."""

# columns of the sums of an area
SELL_BELOW = 0
SELL_AT = 1
BUY_AT = 2
BUY_ABOVE = 3
BUY_MARKET = 4
SELL_VALUE_HIGH = 5
SELL_VALUE_LOW = 6
BUY_VALUE_HIGH = 7
BUY_VALUE_LOW = 8
SUM_WORDS = 9


@numba.njit(cache=True, nogil=True, _nrt=False)
def weigh_buckets(price, quantity, side, area, ceiling, most, weight, buys):
    """Add each step to its area's bucket; return the first row that is no step, or -1.

    ``weight`` int64[areas, buckets] takes sells and buys alike: excess supply at a tick is the weight up to it
    less all buys of the area, ``buys`` int64[areas]. All quantities together may not exceed ``most``.
    """
    left = most
    for i in range(price.size):
        row = area[i] - 1
        at = price[i]
        if (
            row < 0
            or row >= buys.size
            or at < 0
            or at > ceiling
            or quantity[i] < 1
            or quantity[i] > left
            or (side[i] != BUY and side[i] != SELL)
        ):
            return i
        left -= quantity[i]
        if side[i] == BUY:
            buys[row] += quantity[i]
            if at == 0:
                at = ceiling
        weight[row, at >> STEP_BUCKET_BITS] += quantity[i]
    return -1


@numba.njit(cache=True, nogil=True, _nrt=False)
def weigh_ticks(price, quantity, side, area, ceiling, bucket, weight):
    """Add each step that stands in its area's ``bucket`` to its tick: ``weight`` int64[areas, ticks per bucket]."""
    mask = (1 << STEP_BUCKET_BITS) - 1
    for i in range(price.size):
        row = area[i] - 1
        at = price[i]
        if at == 0 and side[i] == BUY:
            at = ceiling
        if at >> STEP_BUCKET_BITS == bucket[row]:
            weight[row, at & mask] += quantity[i]


@numba.njit(cache=True, nogil=True, _nrt=False)
def running_sums(weight, before):
    """Turn weights into sums up to and with each column, starting from ``before`` int64[rows]."""
    for row in range(weight.shape[0]):
        total = before[row]
        for column in range(weight.shape[1]):
            total += weight[row, column]
            weight[row, column] = total


@numba.njit(cache=True, nogil=True, _nrt=False)
def sum_sides(price, quantity, side, area, ceiling, at_price, sums):
    """Sum each area's steps better than its price, and at it; values of the better ones in two words."""
    mask = (1 << STEP_VALUE_BITS) - 1
    for i in range(price.size):
        row = area[i] - 1
        at = price[i]
        if side[i] == SELL:
            if at < at_price[row]:
                sums[row, SELL_BELOW] += quantity[i]
                sums[row, SELL_VALUE_HIGH] += at * (quantity[i] >> STEP_VALUE_BITS)
                sums[row, SELL_VALUE_LOW] += at * (quantity[i] & mask)
            elif at == at_price[row]:
                sums[row, SELL_AT] += quantity[i]
        else:
            stands = ceiling if at == 0 else at
            if stands > at_price[row]:
                sums[row, BUY_ABOVE] += quantity[i]
                sums[row, BUY_VALUE_HIGH] += stands * (quantity[i] >> STEP_VALUE_BITS)
                sums[row, BUY_VALUE_LOW] += stands * (quantity[i] & mask)
            elif stands == at_price[row]:
                sums[row, BUY_AT] += quantity[i]
                if at == 0:
                    sums[row, BUY_MARKET] += quantity[i]


@numba.njit(cache=True, nogil=True, _nrt=False)
def share(quantity, left, asked):
    """Return (quotient, remainder) of quantity x left / asked; left <= asked < 2^61."""
    if quantity == 0 or left <= (1 << 62) // quantity:
        return quantity * left // asked, quantity * left % asked
    quotient = 0 * asked
    rest = 0 * asked
    for bit in range(61, -1, -1):
        quotient <<= 1
        rest <<= 1
        if rest >= asked:
            rest -= asked
            quotient += 1
        if (quantity >> bit) & 1:
            rest += left
            if rest >= asked:
                rest -= asked
                quotient += 1
    return quotient, rest


@numba.njit(cache=True, nogil=True)
def ration_rows(quantity, rows, left, asked, accepted):
    """Give ``rows``, earliest first, ``left`` of the ``asked`` units they want: largest remainders (J16)."""
    remainder = np.empty(rows.size, np.int64)
    given = np.int64(0)
    for i in range(rows.size):
        whole, rest = share(quantity[rows[i]], left, asked)
        accepted[rows[i]] = whole
        remainder[i] = rest
        given += whole
    over = left - given
    if over == 0:
        return
    # the least remainder that no more rows exceed than there are odd units: those get one, then the earliest at it
    low = np.int64(0)
    high = asked
    while low < high:
        bound = low + ((high - low) >> 1)
        above = np.int64(0)
        for i in range(rows.size):
            if remainder[i] > bound:
                above += 1
        if above > over:
            low = bound + 1
        else:
            high = bound
    for i in range(rows.size):
        if remainder[i] > low:
            accepted[rows[i]] += 1
            over -= 1
    for i in range(rows.size):
        if over > 0 and remainder[i] == low:
            accepted[rows[i]] += 1
            over -= 1


@numba.njit(cache=True, nogil=True)
def fill_steps(price, quantity, side, area, ceiling, at_price, sums, sold_at, bought_at, accepted):
    """Write every step's accepted units: better than the price whole, at it by J16, market before limit orders.

    ``sold_at`` and ``bought_at`` int64[areas] are what each area trades at its boundary tick.
    """
    areas = at_price.size
    # what a row at the boundary finds: 0 nothing, 1 its whole quantity, 2 a share
    rule = np.zeros((3 * areas,), np.int64)
    left = np.zeros((3 * areas,), np.int64)
    asked = np.zeros((3 * areas,), np.int64)
    start = np.zeros((3 * areas + 1,), np.int64)
    for row in range(areas):
        market = min(bought_at[row], sums[row, BUY_MARKET])
        left[3 * row] = sold_at[row]
        asked[3 * row] = sums[row, SELL_AT]
        left[3 * row + 1] = market
        asked[3 * row + 1] = sums[row, BUY_MARKET]
        left[3 * row + 2] = bought_at[row] - market
        asked[3 * row + 2] = sums[row, BUY_AT] - sums[row, BUY_MARKET]
    for key in range(3 * areas):
        if left[key] == asked[key]:
            rule[key] = 1
        elif left[key] > 0:
            rule[key] = 2
    for i in range(price.size):
        row = area[i] - 1
        at = price[i]
        key = 3 * row
        better = at < at_price[row]
        if side[i] == BUY:
            key += 1 if at == 0 else 2
            if at == 0:
                at = ceiling
            better = at > at_price[row]
        accepted[i] = 0
        if better:
            accepted[i] = quantity[i]
        elif at == at_price[row]:
            if rule[key] == 1:
                accepted[i] = quantity[i]
            elif rule[key] == 2:
                accepted[i] = -1
                start[key + 1] += 1
    for key in range(3 * areas):
        start[key + 1] += start[key]
    rows = np.empty((start[3 * areas],), np.int64)
    if rows.size == 0:
        return
    end = np.empty((3 * areas,), np.int64)
    for key in range(3 * areas):
        end[key] = start[key]
    for i in range(price.size):
        if accepted[i] < 0:
            key = 3 * (area[i] - 1)
            if side[i] == BUY:
                key += 1 if price[i] == 0 else 2
            rows[end[key]] = i
            end[key] += 1
    for key in range(3 * areas):
        if end[key] > start[key]:
            ration_rows(quantity, rows[start[key] : end[key]], left[key], asked[key], accepted)
