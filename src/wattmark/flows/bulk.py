"""A bulk step's record: files of the lake, their sum trees, one BULK_ROOT command.

The payload is ``{"files": [{path, sha256, size, chunks, rows, total_wh, root}, ...], ...}``; rows, total and root of
the first file stand in the command itself, the others hang on the payload's hash.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from wattmark.core.encoding import json_canonical, json_decode_strict
from wattmark.core.errors import Broken, MalformedInput, Refused
from wattmark.core.text import Text
from wattmark.crypto.hashing import HASH_BYTES, sha256
from wattmark.engine.commands import BulkKind, Kind, command
from wattmark.flows.lakefiles import broken_lake, read_table, table_bytes, tree_of
from wattmark.flows.plan import LakeWrite, Plan, plan_of
from wattmark.ledger.lakefile import LakeFile, describe_lake_file

READINGS_TABLE: Final = "envelopes"
SLOTS_TABLE: Final = "slots"
STATEMENTS_TABLE: Final = "statements"
FORM_SLOT: Final = 1
FORM_DAY: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class LakeTable:
    """A table to be written: path below the lake, and the table with its ``wh`` and ``salt`` columns."""

    path: str
    table: pa.Table


@dataclass(frozen=True, slots=True)
class BulkIndex:
    """What the read model keeps of a bulk record.

    Attributes:
        evidence: (SHA-256 of an envelope, lake path, row).
        statements: (account, JST day yyyymmdd, lake path, row).
        channels: device -> verification state after its last seal or freeze in the record.
        pending: (device, lake path, row) of accepted slot envelopes after that.
        slots: (JST day yyyymmdd, lake path) of tables of verified slots.
    """

    evidence: list[tuple[bytes, str, int]]
    statements: list[tuple[int, int, str, int]]
    channels: dict[int, bytes]
    pending: list[tuple[int, str, int]]
    slots: list[tuple[int, str]]


def plan_bulk(
    kind: BulkKind,
    tables: Sequence[LakeTable],
    *,
    identity: int,
    period_start_s: int,
    duration_s: int,
    extra: Mapping[str, Any] | None = None,
) -> Plan:
    """Return the lake files and the BULK_ROOT command of a bulk step.

    Args:
        kind: what the step is.
        tables: its files; the first one's rows, total and root stand in the command.
        identity: the command's id.
        period_start_s: start of what it covers [POSIX s].
        duration_s: length of what it covers [s].
        extra: further members of the payload.
    """
    entries: list[dict[str, Any]] = []
    writes: list[LakeWrite] = []
    roots: list[tuple[int, int, bytes]] = []
    for item in tables:
        data, tree = table_bytes(item.table), tree_of(item.table)
        roots.append((item.table.num_rows, int(tree.total_wh), tree.root))
        figures = {"rows": roots[-1][0], "total_wh": str(roots[-1][1]), "root": tree.root.hex()}
        entries.append({**describe_lake_file(item.path, data).to_dict(), **figures})
        writes.append(LakeWrite(item.path, data, identity))
    payload = json_canonical({**(extra or {}), "files": entries})
    rows, total_wh, root = roots[0]
    row = command(
        Kind.BULK_ROOT,
        id=identity,
        actor=0,
        bulk_kind=int(kind),
        rows=rows,
        total_wh=total_wh,
        period_start_s=period_start_s,
        duration_s=duration_s,
        root=root,
        hash=sha256(payload),
    )
    return plan_of([row], [payload], writes)


def payload_files(payload: bytes) -> list[tuple[LakeFile, dict[str, Any]]]:
    """Return the lake files a payload names, each with its whole entry.

    Raises:
        MalformedInput: not the payload of a bulk record.
    """
    files = payload_content(payload).get("files", [])
    if not isinstance(files, list) or not all(isinstance(entry, dict) for entry in files):
        raise _malformed("files", type(files).__name__)
    return [(LakeFile.from_dict(entry), entry) for entry in files]


def payload_content(payload: bytes) -> dict[str, Any]:
    """Return the object a bulk record's payload holds.

    Raises:
        MalformedInput: not the payload of a bulk record.
    """
    content = json_decode_strict(payload, field="payload")
    if not isinstance(content, dict):
        raise _malformed("payload", type(content).__name__)
    return content


def index_bulk(kind: int, payload: bytes, read_lake: Callable[[str], bytes]) -> BulkIndex:
    """Return what the read model keeps of a bulk record, from its lake files.

    Raises:
        Broken: the payload has not its form, or a file is missing, not the one the record names, or no table of its kind.
    """
    index = BulkIndex([], [], {}, [], [])
    if kind not in (BulkKind.READINGS, BulkKind.STATEMENTS):
        return index
    try:
        days = payload_content(payload).get("days", [])
        if not isinstance(days, list) or not all(type(day) is int for day in days):
            raise _malformed("days", type(days).__name__)
        for described, _ in payload_files(payload):
            name = described.path.rsplit("/", 1)[-1]
            if name.startswith(READINGS_TABLE):
                _index_envelopes(described.path, _checked(described, read_lake), index)
            elif name.startswith(SLOTS_TABLE):
                index.slots.extend((day, described.path) for day in days)
            elif name.startswith(STATEMENTS_TABLE):
                _index_statements(described.path, _checked(described, read_lake), index)
    except (Refused, LookupError, TypeError, ValueError, pa.ArrowException) as error:
        raise Broken("journal", "payload of a BULK_ROOT record", "a bulk record and its tables", str(error)) from error
    return index


def read_checked(described: LakeFile, read_lake: Callable[[str], bytes]) -> pa.Table:
    """Return the table of a lake file whose bytes are the ones described.

    Raises:
        Broken: the file is missing or another one.
    """
    return read_table(_checked(described, read_lake))


def _malformed(field: str, value: object) -> MalformedInput:
    rule = Text(en="the JSON object of a bulk record", ja="一括記録のJSONオブジェクト")
    return MalformedInput("BULK_PAYLOAD_INVALID", field, value, rule)


def _checked(described: LakeFile, read_lake: Callable[[str], bytes]) -> bytes:
    try:
        data = read_lake(described.path)
    except Refused as error:
        raise broken_lake(described.path, "file", "named by a BULK_ROOT record", str(error)) from error
    if len(data) != described.size or sha256(data) != described.sha256:
        raise broken_lake(described.path, "file", "SHA-256 in its BULK_ROOT record", sha256(data).hex())
    return data


def _index_envelopes(path: str, data: bytes, index: BulkIndex) -> None:
    table = read_table(data).select(["form", "device", "evidence", "new_leaves", "state"])
    for row, item in enumerate(table.to_pylist()):
        device = item["device"]
        if item["evidence"] is not None:
            index.evidence.append((item["evidence"], path, row))
        new = item["new_leaves"] or b""
        index.evidence.extend((new[at : at + HASH_BYTES], path, row) for at in range(0, len(new), HASH_BYTES))
        if item["state"] is not None:
            index.channels[device] = item["state"]
            index.pending[:] = [one for one in index.pending if one[0] != device]
        elif item["form"] == FORM_SLOT and item["evidence"] is not None:
            index.pending.append((device, path, row))


def _index_statements(path: str, data: bytes, index: BulkIndex) -> None:
    table = read_table(data).select(["account", "day"])
    for row, item in enumerate(table.to_pylist()):
        index.statements.append((item["account"], item["day"], path, row))
