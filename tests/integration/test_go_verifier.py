"""Go's own transparency log packages read our log and accept our proofs, and notice when we cheat."""

import json
import os
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from wattmark.ledger.checkpoint import Checkpoint, sign_checkpoint
from wattmark.ledger.merkle import MerkleTree, leaf_hashes
from wattmark.ledger.note import COSIGNATURE_V1, NoteKey, add_signatures, sign_note
from wattmark.ledger.proof import LogProof
from wattmark.ledger.tiles import CHECKPOINT_PATH, changed_tiles
from wattmark.storage.files import FileTiles

pytestmark = pytest.mark.service

GO_LIBRARIES = Path("/usr/share/gocode")
KEY = NoteKey("wattmark.example/log", bytes(range(32)))
WITNESS = NoteKey("witness.example", bytes(range(32, 64)), COSIGNATURE_V1)


@pytest.fixture(scope="session")
def verifier(go, require_service, repository, tmp_path_factory) -> Path:
    library = GO_LIBRARIES / "src/golang.org/x/mod/sumdb/tlog"
    require_service("Go's x/mod", available=library.is_dir(), install="golang-golang-x-mod-dev")
    folder = tmp_path_factory.mktemp("go")
    program = folder / "verify"
    settings = {"GO111MODULE": "off", "GOPATH": str(GO_LIBRARIES), "GOFLAGS": "", "GOCACHE": str(folder / "cache")}
    command = [go, "build", "-o", str(program), str(repository / "tests/go/verify/main.go")]
    subprocess.run(command, check=True, env={**os.environ, **settings}, timeout=240)
    return program


class Log:
    """A log of ``size`` entries written in three publications, with some proofs beside it."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.cases, self.tree = folder / "log", folder / "cases", MerkleTree()
        entries = [b"entry %d" % number + bytes(number % 100) for number in range(size)]
        store, published = FileTiles(self.folder), 0
        for end in sorted({size // 3, size // 2, size}):
            self.tree.append(leaf_hashes(entries[published:end]))
            store.write_many(changed_tiles(self.tree, published, end))
            published = end
        checkpoint = Checkpoint(KEY.name, size, self.tree.root())
        cosigned = sign_note(checkpoint.format(), [WITNESS], 1_600_000_000).removeprefix(checkpoint.format() + "\n")
        self.note = add_signatures(sign_checkpoint(checkpoint, KEY), [cosigned])
        store.write_many([(CHECKPOINT_PATH, self.note.encode())])
        self.cases.mkdir()
        self.proven = sorted({0, 1, size // 3, size // 2, size - 1} & set(range(size)))
        for index in self.proven:
            proof = LogProof(index, tuple(self.tree.inclusion_proof(index)), self.note)
            (self.cases / f"{index}.entry").write_bytes(entries[index])
            (self.cases / f"{index}.tlog-proof").write_text(proof.format())
        self.olds = sorted({1, size // 3, size // 2, size - 1, size} - {0})
        for old in self.olds:
            hashes = [self.tree.root(old), *self.tree.consistency_proof(old)]
            lines = [str(old), *(b64encode(digest).decode() for digest in hashes)]
            (self.cases / f"{old}.consistency").write_text("\n".join(lines) + "\n")


def _run(verifier: Path, log: Log) -> subprocess.CompletedProcess[str]:
    command = [str(verifier), str(log.folder), KEY.vkey, str(log.cases)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 300, 65_536, 70_000])
def test_go_accepts_log_and_proofs(verifier, tmp_path, size):
    log = Log(tmp_path, size)
    answer = _run(verifier, log)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout) == {
        "origin": KEY.name,
        "size": size,
        "root": b64encode(log.tree.root()).decode(),
        "tlog-proof": len(log.proven),
        "consistency": len(log.olds),
    }


@pytest.mark.parametrize(
    "path", ["log/checkpoint", "log/tile/0/000", "log/tile/0/001.p/44", "cases/150.entry", "cases/150.tlog-proof"]
)
def test_go_notices_a_flipped_bit(verifier, tmp_path, path):
    """Otherwise its consent above would mean nothing."""
    log = Log(tmp_path, 300)
    target = tmp_path / path
    data = bytearray(target.read_bytes())
    data[len(data) // 4] ^= 1
    target.write_bytes(data)
    answer = _run(verifier, log)
    assert answer.returncode == 1
    assert answer.stderr


def test_go_notices_a_wrong_consistency_proof(verifier, tmp_path):
    log = Log(tmp_path, 300)
    lines = (log.cases / "100.consistency").read_text().split("\n")
    (log.cases / "100.consistency").write_text("\n".join(["101", *lines[1:]]))
    assert _run(verifier, log).returncode == 1
