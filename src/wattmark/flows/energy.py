"""Energy of the ledger itself: joules per 1,000 committed records, measured or estimated, beside published figures.

A figure of ours is always measured in the process that shows it: CPU seconds it has used over records it has
committed. Where no energy counter can be read, the watts behind a CPU second are an assumption, stated with the figure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wattmark.core.text import Text

RECORDS: Final = 1_000
"""What the figures are per [committed records]."""
WATTS_PER_CORE: Final = 10.0
"""Power that one busy core is taken to draw [W].

Server processors are rated at 4 to 11 W per core (360 W over 96 cores, 350 W over 32), at full load of all cores; memory,
disk and power supply come on top. 10 W is a round value near the upper end, so that the estimate is rather too high.
"""
J_PER_WH: Final = 3_600


@dataclass(frozen=True, slots=True)
class PublishedEnergy:
    """What others publish of a ledger.

    Attributes:
        name: kind of ledger, with an example.
        low_j: lower end for 1,000 transactions [J].
        high_j: upper end; the same where one value is published [J].
        provenance: what the figure is of, and how sure it is.
    """

    name: Text
    low_j: float
    high_j: float
    provenance: Text


PUBLISHED: Final = (
    PublishedEnergy(
        Text(en="Bitcoin (proof of work)", ja="ビットコイン(PoW)"),
        RECORDS * 730_000 * J_PER_WH,
        RECORDS * 730_000 * J_PER_WH,
        Text(
            en="about 730 kWh per transaction: estimated electricity of all miners, divided by transactions on the "
            "chain; the count of transactions is not verified, and miners use as much with none",
            ja="1取引約730kWh:全採掘者の推定電力量÷チェーン上の取引数(取引数は未検証、取引が無くても消費は同じ)",
        ),
    ),
    PublishedEnergy(
        Text(en="Ethereum (proof of stake)", ja="イーサリアム(PoS)"),
        RECORDS * 6.5 * J_PER_WH,
        RECORDS * 15 * J_PER_WH,
        Text(
            en="6.5 to 15 Wh per transaction: estimated electricity of all validators, divided by transactions; "
            "the count of transactions is not verified",
            ja="1取引6.5〜15Wh:全検証者の推定電力量÷取引数(取引数は未検証)",
        ),
    ),
    PublishedEnergy(
        Text(en="Consortium chain (as Fabric)", ja="コンソーシアム型(Fabric等)"),
        RECORDS * 1.0,
        RECORDS * 10.0,
        Text(
            en="1 to 10 J per transaction: the order of magnitude of a few servers under load; not verified",
            ja="1取引1〜10J:数台のサーバーが負荷を受けたときの桁(未検証)",
        ),
    ),
)
"""Published figures of other ledgers, per 1,000 transactions; what a transaction is differs among them."""


def joules(cpu_s: float, watts_per_core: float = WATTS_PER_CORE) -> float:
    """Return the energy of CPU time at an assumed power per busy core [J].

    Args:
        cpu_s: user and system time of all threads [s].
        watts_per_core: the assumption [W].
    """
    return cpu_s * watts_per_core


def per_thousand(amount_j: float, records: int) -> float | None:
    """Return joules per 1,000 records, or ``None`` where there are no records [J]."""
    return amount_j * RECORDS / records if records > 0 else None


@dataclass(frozen=True, slots=True)
class EnergyUse:
    """What a process has used since a moment, and what it has committed with it.

    Attributes:
        cpu_s: user and system time of all its threads, whatever they did [s].
        records: committed since.
    """

    cpu_s: float
    records: int

    @property
    def joules_per_thousand(self) -> float | None:
        """The estimate at ``WATTS_PER_CORE``, ``None`` before the first record [J]."""
        return per_thousand(joules(self.cpu_s), self.records)


class EnergyCount:
    """Counts from the moment it is made."""

    def __init__(self, cpu_seconds: Callable[[], float], position: int) -> None:
        """Begin with the process's CPU time and the number of records there are now."""
        self._cpu_seconds = cpu_seconds
        self._since_s, self._position = cpu_seconds(), position

    def use(self, position: int) -> EnergyUse:
        """Return what was used up to now, with so many records there are."""
        return EnergyUse(self._cpu_seconds() - self._since_s, position - self._position)
