"""The operator's market policy: bounds, canonical form, limits of a product, and when it halts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmark.core.errors import MalformedInput
from wattmark.market import layout as m
from wattmark.market.halts import halts_of
from wattmark.market.limits import Limits, limits_of, reference_prices
from wattmark.market.policy import MarketPolicy
from wattmark.market.surveillance.policy import Surveillance
from wattmark.market.thresholds import thresholds


@pytest.mark.parametrize("kind", [MarketPolicy, Surveillance])
def test_defaults_lie_inside_their_bounds_and_are_explained(kind: type) -> None:
    every = list(thresholds(kind))
    assert len(every) > 10
    for one in every:
        assert one.low <= one.default <= one.high, one.name
        assert one.text.en
        assert one.text.ja


def test_only_what_differs_is_written() -> None:
    assert MarketPolicy().to_values() == {}
    policy = MarketPolicy(collar_up=300, surveillance=Surveillance(wash_trades=5))
    assert policy.to_values() == {"collar_up": 300, "surveillance": {"wash_trades": 5}}
    assert MarketPolicy.from_values(policy.to_values()) == policy
    assert not MarketPolicy().acts
    assert policy.acts
    assert MarketPolicy(halt_move=1).acts


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ([], "market"),
        ({"surveillance": 3}, "market.surveillance"),
        ({"colar_up": 3}, "market.colar_up"),
        ({"collar_up": -1}, "market.collar_up"),
        ({"collar_up": True}, "market.collar_up"),
        ({"collar_up": 3.0}, "market.collar_up"),
        ({"surveillance": {"wash_trades": 0}}, "market.surveillance.wash_trades"),
        ({"surveillance": {"wash": 1}}, "market.surveillance.wash"),
        ({"floor_sen": 2_000, "ceiling_sen": 1_000}, "market.floor_sen"),
    ],
)
def test_what_is_wrong_is_named(values: object, field: str) -> None:
    with pytest.raises(MalformedInput) as error:
        MarketPolicy.from_values(values)
    assert error.value.field == field


@pytest.mark.parametrize(
    ("policy", "scope", "reference", "limits"),
    [
        (MarketPolicy(), m.SCOPE_PERIOD, 1_000, (1, 99_900, 0)),
        (MarketPolicy(collar_down=200, collar_up=300), m.SCOPE_PERIOD, 1_000, (800, 1_300, 0)),
        (MarketPolicy(collar_down=200, collar_up=300), m.SCOPE_PERIOD, None, (1, 99_900, 0)),
        (MarketPolicy(collar_down=333, collar_up=333), m.SCOPE_PERIOD, 1_001, (667, 1_335, 0)),
        (MarketPolicy(collar_down=900, collar_up=900, floor_sen=500, ceiling_sen=1_500), 0, 1_000, (500, 1_500, 0)),
        (MarketPolicy(collar_down=100, collar_up=100, floor_sen=500, ceiling_sen=1_500), 0, 9_000, (1_500, 1_500, 0)),
        (MarketPolicy(collar_down=100, collar_up=100, floor_sen=500, ceiling_sen=1_500), 0, 10, (500, 500, 0)),
        (MarketPolicy(position_period_wh=7), m.SCOPE_PERIOD, None, (1, 99_900, 7)),
        (MarketPolicy(position_banked_wh=8), m.SCOPE_BANKED_YEAR, None, (1, 99_900, 8)),
        (MarketPolicy(position_certificate_wh=9), m.SCOPE_CERTIFICATE_YEAR, None, (1, 99_900, 9)),
    ],
)
def test_limits(policy: MarketPolicy, scope: int, reference: int | None, limits: tuple[int, int, int]) -> None:
    assert limits_of(policy, scope, reference) == Limits(*limits)


@given(
    st.integers(0, 999), st.integers(0, 5_000), st.integers(1, 99_900), st.integers(1, 99_900), st.integers(1, 99_900)
)
def test_limits_are_always_ones_the_engine_takes(down: int, up: int, one: int, other: int, reference: int) -> None:
    policy = MarketPolicy(collar_down=down, collar_up=up, floor_sen=min(one, other), ceiling_sen=max(one, other))
    limits = limits_of(policy, m.SCOPE_PERIOD, reference)
    assert policy.floor_sen <= limits.low_sen <= limits.high_sen <= policy.ceiling_sen
    if policy.floor_sen <= reference <= policy.ceiling_sen:
        assert limits.low_sen <= reference <= limits.high_sen


def test_the_reference_is_the_latest_earlier_price_of_the_same_kind() -> None:
    products = np.zeros((6, m.PRODUCT_WORDS), np.int64)
    products[:, m.P_AREA] = [3, 3, 3, 3, 4, 3]
    products[:, m.P_PERIOD_S] = [100, 200, 300, 400, 350, 250]
    products[:, m.P_LAST_PRICE_SEN] = [11, 12, 0, 0, 99, 13]
    products[:, m.P_SOURCE] = [1, 1, 1, 1, 1, 1]
    assert reference_prices(products, np.array([3, 2, 1, 0, 4])).tolist() == [13, 13, 11, 0, 0]
    products[:, m.P_LAST_PRICE_SEN] = 0
    assert reference_prices(products, np.array([3])).tolist() == [0]


def columns(trades: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = np.array(trades, np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


HALTS = MarketPolicy(halt_move=100, halt_within_ms=1_000, halt_trades=2)


@pytest.mark.parametrize(
    ("trades", "halts"),
    [
        ([], []),
        ([(0, 1, 100), (10, 1, 110)], []),
        ([(0, 1, 100), (10, 1, 111)], [(1, 1, 100, 111)]),
        ([(0, 1, 100), (10, 1, 89)], [(1, 1, 100, 89)]),
        ([(0, 1, 100), (1_001, 1, 200)], []),
        ([(0, 1, 100), (1_000, 1, 200)], [(1, 1, 100, 200)]),
        ([(0, 1, 100), (5, 2, 200), (9, 1, 105)], []),
        ([(0, 1, 100), (1, 2, 50), (2, 2, 70), (3, 1, 120)], [(2, 2, 50, 70), (1, 3, 100, 120)]),
        ([(0, 1, 100), (600, 1, 106), (1_200, 1, 112)], []),
        ([(0, 1, 100), (500, 1, 106), (1_000, 1, 112)], [(1, 2, 100, 112)]),
    ],
)
def test_halts(trades: list, halts: list) -> None:
    found = halts_of(HALTS, *columns(trades))
    assert [(one.product, one.trade, one.from_sen, one.to_sen) for one in found] == halts
    assert halts_of(MarketPolicy(), *columns(trades)) == []


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 1), st.integers(1, 30)), max_size=40),
    st.integers(1, 1_500),
    st.integers(1, 100),
    st.integers(2, 5),
)
def test_halts_are_those_of_a_plain_search(trades: list, move: int, within: int, least: int) -> None:
    trades = sorted(trades, key=lambda trade: trade[0])
    policy = MarketPolicy(halt_move=move, halt_within_ms=within, halt_trades=least)
    expected = {}
    for row, (time, product, price) in enumerate(trades):
        window = [p for t, q, p in trades[: row + 1] if q == product and t >= time - within]
        far = any(abs(price - p) * 1_000 > move * p for p in (min(window), max(window)))
        if product not in expected and len(window) >= least and far:
            expected[product] = row
    assert {one.product: one.trade for one in halts_of(policy, *columns(trades))} == expected
