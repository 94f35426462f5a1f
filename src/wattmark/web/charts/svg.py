"""The few SVG words the charts share: numbers, scales, ticks, tags, patterns.

Colours are never written here: a mark carries a class (``s-solar``, ``demand``) and the style sheet
gives it a colour for light and dark. Every class also has a texture, so colour is never the only sign.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

TICK_STEPS: Final = (1, 2, 5)
"""Friendly steps of an axis, times a power of ten."""
TEXTURES: Final = ("solar", "wind", "hydro", "biomass", "geothermal", "storage", "other", "banked", "grid")
"""Names that have both a colour and a texture."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The drawing area inside the margins of a picture [px].

    Attributes:
        width: picture width.
        height: picture height.
        left: margin for the value axis.
        right: margin on the right.
        top: margin above.
        bottom: margin for the time axis.
    """

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int

    @property
    def inner_width(self) -> int:
        """Return the width of the drawing area [px]."""
        return self.width - self.left - self.right

    @property
    def inner_height(self) -> int:
        """Return the height of the drawing area [px]."""
        return self.height - self.top - self.bottom

    def x(self, value: float, limit: float) -> float:
        """Return the horizontal position of ``value`` on the axis 0..limit [px]."""
        return self.left + self.inner_width * value / limit if limit else float(self.left)

    def y(self, value: float, limit: float) -> float:
        """Return the vertical position of ``value`` on the axis 0..limit [px]."""
        share = value / limit if limit else 0.0
        return self.top + self.inner_height * (1 - share)


def number(value: float) -> str:
    """Return a short decimal with at most one place, the precision of a pixel."""
    text = f"{value:.1f}"
    return text.removesuffix(".0")


def ticks(limit: float, wanted: int) -> list[int]:
    """Return about ``wanted`` round values from 0 up to a round value at or above ``limit``."""
    if limit <= 0:
        return [0, 1]
    rough = max(limit / wanted, 1)
    power = 1
    while power * 10 <= rough:
        power *= 10
    step = next((power * factor for factor in TICK_STEPS if power * factor >= rough), power * 10)
    count = int(-(-limit // step))
    return [step * index for index in range(count + 1)]


def tag(name: str, attributes: dict[str, object], body: str = "") -> str:
    """Return one element; attribute values are escaped, ``body`` must be markup already."""
    words = "".join(f' {key}="{escape(_plain(value))}"' for key, value in attributes.items())
    return f"<{name}{words}>{body}</{name}>" if body else f"<{name}{words}/>"


def _plain(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)


def text(x: float, y: float, words: str, *, style: str = "tick", anchor: str = "start") -> str:
    """Return a text element with escaped words."""
    place = {"x": float(x), "y": float(y), "class": style, "text-anchor": anchor}
    return tag("text", dict(place), str(escape(words)))


def rect(x: float, y: float, width: float, height: float, style: str) -> str:
    """Return a rectangle of the given class."""
    return tag("rect", {"x": float(x), "y": float(y), "width": float(width), "height": float(height), "class": style})


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    """Return a straight line of the given class."""
    return tag("line", {"x1": float(x1), "y1": float(y1), "x2": float(x2), "y2": float(y2), "class": style})


def path(commands: Iterable[str], style: str) -> str:
    """Return a path of the given class."""
    return tag("path", {"d": "".join(commands), "class": style})


def steps(points: Sequence[tuple[float, float, float]]) -> list[str]:
    """Return path commands of a step line through (x from, x to, y) pieces; a jump in x starts anew."""
    commands: list[str] = []
    last_x: float | None = None
    for start, end, y in points:
        joined = last_x is not None and abs(last_x - start) < 1e-6
        commands.append(f"{'L' if joined else 'M'}{number(start)} {number(y)}L{number(end)} {number(y)}")
        last_x = end
    return commands


def picture(width: int, height: int, label: str, body: Iterable[str], *, style: str) -> Markup:
    """Return the svg element: an image for a screen reader, named by one sentence."""
    attributes: dict[str, object] = {
        "viewBox": f"0 0 {width} {height}",
        "role": "img",
        "aria-label": label,
        "class": f"chart {style}",
        "focusable": "false",
    }
    return Markup(tag("svg", attributes, "".join(body)))  # noqa: S704 - every part above is escaped


def texture_defs() -> Markup:
    """Return the hidden svg with the pattern of every source, once per page.

    A mark is filled with ``url(#p-wind)``: a plain ground in the source's colour under a texture.
    """
    drawn = {
        "solar": "",
        "wind": '<path d="M0 6L6 0" class="ink"/>',
        "hydro": '<path d="M0 3Q1.5 1 3 3T6 3" class="ink"/>',
        "biomass": '<circle cx="3" cy="3" r="1" class="dot"/>',
        "geothermal": '<path d="M3 0V6" class="ink"/>',
        "storage": '<path d="M0 3H6" class="ink"/>',
        "other": '<path d="M0 0L6 6M0 6L6 0" class="ink"/>',
        "banked": '<path d="M0 2H6M0 5H6" class="ink"/>',
        "grid": '<path d="M0 0L6 6" class="ink"/>',
    }
    body = "".join(
        f'<pattern id="p-{name}" width="6" height="6" patternUnits="userSpaceOnUse">'
        f'<rect width="6" height="6" class="c-{name}"/>{drawn[name]}</pattern>'
        for name in TEXTURES
    )
    return Markup(f'<svg class="defs" width="0" height="0" aria-hidden="true"><defs>{body}</defs></svg>')  # noqa: S704 - drawn by us, every text in it escaped
