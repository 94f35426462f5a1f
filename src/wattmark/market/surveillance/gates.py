"""F6 marking the close: the last minutes before the gate are one owner's, and the price goes where that owner pushes.

What counts is what an owner's own orders took (an order that waits pushes nothing), how much larger a part that is than
before, and how far the last prices lie from what was usual before the window: the mean of the last quarter of the
window's energy, which one odd trade does not make. Call auctions have no last minutes: all of their trades have one
price and one time.
"""

from typing import Final

import numpy as np

from wattmark.core.energy import format_wh
from wattmark.core.text import Text
from wattmark.market.layout import BUY, MODE_CONTINUOUS
from wattmark.market.surveillance.alert import Alert, Figure, evidence
from wattmark.market.surveillance.day import Column, MarketDay
from wattmark.market.surveillance.groups import group
from wattmark.market.surveillance.policy import PER_MILLE, Surveillance

CLOSE: Final = "F6"
LAST_PART: Final = 4
"""The price at the gate is the mean over the last quarter of the window's energy."""
_TEXT: Final = Text(
    en="Owner {owner} took {share} % of the energy of the last minutes of product {product} ({wh}) and moved its price "
    "by {move} % before the gate closed.",
    ja="所有者{owner}が商品{product}の受付終了前の約定量の{share}%({wh})を自ら取り、価格を{move}%動かした。",
)


def find_marking_the_close(day: MarketDay, policy: Surveillance) -> list[Alert]:
    """Return the owners who made a product's last price with orders of their own (F6)."""
    trades, products = day.trades, day.products
    left_ms = products.close_ms[trades.product] - trades.timestamp_ms
    is_zaraba = products.mode[trades.product] == MODE_CONTINUOUS
    rows = np.flatnonzero(is_zaraba & (left_ms > 0) & (left_ms <= policy.close_window_ms + policy.close_before_ms))
    is_late = left_ms[rows] <= policy.close_window_ms
    groups = group(trades.product[rows])
    late_counts = groups.sums(is_late.astype(np.int64))
    enough = (late_counts >= policy.close_trades) & (groups.counts - late_counts >= policy.close_before_trades)
    alerts = []
    for number in np.flatnonzero(enough).tolist():
        here = groups.of(number)
        alerts += _of_product(day, policy, rows[here[~is_late[here]]], rows[here[is_late[here]]])
    return alerts


def _of_product(day: MarketDay, policy: Surveillance, before: Column, late: Column) -> list[Alert]:
    trades = day.trades
    usual, deviation = _usual(trades.price_sen[before], trades.quantity_wh[before])
    done = np.cumsum(trades.quantity_wh[late])
    tail = late[done > done[-1] - done[-1] // LAST_PART]
    last, _ = _usual(trades.price_sen[tail], trades.quantity_wh[tail])
    move = abs(last - usual) * PER_MILLE / usual
    deviations = abs(last - usual) * PER_MILLE / max(deviation, 1.0)
    if move < policy.close_move or deviations < policy.close_deviations:
        return []
    pushed = late[(trades.taker_side[late] == BUY) == (last > usual)]
    owners = day.owners[trades.taker[pushed]]
    groups = group(owners)
    wh, all_wh = groups.sums(trades.quantity_wh[pushed]), int(trades.quantity_wh[late].sum())
    before_wh = int(trades.quantity_wh[before].sum())
    before_owner = day.owners[trades.taker[before]]
    alerts = []
    for number in np.flatnonzero(groups.counts >= policy.close_trades).tolist():
        owner, taken = int(groups.keys[number]), int(wh[number])
        share = taken * PER_MILLE // all_wh
        earlier = int(trades.quantity_wh[before[before_owner == owner]].sum()) * PER_MILLE // before_wh
        growth = share * PER_MILLE // max(earlier, 1)
        if share < policy.close_share or growth < policy.close_growth:
            continue
        mine = pushed[groups.of(number)]
        orders = np.unique(np.where(trades.taker_side[mine] == BUY, trades.buy_order[mine], trades.sell_order[mine]))
        product = int(trades.product[mine[0]])
        alerts.append(
            Alert(
                CLOSE,
                (owner,),
                tuple(np.unique(trades.taker[mine]).tolist()),
                (product,),
                int(trades.timestamp_ms[mine].min()),
                int(trades.timestamp_ms[mine].max()),
                (
                    Figure("close_trades", len(mine), policy.close_trades, "trades"),
                    Figure("close_share", share, policy.close_share, "per mille"),
                    Figure("close_growth", growth, policy.close_growth, "per mille"),
                    Figure("close_move", int(move), policy.close_move, "per mille"),
                    Figure("close_deviations", int(deviations), policy.close_deviations, "per mille"),
                ),
                evidence(trades.position[mine]),
                evidence(orders),
                len(mine),
                len(orders),
                _TEXT.format(
                    owner=owner, share=share / 10, product=product, wh=format_wh(taken), move=f"{move / 10:.1f}"
                ),
            )
        )
    return alerts


def _usual(price_sen: Column, wh: Column) -> tuple[float, float]:
    """Return the mean price and the mean deviation from it, both weighted by energy [sen/kWh]."""
    mean = float(np.average(price_sen, weights=wh))
    return mean, float(np.average(np.abs(price_sen - mean), weights=wh))
