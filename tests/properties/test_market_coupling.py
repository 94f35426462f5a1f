"""Laws of market splitting: equal to trying everything, exact books, and nothing that depends on who came first."""

import os
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import coupling as twin
from wattmark.core.errors import RuleViolated
from wattmark.market.auction import clear
from wattmark.market.coupling import JAPAN_PAIRS, Coupled, Fences, Links, Steps, couple, japan_links
from wattmark.market.coupling_check import verify_coupled
from wattmark.simulation.benchmarks.coupling import Auction, solve

NO_JIT = bool(os.environ.get("NUMBA_DISABLE_JIT"))
EXAMPLES = 40 if NO_JIT else 700
LARGE = 3 if NO_JIT else 40
Rows = list[tuple[int, int, int, int]]
LinkRows = list[tuple[int, int, int]]
UNITS = {1: 6, 2: 5, 3: 3, 4: 2}
"""Most units a side of an area may offer, so that everything can be tried."""


def as_steps(rows: Rows) -> Steps:
    return Steps(*np.array(rows, np.int64).reshape(-1, 4).T.copy())


def as_links(rows: LinkRows) -> Links:
    return Links(*np.array(rows, np.int64).reshape(-1, 3).T.copy())


@st.composite
def small_auctions(draw: st.DrawFn) -> tuple[Rows, LinkRows, int, int]:
    """(steps, links, areas, ceiling): few units, many ties, market orders, cycles, dead and parallel links."""
    areas = draw(st.sampled_from([1, 2, 2, 3, 3, 3, 4]))
    ceiling = draw(st.sampled_from([3, 5, 6]))
    left = dict.fromkeys(((area, side) for area in range(1, areas + 1) for side in (1, 2)), UNITS[areas])
    rows: Rows = []
    row = st.tuples(st.integers(0, ceiling), st.integers(1, 3), st.integers(1, 2), st.integers(1, areas))
    for price, wish, side, area in draw(st.lists(row, max_size=4 * areas)):
        quantity = min(wish, left[area, side])
        left[area, side] -= quantity
        if quantity:
            rows.append((price, quantity, side, area))
    pairs = [(a, b) for a in range(1, areas + 1) for b in range(1, areas + 1) if a != b]
    most = 3 if areas < 4 else 2
    link = st.tuples(st.sampled_from(pairs or [(1, 2)]), st.integers(0, most))
    found = draw(st.lists(link, max_size=(0, 4, 7, 6)[areas - 1]))
    return rows, [(*pair, capacity) for pair, capacity in found], areas, ceiling


@settings(max_examples=EXAMPLES, derandomize=True)
@given(small_auctions())
def test_the_library_equals_its_twin(auction: tuple[Rows, LinkRows, int, int]) -> None:
    rows, links, areas, ceiling = auction
    found = couple(as_steps(rows), as_links(links), areas=areas, ceiling_sen=ceiling)
    wanted = twin.couple(rows, links, areas, ceiling)
    assert found.prices_sen == tuple(wanted.prices)
    assert (found.system_price_sen, found.split) == (wanted.system_price, wanted.split)
    assert (found.surplus, found.income) == (wanted.surplus, wanted.income)
    assert (found.sold.tolist(), found.bought.tolist()) == (wanted.sold, wanted.bought)
    assert found.flow.tolist() == wanted.flow
    assert found.accepted.tolist() == wanted.accepted
    verify_coupled(as_steps(rows), as_links(links), found, areas=areas, ceiling_sen=ceiling)


@st.composite
def fenced_auctions(draw: st.DrawFn) -> tuple[Rows, LinkRows, list[tuple[list[int], int]], int, int]:
    """A small auction with one or two fences of small coefficients."""
    rows, links, areas, ceiling = draw(small_auctions())
    row = st.lists(st.sampled_from([0, 1, 1, -1, 2]), min_size=areas, max_size=areas)
    return rows, links, draw(st.lists(st.tuples(row, st.integers(0, 2)), min_size=1, max_size=2)), areas, ceiling


@settings(max_examples=EXAMPLES // 2, derandomize=True)
@given(fenced_auctions())
def test_fences_give_the_twins_result_or_a_clear_refusal(
    auction: tuple[Rows, LinkRows, list[tuple[list[int], int]], int, int],
) -> None:
    rows, links, limits, areas, ceiling = auction
    fences = Fences(np.array([row for row, _ in limits], np.int64), np.array([bound for _, bound in limits], np.int64))
    steps, wires = as_steps(rows), as_links(links)
    plain = couple(steps, wires, areas=areas, ceiling_sen=ceiling)
    wanted = twin.couple_fenced(rows, links, limits, areas, ceiling)
    if wanted is not None and wanted.prices is None:
        with pytest.raises(RuleViolated, match="FENCES_NOT_EXACT"):
            couple(steps, wires, areas=areas, ceiling_sen=ceiling, fences=fences)
        return
    found = couple(steps, wires, areas=areas, ceiling_sen=ceiling, fences=fences)
    verify_coupled(steps, wires, found, areas=areas, ceiling_sen=ceiling, fences=fences)
    if wanted is None:
        assert found.prices_sen == plain.prices_sen
        assert (found.accepted == plain.accepted).all()
        return
    assert found.split
    assert (found.surplus, found.sold.tolist(), found.bought.tolist()) == (wanted.surplus, wanted.sold, wanted.bought)
    assert found.tick_sen.tolist() == wanted.prices


def drawn(seed: int, *, quantity: int = 100, capacity: int = 3_000) -> tuple[Steps, Links]:
    """An auction of Japan's nine areas: 2,000 orders in clusters of prices, limits that bind here and there."""
    draw = np.random.default_rng(seed)
    area = draw.integers(1, 10, 2_000)
    price = draw.integers(500, 2_501, 2_000) // 10 * 10 + area * int(draw.integers(0, 60))
    price[draw.random(2_000) < 0.05] = 0
    amount = draw.integers(1, quantity + 1, 2_000)
    side = draw.integers(1, 3, 2_000)
    limits = {pair: int(draw.integers(0, capacity)) for a, b in JAPAN_PAIRS for pair in ((a, b), (b, a))}
    return Steps(price, amount, side, area), japan_links(limits)


@pytest.mark.parametrize("seed", range(LARGE))
def test_large_auctions_have_a_certificate_and_exact_books(seed: int) -> None:
    """Congestion income is value bought less value sold, and flow times price difference; never negative (J29)."""
    steps, links = drawn(seed, quantity=100 if seed % 2 else 2**40, capacity=3_000 if seed % 2 else 2**45)
    found = couple(steps, links, areas=9)
    verify_coupled(steps, links, found, areas=9)
    price = [one or 0 for one in found.prices_sen]
    value = sum(
        int(amount) * price[area - 1] * (1 if side == 1 else -1)
        for amount, area, side in zip(found.accepted, steps.area, steps.side, strict=True)
    )
    rent = sum(
        int(flow) * (price[end - 1] - price[start - 1])
        for flow, start, end in zip(found.flow, links.from_area, links.to_area, strict=True)
    )
    assert found.income == value == rent >= 0
    assert found.net.sum() == 0
    assert found.quantity == found.bought.sum() == found.accepted[steps.side == 1].sum()


@pytest.mark.parametrize("seed", range(LARGE))
def test_the_order_of_arrival_changes_no_price_no_total_and_no_flow(seed: int) -> None:
    steps, links = drawn(seed)
    order = np.random.default_rng(seed).permutation(2_000)
    plain = couple(steps, links, areas=9)
    mixed = couple(Steps(*(getattr(steps, name)[order] for name in Steps.__slots__)), links, areas=9)
    assert (mixed.prices_sen, mixed.surplus, mixed.income) == (plain.prices_sen, plain.surplus, plain.income)
    for name in ("sold", "bought", "flow"):
        assert (getattr(mixed, name) == getattr(plain, name)).all()
    assert np.abs(mixed.accepted - plain.accepted[order]).max() <= 1  # only who gets an odd unit


@pytest.mark.parametrize("seed", range(LARGE))
def test_without_limits_it_is_one_call_auction(seed: int) -> None:
    steps, _ = drawn(seed)
    free = japan_links({pair: 2**50 for a, b in JAPAN_PAIRS for pair in ((a, b), (b, a))})
    found = couple(steps, free, areas=9)
    sells, buys = steps.side == 2, steps.side == 1
    stands = np.where(buys & (steps.price_sen == 0), 99_900, steps.price_sen)
    whole = clear(stands[sells], steps.quantity[sells], stands[buys], steps.quantity[buys])
    assert not found.split
    assert found.income == 0
    assert whole.price_sen is not None
    assert set(found.prices_sen) == {max(whole.price_sen, 1)}
    assert found.quantity == whole.quantity


@pytest.mark.parametrize("seed", range(LARGE))
def test_without_links_it_is_nine_call_auctions(seed: int) -> None:
    steps, _ = drawn(seed)
    found = couple(steps, japan_links({}), areas=9)
    for area in range(1, 10):
        sells, buys = ((steps.area == area) & (steps.side == side) for side in (2, 1))
        stands = np.where(steps.price_sen == 0, np.where(steps.side == 1, 99_900, 0), steps.price_sen)
        alone = clear(stands[sells], steps.quantity[sells], stands[buys], steps.quantity[buys])
        assert found.prices_sen[area - 1] == (None if alone.price_sen is None else max(alone.price_sen, 1))
        assert found.sold[area - 1] == found.bought[area - 1] == alone.quantity


@pytest.mark.parametrize("seed", range(LARGE))
def test_more_capacity_never_costs_surplus(seed: int) -> None:
    steps, links = drawn(seed)
    wider = Links(links.from_area, links.to_area, links.capacity + 100)
    assert couple(steps, wider, areas=9).surplus >= couple(steps, links, areas=9).surplus


@pytest.mark.parametrize("seed", range(5 if NO_JIT else 100))
def test_any_graph_of_areas_has_the_surplus_that_a_solver_finds_and_a_certificate(seed: int) -> None:
    """Up to twelve areas, cycles, parallel and dead links, few ticks or many."""
    draw = np.random.default_rng(seed)
    areas, orders, wires = (int(draw.integers(low, high)) for low, high in ((2, 13), (1, 200), (0, 36)))
    most = int(draw.choice([3, 20, 2_000, 99_900]))
    quantity = draw.integers(1, int(draw.choice([3, 100, 10**6])) + 1, orders)
    steps = Steps(
        draw.integers(0, most + 1, orders), quantity, draw.integers(1, 3, orders), draw.integers(1, areas + 1, orders)
    )
    start, hop = draw.integers(0, areas, wires), draw.integers(1, areas, wires)
    capacity = draw.integers(0, max(2, int(quantity.sum()) // areas), wires)
    links = Links(start + 1, (start + hop) % areas + 1, capacity)
    found = couple(steps, links, areas=areas)
    verify_coupled(steps, links, found, areas=areas)
    assert solve(Auction(steps, links, areas)) == found.surplus


def test_every_forged_result_fails_the_certificate() -> None:
    """Each part of a result, moved by one unit or tick, is found."""
    random = Random(7)
    found_codes = set()
    for seed in range(1, 2 * LARGE, 2):
        steps, links = drawn(seed)
        good = couple(steps, links, areas=9)
        for forged in forgeries(good, random):
            with pytest.raises(RuleViolated) as caught:
                verify_coupled(steps, links, forged, areas=9)
            found_codes.add(caught.value.code)
    assert len(found_codes) >= (5 if NO_JIT else 8), found_codes


def forgeries(good: Coupled, random: Random) -> list[Coupled]:
    def moved(name: str, by: int) -> Coupled:
        column = getattr(good, name).copy()
        column[random.randrange(len(column))] += by
        return replace(good, **{name: column})

    prices = list(good.prices_sen)
    prices[random.randrange(9)] = 1
    loop = good.flow.copy()
    loop[:2] += 1
    lower = [max(1, (price or 2) - 1) for price in good.prices_sen]
    return [
        *(moved(name, by) for name in ("accepted", "sold", "bought", "flow", "tick_sen") for by in (1, -1)),
        replace(good, prices_sen=tuple(prices)),
        replace(good, surplus=good.surplus + 1),
        replace(good, income=good.income - 1),
        replace(good, split=not good.split),
        replace(good, system_price_sen=(good.system_price_sen or 0) + 1),
        replace(good, flow=loop),
        replace(good, tick_sen=good.tick_sen - 1, prices_sen=tuple(lower)),
    ]
