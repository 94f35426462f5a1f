"""P1 telegrams of our own making, for tests and fuzzing."""

from collections.abc import Sequence
from typing import Final

from wattmark.metering.formats.p1_frame import check_sequence

CLOCK: Final = "0-0:1.0.0(260401023000S)"
"""2026-04-01 02:30 in summer time, that is 00:30 UTC."""
CLOCK_UTC_S: Final = 1_775_003_400
LINES: Final = (
    "1-3:0.2.8(50)",
    CLOCK,
    "0-0:96.1.1(574D2D31)",
    "1-0:1.8.1(000123.456*kWh)",
    "1-0:1.8.2(000076.545*kWh)",
    "1-0:2.8.1(000001.000*kWh)",
    "1-0:2.8.2(000000.001*kWh)",
    "1-0:1.7.0(00.244*kW)",
    "0-1:24.2.1(260401022501S)(00246.138*m3)",
)
"""A meter named WM-1 with 200,001 Wh taken and 1,001 Wh delivered."""


def telegram(lines: Sequence[str] = LINES, *, checked: bool = True) -> bytes:
    """Return a telegram with a right check sequence, or with none."""
    body = "\r\n".join(("/WMK5\\2WATTMARK-1", "", *lines, "!")).encode("latin-1")
    return body + (f"{check_sequence(body):04X}".encode() if checked else b"") + b"\r\n"


def with_check(data: bytearray) -> bytes:
    """Return a damaged telegram with a check sequence that fits again."""
    body, bang, _ = bytes(data).rpartition(b"!")
    return body + bang + f"{check_sequence(body + bang):04X}\r\n".encode()
