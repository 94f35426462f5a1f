"""What a token carries and what may become of it: the kinds of K1, kept apart from the start.

A freshly metered token carries energy and origin, in its own slot. From there it goes one of two
ways and never further::

    SAME_SLOT --slot settled--> CERTIFICATE    origin in its own slot, no energy (K2)
              --deposited-----> ENERGY_CLAIM   energy in a later slot, no attribute
    STORAGE   --slot settled--> CERTIFICATE    minted anew by a discharge record, never by a transition (G12)

``ENERGY_CLAIM``, ``STORAGE`` and ``CERTIFICATE`` never become one another: what sold its origin
cannot get it back, and only metered storage moves an attribute in time. The record of the engine
holds three kinds; ``CERTIFICATE`` is not written, it follows from the clock of settlement.
"""

from enum import IntEnum, IntFlag, auto
from typing import Final

from wattmark.core.errors import RuleViolated
from wattmark.core.text import Text
from wattmark.tokens.lot import Claim


class Kind(IntEnum):
    """The four kinds of K1 and K2, the unwritten one included."""

    SAME_SLOT = 1
    ENERGY_CLAIM = 2
    STORAGE = 3
    CERTIFICATE = 4


class Event(IntEnum):
    """What may happen to the kind of a token."""

    SLOT_SETTLED = 1
    DEPOSIT = 2


class Carries(IntFlag):
    """What a token gives its holder."""

    NOTHING = 0
    ENERGY = auto()
    ORIGIN = auto()


CARRIES: Final = {
    Kind.SAME_SLOT: Carries.ENERGY | Carries.ORIGIN,
    Kind.ENERGY_CLAIM: Carries.ENERGY,
    Kind.STORAGE: Carries.ENERGY | Carries.ORIGIN,
    Kind.CERTIFICATE: Carries.ORIGIN,
}

TRANSITIONS: Final = {
    (Kind.SAME_SLOT, Event.SLOT_SETTLED): Kind.CERTIFICATE,
    (Kind.SAME_SLOT, Event.DEPOSIT): Kind.ENERGY_CLAIM,
    (Kind.STORAGE, Event.SLOT_SETTLED): Kind.CERTIFICATE,
    (Kind.CERTIFICATE, Event.SLOT_SETTLED): Kind.CERTIFICATE,
    (Kind.ENERGY_CLAIM, Event.SLOT_SETTLED): Kind.ENERGY_CLAIM,
}
"""Kind x event -> kind; a pair that is not listed is refused."""

CLAIMS: Final = {
    Kind.SAME_SLOT: frozenset({Claim.SAME_SLOT, Claim.CERTIFICATE}),
    Kind.ENERGY_CLAIM: frozenset({Claim.BANKED}),
    Kind.STORAGE: frozenset({Claim.SAME_SLOT, Claim.CERTIFICATE}),
    Kind.CERTIFICATE: frozenset({Claim.CERTIFICATE}),
}
"""What a token of a kind may be retired for."""

KIND_TEXT: Final = {
    Kind.SAME_SLOT: Text(en="same-slot token: energy and origin", ja="同時同量トークン(電力量と由来)"),
    Kind.ENERGY_CLAIM: Text(
        en="banked token: a claim on energy, no origin", ja="預け入れトークン(電力量のみ、由来なし)"
    ),
    Kind.STORAGE: Text(en="storage token: energy and origin at discharge", ja="蓄電トークン(放電時の電力量と由来)"),
    Kind.CERTIFICATE: Text(en="certificate only: origin in its own slot", ja="証書のみ(発電時間帯の由来)"),
}


def kind_of(lot_kind: int, *, slot_settled: bool) -> Kind:
    """Return the kind of K1/K2 of a lot, given whether the day of its slot has been settled."""
    kind = Kind(lot_kind)
    return TRANSITIONS[kind, Event.SLOT_SETTLED] if slot_settled else kind


def transition(kind: Kind, event: Event) -> Kind:
    """Return the kind after the event (K1).

    Raises:
        RuleViolated: the pair is not in ``TRANSITIONS``.
    """
    if (after := TRANSITIONS.get((kind, event))) is not None:
        return after
    rule = Text(
        en="banked, storage and certificate tokens never become one another (K1)",
        ja="預け入れ・蓄電・証書のトークンは相互に転換できません(K1)",
    )
    raise RuleViolated("KIND_TRANSITION", "kind", f"{kind.name} {event.name}", rule)
