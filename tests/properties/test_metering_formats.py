"""Laws of the imports: any bytes are read or refused, never a crash; tables do not depend on where they are cut."""

import io
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from wattmark.core.errors import MalformedInput
from wattmark.metering.formats.columns import ColumnMap
from wattmark.metering.formats.csv import read_csv
from wattmark.metering.formats.parquet import read_parquet

BASE = {"unit": "kWh", "duration_s": 1_800, "timezone": "JST", "stamp": "start", "encoding": "utf-8",
        "time": ["t"], "value": "v", "meter_name": "M"}  # fmt: skip
ISO = ColumnMap.from_dict(BASE)
EPOCH = ColumnMap.from_dict(BASE | {"time_format": "epoch", "missing": [""]})


def read(data, columns, table_rows=65_536):
    return list(read_csv(io.BytesIO(data), columns, table_rows=table_rows))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_read(data):
    for prefix in (b"", b"t,v\n", b"t,v\n1774969200,1\n"):
        for columns in (ISO, EPOCH):
            try:
                read(prefix + data, columns)
            except MalformedInput as refused:
                assert refused.rule.ja  # noqa: PT017 - both outcomes are allowed
    try:
        list(read_parquet(io.BytesIO(data), EPOCH))
    except MalformedInput as refused:
        assert refused.code == "NOT_PARQUET"  # noqa: PT017 - as above


@given(st.lists(st.text(alphabet='0123456789.+-eE, "\n２', max_size=14), max_size=6))
def test_any_cells_are_refused_or_read(cells):
    lines = "".join(f"{1_774_969_200 + 1_800 * i},{cell}\n" for i, cell in enumerate(cells))
    try:
        read(f"t,v\n{lines}".encode(), EPOCH)
    except MalformedInput as refused:
        assert refused.field  # noqa: PT017 - both outcomes are allowed


@given(
    st.lists(st.decimals(0, 1_000, allow_nan=False, places=7), min_size=1, max_size=40),
    st.integers(1, 12),
    st.sampled_from(("kWh", "Wh", "kW", "W")),
)
def test_registers_are_floors_of_exact_sums(values, table_rows, unit):
    lines = "".join(f"{1_774_969_200 + 1_800 * i},{value:f}\n" for i, value in enumerate(values))
    columns = ColumnMap.from_dict(BASE | {"time_format": "epoch", "unit": unit})
    tables = read(f"t,v\n{lines}".encode(), columns, table_rows)
    wh_per_unit = {"kWh": Decimal(1_000), "Wh": Decimal(1), "kW": Decimal(500), "W": Decimal("0.5")}[unit]
    registers = [register for table in tables for register in table.register_wh.tolist()]
    assert registers == [int(sum(values[: i + 1]) * wh_per_unit) for i in range(len(values))]
    assert sum(int(table.energy_wh.sum()) for table in tables) == registers[-1]
