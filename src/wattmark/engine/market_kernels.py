"""Commands on the market: list, place, cancel, clear, close.

Rows of ``t`` and words of ``c`` as in ``layout.py``; a handler changes nothing unless it returns ``OK``.
A placed order first reserves all it may need (cash at its limit, or the serials it sells); every fill
then moves reserved things only, so no fill can fail.
"""

import numba
import numpy as np

from wattmark.engine import layout as e
from wattmark.engine.token_kernels import check_spend, cut, lot_is_expired
from wattmark.market import layout as m
from wattmark.market.auction_kernels import clearing_price, ration
from wattmark.market.kernels import best_level, book_insert, book_remove, side_orders
from wattmark.tokens import layout as k
from wattmark.tokens.kernels import set_owner, set_state


@numba.njit(cache=True, nogil=True, _nrt=False)
def list_product(t, c, r):
    """List a product: area x source x period, or any period of a year (operator only)."""
    area, source, start, duration, opens, closes, mode, scope = c[3], c[4], c[5], c[6], c[7], c[8], c[9], c[10]
    if area < 1 or area > 9:
        return e.AREA_INVALID
    if source < 1 or source > 7:
        return e.SOURCE_INVALID
    if mode != m.MODE_CONTINUOUS and mode != m.MODE_CALL:
        return e.MODE_INVALID
    if scope < m.SCOPE_PERIOD or scope > m.SCOPE_CERTIFICATE_YEAR:
        return e.SCOPE_INVALID
    if start < 0 or start > e.MAX_TIME_S:
        return e.TIME_INVALID
    if duration <= 0 or duration > e.MAX_TIME_S:
        return e.PERIOD_INVALID
    if opens < 0 or closes <= opens or closes > e.MAX_TIME_S * e.MS_PER_S:
        return e.GATE_INVALID
    row = t.header[e.H_N_PRODUCTS]
    t.header[e.H_N_PRODUCTS] = row + 1
    for word in range(8):
        t.products[row, word] = 0
    t.products[row, m.P_AREA] = area
    t.products[row, m.P_SOURCE] = source
    t.products[row, m.P_PERIOD_S] = start
    t.products[row, m.P_DURATION_S] = duration
    t.products[row, m.P_SCOPE] = scope
    t.products[row, m.P_OPEN_MS] = opens
    t.products[row, m.P_CLOSE_MS] = closes
    t.products[row, m.P_MODE] = mode
    t.products[row, m.P_STATE] = m.PRODUCT_OPEN
    r[0] = row
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def lot_fits_product(t, lot, product):
    """Return whether a lot may be sold in a product."""
    p = t.products[product]
    b = t.bundles[t.lots[lot, k.L_BUNDLE]]
    kind = t.lots[lot, k.L_KIND]
    if b[k.B_AREA] != p[m.P_AREA] or b[k.B_SOURCE] != p[m.P_SOURCE]:
        return False
    if p[m.P_SCOPE] == m.SCOPE_PERIOD:
        same = b[k.B_PERIOD_S] == p[m.P_PERIOD_S] and b[k.B_DURATION_S] == p[m.P_DURATION_S]
        return same and kind != k.ENERGY_CLAIM
    if b[k.B_PERIOD_S] < p[m.P_PERIOD_S] or b[k.B_PERIOD_S] >= p[m.P_PERIOD_S] + p[m.P_DURATION_S]:
        return False
    return (kind == k.ENERGY_CLAIM) == (p[m.P_SCOPE] == m.SCOPE_BANKED_YEAR)


@numba.njit(cache=True, nogil=True, _nrt=False)
def end_order(t, order, now):
    """Give back what an order that is out of the book still reserves, and end it."""
    o = t.orders[order]
    remaining = o[m.O_REMAINING_WH]
    if remaining > 0:
        if o[m.O_SIDE] == m.BUY:
            t.accounts[o[m.O_ACCOUNT], e.A_HELD_E5] -= o[m.O_PRICE_SEN] * remaining
        else:
            set_state(t.lots, t.bundles, o[m.O_LOT], k.HELD, now)
            t.lots[o[m.O_LOT], k.L_REF] = k.NO_REF
        o[m.O_STATE] = m.ORDER_CANCELLED
    else:
        o[m.O_STATE] = m.ORDER_FILLED
    t.products[o[m.O_PRODUCT], m.P_OPEN_ORDERS] -= 1
    t.header[e.H_OPEN_ORDERS] -= 1


@numba.njit(cache=True, nogil=True, _nrt=False)
def unbook(t, order):
    """Take an order out of the book."""
    book_remove(t.orders, t.links, t.roots, t.nodes, t.levels, t.aux, order)


@numba.njit(cache=True, nogil=True, _nrt=False)
def fill(t, buy, sell, price, quantity, now, position, trades):
    """Trade Wh between two orders at a price: serials from the front, cash to the seller."""
    b = t.orders[buy]
    s = t.orders[sell]
    buyer = b[m.O_ACCOUNT]
    start = t.lots[s[m.O_LOT], k.L_START]
    taken = cut(t, s[m.O_LOT], start, start + quantity)
    set_state(t.lots, t.bundles, taken, k.HELD, now)
    set_owner(t.lots, taken, buyer, now)
    value = price * quantity
    t.accounts[buyer, e.A_HELD_E5] -= b[m.O_PRICE_SEN] * quantity
    t.accounts[buyer, e.A_CASH_E5] -= value
    t.accounts[s[m.O_ACCOUNT], e.A_CASH_E5] += value
    b[m.O_REMAINING_WH] -= quantity
    s[m.O_REMAINING_WH] -= quantity
    b[m.O_VALUE_E5] += value
    s[m.O_VALUE_E5] += value
    product = b[m.O_PRODUCT]
    t.products[product, m.P_LAST_PRICE_SEN] = price
    t.products[product, m.P_VOLUME_WH] += quantity
    row = t.aux[m.X_TRADES]
    t.aux[m.X_TRADES] = row + 1
    trades[row, m.T_PRODUCT] = product
    trades[row, m.T_BUY_ORDER] = buy
    trades[row, m.T_SELL_ORDER] = sell
    trades[row, m.T_LOT] = taken
    trades[row, m.T_QUANTITY_WH] = quantity
    trades[row, m.T_PRICE_SEN] = price
    trades[row, m.T_POSITION] = position
    trades[row, m.T_TIMESTAMP_MS] = now
    trades[row, m.T_START] = start


@numba.njit(cache=True, nogil=True, _nrt=False)
def match(t, order, now, position, trades):
    """Trade an order against the book, at the price of the order entered earlier (J37)."""
    o = t.orders[order]
    buying = o[m.O_SIDE] == m.BUY
    other = m.SELL if buying else m.BUY
    while o[m.O_REMAINING_WH] > 0:
        level = best_level(t.roots, t.nodes, o[m.O_PRODUCT], other)
        if level == 0:
            return
        resting = t.levels[level, m.LEVEL_HEAD] - 1
        price = t.orders[resting, m.O_PRICE_SEN]
        if (buying and price > o[m.O_PRICE_SEN]) or (not buying and price < o[m.O_PRICE_SEN]):
            return
        if buying and lot_is_expired(t, t.orders[resting, m.O_LOT], now):
            unbook(t, resting)
            end_order(t, resting, now)
            continue
        quantity = min(o[m.O_REMAINING_WH], t.orders[resting, m.O_REMAINING_WH])
        t.levels[level, m.LEVEL_WH] -= quantity
        if buying:
            fill(t, order, resting, price, quantity, now, position, trades)
        else:
            fill(t, resting, order, price, quantity, now, position, trades)
        if t.orders[resting, m.O_REMAINING_WH] == 0:
            unbook(t, resting)
            end_order(t, resting, now)


@numba.njit(cache=True, nogil=True, _nrt=False)
def check_order(t, c, actor, now):
    """Check an order: what it names, its own words, the lot it sells, its product's gate, its cash."""
    product, side, price, quantity, lot, start, tif = c[3], c[4], c[5], c[6], c[7], c[8], c[9]
    selling = side == m.SELL
    if selling and (lot < 0 or lot >= t.header[e.H_N_LOTS]):
        return e.UNKNOWN_LOT
    if product < 0 or product >= t.header[e.H_N_PRODUCTS]:
        return e.UNKNOWN_PRODUCT
    if side != m.BUY and side != m.SELL:
        return e.SIDE_INVALID
    if tif != m.TIF_REST and tif != m.TIF_IMMEDIATE:
        return e.TIF_INVALID
    if quantity <= 0:
        return e.QUANTITY_NOT_POSITIVE
    if quantity > e.MAX_QUANTITY_WH:
        return e.QUANTITY_TOO_LARGE
    if price < e.MIN_PRICE_SEN or price > e.MAX_PRICE_SEN:
        return e.PRICE_OUT_OF_RANGE
    if selling:
        start = min(start, e.MAX_QUANTITY_WH + 1)  # outside of every lot, and the sum cannot overflow
        outcome = check_spend(t, lot, start, start + quantity, actor, False, now)
        if outcome != e.OK:
            return outcome
    p = t.products[product]
    if p[m.P_STATE] != m.PRODUCT_OPEN or now >= p[m.P_CLOSE_MS]:
        return e.PRODUCT_CLOSED
    if now < p[m.P_OPEN_MS]:
        return e.PRODUCT_NOT_OPEN
    if selling and not lot_fits_product(t, lot, product):
        return e.PRODUCT_MISMATCH
    if tif == m.TIF_IMMEDIATE and p[m.P_MODE] != m.MODE_CONTINUOUS:
        return e.WRONG_MODE
    account = t.accounts[actor]
    if not selling and account[e.A_CASH_E5] + account[e.A_CREDIT_E5] - account[e.A_HELD_E5] < price * quantity:
        return e.INSUFFICIENT_CASH
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def place_order(t, c, actor, now, position, r, trades):
    """Place a limit order: reserve, match where trading is continuous, rest or cancel what is left."""
    product, side, price, quantity, lot, start, tif = c[3], c[4], c[5], c[6], c[7], c[8], c[9]
    outcome = check_order(t, c, actor, now)
    if outcome != e.OK:
        return outcome
    if side == m.BUY:
        t.accounts[actor, e.A_HELD_E5] += price * quantity
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
    o[m.O_CREATED_MS] = now
    o[m.O_VALUE_E5] = 0
    o[m.O_TIF] = tif
    if side == m.SELL:
        t.lots[lot, k.L_REF] = order
    t.header[e.H_OPEN_ORDERS] += 1
    t.products[product, m.P_OPEN_ORDERS] += 1
    if t.products[product, m.P_MODE] == m.MODE_CONTINUOUS:
        match(t, order, now, position, trades)
    if o[m.O_REMAINING_WH] == 0 or tif == m.TIF_IMMEDIATE:
        end_order(t, order, now)
    else:
        book_insert(t.orders, t.links, t.roots, t.nodes, t.levels, t.aux, order)
    r[0] = order
    r[1] = quantity - o[m.O_REMAINING_WH]
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def find_order(t, low, high, slot):
    """Return the order row made by the command with an id, or -1."""
    mask = t.id_index.size - 1
    slot &= mask
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
def id_slot(low, high):
    """Return where the search for an id begins, non-negative.

    Ids are chosen by clients, who may count: runs of neighbours must not land on neighbouring slots. Each factor
    has 32 bits or fewer, so that no product overflows.
    """
    mixed = (low & 0xFFFFFFFF) * 0x045D9F3B ^ ((low >> 32) & 0xFFFFFFFF) * 0x2C1B3C6D
    mixed ^= (high & 0xFFFFFFFF) * 0x297A2D39 ^ ((high >> 32) & 0xFFFFFFFF) * 0x1F85EBCB
    return (mixed ^ (mixed >> 17) ^ (mixed >> 31)) & 0x7FFFFFFFFFFFFFFF


@numba.njit(cache=True, nogil=True, _nrt=False)
def cancel(t, c, actor, now, r):
    """Cancel what rests of an order, named by the id of the command that placed it."""
    order = find_order(t, c[3], c[4], id_slot(c[3], c[4]))
    if order < 0:
        return e.UNKNOWN_ORDER
    o = t.orders[order]
    if o[m.O_ACCOUNT] != actor and not t.accounts[actor, e.A_ROLES] & e.ROLE_OPERATOR:
        return e.NOT_OWNER
    if o[m.O_STATE] != m.ORDER_OPEN:
        return e.ORDER_NOT_OPEN
    r[0] = order
    r[1] = o[m.O_REMAINING_WH]
    unbook(t, order)
    end_order(t, order, now)
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=True)
def take_side(t, product, side, now):
    """Take a side's orders out of the book, best first; those whose tokens expired are ended."""
    count = side_orders(t.orders, t.links, t.roots, t.nodes, t.levels, product, side, np.empty(0, np.int64))
    found = np.empty(count, np.int64)
    side_orders(t.orders, t.links, t.roots, t.nodes, t.levels, product, side, found)
    kept = 0
    for i in range(count):
        order = found[i]
        unbook(t, order)
        if side == m.SELL and lot_is_expired(t, t.orders[order, m.O_LOT], now):
            end_order(t, order, now)
        else:
            found[kept] = order
            kept += 1
    return found[:kept]


@numba.njit(cache=True, nogil=True, _nrt=True)
def words_of(t, orders, word):
    """Return one word of the given orders."""
    out = np.empty(orders.size, np.int64)
    for i in range(orders.size):
        out[i] = t.orders[orders[i], word]
    return out


@numba.njit(cache=True, nogil=True, _nrt=True)
def clear_auction(t, c, now, position, r, trades):
    """Clear a call auction after its gate: one price for all (J12-J16), then close the product."""
    product = c[3]
    if product < 0 or product >= t.header[e.H_N_PRODUCTS]:
        return e.UNKNOWN_PRODUCT
    p = t.products[product]
    if p[m.P_STATE] != m.PRODUCT_OPEN:
        return e.PRODUCT_CLOSED
    if p[m.P_MODE] != m.MODE_CALL:
        return e.WRONG_MODE
    if now < p[m.P_CLOSE_MS]:
        return e.GATE_NOT_CLOSED
    sells = take_side(t, product, m.SELL, now)
    buys = take_side(t, product, m.BUY, now)
    sell_price = words_of(t, sells, m.O_PRICE_SEN)
    sell_wh = words_of(t, sells, m.O_REMAINING_WH)
    buy_price = words_of(t, buys, m.O_PRICE_SEN)
    buy_wh = words_of(t, buys, m.O_REMAINING_WH)
    price, total = clearing_price(sell_price, sell_wh, buy_price, buy_wh)
    if total > 0:
        sold = np.zeros(sells.size, np.int64)
        bought = np.zeros(buys.size, np.int64)
        no_market = np.empty(0, np.bool_)
        ration(sell_price, sell_wh, no_market, price, total, False, sold)
        ration(buy_price, buy_wh, no_market, price, total, True, bought)
        i = 0
        j = 0
        while i < sells.size and j < buys.size:
            quantity = min(sold[i], bought[j])
            if quantity > 0:
                fill(t, buys[j], sells[i], price, quantity, now, position, trades)
                sold[i] -= quantity
                bought[j] -= quantity
            if sold[i] == 0:
                i += 1
            elif bought[j] == 0:
                j += 1
    for i in range(sells.size):
        end_order(t, sells[i], now)
    for j in range(buys.size):
        end_order(t, buys[j], now)
    p[m.P_STATE] = m.PRODUCT_CLOSED
    r[0] = price if total > 0 else 0
    r[1] = total
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=True)
def close_product(t, c, now, r):
    """Close a product and cancel what rests in it (operator only)."""
    product = c[3]
    if product < 0 or product >= t.header[e.H_N_PRODUCTS]:
        return e.UNKNOWN_PRODUCT
    p = t.products[product]
    if p[m.P_STATE] != m.PRODUCT_OPEN:
        return e.PRODUCT_CLOSED
    cancelled = p[m.P_OPEN_ORDERS]
    for side in (m.SELL, m.BUY):
        orders = take_side(t, product, side, now)
        for i in range(orders.size):
            end_order(t, orders[i], now)
    p[m.P_STATE] = m.PRODUCT_CLOSED
    r[0] = product
    r[1] = cancelled
    return e.OK
