"""What the charts of a market share: axes of prices and of energy, cumulated steps, the window round a price."""

from collections.abc import Iterable, Sequence
from typing import Final

from wattmark.web.charts import svg

Level = tuple[int, int]
"""Price [sen/kWh] and quantity [Wh]."""
SEN: Final = 100
"""Sen in one yen."""
WH_PER_KWH: Final = 1_000
IN_KWH_FROM: Final = 2_000
"""From here on an axis counts in kWh [Wh]."""
SHOWN_PER_MILLE: Final = 900
"""Share of each side's energy that a window must show; a few far-off orders do not squeeze the rest [1/1000]."""
NAME_PX: Final = 14
"""Where the words of a picture's upper axis stand."""
LEAST_HALF_SEN: Final = 10
"""Smallest half width of a window [sen/kWh]."""


def energy_unit(top_wh: int) -> tuple[str, int]:
    """Return the unit of an axis that reaches ``top_wh`` and how many Wh it has."""
    return ("kWh", WH_PER_KWH) if top_wh >= IN_KWH_FROM else ("Wh", 1)


def price_marks(low: int, high: int, wanted: int) -> list[int]:
    """Return about ``wanted`` round prices strictly between ``low`` and ``high`` [sen/kWh]."""
    step = svg.ticks(high - low, wanted)[1]
    first = -(-low // step) * step
    return [price for price in range(first, high + 1, step) if low < price < high]


def price_words(price_sen: int) -> str:
    """Return a price for a tick [JPY/kWh]."""
    return f"{price_sen // SEN}.{price_sen % SEN:02}"


def cumulate(levels: Iterable[Level]) -> list[Level]:
    """Return (price, all energy up to and with it) of levels in the order given."""
    total = 0
    result = []
    for price, quantity in levels:
        total += quantity
        result.append((price, total))
    return result


def reach(levels: Sequence[Level], middle: int) -> int:
    """Return how far from ``middle`` most of a side's energy stands [sen/kWh]; levels come nearest first."""
    steps = cumulate(levels)
    if not steps:
        return 0
    wanted = steps[-1][1] * SHOWN_PER_MILLE
    return next(abs(price - middle) for price, total in steps if total * 1_000 >= wanted)


def energy_axis(frame: svg.Frame, top_wh: int, words: str, wanted: int) -> tuple[list[str], int]:
    """Return the lines of a vertical axis of energy with its words at the picture's top, and its end [Wh]."""
    unit, divisor = energy_unit(top_wh)
    marks = svg.ticks(top_wh / divisor, wanted)
    limit = marks[-1] * divisor
    body = [svg.text(frame.left, NAME_PX, f"{words} [{unit}]", style="axis")]
    for mark in marks:
        y = frame.y(mark * divisor, limit)
        body.append(svg.line(frame.left, y, frame.width - frame.right, y, "rule" if mark else "base"))
        body.append(svg.text(frame.left - 6, y + 4, f"{mark:,}", anchor="end"))
    return body, limit


def price_axis(frame: svg.Frame, low: int, high: int, words: str, wanted: int) -> list[str]:
    """Return the lines and words of a vertical axis of prices from ``low`` to ``high`` [sen/kWh]."""
    body = [svg.text(frame.left, frame.top - 12, words, style="axis")]
    for mark in price_marks(low, high, wanted):
        y = frame.y(mark - low, high - low)
        body.append(svg.line(frame.left, y, frame.width - frame.right, y, "rule"))
        body.append(svg.text(frame.left - 6, y + 4, price_words(mark), anchor="end"))
    return body
