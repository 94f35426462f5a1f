"""Energy, money, periods, texts and codes."""

from datetime import date

import pytest

from wattmark.core.codes import AREA_TEXT, ROLE_TEXT, SOURCE_TEXT, Area, Role, Source
from wattmark.core.energy import format_wh
from wattmark.core.errors import Broken, MalformedInput, Refused, Unavailable, UnknownReference, WattmarkError
from wattmark.core.findings import Finding
from wattmark.core.money import amount_e5jpy, format_price, format_yen, truncate_yen
from wattmark.core.periods import day_periods, jst_day_start_s
from wattmark.core.text import LANGUAGES, Text

RULE = Text(en="a rule", ja="規則")


@pytest.mark.parametrize(
    ("exact_e5", "booked"),
    [
        # J3: JEPX samples, amounts paid are negative and cut toward zero
        (-154_267_350_000, -1_542_673),
        (-15_426_730_000, -154_267),
        (-514_224_500_000, -5_142_245),
        (-51_422_450_000, -514_224),
        (99_999, 0),
        (-99_999, 0),
        (100_000, 1),
    ],
)
def test_yen_are_cut_toward_zero(exact_e5: int, booked: int) -> None:
    assert truncate_yen(exact_e5) == booked


def test_price_times_energy_is_exact() -> None:
    """1 kWh at 251.00 JPY/kWh is 251 JPY; 1 Wh at one sen is one unit (B1)."""
    assert amount_e5jpy(25_100, 1_000) == 251 * 100_000
    assert amount_e5jpy(1, 1) == 1


@pytest.mark.parametrize(
    ("wh", "text"),
    [
        (0, "0 Wh"),
        (999, "999 Wh"),
        (1_000, "1.000 kWh"),
        (-1_234, "-1.234 kWh"),
        (-7, "-7 Wh"),
        (12_345_678, "12,345.678 kWh"),
    ],
)
def test_energy_text(wh: int, text: str) -> None:
    assert format_wh(wh) == text


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [
        (123_456_789, 2, "¥1,234.56"),
        (-99_999, 2, "-¥0.99"),
        (150_000, 0, "¥1"),
        (150_001, 5, "¥1.50001"),
    ],
)
def test_money_text(amount: int, decimals: int, text: str) -> None:
    assert format_yen(amount, decimals) == text


def test_price_text() -> None:
    assert format_price(25_100) == "251.00"
    assert format_price(1) == "0.01"
    assert format_price(-150) == "-1.50"


def test_the_day_has_48_koma() -> None:
    """J6: product 01 is 00:00-00:30 JST, 48 is 23:30-24:00."""
    periods = day_periods(date(2021, 1, 15))
    assert [period.koma() for period in periods] == list(range(1, 49))
    assert periods[0].start_s == jst_day_start_s(date(2021, 1, 15)) == 1_610_636_400
    assert all(period.jst_date() == date(2021, 1, 15) for period in periods)
    assert periods[-1].end_s == day_periods(date(2021, 1, 16))[0].start_s
    assert len(day_periods(date(2021, 1, 15), 900)) == 96


def test_period_labels_name_day_and_time_in_both_languages() -> None:
    slot_34, last = (day_periods(date(2021, 1, 15))[i] for i in (33, 47))
    assert slot_34.label("ja") == "2021年1月15日(金) 16:30–17:00"
    assert slot_34.label("en") == "Fri 2021-01-15 16:30–17:00"
    assert last.label("en").endswith("–24:00")


def test_every_code_has_a_name_in_both_languages() -> None:
    for names, members in ((AREA_TEXT, Area), (SOURCE_TEXT, Source), (ROLE_TEXT, Role)):
        assert set(names) == set(members)
        assert all(text.en and text.ja and text.en != text.ja for text in names.values())


def test_texts() -> None:
    text = Text(en="{n} left", ja="残り{n}").format(n=3)
    assert [text.get(language) for language in LANGUAGES] == ["残り3", "3 left"]
    assert text.to_dict() == {"en": "3 left", "ja": "残り3"}


def test_a_refusal_names_field_value_and_rule() -> None:
    error = UnknownReference("UNKNOWN_LOT", "lot", 7, RULE)
    assert isinstance(error, Refused)
    assert isinstance(error, WattmarkError)
    assert str(error) == "lot = 7: a rule [UNKNOWN_LOT]"
    assert error.message("ja") == "lot = 7: 規則 [UNKNOWN_LOT]"
    assert error.to_dict() == {"code": "UNKNOWN_LOT", "field": "lot", "value": 7, "rule": RULE.to_dict()}


def test_a_long_value_is_cut() -> None:
    assert len(MalformedInput("TOO_LONG", "body", "x" * 10_000, RULE).message("en")) < 300


def test_what_is_broken_becomes_a_finding() -> None:
    broken = Broken("journal/0.seg", "byte 48", "CRC32C", "differs")
    finding = Finding.from_broken(broken)
    assert str(broken) == "journal/0.seg at byte 48: CRC32C: differs"
    assert finding.to_dict() == {
        "file": "journal/0.seg",
        "position": "byte 48",
        "rule": "CRC32C",
        "detail": "differs",
    }
    assert str(Unavailable(RULE)) == "a rule"
