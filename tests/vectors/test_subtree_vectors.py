"""ML-DSA-44 (sub)tree cosignatures (0x06): a signature made elsewhere verifies, and the message is the standard's, byte for byte."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Final

import pytest

from wattmark.crypto.signing import SignatureInvalid
from wattmark.ledger.cosignature import subtree_message
from wattmark.ledger.note import SUBTREE_V1, parse_vkey, split_note

CASE: Final = json.loads((Path(__file__).parent / "ledger" / "subtree.json").read_text())
ROOT: Final = b64decode(CASE["root"])
VERIFIER: Final = parse_vkey(CASE["vkey"])
SIGNATURE: Final = split_note(f"text\n\n{CASE['line']}\n")[1][0]


def test_a_subtree_cosignature_made_elsewhere_verifies() -> None:
    assert (VERIFIER.kind, VERIFIER.vkey) == (SUBTREE_V1, CASE["vkey"])
    assert (SIGNATURE.name, SIGNATURE.key_id) == (VERIFIER.name, VERIFIER.key_id)
    assert VERIFIER.verify_subtree(CASE["origin"], (CASE["start"], CASE["end"]), ROOT, SIGNATURE.signature) == 0


@pytest.mark.parametrize(
    ("origin", "leaves", "root"),
    [
        ("example.com/log2", (8, 13), ROOT),
        ("example.com/log", (8, 12), ROOT),
        ("example.com/log", (9, 13), ROOT),
        ("example.com/log", (8, 13), bytes(32)),
    ],
)
def test_it_covers_origin_leaves_and_root(origin: str, leaves: tuple[int, int], root: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        VERIFIER.verify_subtree(origin, leaves, root, SIGNATURE.signature)


def test_the_message_over_the_example_of_the_standard() -> None:
    """The checkpoint of C2SP tlog-cosignature's example, cosigned at its time; fields in the order of the struct."""
    root = b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
    message = subtree_message(
        "witness.example.com/w1", 1_679_315_147, "example.com/behind-the-sofa", (0, 20_852_163), root
    )
    assert message.hex() == (
        "737562747265652f76310a00"
        "16" + b"witness.example.com/w1".hex() + "00000000641850cb"
        "1b" + b"example.com/behind-the-sofa".hex() + "0000000000000000"
        "00000000013e2dc3"
        "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"
    )
