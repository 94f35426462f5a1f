"""The world a community lives in: what was consumed, what was produced, what the market paid.

A world is a pure function of its parameters (and of the data files, when it is a replay). Floats end
here: everything a meter or a market sees is a whole number of Wh or sen/kWh.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.codes import Area, Source
from wattmark.core.errors import MalformedInput
from wattmark.core.periods import DAY_S, JST_OFFSET_S, KOMA_S, Period, jst_day_start_s
from wattmark.core.text import Text

Ints = npt.NDArray[np.int64]

MISSING: Final = -1
"""A slot without a reading: never zero, never minted."""
MAX_DAYS: Final = 366
MAX_HOMES: Final = 1_000
MAX_PLANTS: Final = 200
MAX_SEED: Final = (1 << 53) - 1
"""Largest seed: the run is described in JSON (RFC 8785)."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a world is a function of.

    Attributes:
        days: number of JST days, 1..366.
        homes: number of homes, 2..1,000.
        plants: number of plants, 1..200.
        seed: any integer.
        data: whether the series come from measured records instead of the generator.
    """

    days: int = 3
    homes: int = 24
    plants: int = 6
    seed: int = 1
    data: bool = False

    def checked(self) -> "Parameters":
        """Return the parameters themselves if they are within their limits.

        Raises:
            MalformedInput: a number outside its limits.
        """
        limits = (("days", 1, MAX_DAYS), ("homes", 2, MAX_HOMES), ("plants", 1, MAX_PLANTS), ("seed", 0, MAX_SEED))
        for name, low, high in limits:
            value = int(getattr(self, name))
            if not low <= value <= high:
                rule = Text(en=f"from {low} to {high}", ja=f"{low}以上{high}以下")
                raise MalformedInput("PARAMETER_OUT_OF_RANGE", name, value, rule)
        return self

    def to_dict(self) -> dict[str, int | bool]:
        """Return the JSON form, kept in the home so that other parameters are refused."""
        return {
            "days": self.days,
            "homes": self.homes,
            "plants": self.plants,
            "seed": self.seed,
            "data": self.data,
        }


@dataclass(frozen=True, slots=True)
class World:
    """Series of one community in one market area, in settlement periods.

    Attributes:
        parameters: what it was made from.
        area: market area of the prices.
        first_day: first JST day.
        duration_s: length of a period [s].
        consumption_wh: [homes, periods], ``MISSING`` where no reading exists [Wh].
        solar_wh: gross production on each home's roof [homes, periods], likewise [Wh].
        solar_capacity_w: [homes], 0 for a home without panels [W].
        plant_wh: [plants, periods], likewise [Wh].
        plant_capacity_w: [plants] [W].
        plant_source: [plants], values of ``Source``.
        price_sen: spot price of the area [periods] [sen/kWh].
        home_origin: where each home's series comes from.
        plant_origin: where each plant's series comes from.
    """

    parameters: Parameters
    area: Area
    first_day: date
    duration_s: int
    consumption_wh: Ints
    solar_wh: Ints
    solar_capacity_w: Ints
    plant_wh: Ints
    plant_capacity_w: Ints
    plant_source: tuple[Source, ...]
    price_sen: Ints
    home_origin: tuple[str, ...]
    plant_origin: tuple[str, ...]

    @property
    def start_s(self) -> int:
        """Return the start of the first period, POSIX seconds UTC."""
        return jst_day_start_s(self.first_day)

    @property
    def periods_per_day(self) -> int:
        """Return how many periods a day has."""
        return DAY_S // self.duration_s

    @property
    def periods(self) -> int:
        """Return how many periods the world has."""
        return int(self.price_sen.shape[0])

    def digest(self) -> str:
        """Return the SHA-256 of all series, hexadecimal: what was simulated, records included."""
        hashed = hashlib.sha256(f"{self.area:d} {self.start_s} {self.duration_s}".encode())
        for table in (
            self.consumption_wh,
            self.solar_wh,
            self.solar_capacity_w,
            self.plant_wh,
            self.plant_capacity_w,
            self.price_sen,
        ):
            hashed.update(f" {table.shape}".encode())
            hashed.update(np.ascontiguousarray(table, "<i8").tobytes())
        hashed.update(repr([int(source) for source in self.plant_source]).encode())
        return hashed.hexdigest()

    def period(self, index: int) -> Period:
        """Return the period of an index."""
        return Period(self.start_s + index * self.duration_s, self.duration_s)

    def day(self, index: int) -> date:
        """Return the JST day of a day index."""
        return self.first_day + timedelta(days=index)


def year_period(day: date) -> Period:
    """Return the JST calendar year of a day: the period of an "any period of this year" product."""
    start = jst_day_start_s(date(day.year, 1, 1))
    return Period(start, jst_day_start_s(date(day.year + 1, 1, 1)) - start)


def hours_jst(start_s: int, count: int, duration_s: int = KOMA_S) -> npt.NDArray[np.float64]:
    """Return the JST clock hour at the middle of each period [h]."""
    middle = np.arange(count) * duration_s + duration_s / 2 + (start_s + JST_OFFSET_S) % DAY_S
    return np.asarray(middle % DAY_S / 3600.0)


def whole_wh(power_w: npt.NDArray[np.float64], duration_s: int = KOMA_S) -> Ints:
    """Return the registers' view of a mean power: whole Wh, the fraction carried to the next slot.

    The register is floored, never the difference, so the error stays below 1 Wh for ever (metering
    reference, section 1). ``NaN`` becomes ``MISSING`` and advances nothing.

    Args:
        power_w: mean power per period, last axis is time [W].
        duration_s: length of a period [s].
    """
    gap = np.isnan(power_w)
    energy = np.where(gap, 0.0, np.maximum(power_w, 0.0)) * (duration_s / 3600.0)
    register = np.floor(np.cumsum(energy, axis=-1) + 1e-6).astype(np.int64)
    slots = np.diff(register, axis=-1, prepend=np.int64(0))
    return np.where(gap, np.int64(MISSING), slots)
