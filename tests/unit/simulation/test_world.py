"""A world is a pure function of its parameters, and physics bounds what it says."""

from datetime import date

import numpy as np
import pytest

from wattmark.core.codes import Source
from wattmark.core.errors import MalformedInput
from wattmark.simulation.synthetic import FIRST_DAY, PRICE_CEILING_SEN, PRICE_FLOOR_SEN, synthetic_world
from wattmark.simulation.world import MISSING, Parameters, whole_wh, year_period


@pytest.fixture(scope="module")
def world():
    return synthetic_world(Parameters(days=4, homes=10, plants=7, seed=5))


def test_the_same_parameters_give_the_same_world(world):
    again = synthetic_world(Parameters(days=4, homes=10, plants=7, seed=5))
    other = synthetic_world(Parameters(days=4, homes=10, plants=7, seed=6))
    for name in ("consumption_wh", "solar_wh", "plant_wh", "price_sen", "solar_capacity_w"):
        assert np.array_equal(getattr(world, name), getattr(again, name))
    assert not np.array_equal(world.consumption_wh, other.consumption_wh)


def test_everything_is_whole_numbers(world):
    for name in ("consumption_wh", "solar_wh", "plant_wh", "price_sen", "solar_capacity_w", "plant_capacity_w"):
        assert getattr(world, name).dtype == np.int64


def test_nobody_produces_above_capacity(world):
    for produced, capacity in (
        (world.plant_wh, world.plant_capacity_w),
        (world.solar_wh, world.solar_capacity_w),
    ):
        assert (produced <= capacity[:, None] * world.duration_s // 3_600 + 1).all()


def test_the_sun_does_not_shine_at_night(world):
    by_slot = world.solar_wh.reshape(10, 4, 48)
    assert by_slot[:, :, :13].max() <= 0
    assert by_slot[:, :, 35:].sum() == 0
    assert by_slot[:, :, 20:28].sum() > 0
    solar = [row for row, source in enumerate(world.plant_source) if source is Source.SOLAR]
    assert world.plant_wh[solar].reshape(len(solar), 4, 48)[:, :, :13].max() <= 0


def test_prices_stand_in_their_range_and_bite_once(world):
    assert world.price_sen.min() >= PRICE_FLOOR_SEN
    assert world.price_sen.max() == PRICE_CEILING_SEN
    assert np.median(world.price_sen) < 2_500


def test_one_home_and_one_plant_have_a_gap_that_is_not_zero(world):
    assert (world.consumption_wh == MISSING).sum() == 5
    assert (world.plant_wh == MISSING).sum() == 5
    assert (world.solar_wh == MISSING).sum() == 0


def test_evenings_use_more_than_nights(world):
    by_slot = np.where(world.consumption_wh == MISSING, 0, world.consumption_wh).reshape(10, 4, 48).sum(axis=(0, 1))
    assert by_slot[36:42].mean() > 1.5 * by_slot[4:8].mean()


def test_the_first_day_is_a_monday(world):
    assert FIRST_DAY.weekday() == 0
    assert world.period(0).koma() == 1
    assert world.period(47).koma() == 48
    assert world.day(3) == date(2026, 1, 22)


def test_the_register_is_floored_not_the_slot():
    # 1.5 Wh a slot: 1, 2, 1, 2 ... so that the register is never more than 1 Wh off.
    assert whole_wh(np.full(6, 3.0)).tolist() == [1, 2, 1, 2, 1, 2]
    assert whole_wh(np.array([100.0, np.nan, 100.0])).tolist() == [50, MISSING, 50]


def test_a_year_is_a_jst_calendar_year():
    year = year_period(date(2024, 2, 29))
    assert year.duration_s == 366 * 86_400
    assert year.jst_date() == date(2024, 1, 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("days", 0),
        ("days", 367),
        ("homes", 1),
        ("homes", 1_001),
        ("plants", 0),
        ("plants", 201),
        ("seed", -1),
        ("seed", 1 << 53),
    ],
)
def test_parameters_out_of_range_are_refused(field, value):
    with pytest.raises(MalformedInput) as caught:
        synthetic_world(Parameters(**{field: value}))
    assert caught.value.field == field
    assert caught.value.value == value
