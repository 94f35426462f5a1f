"""Laws of the compiled SHA-256: it is hashlib's, for every length of a row and every number of rows."""

import os
import subprocess
import sys
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wattmark.ledger import kernels
from wattmark.ledger.hashing import COMPILED_FROM, hash_rows_by_hashlib, row_hasher
from wattmark.ledger.merkle import MerkleTree, leaf_hashes

compiled = pytest.mark.skipif(not kernels.HAS_SHA, reason="this CPU has no SHA instructions")


def _rows(seed, count, length):
    return np.random.default_rng(seed).integers(0, 256, (count, length), np.uint8)


def _expected(prefix, rows):
    return [sha256(prefix + row.tobytes()).digest() for row in rows]


@compiled
@pytest.mark.parametrize("length", range(200))
def test_every_length_is_hashed_as_hashlib_does(length):
    rows = _rows(length, 5, length)
    digests = np.zeros((5, 32), np.uint8)
    kernels.hash_rows(np.uint8(length), rows, digests)
    assert [row.tobytes() for row in digests] == _expected(bytes([length]), rows)


@given(st.integers(0, 9), st.integers(0, 3), st.integers(1, 700), st.integers(0, 255))
@example(seed=0, count=3, length=65_535, prefix=0)
def test_both_ways_agree_with_the_standard(seed, count, length, prefix):
    rows, mark = _rows(seed, count, length), bytes([prefix])
    for hash_rows in (hash_rows_by_hashlib, row_hasher(COMPILED_FROM)):
        digests = hash_rows(mark, rows)
        assert digests.shape == (count, 32)
        assert [row.tobytes() for row in digests] == _expected(mark, rows)


def test_rows_that_do_not_lie_back_to_back_are_hashed():
    wide = _rows(1, 600, 352)
    hash_rows = row_hasher(COMPILED_FROM)
    assert [row.tobytes() for row in hash_rows(b"\x00", wide[::2, ::2])] == _expected(b"\x00", wide[::2, ::2])


@settings(max_examples=20)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=5))
def test_a_tree_of_large_and_small_batches_is_that_of_single_leaves(batches):
    entries = _rows(7, sum(batches), 176)
    tree, single = MerkleTree(), MerkleTree()
    first = 0
    for batch in batches:
        tree.append(leaf_hashes(entries[first : first + batch]))
        first += batch
    for leaf in leaf_hashes([entry.tobytes() for entry in entries]):
        single.append([leaf.tobytes()])
    assert tree.size == single.size == len(entries)
    assert tree.root() == single.root()
    for level in range(tree.size.bit_length()):
        assert tree.nodes(level, 0, tree.size >> level) == single.nodes(level, 0, tree.size >> level)


@pytest.mark.parametrize(("name", "value"), [("NUMBA_DISABLE_JIT", "1"), ("NUMBA_CPU_FEATURES", "")])
def test_without_the_instructions_hashlib_is_taken(name, value):
    """A compiler told to leave the instructions alone would abort the process if it met them."""
    program = (
        "import numpy as np; from wattmark.ledger import hashing, kernels; assert not kernels.HAS_SHA;"
        "assert hashing.row_hasher(10**6) is hashing.hash_rows_by_hashlib"
    )
    environment = {**os.environ, name: value} | ({"NUMBA_CPU_NAME": "generic"} if name == "NUMBA_CPU_FEATURES" else {})
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def test_few_rows_load_no_compiler():
    program = (
        "import sys; from wattmark.ledger.merkle import MerkleTree, leaf_hashes;"
        "MerkleTree().append(leaf_hashes([b'x'] * 100)); sys.exit('numba' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
