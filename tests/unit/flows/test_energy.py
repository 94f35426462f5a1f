"""Energy figures: the count begins where it is made, and nothing is shown before the first record."""

import pytest

from wattmark.core.clock import cpu_seconds
from wattmark.flows.energy import PUBLISHED, WATTS_PER_CORE, EnergyCount, EnergyUse, joules, per_thousand


def test_joules_are_cpu_seconds_times_watts() -> None:
    assert joules(2.0, 7.5) == 15.0
    assert joules(1.0) == WATTS_PER_CORE


def test_per_thousand_is_none_without_records() -> None:
    assert per_thousand(5.0, 0) is None
    assert per_thousand(5.0, 500) == 10.0
    assert EnergyUse(3.0, 0).joules_per_thousand is None


def test_a_count_begins_when_it_is_made() -> None:
    readings = iter([100.0, 100.5, 101.0])
    count = EnergyCount(lambda: next(readings), 40)
    assert count.use(40) == EnergyUse(0.5, 0)
    used = count.use(140)
    assert used == EnergyUse(1.0, 100)
    assert used.joules_per_thousand == pytest.approx(10 * WATTS_PER_CORE)


def test_cpu_time_of_the_process_grows_with_work() -> None:
    before = cpu_seconds()
    while cpu_seconds() == before:
        sum(range(10_000))
    assert cpu_seconds() > before


def test_published_figures_are_the_stated_ones() -> None:
    """730 kWh, 6.5 to 15 Wh and 1 to 10 J for one transaction."""
    assert [(one.low_j / 1_000, one.high_j / 1_000) for one in PUBLISHED] == [
        (730_000 * 3_600, 730_000 * 3_600),
        (6.5 * 3_600, 15 * 3_600),
        (1, 10),
    ]
    assert all("not verified" in one.provenance.en and "未検証" in one.provenance.ja for one in PUBLISHED)
