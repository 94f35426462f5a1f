"""A follower's home: made, opened, run; turned into the writer's, and a writer's turned into a follower's.

A follower's home has the layout of any home, without the log's secrets. Its own two are drawn here: ``keys/web.key``
signs the sessions of its pages and seals its snapshots. What it caught lies below ``evidence/``, what it had to take
back below ``set-aside/``; nothing is dropped silently.
"""

import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from wattmark.core.encoding import json_canonical
from wattmark.core.errors import Broken, MalformedInput, Unavailable, WattmarkError
from wattmark.core.ids import random_bytes
from wattmark.core.text import Text
from wattmark.crypto.hashing import sha256
from wattmark.engine import snapshot as snapshots
from wattmark.flows.audit import VKEY_FILE
from wattmark.flows.follow import Caught, Follower, FollowersReplication, FollowingSequencer
from wattmark.flows.keys import SECRET_BYTES, Keys
from wattmark.flows.replication import FOLLOWER, Replication, Standing
from wattmark.flows.settings import SETTINGS_FILE, parse_settings
from wattmark.ledger.note import NoteKey, parse_vkey
from wattmark.ledger.ports import Journal
from wattmark.storage.files.disk import make_directory, replace_files, sync_directory
from wattmark.storage.files.standing import FileStandings
from wattmark.storage.http.writers import HttpWriter
from wattmark.wiring.home import WEB_FILE, read_file, read_secret, read_settings, write_secret
from wattmark.wiring.platform import BUILDING_SUFFIX, Platform
from wattmark.wiring.snapshots import sealed, store_snapshot

EVIDENCE: Final = "evidence"
SEAL_LABEL: Final = b"wattmark follower's seal"
WAIT_S: Final = 2.0
"""How long a writer is asked to wait for the next frame [s]."""
FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 2.0
"""Pauses before a writer that was not reached is tried again: each is twice the one before [s]."""
CHECK_EVERY_S: Final = 1.0
"""How often the writer's checkpoints are held against the records, at least [s]."""


@dataclass(frozen=True, slots=True)
class PublicKeys(Keys):
    """A follower's keys: the log's public one, and secrets of its own in place of the log's.

    Attributes:
        public: the log's verifier key text.
    """

    public: str = ""

    @property
    @override
    def vkey(self) -> str:
        """Return the log's public verifier key text."""
        return self.public


def public_keys(public: str, own: bytes) -> PublicKeys:
    """Return a follower's keys from the log's public key and the follower's own secret."""
    unused = NoteKey("follower.invalid", sha256(b"wattmark follower, signs nothing" + own))
    return PublicKeys(unused, sha256(SEAL_LABEL + own), own, public=public)


class FollowerPlatform(Platform):
    """A platform on a follower's home: reads are served from what was verified, commands are sent elsewhere."""

    role = FOLLOWER
    sequencer_class = FollowingSequencer

    def __init__(self, home: Path) -> None:
        """Open the home of a follower.

        Raises:
            Unavailable: another process has it open, or it is no follower's.
            Broken: what is stored does not hold.
        """
        self._pending: tuple[snapshots.Snapshot, int, bytes] | None = None
        super().__init__(home, read_only=False)
        assert isinstance(self.sequencer, FollowingSequencer)
        self.following = self.sequencer
        standings = FileStandings(home)
        self.follower = Follower(
            self.following,
            self.lake,
            standings,
            self._keep_home_file,
            {path: read_file(home, path) for path in (SETTINGS_FILE, VKEY_FILE)},
        )
        if isinstance(self.replication, FollowersReplication):
            self.replication.follower = self.follower
        self.elsewhere = elsewhere(standings.load().writer)
        self.following.elsewhere = self.elsewhere

    @override
    def tick(self, now_ms: int) -> None:
        """Do nothing: the writer signs, and ``keep_up`` takes what it signed."""

    @override
    def close(self) -> None:
        """Close the home; one that caught something is left as it stands on disk, and nothing is raised over that."""
        if self.following.is_stopped and not self._closed:
            self._closed = True
            self._feed.close()
            self._views.abandon()
            self._journal.close()
        super().close()

    @override
    def take_snapshot(self) -> None:
        """Store a snapshot if a signed checkpoint reaches as far; the oldest ones are deleted."""
        self._take()
        self._store()

    def snapshot_if_due(self) -> None:
        """Take a snapshot every ``snapshot_frames``, and store it once a signed checkpoint reaches as far.

        Raises:
            Unavailable: the disk refuses.
        """
        due = self.sequencer.sequence - self._snapshot_sequence >= self.settings.snapshot_frames
        if self._pending is None and due:
            self._take()
        self._store()

    @override
    def _read_keys(self) -> Keys:
        public = read_file(self.home, VKEY_FILE).decode(errors="replace").strip()
        return public_keys(public, read_secret(self.home, WEB_FILE))

    @override
    def _signer(self) -> NoteKey | None:
        return None

    @override
    def _make_replication(self, journal: Journal, standings: FileStandings) -> Replication:
        return FollowersReplication(journal, standings, self.settings, alone=True)

    def _keep_home_file(self, path: str, data: bytes) -> None:
        replace_files(self.home, [(path, data)])

    def _take(self) -> None:
        with self.sequencer.reading():
            taken = self.sequencer.snapshot()
            self._pending = taken, self.sequencer.position, snapshots.dump(taken)

    def _store(self) -> None:
        if self._pending is None or self._pending[1] > self.sequencer.published_size:
            return
        taken, _, data = self._pending
        self._pending = None
        self._snapshot_sequence = taken.sequence
        store_snapshot(self.home, taken, sealed(data, self.keys.blinding))
        self.tiles.prune(self.sequencer.published_size)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a follower pulls from: address, API key (operator or auditor), and the follower's own name."""

    url: str
    api_key: str
    name: str = ""

    def writer(self) -> HttpWriter:
        """Return a connection; each thread needs its own."""
        return HttpWriter(self.url, self.api_key)


def open_follower(home: Path, source: Source, vkey: str | None, *, trust_first: bool = False) -> FollowerPlatform:
    """Return the follower of a directory, made if it is absent or empty.

    Args:
        home: the directory.
        source: where to pull from; it replaces what the home says.
        vkey: the log's public key as this follower's operator knows it.
        trust_first: believe the key that the writer names when the home is made.

    Raises:
        MalformedInput: no key is known, or not the one this home was made with; the directory is another thing.
        Unavailable: the writer is not reached, or the directory is in use.
        Broken: what is stored does not hold.
    """
    if not home.is_dir() or not any(home.iterdir()):
        _make_home(home, source, vkey, trust_first=trust_first)
    standings = FileStandings(home)
    standing = standings.load()
    known = read_file(home, VKEY_FILE).decode(errors="replace").strip()
    if vkey is not None and vkey != known:
        rule = Text(en=f"the key this home was made with: {known}", ja=f"このホームを作った時の検証鍵: {known}")
        raise MalformedInput("OTHER_KEY", "vkey", vkey, rule)
    if standing.role == FOLLOWER and (standing.writer, standing.name) != (source.url, source.name or standing.name):
        standings.store(Standing(standing.epoch, FOLLOWER, source.url, source.name or standing.name))
    return FollowerPlatform(home)


def keep_evidence(home: Path, caught: Broken) -> Path:
    """Store what was caught and what proves it, durably, and return the directory."""
    what = {"file": caught.file, "position": caught.position, "rule": caught.rule, "detail": caught.detail}
    evidence = caught.evidence if isinstance(caught, Caught) else {}
    files = {"what.json": json_canonical(what) + b"\n", **evidence}
    name = sha256(b"".join(files[key] for key in sorted(files))).hex()[:16]
    replace_files(home / EVIDENCE / name, files.items())
    return home / EVIDENCE / name


class Mirror:
    """Keeps a follower's platform at its writer's heels, on two threads, until it is stopped or something is caught.

    Attributes:
        failure: what ended it, if not ``stop``.
    """

    def __init__(self, platform: FollowerPlatform, source: Source, ended: Callable[[], object] = lambda: None) -> None:
        """Prepare; ``ended`` is called on one of the threads when something ends it."""
        self._platform, self._source, self._ended = platform, source, ended
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._writers: list[HttpWriter] = []
        self.failure: WattmarkError | None = None

    def once(self) -> dict[str, Any]:
        """Mirror to the end and return what was verified.

        Raises:
            Broken: something does not hold; the evidence is kept.
            Unavailable: the writer is not reached.
        """
        writer = self._source.writer()
        follower = self._platform.follower
        frames = 0
        try:
            while True:
                taken = follower.pull(writer, 0)
                frames += taken
                if not taken and follower.check_log(writer) and not follower.pull(writer, 0):
                    break
        except Broken as error:
            keep_evidence(self._platform.home, error)
            raise
        finally:
            writer.close()
        return {**summary(self._platform), "frames": frames}

    def start(self) -> None:
        """Start both threads."""
        for name, work in (("pull", self._pull), ("log", self._check)):
            thread = threading.Thread(target=self._run, args=(work,), name=f"wattmark {name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def wait(self) -> None:
        """Wait until it has ended.

        Raises:
            WattmarkError: what ended it.
        """
        while not self._stop.wait(0.5):
            pass
        self.stop()
        if self.failure is not None:
            raise self.failure

    @property
    def is_stopped(self) -> bool:
        """Whether it has ended or is about to."""
        return self._stop.is_set()

    def stop(self) -> None:
        """End both threads."""
        self._stop.set()
        for writer in self._writers:
            writer.cut()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout=WAIT_S + 10)

    def _run(self, work: Callable[[HttpWriter], float]) -> None:
        writer = self._source.writer()
        self._writers.append(writer)
        pause_s = FIRST_PAUSE_S
        while not self._stop.is_set():
            try:
                wait_s = work(writer)
                pause_s = FIRST_PAUSE_S
            except Unavailable as error:
                if self._platform.following.is_stopped:
                    self._fail(error)
                    break
                wait_s, pause_s = pause_s, min(2 * pause_s, LONGEST_PAUSE_S)
            except WattmarkError as error:
                self._fail(error)
                break
            if wait_s:
                self._stop.wait(wait_s)
        writer.close()

    def _pull(self, writer: HttpWriter) -> float:
        self._platform.follower.pull(writer, WAIT_S)
        return 0.0

    def _check(self, writer: HttpWriter) -> float:
        self._platform.follower.check_log(writer)
        self._platform.snapshot_if_due()
        return CHECK_EVERY_S

    def _fail(self, error: WattmarkError) -> None:
        if self.failure is None:
            self.failure = error
            if isinstance(error, Broken):
                keep_evidence(self._platform.home, error)
        self._stop.set()
        self._ended()


def summary(platform: FollowerPlatform) -> dict[str, Any]:
    """Return what a follower has verified, as JSON."""
    standing = platform.follower.standing
    with platform.sequencer.reading() as state:
        return {
            "home": str(platform.home),
            "writer": standing.writer,
            "epoch": standing.epoch,
            "last_sequence": platform.sequencer.sequence,
            "frame_hash": platform.sequencer.frame_hash.hex(),
            "records": platform.sequencer.position,
            "signed": platform.sequencer.published_size,
            "state_hash": state.state_hash().hex(),
            "vkey": platform.keys.vkey,
        }


def elsewhere(url: str) -> Text:
    """Return where commands go."""
    return Text(
        en=f"this is a mirror for reading; commands go to the writer at {url}",
        ja=f"ここは閲覧用の複製です。操作は書込元 {url} へ",
    )


def follower_files(settings: bytes, vkey: str, standing: Standing) -> Mapping[str, bytes]:
    """Return the public files of a new follower's home."""
    return {SETTINGS_FILE: settings, VKEY_FILE: f"{vkey}\n".encode(), "replication/standing.json": standing.to_bytes()}


def _make_home(home: Path, source: Source, vkey: str | None, *, trust_first: bool) -> None:
    if vkey is None and not trust_first:
        rule = Text(
            en="the log's public key (--vkey), or --trust-first to believe the one the writer names",
            ja="ログの検証鍵(--vkey)。書込元の示す鍵を信じる場合は --trust-first",
        )
        raise MalformedInput("KEY_NEEDED", "vkey", "", rule)
    writer = source.writer()
    try:
        known = vkey if vkey is not None else str(writer.head().get("vkey", ""))
        data = writer.settings()
    finally:
        writer.close()
    origin = parse_settings(data).origin
    if parse_vkey(known).name != origin:
        rule = Text(en=f"the key of the log {origin}", ja=f"ログ{origin}の検証鍵")
        raise MalformedInput("OTHER_LOG", "vkey", known, rule)
    building = home.with_name(home.name + BUILDING_SUFFIX)
    try:
        shutil.rmtree(building, ignore_errors=True)
        make_directory(building / "keys")
        write_secret(building / WEB_FILE, random_bytes(SECRET_BYTES).hex())
        standing = Standing(0, FOLLOWER, source.url, source.name)
        replace_files(building, follower_files(data, known, standing).items())
        if home.is_dir():
            home.rmdir()
        building.rename(home)
        sync_directory(home.parent)
    except OSError as error:
        reason = Text(en=f"cannot write {home}: {error}", ja=f"{home} に書き込めません: {error}")
        raise Unavailable(reason) from error
    read_settings(home)
