"""DLMS push: DataNotification, bare or under general-glo-ciphering, with the lists that meters send.

1. an HDLC frame is checked and taken off (``read_frame``), where there is one;
2. a ciphered message is authenticated before a byte of it is read (``dlms_cipher``);
3. the body is decoded whole: tags, lengths, nothing left over;
4. every value has a unit, energy in whole Wh, rounded down as a register.

What was authenticated is T1 (both ends share the key), what was not is T0: a frame's check sequence is no security.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wattmark.core.codes import Tier
from wattmark.metering.decode import MAX_REGISTER_WH
from wattmark.metering.formats.dlms_axdr import Item, Reader, Tag
from wattmark.metering.formats.dlms_cipher import Counters, GloKeys, Opened, open_glo
from wattmark.metering.formats.dlms_hdlc import read_hdlc, strip_llc
from wattmark.metering.formats.dlms_lists import UNITS, WATT_HOUR, Value, read_list
from wattmark.metering.formats.dlms_time import DEFAULT_CLOCK, TIME_BYTES, ClockRule, DlmsTime, read_time
from wattmark.metering.formats.record_refusals import RecordCode, record_refused
from wattmark.metering.formats.refusals import ReadingCode, refused
from wattmark.metering.labels import Label

NOTIFICATION: Final = 0x0F
IMPORT_TOTAL: Final = (1, 8, 0)
EXPORT_TOTAL: Final = (2, 8, 0)
"""OBIS C, D, E of the registers that count active energy."""
_NO_TIME: Final = 0x00
_OCTETS: Final = 0x09
_METER_IDS: Final = {(0, 96, 1, 0), (1, 0, 0, 5)}
"""OBIS A, C, D, E of the meter's number: standard, and Kamstrup's."""
_TIMES: Final = (1, 0, 0)
"""OBIS C, D, E of the clock."""
_CURRENT_PERIOD: Final = 0xFF
_MAX_METER_CHARS: Final = 64


@dataclass(frozen=True, slots=True)
class DlmsValue:
    """One value with its unit.

    Attributes:
        obis: its code, as ``1-0:1.8.0.255``.
        raw: the number as sent.
        scaler: power of ten.
        unit: such as ``Wh``.
    """

    obis: str
    raw: int
    scaler: int
    unit: str


@dataclass(frozen=True, slots=True)
class DlmsPush:
    """What one push says.

    Attributes:
        payload: the notification: the evidence; where it was ciphered, keep the message as received as well.
        opened: how it was authenticated; ``None`` where it was not.
        tier: T1 or T0.
        invoke_id: its number and priority bits.
        time: the clock of the list, else of the notification; ``None`` where neither has one.
        meter: the meter's number; empty where the list has none.
        values: every number, in order.
        import_wh: register of energy taken from the grid [Wh]; ``None`` where the list has none.
        export_wh: register of energy delivered [Wh].
        label: ACTUAL where the clock can be trusted, else QUESTIONABLE.
    """

    payload: bytes
    opened: Opened | None
    tier: Tier
    invoke_id: int
    time: DlmsTime | None
    meter: str
    values: tuple[DlmsValue, ...]
    import_wh: int | None
    export_wh: int | None
    label: Label


def read_frame(data: bytes) -> bytes:
    """Return the message of an HDLC frame, its checks verified and its LLC header taken off.

    Raises:
        ReadingsMalformed: see ``dlms_hdlc``.
    """
    return strip_llc(read_hdlc(data))


def open_push(
    message: bytes, keys: Mapping[bytes, GloKeys], counters: Counters, clock: ClockRule = DEFAULT_CLOCK
) -> DlmsPush:
    """Authenticate a ciphered push and return what it says; the caller then keeps ``counters_after``.

    Args:
        message: from the tag DB on.
        keys: keys by system title.
        counters: last invocation counters.
        clock: what the operator knows of the meter's clock.

    Raises:
        Refused: see ``open_glo`` and ``read_push``; no value of it may be used.
    """
    opened = open_glo(message, keys, counters)
    return _notification(opened.plaintext, opened, clock)


def read_push(message: bytes, clock: ClockRule = DEFAULT_CLOCK) -> DlmsPush:
    """Return what a bare push says, T0.

    Args:
        message: from the tag 0F on.
        clock: what the operator knows of the meter's clock.

    Raises:
        ReadingsMalformed: it is not one whole DataNotification with a list whose units are known.
    """
    return _notification(message, None, clock)


def energy_wh(raw: int, scaler: int, where: str) -> int:
    """Return ``raw`` times a power of ten in whole Wh, rounded down.

    Raises:
        ReadingsMalformed: ``VALUE_NEGATIVE`` or ``VALUE_OUT_OF_RANGE``.
    """
    if raw < 0:
        raise refused(ReadingCode.VALUE_NEGATIVE, where, raw)
    register_wh = raw * int(10**scaler) if scaler >= 0 else raw // int(10**-scaler)
    if register_wh > MAX_REGISTER_WH:
        raise refused(ReadingCode.VALUE_OUT_OF_RANGE, where, raw, limit=MAX_REGISTER_WH + 1, unit="Wh")
    return register_wh


def _notification(message: bytes, opened: Opened | None, clock: ClockRule) -> DlmsPush:
    base = 0 if opened is None else opened.offset
    reader = Reader(message, base)
    if (tag := reader.byte()) != NOTIFICATION:
        raise record_refused(RecordCode.CODE_UNKNOWN, f"byte {base}", f"{tag:02X}", known=["0F"])
    invoke_id = int.from_bytes(reader.take(4), "big")
    time = _head_time(reader, clock)
    body = reader.item()
    reader.end()
    values = read_list(body)
    for value in values:
        if value.obis[2:5] == bytes(_TIMES):
            time = read_time(_octets(value.item), f"byte {value.item.offset}", clock)
    return DlmsPush(
        payload=message,
        opened=opened,
        tier=Tier.T0 if opened is None else Tier.T1,
        invoke_id=invoke_id,
        time=time,
        meter=_meter(values),
        values=tuple(
            DlmsValue(_obis_text(value.obis), value.item.integer, value.scaler, UNITS[value.unit])
            for value in values
            if value.unit is not None and value.item.integer is not None
        ),
        import_wh=_register(values, IMPORT_TOTAL),
        export_wh=_register(values, EXPORT_TOTAL),
        label=Label.ACTUAL if time is not None and time.trusted else Label.QUESTIONABLE,
    )


def _head_time(reader: Reader, clock: ClockRule) -> DlmsTime | None:
    """``00``, or ``0C`` and 12 octets; Kaifa puts the tag of an octet string before the length."""
    where = f"byte {reader.offset}"
    first = reader.byte()
    if first == _NO_TIME:
        return None
    if first == _OCTETS:
        first = reader.byte()
    if first != TIME_BYTES:
        raise record_refused(RecordCode.FIELD_INVALID, where, first, rule="no time, or one of 12 octets")
    return read_time(reader.take(TIME_BYTES), where, clock)


def _register(values: tuple[Value, ...], code: tuple[int, int, int]) -> int | None:
    """Return the one register of electricity with this code; B, the channel, may be any."""
    found = [value for value in values if value.obis[0] == 1 and value.obis[2:] == bytes((*code, _CURRENT_PERIOD))]
    if not found:
        return None
    value = found[0]
    where = f"byte {value.item.offset}"
    if len(found) > 1 or value.unit != WATT_HOUR or value.item.integer is None:
        raise record_refused(RecordCode.UNIT_UNKNOWN, where, value.unit, known=f"one register in {UNITS[WATT_HOUR]}")
    return energy_wh(value.item.integer, value.scaler, where)


def _meter(values: tuple[Value, ...]) -> str:
    for value in values:
        a, _, c, d, e, _ = value.obis
        if (a, c, d, e) in _METER_IDS:
            text = _octets(value.item).decode("ascii", "replace").strip()
            if not text.isascii() or not text.isprintable() or not 0 < len(text) <= _MAX_METER_CHARS:
                raise refused(ReadingCode.METER_INVALID, f"byte {value.item.offset}", text)
            return text
    return ""


def _octets(item: Item) -> bytes:
    if isinstance(item.value, str):
        return item.value.encode()
    if item.tag is not Tag.OCTETS or not isinstance(item.value, bytes):
        raise record_refused(RecordCode.FIELD_INVALID, f"byte {item.offset}", item.value, rule="octets or text")
    return item.value


def _obis_text(obis: bytes) -> str:
    a, b, c, d, e, f = obis
    return f"{a}-{b}:{c}.{d}.{e}.{f}"
