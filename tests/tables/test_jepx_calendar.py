"""The exchange's calendar as tables: gates, business days, payment days; times are JST."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmark.core.periods import JST, Period, day_periods
from wattmark.market.calendar import (
    Calendar,
    Gates,
    auction_after_blackout,
    forward_month,
    forward_periods,
    forward_week,
    forward_year,
    intraday,
    intraday_summed_ms,
    slot_period,
)
from wattmark.market.holidays import national_holidays

PLAIN = Calendar()


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text.strip()).replace(tzinfo=JST).timestamp() * 1_000)


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()[1:]]


def row_id(row: list[str]) -> str:
    return " ".join(row[0].split()[:4])


DAY_AHEAD = """
delivery                        | bids from        | gate
2026-11-25 plain weeks, a holiday on 11-23 and 11-03 | 2026-11-09 07:00 | 2026-11-24 10:00
2026-11-24 the trading day is a holiday | 2026-11-09 07:00 | 2026-11-23 10:00
2026-11-22 the trading day is a Saturday | 2026-11-09 07:00 | 2026-11-21 10:00
2026-11-21 the trading day is a Friday | 2026-11-06 07:00 | 2026-11-20 10:00
2026-01-01 the trading day is New Year's Eve | 2025-12-17 07:00 | 2025-12-31 10:00
2026-01-02 year end             | 2025-12-17 07:00 | 2026-01-01 10:00
2026-01-05 after the holidays   | 2025-12-17 07:00 | 2026-01-04 10:00
2026-01-06 the first business day of the year | 2025-12-17 07:00 | 2026-01-05 10:00
2026-01-07 the second           | 2025-12-18 07:00 | 2026-01-06 10:00
2026-05-03 Golden Week begins   | 2026-04-17 07:00 | 2026-05-02 10:00
2026-05-07 Golden Week ends: four days closed in a row and the 29th | 2026-04-17 07:00 | 2026-05-06 10:00
2026-05-21 two weeks later      | 2026-05-01 07:00 | 2026-05-20 10:00
2024-03-01 a leap day           | 2024-02-14 07:00 | 2024-02-29 10:00
2019-05-01 ten days closed      | 2019-04-15 07:00 | 2019-04-30 10:00
"""


@pytest.mark.parametrize("row", rows(DAY_AHEAD), ids=row_id)
def test_the_gates_of_the_day_ahead_auction(row: list[str]) -> None:
    """J10, J6: ten business days back, but an auction every day."""
    assert PLAIN.day_ahead(date.fromisoformat(row[0].split()[0])) == Gates(ms(row[1]), ms(row[2]))


def test_bids_are_taken_by_day_and_not_by_night() -> None:
    """J10: 07:00-17:00 on every day of the time, to 10:00 on the last."""
    hours = PLAIN.day_ahead_hours(date(2026, 1, 2))
    gates = PLAIN.day_ahead(date(2026, 1, 2))
    assert (hours[0].open_ms, hours[-1].close_ms) == (gates.open_ms, gates.close_ms)
    assert hours[0] == Gates(ms("2025-12-17 07:00"), ms("2025-12-17 17:00"))
    assert hours[-1] == Gates(ms("2026-01-01 07:00"), ms("2026-01-01 10:00"))
    assert len(hours) == 16


def test_an_auction_that_is_not_on_the_eve_is_an_input() -> None:
    moved = Calendar(trading_days={date(2026, 1, 1): date(2025, 12, 30), date(2026, 1, 2): date(2025, 12, 30)})
    assert moved.day_ahead(date(2026, 1, 2)) == Gates(ms("2025-12-16 07:00"), ms("2025-12-30 10:00"))
    assert moved.day_ahead(date(2026, 1, 3)) == PLAIN.day_ahead(date(2026, 1, 3))


INTRADAY = """
slot             | opens            | ends
2026-11-25 01    | 2026-11-24 17:00 | 2026-11-24 23:00
2026-11-25 02    | 2026-11-24 17:00 | 2026-11-24 23:30
2026-11-25 03    | 2026-11-24 17:00 | 2026-11-25 00:00
2026-11-25 48    | 2026-11-24 17:00 | 2026-11-25 22:30
2026-01-01 01    | 2025-12-31 17:00 | 2025-12-31 23:00
2026-05-05 24    | 2026-05-04 17:00 | 2026-05-05 10:30
2024-03-01 01    | 2024-02-29 17:00 | 2024-02-29 23:00
"""


@pytest.mark.parametrize("row", rows(INTRADAY), ids=row_id)
def test_the_gates_of_intraday_products(row: list[str]) -> None:
    """J36: from 17:00 the day before until one hour before the slot, on every day of the year."""
    day, slot = row[0].split()
    assert intraday(slot_period(date.fromisoformat(day), int(slot))) == Gates(ms(row[1]), ms(row[2]))


def test_slots_are_the_half_hours_of_the_day() -> None:
    """J6."""
    day = date(2026, 11, 25)
    assert [slot_period(day, slot) for slot in range(1, 49)] == day_periods(day)
    assert slot_period(day, 1) == Period(int(datetime(2026, 11, 24, 15, tzinfo=UTC).timestamp()), 1_800)
    assert [slot_period(day, slot).koma() for slot in (1, 48)] == [1, 48]


PAYMENT = """
traded           | auction is paid (J19) | intraday is paid (J43)
2026-11-20 Fri   | 2026-11-25 | 2026-11-25
2026-11-24 Tue   | 2026-11-26 | 2026-11-27
2025-12-30 Tue   | 2026-01-06 | 2026-01-06
2025-12-29 Mon   | 2026-01-05 | 2026-01-06
2026-04-30 Thu   | 2026-05-07 | 2026-05-08
2026-05-03 Sun   | 2026-05-08 | 2026-05-08
"""


@pytest.mark.parametrize("row", rows(PAYMENT), ids=row_id)
def test_days_of_payment(row: list[str]) -> None:
    day = date.fromisoformat(row[0].split()[0])
    found = (PLAIN.day_ahead_payment(day), PLAIN.intraday_payment(day))
    assert found == (date.fromisoformat(row[1]), date.fromisoformat(row[2]))
    assert intraday_summed_ms(day) == PLAIN.day_ahead_hours(day)[-1].close_ms + (2 * 24 - 2) * 3_600_000


BUSINESS = """
day              | open
2026-11-20 Fri   | yes
2026-11-21 Sat   | no
2026-11-23 holiday | no
2025-12-30 Tue   | yes
2025-12-31 banks | no
2026-01-01 holiday | no
2026-01-02 banks | no
2026-01-03 Sat   | no
2027-01-04 Mon   | yes
2026-05-06 substitute of a Sunday three days before | no
2026-09-22 between two holidays | no
2009-09-22 between two holidays | no
2024-08-12 substitute | no
2020-07-23 moved for the games | no
2020-10-12 from there | yes
2019-10-22 once | no
2018-12-24 substitute of the old birthday | no
2019-12-23 no longer a holiday | yes
2006-05-04 between two holidays | no
2024-02-23 | no
2027-03-22 equinox on a Sunday | no
2026-12-29 | yes
"""


@pytest.mark.parametrize("row", rows(BUSINESS), ids=row_id)
def test_business_days(row: list[str]) -> None:
    assert PLAIN.is_business_day(date.fromisoformat(row[0].split()[0])) == (row[1] == "yes")


def test_what_the_rules_do_not_know_is_an_input() -> None:
    special = Calendar(added=frozenset({date(2026, 11, 24)}), removed=frozenset({date(2026, 11, 23)}), new_year=())
    assert [special.is_business_day(date(2026, 11, day)) for day in (23, 24, 25)] == [True, False, True]
    assert special.is_business_day(date(2025, 12, 31))


EQUINOXES = "2005: 20 23, 2008: 20 23, 2011: 21 23, 2012: 20 22, 2016: 20 22, 2020: 20 22, 2024: 20 22, 2025: 20 23, 2026: 20 23, 2027: 21 23"


def test_equinoxes_as_announced() -> None:
    """The days that the official gazette has published."""
    for year, days in (part.split(": ") for part in EQUINOXES.split(", ")):
        spring, autumn = (int(day) for day in days.split())
        assert {date(int(year), 3, spring), date(int(year), 9, autumn)} <= national_holidays(int(year))


@pytest.mark.parametrize("year", [2004, 2100])
def test_a_year_without_rules_is_not_guessed(year: int) -> None:
    with pytest.raises(ValueError, match=str(year)):
        national_holidays(year)


@given(st.dates(date(2006, 1, 1), date(2098, 12, 31)), st.integers(1, 12))
def test_business_days_there_and_back(day: date, count: int) -> None:
    later = PLAIN.business_day(day, count)
    assert PLAIN.is_business_day(later)
    between = [date.fromordinal(n) for n in range(day.toordinal() + 1, later.toordinal() + 1)]
    assert sum(map(PLAIN.is_business_day, between)) == count
    if PLAIN.is_business_day(day):
        assert PLAIN.business_day(later, -count) == day


BLACKOUT = """
restored          | first auction (trading day)
2026-11-20 09:59  | 2026-11-21
2026-11-20 15:59  | 2026-11-21
2026-11-20 16:00  | 2026-11-22
2026-12-31 23:59  | 2027-01-02
2026-11-20 00:00  | 2026-11-21
"""


@pytest.mark.parametrize("row", rows(BLACKOUT), ids=lambda row: row[0])
def test_the_first_auction_after_a_blackout(row: list[str]) -> None:
    """J18."""
    assert auction_after_blackout(ms(row[0])) == date.fromisoformat(row[1])


def test_the_forward_market() -> None:
    """J44: weeks from Saturday to Friday, two sessions on business days, daytime 08:00-18:00."""
    assert forward_week(date(2026, 11, 20)) == (date(2026, 11, 14), date(2026, 11, 20))
    assert forward_week(date(2026, 11, 21)) == (date(2026, 11, 21), date(2026, 11, 27))
    assert forward_month(date(2024, 2, 10)) == (date(2024, 2, 1), date(2024, 2, 29))
    assert forward_month(date(2026, 12, 31)) == (date(2026, 12, 1), date(2026, 12, 31))
    assert forward_year(date(2027, 3, 31)) == (date(2026, 4, 1), date(2027, 3, 31))
    assert forward_year(date(2026, 4, 1)) == (date(2026, 4, 1), date(2027, 3, 31))
    week = forward_periods(*forward_week(date(2026, 11, 20)), daytime=False)
    day = forward_periods(*forward_week(date(2026, 11, 20)), daytime=True)
    assert (len(week), len(day)) == (7 * 48, 7 * 20)
    assert (day[0].koma(), day[19].koma(), day[19].end_s - day[0].start_s) == (17, 36, 36_000)
    assert PLAIN.forward_sessions(date(2026, 11, 20)) == [
        Gates(ms("2026-11-20 10:00"), ms("2026-11-20 12:00")),
        Gates(ms("2026-11-20 13:00"), ms("2026-11-20 15:00")),
    ]
    assert PLAIN.forward_sessions(date(2026, 11, 23)) == []
