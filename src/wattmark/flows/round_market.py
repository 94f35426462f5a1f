"""The operator's round of the market: limits for products that have none yet, halts and their end, by the policy.

Theory of operation. A round is a pure plan of what stands on record, so any number of rounds, by any process, come to
the same commands: their ids derive from the product and from the record they answer. Nothing is kept between rounds.
A product gets its limits once, as long as it has those it was listed with; what an operator sets by hand stays. A halt
ends by itself only where this rule asked for it (its reason says so); trades before the last resumption never halt
again.
"""

from typing import Final

import numpy as np

from wattmark.core.ids import derive_id
from wattmark.core.money import MAX_PRICE_SEN, MIN_PRICE_SEN
from wattmark.engine import layout as e
from wattmark.engine.commands import Kind, Words, command, fields
from wattmark.flows.plan import Plan, plan_of
from wattmark.flows.platform import Platform
from wattmark.market import layout as m
from wattmark.market.halts import REASON_MOVE, Halt, halts_of
from wattmark.market.limits import limits_of, reference_prices
from wattmark.market.policy import MarketPolicy

MOST_AT_ONCE: Final = 4_096
"""Commands of one round; the next one goes on."""


def plan_round(platform: Platform, now_ms: int) -> Plan:
    """Return what the policy asks for now; nothing where it sets neither limits nor halts.

    Call it without holding the state: it reads the journal too. A command may be refused, where somebody halted or
    closed the product meanwhile; that is no error.
    """
    policy = platform.settings.market
    rows = _limits(platform, policy) if policy.sets_limits else []
    rows += _halts(platform, policy, now_ms) if policy.halt_move else []
    return plan_of(rows[:MOST_AT_ONCE])


def _limits(platform: Platform, policy: MarketPolicy) -> list[Words]:
    with platform.sequencer.reading() as state:
        products = state.products
        as_listed = (products[:, m.P_LOW_SEN] == MIN_PRICE_SEN) & (products[:, m.P_HIGH_SEN] == MAX_PRICE_SEN)
        as_listed &= (products[:, m.P_POSITION_WH] == 0) & (products[:, m.P_STATE] == m.PRODUCT_OPEN)
        wanted = np.flatnonzero(as_listed)
        if not len(wanted):
            return []
        references = reference_prices(products, wanted).tolist()
        scopes = products[wanted, m.P_SCOPE].tolist()
    rows = []
    for product, scope, reference in zip(wanted.tolist(), scopes, references, strict=True):
        limits = limits_of(policy, scope, reference or None)
        if (limits.low_sen, limits.high_sen, limits.position_wh) == (MIN_PRICE_SEN, MAX_PRICE_SEN, 0):
            continue
        rows.append(
            command(
                Kind.SET_LIMITS,
                id=derive_id("limits", product, limits.low_sen, limits.high_sen, limits.position_wh),
                actor=e.OPERATOR,
                product=product,
                low_sen_per_kwh=limits.low_sen,
                high_sen_per_kwh=limits.high_sen,
                position_wh=limits.position_wh,
            )
        )
    return rows


def _halts(platform: Platform, policy: MarketPolicy, now_ms: int) -> list[Words]:
    trades = platform.views.trade_columns(now_ms - policy.halt_within_ms, now_ms + 1)
    with platform.sequencer.reading() as state:
        states = state.products[:, m.P_STATE].copy()
        modes = state.products[:, m.P_MODE].copy()
        switched = _switched(state.ids, now_ms - policy.halt_within_ms)
        halted = np.flatnonzero(states == m.PRODUCT_HALTED).tolist()
        halts = {product: _last_switch(state.ids, product) for product in halted}
    goes_on = [
        _trading(product, m.PRODUCT_OPEN, ("resume", product, position))
        for product, (position, since_ms) in halts.items()
        if since_ms + policy.halt_length_ms <= now_ms and _is_ours(platform, position)
    ]
    return goes_on + [
        _trading(halt.product, m.PRODUCT_HALTED, ("halt", halt.product, int(trades[halt.trade, 8])))
        for halt in _due(policy, trades, switched)
        if states[halt.product] == m.PRODUCT_OPEN and modes[halt.product] == m.MODE_CONTINUOUS
    ]


def _due(policy: MarketPolicy, trades: Words, switched: dict[int, int]) -> list[Halt]:
    """Return the halts over the trades that came after the last resumption of their product."""
    product = trades[:, 1]
    kept = np.ones(len(trades), np.bool_)
    for number, position in switched.items():
        kept &= (product != number) | (trades[:, 8] > position)
    rows = np.flatnonzero(kept)
    found = halts_of(policy, trades[rows, 0], product[rows], trades[rows, 7])
    return [Halt(one.product, int(rows[one.trade]), one.timestamp_ms, one.from_sen, one.to_sen) for one in found]


def _switched(ids: Words, since_ms: int) -> dict[int, int]:
    """Return the log index of each product's last SET_TRADING record since a time."""
    first = int(np.searchsorted(ids[:, e.I_TIMESTAMP_MS], since_ms))
    rows = first + np.flatnonzero(_is_switch(ids[first:]))
    return dict(zip(ids[rows, e.I_RESULT0].tolist(), rows.tolist(), strict=True))


def _last_switch(ids: Words, product: int) -> tuple[int, int]:
    """Return log index and time [ms] of the record that halted a product."""
    row = int(np.flatnonzero(_is_switch(ids) & (ids[:, e.I_RESULT0] == product))[-1])
    return row, int(ids[row, e.I_TIMESTAMP_MS])


def _is_switch(ids: Words) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = (ids[:, e.I_HEAD] & e.HALF_MASK == e.SET_TRADING) & (
        ids[:, e.I_OUTCOME] == e.OK
    )
    return found


def _is_ours(platform: Platform, position: int) -> bool:
    """Return whether a halt is one that the rule asked for."""
    return fields(platform.sequencer.record(position).command)["reason"] == REASON_MOVE


def _trading(product: int, trading_state: int, named: tuple[str, int, int]) -> Words:
    return command(
        Kind.SET_TRADING,
        id=derive_id(*named),
        actor=e.OPERATOR,
        product=product,
        trading_state=trading_state,
        reason=REASON_MOVE,
    )
