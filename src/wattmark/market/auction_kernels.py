"""The call auction over columns of orders: its price and total, and what each order gets (J12-J17).

Theory of operation. Nothing is sorted. The tick is found by digits: a pass adds up each side's quantities by the
first eleven bits of their ticks, the digit in which supply meets demand is known from that, and the next pass looks
at its ticks only. One more pass gives better orders all and worse ones nothing, and lists the orders of the boundary
tick. There the shares are exact integers, and who gets one unit more is found by digits again: the least remainder
that still gets one. The order of rows changes neither price nor total, only who is earliest among equal remainders.

A market sell stands at 0 and a market buy at the upper limit (J17): that is the price its row carries here;
``is_market`` matters at the boundary tick only. An optional column that is not given has length 0; ``sides`` then
means that all rows are of the wanted side, ``arrivals`` that rows stand earliest first.
"""

import numba
import numpy as np

from wattmark.market.layout import BUY, SELL

DIGIT_BITS = 11
DIGITS = 2048
MAX_TOTAL = 1 << 62
"""What one side may not reach in all: sums and shares stay in 64 bits."""
MAX_PRODUCT = (1 << 63) - 1
HALF_BITS = 31
HALF = (1 << 31) - 1
LOW_62 = (1 << 62) - 1
ESTIMATE_QUANTITY = 1 << 48
"""Below it five roundings in double precision put a quotient off by less than a sixth."""
ESTIMATE_ASKED = 1 << 61

COLUMNS_OK = 0
PRICE_INVALID = 1
QUANTITY_INVALID = 2
TOTAL_INVALID = 3


@numba.njit(cache=True, nogil=True, _nrt=False)
def check_and_add(prices, quantities, sides, side, lowest, highest, least, shift, digits):
    """Check a side's orders and add up their quantities by price >> shift; return (status, total or bad row)."""
    total = np.int64(0)
    for i in range(prices.size):
        if sides.size and sides[i] != side:
            continue
        price = prices[i]
        quantity = quantities[i]
        if price < lowest or price > highest:
            return PRICE_INVALID, i
        if quantity < least:
            return QUANTITY_INVALID, i
        if quantity >= MAX_TOTAL - total:
            return TOTAL_INVALID, i
        total += quantity
        digits[price >> shift] += quantity
    return COLUMNS_OK, total


@numba.njit(cache=True, nogil=True, _nrt=False)
def add_within(prices, quantities, sides, side, base, width, shift, digits):
    """Add up a side's quantities with base <= price < base + 2^width, by (price - base) >> shift."""
    prefix = base >> width
    for i in range(prices.size):
        if prices[i] >> width == prefix and (sides.size == 0 or sides[i] == side):
            digits[(prices[i] - base) >> shift] += quantities[i]


@numba.njit(cache=True, nogil=True, _nrt=False)
def find_tick(sell_price, sell_quantity, buy_price, buy_quantity, sides, highest, least, digits):
    """Return (status, side, tick, quantity): the lowest tick p with S(p) >= D(just above p) (J13-J15).

    Sells may stand at 0 to ``highest``, buys at 1 to ``highest``, each with ``least`` units or more. Where ``status``
    is not ``COLUMNS_OK``, ``side`` has a bad order and the third number is its row. ``digits`` is int64[2, 2048], of
    any content. Quantity 0 means no price.
    """
    width = 0
    while highest >> width:
        width += 1
    shift = max(width - DIGIT_BITS, 0)
    digits[:] = 0
    status, row = check_and_add(sell_price, sell_quantity, sides, SELL, 0, highest, least, shift, digits[0])
    if status != COLUMNS_OK:
        return status, SELL, row, np.int64(0)
    status, above = check_and_add(buy_price, buy_quantity, sides, BUY, 1, highest, least, shift, digits[1])
    if status != COLUMNS_OK:
        return status, BUY, above, np.int64(0)
    supply = np.int64(0)
    base = np.int64(0)
    while True:
        digit = 0
        while supply + digits[0, digit] < above - digits[1, digit]:
            supply += digits[0, digit]
            above -= digits[1, digit]
            digit += 1
        base += digit << shift
        if shift == 0:
            return COLUMNS_OK, SELL, base, min(supply + digits[0, digit], above)
        width = shift
        shift = max(width - DIGIT_BITS, 0)
        digits[:] = 0
        add_within(sell_price, sell_quantity, sides, SELL, base, width, shift, digits[0])
        add_within(buy_price, buy_quantity, sides, BUY, base, width, shift, digits[1])


@numba.njit(cache=True, nogil=True, _nrt=False)
def highest_of(first, second):
    """Return the highest of two columns of numbers from 0, or 0."""
    highest = np.int64(0)
    for i in range(first.size):
        highest = max(highest, first[i])
    for i in range(second.size):
        highest = max(highest, second[i])
    return highest


@numba.njit(cache=True, nogil=True, _nrt=True)
def clearing_price(sell_price, sell_quantity, buy_price, buy_quantity):
    """Return (tick, quantity) of valid orders in any order, of 0 units or more (J12-J15); quantity 0 means no price.

    The tick is 0 when market sells are enough: what is published is at least one sen (J17).
    """
    highest = highest_of(sell_price, buy_price)
    digits = np.empty((2, DIGITS), np.int64)
    sides = np.empty(0, np.int8)
    _, _, tick, quantity = find_tick(sell_price, sell_quantity, buy_price, buy_quantity, sides, highest, 0, digits)
    return tick, quantity


@numba.njit(cache=True, nogil=True, _nrt=False)
def low_product(a, b):
    """Return the low 62 bits of a product of two numbers below 2^62, without overflow."""
    cross = (((a >> HALF_BITS) * (b & HALF)) & HALF) + (((a & HALF) * (b >> HALF_BITS)) & HALF)
    return (((cross & HALF) << HALF_BITS) + (a & HALF) * (b & HALF)) & LOW_62


@numba.njit(cache=True, nogil=True, _nrt=False)
def share_of(quantity, left, asked):
    """Return (quotient, remainder) of quantity x left / asked; 0 <= quantity, left <= asked < 2^62, asked > 0.

    Exact in three ways: as it stands where the product has 63 bits; from an estimate that is right or one too
    small, whose remainder below 2^62 decides; bit by bit for the few orders of 2^48 and more that fit in a side.
    """
    if left == 0 or quantity <= MAX_PRODUCT // left:
        product = quantity * left
        quotient = product // asked
        return quotient, product - quotient * asked
    if quantity < ESTIMATE_QUANTITY and asked < ESTIMATE_ASKED:
        quotient = np.int64(np.float64(quantity) * np.float64(left) / np.float64(asked) - 0.5)
        rest = (low_product(quantity, left) - low_product(quotient, asked)) & LOW_62
        if rest >= asked:
            return quotient + 1, rest - asked
        return quotient, rest
    quotient = 0 * asked
    rest = 0 * asked
    for bit in range(62, -1, -1):
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


@numba.njit(cache=True, nogil=True, _nrt=False)
def least_of_largest(values, wanted, digits):
    """Return (value, count): the ``wanted`` largest are all above that value and ``count`` of those equal to it.

    Values are 0 or more; 1 <= wanted <= their number. ``digits`` is int64[2048], of any content.
    """
    highest = highest_of(values, values[:0])
    width = 0
    while highest >> width:
        width += 1
    base = np.int64(0)
    while width > 0:
        shift = max(width - DIGIT_BITS, 0)
        prefix = base >> width
        digits[:] = 0
        for i in range(values.size):
            if values[i] >> width == prefix:
                digits[(values[i] - base) >> shift] += 1
        digit = (1 << (width - shift)) - 1
        while digits[digit] < wanted:
            wanted -= digits[digit]
            digit -= 1
        base += digit << shift
        width = shift
    return base, wanted


@numba.njit(cache=True, nogil=True, _nrt=True)
def share_out(quantities, rows, arrivals, left, accepted, digits):
    """Write floor(q R / T) for the orders of one class, and one more each for the largest remainders (J16).

    Of equal remainders the earliest order goes first: by ``arrivals``, then by place in ``rows``.
    """
    asked = np.int64(0)
    for j in range(rows.size):
        asked += quantities[rows[j]]
    if left >= asked or left <= 0:
        for j in range(rows.size):
            accepted[rows[j]] = quantities[rows[j]] if left > 0 else 0
        return
    rests = np.empty(rows.size, np.int64)
    more = left
    for j in range(rows.size):
        quotient, rests[j] = share_of(quantities[rows[j]], left, asked)
        accepted[rows[j]] = quotient
        more -= quotient
    if more == 0:
        return
    least, equal = least_of_largest(rests, more, digits)
    last = np.int64(MAX_TOTAL)
    at_last = equal
    if arrivals.size:
        early = np.empty(rows.size, np.int64)
        count = 0
        for j in range(rows.size):
            if rests[j] == least:
                early[count] = MAX_TOTAL - 1 - arrivals[rows[j]]
                count += 1
        last, at_last = least_of_largest(early[:count], equal, digits)
        last = MAX_TOTAL - 1 - last
    for j in range(rows.size):
        row = rows[j]
        if rests[j] > least:
            accepted[row] += 1
        elif rests[j] == least:
            if arrivals.size and arrivals[row] < last:
                accepted[row] += 1
            elif (arrivals.size == 0 or arrivals[row] == last) and at_last > 0:
                accepted[row] += 1
                at_last -= 1


@numba.njit(cache=True, nogil=True, _nrt=False)
def accept_side(prices, quantities, sides, side, tick, accepted, rows):
    """Write all for better orders and nothing for worse ones; list the boundary tick: return (accepted, listed).

    Two passes, because the first then runs on several orders at a time.
    """
    given = np.int64(0)
    listed = 0
    lowest = tick + 1 if side == BUY else np.int64(0)
    highest = np.int64(MAX_PRODUCT) if side == BUY else tick - 1
    if sides.size == 0:
        for i in range(prices.size):
            whole = quantities[i] if (prices[i] >= lowest) & (prices[i] <= highest) else 0
            accepted[i] = whole
            given += whole
        for i in range(prices.size):
            if prices[i] == tick:
                rows[listed] = i
                listed += 1
        return given, listed
    for i in range(prices.size):
        mine = sides[i] == side
        whole = quantities[i] if mine & (prices[i] >= lowest) & (prices[i] <= highest) else 0
        accepted[i] = whole if mine else accepted[i]
        given += whole
    for i in range(prices.size):
        if prices[i] == tick and sides[i] == side:
            rows[listed] = i
            listed += 1
    return given, listed


@numba.njit(cache=True, nogil=True, _nrt=True)
def ration_side(prices, quantities, sides, side, is_market, arrivals, tick, total, accepted, digits):
    """Write each order's accepted quantity: the boundary tick is rationed, market orders first (J16)."""
    rows = np.empty(prices.size, np.int64)
    given, listed = accept_side(prices, quantities, sides, side, tick, accepted, rows)
    if listed == 0:
        return
    left = total - given
    if is_market.size == 0:
        share_out(quantities, rows[:listed], arrivals, left, accepted, digits)
        return
    others = np.empty(listed, np.int64)
    first = 0
    asked = np.int64(0)
    for j in range(listed):
        row = rows[j]
        if is_market[row]:
            rows[first] = row
            first += 1
            asked += quantities[row]
        else:
            others[j - first] = row
    share_out(quantities, rows[:first], arrivals, left, accepted, digits)
    share_out(quantities, others[: listed - first], arrivals, left - asked, accepted, digits)


@numba.njit(cache=True, nogil=True, _nrt=True)
def ration(prices, quantities, is_market, price, total, buy_side, accepted):
    """Write each order's accepted quantity at a tick and total of ``clearing_price``; orders earliest first (J16)."""
    nothing = np.empty(0, np.int64)
    digits = np.empty(DIGITS, np.int64)
    side = BUY if buy_side else SELL
    ration_side(prices, quantities, np.empty(0, np.int8), side, is_market, nothing, price, total, accepted, digits)


@numba.njit(cache=True, nogil=True, _nrt=True)
def clear_sides(
    sell_price,
    sell_quantity,
    sell_market,
    sell_arrival,
    sold,
    buy_price,
    buy_quantity,
    buy_market,
    buy_arrival,
    bought,
    sides,
):
    """Check and clear an auction; return (status, side, tick, quantity) of ``find_tick``, accepted quantities written.

    With ``sides`` the columns of both sides are the same, and so are ``sold`` and ``bought``.
    """
    digits = np.empty((2, DIGITS), np.int64)
    highest = highest_of(sell_price, buy_price)
    found = find_tick(sell_price, sell_quantity, buy_price, buy_quantity, sides, highest, 1, digits)
    status, _, tick, total = found
    if status != COLUMNS_OK:
        return found
    if total == 0:
        sold[:] = 0
        bought[:] = 0
        return found
    one = digits[0]
    ration_side(sell_price, sell_quantity, sides, SELL, sell_market, sell_arrival, tick, total, sold, one)
    ration_side(buy_price, buy_quantity, sides, BUY, buy_market, buy_arrival, tick, total, bought, one)
    return found


@numba.njit(cache=True, nogil=True, _nrt=True)
def check_side(prices, quantities, lowest, highest):
    """Return (status, bad row) of one side's orders."""
    digits = np.zeros(1, np.int64)
    return check_and_add(prices, quantities, np.empty(0, np.int8), 0, lowest, highest, 1, 62, digits)
