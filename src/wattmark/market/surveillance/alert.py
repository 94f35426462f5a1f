"""What a rule found: who, where, when, the rows that show it, and the figures that crossed a threshold."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from wattmark.core.text import Text

MAX_ROWS: Final = 200
"""Rows of evidence an alert lists, at most; it says how many there are."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of an alert and the threshold it reached.

    Attributes:
        name: name of the threshold (``Surveillance``).
        value: what was found.
        limit: what the policy says.
        unit: of both.
    """

    name: str
    value: int
    limit: int
    unit: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One finding of one rule; a suspicion for a person to look at, never a verdict.

    Attributes:
        rule: id of the rule, such as F1.
        owners: who it is about, the lowest account number of each.
        accounts: their accounts that took part.
        products: numbers of the products.
        since_ms: when it began [ms].
        until_ms: when it ended [ms].
        figures: what led to it.
        trades: log indexes of the records that made the trades, oldest first, at most ``MAX_ROWS``.
        orders: numbers of the orders, at most ``MAX_ROWS``.
        trade_count: how many trades there are.
        order_count: how many orders there are.
        text: what happened, in a sentence.
    """

    rule: str
    owners: tuple[int, ...]
    accounts: tuple[int, ...]
    products: tuple[int, ...]
    since_ms: int
    until_ms: int
    figures: tuple[Figure, ...]
    trades: tuple[int, ...]
    orders: tuple[int, ...]
    trade_count: int
    order_count: int
    text: Text

    def to_dict(self) -> dict[str, Any]:
        """Return the alert as JSON values."""
        return {
            "rule": self.rule,
            "owners": list(self.owners),
            "accounts": list(self.accounts),
            "products": list(self.products),
            "since_ms": self.since_ms,
            "until_ms": self.until_ms,
            "figures": [
                {"name": one.name, "value": one.value, "limit": one.limit, "unit": one.unit} for one in self.figures
            ],
            "trades": list(self.trades),
            "orders": list(self.orders),
            "trade_count": self.trade_count,
            "order_count": self.order_count,
            "text": self.text.to_dict(),
        }


def evidence(rows: npt.NDArray[np.int64]) -> tuple[int, ...]:
    """Return the first ``MAX_ROWS`` different numbers, in order."""
    return tuple(np.unique(rows)[:MAX_ROWS].tolist())
