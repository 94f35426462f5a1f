"""Statements in the lake: one row per account and day, read back one at a time."""

from datetime import date
from typing import Any

import pyarrow as pa

from wattmark.core.encoding import json_decode_strict
from wattmark.core.errors import UnknownReference
from wattmark.core.ids import id_hex
from wattmark.core.text import Text
from wattmark.flows.bulk import STATEMENTS_TABLE, LakeTable
from wattmark.flows.lakefiles import lake_table, read_row
from wattmark.flows.platform import Platform
from wattmark.flows.settings import Settings
from wattmark.metering.decode import period_of_day
from wattmark.settlement.columns import DaySettlement, Int64s
from wattmark.settlement.statement import make_statements
from wattmark.settlement.tariff import Tariff
from wattmark.tokens import layout as k


def tariff_of(settings: Settings) -> Tariff:
    """Return the terms for energy without a token."""
    return Tariff(version=1, energy_adder_sen=settings.tariff_sen_per_kwh)


def statement_table(
    settlement: DaySettlement, bundle_device: Int64s, tariff: Tariff, day: date, record: int, salt_key: bytes
) -> LakeTable:
    """Return the lake table of a day's statements; a row's ``wh`` is the account's consumption [Wh].

    Args:
        settlement: of the day.
        bundle_device: device of each bundle, by bundle number.
        tariff: terms of the day.
        day: JST day.
        record: id of the BULK_ROOT record that will name the file.
        salt_key: secret the rows' salts derive from.
    """
    path = f"statements/{STATEMENTS_TABLE}-{id_hex(record)}.parquet"
    statements = list(make_statements(settlement, bundle_device, tariff, day))
    columns: dict[str, Any] = {
        "account": pa.array([statement.account for statement in statements], pa.int64()),
        "day": pa.array([period_of_day(day)] * len(statements), pa.int64()),
        "statement": pa.array([statement.to_json().decode() for statement in statements], pa.string()),
    }
    wh = [statement.total("consumption_wh") for statement in statements]
    return LakeTable(path, lake_table(columns, wh, salt_key, path))


def bundle_devices(platform: Platform) -> Int64s:
    """Return the device of each bundle, by bundle number."""
    devices: Int64s = platform.state.bundles[:, k.B_DEVICE]
    return devices


def read_statement(platform: Platform, account: int, day: date) -> dict[str, Any]:
    """Return an account's statement of a JST day (``Statement.to_dict``).

    Raises:
        UnknownReference: that day was not settled, or the account used nothing.
    """
    place = platform.views.statement(account, period_of_day(day))
    if place is None:
        rule = Text(en="a settled day with consumption of the account", ja="精算済みで消費のある日")
        raise UnknownReference("UNKNOWN_STATEMENT", "day", period_of_day(day), rule)
    row = read_row(platform.lake.get(place.file), place.row)
    statement: dict[str, Any] = json_decode_strict(row["statement"])
    return statement
