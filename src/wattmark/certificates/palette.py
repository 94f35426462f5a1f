"""Colours of a plant: one of ten sets of traditional Japanese colours, chosen by its id."""

from dataclasses import dataclass
from typing import Final

PAPER: Final = "#f7f4ec"
INK: Final = "#1c1f24"
POSTMARK: Final = "#1f2530"


@dataclass(frozen=True, slots=True)
class Palette:
    """Five colours from dark to light and one accent, as ``#rrggbb``."""

    name: str
    ink: str
    deep: str
    mid: str
    light: str
    accent: str


PALETTES: Final = (
    Palette("ai", ink="#14233c", deep="#27456f", mid="#5b82b0", light="#c6d8e8", accent="#d9482b"),
    Palette("matcha", ink="#1d2b1b", deep="#3f5a35", mid="#7f9a62", light="#d6dfba", accent="#dd7f2c"),
    Palette("beni", ink="#36121d", deep="#7d2339", mid="#bd5c6f", light="#f0cfcd", accent="#e9a53c"),
    Palette("fuji", ink="#261f3b", deep="#51447a", mid="#8f82b8", light="#d9d2e8", accent="#e3aa3d"),
    Palette("seiji", ink="#0f2b2b", deep="#235754", mid="#5f9a93", light="#c5e0d8", accent="#d95b38"),
    Palette("yamabuki", ink="#35260d", deep="#7c5614", mid="#c4932f", light="#f3e0ac", accent="#c63c2c"),
    Palette("sumi", ink="#191c21", deep="#3b424c", mid="#7d8793", light="#d6dade", accent="#c8392a"),
    Palette("sakura", ink="#3a2030", deep="#86435f", mid="#cd889e", light="#f6dde2", accent="#dc5a45"),
    Palette("asagi", ink="#0c2a39", deep="#1b5a76", mid="#4c9fb8", light="#c4e4ea", accent="#ef9a36"),
    Palette("kaki", ink="#351a0e", deep="#853f1c", mid="#cc7d4a", light="#f4d8c0", accent="#ecb33f"),
)


def plant_palette(plant_hash: bytes) -> Palette:
    """Return the palette of a plant from the hash of its id."""
    return PALETTES[plant_hash[0] % len(PALETTES)]


def mix(first: str, second: str, share: float) -> str:
    """Return the colour ``share`` (0..1) of the way from the first to the second."""
    share = min(1.0, max(0.0, share))
    channels = (
        round(int(first[at : at + 2], 16) * (1 - share) + int(second[at : at + 2], 16) * share) for at in (1, 3, 5)
    )
    return "#" + "".join(f"{channel:02x}" for channel in channels)
