"""Laws of the sum tree: fast = slow, every row proves its part, every changed byte is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import sum_tree as slow
from wattmark.core.errors import MalformedInput, Refused, RuleViolated
from wattmark.ledger.merkle import ProofInvalid
from wattmark.ledger.sumtree import MAX_SUM_WH, Sibling, SumProof, SumTree, verify_sum_proof

leaves = st.lists(
    st.tuples(st.binary(max_size=40), st.integers(0, 1 << 40), st.binary(min_size=16, max_size=16)),
    max_size=33,
    unique_by=lambda leaf: leaf[2],  # a salt is used once
)


def _tree(rows: list[tuple[bytes, int, bytes]]) -> SumTree:
    wh = np.array([wh for _, wh, _ in rows], dtype=np.int64)
    salts = np.frombuffer(b"".join(salt for _, _, salt in rows), dtype=np.uint8).reshape(len(rows), 16)
    return SumTree([row for row, _, _ in rows], wh, salts)


@given(leaves)
def test_root_total_and_proofs_are_those_of_the_definition(rows):
    tree = _tree(rows)
    assert (tree.root, tree.total_wh) == slow.root(rows)
    assert tree.total_wh == sum(wh for _, wh, _ in rows)
    for index, (row, wh, salt) in enumerate(rows):
        proof = tree.proof(index)
        assert [(one.digest, one.wh) for one in proof.siblings] == slow.siblings(index, rows)
        assert SumProof.decode(proof.encode()) == proof
        verify_sum_proof(row, wh, salt, proof, tree.root, tree.total_wh)


@given(leaves.filter(bool), st.data())
def test_every_changed_byte_of_everything_is_refused(rows, data):
    tree = _tree(rows)
    index = data.draw(st.integers(0, len(rows) - 1))
    row, wh, salt = rows[index]
    parts = [row, wh.to_bytes(8, "big"), salt, tree.proof(index).encode(), tree.root, tree.total_wh.to_bytes(8, "big")]
    for place, part in enumerate(parts):
        for byte in range(len(part)):
            changed = list(parts)
            mask = data.draw(st.integers(1, 255)) if byte % 7 == 0 else 1 << (byte % 8)
            changed[place] = part[:byte] + bytes([part[byte] ^ mask]) + part[byte + 1 :]
            with pytest.raises(ProofInvalid):
                verify_sum_proof(
                    changed[0],
                    int.from_bytes(changed[1], "big", signed=True),
                    changed[2],
                    SumProof.decode(changed[3]),
                    changed[4],
                    int.from_bytes(changed[5], "big", signed=True),
                )


@given(leaves.filter(lambda rows: len(rows) > 1), st.data())
def test_a_proof_of_another_length_is_refused(rows, data):
    tree = _tree(rows)
    index = data.draw(st.integers(0, len(rows) - 1))
    row, wh, salt = rows[index]
    proof = tree.proof(index)
    whole = proof.encode()
    for siblings in (proof.siblings[:-1], proof.siblings[1:], (*proof.siblings, proof.siblings[0])):
        with pytest.raises(ProofInvalid):
            verify_sum_proof(row, wh, salt, SumProof(index, proof.rows, siblings), tree.root, tree.total_wh)
    for length in range(len(whole)):
        with pytest.raises(Refused):
            verify_sum_proof(row, wh, salt, SumProof.decode(whole[:length]), tree.root, tree.total_wh)


@pytest.mark.parametrize("wh", [[-1], [5, -5], [MAX_SUM_WH, 1], [1 << 62, 1 << 62], [MAX_SUM_WH, MAX_SUM_WH, 2]])
def test_no_tree_over_negative_or_overflowing_sums(wh):
    with pytest.raises(RuleViolated) as refusal:
        SumTree([b""] * len(wh), np.array(wh, dtype=np.int64), np.zeros((len(wh), 16), np.uint8))
    assert refusal.value.code in {"NEGATIVE_WH", "SUM_OVERFLOW"}


def test_the_largest_total_fits():
    tree = SumTree([b"a", b"b"], np.array([MAX_SUM_WH - 1, 1]), np.zeros((2, 16), np.uint8))
    assert tree.total_wh == MAX_SUM_WH
    verify_sum_proof(b"b", 1, bytes(16), tree.proof(1), tree.root, MAX_SUM_WH)


@pytest.mark.parametrize("stolen", [1, 500])
def test_a_forger_cannot_hide_a_row_behind_a_negative_sum(stolen):
    """The classic fraud: a sibling of negative sum would make room for Wh that were never produced."""
    own, other = (b"own", 1_000, bytes(16)), (b"other", 1_000, bytes(16))
    leaf_hash, _ = slow.node([other])
    for sibling_wh in (-stolen, 2**64 - stolen, MAX_SUM_WH + 1):
        proof = SumProof(0, 2, (Sibling(leaf_hash, sibling_wh),))
        with pytest.raises(ProofInvalid) as refusal:
            verify_sum_proof(*own, proof, bytes(32), 1_000 - stolen)
        assert refusal.value.field == "sibling"
    with pytest.raises(ProofInvalid) as refusal:
        verify_sum_proof(b"own", -5, bytes(16), SumProof(0, 1, ()), bytes(32), -5)
    assert refusal.value.field == "wh"
    with pytest.raises(ProofInvalid) as refusal:
        verify_sum_proof(*own, SumProof(0, 2, (Sibling(leaf_hash, MAX_SUM_WH),)), bytes(32), 0)
    assert refusal.value.field == "sum"


def test_inputs_of_another_shape_are_refused():
    good = ([b"a"], np.array([1]), np.zeros((1, 16), np.uint8))
    bad = [
        ([b"a", b"b"], good[1], good[2]),
        (good[0], good[1].astype(np.float64), good[2]),
        (good[0], good[1], np.zeros((1, 15), np.uint8)),
        (good[0], good[1].reshape(1, 1), good[2]),
    ]
    for case in bad:
        with pytest.raises(MalformedInput):
            SumTree(*case)
    with pytest.raises(MalformedInput):
        SumTree(*good).proof(1)
