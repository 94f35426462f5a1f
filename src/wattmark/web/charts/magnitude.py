"""Bars on a logarithmic scale: values that differ a million million times, in one small picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from wattmark.web.charts import svg

DECADES: Final = 3
"""From one line to the next, powers of ten."""
ROW_PX: Final = 46
BAR_PX: Final = 14


@dataclass(frozen=True, slots=True)
class Magnitude:
    """One bar.

    Attributes:
        name: written above it.
        value: written at its end.
        low: where the bar ends, positive.
        high: up to where it may reach, at least ``low``.
        texture: its class, one of ``svg.TEXTURES``.
    """

    name: str
    value: str
    low: float
    high: float
    texture: str


def decades(bars: Sequence[Magnitude]) -> list[int]:
    """Return the powers of ten that get a line, from below the least value to above the greatest."""
    least, most = min(bar.low for bar in bars), max(bar.high for bar in bars)
    first = math.floor(math.log10(least) / DECADES) * DECADES
    if math.log10(least) == first:
        first -= DECADES
    last = math.ceil(math.log10(most) / DECADES) * DECADES
    return list(range(first, max(last, first + DECADES) + 1, DECADES))


def magnitude_chart(bars: Sequence[Magnitude], names: dict[int, str], label: str, *, wide: bool) -> Markup:
    """Return one bar per value, each line a thousand times the one before.

    Args:
        bars: at least one.
        names: words under the lines, by power of ten.
        label: the sentence a screen reader says.
        wide: for a desk, else for a phone.
    """
    width = 720 if wide else 360
    height = ROW_PX * len(bars) + 30
    frame = svg.Frame(width, height, 20, 30, 4, 24)
    lines = decades(bars)
    span = lines[-1] - lines[0]
    floor = height - frame.bottom
    body: list[str] = []
    for index, power in enumerate(lines):
        x = frame.x(power - lines[0], span)
        body.append(svg.line(x, frame.top, x, floor, "rule" if index else "base"))
        body.append(svg.text(x, floor + 17, names.get(power, ""), anchor="middle"))
    for row, bar in enumerate(bars):
        top = frame.top + ROW_PX * row
        end, far = (frame.x(math.log10(value) - lines[0], span) for value in (bar.low, bar.high))
        body.append(svg.text(frame.left + 4, top + 16, f"{bar.name}: {bar.value}", style="axis"))
        body.append(svg.rect(frame.left, top + 22, end - frame.left, BAR_PX, f"bar s-{bar.texture}"))
        if far > end:
            body.append(svg.rect(end, top + 22 + BAR_PX / 4, far - end, BAR_PX / 2, f"bar s-{bar.texture}"))
    return svg.picture(width, height, label, body, style="wide" if wide else "narrow")
