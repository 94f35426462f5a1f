"""ECHONET Lite: what a property says, when a count becomes Wh, and what is refused by which code."""

from datetime import datetime

import numpy as np
import pytest

from wattmark.core.codes import Tier
from wattmark.core.errors import Refused
from wattmark.metering.formats.echonet import Calibration, EchonetAnswer, calibration, read_answer, registers
from wattmark.metering.formats.echonet_frame import read_echonet, read_erxudp
from wattmark.metering.formats.echonet_properties import UNITS, Flow
from wattmark.metering.labels import Label
from wattmark.metering.registers import unwrap
from wattmark.testing.echonet import GENERATOR, NONE, NOON, NOON_UTC_S, answer, counts, erxudp, settings


def read(frame: bytes) -> EchonetAnswer:
    return read_answer(read_echonet(frame))


def code_of(frame: bytes) -> str:
    with pytest.raises(Refused) as caught:
        read(frame)
    return caught.value.code


KNOWN = calibration(map(read, settings()))


def test_the_vector_of_the_reference() -> None:
    """2026-04-01 00:30 in Japan, count 123456 of 0.1 kWh."""
    frame = bytes.fromhex("1081002A02880105FF017201EA0B07EA0401001E000001E240")
    (register,) = registers(read(frame), Calibration(1_000))
    assert (register.register_wh, register.flow, register.label) == (12_345_600, Flow.IMPORT, Label.ACTUAL)
    assert register.end_s == int(datetime.fromisoformat("2026-04-01T00:30:00+09:00").timestamp())


# ------------------------------------------------------------------ what one count is


def test_units() -> None:
    assert {f"{code:02X}": tenths / 10_000 for code, tenths in UNITS.items()} == {
        "00": 1, "01": 0.1, "02": 0.01, "03": 0.001, "04": 0.0001, "0A": 10, "0B": 100, "0C": 1_000, "0D": 10_000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "coefficient", "raw", "wh"),
    [(1, None, 123_456, 12_345_600), (4, None, 19, 1), (4, 3, 7, 2), (0, 100, 5, 500_000), (0x0D, 1, 1, 10_000_000)],
)
def test_a_count_in_whole_wh_rounded_down(unit: int, coefficient: int | None, raw: int, wh: int) -> None:
    known = calibration(map(read, settings(unit, coefficient=coefficient)))
    (register,) = registers(read(answer((0xE0, counts(raw)))), known)
    assert (register.register_wh, register.end_s, register.label) == (wh, None, Label.QUESTIONABLE)


def test_a_register_goes_round_at_its_digits() -> None:
    known = calibration(map(read, settings(unit=2, digits=6)))
    assert (known.modulus, known.modulus_wh) == (10**6, 10**7)
    raw = [registers(read(answer((0xE0, counts(one)))), known)[0].register_wh or 0 for one in (999_990, 5)]
    assert list(unwrap(np.array(raw), known.modulus_wh, raw[0])) == [9_999_900, 10_000_050]
    with pytest.raises(Refused, match="VALUE_OUT_OF_RANGE"):
        registers(read(answer((0xE0, counts(10**6)))), known)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ((), "FIELD_MISSING"),
        (settings()[:1], "FIELD_MISSING"),  # nobody asked for the coefficient
        (settings()[1:], "FIELD_MISSING"),  # nor for the unit
        ((answer((0xE1, b"\1")), settings()[1]), "FIELD_MISSING"),  # nor for the digits
        ((*settings(), settings(coefficient=10)[1]), "FIELD_INVALID"),  # A24: refused, then told
        ((*settings(coefficient=1), settings(coefficient=10)[1]), "FIELD_INVALID"),
        ((*settings(1), *settings(2)), "FIELD_INVALID"),
        ((*settings(), *settings(digits=6)), "FIELD_INVALID"),
        ((*settings(), answer((0xD4, b"\1"), source=GENERATOR)), "FIELD_INVALID"),
    ],
)
def test_a_calibration_is_told_and_never_changes(frames: tuple[bytes, ...], code: str) -> None:
    with pytest.raises(Refused) as caught:
        calibration(map(read, frames))
    assert caught.value.code == code


@pytest.mark.parametrize("changed", [settings(2)[0], settings(digits=7)[0], settings(coefficient=2)[1]])
def test_another_calibration_beside_a_register(changed: bytes) -> None:
    with pytest.raises(Refused, match="FIELD_INVALID"):
        registers(read(changed), KNOWN)


def test_beyond_all_registers() -> None:
    known = Calibration(10**8, 999_999)
    with pytest.raises(Refused, match="VALUE_OUT_OF_RANGE"):
        registers(read(answer((0xE0, counts(99_999_999)))), known)


# ------------------------------------------------------------------ when


def test_a_day_has_48_counts_from_midnight() -> None:
    raw = [*range(100, 147), NONE]
    found = registers(read(answer((0xE2, b"\0\2" + counts(*raw)))), KNOWN, NOON_UTC_S)
    midnight_s = NOON_UTC_S - 12 * 3_600 - 2 * 86_400
    assert [one.end_s for one in found] == [midnight_s + 1_800 * slot for slot in range(48)]
    assert [one.register_wh for one in found] == [100 * one for one in raw[:-1]] + [None]
    assert {one.label for one in found[:-1]} == {Label.ACTUAL}
    assert found[-1].label is Label.MISSING


def test_a_day_without_a_time_of_receipt_has_no_moments() -> None:
    found = registers(read(answer((0xE4, b"\0\0" + counts(*range(48))))), KNOWN)
    assert {(one.end_s, one.label, one.flow) for one in found} == {(None, Label.QUESTIONABLE, Flow.EXPORT)}


@pytest.mark.parametrize(("received_s", "day"), [(NOON_UTC_S + 11 * 3_600 + 3_599, 1), (NOON_UTC_S + 12 * 3_600, 2)])
def test_a_day_is_counted_in_japan(received_s: int, day: int) -> None:
    first = registers(read(answer((0xE2, b"\0\0" + counts(*range(48))))), KNOWN, received_s)[0]
    assert first.end_s == int(datetime.fromisoformat(f"2026-04-0{day}T00:00:00+09:00").timestamp())


@pytest.mark.parametrize(
    ("after_noon_s", "labels"),
    [
        (0, {Label.ACTUAL}),
        (12 * 3_600 - 601, {Label.ACTUAL}),
        (12 * 3_600 - 600, {Label.QUESTIONABLE}),  # the meter may be past midnight already
        (12 * 3_600 + 599, {Label.QUESTIONABLE}),  # or not yet
        (12 * 3_600 + 600, {Label.ACTUAL}),
    ],
)
def test_near_midnight_nobody_knows_which_day_is_yesterday(after_noon_s: int, labels: set[Label]) -> None:
    frame = answer((0xE2, b"\0\1" + counts(*range(48))))
    assert {one.label for one in registers(read(frame), KNOWN, NOON_UTC_S + after_noon_s)} == labels


def test_a_value_of_the_future_is_questionable() -> None:
    found = registers(read(answer((0xE2, b"\0\0" + counts(*range(48))))), KNOWN, NOON_UTC_S)
    assert [one.label for one in found] == [Label.ACTUAL] * 25 + [Label.QUESTIONABLE] * 23


@pytest.mark.parametrize(("epc", "step_s", "most"), [(0xEC, 1_800, 12), (0xEE, 60, 10)])
def test_histories_of_both_directions_are_newest_first(epc: int, step_s: int, most: int) -> None:
    pairs = counts(*(value for at in range(most) for value in (500 - at, 60 - at)))
    found = registers(read(answer((epc, NOON + bytes((most,)) + pairs))), KNOWN)
    assert [(one.flow, one.end_s, one.register_wh) for one in found] == [
        (flow, NOON_UTC_S - step_s * at, 100 * (value - at))
        for at in range(most)
        for flow, value in ((Flow.IMPORT, 500), (Flow.EXPORT, 60))
    ]


def test_the_minute_of_release_r() -> None:
    found = registers(read(answer((0xD0, NOON + b"\0" + counts(7, NONE)))), KNOWN)
    assert [(one.flow, one.end_s, one.register_wh) for one in found] == [
        (Flow.IMPORT, NOON_UTC_S, 700),
        (Flow.EXPORT, NOON_UTC_S, None),
    ]


# ------------------------------------------------------------------ other properties


def test_power_and_current() -> None:
    found = read(answer((0xE7, (-1_489).to_bytes(4, signed=True)), (0xE8, bytes.fromhex("ffba7ffe"))))
    assert (found.power_w, found.current_tenth_a) == (((0xE7, -1_489),), (-70, None))
    for none in ("7ffffffe", "7fffffff", "80000000"):
        assert read(answer((0xE7, bytes.fromhex(none)))).power_w == ((0xE7, None),)
    assert read(answer((0xE8, bytes.fromhex("7fff8000")))).current_tenth_a == (None, None)


def test_settings_and_names() -> None:
    found = read(answer((0xC0, bytes(range(16))), (0xE5, b"\xff"), (0xED, b"\xff" * 6 + b"\x0c"), (0xEF, NOON + b"\1")))
    assert found.identity == bytes(range(16))
    assert [one.epc for one in found.others] == [0xC0, 0xE5, 0xED, 0xEF]


def test_the_generator_meter() -> None:
    told = read(answer((0xD4, b"\3"), (0xDB, b"\1"), (0xD6, b"m" * 17), source=GENERATOR))
    known = calibration([told])
    assert (known, told.identity, known.modulus_wh) == (Calibration(10, 1, 10**9), b"m" * 17, 10**9)
    frame = answer(
        (0xE0, counts(1)), (0xE2, counts(999_999_999)), (0xE4, counts(3)),
        (0xE7, NOON + b"\0" + counts(44)), (0xE9, counts(500)), (0xD3, b"\0\x63"), source=GENERATOR,
    )  # fmt: skip
    found = registers(read(frame), known)
    assert [(one.flow, one.register_wh) for one in found] == [
        (Flow.IMPORT, 1), (Flow.EXPORT, 999_999_999), (Flow.OUTAGE, 3), (Flow.EXPORT, 44),
    ]  # fmt: skip
    assert (found[-1].end_s, found[-1].label) == (NOON_UTC_S, Label.ACTUAL)
    assert read(frame).power_w == ((0xE9, 500),)
    for state in (0, 2):
        doubted = read(answer((0xE7, NOON + b"\0" + counts(44)), (0xDB, bytes((state,))), source=GENERATOR))
        assert registers(doubted, known)[0].label is Label.QUESTIONABLE
    day = registers(read(answer((0xE3, b"\xff\xff" + counts(*range(48))), source=GENERATOR)), known, NOON_UTC_S)
    assert {one.end_s for one in day} == {None}


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"", "RECORD_CUT"),
        (b"\x10\x82" + bytes(12), "NOT_ECHONET"),
        (answer((0xE0, counts(1)))[:-1], "RECORD_CUT"),
        (answer((0xE0, counts(1))) + b"\0", "BYTES_LEFT_OVER"),
        (answer(), "FIELD_INVALID"),
        (answer((0xE0, counts(1)), (0xE0, counts(2))), "FIELD_INVALID"),
        (answer((0xE0, b"")), "FIELD_INVALID"),  # answered, but with nothing
        (answer((0xE5, b"\0"), service=0x71), "FIELD_INVALID"),
        (answer((0xE0, b""), service=0x62), "CODE_UNKNOWN"),  # a request
        (answer((0xE0, counts(1)), service=0x7A), "CODE_UNKNOWN"),
        (answer((0xE0, counts(1)), source=b"\x0e\xf0\x01"), "CODE_UNKNOWN"),  # a node, no meter
        (answer((0xE6, counts(1))), "CODE_UNKNOWN"),
        (answer((0xE0, b"\0\0\1")), "FIELD_INVALID"),
        (answer((0xE0, counts(100_000_000))), "VALUE_OUT_OF_RANGE"),
        (answer((0xE0, counts(0xFFFF_FFFF))), "VALUE_OUT_OF_RANGE"),
        (answer((0xE0, counts(10**9)), source=GENERATOR), "VALUE_OUT_OF_RANGE"),
        (answer((0xE1, b"\5")), "UNIT_UNKNOWN"),
        (answer((0xD7, b"\0")), "FIELD_INVALID"),
        (answer((0xD7, b"\x09")), "FIELD_INVALID"),
        (answer((0xD3, counts(1_000_000))), "FIELD_INVALID"),
        (answer((0xE5, b"\x64")), "FIELD_INVALID"),
        (answer((0xED, NOON + b"\x0d")), "FIELD_INVALID"),
        (answer((0xEF, NOON + b"\0")), "FIELD_INVALID"),
        (answer((0xED, b"\x07\xea\x04\x01\x0c\x0f\1")), "TIME_OFF_GRID"),
        (answer((0xE2, b"\0\x64" + counts(*range(48)))), "FIELD_INVALID"),
        (answer((0xEA, NOON[:5] + b"\x0f\0" + counts(1))), "TIME_OFF_GRID"),
        (answer((0xEA, NOON + b"\1" + counts(1))), "TIME_OFF_GRID"),
        (answer((0xEA, b"\x07\xea\x02\x1e\0\0\0" + counts(1))), "TIME_UNREADABLE"),
        (answer((0xEB, b"\x07\xea\x04\x01\x18\0\0" + counts(1))), "TIME_UNREADABLE"),
        (answer((0xEC, NOON + b"\2" + counts(1, 2))), "FIELD_INVALID"),
        (answer((0xEC, NOON + b"\0")), "FIELD_INVALID"),
        (answer((0xDB, b"\3"), source=GENERATOR), "CODE_UNKNOWN"),
        (bytes(2_000), "RECORD_TOO_LONG"),
    ],
)
def test_what_is_no_answer_of_a_meter(frame: bytes, code: str) -> None:
    assert code_of(frame) == code


# ------------------------------------------------------------------ lines of a Wi-SUN module

FRAME = answer((0xE0, counts(1)))


def test_lines() -> None:
    heard = read_erxudp(erxudp(FRAME))
    assert (heard.frame.data, heard.sender.hex(), heard.tier) == (FRAME, "1234567812345678", Tier.T1)
    assert read_erxudp(erxudp(FRAME, side="0").strip()).frame.data == FRAME
    assert read_erxudp(erxudp(FRAME, secured=False)).tier is Tier.T0


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"EVENT 21 FE80", "NOT_ECHONET"),
        (erxudp(FRAME).replace(b"0E1A", b"02CC", 1), "FIELD_INVALID"),
        (erxudp(FRAME).replace(b" 0012 ", b" 0011 "), "FIELD_INVALID"),
        (erxudp(FRAME).replace(b"01\r\n", b"\r\n"), "FIELD_INVALID"),
        (erxudp(FRAME) + b"x", "NOT_ECHONET"),
        (erxudp(FRAME) + erxudp(FRAME), "NOT_ECHONET"),
        (erxudp(FRAME + b"\0"), "BYTES_LEFT_OVER"),
        (erxudp(bytes(2_000)), "RECORD_TOO_LONG"),
    ],
)
def test_what_is_no_line(line: bytes, code: str) -> None:
    with pytest.raises(Refused) as caught:
        read_erxudp(line)
    assert caught.value.code == code
