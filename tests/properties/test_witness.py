"""Whatever is sent to a witness: it cosigns only what extends what it cosigned, and nothing else changes it."""

import base64
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.witnessed_log import LOG, NOW_MS, Tree, witness, witness_key
from wattmark.core.errors import MalformedInput, Refused
from wattmark.crypto.signing import SignatureInvalid
from wattmark.ledger.note import split_note
from wattmark.ledger.policy import parse_policy
from wattmark.ledger.witness import (
    CheckpointRefused,
    Status,
    format_request,
    open_answer,
    origin_hash,
    parse_request,
    parse_size_answer,
)

MOST = 40
STORIES = [Tree(), Tree("fork"), *(Tree(f"fork {shared}", shared=shared) for shared in (1, 5, 16, 31))]
SUBMISSIONS = st.tuples(st.sampled_from(STORIES), st.integers(0, MOST), st.integers(0, MOST))


def _status(asked, body: bytes) -> Status:
    try:
        asked.add_checkpoint(body, NOW_MS)
    except CheckpointRefused as refused:
        return refused.status
    return Status.COSIGNED


@settings(max_examples=40, deadline=None)
@given(st.lists(SUBMISSIONS, max_size=25))
def test_cosigned_checkpoints_form_one_growing_log(submissions):
    """The model: sizes never shrink, and each cosigned tree is a prefix of every later one, entry by entry."""
    with TemporaryDirectory() as folder:
        asked = witness(Path(folder))
        story, size = STORIES[0], 0
        for tree, old, new in submissions:
            extends = all(tree.entry(n) == story.entry(n) for n in range(size))
            status = _status(asked, tree.request(old, new))
            if status is Status.COSIGNED:
                assert (old, extends) == (size, True)
                story, size = tree, new
            else:
                expected = Status.MALFORMED if old > new else Status.OTHER_SIZE if old != size else Status.INCONSISTENT
                assert status is expected
                assert status is not Status.INCONSISTENT or not extends
            assert size == 0 or asked.latest(origin_hash(LOG.name)).startswith(f"{LOG.name}\n{size}\n")


GOOD = STORIES[0].request(5, 9)
MUTATIONS = st.lists(
    st.tuples(st.integers(0, len(GOOD) - 1), st.sampled_from(["flip", "cut", "insert", "swap"]), st.integers(0, 255)),
    min_size=1,
    max_size=4,
)


def _mutated(data: bytes, mutations: list[tuple[int, str, int]]) -> bytes:
    changed = bytearray(data)
    for place, how, value in mutations:
        at = place % max(len(changed), 1)
        if how == "insert" or not changed:
            changed[at:at] = bytes([value])
        elif how == "flip":
            changed[at] ^= 1 << value % 8
        elif how == "cut":
            del changed[at : at + value % 16 + 1]
        else:
            changed[at] = value
    return bytes(changed)


@pytest.fixture(scope="module")
def at_five(tmp_path_factory):
    folder = tmp_path_factory.mktemp("witness")
    asked = witness(folder)
    asked.add_checkpoint(STORIES[0].request(0, 5), NOW_MS)
    return asked


@settings(max_examples=400, deadline=None)
@given(MUTATIONS)
def test_a_mutated_request_is_refused_or_says_the_same(at_five, mutations):
    before = at_five.latest(origin_hash(LOG.name))
    body = _mutated(GOOD, mutations)
    try:
        old, proof, note = parse_request(body)
        assert parse_request(format_request(old, proof, note)) == (old, proof, note)
        same = (old, list(proof)) == (5, STORIES[0].upto(9).consistency_proof(5, 9))
        same = same and split_note(note) == split_note(GOOD.decode().partition("\n\n")[2])
    except MalformedInput:
        same = False
    if same:
        return
    with pytest.raises(CheckpointRefused):
        at_five.add_checkpoint(body, NOW_MS)
    assert at_five.latest(origin_hash(LOG.name)) == before


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300) | MUTATIONS.map(lambda m: _mutated(ANSWER, m)))
def test_an_answer_is_verified_or_refused(body):
    try:
        assert open_answer(body, NOTE, witness_key(1).verifier).line == ANSWER.decode()
    except (MalformedInput, SignatureInvalid):
        assert body != ANSWER


NOTE = STORIES[0].checkpoint(9)
with TemporaryDirectory() as _folder:
    ANSWER = witness(Path(_folder)).add_checkpoint(STORIES[0].request(0, 9), NOW_MS).encode()


@given(st.binary(max_size=30) | st.integers(0, 1 << 64).map(lambda n: f"{n}\n".encode()))
def test_a_size_is_a_size(body):
    try:
        size = parse_size_answer(body)
    except MalformedInput:
        return
    assert body == f"{size}\n".encode()
    assert 0 <= size < 1 << 63


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | MUTATIONS.map(lambda m: _mutated(POLICY, m)))
def test_a_policy_is_one_or_refused(data):
    try:
        policy = parse_policy(data)
    except MalformedInput:
        return
    assert policy.is_met([known.name for known in policy.witnesses])


POLICY = f"log {LOG.vkey}\nwitness a {witness_key(1).vkey}\nwitness b {witness_key(2).vkey}\ngroup g any a b\nquorum g\n".encode()


def test_answers_may_hold_lines_of_other_keys():
    other = base64.b64encode(bytes(76)).decode()
    lines = f"\u2014 witness.example/1 {other}\n".encode() + ANSWER
    assert open_answer(lines, NOTE, witness_key(1).verifier).line == ANSWER.decode()
    with pytest.raises(SignatureInvalid):
        open_answer(ANSWER, STORIES[1].checkpoint(9), witness_key(1).verifier)
    with pytest.raises(SignatureInvalid):
        open_answer(ANSWER, NOTE, witness_key(2).verifier)
    with pytest.raises(Refused):
        open_answer(b"x\n\n" + ANSWER, NOTE, witness_key(1).verifier)
