"""Settlement periods: (start, duration) in UTC seconds; JST and the koma are a view (J6)."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

JST_OFFSET_S: Final = 9 * 3600
"""Japan Standard Time is UTC+9 the whole year [s]."""
JST: Final = timezone(timedelta(seconds=JST_OFFSET_S), "JST")
DAY_S: Final = 86_400
KOMA_S: Final = 1_800
"""The half-hour product of J6 [s]."""
DURATIONS_S: Final = (300, 900, 1_800, 3_600)
"""Allowed lengths of a settlement period [s]."""
WEEKDAYS_JA: Final = "月火水木金土日"


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """The interval that is metered and settled.

    Attributes:
        start_s: start, POSIX seconds UTC.
        duration_s: length [s].
    """

    start_s: int
    duration_s: int

    @property
    def end_s(self) -> int:
        """Return the end, POSIX seconds UTC."""
        return self.start_s + self.duration_s

    def koma(self) -> int:
        """Return the half-hour number 1..48 of the start in JST (J6)."""
        return (self.start_s + JST_OFFSET_S) % DAY_S // KOMA_S + 1

    def jst_date(self) -> date:
        """Return the calendar day of the start in JST."""
        return datetime.fromtimestamp(self.start_s, JST).date()

    def label(self, language: str) -> str:
        """Return ``2026年11月23日(月) 9:30–10:00`` or ``Mon 2026-11-23 09:30–10:00`` (JST)."""
        start = datetime.fromtimestamp(self.start_s, JST)
        end = datetime.fromtimestamp(self.end_s, JST)
        end_hour = 24 if end.hour == 0 and end.minute == 0 else end.hour
        if language == "ja":
            day = f"{start.year}年{start.month}月{start.day}日({WEEKDAYS_JA[start.weekday()]})"
            return f"{day} {start.hour}:{start.minute:02}–{end_hour}:{end.minute:02}"
        return f"{start:%a %Y-%m-%d %H:%M}–{end_hour:02}:{end.minute:02}"


def jst_day_start_s(day: date) -> int:
    """Return 00:00 JST of the day as POSIX seconds UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) - JST_OFFSET_S


def day_periods(day: date, duration_s: int = KOMA_S) -> list[Period]:
    """Return the periods of a JST day in order: 48 of them at 1,800 s."""
    first = jst_day_start_s(day)
    return [Period(first + offset, duration_s) for offset in range(0, DAY_S, duration_s)]
