"""F3 rings: energy goes from owner to owner and comes home at the price it left at; nothing changed but the volume.

Owners are neighbours where one sells to the other a good part of what either trades in the product. A ring is a
strongly connected set of neighbours (Tarjan 1972) that trades mostly with itself, whose members end where they began
and buy for what they sell. A market maker buys lower than it sells and trades with whoever comes; neither holds of it.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np

from wattmark.core.energy import format_wh
from wattmark.core.text import Text
from wattmark.market.surveillance.alert import Alert, Figure, evidence
from wattmark.market.surveillance.day import Column, MarketDay
from wattmark.market.surveillance.groups import Groups, group, high_of, joined, looked_up, low_of
from wattmark.market.surveillance.policy import PER_MILLE, Surveillance

RING: Final = "F3"
_TEXT: Final = Text(
    en="Owners {owners} passed {wh} round in product {product} with {count} trades: it came home to each of them, at "
    "prices at most {gap} % apart.",
    ja="所有者{owners}が商品{product}で{wh}を{count}件の約定で一巡させた。量は各人に戻り、売値と買値の差は{gap}%以内。",
)


def find_rings(day: MarketDay, policy: Surveillance) -> list[Alert]:
    """Return the sets of owners that passed energy round among themselves (F3)."""
    trades = day.trades
    buyers, sellers = day.owners[trades.buyer], day.owners[trades.seller]
    rows = np.flatnonzero(buyers != sellers)
    buyers, sellers, product, wh = buyers[rows], sellers[rows], trades.product[rows], trades.quantity_wh[rows]
    bought, sold = group(joined(product, buyers)), group(joined(product, sellers))
    bought_wh, sold_wh = bought.sums(wh), sold.sums(wh)
    pairs, pair = np.unique(joined(sellers, buyers), return_inverse=True)
    edges = group(joined(product, pair))
    source, target = high_of(pairs[low_of(edges.keys)]), low_of(pairs[low_of(edges.keys)])
    where, energy = high_of(edges.keys), edges.sums(wh) * PER_MILLE
    near = energy >= policy.ring_edge_share * looked_up(sold, sold_wh, joined(where, source))
    near &= energy >= policy.ring_edge_share * looked_up(bought, bought_wh, joined(where, target))
    kept = _trimmed(np.flatnonzero(near), where, source, target)
    alerts = []
    for number in np.unique(where[kept]).tolist():
        here = kept[where[kept] == number]
        for ring in _components(zip(source[here].tolist(), target[here].tolist(), strict=True)):
            members = np.array(ring, np.int64)
            inside = here[np.isin(source[here], members) & np.isin(target[here], members)]
            legs = np.sort(np.concatenate([edges.of(edge) for edge in inside.tolist()]))
            whole = looked_up(bought, bought_wh, joined(np.full(len(ring), number), members)) + looked_up(
                sold, sold_wh, joined(np.full(len(ring), number), members)
            )
            alerts += _ring_alert(day, policy, members, rows[legs], whole)
    return alerts


def _ring_alert(day: MarketDay, policy: Surveillance, members: Column, legs: Column, whole: Column) -> list[Alert]:
    """Return the alert of one ring, if all of it holds."""
    trades = day.trades
    least = policy.ring_trades * len(members)
    if not 2 <= len(members) <= policy.ring_members or len(legs) < least:
        return []
    wh, value = trades.quantity_wh[legs], trades.quantity_wh[legs] * trades.price_sen[legs]
    came, paid = _per_member(members, day.owners[trades.buyer[legs]], wh, value)
    left, earned = _per_member(members, day.owners[trades.seller[legs]], wh, value)
    larger = np.maximum(came, left)
    round_wh = int(np.minimum(came, left).min())
    inside = int(((came + left) * PER_MILLE // whole).min())
    imbalance = int((np.abs(came - left) * PER_MILLE // larger).max())
    prices_in, prices_out = paid / np.maximum(came, 1), earned / np.maximum(left, 1)
    gap = int(np.ceil(np.abs(prices_in - prices_out) * PER_MILLE / np.maximum(prices_out, 1)).max())
    holds = round_wh >= policy.ring_wh and inside >= policy.ring_inside_share
    if not (holds and imbalance <= policy.ring_imbalance and gap <= policy.ring_price_gap):
        return []
    product = int(trades.product[legs[0]])
    orders = np.unique(np.concatenate((trades.buy_order[legs], trades.sell_order[legs])))
    named = ", ".join(str(owner) for owner in members.tolist())
    return [
        Alert(
            RING,
            tuple(members.tolist()),
            tuple(np.unique(np.concatenate((trades.buyer[legs], trades.seller[legs]))).tolist()),
            (product,),
            int(trades.timestamp_ms[legs].min()),
            int(trades.timestamp_ms[legs].max()),
            (
                Figure("ring_trades", len(legs), least, "trades"),
                Figure("ring_wh", round_wh, policy.ring_wh, "Wh"),
                Figure("ring_inside_share", inside, policy.ring_inside_share, "per mille"),
                Figure("ring_imbalance", imbalance, policy.ring_imbalance, "per mille"),
                Figure("ring_price_gap", gap, policy.ring_price_gap, "per mille"),
            ),
            evidence(trades.position[legs]),
            evidence(orders),
            len(legs),
            len(orders),
            _TEXT.format(owners=named, wh=format_wh(round_wh), product=product, count=len(legs), gap=gap / 10),
        )
    ]


def _per_member(members: Column, who: Column, wh: Column, value: Column) -> tuple[Column, Column]:
    groups: Groups = group(who)
    return looked_up(groups, groups.sums(wh), members), looked_up(groups, groups.sums(value), members)


def _trimmed(edges: Column, where: Column, source: Column, target: Column) -> Column:
    """Return the edges without those that cannot lie on a cycle: nobody leads there, or nobody leads on."""
    while True:
        from_here, to_here = joined(where[edges], source[edges]), joined(where[edges], target[edges])
        kept = edges[np.isin(from_here, to_here) & np.isin(to_here, from_here)]
        if len(kept) == len(edges):
            return kept
        edges = kept


def _components(edges: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Return the strongly connected sets of more than one node, each ascending (Tarjan 1972, without recursion)."""
    follow: dict[int, list[int]] = {}
    for source, target in edges:
        follow.setdefault(source, []).append(target)
        follow.setdefault(target, [])
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    found: list[list[int]] = []
    for root in sorted(follow):
        work = [] if root in number else [(root, iter(follow[root]))]
        while work:
            node, ways = work[-1]
            if node not in number:
                number[node] = low[node] = len(number)
                stack.append(node)
                on_stack.add(node)
            following = next((way for way in ways if way not in number or way in on_stack), None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == number[node]:
                    cut = stack.index(node)
                    members = stack[cut:]
                    del stack[cut:]
                    on_stack.difference_update(members)
                    found += [sorted(members)] if len(members) > 1 else []
            elif following in number:
                low[node] = min(low[node], number[following])
            else:
                work.append((following, iter(follow[following])))
    return found
