import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from reference.settlement_world import as_columns, worlds
from wattmark.core.errors import MalformedInput
from wattmark.settlement.columns import Allocation, Demand, Residual
from wattmark.settlement.formats.arrow import from_table, schema_of, settle_bucket, to_table
from wattmark.settlement.settle import settle_day
from wattmark.settlement.tariff import Tariff

TARIFF = Tariff(1, 700)


@settings(max_examples=30, deadline=None)
@given(worlds())
def test_buckets_joined_in_order_are_one_run(world) -> None:
    demand, lots, prices = as_columns(world)
    whole = settle_day(demand, lots, prices, TARIFF)
    parts = []
    for account in range(3):
        mine = demand.take(np.flatnonzero(demand.account == account))
        held = lots.take(np.flatnonzero(lots.account == account))
        parts.append(settle_bucket(to_table(mine), to_table(held), to_table(prices), TARIFF))
    allocation = from_table(Allocation, pa.concat_tables([part[0] for part in parts]))
    residual = from_table(Residual, pa.concat_tables([part[1] for part in parts]))
    assert allocation.tobytes() + residual.tobytes() == whole.tobytes()


def test_a_table_of_another_schema_is_refused() -> None:
    table = to_table(Demand([1], [3], [0], [1_800], [5]))
    assert table.schema == schema_of(Demand)
    for wrong, code in (
        (table.rename_columns(["a", *table.column_names[1:]]), "TABLE_COLUMNS"),
        (table.append_column("more", table.column(0)), "TABLE_COLUMNS"),
        (table.set_column(0, "account", pa.array([1], pa.int32())), "TABLE_TYPE"),
        (table.set_column(0, "account", pa.array([None], pa.int64())), "TABLE_TYPE"),
    ):
        with pytest.raises(MalformedInput, match=code):
            from_table(Demand, wrong)
