"""Laws of blocks in coupled areas: no limits make one area, no capacity makes separate ones, and between the two."""

import os
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.block_cases import PERIODS, hourly_orders, some_blocks
from reference.blocks import Order
from wattmark.market.blocks import Block, check_blocks
from wattmark.market.blocks_book import BlockTable
from wattmark.market.blocks_coupled import CoupledAreas
from wattmark.market.blocks_market import NO_PRICE, HourlyOrders
from wattmark.market.blocks_search import BlockResult, clear_with_blocks, result_of, search
from wattmark.market.coupling import Links

EXAMPLES = 10 if os.environ.get("NUMBA_DISABLE_JIT") else 60
common = settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
PLENTY = 10**6


def columns(orders: list[Order]) -> HourlyOrders:
    table = np.array([order[:5] for order in orders], np.int64).reshape(-1, 5)
    market = np.array([order[5] for order in orders], np.bool_)
    return HourlyOrders(*(table[:, word].copy() for word in range(5)), market)


def links(*capacities: tuple[int, int]) -> list[Links]:
    """Limits there and back between areas 1 and 2, per period."""
    pair = np.array([1, 2]), np.array([2, 1])
    return [Links(pair[0], pair[1], np.array(capacity)) for capacity in capacities]


def run(orders: list[Order], blocks: list[Block], limits: list[Links]) -> BlockResult:
    check_blocks(blocks, PERIODS)
    market = CoupledAreas(columns(orders), 2, PERIODS, limits)
    return result_of(search(BlockTable.of(blocks, market), market))


@common
@given(hourly_orders(), some_blocks())
def test_without_capacity_areas_are_separate(orders: list[Order], blocks: list[Block]) -> None:
    coupled = run(orders, blocks, links(*[(0, 0)] * len(PERIODS)))
    alone = clear_with_blocks(columns(orders), blocks, PERIODS)
    assert coupled.accepted == alone.accepted
    assert coupled.accepted_quantity.tolist() == alone.accepted_quantity.tolist()
    rows = [area - 1 for area in alone.areas]
    trading = alone.price_sen != NO_PRICE  # the system price, where it needs no flow, also names quiet areas (J26)
    assert np.array_equal(coupled.price_sen[rows][trading], alone.price_sen[trading])
    assert np.array_equal(coupled.sold[rows], alone.sold)
    assert coupled.surplus == alone.surplus
    assert coupled.income == (0,) * len(PERIODS)


@common
@given(hourly_orders(), some_blocks())
def test_without_limits_all_areas_are_one(orders: list[Order], blocks: list[Block]) -> None:
    coupled = run(orders, blocks, links(*[(PLENTY, PLENTY)] * len(PERIODS)))
    merged = [(period, 1, side, price, quantity, market) for period, _, side, price, quantity, market in orders]
    one = clear_with_blocks(columns(merged), [replace(block, area=1) for block in blocks], PERIODS)
    assert coupled.accepted == one.accepted
    assert coupled.surplus == one.surplus
    prices = one.price_sen[0] if len(one.price_sen) else np.full(len(PERIODS), NO_PRICE)
    assert np.array_equal(coupled.price_sen, np.stack((prices, prices)))


@common
@given(
    hourly_orders(), some_blocks(), st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=6, max_size=6)
)
def test_between_the_two(orders: list[Order], blocks: list[Block], limits: list[tuple[int, int]]) -> None:
    """Blocks are whole and in the money at their area's prices; what an area sends out flows; income is its price."""
    result = run(orders, blocks, links(*limits))
    sent = result.flow[0] - result.flow[1]
    assert np.array_equal(result.sold - result.bought, np.stack((sent, -sent)))
    assert (result.flow <= np.array(limits).T).all()
    prices = np.where(result.price_sen == NO_PRICE, 0, result.price_sen)
    assert result.income == tuple((sent * (prices[1] - prices[0])).tolist())
    assert min(result.income) >= 0
    by_id = {block.block: block for block in blocks}
    inside = np.zeros((2, 2, len(PERIODS)), np.int64)
    for name in result.accepted:
        block = by_id[name]
        value = sum(quantity * int(result.price_sen[block.area - 1, code - 1]) for code, quantity in block.slots)
        gain = block.limit_sen * block.quantity - value
        assert gain >= 0 if block.side == 1 else gain <= 0
        for code, quantity in block.slots:
            assert result.price_sen[block.area - 1, code - 1] != NO_PRICE
            inside[block.side - 1, block.area - 1, code - 1] += quantity
    hourly = np.zeros_like(inside)
    for order, got in zip(orders, result.accepted_quantity.tolist(), strict=True):
        hourly[order[2] - 1, order[1] - 1, order[0] - 1] += got
    assert np.array_equal(hourly[0] + inside[0], result.bought)
    assert np.array_equal(hourly[1] + inside[1], result.sold)
