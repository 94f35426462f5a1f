"""What the book library's messages are kept and told with: the index of ids, rows, the heap of ends, reports.

``b`` is the named tuple of tables made by ``book.py``, ``x`` one message. A message of ``LOOK_AHEAD`` places further on has
its rows brought near meanwhile, so that cache misses overlap.
"""

import numba
import numpy as np

from wattmark.market import book_layout as z
from wattmark.market import layout as m
from wattmark.market.kernels import best_level, beyond, next_level, shown_part, touch


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
def touch_kin(b, row):
    """Ask for what the end of an order touches: its neighbours among its account's orders, and the slot of its id."""
    touch(b.rows, b.rows[row, z.Z_OWNER_NEXT] - 1, z.Z_OWNER_NEXT)
    touch(b.rows, b.rows[row, z.Z_OWNER_PREV] - 1, z.Z_OWNER_NEXT)
    touch(b.ids, id_slot(b.rows[row, z.Z_ID]) & (b.ids.shape[0] - 1), z.INDEX_ID)


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
