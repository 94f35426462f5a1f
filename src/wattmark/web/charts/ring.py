"""Who powered me: the day as a clock of periods, noon on top where the sun stands."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from wattmark.web.charts import svg

SIZE = 360
"""Width and height of the picture [px]."""
INNER, OUTER = 80.0, 156.0
"""Radii of the ring; a full bar reaches the outer one [px]."""


@dataclass(frozen=True, slots=True)
class RingSlot:
    """One period of the ring.

    Attributes:
        parts_wh: (texture name, energy) from the inside out; the rest of the use is ``grid`` [Wh].
        demand_wh: metered use [Wh].
    """

    parts_wh: tuple[tuple[str, int], ...]
    demand_wh: int


@dataclass(frozen=True, slots=True)
class RingWords:
    """Words of the ring in one language."""

    label: str
    centre: str
    below: str


def ring_chart(slots: Sequence[RingSlot], words: RingWords) -> Markup:
    """Return the ring: one spoke per period, as large as its use, coloured by what powered it."""
    top = max([slot.demand_wh for slot in slots] + [1])
    count = max(len(slots), 1)
    body = [
        tag_circle(INNER - 4, "ring-base"),
        tag_circle(OUTER + 4, "ring-edge"),
    ]
    for index, slot in enumerate(slots):
        body.extend(_spoke(slot, index, count, top))
    for hour in (0, 6, 12, 18):
        angle = _angle(hour / 24)
        x, y = _point(OUTER + 14, angle)
        body.append(svg.text(x, y + 5, f"{hour}:00" if hour else "0:00", anchor="middle"))
    body.append(svg.text(SIZE / 2, SIZE / 2 + 4, words.centre, style="ring-number", anchor="middle"))
    body.append(svg.text(SIZE / 2, SIZE / 2 + 30, words.below, style="ring-word", anchor="middle"))
    return svg.picture(SIZE, SIZE, words.label, body, style="ring")


def tag_circle(radius: float, style: str) -> str:
    """Return a circle round the middle of the picture."""
    return svg.tag("circle", {"cx": SIZE / 2, "cy": SIZE / 2, "r": float(radius), "class": style})


def _spoke(slot: RingSlot, index: int, count: int, top: int) -> list[str]:
    start, end = _angle((index + 0.08) / count), _angle((index + 0.92) / count)
    body = []
    done = 0
    for name, wh in slot.parts_wh:
        if wh <= 0:
            continue
        body.append(_sector(_radius(done, top), _radius(done + wh, top), start, end, f"bar s-{name}"))
        done += wh
    if slot.demand_wh > done:
        body.append(_sector(_radius(done, top), _radius(slot.demand_wh, top), start, end, "bar s-grid"))
    return body


def _radius(wh: int, top: int) -> float:
    """Return how far out an energy reaches: areas, not lengths, are in proportion to energy [px]."""
    return math.sqrt(INNER**2 + (OUTER**2 - INNER**2) * wh / top)


def _angle(share: float) -> float:
    """Return the angle of a share of the day: noon on top, clockwise [rad]."""
    return 2 * math.pi * share + math.pi / 2


def _point(radius: float, angle: float) -> tuple[float, float]:
    return SIZE / 2 + radius * math.cos(angle), SIZE / 2 + radius * math.sin(angle)


def _sector(inner: float, outer: float, start: float, end: float, style: str) -> str:
    a, b, c, d = _point(inner, start), _point(outer, start), _point(outer, end), _point(inner, end)
    return svg.path(
        [
            f"M{svg.number(a[0])} {svg.number(a[1])}L{svg.number(b[0])} {svg.number(b[1])}",
            f"A{svg.number(outer)} {svg.number(outer)} 0 0 1 {svg.number(c[0])} {svg.number(c[1])}",
            f"L{svg.number(d[0])} {svg.number(d[1])}",
            f"A{svg.number(inner)} {svg.number(inner)} 0 0 0 {svg.number(a[0])} {svg.number(a[1])}Z",
        ],
        style,
    )
