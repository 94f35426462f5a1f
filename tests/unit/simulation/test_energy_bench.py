"""The energy benchmark's meter: counters of packages only, once round, else CPU time at stated watts."""

from pathlib import Path

import pytest

from wattmark.simulation.benchmarks.energy import Meter, Rapl


def counter(folder: Path, name: str, energy_uj: int, range_uj: int = 999_999) -> Path:
    place = folder / name
    place.mkdir()
    (place / "energy_uj").write_text(f"{energy_uj}\n")
    (place / "max_energy_range_uj").write_text(f"{range_uj}\n")
    return place / "energy_uj"


def test_packages_are_added_and_their_parts_are_not(tmp_path: Path) -> None:
    first, second = counter(tmp_path, "intel-rapl:0", 100), counter(tmp_path, "intel-rapl:1", 999_000)
    part = counter(tmp_path, "intel-rapl:0:0", 5)
    rapl = Rapl(tmp_path)
    before = rapl.read()
    first.write_text("200100")
    second.write_text("1000")  # once round its range
    part.write_text("900000")
    assert rapl.joules_since(before) == pytest.approx(0.2 + 0.002)


def test_a_counter_that_may_not_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "intel-rapl:0").mkdir()
    assert not Rapl(tmp_path).is_readable


def test_the_meter_reads_counters_where_there_are_some(tmp_path: Path) -> None:
    path = counter(tmp_path, "intel-rapl:0", 0)
    meter = Meter(Rapl(tmp_path), 10)
    meter.take(lambda: path.write_text("500000"))
    assert meter.joules == pytest.approx(0.5)


def test_the_meter_estimates_from_cpu_time_elsewhere(tmp_path: Path) -> None:
    meter = Meter(Rapl(tmp_path), 20)
    meter.take(lambda: sum(range(1_000_000)))
    assert meter.cpu_s > 0
    assert meter.joules == pytest.approx(20 * meter.cpu_s)
