"""The auditor finds what was changed beside an envelope, and every issue no leaf proves."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from wattmark.core.errors import Refused
from wattmark.metering.audit import EnvelopeAudit, EnvelopeRecord, Form, Issued, audit_issued
from wattmark.metering.keys import KeyRing
from wattmark.metering.verify import verify_day, verify_slot
from wattmark.testing.meters import SeededMeter

DAY = date(2026, 4, 1)
WH = [0, *range(100, 147)]


class Log:
    """What a platform would have kept of two days: slots, a replay, an equivocation at the end."""

    def __init__(self):
        self.meter = SeededMeter()
        self.state = self.meter.state()
        self.records = []
        for i in range(2):
            signed = self.meter.day(DAY + timedelta(days=i), WH)
            if not i:
                for leaf, envelope in zip(signed.leaves, signed.slots, strict=True):
                    self.keep(Form.SLOT, envelope, leaf.t_end * 1_000)
                self.keep(Form.SLOT, signed.slots[3], signed.received_ms)
            self.keep(Form.DAY, signed.seal, signed.received_ms)
        forged = replace(signed.leaves[7], register_wh=signed.leaves[7].register_wh + 1)
        self.keep(Form.SLOT, self.meter.signer.sign_slot(forged), signed.received_ms)
        self.keep(Form.DAY, b"noise", signed.received_ms)

    def keep(self, form, envelope, received_ms):
        verify = verify_day if form == Form.DAY else verify_slot
        try:
            reading, self.state = verify(envelope, self.meter.keys, self.state, received_ms)
        except Refused as error:
            self.records.append(EnvelopeRecord(form, received_ms, error.code, envelope, None, 0))
        else:
            wh = int(reading.energy_wh.sum()) if form == Form.DAY else reading.energy_wh
            self.records.append(EnvelopeRecord(form, received_ms, "OK", envelope, reading.hash, wh))

    def audit(self, records=None):
        state = self.meter.state()
        audit = EnvelopeAudit({state.key: state}, self.meter.keys)
        audit.add("lake/a", records if records is not None else self.records)
        return audit

    def issued(self, audit):
        slots = sorted(audit.slots.values(), key=lambda slot: slot.reg_to_wh)
        return [
            Issued(f"record {i}", 5, slot.period_start_s, slot.duration_s, slot.reg_from_wh, slot.reg_to_wh,
                   withheld=False, evidence=slot.hash)
            for i, slot in enumerate(slots)
        ]  # fmt: skip


@pytest.fixture(scope="module")
def log():
    return Log()


def test_an_honest_log_has_no_findings(log):
    codes = [record.code for record in log.records]
    assert codes[48:] == ["REPLAYED", "OK", "OK", "EQUIVOCATION", "NOT_CBOR"]
    audit = log.audit()
    assert audit.findings == []
    (state,) = audit.states.values()
    assert state.frozen
    assert sum(slot.energy_wh for slot in audit.slots.values()) == 2 * sum(WH)
    assert audit_issued("journal", log.issued(audit), audit.slots, {5: 1_000}) == []


@pytest.mark.parametrize(
    ("row", "change", "rule"),
    [
        (3, {"wh": 103}, "L4 energy"),
        (3, {"evidence": b"e" * 32}, "evidence hash"),
        (3, {"evidence": None}, "evidence hash"),
        (3, {"code": "SIGNATURE_INVALID", "evidence": None, "wh": 0}, "S1-S4 outcome"),
        (48, {"code": "OK"}, "S1-S4 outcome"),
        (49, {"wh": 1}, "L4 energy"),
        (50, {"received_ms": 0}, "S1-S4 outcome"),
        (52, {"code": "OK", "evidence": b"e" * 32, "wh": 10**9}, "S1-S4 outcome"),
    ],
)
def test_a_changed_row_is_found_by_place(log, row, change, rule):
    records = list(log.records)
    records[row] = replace(records[row], **change)
    first = log.audit(records).findings[0]
    assert (first.file, first.position, first.rule) == ("lake/a", f"row {row}", rule)


def test_a_flipped_byte_of_an_envelope_is_found(log):
    for at in range(0, len(log.records[5].envelope), 9):
        records = list(log.records)
        envelope = bytearray(records[5].envelope)
        envelope[at] ^= 1
        records[5] = replace(records[5], envelope=bytes(envelope))
        assert log.audit(records).findings[0].position == "row 5"


def test_a_withheld_row_is_found(log):
    assert log.audit(log.records[:5] + log.records[6:]).findings[0].position == "row 5"


def test_what_was_refused_before_registration_is_passed_over(log):
    early = replace(log.records[0], code="KEY_UNKNOWN", evidence=None, wh=0)
    assert log.audit([early, *log.records]).findings == []


def test_without_the_key_nothing_is_proved(log):
    state = log.meter.state()
    audit = EnvelopeAudit({state.key: state}, KeyRing())
    audit.add("lake/a", log.records)
    assert audit.slots == {}
    assert len(audit.findings) >= 49


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reg_to_wh": 1_304}, "no verified leaf ends there"),
        ({"reg_from_wh": 1_100}, "register stands at 1201"),
        ({"reg_from_wh": 1_202}, "register stands at 1201"),
        ({"period_start_s": 0}, "period ending"),
        ({"evidence": b"e" * 32}, "names evidence"),
    ],
)
def test_an_issue_that_no_leaf_proves(log, change, words):
    audit = log.audit()
    issued = log.issued(audit)
    assert (issued[2].reg_from_wh, issued[2].reg_to_wh) == (1_201, 1_303)
    issued[2] = replace(issued[2], **change)
    found = audit_issued("journal", issued[:3], audit.slots, {5: 1_000})
    assert [(finding.position, finding.rule) for finding in found] == [("record 2", "L4")]
    assert words in found[0].detail


def test_issues_tile_the_register(log):
    audit = log.audit()
    issued = log.issued(audit)
    twice = audit_issued("journal", [issued[0], issued[0]], audit.slots, {5: 1_000})
    hole = audit_issued("journal", [issued[0], issued[2]], audit.slots, {5: 1_000})
    assert [finding.position for finding in twice] == ["record 0"]
    assert [finding.position for finding in hole] == ["record 2"]


def test_what_was_withheld_may_bridge_leaves_and_what_was_minted_may_not(log):
    audit = log.audit()
    first, second = log.issued(audit)[:2]
    bridged = replace(second, reg_from_wh=first.reg_from_wh, withheld=True)
    assert audit_issued("journal", [bridged], audit.slots, {5: 1_000}) == []
    minted = replace(bridged, withheld=False)
    assert "leaf proves" in audit_issued("journal", [minted], audit.slots, {5: 1_000})[0].detail
