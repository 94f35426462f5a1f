"""Witnesses as servers of their own on loopback: a log asks them, an attacker tries them, they are killed."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from reference.witnessed_log import LOG, NOW_MS, Tree, signed_log, witness
from wattmark.core.errors import Broken, Unavailable
from wattmark.flows.cosign import Reply, collect_cosignatures
from wattmark.ledger.note import MAX_SIGNATURES, parse_vkey
from wattmark.ledger.policy import KnownWitness, Policy, quorum_of, verify_policy
from wattmark.ledger.witness import format_request, origin_hash
from wattmark.storage.http import HttpWitnesses
from wattmark.wiring import audit_home

pytestmark = pytest.mark.slow

PROGRAM = Path(sys.executable).with_name("wattmark")
LATEST = f"{origin_hash(LOG.name)}/checkpoint"
TRUE = Tree()
DIES_AFTER_STORING = """
import os, signal, sys
from pathlib import Path
import uvicorn
from wattmark.api.witness import create_witness
from wattmark.flows.witness import Witness
from wattmark.ledger.note import NoteKey, parse_vkey
from wattmark.storage.files import FileCheckpoints

class Dies(FileCheckpoints):
    def compare_and_swap(self, old, new):
        super().compare_and_swap(old, new)
        os.kill(os.getpid(), signal.SIGKILL)

folder = Path(sys.argv[1])
key = NoteKey.from_skey((folder / "keys/witness.key").read_text().strip())
witness = Witness([key], [parse_vkey(sys.argv[2])], lambda name: Dies(folder / "logs" / name))
print("Serving http://127.0.0.1:" + sys.argv[3] + "/", flush=True)
uvicorn.run(create_witness(witness), host="127.0.0.1", port=int(sys.argv[3]), log_level="warning")
"""


class Server:
    """One witness process."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder = folder / f"witness-{number}"
        command = [PROGRAM, "witness", "init", self.folder, "--name", f"witness.example/{number}", "--json"]
        made = subprocess.run(command, check=True, capture_output=True, timeout=60)
        self.vkey = json.loads(made.stdout)["vkey"]
        self.process: subprocess.Popen[str] | None = None
        self.url = ""

    @property
    def known(self) -> KnownWitness:
        verifier = parse_vkey(self.vkey)
        return KnownWitness(verifier.name, verifier, self.url)

    def start(self, port: int = 0, command: list[object] | None = None) -> None:
        command = command or [PROGRAM, "witness", self.folder, "--port", port, "--log", LOG.vkey]
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [str(word) for word in command], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(r"Serving (http://\S+)", line):
                self.url = found[1]
                break
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                httpx.get(self.url + LATEST)
                return
            threading.Event().wait(0.05)
        raise AssertionError(self.folder)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate(timeout=30)

    def post(self, body: bytes) -> httpx.Response:
        return httpx.post(self.url + "add-checkpoint", content=body, timeout=30)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Three witnesses that keep what they have seen from test to test of this file."""
    folder = tmp_path_factory.mktemp("witnesses")
    started = [Server(folder, number) for number in (1, 2, 3)]
    try:
        for server in started:
            server.start()
        yield started
    finally:
        for server in started:
            server.kill()


@pytest.fixture
def fresh(tmp_path):
    server = Server(tmp_path, 9)
    yield server
    server.kill()


def _policy(servers, threshold: int) -> Policy:
    return quorum_of([server.known for server in servers], threshold)


def test_a_growing_log_is_cosigned_and_its_forks_and_rollbacks_are_refused_by_every_witness(tmp_path, servers):
    """The attack: the operator signs two stories with the true key and shows each witness whatever helps."""
    ask, policy = HttpWitnesses(), _policy(servers, 2)
    for size in (1, 7, 300, 300, 1_000):
        log = signed_log(tmp_path / "true", TRUE, size)
        collected = collect_cosignatures(log, policy, ask)
        assert [outcome.reply for outcome in collected.outcomes] == [Reply.COSIGNED] * 3
        assert log.witnessed.load() == collected.note
        seen = verify_policy(collected.note, quorum_of([one.known for one in servers], 3), LOG.verifier)
        assert (seen.checkpoint.size, seen.checkpoint.root) == (size, TRUE.upto(size).root(size))
    latest = [httpx.get(server.url + LATEST).text for server in servers]

    fork, early = Tree("fork", shared=999), Tree("fork")
    for number, (tree, size) in enumerate([(fork, 1_000), (fork, 1_001), (early, 1_000), (early, 5_000)]):
        log = signed_log(tmp_path / f"fork-{number}", tree, size)
        refused = collect_cosignatures(log, policy, ask)
        assert [outcome.reply for outcome in refused.outcomes] == [Reply.REFUSED] * 3
        assert [outcome.detail[:8] for outcome in refused.outcomes] == ["HTTP 422"] * 3
        assert (refused.is_met, log.witnessed.load()) == (False, None)
    log = signed_log(tmp_path / "rolled-back", TRUE, 999)
    refused = collect_cosignatures(log, policy, ask)
    assert [outcome.reply for outcome in refused.outcomes] == [Reply.AHEAD] * 3
    assert (refused.is_met, log.witnessed.load()) == (False, None)
    # a proof that leads to the fork from the true root does not exist; whatever is sent is refused
    true_proof = TRUE.upto(1_200).consistency_proof(1_000, 1_200)
    for body in (
        format_request(1_000, true_proof, fork.checkpoint(1_200)),
        format_request(1_000, fork.upto(1_200).consistency_proof(1_000, 1_200), fork.checkpoint(1_200)),
        format_request(1_000, [], fork.checkpoint(1_000)),
        format_request(0, [], fork.checkpoint(1_200)),
        format_request(999, [], TRUE.checkpoint(999)),
    ):
        assert {server.post(body).status_code for server in servers} <= {409, 422}
    assert [httpx.get(server.url + LATEST).text for server in servers] == latest
    again = collect_cosignatures(signed_log(tmp_path / "true", TRUE, 1_100), policy, ask)
    assert again.is_met, "the true log goes on"


def test_a_log_rolled_back_behind_its_own_cosigned_checkpoint_stops_at_once(tmp_path, servers):
    log = signed_log(tmp_path, TRUE, 2_000)
    collect_cosignatures(log, _policy(servers, 3), HttpWitnesses())
    signed_log(tmp_path, TRUE, 1_500)
    with pytest.raises(Broken, match="witnesses have cosigned 2000"):
        collect_cosignatures(log, _policy(servers, 3), HttpWitnesses())


def test_k_of_n_goes_on_without_the_witnesses_that_are_away_slow_or_lying(tmp_path, servers):
    with _Impostor(b"") as silent, _Impostor(b"HTTP/1.1 200 OK\r\n\r\nnonsense\n") as liar, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, not listening: refused
        keys = [KnownWitness(f"w{n}", parse_vkey(_vkey(n)), url) for n, url in enumerate([silent.url, liar.url], 20)]
        keys.append(KnownWitness("w22", parse_vkey(_vkey(22)), f"http://127.0.0.1:{nobody.getsockname()[1]}/"))
        keys.append(KnownWitness("w23", parse_vkey(_vkey(23)), servers[0].url))  # answers, with another key
        policy = quorum_of([*(server.known for server in servers), *keys], 3)
        log = signed_log(tmp_path, TRUE, 3_000)
        collected = collect_cosignatures(log, policy, HttpWitnesses(timeout_s=1))
        replies = {outcome.witness.name: outcome.reply for outcome in collected.outcomes}
        assert replies == {
            **{server.known.name: Reply.COSIGNED for server in servers},
            "w20": Reply.UNREACHABLE,
            "w21": Reply.INVALID,
            "w22": Reply.UNREACHABLE,
            "w23": Reply.INVALID,
        }
        assert collected.is_met
        assert not collect_cosignatures(log, quorum_of(keys, 1), HttpWitnesses(timeout_s=1)).is_met


def test_an_answer_that_drips_ends_at_the_time_limit():
    with _Impostor(b"HTTP/1.1 200 OK\r\n", drip=b"X: y\r\n") as dripping, pytest.raises(Unavailable):
        HttpWitnesses(timeout_s=0.5).add_checkpoint(dripping.url, b"")
    for address in ("ftp://127.0.0.1/", "http://", "nonsense", "http://127.0.0.1:99999/"):
        with pytest.raises(Unavailable):
            HttpWitnesses().add_checkpoint(address, b"")


def test_of_conflicting_requests_at_once_one_is_cosigned(fresh):
    """All are correct continuations of what is stored when they are sent; together they would be forks."""
    fresh.start()
    size, history = 0, TRUE
    for turn in range(6):
        stories = [Tree(f"story {n} of {turn}", shared=size, before=history) for n in range(6)]
        bodies = [tree.request(size, size + 1 + n % 2) for n, tree in enumerate(stories)]
        with ThreadPoolExecutor(len(bodies)) as pool:
            answers = list(pool.map(fresh.post, bodies))
        assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
        winner = next(n for n, answer in enumerate(answers) if answer.status_code == 200)
        history, size = stories[winner], size + 1 + winner % 2
        latest = httpx.get(fresh.url + LATEST).text
        assert latest.split("\n\n")[0] == bodies[winner].decode().split("\n\n")[1]
        assert {answer.text for answer in answers if answer.status_code == 409} == {f"{size}\n"}


def test_two_processes_of_one_witness_cosign_one_story(fresh):
    twin = Server.__new__(Server)
    twin.folder, twin.vkey, twin.process, twin.url = fresh.folder, fresh.vkey, None, ""
    fresh.start()
    twin.start()
    try:
        for size in range(0, 40, 4):
            stories = [TRUE, Tree("fork", shared=size)]
            bodies = [tree.request(size, size + 4) for tree in stories for _ in range(2)]
            with ThreadPoolExecutor(4) as pool:
                sent = list(pool.map(lambda pair: pair[0].post(pair[1]), zip([fresh, twin] * 2, bodies, strict=True)))
            assert sorted(answer.status_code for answer in sent) == [200, 409, 409, 409]
            if not any(answer.status_code == 200 for answer in sent[:2]):
                break  # the fork was first; the true log has no future here
    finally:
        twin.kill()


def test_killed_between_storing_and_answering_it_has_given_nothing_away_and_the_log_goes_on(fresh, tmp_path):
    fresh.start()
    assert fresh.post(TRUE.request(0, 5)).status_code == 200
    fresh.kill()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    fresh.start(command=[sys.executable, "-c", DIES_AFTER_STORING, fresh.folder, LOG.vkey, port])
    with pytest.raises(httpx.TransportError):
        fresh.post(TRUE.request(5, 9))
    assert fresh.process is not None
    fresh.process.communicate(timeout=30)
    assert fresh.process.returncode == -signal.SIGKILL
    fresh.start()
    conflict = fresh.post(TRUE.request(5, 9))
    assert (conflict.status_code, conflict.text) == (409, "9\n"), "it remembers what it had decided"
    assert fresh.post(Tree("fork").request(5, 9)).status_code == 409
    collected = collect_cosignatures(signed_log(tmp_path / "log", TRUE, 9), _policy([fresh], 1), HttpWitnesses())
    assert collected.is_met


def test_killed_at_any_moment_it_never_goes_back(fresh):
    """Killed while requests pour in: what it cosigned before is never above what it has stored afterwards."""
    size, cosigned = 0, 0
    for turn in range(4):
        fresh.start()
        killer = threading.Timer(0.05 + 0.07 * turn, fresh.process.kill)
        killer.start()
        with contextlib.suppress(httpx.TransportError):
            while True:
                answer = fresh.post(TRUE.request(size, size + 3))
                if answer.status_code == 200:
                    size = cosigned = size + 3
                else:
                    size = int(answer.text)
                    assert size >= cosigned
        killer.join()
        fresh.kill()
    fresh.start()
    stored = httpx.get(fresh.url + LATEST).text
    assert int(stored.split("\n")[1]) in (cosigned, cosigned + 3)


@pytest.mark.timeout(600)
def test_the_command_line_from_key_to_cosigned_certificate_check(tmp_path, servers):
    """A real platform: init, cosign, prove under the cosigned checkpoint, check with a policy."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}

    def wattmark(*words: object, code: int = 0) -> str:
        ran = subprocess.run(
            [str(PROGRAM), *map(str, words)], capture_output=True, text=True, env=environment, timeout=120, check=False
        )
        assert ran.returncode == code, ran.stdout + ran.stderr
        return ran.stdout

    home, own = tmp_path / "home", [Server(tmp_path, number) for number in (31, 32, 33)]
    log_key = json.loads(wattmark("init", home, "--origin", "other.example/log", "--json"))["vkey"]
    try:
        for server in own[:2]:
            server.start(command=[PROGRAM, "witness", server.folder, "--port", 0, "--log", log_key])
        own[2].url = servers[0].url  # does not know this log, and has another key
        options = [word for server in own for word in ("--witness", f"{server.vkey}={server.url}")]
        assert json.loads(wattmark("log", "cosign", home, *options, "--json", code=1))["quorum_met"] is False
        wattmark("log", "proof", home, 0, "--witnessed", code=2)
        shown = json.loads(wattmark("log", "cosign", home, *options, "--quorum", 2, "--json"))
        assert [one["reply"] for one in shown["witnesses"]] == ["cosigned", "cosigned", "refused"]
        policy = tmp_path / "policy"
        lines = [f"witness w{n} {server.vkey} {server.url}" for n, server in enumerate(own)]
        policy.write_text("\n".join([f"log {log_key}", *lines, "group g 2 w0 w1 w2", "quorum g", ""]))
        assert "2 of 3 witnesses cosigned" in wattmark("log", "cosign", home, "--policy", policy)
        proof, entry = tmp_path / "0.tlog-proof", tmp_path / "0.entry"
        proof.write_text(wattmark("log", "proof", home, 0, "--witnessed", "--entry-out", entry))
        checked = wattmark("log", "check", proof, "--entry", entry, "--key", log_key, "--policy", policy, "--json")
        assert sorted(json.loads(checked)["cosigned_s"]) == ["w0", "w1"]
        every = [word for server in own for word in ("--witness", server.vkey)]
        wattmark("log", "check", proof, "--entry", entry, "--key", log_key, *every, code=1)
        wattmark("log", "check", proof, "--entry", entry, "--key", log_key, *every, "--quorum", 2)
        bare = proof.read_text().split("\u2014 witness")[0]
        proof.write_text(bare)
        wattmark("log", "check", proof, "--entry", entry, "--key", log_key)
        wattmark("log", "check", proof, "--entry", entry, "--key", log_key, "--policy", policy, code=1)
        wattmark("audit", home)
    finally:
        for server in own:
            server.kill()


@pytest.mark.timeout(300)
def test_a_served_log_is_cosigned_beside_its_requests_and_shows_it(tmp_path, servers):
    """``wattmark serve`` with HOME/witness.policy: one of three is away, two are enough."""
    from wattmark.testing.small_home import SmallHome

    home = tmp_path / "home"
    small = SmallHome(home).run()
    small.close()
    key = (home / "keys/log.vkey").read_text().strip()
    own = [Server(tmp_path, number) for number in (41, 42, 43)]
    for server in own[:2]:
        server.start(command=[PROGRAM, "witness", server.folder, "--port", 0, "--log", key])
    own[2].url = "http://127.0.0.1:1/"
    lines = [f"witness w{n} {server.vkey} {server.url}" for n, server in enumerate(own)]
    (home / "witness.policy").write_text("\n".join([*lines, "group g 2 w0 w1 w2", "quorum g", ""]))
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
    serving = subprocess.Popen(
        [str(PROGRAM), "serve", str(home), "--port", "0", "--cosign-every", "0.3"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        found = re.search(r"Serving (http://\S+/)", serving.stdout.readline())
        assert found is not None, serving.communicate()
        url = found[1]
        for _ in range(200):
            stands = httpx.get(url + "api/v1/log/witnesses").json()
            if stands["quorum_met"] and stands["witnesses"][2]["reply"]:
                break
            threading.Event().wait(0.1)
        size = int(httpx.get(url + "log/checkpoint").text.split("\n")[1])
        assert stands["quorum_met"]
        assert (stands["needed"], stands["size"]) == (2, size)
        assert [one["reply"] for one in stands["witnesses"]] == ["cosigned", "cosigned", "unreachable"]
        assert [one["size"] for one in stands["witnesses"]] == [size, size, 0]
        assert stands["witnesses"][0]["cosigned_s"] > 1_700_000_000
        assert httpx.get(url + "log/checkpoint").text.count("\u2014 witness.example/") == 2
        for language, met in (("en", "Enough have cosigned: at least 2 of 3"), ("ja", "連署は足りています")):
            page = httpx.get(url + "log", headers={"Accept-Language": language}).text
            assert met in page
            assert f"{size:,}" in page
        own[0].kill()  # too few from now on; what was cosigned stays, and the failure is said once, not every time
        own[1].kill()
        threading.Event().wait(2)
        assert httpx.get(url + "api/v1/log/witnesses").json()["quorum_met"]
        serving.send_signal(signal.SIGTERM)
        _, said = serving.communicate(timeout=30)
        lines = [line for line in said.splitlines() if line.startswith("cosignatures: ")]
        assert said.splitlines() == lines
        assert len(set(lines)) == len(lines)
        assert "0 of 3 witnesses cosigned, too few" in lines[-1]
    finally:
        serving.kill()
        serving.communicate()
        for server in own:
            server.kill()
    assert [item for item in audit_home(home) if item.is_truth] == []


def _vkey(number: int) -> str:
    from reference.witnessed_log import witness_key

    return witness_key(number).vkey


class _Impostor:
    """A server that sends fixed bytes to everybody, then perhaps drips for ever."""

    def __init__(self, said: bytes, drip: bytes = b"") -> None:
        self._said, self._drip, self._stop = said, drip, threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/"
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._talk, args=(connection,)))
            self._threads[-1].start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.sendall(self._said)
            if self._said and not self._drip:
                connection.recv(65_536)
                return
            while not self._stop.wait(0.1):
                connection.sendall(self._drip)


def test_repeated_signature_lines_do_not_end_a_witness(tmp_path: Path) -> None:
    """Anybody can repeat a log's signature line up to the limit of a note; the witness's own line must still fit."""
    asked, tree = witness(tmp_path), Tree()
    asked.add_checkpoint(tree.request(0, 5), NOW_MS)
    request = tree.request(5, 9)
    line = request.partition(b"\n\n")[2].partition(b"\n\n")[2]
    assert asked.add_checkpoint(request + line * (MAX_SIGNATURES - 1), NOW_MS)
    stored = asked.latest(origin_hash(LOG.name))
    assert stored.encode().count(line) == 1
    assert asked.add_checkpoint(tree.request(9, 12), NOW_MS)
