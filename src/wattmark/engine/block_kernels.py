"""Commands of block bids: open, place a slot, cancel, decide (J21 to J24).

A slot of a block is an order of its own that rests in no book. It reserves its serials, or holds the block's limit x
its quantity: a buy block pays its slots out of all it holds, whose sum is enough by J22 though one slot may cost more.
The slots of a block, and those of a product, are chained from the latest to the earliest. Rows of ``t`` and words of
``c`` as in ``layout.py``; a handler changes nothing unless it returns ``OK``.
"""

import numba

from wattmark.engine import layout as e
from wattmark.engine.book_kernels import move_position
from wattmark.engine.order_kernels import lot_fits_product, position_allows
from wattmark.engine.token_kernels import check_spend, cut
from wattmark.market import layout as m
from wattmark.tokens import layout as k
from wattmark.tokens.kernels import set_state


@numba.njit(cache=True, nogil=True, _nrt=False)
def is_pair(kind):
    """Return whether a kind names the block opened before it: a link's child, the second of a loop."""
    return kind == m.BLOCK_LINK_CHILD or kind == m.BLOCK_LOOP_B


@numba.njit(cache=True, nogil=True, _nrt=False)
def open_block(t, c, actor, position, r):
    """Open a block without slots (J21, J24)."""
    kind, side, price, slots, partner = c[3], c[4], c[5], c[6], c[7]
    known = partner >= 0 and partner < t.header[e.H_N_BLOCKS]
    if is_pair(kind) and not known:
        return e.UNKNOWN_BLOCK
    if side != m.BUY and side != m.SELL:
        return e.SIDE_INVALID
    if kind < m.BLOCK_STANDARD or kind > m.BLOCK_LOOP_B:
        return e.BLOCK_KIND_INVALID
    if slots < m.MIN_BLOCK_SLOTS or slots > m.MAX_BLOCK_SLOTS:
        return e.SLOTS_INVALID
    if price < e.MIN_PRICE_SEN or price > e.MAX_PRICE_SEN:
        return e.PRICE_OUT_OF_RANGE
    if is_pair(kind):
        other = t.blocks[partner]
        if other[m.BL_ACCOUNT] != actor:
            return e.NOT_OWNER
        if other[m.BL_STATE] != m.BLOCK_OPEN:
            return e.BLOCK_NOT_OPEN
        if other[m.BL_KIND] != kind - 1 or other[m.BL_PARTNER] != m.NO_BLOCK:
            return e.PARTNER_INVALID
    elif partner != m.NO_BLOCK:
        return e.PARTNER_INVALID
    row = t.header[e.H_N_BLOCKS]
    t.header[e.H_N_BLOCKS] = row + 1
    b = t.blocks[row]
    for word in range(m.BLOCK_WORDS):
        b[word] = 0
    b[m.BL_ACCOUNT] = actor
    b[m.BL_KIND] = kind
    b[m.BL_SIDE] = side
    b[m.BL_LIMIT_SEN] = price
    b[m.BL_SLOTS] = slots
    b[m.BL_PARTNER] = partner
    b[m.BL_STATE] = m.BLOCK_OPEN
    b[m.BL_POSITION] = position
    if is_pair(kind):
        t.blocks[partner, m.BL_PARTNER] = row
    r[0] = row
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def follows(t, before, product):
    """Return whether a product is the next period of the same series as another one's."""
    p = t.products[product]
    q = t.products[before]
    same = p[m.P_AREA] == q[m.P_AREA] and p[m.P_SOURCE] == q[m.P_SOURCE] and p[m.P_DURATION_S] == q[m.P_DURATION_S]
    return same and p[m.P_PERIOD_S] == q[m.P_PERIOD_S] + q[m.P_DURATION_S]


@numba.njit(cache=True, nogil=True, _nrt=False)
def check_slot(t, c, actor, now):
    """Check a slot: what it names, its quantity, the lot it sells, its product, its block, its cash."""
    block, product, quantity, lot, start = c[3], c[4], c[5], c[6], c[7]
    known = block >= 0 and block < t.header[e.H_N_BLOCKS]
    selling = known and t.blocks[block, m.BL_SIDE] == m.SELL
    if selling and (lot < 0 or lot >= t.header[e.H_N_LOTS]):
        return e.UNKNOWN_LOT
    if product < 0 or product >= t.header[e.H_N_PRODUCTS]:
        return e.UNKNOWN_PRODUCT
    if not known:
        return e.UNKNOWN_BLOCK
    b = t.blocks[block]
    if quantity <= 0:
        return e.QUANTITY_NOT_POSITIVE
    if quantity > e.MAX_QUANTITY_WH or b[m.BL_QUANTITY_WH] + quantity > e.MAX_QUANTITY_WH:
        return e.QUANTITY_TOO_LARGE
    if b[m.BL_ACCOUNT] != actor:
        return e.NOT_OWNER
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
    if p[m.P_SCOPE] != m.SCOPE_PERIOD or (selling and not lot_fits_product(t, lot, product)):
        return e.PRODUCT_MISMATCH
    if p[m.P_MODE] != m.MODE_CALL:
        return e.WRONG_MODE
    if p[m.P_STATE] != m.PRODUCT_OPEN:
        return e.PRODUCT_HALTED
    if b[m.BL_STATE] != m.BLOCK_OPEN:
        return e.BLOCK_NOT_OPEN
    if b[m.BL_PLACED] == b[m.BL_SLOTS]:
        return e.BLOCK_COMPLETE
    last = b[m.BL_LAST_ORDER] - 1
    if last >= 0 and not follows(t, t.orders[last, m.O_PRODUCT], product):
        return e.SLOT_NOT_NEXT
    limit = b[m.BL_LIMIT_SEN]
    if limit < p[m.P_LOW_SEN] or limit > p[m.P_HIGH_SEN]:
        return e.PRICE_OUTSIDE_COLLAR
    if not selling and not position_allows(t, product, actor, quantity):
        return e.POSITION_LIMIT
    account = t.accounts[actor]
    free = account[e.A_CASH_E5] + account[e.A_CREDIT_E5] - account[e.A_HELD_E5]
    if not selling and free < limit * quantity:
        return e.INSUFFICIENT_CASH
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def place_slot(t, c, actor, now, position, r):
    """Place the next slot of a block: reserve its serials, or hold limit x quantity."""
    block, product, quantity, lot, start = c[3], c[4], c[5], c[6], c[7]
    outcome = check_slot(t, c, actor, now)
    if outcome != e.OK:
        return outcome
    b = t.blocks[block]
    selling = b[m.BL_SIDE] == m.SELL
    if selling:
        lot = cut(t, lot, start, start + quantity)
        set_state(t.lots, t.bundles, lot, k.RESERVED, now)
    else:
        value = b[m.BL_LIMIT_SEN] * quantity
        t.accounts[actor, e.A_HELD_E5] += value
        b[m.BL_HELD_E5] += value
        move_position(t, actor, product, quantity)
    order = t.header[e.H_N_ORDERS]
    t.header[e.H_N_ORDERS] = order + 1
    o = t.orders[order]
    for word in range(m.ORDER_WORDS):
        o[word] = 0
    o[m.O_ACCOUNT] = actor
    o[m.O_PRODUCT] = product
    o[m.O_SIDE] = b[m.BL_SIDE]
    o[m.O_PRICE_SEN] = b[m.BL_LIMIT_SEN]
    o[m.O_QUANTITY_WH] = quantity
    o[m.O_REMAINING_WH] = quantity
    o[m.O_LOT] = lot if selling else k.NO_REF
    o[m.O_STATE] = m.ORDER_IN_BLOCK
    o[m.O_POSITION] = position
    o[m.O_TERMS] = 1 << m.TERMS_BLOCK
    o[m.O_GROUP] = block
    o[m.O_SLOT_BEFORE] = b[m.BL_LAST_ORDER]
    o[m.O_SLOT_BELOW] = t.products[product, m.P_SLOT_HEAD]
    if selling:
        t.lots[lot, k.L_REF] = order
    b[m.BL_LAST_ORDER] = order + 1
    b[m.BL_PLACED] += 1
    b[m.BL_OPEN_SLOTS] += 1
    b[m.BL_QUANTITY_WH] += quantity
    t.products[product, m.P_SLOT_HEAD] = order + 1
    t.products[product, m.P_OPEN_SLOTS] += 1
    t.header[e.H_OPEN_SLOTS] += 1
    r[0] = order
    r[1] = b[m.BL_PLACED]
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def slot_is_done(t, order, state):
    """Count a slot as no longer open and set its state."""
    o = t.orders[order]
    o[m.O_STATE] = state
    t.blocks[o[m.O_GROUP], m.BL_OPEN_SLOTS] -= 1
    t.products[o[m.O_PRODUCT], m.P_OPEN_SLOTS] -= 1
    t.header[e.H_OPEN_SLOTS] -= 1


@numba.njit(cache=True, nogil=True, _nrt=False)
def end_block(t, block, state, now):
    """Give back what a block's open slots reserve, and end it; return the Wh released."""
    b = t.blocks[block]
    released = b[m.BL_HELD_E5] * 0
    order = b[m.BL_LAST_ORDER] - 1
    while order >= 0:
        o = t.orders[order]
        if o[m.O_STATE] == m.ORDER_IN_BLOCK:
            released += o[m.O_REMAINING_WH]
            if b[m.BL_SIDE] == m.SELL:
                set_state(t.lots, t.bundles, o[m.O_LOT], k.HELD, now)
                t.lots[o[m.O_LOT], k.L_REF] = k.NO_REF
            else:
                move_position(t, o[m.O_ACCOUNT], o[m.O_PRODUCT], -o[m.O_REMAINING_WH])
            slot_is_done(t, order, m.ORDER_CANCELLED)
        order = o[m.O_SLOT_BEFORE] - 1
    t.accounts[b[m.BL_ACCOUNT], e.A_HELD_E5] -= b[m.BL_HELD_E5]
    b[m.BL_HELD_E5] = 0
    b[m.BL_STATE] = state
    return released


@numba.njit(cache=True, nogil=True, _nrt=False)
def dependant(t, block):
    """Return the block that ends with this one: the other of a loop, a parent's child; or -1 (J24)."""
    kind = t.blocks[block, m.BL_KIND]
    if kind == m.BLOCK_STANDARD or kind == m.BLOCK_LINK_CHILD:
        return t.blocks[block, m.BL_PARTNER] * 0 + m.NO_BLOCK
    return t.blocks[block, m.BL_PARTNER]


@numba.njit(cache=True, nogil=True, _nrt=False)
def a_gate_has_closed(t, block, now):
    """Return whether a slot's product no longer takes orders."""
    order = t.blocks[block, m.BL_LAST_ORDER] - 1
    while order >= 0:
        p = t.products[t.orders[order, m.O_PRODUCT]]
        if p[m.P_STATE] != m.PRODUCT_OPEN or now >= p[m.P_CLOSE_MS]:
            return True
        order = t.orders[order, m.O_SLOT_BEFORE] - 1
    return False


@numba.njit(cache=True, nogil=True, _nrt=False)
def cancel_block(t, c, actor, now, r):
    """Cancel a block before the first gate of its slots, with the rest of its loop or its child (J10, J24)."""
    block = c[3]
    if block < 0 or block >= t.header[e.H_N_BLOCKS]:
        return e.UNKNOWN_BLOCK
    b = t.blocks[block]
    if b[m.BL_ACCOUNT] != actor and not t.accounts[actor, e.A_ROLES] & e.ROLE_OPERATOR:
        return e.NOT_OWNER
    other = dependant(t, block)
    if other >= 0 and t.blocks[other, m.BL_STATE] != m.BLOCK_OPEN:
        other = other * 0 - 1
    if a_gate_has_closed(t, block, now) or (other >= 0 and a_gate_has_closed(t, other, now)):
        return e.AUCTION_LOCKED
    if b[m.BL_STATE] != m.BLOCK_OPEN:
        return e.BLOCK_NOT_OPEN
    r[0] = block
    r[1] = end_block(t, block, m.BLOCK_CANCELLED, now)
    if other >= 0:
        r[1] += end_block(t, other, m.BLOCK_CANCELLED, now)
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def in_the_money(t, block):
    """Return whether J22 holds at the stored prices of a complete block: sums, without dividing."""
    b = t.blocks[block]
    value = b[m.BL_VALUE_E5] * 0
    order = b[m.BL_LAST_ORDER] - 1
    while order >= 0:
        o = t.orders[order]
        price = t.products[o[m.O_PRODUCT], m.P_RESULT_SEN]
        if price == 0:
            return False
        value += price * o[m.O_QUANTITY_WH]
        order = o[m.O_SLOT_BEFORE] - 1
    limit = b[m.BL_LIMIT_SEN] * b[m.BL_QUANTITY_WH]
    return value <= limit if b[m.BL_SIDE] == m.BUY else value >= limit


@numba.njit(cache=True, nogil=True, _nrt=False)
def slots_are_priced(t, block):
    """Return whether every slot's product has a stored price and waits to be cleared."""
    order = t.blocks[block, m.BL_LAST_ORDER] - 1
    while order >= 0:
        if t.products[t.orders[order, m.O_PRODUCT], m.P_STATE] != m.PRODUCT_PRICED:
            return False
        order = t.orders[order, m.O_SLOT_BEFORE] - 1
    return True


@numba.njit(cache=True, nogil=True, _nrt=False)
def is_complete(t, block):
    """Return whether a block has all its slots, and its partner if its kind has one (J21)."""
    b = t.blocks[block]
    return b[m.BL_PLACED] == b[m.BL_SLOTS] and (b[m.BL_KIND] == m.BLOCK_STANDARD or b[m.BL_PARTNER] != m.NO_BLOCK)


@numba.njit(cache=True, nogil=True, _nrt=False)
def accept_blocks(t, block, other, r):
    """Accept a block, or both of a loop, if all that can be checked now holds."""
    for member in (block, other):
        if member >= 0 and t.blocks[member, m.BL_STATE] != m.BLOCK_OPEN:
            return e.BLOCK_NOT_OPEN
    kind, partner = t.blocks[block, m.BL_KIND], t.blocks[block, m.BL_PARTNER]
    if kind == m.BLOCK_LINK_CHILD and t.blocks[partner, m.BL_STATE] != m.BLOCK_ACCEPTED:
        return e.PARTNER_INVALID
    for member in (block, other):
        if member >= 0 and not is_complete(t, member):
            return e.BLOCK_INCOMPLETE
    for member in (block, other):
        if member >= 0 and not slots_are_priced(t, member):
            return e.PRODUCT_NOT_PRICED
    for member in (block, other):
        if member >= 0 and not in_the_money(t, member):
            return e.NOT_IN_THE_MONEY
    r[0] = block
    for member in (block, other):
        if member >= 0:
            t.blocks[member, m.BL_STATE] = m.BLOCK_ACCEPTED
            r[1] += 1
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def may_end(t, block):
    """Return whether a block is open, or accepted with slots that have not traded yet."""
    b = t.blocks[block]
    return b[m.BL_STATE] == m.BLOCK_OPEN or (b[m.BL_STATE] == m.BLOCK_ACCEPTED and b[m.BL_OPEN_SLOTS] > 0)


@numba.njit(cache=True, nogil=True, _nrt=False)
def decide_block(t, c, now, r):
    """Accept or reject a block, and with it the rest of its loop or, rejecting, its child (operator only; J22-J24).

    An accepted block of which some slots have traded may be rejected too, so that nothing is ever stuck: what is left
    of it is given back and the block counts as cancelled.
    """
    block, accept = c[3], c[4]
    if block < 0 or block >= t.header[e.H_N_BLOCKS]:
        return e.UNKNOWN_BLOCK
    if accept != 0 and accept != 1:
        return e.DECISION_INVALID
    b = t.blocks[block]
    other = dependant(t, block)
    if accept:
        if b[m.BL_KIND] == m.BLOCK_LINK_PARENT:
            other = other * 0 - 1  # its child is decided on its own
        return accept_blocks(t, block, other, r)
    if not may_end(t, block):
        return e.BLOCK_NOT_OPEN
    r[0] = block
    for member in (block, other):
        if member >= 0 and may_end(t, member):
            whole = t.blocks[member, m.BL_OPEN_SLOTS] == t.blocks[member, m.BL_PLACED]
            end_block(t, member, m.BLOCK_REJECTED if whole else m.BLOCK_CANCELLED, now)
            r[1] += 1
    return e.OK
