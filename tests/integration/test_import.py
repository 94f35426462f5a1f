"""Unsigned files on a real platform: kept always, minted only where the operator says so, never against a meter."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from wattmark.core.codes import Area, Role, Source, Tier
from wattmark.core.errors import Refused
from wattmark.core.ids import derive_id
from wattmark.core.text import Text
from wattmark.flows.import_readings import plan_import
from wattmark.flows.keys import Keys
from wattmark.flows.open_account import open_account, plan_open_account
from wattmark.flows.register_device import plan_register_device, register_device
from wattmark.flows.settings import Settings
from wattmark.ledger.note import NoteKey
from wattmark.metering.formats.columns import ColumnMap
from wattmark.metering.formats.csv import read_csv
from wattmark.testing.small_home import NIGHT_MS, START_S, SmallHome
from wattmark.tokens import layout as k
from wattmark.wiring import Platform, audit_home

COLUMNS = ColumnMap.from_dict(
    {"unit": "kWh", "duration_s": 1_800, "timezone": "JST", "stamp": "start", "encoding": "utf-8",
     "time": ["time"], "value": "kWh", "meter_name": "roof"}
)  # fmt: skip
CLEAN = "time,kWh\n2021-01-04 10:00,0.5\n2021-01-04 10:30,0.2504\n2021-01-04 11:00,0.2504\n"
ODD = "time,kWh\n2021-01-04 10:00,0.5\n2021-01-04 11:00,0.25\n2021-01-04 11:30,99\n2021-01-04 12:00,0.1\n"


@contextmanager
def roof(home, *, mint_t0) -> Iterator[tuple[Platform, int]]:
    """A platform with one device without a meter."""
    settings = Settings(
        origin="test.example/import",
        name=Text(en="Roof", ja="屋根"),
        segment_bytes=1 << 20,
        reserve_bytes=0,
        mint_t0=mint_t0,
    )
    keys = Keys(NoteKey(settings.origin, bytes([1]) * 32), bytes([2]) * 32, bytes([3]) * 32)
    with Platform.create(home, settings, START_S * 1_000, keys) as platform:
        profile = {"name": {"en": "x", "ja": "x"}}
        account = plan_open_account(identity=derive_id("x"), roles=Role.PRODUCER, profile=profile, salt=bytes(16))
        owner = open_account(platform, account, START_S * 1_000)
        device = plan_register_device(
            identity=derive_id("roof"),
            account=owner,
            area=Area.TOKYO,
            source=Source.SOLAR,
            capacity_w=5_000,
            channel_role=k.CHANNEL_PRODUCTION,
            tier=Tier.T0,
            text=profile,
        )
        yield platform, register_device(platform, device, START_S * 1_000)


def take_in(platform, device, text, name="file", table_rows=2):
    open_wh = {"roof": int(platform.state.devices[device, k.D_REG_NEXT_WH])}
    tables = list(read_csv(io.BytesIO(text.encode()), COLUMNS, open_wh, table_rows))
    imported = plan_import(platform, tables, {"roof": device}, identity=derive_id(name), received_ms=NIGHT_MS)
    platform.execute_all(imported.plan, NIGHT_MS)
    return imported


def minted(platform):
    return platform.state.bundles[: platform.state.count("bundles"), k.B_ISSUED_WH].tolist()


def test_unsigned_readings_are_kept_and_not_minted(tmp_path):
    with roof(tmp_path / "home", mint_t0=False) as (platform, device):
        imported = take_in(platform, device, CLEAN)
        assert (imported.rows, imported.energy_wh, imported.findings) == (3, 1_000, [])
        assert minted(platform) == []


def test_the_operator_may_let_them_mint_once(tmp_path):
    home = tmp_path / "home"
    with roof(home, mint_t0=True) as (platform, device):
        take_in(platform, device, CLEAN)
        assert minted(platform) == [500, 250, 250]
        before = platform.state.state_hash()
        take_in(platform, device, CLEAN)
        assert platform.state.state_hash() == before
        platform.publish()
    assert [found for found in audit_home(home) if getattr(found, "rule", None)] == []


@pytest.mark.parametrize("table_rows", [1, 2, 100])
def test_held_rows_are_not_minted_and_are_named(tmp_path, table_rows):
    with roof(tmp_path / "home", mint_t0=True) as (platform, device):
        imported = take_in(platform, device, ODD, table_rows=table_rows)
        assert [(finding.row, finding.rule) for finding in imported.findings] == [(1, "V1"), (2, "V10")]
        assert minted(platform) == [500, 0], "the register moves on over what is held, and nothing is made of it"


def test_a_file_cannot_speak_for_a_meter(tmp_path):
    small = SmallHome(tmp_path / "home")
    before = small.platform.state.state_hash()
    with pytest.raises(Refused) as refused:
        take_in(small.platform, small.plant, CLEAN)
    assert refused.value.code == "METER_SIGNS"
    assert small.platform.state.state_hash() == before
    small.close()


def test_an_empty_file_leaves_no_record(tmp_path):
    with roof(tmp_path / "home", mint_t0=True) as (platform, device):
        before = platform.state.state_hash()
        assert take_in(platform, device, "time,kWh\n").rows == 0
        assert platform.state.state_hash() == before
