"""Laws of the tree: fast = slow, what it proves verifies, and nothing else does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import merkle_tree as slow
from wattmark.core.errors import MalformedInput
from wattmark.ledger.merkle import MerkleTree, ProofInvalid, leaf_hashes, verify_consistency, verify_inclusion
from wattmark.ledger.tiles import changed_tiles, parse_tile_path, tiles_of, tree_from_tiles

ENTRIES = [b"entry %d" % number for number in range(600)]
HASHES = leaf_hashes(ENTRIES)
TREE = MerkleTree()
TREE.append(HASHES)

sizes = st.integers(0, 600)
flips = st.tuples(st.integers(0, 10_000), st.integers(0, 255))


def _flipped(hashes: list[bytes], place: int, bit: int) -> list[bytes]:
    changed = list(hashes)
    one = bytearray(changed[place % len(changed)])
    one[bit // 8] ^= 1 << (bit % 8)
    changed[place % len(changed)] = bytes(one)
    return changed


@given(sizes)
def test_root_of_every_size_is_that_of_the_standard(size):
    assert TREE.root(size) == slow.root(ENTRIES[:size])


@given(st.lists(st.integers(0, 90), max_size=8))
def test_any_batches_make_the_same_tree(batches):
    tree = MerkleTree()
    for number, batch in enumerate(batches):
        part = HASHES[tree.size : tree.size + batch]
        assert tree.append(part if number % 2 else [row.tobytes() for row in part]) == tree.size
    assert tree.size == min(600, sum(batches))
    assert tree.root() == TREE.root(tree.size)


@given(sizes.filter(bool).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size))))
def test_inclusion_proofs_are_those_of_the_standard_and_verify(place):
    index, size = place
    proof = TREE.inclusion_proof(index, size)
    assert proof == slow.path(index, ENTRIES[:size])
    verify_inclusion(index, size, HASHES[index].tobytes(), proof, TREE.root(size))


@given(sizes.filter(bool).flatmap(lambda size: st.tuples(st.lists(st.integers(0, size - 1)), st.just(size))))
def test_proofs_in_bulk_are_those_made_one_by_one(asked):
    indices, size = asked
    proofs = {}
    for paths in TREE.inclusion_proofs(np.array(indices, np.int64), size):
        for place, path in zip(paths.places.tolist(), paths.hashes, strict=True):
            assert place not in proofs
            proofs[place] = [digest.tobytes() for digest in path]
    assert proofs == {place: TREE.inclusion_proof(index, size) for place, index in enumerate(indices)}


@pytest.mark.parametrize(("indices", "size"), [([0, 600], 600), ([-1], 5), ([5], 5), ([], 601), ([], -1)])
def test_proofs_in_bulk_of_what_lies_outside_are_refused(indices, size):
    with pytest.raises(MalformedInput):
        TREE.inclusion_proofs(np.array(indices, np.int64), size)


@given(st.tuples(sizes, sizes).map(sorted))
def test_consistency_proofs_are_those_of_the_standard_and_verify(pair):
    old, new = pair
    proof = TREE.consistency_proof(old, new)
    if 0 < old < new:
        assert proof == slow.proof(old, ENTRIES[:new])
    verify_consistency(old, new, TREE.root(old), TREE.root(new), proof)


@given(st.integers(0, 599), st.integers(0, 599), st.integers(1, 600), flips)
def test_a_changed_inclusion_proof_is_refused(index, other, size, flip):
    index %= size
    leaf, root, proof = HASHES[index].tobytes(), TREE.root(size), TREE.inclusion_proof(index, size)
    leaf_or_proof = _flipped([leaf, root, *proof], *flip)
    bad = [
        (index, size, leaf_or_proof[0], leaf_or_proof[2:], leaf_or_proof[1]),
        (index, size, leaf, [*proof, root], root),
        (index, size, leaf, [leaf, *proof], root),
        (index, size, leaf, [*proof, b""], root),
        (index, size, leaf[:31], proof, root),
        (size, size, leaf, proof, root),
        (-1, size, leaf, proof, root),
    ]
    if proof:
        bad += [(index, size, leaf, proof[:-1], root), (index, size, leaf, proof[1:], root)]
        bad.append((index, size, leaf, [*proof[:-1], proof[-1][:31]], root))
    if other % size != index:
        bad.append((other % size, size, leaf, proof, root))
    for case in bad:
        with pytest.raises(ProofInvalid):
            verify_inclusion(*case)


@given(st.integers(1, 599), st.integers(1, 600), flips)
def test_a_changed_consistency_proof_is_refused(old, new, flip):
    old, new = sorted((old, max(new, 2)))
    old = min(old, new - 1)
    old_root, new_root, proof = TREE.root(old), TREE.root(new), TREE.consistency_proof(old, new)
    flipped = _flipped([old_root, new_root, *proof], *flip)
    bad = [
        (old, new, flipped[0], flipped[1], flipped[2:]),
        (old, new, new_root, old_root, proof),
        (new, old, new_root, old_root, proof),
        (old, new, old_root, new_root, [*proof, new_root]),
        (old, new, old_root, new_root, [old_root, *proof]),
        (old, new, old_root, new_root, proof[:-1]),
        (old, new, old_root, new_root, []),
        (old, new, old_root, new_root, [*proof[:-1], proof[-1][:31]]),
        (0, new, old_root, new_root, []),
        (0, new, TREE.root(0), new_root, proof),
        (new, new, old_root, new_root, []),
    ]
    for case in bad:
        with pytest.raises(ProofInvalid):
            verify_consistency(*case)


@given(st.lists(st.integers(1, 200), min_size=1, max_size=5))
def test_tiles_written_while_growing_are_those_of_the_last_size(steps):
    files: dict[str, bytes] = {}
    size = 0
    for step in steps:
        new_size = min(600, size + step)
        grown = list(changed_tiles(TREE, size, new_size))
        assert all(path not in files for path, _ in grown)
        files.update(grown)
        size = new_size
    expected = list(tiles_of(size))
    assert {tile.path for tile in expected} <= set(files)
    for tile in expected:
        assert files[tile.path] == slow.tile(ENTRIES[:size], tile.level, tile.index, tile.width)
        assert parse_tile_path(tile.path) == tile
    assert tree_from_tiles(files.__getitem__, size).root() == TREE.root(size)


def test_a_tree_of_three_tile_levels():
    """70,000 entries: the tile levels 0, 1 and 2 of the standard's example."""
    hashes = np.arange(70_000 * 32, dtype=np.uint32).astype(np.uint8).reshape(70_000, 32)
    hashes[:, :4] = np.arange(70_000, dtype="<u4").view(np.uint8).reshape(70_000, 4)
    tree = MerkleTree()
    tree.append(hashes)
    files = dict(changed_tiles(tree, 0, 70_000))
    assert files["tile/2/000.p/1"] == tree.node(16, 0)
    assert files["tile/1/001.p/17"] == tree.nodes(8, 256, 273)
    assert files["tile/0/273.p/112"] == hashes[273 * 256 :].tobytes()
    assert tree_from_tiles(files.__getitem__, 70_000).root() == tree.root()


@pytest.mark.parametrize(
    "hashes",
    [
        [b"short"],
        [bytes(32), bytes(33)],
        np.zeros((2, 31), np.uint8),
        np.zeros((2, 32), np.int8),
        np.zeros(32, np.uint8),
    ],
)
def test_what_is_no_hash_is_not_appended(hashes):
    tree = MerkleTree()
    with pytest.raises(MalformedInput):
        tree.append(hashes)
    assert tree.size == 0


@pytest.mark.parametrize("call", ["inclusion_proof", "consistency_proof", "root", "node"])
def test_what_lies_outside_the_tree_is_refused(call):
    arguments = {
        "inclusion_proof": [(600, 600), (0, 601), (-1, 5), (5, 5)],
        "consistency_proof": [(601, 601), (5, 4), (-1, 5), (1, 601)],
        "root": [(601,), (-1,)],
        "node": [(0, 600), (-1, 0), (10, 0), (3, 75)],
    }[call]
    for case in arguments:
        with pytest.raises(MalformedInput):
            getattr(TREE, call)(*case)
