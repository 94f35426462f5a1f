"""The bank: redemption rules fixed at deposit (K3, K5), charge in kind (K5), cover (K4, L9).

A banked token is a liability of the operator. Its rule is named at deposit and never changes for it;
a new version binds later deposits only. A rule reads the day-ahead price of the period it serves,
which is published before the day, and nothing later: choosing the best slots afterwards would be a
look-back option (K3).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from wattmark.core.energy import MAX_WH
from wattmark.core.errors import MalformedInput, RuleViolated, UnknownReference
from wattmark.core.money import MAX_AMOUNT_E5, MAX_PRICE_SEN
from wattmark.core.periods import DAY_S
from wattmark.core.text import Text

PER_MILLE: Final = 1_000
STRESS_PRICE_SEN: Final = 25_100
"""251.00 JPY/kWh, the highest system price of January 2021 (K4, K6) [sen/kWh]."""


@dataclass(frozen=True, slots=True)
class RedemptionRule:
    """Terms of a deposit, fixed when it is made (K3, K5).

    Attributes:
        version: number recorded with the deposit.
        min_price_sen: a period is served only if its day-ahead price is at least this [sen/kWh].
        cap_per_slot_wh: most that one account redeems under this rule in one period [Wh].
        charge_per_mille: kept by the bank of every deposit, in kind [1/1000].
        lapse_days: days after the deposit when what is left lapses [days].
    """

    version: int
    min_price_sen: int
    cap_per_slot_wh: int
    charge_per_mille: int
    lapse_days: int

    def __post_init__(self) -> None:
        """Check the terms.

        Raises:
            MalformedInput: a term outside its range.
        """
        limits = {
            "version": (1, 1_000),
            "min_price_sen": (0, MAX_PRICE_SEN),
            "cap_per_slot_wh": (1, MAX_WH),
            "charge_per_mille": (0, PER_MILLE),
            "lapse_days": (1, 3_660),
        }
        for field, (low, high) in limits.items():
            if not low <= getattr(self, field) <= high:
                rule = Text(en=f"{low} to {high}", ja=f"{low}以上{high}以下")
                raise MalformedInput("REDEMPTION_RULE_INVALID", field, getattr(self, field), rule)

    def redeem_until_s(self, deposit_s: int) -> int:
        """Return when a deposit made at ``deposit_s`` lapses [POSIX s]."""
        return deposit_s + self.lapse_days * DAY_S


REDEMPTION_RULES: Final[Mapping[int, RedemptionRule]] = MappingProxyType(
    {
        rule.version: rule
        for rule in (
            # Any period, generous cap: the plain savings book. 8 % in kind, as the precedent of K5.
            RedemptionRule(version=1, min_price_sen=0, cap_per_slot_wh=MAX_WH, charge_per_mille=80, lapse_days=90),
            # Only dear periods (20 JPY/kWh and above), 2 kWh each, for less in kind: insurance against spikes.
            RedemptionRule(version=2, min_price_sen=2_000, cap_per_slot_wh=2_000, charge_per_mille=50, lapse_days=365),
            # Cheap-hours only would invite arbitrage; a short book without a charge instead, tightly capped.
            RedemptionRule(version=3, min_price_sen=0, cap_per_slot_wh=500, charge_per_mille=0, lapse_days=30),
        )
    }
)
"""Every rule ever offered: a version is never edited or removed, since deposits refer to it (K3)."""


def redemption_rule(version: int, rules: Mapping[int, RedemptionRule] = REDEMPTION_RULES) -> RedemptionRule:
    """Return the rule of a version.

    Raises:
        UnknownReference: no such version was ever offered.
    """
    if version in rules:
        return rules[version]
    rule = Text(en=f"one of the versions {sorted(rules)}", ja=f"{sorted(rules)}のいずれかの版")
    raise UnknownReference("REDEMPTION_RULE_UNKNOWN", "redeem_rule", version, rule)


@dataclass(frozen=True, slots=True)
class Deposit:
    """How a deposit divides: the depositor's serials come first, the bank's charge after them [Wh]."""

    credited_wh: int
    charge_wh: int


def charge_in_kind(deposited_before_wh: int, deposit_wh: int, charge_per_mille: int) -> Deposit:
    """Return how a deposit divides, rounded on the cumulative deposit (K5).

    The credit is floored on the running total, so cutting a deposit in pieces gains nothing: at 80
    per mille, 999 and then 1 Wh leave 919 and 1, and 80 to the bank.

    Args:
        deposited_before_wh: everything this account deposited under this rule before [Wh].
        deposit_wh: this deposit [Wh].
        charge_per_mille: the rule's charge.

    Raises:
        MalformedInput: a negative quantity or a charge outside 0..1000.
    """
    for name, value, high in (
        ("deposited_before_wh", deposited_before_wh, MAX_AMOUNT_E5),
        ("deposit_wh", deposit_wh, MAX_WH),
        ("charge_per_mille", charge_per_mille, PER_MILLE),
    ):
        if not 0 <= value <= high:
            rule = Text(en=f"0 to {high}", ja=f"0以上{high}以下")
            raise MalformedInput("DEPOSIT_INVALID", name, value, rule)
    keep = PER_MILLE - charge_per_mille
    credited_wh = (deposited_before_wh + deposit_wh) * keep // PER_MILLE - deposited_before_wh * keep // PER_MILLE
    return Deposit(credited_wh, deposit_wh - credited_wh)


@dataclass(frozen=True, slots=True)
class Cover:
    """What stands behind the banked tokens (K4, L9).

    Attributes:
        forward_wh: bought forward for the redemption window [Wh].
        stored_wh: in storage, after discharge losses and within power limits [Wh].
        collateral_e5: free collateral [10^-5 JPY].
        stress_price_sen: price at which the collateral must buy the rest [sen/kWh].
        outstanding_wh: banked tokens not yet redeemed [Wh].
    """

    forward_wh: int
    stored_wh: int
    collateral_e5: int
    stress_price_sen: int
    outstanding_wh: int

    def __post_init__(self) -> None:
        """Check the figures.

        Raises:
            MalformedInput: a negative figure, or a stress price below one sen.
        """
        for field, low in (
            ("forward_wh", 0),
            ("stored_wh", 0),
            ("collateral_e5", 0),
            ("stress_price_sen", 1),
            ("outstanding_wh", 0),
        ):
            if getattr(self, field) < low:
                rule = Text(en=f"at least {low}", ja=f"{low}以上")
                raise MalformedInput("COVER_INVALID", field, getattr(self, field), rule)

    @property
    def collateral_wh(self) -> int:
        """Return what the collateral buys at the stress price [Wh]."""
        return self.collateral_e5 // self.stress_price_sen

    @property
    def cover_wh(self) -> int:
        """Return F + S + C // p (K4) [Wh]."""
        return self.forward_wh + self.stored_wh + self.collateral_wh

    @property
    def ratio(self) -> Fraction | None:
        """Return cover / outstanding, exactly; ``None`` when nothing is owed (there is no ratio)."""
        return Fraction(self.cover_wh, self.outstanding_wh) if self.outstanding_wh else None

    @property
    def ratio_per_mille(self) -> int | None:
        """Return the ratio in 1/1000, floored so that it never looks better than it is."""
        return self.cover_wh * PER_MILLE // self.outstanding_wh if self.outstanding_wh else None

    @property
    def is_full(self) -> bool:
        """Return whether the cover is at least what is owed."""
        return self.cover_wh >= self.outstanding_wh

    @property
    def missing_e5(self) -> int:
        """Return the least further collateral that makes the ratio 1 [10^-5 JPY]."""
        short_wh = self.outstanding_wh - self.forward_wh - self.stored_wh
        return max(0, short_wh * self.stress_price_sen - self.collateral_e5)

    @property
    def stressed_debt_e5(self) -> int:
        """Return what delivering the uncovered part costs at the stress price (K4) [10^-5 JPY]."""
        return max(0, self.outstanding_wh - self.forward_wh - self.stored_wh) * self.stress_price_sen

    def after_deposit(self, credited_wh: int) -> "Cover":
        """Return the cover once ``credited_wh`` more are owed.

        Raises:
            RuleViolated: the ratio would be below 1, so deposits stop (K4).
        """
        after = Cover(
            self.forward_wh,
            self.stored_wh,
            self.collateral_e5,
            self.stress_price_sen,
            self.outstanding_wh + credited_wh,
        )
        if after.is_full:
            return after
        rule = Text(
            en=f"cover of at least what is owed: {after.cover_wh} of {after.outstanding_wh} Wh (K4)",
            ja=f"裏付けが残高以上であること: {after.cover_wh} / {after.outstanding_wh} Wh(K4)",
        )
        raise RuleViolated("COVER_TOO_SMALL", "credited_wh", credited_wh, rule)


def smallest_cover(windows: Iterable[Cover]) -> Cover | None:
    """Return the redemption window with the smallest ratio, the one that is published (K4).

    Windows in which nothing is owed have no ratio; ``None`` when that is so in all of them.
    """
    owing = [cover for cover in windows if cover.outstanding_wh]
    return min(owing, key=lambda cover: Fraction(cover.cover_wh, cover.outstanding_wh), default=None)


def check_zero_sum(before_e5: Mapping[str, int], after_e5: Mapping[str, int]) -> None:
    """Check that unbacked banking only moved money between parties (K8, L9).

    Args:
        before_e5: cost per party without banking, same demand and prices [10^-5 JPY].
        after_e5: cost per party with unbacked banking; the issuer is a party [10^-5 JPY].

    Raises:
        RuleViolated: the sum over all parties changed, so the model is wrong: demand in every slot is
            the same and therefore so is what the energy costs.
    """
    gain_e5 = sum(before_e5.values()) - sum(after_e5.values())
    if before_e5.keys() == after_e5.keys() and gain_e5 == 0:
        return
    rule = Text(
        en="unbacked tokens save nothing over all parties (K8)",
        ja="裏付けのないトークンは全当事者の合計で何も節約しません(K8)",
    )
    raise RuleViolated("NOT_ZERO_SUM", "gain_e5", gain_e5, rule)
