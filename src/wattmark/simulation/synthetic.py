"""A world of our own: sun geometry with clouds, wind, water, homes and a price that bites.

Enough physics to be honest about shape (when the sun stands, when people cook, when it is cold),
with few constants, each named. Nothing here claims to forecast anything.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from wattmark.core.codes import Area, Source
from wattmark.core.periods import KOMA_S, jst_day_start_s
from wattmark.simulation.chance import Floats, drifting, normal, uniform
from wattmark.simulation.plants import PLANTS
from wattmark.simulation.world import Ints, Parameters, World, hours_jst, whole_wh

FIRST_DAY: Final = date(2026, 1, 19)
"""A Monday in the coldest fortnight of the year."""
LATITUDE_DEG: Final = 35.69
LONGITUDE_DEG: Final = 139.69
MERIDIAN_DEG: Final = 135.0
"""Tokyo, and the meridian of Japan Standard Time [degrees]."""
OBLIQUITY_DEG: Final = 23.44
PERFORMANCE_RATIO: Final = 0.85
"""AC energy over nameplate x irradiation: inverter, wiring, temperature, dust."""
HOMES_AT_FULL_SIZE: Final = 24
PLANTS_AT_FULL_SIZE: Final = 6
"""Numbers of homes and plants the capacities in ``plants.py`` are meant for."""
ROOF_SHARE: Final = 0.35
"""Share of homes with panels."""
PRICE_FLOOR_SEN: Final = 300
PRICE_CEILING_SEN: Final = 25_000
"""The spike of the cold spell reaches 250 JPY/kWh, as January 2021 did (K6) [sen/kWh]."""
HEATING_BASE_C: Final = 16.0
GAP_FROM: Final = 9
GAP_SLOTS: Final = 5
"""Where, counted from the middle of the world, and for how long the last plant's and home's meters are off."""


@dataclass(frozen=True, slots=True)
class Weather:
    """Weather of the community, one value per period.

    Attributes:
        clearness: share of the clear-sky irradiation that arrives, 0..1.
        temperature_c: outdoor temperature [degrees C].
        wind_m_s: wind at hub height [m/s].
        water: flow over the design flow, 0..1.
    """

    clearness: Floats
    temperature_c: Floats
    wind_m_s: Floats
    water: Floats


def synthetic_world(parameters: Parameters) -> World:
    """Return the generated world of the parameters; the same for the same parameters (L6)."""
    parameters.checked()
    seed, homes, count = parameters.seed, parameters.homes, parameters.days * 48
    start_s = jst_day_start_s(FIRST_DAY)
    hours = hours_jst(start_s, count)
    weather = make_weather(seed, hours, parameters.days)
    sun = sun_sine(hours, FIRST_DAY.timetuple().tm_yday)
    capacity_w = roof_capacities_w(seed, homes)
    solar_w = np.stack([solar_power_w(seed, f"roof {home}", sun, weather.clearness) for home in range(homes)])
    load_w = np.stack([home_load_w(seed, home, hours, weather.temperature_c) for home in range(homes)])
    plants = [PLANTS[index % len(PLANTS)] for index in range(parameters.plants)]
    scale = size_of(parameters)
    plant_capacity_w = np.array([scaled_capacity_w(plant.capacity_w, scale) for plant in plants], dtype=np.int64)
    plant_w = np.stack(
        [
            plant_output(seed, f"plant {index}", plant.source, sun, weather) * plant_capacity_w[index]
            for index, plant in enumerate(plants)
        ]
    )
    return World(
        parameters=parameters,
        area=Area.TOKYO,
        first_day=FIRST_DAY,
        duration_s=KOMA_S,
        consumption_wh=whole_wh(_with_gap(load_w, homes - 1, parameters.days)),
        solar_wh=whole_wh(solar_w * capacity_w[:, None]),
        solar_capacity_w=capacity_w,
        plant_wh=whole_wh(_with_gap(plant_w, parameters.plants - 1, parameters.days)),
        plant_capacity_w=plant_capacity_w,
        plant_source=tuple(plant.source for plant in plants),
        price_sen=spot_price_sen(seed, hours, weather, sun),
        home_origin=("synthetic",) * homes,
        plant_origin=("synthetic",) * parameters.plants,
    )


def sun_sine(hours: Floats, first_day_of_year: int) -> Floats:
    """Return the sine of the sun's elevation, 0 below the horizon (Cooper's declination)."""
    day = first_day_of_year + np.arange(len(hours)) // 48
    declination = np.radians(OBLIQUITY_DEG) * np.sin(2 * np.pi * (284 + day) / 365)
    hour_angle = np.radians(15.0 * (hours - 12.0) + (LONGITUDE_DEG - MERIDIAN_DEG))
    latitude = np.radians(LATITUDE_DEG)
    sine = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    return np.asarray(np.maximum(sine, 0.0))


def make_weather(seed: int, hours: Floats, days: int) -> Weather:
    """Return seeded weather with one cold spell around 45 % of the way, in which the wind sleeps."""
    count = len(hours)
    position = np.arange(count) / 48.0
    spell = np.exp(-(((position - 0.45 * days - 0.35) / max(0.8, 0.12 * days)) ** 2))
    clouds = drifting(seed, "clouds", count, 0.97) + 0.4 * drifting(seed, "scattered", count, 0.6)
    temperature = 7.0 - 3.2 * np.cos(2 * np.pi * (hours - 14.5 + 12) / 24)
    temperature += 1.5 * drifting(seed, "temperature", count, 0.99) - 7.0 * spell
    wind = 6.2 * np.exp(0.45 * drifting(seed, "wind", count, 0.98)) * (1.0 - 0.55 * spell)
    water = 0.74 + 0.08 * drifting(seed, "water", count, 0.995) - 0.12 * spell
    return Weather(
        clearness=0.22 + 0.63 / (1.0 + np.exp(-1.3 * clouds)),
        temperature_c=temperature,
        wind_m_s=np.clip(wind, 0.0, 24.0),
        water=np.clip(water, 0.3, 1.0),
    )


def solar_power_w(seed: int, name: str, sun: Floats, clearness: Floats) -> Floats:
    """Return AC power per W of panels; a winter-tilted roof gains over the horizontal."""
    tilt_gain = 1.0 + 0.3 * float(uniform(seed, name + "/tilt", 1)[0])
    local = np.clip(1.0 + 0.06 * drifting(seed, name + "/local", len(sun), 0.7), 0.7, 1.2)
    return np.asarray(np.minimum(sun * clearness * local * tilt_gain * PERFORMANCE_RATIO, 1.0))


def plant_output(seed: int, name: str, source: Source, sun: Floats, weather: Weather) -> Floats:
    """Return the output of a plant over its capacity, 0..1, per period."""
    count = len(sun)
    if source is Source.SOLAR:
        return solar_power_w(seed, name, sun, weather.clearness)
    if source is Source.WIND:
        return wind_power(weather.wind_m_s * (1.0 + 0.05 * drifting(seed, name, count, 0.8)))
    if source is Source.HYDRO:
        return np.asarray(np.clip(weather.water + 0.02 * drifting(seed, name, count, 0.9), 0.0, 1.0))
    steady = 0.86 if source is Source.BIOMASS else 0.93
    return np.asarray(np.clip(steady + 0.03 * drifting(seed, name, count, 0.95), 0.0, 1.0))


def wind_power(wind_m_s: Floats) -> Floats:
    """Return a small turbine's output over its capacity: cut-in 3, rated 12, cut-out 25 m/s."""
    rising = (np.clip(wind_m_s, 3.0, 12.0) ** 3 - 27.0) / (1728.0 - 27.0)
    return np.asarray(np.where(wind_m_s < 25.0, rising, 0.0))


def home_load_w(seed: int, home: int, hours: Floats, temperature_c: Floats) -> Floats:
    """Return a home's mean power: base, breakfast, evening, weekend midday, heating, appliances [W]."""
    name = f"home {home}"
    size, early, warm, at_home = (float(x) for x in uniform(seed, name, 4))
    day = np.arange(len(hours)) // 48
    weekend = ((FIRST_DAY.weekday() + day) % 7 >= 5).astype(np.float64)
    morning = 420.0 * _bump(hours, 6.6 + early + 1.3 * weekend, 0.9)
    evening = 640.0 * _bump(hours, 18.8 + 1.2 * early, 1.9)
    midday = (120.0 + 260.0 * weekend) * at_home * _bump(hours, 12.6, 2.4)
    awake = 0.35 + 0.65 * (_bump(hours, 7.0, 1.6) + _bump(hours, 20.0, 3.2)).clip(0.0, 1.0)
    heating = (14.0 + 42.0 * warm) * np.maximum(HEATING_BASE_C - temperature_c, 0.0) * awake
    kettle = np.where(uniform(seed, name + "/kettle", len(hours)) > 0.93, 700.0, 0.0) * awake
    noise = np.exp(0.22 * drifting(seed, name + "/noise", len(hours), 0.5))
    return np.asarray((0.55 + 0.9 * size) * (170.0 + morning + evening + midday + heating + kettle) * noise)


def roof_capacities_w(seed: int, homes: int) -> Ints:
    """Return the panels' capacity per home: about a third of the homes have 3 to 5 kW [W]."""
    draws = uniform(seed, "roofs", homes, 2)
    capacity = 3_000 + 100 * np.floor(draws[:, 1] * 21).astype(np.int64)
    return np.where(draws[:, 0] < ROOF_SHARE, capacity, np.int64(0))


def spot_price_sen(seed: int, hours: Floats, weather: Weather, sun: Floats) -> Ints:
    """Return the area's spot price: convex in the residual load, steep once reserves are gone [sen/kWh].

    The curve is stretched so that the worst period of the world stands at the ceiling: each world
    has its cold-spell spike.
    """
    people = 0.55 + 0.2 * _bump(hours, 9.0, 2.2) + 0.32 * _bump(hours, 18.6, 2.6)
    cold = 0.022 * np.maximum(HEATING_BASE_C - weather.temperature_c, 0.0)
    green = 0.3 * sun * weather.clearness + 0.10 * wind_power(weather.wind_m_s)
    residual = people + cold - green + 0.015 * normal(seed, "price", len(hours))
    rank = (residual - residual.min()) / max(float(residual.max() - residual.min()), 1e-9)
    usual = 450.0 + 1_900.0 * rank**2
    scarce = (PRICE_CEILING_SEN - 2_350.0) * np.clip((rank - 0.72) / 0.28, 0.0, 1.0) ** 2
    sen = np.clip(np.round(usual + scarce), PRICE_FLOOR_SEN, PRICE_CEILING_SEN)
    return np.asarray(sen, dtype=np.int64)


def _with_gap(power_w: Floats, row: int, days: int) -> Floats:
    """Return the power with one meter off for some slots: real records have gaps, so ours has one too."""
    power_w[row, days * 48 // 2 + GAP_FROM : days * 48 // 2 + GAP_FROM + GAP_SLOTS] = np.nan
    return power_w


def size_of(parameters: Parameters) -> float:
    """Return by how much the plants differ from their full size: more homes larger ones, more plants smaller ones."""
    return parameters.homes / HOMES_AT_FULL_SIZE / max(1.0, parameters.plants / PLANTS_AT_FULL_SIZE)


def scaled_capacity_w(capacity_w: int, scale: float) -> int:
    """Return a capacity for a community of another size, in whole 100 W [W]."""
    return max(500, round(capacity_w * scale / 100) * 100)


def _bump(hours: Floats, centre: float | Floats, width: float) -> Floats:
    distance = (hours - centre + 12.0) % 24.0 - 12.0
    return np.asarray(np.exp(-((distance / width) ** 2)))
