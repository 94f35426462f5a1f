"""Records of the log as the pages and the API show them: public ones in full, private ones only by number."""

from dataclasses import dataclass
from typing import Final

from wattmark.engine.commands import PUBLIC_BULKS, PUBLIC_KINDS, Kind, actor_of, fields, id_of, kind_of
from wattmark.flows.platform import Platform
from wattmark.flows.sequence import Record

LOOK_BACK: Final = 65_536
"""Records looked through, at most, when the latest public ones are wanted."""
CHUNK: Final = 2_048
"""Records looked through at a time."""
ENTRIES_PER_BUNDLE: Final = 256


@dataclass(frozen=True, slots=True)
class Entry:
    """One record.

    Attributes:
        position: log index.
        kind: number of its kind, 0 when it is not shown.
        timestamp_ms: when it was written [ms].
        outcome: 0 accepted, else the named refusal.
        result0: first result.
        result1: second result.
        actor: account that asked, -1 when it is not shown.
        identity: 128-bit id, 0 when it is not shown.
        fields: named words, empty when they are not shown.
    """

    position: int
    kind: int
    timestamp_ms: int
    outcome: int
    result0: int
    result1: int
    actor: int
    identity: int
    fields: dict[str, int]


def entry(platform: Platform, position: int, viewer: int | None = None, *, sees_all: bool = False) -> Entry:
    """Return a record, as far as the viewer may see it.

    Args:
        platform: where it is.
        position: log index.
        viewer: account of the viewer, ``None`` for a stranger.
        sees_all: whether the viewer is an operator or auditor.

    Raises:
        UnknownReference: there is no such record.
    """
    return _entry(platform.sequencer.record(position), viewer, sees_all=sees_all)


def is_public(record: Record) -> bool:
    """Return whether a record is served to everybody (L8)."""
    kind = kind_of(record.command)
    if kind == Kind.BULK_ROOT:
        return fields(record.command)["bulk_kind"] in PUBLIC_BULKS
    return kind in PUBLIC_KINDS


def concerns(record: Record, account: int) -> bool:
    """Return whether a record is an account's own: it asked for it, or is named in it."""
    if actor_of(record.command) == account:
        return True
    named = fields(record.command)
    return account in {named.get(name, -1) for name in ("account", "to_account", "from_account", "beneficiary_account")}


def latest_public(platform: Platform, limit: int = 20) -> list[Entry]:
    """Return the latest public records among the last ``LOOK_BACK``, newest first."""
    last = platform.sequencer.position
    found: list[Record] = []
    for end in range(last, max(last - LOOK_BACK, 0), -CHUNK):
        records = platform.sequencer.records(max(end - CHUNK, 0), end)
        found.extend([record for record in records if is_public(record)][::-1])
        if len(found) >= limit:
            break
    return [_entry(record, None, sees_all=False) for record in found[:limit]]


def bundle_entries(
    platform: Platform, number: int, count: int, viewer: int | None, *, sees_all: bool
) -> list[bytes] | None:
    """Return the entries of a bundle of the log, ``None`` when the viewer may not have all of them.

    Args:
        platform: where they are.
        number: bundle; its first entry is ``256 * number``.
        count: how many entries, 1 to 256.
        viewer: account of the viewer, ``None`` for a stranger.
        sees_all: whether the viewer is an operator or auditor.

    Raises:
        UnknownReference: records that do not exist yet.
    """
    first = number * ENTRIES_PER_BUNDLE
    records = list(platform.sequencer.records(first, first + count))
    allowed = sees_all or all(
        is_public(record) or (viewer is not None and concerns(record, viewer)) for record in records
    )
    return [record.entry for record in records] if allowed else None


def _entry(record: Record, viewer: int | None, *, sees_all: bool) -> Entry:
    timestamp_ms, outcome, result0, result1 = record.verdict.tolist()
    if sees_all or is_public(record) or (viewer is not None and concerns(record, viewer)):
        return Entry(
            record.position,
            kind_of(record.command),
            timestamp_ms,
            outcome,
            result0,
            result1,
            actor_of(record.command),
            id_of(record.command),
            fields(record.command),
        )
    return Entry(record.position, 0, timestamp_ms, 0, 0, 0, -1, 0, {})
