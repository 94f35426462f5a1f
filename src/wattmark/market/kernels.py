"""The book: arrays in, arrays out.

The book of a product and side is a 32-ary trie over the tick (20 bits in four levels) whose leaves are
price levels; a level is a first-in-first-out list of orders threaded through ``links``. The best level of
each side is kept beside its root, and each order knows its level. All of it is derived from the open orders
and can be rebuilt from them in the order of their arrival (J37).
Node, level and order numbers start at 0 in their tables; ``nodes`` and ``levels`` keep row 0 unused, so
0 means none there, and links hold order row + 1.
"""

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

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
    SELL,
    STP_BOTH,
    STP_NEWEST,
    STP_OLDEST,
    TRIE_BITS,
    TRIE_DEPTH,
    TRIE_FANOUT,
    TRIE_TOP_SHIFT,
    X_FREE_LEVEL,
    X_FREE_NODE,
    X_LEVELS,
    X_NODES,
)

COMPILES = not numba.config.DISABLE_JIT  # type: ignore[attr-defined] # set from the environment when numba loads


@intrinsic
def trailing_zeros(typingctx, mask):  # noqa: ARG001 - the compiler's interface
    """Return how many zeros an int64 that is not zero ends with, by the CPU's own instruction."""

    def generate(context, build, signature, arguments):  # noqa: ARG001 - the same
        return build.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate


@intrinsic
def leading_zeros(typingctx, mask):  # noqa: ARG001 - the compiler's interface
    """Return how many zeros an int64 that is not zero begins with, by the CPU's own instruction."""

    def generate(context, build, signature, arguments):  # noqa: ARG001 - the same
        return build.ctlz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate


@intrinsic
def fetch(typingctx, table, row, word):  # noqa: ARG001 - the compiler's interface
    """Ask the CPU to bring the cache line of a word of int64[n, m] nearer; nothing waits for it."""

    def generate(context, build, signature, arguments):
        kinds = signature.args
        array = context.make_array(kinds[0])(context, build, arguments[0])
        byte = ir.IntType(8).as_pointer()
        strides = cgutils.unpack_tuple(build, array.strides)
        row = build.mul(strides[0], context.cast(build, arguments[1], kinds[1], types.int64))
        word = build.mul(strides[1], context.cast(build, arguments[2], kinds[2], types.int64))
        place = build.gep(build.bitcast(array.data, byte), [build.add(row, word)])
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        prefetch = cgutils.get_or_insert_function(build.module, kind, "llvm.prefetch.p0i8")
        build.call(prefetch, [place, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(table, row, word), generate


if COMPILES:

    @numba.njit(cache=True, nogil=True, _nrt=False)
    def lowest_bit(mask):
        """Return the index of the lowest set bit of a non-zero mask of at most 62 bits."""
        return trailing_zeros(np.int64(mask))

    @numba.njit(cache=True, nogil=True, _nrt=False)
    def highest_bit(mask):
        """Return the index of the highest set bit of a non-zero mask of at most 62 bits."""
        return 63 - leading_zeros(np.int64(mask))

    @numba.njit(cache=True, nogil=True, _nrt=False)
    def touch(table, row, word):
        """Ask for a row of a table that will be needed soon; a row that does not exist is harmless."""
        fetch(table, row, word)

else:

    def lowest_bit(mask):
        """Return the index of the lowest set bit of a non-zero mask of at most 62 bits."""
        return np.int64((int(mask) & -int(mask)).bit_length() - 1)

    def highest_bit(mask):
        """Return the index of the highest set bit of a non-zero mask of at most 62 bits."""
        return np.int64(int(mask).bit_length() - 1)

    def touch(table, row, word):
        """Do nothing: an interpreter has no cache lines to ask for."""


@numba.njit(cache=True, nogil=True, _nrt=False)
def best_bit(mask, side):
    """Return the bit of a node's best child: the highest for buys, the lowest for sells."""
    return highest_bit(mask) if side == BUY else lowest_bit(mask)


@numba.njit(cache=True, nogil=True, _nrt=False)
def upward(side):
    """Return 1 for buys, of which the higher is the better, and -1 for sells."""
    return BUY + SELL - 2 * side


@numba.njit(cache=True, nogil=True, _nrt=False)
def new_node(nodes, aux):
    """Return an empty trie node from the free list or the end of the table: all its words are zero."""
    node = aux[X_FREE_NODE]
    if node:
        aux[X_FREE_NODE] = nodes[node, 0]
        nodes[node, 0] = 0
    else:
        aux[X_NODES] += 1
        node = aux[X_NODES]
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
def without(nodes, node, child):
    """Take a child out of a node; return the mask of those that are left."""
    nodes[node, child] = 0
    mask = nodes[node, NODE_MASK] & ~(1 << child)
    nodes[node, NODE_MASK] = mask
    return mask


@numba.njit(cache=True, nogil=True, _nrt=False)
def free_node(nodes, aux, node):
    """Give an empty node back."""
    nodes[node, 0] = aux[X_FREE_NODE]
    aux[X_FREE_NODE] = node


@numba.njit(cache=True, nogil=True, _nrt=False)
def drop_level(roots, nodes, levels, aux, product, side, price):
    """Remove an empty level and every node that empties with it; the next one is then the best if it was.

    Whatever is left in the deepest node that stays is nearer than all else, so the best is found from there.
    """
    mask_of_child = TRIE_FANOUT - 1
    first = roots[product, side - 1]
    second = nodes[first, (price >> 3 * TRIE_BITS) & mask_of_child]
    third = nodes[second, (price >> 2 * TRIE_BITS) & mask_of_child]
    node = nodes[third, (price >> TRIE_BITS) & mask_of_child]
    level = nodes[node, price & mask_of_child]
    levels[level, LEVEL_HEAD] = aux[X_FREE_LEVEL]
    aux[X_FREE_LEVEL] = level
    below = 0
    mask = without(nodes, node, price & mask_of_child)
    if mask == 0:
        free_node(nodes, aux, node)
        node = third
        below = 1
        mask = without(nodes, node, (price >> TRIE_BITS) & mask_of_child)
        if mask == 0:
            free_node(nodes, aux, node)
            node = second
            below = 2
            mask = without(nodes, node, (price >> 2 * TRIE_BITS) & mask_of_child)
            if mask == 0:
                free_node(nodes, aux, node)
                node = first
                below = 3
                mask = without(nodes, node, (price >> 3 * TRIE_BITS) & mask_of_child)
                if mask == 0:
                    free_node(nodes, aux, node)
                    roots[product, side - 1] = 0
                    roots[product, ROOT_BEST + side - 1] = 0
                    return
    if roots[product, ROOT_BEST + side - 1] == level:
        node = nodes[node, best_bit(mask, side)]
        for _ in range(below):
            node = nodes[node, best_bit(nodes[node, NODE_MASK], side)]
        roots[product, ROOT_BEST + side - 1] = node


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
def shown_part(quantity, remaining, display):
    """Return what an order shows [Wh]: all that remains, or of an iceberg the rest of its present slice."""
    if display == 0:
        return remaining
    done = quantity - remaining
    return min((done // display + 1) * display, quantity) - done


@numba.njit(cache=True, nogil=True, _nrt=False)
def shown_wh(orders, order):
    """Return what an order of the table shows [Wh]."""
    return shown_part(orders[order, O_QUANTITY_WH], orders[order, O_REMAINING_WH], orders[order, O_DISPLAY_WH])


@numba.njit(cache=True, nogil=True, _nrt=False)
def beyond(side, limit, price):
    """Return whether a price of the other side is worse than an order's limit.

    Without a branch on the side, which nobody can predict: a price counts up for buys and down for sells.
    """
    return (price - limit) * upward(side) > 0


@numba.njit(cache=True, nogil=True, _nrt=False)
def keeps_place(old_price, old_quantity, price, quantity):
    """Return whether an amended order keeps its place: the same price and no more than before."""
    return price == old_price and quantity <= old_quantity


@numba.njit(cache=True, nogil=True, _nrt=False)
def self_trade_cuts(mode, mine, its):
    """Decide what becomes of a new order and a resting one of the same account that would trade.

    Returns:
        (Wh to take off the resting order, all of which end it; off the new one; whether the new one goes on, or ends).
    """
    if mode == STP_NEWEST:
        return 0 * its, mine, False
    if mode == STP_OLDEST:
        return its, 0 * mine, True
    if mode == STP_BOTH:
        return its, mine, False
    wh = min(mine, its)
    return wh, wh, wh < mine


@numba.njit(cache=True, nogil=True, _nrt=False)
def weigh(orders, links, levels, order, sign):
    """Add an order's Wh to its level (``sign`` 1), or take them off (-1) before they change."""
    level = links[order, LINK_LEVEL]
    levels[level, LEVEL_WH] += sign * orders[order, O_REMAINING_WH]
    levels[level, LEVEL_SHOWN_WH] += sign * shown_wh(orders, order)


@numba.njit(cache=True, nogil=True, _nrt=False)
def join_level(links, levels, order, level):
    """Put an order behind all others of a level; its Wh are not counted yet."""
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


@numba.njit(cache=True, nogil=True, _nrt=False)
def leave_level(links, levels, order, level):
    """Take an order out of a level's list; its Wh were taken off before."""
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
    links[order, LINK_NEXT] = 0
    links[order, LINK_PREV] = 0
    links[order, LINK_LEVEL] = 0


@numba.njit(cache=True, nogil=True, _nrt=False)
def level_for(roots, nodes, levels, aux, product, side, price):
    """Return the level of a price, made where it is missing, and the best of its side if it is."""
    best = best_level(roots, product, side)
    if best:
        best_price = levels[best, LEVEL_PRICE]
        if best_price == price:
            return best
        level = add_level(roots, nodes, levels, aux, product, side, price)
        if (price - best_price) * upward(side) > 0:
            roots[product, ROOT_BEST + side - 1] = level
        return level
    level = add_level(roots, nodes, levels, aux, product, side, price)
    roots[product, ROOT_BEST + side - 1] = level
    return level


@numba.njit(cache=True, nogil=True, _nrt=False)
def book_insert(orders, links, roots, nodes, levels, aux, order):
    """Rest an order behind all others of its price."""
    product = orders[order, O_PRODUCT]
    side = orders[order, O_SIDE]
    price = orders[order, O_PRICE_SEN]
    join_level(links, levels, order, level_for(roots, nodes, levels, aux, product, side, price))
    weigh(orders, links, levels, order, 1)


@numba.njit(cache=True, nogil=True, _nrt=False)
def book_remove(orders, links, roots, nodes, levels, aux, order):
    """Take an order out of the book; its remaining Wh leave the level's totals."""
    level = links[order, LINK_LEVEL]
    weigh(orders, links, levels, order, -1)
    leave_level(links, levels, order, level)
    if levels[level, LEVEL_HEAD] == 0:
        drop_level(
            roots, nodes, levels, aux, orders[order, O_PRODUCT], orders[order, O_SIDE], orders[order, O_PRICE_SEN]
        )


@numba.njit(cache=True, nogil=True, _nrt=False)
def book_requeue(orders, links, levels, order):
    """Move an order behind all others of its level: what an iceberg does with its next slice."""
    level = links[order, LINK_LEVEL]
    weigh(orders, links, levels, order, -1)
    leave_level(links, levels, order, level)
    join_level(links, levels, order, level)
    weigh(orders, links, levels, order, 1)


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
            node = nodes[node, best_bit(mask, side)]
            for _ in range(depth + 1, TRIE_DEPTH):
                node = nodes[node, best_bit(nodes[node, NODE_MASK], side)]
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
