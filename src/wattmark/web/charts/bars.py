"""Plain bars over a day or over days: a plant's production."""

from collections.abc import Sequence

from markupsafe import Markup

from wattmark.web.charts import svg


def bar_chart(
    values_wh: Sequence[int], names: Sequence[str], *, texture: str, label: str, axis: str, wide: bool
) -> Markup:
    """Return one bar per value; ``names`` stand under the axis where not empty.

    Args:
        values_wh: heights [Wh].
        names: one short word per bar, empty for none.
        texture: class of the bars, one of ``svg.TEXTURES``.
        label: the sentence a screen reader says.
        axis: words over the value axis, without the unit.
        wide: for a desk, else for a phone.
    """
    width, height = (960, 260) if wide else (360, 220)
    frame = svg.Frame(width, height, 52 if wide else 44, 8, 26, 28)
    top = max([*values_wh, 1])
    unit, divisor = ("kWh", 1000) if top >= 2000 else ("Wh", 1)
    marks = svg.ticks(top / divisor, 3)
    limit = marks[-1] * divisor
    body = [svg.text(frame.left, 14, f"{axis} [{unit}]", style="axis")]
    for mark in marks:
        y = frame.y(mark * divisor, limit)
        body.append(svg.line(frame.left, y, width - frame.right, y, "rule" if mark else "base"))
        body.append(svg.text(frame.left - 6, y + 4, f"{mark:,}", anchor="end"))
    count = max(len(values_wh), 1)
    gap = frame.inner_width / count
    floor = height - frame.bottom
    for index, value in enumerate(values_wh):
        x = frame.x(index, count)
        if value > 0:
            y = frame.y(value, limit)
            body.append(svg.rect(x + gap * 0.08, y, gap * 0.84, floor - y, f"bar s-{texture}"))
        if names[index]:
            body.append(svg.text(x + gap / 2, floor + 19, names[index], anchor="middle"))
    return svg.picture(width, height, label, body, style="wide" if wide else "narrow")
