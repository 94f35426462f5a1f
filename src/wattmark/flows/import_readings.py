"""Import unsigned readings (tier T0 or T1): kept in the lake, minted only where the operator's policy says so."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from wattmark.core.errors import RuleViolated, UnknownReference
from wattmark.core.ids import derive_id, id_hex
from wattmark.core.periods import DAY_S
from wattmark.core.text import Text
from wattmark.crypto.hashing import sha256
from wattmark.engine import layout as e
from wattmark.engine.commands import BulkKind, Kind, command
from wattmark.engine.state import State
from wattmark.flows.bulk import LakeTable, plan_bulk
from wattmark.flows.lakefiles import WH_COLUMN, lake_table, row_bytes
from wattmark.flows.mint import MintRules, issue_id, mint_rules
from wattmark.flows.plan import Commands, Plan, plan_of
from wattmark.flows.platform import Platform
from wattmark.flows.recorded import recorded_tables
from wattmark.metering.formats.table import MeterDevice, ReadingTable, join_tables
from wattmark.metering.vee import VeeFinding, Verdict, decide, validate
from wattmark.tokens import layout as k

IMPORT_TABLE: Final = "import"


@dataclass(frozen=True, slots=True)
class Import:
    """What to do with imported readings.

    Attributes:
        plan: the lake file, its BULK_ROOT, and the ISSUE commands where the policy mints.
        findings: VEE findings; rows count through all tables.
        rows: readings taken in; 0 for a file that is on record.
        energy_wh: their energy [Wh].
        issued: bundles the plan issues.
    """

    plan: Plan
    findings: list[VeeFinding]
    rows: int
    energy_wh: int
    issued: int


def plan_import(
    platform: Platform,
    tables: Sequence[ReadingTable],
    devices: Mapping[str, int],
    *,
    identity: int,
    received_ms: int,
) -> Import:
    """Return the plan that takes in an unsigned file.

    A file that was taken in before is not recorded again; what an interrupted run has left is issued. A year of half
    hours takes several frames, so carry the plan out by ``Platform.execute_all`` and again after a crash.

    Args:
        platform: the platform.
        tables: what the format reader gave.
        devices: device of each meter named in the file.
        identity: id of the import; a retry has the same.
        received_ms: log time [ms].

    Raises:
        UnknownReference: a meter without a device, or a device that does not exist.
        RuleViolated: the device has signed readings; an unsigned file cannot speak for it.
    """
    state = platform.state
    _check_devices(platform, tables, devices)
    record = derive_id("import", identity)
    recorded = recorded_tables(platform, record)
    if recorded is not None:
        rest = _issue_rows(state, recorded[0], mint_rules(platform.settings), received_ms)
        return Import(plan_of(rest), [], 0, 0, len(rest))
    if not tables:
        return Import(plan_of([]), [], 0, 0, 0)
    table = join_tables(tables)
    columns = table.slot_columns({name: _meter_device(state, devices[name]) for name in set(table.meter)}, received_ms)
    findings = validate(columns)
    parts = [(table, decide(columns, findings, mint_rules(platform.settings).policy))]
    arrow = _import_table(parts, devices, record, platform.keys.blinding)
    start = arrow.table.column("period_start_s").to_numpy()
    end = start + arrow.table.column("duration_s").to_numpy()
    start_s, end_s = (int(start.min()), int(end.max())) if len(start) else (0, 0)
    bulk = plan_bulk(BulkKind.IMPORT, [arrow], identity=record, period_start_s=start_s, duration_s=end_s - start_s)
    issues = _issue_rows(state, arrow.table, mint_rules(platform.settings), received_ms)
    energy_wh = int(table.energy_wh.sum())
    return Import(bulk + plan_of(issues), findings, arrow.table.num_rows, energy_wh, len(issues))


@dataclass(frozen=True, slots=True)
class UnsignedReading:
    """An imported reading that was to be minted: its name, device, end [POSIX s], register and energy [Wh]."""

    evidence: bytes
    device: int
    end_s: int
    register_wh: int
    energy_wh: int


def unsigned_readings(table: pa.Table) -> Iterator[UnsignedReading]:
    """Yield the readings of an import that were to be minted; the hash of a row is its name."""
    names = ("device", "period_start_s", "duration_s", "register_wh", "verdict", WH_COLUMN)
    columns = [table.column(name).to_pylist() for name in names]
    for encoded, row in zip(row_bytes(table), zip(*columns, strict=True), strict=True):
        device, start_s, duration_s, register_wh, verdict, energy_wh = row
        if verdict == Verdict.MINT:
            yield UnsignedReading(sha256(encoded), device, start_s + duration_s, register_wh, energy_wh)


def _meter_device(state: State, device: int) -> MeterDevice:
    row = state.devices[device]
    return MeterDevice(device, int(row[k.D_CAPACITY_W]), int(row[k.D_RESOLUTION_S]))


def _check_devices(platform: Platform, tables: Sequence[ReadingTable], devices: Mapping[str, int]) -> None:
    for name in sorted({name for table in tables for name in table.meter}):
        device = devices.get(name, -1)
        if not 0 <= device < platform.state.count("devices"):
            rule = Text(en="a registered device for every meter of the file", ja="ファイルの各計器に登録済みの装置")
            raise UnknownReference("UNKNOWN_DEVICE", f"meter {name}", device, rule)
        if platform.channels.has_meter(device):
            rule = Text(
                en="a device without a signing meter: unsigned files cannot speak for it",
                ja="署名計器のない装置(署名なしファイルは代弁できない)",
            )
            raise RuleViolated("METER_SIGNS", f"meter {name}", device, rule)


def _import_table(
    parts: Sequence[tuple[ReadingTable, np.ndarray]], devices: Mapping[str, int], record: int, salt_key: bytes
) -> LakeTable:
    path = f"readings/{IMPORT_TABLE}-{id_hex(record)}.parquet"
    columns: dict[str, Any] = {
        "device": pa.array([devices[name] for table, _ in parts for name in table.meter], pa.int64())
    }
    for name in ("period_start_s", "duration_s", "register_wh", "label"):
        columns[name] = pa.array([int(one) for table, _ in parts for one in getattr(table, name)], pa.int64())
    columns["tier"] = pa.array([table.tier for table, _ in parts for _ in table.meter], pa.int64())
    columns["verdict"] = pa.array([int(one) for _, verdicts in parts for one in verdicts], pa.int64())
    wh = [int(one) for table, _ in parts for one in table.energy_wh]
    return LakeTable(path, lake_table(columns, wh, salt_key, path))


def _issue_rows(state: State, table: pa.Table, rules: MintRules, received_ms: int) -> list[Commands]:
    """Return ISSUE commands for readings that are to be minted and continue their device's register."""
    rows: list[Commands] = []
    register_wh: dict[int, int] = {}
    for reading in unsigned_readings(table):
        device, end_s, reg_to_wh = reading.device, reading.end_s, reading.register_wh
        registered = state.devices[device]
        reg_from_wh = register_wh.get(device, int(registered[k.D_REG_NEXT_WH]))
        resolution_s = int(registered[k.D_RESOLUTION_S])
        if registered[k.D_ROLE] != k.CHANNEL_PRODUCTION or reg_to_wh <= reg_from_wh or end_s * e.MS_PER_S > received_ms:
            continue
        register_wh[device] = reg_to_wh
        rows.append(
            command(
                Kind.ISSUE,
                id=issue_id(reading.evidence),
                actor=e.OPERATOR,
                flags=0 if reg_to_wh - reg_from_wh == reading.energy_wh else k.WITHHELD_FLAG,
                device=device,
                period_start_s=end_s - resolution_s,
                duration_s=resolution_s,
                reg_from_wh=reg_from_wh,
                reg_to_wh=reg_to_wh,
                expiry_s=end_s + rules.expiry_days * DAY_S,
                tier=int(registered[k.D_TIER]),
                hash=reading.evidence,
            )
        )
    return rows
