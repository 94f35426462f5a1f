from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from reference.settlement_world import as_columns, worlds
from wattmark.settlement.audit import FEW, audit_retirements, audit_settlement
from wattmark.settlement.columns import DaySettlement, Demand, Lots, SpotPrices
from wattmark.settlement.settle import settle_day
from wattmark.settlement.tariff import Tariff

KOMA = 1_800
TARIFF = Tariff(1, 700)
LOTS = Lots(
    lot=[0, 1, 2],
    account=[1, 1, 2],
    bundle=[0, 1, 2],
    area=[3, 3, 3],
    start=[0, 0, 0],
    end=[300, 5_000, 100],
    period_start_s=[KOMA, 0, KOMA],
    duration_s=[KOMA] * 3,
    kind=[1, 2, 1],
    expiry_s=[10**6] * 3,
    redeem_rule=[0, 2, 0],
    redeem_from_s=[0, KOMA, 0],
    redeem_until_s=[0, 10**6, 0],
)


@pytest.fixture
def settlement() -> DaySettlement:
    demand = Demand([1, 2], [3, 3], [KOMA, KOMA], [KOMA, KOMA], [3_000, 50])
    return settle_day(demand, LOTS, SpotPrices([3], [KOMA], [KOMA], [2_000]), TARIFF)


def findings(settlement: DaySettlement, lots: Lots = LOTS) -> set[str]:
    return {finding.rule for finding in audit_settlement(settlement, lots, TARIFF, "settlement")}


def changed(settlement: DaySettlement, table: str, column: str, row: int, by: int) -> DaySettlement:
    values = getattr(getattr(settlement, table), column).copy()
    values[row] += by
    return replace(settlement, **{table: replace(getattr(settlement, table), **{column: values})})


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_a_settlement_has_no_finding(world) -> None:
    demand, lots, prices = as_columns(world)
    assert audit_settlement(settle_day(demand, lots, prices, TARIFF), lots, TARIFF, "settlement") == []


@pytest.mark.parametrize(
    ("table", "column", "by", "rule"),
    [
        ("residual", "consumption_wh", 1, "B2"),
        ("residual", "same_slot_wh", 1, "B2"),
        ("residual", "banked_wh", -3_000, "B2"),
        ("residual", "spot_amount_e5", 1, "J4"),
        ("residual", "tariff_amount_e5", -1, "J4"),
        ("residual", "price_sen", -1, "K3"),
        ("allocation", "quantity_wh", 1, "L2"),
        ("allocation", "start", -1, "L2"),
        ("allocation", "end", 10_000, "L2"),
        ("allocation", "account", 1, "L2"),
        ("allocation", "area", 1, "B2"),
        ("allocation", "claim", 1, "K1"),
        ("allocation", "period_start_s", KOMA, "B2"),
        ("allocation", "lot", 40, "L2"),
        ("allocation", "bundle", 1, "L2"),
    ],
)
def test_every_figure_that_is_changed_is_found(settlement, table, column, by, rule) -> None:
    assert rule in findings(changed(settlement, table, column, 0, by))


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("redeem_from_s", 2 * KOMA, "K3"),
        ("redeem_until_s", KOMA, "K3"),
        ("expiry_s", KOMA, "K3"),
        ("redeem_rule", 3, "K3"),
        ("redeem_rule", 99, "K3"),
        ("area", 4, "B2"),
        ("kind", 3, "K1"),
    ],
)
def test_terms_of_a_lot_that_do_not_allow_the_use_are_found(settlement, column, value, rule) -> None:
    values = getattr(LOTS, column).copy()
    values[1] = value
    assert rule in findings(settlement, replace(LOTS, **{column: values}))


def test_a_row_twice_is_found(settlement) -> None:
    rows = np.array([0, 0, 1])
    twice = replace(settlement, residual=settlement.residual.take(rows))
    assert "B4" in findings(twice)


def test_a_serial_used_twice_is_found(settlement) -> None:
    rows = np.arange(len(settlement.allocation)).repeat(2)
    assert "L2" in findings(replace(settlement, allocation=settlement.allocation.take(rows)))


def test_many_findings_are_cut_and_counted(settlement) -> None:
    rows = np.zeros(100, np.int64)
    many = replace(settlement, allocation=settlement.allocation.take(rows))
    found = [one for one in audit_settlement(many, LOTS, TARIFF, "settlement") if "used once" in one.detail]
    assert len(found) == FEW
    assert found[-1].detail.endswith("(and 79 more rows)")


def test_retired_ranges_are_exactly_the_allocated_ones(settlement) -> None:
    allocation = settlement.allocation
    moved = replace(allocation, lot=allocation.lot + 100)
    assert audit_retirements(allocation, moved, "journal") == []
    less = audit_retirements(allocation, allocation.take(slice(1, None)), "journal")
    assert [finding.detail.split(":")[0] for finding in less] == ["allocated, not retired"]
    more = audit_retirements(allocation.take(slice(1, None)), allocation, "journal")
    assert [finding.detail.split(":")[0] for finding in more] == ["retired, not allocated"]
