"""Energy: whole watt-hours."""

from typing import Final

WH_PER_KWH: Final = 1_000
MAX_WH: Final = 1 << 40
"""Largest quantity a single command may name: about 1.1 TWh, far above one device's life [Wh]."""


def format_wh(wh: int) -> str:
    """Return ``532 Wh`` below one kWh, else exact kWh with thousands separators."""
    if abs(wh) < WH_PER_KWH:
        return f"{wh} Wh"
    sign = "-" if wh < 0 else ""
    kwh, rest = divmod(abs(wh), WH_PER_KWH)
    return f"{sign}{kwh:,}.{rest:03} kWh"
