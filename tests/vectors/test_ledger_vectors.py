"""Outside truth: what others computed, we compute; see ledger/README.md for where each vector is from."""

import json
from base64 import b64decode
from pathlib import Path

import pytest

from wattmark.core.errors import MalformedInput
from wattmark.crypto.signing import SignatureInvalid, ed25519_public_key, ed25519_sign, ed25519_verify
from wattmark.ledger.checkpoint import Checkpoint, open_checkpoint
from wattmark.ledger.merkle import MerkleTree, leaf_hashes, verify_consistency, verify_inclusion
from wattmark.ledger.note import NoteKey, open_note, parse_vkey, sign_note
from wattmark.ledger.tiles import TILE_WIDTH, parse_tile_path, tile_path, tiles_of

FOLDER = Path(__file__).parent / "ledger"
MERKLE = json.loads((FOLDER / "merkle.json").read_text())
NOTES = json.loads((FOLDER / "notes.json").read_text())
PATHS = json.loads((FOLDER / "tile_paths.json").read_text())
ED25519 = json.loads((FOLDER / "ed25519.json").read_text())
ROOTS = [bytes.fromhex(root) for root in MERKLE["roots"]]


@pytest.fixture(scope="module")
def tree() -> MerkleTree:
    grown = MerkleTree()
    grown.append(leaf_hashes([bytes.fromhex(entry) for entry in MERKLE["entries"]]))
    return grown


def test_roots_of_the_reference_tree(tree):
    assert [tree.root(size) for size in range(9)] == ROOTS


@pytest.mark.parametrize("case", MERKLE["inclusion"])
def test_inclusion_proofs_are_the_published_ones(tree, case):
    proof = [b64decode(digest) for digest in case["proof"]]
    assert tree.inclusion_proof(case["index"], case["size"]) == proof
    verify_inclusion(case["index"], case["size"], tree.node(0, case["index"]), proof, ROOTS[case["size"]])


@pytest.mark.parametrize("case", MERKLE["consistency"])
def test_consistency_proofs_are_the_published_ones(tree, case):
    proof = [b64decode(digest) for digest in case["proof"]]
    assert tree.consistency_proof(case["old"], case["new"]) == proof
    verify_consistency(case["old"], case["new"], ROOTS[case["old"]], ROOTS[case["new"]], proof)


def test_the_example_key_of_the_standard_parses_to_itself():
    assert parse_vkey(NOTES["signed_note_vkey"]).vkey == NOTES["signed_note_vkey"]


def test_the_example_of_go_is_signed_byte_for_byte():
    case = NOTES["go"]
    key = NoteKey.from_skey(case["skey"])
    opened = open_note(case["note"], [case["vkey"]])
    assert (key.vkey, key.skey) == (case["vkey"], case["skey"])
    assert sign_note(opened.text, [key]) == case["note"]


def test_a_witness_cosignature_made_elsewhere_verifies():
    case = NOTES["witnessed"]
    opened = open_note(case["note"], [case["vkey"], case["other_vkey"]])
    assert [(one.name, one.time_s) for one in opened.verified] == [("witness.example.org", case["time_s"])]
    assert [one.name for one in opened.unknown] == [case["origin"]]
    assert Checkpoint.parse(opened.text).size == case["size"]
    assert open_checkpoint(case["note"], case["vkey"], case["origin"]).origin == case["origin"]
    with pytest.raises(MalformedInput):
        open_checkpoint(case["note"], case["vkey"])


def test_an_earlier_time_breaks_a_cosignature():
    case = NOTES["witnessed"]
    with pytest.raises(SignatureInvalid):
        open_note(case["note"].replace("uKLPIAAAAABpVGeA", "uKLPIAAAAABpVGeB"), [case["vkey"]])


@pytest.mark.parametrize("case", PATHS["paths"])
def test_tile_paths(case):
    assert tile_path(case["level"], case["index"], case["width"]) == case["path"]
    tile = parse_tile_path(case["path"])
    assert (tile.level, tile.index, tile.width) == (case["level"], case["index"], case["width"])


@pytest.mark.parametrize("case", PATHS["sizes"])
def test_tiles_of_a_size(case):
    tiles = list(tiles_of(case["size"]))
    for level, count in case["full"].items():
        assert sum(tile.level == int(level) and tile.width == TILE_WIDTH for tile in tiles) == count
    partial = {str(tile.level): tile.width for tile in tiles if tile.width < TILE_WIDTH}
    assert partial == case["partial"]
    assert len(tiles) == sum(case["full"].values()) + len(partial)


def test_rfc_8032():
    case = {name: bytes.fromhex(text) for name, text in ED25519["rfc8032"].items()}
    assert ed25519_public_key(case["seed"]) == case["key"]
    assert ed25519_sign(case["seed"], case["msg"]) == case["sig"]
    ed25519_verify(case["key"], case["msg"], case["sig"])


@pytest.mark.parametrize("case", ED25519["refused"], ids=lambda case: str(case["number"]))
def test_edge_cases_that_libraries_disagree_on_are_refused(case):
    with pytest.raises(SignatureInvalid):
        ed25519_verify(bytes.fromhex(case["key"]), case["msg"].encode(), bytes.fromhex(case["sig"]))


def test_the_verdict_on_a_mixed_order_signature_is_pinned():
    """Libraries disagree on this one; a change of ours would change verdicts and must be noticed."""
    case = ED25519["accepted"]
    ed25519_verify(bytes.fromhex(case["key"]), case["msg"].encode(), bytes.fromhex(case["sig"]))


@pytest.mark.parametrize("key", ED25519["low_order_keys"])
def test_a_key_of_low_order_signs_nothing(key):
    for first in ED25519["low_order_keys"]:
        with pytest.raises(SignatureInvalid):
            ed25519_verify(bytes.fromhex(key), b"anything", bytes.fromhex(first) + bytes(32))
