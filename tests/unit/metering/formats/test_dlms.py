"""DLMS push: what is authenticated, in which unit a value is, and what is refused by which code."""

import dataclasses

import pytest

from wattmark.core.codes import Tier
from wattmark.core.errors import Refused
from wattmark.metering.errors import ReadingRefused, SignerUnknown
from wattmark.metering.formats.dlms import energy_wh, open_push, read_frame, read_push
from wattmark.metering.formats.dlms_axdr import Tag, decode
from wattmark.metering.formats.dlms_cipher import GloKeys, counters_after, key_id, open_glo
from wattmark.metering.formats.dlms_hdlc import check_sequence, read_hdlc, strip_llc
from wattmark.metering.formats.dlms_time import ClockRule, read_time
from wattmark.metering.labels import Label
from wattmark.testing.dlms import KEYS, PUSH, TIME, TIME_UTC_S, TITLE, glo, hdlc, length, notification, register

RING = {TITLE: KEYS}


def code_of(message: bytes) -> str:
    with pytest.raises(Refused) as caught:
        read_push(message)
    return caught.value.code


# ------------------------------------------------------------------ ciphering


@pytest.mark.parametrize("control", [0x10, 0x30, 0x50, 0x70])
def test_an_authenticated_push(control: int) -> None:
    push = open_push(glo(PUSH, 5, control=control), RING, {})
    assert (push.import_wh, push.export_wh, push.tier, push.label) == (123_456, 78_900, Tier.T1, Label.ACTUAL)
    assert push.opened is not None
    used = KEYS.broadcast if control & 0x40 else KEYS.unicast
    assert counters_after({(TITLE, b"other"): 9}, [push.opened]) == {
        (TITLE, b"other"): 9,
        (TITLE, key_id(used or b"")): 5,
    }
    assert (push.payload, push.invoke_id) == (PUSH, 0x40000001)
    assert push.time is not None
    assert push.time.utc_s == TIME_UTC_S


def test_authenticated_only_leaves_the_text_readable() -> None:
    message = glo(PUSH, 1, control=0x10)
    assert PUSH in message
    assert open_glo(message, RING, {}).plaintext == PUSH


def test_a_bare_push_is_the_lowest_tier() -> None:
    push = read_push(PUSH)
    assert (push.import_wh, push.tier, push.opened) == (123_456, Tier.T0, None)


@pytest.mark.parametrize(
    ("control", "code"),
    [
        (0x20, "PROTECTION_REFUSED"),  # only enciphered
        (0x00, "PROTECTION_REFUSED"),
        (0xB0, "PROTECTION_REFUSED"),  # compressed
        (0x33, "PROTECTION_REFUSED"),  # a suite that does not exist
        (0x32, "KEY_UNKNOWN"),  # suite 2 wants keys of 32 bytes
        (0x31, ""),
    ],
)
def test_security_control(control: int, code: str) -> None:
    message = glo(PUSH, 1, control=control)
    if not code:
        assert open_push(message, RING, {}).import_wh == 123_456
        return
    with pytest.raises(Refused) as caught:
        open_push(message, RING, {})
    assert caught.value.code == code


def test_suite_2_with_its_keys() -> None:
    keys = GloKeys(bytes(range(32)), bytes(range(32, 64)))
    message = glo(PUSH, 1, control=0x32, keys=keys)
    assert open_push(message, {TITLE: keys}, {}).import_wh == 123_456


@pytest.mark.parametrize(
    ("tag", "word"), [(0xDC, "ded"), (0xDD, "general-ciphering"), (0xDF, "signing"), (0xE0, "block"), (0x0F, "DB")]
)
def test_other_protections_are_refused_by_name(tag: int, word: str) -> None:
    with pytest.raises(Refused, match=word) as caught:
        open_push(bytes((tag,)) + glo(PUSH, 1)[1:], RING, {})
    assert caught.value.code == "PROTECTION_REFUSED"


def test_counters_rise_strictly_for_each_title_and_key() -> None:
    counters: dict[tuple[bytes, bytes], int] = {}
    for counter in (0, 1, 7, 0xFFFFFFFF):
        opened = open_glo(glo(PUSH, counter), RING, counters)
        counters = counters_after(counters, [opened])
        for again in {0, counter}:
            with pytest.raises(ReadingRefused, match="REPLAYED"):
                open_glo(glo(PUSH, again), RING, counters)
    assert open_glo(glo(PUSH, 0, control=0x70), RING, counters).counter == 0
    other = bytes(8)
    assert open_glo(glo(PUSH, 0, title=other), {other: KEYS}, counters).counter == 0
    renewed = dataclasses.replace(KEYS, unicast=b"n" * 16)
    assert open_glo(glo(PUSH, 0, keys=renewed), {TITLE: renewed}, counters).counter == 0


def test_a_forged_counter_does_not_move_the_state() -> None:
    """The tag is checked before the counter: nobody can lock a meter out by a large number."""
    message = bytearray(glo(PUSH, 1))
    message[12:16] = b"\xff" * 4
    with pytest.raises(Refused, match="TAG_WRONG"):
        open_glo(bytes(message), RING, {})


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {bytes(8): KEYS},
        {TITLE: GloKeys(b"short", KEYS.authentication)},
        {TITLE: GloKeys(KEYS.unicast, b"")},
    ],
)
def test_keys_that_are_not_there(keys) -> None:
    with pytest.raises(SignerUnknown, match="KEY_UNKNOWN"):
        open_glo(glo(PUSH, 1), keys, {})


def test_no_broadcast_key() -> None:
    with pytest.raises(SignerUnknown):
        open_glo(glo(PUSH, 1, control=0x70), {TITLE: GloKeys(KEYS.unicast, KEYS.authentication)}, {})


def test_other_keys() -> None:
    for keys in (GloKeys(b"x" * 16, KEYS.authentication), GloKeys(KEYS.unicast, b"x" * 16)):
        with pytest.raises(Refused, match="TAG_WRONG"):
            open_glo(glo(PUSH, 1), {TITLE: keys}, {})


def test_keys_are_not_shown() -> None:
    assert KEYS.unicast.hex() not in repr(KEYS)
    assert str(KEYS.unicast) not in repr(KEYS)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"", "RECORD_CUT"),
        (glo(PUSH, 1)[:-1], "RECORD_CUT"),
        (glo(PUSH, 1) + b"\0", "BYTES_LEFT_OVER"),
        (glo(PUSH, 1, title=b"seven!!"), "FIELD_INVALID"),
        (b"\xdb\x08" + TITLE + b"\x05\x30\0\0\0\1", "RECORD_CUT"),
        (b"\xdb" * 70_000, "RECORD_TOO_LONG"),
    ],
)
def test_broken_messages(message: bytes, code: str) -> None:
    with pytest.raises(Refused) as caught:
        open_push(message, RING, {})
    assert caught.value.code == code


def test_what_was_authenticated_must_still_be_a_push() -> None:
    with pytest.raises(Refused, match="CODE_UNKNOWN"):
        open_push(glo(b"\x01" + PUSH[1:], 1), RING, {})


# ------------------------------------------------------------------ lists and values


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (notification(register(1, 1, unit=33)), "UNIT_UNKNOWN"),  # a register of current
        (notification(register(1, 1, unit=1)), "UNIT_UNKNOWN"),
        (notification(register(1, 1, scaler=10)), "FIELD_INVALID"),
        (notification(register(1, 1), register(1, 2)), "FIELD_INVALID"),  # one code twice
        (notification(register(1, 1).replace(b"\x06\x01\x00\x01", b"\x05\x01\x00\x01")), "CODE_UNKNOWN"),
        (notification(register(1, 1).replace(b"\x09\x06", b"\x0a\x06")), "FIELD_INVALID"),
        (notification(register(1, 1).replace(b"\x06\0\0\0\1", b"\x17\0\0\0\1")), "CODE_UNKNOWN"),  # a float
        (notification(register(1, 1).replace(b"\x06\0\0\0\1", b"\x05\xff\xff\xff\xff")), "VALUE_NEGATIVE"),
        (notification(register(1, 1).replace(b"\x06\0\0\0\1", b"\x16\x01")), "FIELD_INVALID"),
        (notification(register(1, 1)[:-6].replace(b"\x02\x03", b"\x02\x02")), "UNIT_UNKNOWN"),
        (notification(b"\x06\0\0\0\1"), "LIST_UNKNOWN"),
        (PUSH + b"\0", "BYTES_LEFT_OVER"),
        (PUSH[:-1], "RECORD_CUT"),
        (b"\x0e" + PUSH[1:], "CODE_UNKNOWN"),
        (b"\x0f\0\0\0\0\x00\x02\x02\x06\0\0\0\1\x06\0\0\0\1", "LIST_UNKNOWN"),
        (b"\x0f\0\0\0\0\x00\x06\0\0\0\1", "LIST_UNKNOWN"),
        (b"\x0f\0\0\0\0\x00\x02\x00", "LIST_UNKNOWN"),
        (b"\x0f\0\0\0\0\x0b" + bytes(11) + b"\x01\x00", "FIELD_INVALID"),
        (b"\x0f\0\0\0\0\x00" + b"\x01\x01" * 20 + b"\0", "FIELD_INVALID"),
        (b"\x0f\0\0\0\0\x00\x01\x82\xff\xff" + b"\0" * 65_535, "FIELD_INVALID"),
    ],
)
def test_what_is_no_push(message: bytes, code: str) -> None:
    assert code_of(message) == code


def test_a_list_without_registers_has_no_energy() -> None:
    push = read_push(notification())
    assert (push.values, push.import_wh, push.export_wh, push.meter) == ((), None, None, "")


CLOCK = b"\x09\x06\0\0\x01\0\0\xff"
METER = b"\x02\x02\x09\x06\0\0\x60\x01\0\xff\x09\x04WM-1"
HEAD = b"\x0f\0\0\0\1\0\x02"


def test_a_clock_that_stands_bare_among_items_with_units() -> None:
    """As Tyrol's meters push it; the list's clock counts, the meter's number is octets."""
    push = read_push(HEAD + b"\x04" + CLOCK + b"\x09\x0c" + TIME + METER + register(2, 12))
    assert push.time is not None
    assert (push.time.utc_s, push.meter, push.import_wh, push.export_wh) == (TIME_UTC_S, "WM-1", None, 12)
    assert push.label is Label.ACTUAL


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (HEAD + b"\x02" + METER + CLOCK, "LIST_UNKNOWN"),
        (HEAD + b"\x03" + METER + CLOCK + b"\x06\0\0\0\1", "UNIT_UNKNOWN"),
        (HEAD + b"\x03" + METER + CLOCK + b"\x09\x02ab", "TIME_UNREADABLE"),
        (HEAD + b"\x03" + METER + b"\x09\x01a" + b"\x09\x01b", "OBIS_INVALID"),
        (HEAD + b"\x03" + METER + CLOCK + METER, "UNIT_UNKNOWN"),
    ],
)
def test_bare_numbers_among_items_with_units(message: bytes, code: str) -> None:
    assert code_of(message) == code


def test_tariff_registers_are_not_the_total() -> None:
    push = read_push(notification(register(1, 5).replace(b"\x08\x00\xff", b"\x08\x01\xff")))
    assert push.import_wh is None
    assert push.values[0].obis == "1-0:1.8.1.255"


@pytest.mark.parametrize(
    ("raw", "scaler", "wh"), [(1_999, -3, 1), (7_745_250, 1, 77_452_500), (5, 0, 5), (0, -9, 0), (3, 3, 3_000)]
)
def test_energy_is_floored(raw: int, scaler: int, wh: int) -> None:
    assert energy_wh(raw, scaler, "here") == wh


def test_energy_beyond_all_registers() -> None:
    with pytest.raises(Refused, match="VALUE_OUT_OF_RANGE"):
        energy_wh(2**32, 9, "here")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "RECORD_CUT"),
        (b"\x09\x81\x05hello", "FIELD_INVALID"),
        (b"\x09\x82\x00\xc8" + bytes(200), "FIELD_INVALID"),
        (b"\x09\x83\x00\x00\x01\x00", "FIELD_INVALID"),
        (b"\x09\x80", "FIELD_INVALID"),
        (b"\x0a\x01\xe9", "FIELD_INVALID"),
        (b"\x0a\x01\x07", "FIELD_INVALID"),
        (b"\x03\x02", "FIELD_INVALID"),
        (b"\x18" + bytes(8), "CODE_UNKNOWN"),
        (b"\x00\x00", "BYTES_LEFT_OVER"),
    ],
)
def test_what_is_no_item(data: bytes, code: str) -> None:
    with pytest.raises(Refused) as caught:
        decode(data)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("data", "tag", "value"),
    [
        (b"\x00", Tag.NULL, None),
        (b"\x03\xff", Tag.BOOLEAN, True),
        (b"\x05\xff\xff\xff\xfe", Tag.INT32, -2),
        (b"\x0f\xff", Tag.INT8, -1),
        (b"\x10\x80\x00", Tag.INT16, -0x8000),
        (b"\x11\xff", Tag.UINT8, 255),
        (b"\x12\x01\x00", Tag.UINT16, 256),
        (b"\x14" + b"\xff" * 8, Tag.INT64, -1),
        (b"\x15" + b"\xff" * 8, Tag.UINT64, 2**64 - 1),
        (b"\x16\x1e", Tag.ENUM, 30),
        (b"\x09\x81\x80" + bytes(128), Tag.OCTETS, bytes(128)),
        (b"\x09\x82\x01\x00" + bytes(256), Tag.OCTETS, bytes(256)),
    ],
)
def test_items(data: bytes, tag: Tag, value: object) -> None:
    item = decode(data)
    assert (item.tag, item.value) == (tag, value)


# ------------------------------------------------------------------ time


def test_the_deviation_is_from_local_to_utc() -> None:
    assert read_time(TIME, "t").utc_s == TIME_UTC_S
    assert read_time(TIME, "t", ClockRule(flipped=True)).utc_s == TIME_UTC_S + 2 * 32_400


def test_without_a_deviation_only_the_operator_knows() -> None:
    octets = TIME[:9] + b"\x80\x00" + TIME[11:]
    time = read_time(octets, "t")
    assert (time.utc_s, time.trusted) == (None, False)
    time = read_time(octets, "t", ClockRule(utc_offset_s=32_400))
    assert (time.utc_s, time.trusted) == (TIME_UTC_S, True)


@pytest.mark.parametrize(
    ("status", "trusted"), [(0, True), (0x80, True), (1, False), (2, False), (4, False), (8, False), (0xFF, False)]
)
def test_a_clock_that_doubts_itself(status: int, trusted: bool) -> None:
    time = read_time(TIME[:11] + bytes((status,)), "t")
    assert time.trusted is trusted
    push = read_push(notification(register(1, 1), time=TIME[:11] + bytes((status,))))
    assert push.label is (Label.ACTUAL if trusted else Label.QUESTIONABLE)


@pytest.mark.parametrize(
    ("at", "value"), [(0, 0xFF), (2, 13), (2, 0xFF), (2, 0xFD), (3, 31), (3, 0xFE), (4, 0), (4, 8), (5, 24), (6, 60), (7, 60), (7, 0xFF), (8, 100), (9, 0x40), (11, 0x10)]
)  # fmt: skip
def test_what_is_no_time(at: int, value: int) -> None:
    octets = bytearray(TIME)
    octets[at] = value
    if at == 0:
        octets[1] = 0xFF
    with pytest.raises(Refused, match="TIME_UNREADABLE"):
        read_time(bytes(octets), "t")


# ------------------------------------------------------------------ frames


def test_the_check_sequence() -> None:
    assert check_sequence(b"123456789") == 0x906E


@pytest.mark.parametrize("segments", [1, 2, 5])
def test_frames(segments: int) -> None:
    frames = hdlc(PUSH, segments=segments)
    assert read_frame(frames) == PUSH
    assert read_frame(frames.strip(b"\x7e")) == PUSH


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"", "NOT_HDLC"),
        (b"\x7e\x7e", "NOT_HDLC"),
        (b"\xb0\x00", "NOT_HDLC"),
        (hdlc(PUSH)[:-4], "RECORD_CUT"),
        (hdlc(PUSH) + b"x", "BYTES_LEFT_OVER"),
        (hdlc(PUSH) + hdlc(PUSH), "BYTES_LEFT_OVER"),
        (hdlc(PUSH, segments=2)[: len(PUSH) // 2 + 14], "NOT_HDLC"),
        (hdlc(PUSH).replace(b"\xe6\xe7", b"\xe6\xe8"), "CHECKSUM_WRONG"),
        (bytes(70_000), "RECORD_TOO_LONG"),
        (b"\xa0\x0c" + bytes(10), "NOT_HDLC"),
    ],
)
def test_what_is_no_frame(frame: bytes, code: str) -> None:
    with pytest.raises(Refused) as caught:
        read_frame(frame)
    assert caught.value.code in {code, "RECORD_CUT"} if code == "NOT_HDLC" else caught.value.code == code


def test_a_header_check_that_only_the_frame_check_covers() -> None:
    frame = bytearray(hdlc(PUSH).strip(b"\x7e"))
    frame[6] ^= 1
    body = bytes(frame[:-2])
    with pytest.raises(Refused, match="CHECKSUM_WRONG") as caught:
        read_hdlc(body + check_sequence(body).to_bytes(2, "little"))
    assert caught.value.field == "byte 6"


def test_no_llc_header() -> None:
    with pytest.raises(Refused, match="NOT_HDLC"):
        strip_llc(PUSH)


def test_a_frame_without_information() -> None:
    head = b"\xa0\x08\x41\x03\x13"
    short = b"\xa0\x07\x41\x03\x13"
    assert read_hdlc(short + check_sequence(short).to_bytes(2, "little")) == b""
    with pytest.raises(Refused):
        read_hdlc(head + check_sequence(head).to_bytes(2, "little") + b"\0")


def test_lengths() -> None:
    assert [length(n).hex() for n in (0, 127, 128, 255, 256)] == ["00", "7f", "8180", "81ff", "820100"]
