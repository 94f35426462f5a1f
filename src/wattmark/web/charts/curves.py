"""The result of a call auction: supply and demand as steps, and where they cross (J12-J17, J20)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from wattmark.web.charts import svg
from wattmark.web.charts.axes import LEAST_HALF_SEN, NAME_PX, Level, cumulate, energy_unit, price_axis, reach

CROSS_PX: Final = 6


@dataclass(frozen=True, slots=True)
class CurveWords:
    """Words of the chart in one language; ``result`` names price and energy of the crossing."""

    label: str
    supply: str
    demand: str
    prices: str
    energy: str
    result: str


def curve_chart(
    sells: Sequence[Level], buys: Sequence[Level], result: Level | None, words: CurveWords, *, wide: bool
) -> Markup:
    """Return both curves over cumulated energy, the price upwards, and the crossing as a ring with a cross.

    Args:
        sells: levels, lowest price first; a market order stands at the lowest price of all (J17).
        buys: levels, highest price first; a market order stands at the highest (J17).
        result: price [sen/kWh] and energy [Wh] of the auction, ``None`` when nothing traded.
        words: what is written and said.
        wide: for a desk, else for a phone.
    """
    width, height = (640, 320) if wide else (360, 270)
    frame = svg.Frame(width, height, 52 if wide else 48, 14, 28, 44)
    low, high = _window(sells, buys, result)
    supply, demand = cumulate(sells), cumulate(buys)
    top = max([wh for _, wh in (*supply, *demand)] + [1])
    unit, divisor = energy_unit(top)
    marks = svg.ticks(top / divisor, 4 if wide else 3)
    limit = marks[-1] * divisor
    floor = height - frame.bottom
    body = price_axis(frame, low, high, words.prices, 4)
    body.append(svg.line(frame.left, floor, width - frame.right, floor, "base"))
    for mark in marks:
        x = frame.x(mark * divisor, limit)
        anchor = "end" if mark == marks[-1] else "middle"
        body.append(svg.line(x, floor, x, floor + 4, "base"))
        body.append(svg.text(x, floor + 18, f"{mark:,}", anchor=anchor))
    body.append(svg.text(width - frame.right, height - 6, f"{words.energy} [{unit}]", style="axis", anchor="end"))
    scale = (low, high, limit)
    body.append(svg.path(_curve(frame, supply, scale), "curve ask"))
    body.append(svg.path(_curve(frame, demand, scale), "curve bid"))
    body += _names(frame, supply, demand, words, scale)
    if result is not None:
        body += _crossing(frame, result, words.result, scale)
    return svg.picture(width, height, words.label, body, style="wide" if wide else "narrow")


def _window(sells: Sequence[Level], buys: Sequence[Level], result: Level | None) -> tuple[int, int]:
    """Return the lowest and the highest price drawn; curves beyond run along the edge [sen/kWh]."""
    middle = result[0] if result is not None else (sells or buys or [(0, 0)])[0][0]
    near = (
        sorted(sells, key=lambda level: abs(level[0] - middle)),
        sorted(buys, key=lambda level: abs(level[0] - middle)),
    )
    half = max(reach(near[0], middle), reach(near[1], middle), LEAST_HALF_SEN)
    half = min(half, 2 * middle + LEAST_HALF_SEN)
    half += half // 6 + 1
    return max(middle - half, 0), middle + half


def _y(frame: svg.Frame, price: int, scale: tuple[int, int, int]) -> str:
    low, high, _ = scale
    return svg.number(frame.y(min(max(price, low), high) - low, high - low))


def _curve(frame: svg.Frame, steps: Sequence[Level], scale: tuple[int, int, int]) -> list[str]:
    """Return the path: up to each price's height, then along its energy."""
    before = 0
    commands: list[str] = []
    for price, total in steps:
        y, limit = _y(frame, price, scale), scale[2]
        commands.append(f"{'L' if commands else 'M'}{svg.number(frame.x(before, limit))} {y}")
        commands.append(f"H{svg.number(frame.x(total, limit))}")
        before = total
    return commands


def _names(
    frame: svg.Frame, supply: Sequence[Level], demand: Sequence[Level], words: CurveWords, scale: tuple[int, int, int]
) -> list[str]:
    """Return the names of the curves, at the end of each."""
    found = []
    for steps, name, side in ((supply, words.supply, "ask"), (demand, words.demand, "bid")):
        if steps:
            x = frame.x(steps[-1][1], scale[2])
            y = float(_y(frame, steps[-1][0], scale))
            above = y - 8 if y - 20 > frame.top else y + 18
            below = y + 18 if y + 22 < frame.height - frame.bottom else y - 8
            y = above if side == "ask" else below
            anchor = "end" if x > frame.left + frame.inner_width / 3 else "start"
            found.append(svg.text(x - 4 if anchor == "end" else x + 4, y, name, style=f"key {side}-ink", anchor=anchor))
    return found


def _crossing(frame: svg.Frame, result: Level, words: str, scale: tuple[int, int, int]) -> list[str]:
    x, y = frame.x(result[1], scale[2]), float(_y(frame, result[0], scale))
    return [
        svg.line(frame.left, y, x, y, "middle"),
        svg.line(x, y, x, frame.height - frame.bottom, "middle"),
        *_ring(x, y),
        svg.text(frame.width - frame.right, NAME_PX + 2, words, style="key middle-ink", anchor="end"),
    ]


def _ring(x: float, y: float) -> list[str]:
    return [
        svg.tag("circle", {"cx": x, "cy": y, "r": CROSS_PX, "class": "crossing"}),
        svg.line(x - CROSS_PX, y, x + CROSS_PX, y, "crossing"),
        svg.line(x, y - CROSS_PX, x, y + CROSS_PX, "crossing"),
    ]
