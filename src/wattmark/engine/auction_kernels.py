"""The call auction of a product: one price for all (J12 to J17).

Rows of ``t`` and words of ``c`` as in ``layout.py``; a handler changes nothing unless it returns ``OK``.

Theory of operation. A million orders lie scattered in memory, so what costs is waiting for it. Both sides leave the
book at once, their lists followed sixteen at a time so that the waits overlap. What the auction needs of each order
is read, and each order ended, in order of their rows, which the machine reads ahead. Between the two everything
happens in columns that stand best price first: price, shares, and the trades, which are the only rows written anew.
"""

import numba
import numpy as np

from wattmark.engine import layout as e
from wattmark.engine.book_kernels import end_order, move_position, term
from wattmark.engine.token_kernels import cut, lot_is_expired
from wattmark.market import layout as m
from wattmark.market.auction_kernels import clearing_price, ration
from wattmark.market.kernels import best_level, drop_level, next_level
from wattmark.tokens import layout as k
from wattmark.tokens.kernels import set_owner, set_state

LANES = 16
"""Lists that are followed at the same time."""
AHEAD = 64
"""Lots that are read before they are needed."""
SPARSE = 8
"""A product's orders are put in order of rows where there is at least one in so many rows."""


@numba.njit(cache=True, nogil=True, _nrt=True)
def take_levels(t, product, side):
    """Drop a side's levels from the book, best first.

    Returns:
        (int64[n, 3]: first order + 1, place of the first among all, price [sen/kWh]; number of orders).
    """
    count = 0
    level = best_level(t.roots, product, side)
    while level:
        count += 1
        level = next_level(t.roots, t.nodes, product, side, t.levels[level, m.LEVEL_PRICE])
    lists = np.empty((count, 3), np.int64)
    count = 0
    place = 0
    level = best_level(t.roots, product, side)
    while level:
        price = t.levels[level, m.LEVEL_PRICE]
        lists[count, 0] = t.levels[level, m.LEVEL_HEAD]
        lists[count, 1] = place
        lists[count, 2] = price
        place += t.levels[level, m.LEVEL_ORDERS]
        count += 1
        level = next_level(t.roots, t.nodes, product, side, price)
        drop_level(t.roots, t.nodes, t.levels, t.aux, product, side, price)
    t.roots[product, m.ROOT_BEST + side - 1] = 0
    return lists, place


@numba.njit(cache=True, nogil=True, _nrt=True)
def take_side(t, product, side):
    """Take a side out of the book; return (orders, their prices), best price first, then earliest."""
    lists, count = take_levels(t, product, side)
    orders = np.empty(count, np.int64)
    prices = np.empty(count, np.int64)
    lanes = np.zeros((LANES, 3), np.int64)
    taken = min(lists.shape[0], LANES)
    running = taken
    lanes[:running] = lists[:running]
    while running > 0:
        lane = 0
        while lane < running:
            order = lanes[lane, 0] - 1
            place = lanes[lane, 1]
            orders[place] = order
            prices[place] = lanes[lane, 2]
            link = t.links[order]
            lanes[lane, 0] = link[m.LINK_NEXT]
            lanes[lane, 1] = place + 1
            link[m.LINK_NEXT] = 0
            link[m.LINK_PREV] = 0
            link[m.LINK_LEVEL] = 0
            if lanes[lane, 0] == 0:
                if taken < lists.shape[0]:
                    lanes[lane] = lists[taken]
                    taken += 1
                else:
                    running -= 1
                    lanes[lane] = lanes[running]
                    continue
            lane += 1
    return orders, prices


@numba.njit(cache=True, nogil=True, _nrt=True)
def places_by_row(orders):
    """Return the places of orders in ascending order of their rows; where these lie far apart, as they stand."""
    places = np.arange(orders.size).astype(np.int32)
    if orders.size == 0:
        return places
    first = orders.min()
    span = orders.max() - first + 1
    if span > SPARSE * orders.size:
        return places
    at_row = np.full(span, -1, np.int32)
    for place in range(orders.size):
        at_row[orders[place] - first] = place
    count = 0
    for row in range(span):
        if at_row[row] >= 0:
            places[count] = at_row[row]
            count += 1
    return places


@numba.njit(cache=True, nogil=True, _nrt=False)
def read_orders(t, orders, places, now, wh, accounts, lots):
    """Read Wh, account and lot of orders; one whose tokens have expired offers nothing."""
    for i in range(places.size):
        place = places[i]
        o = t.orders[orders[place]]
        wh[place] = o[m.O_REMAINING_WH]
        accounts[place] = o[m.O_ACCOUNT]
        lots[place] = o[m.O_LOT]
        if o[m.O_SIDE] == m.SELL and lot_is_expired(t, o[m.O_LOT], now):
            wh[place] = 0


@numba.njit(cache=True, nogil=True, _nrt=True)
def are_market(t, orders, prices, tick):
    """Return which orders of the boundary tick are market orders (J16); an empty column for none."""
    out = np.zeros(orders.size, np.bool_)
    found = False
    for place in range(orders.size):
        if prices[place] == tick and term(t, orders[place], m.TERMS_MARKET) != 0:
            out[place] = True
            found = True
    return out if found else out[:0]


@numba.njit(cache=True, nogil=True, _nrt=False)
def look_at_lots(t, lots):
    """Read lots so that they are near when they trade; the result keeps the compiler from leaving that out."""
    seen = np.int64(0)
    for i in range(lots.size):
        seen ^= t.lots[lots[i], 0] ^ t.lots[lots[i], k.LOT_WORDS - 1]
    return seen


@numba.njit(cache=True, nogil=True, _nrt=False)
def trade_shares(t, product, price, sells, sellers, lots, sold, buys, buyers, limits, bought, now, position):
    """Let the accepted Wh of both sides meet, best price first: serials from the front, cash to the seller.

    Orders' own rows stay as they are. Returns what ``look_at_lots`` does.
    """
    row = t.aux[m.X_TRADES]
    seen = np.int64(0)
    total = np.int64(0)
    buy = -1
    unbought = np.int64(0)
    for sell in range(sells.size):
        if sell % AHEAD == 0:
            seen ^= look_at_lots(t, lots[sell : sell + AHEAD])
        unsold = sold[sell]
        lot = lots[sell]
        while unsold > 0:
            while unbought == 0:
                buy += 1
                unbought = bought[buy]
            quantity = min(unsold, unbought)
            start = t.lots[lot, k.L_START]
            taken = cut(t, lot, start, start + quantity)
            set_state(t.lots, t.bundles, taken, k.HELD, now)
            set_owner(t.lots, taken, buyers[buy], now)
            value = price * quantity
            t.accounts[buyers[buy], e.A_HELD_E5] -= limits[buy] * quantity
            t.accounts[buyers[buy], e.A_CASH_E5] -= value
            t.accounts[sellers[sell], e.A_CASH_E5] += value
            move_position(t, sellers[sell], product, -quantity)
            trade = t.trades[row]
            trade[m.T_PRODUCT] = product
            trade[m.T_BUY_ORDER] = buys[buy]
            trade[m.T_SELL_ORDER] = sells[sell]
            trade[m.T_LOT] = taken
            trade[m.T_QUANTITY_WH] = quantity
            trade[m.T_PRICE_SEN] = price
            trade[m.T_POSITION] = position
            trade[m.T_TIMESTAMP_MS] = now
            trade[m.T_START] = start
            row += 1
            total += quantity
            unsold -= quantity
            unbought -= quantity
    t.aux[m.X_TRADES] = row
    t.products[product, m.P_LAST_PRICE_SEN] = price
    t.products[product, m.P_VOLUME_WH] += total
    return seen


@numba.njit(cache=True, nogil=True, _nrt=False)
def end_orders(t, orders, places, accepted, price, now):
    """Note what each order got and end it: what it still reserves is given back."""
    for i in range(places.size):
        place = places[i]
        o = t.orders[orders[place]]
        o[m.O_REMAINING_WH] -= accepted[place]
        o[m.O_VALUE_E5] += price * accepted[place]
        end_order(t, orders[place], now)


@numba.njit(cache=True, nogil=True, _nrt=True)
def clear_auction(t, c, now, position, r):
    """Clear a call auction after its gate: one price for all (J12-J17), then close the product."""
    product = c[3]
    if product < 0 or product >= t.header[e.H_N_PRODUCTS]:
        return e.UNKNOWN_PRODUCT
    p = t.products[product]
    if p[m.P_STATE] == m.PRODUCT_CLOSED:
        return e.PRODUCT_CLOSED
    if p[m.P_MODE] != m.MODE_CALL:
        return e.WRONG_MODE
    if p[m.P_STATE] != m.PRODUCT_OPEN and p[m.P_STATE] != m.PRODUCT_PRICED:
        return e.PRODUCT_HALTED
    if now < p[m.P_CLOSE_MS]:
        return e.GATE_NOT_CLOSED
    if p[m.P_STATE] == m.PRODUCT_PRICED or p[m.P_OPEN_SLOTS]:
        return e.CLEARS_TOGETHER
    sells, asks = take_side(t, product, m.SELL)
    buys, bids = take_side(t, product, m.BUY)
    first = sells.size  # columns of both sides: sells, then buys
    orders = np.concatenate((sells, buys))
    places = places_by_row(orders)
    wh = np.empty(orders.size, np.int64)
    accounts = np.empty(orders.size, np.int64)
    lots = np.empty(orders.size, np.int64)
    read_orders(t, orders, places, now, wh, accounts, lots)
    tick, total = clearing_price(asks, wh[:first], bids, wh[first:])
    price = max(tick, p[m.P_LOW_SEN])  # where market sells alone would set it
    got = np.zeros(orders.size, np.int64)
    sold = got[:first]
    bought = got[first:]
    if total > 0:
        ration(asks, wh[:first], are_market(t, sells, asks, tick), tick, total, False, sold)
        ration(bids, wh[first:], are_market(t, buys, bids, tick), tick, total, True, bought)
        sellers = accounts[:first]
        buyers = accounts[first:]
        trade_shares(t, product, price, sells, sellers, lots[:first], sold, buys, buyers, bids, bought, now, position)
        r[0] = price
        r[1] = total
    end_orders(t, orders, places, got, price, now)
    p[m.P_STATE] = m.PRODUCT_CLOSED
    return e.OK
