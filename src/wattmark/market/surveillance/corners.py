"""F7 cornering: one owner bought most of what there was, others who wanted it went without, and the price rose.

What counts is what an owner bought less what it sold. A large share alone is no corner: in a thin market somebody has
it every day. It needs others whose bids stayed unmet and a price that rose while it was bought up.
"""

from typing import Final

import numpy as np

from wattmark.core.energy import format_wh
from wattmark.core.text import Text
from wattmark.market.layout import BUY
from wattmark.market.surveillance.alert import Alert, Figure, evidence
from wattmark.market.surveillance.day import AMENDED, CANCELLED, Column, MarketDay
from wattmark.market.surveillance.groups import group, high_of, joined, low_of
from wattmark.market.surveillance.policy import PER_MILLE, Surveillance

CORNER: Final = "F7"
PARTS: Final = 3
"""The price of the first third of the energy is compared with that of the last third."""
_TEXT: Final = Text(
    en="Owner {owner} bought {wh} net in product {product}: {share} % of all net purchases. {rivals} others wanted it "
    "too, {unmet} % of their bids stayed unmet, and the price rose by {move} %.",
    ja="所有者{owner}が商品{product}を{wh}買い越し、全買い越しの{share}%を占めた。"
    "ほかに{rivals}者が買おうとしたが{unmet}%が満たされず、価格は{move}%上がった。",
)


def find_corners(day: MarketDay, policy: Surveillance) -> list[Alert]:
    """Return the owners who bought up a product that others wanted (F7)."""
    trades = day.trades
    who = np.concatenate((day.owners[trades.buyer], day.owners[trades.seller]))
    net = group(joined(np.tile(trades.product, 2), who))
    net_wh = net.sums(np.concatenate((trades.quantity_wh, -trades.quantity_wh)))
    long = np.flatnonzero(net_wh > 0)
    by_product = group(high_of(net.keys[long]))
    total = by_product.sums(net_wh[long])
    largest = by_product.highest(net_wh[long])
    found = (largest * PER_MILLE >= policy.corner_share * total) & (largest >= policy.corner_wh)
    by_trades = group(trades.product)
    buys = np.flatnonzero((day.orders.side == BUY) & (day.orders.end != CANCELLED))
    by_orders = group(day.orders.product[buys])
    alerts = []
    for number in np.flatnonzero(found).tolist():
        mine = long[by_product.of(number)]
        shares = net_wh[mine] / total[number]
        herfindahl = int(np.square(shares).sum() * PER_MILLE)
        rise = _rise(day, by_trades.of(int(np.searchsorted(by_trades.keys, by_product.keys[number]))))
        if herfindahl < policy.corner_herfindahl or rise < policy.corner_move:
            continue
        top = mine[np.argmax(net_wh[mine])]
        owner, product = int(low_of(net.keys[top])), int(by_product.keys[number])
        place = int(np.searchsorted(by_orders.keys, product))
        known = place < len(by_orders) and by_orders.keys[place] == product
        wanted = buys[by_orders.of(place)] if known else buys[:0]
        alerts += _of_owner(
            day, policy, owner, wanted, (int(net_wh[top]), int(total[number]), herfindahl, rise, product)
        )
    return alerts


def _of_owner(
    day: MarketDay, policy: Surveillance, owner: int, wanted: Column, what: tuple[int, int, int, int, int]
) -> list[Alert]:
    trades, orders = day.trades, day.orders
    wh, total, herfindahl, rise, product = what
    others = wanted[day.owners[orders.account[wanted]] != owner]
    rivals = len(np.unique(day.owners[orders.account[others]]))
    # what an amended order did not get it asks for in its next row
    wishes = np.where(orders.end == AMENDED, orders.filled_wh, orders.quantity_wh)[others]
    asked, got = int(wishes.sum()), int(orders.filled_wh[others].sum())
    unmet = (asked - got) * PER_MILLE // max(asked, 1)
    if rivals < policy.corner_rivals or unmet < policy.corner_unmet:
        return []
    mine = np.flatnonzero((trades.product == product) & (day.owners[trades.buyer] == owner))
    numbers = np.unique(trades.buy_order[mine])
    share = wh * PER_MILLE // total
    return [
        Alert(
            CORNER,
            (owner,),
            tuple(np.unique(trades.buyer[mine]).tolist()),
            (product,),
            int(trades.timestamp_ms[mine].min()),
            int(trades.timestamp_ms[mine].max()),
            (
                Figure("corner_share", share, policy.corner_share, "per mille"),
                Figure("corner_herfindahl", herfindahl, policy.corner_herfindahl, "per mille"),
                Figure("corner_wh", wh, policy.corner_wh, "Wh"),
                Figure("corner_rivals", rivals, policy.corner_rivals, "owners"),
                Figure("corner_unmet", unmet, policy.corner_unmet, "per mille"),
                Figure("corner_move", rise, policy.corner_move, "per mille"),
            ),
            evidence(trades.position[mine]),
            evidence(numbers),
            len(mine),
            len(numbers),
            _TEXT.format(
                owner=owner,
                wh=format_wh(wh),
                product=product,
                share=share / 10,
                rivals=rivals,
                unmet=unmet / 10,
                move=rise / 10,
            ),
        )
    ]


def _rise(day: MarketDay, rows: Column) -> int:
    """Return by how much the price rose from the first third of the traded energy to the last [per mille]."""
    wh, price = day.trades.quantity_wh[rows], day.trades.price_sen[rows]
    done = np.cumsum(wh)
    first = done <= max(done[-1] // PARTS, wh[0])
    last = done - wh >= min(done[-1] - done[-1] // PARTS, done[-1] - wh[-1])
    start, end = np.average(price[first], weights=wh[first]), np.average(price[last], weights=wh[last])
    return int((end - start) * PER_MILLE / start)
