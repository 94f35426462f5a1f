"""Figures as people write them, to whole sen, Wh and milliseconds: exact decimals, never a float.

Full-width digits of a Japanese keyboard are digits (NFKC), a comma separates thousands and nothing else, a unit may
stand behind the number. What could mean two things is refused, not guessed.
"""

import re
import unicodedata
from datetime import datetime
from typing import Final

from wattmark.core.errors import MalformedInput
from wattmark.core.periods import JST
from wattmark.core.text import Text

NUMBER: Final = re.compile(
    r"(?P<whole>\d{1,12}|\d{1,3}(?:,\d{3}){1,3})(?:\.(?P<decimals>\d{1,9}))?(?P<unit>\D*)", re.ASCII
)
PRICE_UNITS: Final = frozenset({"", "円", "円/kwh", "jpy/kwh", "yen/kwh"})
ENERGY_UNITS: Final = {"": 3, "kwh": 3, "wh": 0, "mwh": 6}
"""Unit -> decimals that a whole Wh has in it; a bare number is kWh, as prices are per kWh."""
SEN_DECIMALS: Final = 2
MAX_CHARS: Final = 40
MS: Final = 1_000

PRICE_RULE: Final = Text(
    en="a number with at most two decimals, such as 12.50 (JPY/kWh)", ja="小数2桁までの数字(例 12.50、円/kWh)"
)
ENERGY_RULE: Final = Text(
    en="energy in whole Wh, such as 1.25 (kWh) or 1250 Wh", ja="1Wh単位の電力量(例 1.25(kWh)、1250 Wh)"
)
WHOLE_RULE: Final = Text(en="a plain number, such as 12", ja="整数(例 12)")
TIME_RULE: Final = Text(
    en="a day and time in JST, such as 2026-11-23 09:30", ja="日本時間の日付と時刻(例 2026-11-23 09:30)"
)


def parse_price(text: str, field: str = "price") -> int:
    """Return a price written in JPY/kWh [sen/kWh].

    Raises:
        MalformedInput: no number, or a fraction of a sen.
    """
    written = _written(text)
    scaled = None if written is None or written[2] not in PRICE_UNITS else _scaled(written, SEN_DECIMALS)
    if scaled is None:
        raise MalformedInput("NUMBER_INVALID", field, text, PRICE_RULE)
    return scaled


def parse_energy(text: str, field: str = "quantity") -> int:
    """Return energy written in kWh, or in the unit behind the number [Wh].

    Raises:
        MalformedInput: no number, another unit, or a fraction of a Wh.
    """
    written = _written(text)
    decimals = None if written is None else ENERGY_UNITS.get(written[2])
    scaled = None if written is None or decimals is None else _scaled(written, decimals)
    if scaled is None:
        raise MalformedInput("NUMBER_INVALID", field, text, ENERGY_RULE)
    return scaled


def parse_whole(text: str, field: str) -> int:
    """Return a whole number.

    Raises:
        MalformedInput: another form.
    """
    written = _written(text)
    if written is None or written[1] or written[2]:
        raise MalformedInput("NUMBER_INVALID", field, text, WHOLE_RULE)
    return int(written[0])


def parse_time(text: str, field: str) -> int:
    """Return a day and time of the day in JST [POSIX ms].

    Raises:
        MalformedInput: another form.
    """
    plain = unicodedata.normalize("NFKC", text).strip().replace("T", " ").replace("/", "-")
    for form in ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"):
        try:
            return int(datetime.strptime(plain, form).replace(tzinfo=JST).timestamp()) * MS
        except ValueError:
            continue
    raise MalformedInput("TIME_INVALID", field, text, TIME_RULE)


def write_energy(wh: int) -> str:
    """Return energy as a form's field holds it: kWh, without a unit."""
    kwh, rest = divmod(wh, 1_000)
    return f"{kwh}.{rest:03}".rstrip("0").rstrip(".")


def write_time(timestamp_ms: int) -> str:
    """Return a time as a form's field holds it, in JST."""
    return f"{datetime.fromtimestamp(timestamp_ms // MS, JST):%Y-%m-%dT%H:%M}"


def _written(text: str) -> tuple[str, str, str] | None:
    """Return whole part, decimals and unit, ``None`` for what is no number."""
    plain = unicodedata.normalize("NFKC", text).strip().removeprefix("¥").strip()
    found = NUMBER.fullmatch(plain) if len(plain) <= MAX_CHARS else None
    if found is None:
        return None
    return found["whole"].replace(",", ""), found["decimals"] or "", found["unit"].strip().lower()


def _scaled(written: tuple[str, str, str], places: int) -> int | None:
    """Return the number times ten to the power of ``places``, ``None`` if that is not whole."""
    whole, decimals, _ = written
    kept, cut = decimals[:places], decimals[places:]
    return None if cut.strip("0") else int(whole + kept.ljust(places, "0"))
