"""Commands on orders: place, amend, cancel; and the zaraba that trades them (J36 to J41).

Rows of ``t`` and words of ``c`` as in ``layout.py``; a handler changes nothing unless it returns ``OK``.
"""

import numba
import numpy as np

from wattmark.engine import layout as e
from wattmark.engine.book_kernels import (
    after_fill,
    end_order,
    enqueue,
    fill,
    is_candidate,
    move_position,
    open_order,
    position_row,
    reduce_order,
    rest,
    show_level_of,
    stop_order,
    term,
    terms_of,
    unbook,
)
from wattmark.engine.token_kernels import check_spend, cut, lot_is_expired
from wattmark.market import layout as m
from wattmark.market.kernels import (
    best_level,
    best_order,
    beyond,
    keeps_place,
    next_level,
    order_after,
    self_trade_cuts,
    shown_wh,
    weigh,
)
from wattmark.tokens import layout as k
from wattmark.tokens.kernels import set_state

NOBODY = -1
"""An account that owns no order."""


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
def ask_capacity(t, product, buy, sell):
    """Halt a product while capacity is asked for a candidate pair in different areas (J38)."""
    p = t.products[product]
    p[m.P_STATE] = m.PRODUCT_ASKING
    p[m.P_ASK_BUY] = buy
    p[m.P_ASK_SELL] = sell
    p[m.P_ASK_WH] = min(t.orders[buy, m.O_REMAINING_WH], t.orders[sell, m.O_REMAINING_WH])


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
            ask_capacity(t, product, buy, sell)
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
    if expires != 0 and (expires <= now or expires > e.MAX_TIME_S * e.MS_PER_S):
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
    if is_market != (price == e.MARKET_PRICE) or price < 0 or price > e.MAX_PRICE_SEN:
        return e.PRICE_OUT_OF_RANGE
    if display != 0 and (display > quantity or display * m.MOST_SLICES < quantity):
        return e.DISPLAY_INVALID
    if o[m.O_ACCOUNT] != actor:
        return e.NOT_OWNER
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
