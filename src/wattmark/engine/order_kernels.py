"""Commands on orders: place, amend, cancel (J10, J36 to J41).

Rows of ``t`` and words of ``c`` as in ``layout.py``; a handler changes nothing unless it returns ``OK``.
"""

import numba
import numpy as np

from wattmark.engine import layout as e
from wattmark.engine.book_kernels import (
    enqueue,
    is_candidate,
    move_position,
    open_order,
    position_row,
    reduce_order,
    show_level_of,
    stop_order,
    term,
    terms_of,
    unbook,
)
from wattmark.engine.token_kernels import check_spend, cut, lot_is_expired
from wattmark.engine.zaraba_kernels import NOBODY, area_of, enter, is_local, reach
from wattmark.market import layout as m
from wattmark.market.kernels import keeps_place, weigh
from wattmark.tokens import layout as k
from wattmark.tokens.kernels import set_state


@numba.njit(cache=True, nogil=True, _nrt=False)
def lot_fits_product(t, lot, product):
    """Return whether a lot may be sold in a product."""
    p = t.products[product]
    b = t.bundles[t.lots[lot, k.L_BUNDLE]]
    kind = t.lots[lot, k.L_KIND]
    if (b[k.B_AREA] != p[m.P_AREA] and p[m.P_AREA] != m.EVERY_AREA) or b[k.B_SOURCE] != p[m.P_SOURCE]:
        return False
    if p[m.P_SCOPE] == m.SCOPE_PERIOD:
        same = b[k.B_PERIOD_S] == p[m.P_PERIOD_S] and b[k.B_DURATION_S] == p[m.P_DURATION_S]
        return same and kind != k.ENERGY_CLAIM
    if b[k.B_PERIOD_S] < p[m.P_PERIOD_S] or b[k.B_PERIOD_S] >= p[m.P_PERIOD_S] + p[m.P_DURATION_S]:
        return False
    return (kind == k.ENERGY_CLAIM) == (p[m.P_SCOPE] == m.SCOPE_BANKED_YEAR)


@numba.njit(cache=True, nogil=True, _nrt=False)
def check_terms(t, c, now):
    """Check an order's own words, before anything it names but its product."""
    product, side, price, quantity, tif = c[3], c[4], c[5], c[6], c[9]
    expires, least, display, self_trade, area = c[10], c[11], c[12], c[13], c[15]
    every = t.products[product, m.P_AREA] == m.EVERY_AREA and side == m.BUY
    if area < 0 or area > m.AREAS or (area != 0) != every:
        return e.AREA_INVALID
    if side != m.BUY and side != m.SELL:
        return e.SIDE_INVALID
    if tif < m.TIF_REST or tif > m.TIF_POST_ONLY:
        return e.TIF_INVALID
    if self_trade < m.STP_NEWEST or self_trade > m.STP_DECREMENT:
        return e.SELF_TRADE_INVALID
    latest = e.MAX_TIME_S * e.MS_PER_S
    if t.products[product, m.P_MODE] == m.MODE_CALL:
        latest = t.products[product, m.P_CLOSE_MS]  # from the gate on a bid stands (J10)
    if expires != 0 and (expires <= now or expires > latest):
        return e.TIME_INVALID
    if quantity <= 0:
        return e.QUANTITY_NOT_POSITIVE
    if quantity > e.MAX_QUANTITY_WH:
        return e.QUANTITY_TOO_LARGE
    if price != e.MARKET_PRICE and (price < e.MIN_PRICE_SEN or price > e.MAX_PRICE_SEN):
        return e.PRICE_OUT_OF_RANGE
    if least < 0 or least > quantity:
        return e.MIN_QUANTITY_INVALID
    if display != 0 and (display < 0 or display > quantity or display * m.MOST_SLICES < quantity):
        return e.DISPLAY_INVALID
    stays = tif == m.TIF_REST or tif == m.TIF_POST_ONLY
    if (not stays and (expires != 0 or display != 0)) or (tif == m.TIF_POST_ONLY and least != 0):
        return e.TERMS_MISMATCH
    # what such an order trades at once must be known before, and reducing both sides would change it on the way
    if self_trade == m.STP_DECREMENT and is_local(tif, least, price == e.MARKET_PRICE):
        return e.TERMS_MISMATCH
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def check_mode(t, c):
    """Check that a product trades the way an order wants to."""
    p = t.products[c[3]]
    price, tif = c[5], c[9]
    if p[m.P_MODE] == m.MODE_CALL:
        if tif != m.TIF_REST or c[11] or c[12] or c[13]:
            return e.WRONG_MODE
    elif price == e.MARKET_PRICE and (tif == m.TIF_REST or tif == m.TIF_POST_ONLY):
        return e.WRONG_MODE
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def position_allows(t, product, account, more):
    """Return whether an account may bid for so many Wh more in a product."""
    limit = t.products[product, m.P_POSITION_WH]
    return limit == 0 or t.positions[position_row(t, account, product), 2] + more <= limit


@numba.njit(cache=True, nogil=True, _nrt=False)
def check_order(t, c, actor, now, r):
    """Check an order; ``r`` gets the limit it will trade at [sen/kWh]."""
    product, side, price, quantity, lot, start = c[3], c[4], c[5], c[6], c[7], c[8]
    selling = side == m.SELL
    if selling and (lot < 0 or lot >= t.header[e.H_N_LOTS]):
        return e.UNKNOWN_LOT
    if product < 0 or product >= t.header[e.H_N_PRODUCTS]:
        return e.UNKNOWN_PRODUCT
    outcome = check_terms(t, c, now)
    if outcome != e.OK:
        return outcome
    if selling:
        start = min(start, e.MAX_QUANTITY_WH + 1)  # outside of every lot, and the sum cannot overflow
        outcome = check_spend(t, lot, start, start + quantity, actor, False, now)
        if outcome != e.OK:
            return outcome
    p = t.products[product]
    if p[m.P_STATE] == m.PRODUCT_CLOSED or now >= p[m.P_CLOSE_MS]:
        return e.PRODUCT_CLOSED
    if now < p[m.P_OPEN_MS]:
        return e.PRODUCT_NOT_OPEN
    if selling and not lot_fits_product(t, lot, product):
        return e.PRODUCT_MISMATCH
    outcome = check_mode(t, c)
    if outcome != e.OK:
        return outcome
    if price != e.MARKET_PRICE and (price < p[m.P_LOW_SEN] or price > p[m.P_HIGH_SEN]):
        return e.PRICE_OUTSIDE_COLLAR
    if not selling and not position_allows(t, product, actor, quantity):
        return e.POSITION_LIMIT
    area = c[15]
    if selling:
        area = t.bundles[t.lots[lot, k.L_BUNDLE], k.B_AREA]
    return check_reach(t, c, actor, area, now, r)


@numba.njit(cache=True, nogil=True, _nrt=False)
def check_reach(t, c, actor, area, now, r):
    """Check what an order would trade at once, and last its cash."""
    product, side, price, quantity, tif, least = c[3], c[4], c[5], c[6], c[9], c[11]
    p = t.products[product]
    is_market = price == e.MARKET_PRICE
    limit = price
    if is_market:
        limit = p[m.P_HIGH_SEN] if side == m.BUY else p[m.P_LOW_SEN]
    covered = quantity
    if p[m.P_MODE] == m.MODE_CALL:
        if is_market and side == m.SELL:
            limit = e.MARKET_PRICE  # where a market sell stands (J17)
    elif p[m.P_STATE] == m.PRODUCT_OPEN:
        if tif == m.TIF_ALL_OR_NONE:
            least = quantity
        local = is_local(tif, c[11], is_market)
        if tif == m.TIF_POST_ONLY:
            found, _ = reach(t, product, side, limit, np.int64(1), NOBODY, m.STP_NEWEST, area, local, now)
            if found > 0:
                return e.WOULD_TRADE
        elif is_market or least > 0:
            found, worst = reach(t, product, side, limit, quantity, actor, c[13], area, local, now)
            if found < least:
                return e.NOT_FILLABLE
            if is_market and side == m.BUY and found > 0:
                limit = worst
                covered = found
            elif is_market and side == m.BUY:
                covered = 0 * quantity
    r[0] = limit
    account = t.accounts[actor]
    if side == m.BUY and account[e.A_CASH_E5] + account[e.A_CREDIT_E5] - account[e.A_HELD_E5] < limit * covered:
        return e.INSUFFICIENT_CASH
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def place_order(t, c, actor, now, position, r):
    """Place an order: reserve; then trade where trading is continuous, rest or end what is left; or wait out a halt.

    A market order takes part with the worst price it may get as its limit (J41): within the product's collar,
    for a buy at once the dearest it would reach. Its rest is deleted, so nothing is held for long.
    """
    outcome = check_order(t, c, actor, now, r)
    if outcome != e.OK:
        return outcome
    product, side, quantity, lot, start = c[3], c[4], c[6], c[7], c[8]
    price = r[0]
    if side == m.BUY:
        t.accounts[actor, e.A_HELD_E5] += price * quantity
        move_position(t, actor, product, quantity)
    else:
        lot = cut(t, lot, start, start + quantity)
        set_state(t.lots, t.bundles, lot, k.RESERVED, now)
    order = t.header[e.H_N_ORDERS]
    t.header[e.H_N_ORDERS] = order + 1
    o = t.orders[order]
    o[m.O_ACCOUNT] = actor
    o[m.O_PRODUCT] = product
    o[m.O_SIDE] = side
    o[m.O_PRICE_SEN] = price
    o[m.O_QUANTITY_WH] = quantity
    o[m.O_REMAINING_WH] = quantity
    o[m.O_LOT] = lot if side == m.SELL else k.NO_REF
    o[m.O_STATE] = m.ORDER_OPEN
    o[m.O_POSITION] = position
    o[m.O_ARRIVAL] = 0
    o[m.O_VALUE_E5] = 0
    o[m.O_TERMS] = terms_of(c[9], c[13], c[15], 1 if c[5] == e.MARKET_PRICE else 0)
    o[m.O_EXPIRES_MS] = c[10]
    o[m.O_MIN_WH] = c[11]
    o[m.O_DISPLAY_WH] = c[12]
    o[m.O_GROUP] = c[14]
    if side == m.SELL:
        t.lots[lot, k.L_REF] = order
    open_order(t, order)
    if t.products[product, m.P_STATE] == m.PRODUCT_OPEN:
        enter(t, order, now, position)
    else:
        enqueue(t, order, False)
    r[0] = order
    r[1] = o[m.O_QUANTITY_WH] - o[m.O_REMAINING_WH]
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def id_slot(low, high):
    """Return where the search for an id begins, non-negative.

    Ids are chosen by clients, who may count: runs of neighbours must not land on neighbouring slots. Each factor
    has 32 bits or fewer, so that no product overflows.
    """
    mixed = (low & 0xFFFFFFFF) * 0x045D9F3B ^ ((low >> 32) & 0xFFFFFFFF) * 0x2C1B3C6D
    mixed ^= (high & 0xFFFFFFFF) * 0x297A2D39 ^ ((high >> 32) & 0xFFFFFFFF) * 0x1F85EBCB
    return (mixed ^ (mixed >> 17) ^ (mixed >> 31)) & 0x7FFFFFFFFFFFFFFF


@numba.njit(cache=True, nogil=True, _nrt=False)
def find_order(t, low, high):
    """Return the order row made by the command with an id, or -1."""
    mask = t.id_index.size - 1
    slot = id_slot(low, high) & mask
    while True:
        row = t.id_index[slot] - 1
        if row < 0:
            return row
        if t.ids[row, e.I_LOW] == low and t.ids[row, e.I_HIGH] == high:
            break
        slot = (slot + 1) & mask
    if t.ids[row, e.I_OUTCOME] != e.OK:
        return row * 0 - 1
    order = t.ids[row, e.I_RESULT0]
    if order < 0 or order >= t.header[e.H_N_ORDERS] or t.orders[order, m.O_POSITION] != row:
        return row * 0 - 1
    return order


@numba.njit(cache=True, nogil=True, _nrt=False)
def is_live(t, order):
    """Return whether an order is in the book or waits for a halt to end."""
    state = t.orders[order, m.O_STATE]
    return state == m.ORDER_OPEN or state == m.ORDER_QUEUED


@numba.njit(cache=True, nogil=True, _nrt=False)
def is_locked(t, order, now):
    """Return whether an order is a bid of an auction whose gate has closed (J10)."""
    p = t.products[t.orders[order, m.O_PRODUCT]]
    return p[m.P_MODE] == m.MODE_CALL and now >= p[m.P_CLOSE_MS]


@numba.njit(cache=True, nogil=True, _nrt=False)
def cancel(t, c, actor, now, position, r):
    """Cancel what rests of an order, named by the id of the command that placed it; during halts too (J40)."""
    order = find_order(t, c[3], c[4])
    if order < 0:
        return e.UNKNOWN_ORDER
    o = t.orders[order]
    if o[m.O_ACCOUNT] != actor and not t.accounts[actor, e.A_ROLES] & e.ROLE_OPERATOR:
        return e.NOT_OWNER
    if not is_live(t, order):
        return e.ORDER_NOT_OPEN
    if is_candidate(t, order):
        return e.ORDER_IS_CANDIDATE
    if is_locked(t, order, now):
        return e.AUCTION_LOCKED
    r[0] = order
    r[1] = o[m.O_REMAINING_WH]
    stop_order(t, order, now, position)
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def cancel_all(t, c, actor, now, position, r):
    """Cancel an account's live orders: all, or those of a product, or of a session; not what may not be cancelled."""
    account, product, session = c[3], c[4], c[5]
    if account < 0 or account >= t.header[e.H_N_ACCOUNTS]:
        return e.UNKNOWN_ACCOUNT
    if product < -1 or product >= t.header[e.H_N_PRODUCTS]:
        return e.UNKNOWN_PRODUCT
    if account != actor and not t.accounts[actor, e.A_ROLES] & e.ROLE_OPERATOR:
        return e.NOT_OWNER
    after = t.owners[account, 0]
    while after:
        order = after - 1
        after = t.links[order, m.LINK_OWNER_NEXT]
        o = t.orders[order]
        if product >= 0 and o[m.O_PRODUCT] != product:
            continue
        if (session and o[m.O_GROUP] != session) or is_candidate(t, order) or is_locked(t, order, now):
            continue
        r[0] += 1
        r[1] += o[m.O_REMAINING_WH]
        stop_order(t, order, now, position)
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def check_amend(t, order, price, quantity, actor, now):
    """Check a change of an order's price and whole quantity."""
    o = t.orders[order]
    product = o[m.O_PRODUCT]
    p = t.products[product]
    display = o[m.O_DISPLAY_WH]
    is_market = term(t, order, m.TERMS_MARKET) != 0
    if quantity <= 0:
        return e.QUANTITY_NOT_POSITIVE
    if quantity > e.MAX_QUANTITY_WH:
        return e.QUANTITY_TOO_LARGE
    mine = o[m.O_ACCOUNT] == actor  # what an order hides is asked of its owner only
    if price < 0 or price > e.MAX_PRICE_SEN or (mine and is_market != (price == e.MARKET_PRICE)):
        return e.PRICE_OUT_OF_RANGE
    if mine and display != 0 and (display > quantity or display * m.MOST_SLICES < quantity):
        return e.DISPLAY_INVALID
    if not mine:
        return e.NOT_OWNER
    if o[m.O_SIDE] == m.SELL and is_live(t, order) and lot_is_expired(t, o[m.O_LOT], now):
        return e.LOT_EXPIRED
    if p[m.P_STATE] == m.PRODUCT_CLOSED or now >= p[m.P_CLOSE_MS]:
        return e.PRODUCT_CLOSED
    if p[m.P_STATE] != m.PRODUCT_OPEN:
        return e.PRODUCT_HALTED
    if not is_live(t, order):
        return e.ORDER_NOT_OPEN
    if not is_market and (price < p[m.P_LOW_SEN] or price > p[m.P_HIGH_SEN]):
        return e.PRICE_OUTSIDE_COLLAR
    more = quantity - o[m.O_QUANTITY_WH]
    buying = o[m.O_SIDE] == m.BUY
    if buying and more > 0 and not position_allows(t, product, actor, more):
        return e.POSITION_LIMIT
    done = o[m.O_QUANTITY_WH] - o[m.O_REMAINING_WH]
    if quantity <= done:
        return e.BELOW_FILLED
    if not buying and more > 0:
        return e.ABOVE_RESERVED
    limit = o[m.O_PRICE_SEN] if is_market else price
    if term(t, order, 0) == m.TIF_POST_ONLY:
        area = area_of(t, order)
        found, _ = reach(t, product, o[m.O_SIDE], limit, np.int64(1), NOBODY, m.STP_NEWEST, area, False, now)
        if found > 0:
            return e.WOULD_TRADE
    needed = limit * (quantity - done) - o[m.O_PRICE_SEN] * o[m.O_REMAINING_WH]
    account = t.accounts[actor]
    free = account[e.A_CASH_E5] + account[e.A_CREDIT_E5] - account[e.A_HELD_E5]
    if buying and needed > 0 and free < needed:
        return e.INSUFFICIENT_CASH
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def amend(t, c, actor, now, position, r):
    """Change an order's price and whole quantity, the filled part included.

    Less at the same price keeps its place in the book; all else loses it and may trade at once.
    """
    price, quantity = c[5], c[6]
    order = find_order(t, c[3], c[4])
    if order < 0:
        return e.UNKNOWN_ORDER
    outcome = check_amend(t, order, price, quantity, actor, now)
    if outcome != e.OK:
        return outcome
    o = t.orders[order]
    if term(t, order, m.TERMS_MARKET):
        price = o[m.O_PRICE_SEN]
    less = o[m.O_QUANTITY_WH] - quantity
    stays = keeps_place(o[m.O_PRICE_SEN], o[m.O_QUANTITY_WH], price, quantity)
    if stays:
        weigh(t.orders, t.links, t.levels, order, -1)
    else:
        unbook(t, order, position)
        o[m.O_ARRIVAL] = 0
    if less > 0:
        reduce_order(t, order, less, now)
    elif less < 0:
        t.accounts[actor, e.A_HELD_E5] -= o[m.O_PRICE_SEN] * less
        o[m.O_QUANTITY_WH] -= less
        o[m.O_REMAINING_WH] -= less
        move_position(t, actor, o[m.O_PRODUCT], -less)
    done = o[m.O_QUANTITY_WH] - o[m.O_REMAINING_WH]
    if stays:
        weigh(t.orders, t.links, t.levels, order, 1)
        show_level_of(t, order, t.links[order, m.LINK_LEVEL], position)
    else:
        if o[m.O_SIDE] == m.BUY:
            t.accounts[actor, e.A_HELD_E5] += (price - o[m.O_PRICE_SEN]) * o[m.O_REMAINING_WH]
        o[m.O_PRICE_SEN] = price
        enter(t, order, now, position)
    r[0] = order
    r[1] = o[m.O_QUANTITY_WH] - o[m.O_REMAINING_WH] - done
    return e.OK
