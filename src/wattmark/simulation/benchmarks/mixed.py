"""A mixed workload over 100,000 accounts: 60 % transfers, 20 % orders, 10 % cancels, 5 % issues, 5 % retirements.

Every account begins with one lot. The first lots are transferred whole, the next sold in slices, the last retired
in slices; the first accounts have the cash to buy. Only a cancel may be refused: its order may have been filled.
"""

from typing import Final

import numpy as np

from wattmark.engine import layout as e
from wattmark.engine.commands import Kind, Words, command, stack
from wattmark.engine.outcomes import Outcome
from wattmark.market import layout as m
from wattmark.simulation.benchmarks.world import NO_TEXT_HASH, NOW_MS, SETUP_IDS, SLOT_S
from wattmark.tokens import layout as k

ACCOUNTS: Final = 100_000
FIRST: Final = 3
"""The first of them."""
BUYERS: Final = 10_000
DEVICES: Final = 256
SHARES: Final = {
    Kind.TRANSFER: 0.60,
    Kind.PLACE_ORDER: 0.20,
    Kind.CANCEL: 0.10,
    Kind.ISSUE: 0.05,
    Kind.RETIRE: 0.05,
}
LOT_WH: Final = 100_000
TRANSFERRED, SOLD = ACCOUNTS * 6 // 10, ACCOUNTS * 9 // 10
"""Lots below the first bound are transferred, those below the second sold, the others retired."""
BEFORE: Final = 20
"""A cancel is of the order so many orders back."""
FIRST_PERIOD_S: Final = SLOT_S - 1_800 * 10_000


def set_up() -> Words:
    """Return the commands that open accounts, list product 0, mint one bundle and give everybody a lot of it."""
    hour = 3_600_000
    rows: list[Words] = []

    def add(kind: Kind, *, payload: bytes | None = None, **fields: int) -> None:
        row = command(kind, id=SETUP_IDS + len(rows), actor=e.OPERATOR, hash=payload, root=None, **fields)
        rows.append(row)

    for device in range(DEVICES + 1):
        add(Kind.OPEN_ACCOUNT, payload=NO_TEXT_HASH, roles=6, credit_limit_e5jpy=0)
        add(
            Kind.REGISTER_DEVICE,
            payload=NO_TEXT_HASH,
            account=FIRST + device,
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
        device=DEVICES,
        period_start_s=SLOT_S,
        duration_s=1_800,
        reg_from_wh=0,
        reg_to_wh=LOT_WH * (ACCOUNTS + 1),
        expiry_s=SLOT_S + 31_536_000,
        tier=3,
    )
    add(
        Kind.LIST_PRODUCT,
        area=3,
        source=1,
        period_start_s=SLOT_S,
        duration_s=1_800,
        gate_open_ms=NOW_MS - hour,
        gate_close_ms=NOW_MS + hour,
        mode=m.MODE_CONTINUOUS,
        scope=0,
    )
    few = stack(rows)
    accounts = np.repeat(few[:1], ACCOUNTS - DEVICES - 1, axis=0)
    deposits = _blank(BUYERS, Kind.DEPOSIT, e.OPERATOR)
    deposits[:, e.W_FIELDS] = FIRST + np.arange(BUYERS)
    deposits[:, e.W_FIELDS + 1] = 1 << 45
    gifts = _blank(ACCOUNTS, Kind.TRANSFER, FIRST + DEVICES)
    gifts[:, e.W_FIELDS + 2] = LOT_WH * (1 + np.arange(ACCOUNTS, 0, -1))
    gifts[:, e.W_FIELDS + 1] = gifts[:, e.W_FIELDS + 2] - LOT_WH
    gifts[:, e.W_FIELDS + 3] = FIRST + np.arange(ACCOUNTS)
    gifts[DEVICES, e.W_FIELDS + 3] = FIRST  # nobody gives to themselves
    made = np.concatenate([few, accounts, deposits, gifts])
    made[:, e.W_ID_LOW] = np.arange(len(made))
    made[:, e.W_ID_HIGH] = 1
    return made


def mixed_commands(count: int) -> Words:
    """Return seeded commands int64[count, 16] to follow the set-up."""
    draw = np.random.default_rng(3)
    kinds = draw.choice(np.array(list(SHARES)), count, p=list(SHARES.values()))
    rows = _blank(count, 0, 0)
    rows[:, e.W_ID_LOW] = 1 + np.arange(count)
    number = np.zeros(count, np.int64)  # how many of its kind came before
    for kind in SHARES:
        of_kind = kinds == kind
        number[of_kind] = np.arange(np.count_nonzero(of_kind))
    owner = FIRST + np.arange(ACCOUNTS)
    owner[DEVICES] = FIRST
    left = np.full(ACCOUNTS, LOT_WH)
    placed: list[tuple[int, int]] = []  # row and account of each order
    lots = draw.integers(0, TRANSFERRED, count)
    others, prices, amounts = (
        draw.integers(1, ACCOUNTS, count),
        draw.integers(1_400, 1_601, count),
        draw.integers(1, 100, count),
    )
    for i, kind in enumerate(kinds.tolist()):
        nth = int(number[i])
        fields: tuple[int, ...]
        if kind == Kind.TRANSFER:
            lot = int(lots[i])
            actor = int(owner[lot])
            owner[lot] = FIRST + (actor - FIRST + int(others[i])) % ACCOUNTS
            start = LOT_WH * (ACCOUNTS - lot)
            fields = (lot + 1, start, start + LOT_WH, int(owner[lot]))
        elif kind == Kind.PLACE_ORDER and nth % 2:
            actor = FIRST + int(others[i]) % BUYERS
            fields = (0, m.BUY, int(prices[i]), int(amounts[i]), 0, 0, 0)
        elif kind == Kind.PLACE_ORDER:
            lot = TRANSFERRED + nth % (SOLD - TRANSFERRED)
            actor = int(owner[lot])
            left[lot] -= amounts[i]
            start = LOT_WH * (ACCOUNTS - lot) + int(left[lot])
            fields = (0, m.SELL, int(prices[i]), int(amounts[i]), lot + 1, start, 0)
        elif kind == Kind.CANCEL:
            target, actor = placed[-BEFORE] if len(placed) >= BEFORE else (i, FIRST)
            fields = (int(rows[target, e.W_ID_LOW]), 0)
        elif kind == Kind.ISSUE:
            device, period = nth % DEVICES, nth // DEVICES
            actor = e.OPERATOR
            fields = (device, FIRST_PERIOD_S + 1_800 * period, 1_800, 1_000 * period, 1_000 * period + 1_000)
            fields = (*fields, SLOT_S + 31_536_000, 3)
            rows[i, e.W_HASH :] = i
        else:
            lot = SOLD + nth % (ACCOUNTS - SOLD)
            actor = int(owner[lot])
            left[lot] -= 1
            start = LOT_WH * (ACCOUNTS - lot) + int(left[lot])
            fields = (lot + 1, start, start + 1, actor, k.CLAIM_CERTIFICATE, 0, 0)
        if kind == Kind.PLACE_ORDER:
            placed.append((i, actor))
        rows[i, e.W_HEAD] = kind | actor << e.ACTOR_SHIFT
        rows[i, e.W_FIELDS : e.W_FIELDS + len(fields)] = fields
    return rows


def check(commands: Words, verdicts: Words) -> None:
    """Assert that nothing but cancels was refused, and those only because the order was no longer open."""
    refused = verdicts[:, e.V_OUTCOME] != Outcome.OK
    kinds = commands[refused, e.W_HEAD] & e.HALF_MASK
    assert bool(np.all(kinds == Kind.CANCEL)), np.unique(verdicts[:, e.V_OUTCOME])


def _blank(count: int, kind: int, actor: int) -> Words:
    rows = np.zeros((count, e.COMMAND_WORDS), np.int64)
    rows[:, e.W_HEAD] = kind | actor << e.ACTOR_SHIFT
    return rows
