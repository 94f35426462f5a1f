"""The few facts about log records that an offline verifier needs; tests hold them equal to the engine's.

An entry is command (16 words) | verdict (4 words) | blinding salt (16 bytes), little-endian signed
64-bit words, 176 bytes. Its leaf hash is SHA-256(00 || entry) (RFC 6962).
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text

ENTRY_BYTES: Final = 176
OUTCOME_OK: Final = 0
WITHHELD_FLAG: Final = 1
BULK_PLAN: Final = 3

_ENTRY: Final = struct.Struct("<16q4q16s")
_HEAD_WORD: Final = 2
_FIRST_FIELD: Final = 3
_ROOT_WORD: Final = 8
_HASH_WORD: Final = 12
_HALF: Final = 0xFFFF


class RecordKind(IntEnum):
    """Kinds of records that stand in a certificate."""

    REGISTER_DEVICE = 4
    REGISTER_METER_KEY = 5
    ISSUE = 7
    RETIRE = 13
    BULK_ROOT = 23


FIELDS: Final[dict[RecordKind, tuple[str, ...]]] = {
    RecordKind.REGISTER_DEVICE: (
        "account",
        "area",
        "source",
        "capacity_w",
        "channel_role",
        "register_open_wh",
        "resolution_s",
        "tier",
    ),
    RecordKind.REGISTER_METER_KEY: ("device", "alg", "valid_from_ms"),
    RecordKind.ISSUE: ("device", "period_start_s", "duration_s", "reg_from_wh", "reg_to_wh", "expiry_s", "tier"),
    RecordKind.RETIRE: ("lot", "start", "end", "beneficiary_account", "claim", "period_start_s", "duration_s"),
    RecordKind.BULK_ROOT: ("bulk_kind", "rows", "total_wh", "period_start_s", "duration_s"),
}
"""Names of the words from word 3 on."""


@dataclass(frozen=True, slots=True)
class Record:
    """One accepted record of the log, read from its entry.

    Attributes:
        entry: the 176 bytes.
        kind: what it asked for.
        flags: flags of the command.
        timestamp_ms: when it was accepted [ms].
        result0: first result of the verdict.
        result1: second result of the verdict.
        fields: named words.
        root: words 8 to 11 as bytes.
        digest: words 12 to 15 as bytes.
    """

    entry: bytes
    kind: RecordKind
    flags: int
    timestamp_ms: int
    result0: int
    result1: int
    fields: dict[str, int]
    root: bytes
    digest: bytes


def read_record(entry: bytes, kind: RecordKind) -> Record:
    """Return the accepted record of a kind.

    Raises:
        MalformedInput: another length, another kind, or a record that was refused.
    """
    if len(entry) != ENTRY_BYTES:
        rule = Text(en=f"{ENTRY_BYTES} bytes", ja=f"{ENTRY_BYTES}バイト")
        raise MalformedInput("ENTRY_LENGTH", kind.name, len(entry), rule)
    *words, _ = _ENTRY.unpack(entry)
    head, (timestamp_ms, outcome, result0, result1) = words[_HEAD_WORD], words[16:]
    if head & _HALF != kind:
        rule = Text(en=f"a record of kind {kind.name}", ja=f"{kind.name}の記録")
        raise MalformedInput("RECORD_KIND", kind.name, head & _HALF, rule)
    if outcome != OUTCOME_OK:
        rule = Text(en="an accepted record (outcome 0)", ja="受理された記録(結果0)")
        raise MalformedInput("RECORD_REFUSED", kind.name, outcome, rule)
    return Record(
        entry=entry,
        kind=kind,
        flags=head >> 16 & _HALF,
        timestamp_ms=timestamp_ms,
        result0=result0,
        result1=result1,
        fields=dict(zip(FIELDS[kind], words[_FIRST_FIELD:], strict=False)),
        root=entry[8 * _ROOT_WORD : 8 * _HASH_WORD],
        digest=entry[8 * _HASH_WORD : 8 * 16],
    )
