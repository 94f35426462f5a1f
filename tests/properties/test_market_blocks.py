"""Laws of the auction with blocks (J21-J25), against a twin that clears every selection from scratch."""

import os
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.block_cases import PERIODS, hourly_orders, some_blocks
from reference.blocks import Order, Twin
from wattmark.market.blocks import Block, BlockKind
from wattmark.market.blocks_best import best_selection
from wattmark.market.blocks_book import BlockBook, BlockTable
from wattmark.market.blocks_market import NO_PRICE, HourlyOrders
from wattmark.market.blocks_search import BlockResult, clear_with_blocks, search, separate_areas

EXAMPLES = 40 if os.environ.get("NUMBA_DISABLE_JIT") else 100
common = settings(max_examples=EXAMPLES, deadline=None, derandomize=True)


def columns(orders: list[Order]) -> HourlyOrders:
    table = np.array([order[:5] for order in orders], np.int64).reshape(-1, 5)
    market = np.array([order[5] for order in orders], np.bool_)
    return HourlyOrders(*(table[:, word].copy() for word in range(5)), market)


def run(orders: list[Order], blocks: list[Block]) -> BlockResult:
    return clear_with_blocks(columns(orders), blocks, PERIODS)


def prices(result: BlockResult) -> dict[tuple[int, int], int]:
    return {
        (area, period): int(result.price_sen[i, j])
        for i, area in enumerate(result.areas)
        for j, period in enumerate(result.periods)
        if result.price_sen[i, j] != NO_PRICE
    }


@common
@given(hourly_orders(), some_blocks())
def test_the_search_equals_its_twin(orders: list[Order], blocks: list[Block]) -> None:
    result, twin = run(orders, blocks), Twin(orders, blocks)
    chosen = twin.search()
    outcome = twin.clear(chosen)
    assert set(result.accepted) == chosen
    assert prices(result) == outcome.prices
    assert result.accepted_quantity.tolist() == outcome.accepted
    assert result.surplus == outcome.surplus


@common
@given(hourly_orders(), some_blocks())
def test_every_selection_is_priced_as_if_cleared_from_scratch(orders: list[Order], blocks: list[Block]) -> None:
    """The step curves know price, cut and surplus of any selection, reached by any way."""
    market = separate_areas(columns(orders), blocks, PERIODS)
    table = BlockTable.of(blocks, market)
    names = [block.block for block in table.blocks]
    twin = Twin(orders, blocks)
    book = BlockBook(table, market, np.zeros(len(names), np.bool_))
    random = Random(len(orders))
    for _ in range(6):
        row = random.randrange(len(names))
        book.change((row,), accept=not book.accepted[row])
        outcome = twin.clear({name for name, taken in zip(names, book.accepted, strict=True) if taken})
        failing = {name for name, wrong in zip(names, book.failing(), strict=True) if wrong}
        assert failing == outcome.failing
        if not failing:
            assert dict(zip(names, book.gains().tolist(), strict=True)) == outcome.gains
            assert book.surplus() == outcome.surplus


@common
@given(hourly_orders(), some_blocks())
def test_accepted_blocks_are_whole_in_the_money_and_with_their_partners(
    orders: list[Order], blocks: list[Block]
) -> None:
    result = run(orders, blocks)
    assert sorted(result.accepted + result.rejected) == sorted(block.block for block in blocks)
    twin = Twin(orders, blocks)
    assert twin.valid(set(result.accepted))
    hourly = {
        side: sum(got for got, order in zip(result.accepted_quantity.tolist(), orders, strict=True) if order[2] == side)
        for side in (1, 2)
    }
    inside = {
        side: sum(block.quantity for block in blocks if block.block in result.accepted and block.side == side)
        for side in (1, 2)
    }
    assert hourly[1] + inside[1] == int(result.bought.sum())
    assert hourly[2] + inside[2] == int(result.sold.sum()) == int(result.bought.sum())


@common
@given(hourly_orders(), some_blocks())
def test_what_is_rejected_in_the_money_is_reported(orders: list[Order], blocks: list[Block]) -> None:
    """J23: exactly the rejected blocks that J22 would accept at the published prices, partners included."""
    result = run(orders, blocks)
    gains = Twin(orders, blocks).clear(result.accepted).gains
    published = prices(result)
    by_id = {block.block: block for block in blocks}

    def good(name: int) -> bool:
        block = by_id[name]
        return gains[name] >= 0 and all((block.area, period) in published for period, _ in block.slots)

    def expected(name: int) -> bool:
        block = by_id[name]
        if block.kind.name.startswith("LOOP"):
            return good(name) and good(block.partner)
        if block.kind.name == "LINK_CHILD":
            return good(name) and (block.partner in result.accepted or good(block.partner))
        return good(name)

    assert set(result.paradoxically_rejected) == {name for name in result.rejected if expected(name)}
    assert result.rejected_share() == (len(result.paradoxically_rejected), len(blocks))


@common
@given(hourly_orders(), some_blocks(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing_but_the_odd_unit(
    orders: list[Order], blocks: list[Block], random: Random
) -> None:
    plain = run(orders, blocks)
    places = random.sample(range(len(orders)), len(orders))
    again = run([orders[place] for place in places], random.sample(blocks, len(blocks)))
    assert again.accepted == plain.accepted
    assert again.paradoxically_rejected == plain.paradoxically_rejected
    assert again.areas == plain.areas
    assert np.array_equal(again.price_sen, plain.price_sen)
    assert np.array_equal(again.sold, plain.sold)
    moved = np.abs(again.accepted_quantity - plain.accepted_quantity[places])
    assert moved.max(initial=0) <= 1


@common
@given(hourly_orders(), some_blocks())
def test_ids_matter_only_by_their_order(orders: list[Order], blocks: list[Block]) -> None:
    renamed = [
        replace(block, block=7 * block.block, partner=None if block.partner is None else 7 * block.partner)
        for block in blocks
    ]
    assert [7 * name for name in run(orders, blocks).accepted] == list(run(orders, renamed).accepted)


@settings(max_examples=EXAMPLES // 2, deadline=None, derandomize=True)
@given(hourly_orders(), some_blocks())
def test_the_best_selection_is_the_best_of_all_of_them(orders: list[Order], blocks: list[Block]) -> None:
    """HiGHS proposes, integers decide: surplus and selection are those of the enumeration, never below J25's."""
    market = separate_areas(columns(orders), blocks, PERIODS)
    table = BlockTable.of(blocks, market)
    rule = search(table, market)
    best = best_selection(table, market, rule)
    surplus, chosen = Twin(orders, blocks).best()
    assert best.proven
    assert best.book.holds()
    assert best.surplus == best.book.surplus() == surplus >= rule.surplus()
    taken = {block.block for block, taken in zip(table.blocks, best.book.accepted, strict=True) if taken}
    assert taken == chosen


def crowded_day(seed: int) -> tuple[list[Order], list[Block]]:
    """Many orders and nine blocks that fight for them: most days drop some, take others back, and break links and loops."""
    random = Random(seed)
    orders = []
    for _ in range(70):
        side, market = random.choice((1, 2)), random.random() < 0.08
        price = {1: 99_900, 2: 0}[side] if market else random.randint(1, 30)
        orders.append((random.choice(PERIODS), 1, side, price, random.randint(1, 30), market))
    kinds = [(1, -1)] * 3 + [(4, 4), (5, 3), (2, 6), (3, 5), (4, 8), (5, 7)]
    blocks = []
    for number, (kind, partner) in enumerate(kinds):
        first = random.randint(1, 3)
        slots = tuple((code, random.randint(1, 25)) for code in range(first, random.randint(first + 3, 6) + 1))
        side = random.choice((1, 2))
        limit = random.randint(12, 26) if side == 1 else random.randint(4, 18)
        blocks.append(Block(number, side, limit, slots, 1, BlockKind(kind), None if partner < 0 else partner))
    return orders, blocks


RETRIES = (187, 190, 236, 650, 701, 720)
"""Days on which the order of retries, or a second round of them, decides."""


@pytest.mark.parametrize("seed", [*range(20), *RETRIES])
def test_the_search_equals_its_twin_on_crowded_days(seed: int) -> None:
    orders, blocks = crowded_day(seed)
    result, twin = run(orders, blocks), Twin(orders, blocks)
    assert set(result.accepted) == twin.search()
    assert result.surplus == twin.clear(result.accepted).surplus
