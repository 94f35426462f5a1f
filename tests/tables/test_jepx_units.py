"""Units, ticks and cut-off yen of the exchange, as tables (J1 to J5)."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmark.core.errors import MalformedInput
from wattmark.core.money import E5_PER_YEN, amount_e5jpy
from wattmark.market.units import (
    FORWARD_LOT_KWH,
    LOT_KWH,
    LOT_WH,
    jpy_per_mwh_of_sen,
    lots_of_wh,
    sen_of_jpy_per_mwh,
    unit_price_sen,
    wh_of_lots,
)
from wattmark.settlement.invoice import CHARGE_TEXT, Charge, invoice_line, rounding_e5, tax_line

MWH = 1_000_000

SAMPLES = """
sample                                   | exact      | booked
day-ahead fee, 51422.45 MWh at 30        | -1542673.5 | -1542673
intraday fee, 51422.45 MWh at 100        | -5142245   | -5142245
day-ahead fee, 51422.45 MWh at 30, received | 1542673.5 | 1542673
"""
TAXES = """
taxed                | exact      | booked
fee -1542673         | -154267.3  | -154267
fee -5142245         | -514224.5  | -514224
bought -25171390     | -2517139   | -2517139
sold 5142245         | 514224.5   | 514224
less than a yen -9   | -0.9       | 0
"""


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()[1:]]


@pytest.mark.parametrize("row", rows(SAMPLES), ids=lambda row: row[0])
def test_fees_of_the_interface_s_samples(row: list[str]) -> None:
    """J3: what a member pays is cut toward zero; flooring would book one yen more."""
    name, exact, booked = row
    quantity_wh = int(Decimal(name.split()[2]) * MWH)
    price_sen = sen_of_jpy_per_mwh(int(name.split(" at ")[1].split(",")[0]))
    sign = 1 if name.endswith("received") else -1
    line = invoice_line(Charge.FEE, sign * amount_e5jpy(price_sen, quantity_wh))
    assert Decimal(line.exact_e5) / E5_PER_YEN == Decimal(exact)
    assert line.yen == int(booked)
    assert line.yen * E5_PER_YEN + line.rounding_e5 == line.exact_e5


@pytest.mark.parametrize("row", rows(TAXES), ids=lambda row: row[0])
def test_taxes_of_the_interface_s_samples(row: list[str]) -> None:
    name, exact, booked = row
    line = tax_line(int(name.split()[-1]), 10)
    assert (Decimal(line.exact_e5) / E5_PER_YEN, line.yen) == (Decimal(exact), int(booked))


@given(st.lists(st.integers(-(10**12), 10**12), max_size=9))
def test_the_books_of_all_lines_sum_to_what_is_exact(amounts: list[int]) -> None:
    """J4: the residual goes to a rounding account, so that nothing is lost."""
    lines = [invoice_line(Charge.FEE, amount) for amount in amounts]
    assert sum(line.yen for line in lines) * E5_PER_YEN + rounding_e5(lines) == sum(amounts)
    assert all(abs(line.rounding_e5) < E5_PER_YEN for line in lines)
    assert set(CHARGE_TEXT) == set(Charge)


LOTS = """
Wh over half an hour | lots of 0.1 MW
0        | 0
49999    | 0
50000    | 1
99999    | 1
100000   | 2
1000000000 | 20000
"""


@pytest.mark.parametrize("row", rows(LOTS), ids=lambda row: row[0])
def test_lots_are_cut_off(row: list[str]) -> None:
    """J1: 50 kWh per half hour = 0.1 MW; MW carry one decimal, the rest is cut off."""
    assert lots_of_wh(int(row[0])) == int(row[1])


def test_units_of_the_exchange() -> None:
    assert (LOT_KWH, FORWARD_LOT_KWH, LOT_WH, wh_of_lots(1)) == (50, 500, 50_000, 50_000)
    assert [wh_of_lots(1, duration_s) for duration_s in (300, 900, 1_800, 3_600)] == [8_333, 25_000, 50_000, 100_000]
    assert lots_of_wh(100_000, 3_600) == 1


@given(st.integers(0, 10**9), st.sampled_from([900, 1_800, 3_600]))
def test_lots_there_and_back(lots: int, duration_s: int) -> None:
    quantity_wh = wh_of_lots(lots, duration_s)
    assert lots_of_wh(quantity_wh, duration_s) == lots
    assert lots_of_wh(quantity_wh + wh_of_lots(1, duration_s) - 1, duration_s) == lots


def test_the_tick_is_a_multiple_of_ten() -> None:
    """J2: 0.01 JPY/kWh is 10 JPY/MWh."""
    assert (sen_of_jpy_per_mwh(15_590), jpy_per_mwh_of_sen(1_559)) == (1_559, 15_590)
    for wrong in (1, 15_595, -5):
        with pytest.raises(MalformedInput) as caught:
            sen_of_jpy_per_mwh(wrong)
        assert (caught.value.code, caught.value.field, caught.value.value) == (
            "PRICE_OFF_TICK",
            "price_jpy_per_mwh",
            wrong,
        )


@given(st.integers(-(10**14), 10**14), st.integers(1, 10**11))
def test_a_unit_price_is_rounded_half_up(amount_e5: int, quantity_wh: int) -> None:
    """J3: 四捨五入."""
    exact = (Decimal(amount_e5) / Decimal(quantity_wh)).quantize(Decimal(1), ROUND_HALF_UP)
    assert unit_price_sen(amount_e5, quantity_wh) == int(exact)


def test_a_half_goes_up() -> None:
    assert [unit_price_sen(amount, 1_000) for amount in (1_499, 1_500, 1_501, -1_499, -1_500)] == [1, 2, 2, -1, -2]
