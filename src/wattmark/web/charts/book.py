"""Depth and candles of one product, and the small depth mark of a ladder row."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from wattmark.web.charts import svg

Level = tuple[int, int]
"""Price [sen/kWh] and quantity [Wh]."""


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


@dataclass(frozen=True, slots=True)
class BookWords:
    """Words of the depth chart in one language."""

    label: str
    buy: str
    sell: str
    axis: str


def depth_chart(bids: Sequence[Level], asks: Sequence[Level], words: BookWords, *, wide: bool) -> Markup:
    """Return cumulative demand from the best bid down and supply from the best ask up."""
    width, height = (640, 280) if wide else (360, 230)
    frame = svg.Frame(width, height, 52 if wide else 44, 12, 40, 28)
    prices = [price for price, _ in (*bids, *asks)]
    low, high = (min(prices), max(prices)) if prices else (0, 100)
    pad = max((high - low) // 12, 10)
    low, high = max(low - pad, 0), high + pad
    bid_steps, ask_steps = _cumulate(bids), _cumulate(asks)
    top = max([wh for _, wh in (*bid_steps, *ask_steps)] + [1])
    unit, divisor = ("kWh", 1000) if top >= 2000 else ("Wh", 1)
    marks = svg.ticks(top / divisor, 3)
    limit = marks[-1] * divisor
    body = [svg.text(frame.left, 14, f"{words.axis} [{unit}]", style="axis")]
    for mark in marks:
        y = frame.y(mark * divisor, limit)
        body.append(svg.line(frame.left, y, width - frame.right, y, "rule" if mark else "base"))
        body.append(svg.text(frame.left - 6, y + 4, f"{mark:,}", anchor="end"))
    span = high - low
    body.append(_side(frame, bid_steps, low, (low, span, limit), "depth bid"))
    body.append(_side(frame, ask_steps, high, (low, span, limit), "depth ask"))
    if bids:
        x = frame.x(bids[0][0] - low, span)
        body.append(svg.text(x - 8, 34, words.buy, style="key bid-ink", anchor="end"))
    if asks:
        x = frame.x(asks[0][0] - low, span)
        body.append(svg.text(x + 8, 34, words.sell, style="key ask-ink"))
    for mark in _price_marks(low, high, 6 if wide else 4):
        x = frame.x(mark - low, span)
        body.append(svg.text(x, height - 9, f"{mark / 100:.2f}", anchor="middle"))
    return svg.picture(width, height, words.label, body, style="wide" if wide else "narrow")


def _price_marks(low: int, high: int, wanted: int) -> list[int]:
    step = svg.ticks(high - low, wanted)[1]
    first = -(-low // step) * step
    return [price for price in range(first, high + 1, step) if low < price < high]


def _cumulate(levels: Sequence[Level]) -> list[Level]:
    total = 0
    result = []
    for price, quantity in levels:
        total += quantity
        result.append((price, total))
    return result


def _side(frame: svg.Frame, levels: Sequence[Level], edge: int, scale: tuple[int, int, int], style: str) -> str:
    low, span, limit = scale
    if not levels:
        return ""
    floor = svg.number(frame.y(0, limit))
    commands = [f"M{svg.number(frame.x(levels[0][0] - low, span))} {floor}"]
    for index, (price, total) in enumerate(levels):
        end = levels[index + 1][0] if index + 1 < len(levels) else edge
        y = svg.number(frame.y(total, limit))
        commands.append(f"L{svg.number(frame.x(price - low, span))} {y}H{svg.number(frame.x(end - low, span))}")
    commands.append(f"V{floor}Z")
    return svg.path(commands, style)


def candle_chart(candles: Sequence[Candle], label: str, axis: str, *, wide: bool) -> Markup:
    """Return candles: hollow where the price rose, filled where it fell, a bar where it stood."""
    width, height = (640, 280) if wide else (360, 230)
    frame = svg.Frame(width, height, 52 if wide else 44, 12, 26, 28)
    low = min((candle.low_sen for candle in candles), default=0)
    high = max((candle.high_sen for candle in candles), default=100)
    pad = max((high - low) // 10, 10)
    low, high = max(low - pad, 0), high + pad
    span = high - low
    body = [svg.text(frame.left, 14, axis, style="axis")]
    for mark in _price_marks(low, high, 4):
        y = frame.y(mark - low, span)
        body.append(svg.line(frame.left, y, width - frame.right, y, "rule"))
        body.append(svg.text(frame.left - 6, y + 4, f"{mark / 100:.2f}", anchor="end"))
    count = max(len(candles), 8)
    gap = frame.inner_width / count
    every = max(-(-len(candles) // (4 if wide else 3)), 1)
    for index, candle in enumerate(candles):
        x = frame.x(index + 0.5, count)
        body.extend(_candle(frame, candle, x, min(gap * 0.6, 18.0), (low, span)))
        if index % every == 0:
            body.append(svg.text(x, height - 9, candle.name, anchor="middle"))
    return svg.picture(width, height, label, body, style="wide" if wide else "narrow")


def _candle(frame: svg.Frame, candle: Candle, x: float, width: float, scale: tuple[int, int]) -> list[str]:
    low, span = scale
    way = "up" if candle.last_sen > candle.first_sen else "down" if candle.last_sen < candle.first_sen else "flat"
    head = frame.y(max(candle.first_sen, candle.last_sen) - low, span)
    foot = frame.y(min(candle.first_sen, candle.last_sen) - low, span)
    top, bottom = frame.y(candle.high_sen - low, span), frame.y(candle.low_sen - low, span)
    return [
        svg.line(x, top, x, head, f"wick {way}"),
        svg.line(x, foot, x, bottom, f"wick {way}"),
        svg.rect(x - width / 2, head, width, max(foot - head, 2.0), f"candle {way}"),
    ]


def depth_mark(bid_wh: int, ask_wh: int, limit_wh: int, label: str) -> Markup:
    """Return a small two-sided bar: energy wanted to the left, offered to the right."""
    width, height = 120, 16
    half = width // 2
    limit = max(limit_wh, 1)
    left, right = half * bid_wh / limit, half * ask_wh / limit
    body = [
        svg.rect(half - left, 3, left, height - 6, "depth bid"),
        svg.rect(half, 3, right, height - 6, "depth ask"),
        svg.line(half, 0, half, height, "base"),
    ]
    return svg.picture(width, height, label, body, style="mark")
