"""Laws of notes, checkpoints and proofs: what is written reads back, and any changed byte is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmark.core.errors import MalformedInput, Refused
from wattmark.crypto.signing import SignatureInvalid
from wattmark.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from wattmark.ledger.merkle import MerkleTree, leaf_hash, leaf_hashes
from wattmark.ledger.note import COSIGNATURE_V1, NoteKey, add_signatures, open_note, parse_vkey, sign_note, split_note
from wattmark.ledger.proof import LogProof, parse_log_proof, verify_log_proof

KEY = NoteKey("example.com/log", bytes(range(32)))
WITNESS = NoteKey("witness.example", bytes(range(1, 33)), COSIGNATURE_V1)

texts = st.lists(st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"])), min_size=1).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)
names = st.text(
    st.characters(min_codepoint=0x21, exclude_categories=["Cs", "Z", "Cc"], exclude_characters="+"), min_size=1
)


@given(texts, names, st.binary(min_size=32, max_size=32))
def test_a_note_opens_to_its_text(text, name, seed):
    key = NoteKey(name, seed)
    opened = open_note(sign_note(text, [KEY, key]), [key.vkey])
    assert opened.text == text
    assert [one.name for one in opened.verified] == [name]
    assert NoteKey.from_skey(key.skey) == key
    assert parse_vkey(key.vkey) == key.verifier


@given(texts, st.integers(0, 2**63 - 1))
def test_a_cosignature_verifies_with_its_time(text, time_s):
    line = sign_note(text, [WITNESS], time_s).removeprefix(text + "\n")
    opened = open_note(add_signatures(sign_note(text, [KEY]), [line]), [WITNESS.vkey, KEY.vkey])
    assert [one.time_s for one in opened.verified] == [0, time_s]


@given(st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_reads_back(size, root):
    checkpoint = Checkpoint(KEY.name, size, root)
    assert Checkpoint.parse(checkpoint.format()) == checkpoint
    assert open_checkpoint(sign_checkpoint(checkpoint, KEY), KEY.vkey) == checkpoint


def test_every_changed_byte_of_a_checkpoint_is_refused():
    note = sign_checkpoint(Checkpoint(KEY.name, 123_456, bytes(range(32))), KEY).encode()
    for place in range(len(note)):
        for bit in range(8):
            changed = note[:place] + bytes([note[place] ^ (1 << bit)]) + note[place + 1 :]
            with pytest.raises(Refused):
                open_note(changed, [KEY.vkey])
    for length in range(len(note)):
        with pytest.raises(Refused):
            open_note(note[:length], [KEY.vkey])


def test_every_changed_byte_of_a_proof_is_refused():
    entries = [b"entry %d" % number for number in range(37)]
    tree = MerkleTree()
    tree.append(leaf_hashes(entries))
    note = sign_checkpoint(Checkpoint(KEY.name, 37, tree.root()), KEY)
    for index in (0, 5, 36):
        proof = LogProof(index, tuple(tree.inclusion_proof(index)), note)
        text = proof.format()
        assert parse_log_proof(text) == proof
        assert verify_log_proof(proof, leaf_hash(entries[index]), KEY.vkey, KEY.name).size == 37
        for place in range(len(text)):
            for bit in range(6):
                changed = text[:place] + chr(ord(text[place]) ^ (1 << bit)) + text[place + 1 :]
                with pytest.raises(Refused):
                    verify_log_proof(parse_log_proof(changed), leaf_hash(entries[index]), KEY.vkey)
        for other in (entry for entry in entries if entry != entries[index]):
            with pytest.raises(Refused):
                verify_log_proof(proof, leaf_hash(other), KEY.vkey)


@given(st.binary(max_size=100))
def test_the_extra_line_is_carried_and_vouched_for_by_nobody(extra):
    root = leaf_hash(b"only")
    note = sign_checkpoint(Checkpoint(KEY.name, 1, root), KEY)
    proof = LogProof(0, (), note, extra)
    assert parse_log_proof(proof.format()) == proof
    assert verify_log_proof(proof, root, KEY.vkey) == Checkpoint(KEY.name, 1, root)


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_arbitrary_input_is_refused_and_never_crashes(text):
    for read in (split_note, parse_vkey, NoteKey.from_skey, Checkpoint.parse, parse_log_proof):
        if isinstance(text, str) or read is split_note:
            try:
                read(text)
            except MalformedInput:
                continue
            assert read is Checkpoint.parse or read is split_note


def test_a_known_key_whose_signature_fails_spoils_the_note():
    note = sign_note("text\n", [KEY])
    other = NoteKey("other.example", bytes(32))
    forged = sign_note("another\n", [other]).removeprefix("another\n\n")
    both = add_signatures(note, [forged])
    assert [one.name for one in open_note(both, [KEY.vkey]).verified] == [KEY.name]
    with pytest.raises(SignatureInvalid):
        open_note(both, [KEY.vkey, other.vkey])
    with pytest.raises(SignatureInvalid):
        open_note(note, [other.vkey])
    with pytest.raises(SignatureInvalid):
        open_note(note, [])


def test_at_least_sixteen_and_at_most_a_hundred_signatures_are_read():
    keys = [NoteKey(f"witness{number}.example", bytes([number] * 32)) for number in range(100)]
    assert len(open_note(sign_note("text\n", keys), [key.vkey for key in keys]).verified) == 100
    with pytest.raises(MalformedInput):
        split_note(sign_note("text\n", [*keys, KEY]))
