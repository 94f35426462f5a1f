"""A small market for the benchmarks: accounts with cash, sellers with one large lot each, one product."""

from typing import Final

import numpy as np

from wattmark.engine import layout as e
from wattmark.engine.apply import apply
from wattmark.engine.commands import Kind, Words, command, payload_hash, stack
from wattmark.engine.outcomes import Outcome
from wattmark.engine.state import State

NOW_MS: Final = 1_790_000_000_000
"""Any instant; benchmarks read no clock for it."""
SLOT_S: Final = NOW_MS // 1_000 // 1_800 * 1_800 - 1_800
TRADERS: Final = 64
"""Even ones buy, odd ones sell."""
FIRST_TRADER: Final = 3
LOT_WH: Final = 1 << 34
CASH_E5: Final = 1 << 52
NO_TEXT: Final = b"{}"
"""The one payload of the set-up."""
NO_TEXT_HASH: Final = payload_hash(NO_TEXT)
SETUP_IDS: Final = 1 << 64
"""Ids of the set-up begin here; those of the workload lie below."""


def set_up_commands(mode: int, now_ms: int = NOW_MS) -> Words:
    """Return the commands that make the market: accounts, cash, devices, tokens, product 0 in a trading mode.

    Args:
        mode: continuous or call.
        now_ms: when; its gate opened an hour before and closes an hour after [ms].
    """
    rows: list[Words] = []
    hour = 3_600_000
    slot_s = now_ms // 1_000 // 1_800 * 1_800 - 1_800

    def add(kind: Kind, *, payload: bytes | None = None, **fields: int) -> None:
        rows.append(
            command(kind, id=SETUP_IDS + len(rows), actor=e.OPERATOR, hash=payload, flags=0, root=None, **fields)
        )

    for _ in range(TRADERS):
        add(Kind.OPEN_ACCOUNT, payload=NO_TEXT_HASH, roles=6, credit_limit_e5jpy=0)
    for trader in range(TRADERS):
        add(Kind.DEPOSIT, account=FIRST_TRADER + trader, amount_e5jpy=CASH_E5)
    for device, trader in enumerate(range(1, TRADERS, 2)):
        add(
            Kind.REGISTER_DEVICE,
            payload=NO_TEXT_HASH,
            account=FIRST_TRADER + trader,
            area=3,
            source=1,
            capacity_w=1 << 36,
            channel_role=1,
            register_open_wh=0,
            resolution_s=1_800,
            tier=3,
        )
        add(
            Kind.ISSUE,
            payload=NO_TEXT_HASH,
            device=device,
            period_start_s=slot_s,
            duration_s=1_800,
            reg_from_wh=0,
            reg_to_wh=LOT_WH,
            expiry_s=slot_s + 31_536_000,
            tier=3,
        )
    add(
        Kind.LIST_PRODUCT,
        area=3,
        source=1,
        period_start_s=slot_s,
        duration_s=1_800,
        gate_open_ms=now_ms - hour,
        gate_close_ms=now_ms + hour,
        mode=mode,
        scope=0,
    )
    return stack(rows)


def market(mode: int) -> State:
    """Return the state after the set-up."""
    state = State()
    verdicts = apply(state, set_up_commands(mode), NOW_MS).verdicts
    assert np.all(verdicts[:, e.V_OUTCOME] == Outcome.OK)
    return state


def lot_of(trader: int) -> int:
    """Return the lot of a seller (odd trader)."""
    return trader // 2
