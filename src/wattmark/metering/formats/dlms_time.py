"""The date-time of DLMS: 12 octets, local time with its deviation and the state of the clock."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from wattmark.metering.formats.refusals import ReadingCode, refused

TIME_BYTES: Final = 12
NO_DEVIATION: Final = -0x8000
MAX_DEVIATION_MIN: Final = 720
INVALID: Final = 0x01
DOUBTFUL: Final = 0x02
OTHER_BASE: Final = 0x04
INVALID_STATUS: Final = 0x08
SUMMER_TIME: Final = 0x80
UNSPECIFIED: Final = 0xFF
_KNOWN: Final = INVALID | DOUBTFUL | OTHER_BASE | INVALID_STATUS | SUMMER_TIME
_MAX_HUNDREDTHS: Final = 99
_WEEK: Final = 7
_FORM: Final = "12 octets: year, month, day, weekday, h, m, s, hundredths, deviation, status"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ClockRule:
    """What the operator knows of a meter's clock that its octets do not say.

    Attributes:
        utc_offset_s: local time minus UTC where the deviation is unspecified; ``None``: then there is no UTC [s].
        flipped: the deviation is local minus UTC, as some companion standards have it, not UTC minus local.
    """

    utc_offset_s: int | None = None
    flipped: bool = False


DEFAULT_CLOCK: Final = ClockRule()


@dataclass(frozen=True, slots=True)
class DlmsTime:
    """One date-time.

    Attributes:
        local: the meter's local time, to the second.
        utc_s: POSIX seconds; ``None`` where nobody says how local time relates to UTC.
        status: the clock's status octet; FF is unspecified.
    """

    local: datetime
    utc_s: int | None
    status: int

    @property
    def trusted(self) -> bool:
        """Return whether the moment is known and the clock does not doubt itself; summer time is no doubt."""
        return self.utc_s is not None and self.status & ~SUMMER_TIME == 0


def read_time(octets: bytes, where: str, rule: ClockRule = DEFAULT_CLOCK) -> DlmsTime:
    """Return a date-time whose date and time of day are specified.

    Args:
        octets: the 12 octets.
        where: their place, for the error.
        rule: what the operator knows of the clock.

    Raises:
        ReadingsMalformed: ``TIME_UNREADABLE``: an impossible or unspecified field, an unknown status bit.
    """
    try:
        local, deviation_min, status = _fields(octets)
    except ValueError as error:
        raise refused(ReadingCode.TIME_UNREADABLE, where, octets.hex(), form=_FORM) from error
    if deviation_min == NO_DEVIATION:
        offset_s = rule.utc_offset_s
    else:
        offset_s = 60 * (deviation_min if rule.flipped else -deviation_min)
    second = timedelta(seconds=1)
    utc_s = None if offset_s is None else (local.replace(tzinfo=UTC) - _EPOCH) // second - offset_s
    return DlmsTime(local, utc_s, status)


def _fields(octets: bytes) -> tuple[datetime, int, int]:
    if len(octets) != TIME_BYTES:
        raise ValueError(len(octets))
    year = int.from_bytes(octets[:2], "big")
    month, day, weekday, hour, minute, second, hundredths = octets[2:9]
    deviation_min = int.from_bytes(octets[9:11], "big", signed=True)
    status = octets[11]
    if not (1 <= weekday <= _WEEK or weekday == UNSPECIFIED):
        raise ValueError(weekday)
    if hundredths > _MAX_HUNDREDTHS and hundredths != UNSPECIFIED:
        raise ValueError(hundredths)
    if abs(deviation_min) > MAX_DEVIATION_MIN and deviation_min != NO_DEVIATION:
        raise ValueError(deviation_min)
    if status & ~_KNOWN and status != UNSPECIFIED:
        raise ValueError(status)
    return datetime(year, month, day, hour, minute, second), deviation_min, status  # noqa: DTZ001 - local; the deviation says which
