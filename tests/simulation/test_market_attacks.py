"""Every rule of surveillance finds its attack in an honest crowd, and says nothing of honest days."""

from collections import Counter

import pytest

from wattmark.market.surveillance.day import AMENDED
from wattmark.market.surveillance.policy import Surveillance
from wattmark.market.surveillance.watch import RULES, Report, watch
from wattmark.simulation.attacks_amend import VARIANTS, amended_day
from wattmark.simulation.attacks_market import ATTACKS, attacked_day
from wattmark.simulation.honest_market import LIQUID, ONE_SELLER, THIN, Crowd, honest_day

POLICY = Surveillance()
SEEDS = range(8)
OFTEN = {"F6": 6, "F9": 5}
"""Attacks that fail where the market does not move: found at least so often in the seeds; the others always."""


def named(report: Report, rule: str, owners: tuple[int, ...]) -> bool:
    return any(set(alert.owners) & set(owners) for alert in report.of_rule(rule))


def test_every_rule_has_an_attack() -> None:
    assert list(ATTACKS) == [rule.rule for rule in RULES]


@pytest.mark.parametrize("rule", ATTACKS)
def test_the_rule_names_the_attacker(rule: str) -> None:
    found = 0
    for seed in SEEDS:
        attack = attacked_day(rule, seed)
        report = watch(attack.day, POLICY)
        found += named(report, rule, attack.owners)
        strangers = [alert for alert in report.of_rule(rule) if not set(alert.owners) & set(attack.owners)]
        assert strangers == [], f"seed {seed}: somebody honest is named"
    assert found >= OFTEN.get(rule, len(SEEDS))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_rule_names_an_attacker_who_amends(name: str) -> None:
    found = 0
    for seed in SEEDS:
        attack = amended_day(name, seed)
        report = watch(attack.day, POLICY)
        found += named(report, attack.rule, attack.owners)
        strangers = [alert for alert in report.alerts if not set(alert.owners) & set(attack.owners)]
        assert strangers == [], f"seed {seed}: somebody honest is named"
    assert found >= OFTEN.get(VARIANTS[name][0], len(SEEDS))


@pytest.mark.parametrize("crowd", [LIQUID, THIN, ONE_SELLER], ids=["liquid", "thin", "one-seller"])
def test_an_honest_day_is_silent(crowd: Crowd) -> None:
    found: Counter[tuple[int, str]] = Counter()
    for seed in range(1_000, 1_016):
        report = watch(honest_day(seed, crowd), POLICY)
        found.update((seed, alert.rule) for alert in report.alerts)
        assert report.figures.trades > 10
    assert found == {}


def test_honest_makers_take_back_or_amend_nearly_every_quote() -> None:
    """Or the silence of the cancel rules would say little."""
    day = honest_day(5)
    figures = watch(day, POLICY).figures
    amends = int((day.orders.end == AMENDED).sum())
    assert amends > 1_000
    assert figures.cancels > 1_000
    assert figures.cancels + amends > 0.8 * (figures.orders + amends)


def test_a_day_is_its_seeds() -> None:
    one, again, other = honest_day(3), honest_day(3), honest_day(4)
    assert one.orders.price_sen.tolist() == again.orders.price_sen.tolist()
    assert one.orders.price_sen.tolist() != other.orders.price_sen.tolist()
    first, second = (watch(attacked_day("F3", 3).day, POLICY).to_dict() for _ in range(2))
    assert first == second
