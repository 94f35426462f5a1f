"""Laws of the envelopes: every flipped bit is refused, any bytes at all are only refused, leaves survive the wire."""

from datetime import date, timedelta
from itertools import accumulate, pairwise

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmark.core.errors import Refused
from wattmark.metering.batch import verify_slots
from wattmark.metering.cose import EDDSA, ES256
from wattmark.metering.envelope import Day, Leaf, decode_day, decode_leaf, encode_day, encode_leaf
from wattmark.metering.registers import intervals
from wattmark.metering.transport import decode_transport
from wattmark.metering.verify import verify_day, verify_slot
from wattmark.testing.meters import SeededMeter

DAY = date(2026, 4, 1)
WH = [(7 * i) % 300 for i in range(48)]
COUNTER = st.integers(0, 2**53 - 1)
BYTES32 = st.binary(min_size=32, max_size=32)
IDS = st.binary(min_size=8, max_size=16)

leaves = st.builds(
    Leaf,
    IDS,
    st.integers(0, 255),
    COUNTER,
    st.integers(0, 2**36 - 1),
    st.sampled_from((60, 300, 900, 1_800, 3_600)),
    COUNTER,
    st.integers(0, 4),
    st.integers(0, 63),
)
days = st.builds(
    Day,
    IDS,
    st.integers(0, 255),
    st.dates(min_value=date(1970, 1, 1)).map(lambda day: int(f"{day:%Y%m%d}") if day.year > 999 else 19700101),
    COUNTER,
    st.integers(1, 1_440),
    COUNTER,
    COUNTER,
    BYTES32,
    BYTES32,
    COUNTER,
    st.integers(0, 3),
    BYTES32,
    st.lists(st.tuples(st.integers(0, 2**36 - 1), st.integers(0, 65_535)), max_size=32).map(tuple),
)
cbor_items = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.binary(max_size=40)
    | st.text(max_size=8),
    lambda children: st.lists(children, max_size=15) | st.dictionaries(st.integers(), children, max_size=3),
    max_leaves=20,
)


@given(leaves)
def test_leaf_round_trip(leaf):
    assert decode_leaf(encode_leaf(leaf)) == leaf
    assert encode_leaf(decode_leaf(encode_leaf(leaf))) == encode_leaf(leaf)


@given(days)
def test_day_round_trip(day):
    assert decode_day(encode_day(day)) == day


@pytest.mark.parametrize("alg", [ES256, EDDSA])
@pytest.mark.parametrize("kind", ["slot", "day"])
def test_every_flipped_bit_of_an_envelope_is_refused(alg, kind):
    meter = SeededMeter(alg=alg)
    state = meter.state()
    signed = meter.day(DAY, WH)
    envelope, verify = (signed.slots[0], verify_slot) if kind == "slot" else (signed.seal, verify_day)
    reading, after = verify(envelope, meter.keys, state, signed.received_ms)
    believed = []
    for at in range(len(envelope)):
        for bit in range(8):
            flipped = bytearray(envelope)
            flipped[at] ^= 1 << bit
            try:
                verify(bytes(flipped), meter.keys, state, signed.received_ms)
            except Refused:
                continue
            believed.append((at, bit))
    assert believed == []
    assert verify(envelope, meter.keys, state, signed.received_ms) == (reading, after)


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_refused_and_never_crash(data, tagged):
    meter = SeededMeter()
    for envelope in (data, b"\xd2" + data if tagged else data):
        for verify in (verify_slot, verify_day):
            with pytest.raises(Refused):
                verify(envelope, meter.keys, meter.state(), 0)


@given(st.lists(cbor_items, min_size=4, max_size=15))
def test_any_cbor_is_refused_and_never_crashes(items):
    meter = SeededMeter()
    for item in (items, items[:4], items[:8], [1, *items[1:]], cbor2.CBORTag(18, items[:4])):
        data = cbor2.dumps(item, canonical=True)
        for decode in (decode_leaf, decode_day, decode_transport):
            with pytest.raises(Refused):
                decode(data)
        with pytest.raises(Refused):
            verify_slot(data, meter.keys, meter.state(), 0)


@given(st.data())
def test_fields_of_any_type_are_refused_and_never_crash(data):
    meter = SeededMeter()
    signed = meter.day(DAY, WH)
    fields = cbor2.loads(signed.seal)
    index = data.draw(st.integers(0, 7))
    fields[index] = data.draw(cbor_items)
    envelope = cbor2.dumps(fields, canonical=True)
    if envelope != signed.seal:
        with pytest.raises(Refused):
            verify_day(envelope, meter.keys, meter.state(), signed.received_ms)


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 40_000), min_size=48, max_size=48), min_size=1, max_size=3), st.integers(0, 10**9)
)
def test_days_tile_the_register_line(days_wh, register_open_wh):
    meter = SeededMeter(register_open_wh=register_open_wh)
    state = meter.state()
    line = []
    for i, wh in enumerate(days_wh):
        signed = meter.day(DAY + timedelta(days=i), wh)
        verified, state = verify_day(signed.seal, meter.keys, state, signed.received_ms)
        assert [slot.leaf for slot in verified.slots] == list(signed.leaves)
        assert int(verified.energy_wh.sum()) == verified.day.reg_close - verified.day.reg_open
        line += [(slot.reg_from_wh, slot.reg_to_wh) for slot in verified.slots]
    assert line[0][0] == register_open_wh
    assert all(before[1] == after[0] for before, after in pairwise(line))
    assert state.last_register_wh == register_open_wh + sum(map(sum, days_wh))
    assert [to - start for start, to in line] == [wh for day in days_wh for wh in day]


@settings(deadline=None)
@given(st.permutations(range(6)))
def test_slots_in_another_order_mint_nothing_twice(order):
    meter = SeededMeter()
    state = meter.state()
    wh = [5, 0, 7, 11, 13, 17]
    envelopes = [meter.signer.sign_slot(leaf) for leaf in meter.leaves(DAY, wh)]
    now_ms = 1_775_100_000_000
    minted = 0
    for index in order:
        states, (outcome,) = verify_slots([envelopes[index]], {state.key: state}, meter.keys, now_ms)
        assert outcome.code in {"OK", "SEQUENCE_GAP"}
        state = states.get(state.key, state)
        minted += outcome.reading.energy_wh if outcome.reading else 0
    assert minted == state.last_register_wh - 1_000
    assert minted in list(accumulate(wh))


def test_intervals_of_a_verified_day_are_its_energies():
    meter = SeededMeter()
    signed = meter.day(DAY, WH)
    verified, _ = verify_day(signed.seal, meter.keys, meter.state(), signed.received_ms)
    registers = verified.energy_wh.cumsum() + 1_000
    assert (intervals(registers, 1_000) == verified.energy_wh).all()
