"""Batches: the same outcomes as one by one, in order, with threads or without."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

from wattmark.core.errors import Refused
from wattmark.metering.batch import verify_days, verify_slots
from wattmark.metering.cose import EDDSA, ES256
from wattmark.metering.keys import KeyRing
from wattmark.metering.verify import verify_slot
from wattmark.testing.meters import SeededMeter

DAY = date(2026, 4, 1)
WH = [100 + i for i in range(48)]
METERS = [SeededMeter(f"meter {i}", alg, device=i) for i, alg in enumerate((EDDSA, ES256, EDDSA))]
DAYS = [[meter.day(DAY + timedelta(days=i), WH) for i in range(2)] for meter in METERS]
STATES = {meter.state().key: meter.state() for meter in METERS}
KEYS = KeyRing([meter.signer.key(meter.device, 0) for meter in METERS])
NOW_MS = DAYS[0][1].received_ms


def mixed_slots():
    """Slots of all meters by turns, with one of everything that can go wrong."""
    slots = [envelope for turn in zip(*(days[0].slots for days in DAYS), strict=True) for envelope in turn]
    stranger = SeededMeter("stranger").day(DAY, WH).slots[0]
    return [*slots[:30], slots[0], b"", stranger, slots[33], *slots[30:], slots[-1][:-1] + b"\x00"]


def one_by_one(envelopes):
    states, codes = dict(STATES), []
    for envelope in envelopes:
        for key, state in states.items():
            try:
                _, states[key] = verify_slot(envelope, KEYS, state, NOW_MS)
            except Refused as error:
                code = error.code
                if code != "CHANNEL_UNKNOWN":
                    break
            else:
                code = "OK"
                break
        codes.append(code)
    return states, codes


def test_a_batch_is_its_items_in_order():
    envelopes = mixed_slots()
    changed, outcomes = verify_slots(envelopes, STATES, KEYS, NOW_MS)
    states, codes = one_by_one(envelopes)
    assert [outcome.code for outcome in outcomes] == codes
    assert {"OK", "REPLAYED", "HEADER_INVALID", "CHANNEL_UNKNOWN", "SEQUENCE_GAP", "SIGNATURE_INVALID"} == set(codes)
    assert changed == states
    for outcome in outcomes:
        assert (outcome.reading is None) == (outcome.code != "OK")
        assert (outcome.refusal is None) == (outcome.code == "OK")


def test_threads_change_nothing():
    envelopes = mixed_slots()
    alone = verify_slots(envelopes, STATES, KEYS, NOW_MS)
    with ThreadPoolExecutor(2) as pool:
        together = verify_slots(envelopes, STATES, KEYS, NOW_MS, mapper=pool.map)
    assert together[0] == alone[0]
    assert [outcome.code for outcome in together[1]] == [outcome.code for outcome in alone[1]]


def test_days_of_several_meters():
    seals = [signed.seal for days in zip(*DAYS, strict=True) for signed in days]
    changed, outcomes = verify_days([*seals, seals[0], b"x"], STATES, KEYS, NOW_MS)
    assert [outcome.code for outcome in outcomes] == ["OK"] * 6 + ["REPLAYED", "NOT_CBOR"]
    assert {state.sealed_seq for state in changed.values()} == {95}
    assert outcomes[6].channel == next(iter(STATES))
    assert outcomes[7].channel is None


def test_an_equivocation_freezes_within_the_batch():
    meter, days = METERS[0], DAYS[0]
    leaves = days[0].leaves
    forged = meter.signer.sign_slot(replace(leaves[0], register_wh=leaves[0].register_wh + 1))
    batch = [days[0].slots[0], forged, days[0].slots[1]]
    changed, outcomes = verify_slots(batch, STATES, KEYS, NOW_MS)
    assert [outcome.code for outcome in outcomes] == ["OK", "EQUIVOCATION", "CHANNEL_FROZEN"]
    assert [state.frozen for state in changed.values()] == [True]
    lying = [days[0].slots[0], meter.signer.sign_slot(replace(leaves[1], register_wh=leaves[1].register_wh + 1))]
    states, _ = verify_slots(lying, STATES, KEYS, NOW_MS)
    changed, outcomes = verify_days([days[0].seal, days[1].seal], states, KEYS, NOW_MS)
    assert [outcome.code for outcome in outcomes] == ["SLOT_DIFFERS", "CHANNEL_FROZEN"]


def test_nothing_changes_where_nothing_is_accepted():
    assert verify_slots([b"x"], STATES, KEYS, NOW_MS)[0] == {}
    assert verify_days([], STATES, KEYS, NOW_MS) == ({}, [])
