"""Strict decoding: exact types, exact shapes, ranges; anything else is refused by name.

A byte string is accepted only if it is the one deterministic encoding of what it decodes to (RFC 8949,
4.2.1) *and* every element has its exact type: re-encoding catches long integers, duplicate keys,
indefinite lengths and trailing bytes; the types catch floats and booleans, which survive re-encoding.
"""

from datetime import date
from functools import lru_cache
from typing import Any, Final

from wattmark.core.encoding import cbor_decode_strict
from wattmark.core.errors import MalformedInput
from wattmark.metering.errors import Code, refusal

FORMAT_VERSION: Final = 1
ID_BYTES: Final = (8, 16)
"""Shortest and longest meter id [bytes]."""
KID_BYTES: Final = (4, 32)
"""Shortest and longest key id [bytes]."""
MAX_CHANNEL: Final = 255
MAX_COUNTER: Final = (1 << 53) - 1
"""Largest sequence number, boot counter and register; exact in every language's numbers."""
MAX_REGISTER_WH: Final = MAX_COUNTER
"""Largest register value: a 1 GW plant reaches it after a thousand years [Wh]."""
MAX_TIME_S: Final = (1 << 36) - 1
"""Largest POSIX second, in the 42nd century [s]."""
SLOT_SECONDS: Final = (60, 300, 900, 1_800, 3_600)
"""Allowed slot lengths [s]."""


def strict_item(data: bytes, limit: int) -> Any:  # noqa: ANN401 - the caller checks the type
    """Return the CBOR item of a byte string, its types still to be checked.

    Args:
        data: what was received.
        limit: size limit [bytes].

    Raises:
        EnvelopeMalformed: ``ENVELOPE_TOO_LONG``, ``NOT_CBOR`` or ``NOT_DETERMINISTIC``.
    """
    if len(data) > limit:
        raise refusal(Code.ENVELOPE_TOO_LONG, len(data), limit=limit)
    try:
        return cbor_decode_strict(data, limit)
    except MalformedInput as error:
        code = Code.NOT_DETERMINISTIC if error.code == Code.NOT_DETERMINISTIC.value else Code.NOT_CBOR
        raise refusal(code, data[:16].hex()) from error


def exact_list(value: object, field: str, length: int | None = None, most: int | None = None) -> list[Any]:
    """Return the value if it is an array of the given length (or at most ``most``)."""
    if type(value) is not list:
        raise refusal(Code.WRONG_TYPE, value, field=field, shape="array")
    if length is not None and len(value) != length:
        raise refusal(Code.WRONG_TYPE, len(value), field=field, shape=f"array of {length}")
    if most is not None and len(value) > most:
        raise refusal(Code.OUT_OF_RANGE, len(value), field=field, limit=f"0..{most}")
    return value


def exact_int(value: object, field: str, low: int, high: int) -> int:
    """Return the value if it is an integer (never a boolean) within ``low..high``."""
    if type(value) is not int:
        raise refusal(Code.WRONG_TYPE, value, field=field, shape="int")
    if not low <= value <= high:
        raise refusal(Code.OUT_OF_RANGE, value, field=field, limit=f"{low}..{high}")
    return value


def exact_bytes(value: object, field: str, shortest: int, longest: int) -> bytes:
    """Return the value if it is a byte string of ``shortest..longest`` bytes."""
    if type(value) is not bytes:
        raise refusal(Code.WRONG_TYPE, value, field=field, shape="bytes")
    if not shortest <= len(value) <= longest:
        raise refusal(Code.OUT_OF_RANGE, len(value), field=field, limit=f"{shortest}..{longest} bytes")
    return value


def exact_version(value: object) -> None:
    """Refuse any format version but ours."""
    exact_int(value, "version", FORMAT_VERSION, FORMAT_VERSION)


def slot_seconds(value: object, field: str) -> int:
    """Return the value if it is an allowed slot length [s]."""
    if type(value) is not int:
        raise refusal(Code.WRONG_TYPE, value, field=field, shape="int")
    if value not in SLOT_SECONDS:
        raise refusal(Code.OUT_OF_RANGE, value, field=field, limit=str(SLOT_SECONDS))
    return value


@lru_cache(maxsize=4_096)
def day_of_period(period: int) -> date:
    """Return the calendar day of a yyyymmdd number.

    Raises:
        EnvelopeMalformed: ``OUT_OF_RANGE``, no such day.
    """
    try:
        return date(period // 10_000, period // 100 % 100, period % 100)
    except (ValueError, OverflowError) as error:
        raise refusal(Code.OUT_OF_RANGE, period, field="period", limit="yyyymmdd") from error


def period_of_day(day: date) -> int:
    """Return the yyyymmdd number of a calendar day."""
    return day.year * 10_000 + day.month * 100 + day.day
