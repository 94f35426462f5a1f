"""F4 spoofing and F5 layering: orders that were never meant to trade, pulled once a small one on the other side has.

An order counts as pulled when its owner withdrew it, hardly filled: cancelled it, amended it or gave it a time that came, soon after a fill of the same owner on the other
side that happened while it stood, near that fill's price. What was pulled is compared with what the owner had resting
on the side that filled: a market maker who takes back both his quotes has as much on either side, a spoofer many times
more on the false one. An amended order was withdrawn and stands again as what it became, so that less of it, or a
price where nobody comes, is no order that was moved: only what was placed near the last price stands. Orders pulled at several prices at once are layering.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.energy import format_wh
from wattmark.core.text import Text
from wattmark.market.layout import BUY, SELL
from wattmark.market.surveillance.alert import Alert, Figure, evidence
from wattmark.market.surveillance.day import AMENDED, WITHDRAWN, Column, MarketDay
from wattmark.market.surveillance.groups import group, high_of, joined, low_of
from wattmark.market.surveillance.policy import PER_MILLE, Surveillance

SPOOFING: Final = "F4"
LAYERING: Final = "F5"
TIME_BITS: Final = 40
_SPOOFING: Final = Text(
    en="Owner {owner} pulled large orders {count} times within seconds of a small fill on the other side in product "
    "{product}: {wh} in all, at least {ratio} times what stood on the side that filled.",
    ja="所有者{owner}は商品{product}で、反対側が少量約定した直後に大口注文を{count}回取り消した"
    "(計{wh}、約定側に置いた量の{ratio}倍以上)。",
)
_LAYERING: Final = Text(
    en="Owner {owner} built several prices of orders and pulled them together {count} times after a small fill on the "
    "other side in product {product}: {wh} in all, at least {ratio} times what stood on the side that filled.",
    ja="所有者{owner}は商品{product}で複数の価格に並べた注文を、反対側が少量約定した直後にまとめて{count}回取り消した"
    "(計{wh}、約定側に置いた量の{ratio}倍以上)。",
)


@dataclass(frozen=True, slots=True, eq=False)
class _Episodes:
    """Orders pulled after the same fill, one row per fill: who and where, how much, at how many prices."""

    key: Column
    wh: Column
    ratio: Column
    prices: Column
    fill: Column
    orders: list[Column]


def find_pulled(day: MarketDay, policy: Surveillance) -> list[Alert]:
    """Return the owners who pulled orders after small fills on the other side, again and again.

    At one or two prices it is spoofing (F4), at several at once layering (F5).
    """
    episodes = _episodes(day, policy)
    is_layered = episodes.prices >= policy.layer_levels
    return [
        *_alerts(day, policy, SPOOFING, episodes, np.flatnonzero(~is_layered)),
        *_alerts(day, policy, LAYERING, episodes, np.flatnonzero(is_layered)),
    ]


def _episodes(day: MarketDay, policy: Surveillance) -> _Episodes:
    """Return the fills after which more was pulled than the policy lets pass."""
    orders, trades = day.orders, day.trades
    first_ms = int(min(orders.placed_ms.min(initial=day.start_ms), day.start_ms))
    traders, trader = np.unique(joined(day.owners[orders.account], orders.product), return_inverse=True)
    # a side of a trader in a product is one number, and in one word with a time it sorts as both
    side_key = (trader.reshape(-1).astype(np.int64) * 4 + orders.side) << TIME_BITS
    fill_order = np.searchsorted(orders.order, np.concatenate((trades.buy_order, trades.sell_order)))
    fill_time = side_key[fill_order] | np.tile(trades.timestamp_ms - first_ms, 2)
    at = np.argsort(fill_time, kind="stable")
    fills = fill_time[at]
    # an order could be pulled: withdrawn by its owner, hardly filled
    is_pulled = np.isin(orders.end, WITHDRAWN) & (
        orders.filled_wh * PER_MILLE <= policy.spoof_filled * orders.quantity_wh
    )
    pulled = np.flatnonzero(is_pulled)
    other = _other_side(side_key[pulled])
    # an amended order has stood since it was placed
    placed_ms = orders.placed_ms[np.searchsorted(orders.order, orders.order[pulled])]
    ended, placed = orders.ended_ms[pulled] - first_ms, placed_ms - first_ms
    last = np.searchsorted(fills, other | ended, side="right") - 1
    since = other | np.maximum(placed, ended - policy.spoof_within_ms)
    has_fill = (last >= 0) & (fills[last] >= since) if len(fills) else np.zeros(len(pulled), np.bool_)
    pulled, last = pulled[has_fill], last[has_fill]
    trade = at[last] % max(len(trades), 1)
    near = np.abs(orders.price_sen[pulled] - trades.price_sen[trade]) * PER_MILLE
    is_near = near <= policy.spoof_near * trades.price_sen[trade]
    pulled, last = pulled[is_near], last[is_near]
    until_ms = group(last).highest(orders.ended_ms[pulled])
    # what was amended several times since the fill was pulled once
    rows = np.lexsort((orders.quantity_wh[pulled], orders.order[pulled], last))
    pulled, last = pulled[rows], last[rows]
    once = np.ones(len(rows), np.bool_)
    once[:-1] = (orders.order[pulled][1:] != orders.order[pulled][:-1]) | (last[1:] != last[:-1])
    pulled, last = pulled[once], last[once]
    groups = group(last)
    wh = groups.sums(orders.quantity_wh[pulled] - orders.filled_wh[pulled])
    moments = fills[groups.keys]
    gone = until_ms - first_ms + policy.spoof_back_ms
    back = _other_side(moments >> TIME_BITS << TIME_BITS) | gone
    # before an amended order becomes the next row it has ended
    times = (orders.placed_ms - first_ms, orders.ended_ms - first_ms - (orders.end == AMENDED))
    standing = _standing(side_key, times, orders.quantity_wh * _is_near(day, policy), np.concatenate((moments, back)))
    ratio = wh * PER_MILLE // np.maximum(standing[: len(wh)], 1)
    trading = traders[(moments >> TIME_BITS) // 4] if len(groups) else groups.keys
    typical = _median_order(day)[low_of(trading)]
    is_large = (ratio >= policy.spoof_ratio) & (wh * PER_MILLE >= policy.spoof_size * typical)
    is_back = standing[len(wh) :] * 2 >= wh
    chosen = np.flatnonzero(is_large & ~is_back)
    members = [pulled[groups.of(number)] for number in chosen.tolist()]
    return _Episodes(
        trading[chosen],
        wh[chosen],
        ratio[chosen],
        np.array([len(np.unique(orders.price_sen[rows])) for rows in members], np.int64),
        at[groups.keys[chosen]] % max(len(trades), 1),
        members,
    )


def _is_near(day: MarketDay, policy: Surveillance) -> npt.NDArray[np.bool_]:
    """Return whether each order was placed near its product's last price; without one it was."""
    orders, trades = day.orders, day.trades
    first_ms = int(min(orders.placed_ms.min(initial=day.start_ms), day.start_ms))
    traded = (trades.product << TIME_BITS) | (trades.timestamp_ms - first_ms)
    rows = np.argsort(traded, kind="stable")
    last = np.searchsorted(traded[rows], (orders.product << TIME_BITS) | (orders.placed_ms - first_ms), "right") - 1
    if not len(trades):
        return np.ones(len(orders), np.bool_)
    trade = rows[np.maximum(last, 0)]
    price = np.where((last >= 0) & (trades.product[trade] == orders.product), trades.price_sen[trade], orders.price_sen)
    return np.abs(orders.price_sen - price) * PER_MILLE <= policy.spoof_near * price


def _other_side(key: Column) -> Column:
    """Return the keys of the other sides; buy and sell add up to three."""
    return key + ((BUY + SELL - 2 * ((key >> TIME_BITS) & 3)) << TIME_BITS)


def _standing(side_key: Column, times: tuple[Column, Column], wh: Column, moments: Column) -> Column:
    """Return what stood on the side of each moment, filled parts included [Wh].

    Args:
        side_key: side of each order.
        times: when each was placed and when it ended [ms].
        wh: quantity of each [Wh].
        moments: side and time in one word.
    """
    placed, ended = times
    return _sum_before(side_key | placed, wh, moments + 1) - _sum_before(side_key | ended, wh, moments)


def _sum_before(times: Column, wh: Column, moments: Column) -> Column:
    """Return the sum of all energy whose time is before each moment, over all smaller keys [Wh]."""
    rows = np.argsort(times, kind="stable")
    total = np.concatenate((np.zeros(1, np.int64), np.cumsum(wh[rows])))
    return total[np.searchsorted(times[rows], moments, side="left")]


def _median_order(day: MarketDay) -> Column:
    """Return the median quantity of the orders of each product, 0 without one [Wh]."""
    orders = day.orders
    medians = np.zeros(len(day.products.close_ms), np.int64)
    rows = np.lexsort((orders.quantity_wh, orders.product))
    groups = group(orders.product[rows])
    medians[groups.keys] = orders.quantity_wh[rows][groups.starts + (groups.counts - 1) // 2]
    return medians


def _alerts(day: MarketDay, policy: Surveillance, rule: str, episodes: _Episodes, rows: Column) -> list[Alert]:
    orders, trades = day.orders, day.trades
    groups = group(episodes.key[rows])
    alerts = []
    for number in np.flatnonzero(groups.counts >= policy.spoof_episodes).tolist():
        mine = rows[groups.of(number)]
        owner, product = int(high_of(groups.keys[number])), int(low_of(groups.keys[number]))
        fills = episodes.fill[mine]
        pulled = np.concatenate([episodes.orders[one] for one in mine.tolist()])
        wh, ratio = int(episodes.wh[mine].sum()), int(episodes.ratio[mine].min())
        figures = [
            Figure("spoof_episodes", len(mine), policy.spoof_episodes, "times"),
            Figure("spoof_ratio", ratio, policy.spoof_ratio, "per mille"),
        ]
        if rule == LAYERING:
            figures.append(Figure("layer_levels", int(episodes.prices[mine].min()), policy.layer_levels, "prices"))
        text = _LAYERING if rule == LAYERING else _SPOOFING
        alerts.append(
            Alert(
                rule,
                (owner,),
                tuple(np.unique(orders.account[pulled]).tolist()),
                (product,),
                int(orders.placed_ms[pulled].min()),
                int(orders.ended_ms[pulled].max()),
                tuple(figures),
                evidence(trades.position[fills]),
                evidence(orders.order[pulled]),
                len(np.unique(fills)),
                len(np.unique(orders.order[pulled])),
                text.format(
                    owner=owner, product=product, count=len(mine), wh=format_wh(wh), ratio=f"{ratio / PER_MILLE:.1f}"
                ),
            )
        )
    return alerts
