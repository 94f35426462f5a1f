"""Lots and bundles as values."""

import pytest

from reference.small_world import NOW_S, SLOT, small_world
from wattmark.core.periods import Period
from wattmark.tokens import layout as k
from wattmark.tokens.lot import (
    CLAIM_TEXT,
    KIND_TEXT,
    LIFE_CYCLE,
    STATE_TEXT,
    Bundle,
    Claim,
    Event,
    Lot,
    LotKind,
    LotState,
)


@pytest.fixture(name="world")
def _world():
    return small_world()


def lot(world, name: str) -> Lot:
    row = world.names[name]
    return Lot.from_row(row, world.state.lots[row])


def test_a_held_lot(world) -> None:
    held = lot(world, "held")
    assert (held.state, held.kind, held.owner, held.quantity_wh) == (LotState.HELD, LotKind.GENERATION, 3, 9_160)
    assert (held.reference, held.claim, held.rule, held.until_s) == (None, None, 0, 0)


def test_a_retired_lot_names_beneficiary_and_claim(world) -> None:
    retired = lot(world, "retired")
    assert (retired.state, retired.reference, retired.claim, retired.claim_period_s) == (
        LotState.RETIRED,
        world.names["bob"],
        Claim.CERTIFICATE,
        0,
    )


def test_an_offered_lot_names_its_order_and_a_reserved_one_none(world) -> None:
    assert (lot(world, "offered").state, lot(world, "offered").reference) == (LotState.RESERVED, 1)
    assert (lot(world, "reserved").state, lot(world, "reserved").reference) == (LotState.RESERVED, None)


def test_a_banked_lot_names_its_terms(world) -> None:
    claim = lot(world, "claim")
    assert (claim.kind, claim.rule, claim.from_s, claim.until_s) == (
        LotKind.ENERGY_CLAIM,
        7,
        NOW_S - 86_400,
        NOW_S + 86_400,
    )
    assert lot(world, "storage").kind is LotKind.STORAGE


def test_a_bundle(world) -> None:
    bundle = Bundle.from_row(3, world.state.bundles[3])
    assert bundle.period == Period(NOW_S - SLOT, SLOT)
    assert (bundle.device, bundle.area, bundle.source, bundle.tier) == (0, 3, 1, 3)
    assert bundle.issued_wh == bundle.reg_to_wh - bundle.reg_from_wh == 10_000
    assert len(bundle.evidence) == 32


@pytest.mark.parametrize(("start", "end"), [(0, 1), (0, 10_000), (25, 50), (9_999, 10_000)])
def test_energytag_ids_are_inclusive_and_as_many_as_the_wh(world, start: int, end: int) -> None:
    bundle = Bundle.from_row(3, world.state.bundles[3])
    first, last = bundle.energytag_range(start, end)
    assert last - first + 1 == end - start
    assert (first, last) == (bundle.reg_from_wh + start + 1, bundle.reg_from_wh + end)


def test_ids_count_up_per_device_from_bundle_to_bundle(world) -> None:
    """The registers of a device tile, so its ids do too."""
    rows = [row for row in range(len(world.state.bundles)) if world.state.bundles[row, k.B_DEVICE] == 0]
    bundles = [Bundle.from_row(row, world.state.bundles[row]) for row in rows]
    last = world.state.devices[0, k.D_REG_OPEN_WH]
    for bundle in bundles:
        first, end = bundle.energytag_range(0, bundle.issued_wh)
        assert first == last + 1
        last = end


def test_everything_a_person_sees_has_both_languages() -> None:
    for texts, names in ((STATE_TEXT, LotState), (KIND_TEXT, LotKind), (CLAIM_TEXT, Claim)):
        assert set(texts) == set(names)
        assert all(text.en and text.ja for text in texts.values())


def test_every_event_occurs_in_the_life_cycle() -> None:
    assert {event for _, event in LIFE_CYCLE} == set(Event)
