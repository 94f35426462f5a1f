"""Parquet import: the same rules as CSV, whatever the column types."""

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wattmark.core.errors import MalformedInput
from wattmark.metering.formats.columns import ColumnMap
from wattmark.metering.formats.parquet import read_parquet
from wattmark.metering.formats.table import READING_SCHEMA, MeterDevice, join_tables
from wattmark.metering.labels import Label, MintPolicy
from wattmark.metering.vee import Verdict, decide, validate

START = datetime(2026, 3, 31, 15, tzinfo=UTC)
START_S = int(START.timestamp())
LOCAL = [START.replace(tzinfo=None) + timedelta(hours=9, minutes=30 * i) for i in range(3)]


def parquet(times, values, **others):
    sink = io.BytesIO()
    pq.write_table(pa.table({"time": times, "kwh": values, **others}), sink)
    sink.seek(0)
    return sink


def mapped(**changes):
    base = {"unit": "kWh", "duration_s": 1_800, "timezone": "JST", "stamp": "start", "encoding": "utf-8",
            "time": ["time"], "value": "kwh", "meter_name": "M1"}  # fmt: skip
    return ColumnMap.from_dict({name: value for name, value in (base | changes).items() if value is not None})


@pytest.mark.parametrize(
    "times",
    [
        pa.array(LOCAL, pa.timestamp("ns")),
        pa.array(LOCAL, pa.timestamp("s")),
        pa.array([moment - timedelta(hours=9) for moment in LOCAL], pa.timestamp("us", "UTC")),
        pa.array([str(moment) for moment in LOCAL]),
    ],
)
@pytest.mark.parametrize(
    "values",
    [
        pa.array([0.199, 0.1, 1.0], pa.float32()),
        pa.array([0.199, 0.1, 1.0], pa.float64()),
        pa.array([Decimal("0.199"), Decimal("0.100"), Decimal("1.000")], pa.decimal128(9, 3)),
        pa.array(["0.199", "0.1", "1"]),
    ],
)
def test_types_of_time_and_value(times, values):
    (table,) = read_parquet(parquet(times, values), mapped())
    assert table.period_start_s.tolist() == [START_S, START_S + 1_800, START_S + 3_600]
    assert table.energy_wh.tolist() == [199, 100, 1_000]
    assert table.register_wh.tolist() == [199, 299, 1_299]
    assert table.arrow().schema == READING_SCHEMA
    assert table.arrow().num_rows == 3


def test_tiny_floats_and_missing_values():
    values = pa.array([1e-12, float("nan"), None, 2.5e-7], pa.float64())
    times = pa.array([START_S + 1_800 * i for i in range(4)])
    columns = mapped(time_format="epoch", missing=["nan", ""], unit="Wh")
    (table,) = read_parquet(parquet(times, values), columns)
    assert table.label.tolist() == [Label.ACTUAL, Label.MISSING, Label.MISSING, Label.ACTUAL]
    assert table.energy_wh.sum() == 0


def test_floats_are_taken_to_the_billionth():
    values = pa.array([0.1 + 0.2, 0.0123456789876, 123456789012345.0 / 1e6], pa.float64())
    times = pa.array([START_S + 1_800 * i for i in range(3)])
    (table,) = read_parquet(parquet(times, values), mapped(time_format="epoch"))
    assert table.register_wh.tolist() == [300, 312, 123_456_789_324]


def test_tables_are_bounded_and_registers_run_on():
    n = 100
    times = pa.array([START_S + 1_800 * i for i in range(n)])
    source = parquet(times, pa.array(["0.0005"] * n), who=pa.array(["a", "b"] * (n // 2)).dictionary_encode())
    columns = mapped(time_format="epoch", meter="who", meter_name=None)
    tables = list(read_parquet(source, columns, {"a": 10}, table_rows=7))
    assert max(map(len, tables)) <= 7
    assert sum(map(len, tables)) == n
    assert {name: int(tables[-1].register_wh[tables[-1].meter.index(name)]) for name in "ab"} == {"a": 35, "b": 25}


@pytest.mark.parametrize(
    ("times", "values", "changes", "code", "where"),
    [
        ([START_S], ["x"], {}, "VALUE_UNREADABLE", "row 0, column kwh"),
        ([START_S, START_S], [1, 1], {}, "TIME_NOT_RISING", "row 1, column kwh"),
        ([None], [1], {}, "TIME_UNREADABLE", "row 0, column time"),
        ([START_S], [None], {}, "VALUE_MISSING", "row 0, column kwh"),
        ([START_S], [float("inf")], {}, "VALUE_UNREADABLE", "row 0, column kwh"),
        ([START_S], [1e30], {}, "VALUE_OUT_OF_RANGE", "row 0, column kwh"),
        ([START_S], [-0.5], {}, "VALUE_NEGATIVE", "row 0, column kwh"),
        ([START_S], [1], {"value": "Wh"}, "COLUMN_MISSING", "schema"),
        ([START_S], [1], {"time": ["time", "kwh"]}, "MAP_INVALID", "time"),
        ([START_S], [[1]], {}, "NOT_PARQUET", "row 0"),
        ([1.5], [1], {}, "TIME_UNREADABLE", "row 0, column time"),
    ],
)
def test_refused(times, values, changes, code, where):
    with pytest.raises(MalformedInput) as refused:
        list(read_parquet(parquet(times, values), mapped(**({"time_format": "epoch"} | changes))))
    assert (refused.value.code, refused.value.field) == (code, where)


def test_no_timestamp_and_no_parquet():
    with pytest.raises(MalformedInput) as refused:
        list(read_parquet(parquet(pa.array([None], pa.timestamp("s")), [1]), mapped()))
    assert refused.value.code == "TIME_UNREADABLE"
    for data in (b"", b"PAR1", parquet([START_S], [1]).getvalue()[:-9]):
        with pytest.raises(MalformedInput) as refused:
            list(read_parquet(io.BytesIO(data), mapped()))
        assert refused.value.code == "NOT_PARQUET"


def test_imported_readings_pass_the_rules_and_do_not_mint():
    times = pa.array([START_S, START_S + 1_800, START_S + 7_200])
    (table,) = read_parquet(parquet(times, pa.array(["0.5", "2", "0.1"])), mapped(time_format="epoch"))
    columns = table.slot_columns({"M1": MeterDevice(4, 2_000, 1_800)}, (START_S + 86_400) * 1_000)
    findings = validate(columns)
    assert [(finding.row, finding.rule) for finding in findings] == [(1, "V10"), (2, "V1")]
    verdicts = [Verdict(verdict).name for verdict in decide(columns, findings, MintPolicy())]
    assert verdicts == ["WITHHOLD", "HOLD", "HOLD"]


def test_rules_see_across_the_borders_of_tables():
    times = pa.array([START_S, START_S + 1_800, START_S + 7_200, START_S + 9_000])
    source = parquet(times, pa.array(["0.5", "0.5", "0.1", "2"]))
    tables = list(read_parquet(source, mapped(time_format="epoch"), table_rows=2))
    columns = join_tables(tables).slot_columns({"M1": MeterDevice(4, 2_000, 1_800)}, (START_S + 86_400) * 1_000)
    assert len(tables) == 2
    assert [(finding.row, finding.rule) for finding in validate(columns)] == [(2, "V1"), (3, "V10")]
    assert columns.reg_to_wh.tolist() == [500, 1_000, 1_100, 3_100]


@pytest.mark.data
def test_real_homes(shared_data):
    path = shared_data / "household" / "sgsc_11homes_30min_2013.parquet"
    columns = ColumnMap.from_dict(
        {"unit": "kWh", "duration_s": 1_800, "timezone": "+10:00", "stamp": "start", "encoding": "utf-8",
         "time": ["interval_start"], "value": "kwh", "meter": "customer_id", "missing": ["", "nan"]}
    )  # fmt: skip
    with path.open("rb") as source:
        tables = list(read_parquet(source, columns))
    assert sum(map(len, tables)) == 192_720
    assert sum(table.label.tolist().count(Label.MISSING) for table in tables) == 25_708
