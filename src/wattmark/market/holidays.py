"""National holidays of Japan, from the rules of the law; years 2005 to 2099.

The law (国民の祝日に関する法律) gives fixed days, Mondays, and two equinoxes, which the observatory announces each
February for the next year: the days computed here are its formula, so what is announced otherwise is an input of
``Calendar``. Days of one year only stand in ``MOVED`` and ``ONCE``.
"""

from datetime import date, timedelta
from functools import lru_cache
from typing import Final

FIRST_YEAR: Final = 2005
"""The year JEPX began to trade."""
LAST_YEAR: Final = 2099
"""Last year of the equinox formula."""
ONE_DAY: Final = timedelta(days=1)
MONDAY: Final = 0
SUNDAY: Final = 6
# (first year, last year, month, day)
FIXED: Final = (
    (2005, LAST_YEAR, 1, 1),  # 元日
    (2005, LAST_YEAR, 2, 11),  # 建国記念の日
    (2020, LAST_YEAR, 2, 23),  # 天皇誕生日
    (2005, LAST_YEAR, 4, 29),  # みどりの日, 昭和の日 since 2007
    (2005, LAST_YEAR, 5, 3),  # 憲法記念日
    (2007, LAST_YEAR, 5, 4),  # みどりの日; before, the day between two holidays
    (2005, LAST_YEAR, 5, 5),  # こどもの日
    (2016, LAST_YEAR, 8, 11),  # 山の日
    (2005, LAST_YEAR, 11, 3),  # 文化の日
    (2005, LAST_YEAR, 11, 23),  # 勤労感謝の日
    (2005, 2018, 12, 23),  # 天皇誕生日
)
# (month, which Monday)
MONDAYS: Final = (
    (1, 2),  # 成人の日
    (7, 3),  # 海の日
    (9, 3),  # 敬老の日
    (10, 2),  # 体育の日, スポーツの日 since 2020
)
ONCE: Final = (date(2019, 5, 1), date(2019, 10, 22))
"""Accession and enthronement."""
MOVED: Final = {
    2020: {date(2020, 7, 20): date(2020, 7, 23), date(2020, 8, 11): date(2020, 8, 10), date(2020, 10, 12): date(2020, 7, 24)},
    2021: {date(2021, 7, 19): date(2021, 7, 22), date(2021, 8, 11): date(2021, 8, 8), date(2021, 10, 11): date(2021, 7, 23)},
}  # fmt: skip
"""The Olympic years."""
_EQUINOX_YEAR: Final = 1980
_YEAR_DRIFT: Final = 242_194
_SPRING: Final = 20_843_100
_AUTUMN: Final = 23_248_800
_MILLION: Final = 1_000_000


@lru_cache(maxsize=128)
def national_holidays(year: int) -> frozenset[date]:
    """Return the holidays of a year, substitutes and days between holidays included.

    Raises:
        ValueError: a year outside 2005..2099, for which the rules here say nothing.
    """
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(year)
    named = {date(year, month, day) for first, last, month, day in FIXED if first <= year <= last}
    named |= {monday(year, month, which) for month, which in MONDAYS}
    named |= {date(year, 3, equinox_day(year, _SPRING)), date(year, 9, equinox_day(year, _AUTUMN))}
    named |= {day for day in ONCE if day.year == year}
    for day, moved in MOVED.get(year, {}).items():
        named.discard(day)
        named.add(moved)
    return frozenset(named | _between(named) | _substitutes(named))


def monday(year: int, month: int, which: int) -> date:
    """Return the n-th Monday of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(MONDAY - first.weekday()) % 7 + 7 * (which - 1))


def equinox_day(year: int, constant: int) -> int:
    """Return the day of March or September, by the usual formula; integers of a millionth of a day."""
    years = year - _EQUINOX_YEAR
    return (constant + _YEAR_DRIFT * years) // _MILLION - years // 4


def _between(named: set[date]) -> set[date]:
    """Return the days that have a holiday on both sides (article 3(3)); never a Sunday, nor a holiday itself."""
    after = {day + ONE_DAY for day in named if day + 2 * ONE_DAY in named}
    return {day for day in after - named if day.weekday() != SUNDAY}


def _substitutes(named: set[date]) -> set[date]:
    """Return a day for each holiday on a Sunday (article 3(2)).

    The next day that is no named holiday; before 2007 the Monday, where that is none.
    """
    found = set()
    for day in named:
        if day.weekday() == SUNDAY:
            next_day = day + ONE_DAY
            while next_day in named:
                next_day += ONE_DAY
            if day.year >= 2007 or next_day.weekday() == MONDAY:
                found.add(next_day)
    return found
