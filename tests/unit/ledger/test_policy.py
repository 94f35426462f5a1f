"""C2SP tlog-policy: the language, and what it makes of a note."""

import pytest

from reference.witnessed_log import LOG, STRANGER, Tree, witness_key
from wattmark.core.errors import MalformedInput, RuleViolated
from wattmark.crypto.signing import SignatureInvalid
from wattmark.ledger.checkpoint import Checkpoint, sign_checkpoint
from wattmark.ledger.note import NoteKey, add_signatures, sign_note
from wattmark.ledger.policy import KnownWitness, parse_policy, quorum_of, verify_policy

KEYS = {number: witness_key(number) for number in range(1, 7)}
NOTE = Tree().checkpoint(5)
TWO_LEVELS = "\n".join(
    [
        "# two organisations",
        f"log {LOG.vkey} https://log.example/",
        *(f"witness X{n} {KEYS[n].vkey}" for n in (1, 2, 3)),
        "\tgroup X  2 X1 X2 X3 ",
        *(f"witness Y{n} {KEYS[n].vkey} https://witness.example/{n}" for n in (4, 5, 6)),
        "group Y any Y4 Y5 Y6",
        "",
        "group both all X Y",
        "quorum both",
        "",
    ]
)


def _cosigned(*numbers: int, note: str = NOTE) -> str:
    text = note.split("\n\n", maxsplit=1)[0] + "\n"
    lines = [sign_note(text, [KEYS[number]], 1_700_000_000).split("\n\n")[1] for number in numbers]
    return add_signatures(note, lines)


@pytest.mark.parametrize(
    ("names", "met"),
    [
        ("", False),
        ("X1 X2 X3", False),
        ("Y4 Y5 Y6", False),
        ("X1 Y4", False),
        ("X1 X3 Y5", True),
        ("X1 X2 X3 Y4 Y5 Y6", True),
        ("X1 X1 Y5", False),
        ("X Y", True),  # names of groups never come from cosignatures: witnesses and groups share one namespace
    ],
)
def test_a_quorum_of_groups(names, met):
    assert parse_policy(TWO_LEVELS).is_met(names.split()) == met


@pytest.mark.parametrize(
    ("quorum", "numbers", "met"),
    [(0, (), True), (1, (), False), (1, (3,), True), (2, (3,), False), (2, (1, 3), True), (3, (1, 2, 3), True)],
)
def test_k_of_n_on_a_note(quorum, numbers, met):
    policy = quorum_of([KnownWitness(f"w{n}", KEYS[n].verifier) for n in (1, 2, 3)], quorum)
    note = _cosigned(*numbers)
    if met:
        seen = verify_policy(note, policy, LOG.verifier)
        assert seen.checkpoint.size == 5
        assert seen.cosigned_s == {f"w{n}": 1_700_000_000 for n in numbers}
    else:
        with pytest.raises(RuleViolated) as refused:
            verify_policy(note, policy, LOG.verifier)
        assert refused.value.code == "TOO_FEW_WITNESSES"


def test_one_witness_counts_once_and_strangers_do_not_count():
    policy = quorum_of([KnownWitness(f"w{n}", KEYS[n].verifier) for n in (1, 2)], 2)
    for numbers in ((1, 1), (1, 3, 4, 5)):
        with pytest.raises(RuleViolated):
            verify_policy(_cosigned(*numbers), policy, LOG.verifier)


def test_cosignatures_without_the_log_s_signature_prove_nothing():
    policy = parse_policy(TWO_LEVELS)
    bare = sign_note(NOTE.split("\n\n")[0] + "\n", [KEYS[1], KEYS[2], KEYS[4]], 1)
    with pytest.raises(SignatureInvalid):
        verify_policy(bare, policy)
    foreign = sign_checkpoint(Checkpoint(LOG.name, 0, Tree().upto(0).root(0)), NoteKey(LOG.name, bytes(32)))
    with pytest.raises(SignatureInvalid):
        verify_policy(_cosigned(1, 2, 4, note=foreign), policy)


def test_a_known_witness_s_wrong_signature_spoils_the_note():
    policy = quorum_of([KnownWitness(f"w{n}", KEYS[n].verifier) for n in (1, 2)], 1)
    other = Tree("fork").checkpoint(5)
    line = _cosigned(2, note=other).splitlines(keepends=True)[-1]
    with pytest.raises(SignatureInvalid):
        verify_policy(add_signatures(_cosigned(1), [line]), policy, LOG.verifier)


def test_the_log_that_signs_is_the_log_that_speaks():
    """Two accepted logs cannot speak for each other."""
    policy = parse_policy(f"log {LOG.vkey}\nlog {STRANGER.vkey}\nquorum none\n")
    assert verify_policy(NOTE, policy).checkpoint.origin == LOG.name
    with pytest.raises(MalformedInput) as refused:
        verify_policy(Tree().checkpoint(5, STRANGER), policy)
    assert refused.value.code == "OTHER_LOG"
    with pytest.raises(SignatureInvalid):
        verify_policy(NOTE, policy, STRANGER.verifier)


W1, W2 = f"witness a {KEYS[1].vkey}", f"witness b {KEYS[2].vkey}"
REFUSED = {
    "empty": "",
    "no quorum": W1,
    "two quorums": f"{W1}\nquorum a\nquorum a",
    "unknown quorum": f"{W1}\nquorum b",
    "quorum before it is defined": f"quorum a\n{W1}",
    "unknown word": f"{W1}\nquorum a\nwitnesses",
    "a witness twice": f"{W1}\n{W1}\nquorum a",
    "a key twice": f"{W1}\nwitness b {KEYS[1].vkey}\nquorum a",
    "a log's key for a witness": f"witness a {LOG.vkey}\nquorum a",
    "a witness's key for a log": f"log {KEYS[1].vkey}\nquorum none",
    "a log twice": f"log {LOG.vkey}\nlog {LOG.vkey}\nquorum none",
    "a broken key": f"witness a {KEYS[1].vkey[:-1]}\nquorum a",
    "too many words": f"{W1} https://a b\nquorum a",
    "the reserved name": f"witness none {KEYS[1].vkey}\nquorum none",
    "a group without members": f"{W1}\ngroup g all\nquorum g",
    "threshold 0": f"{W1}\ngroup g 0 a\nquorum g",
    "threshold above n": f"{W1}\ngroup g 2 a\nquorum g",
    "threshold 01": f"{W1}\ngroup g 01 a\nquorum g",
    "threshold in other digits": f"{W1}\ngroup g \u0661 a\nquorum g",
    "none as a member": f"{W1}\ngroup g 1 a none\nquorum g",
    "a member twice": f"{W1}\ngroup g 1 a a\nquorum g",
    "a member of two groups": f"{W1}\n{W2}\ngroup g any a b\ngroup h all a\nquorum h",
    "a group of itself": f"{W1}\ngroup g any g\nquorum g",
    "carriage returns": f"{W1}\r\nquorum a\r\n",
    "not UTF-8": b"quorum none\n# \xff",
    "too long": "quorum none\n" + "#" * 300_000,
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_policies_that_are_none(text):
    with pytest.raises(MalformedInput) as refused:
        parse_policy(text)
    assert refused.value.code == "BAD_POLICY"


@pytest.mark.parametrize("threshold", [-1, 3])
def test_a_quorum_out_of_range(threshold):
    with pytest.raises(MalformedInput):
        quorum_of([KnownWitness(f"w{n}", KEYS[n].verifier) for n in (1, 2)], threshold)
