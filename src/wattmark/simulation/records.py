"""Readers of public record files: each returns fourteen days of half-hourly mean power.

The files are somebody else's and stay where they are; nothing of them is shipped. A value that is
absent stays absent (NaN): it never becomes zero.
"""

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.simulation.chance import Floats
from wattmark.simulation.synthetic import Weather
from wattmark.simulation.world import Ints

SLOTS: Final = 14 * 48
SGSC_FROM: Final = date(2013, 7, 1)
"""Southern winter, Monday: stands for Monday 4 January 2021."""
AUSGRID_FROM: Final = date(2011, 7, 4)
"""Southern winter, Monday."""
LEMLAB_FROM_S: Final = 1_613_343_600
"""Monday 2021-02-15 00:00 Central European Time, before the clock change [s]."""
PARTIAL_GAP_SLOTS: Final = 480
"""A home is kept if at most this many of its 672 slots are missing."""


@dataclass(frozen=True, slots=True)
class EpwWeather:
    """Half-hourly weather of an EPW file: irradiation on the horizontal, wind, temperature."""

    irradiation_w_m2: Floats
    wind_m_s: Floats
    temperature_c: Floats

    def steady(self) -> Weather:
        """Return weather for plants that follow neither sun nor wind: a quiet winter stream."""
        flow = 0.68 + 0.02 * np.cos(np.arange(len(self.wind_m_s)) / 96.0)
        return Weather(np.zeros_like(flow), self.temperature_c, self.wind_m_s, flow)


def read_sgsc(path: Path) -> list[tuple[str, Floats]]:
    """Return (customer, mean power) of each home with readings in the fortnight [W]."""
    table = _table(path, ("interval_start", "customer_id", "kwh"))
    start = np.asarray(table["interval_start"].to_numpy(), dtype="datetime64[s]")
    customer = np.array([str(name) for name in table["customer_id"].to_pylist()])
    kwh = np.asarray(table["kwh"].to_numpy(), dtype=np.float64)
    slot = _slot_numbers(start, SGSC_FROM)
    homes: list[tuple[str, Floats]] = []
    for name in sorted(set(customer.tolist())):
        load = np.full(SLOTS, np.nan)
        mine = (customer == name) & (slot >= 0) & (slot < SLOTS)
        load[slot[mine]] = kwh[mine] * 2_000.0
        if np.isnan(load).sum() <= PARTIAL_GAP_SLOTS:
            homes.append((name, load))
    # Homes without a gap first, so that a small community is whole.
    return sorted(homes, key=lambda home: (bool(np.isnan(home[1]).any()), home[0]))


def read_ausgrid(path: Path) -> tuple[Floats, Floats]:
    """Return (general consumption, gross production) of the customer: the file holds mean kW [W]."""
    table = _table(path, ("interval_end", "GC", "GG"))
    # The author's label says "end" but begins at 00:00, so it is the start of the interval.
    slot = _slot_numbers(np.asarray(table["interval_end"].to_numpy(), dtype="datetime64[s]"), AUSGRID_FROM)
    mine = (slot >= 0) & (slot < SLOTS)
    both = []
    for column in ("GC", "GG"):
        power = np.full(SLOTS, np.nan)
        power[slot[mine]] = np.asarray(table[column].to_numpy(), dtype=np.float64)[mine] * 1_000.0
        both.append(power)
    return both[0], both[1]


def read_citylearn(path: Path, capacity_kw: float) -> list[tuple[int, Floats, Floats]]:
    """Return (building, load, production of ``capacity_kw``): an hour's mean is given to its two slots [W].

    The fortnight begins at the first Monday of the record's January.
    """
    table = _table(path, ("building", "t", "month", "hour", "day_type", "non_shiftable_load", "solar_generation"))
    columns = {name: np.asarray(table[name].to_numpy()) for name in table.column_names}
    homes: list[tuple[int, Floats, Floats]] = []
    for building in sorted(set(columns["building"].tolist())):
        rows = np.flatnonzero(columns["building"] == building)
        rows = rows[np.argsort(columns["t"][rows], kind="stable")]
        monday = (columns["month"][rows] == 1) & (columns["hour"][rows] == 1) & (columns["day_type"][rows] == 1)
        first = int(np.flatnonzero(monday)[0])
        window = rows[first : first + SLOTS // 2]
        load = np.repeat(columns["non_shiftable_load"][window].astype(np.float64) * 1_000.0, 2)
        solar = np.repeat(columns["solar_generation"][window].astype(np.float64) * capacity_kw, 2)
        homes.append((int(building), load, solar))
    return homes


def read_lemlab(path: Path) -> tuple[list[tuple[str, Floats]], list[Floats]]:
    """Return ([(household, load [W])], [production per unit]): two quarter hours make a slot."""
    table = _table(path, ("profile", "timestamp", "power_w_or_pu"))
    profile = np.array([str(name) for name in table["profile"].to_pylist()])
    quarter = (np.asarray(table["timestamp"].to_numpy(), dtype=np.int64) - LEMLAB_FROM_S) // 900
    value = np.asarray(table["power_w_or_pu"].to_numpy(), dtype=np.float64)
    homes: list[tuple[str, Floats]] = []
    panels: list[Floats] = []
    for name in sorted(set(profile.tolist())):
        mine = (profile == name) & (quarter >= 0) & (quarter < 2 * SLOTS)
        series = np.full(2 * SLOTS, np.nan)
        series[quarter[mine]] = value[mine]
        half_hours = series.reshape(SLOTS, 2).mean(axis=1)
        if name.startswith("pv_"):
            panels.append(half_hours)
        else:
            homes.append((name, half_hours))
    return homes, panels


def read_pv_csv(path: Path, first_day: date, days: int, per_unit_of: float) -> Floats:
    """Return a panel record over its nameplate from quarter-hourly CSV, as ``days`` of slots.

    Night values may be empty: from 17:00 to 07:00 they are zero, in daylight they stay missing. Rows
    marked stale are missing. The clock is read as written: these records call themselves UTC but noon
    stands at 12.

    Raises:
        MalformedInput: the file is absent.
    """
    quarters = np.full(days * 96, np.nan)
    night = np.tile((np.arange(96) < 7 * 4) | (np.arange(96) >= 17 * 4), days)
    for row in _csv_rows(path):
        cells = list(row.values())
        at = datetime.fromisoformat(cells[0]).replace(tzinfo=None)
        index = (at - datetime(first_day.year, first_day.month, first_day.day)) // timedelta(minutes=15)  # noqa: DTZ001 - the record's own clock
        if not 0 <= index < len(quarters):
            continue
        stale = row.get("stale_data_mask") == "True"
        if stale:
            night[index] = False
        elif cells[1]:
            quarters[index] = max(float(cells[1]), 0.0)
    quarters[night & np.isnan(quarters)] = 0.0
    return np.asarray(quarters.reshape(-1, 2).mean(axis=1) / per_unit_of)


def read_pv_parquet(path: Path, first_day: date, days: int, per_unit_of: float) -> Floats:
    """Return a panel record over its nameplate; the stamps carry a fixed offset of -7 h, right in winter."""
    table = _table(path, ("measured_on", "ac_power_2"))
    utc = np.asarray(table["measured_on"].to_numpy(), dtype="datetime64[s]")
    quarter = _slot_numbers(utc, first_day, 900) - 7 * 4
    mine = (quarter >= 0) & (quarter < days * 96)
    quarters = np.full(days * 96, np.nan)
    quarters[quarter[mine]] = np.asarray(table["ac_power_2"].to_numpy(), dtype=np.float64)[mine]
    return np.asarray(quarters.reshape(-1, 2).mean(axis=1) / per_unit_of)


def read_epw(path: Path, month: int, first_day: int, days: int) -> EpwWeather:
    """Return ``days`` of hourly EPW weather as half hours, interpolated between the hours' middles.

    Columns by the EPW data dictionary: 6 dry bulb, 13 global horizontal irradiation, 21 wind speed.
    """
    _present(path)
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as lines:
        cells = [line.split(",") for line in lines.read().splitlines()[8:]]
    window = [row for row in cells if int(row[1]) == month and first_day <= int(row[2]) < first_day + days]
    if len(window) != days * 24:
        rule = Text(en=f"{days * 24} hours of weather", ja=f"{days * 24}時間分の気象")
        raise MalformedInput("RECORD_INCOMPLETE", "data", str(path), rule)
    hour_middle = np.arange(days * 24) + 0.5
    slot_middle = np.arange(days * 48) / 2.0 + 0.25

    def series(column: int) -> Floats:
        hourly = np.array([float(row[column]) for row in window])
        return np.asarray(np.interp(slot_middle, hour_middle, hourly))

    return EpwWeather(irradiation_w_m2=series(13), wind_m_s=series(21), temperature_c=series(6))


def read_jepx_price_sen(path: Path, first_day: date, days: int, area: str = "tokyo") -> Ints:
    """Return the area prices of the days, exact [sen/kWh].

    Raises:
        MalformedInput: a slot is absent, or a price is no multiple of 0.01 JPY/kWh.
    """
    prices = np.full(days * 48, -1, dtype=np.int64)
    for row in _csv_rows(path):
        index = (date.fromisoformat(row["delivery_date"]) - first_day).days * 48 + int(row["slot"]) - 1
        if 0 <= index < len(prices):
            sen = Decimal(row[area]) * 100
            if sen != sen.to_integral_value():
                rule = Text(en="a multiple of 0.01 JPY/kWh (J7)", ja="0.01円/kWhの倍数(J7)")
                raise MalformedInput("PRICE_OFF_TICK", "price", row[area], rule)
            prices[index] = int(sen)
    if (prices < 0).any():
        rule = Text(en="48 prices a day (J6)", ja="一日48コマの価格(J6)")
        raise MalformedInput("RECORD_INCOMPLETE", "data", str(path), rule)
    return prices


def _slot_numbers(start: npt.NDArray[np.datetime64], first_day: date, step_s: int = 1_800) -> Ints:
    return (start - np.datetime64(first_day.isoformat(), "s")).astype(np.int64) // step_s


def _table(path: Path, columns: Sequence[str]) -> "pq.Table":
    _present(path)
    return pq.read_table(path, columns=list(columns))


def _csv_rows(path: Path) -> list[dict[str, str]]:
    _present(path)
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _present(path: Path) -> None:
    if not path.is_file():
        rule = Text(
            en="the record files described in docs/guides/demo.md", ja="docs/guides/demo.md に書かれた記録ファイル"
        )
        raise MalformedInput("RECORD_ABSENT", "data", str(path), rule)
