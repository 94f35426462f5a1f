"""Go's note package and a cosignature verifier written from the specification accept what our witnesses sign."""

import base64
import os
import subprocess
from pathlib import Path

import pytest

from reference.witnessed_log import LOG, NOW_MS, Tree, witness, witness_key
from wattmark.ledger.note import add_signatures
from wattmark.ledger.witness import open_answer

pytestmark = pytest.mark.service

GO_LIBRARIES = Path("/usr/share/gocode")
KEYS = [witness_key(number).vkey for number in (1, 2, 3)]


@pytest.fixture(scope="session")
def cosigned(go, require_service, repository, tmp_path_factory) -> Path:
    library = GO_LIBRARIES / "src/golang.org/x/mod/sumdb/note"
    require_service("Go's x/mod", available=library.is_dir(), install="golang-golang-x-mod-dev")
    folder = tmp_path_factory.mktemp("go")
    program = folder / "cosigned"
    settings = {"GO111MODULE": "off", "GOPATH": str(GO_LIBRARIES), "GOFLAGS": "", "GOCACHE": str(folder / "cache")}
    command = [go, "build", "-o", str(program), str(repository / "tests/go/cosigned/main.go")]
    subprocess.run(command, check=True, env={**os.environ, **settings}, timeout=240)
    return program


@pytest.fixture
def note(tmp_path) -> str:
    """A checkpoint of 9 entries, cosigned by witnesses 1 and 2."""
    tree = Tree()
    own = tree.checkpoint(9)
    lines = []
    for number in (1, 2):
        answer = witness(tmp_path / str(number), number).add_checkpoint(tree.request(0, 9), NOW_MS)
        lines.append(open_answer(answer.encode(), own, witness_key(number).verifier).line)
    return add_signatures(own, lines)


def _run(program: Path, folder: Path, note: str, quorum: int, *keys: str) -> subprocess.CompletedProcess[str]:
    (folder / "checkpoint").write_text(note)
    command = [program, folder / "checkpoint", LOG.vkey, str(quorum), *keys]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_go_accepts_two_of_three(cosigned, tmp_path, note):
    answer = _run(cosigned, tmp_path, note, 2, *KEYS)
    assert (answer.returncode, answer.stdout.split()) == (0, ["witness.example/1", "witness.example/2"]), answer.stderr


def test_go_refuses_too_few_and_what_is_changed(cosigned, tmp_path, note):
    assert _run(cosigned, tmp_path, note, 3, *KEYS).returncode == 1
    assert _run(cosigned, tmp_path, note, 1, KEYS[2]).returncode == 1
    head, _, encoded = note.rstrip("\n").rpartition(" ")
    for place in (4, 11, -1):  # the time's first byte, the time's last byte, the signature
        blob = bytearray(base64.b64decode(encoded))
        blob[place] ^= 1
        changed = f"{head} {base64.b64encode(blob).decode()}\n"
        assert _run(cosigned, tmp_path, changed, 1, *KEYS).returncode == 1
