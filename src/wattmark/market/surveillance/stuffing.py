"""F8 quote stuffing: so many orders, amendments and cancels in so short a time, and hardly any of it trades.

A CANCEL_ALL of every product is a message in each product its owner had an order in.
"""

from typing import Final

import numpy as np

from wattmark.core.text import Text
from wattmark.market.surveillance.alert import Alert, Figure, evidence
from wattmark.market.surveillance.day import CANCELLED, Column, MarketDay
from wattmark.market.surveillance.groups import group, high_of, joined, looked_up, low_of, per_mille
from wattmark.market.surveillance.policy import Surveillance

STUFFING: Final = "F8"
TIME_BITS: Final = 40
_TEXT: Final = Text(
    en="Owner {owner} sent {count} orders, amendments and cancels of product {product} within {seconds} s; {filled} % of their "
    "energy traded.",
    ja="所有者{owner}が商品{product}に{seconds}秒間で{count}件の注文・変更・取消しを送り、約定したのは{filled}%。",
)


def find_quote_stuffing(day: MarketDay, policy: Surveillance) -> list[Alert]:
    """Return the owners who flooded a product with orders, amendments and cancels (F8)."""
    orders = day.orders
    first_ms = int(min(orders.placed_ms.min(initial=day.start_ms), day.start_ms))
    key = joined(day.owners[orders.account], orders.product)
    taken_back = np.flatnonzero(orders.end == CANCELLED)
    swept, swept_ms = _sweeps(day, key)
    who = np.concatenate((key, key[taken_back], swept))
    when = np.concatenate((orders.placed_ms, orders.ended_ms[taken_back], swept_ms)) - first_ms
    traders, trader = np.unique(who, return_inverse=True)
    times = np.sort((trader.reshape(-1).astype(np.int64) << TIME_BITS) | when)
    start = np.maximum(times - policy.stuffing_window_ms + 1, times >> TIME_BITS << TIME_BITS)
    within = np.arange(1, len(times) + 1) - np.searchsorted(times, start)
    by_trader = group(times >> TIME_BITS)
    most = by_trader.highest(within)
    by_key = group(key)
    filled = per_mille(
        looked_up(by_key, by_key.sums(orders.filled_wh), traders),
        looked_up(by_key, by_key.sums(orders.quantity_wh), traders),
    )
    found = (most >= policy.stuffing_messages) & (filled <= policy.stuffing_filled)
    alerts = []
    for number in np.flatnonzero(found).tolist():
        owner, product = int(high_of(traders[number])), int(low_of(traders[number]))
        burst = by_trader.of(number)
        end = times[burst[np.argmax(within[burst])]]
        until_ms = int(end & ((1 << TIME_BITS) - 1)) + first_ms
        since_ms = until_ms - policy.stuffing_window_ms + 1
        mine = np.flatnonzero(key == traders[number])
        there = mine[(orders.placed_ms[mine] <= until_ms) & (orders.ended_ms[mine] >= since_ms)]
        alerts.append(
            Alert(
                STUFFING,
                (owner,),
                tuple(np.unique(orders.account[there]).tolist()) or day.accounts_of(owner),
                (product,),
                since_ms,
                until_ms,
                (
                    Figure("stuffing_messages", int(most[number]), policy.stuffing_messages, "messages"),
                    Figure("stuffing_filled", int(filled[number]), policy.stuffing_filled, "per mille"),
                ),
                (),
                evidence(orders.order[there]),
                0,
                len(np.unique(orders.order[there])),
                _TEXT.format(
                    owner=owner,
                    count=int(most[number]),
                    product=product,
                    seconds=policy.stuffing_window_ms / 1_000,
                    filled=int(filled[number]) / 10,
                ),
            )
        )
    return alerts


def _sweeps(day: MarketDay, key: Column) -> tuple[Column, Column]:
    """Return (owner, product) and time of the day's CANCEL_ALLs, for each product once [ms].

    Args:
        day: the day.
        key: owner and product of each order.
    """
    sweeps = day.sweeps
    owners = day.owners[sweeps.account]
    traders = np.unique(key)
    every = sweeps.product < 0
    first = np.searchsorted(traders, joined(owners, np.zeros_like(owners)))
    count = np.where(every, np.searchsorted(traders, joined(owners + 1, np.zeros_like(owners))) - first, 1)
    rows = np.repeat(np.arange(len(owners)), count)
    place = first[rows] + np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    named = joined(owners, np.maximum(sweeps.product, 0))[rows]
    if len(traders):
        named = np.where(every[rows], traders[np.minimum(place, len(traders) - 1)], named)
    return named, sweeps.timestamp_ms[rows]
