"""When is traded what (J6, J10, J18, J19, J36, J43, J44): gates as functions of a calendar, never of a clock.

Business days are Monday to Friday without national holidays and the banks' days around New Year. JEPX's own list of
closed days is not public in a form we could read: what differs is said in ``Calendar``, which is an input.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from wattmark.core.periods import DAY_S, KOMA_S, Period, day_periods, jst_day_start_s
from wattmark.market.holidays import FIRST_YEAR, LAST_YEAR, national_holidays

FIRST_DAY: Final = date(FIRST_YEAR + 1, 1, 1)
LAST_DAY: Final = date(LAST_YEAR - 1, 12, 31)
"""Days whose gates and payments need no year without rules."""
SECOND_MS: Final = 1_000
HOUR_S: Final = 3_600
SLOTS: Final = DAY_S // KOMA_S
ONE_DAY: Final = timedelta(days=1)
SATURDAY: Final = 5

BIDS_DAYS_BEFORE: Final = 10
"""Bids are taken from this many business days before the trading day (J10)."""
BIDS_FROM_H: Final = 7
BIDS_UNTIL_H: Final = 17
DAY_AHEAD_GATE_H: Final = 10
INTRADAY_OPENS_H: Final = 17
"""On the day before delivery (J36)."""
INTRADAY_ENDS_BEFORE_S: Final = HOUR_S
"""Intraday trading ends this long before the slot starts (J36) [s]."""
INTRADAY_SUMMED_H: Final = 8
"""When the trades of the day before are summed (J43)."""
PAYMENT_DAYS: Final = 2
"""Bank business days until payment (J19, J43)."""
BLACKOUT_CUTOFF_H: Final = 16
"""Restored from then on, an area waits for one auction more (J18)."""
FORWARD_SESSIONS_H: Final = ((10, 12), (13, 15))
"""Hours of the forward market; orders of the morning stay (J44)."""
DAYTIME_H: Final = (8, 18)
"""Delivery hours of the daytime forward products (J44)."""
FISCAL_YEAR_MONTH: Final = 4
NEW_YEAR: Final = ((12, 31), (1, 2), (1, 3))
"""Days on which banks are closed beside the national holidays (month, day)."""


@dataclass(frozen=True, slots=True)
class Gates:
    """When orders are taken.

    Attributes:
        open_ms: first moment [ms].
        close_ms: first moment they no longer are [ms].
    """

    open_ms: int
    close_ms: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are business days, and which auctions are not on the eve of delivery.

    Attributes:
        added: days that are closed beside the rules.
        removed: days that are open though the rules close them.
        new_year: (month, day) closed every year.
        trading_days: delivery day -> trading day, where that is not the eve (J10).
    """

    added: frozenset[date] = frozenset()
    removed: frozenset[date] = frozenset()
    new_year: tuple[tuple[int, int], ...] = NEW_YEAR
    trading_days: dict[date, date] = field(default_factory=dict)

    def is_business_day(self, day: date) -> bool:
        """Return whether banks and exchange work on a day.

        Raises:
            ValueError: a year outside 2005..2099.
        """
        if day in self.added:
            return False
        if day in self.removed:
            return True
        closed = day in national_holidays(day.year) or (day.month, day.day) in self.new_year
        return day.weekday() < SATURDAY and not closed

    def business_day(self, day: date, count: int) -> date:
        """Return the business day that is ``count`` after a day; before it where ``count`` is negative."""
        step = ONE_DAY if count > 0 else -ONE_DAY
        for _ in range(abs(count)):
            day += step
            while not self.is_business_day(day):
                day += step
        return day

    def trading_day(self, delivery: date) -> date:
        """Return the day of the auction for a delivery day: the eve, unless it is said otherwise (J10)."""
        return self.trading_days.get(delivery, delivery - ONE_DAY)

    def day_ahead(self, delivery: date) -> Gates:
        """Return the gates of the day-ahead products of a delivery day (J10).

        From 07:00 on the tenth business day before the trading day to 10:00 on the trading day, holidays included (J6).
        """
        trading_day = self.trading_day(delivery)
        first = self.business_day(trading_day, -BIDS_DAYS_BEFORE)
        return Gates(at_ms(first, BIDS_FROM_H), at_ms(trading_day, DAY_AHEAD_GATE_H))

    def day_ahead_hours(self, delivery: date) -> list[Gates]:
        """Return the hours of each day in which bids are taken: 07:00-17:00, on the last day to the gate (J10)."""
        trading_day = self.trading_day(delivery)
        day = self.business_day(trading_day, -BIDS_DAYS_BEFORE)
        hours = []
        while day < trading_day:
            hours.append(Gates(at_ms(day, BIDS_FROM_H), at_ms(day, BIDS_UNTIL_H)))
            day += ONE_DAY
        return [*hours, Gates(at_ms(trading_day, BIDS_FROM_H), at_ms(trading_day, DAY_AHEAD_GATE_H))]

    def day_ahead_payment(self, trading_day: date) -> date:
        """Return when the result of an auction is paid (J19)."""
        return self.business_day(trading_day, PAYMENT_DAYS)

    def intraday_payment(self, traded: date) -> date:
        """Return when the trades of a day are paid: summed the next morning, paid two bank days later (J43)."""
        return self.business_day(traded + ONE_DAY, PAYMENT_DAYS)

    def forward_sessions(self, day: date) -> list[Gates]:
        """Return the sessions of the forward market on a day; none when it is no business day (J44)."""
        if not self.is_business_day(day):
            return []
        return [Gates(at_ms(day, start), at_ms(day, end)) for start, end in FORWARD_SESSIONS_H]


def at_ms(day: date, hour: int) -> int:
    """Return an hour of a day in JST [ms]."""
    return (jst_day_start_s(day) + hour * HOUR_S) * SECOND_MS


def slot_period(day: date, slot: int) -> Period:
    """Return the half hour of a product code: 01 is 00:00-00:30, 48 is 23:30-24:00 JST (J6)."""
    assert 1 <= slot <= SLOTS
    return day_periods(day)[slot - 1]


def intraday(period: Period) -> Gates:
    """Return the gates of an intraday product: 17:00 on the day before until one hour before it starts (J36)."""
    opens = at_ms(period.jst_date() - ONE_DAY, INTRADAY_OPENS_H)
    return Gates(opens, (period.start_s - INTRADAY_ENDS_BEFORE_S) * SECOND_MS)


def intraday_summed_ms(traded: date) -> int:
    """Return when the trades of a day are summed: 08:00 on the next (J43) [ms]."""
    return at_ms(traded + ONE_DAY, INTRADAY_SUMMED_H)


def auction_after_blackout(restored_ms: int) -> date:
    """Return the trading day of the first auction that takes an area's bids again after its blackout ended (J18).

    The next day's; from 16:00 the day after that.
    """
    restored = Period(restored_ms // SECOND_MS, KOMA_S).jst_date()
    late = restored_ms >= at_ms(restored, BLACKOUT_CUTOFF_H)
    return restored + ONE_DAY * (2 if late else 1)


def forward_week(day: date) -> tuple[date, date]:
    """Return the week of the forward market that holds a day: Saturday and Friday (J44)."""
    saturday = day - ONE_DAY * ((day.weekday() - SATURDAY) % 7)
    return saturday, saturday + ONE_DAY * 6


def forward_month(day: date) -> tuple[date, date]:
    """Return the first and the last day of a month."""
    first = day.replace(day=1)
    return first, _next_month(first) - ONE_DAY


def forward_year(day: date) -> tuple[date, date]:
    """Return the first and the last day of the fiscal year, April to March, that holds a day."""
    year = day.year if day.month >= FISCAL_YEAR_MONTH else day.year - 1
    return date(year, FISCAL_YEAR_MONTH, 1), date(year + 1, FISCAL_YEAR_MONTH, 1) - ONE_DAY


def forward_periods(first: date, last: date, *, daytime: bool) -> list[Period]:
    """Return the half hours in which a forward product delivers: all, or 08:00-18:00 of each day (J44)."""
    slots = slice(DAYTIME_H[0] * 2, DAYTIME_H[1] * 2) if daytime else slice(None)
    days = (first + ONE_DAY * number for number in range((last - first).days + 1))
    return [period for day in days for period in day_periods(day)[slots]]


def _next_month(first: date) -> date:
    return first.replace(year=first.year + 1, month=1) if first.month == 12 else first.replace(month=first.month + 1)
