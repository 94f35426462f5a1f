"""Tariffs: versioned terms for energy without a token, fixed before the day they apply to."""

from dataclasses import dataclass
from typing import Final

from wattmark.core.errors import MalformedInput
from wattmark.core.money import MAX_PRICE_SEN
from wattmark.core.text import Text

MAX_FIXED_E5: Final = 1 << 40
"""Largest fixed charge per day: about 11 million JPY [10^-5 JPY]."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """What the retailer adds to the area's day-ahead price.

    Attributes:
        version: number under which statements cite the terms.
        energy_adder_sen: added per kWh of residual [sen/kWh].
        fixed_per_day_e5: per account and day with any consumption row [10^-5 JPY].
    """

    version: int
    energy_adder_sen: int
    fixed_per_day_e5: int = 0

    def __post_init__(self) -> None:
        """Check the terms.

        Raises:
            MalformedInput: a term outside its range.
        """
        limits = {
            "version": (1, 1 << 31),
            "energy_adder_sen": (0, MAX_PRICE_SEN),
            "fixed_per_day_e5": (0, MAX_FIXED_E5),
        }
        for field, (low, high) in limits.items():
            if not low <= getattr(self, field) <= high:
                rule = Text(en=f"{low} to {high}", ja=f"{low}以上{high}以下")
                raise MalformedInput("TARIFF_INVALID", field, getattr(self, field), rule)
