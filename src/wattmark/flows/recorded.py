"""What is on record already: the lake tables that a BULK_ROOT named, so that nothing is decided twice."""

import pyarrow as pa

from wattmark.engine import layout as e
from wattmark.engine.commands import words_hash
from wattmark.flows.bulk import payload_files, read_checked
from wattmark.flows.platform import Platform


def recorded_tables(platform: Platform, record: int) -> list[pa.Table] | None:
    """Return the tables of a bulk record in the order of its payload, ``None`` if there is no such record.

    Args:
        platform: the platform.
        record: id of the BULK_ROOT command.

    Raises:
        Broken: a lake file is missing or not the one on record.
    """
    found = platform.sequencer.find(record)
    if found is None:
        return None
    payload = platform.views.payload(words_hash(platform.sequencer.record(found[0]).command[e.W_HASH :]))
    assert payload is not None, "every BULK_ROOT has its payload beside it"
    return [read_checked(described, platform.lake.get) for described, _ in payload_files(payload)]
