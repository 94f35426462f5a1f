"""The engine's side of the book: rest, fill, end, queue, expire; and what each shows to the outside.

Rows of ``t`` and words of ``c`` as in ``layout.py``. Whoever calls these has checked every rule: an order has
reserved all it may need (cash at its limit, or the serials it sells), so a fill moves reserved things only.
"""

import numba

from wattmark.engine import layout as e
from wattmark.engine.token_kernels import cut
from wattmark.market import layout as m
from wattmark.market.kernels import book_insert, book_remove, book_requeue, weigh
from wattmark.tokens import layout as k
from wattmark.tokens.kernels import set_owner, set_state


@numba.njit(cache=True, nogil=True, _nrt=False)
def terms_of(tif, self_trade, area, is_market):
    """Pack an order's terms into one word."""
    return tif | self_trade << m.TERMS_SELF_TRADE | area << m.TERMS_AREA | is_market << m.TERMS_MARKET


@numba.njit(cache=True, nogil=True, _nrt=False)
def term(t, order, shift):
    """Return one of an order's terms."""
    return (t.orders[order, m.O_TERMS] >> shift) & m.TERMS_MASK


@numba.njit(cache=True, nogil=True, _nrt=False)
def show(t, product, side, price, level, position):
    """Note what a level shows now (J42); the bids of a call auction stay blind (J11)."""
    if t.products[product, m.P_MODE] == m.MODE_CALL:
        return
    row = t.aux[m.X_CHANGES]
    t.aux[m.X_CHANGES] = row + 1
    t.changes[row, m.C_PRODUCT] = product
    t.changes[row, m.C_SIDE] = side
    t.changes[row, m.C_PRICE_SEN] = price
    t.changes[row, m.C_SHOWN_WH] = t.levels[level, m.LEVEL_SHOWN_WH]
    t.changes[row, m.C_ORDERS] = t.levels[level, m.LEVEL_ORDERS]
    t.changes[row, m.C_POSITION] = position


@numba.njit(cache=True, nogil=True, _nrt=False)
def show_level_of(t, order, level, position):
    """Note what the level of an order shows now."""
    show(t, t.orders[order, m.O_PRODUCT], t.orders[order, m.O_SIDE], t.orders[order, m.O_PRICE_SEN], level, position)


@numba.njit(cache=True, nogil=True, _nrt=False)
def next_arrival(t):
    """Return the next number of arrival: who has the lower one was there first."""
    t.header[e.H_ARRIVALS] += 1
    return t.header[e.H_ARRIVALS]


@numba.njit(cache=True, nogil=True, _nrt=False)
def rest(t, order, position):
    """Put an open order into the book, behind all others of its price."""
    t.orders[order, m.O_STATE] = m.ORDER_OPEN
    t.orders[order, m.O_ARRIVAL] = next_arrival(t)
    book_insert(t.orders, t.links, t.roots, t.nodes, t.levels, t.aux, order)
    show_level_of(t, order, t.links[order, m.LINK_LEVEL], position)


@numba.njit(cache=True, nogil=True, _nrt=False)
def unbook(t, order, position):
    """Take an order out of the book."""
    level = t.links[order, m.LINK_LEVEL]
    book_remove(t.orders, t.links, t.roots, t.nodes, t.levels, t.aux, order)
    show_level_of(t, order, level, position)


@numba.njit(cache=True, nogil=True, _nrt=False)
def enqueue(t, order, first):
    """Let an order wait for its product's trading to go on (J38): behind the others, or before them."""
    o = t.orders[order]
    if o[m.O_STATE] != m.ORDER_QUEUED:
        o[m.O_STATE] = m.ORDER_QUEUED
        o[m.O_ARRIVAL] = next_arrival(t)
    roots = t.roots[o[m.O_PRODUCT]]
    t.aux[m.X_QUEUED] += 1
    before = 0 if first else roots[m.ROOT_QUEUE_TAIL]
    after = roots[m.ROOT_QUEUE_HEAD] if first else 0
    t.links[order, m.LINK_PREV] = before
    t.links[order, m.LINK_NEXT] = after
    if before:
        t.links[before - 1, m.LINK_NEXT] = order + 1
    else:
        roots[m.ROOT_QUEUE_HEAD] = order + 1
    if after:
        t.links[after - 1, m.LINK_PREV] = order + 1
    else:
        roots[m.ROOT_QUEUE_TAIL] = order + 1


@numba.njit(cache=True, nogil=True, _nrt=False)
def dequeue(t, order):
    """Take an order out of its product's queue; its state stays."""
    roots = t.roots[t.orders[order, m.O_PRODUCT]]
    t.aux[m.X_QUEUED] -= 1
    before = t.links[order, m.LINK_PREV]
    after = t.links[order, m.LINK_NEXT]
    if before:
        t.links[before - 1, m.LINK_NEXT] = after
    else:
        roots[m.ROOT_QUEUE_HEAD] = after
    if after:
        t.links[after - 1, m.LINK_PREV] = before
    else:
        roots[m.ROOT_QUEUE_TAIL] = before
    t.links[order, m.LINK_NEXT] = 0
    t.links[order, m.LINK_PREV] = 0


@numba.njit(cache=True, nogil=True, _nrt=False)
def own(t, order):
    """Enter a live order into the list of its account's."""
    account = t.orders[order, m.O_ACCOUNT]
    head = t.owners[account, 0]
    t.links[order, m.LINK_OWNER_PREV] = 0
    t.links[order, m.LINK_OWNER_NEXT] = head
    if head:
        t.links[head - 1, m.LINK_OWNER_PREV] = order + 1
    t.owners[account, 0] = order + 1


@numba.njit(cache=True, nogil=True, _nrt=False)
def disown(t, order):
    """Take an order that ends out of its account's list."""
    before = t.links[order, m.LINK_OWNER_PREV]
    after = t.links[order, m.LINK_OWNER_NEXT]
    if before:
        t.links[before - 1, m.LINK_OWNER_NEXT] = after
    else:
        t.owners[t.orders[order, m.O_ACCOUNT], 0] = after
    if after:
        t.links[after - 1, m.LINK_OWNER_PREV] = before
    t.links[order, m.LINK_OWNER_NEXT] = 0
    t.links[order, m.LINK_OWNER_PREV] = 0


@numba.njit(cache=True, nogil=True, _nrt=False)
def position_slot(account, product):
    """Return where the search for an account's position in a product begins."""
    return account * 0x045D9F3B ^ product * 0x2C1B3C6D


@numba.njit(cache=True, nogil=True, _nrt=False)
def position_row(t, account, product):
    """Return the row of the positions table for an account in a product, made where it is missing."""
    mask = t.positions.shape[0] - 1
    slot = position_slot(account, product) & mask
    while t.positions[slot, 0]:
        if t.positions[slot, 0] == product + 1 and t.positions[slot, 1] == account:
            return slot
        slot = (slot + 1) & mask
    t.positions[slot, 0] = product + 1
    t.positions[slot, 1] = account
    t.aux[m.X_POSITIONS] += 1
    return slot


@numba.njit(cache=True, nogil=True, _nrt=False)
def move_rows(positions, grown):
    """Enter the rows of a positions table into a larger one."""
    mask = grown.shape[0] - 1
    for row in range(positions.shape[0]):
        if positions[row, 0]:
            slot = position_slot(positions[row, 1], positions[row, 0] - 1) & mask
            while grown[slot, 0]:
                slot = (slot + 1) & mask
            for word in range(m.POSITION_WORDS):
                grown[slot, word] = positions[row, word]


@numba.njit(cache=True, nogil=True, _nrt=False)
def move_position(t, account, product, wh):
    """Change what an account has bought, less sold, and still bids for, in a product that limits it."""
    if t.products[product, m.P_POSITION_WH]:
        t.positions[position_row(t, account, product), 2] += wh


@numba.njit(cache=True, nogil=True, _nrt=False)
def position_of_order(t, order):
    """Return what an order adds to its account's position [Wh]: bids and purchases, less sales."""
    o = t.orders[order]
    done = o[m.O_QUANTITY_WH] - o[m.O_REMAINING_WH]
    if o[m.O_SIDE] == m.SELL:
        return -done
    state = o[m.O_STATE]
    live = state == m.ORDER_OPEN or state == m.ORDER_QUEUED or state == m.ORDER_IN_BLOCK
    return o[m.O_QUANTITY_WH] if live else done


@numba.njit(cache=True, nogil=True, _nrt=False)
def count_positions(t, product):
    """Enter every order of a product into the positions."""
    for order in range(t.header[e.H_N_ORDERS]):
        if t.orders[order, m.O_PRODUCT] == product:
            row = position_row(t, t.orders[order, m.O_ACCOUNT], product)
            t.positions[row, 2] += position_of_order(t, order)


@numba.njit(cache=True, nogil=True, _nrt=False)
def forget_positions(t, product):
    """Set a product's positions to nothing; the rows stay."""
    for row in range(t.positions.shape[0]):
        if t.positions[row, 0] == product + 1:
            t.positions[row, 2] = 0


@numba.njit(cache=True, nogil=True, _nrt=False)
def later(t, a, b):
    """Return whether one row of the expiry heap comes after another: by time, then by order."""
    if t.expiries[a, 0] != t.expiries[b, 0]:
        return t.expiries[a, 0] > t.expiries[b, 0]
    return t.expiries[a, 1] > t.expiries[b, 1]


@numba.njit(cache=True, nogil=True, _nrt=False)
def swap_expiries(t, a, b):
    """Exchange two rows of the expiry heap."""
    for word in range(m.HEAP_WORDS):
        kept = t.expiries[a, word]
        t.expiries[a, word] = t.expiries[b, word]
        t.expiries[b, word] = kept


@numba.njit(cache=True, nogil=True, _nrt=False)
def note_expiry(t, order):
    """Enter a good-till-time order into the heap of expiries."""
    if t.orders[order, m.O_EXPIRES_MS] == 0:
        return
    row = t.aux[m.X_EXPIRIES]
    t.aux[m.X_EXPIRIES] = row + 1
    t.expiries[row, 0] = t.orders[order, m.O_EXPIRES_MS]
    t.expiries[row, 1] = order
    while row > 0 and later(t, (row - 1) >> 1, row):
        swap_expiries(t, (row - 1) >> 1, row)
        row = (row - 1) >> 1


@numba.njit(cache=True, nogil=True, _nrt=False)
def pop_expiry(t):
    """Take the earliest expiry off the heap; return its order."""
    order = t.expiries[0, 1]
    last = t.aux[m.X_EXPIRIES] - 1
    t.aux[m.X_EXPIRIES] = last
    swap_expiries(t, 0, last)
    row = 0
    while True:
        least = row
        for child in range(2 * row + 1, min(2 * row + 3, last)):
            if later(t, least, child):
                least = child
        if least == row:
            return order
        swap_expiries(t, row, least)
        row = least


@numba.njit(cache=True, nogil=True, _nrt=False)
def is_candidate(t, order):
    """Return whether capacity is being asked for an order (J38)."""
    p = t.products[t.orders[order, m.O_PRODUCT]]
    return p[m.P_STATE] == m.PRODUCT_ASKING and (p[m.P_ASK_BUY] == order or p[m.P_ASK_SELL] == order)


@numba.njit(cache=True, nogil=True, _nrt=False)
def open_order(t, order):
    """Count a new live order and enter it into its lists."""
    own(t, order)
    note_expiry(t, order)
    t.header[e.H_OPEN_ORDERS] += 1
    t.products[t.orders[order, m.O_PRODUCT], m.P_OPEN_ORDERS] += 1
    if t.orders[order, m.O_DISPLAY_WH]:
        t.aux[m.X_ICEBERGS] += 1


@numba.njit(cache=True, nogil=True, _nrt=False)
def end_order(t, order, now):
    """End an order that is out of book and queue, and give back what it still reserves."""
    o = t.orders[order]
    remaining = o[m.O_REMAINING_WH]
    if remaining > 0:
        if o[m.O_SIDE] == m.BUY:
            t.accounts[o[m.O_ACCOUNT], e.A_HELD_E5] -= o[m.O_PRICE_SEN] * remaining
            move_position(t, o[m.O_ACCOUNT], o[m.O_PRODUCT], -remaining)
        else:
            set_state(t.lots, t.bundles, o[m.O_LOT], k.HELD, now)
            t.lots[o[m.O_LOT], k.L_REF] = k.NO_REF
    o[m.O_STATE] = m.ORDER_FILLED if remaining == 0 else m.ORDER_CANCELLED
    disown(t, order)
    t.products[o[m.O_PRODUCT], m.P_OPEN_ORDERS] -= 1
    t.header[e.H_OPEN_ORDERS] -= 1
    if o[m.O_DISPLAY_WH]:
        t.aux[m.X_ICEBERGS] -= 1


@numba.njit(cache=True, nogil=True, _nrt=False)
def stop_order(t, order, now, position):
    """Take a live order out of book or queue and end it."""
    if t.orders[order, m.O_STATE] == m.ORDER_QUEUED:
        dequeue(t, order)
    else:
        unbook(t, order, position)
    end_order(t, order, now)


@numba.njit(cache=True, nogil=True, _nrt=False)
def reduce_order(t, order, wh, now):
    """Take Wh off an order without trading them; it gives back what they reserve. Not for its whole rest."""
    o = t.orders[order]
    o[m.O_QUANTITY_WH] -= wh
    o[m.O_REMAINING_WH] -= wh
    if o[m.O_SIDE] == m.BUY:
        t.accounts[o[m.O_ACCOUNT], e.A_HELD_E5] -= o[m.O_PRICE_SEN] * wh
        move_position(t, o[m.O_ACCOUNT], o[m.O_PRODUCT], -wh)
        return
    end = t.lots[o[m.O_LOT], k.L_END]
    freed = cut(t, o[m.O_LOT], end - wh, end)
    set_state(t.lots, t.bundles, freed, k.HELD, now)
    t.lots[freed, k.L_REF] = k.NO_REF


@numba.njit(cache=True, nogil=True, _nrt=False)
def fill(t, buy, sell, price, quantity, now, position):
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
    move_position(t, s[m.O_ACCOUNT], product, -quantity)
    t.products[product, m.P_LAST_PRICE_SEN] = price
    t.products[product, m.P_VOLUME_WH] += quantity
    row = t.aux[m.X_TRADES]
    t.aux[m.X_TRADES] = row + 1
    trade = t.trades[row]
    trade[m.T_PRODUCT] = product
    trade[m.T_BUY_ORDER] = buy
    trade[m.T_SELL_ORDER] = sell
    trade[m.T_LOT] = taken
    trade[m.T_QUANTITY_WH] = quantity
    trade[m.T_PRICE_SEN] = price
    trade[m.T_POSITION] = position
    trade[m.T_TIMESTAMP_MS] = now
    trade[m.T_START] = start


@numba.njit(cache=True, nogil=True, _nrt=False)
def after_fill(t, order, now, position):
    """Bring a resting order that has traded up to date: its level, its next slice, its end.

    The caller took its weight off the level before the fill.
    """
    o = t.orders[order]
    weigh(t.orders, t.links, t.levels, order, 1)
    display = o[m.O_DISPLAY_WH]
    if o[m.O_REMAINING_WH] == 0:
        unbook(t, order, position)
        end_order(t, order, now)
        return
    if display and (o[m.O_QUANTITY_WH] - o[m.O_REMAINING_WH]) % display == 0:
        o[m.O_ARRIVAL] = next_arrival(t)
        book_requeue(t.orders, t.links, t.levels, order)
    show_level_of(t, order, t.links[order, m.LINK_LEVEL], position)


@numba.njit(cache=True, nogil=True, _nrt=False)
def expire_orders(t, now, position):
    """End every good-till-time order whose time has come; a candidate waits for its answer (J38)."""
    while t.aux[m.X_EXPIRIES] > 0 and t.expiries[0, 0] <= now:
        order = pop_expiry(t)
        state = t.orders[order, m.O_STATE]
        if (state == m.ORDER_OPEN or state == m.ORDER_QUEUED) and not is_candidate(t, order):
            stop_order(t, order, now, position)


@numba.njit(cache=True, nogil=True, _nrt=False)
def restore_orders(t, arrivals):
    """Enter the live orders of stored tables into every derived list; ``arrivals`` are their rows by arrival."""
    for row in range(arrivals.size):
        order = arrivals[row]
        if t.orders[order, m.O_STATE] == m.ORDER_OPEN:
            book_insert(t.orders, t.links, t.roots, t.nodes, t.levels, t.aux, order)
        else:
            enqueue(t, order, False)
    for order in range(t.header[e.H_N_ORDERS]):
        state = t.orders[order, m.O_STATE]
        if state == m.ORDER_OPEN or state == m.ORDER_QUEUED:
            own(t, order)
            note_expiry(t, order)
            if t.orders[order, m.O_DISPLAY_WH]:
                t.aux[m.X_ICEBERGS] += 1
        product = t.orders[order, m.O_PRODUCT]
        if t.products[product, m.P_POSITION_WH]:
            row = position_row(t, t.orders[order, m.O_ACCOUNT], product)
            t.positions[row, 2] += position_of_order(t, order)
