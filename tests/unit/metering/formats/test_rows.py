"""Envelope rows survive the lake."""

import pyarrow as pa

from wattmark.metering.audit import EnvelopeRecord, Form
from wattmark.metering.formats.rows import ENVELOPE_SCHEMA, envelope_records, envelope_table

RECORDS = [
    EnvelopeRecord(int(Form.SLOT), 1_000, "OK", b"abc", b"e" * 32, 17),
    EnvelopeRecord(int(Form.DAY), 2_000, "NOT_CBOR", b"", None, 0),
]


def test_round_trip_beside_other_columns():
    table = envelope_table(RECORDS)
    assert table.schema == ENVELOPE_SCHEMA
    wider = table.append_column("salt", pa.array([b"1", b"2"])).select([*reversed(table.column_names), "salt"])
    assert list(envelope_records(wider)) == RECORDS
    assert list(envelope_records(envelope_table([]))) == []
