import json
from datetime import date

import pytest

from wattmark.core.errors import MalformedInput
from wattmark.core.periods import jst_day_start_s
from wattmark.settlement.audit import audit_statement
from wattmark.settlement.columns import Demand, Lots, SpotPrices
from wattmark.settlement.invoice import Charge, invoice_line, invoice_lines, rounding_e5
from wattmark.settlement.settle import settle_day
from wattmark.settlement.statement import make_statements
from wattmark.settlement.tariff import Tariff

DAY = date(2021, 1, 9)
START = jst_day_start_s(DAY)
KOMA = 1_800
TARIFF = Tariff(4, 700, 2_500_000)


@pytest.fixture
def statements():
    demand = Demand([1, 1, 2], [3, 3, 3], [START, START + KOMA, START], [KOMA] * 3, [500, 200, 80])
    lots = Lots(
        lot=[10, 11],
        account=[1, 1],
        bundle=[4, 5],
        area=[3, 3],
        start=[100, 0],
        end=[400, 250],
        period_start_s=[START, START - KOMA],
        duration_s=[KOMA, KOMA],
        kind=[1, 2],
        expiry_s=[START * 2, START * 2],
        redeem_rule=[0, 1],
        redeem_from_s=[0, 0],
        redeem_until_s=[0, START * 2],
    )
    prices = SpotPrices([3, 3], [START, START + KOMA], [KOMA, KOMA], [25_100, 999])
    settlement = settle_day(demand, lots, prices, TARIFF)
    return list(make_statements(settlement, {4: 40, 5: 50}, TARIFF, DAY))


def test_every_serial_range_stands_in_the_statement(statements) -> None:
    first, second = (statement.to_dict() for statement in statements)
    assert [
        (part["claim"], part["device"], part["bundle"], part["start"], part["end"])
        for part in first["lines"][0]["ranges"]
    ] == [
        ("SAME_SLOT", 40, 4, 100, 400),
        ("BANKED", 50, 5, 0, 200),
    ]
    assert [part["end"] - part["start"] for part in first["lines"][1]["ranges"]] == [50]
    assert second["lines"][0]["ranges"] == []
    assert first["totals"] == {
        "consumption_wh": 700,
        "same_slot_wh": 300,
        "banked_wh": 250,
        "residual_wh": 150,
        "spot_amount_e5": 150 * 999,
        "tariff_amount_e5": 150 * 700,
        "fixed_amount_e5": 2_500_000,
        "amount_e5": 150 * 1_699 + 2_500_000,
    }


def test_the_json_form_is_canonical_and_whole(statements) -> None:
    data = statements[0].to_json()
    assert json.loads(data) == statements[0].to_dict()
    assert data == json.dumps(json.loads(data), sort_keys=True, separators=(",", ":")).encode()


def test_invoice_lines_are_truncated_once_and_the_difference_is_accounted(statements) -> None:
    lines = statements[0].invoice
    assert [(line.charge, line.yen, line.rounding_e5) for line in lines] == [
        (Charge.SPOT, 1, 49_850),
        (Charge.TARIFF, 1, 5_000),
        (Charge.FIXED, 25, 0),
    ]
    assert sum(line.yen for line in lines) * 100_000 + rounding_e5(lines) == statements[0].amount_e5


@pytest.mark.parametrize(
    ("exact_yen_tenths", "booked"),
    [(-15_426_735, -1_542_673), (-1_542_673, -154_267), (-51_422_450, -5_142_245), (-5_142_245, -514_224)],
)
def test_what_is_paid_is_cut_toward_zero(exact_yen_tenths: int, booked: int) -> None:
    """The samples of J3: flooring is wrong for what a member pays."""
    line = invoice_line(Charge.SPOT, exact_yen_tenths * 10_000)
    assert line.yen == booked
    assert line.yen * 100_000 + line.rounding_e5 == line.exact_e5


def test_a_line_without_an_amount_is_left_out() -> None:
    assert invoice_lines(0, 0, 0) == ()


def test_a_correct_statement_has_no_finding(statements) -> None:
    for statement in statements:
        assert audit_statement(statement.to_dict(), TARIFF, "statement") == []


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        (("lines", 0, "consumption_wh"), "B2"),
        (("lines", 0, "banked_wh"), "B2"),
        (("lines", 0, "spot_amount_e5"), "J4"),
        (("lines", 1, "tariff_amount_e5"), "J4"),
        (("lines", 0, "ranges", 0, "end"), "B2"),
        (("totals", "residual_wh"), "B2"),
        (("totals", "amount_e5"), "J4"),
        (("totals", "fixed_amount_e5"), "J4"),
        (("invoice", 0, "yen"), "J3"),
        (("invoice", 1, "exact_e5"), "J4"),
        (("invoice", 2, "rounding_e5"), "J4"),
    ],
)
def test_every_figure_that_is_changed_is_found(statements, path, rule) -> None:
    content = json.loads(statements[0].to_json())
    place = content
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] += 1
    assert rule in {finding.rule for finding in audit_statement(content, TARIFF, "statement")}


def test_a_period_of_another_day_is_refused(statements) -> None:
    settlement = settle_day(
        Demand([1], [3], [START - KOMA], [KOMA], [1]),
        Lots.empty(),
        SpotPrices([3], [START - KOMA], [KOMA], [1]),
        TARIFF,
    )
    with pytest.raises(MalformedInput, match="STATEMENT_DAY"):
        list(make_statements(settlement, {}, TARIFF, DAY))


def test_a_bundle_without_a_device_is_refused(statements) -> None:
    settlement = settle_day(
        Demand([1], [3], [START], [KOMA], [1]),
        Lots([0], [1], [9], [3], [0], [5], [START], [KOMA], [1], [START * 2], [0], [0], [0]),
        SpotPrices([3], [START], [KOMA], [1]),
        TARIFF,
    )
    with pytest.raises(MalformedInput, match="BUNDLE_UNKNOWN"):
        list(make_statements(settlement, {4: 1}, TARIFF, DAY))
