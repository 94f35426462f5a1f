"""A second auditor: only journal, lake and public keys, none of the platform's own flows.

It reads envelopes as the lake keeps them, verifies each again from the commissioning on, and finds every
issued Wh in a verified leaf (L4). It shares no code with ``flows.audit_readings`` above the verification.
"""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from wattmark.engine.batch import decode_batch
from wattmark.engine.commands import Kind
from wattmark.metering.audit import EnvelopeAudit, EnvelopeRecord, Issued, audit_issued
from wattmark.metering.formats.rows import envelope_records
from wattmark.metering.keys import KeyRing
from wattmark.storage.files.journal import FileJournal
from wattmark.testing.small_home import SUN_WH, SmallHome
from wattmark.tokens.layout import WITHHELD_FLAG

READINGS = "envelopes"


class Papers:
    """What a stranger gets: envelopes by lake file in the order of the journal, and the ISSUE commands."""

    def __init__(self, home: Path) -> None:
        self.files: list[tuple[str, list[EnvelopeRecord]]] = []
        self.issued: list[Issued] = []
        journal = FileJournal(home / "journal", read_only=True)
        for frame in journal.read():
            batch = decode_batch(frame.payload)
            for row, words in enumerate(batch.commands):
                if words[2] & 0xFFFF == Kind.ISSUE:
                    self._issue(f"frame {frame.sequence}, row {row}", words)
                elif words[2] & 0xFFFF == Kind.BULK_ROOT:
                    self._files(home, batch.payloads[words[12:16].astype("<i8").tobytes()])
        journal.close()

    def _issue(self, position: str, words) -> None:
        device, start_s, duration_s, reg_from_wh, reg_to_wh = (int(word) for word in words[3:8])
        withheld = bool(int(words[2]) >> 16 & WITHHELD_FLAG)
        evidence = words[12:16].astype("<i8").tobytes()
        issued = Issued(position, device, start_s, duration_s, reg_from_wh, reg_to_wh, withheld, evidence)
        self.issued.append(issued)

    def _files(self, home: Path, payload: bytes) -> None:
        for entry in json.loads(payload).get("files", []):
            if entry["path"].rsplit("/", 1)[-1].startswith(READINGS):
                table = pq.read_table(home / "lake" / entry["path"])
                self.files.append((entry["path"], list(envelope_records(table))))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    home = SmallHome(tmp_path_factory.mktemp("second") / "home")
    home.run()
    home.close()
    return home


@pytest.fixture(scope="module")
def papers(small):
    return Papers(small.home)


def audit(small, files):
    states = {meter.state().key: meter.state() for meter in (small.pv, small.load)}
    keys = KeyRing([small.pv.signer.key(small.plant, 0), small.load.signer.key(small.dwelling, 0)])
    running = EnvelopeAudit(states, keys)
    for path, records in files:
        running.add(path, records)
    return running


def opening(small):
    return {small.plant: small.pv.record.register_open_wh, small.dwelling: small.load.record.register_open_wh}


def test_it_agrees_with_an_honest_platform(small, papers):
    running = audit(small, papers.files)
    assert running.findings == []
    assert sum(len(records) for _, records in papers.files) == 2 * 48 + 2
    assert sum(issue.reg_to_wh - issue.reg_from_wh for issue in papers.issued) == sum(SUN_WH)
    assert audit_issued("journal", papers.issued, running.slots, opening(small)) == []


def test_it_finds_a_changed_row_and_a_token_too_many(small, papers):
    path, records = papers.files[1]
    changed = [*records[:5], replace(records[5], wh=records[5].wh + 1), *records[6:]]
    running = audit(small, [papers.files[0], (path, changed), *papers.files[2:]])
    assert [(finding.file, finding.position) for finding in running.findings] == [(path, "row 5")]
    more = [*papers.issued[:-1], replace(papers.issued[-1], reg_to_wh=papers.issued[-1].reg_to_wh + 1)]
    found = audit_issued("journal", more, running.slots, opening(small))
    assert [finding.position for finding in found] == [papers.issued[-1].position]
