"""The call auction of a product: one price for all (J12 to J16).

Rows of ``t`` and words of ``c`` as in ``layout.py``; a handler changes nothing unless it returns ``OK``.
"""

import numba
import numpy as np

from wattmark.engine import layout as e
from wattmark.engine.book_kernels import end_order, fill, term, unbook
from wattmark.engine.token_kernels import lot_is_expired
from wattmark.market import layout as m
from wattmark.market.auction_kernels import clearing_price, ration
from wattmark.market.kernels import side_orders


@numba.njit(cache=True, nogil=True, _nrt=True)
def take_side(t, product, side, now, position):
    """Take a side's orders out of the book, best first; those whose tokens expired are ended."""
    count = side_orders(t.orders, t.links, t.roots, t.nodes, t.levels, product, side, np.empty(0, np.int64))
    found = np.empty(count, np.int64)
    side_orders(t.orders, t.links, t.roots, t.nodes, t.levels, product, side, found)
    kept = 0
    for i in range(count):
        order = found[i]
        unbook(t, order, position)
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
def are_market(t, orders):
    """Return which of the orders are market orders (J16)."""
    out = np.empty(orders.size, np.bool_)
    for i in range(orders.size):
        out[i] = term(t, orders[i], m.TERMS_MARKET) != 0
    return out


@numba.njit(cache=True, nogil=True, _nrt=True)
def clear_auction(t, c, now, position, r):
    """Clear a call auction after its gate: one price for all (J12-J16), then close the product."""
    product = c[3]
    if product < 0 or product >= t.header[e.H_N_PRODUCTS]:
        return e.UNKNOWN_PRODUCT
    p = t.products[product]
    if p[m.P_STATE] == m.PRODUCT_CLOSED:
        return e.PRODUCT_CLOSED
    if p[m.P_MODE] != m.MODE_CALL:
        return e.WRONG_MODE
    if p[m.P_STATE] != m.PRODUCT_OPEN:
        return e.PRODUCT_HALTED
    if now < p[m.P_CLOSE_MS]:
        return e.GATE_NOT_CLOSED
    sells = take_side(t, product, m.SELL, now, position)
    buys = take_side(t, product, m.BUY, now, position)
    sell_price = words_of(t, sells, m.O_PRICE_SEN)
    sell_wh = words_of(t, sells, m.O_REMAINING_WH)
    buy_price = words_of(t, buys, m.O_PRICE_SEN)
    buy_wh = words_of(t, buys, m.O_REMAINING_WH)
    tick, total = clearing_price(sell_price, sell_wh, buy_price, buy_wh)
    price = max(tick, e.MIN_PRICE_SEN)
    if total > 0:
        sold = np.zeros(sells.size, np.int64)
        bought = np.zeros(buys.size, np.int64)
        ration(sell_price, sell_wh, are_market(t, sells), tick, total, False, sold)
        ration(buy_price, buy_wh, are_market(t, buys), tick, total, True, bought)
        i = 0
        j = 0
        while i < sells.size and j < buys.size:
            quantity = min(sold[i], bought[j])
            if quantity > 0:
                fill(t, buys[j], sells[i], price, quantity, now, position)
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
