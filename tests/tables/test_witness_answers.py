"""C2SP tlog-witness as a table: what is sent, how the witness answers. It has cosigned size 5 of the true log."""

import asyncio
import base64
import re

import httpx
import pytest

from reference.witnessed_log import LOG, NOW_MS, STRANGER, Tree, witness, witness_key
from wattmark.api.witness import create_witness
from wattmark.ledger.checkpoint import Checkpoint, sign_checkpoint
from wattmark.ledger.merkle import EMPTY_ROOT
from wattmark.ledger.note import NoteKey, open_note, sign_note
from wattmark.ledger.witness import format_request, open_answer, origin_hash

TRUE, FORK, LATE_FORK = Tree(), Tree("fork"), Tree("fork", shared=7)
OTHER_KEY = NoteKey(LOG.name, bytes(32))
EMPTY = base64.b64encode(EMPTY_ROOT).decode()


def _note(size: int, root: str = EMPTY) -> str:
    return sign_note(f"{LOG.name}\n{size}\n{root}\n", [LOG])


def _flipped(request: bytes) -> bytes:
    """The request with another signature of the log's own key: its last 64 bytes, one bit wrong."""
    head, _, encoded = request.decode().rstrip("\n").rpartition(" ")
    signature = bytearray(base64.b64decode(encoded))
    signature[-1] ^= 1
    return f"{head} {base64.b64encode(signature).decode()}\n".encode()


GOOD = TRUE.request(5, 9)
OWN_PROOF = TRUE.upto(9).consistency_proof(5, 9)
CASES = {
    "grown": (200, GOOD),
    "the same again": (200, TRUE.request(5, 5)),
    "grown, also signed by a stranger": (200, GOOD + sign_note("x\n", [STRANGER]).split("\n\n")[1].encode()),
    # 400
    "no body": (400, b""),
    "no old size": (400, GOOD.replace(b"old 5\n", b"")),
    "old size with a leading zero": (400, GOOD.replace(b"old 5", b"old 05")),
    "negative old size": (400, GOOD.replace(b"old 5", b"old -5")),
    "old size too large": (400, GOOD.replace(b"old 5", b"old 9223372036854775808")),
    "two spaces": (400, GOOD.replace(b"old 5", b"old  5")),
    "carriage returns": (400, GOOD.replace(b"\n", b"\r\n")),
    "no empty line": (400, GOOD.replace(b"\n\n", b"\n")),
    "a proof line that is no base64": (400, GOOD.replace(b"old 5\n", b"old 5\n!\n")),
    "a hash of 31 bytes": (400, GOOD.replace(b"old 5\n", b"old 5\n" + base64.b64encode(bytes(31)) + b"\n")),
    "64 proof lines": (400, format_request(5, [bytes(32)] * 64, TRUE.checkpoint(9))),
    "not UTF-8": (400, b"\xff" + GOOD),
    "no signature": (400, GOOD.split("\u2014".encode())[0]),
    "too long": (413, GOOD + b"x" * 70_000),
    "no checkpoint": (400, format_request(5, [], sign_note(f"{LOG.name}\nnine\n{EMPTY}\n", [LOG]))),
    "a root of 31 bytes": (400, format_request(5, [], _note(9, base64.b64encode(bytes(31)).decode()))),
    "a root of 31 bytes at size 0": (400, format_request(0, [], _note(0, base64.b64encode(bytes(31)).decode()))),
    "old size above the new one": (400, TRUE.request(6, 5)),
    # 404 before 403
    "unknown log": (404, format_request(0, [], sign_checkpoint(Checkpoint(STRANGER.name, 0, EMPTY_ROOT), STRANGER))),
    "unknown log, unsigned by it": (
        404,
        format_request(0, [], sign_checkpoint(Checkpoint("other", 0, EMPTY_ROOT), LOG)),
    ),
    # 403 before 400 and 409
    "signed by a stranger only": (403, TRUE.request(5, 9, STRANGER)),
    "signed by another key of the log's name": (403, TRUE.request(5, 9, OTHER_KEY)),
    "a wrong signature of the log's key": (403, _flipped(GOOD)),
    "a wrong signature, old size above the new one": (403, _flipped(TRUE.request(6, 5))),
    # 409 before 422
    "from the beginning": (409, TRUE.request(0, 9)),
    "from an older size": (409, TRUE.request(4, 9)),
    "from a newer size": (409, TRUE.request(6, 9)),
    "rolled back": (409, TRUE.request(3, 3)),
    "rolled back to nothing": (409, TRUE.request(0, 0)),
    "a fork from the beginning": (409, FORK.request(0, 9)),
    # 422
    "a fork of the same size": (422, FORK.request(5, 5)),
    "a fork that grew": (422, FORK.request(5, 9)),
    "a fork with the true proof": (422, format_request(5, OWN_PROOF, FORK.checkpoint(9))),
    "no proof": (422, format_request(5, [], TRUE.checkpoint(9))),
    "a proof cut short": (422, format_request(5, OWN_PROOF[:-1], TRUE.checkpoint(9))),
    "a proof too long": (422, format_request(5, [*OWN_PROOF, bytes(32)], TRUE.checkpoint(9))),
    "a proof between equal sizes": (422, format_request(5, [bytes(32)], TRUE.checkpoint(5))),
}
FIRST = {
    "the first checkpoint": (200, TRUE.request(0, 9)),
    "the empty log": (200, TRUE.request(0, 0)),
    "a first checkpoint with a proof": (422, format_request(0, OWN_PROOF, TRUE.checkpoint(9))),
    "size 0 with another root": (422, format_request(0, [], _note(0, base64.b64encode(bytes(32)).decode()))),
    "size 0 with a proof": (422, format_request(0, [bytes(32)], _note(0))),
    "from a size never cosigned": (409, TRUE.request(5, 9)),
}


class Client:
    """Asks the application without a socket in between."""

    def __init__(self, folder):
        self._transport = httpx.ASGITransport(create_witness(witness(folder), lambda: NOW_MS))

    def _ask(self, method, path, **what):
        async def ask():
            async with httpx.AsyncClient(transport=self._transport, base_url="http://witness.example") as client:
                return await client.request(method, path, **what)

        return asyncio.run(ask())

    def post(self, path, **what):
        return self._ask("POST", path, **what)

    def get(self, path):
        return self._ask("GET", path)


@pytest.fixture
def client(tmp_path):
    return Client(tmp_path)


@pytest.mark.parametrize(("status", "body"), CASES.values(), ids=CASES)
def test_answers_of_a_witness_at_size_5(client, status, body):
    latest = f"/{origin_hash(LOG.name)}/checkpoint"
    assert client.post("/add-checkpoint", content=TRUE.request(0, 5)).status_code == 200
    before = client.get(latest).text
    answer = client.post("/add-checkpoint", content=body)
    assert answer.status_code == status, answer.text
    if status == 200:
        note = body.decode().partition("\n\n")[2]
        assert open_answer(answer.content, note, witness_key(1).verifier).time_s == NOW_MS // 1_000
        assert re.fullmatch("\u2014 witness.example/1 [A-Za-z0-9+/]+=*\n", answer.text)
        kept = open_note(client.get(latest).text, [LOG.verifier, witness_key(1).verifier])
        assert (kept.text, len(kept.verified), kept.unknown) == (note.partition("\n\n")[0] + "\n", 2, ())
    else:
        assert client.get(latest).text == before, "a refusal changes nothing"
    if status == 409:
        assert (answer.headers["content-type"], answer.content) == ("text/x.tlog.size", b"5\n")


@pytest.mark.parametrize(("status", "body"), FIRST.values(), ids=FIRST)
def test_answers_of_a_new_witness(client, status, body):
    answer = client.post("/add-checkpoint", content=body)
    assert answer.status_code == status, answer.text
    if status == 409:
        assert (answer.headers["content-type"], answer.content) == ("text/x.tlog.size", b"0\n")
    kept = client.get(f"/{origin_hash(LOG.name)}/checkpoint")
    assert kept.status_code == (200 if status == 200 else 404)


def test_refusals_speak_the_asker_s_language(client):
    told = [
        client.post("/add-checkpoint", content=b"", headers={"Accept-Language": tongue}).text for tongue in ("ja", "en")
    ]
    assert "C2SP tlog-witnessの形式" in told[0]
    assert "a request of C2SP tlog-witness" in told[1]


def test_other_addresses_do_not_exist(client):
    assert client.get("/add-checkpoint").status_code == 405
    assert client.post("/add-checkpoint/", content=GOOD).status_code == 404
    assert client.get(f"/{origin_hash(STRANGER.name)}/checkpoint").status_code == 404
    assert client.get("/../keys/witness.key/checkpoint").status_code == 404


def test_a_stored_checkpoint_that_is_not_its_own_stops_the_witness(tmp_path):
    name = origin_hash(LOG.name)
    folder = tmp_path / "logs" / name
    folder.mkdir(parents=True)
    (folder / "last").write_text(TRUE.checkpoint(3))  # signed by the log, never cosigned
    client = Client(tmp_path)
    assert client.post("/add-checkpoint", content=TRUE.request(3, 9)).status_code == 500
    assert client.get(f"/{name}/checkpoint").status_code == 500
