"""Draw docs/concepts/splitting.svg: one auction of nine areas, cleared and verified, as a map of prices and flows."""

from pathlib import Path
from typing import Final

import numpy as np

from wattmark.core.codes import AREA_TEXT, Area
from wattmark.core.money import format_price
from wattmark.market.coupling import Coupled, Links, Steps, couple, japan_links
from wattmark.market.coupling_check import verify_coupled

PICTURE: Final = Path(__file__).resolve().parent.parent / "docs" / "concepts" / "splitting.svg"
PLACES: Final = {
    1: (690, 60),
    2: (690, 215),
    3: (690, 370),
    4: (530, 370),
    5: (530, 215),
    6: (370, 290),
    7: (220, 215),
    8: (250, 400),
    9: (70, 290),
}
"""Where each area stands: north-east at the top right, Kyushu at the left [px]."""
SELLS: Final = {
    1: ((1_400, 30), (2_300, 20)),
    2: ((600, 90), (1_300, 60)),
    3: ((1_100, 160), (1_900, 90), (2_600, 60)),
    4: ((1_000, 90), (1_500, 80)),
    5: ((700, 30),),
    6: ((900, 70), (1_600, 80)),
    7: ((1_200, 50),),
    8: ((500, 40), (1_200, 20)),
    9: ((1, 120), (800, 50)),
}
"""Each area's offers in one noon hour: (limit [sen/kWh], lots)."""
BUYS: Final = {1: 48, 2: 60, 3: 300, 4: 130, 5: 20, 6: 140, 7: 55, 8: 25, 9: 90}
"""Lots each area needs at any price."""
LIMITS: Final = {
    (1, 2): 9, (2, 1): 9, (2, 3): 55, (3, 2): 20, (3, 4): 21, (4, 3): 21, (4, 5): 10, (5, 4): 10, (4, 6): 25, (6, 4): 25,
    (5, 6): 16, (6, 5): 16, (6, 7): 40, (7, 6): 40, (6, 8): 14, (8, 6): 14, (7, 8): 12, (8, 7): 12, (7, 9): 20, (9, 7): 28,
}  # fmt: skip
FILLS: Final = ("#fde68a", "#bbf7d0", "#bae6fd", "#e9d5ff", "#fecaca", "#fed7aa")
"""One colour per price, cheapest first; the price stands beside it."""


def example() -> tuple[Steps, Links]:
    """Return the auction of the picture."""
    rows = [(price, lots, 2, area) for area, offers in SELLS.items() for price, lots in offers]
    rows += [(0, lots, 1, area) for area, lots in BUYS.items()]
    return Steps(*np.array(rows, np.int64).T.copy()), japan_links(LIMITS)


def draw(links: Links, found: Coupled) -> str:
    """Return the picture: areas coloured by price, an arrow per flow, a bar across where its limit is reached."""
    colours = dict(zip(sorted({price for price in found.prices_sen if price is not None}), FILLS, strict=False))
    parts = []
    rows = zip(
        links.from_area.tolist(), links.to_area.tolist(), links.capacity.tolist(), found.flow.tolist(), strict=True
    )
    for start, end, limit, flow in rows:
        (x1, y1), (x2, y2) = PLACES[start], PLACES[end]
        if not flow:
            if start < end and not found.flow[(links.from_area == end) & (links.to_area == start)].any():
                parts.append(f'<path class="idle" d="M{x1} {y1}L{x2} {y2}"/>')
            continue
        length = float(np.hypot(x2 - x1, y2 - y1))
        ux, uy = (x2 - x1) / length, (y2 - y1) / length
        ax, ay, bx, by = x1 + 48 * ux, y1 + 48 * uy, x2 - 52 * ux, y2 - 52 * uy
        parts.append(f'<path class="flow" marker-end="url(#head)" d="M{ax:.0f} {ay:.0f}L{bx:.0f} {by:.0f}"/>')
        mx, my = (ax + bx) / 2, (ay + by) / 2
        if flow == limit:
            parts.append(
                f'<path class="full" d="M{mx - 9 * uy:.0f} {my + 9 * ux:.0f}L{mx + 9 * uy:.0f} {my - 9 * ux:.0f}"/>'
            )
        text = f"{flow} of {limit}"
        parts.append(
            f'<text class="small" x="{mx - (16 + 24 * abs(uy)) * uy:.0f}" y="{my + 20 * ux + 4:.0f}">{text}</text>'
        )
    for area, (x, y) in PLACES.items():
        price = found.prices_sen[area - 1]
        name = AREA_TEXT[Area(area)]
        fill = "#e5e7eb" if price is None else colours[price]
        shown = "-" if price is None else format_price(price)
        net = int(found.net[area - 1])
        parts.append(
            f'<circle cx="{x}" cy="{y}" r="44" fill="{fill}"/>'
            f'<text x="{x}" y="{y - 17}" class="small">{name.en} {name.ja}</text>'
            f'<text x="{x}" y="{y + 5}" class="price">{shown}</text>'
            f'<text x="{x}" y="{y + 24}" class="small">{net:+d}</text>'
        )
    title = (
        f"Nine areas, {len(colours)} prices in JPY/kWh; the system price would be {format_price(found.system_price_sen or 0)}. "
        f"Below each price the net position in lots; a bar marks a full link. Congestion income {found.income:,} sen x lots."
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 460" role="img" aria-labelledby="t">\n'
        f'<title id="t">{title}</title>\n'
        '<defs><marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="5" markerHeight="5" orient="auto">'
        '<path d="M0 0L8 4L0 8Z" fill="#1f2937"/></marker></defs>\n'
        "<style>text{font:13px sans-serif;text-anchor:middle;fill:#111827}.small{font-size:10px}.price{font-weight:bold;"
        "font-size:15px}circle{stroke:#1f2937}.flow{stroke:#1f2937;stroke-width:2.5}.idle{stroke:#9ca3af;stroke-dasharray:4 4}"
        ".full{stroke:#b91c1c;stroke-width:4}</style>\n"
        '<rect width="760" height="460" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def main() -> str:
    """Clear, verify and draw the example."""
    steps, links = example()
    found = couple(steps, links, areas=9)
    verify_coupled(steps, links, found, areas=9)
    return draw(links, found)


if __name__ == "__main__":
    PICTURE.write_text(main(), encoding="utf-8")
