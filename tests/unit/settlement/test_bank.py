from fractions import Fraction

import pytest

from wattmark.core.energy import MAX_WH
from wattmark.core.errors import MalformedInput, RuleViolated, UnknownReference
from wattmark.settlement.bank import (
    REDEMPTION_RULES,
    STRESS_PRICE_SEN,
    Cover,
    RedemptionRule,
    charge_in_kind,
    check_zero_sum,
    redemption_rule,
    smallest_cover,
)

K4 = Cover(200_000, 95_000, 500_000_000, STRESS_PRICE_SEN, 360_000)


def test_cover_vector_of_k4_at_a_calm_price() -> None:
    calm = Cover(200_000, 95_000, 500_000_000, 1_000, 360_000)
    assert calm.cover_wh == 795_000
    assert calm.ratio == Fraction(795_000, 360_000)
    assert calm.ratio_per_mille == 2_208
    assert calm.is_full


def test_cover_vector_of_k4_at_the_stress_price() -> None:
    assert K4.collateral_wh == 19_920
    assert K4.cover_wh == 314_920
    assert K4.ratio == Fraction(314_920, 360_000)
    assert round(float(K4.ratio), 4) == 0.8748
    assert K4.ratio_per_mille == 874, "floored: it never looks better than it is"
    assert not K4.is_full


def with_collateral(more_e5: int) -> Cover:
    return Cover(200_000, 95_000, 500_000_000 + more_e5, STRESS_PRICE_SEN, 360_000)


def test_the_further_collateral_of_k4_reaches_exactly_one() -> None:
    """The vector buys the 45,080 missing Wh anew; 8,000 of it lie in C already, below one Wh's price."""
    assert with_collateral(1_131_508_000).ratio == 1
    assert K4.missing_e5 == 1_131_500_000
    assert with_collateral(K4.missing_e5).ratio == 1
    assert with_collateral(K4.missing_e5 - 1).ratio < 1


def test_unbacked_debt_of_k4() -> None:
    assert Cover(0, 0, 0, STRESS_PRICE_SEN, 360_000).stressed_debt_e5 == 90_360 * 100_000


def test_nothing_owed_has_no_ratio() -> None:
    empty = Cover(1, 0, 0, 1, 0)
    assert empty.ratio is None
    assert empty.ratio_per_mille is None
    assert empty.is_full


def test_deposits_stop_below_one() -> None:
    covered = Cover(1_000, 0, 0, STRESS_PRICE_SEN, 0).after_deposit(1_000)
    assert covered.outstanding_wh == 1_000
    with pytest.raises(RuleViolated) as refused:
        covered.after_deposit(1)
    assert (refused.value.code, refused.value.field) == ("COVER_TOO_SMALL", "credited_wh")


def test_the_window_with_the_smallest_ratio_is_the_one_published() -> None:
    wide, narrow, idle = Cover(300, 0, 0, 1, 100), Cover(99, 0, 0, 1, 100), Cover(0, 0, 0, 1, 0)
    assert smallest_cover([wide, narrow, idle]) is narrow
    assert smallest_cover([idle]) is None


@pytest.mark.parametrize("field", ["forward_wh", "stored_wh", "collateral_e5", "outstanding_wh"])
def test_a_negative_figure_is_refused(field: str) -> None:
    figures = {"forward_wh": 0, "stored_wh": 0, "collateral_e5": 0, "stress_price_sen": 1, "outstanding_wh": 0}
    with pytest.raises(MalformedInput) as refused:
        Cover(**{**figures, field: -1})
    assert refused.value.field == field


def test_charge_in_kind_rounds_on_the_cumulative_deposit() -> None:
    """K5: at 80 per mille 999 + 1 Wh leaves 919 + 1, and 80 to the bank."""
    first = charge_in_kind(0, 999, 80)
    second = charge_in_kind(999, 1, 80)
    assert (first.credited_wh, second.credited_wh) == (919, 1)
    assert first.charge_wh + second.charge_wh == 80


@pytest.mark.parametrize("charge", [0, 1, 80, 333, 999, 1_000])
def test_cutting_a_deposit_in_pieces_gains_nothing(charge: int) -> None:
    pieces = [1] * 50 + [7, 93, 850]
    before, credited = 0, 0
    for piece in pieces:
        deposit = charge_in_kind(before, piece, charge)
        assert deposit.credited_wh >= 0
        assert deposit.charge_wh >= 0
        credited += deposit.credited_wh
        before += piece
    assert credited == charge_in_kind(0, sum(pieces), charge).credited_wh == 1_000 * (1_000 - charge) // 1_000


def test_rules_are_numbered_by_their_version_and_lapse() -> None:
    assert {version: rule.version for version, rule in REDEMPTION_RULES.items()} == {1: 1, 2: 2, 3: 3}
    assert REDEMPTION_RULES[1].redeem_until_s(1_000) == 1_000 + 90 * 86_400


def test_an_unknown_rule_is_named() -> None:
    with pytest.raises(UnknownReference) as refused:
        redemption_rule(99)
    assert refused.value.value == 99


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 0),
        ("min_price_sen", -1),
        ("cap_per_slot_wh", 0),
        ("cap_per_slot_wh", MAX_WH + 1),
        ("charge_per_mille", 1_001),
        ("lapse_days", 0),
    ],
)
def test_a_rule_outside_its_range_is_refused(field: str, value: int) -> None:
    terms = {"version": 1, "min_price_sen": 0, "cap_per_slot_wh": 1, "charge_per_mille": 0, "lapse_days": 1}
    with pytest.raises(MalformedInput) as refused:
        RedemptionRule(**{**terms, field: value})
    assert refused.value.field == field


def test_zero_sum_holds_and_its_falsifier_fires() -> None:
    """K8: household and issuer together pay the same with and without unbacked tokens."""
    before = {"household": 3_151_500_000, "issuer": 0}
    check_zero_sum(before, {"household": 823_200_000, "issuer": 2_328_300_000})
    with pytest.raises(RuleViolated) as refused:
        check_zero_sum(before, {"household": 823_200_000, "issuer": 2_328_299_999})
    assert refused.value.code == "NOT_ZERO_SUM"
    with pytest.raises(RuleViolated):
        check_zero_sum(before, {"household": 3_151_500_000})
