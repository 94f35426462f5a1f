"""Expire what is past its date: generation past its expiry, banked tokens past their window (K5)."""

import numpy as np

from wattmark.core.ids import derive_id
from wattmark.engine.commands import Kind, command
from wattmark.engine.layout import MS_PER_S, OPERATOR
from wattmark.engine.state import State
from wattmark.flows.plan import Plan, plan_of
from wattmark.tokens import layout as k


def plan_expire_lots(state: State, now_ms: int) -> Plan:
    """Return the plan that expires every held lot past its date, in order of lot; result1 of each is its Wh."""
    return plan_of(
        command(Kind.EXPIRE, id=derive_id("expire", lot, int(state.lots[lot, k.L_END])), actor=OPERATOR, lot=lot)
        for lot in expired_lots(state, now_ms)
    )


def expired_lots(state: State, now_ms: int) -> list[int]:
    """Return the held lots whose date has passed."""
    lots = state.lots
    until_s = np.where(
        lots[:, k.L_KIND] == k.ENERGY_CLAIM, lots[:, k.L_UNTIL_S], state.bundles[lots[:, k.L_BUNDLE], k.B_EXPIRY_S]
    )
    due = (lots[:, k.L_STATE] == k.HELD) & (until_s * MS_PER_S <= now_ms)
    return [int(row) for row in np.flatnonzero(due)]
