"""The call auction in plain Python: the rules J12 to J17 as they are written, with integers of any size."""

from collections import defaultdict
from collections.abc import Collection

Orders = list[tuple[int, int]]
"""(price, quantity) of each order, earlier orders first."""
HIGH = 99_900
NOBODY: tuple[Collection[int], Collection[int]] = ((), ())


def clear(
    sells: Orders, buys: Orders, market: tuple[Collection[int], Collection[int]] = NOBODY, high: int = HIGH
) -> tuple[int | None, int, list[int], list[int]]:
    """Return (price or None, quantity, sold per sell order, bought per buy order).

    ``market`` names the rows of sells and of buys that are market orders: they stand at 0 and at ``high`` (J17), or,
    where that is 0, at their own price.
    """
    sells = [(0 if i in market[0] else price, wh) for i, (price, wh) in enumerate(sells)]
    buys = [((high or price) if i in market[1] else price, wh) for i, (price, wh) in enumerate(buys)]
    supply_at, demand_at = totals(sells), totals(buys)
    prices = sorted(supply_at | demand_at)
    supply, above = 0, sum(demand_at.values())
    for price in prices:
        supply += supply_at.get(price, 0)  # S(p): sells at p or less
        demand = above  # D(p): buys at p or more
        above -= demand_at.get(price, 0)  # D just above p
        if supply >= above:
            quantity = min(supply, demand)
            if quantity == 0:
                break
            sold = accepted([(-limit, wh) for limit, wh in sells], -price, quantity, market[0])
            return max(price, 1), quantity, sold, accepted(buys, price, quantity, market[1])
    return None, 0, [0] * len(sells), [0] * len(buys)


def totals(orders: Orders) -> dict[int, int]:
    """Quantity by price."""
    found: dict[int, int] = defaultdict(int)
    for price, quantity in orders:
        found[price] += quantity
    return found


def accepted(orders: Orders, price: int, quantity: int, market: Collection[int]) -> list[int]:
    """Better (higher) prices whole; the boundary tick by largest remainder, market orders before limit orders (J16)."""
    result = [wh if limit > price else 0 for limit, wh in orders]
    left = quantity - sum(result)
    boundary = [i for i, (limit, _) in enumerate(orders) if limit == price]
    for group in ([i for i in boundary if i in market], [i for i in boundary if i not in market]):
        shares = share_out([orders[i][1] for i in group], left)
        for i, share in zip(group, shares, strict=True):
            result[i] = share
        left -= sum(shares)
    return result


def share_out(asked: list[int], left: int) -> list[int]:
    """Whole units to each of one class: floor(q R / T), one more to the largest remainders, ties to the earliest."""
    total = sum(asked)
    if left >= total:
        return asked
    shares = [wh * left // total for wh in asked]
    by_remainder = sorted(range(len(asked)), key=lambda i: (-(asked[i] * left % total), i))
    for i in by_remainder[: left - sum(shares)]:
        shares[i] += 1
    return shares
