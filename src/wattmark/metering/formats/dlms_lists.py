"""The lists of values that meters push, as seen in the field: what each item is, in which unit.

Three layouts: items that say their own scaler and unit; pairs of OBIS code and value whose units the maker's list
fixes; and bare values by position. A list whose units nobody says is refused: a number without a unit is no reading.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wattmark.metering.formats.dlms_axdr import Item, Tag
from wattmark.metering.formats.record_refusals import RecordCode, record_refused

OBIS_BYTES: Final = 6
WATT, VOLT_AMPERE, VAR, WATT_HOUR, VOLT_AMPERE_HOUR, VAR_HOUR, AMPERE, VOLT = 27, 28, 29, 30, 31, 32, 33, 35
UNITS: Final = {
    WATT: "W",
    VOLT_AMPERE: "VA",
    VAR: "var",
    WATT_HOUR: "Wh",
    VOLT_AMPERE_HOUR: "VAh",
    VAR_HOUR: "varh",
    AMPERE: "A",
    VOLT: "V",
}
"""Units of DLMS (IEC 62056-6-2, table 4) that meters of energy push."""
MAX_SCALER: Final = 9
_QUANTITY: Final = slice(2, 4)
"""OBIS C and D: what is measured."""

Scales = Mapping[tuple[int, int], tuple[int, int]]
"""(C, D) -> (scaler, unit)."""


def _scales(energy: int, current: int, voltage: int) -> Scales:
    return {
        **{(c, 7): (0, WATT if c < 3 else VAR) for c in (1, 2, 3, 4)},
        **{(c, 8): (energy, WATT_HOUR if c < 3 else VAR_HOUR) for c in (1, 2, 3, 4)},
        **{(c, 7): (current, AMPERE) for c in (31, 51, 71)},
        **{(c, 7): (voltage, VOLT) for c in (32, 52, 72)},
    }


KAIFA: Final = _scales(energy=0, current=-3, voltage=-1)
KAMSTRUP: Final = _scales(energy=1, current=-2, voltage=0)
_ID_OF_KAIFA: Final = b"KFM_"
_ID_OF_KAMSTRUP: Final = b"Kamstrup_"

_VERSION, _METER, _TYPE = (bytes.fromhex(code) for code in ("0101000281ff", "0000600100ff", "0000600107ff"))
_VERSIONS: Final = (_VERSION, bytes.fromhex("0100000281ff"))
"""OBIS of the list's version; Kaifa's Swedish list has it on channel 0."""
_TIME: Final = bytes.fromhex("0000010000ff")
_POWER: Final = tuple(bytes((1, 0, c, 7, 0, 0xFF)) for c in (1, 2, 3, 4))
_ENERGY: Final = tuple(bytes((1, 0, c, 8, 0, 0xFF)) for c in (1, 2, 3, 4))
_CURRENTS: Final = tuple(bytes((1, 0, c, 7, 0, 0xFF)) for c in (31, 51, 71))
_VOLTAGES: Final = tuple(bytes((1, 0, c, 7, 0, 0xFF)) for c in (32, 52, 72))
_HEAD: Final = (_VERSION, _METER, _TYPE, *_POWER)
_ONE_PHASE: Final = (*_HEAD, _CURRENTS[0], _VOLTAGES[0])
_THREE_PHASES: Final = (*_HEAD, *_CURRENTS, *_VOLTAGES)
POSITIONS: Final = {
    len(codes): codes
    for codes in (
        _POWER[:1],
        _ONE_PHASE,
        _THREE_PHASES,
        (*_ONE_PHASE, _TIME, *_ENERGY),
        (*_THREE_PHASES, _TIME, *_ENERGY),
    )
}
"""Kaifa's bare lists: what stands at each position, by their length."""
_KNOWN: Final = "with scaler and unit, KFM_, Kamstrup_"


@dataclass(frozen=True, slots=True)
class Value:
    """One item of a list.

    Attributes:
        obis: its OBIS code, six bytes.
        item: the item.
        scaler: power of ten of a number; 0 for texts.
        unit: DLMS unit of a number; ``None`` for texts and times.
    """

    obis: bytes
    item: Item
    scaler: int
    unit: int | None


def read_list(body: Item) -> tuple[Value, ...]:
    """Return the values of a pushed list; each OBIS code once.

    Raises:
        ReadingsMalformed: ``LIST_UNKNOWN``, ``UNIT_UNKNOWN``, ``OBIS_INVALID``, ``FIELD_INVALID``.
    """
    items = body.items
    if body.tag is Tag.ARRAY or any(item.tag is Tag.STRUCTURE for item in items):
        values = tuple(_describing(items))
    elif body.tag is Tag.STRUCTURE and items:
        values = tuple(_maker(items))
    else:
        raise record_refused(RecordCode.LIST_UNKNOWN, f"byte {body.offset}", body.tag.name, known=_KNOWN)
    seen: set[bytes] = set()
    for value in values:
        if value.obis in seen:
            rule = "each OBIS code once"
            raise record_refused(RecordCode.FIELD_INVALID, f"byte {value.item.offset}", value.obis.hex("."), rule=rule)
        seen.add(value.obis)
    return values


def _describing(items: Sequence[Item]) -> Iterator[Value]:
    """Items that say their scaler and unit; a code and its text or time may also stand bare, one after the other."""
    rest = iter(items)
    for item in rest:
        if item.tag is not Tag.OCTETS:
            yield _described(item)
        elif (value := next(rest, None)) is not None:
            yield _text(_obis(item), value)
        else:
            raise record_refused(RecordCode.LIST_UNKNOWN, f"byte {item.offset}", len(items), known=_KNOWN)


def _described(item: Item) -> Value:
    """Return one of ``{obis, value}`` (a text, a time) or ``{obis, value, {scaler, unit}}``."""
    parts = item.items
    if item.tag is not Tag.STRUCTURE or len(parts) not in (2, 3):
        raise record_refused(RecordCode.LIST_UNKNOWN, f"byte {item.offset}", len(parts), known=_KNOWN)
    obis = _obis(parts[0])
    if len(parts) == 2:
        return _text(obis, parts[1])
    pair = parts[2].items
    if len(pair) != 2 or pair[0].tag is not Tag.INT8 or pair[1].tag is not Tag.ENUM:
        raise record_refused(RecordCode.FIELD_INVALID, f"byte {parts[2].offset}", len(pair), rule="scaler and unit")
    return _scaled(obis, parts[1], pair[0].value, pair[1].value)


def _maker(items: Sequence[Item]) -> Iterator[Value]:
    texts = [_octets(item) for item in items[:2]]
    if texts[0].startswith(_ID_OF_KAMSTRUP):
        yield Value(_VERSION, items[0], 0, None)
        yield from _pairs(items[1:], KAMSTRUP)
    elif texts[0] in _VERSIONS and texts[-1].startswith(_ID_OF_KAIFA):
        yield from _pairs(items, KAIFA)
    elif (codes := POSITIONS.get(len(items))) and (len(items) == 1 or texts[0].startswith(_ID_OF_KAIFA)):
        for obis, item in zip(codes, items, strict=True):
            yield _by_scale(obis, item, KAIFA)
    else:
        raise record_refused(RecordCode.LIST_UNKNOWN, f"byte {items[0].offset}", len(items), known=_KNOWN)


def _pairs(items: Sequence[Item], scales: Scales) -> Iterator[Value]:
    """Pairs of OBIS code and value; null, null stands for what a one-phase meter has not."""
    if len(items) % 2:
        raise record_refused(RecordCode.LIST_UNKNOWN, f"byte {items[-1].offset}", len(items), known=_KNOWN)
    for code, item in zip(items[::2], items[1::2], strict=True):
        if code.tag is Tag.NULL and item.tag is Tag.NULL:
            continue
        yield _by_scale(_obis(code), item, scales)


def _by_scale(obis: bytes, item: Item, scales: Scales) -> Value:
    if item.tag in (Tag.TEXT, Tag.OCTETS):
        return Value(obis, item, 0, None)
    c, d = obis[_QUANTITY]
    if (c, d) not in scales:
        raise record_refused(RecordCode.UNIT_UNKNOWN, f"byte {item.offset}", obis.hex("."), known=sorted(scales))
    return _scaled(obis, item, *scales[c, d])


def _scaled(obis: bytes, item: Item, scaler: object, unit: object) -> Value:
    if not isinstance(scaler, int) or abs(scaler) > MAX_SCALER or item.integer is None:
        rule = f"an integer with a scaler of -{MAX_SCALER}..{MAX_SCALER}"
        raise record_refused(RecordCode.FIELD_INVALID, f"byte {item.offset}", scaler, rule=rule)
    if not isinstance(unit, int) or unit not in UNITS:
        raise record_refused(RecordCode.UNIT_UNKNOWN, f"byte {item.offset}", unit, known=sorted(UNITS))
    return Value(obis, item, scaler, unit)


def _text(obis: bytes, item: Item) -> Value:
    """Return a text or a time; a number that stands so has no unit."""
    if item.tag not in (Tag.TEXT, Tag.OCTETS):
        raise record_refused(RecordCode.UNIT_UNKNOWN, f"byte {item.offset}", None, known=sorted(UNITS))
    return Value(obis, item, 0, None)


def _obis(item: Item) -> bytes:
    octets = _octets(item)
    if item.tag is not Tag.OCTETS or len(octets) != OBIS_BYTES:
        raise record_refused(RecordCode.OBIS_INVALID, f"byte {item.offset}", octets.hex("."))
    return octets


def _octets(item: Item) -> bytes:
    value = item.value
    return value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else b""
