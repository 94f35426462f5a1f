"""The replay world, on the measured records; they stay outside the repository."""

from pathlib import Path

import numpy as np
import pytest

from wattmark.core.errors import MalformedInput
from wattmark.simulation.realdata import measured_homes, real_world
from wattmark.simulation.world import MISSING, Parameters

DATA = Path(__file__).parents[4] / "shared" / "data"
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason="the measured records (../shared/data) are not here"),
]


@pytest.fixture(scope="module")
def world():
    return real_world(Parameters(days=14, homes=60, plants=12, seed=1, data=True), DATA)


def test_prices_are_the_published_ones(world):
    assert len(world.price_sen) == 672
    assert world.price_sen[0] == 4_200
    # 13 January 2021 (J52): Tokyo reached 222.20 to 252.00 JPY/kWh in that week.
    assert world.price_sen.reshape(14, 48).max(axis=1)[11] == 25_200


def test_gaps_stay_gaps(world):
    homes = measured_homes(DATA)
    gaps = {home.origin: int(np.isnan(home.load_w).sum()) for home in homes}
    assert gaps["sgsc/8145501"] == 107
    assert not any(origin.endswith(("8144683", "8144715")) for origin in gaps)
    row = world.home_origin.index("sgsc/8145501")
    assert (world.consumption_wh[row] == MISSING).sum() == 107
    stale = [row for row, origin in enumerate(world.plant_origin) if "stale" in origin]
    assert (world.plant_wh[stale] == MISSING).sum() > 100


def test_the_sun_rises_by_japanese_clocks(world):
    for table in (
        world.solar_wh,
        world.plant_wh[[i for i, o in enumerate(world.plant_origin) if "pv" in o or o[6:] == "epw"]],
    ):
        by_slot = np.where(table == MISSING, 0, table).reshape(-1, 14, 48).sum(axis=(0, 1))
        if by_slot.sum():
            noon = (by_slot * np.arange(48)).sum() / by_slot.sum()
            assert 22.0 < noon < 26.0


def test_measured_energy_is_kept_to_the_watt_hour(world):
    homes = measured_homes(DATA)
    for row in range(10):
        measured = np.nansum(homes[row].load_w) / 2
        assert abs(np.where(world.consumption_wh[row] == MISSING, 0, world.consumption_wh[row]).sum() - measured) <= 1


def test_reused_homes_are_scaled_and_say_so(world):
    count = len(measured_homes(DATA))
    again = world.home_origin[count:]
    assert len(again) == 60 - count
    assert all(" x" in origin and "slots" in origin for origin in again)
    assert not np.array_equal(world.consumption_wh[0], world.consumption_wh[count])


def test_more_days_than_the_record_has_are_refused():
    with pytest.raises(MalformedInput) as caught:
        real_world(Parameters(days=15, data=True), DATA)
    assert caught.value.code == "TOO_MANY_DAYS"


def test_an_absent_record_is_named(tmp_path):
    with pytest.raises(MalformedInput) as caught:
        real_world(Parameters(data=True), tmp_path)
    assert caught.value.code == "RECORD_ABSENT"
    assert str(tmp_path) in str(caught.value.value)
