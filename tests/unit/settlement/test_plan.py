from dataclasses import replace

import numpy as np
import pytest

from wattmark.core.errors import MalformedInput, Refused, RuleViolated
from wattmark.ledger.merkle import ProofInvalid
from wattmark.settlement.plan import (
    CustomerProof,
    PlanDemand,
    PlanLots,
    allocate_plan,
    customer_proof,
    plan_rows,
    plan_tree,
    pro_rata,
    verify_customer_proof,
)

KOMA = 1_800


@pytest.mark.parametrize(
    ("asked", "pot", "expected"),
    [
        ([7, 5, 3], 8, [4, 3, 1]),  # J16
        ([10, 10], 15, [8, 7]),  # J16
        ([50, 149], 200, [50, 149]),
        ([50, 150], 100, [25, 75]),
        ([50, 149], 100, [25, 75]),
        ([1, 1, 1], 1, [1, 0, 0]),
        ([0, 5], 3, [0, 3]),
        ([], 3, []),
        ([1 << 40, 1 << 40], (1 << 40) + 1, [(1 << 39) + 1, 1 << 39]),
    ],
)
def test_pro_rata_by_largest_remainder(asked, pot, expected) -> None:
    assert pro_rata(np.array(asked, np.int64), pot).tolist() == expected


def plan():
    demand = PlanDemand([2, 0, 1, 1], [0, 0, 0, KOMA], [KOMA] * 4, [3, 7, 5, 9])
    lots = PlanLots([8, 9, 3], [80, 90, 30], [10, 0, 5], [16, 2, 105], [0, 0, KOMA])
    return demand, lots


def test_ranges_follow_the_lots_and_the_customers() -> None:
    allocation = allocate_plan(*plan())
    assert list(zip(*(column.tolist() for column in allocation.columns().values()), strict=True)) == [
        (0, 0, KOMA, 8, 80, 10, 14, 4),
        (1, 0, KOMA, 8, 80, 14, 16, 2),
        (1, 0, KOMA, 9, 90, 0, 1, 1),
        (2, 0, KOMA, 9, 90, 1, 2, 1),
        (1, KOMA, KOMA, 3, 30, 5, 14, 9),
    ]


def test_the_order_of_rows_changes_no_byte() -> None:
    demand, lots = plan()
    turned = allocate_plan(demand.take(np.array([3, 1, 0, 2])), lots.take(np.array([2, 1, 0])))
    assert turned.tobytes() == allocate_plan(demand, lots).tobytes()


def test_a_period_without_tokens_gives_nothing() -> None:
    demand, _ = plan()
    assert len(allocate_plan(demand, PlanLots.empty())) == 0


@pytest.mark.parametrize(
    ("demand", "lots", "code"),
    [
        (PlanDemand([1, 1], [0, 0], [KOMA] * 2, [1, 1]), PlanLots.empty(), "CUSTOMER_TWICE"),
        (PlanDemand.empty(), PlanLots([1, 2], [5, 5], [0, 9], [10, 20], [0, KOMA]), "SERIALS_TWICE"),
        (PlanDemand([1], [0], [KOMA], [-1]), PlanLots.empty(), "COLUMN_RANGE"),
        (PlanDemand.empty(), PlanLots([1], [5], [3], [3], [0]), "COLUMN_RANGE"),
    ],
)
def test_what_is_refused(demand, lots, code) -> None:
    with pytest.raises(Refused) as refused:
        allocate_plan(demand, lots)
    assert refused.value.code == code


PSEUDONYMS = [bytes([number]) * 16 for number in range(3)]


@pytest.fixture
def proven():
    allocation = allocate_plan(*plan())
    salts = np.arange(len(allocation) * 16, dtype=np.uint8).reshape(-1, 16)
    tree = plan_tree(allocation, PSEUDONYMS, salts)
    return tree, customer_proof(tree, allocation, PSEUDONYMS, salts, 1)


def test_a_customer_checks_their_own_rows(proven) -> None:
    tree, proof = proven
    assert proof.quantity_wh == 12
    assert tree.total_wh == 17
    verify_customer_proof(proof, tree.root, 17)


def mutations(proof: CustomerProof):
    first, *rest = proof.rows
    yield "own Wh", replace(proof, rows=(replace(first, quantity_wh=first.quantity_wh + 1), *rest))
    yield "row", replace(proof, rows=(replace(first, row=first.row + b"\0"), *rest))
    yield "salt", replace(proof, rows=(replace(first, salt=bytes(16)), *rest))
    yield "row twice", replace(proof, rows=(first, first))
    yield "root", replace(proof, root=bytes(32))
    yield "total", replace(proof, total_wh=18)
    yield "index", replace(proof, rows=(replace(first, proof=replace(first.proof, index=0)), *rest))


@pytest.mark.parametrize("number", range(7))
def test_every_mutation_is_refused(proven, number: int) -> None:
    tree, proof = proven
    _, changed = list(mutations(proof))[number]
    with pytest.raises((ProofInvalid, RuleViolated)):
        verify_customer_proof(changed, tree.root, 17)


def test_the_total_never_exceeds_the_tokens(proven) -> None:
    _, lots = plan()
    assert proven[0].total_wh <= int((lots.end - lots.start).sum())


def test_pseudonyms_have_sixteen_bytes_and_there_is_one_for_each() -> None:
    allocation = allocate_plan(*plan())
    with pytest.raises(MalformedInput, match="PSEUDONYM_LENGTH"):
        plan_rows(allocation, [b"short"] * 3)
    with pytest.raises(MalformedInput, match="COLUMN_RANGE"):
        plan_rows(allocation, PSEUDONYMS[:2])
