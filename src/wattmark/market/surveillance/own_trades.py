"""F1 wash trades and F2 self-dealing: both sides of a trade belong to one account, or to one owner.

Zaraba never lets an account trade with itself, and a call auction does so only where the account bids at least what it
asks. Accounts of one owner may meet by chance, so for them the share of the owner's own turnover decides.
"""

from typing import Final

import numpy as np

from wattmark.core.energy import format_wh
from wattmark.core.text import Text
from wattmark.market.surveillance.alert import Alert, Figure, evidence
from wattmark.market.surveillance.day import Column, MarketDay
from wattmark.market.surveillance.groups import Groups, group, high_of, joined, looked_up, low_of, per_mille
from wattmark.market.surveillance.policy import Surveillance

WASH: Final = "F1"
DEALING: Final = "F2"


def find_wash_trades(day: MarketDay, policy: Surveillance) -> list[Alert]:
    """Return the accounts that traded with themselves (F1): many times, much, and much of all they traded."""
    trades = day.trades
    own = np.flatnonzero(trades.buyer == trades.seller)
    turnover = _turnover(day, trades.buyer, trades.seller)
    limits = (policy.wash_trades, policy.wash_wh, policy.wash_share)
    text = Text(
        en="Account {owner} was buyer and seller of {wh} in {count} trades of product {product}: {share} % of what it "
        "traded there.",
        ja="口座{owner}が商品{product}で売り手と買い手を兼ねた約定が{count}件、{wh}(同商品での約定量の{share}%)。",
    )
    return _alerts(day, WASH, own, trades.buyer[own], turnover, limits, text)


def find_self_dealing(day: MarketDay, policy: Surveillance) -> list[Alert]:
    """Return the owners whose accounts traded with each other (F2): many times, much, and much of all they traded."""
    trades = day.trades
    buyers, sellers = day.owners[trades.buyer], day.owners[trades.seller]
    own = np.flatnonzero((buyers == sellers) & (trades.buyer != trades.seller))
    turnover = _turnover(day, buyers, sellers)
    limits = (policy.dealing_trades, policy.dealing_wh, policy.dealing_share)
    text = Text(
        en="Accounts of one owner ({owner}) traded {wh} with each other in {count} trades of product {product}: "
        "{share} % of what the owner traded there.",
        ja="同一所有者({owner})の口座どうしが商品{product}で{count}件、{wh}を約定(同商品での約定量の{share}%)。",
    )
    return _alerts(day, DEALING, own, buyers[own], turnover, limits, text)


def _turnover(day: MarketDay, buyers: Column, sellers: Column) -> tuple[Groups, Column]:
    """Return energy of the trades each owner took part in, by (owner, product); one with itself counts once."""
    trades = day.trades
    others = buyers != sellers
    who = np.concatenate((buyers, sellers[others]))
    what = np.concatenate((trades.product, trades.product[others]))
    groups = group(joined(who, what))
    return groups, groups.sums(np.concatenate((trades.quantity_wh, trades.quantity_wh[others])))


def _alerts(
    day: MarketDay,
    rule: str,
    own: Column,
    owners: Column,
    turnover: tuple[Groups, Column],
    limits: tuple[int, int, int],
    text: Text,
) -> list[Alert]:
    trades = day.trades
    groups = group(joined(owners, trades.product[own]))
    energy = groups.sums(trades.quantity_wh[own])
    shares = per_mille(energy, looked_up(*turnover, groups.keys))
    least_trades, least_wh, least_share = limits
    found = (groups.counts >= least_trades) & (energy >= least_wh) & (shares >= least_share)
    prefix = "wash" if rule == WASH else "dealing"
    alerts = []
    for number in np.flatnonzero(found).tolist():
        rows = own[groups.of(number)]
        owner, product = int(high_of(groups.keys[number])), int(low_of(groups.keys[number]))
        wh, share, count = int(energy[number]), int(shares[number]), len(rows)
        both = np.concatenate((trades.buyer[rows], trades.seller[rows]))
        alerts.append(
            Alert(
                rule,
                (owner,),
                tuple(np.unique(both).tolist()),
                (product,),
                int(trades.timestamp_ms[rows].min()),
                int(trades.timestamp_ms[rows].max()),
                (
                    Figure(f"{prefix}_trades", count, least_trades, "trades"),
                    Figure(f"{prefix}_wh", wh, least_wh, "Wh"),
                    Figure(f"{prefix}_share", share, least_share, "per mille"),
                ),
                evidence(trades.position[rows]),
                evidence(np.concatenate((trades.buy_order[rows], trades.sell_order[rows]))),
                count,
                len(np.unique(np.concatenate((trades.buy_order[rows], trades.sell_order[rows])))),
                text.format(owner=owner, product=product, wh=format_wh(wh), count=count, share=share / 10),
            )
        )
    return alerts
