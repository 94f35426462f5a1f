"""Wattmark: registry, exchange, settlement and proofs for metered watt-hours."""

from pathlib import Path
from typing import Final

from wattmark.core.kernel_cache import choose_cache

__version__: Final = "0.1.0"

choose_cache(Path(__file__).parent)
