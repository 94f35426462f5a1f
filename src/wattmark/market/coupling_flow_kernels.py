"""Market splitting between areas: prices by minimal cuts, boundary ticks and flows by augmenting paths.

``cap`` int64[areas, areas] is what may flow from row to column; a pair of areas is an entry of ``pairs``, in the
order of the links. ``room`` is the residual matrix of a network: areas first, then the nodes named below.
"""

import numba
import numpy as np

from wattmark.market.coupling_kernels import BUY_ABOVE, BUY_AT, BUY_MARKET, SELL_AT, SELL_BELOW, share

MUCH = 1 << 61
EXTRA_NODES = 4
"""After the areas: what sells at the boundary, what buys at it, what is too much, what is missing."""


@numba.njit(cache=True, nogil=True)
def push(room, source, sink, most):
    """Send up to ``most`` from source to sink along shortest paths with room; return how much went."""
    nodes = room.shape[0]
    parent = np.empty((nodes,), np.int64)
    queue = np.empty((nodes,), np.int64)
    sent = np.int64(0)
    while sent < most:
        for node in range(nodes):
            parent[node] = -1
        parent[source] = source
        queue[0] = source
        head = 0
        tail = 1
        while head < tail and parent[sink] < 0:
            node = queue[head]
            head += 1
            for other in range(nodes):
                if parent[other] < 0 and room[node, other] > 0:
                    parent[other] = node
                    queue[tail] = other
                    tail += 1
        if parent[sink] < 0:
            return sent
        amount = most - sent
        node = sink
        while node != source:
            amount = min(amount, room[parent[node], node])
            node = parent[node]
        node = sink
        while node != source:
            room[parent[node], node] -= amount
            room[node, parent[node]] += amount
            node = parent[node]
        sent += amount
    return sent


@numba.njit(cache=True, nogil=True)
def short_areas(excess, cap, above, below, short):
    """Mark the areas that must be dearer than a tick: short even with every import they can get.

    ``excess`` is supply up to the tick less demand above it. Areas of ``above`` are known to be dearer, areas of
    ``below`` known not to be. Of all sets X the least of the smallest sum of excess(X) + cap(into X) is marked.
    """
    areas = excess.size
    room = np.zeros((areas + 2, areas + 2), np.int64)
    source = areas
    sink = areas + 1
    for a in range(areas):
        short[a] = above[a]
        if above[a] or below[a]:
            continue
        weight = excess[a]
        for other in range(areas):
            if below[other]:
                weight += cap[other, a]
            elif above[other]:
                weight -= cap[a, other]
            else:
                room[a, other] = cap[other, a]
        if weight < 0:
            room[source, a] = -weight
        else:
            room[a, sink] = weight
    push(room, source, sink, np.int64(MUCH))
    seen = np.zeros((areas + 2,), np.bool_)
    queue = np.empty((areas + 2,), np.int64)
    seen[source] = True
    queue[0] = source
    head = 0
    tail = 1
    while head < tail:
        node = queue[head]
        head += 1
        for other in range(areas + 2):
            if not seen[other] and room[node, other] > 0:
                seen[other] = True
                queue[tail] = other
                tail += 1
    for a in range(areas):
        if seen[a]:
            short[a] = True


@numba.njit(cache=True, nogil=True)
def lowest_prices(sums_to, buys, origin, cap, low, high):
    """Narrow ``low`` and ``high`` int64[areas] to the lowest tick at which no area is short.

    ``sums_to[a, t - origin[a]]`` is the area's weight up to tick t. Areas that share a range are searched together;
    two ranges are equal or do not overlap, so each area outside is known to be dearer or not.
    """
    areas = buys.size
    excess = np.zeros((areas,), np.int64)
    above = np.zeros((areas,), np.bool_)
    below = np.zeros((areas,), np.bool_)
    short = np.zeros((areas,), np.bool_)
    for first in range(areas):
        while low[first] < high[first]:
            tick = (low[first] + high[first]) >> 1
            for a in range(areas):
                above[a] = low[a] > tick
                below[a] = high[a] <= tick
                if not above[a] and not below[a]:
                    excess[a] = sums_to[a, tick - origin[a]] - buys[a]
            short_areas(excess, cap, above, below, short)
            for a in range(areas):
                if not above[a] and not below[a]:
                    if short[a]:
                        low[a] = tick + 1
                    else:
                        high[a] = tick


@numba.njit(cache=True, nogil=True)
def balance(at_price, sums, cap, room):
    """Find flows and boundary quantities at given prices, the largest quantity; return it, or -1 if there are none.

    A link to a dearer area is full, one to a cheaper area empty. ``room`` is left as the residual network: the
    nodes ``areas`` and ``areas + 1`` are the boundary's sells and buys.
    """
    areas = at_price.size
    sells = areas
    buys = areas + 1
    too_much = areas + 2
    missing = areas + 3
    for node in range(areas + EXTRA_NODES):
        for other in range(areas + EXTRA_NODES):
            room[node, other] = 0
    room[buys, sells] = MUCH
    total = np.int64(0)
    needed = np.int64(0)
    quantity = np.int64(0)
    for a in range(areas):
        base = sums[a, SELL_BELOW] - sums[a, BUY_ABOVE]
        for other in range(areas):
            if at_price[other] > at_price[a]:
                base -= cap[a, other]
            elif at_price[other] < at_price[a]:
                base += cap[other, a]
            else:
                room[a, other] = cap[a, other]
        room[sells, a] = sums[a, SELL_AT]
        room[a, buys] = sums[a, BUY_AT]
        if base > 0:
            room[too_much, a] = base
            needed += base
        else:
            room[a, missing] = -base
        total += base
        quantity += sums[a, SELL_BELOW]
    if total < 0:
        room[too_much, buys] = -total
        needed -= total
    else:
        room[buys, missing] = total
    if push(room, too_much, missing, np.int64(MUCH)) < needed:
        return -1 + 0 * quantity
    for node in range(areas + EXTRA_NODES):
        for other in (too_much, missing):
            room[node, other] = 0
            room[other, node] = 0
    room[buys, sells] = 0
    room[sells, buys] = 0
    push(room, sells, buys, np.int64(MUCH))
    for a in range(areas):
        quantity += room[a, sells]
    return quantity


@numba.njit(cache=True, nogil=True)
def label_groups(at_price, cap, group):
    """Number the price groups: areas of one price joined by links; the number is the group's first area."""
    areas = at_price.size
    for a in range(areas):
        group[a] = a
    changed = True
    while changed:
        changed = False
        for a in range(areas):
            for other in range(areas):
                linked = cap[a, other] > 0 or cap[other, a] > 0
                if linked and at_price[a] == at_price[other] and group[other] > group[a]:
                    group[other] = group[a]
                    changed = True


@numba.njit(cache=True, nogil=True)
def share_group(sums, column, less, left, members, target):
    """Add each member's share of ``left`` to ``target``: largest remainders, equal ones to the lower area (J16).

    A member asks for its ``column`` of the sums, less its column ``less`` unless that is the same one.
    """
    areas = members.size
    remainder = np.empty((areas,), np.int64)
    total = np.int64(0)
    for a in range(areas):
        if members[a]:
            total += sums[a, column] - (sums[a, less] if less != column else 0)
    if total == 0:
        return
    rest = left
    for a in range(areas):
        remainder[a] = -1
        if members[a]:
            asked = sums[a, column] - (sums[a, less] if less != column else 0)
            whole, remainder[a] = share(asked, left, total)
            target[a] += whole
            rest -= whole
    for _ in range(rest):
        best = 0
        for a in range(areas):
            if remainder[a] > remainder[best]:
                best = a
        target[best] += 1
        remainder[best] = -1


@numba.njit(cache=True, nogil=True)
def move(room, area, node, wanted, sign):
    """Bring what an area trades with a boundary node to ``wanted`` as far as possible, fix it and return it."""
    at = room[area, node] if sign > 0 else room[node, area]
    room[area, node] = 0
    room[node, area] = 0
    if (at < wanted) == (sign > 0):
        return at + sign * push(room, area, node, abs(wanted - at))
    return at - sign * push(room, node, area, abs(wanted - at))


@numba.njit(cache=True, nogil=True)
def share_boundary(group, sums, room, sold_at, bought_at):
    """Bring each area, in order, as near as the limits allow to its share of its group's boundary tick.

    First what is sold, then what is bought. A share is what J16 gives the area's orders in the group's tick,
    market orders first. Every move keeps the group's quantity and leads along links with room.
    """
    areas = group.size
    sells = areas
    buys = areas + 1
    sold_target = np.zeros((areas,), np.int64)
    bought_target = np.zeros((areas,), np.int64)
    members = np.zeros((areas,), np.bool_)
    # typed numbers: a function is compiled once for each literal it is called with
    sell_at, buy_at, buy_market, ahead = np.int64(SELL_AT), np.int64(BUY_AT), np.int64(BUY_MARKET), np.int64(1)
    for first in range(areas):
        if group[first] != first:
            continue
        sold = np.int64(0)
        bought = np.int64(0)
        market = np.int64(0)
        for a in range(areas):
            members[a] = group[a] == first
            if members[a]:
                sold += room[a, sells]
                bought += room[buys, a]
                market += sums[a, BUY_MARKET]
        market = min(bought, market)
        share_group(sums, sell_at, sell_at, sold, members, sold_target)
        share_group(sums, buy_market, buy_market, market, members, bought_target)
        share_group(sums, buy_at, buy_market, bought - market, members, bought_target)
    for a in range(areas):
        sold_at[a] = move(room, a, sells, sold_target[a], ahead)
    for a in range(areas):
        bought_at[a] = move(room, a, buys, bought_target[a], -ahead)


@numba.njit(cache=True, nogil=True)
def read_flows(at_price, cap, room, flow):
    """Write what flows from row to column, less what flows back: ``flow`` int64[areas, areas], antisymmetric."""
    areas = at_price.size
    for a in range(areas):
        for other in range(areas):
            if at_price[other] > at_price[a]:
                flow[a, other] = cap[a, other]
                flow[other, a] = -cap[a, other]
            elif at_price[other] == at_price[a]:
                flow[a, other] = cap[a, other] - room[a, other]


@numba.njit(cache=True, nogil=True)
def cancel_cycle(cap, flow, free, one, two, parent, distance):
    """Shift flow around one cycle that shortens it; return whether there was one.

    Every unit costs 4 per link, and 1 more on the link of two areas (-1: none): the sum of a cycle is negative
    exactly if less flows in all, or as much in all and less on that link.
    """
    areas = cap.shape[0]
    for a in range(areas):
        distance[a] = 0
        parent[a] = -1
    last = -1
    for _ in range(areas):
        last = -1
        for a in range(areas):
            for other in range(areas):
                if not free[a, other]:
                    continue
                back = flow[a, other] < 0
                if not back and cap[a, other] == flow[a, other]:
                    continue
                cost = 4
                if (a == one and other == two) or (a == two and other == one):
                    cost = 5
                if back:
                    cost = -cost
                if distance[a] + cost < distance[other]:
                    distance[other] = distance[a] + cost
                    parent[other] = a
                    last = other
        if last < 0:
            return False
    for _ in range(areas):
        last = parent[last]
    amount = np.int64(MUCH)
    node = last
    while True:
        before = parent[node]
        room = -flow[before, node] if flow[before, node] < 0 else cap[before, node] - flow[before, node]
        amount = min(amount, room)
        node = before
        if node == last:
            break
    while True:
        before = parent[node]
        flow[before, node] += amount
        flow[node, before] -= amount
        node = before
        if node == last:
            break
    return True


@numba.njit(cache=True, nogil=True)
def shorten_flows(at_price, cap, pairs, flow):
    """Keep net positions and let as little flow as possible, then as little as possible on each link in order."""
    areas = at_price.size
    free = np.zeros((areas, areas), np.bool_)
    parent = np.empty((areas,), np.int64)
    distance = np.empty((areas,), np.int64)
    for row in range(pairs.shape[0]):
        a = pairs[row, 0]
        other = pairs[row, 1]
        free[a, other] = at_price[a] == at_price[other]
        free[other, a] = free[a, other]
    for row in range(-1, pairs.shape[0]):
        a = pairs[row, 0] if row >= 0 else -1
        other = pairs[row, 1] if row >= 0 else -1
        while cancel_cycle(cap, flow, free, a, other, parent, distance):
            pass
        if row >= 0:
            free[a, other] = False
            free[other, a] = False
