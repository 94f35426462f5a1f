"""What stands in the landscape: one motif per source, drawn harder the more energy was made."""

import math
from collections.abc import Callable
from typing import Final

from wattmark.certificates.palette import PAPER, mix
from wattmark.certificates.scene import ART_HEIGHT, ART_WIDTH, HORIZON, Scene
from wattmark.certificates.svg import number, points
from wattmark.core.codes import Source


def solar(scene: Scene) -> list[str]:
    """Rows of tilted panels; the glint follows the output."""
    palette = scene.palette
    face, line = scene.shade(palette.deep), scene.shade(mix(palette.light, palette.mid, 0.2))
    parts = [f'<path d="M0 204Q128 182 256 202V240H0z" fill="{scene.shade(mix(palette.mid, palette.light, 0.35))}"/>']
    for row, (top, height, width, lean) in enumerate(((192, 11, 34, 9), (206, 15, 46, 12), (224, 20, 62, 16))):
        offset = -12 + scene.plant[20 + row] % 20
        outline: list[str] = []
        grid: list[str] = []
        for column in range(-1, 8):
            x = offset + column * (width + 6)
            if not -width < x < ART_WIDTH + 10:
                continue
            outline.append(
                f"M{points(x, top + height)}l{points(lean, -height)}h{number(width - 8)}l{points(-lean, height)}z"
            )
            grid.extend(
                f"M{points(x + (width - 8) * part / 4, top + height)}l{points(lean, -height)}" for part in (1, 2, 3)
            )
            grid.append(f"M{points(x + lean / 2, top + height / 2)}h{number(width - 8)}")
        parts.append(f'<path d="{"".join(outline)}" fill="{face}"/>')
        parts.append(f'<path d="{"".join(grid)}" stroke="{line}" stroke-width=".8" opacity=".75"/>')
    return parts


def rays(scene: Scene) -> list[str]:
    """Return the rays of a working sun, one more for every step of output."""
    if scene.sun.altitude <= 0:
        return []
    x, y = scene.disc()
    colour = mix(scene.palette.accent, "#fff6d8", 0.4)
    number_of_rays, path = scene.count(8, 28), []
    for ray in range(number_of_rays):
        angle = 2 * math.pi * ray / number_of_rays
        long = 62 if ray % 2 else 48
        left, right = angle - 0.035, angle + 0.035
        path.append(
            f"M{points(x + 34 * math.cos(left), y + 34 * math.sin(left))}"
            f"L{points(x + long * math.cos(angle), y + long * math.sin(angle))} "
            f"{points(x + 34 * math.cos(right), y + 34 * math.sin(right))}z"
        )
    return [f'<path d="{"".join(path)}" fill="{colour}"/>']


def wind(scene: Scene) -> list[str]:
    """Turbines in the plant's order, each at the rotor angle of the period."""
    palette = scene.palette
    parts = []
    body = mix(PAPER, palette.light, 0.25 if scene.daylight > 0.3 else 0.6)
    first = 40 + scene.plant[21] % 40
    for at, (x, foot, size) in enumerate(((first, 184, 0.62), (first + 130, 190, 0.74), (first + 62, 214, 1.15))):
        parts.append(_turbine(scene, x, foot, size, body, at))
    return parts


def _turbine(scene: Scene, x: float, foot: float, size: float, body: str, at: int) -> str:
    hub = foot - 92 * size
    angle = (scene.facts.period.start_s // 60 + scene.facts.bundle_wh + 37 * at) % 120
    edge = scene.shade(mix(scene.palette.mid, scene.palette.deep, 0.6))
    blade = f"M0 0C{points(5 * size, -14 * size)} {points(4 * size, -34 * size)} 0 {number(-50 * size)}"
    blade += f"C{points(-2.5 * size, -32 * size)} {points(-3 * size, -12 * size)} 0 0z"
    blades = "".join(f'<path d="{blade}" transform="rotate({angle + turn})"/>' for turn in (0, 120, 240))
    tower = (
        f"M{points(x - 1.6 * size, hub)}h{number(3.2 * size)}l{points(1.8 * size, foot - hub)}h{number(-6.8 * size)}z"
    )
    return (
        f'<g fill="{body}" stroke="{edge}" stroke-width=".7"><path d="{tower}"/>'
        f'<g transform="translate({points(x, hub)})">{blades}<circle r="{number(3.4 * size)}"/></g></g>'
    )


def stream(scene: Scene) -> list[str]:
    """Return the moving air, one line more for every step of output."""
    path = []
    lines = scene.count(4, 15)
    for line in range(lines):
        y = 30 + 128 * line / lines
        x = (scene.plant[line % 32] * 7 + line * 53) % 110
        path.append(f"M{points(x, y)}q26 -9 52 0t52 0")
        if line % 3 == 0:
            path.append("c14 -6 22 -16 12 -20c-8 -2 -11 6 -5 9")
    tone = mix(PAPER, scene.palette.light, 0.2)
    return [
        (
            f'<path d="{"".join(path)}" fill="none" stroke="{tone}" stroke-width="1.5" stroke-linecap="round" '
            f'opacity="{number(0.4 + 0.4 * scene.daylight)}"/>'
        )
    ]


def hydro(scene: Scene) -> list[str]:
    """A fall between rocks into seigaiha waves; more water, more strands and rows."""
    palette = scene.palette
    x = 78 + scene.plant[21] % 100
    rock, foam = scene.shade(mix(palette.deep, palette.ink, 0.3)), mix(PAPER, palette.light, 0.25)
    water = scene.shade(mix(palette.mid, palette.light, 0.35))
    parts = [
        (
            f'<path d="M{points(x - 62, 214)}L{points(x - 46, 142)}l10 -22 14 -10 6 -14 10 6V214z'
            f'M{points(x + 62, 214)}L{points(x + 50, 148)}l-12 -26 -12 -8 -6 -20 -12 10V214z" fill="{rock}"/>'
        ),
        (
            f'<path d="M{points(x - 17, 100)}Q{points(x, 94)} {points(x + 14, 102)}C{points(x + 18, 150)} {points(x + 22, 190)} {points(x + 32, 214)}'
            f'H{number(x - 34)}C{points(x - 22, 188)} {points(x - 20, 150)} {points(x - 17, 100)}z" fill="{water}"/>'
        ),
    ]
    strands = scene.count(3, 12)
    path = []
    for strand in range(strands):
        share = (strand + 0.5) / strands
        top, low = x - 15 + 28 * share, x - 32 + 62 * share
        path.append(f"M{points(top, 104 + strand % 3 * 6)}C{points(top, 150)} {points(low, 170)} {points(low, 212)}")
    parts.append(f'<path d="{"".join(path)}" fill="none" stroke="{foam}" stroke-width="1.8" stroke-linecap="round"/>')
    parts.extend(_seigaiha(scene, 204))
    return parts


def _seigaiha(scene: Scene, top: float) -> list[str]:
    palette = scene.palette
    sea, line = scene.shade(mix(palette.deep, palette.mid, 0.35)), mix(PAPER, palette.light, 0.35)
    key = scene.key
    radii = (15, 10.5, 6) if scene.vigour < 0.6 else (15, 12, 9, 6, 3)
    scale = f'<circle r="15" fill="{sea}"/>' + "".join(f'<circle r="{number(radius)}"/>' for radius in radii)
    parts = [f'<defs><g id="w{key}" fill="none" stroke="{line}" stroke-width="1">{scale}</g></defs>']
    for row in range(6):
        y = top + 12 + row * 7.5
        parts.extend(
            f'<use href="#w{key}" x="{number(x)}" y="{number(y)}"/>'
            for x in range(-15 if row % 2 else 0, ART_WIDTH + 16, 30)
        )
    return parts


def biomass(scene: Scene) -> list[str]:
    """Cedars of the plant's forest and the motes that rise from it."""
    palette = scene.palette
    parts = []
    for row, (foot, size, share) in enumerate(((188, 0.62, 0.15), (208, 0.85, 0.5), (240, 1.2, 0.9))):
        path = []
        for at in range(11 - 2 * row):
            x = (at + 0.5) * ART_WIDTH / (11 - 2 * row) + scene.plant[(at * 3 + row) % 32] % 14 - 7
            height = (52 + scene.plant[(at * 5 + row) % 32] % 22) * size
            width = 13 * size
            top = foot - height
            path.append(
                f"M{points(x, top)}l{points(width * 0.6, height * 0.34)}h{number(-width * 0.25)}l{points(width * 0.5, height * 0.28)}"
                f"h{number(-width * 0.25)}l{points(width * 0.5, height * 0.3)}H{number(x - width * 1.1)}"
                f"l{points(width * 0.5, -height * 0.3)}h{number(-width * 0.25)}l{points(width * 0.5, -height * 0.28)}h{number(-width * 0.25)}z"
                f"M{points(x - 1.5 * size, foot - height * 0.1)}h{number(3 * size)}v{number(height * 0.12)}h{number(-3 * size)}z"
            )
        parts.append(f'<path d="{"".join(path)}" fill="{scene.shade(mix(palette.mid, palette.ink, share * 0.75))}"/>')
    motes = scene.count(5, 26)
    sparks = []
    for mote in range(motes):
        x = 30 + (scene.plant[mote % 32] * 5 + mote * 47) % 196
        y = 158 - (scene.plant[(mote * 7) % 32] + mote * 29) % 118
        size = 1.6 + mote % 3 * 0.8
        sparks.append(
            f"M{points(x, y - size * 1.8)}q{points(size, size * 1.8)} 0 {number(size * 3.2)}q{points(-size, -size * 1.4)} 0 {number(-size * 3.2)}z"
        )
    parts.append(f'<path d="{"".join(sparks)}" fill="{mix(palette.accent, "#fff6d8", 0.35)}"/>')
    return parts


def geothermal(scene: Scene) -> list[str]:
    """A cone and its steam, one curl more for every step of output."""
    palette = scene.palette
    x = 96 + scene.plant[21] % 60
    cone, snow = scene.shade(mix(palette.mid, palette.deep, 0.5)), mix(PAPER, palette.light, 0.2)
    parts = [
        f'<path d="M{points(x - 118, 240)}C{points(x - 70, 200)} {points(x - 34, 130)} {points(x - 18, 96)}h34C{points(x + 34, 132)} {points(x + 72, 202)} {points(x + 124, 240)}z" fill="{cone}"/>',
        f'<path d="M{points(x - 18, 96)}h34l11 24 -9 -4 -6 13 -9 -12 -8 16 -8 -15 -9 10 -6 -9z" fill="{snow}"/>',
    ]
    path = []
    curls = scene.count(2, 9)
    for curl in range(curls):
        left = x - 16 + 32 * (curl + 0.5) / curls
        lean = (curl - (curls - 1) / 2) * 7
        path.append(
            f"M{points(left, 92)}c{points(-8, -14)} {points(10 + lean * 0.4, -22)} {points(lean * 0.5, -38)}"
            f"s{points(lean * 0.8 + 6, -18)} {points(lean * 0.7, -34)}"
        )
    parts.append(
        f'<path d="{"".join(path)}" fill="none" stroke="{snow}" stroke-width="4" stroke-linecap="round" opacity=".8"/>'
    )
    return parts


def storage(scene: Scene) -> list[str]:
    """A lantern whose cells glow as far as the store gave."""
    palette = scene.palette
    frame, glow = scene.shade(palette.ink), mix(palette.accent, "#fff6d8", 0.5)
    pale = mix(palette.light, PAPER, 0.4)
    cells = 8
    lit = scene.count(1, cells)
    parts = [
        f'<path d="M0 214Q128 198 256 212V{ART_HEIGHT}H0z" fill="{scene.shade(palette.deep)}"/>',
        f'<circle cx="128" cy="140" r="88" fill="{glow}" opacity="{number(0.1 + 0.3 * scene.vigour)}"/>',
        f'<path d="M98 58h60v10H98zM86 214h84v10H86zM124 40h8v18h-8z" fill="{frame}"/>',
    ]
    for cell in range(cells):
        top = 198 - cell * 17.5
        half = 34 + 12 * math.sin(math.pi * (cell + 0.5) / cells)
        colour = glow if cell < lit else pale
        parts.append(
            f'<rect x="{number(128 - half)}" y="{number(top)}" width="{number(2 * half)}" height="15" rx="4" '
            f'fill="{colour}" stroke="{frame}" stroke-width="1.6"/>'
        )
    return parts


def other(scene: Scene) -> list[str]:
    """Asanoha, the hemp leaf, for what has no picture of its own."""
    palette = scene.palette
    line = mix(PAPER, palette.light, 0.3)
    key, side = scene.key, 30.0
    half, tall = side / 2, side * 0.866
    star = "".join(
        f"M0 0L{points(side * math.cos(math.pi / 3 * turn), side * math.sin(math.pi / 3 * turn))}" for turn in range(6)
    ) + "".join(
        f"M0 0L{points(tall * 2 / 3 * math.cos(math.pi / 6 + math.pi / 3 * turn), tall * 2 / 3 * math.sin(math.pi / 6 + math.pi / 3 * turn))}"
        f"L{points(side * math.cos(math.pi / 3 * turn), side * math.sin(math.pi / 3 * turn))}"
        for turn in range(6)
    )
    parts = [
        f'<path d="M0 {HORIZON + 8}Q128 {HORIZON - 12} 256 {HORIZON + 6}V{ART_HEIGHT}H0z" fill="{scene.shade(palette.deep)}"/>',
        f'<defs><path id="a{key}" d="{star}" fill="none" stroke="{line}" stroke-width="1"/></defs>',
        f'<clipPath id="l{key}"><path d="M0 {HORIZON + 8}Q128 {HORIZON - 12} 256 {HORIZON + 6}V{ART_HEIGHT}H0z"/></clipPath>',
        f'<g clip-path="url(#l{key})" opacity="{number(0.4 + 0.5 * scene.vigour)}">',
    ]
    for row in range(4):
        y = HORIZON + row * tall
        parts.extend(
            f'<use href="#a{key}" x="{number(x * side + (half if row % 2 else 0))}" y="{number(y)}"/>'
            for x in range(10)
        )
    parts.append("</g>")
    return parts


MOTIFS: Final[dict[Source, Callable[[Scene], list[str]]]] = {
    Source.SOLAR: solar,
    Source.WIND: wind,
    Source.HYDRO: hydro,
    Source.BIOMASS: biomass,
    Source.GEOTHERMAL: geothermal,
    Source.STORAGE: storage,
    Source.OTHER: other,
}

BEHIND: Final[dict[Source, Callable[[Scene], list[str]]]] = {Source.SOLAR: rays, Source.WIND: stream}
"""What belongs to a motif but stands behind the hills."""
