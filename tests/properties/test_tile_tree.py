"""A tree read from tiles says what the tree in memory says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmark.core.errors import MalformedInput, UnknownReference
from wattmark.core.text import Text
from wattmark.ledger.merkle import MerkleTree, leaf_hash
from wattmark.ledger.tiles import changed_tiles, parse_tile_path
from wattmark.ledger.tiletree import TileTree

SIZE = 70_000
WHOLE = MerkleTree()
WHOLE.append([leaf_hash(b"%d" % number) for number in range(SIZE)])
SIZES = st.one_of(
    st.integers(0, SIZE), st.sampled_from([0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 69_888, SIZE])
)


class Store:
    """The tiles of one size, or of a larger log whose partial tiles are gone."""

    def __init__(self, size: int) -> None:
        self._files = dict(changed_tiles(WHOLE, 0, size))
        self.reads: list[str] = []

    def read(self, path: str) -> bytes:
        self.reads.append(path)
        try:
            return self._files[path]
        except KeyError:
            raise UnknownReference("UNKNOWN_TILE", "path", path, Text(en="", ja="")) from None


STORES = {size: Store(size) for size in (SIZE,)}


@settings(max_examples=60, deadline=None)
@given(SIZES, st.data())
def test_roots_and_proofs_are_those_of_the_tree_in_memory(size, data):
    store = Store(size)
    tree = TileTree(store.read, size)
    assert tree.size == size
    assert tree.root() == WHOLE.root(size)
    old = data.draw(st.integers(0, size))
    assert tree.root(old) == WHOLE.root(old)
    assert tree.consistency_proof(old) == WHOLE.consistency_proof(old, size)
    if size:
        index = data.draw(st.integers(0, size - 1))
        assert tree.inclusion_proof(index) == WHOLE.inclusion_proof(index, size)
        (paths,) = tree.inclusion_proofs(np.array([index]))
        assert [digest.tobytes() for digest in paths.hashes[0]] == WHOLE.inclusion_proof(index, size)
        if old > index:
            assert tree.inclusion_proof(index, old) == WHOLE.inclusion_proof(index, old)


@given(st.integers(0, 17), st.integers(0, 300), st.integers(0, 3))
def test_nodes_are_those_of_the_tree_in_memory(level, start, count):
    tree = TileTree(STORES[SIZE].read, SIZE)
    if start + count <= SIZE >> level:
        assert tree.nodes(level, start, start + count) == WHOLE.nodes(level, start, start + count)
    else:
        with pytest.raises(MalformedInput):
            tree.nodes(level, start, start + count)


def test_partial_tiles_that_are_gone_are_cut_from_the_full_ones():
    assert TileTree(STORES[SIZE].read, 300 * 256).size > SIZE
    tree = TileTree(STORES[SIZE].read, 200 * 256 + 17)
    assert tree.root() == WHOLE.root(200 * 256 + 17)


def test_a_proof_reads_a_few_tiles():
    store = Store(SIZE)
    tree = TileTree(store.read, SIZE)
    tree.inclusion_proof(12_345)
    assert len(store.reads) <= 8
    assert len({parse_tile_path(path).level for path in store.reads}) <= 3


def test_it_cannot_grow_and_a_missing_tile_is_named():
    tree = TileTree(Store(256).read, 300)
    with pytest.raises(MalformedInput):
        tree.append([bytes(32)])
    with pytest.raises(UnknownReference):
        tree.root()
    for size in (-1, 301):
        with pytest.raises(MalformedInput):
            tree.root(size)
