"""The laws L1 to L4 and L9 over a state, re-derived from its rows; each returns findings."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from wattmark.core.findings import Finding
from wattmark.engine import layout as e
from wattmark.engine.commands import Words
from wattmark.engine.state import State
from wattmark.market import layout as m
from wattmark.tokens import layout as k
from wattmark.tokens.kernels import bundle_balances

STATE_FILE: Final = "journal"
"""The state is a function of the journal; a broken law is named by table and row."""
COUNTERS: Final = (k.B_HELD_WH, k.B_RESERVED_WH, k.B_RETIRED_WH, k.B_EXPIRED_WH, k.B_WITHDRAWN_WH)


def audit_state(state: State) -> list[Finding]:
    """Return every finding of every law."""
    return [finding for law in LAWS for finding in law(state)]


def conservation(state: State) -> list[Finding]:
    """L1: for each bundle issued = held + reserved + retired + expired + withdrawn, as counted and as summed."""
    bundles = state.bundles
    balances = bundle_balances(state.lots, len(state.lots), len(bundles))
    counted = bundles[:, COUNTERS]
    wrong = (balances[:, 1:] != counted).any(axis=1) | (counted.sum(axis=1) != bundles[:, k.B_ISSUED_WH])
    return [
        _finding("bundle", row, "L1", f"issued {bundles[row, k.B_ISSUED_WH]}, lots {balances[row, 1:].tolist()}")
        for row in np.flatnonzero(wrong)
    ]


def one_wh_once(state: State) -> list[Finding]:
    """L2: the lots of a bundle partition its serials [0, issued)."""
    lots, bundles = state.lots, state.bundles
    order = np.lexsort((lots[:, k.L_START], lots[:, k.L_BUNDLE]))
    bundle, start, end = lots[order, k.L_BUNDLE], lots[order, k.L_START], lots[order, k.L_END]
    first = np.ones(len(order), np.bool_)
    first[1:] = bundle[1:] != bundle[:-1]
    last = np.roll(first, -1)
    expected = np.where(first, 0, np.roll(end, 1))
    wrong = (start != expected) | (end <= start) | (last & (end != bundles[bundle, k.B_ISSUED_WH]))
    findings = [_finding("lot", order[i], "L2", f"range [{start[i]}, {end[i]})") for i in np.flatnonzero(wrong)]
    covered = np.zeros(len(bundles), np.bool_)
    covered[bundle] = True
    empty = np.flatnonzero(~covered & (bundles[:, k.B_ISSUED_WH] != 0))
    return findings + [_finding("bundle", row, "L2", "issued but without lots") for row in empty]


def money(state: State) -> list[Finding]:
    """L3: all cash sums to zero, and what is held is what open buy orders and blocks may need."""
    accounts, orders = state.accounts, state.orders
    findings = []
    total = int(accounts[:, e.A_CASH_E5].sum())
    if total:
        findings.append(Finding(STATE_FILE, "accounts", "L3", f"cash sums to {total} x 10^-5 JPY"))
    credit = int(accounts[:, e.A_CREDIT_E5].sum())
    if credit != int(state.header[e.H_CREDIT_E5]) or credit > e.MAX_AMOUNT_E5:
        findings.append(Finding(STATE_FILE, "accounts", "L3", f"credit limits sum to {credit} x 10^-5 JPY"))
    buys = orders[_live(orders) & (orders[:, m.O_SIDE] == m.BUY)]
    held = np.zeros(len(accounts), np.int64)
    np.add.at(held, buys[:, m.O_ACCOUNT], buys[:, m.O_PRICE_SEN] * buys[:, m.O_REMAINING_WH])
    np.add.at(held, state.blocks[:, m.BL_ACCOUNT], state.blocks[:, m.BL_HELD_E5])
    spent = accounts[:, e.A_CASH_E5] + accounts[:, e.A_CREDIT_E5] < accounts[:, e.A_HELD_E5]
    spent[e.OUTSIDE] = False
    for row in np.flatnonzero((held != accounts[:, e.A_HELD_E5]) | spent):
        detail = f"cash {accounts[row, e.A_CASH_E5]}, held {accounts[row, e.A_HELD_E5]}, orders need {held[row]}"
        findings.append(_finding("account", row, "L3", detail))
    return findings


def orders_reserve(state: State) -> list[Finding]:
    """L2: an open sell order, or slot of a block, and its reserved lot name each other and agree in Wh."""
    orders, lots = state.orders, state.lots
    live = _live(orders) | (orders[:, m.O_STATE] == m.ORDER_IN_BLOCK)
    sells = np.flatnonzero(live & (orders[:, m.O_SIDE] == m.SELL))
    lot = lots[orders[sells, m.O_LOT]]
    wrong = (
        (lot[:, k.L_STATE] != k.RESERVED)
        | (lot[:, k.L_REF] != sells)
        | (lot[:, k.L_OWNER] != orders[sells, m.O_ACCOUNT])
        | (lot[:, k.L_END] - lot[:, k.L_START] != orders[sells, m.O_REMAINING_WH])
    )
    return [_finding("order", row, "L2", "its lot does not hold what it sells") for row in sells[wrong]]


def blocks_are_whole(state: State) -> list[Finding]:
    """J22, L3: a block's slots are as many as it says, and a buy block holds what they may cost together.

    While nothing of it has traded that is limit x quantity; then it is what is left of it, and always enough for the
    slots to come at the prices stored for them.
    """
    orders, blocks, products = state.orders, state.blocks, state.products
    slots = orders[orders[:, m.O_STATE] == m.ORDER_IN_BLOCK]
    opened = np.bincount(slots[:, m.O_GROUP], minlength=len(blocks)) if len(slots) else np.zeros(len(blocks), np.int64)
    live = blocks[:, m.BL_STATE] <= m.BLOCK_ACCEPTED
    held = blocks[:, m.BL_LIMIT_SEN] * blocks[:, m.BL_QUANTITY_WH] - blocks[:, m.BL_VALUE_E5]
    held[(blocks[:, m.BL_SIDE] == m.SELL) | ~live | (opened == 0)] = 0
    partner = blocks[:, m.BL_PARTNER]
    paired = partner >= 0
    mutual = np.ones(len(blocks), np.bool_)
    mutual[paired] = blocks[partner[paired], m.BL_PARTNER] == np.flatnonzero(paired)
    accepted = blocks[:, m.BL_STATE] == m.BLOCK_ACCEPTED
    wrong = (
        (opened != blocks[:, m.BL_OPEN_SLOTS])
        | (~live & (opened > 0))
        | (blocks[:, m.BL_PLACED] > blocks[:, m.BL_SLOTS])
        | (accepted & (blocks[:, m.BL_PLACED] != blocks[:, m.BL_SLOTS]))
        | (held != blocks[:, m.BL_HELD_E5])
        | (held < 0)
        | ~mutual
    )
    findings = [
        _finding("block", row, "J22", f"{opened[row]} open slots, held {blocks[row, m.BL_HELD_E5]} x 10^-5 JPY")
        for row in np.flatnonzero(wrong)
    ]
    by_product = np.bincount(slots[:, m.O_PRODUCT], minlength=len(products)) if len(slots) else 0 * products[:, 0]
    counted = by_product == products[:, m.P_OPEN_SLOTS]
    return findings + [
        _finding("product", row, "J22", f"{by_product[row]} open slots") for row in np.flatnonzero(~counted)
    ]


def minted_at_most_measured(state: State) -> list[Finding]:
    """L4: a device's bundles tile its register line without gap or overlap, in time order."""
    bundles, devices = state.bundles, state.devices
    order = np.argsort(bundles[:, k.B_DEVICE], kind="stable")
    rows = bundles[order]
    device = rows[:, k.B_DEVICE]
    first = np.ones(len(rows), np.bool_)
    first[1:] = device[1:] != device[:-1]
    expected = np.where(first, devices[device, k.D_REG_OPEN_WH], np.roll(rows[:, k.B_REG_TO_WH], 1))
    begins = np.where(first, 0, np.roll(rows[:, k.B_PERIOD_S] + rows[:, k.B_DURATION_S], 1))
    measured = rows[:, k.B_REG_TO_WH] - rows[:, k.B_REG_FROM_WH]
    minted = np.where(rows[:, k.B_FLAGS] & k.WITHHELD_FLAG, 0, measured)
    wrong = (
        (rows[:, k.B_REG_FROM_WH] != expected)
        | (rows[:, k.B_PERIOD_S] < begins)
        | (measured <= 0)
        | (rows[:, k.B_ISSUED_WH] != minted)
    )
    findings = [
        _finding("bundle", order[i], "L4", f"registers {rows[i, k.B_REG_FROM_WH]} to {rows[i, k.B_REG_TO_WH]}")
        for i in np.flatnonzero(wrong)
    ]
    issued = np.zeros(len(devices), np.int64)
    np.add.at(issued, bundles[:, k.B_DEVICE], bundles[:, k.B_ISSUED_WH])
    advance = devices[:, k.D_REG_NEXT_WH] - devices[:, k.D_REG_OPEN_WH]
    wrong_devices = (issued > advance) | (issued != devices[:, k.D_ISSUED_WH])
    return findings + [
        _finding("device", row, "L4", f"issued {issued[row]} Wh, register advanced {advance[row]} Wh")
        for row in np.flatnonzero(wrong_devices)
    ]


def solvent(state: State) -> list[Finding]:
    """L9: the outstanding claims are the live lots of that kind."""
    lots = state.lots
    live = (lots[:, k.L_KIND] == k.ENERGY_CLAIM) & (lots[:, k.L_STATE] <= k.RESERVED)
    claims = int((lots[live, k.L_END] - lots[live, k.L_START]).sum())
    outstanding = int(state.header[e.H_OUTSTANDING_WH])
    if claims == outstanding:
        return []
    return [Finding(STATE_FILE, "bank", "L9", f"outstanding {outstanding} Wh, live claims {claims} Wh")]


def _live(orders: Words) -> npt.NDArray[np.bool_]:
    """Orders that rest, and those that wait for a halt to end."""
    return np.isin(orders[:, m.O_STATE], (m.ORDER_OPEN, m.ORDER_QUEUED))


def _finding(table: str, row: np.integer[Any], rule: str, detail: str) -> Finding:
    return Finding(STATE_FILE, f"{table} {row}", rule, detail)


LAWS: Final[tuple[Callable[[State], list[Finding]], ...]] = (
    conservation,
    one_wh_once,
    money,
    orders_reserve,
    blocks_are_whole,
    minted_at_most_measured,
    solvent,
)
