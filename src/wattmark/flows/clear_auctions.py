"""Clear call auctions after their gate, and close continuous products that are over."""

import numpy as np

from wattmark.core.ids import derive_id
from wattmark.engine.commands import Kind, command
from wattmark.engine.layout import OPERATOR
from wattmark.engine.state import State
from wattmark.flows.plan import Plan, plan_of
from wattmark.market import layout as m


def plan_clear_auctions(state: State, now_ms: int) -> Plan:
    """Return the plan that clears every open call auction whose gate has closed, in order of product.

    Result0 of each is the price [sen/kWh], 0 without a trade; result1 what was traded [Wh].
    """
    return plan_of(
        command(Kind.CLEAR_AUCTION, id=derive_id("clear", product), actor=OPERATOR, product=product)
        for product in due_products(state, m.MODE_CALL, now_ms)
    )


def plan_close_products(state: State, now_ms: int) -> Plan:
    """Return the plan that closes continuous products past their gate; what rests in them is cancelled."""
    return plan_of(
        command(Kind.CLOSE_PRODUCT, id=derive_id("close", product), actor=OPERATOR, product=product)
        for product in due_products(state, m.MODE_CONTINUOUS, now_ms)
    )


def due_products(state: State, mode: int, now_ms: int) -> list[int]:
    """Return the open products of a mode whose gate has closed."""
    products = state.products
    due = (
        (products[:, m.P_MODE] == mode)
        & (products[:, m.P_STATE] == m.PRODUCT_OPEN)
        & (products[:, m.P_CLOSE_MS] <= now_ms)
    )
    return [int(row) for row in np.flatnonzero(due)]
