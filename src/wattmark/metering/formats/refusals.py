"""Why a line of an imported file is refused: the error names line, column, value and rule."""

from enum import StrEnum
from typing import Final

from wattmark.core.text import Text
from wattmark.metering.errors import ReadingsMalformed


class ReadingCode(StrEnum):
    """What is wrong with a line or with the column map."""

    MAP_INVALID = "MAP_INVALID"
    LINE_TOO_LONG = "LINE_TOO_LONG"
    NOT_IN_ENCODING = "NOT_IN_ENCODING"
    NOT_CSV = "NOT_CSV"
    NOT_PARQUET = "NOT_PARQUET"
    COLUMN_MISSING = "COLUMN_MISSING"
    COLUMN_COUNT = "COLUMN_COUNT"
    METER_INVALID = "METER_INVALID"
    TIME_UNREADABLE = "TIME_UNREADABLE"
    TIME_OFF_GRID = "TIME_OFF_GRID"
    TIME_AMBIGUOUS = "TIME_AMBIGUOUS"
    TIME_NOT_RISING = "TIME_NOT_RISING"
    VALUE_MISSING = "VALUE_MISSING"
    VALUE_UNREADABLE = "VALUE_UNREADABLE"
    VALUE_OUT_OF_RANGE = "VALUE_OUT_OF_RANGE"
    VALUE_NEGATIVE = "VALUE_NEGATIVE"
    REGISTER_FELL = "REGISTER_FELL"


RULES: Final = {
    ReadingCode.MAP_INVALID: Text(en="{rule}", ja="列の対応表の規則: {rule}"),
    ReadingCode.LINE_TOO_LONG: Text(en="a line of at most {limit} bytes", ja="1行は{limit}バイト以下であること"),
    ReadingCode.NOT_IN_ENCODING: Text(en="text in {encoding}", ja="文字コードは{encoding}であること"),
    ReadingCode.NOT_CSV: Text(en="a line of well-formed CSV", ja="正しいCSVの行であること"),
    ReadingCode.NOT_PARQUET: Text(en="a Parquet file with these columns", ja="この列を持つParquetファイルであること"),
    ReadingCode.COLUMN_MISSING: Text(en="a header with the column {column}", ja="見出しに列{column}があること"),
    ReadingCode.COLUMN_COUNT: Text(en="{count} columns, as in the header", ja="見出しと同じ{count}列であること"),
    ReadingCode.METER_INVALID: Text(en="a meter name of 1..64 characters", ja="計器名は1〜64文字であること"),
    ReadingCode.TIME_UNREADABLE: Text(en="a time of the form {form}", ja="時刻の形式は{form}であること"),
    ReadingCode.TIME_OFF_GRID: Text(
        en="a slot starts on a multiple of {duration_s} s", ja="コマは{duration_s}秒の倍数で始まること"
    ),
    ReadingCode.TIME_AMBIGUOUS: Text(
        en="a local time that exists once in {timezone}", ja="{timezone}で1度だけ存在する現地時刻であること"
    ),
    ReadingCode.TIME_NOT_RISING: Text(
        en="the slots of a meter rise without overlap; the last one ended at {last_end_s}",
        ja="同じ計器のコマは重ならず時刻順であること(直前の終わりは{last_end_s})",
    ),
    ReadingCode.VALUE_MISSING: Text(
        en="a value; none of {missing} stands for a missing one", ja="値があること(欠測の記号は{missing})"
    ),
    ReadingCode.VALUE_UNREADABLE: Text(
        en="a decimal number with at most 9 decimals, no exponent, no separators",
        ja="小数9桁以下の十進数であること(指数表記・桁区切り不可)",
    ),
    ReadingCode.VALUE_OUT_OF_RANGE: Text(en="below {limit} {unit}", ja="{limit} {unit}未満であること"),
    ReadingCode.VALUE_NEGATIVE: Text(
        en="no negative value on a one-way channel (V5)", ja="一方向の計測値は負でないこと(V5)"
    ),
    ReadingCode.REGISTER_FELL: Text(
        en="a register never falls; it was {last_wh} Wh (V3)", ja="指針は減らないこと(前回{last_wh} Wh、V3)"
    ),
}


def refused(code: ReadingCode, where: str, value: object, **words: object) -> ReadingsMalformed:
    """Return the error of a code, ready to raise.

    Args:
        code: what is wrong.
        where: line (or row) and column.
        value: the offending value.
        words: what the rule's text leaves open.
    """
    return ReadingsMalformed(code.value, where, value, RULES[code].format(**words))
