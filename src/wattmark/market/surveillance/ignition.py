"""F9 momentum ignition: a run of own orders pushes the price, and the owner turns round at the price it made.

A run is what one owner's orders took in one direction without a long pause. It counts when it moved the price from the
last one before it; the turn is everything the owner traded the other way soon after, waiting orders included, because
whoever was drawn in takes those.
"""

from typing import Final

import numpy as np

from wattmark.core.energy import format_wh
from wattmark.core.text import Text
from wattmark.market.layout import BUY
from wattmark.market.surveillance.alert import Alert, Figure, evidence
from wattmark.market.surveillance.day import Column, MarketDay
from wattmark.market.surveillance.groups import group, joined
from wattmark.market.surveillance.policy import PER_MILLE, Surveillance

IGNITION: Final = "F9"
_TEXT: Final = Text(
    en="Owner {owner} moved the price of product {product} by {move} % with {count} trades of its own, and then traded "
    "{wh} the other way, {gain} % better than before it.",
    ja="所有者{owner}が商品{product}で{count}件を自ら約定させて価格を{move}%動かし、直後に{wh}を反対に約定"
    "(値動き前より{gain}%有利)。",
)


def find_momentum_ignition(day: MarketDay, policy: Surveillance) -> list[Alert]:
    """Return the owners who pushed a price and then traded against those who followed (F9)."""
    trades = day.trades
    taker = joined(day.owners[trades.taker], trades.product)
    side = trades.taker_side
    rows = np.argsort(taker, kind="stable")
    starts_run = np.ones(len(rows), np.bool_)
    starts_run[1:] = (
        (taker[rows][1:] != taker[rows][:-1])
        | (side[rows][1:] != side[rows][:-1])
        | (np.diff(trades.timestamp_ms[rows]) > policy.ignition_run_ms)
    )
    starts = np.flatnonzero(starts_run)
    ends = np.append(starts[1:], len(rows))
    first = rows[starts]
    before = _price_before(day)[first]
    signed = np.where(side == BUY, trades.price_sen, -trades.price_sen)[rows]
    furthest = np.maximum.reduceat(signed, starts) if len(starts) else signed
    away = furthest - np.where(side[first] == BUY, before, -before)
    move = away * PER_MILLE // np.maximum(before, 1)
    found = (ends - starts >= policy.ignition_trades) & (before > 0) & (move >= policy.ignition_move)
    alerts = []
    for number in np.flatnonzero(found).tolist():
        alerts += _turned(day, policy, rows[starts[number] : ends[number]], int(move[number]), int(before[number]))
    return alerts


def _price_before(day: MarketDay) -> Column:
    """Return the price of the trade before each trade in its product, 0 before the first [sen/kWh]."""
    groups = group(day.trades.product)
    ordered = day.trades.price_sen[groups.rows]
    previous = np.zeros(len(ordered), np.int64)
    previous[1:] = ordered[:-1]
    previous[groups.starts] = 0
    before = np.empty_like(previous)
    before[groups.rows] = previous
    return before


def _turned(day: MarketDay, policy: Surveillance, run: Column, move: int, before_sen: int) -> list[Alert]:
    """Return the alert of a run, if its owner turned."""
    trades = day.trades
    is_buy = bool(trades.taker_side[run[0]] == BUY)
    owner, product = int(day.owners[trades.taker[run[0]]]), int(trades.product[run[0]])
    end_ms = int(trades.timestamp_ms[run[-1]])
    low, high = np.searchsorted(trades.timestamp_ms, (end_ms, end_ms + policy.ignition_turn_ms + 1))
    after = np.arange(low, high)
    other = trades.seller[after] if is_buy else trades.buyer[after]
    turn = after[(trades.product[after] == product) & (day.owners[other] == owner)]
    run_wh, turn_wh = int(trades.quantity_wh[run].sum()), int(trades.quantity_wh[turn].sum())
    if not turn_wh or turn_wh * PER_MILLE < policy.ignition_turn_share * run_wh:
        return []
    turn_sen = float(np.average(trades.price_sen[turn], weights=trades.quantity_wh[turn]))
    gain = int((turn_sen - before_sen) * (1 if is_buy else -1) * PER_MILLE / before_sen)
    if gain < policy.ignition_gain:
        return []
    both = np.concatenate((run, turn))
    orders = np.unique(
        np.where(day.owners[trades.buyer[both]] == owner, trades.buy_order[both], trades.sell_order[both])
    )
    return [
        Alert(
            IGNITION,
            (owner,),
            day.accounts_of(owner),
            (product,),
            int(trades.timestamp_ms[run[0]]),
            int(trades.timestamp_ms[turn[-1]]),
            (
                Figure("ignition_trades", len(run), policy.ignition_trades, "trades"),
                Figure("ignition_move", move, policy.ignition_move, "per mille"),
                Figure("ignition_turn_share", turn_wh * PER_MILLE // run_wh, policy.ignition_turn_share, "per mille"),
                Figure("ignition_gain", gain, policy.ignition_gain, "per mille"),
            ),
            evidence(trades.position[both]),
            evidence(orders),
            len(both),
            len(orders),
            _TEXT.format(
                owner=owner,
                move=move / 10,
                product=product,
                count=len(run),
                wh=format_wh(turn_wh),
                gain=gain / 10,
            ),
        )
    ]
