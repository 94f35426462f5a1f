"""Commands on products: list, limit, halt and resume, answer for capacity, close (J10, J36 to J39).

Rows of ``t`` and words of ``c`` as in ``layout.py``; a handler changes nothing unless it returns ``OK``.
"""

import numba

from wattmark.engine import layout as e
from wattmark.engine.book_kernels import (
    after_fill,
    count_positions,
    dequeue,
    end_order,
    fill,
    forget_positions,
    rest,
    stop_order,
    term,
    unbook,
)
from wattmark.engine.token_kernels import lot_is_expired
from wattmark.engine.zaraba_kernels import area_of, ask_capacity, could_enter, enter, may_meet
from wattmark.market import layout as m
from wattmark.market.kernels import best_order, order_after, shown_wh, weigh


@numba.njit(cache=True, nogil=True, _nrt=False)
def is_grid_period(start, duration):
    """Return whether a settlement period stands on its grid."""
    known = duration == 300 or duration == 900 or duration == 1800 or duration == 3600
    return known and start % duration == 0


@numba.njit(cache=True, nogil=True, _nrt=False)
def list_product(t, c, r):
    """List a product: area x source x period, or any period of a year (operator only).

    A product of area 0 trades across areas as far as capacity goes, continuously only (J38).
    """
    area, source, start, duration, opens, closes, mode, scope = c[3], c[4], c[5], c[6], c[7], c[8], c[9], c[10]
    if area < 0 or area > m.AREAS or (area == m.EVERY_AREA and mode == m.MODE_CALL):
        return e.AREA_INVALID
    if source < 1 or source > 7:
        return e.SOURCE_INVALID
    if mode != m.MODE_CONTINUOUS and mode != m.MODE_CALL:
        return e.MODE_INVALID
    if scope < m.SCOPE_PERIOD or scope > m.SCOPE_CERTIFICATE_YEAR:
        return e.SCOPE_INVALID
    if start < 0 or start > e.MAX_TIME_S:
        return e.TIME_INVALID
    if duration <= 0 or duration > e.MAX_TIME_S or (scope == m.SCOPE_PERIOD and not is_grid_period(start, duration)):
        return e.PERIOD_INVALID
    if opens < 0 or closes <= opens or closes > e.MAX_TIME_S * e.MS_PER_S:
        return e.GATE_INVALID
    row = t.header[e.H_N_PRODUCTS]
    t.header[e.H_N_PRODUCTS] = row + 1
    t.products[row, m.P_AREA] = area
    t.products[row, m.P_SOURCE] = source
    t.products[row, m.P_PERIOD_S] = start
    t.products[row, m.P_DURATION_S] = duration
    t.products[row, m.P_SCOPE] = scope
    t.products[row, m.P_OPEN_MS] = opens
    t.products[row, m.P_CLOSE_MS] = closes
    t.products[row, m.P_MODE] = mode
    t.products[row, m.P_STATE] = m.PRODUCT_OPEN
    t.products[row, m.P_LOW_SEN] = e.MIN_PRICE_SEN
    t.products[row, m.P_HIGH_SEN] = e.MAX_PRICE_SEN
    r[0] = row
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def stop_outside(t, product, side, low, high, now, position):
    """End a side's orders whose price lies outside limits, but market sells of an auction; return how many."""
    stopped = 0
    order = best_order(t.roots, t.levels, product, side)
    while order >= 0:
        after = order_after(t.orders, t.links, t.roots, t.nodes, t.levels, order)
        price = t.orders[order, m.O_PRICE_SEN]
        if (price < low and price != e.MARKET_PRICE) or price > high:
            stop_order(t, order, now, position)
            stopped += 1
        order = after
    return stopped


@numba.njit(cache=True, nogil=True, _nrt=False)
def restand(t, order):
    """Give a market order that is in no list the price at which its product's limits let it stand now (J17).

    Returns:
        whether its account can cover that; a zaraba's market buy that waits never stands higher than it did.
    """
    o = t.orders[order]
    p = t.products[o[m.O_PRODUCT]]
    if term(t, order, m.TERMS_MARKET) == 0:
        return True
    calls = p[m.P_MODE] == m.MODE_CALL
    if o[m.O_SIDE] == m.SELL:
        if not calls:
            o[m.O_PRICE_SEN] = p[m.P_LOW_SEN]
        return True
    top = p[m.P_HIGH_SEN] if calls else min(o[m.O_PRICE_SEN], p[m.P_HIGH_SEN])
    more = (top - o[m.O_PRICE_SEN]) * o[m.O_REMAINING_WH]
    account = t.accounts[o[m.O_ACCOUNT]]
    if more > 0 and account[e.A_CASH_E5] + account[e.A_CREDIT_E5] - account[e.A_HELD_E5] < more:
        return False
    account[e.A_HELD_E5] += more
    o[m.O_PRICE_SEN] = top
    return True


@numba.njit(cache=True, nogil=True, _nrt=False)
def stand_at_top(t, product, now, position):
    """Move the market buys of an auction to the product's upper limit; end those that cannot cover it, return how many."""
    stopped = 0
    order = best_order(t.roots, t.levels, product, m.BUY)
    while order >= 0:
        after = order_after(t.orders, t.links, t.roots, t.nodes, t.levels, order)
        if term(t, order, m.TERMS_MARKET) and t.orders[order, m.O_PRICE_SEN] != t.products[product, m.P_HIGH_SEN]:
            unbook(t, order, position)
            if restand(t, order):
                rest(t, order, position)
            else:
                end_order(t, order, now)
                stopped += 1
        order = after
    return stopped


@numba.njit(cache=True, nogil=True, _nrt=False)
def set_limits(t, c, now, position, r):
    """Set a product's price limits and the largest position of one account (operator only).

    Orders outside the new limits end; while trading is halted, those that wait are judged when it goes on.
    """
    product, low, high, most = c[3], c[4], c[5], c[6]
    if product < 0 or product >= t.header[e.H_N_PRODUCTS]:
        return e.UNKNOWN_PRODUCT
    if most < 0:
        return e.QUANTITY_NOT_POSITIVE
    if most > e.MAX_QUANTITY_WH:
        return e.QUANTITY_TOO_LARGE
    if low < e.MIN_PRICE_SEN or high < low or high > e.MAX_PRICE_SEN:
        return e.PRICE_OUT_OF_RANGE
    p = t.products[product]
    if p[m.P_STATE] == m.PRODUCT_CLOSED:
        return e.PRODUCT_CLOSED
    if p[m.P_STATE] == m.PRODUCT_ASKING:
        return e.PRODUCT_HALTED
    if p[m.P_STATE] == m.PRODUCT_PRICED or (p[m.P_MODE] == m.MODE_CALL and now >= p[m.P_CLOSE_MS]):
        return e.AUCTION_LOCKED
    p[m.P_LOW_SEN] = low
    p[m.P_HIGH_SEN] = high
    counted = p[m.P_POSITION_WH] != 0
    p[m.P_POSITION_WH] = most
    if most and not counted:
        forget_positions(t, product)
        count_positions(t, product)
    r[0] = product
    r[1] = stand_at_top(t, product, now, position)
    for side in (m.BUY, m.SELL):
        r[1] += stop_outside(t, product, side, low, high, now, position)
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def meet_again(t, product):
    """Ask for capacity for the first resting pair that may meet over a route, if there is one (J39)."""
    buy = best_order(t.roots, t.levels, product, m.BUY)
    while buy >= 0:
        sell = best_order(t.roots, t.levels, product, m.SELL)
        if sell < 0 or t.orders[sell, m.O_PRICE_SEN] > t.orders[buy, m.O_PRICE_SEN]:
            return
        while sell >= 0 and t.orders[sell, m.O_PRICE_SEN] <= t.orders[buy, m.O_PRICE_SEN]:
            own = t.orders[sell, m.O_ACCOUNT] == t.orders[buy, m.O_ACCOUNT]
            if not own and may_meet(t, product, sell, m.BUY, area_of(t, buy), False):
                ask_capacity(t, product, buy, sell, min(shown_wh(t.orders, buy), shown_wh(t.orders, sell)))
                return
            sell = order_after(t.orders, t.links, t.roots, t.nodes, t.levels, sell)
        buy = order_after(t.orders, t.links, t.roots, t.nodes, t.levels, buy)


@numba.njit(cache=True, nogil=True, _nrt=False)
def go_on(t, product, now, position):
    """Let what waited enter by arrival (J38), until trading is halted again.

    After the gate a zaraba's order ends instead; a bid of an auction was there before, and stands (J10).

    Returns:
        how many orders left the queue for good.
    """
    p = t.products[product]
    left = 0
    while t.roots[product, m.ROOT_QUEUE_HEAD] and p[m.P_STATE] == m.PRODUCT_OPEN:
        order = t.roots[product, m.ROOT_QUEUE_HEAD] - 1
        dequeue(t, order)
        covered = restand(t, order)
        price = t.orders[order, m.O_PRICE_SEN]
        inside = (price >= p[m.P_LOW_SEN] or price == e.MARKET_PRICE) and price <= p[m.P_HIGH_SEN]
        late = now >= p[m.P_CLOSE_MS] and p[m.P_MODE] != m.MODE_CALL
        if late or not covered or not inside or not could_enter(t, order, now):
            end_order(t, order, now)
        else:
            enter(t, order, now, position)
        if t.orders[order, m.O_STATE] != m.ORDER_QUEUED:
            left += 1
    if p[m.P_STATE] == m.PRODUCT_OPEN and p[m.P_AREA] == m.EVERY_AREA and now < p[m.P_CLOSE_MS]:
        meet_again(t, product)
    return left


@numba.njit(cache=True, nogil=True, _nrt=False)
def set_trading(t, c, now, position, r):
    """Halt a product or let its trading go on (operator only); while it is halted, orders queue (J38)."""
    product, wish = c[3], c[4]
    if product < 0 or product >= t.header[e.H_N_PRODUCTS]:
        return e.UNKNOWN_PRODUCT
    if wish != m.PRODUCT_OPEN and wish != m.PRODUCT_HALTED:
        return e.TRADING_STATE_INVALID
    p = t.products[product]
    if p[m.P_STATE] == m.PRODUCT_CLOSED:
        return e.PRODUCT_CLOSED
    if wish == m.PRODUCT_HALTED and p[m.P_STATE] == m.PRODUCT_PRICED:
        return e.AUCTION_LOCKED
    if wish == m.PRODUCT_HALTED and p[m.P_STATE] != m.PRODUCT_OPEN:
        return e.PRODUCT_HALTED
    if wish == m.PRODUCT_OPEN and p[m.P_STATE] != m.PRODUCT_HALTED:
        return e.PRODUCT_NOT_HALTED
    p[m.P_STATE] = wish
    r[0] = product
    if wish == m.PRODUCT_OPEN:
        r[1] = go_on(t, product, now, position)
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def end_if_due(t, order, now, position):
    """End a candidate whose time came while it waited for its answer."""
    expires = t.orders[order, m.O_EXPIRES_MS]
    state = t.orders[order, m.O_STATE]
    if expires and expires <= now and (state == m.ORDER_OPEN or state == m.ORDER_QUEUED):
        stop_order(t, order, now, position)


@numba.njit(cache=True, nogil=True, _nrt=False)
def trade_candidates(t, buy, sell, quantity, now, position):
    """Trade a pair over a route: a resting order leaves or keeps its place, one that waits goes on later."""
    rests = t.orders[sell, m.O_STATE] == m.ORDER_OPEN
    if rests and t.orders[buy, m.O_STATE] == m.ORDER_OPEN:
        rests = t.orders[sell, m.O_ARRIVAL] < t.orders[buy, m.O_ARRIVAL]
    price = t.orders[sell if rests else buy, m.O_PRICE_SEN]  # of the one that was there first (J37)
    for order in (buy, sell):
        if t.orders[order, m.O_STATE] == m.ORDER_OPEN:
            weigh(t.orders, t.links, t.levels, order, -1)
    fill(t, buy, sell, price, quantity, now, position)
    for order in (buy, sell):
        if t.orders[order, m.O_STATE] == m.ORDER_OPEN:
            after_fill(t, order, now, position)
        elif t.orders[order, m.O_REMAINING_WH] == 0:
            dequeue(t, order)
            end_order(t, order, now)


@numba.njit(cache=True, nogil=True, _nrt=False)
def block_route(t, product, from_area, to_area):
    """Keep pairs from meeting over a route until its capacity changes (J39)."""
    bit = (from_area - 1) * m.AREAS + to_area - 1
    if bit < m.BLOCKED_BITS:
        t.products[product, m.P_BLOCKED] |= 1 << bit
    else:
        t.products[product, m.P_BLOCKED_HIGH] |= 1 << (bit - m.BLOCKED_BITS)


@numba.njit(cache=True, nogil=True, _nrt=False)
def answer_capacity(t, c, now, position, r):
    """Answer a product's question for capacity: what can flow trades, then trading goes on (operator only; J38).

    Where less than asked was granted the route is blocked (J39). After the gate, or when the tokens have expired
    meanwhile, nothing flows.
    """
    product, granted = c[3], c[4]
    if product < 0 or product >= t.header[e.H_N_PRODUCTS]:
        return e.UNKNOWN_PRODUCT
    p = t.products[product]
    if granted < 0:
        return e.QUANTITY_NOT_POSITIVE
    if p[m.P_STATE] == m.PRODUCT_ASKING and granted > p[m.P_ASK_WH]:
        return e.QUANTITY_TOO_LARGE
    if p[m.P_STATE] == m.PRODUCT_CLOSED:
        return e.PRODUCT_CLOSED
    if p[m.P_STATE] != m.PRODUCT_ASKING:
        return e.NOTHING_ASKED
    buy, sell, asked = p[m.P_ASK_BUY], p[m.P_ASK_SELL], p[m.P_ASK_WH]
    p[m.P_STATE] = m.PRODUCT_OPEN
    p[m.P_ASK_BUY] = 0
    p[m.P_ASK_SELL] = 0
    p[m.P_ASK_WH] = 0
    if granted < asked:
        block_route(t, product, area_of(t, sell), area_of(t, buy))
    if lot_is_expired(t, t.orders[sell, m.O_LOT], now):
        stop_order(t, sell, now, position)
    elif granted > 0 and now < p[m.P_CLOSE_MS]:
        trade_candidates(t, buy, sell, granted, now, position)
        r[0] = granted
    end_if_due(t, buy, now, position)
    end_if_due(t, sell, now, position)
    r[1] = go_on(t, product, now, position)
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def open_route(t, c, now, position, r):
    """Let pairs meet again over a route whose capacity has changed (operator only; J39)."""
    product, from_area, to_area = c[3], c[4], c[5]
    if product < 0 or product >= t.header[e.H_N_PRODUCTS]:
        return e.UNKNOWN_PRODUCT
    if from_area < 1 or from_area > m.AREAS or to_area < 1 or to_area > m.AREAS or from_area == to_area:
        return e.AREA_INVALID
    p = t.products[product]
    if p[m.P_STATE] == m.PRODUCT_CLOSED:
        return e.PRODUCT_CLOSED
    if p[m.P_AREA] != m.EVERY_AREA:
        return e.WRONG_MODE
    bit = (from_area - 1) * m.AREAS + to_area - 1
    if bit < m.BLOCKED_BITS:
        p[m.P_BLOCKED] &= ~(1 << bit)
    else:
        p[m.P_BLOCKED_HIGH] &= ~(1 << (bit - m.BLOCKED_BITS))
    r[0] = product
    if p[m.P_STATE] == m.PRODUCT_OPEN:
        r[1] = go_on(t, product, now, position)
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def close_product(t, c, now, position, r):
    """Close a product and cancel what rests or waits in it (operator only)."""
    product = c[3]
    if product < 0 or product >= t.header[e.H_N_PRODUCTS]:
        return e.UNKNOWN_PRODUCT
    p = t.products[product]
    if p[m.P_STATE] == m.PRODUCT_CLOSED:
        return e.PRODUCT_CLOSED
    if p[m.P_OPEN_SLOTS]:
        return e.SLOTS_OPEN
    cancelled = p[m.P_OPEN_ORDERS]
    p[m.P_STATE] = m.PRODUCT_CLOSED
    p[m.P_ASK_BUY] = 0
    p[m.P_ASK_SELL] = 0
    p[m.P_ASK_WH] = 0
    while t.roots[product, m.ROOT_QUEUE_HEAD]:
        stop_order(t, t.roots[product, m.ROOT_QUEUE_HEAD] - 1, now, position)
    for side in (m.SELL, m.BUY):
        order = best_order(t.roots, t.levels, product, side)
        while order >= 0:
            stop_order(t, order, now, position)
            order = best_order(t.roots, t.levels, product, side)
    r[0] = product
    r[1] = cancelled
    return e.OK
