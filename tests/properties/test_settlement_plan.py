"""Laws of the plan path: shares equal their twin, serials are used once, the total is below the tokens."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import settlement as twin
from wattmark.settlement.plan import (
    PlanDemand,
    PlanLots,
    allocate_plan,
    customer_proof,
    plan_tree,
    pro_rata,
    verify_customer_proof,
)

KOMA = 1_800


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 20) | st.integers(0, 1 << 40), max_size=12), st.integers(0, 60) | st.integers(0, 1 << 44)
)
def test_pro_rata_equals_its_twin(asked, pot) -> None:
    shares = pro_rata(np.array(asked, np.int64), pot).tolist()
    assert shares == twin.pro_rata(asked, pot)
    assert sum(shares) == min(pot, sum(asked))
    assert all(0 <= share <= wanted for share, wanted in zip(shares, asked, strict=True))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_each_customer_proves_their_part_of_no_more_than_the_tokens(data) -> None:
    customers, periods = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 3))
    keys = [(customer, period) for customer in range(customers) for period in range(periods)]
    demand = PlanDemand(
        [customer for customer, _ in keys],
        [period * KOMA for _, period in keys],
        [KOMA] * len(keys),
        [data.draw(st.integers(0, 40)) for _ in keys],
    )
    sizes = data.draw(st.lists(st.tuples(st.integers(1, 60), st.integers(0, periods - 1)), max_size=6))
    lots = PlanLots(
        list(range(len(sizes))),
        list(range(len(sizes))),
        [3] * len(sizes),
        [3 + wh for wh, _ in sizes],
        [period * KOMA for _, period in sizes],
    )
    allocation = allocate_plan(demand, lots)
    for period in range(periods):
        given_wh = int(allocation.quantity_wh[allocation.period_start_s == period * KOMA].sum())
        asked_wh = int(demand.consumption_wh[demand.period_start_s == period * KOMA].sum())
        pool_wh = sum(wh for wh, at in sizes if at == period)
        assert given_wh == min(asked_wh, pool_wh)
    for bundle in range(len(sizes)):
        used = np.flatnonzero(allocation.bundle == bundle)
        edges = [3, *allocation.end[used].tolist()]
        assert allocation.start[used].tolist() == edges[:-1]
    pseudonyms = [bytes([customer]) * 16 for customer in range(customers)]
    salts = np.zeros((len(allocation), 16), np.uint8)
    tree = plan_tree(allocation, pseudonyms, salts)
    proofs = [customer_proof(tree, allocation, pseudonyms, salts, customer) for customer in range(customers)]
    assert sum(proof.quantity_wh for proof in proofs) == tree.total_wh
    for proof in proofs:
        verify_customer_proof(proof, tree.root, tree.total_wh)
