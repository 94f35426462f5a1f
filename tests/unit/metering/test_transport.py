"""The day on the wire: size, exact rebuild, one form only."""

from datetime import date

import cbor2
import pytest

from wattmark.core.errors import MalformedInput
from wattmark.metering.envelope import decode_day
from wattmark.metering.transport import MAX_TRANSPORT_BYTES, day_hash, decode_transport
from wattmark.metering.tree import leaf_hash
from wattmark.testing.meters import SeededMeter

DAY = date(2026, 4, 1)
HOME_WH = [180 + 37 * i % 900 for i in range(48)]
BYTES_PER_METER_DAY = 360
"""A half-hourly home on the wire; the README states the measured figure."""


def parts(seal: bytes) -> list:
    return cbor2.loads(seal)


def rebuilt(fields: list):
    transport = decode_transport(cbor2.dumps(fields, canonical=True))
    return transport.leaves(decode_day(transport.sign1.payload))


def test_leaves_are_rebuilt_exactly():
    signed = SeededMeter().day(DAY, HOME_WH)
    assert tuple(rebuilt(parts(signed.seal))) == signed.leaves


def test_a_meter_day_stays_small():
    meter = SeededMeter(register_open_wh=12_345_678)
    for _ in range(3):
        signed = meter.day(DAY, HOME_WH)
    assert len(signed.seal) <= BYTES_PER_METER_DAY
    assert len(signed.slots[10]) <= 125


def test_a_large_plant_by_the_minute_fits():
    signed = SeededMeter(resolution_s=60).day(DAY, [16_000_000 + i for i in range(1_440)])
    assert len(signed.seal) < MAX_TRANSPORT_BYTES
    assert tuple(rebuilt(parts(signed.seal))) == signed.leaves


def test_day_hash_is_the_leaf_hash_of_the_signed_payload():
    seal = SeededMeter().day(DAY, HOME_WH).seal
    assert day_hash(seal) == leaf_hash(decode_transport(seal).sign1.payload)


PACKED = b"".join((200).to_bytes(2, "little") for _ in range(48))


@pytest.mark.parametrize(
    ("index", "value", "code"),
    [
        (0, 2, "OUT_OF_RANGE"),
        (1, b"", "OUT_OF_RANGE"),
        (1, "text", "WRONG_TYPE"),
        (2, True, "WRONG_TYPE"),
        (2, 2**36 - 1, "OUT_OF_RANGE"),
        (3, 1_799, "OUT_OF_RANGE"),
        (4, [], "VALUES_MISMATCH"),
        (4, [48], "WRONG_TYPE"),
        (4, [47, 1_800], "VALUES_MISMATCH"),
        (4, [24, 1_800, 24, 1_800], "NOT_DETERMINISTIC"),
        (4, [48, 900], "NOT_DETERMINISTIC"),
        (4, [0, 900, 48, 1_800], "OUT_OF_RANGE"),
        (4, [48, -1], "OUT_OF_RANGE"),
        (4, [1, 1_800, 47, 2**36 - 1], "OUT_OF_RANGE"),
        (5, PACKED[:-1], "VALUES_MISMATCH"),
        (5, PACKED[:-2], "VALUES_MISMATCH"),
        (5, PACKED + PACKED[:48], "VALUES_MISMATCH"),
        (5, b"\xc8\x00\x00\x00" * 48, "NOT_DETERMINISTIC"),
        (5, b"\x01\x00" * 48, "NOT_DETERMINISTIC"),
        (5, b"\x00\xff" * 48, "OUT_OF_RANGE"),
        (5, b"\xff" * 7 + b"\x7f" + bytes(8 * 47), "OUT_OF_RANGE"),
        (5, [1] * 48, "WRONG_TYPE"),
        (6, [48, 5], "OUT_OF_RANGE"),
        (6, [1_440, 0] * 1_441, "OUT_OF_RANGE"),
        (7, [48, 64], "OUT_OF_RANGE"),
        (7, [48, True], "WRONG_TYPE"),
    ],
)
def test_any_other_form_is_refused(index, value, code):
    fields = parts(SeededMeter().day(DAY, HOME_WH).seal)
    fields[index] = value
    with pytest.raises(MalformedInput) as refused:
        rebuilt(fields)
    assert refused.value.code == code
