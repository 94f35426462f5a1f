"""The call auction in plain Python: the rules J12 to J16 as they are written, with integers of any size."""

from collections import defaultdict

Orders = list[tuple[int, int]]
"""(price, quantity) of each order, earlier orders first."""


def clear(sells: Orders, buys: Orders) -> tuple[int | None, int, list[int], list[int]]:
    """Return (price or None, quantity, sold per sell order, bought per buy order)."""
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
                return None, 0, [0] * len(sells), [0] * len(buys)
            sold = accepted([(-limit, wh) for limit, wh in sells], -price, quantity)
            return price, quantity, sold, accepted(buys, price, quantity)
    return None, 0, [0] * len(sells), [0] * len(buys)


def totals(orders: Orders) -> dict[int, int]:
    """Quantity by price."""
    found: dict[int, int] = defaultdict(int)
    for price, quantity in orders:
        found[price] += quantity
    return found


def accepted(orders: Orders, price: int, quantity: int) -> list[int]:
    """Better (higher) prices whole, the boundary tick by largest remainder, ties to the earliest (J16)."""
    result = [wh if limit > price else 0 for limit, wh in orders]
    left = quantity - sum(result)
    boundary = [i for i, (limit, _) in enumerate(orders) if limit == price]
    asked = sum(orders[i][1] for i in boundary)
    if left >= asked:
        left = asked
    for i in boundary:
        result[i] = orders[i][1] * left // asked
    rest = left - sum(result[i] for i in boundary)
    by_remainder = sorted(boundary, key=lambda i: (-(orders[i][1] * left % asked), i))
    for i in by_remainder[:rest]:
        result[i] += 1
    return result
