"""The facts repeated for the offline verifier equal those of the engine and of the domains below."""

import pytest

from reference.certificate_world import BUNDLE, DEVICE, world
from wattmark.certificates import customer, records, stamp, verify
from wattmark.certificates.records import RecordKind, read_record
from wattmark.core.errors import MalformedInput
from wattmark.engine import batch, commands, outcomes
from wattmark.engine import layout as e
from wattmark.settlement import kinds, plan
from wattmark.tokens import layout as k


def test_kinds_and_fields_are_the_engine_s() -> None:
    for kind in RecordKind:
        assert commands.Kind[kind.name] == kind
        assert commands.FIELDS[commands.Kind[kind.name]] == records.FIELDS[kind]


def test_sizes_and_codes_are_the_engine_s() -> None:
    assert records.ENTRY_BYTES == batch.ENTRY_BYTES
    assert records.OUTCOME_OK == outcomes.Outcome.OK
    assert records.WITHHELD_FLAG == k.WITHHELD_FLAG
    assert records.BULK_PLAN == commands.BulkKind.PLAN
    assert verify.PRODUCTION == k.CHANNEL_PRODUCTION
    assert {number: claim.name for claim in kinds.Claim for number in [int(claim)]} == verify.CLAIMS
    assert (verify.SAME_SLOT, verify.BANKED) == (k.CLAIM_SAME_SLOT, k.CLAIM_BANKED)
    assert (stamp.LOT_HELD, stamp.LOT_RESERVED, stamp.LOT_RETIRED) == (k.HELD, k.RESERVED, k.RETIRED)
    assert stamp.CLAIM_SAME_SLOT == k.CLAIM_SAME_SLOT


def test_a_record_reads_as_the_engine_wrote_it() -> None:
    entry = world().log.entries[2]
    record = read_record(entry, RecordKind.ISSUE)
    row = commands.from_bytes(entry[: e.COMMAND_BYTES])[0]
    assert record.fields == commands.fields(row)
    assert record.digest == commands.words_hash(row[e.W_HASH :])
    assert record.root == commands.words_hash(row[e.W_ROOT : e.W_HASH])
    assert (record.result0, record.fields["device"], record.flags) == (BUNDLE, DEVICE, 0)


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (world().log.entries[2][:-1], "ENTRY_LENGTH"),
        (world().log.entries[3], "RECORD_KIND"),
        (world().log.entries[2][:136] + b"\x05" + world().log.entries[2][137:], "RECORD_REFUSED"),
    ],
)
def test_what_is_not_an_accepted_issue_is_refused(entry: bytes, code: str) -> None:
    with pytest.raises(MalformedInput, match=code):
        read_record(entry, RecordKind.ISSUE)


def test_a_plan_row_is_written_and_read_alike() -> None:
    row = plan.plan_row(bytes(16), 10, 20, 30, (40, 50))
    assert customer.cbor_decode_strict(row) == [bytes(16), 10, 20, 30, 40, 50]
