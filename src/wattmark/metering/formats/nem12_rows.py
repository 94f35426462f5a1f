"""Rows of NEM12 and NEM13: fields, flags, exact decimals, days."""

import re
from datetime import date, datetime
from typing import Final

from wattmark.metering.formats.columns import TICKS
from wattmark.metering.formats.record_refusals import RecordCode, record_refused
from wattmark.metering.formats.refusals import ReadingCode, refused
from wattmark.metering.labels import Label

MAX_VALUE: Final = (1 << 53) // 1_000_000
"""Values stay below this, so that their billionths fit an int64 [units]."""
MINUTES: Final = (1, 5, 10, 15, 30)
ENERGY: Final = {"wh": TICKS, "kwh": TICKS // 10**3, "mwh": TICKS // 10**6}
"""Unit in small letters -> billionths of it in 1 Wh."""
OTHER_UNITS: Final = frozenset(
    {"", "pf"} | {prefix + unit for prefix in ("", "k", "m") for unit in ("varh", "var", "w", "va", "vah", "v", "a")}
)
"""Units of channels that count no energy; a voltage may come without."""
SUBSTITUTED: Final = frozenset("SFE")
TAMPER: Final = 61
TIME_RESET: Final = 89
_VALUE: Final = re.compile(r"(\d{0,10})(?:\.(\d{1,9}))?", re.ASCII)
_FLAG: Final = re.compile(r"[ANV]|[SFE]\d{2}", re.ASCII)
_REASON: Final = re.compile(r"\d{0,3}", re.ASCII)
_STAMP: Final = re.compile(r"(?:\d{14})?", re.ASCII)
_DAY: Final = re.compile(r"\d{8}", re.ASCII)
_MAX_NAME_CHARS: Final = 64


def value_ticks(text: str, where: str) -> int:
    """Return a decimal without sign in billionths, exactly; ``.5`` is one.

    Raises:
        ReadingsMalformed: ``VALUE_MISSING``, ``VALUE_NEGATIVE``, ``VALUE_UNREADABLE`` or ``VALUE_OUT_OF_RANGE``.
    """
    match = _VALUE.fullmatch(text)
    if match is None or not text:
        code = ReadingCode.VALUE_MISSING if not text else ReadingCode.VALUE_UNREADABLE
        if text.startswith("-"):
            code = ReadingCode.VALUE_NEGATIVE
        raise refused(code, where, text, missing="()")
    whole = int(match[1] or "0")
    if whole >= MAX_VALUE:
        raise refused(ReadingCode.VALUE_OUT_OF_RANGE, where, text, limit=MAX_VALUE, unit="units")
    return whole * TICKS + int((match[2] or "").ljust(9, "0"))


def flag(text: str, where: str) -> str:
    """Return a quality flag: A, N, V, or S, F, E with a method of two digits.

    Raises:
        ReadingsMalformed: ``CODE_UNKNOWN``.
    """
    if _FLAG.fullmatch(text) is None:
        raise record_refused(RecordCode.CODE_UNKNOWN, where, text, known="A N V Snn Fnn Enn")
    return text


def reason(text: str, where: str) -> int:
    """Return a reason code; 0 for none.

    Raises:
        ReadingsMalformed: ``CODE_UNKNOWN``.
    """
    if _REASON.fullmatch(text) is None:
        raise record_refused(RecordCode.CODE_UNKNOWN, where, text, known="0..999")
    return int(text or "0")


def label_of(quality: str, why: int) -> Label:
    """Return what a value of this flag and reason is worth; tampering and a reset clock make it questionable."""
    if quality == "N":
        return Label.MISSING
    if quality[0] in SUBSTITUTED:
        return Label.ESTIMATED
    return Label.QUESTIONABLE if quality == "V" or why in (TAMPER, TIME_RESET) else Label.ACTUAL


def day(text: str, where: str) -> date:
    """Return a day of eight digits.

    Raises:
        ReadingsMalformed: ``TIME_UNREADABLE``.
    """
    try:
        if _DAY.fullmatch(text):
            return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        pass
    raise refused(ReadingCode.TIME_UNREADABLE, where, text, form="YYYYMMDD")


def stamp(text: str, where: str) -> datetime | None:
    """Return a moment of 14 digits, local time of the market; ``None`` for none.

    Raises:
        ReadingsMalformed: ``TIME_UNREADABLE``.
    """
    stripped = text.strip(" ")
    try:
        if _STAMP.fullmatch(stripped):
            return datetime.strptime(stripped, "%Y%m%d%H%M%S") if stripped else None  # noqa: DTZ007 - market time
    except ValueError:
        pass
    raise refused(ReadingCode.TIME_UNREADABLE, where, text, form="YYYYMMDDhhmmss")


def name(text: str, where: str) -> str:
    """Return a meter's name.

    Raises:
        ReadingsMalformed: ``METER_INVALID``.
    """
    if not 0 < len(text) <= _MAX_NAME_CHARS or not text.isprintable():
        raise refused(ReadingCode.METER_INVALID, where, text)
    return text


def check_count(fields: list[str], allowed: tuple[int, ...], where: str) -> None:
    """Refuse a row of another number of fields: nothing is cut off, nothing is left over.

    Raises:
        ReadingsMalformed: ``FIELD_INVALID``.
    """
    if len(fields) not in allowed:
        rule = f"{' or '.join(map(str, allowed))} fields"
        raise record_refused(RecordCode.FIELD_INVALID, where, len(fields), rule=rule)
