"""Commands of auctions that are cleared outside, in all areas at once: store their prices, then trade (J26 to J29).

The clearing is an input of the journal (L6): the operator stores prices, what each area sends out and which blocks are
accepted. The engine takes nothing on trust that it can check: better-priced orders and accepted blocks trade whole,
worse ones not at all, the boundary tick shares the largest rest (J14, J16), each area's sales less purchases are what
it sends out, and all of that together is nothing. Rows of ``t`` and words of ``c`` as in ``layout.py``; a handler
changes nothing unless it returns ``OK``.
"""

import numba
import numpy as np

from wattmark.engine import layout as e
from wattmark.engine.block_kernels import in_the_money, slot_is_done
from wattmark.engine.book_kernels import move_position, stop_order, term
from wattmark.engine.token_kernels import cut, lot_is_expired
from wattmark.market import layout as m
from wattmark.market.auction_kernels import ration
from wattmark.market.kernels import best_order, order_after
from wattmark.tokens import layout as k
from wattmark.tokens.kernels import set_owner, set_state


@numba.njit(cache=True, nogil=True, _nrt=False)
def price_auction(t, c, now, r):
    """Store the price of a call auction after its gate, and what its area sends out (operator only); 0: no price.

    They may be stored again until the product is cleared: what counts is what holds then.
    """
    product, price, net = c[3], c[4], c[5]
    if product < 0 or product >= t.header[e.H_N_PRODUCTS]:
        return e.UNKNOWN_PRODUCT
    if net < -e.MAX_QUANTITY_WH or net > e.MAX_QUANTITY_WH:
        return e.QUANTITY_TOO_LARGE
    if price < 0 or price > e.MAX_PRICE_SEN:
        return e.PRICE_OUT_OF_RANGE
    p = t.products[product]
    if p[m.P_STATE] == m.PRODUCT_CLOSED:
        return e.PRODUCT_CLOSED
    if p[m.P_MODE] != m.MODE_CALL:
        return e.WRONG_MODE
    if p[m.P_STATE] != m.PRODUCT_OPEN and p[m.P_STATE] != m.PRODUCT_PRICED:
        return e.PRODUCT_HALTED
    if now < p[m.P_CLOSE_MS]:
        return e.GATE_NOT_CLOSED
    p[m.P_STATE] = m.PRODUCT_PRICED
    p[m.P_RESULT_SEN] = price
    p[m.P_NET_WH] = net
    r[0] = product
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=True)
def members_of(t, product):
    """Return the priced call products of one source, period and scope, by row: those that clear together."""
    p = t.products[product]
    count = 0
    found = np.empty(t.header[e.H_N_PRODUCTS], np.int64)
    for row in range(t.header[e.H_N_PRODUCTS]):
        q = t.products[row]
        if q[m.P_STATE] != m.PRODUCT_PRICED or q[m.P_SOURCE] != p[m.P_SOURCE]:
            continue
        same = q[m.P_PERIOD_S] == p[m.P_PERIOD_S] and q[m.P_DURATION_S] == p[m.P_DURATION_S]
        if same and q[m.P_SCOPE] == p[m.P_SCOPE]:
            found[count] = row
            count += 1
    return found[:count]


@numba.njit(cache=True, nogil=True, _nrt=True)
def accepted_slots(t, product, side):
    """Return the slots of accepted blocks in a product and side, earliest first."""
    count = 0
    order = t.products[product, m.P_SLOT_HEAD] - 1
    while order >= 0:
        o = t.orders[order]
        if o[m.O_SIDE] == side and o[m.O_STATE] == m.ORDER_IN_BLOCK:
            count += t.blocks[o[m.O_GROUP], m.BL_STATE] == m.BLOCK_ACCEPTED
        order = o[m.O_SLOT_BELOW] - 1
    found = np.empty(count, np.int64)
    order = t.products[product, m.P_SLOT_HEAD] - 1
    while order >= 0:
        o = t.orders[order]
        if o[m.O_SIDE] == side and o[m.O_STATE] == m.ORDER_IN_BLOCK:
            if t.blocks[o[m.O_GROUP], m.BL_STATE] == m.BLOCK_ACCEPTED:
                count -= 1
                found[count] = order
        order = o[m.O_SLOT_BELOW] - 1
    return found


@numba.njit(cache=True, nogil=True, _nrt=False)
def slot_may_trade(t, order, now):
    """Return whether an accepted slot may trade: its block still holds (J22) and its serials have not expired."""
    o = t.orders[order]
    b = t.blocks[o[m.O_GROUP]]
    if b[m.BL_SIDE] == m.SELL and lot_is_expired(t, o[m.O_LOT], now):
        return False
    return in_the_money(t, o[m.O_GROUP])


@numba.njit(cache=True, nogil=True, _nrt=True)
def side_columns(t, product, side, now):
    """Return (orders, prices, Wh, which are market orders) of a side of the book, best first.

    A sell whose tokens have expired offers nothing.
    """
    count = 0
    orders = np.empty(t.products[product, m.P_OPEN_ORDERS], np.int64)
    order = best_order(t.roots, t.levels, product, side)
    while order >= 0:
        orders[count] = order
        count += 1
        order = order_after(t.orders, t.links, t.roots, t.nodes, t.levels, order)
    prices = np.empty(count, np.int64)
    wh = np.empty(count, np.int64)
    market = np.empty(count, np.bool_)
    for i in range(count):
        o = t.orders[orders[i]]
        prices[i] = o[m.O_PRICE_SEN]
        wh[i] = o[m.O_REMAINING_WH]
        market[i] = term(t, orders[i], m.TERMS_MARKET) != 0
        if side == m.SELL and lot_is_expired(t, o[m.O_LOT], now):
            wh[i] = 0
    return orders[:count], prices, wh, market


@numba.njit(cache=True, nogil=True, _nrt=False)
def side_range(prices, quantities, price, buying):
    """Return (least, most) that book orders of a side may trade at a price: better ones whole, the boundary any part.

    At the lowest price market sells, which stand at 0 (J17), may be cut too.
    """
    least = np.int64(0)
    most = np.int64(0)
    for i in range(prices.size):
        better = prices[i] > price if buying else prices[i] < price
        if better and (buying or price > e.MIN_PRICE_SEN):
            least += quantities[i]
        if better or prices[i] == price:
            most += quantities[i]
    return least, most


@numba.njit(cache=True, nogil=True, _nrt=False)
def best_price(prices, wh):
    """Return the price of the first order that offers something, or -1."""
    for i in range(prices.size):
        if wh[i] > 0:
            return prices[i]
    return prices.size * 0 - 1


@numba.njit(cache=True, nogil=True, _nrt=True)
def balance(t, product, now):
    """Return (whether the stored result can hold, sold, bought) of a product: the largest quantity that fits (J14)."""
    nothing = np.int64(0)
    price = t.products[product, m.P_RESULT_SEN]
    net = t.products[product, m.P_NET_WH]
    least = np.zeros(2, np.int64)
    most = np.zeros(2, np.int64)
    best = np.zeros(2, np.int64)
    for at in range(2):
        side = m.SELL if at == 0 else m.BUY
        slots = accepted_slots(t, product, side)
        whole = np.int64(0)
        for i in range(slots.size):
            if price == 0 or not slot_may_trade(t, slots[i], now):
                return False, nothing, nothing
            whole += t.orders[slots[i], m.O_REMAINING_WH]
        _, prices, wh, _ = side_columns(t, product, side, now)
        least[at], most[at] = side_range(prices, wh, price, side == m.BUY)
        least[at] += whole
        most[at] += whole
        best[at] = best_price(prices, wh)
    if price == 0:
        crosses = best[0] >= 0 and best[1] >= 0 and best[0] <= best[1]
        return net == 0 and not crosses, nothing, nothing
    sold = min(most[0], most[1] + net)
    bought = sold - net
    return sold >= least[0] and bought >= least[1], sold, bought


@numba.njit(cache=True, nogil=True, _nrt=True)
def share_side(prices, quantities, is_market, price, total, buying, accepted):
    """Write what each book order of a side gets of a total within its range (J16)."""
    tick = price
    if not buying and price == e.MIN_PRICE_SEN:
        market = np.int64(0)
        for i in range(prices.size):
            if prices[i] < price:
                market += quantities[i]
        if total <= market:
            tick = np.int64(e.MARKET_PRICE)
    ration(prices, quantities, is_market, tick, total, buying, accepted)


@numba.njit(cache=True, nogil=True, _nrt=True)
def side_shares(t, product, side, now, total):
    """Return (orders, what each of them trades) of a side, blocks before the orders of the book, best first."""
    slots = accepted_slots(t, product, side)
    resting, prices, wh, market = side_columns(t, product, side, now)
    orders = np.concatenate((slots, resting))
    shares = np.zeros(orders.size, np.int64)
    whole = np.int64(0)
    for i in range(slots.size):
        shares[i] = t.orders[slots[i], m.O_REMAINING_WH]
        whole += shares[i]
    if total > whole:
        price = t.products[product, m.P_RESULT_SEN]
        share_side(prices, wh, market, price, total - whole, side == m.BUY, shares[slots.size :])
    return orders, shares


@numba.njit(cache=True, nogil=True, _nrt=False)
def fill_across(t, buy, sell, quantity, now, position):
    """Trade Wh between two orders, each at the price of its own area; what lies between is the caller's to book."""
    b = t.orders[buy]
    s = t.orders[sell]
    here, there = b[m.O_PRODUCT], s[m.O_PRODUCT]
    start = t.lots[s[m.O_LOT], k.L_START]
    taken = cut(t, s[m.O_LOT], start, start + quantity)
    set_state(t.lots, t.bundles, taken, k.HELD, now)
    set_owner(t.lots, taken, b[m.O_ACCOUNT], now)
    paid = t.products[here, m.P_RESULT_SEN] * quantity
    got = t.products[there, m.P_RESULT_SEN] * quantity
    t.accounts[b[m.O_ACCOUNT], e.A_CASH_E5] -= paid
    t.accounts[s[m.O_ACCOUNT], e.A_CASH_E5] += got
    if b[m.O_STATE] == m.ORDER_IN_BLOCK:
        t.accounts[b[m.O_ACCOUNT], e.A_HELD_E5] -= paid
        t.blocks[b[m.O_GROUP], m.BL_HELD_E5] -= paid
    else:
        t.accounts[b[m.O_ACCOUNT], e.A_HELD_E5] -= b[m.O_PRICE_SEN] * quantity
    b[m.O_REMAINING_WH] -= quantity
    s[m.O_REMAINING_WH] -= quantity
    b[m.O_VALUE_E5] += paid
    s[m.O_VALUE_E5] += got
    move_position(t, s[m.O_ACCOUNT], there, -quantity)
    for product in (here, there):
        t.products[product, m.P_LAST_PRICE_SEN] = t.products[product, m.P_RESULT_SEN]
    t.products[here, m.P_VOLUME_WH] += quantity
    if there != here:
        t.products[there, m.P_VOLUME_WH] += quantity
    row = t.aux[m.X_TRADES]
    t.aux[m.X_TRADES] = row + 1
    trade = t.trades[row]
    trade[m.T_PRODUCT] = here
    trade[m.T_BUY_ORDER] = buy
    trade[m.T_SELL_ORDER] = sell
    trade[m.T_LOT] = taken
    trade[m.T_QUANTITY_WH] = quantity
    trade[m.T_PRICE_SEN] = t.products[here, m.P_RESULT_SEN]
    trade[m.T_POSITION] = position
    trade[m.T_TIMESTAMP_MS] = now
    trade[m.T_START] = start


@numba.njit(cache=True, nogil=True, _nrt=False)
def pair_up(t, sells, sold, i, buys, bought, j, now, position):
    """Trade what sells and buys from two places on still have to trade, front to front, until one side has nothing left."""
    while i < sells.size and j < buys.size:
        quantity = min(sold[i], bought[j])
        if quantity > 0:
            fill_across(t, buys[j], sells[i], quantity, now, position)
            sold[i] -= quantity
            bought[j] -= quantity
        if sold[i] == 0:
            i += 1
        elif bought[j] == 0:
            j += 1


@numba.njit(cache=True, nogil=True, _nrt=False)
def finish_order(t, order, now, position):
    """End a slot that has traded, or an order of the book."""
    o = t.orders[order]
    if o[m.O_STATE] != m.ORDER_IN_BLOCK:
        stop_order(t, order, now, position)
        return
    slot_is_done(t, order, m.ORDER_FILLED)
    b = t.blocks[o[m.O_GROUP]]
    b[m.BL_VALUE_E5] += o[m.O_VALUE_E5]
    if b[m.BL_OPEN_SLOTS] == 0:
        t.accounts[b[m.BL_ACCOUNT], e.A_HELD_E5] -= b[m.BL_HELD_E5]
        b[m.BL_HELD_E5] = 0


@numba.njit(cache=True, nogil=True, _nrt=True)
def clear_coupled(t, c, now, position, r):
    """Clear the priced call auctions of one source and period together, named by the first (operator only).

    Within an area sells and buys meet front to front, blocks first, then by price and time; what an area sends out
    goes, area after area, to those that take. Buyers pay their area's price, sellers get theirs; the difference, the
    congestion income (J29), goes to the income account.
    """
    product, income = c[3], c[4]
    if income < 0 or income >= t.header[e.H_N_ACCOUNTS] or income == e.OUTSIDE:
        return e.UNKNOWN_ACCOUNT
    if product < 0 or product >= t.header[e.H_N_PRODUCTS]:
        return e.UNKNOWN_PRODUCT
    if t.products[product, m.P_STATE] == m.PRODUCT_CLOSED:
        return e.PRODUCT_CLOSED
    if t.products[product, m.P_STATE] != m.PRODUCT_PRICED:
        return e.PRODUCT_NOT_PRICED
    members = members_of(t, product)
    if members[0] != product:
        return e.CLEARING_INVALID
    amounts = np.zeros((members.size, 2), np.int64)
    net = np.int64(0)
    surplus = np.int64(0)
    for i in range(members.size):
        holds, sold, bought = balance(t, members[i], now)
        if not holds:
            return e.CLEARING_INVALID
        amounts[i, 0] = sold
        amounts[i, 1] = bought
        net += sold - bought
        surplus += (bought - sold) * t.products[members[i], m.P_RESULT_SEN]
    if net != 0 or surplus < 0:
        return e.CLEARING_INVALID
    sells = np.empty(0, np.int64)
    buys = np.empty(0, np.int64)
    sold = np.empty(0, np.int64)
    bought = np.empty(0, np.int64)
    for i in range(members.size + 1):  # each area within itself, last what is left of all
        first_sell = 0
        first_buy = 0
        if i < members.size:
            first_sell = sells.size
            first_buy = buys.size
            for at in range(2):
                side = m.SELL if at == 0 else m.BUY
                orders, shares = side_shares(t, members[i], side, now, amounts[i, at])
                if at == 0:
                    sells = np.concatenate((sells, orders))
                    sold = np.concatenate((sold, shares))
                else:
                    buys = np.concatenate((buys, orders))
                    bought = np.concatenate((bought, shares))
            r[0] += amounts[i, 1]
        pair_up(t, sells, sold, first_sell, buys, bought, first_buy, now, position)
    orders = np.concatenate((sells, buys))
    for i in range(orders.size):
        finish_order(t, orders[i], now, position)
    for i in range(members.size):
        t.products[members[i], m.P_STATE] = m.PRODUCT_CLOSED
    t.accounts[income, e.A_CASH_E5] += surplus
    r[1] = surplus
    return e.OK
