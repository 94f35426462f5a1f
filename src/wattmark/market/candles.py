"""Candles: what the trades of one interval of time came to, for any interval of whole seconds.

Theory of operation. A candle of the interval ``d`` begins at a whole multiple of ``d`` seconds, counted from midnight:
UTC, or JST (``align_s = JST_OFFSET_S``). For an interval that divides an hour the two are the same, since JST is nine
hours ahead; a day's candle is a calendar day only in its own time zone. Intervals without a trade have no candle.
Candles of consecutive stretches of trades join to those of the whole, so a candle that is still growing is updated by
the new trades alone. Prices are whole sen/kWh and energy whole Wh; what was paid is exact, in 10^-5 JPY.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text

Column = npt.NDArray[np.int64]

MS_PER_S: Final = 1_000
HALF_BITS: Final = 30
"""Values are added in two halves, so that no sum overflows 64 bits."""
INTERVAL: Final = Text(en="a whole number of seconds, at least 1", ja="1以上の整数(秒)")


@dataclass(frozen=True, slots=True)
class Candle:
    """Prices [sen/kWh] and quantity [Wh] of the trades of one interval of ``duration_s`` from ``start_s``.

    Attributes:
        start_s: begin of the interval [POSIX s].
        duration_s: its length [s].
        open_sen: price of the first trade [sen/kWh].
        high_sen: highest price [sen/kWh].
        low_sen: lowest price [sen/kWh].
        close_sen: price of the last trade [sen/kWh].
        quantity_wh: energy traded [Wh].
        trades: how many.
        value_e5: what was paid for it [10^-5 JPY].
    """

    start_s: int
    duration_s: int
    open_sen: int
    high_sen: int
    low_sen: int
    close_sen: int
    quantity_wh: int
    trades: int
    value_e5: int = 0

    @property
    def vwap_sen(self) -> int:
        """Price weighted by quantity, to the nearest sen/kWh, halves up; ``value_e5 / quantity_wh`` is exact."""
        return (2 * self.value_e5 + self.quantity_wh) // (2 * self.quantity_wh) if self.quantity_wh else self.close_sen

    def joined(self, later: "Candle") -> "Candle":
        """Return the candle of the same interval with the trades of both, those of ``later`` made after one's own."""
        assert (self.start_s, self.duration_s) == (later.start_s, later.duration_s)
        return Candle(
            self.start_s,
            self.duration_s,
            self.open_sen,
            max(self.high_sen, later.high_sen),
            min(self.low_sen, later.low_sen),
            later.close_sen,
            self.quantity_wh + later.quantity_wh,
            self.trades + later.trades,
            self.value_e5 + later.value_e5,
        )


def start_of(timestamp_s: int, interval_s: int, align_s: int = 0) -> int:
    """Return the begin of the interval that holds a moment [POSIX s].

    Args:
        timestamp_s: the moment [POSIX s].
        interval_s: length of the intervals [s].
        align_s: how far the clock whose midnight counts is ahead of UTC [s].
    """
    return (timestamp_s + align_s) // interval_s * interval_s - align_s


def candles_of(
    timestamp_ms: Column, price_sen: Column, quantity_wh: Column, interval_s: int, align_s: int = 0
) -> list[Candle]:
    """Return the candles of trades, oldest first.

    Args:
        timestamp_ms: when, never running backwards [ms], ``int64 [n]``.
        price_sen: prices [sen/kWh], ``int64 [n]``.
        quantity_wh: energy [Wh], ``int64 [n]``.
        interval_s: length of an interval, at least 1 [s].
        align_s: how far the clock whose midnight counts is ahead of UTC [s].

    Raises:
        MalformedInput: an interval of less than a second.
    """
    if interval_s < 1:
        raise MalformedInput("INTERVAL_INVALID", "interval_s", interval_s, INTERVAL)
    if not len(timestamp_ms):
        return []
    starts = (timestamp_ms // MS_PER_S + align_s) // interval_s * interval_s - align_s
    first = np.flatnonzero(np.concatenate(([True], np.diff(starts) != 0)))
    last = np.append(first[1:], len(starts)) - 1
    value = price_sen * quantity_wh
    upper = np.add.reduceat(value >> HALF_BITS, first).tolist()
    lower = np.add.reduceat(value & ((1 << HALF_BITS) - 1), first).tolist()
    columns = (
        starts[first],
        price_sen[first],
        np.maximum.reduceat(price_sen, first),
        np.minimum.reduceat(price_sen, first),
        price_sen[last],
        np.add.reduceat(quantity_wh, first),
        last - first + 1,
    )
    return [
        Candle(start, interval_s, opened, high, low, closed, wh, count, (above << HALF_BITS) + below)
        for start, opened, high, low, closed, wh, count, above, below in zip(
            *(column.tolist() for column in columns), upper, lower, strict=True
        )
    ]


def joined(earlier: Sequence[Candle], later: Sequence[Candle]) -> list[Candle]:
    """Return the candles of two consecutive stretches of trades as those of the whole; one interval for both."""
    if earlier and later and earlier[-1].start_s == later[0].start_s:
        return [*earlier[:-1], earlier[-1].joined(later[0]), *later[1:]]
    return [*earlier, *later]
