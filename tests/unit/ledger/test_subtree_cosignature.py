"""Type 0x06: keys, what a signature covers and what not, and when it counts as a witness's."""

import pytest

from reference.witnessed_log import LOG, witness_key
from wattmark.core.errors import MalformedInput, RuleViolated
from wattmark.crypto.signing import SignatureInvalid
from wattmark.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from wattmark.ledger.cosignature import subtree_message
from wattmark.ledger.note import (
    COSIGNATURE_V1,
    SUBTREE_V1,
    NoteKey,
    add_signatures,
    open_note,
    parse_vkey,
    sign_note,
)
from wattmark.ledger.policy import KnownWitness, parse_policy, quorum_of, verify_policy

KEY = NoteKey("witness.example/pq", bytes(range(32)), SUBTREE_V1)
CHECKPOINT = Checkpoint(LOG.name, 5, bytes(range(32)))
NOTE = sign_checkpoint(CHECKPOINT, LOG)
TIME_S = 1_790_000_000


def cosigned(key: NoteKey, time_s: int, note: str = NOTE) -> str:
    text = CHECKPOINT.format()
    return add_signatures(note, [sign_note(text, [key], time_s).removeprefix(text + "\n")])


def test_key_texts_read_back() -> None:
    assert NoteKey.from_skey(KEY.skey) == KEY
    assert parse_vkey(KEY.vkey) == KEY.verifier
    assert len(KEY.verifier.public_key) == 1_312


@pytest.mark.parametrize("kind", [COSIGNATURE_V1, SUBTREE_V1])
def test_a_key_of_the_other_type_s_length_is_refused(kind: int) -> None:
    key = NoteKey("witness.example", bytes(32), kind)
    other = {COSIGNATURE_V1: SUBTREE_V1, SUBTREE_V1: COSIGNATURE_V1}[kind]
    wrong = type(key.verifier)(key.name, other, key.verifier.public_key)
    with pytest.raises(MalformedInput):
        parse_vkey(wrong.vkey)


def test_a_cosignature_opens_with_its_time() -> None:
    opened = open_note(cosigned(KEY, TIME_S), [KEY.vkey, LOG.vkey])
    assert {one.name: one.time_s for one in opened.verified} == {LOG.name: 0, KEY.name: TIME_S}


def test_extension_lines_are_not_covered_and_everything_else_is() -> None:
    signature = KEY.sign(CHECKPOINT.format(), TIME_S)
    verify = KEY.verifier.verify
    assert verify(CHECKPOINT.format() + "extension\n", signature) == TIME_S
    for other in (
        Checkpoint(LOG.name + "2", 5, CHECKPOINT.root),
        Checkpoint(LOG.name, 6, CHECKPOINT.root),
        Checkpoint(LOG.name, 5, bytes(32)),
    ):
        with pytest.raises(SignatureInvalid):
            verify(other.format(), signature)
    later = (TIME_S + 1).to_bytes(8, "big") + signature[8:]
    for wrong in (later, signature[:-1], signature + b"\0", (1 << 63).to_bytes(8, "big") + signature[8:]):
        with pytest.raises(SignatureInvalid):
            verify(CHECKPOINT.format(), wrong)


def test_the_key_s_name_is_covered() -> None:
    same = NoteKey("witness.example/other", KEY.seed, SUBTREE_V1)
    with pytest.raises(SignatureInvalid):
        same.verifier.verify(CHECKPOINT.format(), KEY.sign(CHECKPOINT.format(), TIME_S))


@pytest.mark.parametrize(
    "text", ["a\n", "a\n1\n", "a\n01\n" + "A" * 43 + "=\n", "a\n1\nAAAA\n", "a\n-1\n" + "A" * 43 + "=\n"]
)
def test_only_a_checkpoint_is_cosigned(text: str) -> None:
    with pytest.raises(MalformedInput):
        KEY.sign(text, TIME_S)


@pytest.mark.parametrize(
    ("cosigner", "time_s", "origin", "leaves", "root"),
    [
        ("", 0, "o", (0, 1), bytes(32)),
        ("w" * 256, 0, "o", (0, 1), bytes(32)),
        ("w", 0, "", (0, 1), bytes(32)),
        ("w", 0, "o" * 256, (0, 1), bytes(32)),
        ("w", 1, "o", (1, 2), bytes(32)),
        ("w", 0, "o", (2, 1), bytes(32)),
        ("w", -1, "o", (0, 1), bytes(32)),
        ("w", 1 << 63, "o", (0, 1), bytes(32)),
        ("w", 0, "o", (0, 1 << 63), bytes(32)),
        ("w", 0, "o", (0, 1), bytes(31)),
    ],
)
def test_what_is_no_subtree_is_refused(
    cosigner: str, time_s: int, origin: str, leaves: tuple[int, int], root: bytes
) -> None:
    with pytest.raises(MalformedInput):
        subtree_message(cosigner, time_s, origin, leaves, root)


def test_a_subtree_is_signed_and_verified_without_a_time() -> None:
    signature = KEY.sign_subtree(LOG.name, (8, 12), bytes(32))
    assert KEY.verifier.verify_subtree(LOG.name, (8, 12), bytes(32), signature) == 0
    with pytest.raises(SignatureInvalid):
        KEY.verifier.verify_subtree(LOG.name, (8, 13), bytes(32), signature)
    ed25519 = witness_key(1)
    with pytest.raises(MalformedInput):
        ed25519.sign_subtree(LOG.name, (8, 12), bytes(32))
    with pytest.raises(SignatureInvalid):
        ed25519.verifier.verify_subtree(LOG.name, (8, 12), bytes(32), signature)


def test_a_policy_counts_both_types_of_cosignature() -> None:
    known = [KnownWitness("pq", KEY.verifier), KnownWitness("w1", witness_key(1).verifier)]
    both = cosigned(witness_key(1), TIME_S, cosigned(KEY, TIME_S + 1))
    witnessed = verify_policy(both, quorum_of(known, 2), LOG.verifier)
    assert witnessed.cosigned_s == {"pq": TIME_S + 1, "w1": TIME_S}


def test_a_cosignature_without_a_time_is_no_witness() -> None:
    """Without a time it does not say that this was the largest tree seen (C2SP tlog-cosignature)."""
    policy = quorum_of([KnownWitness("pq", KEY.verifier)], 1)
    with pytest.raises(RuleViolated):
        verify_policy(cosigned(KEY, 0), policy, LOG.verifier)


def test_a_log_may_sign_with_this_type_alone() -> None:
    log = NoteKey("log.example/pq", bytes(32), SUBTREE_V1)
    checkpoint = Checkpoint(log.name, 5, bytes(range(32)))
    note = sign_checkpoint(checkpoint, log)
    assert open_checkpoint(note, log.vkey) == checkpoint
    assert verify_policy(note, parse_policy(f"log {log.vkey}\nquorum none\n")).checkpoint == checkpoint
