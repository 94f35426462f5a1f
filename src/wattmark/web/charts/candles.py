"""Candles with the energy traded below them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from wattmark.web.charts import svg
from wattmark.web.charts.axes import LEAST_HALF_SEN, energy_unit, price_axis

FEWEST: Final = 8
"""Candles that the width is made for at least, so that one alone is no wall."""
GAP_PX: Final = 22
"""Between the prices and the energy."""


@dataclass(frozen=True, slots=True)
class Candle:
    """Trades of one stretch of time.

    Attributes:
        name: short time label.
        first_sen: first price [sen/kWh].
        high_sen: highest price [sen/kWh].
        low_sen: lowest price [sen/kWh].
        last_sen: last price [sen/kWh].
        quantity_wh: energy traded [Wh].
    """

    name: str
    first_sen: int
    high_sen: int
    low_sen: int
    last_sen: int
    quantity_wh: int

    @property
    def way(self) -> str:
        """Return ``up``, ``down`` or ``flat``: hollow, filled, a bar."""
        return "up" if self.last_sen > self.first_sen else "down" if self.last_sen < self.first_sen else "flat"


@dataclass(frozen=True, slots=True)
class CandleWords:
    """Words of the chart in one language."""

    label: str
    prices: str
    energy: str


def candle_chart(candles: Sequence[Candle], words: CandleWords, *, wide: bool) -> Markup:
    """Return candles, hollow where the price rose, filled where it fell, a bar where it stood, over their energy.

    Args:
        candles: oldest first; intervals without a trade are left out.
        words: what is written and said.
        wide: for a desk, else for a phone.
    """
    width, height = (640, 350) if wide else (360, 290)
    strip_height = 70 if wide else 58
    left, bottom = 52 if wide else 44, 28
    frame = svg.Frame(width, height - strip_height - GAP_PX - bottom, left, 12, 26, 0)
    strip = svg.Frame(width, height, left, 12, height - strip_height - bottom, bottom)
    low = min((candle.low_sen for candle in candles), default=0)
    high = max((candle.high_sen for candle in candles), default=100)
    pad = max((high - low) // 10, LEAST_HALF_SEN)
    low, high = max(low - pad, 0), high + pad
    body = price_axis(frame, low, high, words.prices, 4 if wide else 3)
    top = max([candle.quantity_wh for candle in candles] + [1])
    unit, divisor = energy_unit(top)
    limit = svg.ticks(top / divisor, 1)[-1] * divisor
    body.append(svg.text(strip.left, strip.top - 6, f"{words.energy} [{unit}]", style="axis"))
    for mark in (0, limit):
        y = strip.y(mark, limit)
        body.append(svg.line(strip.left, y, width - strip.right, y, "rule" if mark else "base"))
        body.append(svg.text(strip.left - 6, y + 4, f"{mark // divisor:,}", anchor="end"))
    count = max(len(candles), FEWEST)
    gap = frame.inner_width / count
    room = min(gap * 0.6, 18.0)
    every = max(-(-len(candles) // (4 if wide else 3)), 1)
    for index, candle in enumerate(candles):
        x = frame.x(index + 0.5, count)
        body.extend(_candle(frame, candle, x, room, (low, high - low)))
        y = strip.y(candle.quantity_wh, limit)
        body.append(svg.rect(x - room / 2, y, room, strip.y(0, limit) - y, f"volume {candle.way}"))
        if index % every == 0:
            body.append(_name(x, height - 9, candle.name, frame))
    return svg.picture(width, height, words.label, body, style="wide" if wide else "narrow")


def _name(x: float, y: float, words: str, frame: svg.Frame) -> str:
    """Return a time's label; the first one begins at the axis instead of sticking out of it."""
    room = 36
    if x - frame.left < room:
        return svg.text(frame.left, y, words)
    if frame.width - frame.right - x < room:
        return svg.text(frame.width - frame.right, y, words, anchor="end")
    return svg.text(x, y, words, anchor="middle")


def _candle(frame: svg.Frame, candle: Candle, x: float, width: float, scale: tuple[int, int]) -> list[str]:
    low, span = scale
    way = candle.way
    head = frame.y(max(candle.first_sen, candle.last_sen) - low, span)
    foot = frame.y(min(candle.first_sen, candle.last_sen) - low, span)
    top, bottom = frame.y(candle.high_sen - low, span), frame.y(candle.low_sen - low, span)
    return [
        svg.line(x, top, x, head, f"wick {way}"),
        svg.line(x, foot, x, bottom, f"wick {way}"),
        svg.rect(x - width / 2, head, width, max(foot - head, 2.0), f"candle {way}"),
    ]
