"""NEM12 and NEM13 files of our own making, for tests and fuzzing."""

from collections.abc import Sequence
from typing import Final

DAY: Final = "20260401"
DAY_UTC_S: Final = 1_774_965_600
"""Begin of that market day, 14:00 UTC of the day before."""
READ: Final = "250,NMI1,11,1,11,11,M1,E,006342.8,20260301093000,A,,,007654.9,20260401100000,A,,,1312.1,kWh,20260701,,20260402000000"


def channel(suffix: str = "E1", unit: str = "kWh", minutes: int = 30) -> str:
    """Return a 200 row."""
    return f"200,NMI1,E1B1,1,{suffix},N1,M1,{unit},{minutes},"


def day(values: Sequence[object], flag: str = "A", reason: str = "", on: str = DAY) -> str:
    """Return a 300 row."""
    return ",".join(("300", on, *map(str, values), flag, reason, "", "20260402000000", ""))


def nem(*lines: str, kind: str = "NEM12") -> bytes:
    """Return a file of these rows."""
    return "\r\n".join((f"100,{kind},202604020000,MDA1,RET1", *lines, "900", "")).encode()


FLAGGED: Final = nem(
    channel(),
    day([f"0.{slot:03}" for slot in range(48)], "V"),
    "400,1,20,F14,76,",
    "400,21,47,A,,",
    "400,48,48,N,,",
    channel("B1", "Wh", 15),
    day([7] * 96),
    day([".5"] * 96, on="20260402"),
    channel("Q1", "kVArh"),
    day([1] * 48, "S14", "32"),
)
"""Two energy channels and one of reactive energy."""
