"""Market splitting by trying everything: small auctions of two to four areas, J26, J27, J16 as they are written.

Every amount that areas could sell and buy, every flow and every set of prices is looked at. Plain Python.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import product

Step = tuple[int, int, int, int]
"""(price, quantity, side 1 buy 2 sell, area from 1); price 0 is a market order."""
Link = tuple[int, int, int]
"""(from, to, capacity)."""


@dataclass(frozen=True)
class Result:
    prices: list[int | None]
    system_price: int | None
    split: bool
    sold: list[int]
    bought: list[int]
    flow: list[int]
    accepted: list[int]
    surplus: int
    income: int


def couple(steps: list[Step], links: list[Link], areas: int, ceiling: int) -> Result:
    stands = [ceiling if side == 1 and price == 0 else price for price, _, side, _ in steps]
    curves = [[units(steps, stands, side, area) for area in range(1, areas + 1)] for side in (2, 1)]
    possible = all_nets(links, areas)
    ranges = [range(len(curve) + 1) for side in curves for curve in side]
    results = []
    for amounts in product(*ranges):
        sold, bought = amounts[:areas], amounts[areas:]
        if tuple(s - b for s, b in zip(sold, bought, strict=True)) in possible:
            surplus = sum(sum(curve[:n]) for curve, n in zip(curves[1], bought, strict=True))
            surplus -= sum(sum(curve[:n]) for curve, n in zip(curves[0], sold, strict=True))
            results.append((surplus, sum(sold), sold, bought))
    # J27: greatest surplus, largest quantity
    surplus, quantity = max((one[0], one[1]) for one in results)
    best = [(sold, bought) for value, amount, sold, bought in results if (value, amount) == (surplus, quantity)]
    # J26: the system price, J12 to J15
    system, system_quantity, system_surplus = as_one(steps, stands)
    split = (system_surplus, system_quantity) != (surplus, quantity)
    ticks = [system] * areas
    if split:  # the lowest prices, area by area, that agree with a best result and its flows
        ticks = next(
            list(prices)
            for prices in product(range(ceiling + 1), repeat=areas)
            if any(agrees(prices, steps, stands, sold, bought, links, possible) for sold, bought in best[:1])
        )
    sold, bought = fair(steps, stands, ticks, links, areas, best)
    nets = tuple(s - b for s, b in zip(sold, bought, strict=True))
    flow = shortest(possible[nets], links)
    accepted = [0] * len(steps)
    for area in range(areas):
        for side, total in ((2, sold[area]), (1, bought[area])):
            fill(steps, stands, side, area + 1, ticks[area], total, accepted)
    priced = has_price(sold, bought, flow, links, areas) if split else [system_quantity > 0] * areas
    prices = [max(tick, 1) if has else None for tick, has in zip(ticks, priced, strict=True)]
    return Result(
        prices=prices,
        system_price=max(system, 1) if system_quantity else None,
        split=split,
        sold=list(sold),
        bought=list(bought),
        flow=list(flow),
        accepted=accepted,
        surplus=surplus,
        income=sum(
            (prices[end - 1] or 0) * f - (prices[start - 1] or 0) * f
            for (start, end, _), f in zip(links, flow, strict=True)
        ),
    )


def units(steps: list[Step], stands: list[int], side: int, area: int) -> list[int]:
    """The price of each single unit, best first."""
    prices = [p for p, step in zip(stands, steps, strict=True) if step[2:] == (side, area) for _ in range(step[1])]
    return sorted(prices, reverse=side == 1)


def all_nets(links: list[Link], areas: int) -> dict[tuple[int, ...], list[tuple[int, ...]]]:
    """Every vector of net positions that flows can carry, with all the flows that do."""
    found: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for flow in product(*(range(capacity + 1) for _, _, capacity in links)):
        nets = [0] * areas
        for (start, end, _), amount in zip(links, flow, strict=True):
            nets[start - 1] += amount
            nets[end - 1] -= amount
        found.setdefault(tuple(nets), []).append(flow)
    return found


def as_one(steps: list[Step], stands: list[int]) -> tuple[int, int, int]:
    """(price, quantity, surplus) without limits: J15 by its words, then surplus unit by unit."""
    sells = sorted(p for p, step in zip(stands, steps, strict=True) if step[2] == 2 for _ in range(step[1]))
    buys = sorted(
        (p for p, step in zip(stands, steps, strict=True) if step[2] == 1 for _ in range(step[1])), reverse=True
    )
    for price in sorted(set(stands)):
        supply = sum(p <= price for p in sells)
        if supply >= sum(p > price for p in buys):
            quantity = min(supply, sum(p >= price for p in buys))
            return price, quantity, sum(buys[:quantity]) - sum(sells[:quantity])
    return 0, 0, 0


def agrees(prices, steps, stands, sold, bought, links, possible) -> bool:
    """Whether each area's price explains what it trades, and some flow explains the price differences (J27)."""
    for area, price in enumerate(prices, 1):
        s, b = sold[area - 1], bought[area - 1]
        mine = [(p, step[1], step[2]) for p, step in zip(stands, steps, strict=True) if step[3] == area]
        if (
            not sum(q for p, q, side in mine if side == 2 and p < price)
            <= s
            <= sum(q for p, q, side in mine if side == 2 and p <= price)
        ):
            return False
        if (
            not sum(q for p, q, side in mine if side == 1 and p > price)
            <= b
            <= sum(q for p, q, side in mine if side == 1 and p >= price)
        ):
            return False
    return flows_agree(prices, sold, bought, links, possible)


def fair(steps, stands, ticks, links, areas, best):
    """Of the best results the one nearest to the shares, area by area: first sells, then buys (J16 between areas)."""
    groups = price_groups(ticks, links, areas)
    targets = {2: [0] * areas, 1: [0] * areas}
    for group in groups:
        for side, index in ((2, 0), (1, 1)):
            sign = 1 if side == 2 else -1
            better = [
                sum(
                    step[1]
                    for p, step in zip(stands, steps, strict=True)
                    if step[2:] == (side, a + 1) and sign * p < sign * ticks[a]
                )
                for a in range(areas)
            ]
            left = sum(best[0][index][a] - better[a] for a in group)
            for market in (True, False):  # market orders first
                asked = {
                    a: sum(
                        step[1]
                        for p, step in zip(stands, steps, strict=True)
                        if step[2:] == (side, a + 1) and p == ticks[a] and (step[0] == 0) == market
                    )
                    for a in group
                }
                given = min(left, sum(asked.values()))
                left -= given
                for a, amount in largest_remainders(asked, given).items():
                    targets[side][a] += amount
            for a in group:
                targets[side][a] += better[a]
    candidates = best
    for index, side in ((0, 2), (1, 1)):
        for a in range(areas):
            nearest = min(abs(one[index][a] - targets[side][a]) for one in candidates)
            candidates = [one for one in candidates if abs(one[index][a] - targets[side][a]) == nearest]
    assert len(candidates) == 1
    return candidates[0]


def largest_remainders(asked: dict[int, int], given: int) -> dict[int, int]:
    total = sum(asked.values())
    if total == 0:
        return {}
    shares = {key: amount * given // total for key, amount in asked.items()}
    order = sorted(asked, key=lambda key: (-(asked[key] * given % total), key))
    for key in order[: given - sum(shares.values())]:
        shares[key] += 1
    return shares


def price_groups(ticks, links, areas) -> list[list[int]]:
    """Areas of one price, joined by links that could carry something."""
    label = list(range(areas))
    for _ in range(areas):
        for start, end, capacity in links:
            if capacity and ticks[start - 1] == ticks[end - 1]:
                low = min(label[start - 1], label[end - 1])
                label = [low if one in (label[start - 1], label[end - 1]) else one for one in label]
    return [[a for a in range(areas) if label[a] == first] for first in sorted(set(label))]


def shortest(flows: list[tuple[int, ...]], links: list[Link]) -> tuple[int, ...]:
    """Least flow in all; then least on the first pair of areas, the second, ...; parallel links filled in order."""
    pairs = list(dict.fromkeys((min(start, end), max(start, end)) for start, end, _ in links))

    def rank(flow):
        per_pair = Counter()
        for (start, end, _), amount in zip(links, flow, strict=True):
            per_pair[min(start, end), max(start, end)] += amount
        return sum(flow), [per_pair[pair] for pair in pairs], [-amount for amount in flow]

    return min(flows, key=rank)


def fill(steps, stands, side, area, tick, total, accepted) -> None:
    """J16 within an area: better orders whole, then market orders, then the limit orders at the tick."""
    mine = [i for i, step in enumerate(steps) if step[2:] == (side, area)]
    better = [i for i in mine if (stands[i] < tick if side == 2 else stands[i] > tick)]
    for i in better:
        accepted[i] = steps[i][1]
    left = total - sum(steps[i][1] for i in better)
    for market in (True, False):
        edge = {i: steps[i][1] for i in mine if stands[i] == tick and (steps[i][0] == 0) == market}
        given = min(left, sum(edge.values()))
        left -= given
        for i, amount in largest_remainders(edge, given).items():
            accepted[i] = amount


def has_price(sold, bought, flow, links, areas) -> list[bool]:
    """Areas that trade or pass power, and those joined with them by links that have room both ways."""
    active = [s + b > 0 for s, b in zip(sold, bought, strict=True)]
    room = Counter()
    for (start, end, capacity), amount in zip(links, flow, strict=True):
        room[start, end] += capacity - amount
        room[end, start] += amount
        if amount:
            active[start - 1] = active[end - 1] = True
    for _ in range(areas):
        for start, end in list(room):
            if room[start, end] > 0 and room[end, start] > 0 and active[start - 1]:
                active[end - 1] = True
    return active


@dataclass(frozen=True)
class FencedResult:
    surplus: int
    sold: list[int]
    bought: list[int]
    prices: list[int] | None
    """The curves' prices; ``None`` when no whole prices, and halves of ticks for the fences, support the result."""


def couple_fenced(steps: list[Step], links: list[Link], fences: list[tuple[list[int], int]], areas: int, ceiling: int):
    """The best result within fences too; ``None`` when the result without them breaks none."""
    plain = couple(steps, links, areas, ceiling)
    if all(within(fences, plain.sold, plain.bought)):
        return None
    stands = [ceiling if side == 1 and price == 0 else price for price, _, side, _ in steps]
    curves = [[units(steps, stands, side, area) for area in range(1, areas + 1)] for side in (2, 1)]
    possible = all_nets(links, areas)
    results = []
    for amounts in product(*(range(len(curve) + 1) for side in curves for curve in side)):
        sold, bought = amounts[:areas], amounts[areas:]
        if tuple(s - b for s, b in zip(sold, bought, strict=True)) in possible and all(within(fences, sold, bought)):
            surplus = sum(sum(curve[:n]) for curve, n in zip(curves[1], bought, strict=True))
            surplus -= sum(sum(curve[:n]) for curve, n in zip(curves[0], sold, strict=True))
            results.append((surplus, sum(sold), sold, bought))
    # J27, then as much as possible in area order
    surplus, _, sold, bought = max(results)
    room = [bound - sum(c * (s - b) for c, s, b in zip(row, sold, bought, strict=True)) for row, bound in fences]
    halves = [range(2 * ceiling + 1) if left == 0 else (0,) for left in room]
    prices = None
    for tick in product(range(ceiling + 1), repeat=areas):
        if agrees(
            tick, steps, stands, sold, bought, [], {tuple(s - b for s, b in zip(sold, bought, strict=True)): [()]}
        ):
            hubs = (
                [
                    2 * p + sum(row[a] * one for (row, _), one in zip(fences, worth, strict=True))
                    for a, p in enumerate(tick)
                ]
                for worth in product(*halves)
            )
            if any(flows_agree(hub, sold, bought, links, possible) for hub in hubs):
                prices = list(tick)
                break
    return FencedResult(surplus, list(sold), list(bought), prices)


def within(fences, sold, bought) -> list[bool]:
    return [sum(c * (s - b) for c, s, b in zip(row, sold, bought, strict=True)) <= bound for row, bound in fences]


def flows_agree(prices, sold, bought, links, possible) -> bool:
    return any(
        all(
            (f == cap or prices[end - 1] <= prices[start - 1]) and (f == 0 or prices[end - 1] >= prices[start - 1])
            for (start, end, cap), f in zip(links, flow, strict=True)
        )
        for flow in possible[tuple(s - b for s, b in zip(sold, bought, strict=True))]
    )
