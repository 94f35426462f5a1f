"""The zaraba over plain messages: trade by price, then time, and report it (J37, J41).

``b`` is the named tuple of tables made by ``book.py``, ``x`` one message. The structure of the book and the decisions
(what an iceberg shows, who ends when an account would trade with itself, what keeps its place) are those of
``kernels.py``, which the ledger's engine uses too; here an order is a row of its own kind, made only when it rests.
"""

import numba
import numpy as np

from wattmark.market import book_layout as z
from wattmark.market import layout as m
from wattmark.market.book_table_kernels import (
    drop_first_end,
    find_slot,
    forget_row,
    look_ahead,
    note_end,
    show,
    shown_of,
    take_row,
    tell,
    touch_kin,
    weigh_row,
)
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
    touch,
)

NOBODY = -1
"""An account that owns no order."""


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
    # what such an order trades at once must be known before, and reducing both sides would change it on the way
    at_once = tif == m.TIF_ALL_OR_NONE or least > 0 or price == z.MARKET_PRICE
    if x[z.M_SELF_TRADE] == m.STP_DECREMENT and at_once:
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
    if rows[row, z.Z_ACCOUNT] != x[z.M_ACCOUNT]:
        refuse(b, x, z.NOT_OWNER)  # what an order hides is asked of its owner only
        return
    display = rows[row, z.Z_DISPLAY]
    if display != 0 and (display > quantity or display * m.MOST_SLICES < quantity):
        refuse(b, x, z.DISPLAY_INVALID)
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
