"""JSON of devices at home: units, moments, resets, and what is refused by which code."""

import json

import pytest

from wattmark.core.codes import Tier
from wattmark.core.errors import Refused
from wattmark.metering.formats.devices_json import DeviceReading, hold_falls, read_device
from wattmark.metering.labels import Label
from wattmark.testing.devices import NOON_UTC_S, home_assistant, shelly, shelly_status, tasmota


def only(message: bytes, utc_offset_s: int | None = None) -> DeviceReading:
    (found,) = read_device(message, utc_offset_s)
    return found


def test_shelly_counts_in_wh() -> None:
    found = read_device(shelly({"switch:0": {"id": 0, "aenergy": {"total": 11.679}, "ret_aenergy": {"total": 3.2}}}))
    assert [(one.meter, one.part, one.flow, one.register_wh, one.end_s) for one in found] == [
        ("shellyplus1pm-a8032ab12345", "switch:0", "import", 11, NOON_UTC_S),
        ("shellyplus1pm-a8032ab12345", "switch:0", "export", 3, NOON_UTC_S),
    ]
    assert {(one.tier, one.label) for one in found} == {(Tier.T0, Label.ACTUAL)}
    three = read_device(shelly_status({"emdata:0": {"id": 0, "total_act": 5_000.99, "total_act_ret": 7}}))
    assert [(one.meter, one.flow, one.register_wh) for one in three] == [("A8032AB12345", "import", 5_000), ("A8032AB12345", "export", 7)]  # fmt: skip


def test_the_first_generation_names_no_unit() -> None:
    with pytest.raises(Refused, match="LIST_UNKNOWN"):
        read_device(b'{"meters":[{"power":1.0,"total":6000}]}')


def test_tasmota_counts_in_kwh() -> None:
    found = only(tasmota(123.4567))
    assert (found.register_wh, found.end_s, found.label) == (123_456, None, Label.QUESTIONABLE)
    assert only(tasmota(123.4567), 32_400).end_s == NOON_UTC_S
    assert only(tasmota(123.4567, time="2026-04-01T12:00:00+09:00")).end_s == NOON_UTC_S
    assert [one.flow for one in read_device(tasmota(1, ExportActive=0.5))] == ["import", "export"]


@pytest.mark.parametrize(("unit", "wh"), [("Wh", 12), ("kWh", 12_345), ("MWh", 12_345_600)])
def test_home_assistant_names_its_unit(unit: str, wh: int) -> None:
    found = only(home_assistant("12.3456", unit=unit))
    assert (found.register_wh, found.end_s, found.meter) == (wh, NOON_UTC_S, "sensor.roof_energy")


@pytest.mark.parametrize("state", ["unavailable", "unknown"])
def test_home_assistant_without_a_state(state: str) -> None:
    found = only(home_assistant(state))
    assert (found.register_wh, found.label) == (None, Label.MISSING)


def test_a_falling_register_is_a_hold() -> None:
    readings = [only(home_assistant(state)) for state in ("10", "11", "unavailable", "0.5", "12")]
    assert [one.label for one in hold_falls(readings)] == [
        Label.ACTUAL,
        Label.ACTUAL,
        Label.MISSING,
        Label.QUESTIONABLE,
        Label.QUESTIONABLE,  # higher than ever, but nobody knows what was lost or counted twice
    ]
    assert hold_falls([]) == ()
    with pytest.raises(Refused, match="FIELD_INVALID"):
        hold_falls([readings[0], only(tasmota(1))])


def test_a_register_that_was_begun_anew_is_a_hold_though_it_did_not_fall() -> None:
    readings = [only(tasmota(total, begun=begun), 0) for total, begun in ((1, "a"), (2, "a"), (3, "b"), (4, "b"))]
    assert [one.label for one in hold_falls(readings)] == [Label.ACTUAL] * 2 + [Label.QUESTIONABLE] * 2


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"", "NOT_JSON"),
        (b"[]", "NOT_JSON"),
        (b"{}", "LIST_UNKNOWN"),
        (tasmota(1)[:-1], "NOT_JSON"),
        (tasmota(1) + b"x", "NOT_JSON"),
        (b'{"ENERGY":{},"ENERGY":{}}', "NOT_JSON"),
        (tasmota(1).replace(b"1}", b"NaN}"), "NOT_JSON"),
        (b" " * 70_000, "RECORD_TOO_LONG"),
        (b'{"ENERGY":1}', "FIELD_MISSING"),
        (tasmota(None), "FIELD_MISSING"),
        (tasmota("1"), "FIELD_INVALID"),
        (tasmota([1, 2]), "FIELD_INVALID"),
        (tasmota(True), "FIELD_INVALID"),
        (tasmota(-1), "VALUE_NEGATIVE"),
        (tasmota(1).replace(b": 1}", b": 1e3}"), "VALUE_UNREADABLE"),
        (tasmota(1).replace(b": 1}", b": 99999999999}"), "VALUE_OUT_OF_RANGE"),
        (tasmota(1, begun=5), "FIELD_INVALID"),
        (tasmota(1, time="yesterday"), "TIME_UNREADABLE"),
        (home_assistant("1", unit="W"), "UNIT_UNKNOWN"),
        (home_assistant("1", kind="measurement"), "FIELD_INVALID"),
        (home_assistant("one"), "VALUE_UNREADABLE"),
        (home_assistant("-0.5"), "VALUE_NEGATIVE"),
        (home_assistant("1").replace(b"sensor.roof_energy", b""), "METER_INVALID"),
        (shelly({"switch:0": {"aenergy": {}}}), "FIELD_MISSING"),
        (shelly({"switch:0": {"aenergy": 5}}), "FIELD_MISSING"),
        (json.dumps({"method": "NotifyStatus", "src": 1, "params": {}}).encode(), "METER_INVALID"),
        (json.dumps({"sys": None}).encode(), "FIELD_MISSING"),
    ],
)
def test_what_is_refused(message: bytes, code: str) -> None:
    with pytest.raises(Refused) as caught:
        read_device(message)
    assert caught.value.code == code
