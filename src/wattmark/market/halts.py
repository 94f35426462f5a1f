"""When a product's trading stops by itself: its price moved too far in too short a time."""

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from wattmark.market.policy import MarketPolicy
from wattmark.market.surveillance.day import Column
from wattmark.market.surveillance.policy import PER_MILLE

REASON_MOVE: Final = 1
"""Reason of a halt that this rule asked for; only such a halt ends by itself."""


@dataclass(frozen=True, slots=True)
class Halt:
    """A reason to halt.

    Attributes:
        product: number of the product.
        trade: row of the trade that moved the price too far.
        timestamp_ms: when [ms].
        from_sen: price it moved from [sen/kWh].
        to_sen: price it moved to [sen/kWh].
    """

    product: int
    trade: int
    timestamp_ms: int
    from_sen: int
    to_sen: int


def halts_of(policy: MarketPolicy, timestamp_ms: Column, product: Column, price_sen: Column) -> list[Halt]:
    """Return the first halt of every product whose price moved further than the policy lets it.

    A trade's price is compared with the highest and the lowest price of the product in the time before it, itself
    included; the move is counted from that other price. Each trade is looked at a constant number of times.

    Args:
        policy: the operator's; no halts where ``halt_move`` is 0.
        timestamp_ms: time of each trade, oldest first [ms].
        product: its product.
        price_sen: its price [sen/kWh].
    """
    if not policy.halt_move:
        return []
    found = []
    for number in np.unique(product).tolist():
        rows = np.flatnonzero(product == number)
        halt = _first(policy, number, rows, timestamp_ms[rows].tolist(), price_sen[rows].tolist())
        found += [] if halt is None else [halt]
    return sorted(found, key=lambda halt: halt.trade)


def _first(policy: MarketPolicy, product: int, rows: Column, times: list[int], prices: list[int]) -> Halt | None:
    lows: deque[int] = deque()
    highs: deque[int] = deque()
    first = 0
    for index, (time, price) in enumerate(zip(times, prices, strict=True)):
        while times[first] < time - policy.halt_within_ms:
            first += 1
        for kept, sign in ((lows, 1), (highs, -1)):
            while kept and kept[0] < first:
                kept.popleft()
            while kept and (prices[kept[-1]] - price) * sign >= 0:
                kept.pop()
            kept.append(index)
        if index - first + 1 < policy.halt_trades:
            continue
        for other in (prices[lows[0]], prices[highs[0]]):
            if abs(price - other) * PER_MILLE > policy.halt_move * other:
                return Halt(product, int(rows[index]), time, other, price)
    return None
