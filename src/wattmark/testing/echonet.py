"""ECHONET Lite frames of our own making, for tests and fuzzing."""

from typing import Final

from wattmark.metering.formats.echonet_frame import Service

CONTROLLER: Final = bytes.fromhex("05ff01")
SMART: Final = bytes.fromhex("028801")
GENERATOR: Final = bytes.fromhex("028e01")
NONE: Final = 0xFFFF_FFFE
NOON: Final = bytes.fromhex("07ea04010c00")
"""2026-04-01 12:00, to the minute."""
NOON_UTC_S: Final = 1_775_012_400


def answer(
    *properties: tuple[int, bytes], source: bytes = SMART, service: int = Service.GET_ANSWER, transaction: int = 1
) -> bytes:
    """Return a frame of a meter with the given codes and data."""
    head = b"\x10\x81" + transaction.to_bytes(2) + source + CONTROLLER + bytes((service, len(properties)))
    return head + b"".join(bytes((epc, len(data))) + data for epc, data in properties)


def counts(*raw: int) -> bytes:
    """Return counts of a register as sent."""
    return b"".join(one.to_bytes(4) for one in raw)


def settings(unit: int = 1, digits: int = 8, coefficient: int | None = None) -> tuple[bytes, bytes]:
    """Return the two answers that tell what a smart meter counts in; without a coefficient it is refused."""
    told = answer((0xE1, bytes((unit,))), (0xD7, bytes((digits,))))
    if coefficient is None:
        return told, answer((0xD3, b""), service=Service.GET_REFUSED)
    return told, answer((0xD3, counts(coefficient)))


def erxudp(frame: bytes, *, secured: bool = True, side: str = "") -> bytes:
    """Return the line in which a Wi-SUN module hands on a frame."""
    address = "FE80:0000:0000:0000:1234:5678:1234:5678"
    fields = ("ERXUDP", address, address, "0E1A", "0E1A", "1234567812345678", str(int(secured)), side)
    return f"{' '.join(filter(None, fields))} {len(frame):04X} {frame.hex().upper()}\r\n".encode()
