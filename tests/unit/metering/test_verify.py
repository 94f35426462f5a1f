"""Verification: every step refuses what it is there for, and a refusal leaves the state as it was."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from wattmark.core.errors import Refused
from wattmark.metering.channel import ChannelState, Commissioning, decode_state, encode_state
from wattmark.metering.cose import EDDSA, ES256, decode_sign1, encode_sign1, protected_header
from wattmark.metering.envelope import ClockState, Quality, Status
from wattmark.metering.envelope import encode_day as real
from wattmark.metering.errors import Equivocation
from wattmark.metering.keys import KeyRing, MeterKey
from wattmark.metering.labels import Label
from wattmark.metering.sign import MeterSigner
from wattmark.metering.verify import VerifyPolicy, verify_day, verify_slot
from wattmark.testing.meters import SeededMeter

DAY = date(2026, 4, 1)
TOMORROW = DAY + timedelta(days=1)
WH = [100 + i for i in range(48)]


def refused(call, *arguments) -> Refused:
    with pytest.raises(Refused) as error:
        call(*arguments)
    return error.value


class Bench:
    """A meter, its state, and one call per kind of envelope at the time it would arrive."""

    def __init__(self, **fields):
        self.meter = SeededMeter(**fields)
        self.state = self.meter.state()

    def slot(self, leaf, received_ms=None):
        return self.envelope(self.meter.signer.sign_slot(leaf), received_ms or leaf.t_end * 1_000)

    def envelope(self, envelope, received_ms):
        slot, self.state = verify_slot(envelope, self.meter.keys, self.state, received_ms)
        return slot

    def seal(self, seal, received_ms):
        day, self.state = verify_day(seal, self.meter.keys, self.state, received_ms)
        return day


@pytest.mark.parametrize("alg", [ES256, EDDSA])
def test_three_days_by_slot_and_seal(alg):
    bench = Bench(alg=alg)
    for day in range(3):
        signed = bench.meter.day(DAY + timedelta(days=day), WH)
        for leaf, envelope in zip(signed.leaves, signed.slots, strict=True):
            slot = bench.envelope(envelope, leaf.t_end * 1_000)
            assert (slot.label, slot.duration_s, slot.period_start_s) == (Label.ACTUAL, 1_800, leaf.t_end - 1_800)
        verified = bench.seal(signed.seal, signed.received_ms)
        assert verified.energy_wh.tolist() == WH
        assert verified.first_new == 48
        assert verified.new_slots == ()
    assert bench.state.sealed_seq == bench.state.last_seq == 143
    assert bench.state.last_register_wh == 1_000 + 3 * sum(WH)


def test_a_seal_without_slots_brings_them():
    bench = Bench()
    signed = bench.meter.day(DAY, WH)
    verified = bench.seal(signed.seal, signed.received_ms)
    assert [slot.energy_wh for slot in verified.new_slots] == WH
    assert verified.slots[0].reg_from_wh == 1_000
    assert verified.slots[-1].reg_to_wh == verified.day.reg_close


def test_slots_run_ahead_of_the_seal():
    bench = Bench()
    today, tomorrow = bench.meter.day(DAY, WH), bench.meter.day(TOMORROW, WH)
    for signed, count in ((today, 48), (tomorrow, 10)):
        for leaf, envelope in zip(signed.leaves[:count], signed.slots, strict=False):
            bench.envelope(envelope, leaf.t_end * 1_000)
    bench.seal(today.seal, tomorrow.received_ms)
    assert (bench.state.sealed_seq, bench.state.last_seq) == (47, 57)
    assert bench.seal(tomorrow.seal, tomorrow.received_ms).first_new == 10


def test_a_meter_that_was_off_gives_a_total_of_unknown_shape():
    bench = Bench()
    first, _, _, fourth = bench.meter.leaves(DAY, [100, 0, 0, 50])
    bench.slot(first)
    slot = bench.slot(replace(fourth, seq=1))
    assert (slot.label, slot.period_start_s, slot.duration_s) == (Label.REGISTER_ONLY, first.t_end, 3 * 1_800)
    assert slot.energy_wh == 50


def test_late_substituted_and_tampered_slots_are_labelled():
    bench = Bench()
    leaves = bench.meter.leaves(DAY, [1, 1, 1, 1, 1])
    changes = [{}, {"quality": Quality.SUBSTITUTED}, {}, {"status": Status.COVER_OPEN}, {"quality": Quality.NO_READING}]
    leaves = [
        replace(leaf, **{k: int(v) for k, v in change.items()}) for leaf, change in zip(leaves, changes, strict=True)
    ]
    late_ms = leaves[-1].t_end * 1_000 + 36 * 3_600_000
    labels = [bench.slot(leaf, late_ms).label for leaf in leaves]
    assert labels == [
        Label.ACTUAL_LATE, Label.ESTIMATED, Label.REGISTER_ONLY, Label.QUESTIONABLE, Label.MISSING,
    ]  # fmt: skip


def test_an_unsynchronised_clock_makes_a_day_questionable():
    bench = Bench()
    leaves = bench.meter.leaves(DAY, WH)
    seal = bench.meter.seal(leaves, clock_state=ClockState.INFORMATIVE)
    day = bench.seal(seal, leaves[-1].t_end * 1_000)
    assert {slot.label for slot in day.slots} == {Label.QUESTIONABLE}


# -------------------------------------------------------------------------- who may sign (steps 5 to 8)


def test_an_unknown_key():
    bench = Bench()
    leaf = bench.meter.leaves(DAY, [1])[0]
    envelope = bench.meter.signer.sign_slot(leaf)
    assert refused(verify_slot, envelope, KeyRing(), bench.state, leaf.t_end * 1_000).code == "KEY_UNKNOWN"


def test_the_key_of_another_meter():
    bench, other = Bench(), SeededMeter("other", device=6)
    mimic = MeterSigner(bench.meter.signer.meter_id, 1, EDDSA, b"\x07" * 32)
    keys = KeyRing([bench.meter.signer.key(5, 0), other.signer.key(6, 0), mimic.key(6, 0)])
    leaf = bench.meter.leaves(DAY, [1])[0]
    error = refused(verify_slot, mimic.sign_slot(leaf), keys, bench.state, leaf.t_end * 1_000)
    assert (error.code, error.field) == ("KEY_OF_ANOTHER_METER", "kid")
    assert refused(verify_slot, other.signer.sign_slot(other.leaves(DAY, [1])[0]), keys, bench.state, 0).code == (
        "CHANNEL_UNKNOWN"
    )


def test_the_algorithm_is_pinned_to_the_key():
    bench = Bench(alg=ES256)
    signer = bench.meter.signer
    leaf = bench.meter.leaves(DAY, [1])[0]
    sign1 = decode_sign1(signer.sign_slot(leaf), 1_000)
    envelope = encode_sign1(protected_header(EDDSA, signer.kid), sign1.payload, sign1.signature)
    assert refused(bench.envelope, envelope, leaf.t_end * 1_000).code == "ALGORITHM_MISMATCH"


def test_validity_is_asked_at_log_time():
    bench = Bench()
    signer = bench.meter.signer
    leaves = bench.meter.leaves(DAY, [1, 1])
    first_ms, second_ms = leaves[0].t_end * 1_000, leaves[1].t_end * 1_000
    keys = KeyRing([MeterKey(signer.kid, EDDSA, signer.public_key, 5, first_ms, second_ms)])
    early = signer.sign_slot(leaves[0])
    assert refused(verify_slot, early, keys, bench.state, first_ms - 1).code == "KEY_NOT_YET_VALID"
    _, state = verify_slot(early, keys, bench.state, first_ms)
    assert refused(verify_slot, signer.sign_slot(leaves[1]), keys, state, second_ms).code == "KEY_REVOKED"


def test_a_signature_of_other_bytes():
    bench = Bench()
    leaf, other = bench.meter.leaves(DAY, [1, 1])
    sign1 = decode_sign1(bench.meter.signer.sign_slot(leaf), 1_000)
    foreign = decode_sign1(bench.meter.signer.sign_slot(other), 1_000)
    envelope = encode_sign1(sign1.protected, sign1.payload, foreign.signature)
    assert refused(bench.envelope, envelope, leaf.t_end * 1_000).code == "SIGNATURE_INVALID"


def test_a_slot_is_no_day_and_a_day_no_slot():
    bench = Bench()
    signed = bench.meter.day(DAY, WH)
    assert refused(bench.seal, signed.slots[0], signed.received_ms).code == "WRONG_TYPE"
    assert refused(bench.envelope, signed.seal, signed.received_ms).code == "ENVELOPE_TOO_LONG"


# ---------------------------------------------------------------------------- sequence (steps 10 and 11)


def test_a_replayed_slot():
    bench = Bench()
    leaves = bench.meter.leaves(DAY, [1, 2, 3])
    for leaf in leaves:
        bench.slot(leaf)
    before = bench.state
    for leaf in leaves:
        error = refused(bench.slot, leaf)
        assert (error.code, error.value) == ("REPLAYED", leaf.seq)
    assert bench.state == before


def test_reordered_slots():
    bench = Bench()
    first, second = bench.meter.leaves(DAY, [1, 2])
    assert refused(bench.slot, second).code == "SEQUENCE_GAP"
    bench.slot(first)
    bench.slot(second)


def test_two_truths_for_one_slot_freeze_the_channel():
    bench = Bench()
    first, second = bench.meter.leaves(DAY, [1, 2])
    bench.slot(first)
    error = refused(bench.slot, replace(first, register_wh=first.register_wh + 1))
    assert isinstance(error, Equivocation)
    assert isinstance(error.state, ChannelState)
    assert error.code == "EQUIVOCATION"
    assert not bench.state.frozen
    bench.state = error.state
    assert refused(bench.slot, second).code == "CHANNEL_FROZEN"
    seal = bench.meter.seal([first])
    assert refused(bench.seal, seal, first.t_end * 1_000).code == "CHANNEL_FROZEN"


def test_two_truths_for_a_slot_of_the_last_sealed_day():
    bench = Bench()
    signed = bench.meter.day(DAY, WH)
    bench.seal(signed.seal, signed.received_ms)
    changed = replace(signed.leaves[20], register_wh=signed.leaves[20].register_wh + 1)
    assert refused(bench.slot, changed, signed.received_ms).code == "EQUIVOCATION"
    assert refused(bench.slot, signed.leaves[20], signed.received_ms).code == "REPLAYED"


def test_a_seal_that_differs_from_the_slots_sent():
    bench = Bench()
    leaves = bench.meter.leaves(DAY, WH)
    for leaf in leaves[:3]:
        bench.slot(leaf)
    forged = [leaves[0], replace(leaves[1], register_wh=leaves[1].register_wh + 1), *leaves[2:]]
    error = refused(bench.seal, bench.meter.seal(forged), leaves[-1].t_end * 1_000)
    assert (error.code, error.value) == ("SLOT_DIFFERS", 1)
    assert isinstance(error, Equivocation)


def test_a_replayed_and_a_second_seal():
    bench = Bench()
    leaves = bench.meter.leaves(DAY, WH)
    second = bench.meter.seal(leaves, boot_ctr=2)
    signed = bench.meter.day(DAY, WH)
    bench.seal(signed.seal, signed.received_ms)
    assert refused(bench.seal, signed.seal, signed.received_ms).code == "REPLAYED"
    assert refused(bench.seal, second, signed.received_ms).code == "EQUIVOCATION"
    tomorrow = bench.meter.day(TOMORROW, WH)
    bench.seal(tomorrow.seal, tomorrow.received_ms)
    assert refused(bench.seal, signed.seal, tomorrow.received_ms).code == "REPLAYED"


def test_a_withheld_day():
    bench = Bench()
    bench.meter.day(DAY, WH)
    tomorrow = bench.meter.day(TOMORROW, WH)
    error = refused(bench.seal, tomorrow.seal, tomorrow.received_ms)
    assert (error.code, error.field) == ("SEQUENCE_GAP", "seq_first")


def test_a_broken_chain():
    bench = Bench()
    leaves = bench.meter.leaves(DAY, WH)
    error = refused(bench.seal, bench.meter.seal(leaves, b"\x00" * 32), leaves[-1].t_end * 1_000)
    assert (error.code, error.field) == ("CHAIN_BROKEN", "prev_day_hash")


def test_a_restored_backup_of_the_meter_counts_its_boots_backwards():
    bench = Bench()
    leaves = bench.meter.leaves(DAY, WH)
    bench.state = replace(bench.state, boot_ctr=9)
    assert refused(bench.seal, bench.meter.seal(leaves), leaves[-1].t_end * 1_000).code == "BOOT_COUNTER_FELL"


def test_a_changed_configuration():
    bench = Bench()
    bench.state = replace(bench.state, cfg_hash=b"\x00" * 32)
    signed = bench.meter.day(DAY, WH)
    assert refused(bench.seal, signed.seal, signed.received_ms).code == "CONFIG_CHANGED"


def test_slots_without_a_seal_stop_after_the_limit():
    bench = Bench()
    policy = VerifyPolicy(max_unsealed_s=2 * 1_800)
    leaves = bench.meter.leaves(DAY, [1, 1, 1])
    for leaf in leaves[:2]:
        _, bench.state = verify_slot(
            bench.meter.signer.sign_slot(leaf), bench.meter.keys, bench.state, leaf.t_end * 1_000, policy
        )
    envelope = bench.meter.signer.sign_slot(leaves[2])
    now_ms = leaves[2].t_end * 1_000
    assert refused(verify_slot, envelope, bench.meter.keys, bench.state, now_ms, policy).code == "SEAL_OVERDUE"


# ------------------------------------------------------------------- time and register (steps 12 to 14)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"dur_s": 900}, "DURATION_MISMATCH", "dur_s"),
        ({"t_end": +1}, "TIME_OFF_GRID", "t_end"),
        ({"t_end": -1_800}, "TIME_OVERLAP", "t_end"),
        ({"t_end": -180_000}, "TIME_OVERLAP", "t_end"),
        ({"register_wh": -101}, "REGISTER_FELL", "register_wh"),
    ],
)
def test_a_leaf_that_does_not_follow(change, code, field):
    bench = Bench()
    first, second = bench.meter.leaves(DAY, [100, 100])
    bench.slot(first)
    before = bench.state
    ((name, value),) = change.items()
    wrong = replace(second, **{name: value if name == "dur_s" else getattr(second, name) + value})
    error = refused(bench.slot, wrong, second.t_end * 1_000)
    assert (error.code, error.field) == (code, field)
    assert bench.state == before
    if name != "dur_s" and wrong.t_end >= first.t_end:  # the wire cannot carry the other two
        seal = bench.meter.seal([first, wrong])
        assert refused(bench.seal, seal, second.t_end * 1_000).code == code


def test_half_a_slot_into_the_future_and_no_more():
    bench = Bench()
    leaf = bench.meter.leaves(DAY, [1])[0]
    assert refused(bench.slot, leaf, (leaf.t_end - 901) * 1_000).code == "TIME_FUTURE"
    bench.slot(leaf, (leaf.t_end - 900) * 1_000)


def test_a_day_must_open_where_the_last_one_closed():
    bench = Bench()
    leaves = bench.meter.leaves(DAY, WH)
    error = refused(bench.seal, bench.meter.seal(leaves, reg_open=999), leaves[-1].t_end * 1_000)
    assert (error.code, error.field) == ("REGISTER_NOT_TILED", "reg_open")


def test_a_day_must_close_where_its_last_leaf_stands(monkeypatch):
    bench = Bench()
    leaves = bench.meter.leaves(DAY, WH)
    monkeypatch.setattr(
        "wattmark.metering.sign.encode_day", lambda day: real(replace(day, reg_close=day.reg_close + 1))
    )
    error = refused(bench.seal, bench.meter.seal(leaves), leaves[-1].t_end * 1_000)
    assert (error.code, error.field) == ("REGISTER_NOT_TILED", "reg_close")


def test_a_forged_root(monkeypatch):
    bench = Bench()
    leaves = bench.meter.leaves(DAY, WH)
    monkeypatch.setattr("wattmark.metering.sign.encode_day", lambda day: real(replace(day, root=b"\x00" * 32)))
    error = refused(bench.seal, bench.meter.seal(leaves), leaves[-1].t_end * 1_000)
    assert (error.code, error.field) == ("ROOT_MISMATCH", "root")


def test_a_slot_of_another_day():
    bench = Bench()
    today, tomorrow = bench.meter.leaves(DAY, WH), bench.meter.leaves(TOMORROW, WH)
    moved = [*today[:47], replace(tomorrow[0], seq=47, register_wh=today[47].register_wh)]
    error = refused(bench.seal, bench.meter.seal(moved), tomorrow[-1].t_end * 1_000)
    assert (error.code, error.field) == ("PERIOD_MISMATCH", "t_end")


def test_a_day_that_calls_itself_tomorrow(monkeypatch):
    bench = Bench()
    leaves = bench.meter.leaves(DAY, WH)
    monkeypatch.setattr("wattmark.metering.sign.encode_day", lambda day: real(replace(day, period=20260402)))
    error = refused(bench.seal, bench.meter.seal(leaves), leaves[-1].t_end * 1_000)
    assert (error.code, error.field, error.value) == ("PERIOD_MISMATCH", "t_end", leaves[0].t_end)


def test_a_day_of_another_slot_length():
    bench = Bench()
    bench.state = replace(bench.state, resolution_s=900)
    signed = bench.meter.day(DAY, WH)
    assert refused(bench.seal, signed.seal, signed.received_ms).code == "DURATION_MISMATCH"


@pytest.mark.parametrize(("after_s", "label"), [(36 * 3_600, Label.ACTUAL), (36 * 3_600 + 1, Label.ACTUAL_LATE)])
def test_late_is_more_than_a_day_and_a_half(after_s, label):
    bench = Bench()
    leaf = bench.meter.leaves(DAY, [1])[0]
    assert bench.slot(leaf, (leaf.t_end + after_s) * 1_000).label == label


def test_a_day_twice():
    bench = Bench()
    leaves = bench.meter.leaves(DAY, WH)
    half = bench.meter.day(DAY, WH[:24])
    bench.seal(half.seal, half.received_ms)
    rest = bench.meter.seal(leaves[24:])
    error = refused(bench.seal, rest, leaves[-1].t_end * 1_000)
    assert (error.code, error.field) == ("PERIOD_MISMATCH", "period")


# -------------------------------------------------------------------------------------------- the state


def test_a_state_survives_a_snapshot():
    bench = Bench()
    signed = bench.meter.day(DAY, WH)
    for leaf in signed.leaves[:5]:
        bench.slot(leaf)
    assert decode_state(encode_state(bench.state)) == bench.state
    with pytest.raises(Refused):
        decode_state(encode_state(bench.state)[:-1])
    with pytest.raises(Refused):
        decode_state(encode_state(replace(bench.state, frozen=0)))


def test_the_commissioning_record_names_every_field():
    record = Commissioning(b"METER-01", 1, 1_800, 5, 0)
    others = [
        replace(record, meter_id=b"METER-02"),
        replace(record, channel=2),
        replace(record, resolution_s=900),
        replace(record, register_open_wh=6),
        replace(record, seq_first=1),
        replace(record, cfg_hash=b"\x00" * 32),
    ]
    assert len({record.hash(), *(other.hash() for other in others)}) == 7


def test_the_same_meter_signs_the_same_bytes():
    for alg in (ES256, EDDSA):
        assert SeededMeter(alg=alg).day(DAY, WH) == SeededMeter(alg=alg).day(DAY, WH)
