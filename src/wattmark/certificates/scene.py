"""The sky and the land of a stamp: 256 x 240 units, origin at the top left of the art."""

import math
from dataclasses import dataclass
from typing import Final

from wattmark.certificates.palette import PAPER, Palette, mix, plant_palette
from wattmark.certificates.sky import Sun, sun_at
from wattmark.certificates.stamp import StampFacts
from wattmark.certificates.svg import number, points

ART_WIDTH: Final = 256
ART_HEIGHT: Final = 240
HORIZON: Final = 168
"""Where the land begins [units from the top]."""

TWILIGHT_DEGREES: Final = 14.0
FULL_DAY_DEGREES: Final = 22.0


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything a motif needs to know about one stamp."""

    facts: StampFacts
    palette: Palette
    sun: Sun
    plant: bytes
    token: bytes
    key: str

    @property
    def daylight(self) -> float:
        """Return 0 at night, 1 in full day."""
        return min(1.0, max(0.0, (self.sun.altitude + 6.0) / (FULL_DAY_DEGREES + 6.0)))

    @property
    def twilight(self) -> float:
        """Return 1 with the sun on the horizon, 0 well above or below."""
        return max(0.0, 1.0 - abs(self.sun.altitude - 1.0) / TWILIGHT_DEGREES)

    @property
    def vigour(self) -> float:
        """Return the output as a share of the rated power, 0..1."""
        return self.facts.output_per_mille / 1_000

    def shade(self, colour: str) -> str:
        """Return a colour as it looks at this hour."""
        return mix(mix(colour, self.palette.ink, 0.62 * (1 - self.daylight)), self.palette.accent, 0.10 * self.twilight)

    def disc(self) -> tuple[float, float]:
        """Return where the sun or the moon stands."""
        if self.sun.altitude > -3:
            x = ART_WIDTH / 2 + 100 * math.sin(math.radians(self.sun.hour_angle))
            return x, HORIZON - 8 - 118 * math.sin(math.radians(min(80.0, max(-3.0, self.sun.altitude * 1.15))))
        return 44 + self.plant[3] % 168, 44 + self.plant[4] % 30

    def count(self, low: int, high: int) -> int:
        """Return a number of strokes: more energy, denser drawing."""
        return low + round((high - low) * self.vigour)


def make_scene(facts: StampFacts) -> Scene:
    """Return the scene of a stamp."""
    middle_s = facts.period.start_s + facts.period.duration_s // 2
    token = facts.token_hash
    return Scene(
        facts, plant_palette(facts.plant_hash), sun_at(middle_s, facts.area), facts.plant_hash, token, token[:4].hex()
    )


def sky(scene: Scene) -> list[str]:
    """Return the graded sky, the rings of light, the disc and, at night, the stars."""
    palette = scene.palette
    top = mix(mix(palette.ink, palette.deep, 0.35), mix(palette.mid, palette.light, 0.25), scene.daylight)
    low = mix(mix(palette.deep, palette.mid, 0.45), mix(palette.light, PAPER, 0.55), scene.daylight)
    low = mix(low, palette.accent, 0.55 * scene.twilight)
    middle = mix(mix(top, low, 0.6), palette.light, 0.25 * scene.daylight)
    x, y = scene.disc()
    parts = [
        (
            f'<linearGradient id="s{scene.key}" x2="0" y2="1"><stop stop-color="{top}"/>'
            f'<stop offset=".45" stop-color="{middle}"/><stop offset=".75" stop-color="{low}"/></linearGradient>'
            f'<rect width="{ART_WIDTH}" height="{ART_HEIGHT}" fill="url(#s{scene.key})"/>'
        )
    ]
    parts.extend(_stars(scene) if scene.daylight < 0.2 else [])
    parts.append(_rings(scene, x, y))
    if scene.sun.altitude > -3:
        warm = mix(palette.accent, "#fff6d8", 0.10 + 0.25 * scene.daylight)
        parts.append(f'<circle cx="{number(x)}" cy="{number(y)}" r="25" fill="{warm}"/>')
        parts.append(
            f'<circle cx="{number(x)}" cy="{number(y)}" r="29" fill="none" stroke="{warm}" stroke-width="1.2"/>'
        )
    else:
        moon = mix(palette.light, PAPER, 0.6)
        parts.append(
            f'<path d="M{points(x - 4, y - 18)}a18 18 0 1 0 {points(20, 24)}a14.5 14.5 0 1 1 {points(-20, -24)}z" fill="{moon}"/>'
        )
    return parts


def _rings(scene: Scene, x: float, y: float) -> str:
    """Engraved rings of light around the disc; more energy draws them closer together."""
    step = 230 / scene.count(9, 34)
    radius = 34.0
    path: list[str] = []
    while radius < 250:
        path.append(f"M{points(x - radius, y)}a{points(radius, radius)} 0 1 0 {points(2 * radius, 0)}")
        path.append(f"a{points(radius, radius)} 0 1 0 {points(-2 * radius, 0)}")
        radius += step
        step *= 1.012
    tone = mix(scene.palette.light, PAPER, 0.5)
    return f'<path d="{"".join(path)}" fill="none" stroke="{tone}" stroke-width=".9" opacity="{number(0.3 + 0.2 * scene.daylight)}"/>'


def _stars(scene: Scene) -> list[str]:
    path = []
    for at in range(0, 28, 2):
        x, y = 8 + scene.plant[at] * 240 // 255, 6 + scene.plant[at + 1] * 118 // 255
        size = 1 + scene.plant[at] % 3 * 0.5
        path.append(f"M{points(x - size, y)}l{points(size, -size)} {points(size, size)} {points(-size, size)}z")
    return [f'<path d="{"".join(path)}" fill="{mix(scene.palette.light, PAPER, 0.7)}"/>']


def hills(scene: Scene, layers: int = 3) -> list[str]:
    """Return the plant's own skyline, back to front: always the same for one plant."""
    palette = scene.palette
    tones = (mix(palette.light, palette.mid, 0.55), palette.mid, mix(palette.mid, palette.deep, 0.65))
    parts = []
    for layer in range(layers):
        base = HORIZON - 26 + 22 * layer
        heights = [scene.plant[8 + layer * 5 + step] % 34 for step in range(5)]
        curve = [f"M0 {ART_HEIGHT}V{number(base - heights[0] * 0.6)}"]
        for step in range(4):
            x = 64 * (step + 1)
            rise, following = heights[step] * (1 - 0.22 * layer), heights[step + 1] * 0.6
            curve.append(
                f"C{points(x - 46, base - rise * 1.5)} {points(x - 24, base - rise * 1.2)} {points(x, base - following)}"
            )
        parts.append(f'<path d="{"".join(curve)}V{ART_HEIGHT}z" fill="{scene.shade(tones[layer])}"/>')
        if layer == 0 and scene.plant[30] % 2:
            parts.append(_mist(scene, base))
    return parts


def _mist(scene: Scene, base: float) -> str:
    """A band of mist with round ends, as woodcuts show depth."""
    tone = mix(scene.palette.light, PAPER, 0.6)
    x = scene.plant[31] % 60
    bars = [(x, base + 4, 96), (x + 58, base + 11, 120), (x + 22, base + 18, 70)]
    path = "".join(f"M{points(left, top)}h{number(length)}" for left, top, length in bars)
    return (
        f'<path d="{path}" stroke="{tone}" stroke-width="5" stroke-linecap="round" '
        f'opacity="{number(0.35 + 0.4 * scene.daylight)}"/>'
    )
