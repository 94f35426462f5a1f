"""Texts of a file -> exact numbers and POSIX seconds."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from typing import Final

from wattmark.metering.formats.columns import EPOCH, ISO, TICKS, ColumnMap
from wattmark.metering.formats.refusals import ReadingCode, refused

_DECIMAL: Final = re.compile(r"([+-]?)(\d{1,400})(?:\.(\d{0,9}))?", re.ASCII)
_EPOCH: Final = re.compile(r"\d{1,12}", re.ASCII)
_MAX_WHOLE: Final = (1 << 53) // 1_000_000
"""Largest whole part of a value: keeps ticks within int64 and a day's sum of them too."""
_MIDNIGHT: Final = "24:00"


def ticks_of(text: str, where: str, unit: str) -> int:
    """Return a decimal text in billionths of its unit, exactly.

    Args:
        text: such as ``-1.25``; spaces around it are ignored.
        where: line and column, for the error.
        unit: unit, for the error.

    Raises:
        ReadingsMalformed: ``VALUE_UNREADABLE`` or ``VALUE_OUT_OF_RANGE``.
    """
    match = _DECIMAL.fullmatch(text.strip())
    if match is None:
        raise refused(ReadingCode.VALUE_UNREADABLE, where, text)
    sign, whole, fraction = match.groups()
    if int(whole) >= _MAX_WHOLE:
        raise refused(ReadingCode.VALUE_OUT_OF_RANGE, where, text, limit=_MAX_WHOLE, unit=unit)
    ticks = int(whole) * TICKS + int((fraction or "").ljust(9, "0"))
    return -ticks if sign == "-" else ticks


def utc_seconds(local: datetime, zone: tzinfo, where: str) -> int:
    """Return the POSIX seconds of a time; one without offset is of ``zone``.

    Raises:
        ReadingsMalformed: ``TIME_AMBIGUOUS``, a local time that a clock change skips or repeats (A20).
    """
    if local.tzinfo is not None:
        return int(local.timestamp())
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        raise refused(ReadingCode.TIME_AMBIGUOUS, where, str(local), timezone=str(zone))
    return int(first.timestamp())


def time_reader(columns: ColumnMap) -> Callable[[str, str], int]:
    """Return the function from a time text and its place to POSIX seconds.

    It raises ``ReadingsMalformed`` with ``TIME_UNREADABLE`` or ``TIME_AMBIGUOUS``.
    """
    zone, form = columns.zone(), columns.time_format

    def read(text: str, where: str) -> int:
        stripped = text.strip()
        if form == EPOCH:
            if _EPOCH.fullmatch(stripped) is None:
                raise refused(ReadingCode.TIME_UNREADABLE, where, text, form=form)
            return int(stripped)
        head, midnight, tail = stripped.rpartition(_MIDNIGHT)
        at_midnight = bool(midnight) and not head[-1:].isdigit()
        plain = f"{head}00:00{tail}" if at_midnight else stripped
        try:
            local = datetime.fromisoformat(plain) if form == ISO else datetime.strptime(plain, form)  # noqa: DTZ007 - the map names the zone
        except ValueError as error:
            raise refused(ReadingCode.TIME_UNREADABLE, where, text, form=form) from error
        return utc_seconds(local + timedelta(days=int(at_midnight)), zone, where)

    return read
