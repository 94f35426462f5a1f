"""A replay world: measured homes, measured panels, and JEPX prices of 4-17 January 2021.

Every record is laid on the fourteen days of the price crisis so that the weekday and the season are
the record's own. The mapping of each set is a constant below and is told in ``docs/guides/demo.md``.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np

from wattmark.core.codes import Area, Source
from wattmark.core.errors import MalformedInput
from wattmark.core.periods import DAY_S, KOMA_S, jst_day_start_s
from wattmark.core.text import Text
from wattmark.simulation.chance import Floats, drifting, pick, uniform
from wattmark.simulation.plants import PLANTS
from wattmark.simulation.records import (
    read_ausgrid,
    read_citylearn,
    read_epw,
    read_jepx_price_sen,
    read_lemlab,
    read_pv_csv,
    read_pv_parquet,
    read_sgsc,
)
from wattmark.simulation.synthetic import plant_output, scaled_capacity_w, size_of, wind_power
from wattmark.simulation.world import Ints, Parameters, World, hours_jst, whole_wh

FIRST_DAY: Final = date(2021, 1, 4)
"""Monday: the first day of the replayed prices."""
DATA_DAYS: Final = 14
PERFORMANCE_RATIO: Final = 0.82
"""AC energy over nameplate x horizontal irradiation for a roof without a measured inverter."""
WINTER_SHARE: Final = 0.6
"""An October record of panels stands for January at this share: the sun is lower."""
MEASURED_USE: Final = 1.7
"""The measured homes use more than the generated ones, so the plants are larger by this."""
SHIFT_SLOTS: Final = 2
"""A reused home is shifted by at most this many slots and scaled by 0.8 to 1.25."""


@dataclass(frozen=True, slots=True)
class Home:
    """One measured home over the replayed days.

    Attributes:
        origin: data set and customer.
        load_w: mean power per period, NaN where nothing was measured [W].
        solar_w: its own panels per period, or ``None`` [W].
        solar_capacity_w: nameplate of those panels, 0 without [W].
    """

    origin: str
    load_w: Floats
    solar_w: Floats | None
    solar_capacity_w: int


def real_world(parameters: Parameters, data: Path) -> World:
    """Return the replay world of the parameters and of the files under ``data``.

    Raises:
        MalformedInput: more days than the price record has, or a file is absent or has another form.
    """
    parameters.checked()
    if parameters.days > DATA_DAYS:
        rule = Text(
            en=f"at most {DATA_DAYS} days with --data: the replay is 4-17 January 2021",
            ja=f"--data では{DATA_DAYS}日以内(2021年1月4〜17日の再現)",
        )
        raise MalformedInput("TOO_MANY_DAYS", "days", parameters.days, rule)
    count = parameters.days * 48
    base = measured_homes(data)
    homes = [_reused(parameters.seed, row, base[row % len(base)], row // len(base)) for row in range(parameters.homes)]
    plants, origins, capacity_w, power = _plants(parameters, data)
    solar = np.stack([home.solar_w if home.solar_w is not None else np.zeros(DATA_DAYS * 48) for home in homes])
    capacity = np.array([home.solar_capacity_w for home in homes], dtype=np.int64)
    return World(
        parameters=parameters,
        area=Area.TOKYO,
        first_day=FIRST_DAY,
        duration_s=KOMA_S,
        consumption_wh=whole_wh(np.stack([home.load_w for home in homes])[:, :count]),
        solar_wh=whole_wh(_within(solar, capacity)[:, :count]),
        solar_capacity_w=capacity,
        plant_wh=whole_wh(_within(power, capacity_w)[:, :count]),
        plant_capacity_w=capacity_w,
        plant_source=plants,
        price_sen=read_jepx_price_sen(data / "jepx/jepx_spot_2020-12_2021-01.csv", FIRST_DAY, parameters.days),
        home_origin=tuple(home.origin for home in homes),
        plant_origin=origins,
    )


def measured_homes(data: Path) -> list[Home]:
    """Return the measured homes, sets interleaved so that a small community has some of each.

    Homes of the Australian trial without any reading in the fortnight are left out; one with a partial
    gap is kept, and its missing slots stay missing.
    """
    ausgrid_load, ausgrid_solar = read_ausgrid(data / "household/ausgrid_customer12_30min_2011-07_2012-06.parquet")
    sets: list[list[Home]] = [
        [
            Home("sgsc/" + name, load, None, 0)
            for name, load in read_sgsc(data / "household/sgsc_11homes_30min_2013.parquet")
        ],
        [Home("ausgrid/12", ausgrid_load, ausgrid_solar, 1_040)],
        [
            # Every second home of the Californian set keeps its panels: a street is not all roofs.
            Home(f"citylearn/{name}", load, solar if name % 2 else None, 4_000 if name % 2 else 0)
            for name, load, solar in read_citylearn(
                data / "household/citylearn2022_17homes_load_pv_hourly_1year.parquet", capacity_kw=4.0
            )
        ],
    ]
    homes, panels = read_lemlab(data / "household/lemlab_15households_3pv_15min_45days.parquet")
    sets.append(
        [
            Home(
                "lemlab/" + name,
                load,
                panels[index % len(panels)] * 5_000.0 if index % 3 == 0 else None,
                5_000 if index % 3 == 0 else 0,
            )
            for index, (name, load) in enumerate(homes)
        ]
    )
    longest = max(len(members) for members in sets)
    return [members[turn] for turn in range(longest) for members in sets if turn < len(members)]


def _reused(seed: int, row: int, home: Home, again: int) -> Home:
    if again == 0:
        return home
    scale = 0.8 + 0.45 * float(uniform(seed, f"reuse {row}", 1)[0])
    shift = pick(seed, f"reuse shift {row}", 2 * SHIFT_SLOTS + 1) - SHIFT_SLOTS
    return Home(
        f"{home.origin} x{scale:.3f} {shift:+d} slots",
        np.roll(home.load_w, shift) * scale,
        home.solar_w,
        home.solar_capacity_w,
    )


def _plants(parameters: Parameters, data: Path) -> tuple[tuple[Source, ...], tuple[str, ...], Ints, Floats]:
    weather = read_epw(data / "pv/tokyo.epw.gz", month=1, first_day=FIRST_DAY.day, days=DATA_DAYS)
    days = DATA_DAYS
    solar: list[tuple[str, Floats]] = [
        ("tokyo.epw", np.minimum(weather.irradiation_w_m2 / 1000.0 * PERFORMANCE_RATIO, 1.0)),
        ("pvanalytics inv 2173, stale readings missing", read_pv_csv(
            data / "pv/pvanalytics_ac_power_inv_2173_stale_data.csv", date(2011, 1, 3), days, per_unit_of=1.0)),
        ("pvanalytics system 50", read_pv_parquet(
            data / "pv/pvanalytics_system_50_ac_power_2_full_DST.parquet", date(2013, 1, 7), days, per_unit_of=3_200.0)),
        ("pvanalytics inv 2173", read_pv_csv(
            data / "pv/pvanalytics_ac_power_inv_2173.csv", date(2011, 1, 3), days, per_unit_of=1.0)),
        ("pvanalytics serf east, October x0.6", WINTER_SHARE * read_pv_csv(
            data / "pv/pvanalytics_serf_east_15min_ac_power.csv", date(2016, 9, 26), days, per_unit_of=5_500.0)),
    ]  # fmt: skip
    hours = hours_jst(jst_day_start_s(FIRST_DAY), days * 48)
    sources: list[Source] = []
    origins: list[str] = []
    rows: list[Floats] = []
    scale = MEASURED_USE * size_of(parameters)
    seen_solar = 0
    for index in range(parameters.plants):
        plant = PLANTS[index % len(PLANTS)]
        sources.append(plant.source)
        if plant.source is Source.SOLAR:
            origin, series = solar[seen_solar % len(solar)]
            seen_solar += 1
        elif plant.source is Source.WIND:
            gust = 1.0 + 0.05 * drifting(parameters.seed, f"plant {index}", len(hours), 0.8)
            # The file's anemometer stands low: 1.7 carries it to hub height (power law, 10 m to 60 m, 0.3).
            origin, series = "tokyo.epw wind", wind_power(weather.wind_m_s * 1.7 * gust)
        else:
            origin = "synthetic"
            series = plant_output(parameters.seed, f"plant {index}", plant.source, hours * 0.0, weather.steady())
        origins.append(origin)
        rows.append(series)
    capacity = np.array(
        [scaled_capacity_w(PLANTS[index % len(PLANTS)].capacity_w, scale) for index in range(parameters.plants)],
        dtype=np.int64,
    )
    return tuple(sources), tuple(origins), capacity, np.stack(rows) * capacity[:, None]


def _within(power_w: Floats, capacity_w: Ints) -> Floats:
    # An inverter cannot give more than its nameplate; NaN stays NaN.
    return np.asarray(np.minimum(power_w, capacity_w[:, None].astype(np.float64)))


assert DATA_DAYS * DAY_S % KOMA_S == 0
