"""A mirror over HTTP: it ends up with the same bytes, and nothing a writer may say gets past it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typing_extensions import override

from reference.served_home import SECRETS, ServedHome, new_id, served, served_home
from wattmark.api.app import create_app
from wattmark.core.errors import MalformedInput, NotAuthorised, Unavailable
from wattmark.crypto.hashing import sha256
from wattmark.engine import layout as e
from wattmark.engine.batch import decode_batch, encode_batch, leaf_entries
from wattmark.flows.follow import Answer, Caught
from wattmark.flows.replication import Standing
from wattmark.ledger.checkpoint import Checkpoint, sign_checkpoint
from wattmark.ledger.frames import CHAIN_START, Frame, encode_frame, scan_segment
from wattmark.ledger.merkle import MerkleTree, leaf_hashes
from wattmark.ledger.note import NoteKey
from wattmark.ledger.tiles import parse_tile_path, tile_bytes
from wattmark.storage.files.standing import FileStandings
from wattmark.storage.http.writers import HttpWriter
from wattmark.testing.small_home import NIGHT_MS
from wattmark.wiring import audit_home
from wattmark.wiring.follower import FollowerPlatform, Mirror, Source, keep_evidence, open_follower

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def writer(tmp_path_factory) -> Iterator[ServedHome]:
    with served_home(tmp_path_factory.mktemp("writer")) as running:
        running.platform.publish()
        yield running


def source(writer: ServedHome, caller: str = "auditor") -> Source:
    return Source(writer.url, SECRETS[caller])


OPEN: list[HttpWriter] = []


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


def connect(url: str, caller: str) -> HttpWriter:
    OPEN.append(HttpWriter(url, SECRETS[caller]))
    return OPEN[-1]


@pytest.fixture
def follower(writer: ServedHome, tmp_path: Path) -> Iterator[FollowerPlatform]:
    with open_follower(tmp_path / "mirror", source(writer), writer.platform.keys.vkey) as opened:
        yield opened


class LyingWriter(HttpWriter):
    """The operator's own server, with the log's key, that changes what it says; chains, tiles, signatures fit."""

    def __init__(self, writer: ServedHome) -> None:
        super().__init__(writer.url, SECRETS["auditor"])
        OPEN.append(self)
        self.key: NoteKey = writer.platform.keys.log
        self.origin = writer.platform.settings.origin

    def honest(self, after: int) -> list[Frame]:
        answer = super().frames({"after": after, "epoch": 0}, 0)
        assert isinstance(answer, Answer)
        return [item for item in scan_segment(answer.body, after + 1, None) if isinstance(item, Frame)]

    def chained(self, payloads: list[bytes]) -> bytes:
        frames, prev_hash = [], CHAIN_START
        for sequence, payload in enumerate(payloads):
            frames.append(encode_frame(sequence, prev_hash, payload))
            prev_hash = sha256(frames[-1])
        return b"".join(frames)


class WrongVerdict(LyingWriter):
    """Some command had another outcome than the rules give."""

    @override
    def frames(self, query, wait_s):
        payloads = []
        for frame in self.honest(-1):
            batch = decode_batch(frame.payload)
            if frame.sequence == 3:
                verdicts = batch.verdicts.copy()
                verdicts[0, e.V_RESULT0] += 1
                batch = replace(batch, verdicts=verdicts)
            payloads.append(encode_batch(batch))
        return Answer(0, self.chained(payloads))


class WrongOrder(LyingWriter):
    """The operator puts one frame before another."""

    @override
    def frames(self, query, wait_s):
        payloads = [frame.payload for frame in self.honest(-1)]
        payloads[1], payloads[2] = payloads[2], payloads[1]
        return Answer(0, self.chained(payloads))


class FlippedBit(LyingWriter):
    """A frame changed on its way."""

    @override
    def frames(self, query, wait_s):
        answer = super().frames({**query, "epoch": 0}, wait_s)
        assert isinstance(answer, Answer)
        body = bytearray(answer.body)
        body[len(body) // 2] ^= 4
        return Answer(0, bytes(body))


class CutShort(LyingWriter):
    """The last frame is not whole."""

    @override
    def frames(self, query, wait_s):
        answer = super().frames(query, wait_s)
        assert isinstance(answer, Answer)
        return Answer(0, answer.body[:-7])


class NoBatch(LyingWriter):
    """A frame holds something else than commands."""

    @override
    def frames(self, query, wait_s):
        return Answer(0, self.chained([b"WMB1 and more"]))


class LaterFirst(LyingWriter):
    """The first frame is kept back."""

    @override
    def frames(self, query, wait_s):
        frame = self.honest(0)[0]
        return Answer(0, encode_frame(frame.sequence, frame.prev_hash, frame.payload))


class MissingLakeFile(LyingWriter):
    """A file that a record names is not there."""

    @override
    def lake_file(self, path):
        return None


class OtherLakeFile(LyingWriter):
    """A file that a record names is another one, of the same length."""

    @override
    def lake_file(self, path):
        data = super().lake_file(path)
        assert data is not None
        return data[:-1] + bytes([data[-1] ^ 1])


class OtherSettings(LyingWriter):
    """The settings are not those on record."""

    @override
    def settings(self):
        return super().settings().replace(b'"area":3', b'"area":4')


JOURNAL_LIES = {
    WrongVerdict: ("journal", "frame 3", "L6", "frame-3"),
    WrongOrder: ("journal", "frame 1", "L6", "frame-1"),
    FlippedBit: ("journal", "", "", "frames"),
    CutShort: ("journal", "", "", "frames"),
    NoBatch: ("journal", "frame 0", "batch format", "frame-0"),
    LaterFirst: ("journal", "frame 0", "", "frames"),
    MissingLakeFile: ("lake/", "whole file", "lake", "lake-file"),
    OtherLakeFile: ("lake/", "byte", "lake", "lake-file"),
}


def pull_all(follower: FollowerPlatform, writer: HttpWriter) -> None:
    while follower.follower.pull(writer, 0):
        pass


@pytest.mark.parametrize("lie", JOURNAL_LIES, ids=lambda lie: lie.__name__)
def test_a_lie_about_the_journal_is_caught_and_kept(lie, writer: ServedHome, follower: FollowerPlatform) -> None:
    file, position, rule, evidence = JOURNAL_LIES[lie]
    with pytest.raises(Caught) as caught:
        pull_all(follower, lie(writer))
    error = caught.value
    assert error.file.startswith(file)
    assert position in error.position
    assert rule in error.rule
    kept = keep_evidence(follower.home, error)
    assert json.loads((kept / "what.json").read_text())["file"] == error.file
    assert (kept / evidence).is_file()
    last = follower.replication.last_sequence
    assert f"frame-{last + 1}" in error.evidence or "frames" in error.evidence or "lake-file" in error.evidence


def test_settings_that_are_not_on_record_are_caught(writer: ServedHome, tmp_path: Path) -> None:
    home = tmp_path / "mirror"
    with open_follower(home, source(writer), writer.platform.keys.vkey) as opened:
        opened.follower._home_files["wattmark.json"] = b"older settings"
        lying = OtherSettings(writer)
        with pytest.raises(Caught) as caught:  # noqa: PT012 - it may be right with the next frame: so often it is asked
            for _ in range(20):
                opened.follower.pull(lying, 0)
    assert caught.value.file == "wattmark.json"


class Checkpoints(LyingWriter):
    """Shows checkpoints of its own making, all signed with the log's key."""

    def __init__(self, writer: ServedHome, kind: str) -> None:
        super().__init__(writer)
        self.kind = kind
        entries = [leaf_entries(decode_batch(frame.payload)) for frame in self.honest(-1)]
        if kind == "fork":
            entries[-1] = entries[-1].copy()
            entries[-1][0, -1] ^= 1
        self.tree = MerkleTree()
        self.tree.append(leaf_hashes(np.concatenate(entries)))

    def signed(self) -> str:
        key = NoteKey(self.origin, bytes([77]) * 32) if self.kind == "other key" else self.key
        root = self.tree.root()
        if self.kind == "short fork":
            root = sha256(b"something else")
        origin = "other.example/log" if self.kind == "other log" else self.origin
        return sign_checkpoint(Checkpoint(origin, self.tree.size, root), key)

    @override
    def head(self):
        return {**super().head(), "checkpoint": self.signed()}

    @override
    def checkpoint(self):
        return super().checkpoint() if self.kind != "split view" else self.signed()

    @override
    def tiles(self, paths):
        if self.kind == "wrong tile":
            (data, *rest) = super().tiles(paths)
            assert data is not None
            return [bytes([data[0] ^ 1]) + data[1:], *rest]
        if self.kind == "missing tile":
            return [None for _ in paths]
        return [tile_bytes(self.tree, parse_tile_path(path)) for path in paths]


@pytest.mark.parametrize(
    ("kind", "file", "rule"),
    [
        ("fork", "log/checkpoint", "L7"),
        ("short fork", "log/checkpoint", "L7"),
        ("other key", "log/checkpoint", "C2SP tlog-checkpoint"),
        ("other log", "log/checkpoint", "C2SP tlog-checkpoint"),
        ("wrong tile", "log/tile/0/000", "C2SP tlog-tiles"),
        ("missing tile", "log/tile/0/000", "C2SP tlog-tiles"),
    ],
)
def test_a_checkpoint_that_does_not_hold_is_caught(
    kind: str, file: str, rule: str, writer: ServedHome, follower: FollowerPlatform
) -> None:
    lying = Checkpoints(writer, kind)
    pull_all(follower, lying)
    with pytest.raises(Caught) as caught:
        follower.follower.check_log(lying)
    assert caught.value.file.startswith(file)
    assert rule in caught.value.rule
    assert caught.value.evidence["checkpoint-theirs"] == lying.signed().encode()
    assert follower.sequencer.published_size == 0, "nothing of it was stored"


def test_a_fork_after_an_honest_checkpoint_keeps_both(writer: ServedHome, follower: FollowerPlatform) -> None:
    Mirror(follower, source(writer)).once()
    lying = Checkpoints(writer, "fork")
    with pytest.raises(Caught) as caught:
        follower.follower.check_log(lying)
    ours = (follower.home / "checkpoint" / "last").read_bytes()
    assert caught.value.evidence == {"checkpoint-ours": ours, "checkpoint-theirs": lying.signed().encode()}


def test_a_log_that_was_rolled_back_is_caught(writer: ServedHome, follower: FollowerPlatform) -> None:
    Mirror(follower, source(writer)).once()

    class RolledBack(LyingWriter):
        @override
        def frames(self, query, wait_s):
            return super().frames({**query, "after": int(query["after"]) + 5}, wait_s)

    with pytest.raises(Caught) as caught:
        follower.follower.pull(RolledBack(writer), 0)
    assert caught.value.rule == "L5: a log only grows"
    assert b"FOLLOWER_AHEAD" in caught.value.evidence["answer"]


def test_a_log_with_another_past_is_caught(writer: ServedHome, follower: FollowerPlatform) -> None:
    Mirror(follower, source(writer)).once()

    class OtherPast(LyingWriter):
        @override
        def frames(self, query, wait_s):
            return super().frames({**query, "hash": "ab" * 32} if "hash" in query else query, wait_s)

    with pytest.raises(Caught) as caught:
        follower.follower.pull(OtherPast(writer), 0)
    assert caught.value.rule == "L5: a log only grows"
    assert {"answer", "checkpoint-ours", "frames-theirs"} <= set(caught.value.evidence)


def test_the_mirror_has_the_same_bytes(writer: ServedHome, follower: FollowerPlatform) -> None:
    done = Mirror(follower, source(writer)).once()
    platform = writer.platform
    assert done["frames"] == platform.sequencer.sequence + 1
    assert done["frame_hash"] == platform.sequencer.frame_hash.hex()
    assert done["state_hash"] == writer.state_hash()
    assert done["signed"] == done["records"] == platform.sequencer.position
    for path in platform.lake.list():
        assert follower.lake.get(path) == platform.lake.get(path)
    assert (follower.home / "log" / "checkpoint").read_bytes() == (platform.home / "log" / "checkpoint").read_bytes()
    assert Mirror(follower, source(writer)).once()["frames"] == 0
    follower.close()
    assert [one for one in audit_home(follower.home) if one.is_truth] == []
    assert not (follower.home / "keys" / "log.key").exists()
    assert not (follower.home / "keys" / "blinding.key").exists()


def test_it_goes_on_where_it_stopped(writer: ServedHome, tmp_path: Path) -> None:
    known = writer.platform.keys.vkey
    with open_follower(tmp_path / "mirror", source(writer), known) as first:
        Mirror(first, source(writer)).once()
    client = writer.client("operator")
    body = {"id": new_id("later"), "name": "later", "roles": 4}
    assert client.post("/api/v1/accounts", json=body).status_code == 201
    with open_follower(tmp_path / "mirror", source(writer), None) as second:
        assert second._snapshot_sequence == second.sequencer.sequence, "from the snapshot"
        assert Mirror(second, source(writer)).once()["frames"] == 1


def test_reads_are_served_and_writes_sent_to_the_writer(writer: ServedHome, follower: FollowerPlatform) -> None:
    Mirror(follower, source(writer)).once()
    with served(follower_as_small(follower), {}) as mirror:
        theirs, ours = (one.client("consumer").get("/api/v1/accounts/me").json() for one in (writer, mirror))
        assert ours == theirs
        assert mirror.client().get("/").status_code == 200
        assert mirror.client().get("/log/checkpoint").content == writer.client().get("/log/checkpoint").content
        proof = mirror.client().get("/api/v1/records/3/proof")
        assert proof.text == writer.client().get("/api/v1/records/3/proof").text
        before = writer.state_hash()
        for path in ("/api/v1/accounts", "/api/v1/orders/batch", "/me/orders/1/cancel", "/api/v1/readings"):
            refused = mirror.client("operator").post(path, json={})
            assert refused.status_code == 503
            rule = refused.json()["error"]["rule"]
            assert writer.url in rule["en"]
            assert writer.url in rule["ja"]
            assert rule["en"] != rule["ja"]
        assert mirror.state_hash() == before


def follower_as_small(follower: FollowerPlatform):
    class Small:
        platform = follower

    return Small()


@pytest.mark.parametrize("caller", ["consumer", "producer", "other"])
def test_frames_and_files_are_for_operators_and_auditors(writer: ServedHome, caller: str) -> None:
    for path in ("frames?after=-1", "head", "settings", "lake/readings/x.parquet"):
        assert writer.client(caller).get(f"/api/v1/replication/{path}").status_code == 403
        assert writer.client().get(f"/api/v1/replication/{path}").status_code == 401
    assert writer.client("auditor").post("/api/v1/replication/fence", json={"epoch": 1}).status_code == 403
    with pytest.raises(NotAuthorised) as refused:
        connect(writer.url, caller).head()
    assert SECRETS[caller] not in str(refused.value)


@pytest.mark.parametrize(
    "query",
    [
        "after=x",
        "after=-2",
        "after=9999999999999999999",
        "epoch=-1",
        "hash=zz",
        "hash=abcd",
        "wait_ms=999999999",
        "after=",
    ],
)
def test_a_malformed_pull_is_refused(writer: ServedHome, query: str) -> None:
    answer = writer.client("auditor").get(f"/api/v1/replication/frames?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "PULL_MALFORMED")


def test_a_key_is_needed_and_must_stay_the_same(writer: ServedHome, tmp_path: Path) -> None:
    with pytest.raises(MalformedInput, match="KEY_NEEDED"):
        open_follower(tmp_path / "none", source(writer), None)
    assert not (tmp_path / "none").exists()
    other = NoteKey(writer.platform.settings.origin, bytes([9]) * 32).vkey
    with open_follower(tmp_path / "first", source(writer), None, trust_first=True) as opened:
        assert opened.keys.vkey == writer.platform.keys.vkey
    with pytest.raises(MalformedInput, match="OTHER_KEY"):
        open_follower(tmp_path / "first", source(writer), other)
    with open_follower(tmp_path / "second", source(writer), other) as opened:
        mirror = Mirror(opened, source(writer))
        with pytest.raises(Caught) as caught:
            mirror.once()
    assert caught.value.file == "keys/log.vkey"


def test_a_follower_that_knows_a_higher_epoch_does_not_confirm(writer: ServedHome, follower: FollowerPlatform) -> None:
    asked = []

    class Counting(LyingWriter):
        @override
        def frames(self, query, wait_s):
            asked.append(dict(query))
            return Answer(2, b"")

    follower.follower.fence(5)
    with pytest.raises(Unavailable, match="replaced"):
        follower.follower.pull(Counting(writer), 0)
    assert asked[0]["epoch"] == 5
    assert FileStandings(follower.home).load().epoch == 5


def test_a_higher_epoch_of_the_writer_is_kept_before_it_is_confirmed(
    writer: ServedHome, follower: FollowerPlatform
) -> None:
    class Newer(LyingWriter):
        @override
        def frames(self, query, wait_s):
            answer = super().frames({**query, "epoch": 0}, wait_s)
            assert isinstance(answer, Answer)
            return Answer(4, answer.body)

    follower.follower.pull(Newer(writer), 0)
    assert FileStandings(follower.home).load() == Standing(4, "follower", writer.url)


def test_a_follower_that_is_served_can_be_fenced(writer: ServedHome, follower: FollowerPlatform) -> None:
    Mirror(follower, source(writer)).once()
    with served(follower_as_small(follower), {}) as mirror:
        head = connect(mirror.url, "operator").fence(3, "http://new.example")
        assert (head["role"], head["epoch"], head["last_sequence"]) == ("follower", 3, follower.sequencer.sequence)
        with pytest.raises(Unavailable, match="EPOCH_OLD"):
            connect(mirror.url, "operator").fence(3, "")
    assert FileStandings(follower.home).load() == Standing(3, "follower", "http://new.example")


def test_a_follower_of_a_follower(writer: ServedHome, follower: FollowerPlatform, tmp_path: Path) -> None:
    Mirror(follower, source(writer)).once()
    with served(follower_as_small(follower), {}) as mirror:
        second = Source(mirror.url, SECRETS["auditor"])
        with open_follower(tmp_path / "second", second, writer.platform.keys.vkey) as opened:
            assert Mirror(opened, second).once()["state_hash"] == writer.state_hash()


def test_a_follower_refuses_commands_given_directly(follower: FollowerPlatform) -> None:
    with pytest.raises(Unavailable, match="commands go to the writer"):
        follower.sequencer.submit(np.empty((0, 16), np.int64), now_ms=NIGHT_MS)
    assert create_app(follower) is not None
