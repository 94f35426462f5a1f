"""A day under watch: what traded in each hour, and when each rule found something."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from wattmark.web.charts import svg

HOURS: Final = 24
ROW_PX: Final = 24
BARS_PX: Final = 96
LEAST_PX: Final = 5
"""A finding of a second is still seen."""


@dataclass(frozen=True, slots=True)
class Span:
    """When a rule found something.

    Attributes:
        row: number of the rule's row.
        start: hours from the start of the day.
        end: hours from the start of the day.
    """

    row: int
    start: float
    end: float


def watch_chart(
    hours_wh: Sequence[int], rows: Sequence[str], spans: Sequence[Span], *, label: str, axis: str, wide: bool
) -> Markup:
    """Return one row per rule with its findings, over bars of what traded in each hour.

    Args:
        hours_wh: energy traded in each hour [Wh].
        rows: names of the rows, from the top.
        spans: what was found.
        label: the sentence a screen reader says.
        axis: words over the bars, without the unit.
        wide: for a desk, else for a phone.
    """
    width = 960 if wide else 360
    top = 8
    floor = top + ROW_PX * len(rows)
    height = floor + 28 + BARS_PX + 24
    frame = svg.Frame(width, height, 44, 10, floor + 28, 24)
    body: list[str] = []
    for index, name in enumerate(rows):
        y = top + ROW_PX * index + ROW_PX / 2
        body.append(svg.text(0, y + 4, name, style="axis"))
        body.append(svg.line(frame.left, y, width - frame.right, y, "rule"))
    for span in spans:
        start = frame.x(max(span.start, 0.0), HOURS)
        long = max(frame.x(min(span.end, float(HOURS)), HOURS) - start, LEAST_PX)
        body.append(svg.rect(start, top + ROW_PX * span.row + 4, long, ROW_PX - 8, "bar s-geothermal"))
    most = max([*hours_wh, 1])
    unit, divisor = ("kWh", 1_000) if most >= 2_000 else ("Wh", 1)
    body.append(svg.text(frame.left, floor + 18, f"{axis} [{unit}]", style="axis"))
    marks = svg.ticks(most / divisor, 2)
    limit = marks[-1] * divisor
    for mark in marks:
        y = frame.y(mark * divisor, limit)
        body.append(svg.line(frame.left, y, width - frame.right, y, "rule" if mark else "base"))
        body.append(svg.text(frame.left - 6, y + 4, f"{mark:,}", anchor="end"))
    gap = frame.inner_width / HOURS
    for hour, wh in enumerate(hours_wh[:HOURS]):
        if wh > 0:
            y = frame.y(wh, limit)
            x = frame.x(hour, HOURS)
            body.append(svg.rect(x + gap * 0.1, y, gap * 0.8, height - frame.bottom - y, "bar s-hydro"))
    for hour in range(0, HOURS + 1, 3 if wide else 6):
        anchor = "end" if hour == HOURS else "middle"
        body.append(svg.text(frame.x(hour, HOURS), height - 6, f"{hour}:00", anchor=anchor))
    return svg.picture(width, height, label, body, style="wide" if wide else "narrow")
