"""Bad answers of witnesses and writers, as a log and its followers get them; bad requests, as a witness and the API get them."""

import asyncio
import hashlib
import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from fuzz.material import journal
from fuzz.running import Target
from reference.witnessed_log import LOG, NOW_MS, STRANGER, Tree, signed_log, witness, witness_key
from wattmark.api.batch import records
from wattmark.api.witness import create_witness
from wattmark.core.errors import MalformedInput, NotAuthorised, Refused, Unavailable
from wattmark.engine.commands import Kind, command, stack
from wattmark.flows.cosign import Answer, Reply, collect_cosignatures
from wattmark.flows.replication import Standing
from wattmark.ledger.note import split_note
from wattmark.ledger.policy import KnownWitness, quorum_of
from wattmark.ledger.witness import (
    MAX_ANSWER_BYTES,
    SIZE_TYPE,
    CheckpointRefused,
    format_request,
    open_answer,
    origin_hash,
    parse_request,
    parse_size_answer,
)
from wattmark.storage.http.witnesses import HttpWitnesses
from wattmark.storage.http.writers import HttpWriter

TRUE, FORK = Tree(), Tree("fork", shared=4)
AT = 9
"""Size the witness has cosigned."""
SIZE = 23
NOTE = TRUE.checkpoint(SIZE)
STATUSES = {200, 400, 403, 404, 409, 413, 422}
HTTP_TIMEOUT_S = 2.0


def digest_of(folder: Path) -> str:
    """Every file below a folder, byte for byte."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def requests() -> list[bytes]:
    """One that is cosigned again, as it was; the others are refused, each for another reason."""
    return [
        TRUE.request(AT, AT),
        TRUE.request(3, SIZE),
        FORK.request(AT, SIZE),
        FORK.request(AT, AT),
        TRUE.request(SIZE, AT),
        TRUE.request(AT, AT, STRANGER),
        TRUE.request(0, 0),
    ]


class Asked:
    """A witness that has cosigned ``AT`` entries; it may cosign what extends them, and stores nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.witness = witness(folder)
        self.witness.add_checkpoint(TRUE.request(0, AT), NOW_MS)
        self.app = create_witness(self.witness, lambda: NOW_MS)
        self.loop = asyncio.new_event_loop()

    def state(self) -> str:
        return digest_of(self.folder)

    def add(self, data: bytes) -> str:
        lines = self.witness.add_checkpoint(data, NOW_MS)
        old, proof, note = parse_request(data)
        assert old == AT
        text, _ = split_note(note)
        assert text == split_note(TRUE.checkpoint(AT))[0], "another checkpoint was cosigned"
        assert not proof
        return lines

    def serve(self, data: bytes) -> tuple[int, bytes]:
        """An HTTP request: method, path, content type and language on lines of their own, then the body."""
        head, _, body = data.partition(b"\n\n\n")
        method, path, kind, language = [*head.split(b"\n"), b"", b"", b"", b""][:4]
        scope = {
            "type": "http",
            "method": method.decode("latin-1"),
            "path": path.decode("latin-1"),
            "raw_path": path,
            "query_string": b"",
            "headers": [(b"content-type", kind), (b"accept-language", language)],
        }
        sent = self.loop.run_until_complete(_asgi(self.app, scope, body))
        status = sent[0]["status"]
        if path == b"/add-checkpoint" and method == b"POST":
            assert status in STATUSES, status
        assert status < 500
        return status, b"".join(message.get("body", b"") for message in sent[1:])


async def _asgi(app: Any, scope: dict[str, Any], body: bytes) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    parts = [body[: len(body) // 2], body[len(body) // 2 :]]

    async def receive() -> dict[str, Any]:
        part = parts.pop(0) if parts else b""
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


class Collector:
    """The log asks one witness, which answers what an input says: status, content type, body."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = signed_log(folder, TRUE, SIZE)
        self.policy = quorum_of([KnownWitness("w", witness_key(1).verifier, "http://witness.example")], 1)
        self.log.witnessed.compare_and_swap(None, NOTE + self.lines())
        self.answer = Answer(0, "", b"")

    @staticmethod
    def lines() -> str:
        from wattmark.ledger.note import sign_note

        text, _ = split_note(NOTE)
        return sign_note(text, [witness_key(1)], NOW_MS // 1_000).removeprefix(text + "\n")

    def state(self) -> str:
        return digest_of(self.folder)

    def add_checkpoint(self, url: str, body: bytes) -> Answer:
        """The port ``Witnesses``: whatever is asked, the answer is the input."""
        old, proof, note = parse_request(body)
        assert note == NOTE
        assert list(proof) == TRUE.upto(SIZE).consistency_proof(old, SIZE)
        return self.answer

    def read(self, data: bytes) -> tuple[Reply, bool]:
        status, _, rest = data.partition(b" ")
        kind, _, body = rest.partition(b"\n")
        digits = status[:3].decode("latin-1")
        number = int(digits) if digits.isascii() and digits.isdigit() else 0
        self.answer = Answer(number, kind.decode("latin-1"), body)
        found = collect_cosignatures(self.log, self.policy, self)
        (outcome,) = found.outcomes
        assert found.is_met == (outcome.reply is Reply.COSIGNED)
        assert (outcome.cosignature is None) != found.is_met
        if found.is_met:
            assert outcome.cosignature is not None
            assert outcome.cosignature.line == self.lines()
        return outcome.reply, found.is_met


def read_answer(data: bytes) -> str:
    found = open_answer(data, NOTE, witness_key(1).verifier)
    assert found.line == Collector.lines()
    return found.line


def read_size(data: bytes) -> int:
    size = parse_size_answer(data)
    assert data == f"{size}\n".encode()
    return size


def read_request(data: bytes) -> int:
    old, proof, note = parse_request(data)
    assert format_request(old, proof, note) == data
    return old


class Server:
    """Answers every connection with the bytes of an input, whatever they are."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.answer = b""
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.asking = HttpWitnesses(HTTP_TIMEOUT_S)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.listening.close()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(65_536)
                    connection.sendall(self.answer)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65_536):
                        pass
                except OSError:
                    continue

    def read(self, data: bytes) -> Answer:
        self.answer = data
        found = self.asking.add_checkpoint(self.url, b"old 0\n\n")
        assert len(found.body) <= MAX_ANSWER_BYTES
        assert 100 <= found.status <= 999
        return found


class Writer(Server):
    """Answers what a follower asks of a writer, whatever it is; every question is asked."""

    def read(self, data: bytes) -> tuple[object, ...]:
        self.answer = data
        asked = HttpWriter(self.url, "wm_" + "ab" * 32, HTTP_TIMEOUT_S)
        questions = (
            lambda: asked.frames({"after": -1, "epoch": 0}, 0),
            asked.head,
            asked.checkpoint,
            lambda: asked.lake_file("plan/x.parquet"),
        )
        found: list[object] = []
        for question in questions:
            try:
                found.append(question())
            except (Unavailable, NotAuthorised) as error:
                found.append(type(error))
            finally:
                asked.close()
        return tuple(map(repr, found))


def writer_answers() -> list[bytes]:
    """Frames, an object, a refusal, none."""
    frames = b"".join(journal().bytes[:2])
    head = b"HTTP/1.1 200 OK\r\nWattmark-Epoch: 1\r\n"
    objects = [b'{"checkpoint":"x","epoch":1}', b"[" * 5_000, b'{"a":' * 5_000]
    refusal = b'{"error":{"code":"FENCED","field":"epoch","value":1,"rule":{"en":"x","ja":"x"}}}'
    return [
        head + b"Content-Length: %d\r\n\r\n%s" % (len(frames), frames),
        *(head + b"Content-Length: %d\r\n\r\n%s" % (len(one), one) for one in objects),
        b"HTTP/1.1 409 Conflict\r\nContent-Length: %d\r\n\r\n%s" % (len(refusal), refusal),
        b"HTTP/1.1 204 No Content\r\nWattmark-Epoch: 1\r\n\r\n",
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
    ]


def read_records(data: bytes) -> int:
    rows = records(data, 3)
    assert rows.tobytes() == data
    return len(rows)


def record_bodies() -> list[bytes]:
    order = command(
        Kind.PLACE_ORDER, id=7, actor=3, product=0, side=1, price_sen_per_kwh=1, quantity_wh=1, lot=0, start=0, tif=0
    )
    cancel = command(Kind.CANCEL, id=8, actor=3, target_id_low=7, target_id_high=0)
    return [stack([order]).tobytes(), stack([order, cancel] * 5).tobytes()]


def read_standing(data: bytes) -> bytes:
    standing = Standing.parse(data)
    assert Standing.parse(standing.to_bytes()) == standing
    return standing.to_bytes()


def http_answers() -> list[bytes]:
    lines = Collector.lines().encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(lines), lines)
    return [
        head + b"Content-Length: %d\r\n\r\n%s" % (len(lines), lines),
        head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked,
        head + b"Connection: close\r\n\r\n" + lines,
        b"HTTP/1.1 409 Conflict\r\nContent-Type: " + SIZE_TYPE.encode() + b"\r\nContent-Length: 2\r\n\r\n9\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 422 Unprocessable\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://localhost/\r\nContent-Length: 0\r\n\r\n",
    ]


def targets(folder: Path, stack: ExitStack) -> list[Target]:
    for name in ("asked", "served", "log"):
        (folder / name).mkdir()
    asked, served, collector = Asked(folder / "asked"), Asked(folder / "served"), Collector(folder / "log")
    server, writer = Server(), Writer()
    for opened in (asked.loop, served.loop, server, writer):
        stack.callback(opened.close)
    lines = Collector.lines().encode()
    answers = [lines, lines + f"{chr(0x2014)} other {'A' * 96}\n".encode()]
    kind = SIZE_TYPE.encode()
    collected = [
        b"200 text/plain\n" + lines,
        b"409 " + kind + b"\n9\n",
        b"409 " + kind + b"\n99\n",
        b"409 text/plain\n9\n",
        b"422 text/plain\nno\n",
        b"404 text/plain\n\xff",
    ]
    path = b"/" + origin_hash(LOG.name).encode() + b"/checkpoint"
    http = [b"POST\n/add-checkpoint\ntext/plain\nja\n\n\n" + request for request in requests()]
    http += [b"GET\n" + path + b"\n\nen\n\n\n", b"GET\n/0/checkpoint\n\n\n\n\n", b"PUT\n/add-checkpoint\n\n\n\n\n"]
    return [
        Target("witness request", "witness", requests(), asked.add, (CheckpointRefused,), asked.state, runs=100_000),
        Target("request form", "witness", requests(), read_request, (MalformedInput,), runs=60_000),
        Target("witness server", "witness", http, served.serve, (), served.state, runs=10_000),
        Target("witness answer", "witness", answers, read_answer, (Refused,), runs=60_000),
        Target("size answer", "witness", [b"0\n", b"9\n", b"123456\n"], read_size, (MalformedInput,), runs=40_000),
        Target("collector", "witness", collected, collector.read, (), collector.state, runs=6_000),
        Target("HTTP answer", "witness", http_answers(), server.read, (Unavailable,), runs=6_000),
        Target("writer's answer", "witness", writer_answers(), writer.read, (), runs=2_000),
        Target("batch body", "witness", record_bodies(), read_records, (MalformedInput, NotAuthorised), runs=60_000),
        Target("standing", "witness", [Standing(3, "follower", "http://x", "n").to_bytes()], read_standing),
    ]
