"""The day's Merkle tree against the recursive definition of RFC 6962, 2.1."""

from hashlib import sha256

import pytest

from wattmark.metering.errors import ReadingRefused
from wattmark.metering.tree import EMPTY_ROOT, leaf_hash, root_of, slot_proof, verify_slot_proof

HASHES = [leaf_hash(bytes([i])) for i in range(67)]


def rfc6962(hashes):
    """MTH of RFC 6962: split at the largest power of two below n."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return sha256(b"\x01" + rfc6962(hashes[:k]) + rfc6962(hashes[k:])).digest()


@pytest.mark.parametrize("n", range(68))
def test_root_is_that_of_the_definition(n):
    assert root_of(HASHES[:n]) == rfc6962(HASHES[:n])


def test_root_of_nothing():
    assert root_of([]) == EMPTY_ROOT


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 47, 48, 67])
def test_every_slot_can_be_proved(n):
    root = root_of(HASHES[:n])
    for index in range(n):
        path = slot_proof(HASHES[:n], index)
        verify_slot_proof(HASHES[index], index, n, path, root)


def test_a_proof_in_48_slots_is_192_bytes():
    assert sum(map(len, slot_proof(HASHES[:48], 20))) == 192


def wrong_proofs():
    path = slot_proof(HASHES[:48], 20)
    yield "another slot", (HASHES[21], 20, 48, path)
    yield "another index", (HASHES[20], 21, 48, path)
    yield "index outside", (HASHES[20], 48, 48, path)
    yield "negative index", (HASHES[20], -1, 48, path)
    yield "no leaves", (HASHES[20], 0, 0, [])
    yield "too short", (HASHES[20], 20, 48, path[:-1])
    yield "too long", (HASHES[20], 20, 48, [*path, HASHES[0]])
    yield "order", (HASHES[20], 20, 48, path[::-1])
    yield "empty", (HASHES[20], 20, 48, [])


@pytest.mark.parametrize(("name", "proof"), list(wrong_proofs()))
def test_a_wrong_proof_is_refused(name, proof):
    with pytest.raises(ReadingRefused) as refused:
        verify_slot_proof(*proof, root_of(HASHES[:48]))
    assert refused.value.code == "ROOT_MISMATCH"
