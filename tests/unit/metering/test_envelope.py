"""Leaf and day payloads: round trips, and every way to be another encoding or another type."""

from dataclasses import replace

import cbor2
import pytest

from wattmark.core.errors import MalformedInput
from wattmark.metering.envelope import (
    ALL_STATUS,
    MAX_DAY_PAYLOAD_BYTES,
    MAX_LEAF_BYTES,
    Day,
    Leaf,
    decode_day,
    decode_leaf,
    encode_day,
    encode_leaf,
)

LEAF = Leaf(b"METER-01", 1, 7, 1_775_000_000 // 1_800 * 1_800, 1_800, 123_456, 0, 0)
DAY = Day(b"METER-01", 1, 20260401, 0, 48, 1_000, 25_000, b"r" * 32, b"p" * 32, 1, 2, b"c" * 32, ((1_775_000_000, 3),))
FIELDS = [1, b"METER-01", 1, 7, 1_774_998_000, 1_800, 123_456, 0, 0]
DAY_FIELDS = [1, b"METER-01", 1, 20260401, 0, 48, 1_000, 25_000, b"r" * 32, b"p" * 32, 1, 2, b"c" * 32, []]


def canonical(item: object) -> bytes:
    return cbor2.dumps(item, canonical=True)


def with_field(fields: list[object], index: int, value: object) -> bytes:
    changed = list(fields)
    changed[index] = value
    return canonical(changed)


def test_leaf_is_the_documented_array():
    assert cbor2.loads(encode_leaf(LEAF)) == [
        1, b"METER-01", 1, 7, LEAF.t_end, 1_800, 123_456, 0, 0,
    ]  # fmt: skip
    assert decode_leaf(encode_leaf(LEAF)) == LEAF


def test_day_is_the_documented_array():
    fields = cbor2.loads(encode_day(DAY))
    assert len(fields) == 14
    assert fields[-1] == [[1_775_000_000, 3]]
    assert decode_day(encode_day(DAY)) == DAY


@pytest.mark.parametrize(
    ("index", "value", "code", "field"),
    [
        (0, 2, "OUT_OF_RANGE", "version"),
        (0, True, "WRONG_TYPE", "version"),
        (1, "METER-01", "WRONG_TYPE", "meter_id"),
        (1, b"SHORT", "OUT_OF_RANGE", "meter_id"),
        (1, b"x" * 17, "OUT_OF_RANGE", "meter_id"),
        (2, True, "WRONG_TYPE", "channel"),
        (2, 256, "OUT_OF_RANGE", "channel"),
        (3, -1, "OUT_OF_RANGE", "seq"),
        (3, 1.0, "WRONG_TYPE", "seq"),
        (3, 1 << 53, "OUT_OF_RANGE", "seq"),
        (4, None, "WRONG_TYPE", "t_end"),
        (4, 1 << 40, "OUT_OF_RANGE", "t_end"),
        (5, 1_801, "OUT_OF_RANGE", "dur_s"),
        (5, 1_800.0, "WRONG_TYPE", "dur_s"),
        (6, float("nan"), "WRONG_TYPE", "register_wh"),
        (6, -1, "OUT_OF_RANGE", "register_wh"),
        (6, 1 << 53, "OUT_OF_RANGE", "register_wh"),
        (6, 1 << 64, "OUT_OF_RANGE", "register_wh"),
        (7, 5, "OUT_OF_RANGE", "quality"),
        (7, False, "WRONG_TYPE", "quality"),
        (8, ALL_STATUS + 1, "OUT_OF_RANGE", "status"),
        (8, [], "WRONG_TYPE", "status"),
    ],
)
def test_leaf_fields_are_exact(index, value, code, field):
    with pytest.raises(MalformedInput) as refused:
        decode_leaf(with_field(FIELDS, index, value))
    assert (refused.value.code, refused.value.field) == (code, field)


@pytest.mark.parametrize(
    ("index", "value", "code", "field"),
    [
        (3, 20260231, "OUT_OF_RANGE", "period"),
        (3, 20261301, "OUT_OF_RANGE", "period"),
        (5, 0, "OUT_OF_RANGE", "n"),
        (5, 1_441, "OUT_OF_RANGE", "n"),
        (8, b"r" * 31, "OUT_OF_RANGE", "root"),
        (9, "p" * 32, "WRONG_TYPE", "prev_day_hash"),
        (10, True, "WRONG_TYPE", "boot_ctr"),
        (11, 4, "OUT_OF_RANGE", "clock_state"),
        (12, b"", "OUT_OF_RANGE", "cfg_hash"),
        (13, {}, "WRONG_TYPE", "events"),
        (13, [[1]], "WRONG_TYPE", "events"),
        (13, [[1, True]], "WRONG_TYPE", "events"),
        (13, [[1, 2]] * 33, "OUT_OF_RANGE", "events"),
    ],
)
def test_day_fields_are_exact(index, value, code, field):
    with pytest.raises(MalformedInput) as refused:
        decode_day(with_field(DAY_FIELDS, index, value))
    assert (refused.value.code, refused.value.field) == (code, field)


LONG_INTEGER = encode_leaf(LEAF).replace(b"\x01\x48", b"\x18\x01\x48", 1)
INDEFINITE = b"\x9f" + encode_leaf(LEAF)[1:] + b"\xff"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (LONG_INTEGER, "NOT_DETERMINISTIC"),
        (INDEFINITE, "NOT_DETERMINISTIC"),
        (encode_leaf(LEAF) + b"\x00", "NOT_DETERMINISTIC"),
        (encode_leaf(LEAF)[:-1], "NOT_CBOR"),
        (b"", "NOT_CBOR"),
        (canonical(FIELDS[:-1]), "WRONG_TYPE"),
        (canonical([*FIELDS, 0]), "WRONG_TYPE"),
        (canonical({1: 2}), "WRONG_TYPE"),
        (canonical(FIELDS) + bytes(MAX_LEAF_BYTES), "ENVELOPE_TOO_LONG"),
    ],
)
def test_other_encodings_of_a_leaf_are_refused(payload, code):
    with pytest.raises(MalformedInput) as refused:
        decode_leaf(payload)
    assert refused.value.code == code


def test_a_day_over_the_size_limit_is_refused():
    with pytest.raises(MalformedInput) as refused:
        decode_day(bytes(MAX_DAY_PAYLOAD_BYTES + 1))
    assert refused.value.code == "ENVELOPE_TOO_LONG"


def test_the_largest_leaf_and_day_stay_under_their_limits():
    leaf = Leaf(b"m" * 16, 255, 2**53 - 1, 2**36 - 1, 3_600, 2**53 - 1, 4, ALL_STATUS)
    assert decode_leaf(encode_leaf(leaf)) == leaf
    events = ((2**36 - 1, 0xFFFF),) * 32
    day = Day(
        b"m" * 16, 255, 99991231, 2**53 - 1, 1_440, 2**53 - 1, 2**53 - 1,
        b"r" * 32, b"p" * 32, 2**53 - 1, 3, b"c" * 32, events,
    )  # fmt: skip
    assert decode_day(encode_day(day)) == day


def test_a_signer_cannot_encode_what_no_one_would_accept():
    with pytest.raises(MalformedInput):
        encode_leaf(replace(LEAF, register_wh=-1))
    with pytest.raises(MalformedInput):
        encode_day(replace(DAY, n=True))
    with pytest.raises(MalformedInput):
        encode_day(replace(DAY, events=((1, 2),) * 33))
