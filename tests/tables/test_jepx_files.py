"""Published files that do not hold: each line of the tables names file, line, column, value and rule."""

import gzip
import io
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wattmark.core.codes import Area
from wattmark.core.errors import MalformedInput
from wattmark.market.curves import join_curves
from wattmark.market.formats.jepx import areas_of, day_of, lots_of_mw, price_of, slot_of
from wattmark.market.formats.jepx_curves import HEADER as CURVE_HEADER
from wattmark.market.formats.jepx_curves import PARQUET_COLUMNS, read_curves
from wattmark.market.formats.jepx_groups import HEADER as GROUP_HEADER
from wattmark.market.formats.jepx_groups import read_groups
from wattmark.market.formats.jepx_results import COLUMNS, read_expected, read_summary

GOOD = "/".join(
    f"20240214,1,{row}," for row in ("0.00,0.0,9.0", "0.00,0.0,9.0", "5.00,2.0,8.0", "999.00,2.0,8.0", "999.99,2.0,0.0")
)
BEGIN = "20240214,2,0.00,0.0,9.0,/20240214,2,0.00,2.0,9.0,"
END = "20240214,2,999.00,2.0,8.0,/20240214,2,999.99,2.0,0.0,"

CURVES = f"""
what                        | lines                                       | code             | where and value
a day that does not exist   | 20230229,1,0.00,0.0,9.0,                    | DAY_INVALID      | line 2, 電力受渡日 = 20230229
no day                      | ,1,0.00,0.0,9.0,                            | DAY_INVALID      | line 2, 電力受渡日 =
slot 0                      | 20240214,0,0.00,0.0,9.0,                    | SLOT_INVALID     | line 2, 商品コード = 0
slot 49                     | 20240214,49,0.00,0.0,9.0,                   | SLOT_INVALID     | line 2, 商品コード = 49
a slot in words             | 20240214,一,0.00,0.0,9.0,                   | SLOT_INVALID     | line 2, 商品コード = 一
a third of a sen            | 20240214,1,0.003,0.0,9.0,                   | PRICE_INVALID    | line 2, 入札価格(円/kWh) = 0.003
a negative price            | 20240214,1,-0.01,0.0,9.0,                   | PRICE_INVALID    | line 2, 入札価格(円/kWh) = -0.01
a price of 1000             | 20240214,1,1000.00,0.0,9.0,                 | PRICE_INVALID    | line 2, 入札価格(円/kWh) = 1000.00
an exponent                 | 20240214,1,1e2,0.0,9.0,                     | PRICE_INVALID    | line 2, 入札価格(円/kWh) = 1e2
not a number                | 20240214,1,nan,0.0,9.0,                     | PRICE_INVALID    | line 2, 入札価格(円/kWh) = nan
digits of another script    | 20240214,1,٣.00,0.0,9.0,                    | PRICE_INVALID    | line 2, 入札価格(円/kWh) = ٣.00
no volume                   | 20240214,1,0.00,,9.0,                       | VOLUME_INVALID   | line 2, 売入札量累積(MW) =
a negative volume           | 20240214,1,0.00,0.0,-9.0,                   | VOLUME_INVALID   | line 2, 買入札量累積(MW) = -9.0
nine digits                 | 20240214,1,0.00,0.0,123456789.0,            | VOLUME_INVALID   | line 2, 買入札量累積(MW) = 123456789.0
a group in letters          | 20240214,1,0.00,0.0,9.0,A                   | GROUP_INVALID    | line 2, 分断エリア連番 = A
a negative group            | 20240214,1,0.00,0.0,9.0,-1                  | GROUP_INVALID    | line 2, 分断エリア連番 = -1
a cell too many             | 20240214,1,0.00,0.0,9.0,,                   | COLUMN_COUNT     | line 2 = 20240214,1,0.00,0.0,9.0,,
a cell too few              | 20240214,1,0.00,0.0,9.0                     | COLUMN_COUNT     | line 2 = 20240214,1,0.00,0.0,9.0
a number in quotes          | 20240214,1,"0.00",0.0,9.0,                  | PRICE_INVALID    | line 2, 入札価格(円/kWh) = "0.00"
the price falls             | {GOOD}/20240214,2,5.00,0.0,9.0,/20240214,2,4.99,0.0,9.0, | PRICE_FELL | line 8, 入札価格(円/kWh) = 499
supply falls                | 20240214,1,0.00,1.0,9.0,/20240214,1,0.01,0.9,9.0, | SELL_FELL  | line 3, 売入札量累積(MW) = 9
demand rises                | 20240214,1,0.00,1.0,9.0,//20240214,1,0.01,1.0,9.1, | BUY_ROSE  | line 4, 買入札量累積(MW) = 91
a curve in two places       | {GOOD}/{BEGIN}/{END}/{GOOD} | CURVE_TWICE      | line 11, 分断エリア連番 = 2024-02-14 1 -1
cut before a middle row     | {GOOD}/20240214,2,5.00,2.0,8.0,/{END}       | CURVE_BEGINS     | line 7, 入札価格(円/kWh) = 5.00
cut after the first row     | 20240214,2,0.00,2.0,9.0,/{END}/{GOOD}       | CURVE_BEGINS     | line 2, 売入札量累積(MW) = 2.0
one row at 0.00             | {GOOD}/20240214,2,0.00,0.0,9.0,/{END}       | CURVE_BEGINS     | line 8, 入札価格(円/kWh) = 999.00
cut mid-curve, last         | {GOOD}/{BEGIN}/20240214,2,18.03,2.0,8.0,    | CURVE_ENDS       | line 9, 入札価格(円/kWh) = 18.03
cut mid-curve, first        | {BEGIN}/20240214,2,18.03,2.0,8.0,/{GOOD}    | CURVE_ENDS       | line 4, 入札価格(円/kWh) = 18.03
no end row                  | {BEGIN}/20240214,2,999.00,2.0,8.0,          | CURVE_ENDS       | line 4, 入札価格(円/kWh) = 999.00
an end row that wants       | {BEGIN}/20240214,2,999.00,2.0,8.0,/20240214,2,999.99,2.0,0.1, | CURVE_ENDS | line 5, 買入札量累積(MW) = 0.1
no row at 999.00            | {BEGIN}/20240214,2,998.99,2.0,8.0,/20240214,2,999.99,2.0,0.0, | CURVE_ENDS | line 4, 入札価格(円/kWh) = 998.99
one row                     | 20240214,2,0.00,0.0,0.0,                    | CURVE_ENDS       | line 2, 入札価格(円/kWh) = 0.00
a bare carriage return      | 20240214,1,0.00,0.0,9.0\r1,                 | VOLUME_INVALID   | line 2, 買入札量累積(MW) = 9.0 1
"""


def rows_of(table: str) -> list[list[str]]:
    return [[cell.strip(" ") for cell in line.split("|")] for line in table.strip().split("\n")[1:]]


def refusal(read: Callable[[io.BytesIO, str], Any], data: bytes) -> MalformedInput:
    with pytest.raises(MalformedInput) as caught:
        list(read(io.BytesIO(data), "file.csv"))
    error = caught.value
    assert error.rule.en
    assert error.rule.ja
    assert "{" not in error.rule.en + error.rule.ja
    return error


def said(error: MalformedInput) -> str:
    """Field and value, without the name of the file."""
    field = error.field.removeprefix("file.csv, ")
    assert field != error.field
    return f"{field} = {' '.join(error.shown_value().split())}".strip()


def text_of(header: tuple[str, ...], lines: str, encoding: str = "utf-8") -> bytes:
    return "\n".join([",".join(header), *lines.split("/")]).encode(encoding)


@pytest.mark.parametrize("row", rows_of(CURVES), ids=lambda row: row[0])
def test_a_broken_line_of_a_curve_file(row: list[str]) -> None:
    _, lines, code, where = row
    error = refusal(read_curves, text_of(CURVE_HEADER, lines))
    assert (error.code, said(error)) == (code, where)


GROUPS = """
what                       | lines                                         | code          | where and value
an unknown area            | 20240214,1,東京・沖縄,0                       | AREAS_INVALID | line 2, エリアグループ = 東京・沖縄
an area twice in a group   | 20240214,1,東京・東京,0                       | AREAS_INVALID | line 2, エリアグループ = 東京・東京
the system with a number   | 20240214,1,システムプライス,0                 | AREAS_INVALID | line 2, エリアグループ = システムプライス
areas without a number     | 20240214,1,東京・中部,                        | AREAS_INVALID | line 2, エリアグループ = 東京・中部
an area in two groups      | 20240214,1,東京・中部,0/20240214,1,中部・北陸,1 | AREA_TWICE  | line 3, エリアグループ = 中部・北陸
a number twice             | 20240214,1,東京・中部,0/20240214,1,北陸・関西,0 | ROW_TWICE   | line 3, 分断エリア連番 = 0
a day with a letter        | 2024021x,1,東京・中部,0                       | DAY_INVALID   | line 2, 電力受渡日 = 2024021x
"""


@pytest.mark.parametrize("row", rows_of(GROUPS), ids=lambda row: row[0])
def test_a_broken_line_of_a_group_file(row: list[str]) -> None:
    _, lines, code, where = row
    error = refusal(read_groups, text_of(GROUP_HEADER, lines))
    assert (error.code, said(error)) == (code, where)


LINE = "2020/04/01,1,1,2,3,6.43,6.84,6.76,6.76,4.00,4.00,4.00,4.00,4.00,4.00,1,1,1,1"


@pytest.mark.parametrize(
    ("cell", "text", "code", "column"),
    [
        (0, "2020/04/31", "DAY_INVALID", "受渡日"),
        (0, "", "DAY_INVALID", "受渡日"),
        (1, "", "SLOT_INVALID", "時刻コード"),
        (1, "1.0", "SLOT_INVALID", "時刻コード"),
        (2, "1.5", "VOLUME_INVALID", "売り入札量(kWh)"),
        (4, "-3", "VOLUME_INVALID", "約定総量(kWh)"),
        (5, "6.433", "PRICE_INVALID", "システムプライス(円/kWh)"),
        (8, "inf", "PRICE_INVALID", "エリアプライス東京(円/kWh)"),
        (18, "x", "VOLUME_INVALID", "買いブロック約定総量(kWh)"),
    ],
)
def test_a_broken_cell_of_a_summary(cell: int, text: str, code: str, column: str) -> None:
    cells = LINE.split(",")
    cells[cell] = text
    header = tuple(names[0] for names in COLUMNS)
    error = refusal(read_summary, f"{','.join(header)}\n{','.join(cells)}\n".encode())
    assert (error.code, said(error)) == (code, f"line 2, {column} = {text}".strip())


def test_a_slot_twice_in_a_summary() -> None:
    data = "\n".join([",".join(names[0] for names in COLUMNS), LINE, LINE]).encode("cp932")
    error = refusal(read_summary, data)
    assert (error.code, said(error)) == ("ROW_TWICE", "line 3, 時刻コード = 1")


EXPECTED = """
what                | line                              | code           | where and value
a curve below -1    | 2022-06-15,1,-2,system,15.4,1     | AREAS_INVALID  | line 2, areas = system
no curve            | 2022-06-15,1,,tokyo+chubu,15.4,   | GROUP_INVALID  | line 2, curve_id =
an area with an e   | 2022-06-15,1,0,tokyoe,15.4,       | AREAS_INVALID  | line 2, areas = tokyoe
three decimals      | 2022-06-15,1,-1,system,15.401,1   | PRICE_INVALID  | line 2, published_price_jpy_per_kwh = 15.401
half a kWh          | 2022-06-15,1,-1,system,15.4,1.5   | VOLUME_INVALID | line 2, system_contract_kwh = 1.5
"""
EXPECTED_HEADER = ("date", "slot", "curve_id", "areas", "published_price_jpy_per_kwh", "system_contract_kwh")


@pytest.mark.parametrize("row", rows_of(EXPECTED), ids=lambda row: row[0])
def test_a_broken_line_of_a_list_of_prices(row: list[str]) -> None:
    _, line, code, where = row
    error = refusal(read_expected, text_of(EXPECTED_HEADER, line))
    assert (error.code, said(error)) == (code, where)


# ----------------------------------------------------------------------------------- the file itself

WHOLE = text_of(CURVE_HEADER, GOOD)


def test_a_damaged_file_is_named() -> None:
    packed = gzip.compress(WHOLE)
    assert refusal(read_curves, packed[:-4]).code == "NOT_GZIP"
    assert refusal(read_curves, packed[:20] + b"\x00" + packed[21:]).code == "NOT_GZIP"
    assert refusal(read_curves, b"PAR1" + WHOLE).code == "NOT_PARQUET"
    assert refusal(read_curves, b"").code == "HEADER_UNKNOWN"
    assert refusal(read_curves, b"\x81\xff,\n").code == "NOT_IN_ENCODING"
    assert refusal(read_curves, WHOLE + b"\n20240215,1,\x81,0.0,9.0,").code == "NOT_IN_ENCODING"
    assert said(refusal(read_curves, WHOLE + b"\n\n\x81\xff")) == "line 8 = 81ff"
    assert refusal(read_curves, WHOLE + b"\n" + b"1" * 5_000).code == "LINE_TOO_LONG"
    assert refusal(read_curves, b"1" * 5_000).code == "LINE_TOO_LONG"
    renamed = WHOLE.decode().replace("入札価格", "価格").encode()
    assert refusal(read_curves, renamed).code == "HEADER_UNKNOWN"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_encodings_line_ends_and_packing_make_no_difference(
    encoding: str, end: str, pack: Callable[[bytes], bytes]
) -> None:
    data = pack(text_of(CURVE_HEADER, GOOD.replace("/", end), encoding))
    table = join_curves(list(read_curves(io.BytesIO(data), "x")))
    assert (len(table), table.rows, table.sell_lots.tolist()) == (1, 5, [0, 0, 20, 20, 20])


def test_the_header_may_be_written_otherwise() -> None:
    """Half width, full width, spaces: the columns are found by name, in any order."""
    header = "分断エリア連番, 商品コード ,電力受渡日,入札価格（円／ｋＷｈ）,売入札量累積(MW),買入札量累積(ＭＷ)"
    rows = ("0,0,0.99", "0.0,0,0.99", "5,1.29,0.99", "999,1.29,0", "999.99,1.29,0.09")
    text = "\n".join([header, *(f"3,48,2024/2/14,{row}" for row in rows)])
    table = join_curves(list(read_curves(io.BytesIO(text.encode()), "x")))
    assert (table.slot[0], table.group[0], table.price_sen[2]) == (48, 3, 500)
    assert (table.sell_lots[2], table.buy_lots[2]) == (12, 9)  # further decimals are cut off (J1)


def parquet(**changes: pa.Array) -> bytes:
    columns = {
        "date": pa.array([20_000], pa.date32()),
        "slot": pa.array([1], pa.int8()),
        "curve_id": pa.array([-1], pa.int8()),
        "price_jpy_x100": pa.array([0]),
        "sell_cum_mw_x10": pa.array([0]),
        "buy_cum_mw_x10": pa.array([0]),
        **changes,
    }
    sink = io.BytesIO()
    pq.write_table(pa.table({name: column for name, column in columns.items() if column is not None}), sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("column", "array", "code"),
    [
        ("date", pa.array(["x"]), "COLUMN_TYPE"),
        ("slot", pa.array([None], pa.int8()), "COLUMN_TYPE"),
        ("slot", pa.array([49]), "SLOT_INVALID"),
        ("curve_id", pa.array([-2]), "GROUP_INVALID"),
        ("price_jpy_x100", pa.array([0.5]), "COLUMN_TYPE"),
        ("price_jpy_x100", pa.array([100_000]), "PRICE_INVALID"),
        ("sell_cum_mw_x10", pa.array([-1]), "VOLUME_INVALID"),
        ("buy_cum_mw_x10", pa.array([2**63], pa.uint64()), "NOT_PARQUET"),
    ],
)
def test_a_broken_column_of_parquet(column: str, array: pa.Array, code: str) -> None:
    error = refusal(read_curves, parquet(**{column: array}))
    assert error.code == code
    assert set(PARQUET_COLUMNS) & set(error.field.split(", ")) or code == "NOT_PARQUET"


def test_a_cut_curve_of_parquet() -> None:
    error = refusal(read_curves, parquet())
    assert (error.code, said(error)) == ("CURVE_ENDS", "row 0, 入札価格(円/kWh) = 0.00")


def test_a_column_of_parquet_that_is_not_there() -> None:
    assert refusal(read_curves, parquet(slot=None)).code == "NOT_PARQUET"


# ------------------------------------------------------------------------------------ texts of cells

NUMBERS = """
text      | price  | lots
0.00      | 0      | 0
15.4      | 1540   | 154
5         | 500    | 50
5.        | none   | none
.5        | none   | none
5.10      | 510    | 51
5.100     | 510    | 51
5.101     | none   | 51
0.99      | 99     | 9
999.99    | 99999  | 9999
12345678.9 | none  | 123456789
+5        | none   | none
5 0       | none   | none
"""


@pytest.mark.parametrize("row", rows_of(NUMBERS), ids=lambda row: row[0])
def test_numbers(row: list[str]) -> None:
    """J1: one decimal of a MW, the rest cut off; J2: a price has no third decimal."""
    text, price, lots = row
    assert (str(price_of(text)).lower(), str(lots_of_mw(text)).lower()) == (price, lots)


def test_days_slots_and_areas() -> None:
    assert day_of("19700102") == day_of("1970/1/2") == day_of("1970-01-02") == 1
    assert [day_of(text) for text in ("1970-01-32", "70/1/1", "1970.1.1", "0000-01-01")] == [None] * 4
    assert [slot_of(text) for text in ("1", "01", "48", "001", "-1", "1 ")] == [1, 1, 48, None, None, None]
    assert areas_of("中部・東京") == areas_of("tokyo+chubu") == areas_of("東京･中部") == (Area.TOKYO, Area.CHUBU)
    assert areas_of("システムプライス") == areas_of("system") == ()
    assert [areas_of(text) for text in ("", "・", "東京・", "tokyo+tokyo")] == [None] * 4
