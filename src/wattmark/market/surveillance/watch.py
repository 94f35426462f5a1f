"""All rules over one day: the report of the market."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from wattmark.core.text import Text
from wattmark.market.surveillance.alert import Alert
from wattmark.market.surveillance.corners import CORNER, find_corners
from wattmark.market.surveillance.day import CANCELLED, MarketDay
from wattmark.market.surveillance.gates import CLOSE, find_marking_the_close
from wattmark.market.surveillance.ignition import IGNITION, find_momentum_ignition
from wattmark.market.surveillance.own_trades import DEALING, WASH, find_self_dealing, find_wash_trades
from wattmark.market.surveillance.policy import Surveillance
from wattmark.market.surveillance.pulled import LAYERING, SPOOFING, find_pulled
from wattmark.market.surveillance.rings import RING, find_rings
from wattmark.market.surveillance.stuffing import STUFFING, find_quote_stuffing

HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        rule: its id.
        name: what it is called.
        text: what it looks for.
        prefix: how the names of its thresholds begin.
        find: what finds it; two rules may share one, and each alert says whose it is.
        source: where the practice is described.
    """

    rule: str
    name: Text
    text: Text
    prefix: tuple[str, ...]
    find: Callable[[MarketDay, Surveillance], list[Alert]]
    source: str


RULES: Final = (
    Rule(
        WASH,
        Text(en="Wash trades", ja="自己売買"),
        Text(en="An account buys from itself.", ja="同じ口座が売り手と買い手になる。"),
        ("wash_",),
        find_wash_trades,
        "REMIT 2(2)(a)(i)",
    ),
    Rule(
        DEALING,
        Text(en="Self-dealing", ja="同一所有者間の売買"),
        Text(en="Accounts of one owner trade with each other.", ja="同一所有者の口座どうしが約定する。"),
        ("dealing_",),
        find_self_dealing,
        "REMIT 2(2)(a)(i)",
    ),
    Rule(
        RING,
        Text(en="Rings", ja="循環取引"),
        Text(
            en="Owners pass energy round, and it comes home at the price it left at.",
            ja="数者の間を電力が一巡し、出たときの価格で戻る。",
        ),
        ("ring_",),
        find_rings,
        "REMIT 2(2)(a)(i)",
    ),
    Rule(
        SPOOFING,
        Text(en="Spoofing", ja="見せ玉"),
        Text(
            en="Large orders are pulled as soon as a small one on the other side has filled.",
            ja="反対側の少量が約定した直後に大口注文を取り消す。",
        ),
        ("spoof_",),
        find_pulled,
        "REMIT 2(2)(a)(i), (iii)",
    ),
    Rule(
        LAYERING,
        Text(en="Layering", ja="レイヤリング"),
        Text(
            en="Orders at several prices are pulled together after a small fill on the other side.",
            ja="複数価格に並べた注文を、反対側の少量約定の直後にまとめて取り消す。",
        ),
        ("spoof_", "layer_"),
        find_pulled,
        "REMIT 2(2)(a)(i), (iii)",
    ),
    Rule(
        CLOSE,
        Text(en="Marking the close", ja="終値関与"),
        Text(
            en="One owner takes most of the last minutes before the gate and moves the price.",
            ja="受付終了前の約定の大半を1者が取り、価格を動かす。",
        ),
        ("close_",),
        find_marking_the_close,
        "REMIT 2(2)(a)(ii)",
    ),
    Rule(
        CORNER,
        Text(en="Cornering", ja="買い占め"),
        Text(
            en="One owner buys up a product while others go without and the price rises.",
            ja="1者が商品を買い占め、ほかの買い手に行き渡らず価格が上がる。",
        ),
        ("corner_",),
        find_corners,
        "REMIT 2(2)(a)(ii)",
    ),
    Rule(
        STUFFING,
        Text(en="Quote stuffing", ja="大量の注文・取消し"),
        Text(
            en="A flood of orders, amendments and cancels that never trade.",
            ja="約定しない注文・変更・取消しを大量に送る。",
        ),
        ("stuffing_",),
        find_quote_stuffing,
        "REMIT 2(2)(a)(iii)",
    ),
    Rule(
        IGNITION,
        Text(en="Momentum ignition", ja="相場の誘発"),
        Text(
            en="A run of own orders pushes the price, and the owner turns at the price it made.",
            ja="連続した注文で価格を動かし、動いた価格で反対売買する。",
        ),
        ("ignition_",),
        find_momentum_ignition,
        "REMIT 2(2)(a)(iii)",
    ),
)
"""Every rule, by id."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The day in numbers.

    Attributes:
        trades: how many.
        traded_wh: their energy [Wh].
        value_e5: what was paid for it [10^-5 JPY].
        orders: orders that came.
        cancels: orders that their owners took back.
        accounts: accounts that ordered or traded.
        owners: their owners.
        products: products with a trade.
        hours_wh: energy traded in each hour from the start of the day [Wh].
    """

    trades: int
    traded_wh: int
    value_e5: int
    orders: int
    cancels: int
    accounts: int
    owners: int
    products: int
    hours_wh: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What the rules say of a day.

    Attributes:
        start_ms: first moment of the day [ms].
        end_ms: first moment after it [ms].
        figures: the day in numbers.
        alerts: what was found, by rule and then in order of time.
    """

    start_ms: int
    end_ms: int
    figures: Figures
    alerts: tuple[Alert, ...]

    def of_rule(self, rule: str) -> tuple[Alert, ...]:
        """Return what one rule found."""
        return tuple(alert for alert in self.alerts if alert.rule == rule)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values; it holds personal data (L8)."""
        figures = self.figures
        return {
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "figures": {
                "trades": figures.trades,
                "traded_wh": figures.traded_wh,
                "value_e5jpy": figures.value_e5,
                "orders": figures.orders,
                "cancels": figures.cancels,
                "accounts": figures.accounts,
                "owners": figures.owners,
                "products": figures.products,
                "hours_wh": list(figures.hours_wh),
            },
            "rules": [
                {
                    "rule": one.rule,
                    "name": one.name.to_dict(),
                    "alerts": [alert.to_dict() for alert in self.of_rule(one.rule)],
                }
                for one in RULES
            ],
        }


def watch(day: MarketDay, policy: Surveillance) -> Report:
    """Return what every rule says of a day; a pure function of both."""
    finders = dict.fromkeys(rule.find for rule in RULES)
    found = [alert for find in finders for alert in find(day, policy)]
    alerts = sorted(found, key=lambda one: (one.rule, one.since_ms, one.owners))
    return Report(day.start_ms, day.end_ms, figures_of(day), tuple(alerts))


def figures_of(day: MarketDay) -> Figures:
    """Return the day in numbers."""
    trades, orders = day.trades, day.orders
    came = (orders.placed_ms >= day.start_ms) & (orders.placed_ms < day.end_ms)
    came[1:] &= orders.order[1:] != orders.order[:-1]
    accounts = np.unique(np.concatenate((trades.buyer, trades.seller, orders.account[came])))
    hours = np.zeros(max((day.end_ms - day.start_ms) // HOUR_MS, 1), np.int64)
    np.add.at(hours, np.clip((trades.timestamp_ms - day.start_ms) // HOUR_MS, 0, len(hours) - 1), trades.quantity_wh)
    return Figures(
        trades=len(trades),
        traded_wh=int(trades.quantity_wh.sum()),
        value_e5=int((trades.quantity_wh * trades.price_sen).sum()),
        orders=int(came.sum()),
        cancels=int(np.count_nonzero(orders.end == CANCELLED)),
        accounts=len(accounts),
        owners=len(np.unique(day.owners[accounts])),
        products=len(np.unique(trades.product)),
        hours_wh=tuple(hours.tolist()),
    )
