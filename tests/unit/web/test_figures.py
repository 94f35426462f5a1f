"""Figures as people type them: exact to the sen and the Wh, in the letters of both keyboards; doubt is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmark.core.errors import MalformedInput
from wattmark.web.figures import parse_energy, parse_price, parse_time, parse_whole, write_energy, write_time

PRICES = """
typed          sen
12             1200
12.5           1250
12.50          1250
12.500         1250
0.01           1
007.5          750
1,234.05       123405
¥12.5          1250
12.5円         1250
12円/kWh       1200
３１．４１     3141
"""
ENERGIES = """
typed          Wh
1              1000
0.25           250
1.234          1234
0.001          1
250_Wh         250
250wh          250
1,250_Wh       1250
2.5_kWh        2500
0.000001_MWh   1
１．２５       1250
1,000,000      1000000000
"""


def rows(table: str) -> list[tuple[str, int]]:
    """The lines of a table; an underscore stands for a space."""
    found = [line.split() for line in table.strip().splitlines()[1:]]
    return [(typed.replace("_", " "), int(meant)) for typed, meant in found]


@pytest.mark.parametrize(("typed", "sen"), rows(PRICES))
def test_prices(typed: str, sen: int) -> None:
    assert parse_price(typed) == parse_price(f"  {typed} ") == sen


@pytest.mark.parametrize(("typed", "wh"), rows(ENERGIES))
def test_energy(typed: str, wh: int) -> None:
    assert parse_energy(typed) == wh


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "-1",
        "+1",
        "1e3",
        "12.5.0",
        "12.",
        ".5",
        "1,25",
        "12,5",
        "1,2345",
        ",1",
        "x",
        "٣",
        "12.5x",
        "1/2",
        "nan",
        "9" * 13,
        "1." + "0" * 10,
        "1" * 41,
        "12.505",
    ],
)
def test_what_is_no_price_is_refused_by_name(typed: str) -> None:
    with pytest.raises(MalformedInput) as error:
        parse_price(typed)
    assert (error.value.field, error.value.value) == ("price", typed)


@pytest.mark.parametrize("typed", ["", "-1", "1e3", "0.0001", "0.5 Wh", "1 J", "1 kW", "5円", "1.5Wh", "9" * 13])
def test_what_is_no_energy_is_refused_by_name(typed: str) -> None:
    with pytest.raises(MalformedInput) as error:
        parse_energy(typed, "minimum")
    assert (error.value.field, error.value.value) == ("minimum", typed)


@pytest.mark.parametrize("typed", ["", "1.0", "-1", "1e3", "9" * 13, "12 Wh"])
def test_what_is_no_whole_number_is_refused_by_name(typed: str) -> None:
    with pytest.raises(MalformedInput) as error:
        parse_whole(typed, "lot")
    assert (error.value.field, error.value.value) == ("lot", typed)


@given(st.integers(0, 999_999_999_999_999))
def test_what_a_field_is_given_is_read_back(wh: int) -> None:
    assert parse_energy(write_energy(wh)) == wh
    assert "." not in write_energy(wh // 1_000 * 1_000)


@given(st.integers(0, 99_900))
def test_every_sen_is_kept(sen: int) -> None:
    assert parse_price(f"{sen // 100}.{sen % 100:02}") == sen


def test_times_are_of_the_wall_in_japan() -> None:
    wanted = 1_795_393_800_000
    for typed in ("2026-11-23T09:30", "2026-11-23 9:30", "2026/11/23 09:30", " ２０２６-11-23 09:30:00"):
        assert parse_time(typed, "until") == wanted
    assert write_time(wanted) == "2026-11-23T09:30"
    for typed in ("", "09:30", "2026-13-01 00:00", "2026-11-23", "tomorrow", "2026-11-23T09:30Z"):
        with pytest.raises(MalformedInput) as error:
            parse_time(typed, "until")
        assert error.value.field == "until"
