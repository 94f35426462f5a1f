"""The zaraba: how an order that enters trades, and what it would trade at once (J36 to J41).

Rows of ``t`` as in ``layout.py``. The caller has checked and reserved; an order here is in no list.
"""

import numba
import numpy as np

from wattmark.engine.book_kernels import (
    after_fill,
    end_order,
    enqueue,
    fill,
    reduce_order,
    rest,
    show_level_of,
    stop_order,
    term,
)
from wattmark.engine.token_kernels import lot_is_expired
from wattmark.market import layout as m
from wattmark.market.kernels import (
    best_level,
    best_order,
    beyond,
    next_level,
    order_after,
    self_trade_cuts,
    shown_wh,
    weigh,
)
from wattmark.tokens import layout as k

NOBODY = -1
"""An account that owns no order."""


@numba.njit(cache=True, nogil=True, _nrt=False)
def area_of(t, order):
    """Return the area an order's energy comes from or goes to."""
    o = t.orders[order]
    if o[m.O_SIDE] == m.SELL:
        return t.bundles[t.lots[o[m.O_LOT], k.L_BUNDLE], k.B_AREA]
    return term(t, order, m.TERMS_AREA)


@numba.njit(cache=True, nogil=True, _nrt=False)
def route_is_blocked(t, product, from_area, to_area):
    """Return whether less than asked was granted over a route, and nothing has changed since (J39)."""
    bit = (from_area - 1) * m.AREAS + to_area - 1
    if bit < m.BLOCKED_BITS:
        return (t.products[product, m.P_BLOCKED] >> bit) & 1 != 0
    return (t.products[product, m.P_BLOCKED_HIGH] >> (bit - m.BLOCKED_BITS)) & 1 != 0


@numba.njit(cache=True, nogil=True, _nrt=False)
def may_meet(t, product, resting, side, area, local):
    """Return whether an order of an area may trade with a resting one: the same area, or a route not blocked.

    ``local`` orders, whose fate must be known at once, trade inside their own area.
    """
    if t.products[product, m.P_AREA] != m.EVERY_AREA:
        return True
    other = area_of(t, resting)
    if other == area:
        return True
    if local:
        return False
    if side == m.BUY:
        return not route_is_blocked(t, product, other, area)
    return not route_is_blocked(t, product, area, other)


@numba.njit(cache=True, nogil=True, _nrt=False)
def reach(t, product, side, limit, quantity, account, self_trade, area, local, now):
    """Return (Wh up to ``quantity`` that an order would trade at once, worst price it would get).

    It walks the other side as ``trade`` does: past tokens that expired and routes that are blocked, past the
    account's own orders where these would be cancelled, and up to the first of them where they would stop it;
    ``NOBODY`` has no own orders.
    """
    other = m.SELL if side == m.BUY else m.BUY
    found = 0 * quantity
    worst = 0 * quantity
    level = best_level(t.roots, product, other)
    while level and found < quantity:
        price = t.levels[level, m.LEVEL_PRICE]
        if beyond(side, limit, price):
            break
        whole = 0 * quantity
        shown = 0 * quantity
        order = t.levels[level, m.LEVEL_HEAD]
        while order:
            resting = order - 1
            order = t.links[resting, m.LINK_NEXT]
            if side == m.BUY and lot_is_expired(t, t.orders[resting, m.O_LOT], now):
                continue
            if not may_meet(t, product, resting, side, area, local):
                continue
            if t.orders[resting, m.O_ACCOUNT] == account:
                if self_trade == m.STP_OLDEST:
                    continue
                # an iceberg before it trades one slice and goes behind it
                if shown > 0:
                    worst = price
                return min(found + shown, quantity), worst
            whole += t.orders[resting, m.O_REMAINING_WH]
            shown += shown_wh(t.orders, resting)
            if found + shown >= quantity:
                break
        if whole > 0:
            worst = price
        found += whole
        level = next_level(t.roots, t.nodes, product, other, price)
    return min(found, quantity), worst


@numba.njit(cache=True, nogil=True, _nrt=False)
def counterpart(t, order, local, now, position):
    """Return the resting order that a new one meets next, or -1; what has expired on the way is ended."""
    o = t.orders[order]
    product = o[m.O_PRODUCT]
    side = o[m.O_SIDE]
    area = term(t, order, m.TERMS_AREA)
    if t.products[product, m.P_AREA] == m.EVERY_AREA:
        area = area_of(t, order)
    other = m.SELL if side == m.BUY else m.BUY
    resting = best_order(t.roots, t.levels, product, other)
    while resting >= 0 and not beyond(side, o[m.O_PRICE_SEN], t.orders[resting, m.O_PRICE_SEN]):
        if side == m.BUY and lot_is_expired(t, t.orders[resting, m.O_LOT], now):
            after = order_after(t.orders, t.links, t.roots, t.nodes, t.levels, resting)
            stop_order(t, resting, now, position)
            resting = after
            continue
        if may_meet(t, product, resting, side, area, local):
            return resting
        resting = order_after(t.orders, t.links, t.roots, t.nodes, t.levels, resting)
    return resting * 0 - 1


@numba.njit(cache=True, nogil=True, _nrt=False)
def prevent_self_trade(t, order, resting, now, position):
    """Keep an account from trading with itself; return whether the new order may go on."""
    its = t.orders[resting, m.O_REMAINING_WH]
    mode = term(t, order, m.TERMS_SELF_TRADE)
    cut_resting, cut_new, goes_on = self_trade_cuts(mode, t.orders[order, m.O_REMAINING_WH], its)
    if cut_resting == its:
        stop_order(t, resting, now, position)
    elif cut_resting > 0:
        weigh(t.orders, t.links, t.levels, resting, -1)
        reduce_order(t, resting, cut_resting, now)
        weigh(t.orders, t.links, t.levels, resting, 1)
        show_level_of(t, resting, t.links[resting, m.LINK_LEVEL], position)
    if goes_on and cut_new > 0:
        reduce_order(t, order, cut_new, now)
    return goes_on


@numba.njit(cache=True, nogil=True, _nrt=False)
def ask_capacity(t, product, buy, sell, wh):
    """Halt a product while capacity is asked for a candidate pair in different areas (J38), as far as they show."""
    p = t.products[product]
    p[m.P_STATE] = m.PRODUCT_ASKING
    p[m.P_ASK_BUY] = buy
    p[m.P_ASK_SELL] = sell
    p[m.P_ASK_WH] = wh


@numba.njit(cache=True, nogil=True, _nrt=False)
def trade(t, order, now, position):
    """Trade an order against the book, at the price of the order entered earlier (J37).

    Returns:
        whether what remains may go on; not when it met an order of its own account that stops it.
    """
    o = t.orders[order]
    product = o[m.O_PRODUCT]
    buying = o[m.O_SIDE] == m.BUY
    local = is_local(term(t, order, 0), o[m.O_MIN_WH], term(t, order, m.TERMS_MARKET))
    while o[m.O_REMAINING_WH] > 0:
        resting = counterpart(t, order, local, now, position)
        if resting < 0:
            return True
        if t.orders[resting, m.O_ACCOUNT] == o[m.O_ACCOUNT]:
            if not prevent_self_trade(t, order, resting, now, position):
                return False
            continue
        buy = order if buying else resting
        sell = resting if buying else order
        if t.products[product, m.P_AREA] == m.EVERY_AREA and area_of(t, buy) != area_of(t, sell):
            ask_capacity(t, product, buy, sell, min(o[m.O_REMAINING_WH], shown_wh(t.orders, resting)))
            return True
        quantity = min(o[m.O_REMAINING_WH], shown_wh(t.orders, resting))
        weigh(t.orders, t.links, t.levels, resting, -1)
        fill(t, buy, sell, t.orders[resting, m.O_PRICE_SEN], quantity, now, position)
        after_fill(t, resting, now, position)
    return True


@numba.njit(cache=True, nogil=True, _nrt=False)
def is_local(tif, min_wh, is_market):
    """Return whether an order's fate must be known at once, so that it cannot wait for capacity."""
    return tif == m.TIF_ALL_OR_NONE or min_wh > 0 or is_market != 0


@numba.njit(cache=True, nogil=True, _nrt=False)
def enter(t, order, now, position):
    """Let an open order that is in no list trade, then rest, end, or wait for capacity."""
    o = t.orders[order]
    product = o[m.O_PRODUCT]
    goes_on = True
    if t.products[product, m.P_MODE] == m.MODE_CONTINUOUS:
        goes_on = trade(t, order, now, position)
    if o[m.O_REMAINING_WH] > 0 and t.products[product, m.P_STATE] == m.PRODUCT_ASKING:
        enqueue(t, order, True)
        return
    tif = term(t, order, 0)
    if o[m.O_REMAINING_WH] == 0 or not goes_on or tif == m.TIF_IMMEDIATE or tif == m.TIF_ALL_OR_NONE:
        end_order(t, order, now)
    else:
        o[m.O_MIN_WH] = 0
        rest(t, order, position)


@numba.njit(cache=True, nogil=True, _nrt=False)
def could_enter(t, order, now):
    """Return whether an order that waited for a halt to end still holds: its tokens, and what it must trade at once."""
    o = t.orders[order]
    side = o[m.O_SIDE]
    if side == m.SELL and lot_is_expired(t, o[m.O_LOT], now):
        return False
    tif = term(t, order, 0)
    least = o[m.O_QUANTITY_WH] if tif == m.TIF_ALL_OR_NONE else o[m.O_MIN_WH]
    if t.products[o[m.O_PRODUCT], m.P_MODE] == m.MODE_CALL or (least == 0 and tif != m.TIF_POST_ONLY):
        return True
    wanted = np.int64(1) if tif == m.TIF_POST_ONLY else least
    local = is_local(tif, o[m.O_MIN_WH], term(t, order, m.TERMS_MARKET))
    account = NOBODY if tif == m.TIF_POST_ONLY else o[m.O_ACCOUNT]
    stp = term(t, order, m.TERMS_SELF_TRADE)
    area = area_of(t, order)
    found, _ = reach(t, o[m.O_PRODUCT], side, o[m.O_PRICE_SEN], wanted, account, stp, area, local, now)
    return found == 0 if tif == m.TIF_POST_ONLY else found >= least
