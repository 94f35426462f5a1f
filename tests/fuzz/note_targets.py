"""Bad notes, checkpoints, keys, policies and proofs: what is accepted is what was signed."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np

from fuzz.material import LOG, checkpoint, tree
from fuzz.running import Target
from reference.certificate_world import KEY as CERTIFICATE_KEY
from reference.certificate_world import world
from wattmark.certificates.check import verify_file, verify_witnessed
from wattmark.certificates.customer import CustomerRow, seal_customer
from wattmark.certificates.verify import seal_bundle
from wattmark.core.encoding import cbor_decode_strict, cbor_encode, json_canonical, json_decode_strict
from wattmark.core.errors import MalformedInput, Refused
from wattmark.core.text import Text
from wattmark.flows.settings import Settings, parse_settings, settings_bytes
from wattmark.ledger.checkpoint import Checkpoint, open_checkpoint
from wattmark.ledger.lakefile import LakeFile, describe_lake_file
from wattmark.ledger.merkle import leaf_hash
from wattmark.ledger.note import (
    COSIGNATURE_V1,
    SUBTREE_V1,
    NoteKey,
    add_signatures,
    open_note,
    parse_vkey,
    sign_note,
    split_note,
)
from wattmark.ledger.policy import parse_policy, verify_policy
from wattmark.ledger.proof import LogProof, parse_log_proof, verify_log_proof
from wattmark.ledger.sumtree import SumProof, SumTree, verify_sum_proof

SIZE = 37
STRANGER = NoteKey("stranger.example/key", bytes(range(1, 33)))
WITNESSES = [NoteKey(f"witness.example/{n}", bytes([n]) * 32, COSIGNATURE_V1) for n in (1, 2, 3)]
TIME_S = 1_700_000_000
PQ = NoteKey("pq.example/1", bytes([9]) * 32, SUBTREE_V1)


def cosigned(size: int = SIZE, signers: int = 2) -> str:
    note = checkpoint(size)
    text, _ = split_note(note)
    return add_signatures(
        note, [sign_note(text, [key], TIME_S).removeprefix(text + "\n") for key in WITNESSES[:signers]]
    )


SIGNED = [checkpoint(SIZE), cosigned(), cosigned(300, 3), checkpoint(1)]
SIGNED_TEXTS = {split_note(note)[0] for note in SIGNED}
POLICY = "\n".join(
    [
        f"log {LOG.vkey} https://log.example/",
        *(f"witness w{n} {key.vkey} https://w{n}.example/" for n, key in enumerate(WITNESSES)),
        "# two of three",
        "group some 2 w0 w1 w2",
        "quorum some",
        "",
    ]
)
KNOWN = parse_policy(POLICY)


def text_of(data: bytes) -> str:
    return data.decode(errors="surrogateescape")


def read_note(data: bytes) -> str:
    opened = open_note(data, [LOG.vkey, *(key.vkey for key in WITNESSES)])
    assert opened.text in SIGNED_TEXTS
    assert opened.verified
    assert open_note(text_of(data), [LOG.verifier, *(key.verifier for key in WITNESSES)]) == opened
    return opened.text


def pq_notes() -> list[bytes]:
    """Checkpoints with an ML-DSA-44 cosignature, which is another one in every run."""
    notes = []
    for size in (SIZE, 300):
        note = checkpoint(size)
        text, _ = split_note(note)
        line = sign_note(text, [PQ], TIME_S).removeprefix(text + "\n")
        notes += [add_signatures(note, [line]).encode(), (text + "\n" + line).encode()]
    return notes


def read_pq_note(data: bytes) -> list[int]:
    opened = open_note(data, [PQ.verifier, LOG.verifier])
    covered = "".join(
        opened.text.splitlines(keepends=True)[:3]
    )  # by C2SP it covers origin, size and root, no extension
    assert covered in SIGNED_TEXTS
    assert {one.time_s for one in opened.verified} <= {0, TIME_S}
    return [one.time_s for one in opened.verified]


def read_checkpoint(data: bytes) -> Checkpoint:
    found = open_checkpoint(text_of(data), LOG.vkey)
    assert found.format() in SIGNED_TEXTS
    return found


def read_checkpoint_text(data: bytes) -> Checkpoint:
    found = Checkpoint.parse(text_of(data))
    assert found.format() == text_of(data)
    return found


def read_key(data: bytes) -> str:
    text = text_of(data)
    if text.startswith("PRIVATE"):
        found = NoteKey.from_skey(text)
        assert found.skey == text
        return found.vkey
    verifier = parse_vkey(text)
    assert verifier.vkey == text
    return verifier.name


def read_policy(data: bytes) -> tuple:
    policy = parse_policy(data)
    names = {witness.name for witness in policy.witnesses}
    assert policy.is_met(names) or policy.quorum != "none"
    try:
        return policy, verify_policy(SIGNED[1], policy, LOG.verifier).cosigned_s
    except Refused as error:
        return policy, error.code


def read_witnessed(data: bytes) -> dict[str, int]:
    found = verify_policy(text_of(data), KNOWN)
    assert found.checkpoint.format() in SIGNED_TEXTS
    assert len(found.cosigned_s) >= 2
    assert set(found.cosigned_s.values()) == {TIME_S}
    return found.cosigned_s


def log_proofs() -> list[str]:
    entries = [(0, SIZE), (5, SIZE), (36, SIZE), (299, 300), (0, 1)]
    proofs = [LogProof(at, tuple(tree(size).inclusion_proof(at)), checkpoint(size)) for at, size in entries]
    return [proof.format() for proof in proofs] + [LogProof(5, proofs[1].hashes, SIGNED[1], b"extra").format()]


def read_log_proof(data: bytes) -> int:
    text = text_of(data)
    proof = parse_log_proof(text)
    assert proof.format() == text
    found = verify_log_proof(proof, leaf_hash(b"entry %d" % proof.index), LOG.verifier)
    assert found.format() in SIGNED_TEXTS
    assert proof.hashes == tuple(tree(found.size).inclusion_proof(proof.index))
    return proof.index


ROWS = [b"row %d" % number for number in range(21)]
WH = np.arange(21, dtype=np.int64) * 1_000
SALTS = np.arange(21 * 16, dtype=np.int64).astype(np.uint8).reshape(21, 16)
SUM = SumTree(ROWS, WH, SALTS)


def sum_inputs() -> list[bytes]:
    """Wh u64 | salt | row length u8 | row | proof."""
    return [
        int(WH[n]).to_bytes(8, "big") + SALTS[n].tobytes() + bytes([len(ROWS[n])]) + ROWS[n] + SUM.proof(n).encode()
        for n in (0, 1, 9, 20)
    ]


def read_sum_proof(data: bytes) -> int:
    length = data[24] if len(data) > 24 else 0
    wh, salt, row = int.from_bytes(data[:8], "big", signed=True), data[8:24], data[25 : 25 + length]
    encoded = data[25 + length :]
    proof = SumProof.decode(encoded)
    assert proof.encode() == encoded
    verify_sum_proof(row, wh, salt, proof, SUM.root, SUM.total_wh)
    assert (row, wh, salt) == (ROWS[proof.index], int(WH[proof.index]), SALTS[proof.index].tobytes())
    return proof.index


def certificates() -> list[bytes]:
    made = world()
    vkey = CERTIFICATE_KEY.vkey
    rows = [CustomerRow(one.row, one.quantity_wh, one.salt, one.proof) for one in made.proof.rows]
    return [
        seal_bundle(made.bundle(retire=3, reading="slot"), vkey),
        seal_bundle(made.bundle(retire=4, reading="day"), vkey),
        seal_bundle(made.bundle(retire=5, reading="none"), vkey),
        seal_customer(made.log.logged(6), rows, vkey),
    ]


class Certificates:
    """A file that is accepted says what one of the true ones says."""

    def __init__(self) -> None:
        self.seeds = certificates()
        self.true = [self.found(seed) for seed in self.seeds]

    @staticmethod
    def found(data: bytes) -> dict:
        return verify_file(data, CERTIFICATE_KEY.vkey).facts()

    def read(self, data: bytes) -> dict:
        facts = self.found(data)
        known = [{**true, "area": None, "source": None, "plant": None} for true in self.true] + self.true
        assert facts in known, facts
        try:
            verify_witnessed(data, CERTIFICATE_KEY.vkey, KNOWN)
        except Refused:
            return facts
        raise AssertionError("witnessed by nobody, and accepted")


def read_json(data: bytes) -> str:
    return repr(json_decode_strict(data))


def read_cbor(data: bytes) -> bytes:
    again = cbor_encode(cbor_decode_strict(data))
    assert again == data
    return again


def read_lake_file(data: bytes) -> str:
    value = json_decode_strict(data)
    if not isinstance(value, dict):
        return ""
    found = LakeFile.from_dict(value)
    assert found.size >= 0
    assert ".." not in found.path.split("/")
    return found.path


def read_settings(data: bytes) -> bytes:
    return settings_bytes(parse_settings(data))


def targets(folder: Path, stack: ExitStack) -> list[Target]:
    del folder, stack
    notes = [note.encode() for note in SIGNED]
    keys = [LOG.vkey, LOG.skey, WITNESSES[0].vkey, WITNESSES[0].skey, STRANGER.vkey, PQ.vkey, PQ.skey]
    policies = [
        POLICY,
        f"log {LOG.vkey}\nquorum none\n",
        POLICY.replace("2 w0", "all w0"),
        POLICY.replace("2 w0", "any w0"),
    ]
    made = Certificates()
    lake = [json_canonical(describe_lake_file("plan/x.parquet", bytes(n)).to_dict()) for n in (0, 5, 70_000)]
    json_seeds = [*lake, b'{"a":[1,2.5,"\\u3042",null,true,{"b":-0}]}', made.seeds[2]]
    cbor_seeds = [
        cbor_encode(item)
        for item in (
            [1, b"\x01" * 8, -5, 2**64],
            {"a": [1, {}], 4: b""},
            [[[[1]]]],
            world().leaves[3],
            "text",
            1.5,
            True,
        )
    ]
    settings = settings_bytes(Settings(origin="log.example/x", name=Text(en="x", ja="x")))
    return [
        Target("note", "notes", notes, read_note, runs=40_000),
        Target("note with ML-DSA", "notes", pq_notes(), read_pq_note, runs=20_000),
        Target("checkpoint", "notes", notes, read_checkpoint, runs=50_000),
        Target(
            "checkpoint text", "notes", [t.encode() for t in sorted(SIGNED_TEXTS)], read_checkpoint_text, runs=60_000
        ),
        Target("keys", "notes", [key.encode() for key in keys], read_key, runs=40_000),
        Target("policy", "notes", [policy.encode() for policy in policies], read_policy, runs=30_000),
        Target("witnessed checkpoint", "notes", notes, read_witnessed, runs=40_000),
        Target("log proof", "notes", [proof.encode() for proof in log_proofs()], read_log_proof, runs=50_000),
        Target("sum-tree proof", "notes", sum_inputs(), read_sum_proof, runs=60_000),
        Target("certificate", "notes", made.seeds, made.read, runs=20_000),
        Target("lake file", "notes", lake, read_lake_file, (MalformedInput,), runs=30_000),
        Target("settings", "notes", [settings], read_settings, runs=20_000),
        Target("JSON", "notes", json_seeds, read_json, (MalformedInput,), runs=60_000),
        Target("CBOR", "notes", cbor_seeds, read_cbor, (MalformedInput,), runs=100_000),
    ]
