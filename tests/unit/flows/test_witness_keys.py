"""A witness signs with both of its keys, each of which is enough by itself; one that was made before has one."""

from pathlib import Path

import pytest

from reference.witnessed_log import LOG, NOW_MS, Tree, signed_log
from wattmark.core.errors import MalformedInput
from wattmark.flows.cosign import Answer, Reply, collect_cosignatures
from wattmark.flows.witness import Witness
from wattmark.ledger.note import COSIGNATURE_V1, SUBTREE_V1, NoteKey, add_signatures, parse_vkey, sign_note, split_note
from wattmark.ledger.policy import KnownWitness, quorum_of, verify_policy
from wattmark.ledger.witness import open_answer, origin_hash
from wattmark.storage.files import FileCheckpoints
from wattmark.wiring import make_witness, open_witness


def test_the_answer_has_a_line_of_each_key(tmp_path: Path) -> None:
    verifiers = [parse_vkey(vkey) for vkey in make_witness(tmp_path / "w", "witness.example/w")]
    assert [verifier.kind for verifier in verifiers] == [COSIGNATURE_V1, SUBTREE_V1]
    tree, witness = Tree(), open_witness(tmp_path / "w", [LOG.verifier])
    note = tree.checkpoint(5)
    answer = witness.add_checkpoint(tree.request(0, 5), NOW_MS)
    for verifier in verifiers:
        line = open_answer(answer.encode(), note, verifier)
        assert line.time_s == NOW_MS // 1_000
        policy = quorum_of([KnownWitness("w", verifier)], 1)
        witnessed = verify_policy(add_signatures(note, [line.line]), policy, LOG.verifier)
        assert witnessed.cosigned_s == {"w": NOW_MS // 1_000}
    stored = witness.latest(origin_hash(LOG.name))
    assert len(split_note(stored)[1]) == 3
    assert len(witness.add_checkpoint(tree.request(5, 9), NOW_MS).splitlines()) == 2


def test_a_witness_that_was_made_before_gets_on_with_its_one_key(tmp_path: Path) -> None:
    vkey, _ = make_witness(tmp_path, "witness.example/w")
    tree, witness = Tree(), open_witness(tmp_path, [LOG.verifier])
    witness.add_checkpoint(tree.request(0, 5), NOW_MS)
    (tmp_path / "keys" / "witness-mldsa44.key").unlink()
    earlier = open_witness(tmp_path, [LOG.verifier])
    assert earlier.vkeys == (vkey,)
    assert len(earlier.add_checkpoint(tree.request(5, 9), NOW_MS).splitlines()) == 1


def test_without_a_key_there_is_no_witness(tmp_path: Path) -> None:
    with pytest.raises(MalformedInput):
        open_witness(tmp_path, [LOG.verifier])


def test_a_log_s_key_is_no_witness_s_key_and_a_witness_s_no_log_s(tmp_path: Path) -> None:
    cosigner = NoteKey("witness.example", bytes(32), COSIGNATURE_V1)

    def store(name: str) -> FileCheckpoints:
        return FileCheckpoints(tmp_path / name)

    with pytest.raises(MalformedInput):
        Witness([LOG], [LOG.verifier], store)
    with pytest.raises(MalformedInput):
        Witness([cosigner], [cosigner.verifier], store)


def test_a_name_too_long_for_the_message_is_no_key_s() -> None:
    assert NoteKey("n" * 255, bytes(32), SUBTREE_V1).vkey
    with pytest.raises(MalformedInput):
        NoteKey("n" * 256, bytes(32), SUBTREE_V1)
    assert NoteKey("n" * 256, bytes(32), COSIGNATURE_V1).vkey


@pytest.mark.parametrize(("time_s", "reply"), [(0, Reply.INVALID), (1, Reply.COSIGNED)])
def test_a_cosignature_without_a_time_is_no_answer(tmp_path: Path, time_s: int, reply: Reply) -> None:
    """Without one, type 0x06 does not say that this is the largest tree its cosigner has seen (C2SP tlog-cosignature)."""
    key = NoteKey("witness.example/w", bytes(32), SUBTREE_V1)

    class Timeless:
        def add_checkpoint(self, url: str, body: bytes) -> Answer:
            text, _ = split_note(body.decode().partition("\n\n")[2])
            return Answer(200, "text/plain", sign_note(text, [key], time_s).removeprefix(text + "\n").encode())

    policy = quorum_of([KnownWitness("w", key.verifier, "http://witness.example/")], 1)
    collection = collect_cosignatures(signed_log(tmp_path, Tree(), 5), policy, Timeless())
    assert [one.reply for one in collection.outcomes] == [reply]
    assert collection.is_met == (reply is Reply.COSIGNED)
