from itertools import product

import pytest

from wattmark.core.errors import RuleViolated
from wattmark.settlement.kinds import (
    CARRIES,
    CLAIMS,
    KIND_TEXT,
    TRANSITIONS,
    Carries,
    Event,
    Kind,
    kind_of,
    transition,
)
from wattmark.tokens import layout
from wattmark.tokens.lot import Claim, LotKind


def test_numbers_are_those_of_the_records() -> None:
    assert [int(kind) for kind in LotKind] == [layout.GENERATION, layout.ENERGY_CLAIM, layout.STORAGE_DISCHARGE]
    assert [int(claim) for claim in Claim] == [
        layout.CLAIM_SAME_SLOT,
        layout.CLAIM_BANKED,
        layout.CLAIM_CERTIFICATE,
    ]


def test_the_three_kinds_of_k1_never_become_one_another() -> None:
    for kind in (Kind.ENERGY_CLAIM, Kind.STORAGE, Kind.CERTIFICATE):
        reached = {after for (before, _), after in TRANSITIONS.items() if before is kind}
        assert reached <= {kind, Kind.CERTIFICATE}
    assert all(after is not Kind.STORAGE for after in TRANSITIONS.values())
    assert [before for (before, _), after in TRANSITIONS.items() if after is Kind.ENERGY_CLAIM] == [
        Kind.SAME_SLOT,
        Kind.ENERGY_CLAIM,
    ]


def test_no_transition_gains_a_right() -> None:
    for (before, _), after in TRANSITIONS.items():
        assert CARRIES[after] & ~CARRIES[before] == Carries.NOTHING


def test_every_unlisted_pair_is_refused() -> None:
    for kind, event in product(Kind, Event):
        if (kind, event) in TRANSITIONS:
            assert transition(kind, event) is TRANSITIONS[kind, event]
        else:
            with pytest.raises(RuleViolated, match="KIND_TRANSITION"):
                transition(kind, event)


@pytest.mark.parametrize(
    ("lot_kind", "settled", "expected"),
    [
        (LotKind.GENERATION, False, Kind.SAME_SLOT),
        (LotKind.GENERATION, True, Kind.CERTIFICATE),
        (LotKind.STORAGE, False, Kind.STORAGE),
        (LotKind.STORAGE, True, Kind.CERTIFICATE),
        (LotKind.ENERGY_CLAIM, False, Kind.ENERGY_CLAIM),
        (LotKind.ENERGY_CLAIM, True, Kind.ENERGY_CLAIM),
    ],
)
def test_a_same_slot_token_past_its_slot_is_certificate_only(lot_kind, settled, expected) -> None:
    assert kind_of(lot_kind, slot_settled=settled) is expected


def test_claims_follow_from_what_a_kind_carries() -> None:
    for kind in Kind:
        assert (Claim.CERTIFICATE in CLAIMS[kind]) == bool(CARRIES[kind] & Carries.ORIGIN)
        assert bool(CLAIMS[kind] - {Claim.CERTIFICATE}) == bool(CARRIES[kind] & Carries.ENERGY)
        assert KIND_TEXT[kind].ja
        assert KIND_TEXT[kind].en
