"""Supply, demand and price of one day: stacked bars, a step line, and a price strip below."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from wattmark.web.charts import svg


@dataclass(frozen=True, slots=True)
class DaySlot:
    """One settlement period of the chart.

    Attributes:
        supply_wh: (texture name, energy) from the bottom up [Wh].
        demand_wh: metered use, or None when nothing was metered [Wh].
        price_sen: area price, or None when unknown [sen/kWh].
    """

    supply_wh: tuple[tuple[str, int], ...]
    demand_wh: int | None
    price_sen: int | None


@dataclass(frozen=True, slots=True)
class DayWords:
    """Words of the chart in one language."""

    label: str
    energy_axis: str
    price_axis: str


def day_chart(slots: Sequence[DaySlot], words: DayWords, *, wide: bool) -> Markup:
    """Return the chart of a day, for a desk (``wide``) or for a phone."""
    width, height = (960, 420) if wide else (360, 340)
    price_height = 108 if wide else 96
    frame = svg.Frame(width, height - price_height, 52 if wide else 40, 8, 26, 12)
    strip = svg.Frame(width, height, frame.left, frame.right, frame.height + 26, 26)
    count = max(len(slots), 1)
    body = _energy(slots, frame, count, words.energy_axis, 4 if wide else 3)
    body += _price(slots, strip, count, words.price_axis)
    body += _hours(strip, 3 if wide else 6)
    return svg.picture(width, height, words.label, body, style="wide" if wide else "narrow")


def _energy(slots: Sequence[DaySlot], frame: svg.Frame, count: int, axis: str, wanted: int) -> list[str]:
    top = max([sum(wh for _, wh in slot.supply_wh) for slot in slots] + [slot.demand_wh or 0 for slot in slots] + [1])
    unit, divisor = ("kWh", 1000) if top >= 2000 else ("Wh", 1)
    marks = svg.ticks(top / divisor, wanted)
    limit = marks[-1] * divisor
    body = [svg.text(frame.left, 14, f"{axis} [{unit}]", style="axis")]
    for mark in marks:
        y = frame.y(mark * divisor, limit)
        body.append(svg.line(frame.left, y, frame.width - frame.right, y, "rule" if mark else "base"))
        body.append(svg.text(frame.left - 6, y + 4, f"{mark:,}", anchor="end"))
    gap = frame.inner_width / count
    for index, slot in enumerate(slots):
        x = frame.x(index, count)
        below = 0
        for name, wh in slot.supply_wh:
            if wh <= 0:
                continue
            y = frame.y(below + wh, limit)
            body.append(svg.rect(x + gap * 0.08, y, gap * 0.84, frame.y(below, limit) - y, f"bar s-{name}"))
            below += wh
    points = [
        (frame.x(index, count), frame.x(index + 1, count), frame.y(slot.demand_wh, limit))
        for index, slot in enumerate(slots)
        if slot.demand_wh is not None
    ]
    commands = svg.steps(points)
    return [*body, svg.path(commands, "demand halo"), svg.path(commands, "demand")]


def _price(slots: Sequence[DaySlot], frame: svg.Frame, count: int, axis: str) -> list[str]:
    known = [slot.price_sen for slot in slots if slot.price_sen is not None]
    top = max([*known, 100])
    marks = svg.ticks(top / 100, 2)
    limit = marks[-1] * 100
    body = [svg.text(frame.left, frame.top - 10, axis, style="axis")]
    for mark in marks:
        y = frame.y(mark * 100, limit)
        body.append(svg.line(frame.left, y, frame.width - frame.right, y, "rule" if mark else "base"))
        body.append(svg.text(frame.left - 6, y + 4, f"{mark:,}", anchor="end"))
    points = [
        (frame.x(index, count), frame.x(index + 1, count), frame.y(slot.price_sen, limit))
        for index, slot in enumerate(slots)
        if slot.price_sen is not None
    ]
    area = [
        f"M{svg.number(x)} {svg.number(frame.y(0, limit))}V{svg.number(y)}H{svg.number(end)}"
        f"V{svg.number(frame.y(0, limit))}Z"
        for x, end, y in points
    ]
    return [*body, svg.path(area, "price-area"), svg.path(svg.steps(points), "price")]


def _hours(frame: svg.Frame, every: int) -> list[str]:
    bottom = frame.height - frame.bottom
    body = []
    for hour in range(0, 25, every):
        x = frame.x(hour, 24)
        anchor = "start" if hour == 0 else "end" if hour == 24 else "middle"
        body.append(svg.line(x, bottom, x, bottom + 5, "base"))
        body.append(svg.text(x, bottom + 19, f"{hour}:00", anchor=anchor))
    return body
