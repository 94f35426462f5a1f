"""Markets for tests of the pages: a served home, products with something in them, and orders as the state holds them."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from reference.served_home import ServedHome
from wattmark.core.ids import derive_id
from wattmark.engine.commands import Kind, command
from wattmark.flows.place_orders import Order, plan_orders
from wattmark.flows.plan import plan_of
from wattmark.flows.queries import market as reads
from wattmark.market import layout as m
from wattmark.testing.small_home import NIGHT_MS
from wattmark.tokens import layout as k

Answer = TypeVar("Answer")
GATE_MS = NIGHT_MS + 10 * 86_400_000
NOW_MS = NIGHT_MS + 60_000
"""What the served home's clock says."""


class TradingFloor:
    """Makes products and orders in a served home.

    Attributes:
        home: the served home.
    """

    def __init__(self, home: ServedHome) -> None:
        """Work on a served home."""
        self.home = home
        self._made = 0

    def stock(self, least_wh: int = 100) -> int:
        """Return the lot with the most energy that the producer holds."""
        lots = self.home.platform.state.lots
        held = np.flatnonzero((lots[:, k.L_OWNER] == self.home.small.producer) & (lots[:, k.L_STATE] == k.HELD))
        sizes = lots[held, k.L_END] - lots[held, k.L_START]
        assert sizes.max() >= least_wh
        return int(held[np.argmax(sizes)])

    def product(self, lot: int, **terms: int) -> int:
        """List a product that takes a lot; ``terms`` are fields of the command."""
        bundle = self.home.platform.state.bundles[self.home.platform.state.lots[lot, k.L_BUNDLE]]
        self._made += 1
        fields = {
            "area": int(bundle[k.B_AREA]),
            "source": int(bundle[k.B_SOURCE]),
            "period_start_s": int(bundle[k.B_PERIOD_S]),
            "duration_s": int(bundle[k.B_DURATION_S]),
            "gate_open_ms": 0,
            "gate_close_ms": GATE_MS,
            "mode": m.MODE_CONTINUOUS,
            "scope": m.SCOPE_PERIOD,
        } | terms
        return self.do(Kind.LIST_PRODUCT, **fields)

    def do(self, kind: Kind, **fields: int) -> int:
        """Carry out a command of the operator; return its first result."""
        return self.do_at(NOW_MS, kind, **fields)

    def do_at(self, now_ms: int, kind: Kind, **fields: int) -> int:
        """Carry out a command of the operator at a time [ms]; return its first result."""
        self._made += 1
        row = command(kind, id=derive_id("floor", self._made), actor=0, **fields)
        return self.home.platform.execute_one(plan_of([row]), now_ms).result0

    def order(self, who: str, product: int, side: int, price_sen: int, wh: int, **terms: int) -> int:
        """Place an order for a caller of the home and return its number; a sell sells from the front of ``lot``."""
        self._made += 1
        identity = derive_id("floor", self._made)
        if side == m.SELL:
            terms |= {"start": int(self.home.platform.state.lots[terms["lot"], k.L_START])}
        order = Order(identity, self.home.accounts[who], product, side, price_sen, wh, **terms)
        return self.home.platform.execute_one(plan_orders([order]), NOW_MS).result0

    def offers(self, product: int, lot: int, levels: dict[int, int]) -> list[int]:
        """Let the producer offer energy: price [sen/kWh] -> quantity [Wh]."""
        placed = []
        for price, wh in levels.items():
            placed.append(self.order("producer", product, m.SELL, price, wh, lot=self.rest_of(lot)))
        return placed

    def rest_of(self, lot: int) -> int:
        """Return the held lot with the most energy of a lot's bundle that the producer still has."""
        lots = self.home.platform.state.lots
        same = lots[:, k.L_BUNDLE] == lots[lot, k.L_BUNDLE]
        mine = same & (lots[:, k.L_OWNER] == self.home.small.producer) & (lots[:, k.L_STATE] == k.HELD)
        held = np.flatnonzero(mine)
        return int(held[np.argmax(lots[held, k.L_END] - lots[held, k.L_START])])

    def newest(self) -> reads.OpenOrder:
        """Return the order that was placed last."""
        return self.order_at(self.home.platform.state.count("orders") - 1)

    def order_at(self, number: int) -> reads.OpenOrder:
        """Return an order as it stands."""
        return self.read(lambda: reads.order(self.home.platform, number))

    def live(self, who: str, product: int) -> list[reads.OpenOrder]:
        """Return a caller's live orders in a product, newest first."""
        mine = self.read(lambda: reads.open_orders(self.home.platform, self.home.accounts[who]))
        return [order for order in mine if order.product == product]

    def read(self, query: Callable[[], Answer]) -> Answer:
        """Return what a query finds while the state stands still."""
        with self.home.platform.sequencer.reading():
            return query()
