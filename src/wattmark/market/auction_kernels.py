"""The call auction over columns of orders: its price and total, and what each order gets (J12-J17)."""

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, _nrt=False)
def clearing_price(sell_price, sell_wh, buy_price, buy_wh):
    """Return (price, quantity) of a call auction (J12-J15); quantity 0 means no price.

    ``sell_*`` ascend and ``buy_*`` descend in price [sen/kWh, Wh]. The price is the lowest order price p
    with S(p) >= D(just above p), the quantity min(S(p), D(p)).
    """
    supply = np.int64(0)
    above = np.int64(0)
    for i in range(buy_wh.size):
        above += buy_wh[i]
    sell = 0
    buy = buy_wh.size - 1
    while sell < sell_wh.size or buy >= 0:
        if sell < sell_wh.size and (buy < 0 or sell_price[sell] <= buy_price[buy]):
            price = sell_price[sell]
        else:
            price = buy_price[buy]
        while sell < sell_wh.size and sell_price[sell] == price:
            supply += sell_wh[sell]
            sell += 1
        demand = above
        while buy >= 0 and buy_price[buy] == price:
            above -= buy_wh[buy]
            buy -= 1
        if supply >= above:
            return price, min(supply, demand)
    return np.int64(0), np.int64(0)


@numba.njit(cache=True, nogil=True, _nrt=False)
def share_of(quantity, left, asked):
    """Return (quotient, remainder) of quantity x left / asked without overflow; left <= asked < 2^62."""
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


@numba.njit(cache=True, nogil=True, _nrt=True)
def ration(prices, quantities, price, total, buy_side, accepted):
    """Write each order's accepted Wh: better prices whole, the boundary tick rationed as in J16.

    Orders stand best price first, then earliest; at the boundary an order gets floor(q R / T), the rest
    goes one Wh each to the largest remainders, equal remainders to the earliest order.
    """
    left = total
    asked = np.int64(0)
    first = quantities.size
    last = quantities.size
    for i in range(quantities.size):
        accepted[i] = 0
        better = prices[i] > price if buy_side else prices[i] < price
        if better:
            accepted[i] = quantities[i]
            left -= quantities[i]
        elif prices[i] == price:
            if first == quantities.size:
                first = i
            asked += quantities[i]
            last = i + 1
    if left <= 0 or asked == 0:
        return
    if left >= asked:
        for i in range(first, last):
            accepted[i] = quantities[i]
        return
    rests = np.zeros(last - first, np.int64)
    given = np.int64(0)
    for i in range(first, last):
        quotient, rest = share_of(quantities[i], left, asked)
        accepted[i] = quotient
        rests[i - first] = rest
        given += quotient
    order = np.argsort(-rests, kind="mergesort")
    for i in range(left - given):
        accepted[first + order[i]] += 1
