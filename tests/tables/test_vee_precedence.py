"""Precedence of the verification steps: an envelope with many faults is refused by the first step that fails.

Each line adds one fault to the faults of the lines below it, so line i holds faults i..last, and its code must be
that of the first. The order is that of the numbered steps in ``metering.verify``.
"""

from dataclasses import replace
from datetime import date

import pytest

from wattmark.core.errors import Refused
from wattmark.metering.cose import EDDSA, encode_sign1, protected_header, signed_bytes
from wattmark.metering.envelope import encode_leaf
from wattmark.metering.errors import RULES, Code
from wattmark.metering.keys import KeyRing, MeterKey
from wattmark.metering.opening import MAX_SLOT_BYTES
from wattmark.metering.verify import VerifyPolicy, verify_slot
from wattmark.testing.meters import SeededMeter

SLOT_STEPS = """
     1 ENVELOPE_TOO_LONG
     2 NOT_CBOR
     3 HEADER_INVALID
     4 WRONG_TYPE
     5 CHANNEL_UNKNOWN
     6 KEY_UNKNOWN
     6 ALGORITHM_MISMATCH
     7 KEY_NOT_YET_VALID
     7 KEY_REVOKED
     8 SIGNATURE_INVALID
    10 CHANNEL_FROZEN
    11 SEQUENCE_GAP
    11 SEAL_OVERDUE
    12 DURATION_MISMATCH
    13 TIME_OFF_GRID
    13 TIME_OVERLAP
    13 TIME_FUTURE
    14 REGISTER_FELL
"""
CODES = [line.split()[1] for line in SLOT_STEPS.strip().splitlines()]
DAY = date(2026, 4, 1)
SHIFT_S = {"TIME_OFF_GRID": 1, "TIME_OVERLAP": -3_600, "TIME_FUTURE": 7 * 86_400}


def attempt(faults):
    """Verify the second slot of a meter with every one of the faults in it."""
    meter = SeededMeter()
    signer, (first, leaf, third) = meter.signer, meter.leaves(DAY, [100, 100, 100])
    _, state = verify_slot(signer.sign_slot(first), meter.keys, meter.state(), first.t_end * 1_000)
    now_ms = leaf.t_end * 1_000
    key = MeterKey(signer.kid, EDDSA, signer.public_key, state.device, 0)
    if "REGISTER_FELL" in faults:
        leaf = replace(leaf, register_wh=1)
    time_fault = next((fault for fault in SHIFT_S if fault in faults), None)
    if time_fault:
        leaf = replace(leaf, t_end=leaf.t_end + SHIFT_S[time_fault])
    if "DURATION_MISMATCH" in faults:
        leaf = replace(leaf, dur_s=900)
    policy = VerifyPolicy(max_unsealed_s=1_800 if "SEAL_OVERDUE" in faults else 86_400)
    if "SEQUENCE_GAP" in faults:
        leaf = replace(leaf, seq=third.seq)
    if "CHANNEL_FROZEN" in faults:
        state = replace(state, frozen=True)
    protected, payload = protected_header(EDDSA, signer.kid), encode_leaf(leaf)
    envelope = signer.sign_slot(leaf)
    if "SIGNATURE_INVALID" in faults:
        envelope = encode_sign1(protected, payload, b"\x01" * 64)
    if "KEY_REVOKED" in faults:
        key = replace(key, revoked_at_ms=1)
    if "KEY_NOT_YET_VALID" in faults:
        key = replace(key, valid_from_ms=now_ms + 1)
    keys = KeyRing([] if "KEY_UNKNOWN" in faults else [key])
    if "ALGORITHM_MISMATCH" in faults:
        envelope = encode_sign1(protected_header(-7, signer.kid), payload, b"\x01" * 64)
    if "CHANNEL_UNKNOWN" in faults:
        state = replace(state, channel=2)
    if "WRONG_TYPE" in faults:
        envelope = encode_sign1(protected, b"\x80", b"\x01" * 64)
    if "HEADER_INVALID" in faults:
        envelope = encode_sign1(b"\xa0", b"\x80", b"\x01" * 64)
    if "NOT_CBOR" in faults:
        envelope = envelope[:-1]
    if "ENVELOPE_TOO_LONG" in faults:
        envelope += bytes(MAX_SLOT_BYTES)
    assert signed_bytes(protected, payload)
    return verify_slot(envelope, keys, state, now_ms, policy)


@pytest.mark.parametrize("code", CODES)
def test_the_first_step_that_fails_names_the_refusal(code):
    with pytest.raises(Refused) as alone:
        attempt({code})
    assert alone.value.code == code
    with pytest.raises(Refused) as among:
        attempt(set(CODES[CODES.index(code) :]))
    assert among.value.code == code


def test_no_fault_no_refusal():
    slot, _ = attempt(set())
    assert slot.energy_wh == 100


def test_every_code_has_a_rule_in_both_languages():
    assert set(RULES) == set(Code) - {Code.OK}
    for rule in RULES.values():
        assert rule.text.en
        assert rule.text.ja
