"""A case is one fault, or one storm of them, that can be played alone; a tally counts what became of them."""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

Outcomes = Counter[tuple[str, str]]
"""How often: (kind of fault, what became of it)."""


@dataclass(frozen=True, slots=True)
class Case:
    """Something that may go wrong.

    Attributes:
        name: where, for a person.
        play: does it, checks the laws, and returns what became of it; raises ``LawBroken``.
    """

    name: str
    play: Callable[[], Outcomes]


def one(kind: str, outcome: str) -> Outcomes:
    """Return the outcome of one fault."""
    return Counter({(kind, outcome): 1})


@dataclass(slots=True)
class Tally:
    """What happened so far.

    Attributes:
        outcomes: counts of faults.
        failures: broken laws, in words.
    """

    outcomes: Outcomes = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _trace: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    @property
    def faults(self) -> int:
        """How many faults were played."""
        return self.outcomes.total()

    @property
    def trace(self) -> str:
        """Hash of everything that happened, in order: the same for the same seed."""
        return self._trace.hexdigest()

    def add(self, name: str, outcomes: Outcomes) -> None:
        """Count a case."""
        self.outcomes += outcomes
        self._trace.update(f"{name}: {sorted(outcomes.items())}\n".encode())
