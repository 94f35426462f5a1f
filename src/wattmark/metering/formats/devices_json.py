"""JSON of devices at home: Shelly (Wh), Tasmota (kWh), Home Assistant (the unit it names).

Nothing is signed, and the counters can be set to zero by a button: T0, and a register that falls, or that says it was begun
anew, holds everything after it (``hold_falls``). Fields that carry no register are read past; the register's own must be
there, in its unit, and no number may be anything but a plain decimal.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from wattmark.core.codes import Tier
from wattmark.metering.decode import MAX_REGISTER_WH
from wattmark.metering.formats.columns import TICKS
from wattmark.metering.formats.ocmf_json import Number, json_object
from wattmark.metering.formats.record_refusals import RecordCode, record_refused
from wattmark.metering.formats.refusals import ReadingCode, refused
from wattmark.metering.formats.values import ticks_of
from wattmark.metering.labels import Label

MAX_MESSAGE_BYTES: Final = 65_536
"""Longest message [bytes]."""
SHELLY: Final = "Shelly"
TASMOTA: Final = "Tasmota"
HOME_ASSISTANT: Final = "Home Assistant"
TICKS_PER_WH: Final = {"Wh": TICKS, "kWh": TICKS // 10**3, "MWh": TICKS // 10**6}
_NO_STATE: Final = ("unavailable", "unknown")
_CLASSES: Final = ("total_increasing", "total")
_SHELLY_COUNTERS: Final = {"aenergy": "import", "ret_aenergy": "export"}
_SHELLY_TOTALS: Final = {"total_act": "import", "total_act_ret": "export"}
_MAX_NAME_CHARS: Final = 64


@dataclass(frozen=True, slots=True)
class DeviceReading:
    """One register of a device.

    Attributes:
        maker: who wrote the message.
        meter: name of the device; empty where the message has none (Tasmota: the topic says it).
        part: part of the device, such as ``switch:0``.
        flow: ``import`` (what it measured) or ``export``.
        end_s: its moment, POSIX seconds; ``None`` where nobody says it.
        register_wh: rounded down [Wh]; ``None``: not available.
        begun: since when it counts, as written; empty where it does not say.
        label: ACTUAL, QUESTIONABLE (no moment, or held) or MISSING.
        tier: T0.
    """

    maker: str
    meter: str
    part: str
    flow: str
    end_s: int | None
    register_wh: int | None
    begun: str
    label: Label
    tier: Tier = Tier.T0


def read_device(message: bytes, utc_offset_s: int | None = None) -> tuple[DeviceReading, ...]:
    """Return the registers of one message.

    Args:
        message: JSON as received.
        utc_offset_s: local time minus UTC, for stamps that do not say it [s].

    Raises:
        ReadingsMalformed: ``RECORD_TOO_LONG``, ``NOT_JSON``, ``LIST_UNKNOWN`` (none of the three), ``FIELD_MISSING``,
            ``FIELD_INVALID``, ``UNIT_UNKNOWN``, ``TIME_UNREADABLE``, ``METER_INVALID``, ``VALUE_*``.
    """
    if len(message) > MAX_MESSAGE_BYTES:
        raise record_refused(RecordCode.RECORD_TOO_LONG, "message", len(message), limit=MAX_MESSAGE_BYTES)
    found = json_object(message, "message")
    maker = maker_of(found)
    if maker == SHELLY:
        return tuple(_shelly(found))
    if maker == TASMOTA:
        return tuple(_tasmota(found, utc_offset_s))
    return (_home_assistant(found, utc_offset_s),)


def maker_of(message: dict[str, Any]) -> str:
    """Return who wrote a message.

    Raises:
        ReadingsMalformed: ``LIST_UNKNOWN``.
    """
    if "entity_id" in message and "state" in message:
        return HOME_ASSISTANT
    if "ENERGY" in message:
        return TASMOTA
    if message.get("method") == "NotifyStatus" or "sys" in message:
        return SHELLY
    raise record_refused(
        RecordCode.LIST_UNKNOWN, "message", sorted(message)[:8], known=f"{SHELLY}, {TASMOTA}, {HOME_ASSISTANT}"
    )


def hold_falls(readings: Sequence[DeviceReading]) -> tuple[DeviceReading, ...]:
    """Return the readings of one register in order; from a fall or a new beginning on, all are QUESTIONABLE (V3).

    Only the operator can say what a counter that was set back had counted.

    Raises:
        ReadingsMalformed: ``FIELD_INVALID``, readings of different registers.
    """
    names = {(one.maker, one.meter, one.part, one.flow) for one in readings}
    if len(names) > 1:
        raise record_refused(RecordCode.FIELD_INVALID, "readings", sorted(names), rule="one register")
    held, last_wh, begun = False, 0, None
    found = []
    for one in readings:
        if one.register_wh is not None:
            held = held or one.register_wh < last_wh or (begun is not None and one.begun != begun)
            last_wh, begun = one.register_wh, one.begun
        found.append(replace(one, label=Label.QUESTIONABLE) if held and one.register_wh is not None else one)
    return tuple(found)


def _shelly(message: dict[str, Any]) -> Iterator[DeviceReading]:
    """Second generation and later; the first counts relays in watt-minutes and names no unit: it is not read."""
    if message.get("method") == "NotifyStatus":
        meter, parts = _name(message.get("src"), "src"), _object(message.get("params"), "params")
        stamp = parts.get("ts")
    else:
        system = _object(message["sys"], "sys")
        meter, parts, stamp = _name(system.get("mac"), "sys.mac"), message, system.get("unixtime")
    end_s = None if stamp is None else ticks_of(_number(stamp, "ts"), "ts", "s") // TICKS
    for part, status in parts.items():
        if type(status) is not dict:
            continue
        for name, flow in _SHELLY_COUNTERS.items():
            if name in status:
                where = f"{part}.{name}.total"
                total = _number(_object(status[name], f"{part}.{name}").get("total"), where)
                yield _reading(SHELLY, meter, part, flow, end_s, _wh(total, "Wh", where), "")
        for name, flow in _SHELLY_TOTALS.items():
            if part.startswith("emdata:") and name in status:
                where = f"{part}.{name}"
                yield _reading(SHELLY, meter, part, flow, end_s, _wh(_number(status[name], where), "Wh", where), "")


def _tasmota(message: dict[str, Any], utc_offset_s: int | None) -> Iterator[DeviceReading]:
    energy = _object(message["ENERGY"], "ENERGY")
    end_s = _moment(message.get("Time"), "Time", utc_offset_s)
    begun = energy.get("TotalStartTime", "")
    if type(begun) is not str:
        raise record_refused(RecordCode.FIELD_INVALID, "ENERGY.TotalStartTime", begun, rule="a text")
    for name, flow in (("Total", "import"), ("ExportActive", "export")):
        if name == "Total" or name in energy:
            where = f"ENERGY.{name}"
            register_wh = _wh(_number(energy.get(name), where), "kWh", where)
            yield _reading(TASMOTA, "", "ENERGY", flow, end_s, register_wh, begun)


def _home_assistant(message: dict[str, Any], utc_offset_s: int | None) -> DeviceReading:
    meter = _name(message["entity_id"], "entity_id")
    attributes = _object(message.get("attributes"), "attributes")
    unit, kind = attributes.get("unit_of_measurement"), attributes.get("state_class")
    if type(unit) is not str or unit not in TICKS_PER_WH:
        raise record_refused(RecordCode.UNIT_UNKNOWN, "attributes.unit_of_measurement", unit, known=list(TICKS_PER_WH))
    if kind not in _CLASSES:
        raise record_refused(RecordCode.FIELD_INVALID, "attributes.state_class", kind, rule=" or ".join(_CLASSES))
    begun = attributes.get("last_reset") or ""
    if type(begun) is not str:
        raise record_refused(RecordCode.FIELD_INVALID, "attributes.last_reset", begun, rule="a text")
    end_s = _moment(message.get("last_updated"), "last_updated", utc_offset_s)
    state = message["state"]
    if type(state) is not str:
        raise record_refused(RecordCode.FIELD_INVALID, "state", state, rule="a text")
    register_wh = None if state in _NO_STATE else _wh(state, unit, "state")
    return _reading(HOME_ASSISTANT, meter, "state", "import", end_s, register_wh, begun)


def _reading(
    maker: str, meter: str, part: str, flow: str, end_s: int | None, register_wh: int | None, begun: str
) -> DeviceReading:
    label = Label.MISSING if register_wh is None else Label.QUESTIONABLE if end_s is None else Label.ACTUAL
    return DeviceReading(maker, meter, part, flow, end_s, register_wh, begun, label)


def _wh(text: str, unit: str, where: str) -> int:
    ticks = ticks_of(text, where, unit)
    if ticks < 0 or text.startswith("-"):
        raise refused(ReadingCode.VALUE_NEGATIVE, where, text)
    register_wh = ticks // TICKS_PER_WH[unit]
    if register_wh > MAX_REGISTER_WH:
        raise refused(ReadingCode.VALUE_OUT_OF_RANGE, where, text, limit=MAX_REGISTER_WH, unit="Wh")
    return register_wh


def _number(value: object, where: str) -> str:
    if value is None:
        raise record_refused(RecordCode.FIELD_MISSING, where, None)
    if not isinstance(value, Number):
        raise record_refused(RecordCode.FIELD_INVALID, where, str(value)[:64], rule="one number")
    return str(value)


def _object(value: object, where: str) -> dict[str, Any]:
    if type(value) is not dict:
        raise record_refused(RecordCode.FIELD_MISSING, where, str(value)[:64])
    return value


def _name(value: object, where: str) -> str:
    if type(value) is not str or not value.isprintable() or not 0 < len(value) <= _MAX_NAME_CHARS:
        raise refused(ReadingCode.METER_INVALID, where, str(value)[:64])
    return value


def _moment(value: object, where: str, utc_offset_s: int | None) -> int | None:
    """Return the POSIX second of an ISO stamp; ``None`` where neither it nor the operator says its zone."""
    try:
        local = datetime.fromisoformat(value if type(value) is str else "")
    except ValueError as error:
        raise refused(ReadingCode.TIME_UNREADABLE, where, str(value)[:64], form="ISO 8601") from error
    if local.tzinfo is None:
        if utc_offset_s is None:
            return None
        local = datetime.fromisoformat(f"{local.isoformat()}+00:00") - timedelta(seconds=utc_offset_s)
    epoch = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    return (local - epoch) // timedelta(seconds=1)
