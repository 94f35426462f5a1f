"""The exchange's published results, read from the files as they are, against figures known of them (J30, J52-J55)."""

from collections import Counter
from pathlib import Path

import pytest

from wattmark.core.codes import Area
from wattmark.market.formats.jepx import date_of
from wattmark.market.formats.jepx_results import read_summary, write_summary
from wattmark.market.published import SpotResult
from wattmark.market.units import unit_price_sen

pytestmark = pytest.mark.data


def results(shared_data: Path, name: str) -> list[SpotResult]:
    with (shared_data / "jepx" / name).open("rb") as source:
        return list(read_summary(source, name))


@pytest.fixture(scope="module")
def fiscal_2020(shared_data: Path) -> list[SpotResult]:
    rows = results(shared_data, "jepx_spot_FY2019-2021.csv.gz")
    found = [row for row in rows if 202_004 <= month(row) <= 202_103]
    assert (len(rows), len(found)) == (52_608, 17_520)
    return found


def month(row: SpotResult) -> int:
    day = date_of(row.day)
    return day.year * 100 + day.month


def prices(row: SpotResult) -> list[int]:
    found = [price for price in row.area_sen if price is not None]
    assert len(found) == len(Area)
    return found


def test_the_highest_prices_of_that_winter(fiscal_2020: list[SpotResult]) -> None:
    """J52: 251.00 on 2021-01-15, slot 34; areas 1 to 3 at 252.00."""
    peak = max(fiscal_2020, key=lambda row: row.system_sen or 0)
    assert (date_of(peak.day).isoformat(), peak.slot, peak.system_sen) == ("2021-01-15", 34, 25_100)
    assert prices(peak)[:3] == [25_200] * 3
    assert max(max(prices(row)[3:]) for row in fiscal_2020) == 24_221


@pytest.mark.parametrize(("wanted", "mean_sen"), [(202_012, 1_393), (202_101, 6_307), (202_102, 750)])
def test_monthly_means_of_the_system_price(fiscal_2020: list[SpotResult], wanted: int, mean_sen: int) -> None:
    """J53, rounded half up (J3)."""
    found = [row.system_sen or 0 for row in fiscal_2020 if month(row) == wanted]
    assert unit_price_sen(sum(found), len(found)) == mean_sen


def test_slots_at_200_or_more(fiscal_2020: list[SpotResult]) -> None:
    """J54."""
    counts = [sum(prices(row)[area] >= 20_000 for row in fiscal_2020) for area in range(9)]
    assert counts == [103, 103, 103, 65, 65, 65, 65, 67, 65]


def test_how_many_prices_a_slot_has(fiscal_2020: list[SpotResult]) -> None:
    """J30: how often the market was split."""
    assert Counter(len(set(prices(row))) for row in fiscal_2020) == {1: 2_882, 2: 10_375, 3: 3_701, 4: 544, 5: 18}


def test_slots_in_which_all_offers_were_sold(shared_data: Path) -> None:
    """J55: case B of J15."""
    rows = results(shared_data, "jepx_spot_2020-12_2021-01.csv")
    sold = [(row.contract_kwh or 0, row.sell_kwh or 0) for row in rows]
    assert (len(rows), sum(contract == offered for contract, offered in sold)) == (2_976, 438)
    assert sum(1_000 * contract >= 999 * offered for contract, offered in sold) == 966


def test_a_published_summary_written_again_is_the_same(shared_data: Path, tmp_path: Path) -> None:
    rows = results(shared_data, "raw_spot_summary_2020_head200.csv")
    with (tmp_path / "written.csv").open("wb") as sink:
        write_summary(sink, rows)
    original = (shared_data / "jepx" / "raw_spot_summary_2020_head200.csv").read_text().strip().splitlines()
    assert (tmp_path / "written.csv").read_text().splitlines() == original
