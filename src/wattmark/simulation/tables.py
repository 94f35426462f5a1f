"""What an agent may look at: the ledger's tables of this moment, read only.

A view of the state's arrays by name, with the few selections agents need. No agent sees another's
intentions, only lots, products, orders and cash that are in the ledger.
"""

from dataclasses import dataclass

import numpy as np

from wattmark.engine.layout import A_CASH_E5, A_CREDIT_E5, A_HELD_E5
from wattmark.engine.state import State
from wattmark.market.layout import (
    O_ACCOUNT,
    O_PRICE_SEN,
    O_PRODUCT,
    O_REMAINING_WH,
    O_SIDE,
    O_STATE,
    ORDER_OPEN,
    P_LAST_PRICE_SEN,
    P_PERIOD_S,
    P_SCOPE,
    P_SOURCE,
    P_STATE,
    PRODUCT_OPEN,
    SCOPE_PERIOD,
    SELL,
)
from wattmark.tokens.layout import (
    B_PERIOD_S,
    B_SOURCE,
    ENERGY_CLAIM,
    GENERATION,
    HELD,
    L_BUNDLE,
    L_END,
    L_KIND,
    L_OWNER,
    L_START,
    L_STATE,
)


@dataclass(frozen=True, slots=True)
class Lot:
    """A held lot as an agent sees it: serials [start, end) of a bundle [Wh]."""

    row: int
    owner: int
    source: int
    period_start_s: int
    start: int
    end: int

    @property
    def quantity_wh(self) -> int:
        """Return how many Wh the lot holds."""
        return self.end - self.start


def held_lots(state: State, *, kind: int, period_start_s: int | None = None, first_row: int = 0) -> list[Lot]:
    """Return the held lots of a kind in row order, of one period or of all.

    Args:
        state: the ledger.
        kind: ``GENERATION`` or ``ENERGY_CLAIM``.
        period_start_s: only lots generated in this period, ``None`` for all.
        first_row: rows below it are not looked at.
    """
    lots = state.lots[first_row:]
    rows = np.flatnonzero((lots[:, L_STATE] == HELD) & (lots[:, L_KIND] == kind))
    bundles = state.bundles
    if period_start_s is not None and len(rows):
        rows = rows[bundles[lots[rows, L_BUNDLE], B_PERIOD_S] == period_start_s]
    return [
        Lot(
            int(row) + first_row,
            int(lots[row, L_OWNER]),
            int(bundles[lots[row, L_BUNDLE], B_SOURCE]),
            int(bundles[lots[row, L_BUNDLE], B_PERIOD_S]),
            int(lots[row, L_START]),
            int(lots[row, L_END]),
        )
        for row in rows
    ]


def fresh_lots(state: State, period_start_s: int) -> list[Lot]:
    """Return the held tokens generated in a period."""
    return held_lots(state, kind=GENERATION, period_start_s=period_start_s)


def held_claims(state: State) -> list[Lot]:
    """Return the banked tokens that are held."""
    return held_lots(state, kind=ENERGY_CLAIM)


def held_wh(lots: list[Lot]) -> dict[int, int]:
    """Return owner -> Wh."""
    total: dict[int, int] = {}
    for lot in lots:
        total[lot.owner] = total.get(lot.owner, 0) + lot.quantity_wh
    return total


def open_products(state: State, scope: int, period_start_s: int | None = None) -> dict[int, int]:
    """Return source -> product row of the open products of a scope (and period)."""
    products = state.products
    mine = (products[:, P_STATE] == PRODUCT_OPEN) & (products[:, P_SCOPE] == scope)
    if period_start_s is not None:
        mine &= products[:, P_PERIOD_S] == period_start_s
    return {int(products[row, P_SOURCE]): int(row) for row in np.flatnonzero(mine)}


def last_prices(state: State, before_s: int) -> dict[int, int]:
    """Return source -> price of its last traded period that started before ``before_s`` [sen/kWh]."""
    products = state.products
    traded = (products[:, P_SCOPE] == SCOPE_PERIOD) & (products[:, P_LAST_PRICE_SEN] > 0)
    rows = np.flatnonzero(traded & (products[:, P_PERIOD_S] < before_s))
    rows = rows[np.argsort(products[rows, P_PERIOD_S], kind="stable")]
    return {int(products[row, P_SOURCE]): int(products[row, P_LAST_PRICE_SEN]) for row in rows}


def open_order_rows(state: State, products: set[int] | None = None) -> list[int]:
    """Return the rows of the resting orders, of some products or of all."""
    orders = state.orders
    rows = np.flatnonzero(orders[:, O_STATE] == ORDER_OPEN)
    return [int(row) for row in rows if products is None or int(orders[row, O_PRODUCT]) in products]


def asks(state: State, products: set[int]) -> list[tuple[int, int, int, int]]:
    """Return (price [sen/kWh], product, remaining [Wh], account) of the resting sells, cheapest first."""
    orders = state.orders
    found = [
        (
            int(orders[row, O_PRICE_SEN]),
            int(orders[row, O_PRODUCT]),
            int(orders[row, O_REMAINING_WH]),
            int(orders[row, O_ACCOUNT]),
        )
        for row in open_order_rows(state, products)
        if orders[row, O_SIDE] == SELL
    ]
    return sorted(found)


def free_cash_e5(state: State, account: int) -> int:
    """Return what an account may still spend, its credit included [10^-5 JPY]."""
    row = state.accounts[account]
    return int(row[A_CASH_E5] + row[A_CREDIT_E5] - row[A_HELD_E5])
