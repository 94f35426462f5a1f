"""Which verified slots become tokens, which only move the register, and that the register line is always tiled (L4)."""

import numpy as np
import pytest

from wattmark.core.codes import Tier
from wattmark.core.ids import derive_id
from wattmark.core.text import Text
from wattmark.engine.apply import apply
from wattmark.engine.commands import Kind, command, fields, flags_of, stack
from wattmark.engine.outcomes import Outcome
from wattmark.engine.state import State
from wattmark.flows.mint import MintRules, issue_rows, mint_rules
from wattmark.flows.settings import Settings
from wattmark.metering.envelope import Leaf
from wattmark.metering.labels import Label, MintPolicy
from wattmark.metering.verify import VerifiedSlot

SLOT_S = 1_800
START_S = 1_609_686_000
NOW_MS = (START_S + 100 * SLOT_S) * 1_000
RULES = MintRules(MintPolicy(), expiry_days=365)
PLANT, HOME, WEAK = 0, 1, 2
CAPACITY_W = 1_000
FULL_SLOT_WH = CAPACITY_W * SLOT_S // 3_600


@pytest.fixture
def state() -> State:
    made = State()
    rows = [
        command(
            Kind.REGISTER_DEVICE,
            id=derive_id(number),
            actor=0,
            account=0,
            area=3,
            source=source,
            capacity_w=CAPACITY_W,
            channel_role=role,
            register_open_wh=1_000,
            resolution_s=SLOT_S,
            tier=tier,
            hash=bytes(32),
        )
        for number, (source, role, tier) in enumerate([(1, 1, 3), (0, 2, 3), (1, 1, 0)])
    ]
    assert not apply(made, stack(rows), 1).verdicts[:, 1].any()
    return made


def slot(
    number: int, before: int, after: int, device: int = PLANT, label: int = Label.ACTUAL, slots: int = 1
) -> VerifiedSlot:
    """Slot ``number`` with registers before and after, counted from the opening register of 1,000 Wh."""
    end_s = START_S + (number + 1) * SLOT_S
    leaf = Leaf(bytes(8), 1, number, end_s, SLOT_S, 1_000 + after)
    return VerifiedSlot(
        device=device,
        leaf=leaf,
        hash=bytes([device, number]) + bytes(30),
        kid=b"key!",
        period_start_s=end_s - slots * SLOT_S,
        duration_s=slots * SLOT_S,
        reg_from_wh=1_000 + before,
        reg_to_wh=1_000 + after,
        label=Label(label),
    )


def minted(
    state: State, *slots: VerifiedSlot, rules: MintRules = RULES, now_ms: int = NOW_MS
) -> list[tuple[int, int, bool]]:
    """(register from, register to, withheld) of each ISSUE, all of which the state machine must accept."""
    rows = issue_rows(state, list(slots), rules, now_ms)
    verdicts = apply(state, stack(rows), now_ms).verdicts if rows else np.zeros((0, 4), np.int64)
    assert [Outcome(int(one)).name for one in verdicts[:, 1]] == ["OK"] * len(rows)
    registers = [(fields(row)["reg_from_wh"] - 1_000, fields(row)["reg_to_wh"] - 1_000) for row in rows]
    return [(*pair, bool(flags_of(row))) for pair, row in zip(registers, rows, strict=True)]


def test_measured_energy_becomes_tokens(state: State) -> None:
    assert minted(state, slot(0, 0, 200), slot(1, 200, 450)) == [(0, 200, False), (200, 450, False)]


def test_no_energy_makes_no_command(state: State) -> None:
    assert minted(state, slot(0, 0, 0), slot(1, 0, 7)) == [(0, 7, False)]


def test_consumption_makes_no_command(state: State) -> None:
    assert minted(state, slot(0, 0, 200, device=HOME)) == []


@pytest.mark.parametrize(
    ("label", "withheld"),
    [
        (Label.ACTUAL, False),
        (Label.ACTUAL_LATE, False),
        (Label.EDITED, True),
        (Label.ESTIMATED, True),
        (Label.QUESTIONABLE, True),
        (Label.MISSING, True),
    ],
)
def test_a_label_decides(state: State, label: Label, withheld: bool) -> None:
    assert minted(state, slot(0, 0, 200, label=label), slot(1, 200, 300)) == [(0, 200, withheld), (200, 300, False)]


def test_a_tier_below_the_policy_is_counted_and_not_minted(state: State) -> None:
    assert minted(state, slot(0, 0, 200, device=WEAK)) == [(0, 200, True)]


def test_unsigned_readings_mint_only_where_the_settings_say_so() -> None:
    settings = Settings(origin="a.b", name=Text(en="x", ja="x"))
    assert mint_rules(settings).policy.tiers == {Tier.T2, Tier.T3, Tier.T4}
    assert Tier.T0 in mint_rules(settings.with_changes(mint_t0=True)).policy.tiers
    lowest = mint_rules(settings.with_changes(minimum_tier=0)).policy.tiers
    assert lowest == {Tier.T1, Tier.T2, Tier.T3, Tier.T4}, "T0 never comes in by the back door"
    assert mint_rules(settings.with_changes(minimum_tier=4)).policy.tiers == {Tier.T4}


@pytest.mark.parametrize(("energy_wh", "withheld"), [(FULL_SLOT_WH, False), (525, False), (526, True), (9_000, True)])
def test_energy_above_capacity_is_withheld(state: State, energy_wh: int, withheld: bool) -> None:
    assert minted(state, slot(0, 0, energy_wh)) == [(0, energy_wh, withheld)]


def test_a_slot_that_covers_several_is_withheld_and_the_next_is_minted(state: State) -> None:
    bridged = slot(3, 0, 400, label=Label.REGISTER_ONLY, slots=4)
    assert minted(state, bridged, slot(4, 400, 500)) == [(0, 400, True), (400, 500, False)]


def test_energy_that_could_not_be_minted_is_withheld_with_the_next_slot(state: State) -> None:
    """An early envelope (its slot ends after its receipt) leaves a hole that the next slot fills without minting it."""
    early_ms = (START_S + SLOT_S) * 1_000 - 1
    assert minted(state, slot(0, 0, 200), now_ms=early_ms) == []
    assert minted(state, slot(1, 200, 300)) == [(0, 300, True)]
    assert minted(state, slot(2, 300, 350)) == [(300, 350, False)]


def test_the_same_reading_is_minted_once(state: State) -> None:
    rows = issue_rows(state, [slot(0, 0, 200)], RULES, NOW_MS)
    for _ in range(2):
        verdicts = apply(state, stack(rows), NOW_MS).verdicts
        assert verdicts[0, 1] == Outcome.OK
    assert state.count("bundles") == 1
    assert issue_rows(state, [slot(0, 0, 200)], RULES, NOW_MS) == []


def test_tokens_live_as_long_as_the_settings_say(state: State) -> None:
    (row,) = issue_rows(state, [slot(0, 0, 200)], MintRules(MintPolicy(), expiry_days=2), NOW_MS)
    assert fields(row)["expiry_s"] == START_S + SLOT_S + 2 * 86_400
