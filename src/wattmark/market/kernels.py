"""The book: arrays in, arrays out.

The book of a product and side is a 32-ary trie over the tick (20 bits in four levels) whose leaves are
price levels; a level is a first-in-first-out list of orders threaded through ``links``. All of it is
derived from the open orders and can be rebuilt from them in row order, which is time order (J37).
Node, level and order numbers start at 0 in their tables; ``nodes`` and ``levels`` keep row 0 unused, so
0 means none there, and links hold order row + 1.
"""

import numba

from wattmark.market.layout import (
    BUY,
    LEVEL_HEAD,
    LEVEL_ORDERS,
    LEVEL_TAIL,
    LEVEL_WH,
    LINK_NEXT,
    LINK_PREV,
    NODE_MASK,
    O_PRICE_SEN,
    O_PRODUCT,
    O_REMAINING_WH,
    O_SIDE,
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
def best_level(roots, nodes, product, side):
    """Return the level of the highest buy or lowest sell price, or 0."""
    node = roots[product, side - 1]
    if node == 0:
        return node
    for _ in range(TRIE_DEPTH):
        mask = nodes[node, NODE_MASK]
        child = highest_bit(mask) if side == BUY else lowest_bit(mask)
        node = nodes[node, child]
    return node


@numba.njit(cache=True, nogil=True, _nrt=False)
def best_order(roots, nodes, levels, product, side):
    """Return the order first in price, then time (J37), or -1."""
    level = best_level(roots, nodes, product, side)
    return levels[level, LEVEL_HEAD] - 1 if level else -1


@numba.njit(cache=True, nogil=True, _nrt=False)
def book_insert(orders, links, roots, nodes, levels, aux, order):
    """Rest an order behind all others of its price."""
    level = add_level(
        roots, nodes, levels, aux, orders[order, O_PRODUCT], orders[order, O_SIDE], orders[order, O_PRICE_SEN]
    )
    tail = levels[level, LEVEL_TAIL]
    links[order, LINK_NEXT] = 0
    links[order, LINK_PREV] = tail
    if tail:
        links[tail - 1, LINK_NEXT] = order + 1
    else:
        levels[level, LEVEL_HEAD] = order + 1
    levels[level, LEVEL_TAIL] = order + 1
    levels[level, LEVEL_WH] += orders[order, O_REMAINING_WH]
    levels[level, LEVEL_ORDERS] += 1


@numba.njit(cache=True, nogil=True, _nrt=False)
def book_remove(orders, links, roots, nodes, levels, aux, order):
    """Take an order out of the book; its remaining Wh leave the level's total."""
    product = orders[order, O_PRODUCT]
    side = orders[order, O_SIDE]
    price = orders[order, O_PRICE_SEN]
    level = find_level(roots, nodes, product, side, price)
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
    links[order, LINK_NEXT] = 0
    links[order, LINK_PREV] = 0
    levels[level, LEVEL_WH] -= orders[order, O_REMAINING_WH]
    levels[level, LEVEL_ORDERS] -= 1
    if levels[level, LEVEL_HEAD] == 0:
        drop_level(roots, nodes, levels, aux, product, side, price)


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
def side_orders(orders, links, roots, nodes, levels, product, side, out):
    """Write the side's resting orders, best price first and earliest first, to ``out``; return how many."""
    count = 0
    level = best_level(roots, nodes, product, side)
    while level:
        order = levels[level, LEVEL_HEAD]
        price = orders[order - 1, O_PRICE_SEN]
        while order:
            if count < out.size:
                out[count] = order - 1
            count += 1
            order = links[order - 1, LINK_NEXT]
        level = next_level(roots, nodes, product, side, price)
    return count


@numba.njit(cache=True, nogil=True, _nrt=False)
def rebuild_book(orders, n_orders, open_state, state_word, links, roots, nodes, levels, aux):
    """Insert every open order in row order."""
    for order in range(n_orders):
        if orders[order, state_word] == open_state:
            book_insert(orders, links, roots, nodes, levels, aux, order)
