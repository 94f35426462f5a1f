"""Clear the call auctions of one period and source in all areas at once, under link limits (J26-J29).

What is decided is a value: prices, net positions, flows and congestion income, and what each order gets. It carries all
that its certificate needs, so anybody who has the orders can check it. Nothing is written here.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from wattmark.core.codes import Area
from wattmark.core.encoding import json_canonical
from wattmark.core.errors import RuleViolated, UnknownReference
from wattmark.core.periods import Period
from wattmark.core.text import Text
from wattmark.engine.state import State
from wattmark.market import layout as m
from wattmark.market.coupling import Column, Coupled, Fences, Links, Steps, couple
from wattmark.market.coupling_check import verify_coupled
from wattmark.tokens import layout as k

AREAS: Final = len(Area)
NO_PRODUCT: Final = -1
MS_PER_S: Final = 1_000
FORMAT: Final = "wattmark-coupled-auction-1"


@dataclass(frozen=True, slots=True, eq=False)
class CoupledAuction:
    """A coupled auction and its result.

    Attributes:
        period: the period delivered.
        source: energy source 1 to 7.
        products: int64[9] the call auction's product in each area, -1 where there is none.
        orders: int64[n] rows of the orders that take part, in order of arrival.
        steps: the same orders as steps [Wh].
        links: what might flow [Wh].
        fences: linear limits on net positions, ``None`` for none.
        ceiling_sen: highest price of all areas [sen/kWh].
        coupled: the result; ``coupled.accepted`` belongs to ``orders``.
    """

    period: Period
    source: int
    products: Column
    orders: Column
    steps: Steps
    links: Links
    fences: Fences | None
    ceiling_sen: int
    coupled: Coupled

    def verify(self) -> None:
        """Check the result by its certificate.

        Raises:
            RuleViolated: the first check that fails (``market.coupling_check``).
        """
        verify_coupled(
            self.steps, self.links, self.coupled, areas=AREAS, ceiling_sen=self.ceiling_sen, fences=self.fences
        )

    def to_json(self) -> bytes:
        """Return the canonical JSON form (RFC 8785); amounts of money, which can be beyond 2^53, are decimal text."""
        found = self.coupled
        rows = zip(
            self.links.from_area.tolist(),
            self.links.to_area.tolist(),
            self.links.capacity.tolist(),
            found.flow.tolist(),
            strict=True,
        )
        areas = [
            {
                "area": area + 1,
                "product": product,
                "price_sen": found.prices_sen[area],
                "sold_wh": int(found.sold[area]),
                "bought_wh": int(found.bought[area]),
                "net_wh": int(found.net[area]),
            }
            for area, product in enumerate(self.products.tolist())
            if product != NO_PRODUCT
        ]
        value = {
            "format": FORMAT,
            "period_start_s": self.period.start_s,
            "duration_s": self.period.duration_s,
            "source": self.source,
            "ceiling_sen": self.ceiling_sen,
            "system_price_sen": found.system_price_sen,
            "split": found.split,
            "areas": areas,
            "links": [
                {"from": start, "to": end, "capacity_wh": capacity, "flow_wh": flow}
                for start, end, capacity, flow in rows
            ],
            "fences": self._fences(),
            "orders": [list(pair) for pair in zip(self.orders.tolist(), found.accepted.tolist(), strict=True)],
            "surplus_e5jpy": str(found.surplus),
            "income_e5jpy": str(found.income),
        }
        return json_canonical(value)

    def _fences(self) -> list[dict[str, object]]:
        if self.fences is None:
            return []
        rows = zip(
            self.fences.coefficients.tolist(), self.fences.bound.tolist(), self.coupled.fence_prices, strict=True
        )
        return [{"coefficients": row, "bound_wh": bound, "price_sen": str(price)} for row, bound, price in rows]


def clear_coupled(
    state: State, period: Period, source: int, links: Links, *, now_ms: int, fences: Fences | None = None
) -> CoupledAuction:
    """Return the coupled result of all call auctions of a period and source whose gates have closed.

    Args:
        state: what is on record.
        period: the period delivered.
        source: energy source 1 to 7.
        links: what may flow between areas in the period [Wh].
        now_ms: after every gate; orders and tokens past their time do not take part.
        fences: linear limits on net positions [Wh].

    Raises:
        UnknownReference: there is no such auction.
        RuleViolated: an area has two, one is over, halted or before its gate, or their price limits differ; or
            under the fences nothing whole is best.
        MalformedInput: links or fences out of range.
    """
    products = _products(state, period, source, now_ms)
    here = products[products != NO_PRODUCT]
    ceilings = np.unique(state.products[here, m.P_HIGH_SEN])
    if len(ceilings) > 1:
        rule = Text(en="coupled auctions with one upper price limit", ja="連系する板寄せの価格上限は同じであること")
        raise RuleViolated("LIMITS_DIFFER", "product", ceilings.tolist(), rule)
    orders = _orders(state, here, now_ms)
    rows = state.orders[orders]
    is_market = (rows[:, m.O_TERMS] >> m.TERMS_MARKET) & m.TERMS_MASK != 0
    steps = Steps(
        np.where(is_market, 0, rows[:, m.O_PRICE_SEN]),
        rows[:, m.O_REMAINING_WH].copy(),
        rows[:, m.O_SIDE].copy(),
        state.products[rows[:, m.O_PRODUCT], m.P_AREA],
    )
    ceiling = int(ceilings[0])
    coupled = couple(steps, links, areas=AREAS, ceiling_sen=ceiling, fences=fences)
    auction = CoupledAuction(period, source, products, orders, steps, links, fences, ceiling, coupled)
    auction.verify()
    return auction


def _products(state: State, period: Period, source: int, now_ms: int) -> Column:
    """Return the call auction of each area, each after its gate and not over."""
    table = state.products
    mine = np.flatnonzero(
        (table[:, m.P_MODE] == m.MODE_CALL)
        & (table[:, m.P_SCOPE] == m.SCOPE_PERIOD)
        & (table[:, m.P_SOURCE] == source)
        & (table[:, m.P_PERIOD_S] == period.start_s)
        & (table[:, m.P_DURATION_S] == period.duration_s)
        & (table[:, m.P_STATE] != m.PRODUCT_CLOSED)
    )
    if not len(mine):
        rule = Text(en="a period and source with open call auctions", ja="板寄せのあるコマと電源種別")
        raise UnknownReference("NO_AUCTIONS", "period", (period.start_s, period.duration_s, source), rule)
    products = np.full(AREAS, NO_PRODUCT, np.int64)
    for product in mine.tolist():
        row = table[product].tolist()
        if row[m.P_STATE] != m.PRODUCT_OPEN:
            rule = Text(en="a product whose trading is not halted", ja="取引停止中でない商品")
            raise RuleViolated("PRODUCT_HALTED", "product", product, rule)
        if now_ms < row[m.P_CLOSE_MS]:
            rule = Text(en="after the gate has closed (J10)", ja="閉場後であること(J10)")
            raise RuleViolated("GATE_NOT_CLOSED", "product", product, rule)
        if products[row[m.P_AREA] - 1] != NO_PRODUCT:
            rule = Text(en="one auction per area, period and source", ja="エリア・コマ・電源種別ごとに1つの板寄せ")
            raise RuleViolated("PRODUCT_TWICE", "product", product, rule)
        products[row[m.P_AREA] - 1] = product
    return products


def _orders(state: State, products: Column, now_ms: int) -> Column:
    """Return the orders that take part, by arrival: open, and neither they nor the tokens they sell past their time."""
    table = state.orders
    rows = np.flatnonzero(np.isin(table[:, m.O_PRODUCT], products) & (table[:, m.O_STATE] == m.ORDER_OPEN))
    found = table[rows]
    ends_ms = found[:, m.O_EXPIRES_MS]
    selling = found[:, m.O_SIDE] == m.SELL
    lots = state.lots[np.where(selling, found[:, m.O_LOT], 0)]
    until_s = np.where(
        lots[:, k.L_KIND] == k.ENERGY_CLAIM, lots[:, k.L_UNTIL_S], state.bundles[lots[:, k.L_BUNDLE], k.B_EXPIRY_S]
    )
    stays = ((ends_ms == 0) | (ends_ms > now_ms)) & (~selling | (until_s * MS_PER_S > now_ms))
    taking_part: Column = rows[stays]
    return taking_part[np.argsort(found[stays, m.O_ARRIVAL], kind="stable")]
