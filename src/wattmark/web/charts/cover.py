"""The bank's cover (K4): what stands behind the tokens held past their period."""

from markupsafe import Markup

from wattmark.web.charts import svg


def cover_bar(outstanding_wh: int, parts_wh: tuple[tuple[str, int], ...], label: str, *, wide: bool) -> Markup:
    """Return two bars on one axis: what was promised, and what covers it, part by part.

    Args:
        outstanding_wh: banked tokens not yet redeemed [Wh].
        parts_wh: (texture name, energy) of forward, stored and collateral cover [Wh].
        label: the sentence a screen reader says.
        wide: for a desk, else for a phone.
    """
    width, height = (640, 84) if wide else (360, 84)
    frame = svg.Frame(width, height, 4, 4, 4, 4)
    limit = max(outstanding_wh, sum(wh for _, wh in parts_wh), 1)
    body = [svg.rect(frame.left, 8, frame.x(outstanding_wh, limit) - frame.left, 26, "bar owed")]
    done = 0
    for name, wh in parts_wh:
        if wh > 0:
            x = frame.x(done, limit)
            body.append(svg.rect(x, 46, frame.x(done + wh, limit) - x, 26, f"bar s-{name}"))
            done += wh
    x = frame.x(outstanding_wh, limit)
    body.append(svg.line(x, 2, x, height - 4, "owed-line"))
    return svg.picture(width, height, label, body, style="wide" if wide else "narrow")
