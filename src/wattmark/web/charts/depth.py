"""The depth of a book: cumulated demand to the left of the middle, cumulated supply to the right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from wattmark.web.charts import svg
from wattmark.web.charts.axes import (
    LEAST_HALF_SEN,
    Level,
    cumulate,
    energy_axis,
    price_marks,
    price_words,
    reach,
)

NAME_ROOM_PX: Final = 70
"""Room that the name of a side takes; nearer to the edge it stands on the other side of its line."""
DOTS: Final = 24
"""At most so many steps bear a sign; more would run into one another."""


@dataclass(frozen=True, slots=True)
class DepthWords:
    """Words of the depth chart in one language."""

    label: str
    buy: str
    sell: str
    axis: str
    middle: str


def depth_chart(bids: Sequence[Level], asks: Sequence[Level], words: DepthWords, *, wide: bool) -> Markup:
    """Return cumulated demand from the best bid down and supply from the best ask up, with the middle between them.

    Demand is a full line with round signs, supply a dashed one with square signs.

    Args:
        bids: levels, highest price first.
        asks: levels, lowest price first.
        words: what is written and said.
        wide: for a desk, else for a phone.
    """
    width, height = (640, 290) if wide else (360, 240)
    frame = svg.Frame(width, height, 52 if wide else 44, 12, 46, 28)
    middle = _middle(bids, asks)
    low, high = _window(bids, asks, middle)
    span = high - low
    bid_steps = [step for step in cumulate(bids) if step[0] >= low]
    ask_steps = [step for step in cumulate(asks) if step[0] <= high]
    top = max([wh for _, wh in (*bid_steps, *ask_steps)] + [1])
    body, limit = energy_axis(frame, top, words.axis, 3)
    scale = (low, span, limit)
    body += _side(frame, bid_steps, low, scale, "bid")
    body += _side(frame, ask_steps, high, scale, "ask")
    for mark in price_marks(low, high, 6 if wide else 4):
        x = frame.x(mark - low, span)
        body.append(svg.line(x, height - frame.bottom, x, height - frame.bottom + 4, "base"))
        body.append(svg.text(x, height - 9, price_words(mark), anchor="middle"))
    if bids and asks:
        x = frame.x(middle - 2 * low, 2 * span)
        body.append(svg.line(x, frame.top - 6, x, height - frame.bottom, "middle"))
        body.append(svg.text(x, frame.top - 12, words.middle, style="key middle-ink", anchor="middle"))
    if bids:
        x = frame.x(bids[0][0] - low, span)
        left, anchor = (x - 8, "end") if x - frame.left > NAME_ROOM_PX else (frame.left + 4, "start")
        body.append(svg.text(left, frame.top + 8, words.buy, style="key bid-ink", anchor=anchor))
    if asks:
        x = frame.x(asks[0][0] - low, span)
        end = width - frame.right
        right, anchor = (x + 8, "start") if end - x > NAME_ROOM_PX else (end - 4, "end")
        body.append(svg.text(right, frame.top + 8, words.sell, style="key ask-ink", anchor=anchor))
    return svg.picture(width, height, words.label, body, style="wide" if wide else "narrow")


def _middle(bids: Sequence[Level], asks: Sequence[Level]) -> int:
    """Return twice the middle between the best prices, which is whole [sen/kWh]."""
    best_bid = bids[0][0] if bids else asks[0][0] if asks else 0
    best_ask = asks[0][0] if asks else best_bid
    return best_bid + best_ask


def _window(bids: Sequence[Level], asks: Sequence[Level], middle: int) -> tuple[int, int]:
    """Return the prices at the edges: the same distance on both sides of the middle [sen/kWh]."""
    half = max(reach(bids, middle // 2), reach(asks, middle // 2), LEAST_HALF_SEN)
    half += half // 8 + 1
    return max(middle // 2 - half, 0), middle // 2 + half


def _side(frame: svg.Frame, steps: Sequence[Level], edge: int, scale: tuple[int, int, int], side: str) -> list[str]:
    low, span, limit = scale
    if not steps:
        return []
    floor = svg.number(frame.y(0, limit))
    commands = [f"M{svg.number(frame.x(steps[0][0] - low, span))} {floor}"]
    signs = []
    for index, (price, total) in enumerate(steps):
        end = steps[index + 1][0] if index + 1 < len(steps) else edge
        x, y = frame.x(price - low, span), frame.y(total, limit)
        commands.append(f"L{svg.number(x)} {svg.number(y)}H{svg.number(frame.x(end - low, span))}")
        if len(steps) <= DOTS:
            signs.append(sign(x, y, side))
    return [svg.path([*commands, f"V{floor}Z"], f"depth {side}"), *signs]


def sign(x: float, y: float, side: str) -> str:
    """Return the sign of a step: round for demand, square for supply."""
    if side == "bid":
        return svg.tag("circle", {"cx": float(x), "cy": float(y), "r": 3, "class": "sign bid"})
    return svg.rect(x - 3, y - 3, 6, 6, "sign ask")


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
