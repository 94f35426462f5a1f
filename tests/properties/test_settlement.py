"""Laws of settlement: the kernel does what its slow twin does, and no order of rows changes a byte."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import settlement as twin
from reference.settlement_world import AREAS, KOMA, as_columns, worlds
from wattmark.settlement import kernels
from wattmark.settlement.bank import REDEMPTION_RULES
from wattmark.settlement.columns import DaySettlement, Demand, Lots, SpotPrices
from wattmark.settlement.settle import settle_day
from wattmark.settlement.tariff import Tariff
from wattmark.tokens.lot import Claim

TARIFF = Tariff(version=1, energy_adder_sen=700)
EXAMPLES = 20 if os.environ.get("NUMBA_DISABLE_JIT") else 200


def rows(table) -> list[tuple[int, ...]]:
    return list(zip(*(column.tolist() for column in table.columns().values()), strict=True))


def run(world) -> DaySettlement:
    return settle_day(*as_columns(world), TARIFF)


@settings(max_examples=EXAMPLES, deadline=None)
@given(worlds())
def test_the_kernel_equals_its_twin(world) -> None:
    allocation, residual = twin.settle(*world, TARIFF.energy_adder_sen)
    result = run(world)
    assert rows(result.allocation) == allocation
    assert rows(result.residual) == residual


@settings(max_examples=EXAMPLES, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_byte(world, random) -> None:
    mixed = [random.sample(table, len(table)) for table in world]
    assert run(mixed).tobytes() == run(world).tobytes()


@settings(max_examples=EXAMPLES, deadline=None)
@given(worlds())
def test_each_account_alone_gives_its_rows_of_the_whole(world) -> None:
    demand, lots, prices = as_columns(world)
    whole = run(world)
    for account in range(3):
        alone = settle_day(
            demand.take(np.flatnonzero(demand.account == account)),
            lots.take(np.flatnonzero(lots.account == account)),
            prices,
            TARIFF,
        )
        mine = np.flatnonzero(whole.allocation.account == account)
        assert alone.allocation.tobytes() == whole.allocation.take(mine).tobytes()


@settings(max_examples=EXAMPLES, deadline=None)
@given(worlds())
def test_energy_is_conserved_and_ranges_never_overlap(world) -> None:
    _, lots, _ = as_columns(world)
    result = run(world)
    residual, allocation = result.residual, result.allocation
    covered = residual.same_slot_wh + residual.banked_wh + residual.residual_wh
    assert (covered == residual.consumption_wh).all()
    assert (allocation.quantity_wh == allocation.end - allocation.start).all()
    assert (allocation.quantity_wh > 0).all()
    for claim, column in ((Claim.SAME_SLOT, residual.same_slot_wh), (Claim.BANKED, residual.banked_wh)):
        assert int(allocation.quantity_wh[allocation.claim == claim].sum()) == int(column.sum())
    for at in range(len(lots)):
        used = np.flatnonzero(allocation.lot == lots.lot[at])
        edges = [int(lots.start[at]), *(int(end) for end in allocation.end[used])]
        assert [int(start) for start in allocation.start[used]] == edges[:-1], "ascending, without a gap"
        assert edges[-1] <= lots.end[at]


@settings(max_examples=EXAMPLES, deadline=None)
@given(worlds(), st.integers(1, 4), st.sampled_from([1, 1_999, 2_000, 99_900]))
def test_later_prices_change_nothing_earlier(world, period, price_sen) -> None:
    """K3: a rule reads the price of the period it serves and no later one."""
    demand, lots, prices = world
    cut = period * KOMA
    other = [{**row, "price_sen": price_sen} if row["period_start_s"] >= cut else row for row in prices]
    before = [row for row in rows(run(world).allocation) if row[2] < cut]
    assert [row for row in rows(run((demand, lots, other)).allocation) if row[2] < cut] == before


@settings(max_examples=EXAMPLES, deadline=None)
@given(worlds())
def test_no_rule_cap_is_exceeded_and_no_cheap_period_is_served(world) -> None:
    _, lots, _ = as_columns(world)
    result = run(world)
    version_of = dict(zip(lots.lot.tolist(), lots.redeem_rule.tolist(), strict=True))
    price = {(row[0], row[1], row[2]): row[8] for row in rows(result.residual)}
    used: dict[tuple[int, ...], int] = {}
    for account, area, start_s, _, lot, _, _, _, wh, claim in rows(result.allocation):
        if claim == Claim.BANKED:
            rule = REDEMPTION_RULES[version_of[lot]]
            key = (account, area, start_s, rule.version)
            used[key] = used.get(key, 0) + wh
            assert used[key] <= rule.cap_per_slot_wh
            assert price[account, area, start_s] >= rule.min_price_sen


small = st.lists(st.integers(0, 12) | st.integers(0, 1 << 40), max_size=9)


@settings(max_examples=EXAMPLES, deadline=None)
@given(small, small)
def test_overlap_equals_its_formula(first, second) -> None:
    found = kernels.overlap(np.array(first, np.int64), np.array(second, np.int64))
    assert list(zip(*(column.tolist() for column in found), strict=True)) == twin.overlap(first, second)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.integers(0, 1 << 40), min_size=1, max_size=9), st.data())
def test_floor_shares_are_exact_where_the_product_needs_128_bits(quantity, data) -> None:
    asked = max(1, sum(quantity)) * data.draw(st.sampled_from([1, 1 << 10]))
    pot = data.draw(st.integers(0, asked))
    share, rest = kernels.floor_shares(np.array(quantity, np.int64), pot, asked)
    assert list(zip(share.tolist(), rest.tolist(), strict=True)) == [divmod(q * pot, asked) for q in quantity]


@settings(max_examples=30, deadline=None)
@given(worlds(accounts=2, periods=4, most_lots=8))
def test_same_slot_matching_is_as_large_as_a_linear_program_finds(world) -> None:
    """B7: the kernel's same-slot Wh equal the optimum of B2 a, b, d, e."""
    highspy = pytest.importorskip("highspy")
    demand, lots, _ = world
    needs: dict[tuple[int, int, int], int] = {}
    for row in demand:
        key = (row["account"], row["area"], row["period_start_s"])
        needs[key] = needs.get(key, 0) + row["consumption_wh"]
    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    pairs = [
        (at, key)
        for at, lot in enumerate(lots)
        for key in needs
        if lot["kind"] != 2
        and (lot["account"], lot["area"], lot["period_start_s"]) == key
        and lot["duration_s"] == KOMA
    ]
    if not pairs:
        assert int(run(world).residual.same_slot_wh.sum()) == 0
        return
    infinity = highspy.kHighsInf
    for _ in pairs:
        model.addVar(0, infinity)
    for at, lot in enumerate(lots):
        mine = [number for number, pair in enumerate(pairs) if pair[0] == at]
        model.addRow(-infinity, lot["end"] - lot["start"], len(mine), mine, [1.0] * len(mine))
    for key, need in needs.items():
        mine = [number for number, pair in enumerate(pairs) if pair[1] == key]
        model.addRow(-infinity, need, len(mine), mine, [1.0] * len(mine))
    for number in range(len(pairs)):
        model.changeColCost(number, -1.0)
    model.run()
    assert round(-model.getObjectiveValue()) == int(run(world).residual.same_slot_wh.sum())


def test_the_laws_hold_without_the_compiler() -> None:
    """Section 5: the same properties with NUMBA_DISABLE_JIT=1."""
    if os.environ.get("NUMBA_DISABLE_JIT"):
        pytest.skip("this is that run")
    chosen = ["twin", "order_of_rows", "overlap_equals", "floor_shares"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", " or ".join(chosen)],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3_000:]


def test_one_world_by_hand_is_what_the_columns_say() -> None:
    """A guard for the twin itself: 100 Wh used, 30 own, 50 banked, 20 bought."""
    demand = Demand([7], [3], [KOMA], [KOMA], [100])
    lots = Lots([4, 9], [7, 7], [1, 2], [3, 3], [10, 0], [40, 50], [KOMA, -KOMA + KOMA], [KOMA] * 2, [1, 2],
                [10**9] * 2, [0, 1], [0, 0], [0, 10**9])  # fmt: skip
    result = settle_day(demand, lots, SpotPrices([AREAS[0]], [KOMA], [KOMA], [1_234]), TARIFF)
    assert rows(result.allocation) == [
        (7, 3, KOMA, KOMA, 4, 1, 10, 40, 30, 1),
        (7, 3, KOMA, KOMA, 9, 2, 0, 50, 50, 2),
    ]
    assert rows(result.residual) == [(7, 3, KOMA, KOMA, 100, 30, 50, 20, 1_234, 24_680, 14_000)]
