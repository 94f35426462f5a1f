"""What an exchange publishes of an auction: groups of areas, prices, volumes (J20, J32, J35)."""

from dataclasses import dataclass
from typing import Final

from wattmark.core.codes import Area

SYSTEM: Final = -1
"""Number of the system curve, whose column is empty in the files (J31)."""
CurveKey = tuple[int, int, int]
"""Delivery day numbered from 1970-01-01, slot 1..48, number of the group or ``SYSTEM``."""


@dataclass(frozen=True, slots=True, order=True)
class AreaGroup:
    """Areas that had one price in a slot (J32).

    Attributes:
        day: delivery day, numbered from 1970-01-01.
        slot: 1..48 (J6).
        group: number of its curve, -1 for the system curve; numbers can skip.
        areas: its areas in ascending order, empty for the system.
    """

    day: int
    slot: int
    group: int
    areas: tuple[Area, ...]

    @property
    def key(self) -> CurveKey:
        """Return day, slot and group."""
        return self.day, self.slot, self.group


@dataclass(frozen=True, slots=True)
class SpotResult:
    """The published result of one slot (J35).

    Attributes:
        day: delivery day, numbered from 1970-01-01.
        slot: 1..48 (J6).
        sell_kwh: offered, ``None`` when not published [kWh].
        buy_kwh: wanted [kWh].
        contract_kwh: traded [kWh].
        system_sen: system price, ``None`` without one [sen/kWh].
        area_sen: nine area prices in the order of the areas; ``None``: suspended; 0 before 2017: no trade [sen/kWh].
        blocks_kwh: sell blocks offered and accepted, buy blocks wanted and accepted [kWh].
    """

    day: int
    slot: int
    sell_kwh: int | None
    buy_kwh: int | None
    contract_kwh: int | None
    system_sen: int | None
    area_sen: tuple[int | None, ...]
    blocks_kwh: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class PublishedPrice:
    """The published price of one curve.

    Attributes:
        areas: areas of the curve's group, empty for the system.
        price_sen: the price, ``None`` when none was published [sen/kWh].
        contract_kwh: traded by all areas; with the system curve only [kWh].
    """

    areas: tuple[Area, ...]
    price_sen: int | None
    contract_kwh: int | None
