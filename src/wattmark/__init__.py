"""Wattmark: registry, exchange, settlement and proofs for metered watt-hours."""

from typing import Final

__version__: Final = "0.1.0"
