"""The certificate of a coupled auction: what makes a result the right one, checked without the code that found it.

Why these checks suffice. Let each area's price be a multiplier of its balance. Steps that agree with their area's
price and links that agree with the difference of two (full to the dearer side, empty to the cheaper) are what
complementary slackness asks of a pair of a result and its prices; so no result within the limits has more surplus,
and any prices that support one result of greatest surplus support all. The quantity is the largest when no unit
sold at a boundary tick can find a way, over links with room, to a buy at one. The prices are the lowest when none
can fall: each is held by a step of its area, or by a link to an area that is held.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.errors import RuleViolated
from wattmark.core.money import MAX_PRICE_SEN, MIN_PRICE_SEN
from wattmark.core.text import Text
from wattmark.market.coupling import Column, Coupled, Fences, Links, Steps, Table, joined
from wattmark.market.layout import BUY, SELL

Mask = npt.NDArray[np.bool_]

WORD_BITS: Final = 24
"""Values are summed in two words, so that 64 bits suffice."""
HALF: Final = 1 << 62


def verify_coupled(
    steps: Steps,
    links: Links,
    coupled: Coupled,
    *,
    areas: int,
    ceiling_sen: int = MAX_PRICE_SEN,
    fences: Fences | None = None,
) -> None:
    """Check a coupled auction's result, in this order.

    1. Every step trades between nothing and its quantity, and as its area's tick says: better whole, worse nothing.
    2. An area's totals are its steps' sums; what it sends out is what flows out less what flows in.
    3. Flows are within the limits, and of two opposite links at most one is used.
    4. Net positions are within the fences; a fence with room has price 0, none a negative one.
    5. Between areas of different price every link to the dearer is full, every link to the cheaper empty (J27); with
       fences an area's price is compared after adding the fences' prices times its coefficients.
    6. Published prices are the ticks, at least 0.01 JPY/kWh (J17), ``None`` where nothing trades; surplus and income
       are the sums they are said to be, and income equals flow times price difference (J29).
    7. Within an area the boundary tick is rationed as in J16, market orders first.
    8. Without fences: the quantity is the largest, the prices are the lowest, and the areas were split only because
       one price for all loses surplus or quantity (J26).

    Raises:
        RuleViolated: the first check that fails; its field names area, link or step.
    """
    stands = np.where((steps.price_sen == 0) & (steps.side == BUY), ceiling_sen, steps.price_sen)
    row = steps.area - 1
    _check_steps(steps, stands, coupled.tick_sen[row], coupled.accepted)
    flow = np.zeros((areas, areas), np.int64)
    cap = np.zeros((areas, areas), np.int64)
    ends = links.from_area - 1, links.to_area - 1
    np.add.at(flow, ends, coupled.flow)
    np.add.at(cap, ends, links.capacity)
    _check_totals(steps, row, coupled, flow)
    _check_limits(links, coupled.flow, flow)
    hub = _check_fences(fences, coupled)
    _check_differences(hub, flow, cap)
    _check_money(steps, stands, coupled, flow, cap, fences)
    _check_rationing(steps, stands, coupled)
    if fences is None:
        _check_quantity(steps, stands, coupled, flow, cap)
        _check_split(steps, stands, coupled, flow, cap)


def _violated(code: str, field: str, value: object, en: str, ja: str) -> RuleViolated:
    return RuleViolated(code, field, value, Text(en=en, ja=ja))


def _first(wrong: Mask) -> int:
    return int(np.argmax(wrong)) if wrong.any() else -1


def _value(prices: Column, quantities: Column) -> int:
    """Return the exact sum of price x quantity."""
    high = int(np.dot(prices, quantities >> WORD_BITS))
    return (high << WORD_BITS) + int(np.dot(prices, quantities & ((1 << WORD_BITS) - 1)))


def _sum_by(rows: Column, amounts: Column, size: int) -> Column:
    result = np.zeros(size, np.int64)
    np.add.at(result, rows, amounts)
    return result


def _check_steps(steps: Steps, stands: Column, tick: Column, accepted: Column) -> None:
    if (bad := _first((accepted < 0) | (accepted > steps.quantity))) >= 0:
        raise _violated(
            "STEP_OVERFILLED",
            f"accepted[{bad}]",
            int(accepted[bad]),
            "a step trades between nothing and its quantity",
            "約定量は0以上、注文量以下",
        )
    buys = steps.side == BUY
    better = np.where(buys, stands > tick, stands < tick)
    worse = np.where(buys, stands < tick, stands > tick)
    if (bad := _first((better & (accepted < steps.quantity)) | (worse & (accepted > 0)))) >= 0:
        raise _violated(
            "STEP_AGAINST_PRICE",
            f"accepted[{bad}]",
            int(accepted[bad]),
            "better-priced steps trade whole, worse-priced ones not at all",
            "価格条件の良い注文はすべて約定し、悪い注文は約定しない",
        )


def _check_totals(steps: Steps, row: Column, coupled: Coupled, flow: Table) -> None:
    areas = len(flow)
    for name, side, totals in (("sold", SELL, coupled.sold), ("bought", BUY, coupled.bought)):
        chosen = steps.side == side
        sums = _sum_by(row[chosen], coupled.accepted[chosen], areas)
        if (bad := _first(sums != totals)) >= 0:
            raise _violated(
                "AREA_TOTAL_WRONG",
                f"{name}[{bad}]",
                int(totals[bad]),
                "an area's total is the sum of its steps",
                "エリアの合計は注文の約定量の和",
            )
    out = flow.sum(axis=1) - flow.sum(axis=0)
    if (bad := _first(out != coupled.net)) >= 0:
        raise _violated(
            "AREA_NOT_BALANCED",
            f"net[{bad}]",
            int(coupled.net[bad]),
            "what an area sells more than it buys flows out",
            "エリアの売り越しは流出量に等しい",
        )


def _check_limits(links: Links, flow: Column, table: Table) -> None:
    if (bad := _first((flow < 0) | (flow > links.capacity))) >= 0:
        raise _violated(
            "FLOW_BEYOND_LIMIT",
            f"flow[{bad}]",
            int(flow[bad]),
            "a flow is between 0 and its link's limit",
            "潮流は0以上、空容量以下",
        )
    both = (table > 0) & (table.T > 0)
    if both.any():
        pair = tuple(int(one[0]) + 1 for one in np.nonzero(both))
        raise _violated(
            "FLOW_BOTH_WAYS",
            "flow",
            pair,
            "of two opposite links at most one is used",
            "向かい合う二方向を同時には使わない",
        )


def _check_fences(fences: Fences | None, coupled: Coupled) -> list[Fraction]:
    """Check the fences; return each area's price with the fences' prices added."""
    hub = [Fraction(tick) for tick in coupled.tick_sen.tolist()]
    if fences is None:
        return hub
    for number, (row, bound) in enumerate(zip(fences.coefficients.tolist(), fences.bound.tolist(), strict=True)):
        room = bound - sum(one * net for one, net in zip(row, coupled.net.tolist(), strict=True))
        price = coupled.fence_prices[number]
        if room < 0 or price < 0 or (room > 0 and price > 0):
            raise _violated(
                "FENCE_VIOLATED",
                f"fences[{number}]",
                (room, str(price)),
                "net positions are within a fence, and only a fence without room has a price",
                "ネットポジションはフェンス内に収まり、余裕のあるフェンスに価格はない",
            )
        hub = [one + price * factor for one, factor in zip(hub, row, strict=True)]
    return hub


def _links_of(cap: Table) -> Iterator[tuple[int, int]]:
    return zip(*(one.tolist() for one in np.nonzero(cap)), strict=True)


def _check_differences(hub: list[Fraction], flow: Table, cap: Table) -> None:
    for start, end in _links_of(cap):
        wanted = cap[start, end] if hub[end] > hub[start] else 0
        if hub[end] != hub[start] and flow[start, end] != wanted:
            raise _violated(
                "PRICES_DIFFER",
                f"flow {start + 1}-{end + 1}",
                int(flow[start, end]),
                "a link to a dearer area is full, a link to a cheaper area is empty (J27)",
                "高いエリアへの連系線は満杯、安いエリアへは空(J27)",
            )


def _check_money(
    steps: Steps, stands: Column, coupled: Coupled, flow: Table, cap: Table, fences: Fences | None
) -> None:
    trades = (coupled.sold > 0) | (coupled.bought > 0) | (flow != 0).any(axis=0) | (flow != 0).any(axis=1)
    reach = joined(cap - flow + flow.T)
    for area, (tick, price) in enumerate(zip(coupled.tick_sen.tolist(), coupled.prices_sen, strict=True)):
        has = (reach[area] & trades).any() if coupled.split else trades.any()
        if price != (max(tick, MIN_PRICE_SEN) if has else None):
            raise _violated(
                "PRICE_WRONG",
                f"prices_sen[{area}]",
                price,
                "the published price is the tick, at least 0.01, and none where nothing trades",
                "公表価格は約定点の価格(0.01以上)、約定のないエリアは価格なし",
            )
    paid = [price or 0 for price in coupled.prices_sen]
    income = -sum(net * price for net, price in zip(coupled.net.tolist(), paid, strict=True))
    rent = sum(int(flow[start, end]) * (paid[end] - paid[start]) for start, end in _links_of(flow))
    if income != coupled.income or rent != income or (fences is None and income < 0):
        raise _violated(
            "INCOME_WRONG",
            "income",
            coupled.income,
            "congestion income is value bought less value sold, and flow times price difference (J29)",
            "市場間約定代金差額は買い代金から売り代金を引いた額、かつ潮流と値差の積(J29)",
        )
    sign = np.where(steps.side == BUY, 1, -1)
    chosen = sign > 0
    surplus = _value(stands[chosen], coupled.accepted[chosen]) - _value(stands[~chosen], coupled.accepted[~chosen])
    if surplus != coupled.surplus:
        raise _violated(
            "SURPLUS_WRONG",
            "surplus",
            coupled.surplus,
            "surplus is what buyers would pay less what sellers ask",
            "余剰は買い手の入札額から売り手の入札額を引いた額",
        )


def _check_rationing(steps: Steps, stands: Column, coupled: Coupled) -> None:
    at = stands == coupled.tick_sen[steps.area - 1]
    kind = steps.area * 4 + np.where(steps.side == SELL, 0, np.where(steps.price_sen == 0, 1, 2))
    for key in np.unique(kind[at]).tolist():
        rows = np.nonzero(at & (kind == key))[0]
        asked, got = steps.quantity[rows], coupled.accepted[rows]
        left, total = int(got.sum()), int(asked.sum())
        if key % 4 == 2 and left and (market := np.nonzero(at & (kind == key - 1))[0]).size:
            short = coupled.accepted[market] < steps.quantity[market]
            _check_shares(not short.any(), int(market[_first(short)]), coupled.accepted)
        exact = asked.astype(object) if int(asked.max()) * max(left, 1) >= HALF else asked
        whole = (exact * left // total).astype(np.int64)
        rest = (exact * left % total).astype(np.int64)
        whole[np.argsort(-rest, kind="stable")[: left - int(whole.sum())]] += 1
        _check_shares(bool((whole == got).all()), int(rows[_first(whole != got)]), coupled.accepted)


def _check_shares(holds: bool, row: int, accepted: Column) -> None:  # noqa: FBT001 - what is checked, and where
    if not holds:
        raise _violated(
            "SHARE_WRONG",
            f"accepted[{row}]",
            int(accepted[row]),
            "the boundary tick is shared by largest remainders, market orders first (J16)",
            "限界価格の注文は最大剰余法で按分し、成行を優先する(J16)",
        )


def _boundary(steps: Steps, stands: Column, coupled: Coupled) -> tuple[Column, Column, Column]:
    """Return per area: unsold and unbought at the tick, and the lowest tick its own steps allow."""
    row = steps.area - 1
    areas = len(coupled.tick_sen)
    at = stands == coupled.tick_sen[row]
    left = steps.quantity - coupled.accepted
    sells, buys = steps.side == SELL, steps.side == BUY
    unsold = _sum_by(row[at & sells], left[at & sells], areas)
    unbought = _sum_by(row[at & buys], left[at & buys], areas)
    lowest = np.zeros(areas, np.int64)
    holds = (sells & (coupled.accepted > 0)) | (buys & (left > 0))
    np.maximum.at(lowest, row[holds], stands[holds])
    return unsold, unbought, lowest


def _check_quantity(steps: Steps, stands: Column, coupled: Coupled, flow: Table, cap: Table) -> None:
    unsold, unbought, _ = _boundary(steps, stands, coupled)
    tick = coupled.tick_sen
    way = (cap - flow + flow.T > 0) & (tick[:, None] == tick[None, :])
    reached = unsold > 0
    for _ in range(len(tick)):
        reached |= way[reached].any(axis=0)
    if (bad := _first(reached & (unbought > 0))) >= 0:
        raise _violated(
            "QUANTITY_NOT_LARGEST",
            f"bought[{bad}]",
            int(coupled.bought[bad]),
            "nothing offered at the boundary tick can still reach a buy at it (J27)",
            "限界価格の売りで、買いに届くものは残らない(J27)",
        )


def _check_split(steps: Steps, stands: Column, coupled: Coupled, flow: Table, cap: Table) -> None:
    tick, quantity, surplus = _as_one(steps, stands)
    price = max(tick, MIN_PRICE_SEN) if quantity else None
    if price != coupled.system_price_sen:
        raise _violated(
            "SYSTEM_PRICE_WRONG",
            "system_price_sen",
            coupled.system_price_sen,
            "the system price is the lowest tick where all curves together meet (J12-J15)",
            "システムプライスは全体の需給が交わる最低価格(J12-J15)",
        )
    loses = surplus > coupled.surplus or quantity > coupled.quantity
    moved = not coupled.split and quantity > 0 and bool((coupled.tick_sen != tick).any())
    if coupled.split != loses or moved:
        raise _violated(
            "SPLIT_WRONG",
            "split",
            coupled.split,
            "areas are split exactly when one price for all loses surplus or quantity (J26)",
            "一物一価では余剰か約定量が減るときに限り分断する(J26)",
        )
    if coupled.split:
        _check_lowest(steps, stands, coupled, flow, cap)


def _check_lowest(steps: Steps, stands: Column, coupled: Coupled, flow: Table, cap: Table) -> None:
    """A price is held at 0, by a step of its area, by room to a held area, or by power from a held area."""
    tick = coupled.tick_sen
    held = tick <= _boundary(steps, stands, coupled)[2]
    same = tick[:, None] == tick[None, :]
    holds = ((cap - flow > 0) | (flow.T > 0)) & same
    for _ in range(len(tick)):
        held |= holds[:, held].any(axis=1)
    if (bad := _first(~held)) >= 0:
        raise _violated(
            "PRICE_NOT_LOWEST",
            f"tick_sen[{bad}]",
            int(tick[bad]),
            "no area's price can be lower (J13, J27)",
            "どのエリアの価格もこれより低くはできない(J13、J27)",
        )


def _as_one(steps: Steps, stands: Column) -> tuple[int, int, int]:
    """Return (tick, quantity, surplus) of all steps in one market, by sorting (J12-J15)."""
    order = np.argsort(stands, kind="stable")
    price, amount, buys = stands[order], steps.quantity[order], steps.side[order] == BUY
    if not len(price):
        return 0, 0, 0
    last = np.append(np.nonzero(np.diff(price))[0], len(price) - 1)
    supply = np.cumsum(np.where(buys, 0, amount))[last]
    up_to = np.cumsum(np.where(buys, amount, 0))[last]
    above = up_to[-1] - up_to
    at = int(np.argmax(supply >= above))
    quantity = min(int(supply[at]), int(up_to[-1] - (up_to[at - 1] if at else 0)))
    tick = int(price[last[at]])
    dearer, cheaper = buys & (price > tick), ~buys & (price < tick)
    value = _value(price[dearer], amount[dearer]) - _value(price[cheaper], amount[cheaper])
    return tick, quantity, value + tick * (int(amount[cheaper].sum()) - int(amount[dearer].sum()))
