"""What JEPX's published files have in common: names, numbers, and the refusal of a line (J8, J31-J35).

An error names file, line, column, value and rule. A line that does not hold is never skipped.
"""

import re
import unicodedata
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Final

from wattmark.core.codes import AREA_TEXT, Area
from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.market.published import SYSTEM

SYSTEM_NAME: Final = "システムプライス"
JOINER: Final = "・"
AREA_NAMES: Final = {area: AREA_TEXT[area].ja for area in Area}
AREA_SLUGS: Final = {area: area.name.lower() for area in Area}
MAX_PRICE_SEN: Final = 99_999
"""The end row of a curve, 999.99 JPY/kWh (J31) [sen/kWh]."""
MAX_GROUP: Final = 9_999
MAX_DIGITS: Final = 12
"""Digits of a whole number."""
SLOTS: Final = 48
EPOCH: Final = date(1970, 1, 1).toordinal()
_PRICE: Final = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2})0{0,7})?", re.ASCII)
_MW: Final = re.compile(r"([0-9]{1,8})(?:\.([0-9]{1,9}))?", re.ASCII)
_DAYS: Final = (
    re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})", re.ASCII),
    re.compile(r"([0-9]{4})[/-]([0-9]{1,2})[/-]([0-9]{1,2})", re.ASCII),
)


class JepxCode(StrEnum):
    """What is wrong with a line or a file."""

    NOT_GZIP = "NOT_GZIP"
    NOT_PARQUET = "NOT_PARQUET"
    NOT_IN_ENCODING = "NOT_IN_ENCODING"
    LINE_TOO_LONG = "LINE_TOO_LONG"
    HEADER_UNKNOWN = "HEADER_UNKNOWN"
    COLUMN_COUNT = "COLUMN_COUNT"
    COLUMN_TYPE = "COLUMN_TYPE"
    DAY_INVALID = "DAY_INVALID"
    SLOT_INVALID = "SLOT_INVALID"
    PRICE_INVALID = "PRICE_INVALID"
    VOLUME_INVALID = "VOLUME_INVALID"
    GROUP_INVALID = "GROUP_INVALID"
    AREAS_INVALID = "AREAS_INVALID"
    PRICE_FELL = "PRICE_FELL"
    SELL_FELL = "SELL_FELL"
    BUY_ROSE = "BUY_ROSE"
    CURVE_BEGINS = "CURVE_BEGINS"
    CURVE_ENDS = "CURVE_ENDS"
    CURVE_TWICE = "CURVE_TWICE"
    CURVE_TOO_LONG = "CURVE_TOO_LONG"
    ROW_TWICE = "ROW_TWICE"
    AREA_TWICE = "AREA_TWICE"
    ROWS_MISSING = "ROWS_MISSING"


RULES: Final = {
    JepxCode.NOT_GZIP: Text(en="a whole gzip file", ja="完全なgzipファイルであること"),
    JepxCode.NOT_PARQUET: Text(en="a Parquet file with the column {column}", ja="列{column}を持つParquetであること"),
    JepxCode.NOT_IN_ENCODING: Text(en="text in UTF-8 or CP932", ja="文字コードはUTF-8かCP932であること"),
    JepxCode.LINE_TOO_LONG: Text(en="a line of at most {limit} bytes", ja="1行は{limit}バイト以下であること"),
    JepxCode.HEADER_UNKNOWN: Text(en="a header with the column {column}", ja="見出しに列{column}が1つあること"),
    JepxCode.COLUMN_COUNT: Text(en="{count} columns, as in the header", ja="見出しと同じ{count}列であること"),
    JepxCode.COLUMN_TYPE: Text(en="a column of type {type} without gaps", ja="型{type}の欠損のない列であること"),
    JepxCode.DAY_INVALID: Text(
        en="a day as yyyymmdd, yyyy/mm/dd or yyyy-mm-dd", ja="日付はyyyymmdd・yyyy/mm/dd・yyyy-mm-ddであること"
    ),
    JepxCode.SLOT_INVALID: Text(en="a product code 1..48 (J6)", ja="商品コードは1〜48であること(J6)"),
    JepxCode.PRICE_INVALID: Text(
        en="a price from 0.00 to 999.99 JPY/kWh in steps of 0.01 (J2)",
        ja="価格は0.00〜999.99円/kWhで0.01円刻みであること(J2)",
    ),
    JepxCode.VOLUME_INVALID: Text(
        en="a volume of at most {digits} digits, not negative, no exponent",
        ja="量は{digits}桁以下の0以上の数であること(指数表記不可)",
    ),
    JepxCode.GROUP_INVALID: Text(
        en="empty for the system curve, or a number 0..9999 (J31)",
        ja="システムは空欄、それ以外は0〜9999の番号であること(J31)",
    ),
    JepxCode.AREAS_INVALID: Text(
        en="システムプライス, or areas joined by ・ (J32)",
        ja="システムプライス、または・で結んだエリア名であること(J32)",
    ),
    JepxCode.PRICE_FELL: Text(
        en="prices of a curve never fall; the last was {last} sen (J31)",
        ja="1つのカーブの価格は下がらないこと(直前は{last}銭、J31)",
    ),
    JepxCode.SELL_FELL: Text(
        en="cumulative sell never falls; the last was {last} x 0.1 MW (J31)",
        ja="売入札量累積は減らないこと(直前は{last}×0.1MW、J31)",
    ),
    JepxCode.BUY_ROSE: Text(
        en="cumulative buy never rises; the last was {last} x 0.1 MW (J31)",
        ja="買入札量累積は増えないこと(直前は{last}×0.1MW、J31)",
    ),
    JepxCode.CURVE_BEGINS: Text(
        en="a curve begins with two rows at 0.00, the first with sell 0.0 (J31)",
        ja="カーブの先頭は価格0.00の2行で、1行目の売入札量累積は0.0であること(J31)",
    ),
    JepxCode.CURVE_ENDS: Text(
        en="a curve ends with a row at 999.00 and one at 999.99 with buy 0.0 (J31)",
        ja="カーブの末尾は価格999.00の行と、買入札量累積0.0の999.99の行であること(J31)",
    ),
    JepxCode.CURVE_TWICE: Text(
        en="the rows of a curve stand together, once in a file", ja="1つのカーブの行は1か所に連続していること"
    ),
    JepxCode.CURVE_TOO_LONG: Text(en="at most {limit} rows in a curve", ja="1つのカーブは{limit}行以下であること"),
    JepxCode.ROW_TWICE: Text(en="one row per day and slot (and curve)", ja="日付・コマ(・カーブ)ごとに1行であること"),
    JepxCode.ROWS_MISSING: Text(
        en="the {count} rows that the file says it has", ja="ファイルが示す{count}行があること"
    ),
    JepxCode.AREA_TWICE: Text(en="an area is in one group per slot", ja="エリアはコマごとに1つのグループに属すること"),
}


def refused(code: JepxCode, file: str, where: str, value: object, **words: object) -> MalformedInput:
    """Return the error of a code, ready to raise.

    Args:
        code: what is wrong.
        file: name of the file.
        where: line (or row) and column.
        value: the offending value.
        words: what the rule's text leaves open.
    """
    return MalformedInput(code.value, f"{file}, {where}", value, RULES[code].format(**words))


def plain(name: str) -> str:
    """Return a column's name without the differences of width, case and space that publishers make."""
    return "".join(unicodedata.normalize("NFKC", name).split()).lower()


@lru_cache(maxsize=4_096)
def day_of(text: str) -> int | None:
    """Return a day's number since 1970-01-01, ``None`` when the text is none."""
    for form in _DAYS:
        if match := form.fullmatch(text):
            try:
                return date(int(match[1]), int(match[2]), int(match[3])).toordinal() - EPOCH
            except ValueError:
                return None
    return None


def date_of(day: int) -> date:
    """Return the calendar day of a number."""
    return date.fromordinal(day + EPOCH)


def slot_of(text: str) -> int | None:
    """Return a product code 1..48 (J6), ``None`` when the text is none."""
    return int(text) if text in _SLOT_TEXTS else None


def price_of(text: str) -> int | None:
    """Return a price in JPY/kWh as whole sen [sen/kWh], ``None`` when the text is none (J2)."""
    match = _PRICE.fullmatch(text)
    return None if match is None else int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def lots_of_mw(text: str) -> int | None:
    """Return MW as lots of 0.1 MW, further decimals cut off (J1); ``None`` when the text is no volume."""
    match = _MW.fullmatch(text)
    return None if match is None else int(match[1]) * 10 + int((match[2] or "0")[0])


def number_of(text: str) -> int | None:
    """Return a whole number of at most 12 digits, ``None`` when the text is none."""
    return int(text) if len(text) <= MAX_DIGITS and text.isascii() and text.isdigit() else None


def group_of(text: str) -> int | None:
    """Return the number of a group, ``SYSTEM`` for the empty text, ``None`` when the text is neither (J31)."""
    if not text:
        return SYSTEM
    number = number_of(text)
    return number if number is not None and number <= MAX_GROUP else None


def areas_of(text: str) -> tuple[Area, ...] | None:
    """Return the areas of a group in ascending order, ``()`` for the system, ``None`` for anything else (J32).

    Areas are joined by a middle dot, in our own files by +.
    """
    if text in {SYSTEM_NAME, "system"}:
        return ()
    names = unicodedata.normalize("NFKC", text).replace(JOINER, "+").replace("\u00b7", "+").split("+")
    found = [_AREAS.get(name.strip()) for name in names]
    areas = sorted({area for area in found if area is not None})
    return tuple(areas) if len(areas) == len(found) else None


def mw_of_lots(lots: int) -> str:
    """Return lots of 0.1 MW as MW with one decimal (J1)."""
    return f"{lots // 10}.{lots % 10}"


def yen_of_sen(sen: int) -> str:
    """Return a price with two decimals [JPY/kWh]."""
    return f"{sen // 100}.{sen % 100:02}"


_SLOT_TEXTS: Final = {text for slot in range(1, SLOTS + 1) for text in (str(slot), f"{slot:02}")}
_AREAS: Final = {name: area for names in (AREA_NAMES, AREA_SLUGS) for area, name in names.items()}
