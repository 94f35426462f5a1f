"""The book: arrays in, arrays out.

The book of a product and side is a 32-ary trie over the tick (20 bits in four levels) whose leaves are
price levels; a level is a first-in-first-out list of orders threaded through ``links``. The best level of
each side is kept beside its root, and each order knows its level. All of it is derived from the open orders
and can be rebuilt from them in the order of their arrival (J37).
Node, level and order numbers start at 0 in their tables; ``nodes`` and ``levels`` keep row 0 unused, so
0 means none there, and links hold order row + 1.
"""

import numba

from wattmark.market.layout import (
    BUY,
    LEVEL_HEAD,
    LEVEL_ORDERS,
    LEVEL_PRICE,
    LEVEL_SHOWN_WH,
    LEVEL_TAIL,
    LEVEL_WH,
    LINK_LEVEL,
    LINK_NEXT,
    LINK_PREV,
    NODE_MASK,
    O_DISPLAY_WH,
    O_PRICE_SEN,
    O_PRODUCT,
    O_QUANTITY_WH,
    O_REMAINING_WH,
    O_SIDE,
    ROOT_BEST,
    TRIE_BITS,
    TRIE_DEPTH,
    TRIE_FANOUT,
    TRIE_TOP_SHIFT,
    X_FREE_LEVEL,
    X_FREE_NODE,
    X_LEVELS,
    X_NODES,
)


@numba.njit(cache=True, nogil=True, _nrt=False)
def lowest_bit(mask):
    """Return the index of the lowest set bit of a non-zero 32-bit mask."""
    index = 0
    if mask & 0xFFFF == 0:
        index += 16
        mask >>= 16
    if mask & 0xFF == 0:
        index += 8
        mask >>= 8
    if mask & 0xF == 0:
        index += 4
        mask >>= 4
    if mask & 0x3 == 0:
        index += 2
        mask >>= 2
    if mask & 0x1 == 0:
        index += 1
    return index


@numba.njit(cache=True, nogil=True, _nrt=False)
def highest_bit(mask):
    """Return the index of the highest set bit of a non-zero 32-bit mask."""
    index = 0
    if mask >> 16:
        index += 16
        mask >>= 16
    if mask >> 8:
        index += 8
        mask >>= 8
    if mask >> 4:
        index += 4
        mask >>= 4
    if mask >> 2:
        index += 2
        mask >>= 2
    if mask >> 1:
        index += 1
    return index


@numba.njit(cache=True, nogil=True, _nrt=False)
def new_node(nodes, aux):
    """Return an empty trie node from the free list or the end of the table."""
    node = aux[X_FREE_NODE]
    if node:
        aux[X_FREE_NODE] = nodes[node, 0]
    else:
        aux[X_NODES] += 1
        node = aux[X_NODES]
    for word in range(NODE_MASK + 1):
        nodes[node, word] = 0
    return node


@numba.njit(cache=True, nogil=True, _nrt=False)
def node_at(roots, nodes, product, side, price, depth):
    """Return the node on the way to a price that is in the book: depth 0 is the root."""
    node = roots[product, side - 1]
    shift = TRIE_TOP_SHIFT
    for _ in range(depth):
        node = nodes[node, (price >> shift) & (TRIE_FANOUT - 1)]
        shift -= TRIE_BITS
    return node


@numba.njit(cache=True, nogil=True, _nrt=False)
def find_level(roots, nodes, product, side, price):
    """Return the level of a price, or 0."""
    node = roots[product, side - 1]
    shift = TRIE_TOP_SHIFT
    for _ in range(TRIE_DEPTH):
        if node == 0:
            return node
        node = nodes[node, (price >> shift) & (TRIE_FANOUT - 1)]
        shift -= TRIE_BITS
    return node


@numba.njit(cache=True, nogil=True, _nrt=False)
def add_level(roots, nodes, levels, aux, product, side, price):
    """Return the level of a price, made with its path where it is missing."""
    node = roots[product, side - 1]
    if node == 0:
        node = new_node(nodes, aux)
        roots[product, side - 1] = node
    shift = TRIE_TOP_SHIFT
    for depth in range(TRIE_DEPTH):
        child = (price >> shift) & (TRIE_FANOUT - 1)
        below = nodes[node, child]
        if below == 0:
            if depth < TRIE_DEPTH - 1:
                below = new_node(nodes, aux)
            else:
                below = aux[X_FREE_LEVEL]
                if below:
                    aux[X_FREE_LEVEL] = levels[below, LEVEL_HEAD]
                else:
                    aux[X_LEVELS] += 1
                    below = aux[X_LEVELS]
                for word in range(levels.shape[1]):
                    levels[below, word] = 0
                levels[below, LEVEL_PRICE] = price
            nodes[node, child] = below
            nodes[node, NODE_MASK] |= 1 << child
        node = below
        shift -= TRIE_BITS
    return node


@numba.njit(cache=True, nogil=True, _nrt=False)
def drop_level(roots, nodes, levels, aux, product, side, price):
    """Remove an empty level and every node that empties with it."""
    level = find_level(roots, nodes, product, side, price)
    levels[level, LEVEL_HEAD] = aux[X_FREE_LEVEL]
    aux[X_FREE_LEVEL] = level
    shift = 0
    for depth in range(TRIE_DEPTH - 1, -1, -1):
        child = (price >> shift) & (TRIE_FANOUT - 1)
        above = node_at(roots, nodes, product, side, price, depth)
        nodes[above, child] = 0
        nodes[above, NODE_MASK] &= ~(1 << child)
        if nodes[above, NODE_MASK]:
            return
        nodes[above, 0] = aux[X_FREE_NODE]
        aux[X_FREE_NODE] = above
        shift += TRIE_BITS
    roots[product, side - 1] = 0


@numba.njit(cache=True, nogil=True, _nrt=False)
def best_of_trie(roots, nodes, product, side):
    """Return the level of the highest buy or lowest sell price by descending the trie, or 0."""
    node = roots[product, side - 1]
    if node == 0:
        return node
    for _ in range(TRIE_DEPTH):
        mask = nodes[node, NODE_MASK]
        child = highest_bit(mask) if side == BUY else lowest_bit(mask)
        node = nodes[node, child]
    return node


@numba.njit(cache=True, nogil=True, _nrt=False)
def best_level(roots, product, side):
    """Return the level of the highest buy or lowest sell price, or 0."""
    return roots[product, ROOT_BEST + side - 1]


@numba.njit(cache=True, nogil=True, _nrt=False)
def best_order(roots, levels, product, side):
    """Return the order first in price, then time (J37), or -1."""
    level = best_level(roots, product, side)
    return levels[level, LEVEL_HEAD] - 1 if level else -1


@numba.njit(cache=True, nogil=True, _nrt=False)
def shown_wh(orders, order):
    """Return what an order shows [Wh]: all that remains, or of an iceberg the rest of its present slice."""
    display = orders[order, O_DISPLAY_WH]
    if display == 0:
        return orders[order, O_REMAINING_WH]
    quantity = orders[order, O_QUANTITY_WH]
    done = quantity - orders[order, O_REMAINING_WH]
    return min((done // display + 1) * display, quantity) - done


@numba.njit(cache=True, nogil=True, _nrt=False)
def weigh(orders, links, levels, order, sign):
    """Add an order's Wh to its level (``sign`` 1), or take them off (-1) before they change."""
    level = links[order, LINK_LEVEL]
    levels[level, LEVEL_WH] += sign * orders[order, O_REMAINING_WH]
    levels[level, LEVEL_SHOWN_WH] += sign * shown_wh(orders, order)


@numba.njit(cache=True, nogil=True, _nrt=False)
def join_level(orders, links, levels, order, level):
    """Put an order behind all others of a level."""
    tail = levels[level, LEVEL_TAIL]
    links[order, LINK_NEXT] = 0
    links[order, LINK_PREV] = tail
    links[order, LINK_LEVEL] = level
    if tail:
        links[tail - 1, LINK_NEXT] = order + 1
    else:
        levels[level, LEVEL_HEAD] = order + 1
    levels[level, LEVEL_TAIL] = order + 1
    levels[level, LEVEL_ORDERS] += 1
    weigh(orders, links, levels, order, 1)


@numba.njit(cache=True, nogil=True, _nrt=False)
def leave_level(orders, links, levels, order, level):
    """Take an order out of a level's list."""
    before = links[order, LINK_PREV]
    after = links[order, LINK_NEXT]
    if before:
        links[before - 1, LINK_NEXT] = after
    else:
        levels[level, LEVEL_HEAD] = after
    if after:
        links[after - 1, LINK_PREV] = before
    else:
        levels[level, LEVEL_TAIL] = before
    levels[level, LEVEL_ORDERS] -= 1
    weigh(orders, links, levels, order, -1)
    links[order, LINK_NEXT] = 0
    links[order, LINK_PREV] = 0
    links[order, LINK_LEVEL] = 0


@numba.njit(cache=True, nogil=True, _nrt=False)
def book_insert(orders, links, roots, nodes, levels, aux, order):
    """Rest an order behind all others of its price."""
    product = orders[order, O_PRODUCT]
    side = orders[order, O_SIDE]
    price = orders[order, O_PRICE_SEN]
    best = best_level(roots, product, side)
    if best and levels[best, LEVEL_PRICE] == price:
        level = best
    else:
        level = add_level(roots, nodes, levels, aux, product, side, price)
        better = price > levels[best, LEVEL_PRICE] if side == BUY else price < levels[best, LEVEL_PRICE]
        if best == 0 or better:
            roots[product, ROOT_BEST + side - 1] = level
    join_level(orders, links, levels, order, level)


@numba.njit(cache=True, nogil=True, _nrt=False)
def book_remove(orders, links, roots, nodes, levels, aux, order):
    """Take an order out of the book; its remaining Wh leave the level's totals."""
    level = links[order, LINK_LEVEL]
    leave_level(orders, links, levels, order, level)
    if levels[level, LEVEL_HEAD] == 0:
        product = orders[order, O_PRODUCT]
        side = orders[order, O_SIDE]
        drop_level(roots, nodes, levels, aux, product, side, orders[order, O_PRICE_SEN])
        if best_level(roots, product, side) == level:
            roots[product, ROOT_BEST + side - 1] = best_of_trie(roots, nodes, product, side)


@numba.njit(cache=True, nogil=True, _nrt=False)
def book_requeue(orders, links, levels, order):
    """Move an order behind all others of its level: what an iceberg does with its next slice."""
    level = links[order, LINK_LEVEL]
    leave_level(orders, links, levels, order, level)
    join_level(orders, links, levels, order, level)


@numba.njit(cache=True, nogil=True, _nrt=False)
def next_level(roots, nodes, product, side, price):
    """Return the next level behind a price that is in the book: lower for buys, higher for sells; or 0."""
    shift = 0
    for depth in range(TRIE_DEPTH - 1, -1, -1):
        child = (price >> shift) & (TRIE_FANOUT - 1)
        node = node_at(roots, nodes, product, side, price, depth)
        mask = nodes[node, NODE_MASK]
        mask &= (1 << child) - 1 if side == BUY else ~((1 << (child + 1)) - 1)
        if mask:
            for below in range(depth, TRIE_DEPTH):
                bit = highest_bit(mask) if side == BUY else lowest_bit(mask)
                node = nodes[node, bit]
                if below < TRIE_DEPTH - 1:
                    mask = nodes[node, NODE_MASK]
            return node
        shift += TRIE_BITS
    return 0 * roots[product, side - 1]


@numba.njit(cache=True, nogil=True, _nrt=False)
def order_after(orders, links, roots, nodes, levels, order):
    """Return the resting order next in price, then time, of the same side, or -1."""
    after = links[order, LINK_NEXT]
    if after:
        return after - 1
    level = next_level(roots, nodes, orders[order, O_PRODUCT], orders[order, O_SIDE], orders[order, O_PRICE_SEN])
    return levels[level, LEVEL_HEAD] - 1 if level else -1


@numba.njit(cache=True, nogil=True, _nrt=False)
def side_orders(orders, links, roots, nodes, levels, product, side, out):
    """Write the side's resting orders, best price first and earliest first, to ``out``; return how many."""
    count = 0
    order = best_order(roots, levels, product, side)
    while order >= 0:
        if count < out.size:
            out[count] = order
        count += 1
        order = order_after(orders, links, roots, nodes, levels, order)
    return count
