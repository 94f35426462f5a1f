"""The zaraba over plain messages: trade by price, then time, and report it (J37, J41).

``b`` is the named tuple of tables made by ``book.py``, ``x`` one message. The structure of the book and the decisions
(what an iceberg shows, who ends when an account would trade with itself, what keeps its place) are those of
``kernels.py``, which the ledger's engine uses too; here an order is a row of its own kind, made only when it rests.
A message of ``LOOK_AHEAD`` places further on has its rows brought near meanwhile, so that cache misses overlap.
"""

import numba
import numpy as np

from wattmark.market import book_layout as z
from wattmark.market import layout as m
from wattmark.market.kernels import (
    best_level,
    beyond,
    drop_level,
    join_level,
    keeps_place,
    leave_level,
    level_for,
    next_level,
    self_trade_cuts,
    shown_part,
    touch,
)

NOBODY = -1
"""An account that owns no order."""


@numba.njit(cache=True, nogil=True, _nrt=False)
def id_slot(number):
    """Return where the search for an id begins; neighbours must not land on neighbouring slots, nor products overflow."""
    mixed = (number & 0xFFFFFFFF) * 0x045D9F3B ^ ((number >> 32) & 0xFFFFFFFF) * 0x2C1B3C6D
    return (mixed ^ (mixed >> 17) ^ (mixed >> 31)) & 0x7FFFFFFFFFFFFFFF


@numba.njit(cache=True, nogil=True, _nrt=False)
def find_slot(index, number):
    """Return the slot of an id, or the empty one where it would stand."""
    mask = index.shape[0] - 1
    slot = id_slot(number) & mask
    while index[slot, z.INDEX_ROW] and index[slot, z.INDEX_ID] != number:
        slot = (slot + 1) & mask
    return slot


@numba.njit(cache=True, nogil=True, _nrt=False)
def forget_id(index, number):
    """Take an id out of the index; those behind it that it had pushed on move up."""
    mask = index.shape[0] - 1
    hole = find_slot(index, number)
    at = hole
    while True:
        at = (at + 1) & mask
        if index[at, z.INDEX_ROW] == 0:
            break
        home = id_slot(index[at, z.INDEX_ID]) & mask
        if ((at - home) & mask) >= ((at - hole) & mask):
            index[hole, z.INDEX_ID] = index[at, z.INDEX_ID]
            index[hole, z.INDEX_ROW] = index[at, z.INDEX_ROW]
            hole = at
    index[hole, z.INDEX_ROW] = 0


@numba.njit(cache=True, nogil=True, _nrt=False)
def move_ids(index, grown):
    """Enter the ids of an index into a larger one."""
    for slot in range(index.shape[0]):
        if index[slot, z.INDEX_ROW]:
            to = find_slot(grown, index[slot, z.INDEX_ID])
            grown[to, z.INDEX_ID] = index[slot, z.INDEX_ID]
            grown[to, z.INDEX_ROW] = index[slot, z.INDEX_ROW]


@numba.njit(cache=True, nogil=True, _nrt=False)
def tell(reports, counters, kind, reason, number, other, price, quantity, remaining):
    """Write a report."""
    at = counters[z.N_REPORTS]
    counters[z.N_REPORTS] = at + 1
    reports[at, z.R_MESSAGE] = counters[z.N_MESSAGES]
    reports[at, z.R_KIND] = kind
    reports[at, z.R_REASON] = reason
    reports[at, z.R_ID] = number
    reports[at, z.R_OTHER] = other
    reports[at, z.R_PRICE] = price
    reports[at, z.R_QUANTITY] = quantity
    reports[at, z.R_REMAINING] = remaining


@numba.njit(cache=True, nogil=True, _nrt=False)
def show(changes, levels, counters, product, side, price, level):
    """Note what a level shows now (J42)."""
    at = counters[z.N_CHANGES]
    counters[z.N_CHANGES] = at + 1
    changes[at, m.C_PRODUCT] = product
    changes[at, m.C_SIDE] = side
    changes[at, m.C_PRICE_SEN] = price
    changes[at, m.C_SHOWN_WH] = levels[level, m.LEVEL_SHOWN_WH]
    changes[at, m.C_ORDERS] = levels[level, m.LEVEL_ORDERS]
    changes[at, m.C_POSITION] = counters[z.N_MESSAGES]


@numba.njit(cache=True, nogil=True, _nrt=False)
def shown_of(rows, row):
    """Return what a resting order shows."""
    return shown_part(rows[row, z.Z_QUANTITY], rows[row, z.Z_REMAINING], rows[row, z.Z_DISPLAY])


@numba.njit(cache=True, nogil=True, _nrt=False)
def weigh_row(rows, levels, row, sign):
    """Add an order to its level's totals (``sign`` 1), or take it off (-1) before it changes."""
    level = rows[row, z.Z_LEVEL]
    levels[level, m.LEVEL_WH] += sign * rows[row, z.Z_REMAINING]
    levels[level, m.LEVEL_SHOWN_WH] += sign * shown_of(rows, row)


@numba.njit(cache=True, nogil=True, _nrt=False)
def later(ends, a, b):
    """Return whether one row of the heap of ends comes after another: by time, then by who was placed first."""
    if ends[a, z.END_MS] != ends[b, z.END_MS]:
        return ends[a, z.END_MS] > ends[b, z.END_MS]
    return ends[a, z.END_PLACED] > ends[b, z.END_PLACED]


@numba.njit(cache=True, nogil=True, _nrt=False)
def swap_ends(ends, a, b):
    """Exchange two rows of the heap of ends."""
    for word in range(z.END_WORDS):
        kept = ends[a, word]
        ends[a, word] = ends[b, word]
        ends[b, word] = kept


@numba.njit(cache=True, nogil=True, _nrt=False)
def note_end(ends, counters, expires, placed, row):
    """Enter a good-till-time order into the heap of ends."""
    at = counters[z.N_ENDS]
    counters[z.N_ENDS] = at + 1
    ends[at, z.END_MS] = expires
    ends[at, z.END_PLACED] = placed
    ends[at, z.END_ROW] = row
    while at > 0 and later(ends, (at - 1) >> 1, at):
        swap_ends(ends, (at - 1) >> 1, at)
        at = (at - 1) >> 1


@numba.njit(cache=True, nogil=True, _nrt=False)
def drop_first_end(ends, counters):
    """Take the earliest end off the heap."""
    last = counters[z.N_ENDS] - 1
    counters[z.N_ENDS] = last
    swap_ends(ends, 0, last)
    at = 0
    while True:
        least = at
        for child in range(2 * at + 1, min(2 * at + 3, last)):
            if later(ends, least, child):
                least = child
        if least == at:
            return
        swap_ends(ends, at, least)
        at = least


@numba.njit(cache=True, nogil=True, _nrt=False)
def forget_row(rows, index, owners, counters, row):
    """Forget an order that has left its level: its id, its place among its account's orders, its row."""
    forget_id(index, rows[row, z.Z_ID])
    before = rows[row, z.Z_OWNER_PREV]
    after = rows[row, z.Z_OWNER_NEXT]
    if before:
        rows[before - 1, z.Z_OWNER_NEXT] = after
    else:
        owners[rows[row, z.Z_ACCOUNT]] = after
    if after:
        rows[after - 1, z.Z_OWNER_PREV] = before
    if rows[row, z.Z_DISPLAY]:
        counters[z.N_ICEBERGS] -= 1
    if rows[row, z.Z_EXPIRES_MS]:
        counters[z.N_TIMED] -= 1
    counters[z.N_LIVE] -= 1
    rows[row, z.Z_NEXT] = counters[z.FREE_ROW]
    counters[z.FREE_ROW] = row + 1


@numba.njit(cache=True, nogil=True, _nrt=False, inline="always")
def unbook(b, row):
    """Take an order out of its level, and show that; the order is not forgotten."""
    product, side, level = b.rows[row, z.Z_PRODUCT], b.rows[row, z.Z_SIDE], b.rows[row, z.Z_LEVEL]
    price = b.levels[level, m.LEVEL_PRICE]
    weigh_row(b.rows, b.levels, row, -1)
    leave_level(b.rows, b.levels, row, level)
    if b.levels[level, m.LEVEL_HEAD] == 0:
        drop_level(b.roots, b.nodes, b.levels, b.counters, product, side, price)
    show(b.changes, b.levels, b.counters, product, side, price, level)


@numba.njit(cache=True, nogil=True, _nrt=False, inline="always")
def stop(b, row, kind, why, other):
    """End a resting order: out of the book, reported, forgotten."""
    price = b.levels[b.rows[row, z.Z_LEVEL], m.LEVEL_PRICE]
    tell(b.reports, b.counters, kind, why, b.rows[row, z.Z_ID], other, price, b.rows[row, z.Z_REMAINING], 0)
    unbook(b, row)
    forget_row(b.rows, b.ids, b.owners, b.counters, row)


@numba.njit(cache=True, nogil=True, _nrt=False)
def reach(b, product, side, limit, quantity, account, self_trade):
    """Return (how much up to ``quantity`` an order would trade at once, worst price it would get).

    It walks the other side as ``trade`` does: past the account's own orders where these would be cancelled, and up to
    the first of them where they would stop it; ``NOBODY`` has no own orders.
    """
    other = m.SELL if side == m.BUY else m.BUY
    found = 0 * quantity
    worst = 0 * quantity
    level = best_level(b.roots, product, other)
    while level and found < quantity:
        price = b.levels[level, m.LEVEL_PRICE]
        if beyond(side, limit, price):
            break
        whole = 0 * quantity
        shown = 0 * quantity
        order = b.levels[level, m.LEVEL_HEAD]
        while order:
            resting = order - 1
            order = b.rows[resting, z.Z_NEXT]
            if b.rows[resting, z.Z_ACCOUNT] == account:
                if self_trade == m.STP_OLDEST:
                    continue
                # an iceberg before it trades one slice and goes behind it
                if shown > 0:
                    worst = price
                return min(found + shown, quantity), worst
            whole += b.rows[resting, z.Z_REMAINING]
            shown += shown_of(b.rows, resting)
            if found + shown >= quantity:
                break
        if whole > 0:
            worst = price
        found += whole
        level = next_level(b.roots, b.nodes, product, other, price)
    return min(found, quantity), worst


@numba.njit(cache=True, nogil=True, _nrt=False)
def prevent_self_trade(b, number, quantity, remaining, mode, resting):
    """Keep an account from trading with itself; return the new order's (quantity, remaining, whether it goes on)."""
    rows = b.rows
    its = rows[resting, z.Z_REMAINING]
    cut_resting, cut_new, goes_on = self_trade_cuts(mode, remaining, its)
    if cut_resting == its:
        stop(b, resting, z.CANCELLED, z.SELF_TRADE, number)
    elif cut_resting > 0:
        level = rows[resting, z.Z_LEVEL]
        price = b.levels[level, m.LEVEL_PRICE]
        weigh_row(rows, b.levels, resting, -1)
        rows[resting, z.Z_QUANTITY] -= cut_resting
        rows[resting, z.Z_REMAINING] -= cut_resting
        weigh_row(rows, b.levels, resting, 1)
        left = rows[resting, z.Z_REMAINING]
        tell(b.reports, b.counters, z.REDUCED, z.SELF_TRADE, rows[resting, z.Z_ID], number, price, cut_resting, left)
        show(b.changes, b.levels, b.counters, rows[resting, z.Z_PRODUCT], rows[resting, z.Z_SIDE], price, level)
    if goes_on and cut_new > 0:
        quantity -= cut_new
        remaining -= cut_new
        tell(b.reports, b.counters, z.REDUCED, z.SELF_TRADE, number, rows[resting, z.Z_ID], 0, cut_new, remaining)
    return quantity, remaining, goes_on


@numba.njit(cache=True, nogil=True, _nrt=False, inline="always")
def touch_kin(b, row):
    """Ask for what the end of an order touches: its neighbours among its account's orders, and the slot of its id."""
    touch(b.rows, b.rows[row, z.Z_OWNER_NEXT] - 1, z.Z_OWNER_NEXT)
    touch(b.rows, b.rows[row, z.Z_OWNER_PREV] - 1, z.Z_OWNER_NEXT)
    touch(b.ids, id_slot(b.rows[row, z.Z_ID]) & (b.ids.shape[0] - 1), z.INDEX_ID)


@numba.njit(cache=True, nogil=True, _nrt=False, inline="always")
def trade(b, number, account, product, side, limit, quantity, remaining, self_trade):
    """Trade an order against the book, at the price of the order entered earlier (J37).

    Returns:
        (its quantity, which self-trade prevention may have reduced, what remains, whether that may go on).
    """
    rows, levels, counters, reports = b.rows, b.levels, b.counters, b.reports
    other = m.SELL if side == m.BUY else m.BUY
    while remaining > 0:
        level = best_level(b.roots, product, other)
        if level == 0:
            break
        price = levels[level, m.LEVEL_PRICE]
        if beyond(side, limit, price):
            break
        resting = levels[level, m.LEVEL_HEAD] - 1
        if rows[resting, z.Z_ACCOUNT] == account:
            quantity, remaining, goes_on = prevent_self_trade(b, number, quantity, remaining, self_trade, resting)
            if not goes_on:
                return quantity, remaining, False
            continue
        after = rows[resting, z.Z_NEXT]
        display = rows[resting, z.Z_DISPLAY]
        shown = shown_of(rows, resting)
        if after and remaining > shown:
            touch(rows, rows[after - 1, z.Z_NEXT] - 1, z.Z_NEXT)
            touch(rows, rows[after - 1, z.Z_NEXT] - 1, z.Z_OWNER_NEXT)
            touch_kin(b, after - 1)
        traded = min(remaining, shown)
        remaining -= traded
        its = rows[resting, z.Z_REMAINING] - traded
        its_number = rows[resting, z.Z_ID]
        rows[resting, z.Z_REMAINING] = its
        tell(reports, counters, z.FILL, z.RESTING, its_number, number, price, traded, its)
        tell(reports, counters, z.FILL, z.INCOMING, number, its_number, price, traded, remaining)
        levels[level, m.LEVEL_WH] -= traded
        levels[level, m.LEVEL_SHOWN_WH] -= traded
        if its == 0:
            leave_level(rows, levels, resting, level)
            if after == 0:
                drop_level(b.roots, b.nodes, levels, counters, product, other, price)
            show(b.changes, levels, counters, product, other, price, level)
            forget_row(rows, b.ids, b.owners, counters, resting)
            continue
        if display and traded == shown:
            levels[level, m.LEVEL_SHOWN_WH] += shown_of(rows, resting)
            leave_level(rows, levels, resting, level)
            join_level(rows, levels, resting, level)
        show(b.changes, levels, counters, product, other, price, level)
    return quantity, remaining, True


@numba.njit(cache=True, nogil=True, _nrt=False, inline="always")
def take_row(b):
    """Return a free row."""
    counters = b.counters
    row = counters[z.FREE_ROW] - 1
    if row >= 0:
        counters[z.FREE_ROW] = b.rows[row, z.Z_NEXT]
    else:
        row = counters[z.N_ROWS]
        counters[z.N_ROWS] = row + 1
    return row


@numba.njit(cache=True, nogil=True, _nrt=False, inline="always")
def rest(b, row, price):
    """Put an order behind all others of its price."""
    rows, levels = b.rows, b.levels
    product, side = rows[row, z.Z_PRODUCT], rows[row, z.Z_SIDE]
    level = level_for(b.roots, b.nodes, levels, b.counters, product, side, price)
    join_level(rows, levels, row, level)
    weigh_row(rows, levels, row, 1)
    tell(b.reports, b.counters, z.RESTED, 0, rows[row, z.Z_ID], 0, price, shown_of(rows, row), rows[row, z.Z_REMAINING])
    show(b.changes, levels, b.counters, product, side, price, level)


@numba.njit(cache=True, nogil=True, _nrt=False)
def check_terms(x, products, low, high, now):
    """Check the words of a new order."""
    side, price, quantity, tif = x[z.M_SIDE], x[z.M_PRICE], x[z.M_QUANTITY], x[z.M_TIF]
    least, display, expires = x[z.M_MIN], x[z.M_DISPLAY], x[z.M_EXPIRES_MS]
    if x[z.M_PRODUCT] < 0 or x[z.M_PRODUCT] >= products:
        return z.PRODUCT_UNKNOWN
    if x[z.M_ACCOUNT] < 0 or x[z.M_ACCOUNT] > z.MAX_ACCOUNT:
        return z.ACCOUNT_INVALID
    if side != m.BUY and side != m.SELL:
        return z.SIDE_INVALID
    if tif < m.TIF_REST or tif > m.TIF_POST_ONLY:
        return z.TIF_INVALID
    if x[z.M_SELF_TRADE] < m.STP_NEWEST or x[z.M_SELF_TRADE] > m.STP_DECREMENT:
        return z.SELF_TRADE_INVALID
    if expires != 0 and expires <= now:
        return z.EXPIRES_INVALID
    if quantity <= 0 or quantity > z.MAX_QUANTITY:
        return z.QUANTITY_INVALID
    if price != z.MARKET_PRICE and (price < low or price > high):
        return z.PRICE_INVALID
    if least < 0 or least > quantity:
        return z.MIN_QUANTITY_INVALID
    if display != 0 and (display < 0 or display > quantity or display * m.MOST_SLICES < quantity):
        return z.DISPLAY_INVALID
    stays = tif == m.TIF_REST or tif == m.TIF_POST_ONLY
    if stays and price == z.MARKET_PRICE:
        return z.TERMS_MISMATCH
    if (not stays and (expires != 0 or display != 0)) or (tif == m.TIF_POST_ONLY and least != 0):
        return z.TERMS_MISMATCH
    return 0


@numba.njit(cache=True, nogil=True, _nrt=False, inline="always")
def refuse(b, x, reason):
    """Report that a message changed nothing, and why."""
    tell(b.reports, b.counters, z.REJECTED, reason, x[z.M_ID], 0, x[z.M_PRICE], x[z.M_QUANTITY], 0)


@numba.njit(cache=True, nogil=True, _nrt=False)
def end_new(b, number, price, remaining, goes_on):
    """Report the end of what remains of a new order that does not rest."""
    why = z.NOT_TRADED_AT_ONCE if goes_on else z.SELF_TRADE
    tell(b.reports, b.counters, z.CANCELLED, why, number, 0, price, remaining, 0)


@numba.njit(cache=True, nogil=True, _nrt=False, inline="always")
def place(b, x):
    """Take a new order: trade, then rest, or end what is left."""
    counters = b.counters
    reason = check_terms(x, b.roots.shape[0], counters[z.LOW], counters[z.HIGH], counters[z.NOW_MS])
    if reason:
        refuse(b, x, reason)
        return
    number, account, product, side = x[z.M_ID], x[z.M_ACCOUNT], x[z.M_PRODUCT], x[z.M_SIDE]
    price, quantity, tif, self_trade = x[z.M_PRICE], x[z.M_QUANTITY], x[z.M_TIF], x[z.M_SELF_TRADE]
    slot = find_slot(b.ids, number)
    if b.ids[slot, z.INDEX_ROW]:
        refuse(b, x, z.ID_IN_USE)
        return
    is_market = price == z.MARKET_PRICE
    limit = price
    if is_market:
        limit = counters[z.HIGH] if side == m.BUY else counters[z.LOW]
    least = quantity if tif == m.TIF_ALL_OR_NONE else x[z.M_MIN]
    if tif == m.TIF_POST_ONLY:
        best = best_level(b.roots, product, m.SELL if side == m.BUY else m.BUY)
        if best and not beyond(side, limit, b.levels[best, m.LEVEL_PRICE]):
            refuse(b, x, z.WOULD_TRADE)
            return
    elif least > 0 or (is_market and side == m.BUY):
        found, worst = reach(b, product, side, limit, quantity, account, self_trade)
        if found < least:
            refuse(b, x, z.NOT_FILLABLE)
            return
        if is_market and side == m.BUY and found > 0:
            limit = worst
    tell(b.reports, counters, z.ACCEPTED, 0, number, 0, price, quantity, quantity)
    live = counters[z.N_LIVE]
    quantity, remaining, goes_on = trade(b, number, account, product, side, limit, quantity, quantity, self_trade)
    if remaining == 0:
        return
    if not goes_on or tif == m.TIF_IMMEDIATE or tif == m.TIF_ALL_OR_NONE:
        end_new(b, number, price, remaining, goes_on)
        return
    row = take_row(b)
    rows, owners = b.rows, b.owners
    head = owners[account]
    rows[row, z.Z_REMAINING] = remaining
    rows[row, z.Z_ACCOUNT] = account
    rows[row, z.Z_ID] = number
    rows[row, z.Z_QUANTITY] = quantity
    rows[row, z.Z_DISPLAY] = x[z.M_DISPLAY]
    rows[row, z.Z_OWNER_NEXT] = head
    rows[row, z.Z_OWNER_PREV] = 0
    rows[row, z.Z_PRODUCT] = product
    rows[row, z.Z_SIDE] = side
    rows[row, z.Z_TERMS] = tif | self_trade << m.TERMS_SELF_TRADE
    rows[row, z.Z_EXPIRES_MS] = x[z.M_EXPIRES_MS]
    rows[row, z.Z_SESSION] = x[z.M_SESSION]
    rows[row, z.Z_PLACED] = counters[z.N_MESSAGES]
    if head:
        rows[head - 1, z.Z_OWNER_PREV] = row + 1
    owners[account] = row + 1
    if counters[z.N_LIVE] != live:
        slot = find_slot(b.ids, number)  # orders that ended have let others move
    b.ids[slot, z.INDEX_ID] = number
    b.ids[slot, z.INDEX_ROW] = row + 1
    counters[z.N_LIVE] += 1
    if x[z.M_DISPLAY]:
        counters[z.N_ICEBERGS] += 1
    if x[z.M_EXPIRES_MS]:
        counters[z.N_TIMED] += 1
        note_end(b.ends, counters, x[z.M_EXPIRES_MS], counters[z.N_MESSAGES], row)
    rest(b, row, price)


@numba.njit(cache=True, nogil=True, _nrt=False, inline="always")
def cancel(b, x):
    """Cancel what rests of an order."""
    row = b.ids[find_slot(b.ids, x[z.M_ID]), z.INDEX_ROW] - 1
    if row < 0:
        refuse(b, x, z.ORDER_UNKNOWN)
    elif b.rows[row, z.Z_ACCOUNT] != x[z.M_ACCOUNT]:
        refuse(b, x, z.NOT_OWNER)
    else:
        stop(b, row, z.CANCELLED, z.ASKED, np.int64(0))


@numba.njit(cache=True, nogil=True, _nrt=False)
def cancel_all(b, x):
    """Cancel an account's resting orders, the one placed last first: all, or those of a product, or of a session."""
    account, product, session = x[z.M_ACCOUNT], x[z.M_PRODUCT], x[z.M_SESSION]
    if product < z.ANY_PRODUCT or product >= b.roots.shape[0]:
        refuse(b, x, z.PRODUCT_UNKNOWN)
        return
    if account < 0 or account > z.MAX_ACCOUNT:
        refuse(b, x, z.ACCOUNT_INVALID)
        return
    answer = b.counters[z.N_REPORTS]
    tell(b.reports, b.counters, z.ALL_CANCELLED, 0, x[z.M_ID], 0, 0, 0, 0)
    after = b.owners[account]
    while after:
        row = after - 1
        after = b.rows[row, z.Z_OWNER_NEXT]
        touch(b.rows, after - 1, z.Z_NEXT)
        touch(b.rows, after - 1, z.Z_OWNER_NEXT)
        if product != z.ANY_PRODUCT and b.rows[row, z.Z_PRODUCT] != product:
            continue
        if session != z.ANY_SESSION and b.rows[row, z.Z_SESSION] != session:
            continue
        b.reports[answer, z.R_QUANTITY] += b.rows[row, z.Z_REMAINING]
        b.reports[answer, z.R_OTHER] += 1
        stop(b, row, z.CANCELLED, z.ASKED_FOR_ALL, np.int64(0))


@numba.njit(cache=True, nogil=True, _nrt=False)
def amend(b, x):
    """Change an order's price and whole quantity, the filled part included.

    Less at the same price keeps its place; all else loses it and may trade at once.
    """
    rows, levels, counters = b.rows, b.levels, b.counters
    number, price, quantity = x[z.M_ID], x[z.M_PRICE], x[z.M_QUANTITY]
    if quantity <= 0 or quantity > z.MAX_QUANTITY:
        refuse(b, x, z.QUANTITY_INVALID)
        return
    if price < counters[z.LOW] or price > counters[z.HIGH]:
        refuse(b, x, z.PRICE_INVALID)
        return
    row = b.ids[find_slot(b.ids, number), z.INDEX_ROW] - 1
    if row < 0:
        refuse(b, x, z.ORDER_UNKNOWN)
        return
    display = rows[row, z.Z_DISPLAY]
    if display != 0 and (display > quantity or display * m.MOST_SLICES < quantity):
        refuse(b, x, z.DISPLAY_INVALID)
        return
    if rows[row, z.Z_ACCOUNT] != x[z.M_ACCOUNT]:
        refuse(b, x, z.NOT_OWNER)
        return
    done = rows[row, z.Z_QUANTITY] - rows[row, z.Z_REMAINING]
    if quantity <= done:
        refuse(b, x, z.BELOW_FILLED)
        return
    product, side, level = rows[row, z.Z_PRODUCT], rows[row, z.Z_SIDE], rows[row, z.Z_LEVEL]
    tif = rows[row, z.Z_TERMS] & m.TERMS_MASK
    if tif == m.TIF_POST_ONLY:
        best = best_level(b.roots, product, m.SELL if side == m.BUY else m.BUY)
        if best and not beyond(side, price, levels[best, m.LEVEL_PRICE]):
            refuse(b, x, z.WOULD_TRADE)
            return
    tell(b.reports, counters, z.AMENDED, 0, number, 0, price, quantity, quantity - done)
    if keeps_place(levels[level, m.LEVEL_PRICE], rows[row, z.Z_QUANTITY], price, quantity):
        weigh_row(rows, levels, row, -1)
        rows[row, z.Z_QUANTITY] = quantity
        rows[row, z.Z_REMAINING] = quantity - done
        weigh_row(rows, levels, row, 1)
        show(b.changes, levels, counters, product, side, price, level)
        return
    unbook(b, row)
    account = rows[row, z.Z_ACCOUNT]
    self_trade = (rows[row, z.Z_TERMS] >> m.TERMS_SELF_TRADE) & m.TERMS_MASK
    quantity, remaining, goes_on = trade(
        b, number, account, product, side, price, quantity, quantity - done, self_trade
    )
    rows[row, z.Z_QUANTITY] = quantity
    rows[row, z.Z_REMAINING] = remaining
    if remaining > 0 and goes_on:
        rest(b, row, price)
        return
    if remaining > 0:
        end_new(b, number, price, remaining, goes_on)
    forget_row(rows, b.ids, b.owners, counters, row)


@numba.njit(cache=True, nogil=True, _nrt=False)
def expire(b):
    """End every good-till-time order whose time has come; return how many."""
    ended = 0
    while b.counters[z.N_ENDS] > 0 and b.ends[0, z.END_MS] <= b.counters[z.NOW_MS]:
        row = b.ends[0, z.END_ROW]
        lives = b.rows[row, z.Z_LEVEL] != 0 and b.rows[row, z.Z_PLACED] == b.ends[0, z.END_PLACED]
        drop_first_end(b.ends, b.counters)
        if lives:
            stop(b, row, z.EXPIRED, 0, np.int64(0))
            ended += 1
    return ended


@numba.njit(cache=True, nogil=True, _nrt=False, inline="always")
def deepest_node(b, x):
    """Return the deepest node of the trie on the way to a new order's price, or 0; and ask for its word for the price."""
    product, side, price = x[z.M_PRODUCT], x[z.M_SIDE], x[z.M_PRICE]
    node = 0 * product
    if product >= 0 and product < b.roots.shape[0] and (side == m.BUY or side == m.SELL):
        node = b.roots[product, side - 1]
        shift = m.TRIE_TOP_SHIFT
        for _ in range(m.TRIE_DEPTH - 1):
            node = b.nodes[node, (price >> shift) & (m.TRIE_FANOUT - 1)]
            shift -= m.TRIE_BITS
        touch(b.nodes, node, price & (m.TRIE_FANOUT - 1))
    return node


@numba.njit(cache=True, nogil=True, _nrt=False, inline="always")
def first_facing(b, x):
    """Return the order (row + 1) that a new order of a known product and side would trade with first, or 0."""
    side = x[z.M_SIDE]
    level = best_level(b.roots, x[z.M_PRODUCT], m.BUY + m.SELL - side)
    order = 0 * side
    if level and not beyond(side, x[z.M_PRICE], b.levels[level, m.LEVEL_PRICE]):
        order = b.levels[level, m.LEVEL_HEAD]
    return order


@numba.njit(cache=True, nogil=True, _nrt=False, inline="always")
def look_ahead(b, messages, i, ahead):
    """Ask for what the messages further on will need, in four steps, each of which reads what the one before asked for.

    ``ahead`` keeps what a step has found: the row of an order, or of a new one the node, then the level of its price.
    By its turn that may have changed, which costs time and nothing else.
    """
    count = messages.shape[0]
    far = i + z.LOOK_AHEAD
    if far < count:
        touch(b.ids, id_slot(messages[far, z.M_ID]) & (b.ids.shape[0] - 1), z.INDEX_ID)
    middle = i + z.LOOK_AHEAD // 2
    if middle < count:
        x = messages[middle]
        kind = x[z.M_KIND]
        found = np.int64(0)
        if kind == z.NEW:
            found = deepest_node(b, x)
        elif kind == z.CANCEL or kind == z.AMEND:
            found = b.ids[find_slot(b.ids, x[z.M_ID]), z.INDEX_ROW]
            touch(b.rows, found - 1, z.Z_NEXT)
            touch(b.rows, found - 1, z.Z_OWNER_NEXT)
        ahead[middle & (z.LOOK_AHEAD - 1)] = found
    near = i + z.LOOK_AHEAD // 4
    if near < count:
        found = ahead[near & (z.LOOK_AHEAD - 1)]
        if found:
            x = messages[near]
            if x[z.M_KIND] == z.NEW:
                found = b.nodes[found, x[z.M_PRICE] & (m.TRIE_FANOUT - 1)]
                touch(b.levels, found, m.LEVEL_HEAD)
                ahead[near & (z.LOOK_AHEAD - 1)] = found
                first = first_facing(b, x)
                touch(b.rows, first - 1, z.Z_NEXT)
                touch(b.rows, first - 1, z.Z_OWNER_NEXT)
            else:
                row = found - 1
                touch(b.rows, b.rows[row, z.Z_NEXT] - 1, z.Z_NEXT)
                touch(b.rows, b.rows[row, z.Z_PREV] - 1, z.Z_NEXT)
                touch(b.levels, b.rows[row, z.Z_LEVEL], m.LEVEL_HEAD)
                touch(b.rows, b.rows[row, z.Z_OWNER_NEXT] - 1, z.Z_OWNER_NEXT)
                touch(b.rows, b.rows[row, z.Z_OWNER_PREV] - 1, z.Z_OWNER_NEXT)
    close = i + z.LOOK_AHEAD // 8
    if close < count:
        found = ahead[close & (z.LOOK_AHEAD - 1)]
        x = messages[close]
        if found and x[z.M_KIND] == z.NEW:
            touch(b.rows, b.levels[found, m.LEVEL_TAIL] - 1, z.Z_NEXT)
            first = first_facing(b, x)
            if first:
                touch_kin(b, first - 1)


@numba.njit(cache=True, nogil=True, _nrt=False)
def survey(messages, counts):
    """Count in messages int64[n, 14] what tables must have room for: icebergs, amends, ends, and the largest account."""
    for i in range(messages.shape[0]):
        x = messages[i]
        counts[0] += x[z.M_DISPLAY] != 0
        counts[1] += x[z.M_KIND] == z.AMEND
        counts[2] += x[z.M_EXPIRES_MS] != 0
        if x[z.M_ACCOUNT] <= z.MAX_ACCOUNT:
            counts[3] = max(counts[3], x[z.M_ACCOUNT])


@numba.njit(cache=True, nogil=True, _nrt=False)
def play(b, messages, ahead):
    """Take messages int64[n, 14] in order; ``ahead`` int64[16] is work space."""
    counters = b.counters
    for at in range(ahead.size):
        ahead[at] = 0
    for i in range(messages.shape[0]):
        look_ahead(b, messages, i, ahead)
        x = messages[i]
        kind = x[z.M_KIND]
        now = max(counters[z.NOW_MS], x[z.M_TIME_MS])
        counters[z.NOW_MS] = now
        ended = 0
        if counters[z.N_ENDS] > 0 and b.ends[0, z.END_MS] <= now:
            ended = expire(b)
        if kind == z.NEW:
            place(b, x)
        elif kind == z.CANCEL:
            cancel(b, x)
        elif kind == z.AMEND:
            amend(b, x)
        elif kind == z.CANCEL_ALL:
            cancel_all(b, x)
        elif kind == z.PASS_TIME:
            tell(b.reports, counters, z.TIME_PASSED, 0, x[z.M_ID], ended, 0, 0, 0)
        else:
            refuse(b, x, z.KIND_UNKNOWN)
        counters[z.N_MESSAGES] += 1


@numba.njit(cache=True, nogil=True, _nrt=False)
def depth_rows(b, product, side, out):
    """Write a side's levels, best first, to int64[k, 3]: price, shown, orders; return how many there are in all."""
    count = 0
    level = best_level(b.roots, product, side)
    while level:
        price = b.levels[level, m.LEVEL_PRICE]
        if count < out.shape[0]:
            out[count, 0] = price
            out[count, 1] = b.levels[level, m.LEVEL_SHOWN_WH]
            out[count, 2] = b.levels[level, m.LEVEL_ORDERS]
        count += 1
        if count == out.shape[0]:
            return count
        level = next_level(b.roots, b.nodes, product, side, price)
    return count


@numba.njit(cache=True, nogil=True, _nrt=False)
def order_rows(b, product, side, out):
    """Write a side's orders by price, then time, to int64[n, 5]: id, account, price, quantity, remaining; how many."""
    count = 0
    level = best_level(b.roots, product, side)
    while level:
        price = b.levels[level, m.LEVEL_PRICE]
        order = b.levels[level, m.LEVEL_HEAD]
        while order:
            out[count, 0] = b.rows[order - 1, z.Z_ID]
            out[count, 1] = b.rows[order - 1, z.Z_ACCOUNT]
            out[count, 2] = price
            out[count, 3] = b.rows[order - 1, z.Z_QUANTITY]
            out[count, 4] = b.rows[order - 1, z.Z_REMAINING]
            count += 1
            order = b.rows[order - 1, z.Z_NEXT]
        level = next_level(b.roots, b.nodes, product, side, price)
    return count
