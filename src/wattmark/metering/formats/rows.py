"""Kept envelopes in the lake: the columns an auditor needs, whatever else a table holds beside them."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from wattmark.metering.audit import EnvelopeRecord

ENVELOPE_SCHEMA: Final = pa.schema(
    [
        ("form", pa.int64()),
        ("received_ms", pa.int64()),
        ("code", pa.string()),
        ("envelope", pa.binary()),
        ("evidence", pa.binary()),
        ("wh", pa.int64()),
    ]
)
"""The fields of ``EnvelopeRecord`` by name."""


def envelope_table(records: list[EnvelopeRecord]) -> pa.Table:
    """Return records as a table of ``ENVELOPE_SCHEMA``."""
    columns = [[getattr(record, name) for record in records] for name in ENVELOPE_SCHEMA.names]
    arrays = [pa.array(column, kind) for column, kind in zip(columns, ENVELOPE_SCHEMA.types, strict=True)]
    return pa.table(arrays, schema=ENVELOPE_SCHEMA)


def envelope_records(table: pa.Table) -> Iterator[EnvelopeRecord]:
    """Yield the records of a table that has at least the columns of ``ENVELOPE_SCHEMA``."""
    for batch in table.select(ENVELOPE_SCHEMA.names).to_batches():
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield EnvelopeRecord(*row)
