"""Settings to Platform: the only module that names engines.

Life of an opening: settings and keys are read; the journal is locked (one writer) and its last frame found; the
newest snapshot that holds is taken, unless the sealed read model is missing or behind it; the journal is replayed
from there, comparing every verdict; tree, tiles and signed checkpoint are held against each other; only then is the
platform handed out. Life of a closing: checkpoint, snapshot, seal of the read model.
"""

import hmac
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from typing_extensions import override

from wattmark.core.encoding import json_canonical
from wattmark.core.errors import Broken, MalformedInput, Refused, Unavailable
from wattmark.core.findings import Finding
from wattmark.core.ids import derive_id, random_bytes
from wattmark.core.text import Text
from wattmark.crypto.hashing import sha256
from wattmark.engine import snapshot as snapshots
from wattmark.engine.commands import BulkKind, Kind, command
from wattmark.engine.snapshot import Snapshot
from wattmark.flows import platform as flows_platform
from wattmark.flows.audit import BLINDING_FILE, LOG_KEY_FILE, VKEY_FILE, audit
from wattmark.flows.audit_ports import Found
from wattmark.flows.channels import Channels
from wattmark.flows.cosign import Collection, SignedLog, collect_cosignatures
from wattmark.flows.keys import SECRET_BYTES, Keys
from wattmark.flows.plan import Plan, plan_of
from wattmark.flows.read_log import LogReader
from wattmark.flows.sequence import LogKeys, Sequencer
from wattmark.flows.settings import SETTINGS_FILE, Settings, parse_settings, settings_bytes
from wattmark.flows.steps import Steps, no_steps
from wattmark.flows.witness import Witness
from wattmark.ledger.lakefile import describe_lake_file
from wattmark.ledger.note import COSIGNATURE_V1, NoteKey, Verifier, parse_vkey
from wattmark.ledger.policy import Policy
from wattmark.ledger.tiles import CHECKPOINT_PATH
from wattmark.storage.files import FileCheckpoints, FileJournal, FileLake, FileTiles
from wattmark.storage.files.disk import make_directory, replace_files, sync_directory
from wattmark.storage.files.home import FilesOfHome
from wattmark.storage.http import HttpWitnesses
from wattmark.storage.sqlite.views import COPY_NAME as VIEWS_COPY_NAME
from wattmark.storage.sqlite.views import FILE_NAME as VIEWS_NAME
from wattmark.storage.sqlite.views import SqliteViews, is_sealed

WEB_FILE: Final = "keys/web.key"
WITNESSED_DIRECTORY: Final = "witnessed"
"""Below a platform's home: the last checkpoint that witnesses cosigned."""
WITNESS_KEY_FILE: Final = "keys/witness.key"
"""Below a witness's own directory."""
WITNESS_VKEY_FILE: Final = "keys/witness.vkey"
BUILDING_SUFFIX: Final = ".wattmark-new"
SNAPSHOTS_KEPT: Final = 2
VIEWS_RULE: Final = "read model: sealed, and at the journal's last frame"
SEAL_BYTES: Final = 32
_PRIVATE_MODE: Final = 0o600
_SNAPSHOT_GLOB: Final = "state-*.snap"


class Platform(flows_platform.Platform):
    """A platform on the files of one directory."""

    def __init__(self, home: Path, *, read_only: bool) -> None:
        """Open the engines under ``home``; see ``open``."""
        self.home = home
        self._read_only = read_only
        self._closed = False
        self._published_ms = 0
        self._snapshot_sequence = -1
        self.settings = parse_settings(_read(home, SETTINGS_FILE))
        self.keys = read_keys(home, self.settings.origin)
        self._journal = FileJournal(
            home / "journal",
            segment_bytes=self.settings.segment_bytes,
            reserve_bytes=self.settings.reserve_bytes,
            read_only=read_only,
        )
        try:
            self._start()
        except BaseException:
            self._journal.close()
            raise

    @classmethod
    def create(cls, home: Path, settings: Settings, now_ms: int, keys: Keys | None = None) -> Self:
        """Make a new platform in an absent or empty directory and return it, open for writing.

        Args:
            home: directory.
            settings: the operator's settings; a record holds the hash of the file.
            now_ms: time of the first record [ms].
            keys: secrets; drawn at random when ``None``. Give them where a run must be repeatable.

        Raises:
            MalformedInput: the directory is not empty.
            Unavailable: the disk refuses.
        """
        if home.is_file() or (home.is_dir() and any(home.iterdir())):
            rule = Text(en="an absent or empty directory", ja="存在しないか空のディレクトリ")
            raise MalformedInput("HOME_NOT_EMPTY", "home", str(home), rule)
        made = keys or Keys(
            NoteKey(settings.origin, random_bytes(SECRET_BYTES)), random_bytes(SECRET_BYTES), random_bytes(SECRET_BYTES)
        )
        building = home.with_name(home.name + BUILDING_SUFFIX)  # a crash leaves this, never half a home
        try:
            shutil.rmtree(building, ignore_errors=True)
            make_directory(building)
            _write_keys(building, made)
            replace_files(building, [(SETTINGS_FILE, settings_bytes(settings))])
            with cls(building, read_only=False) as platform:
                platform.execute_all(settings_record(building), now_ms)
            building.rename(home)
            sync_directory(home.parent)
        except OSError as error:
            reason = Text(en=f"cannot write {home}: {error}", ja=f"{home} に書き込めません: {error}")
            raise Unavailable(reason) from error
        return cls.open(home)

    @classmethod
    def open(cls, home: Path, *, read_only: bool = False) -> Self:
        """Return the platform of a directory, everything caught up with its journal.

        Args:
            home: directory made by ``create``.
            read_only: take no lock and write nothing; the read model is then built in memory where no sealed one
                matches.

        Raises:
            MalformedInput: no platform there, or its settings or keys are malformed.
            Unavailable: another process is the writer.
            Broken: the journal is damaged, does not replay, or is not what was signed; run ``wattmark audit``.
        """
        if not (home / SETTINGS_FILE).is_file():
            rule = Text(en="a directory made by `wattmark init`", ja="`wattmark init` で作ったディレクトリ")
            raise MalformedInput("NOT_A_HOME", "home", str(home), rule)
        return cls(home, read_only=read_only)

    @override
    def tick(self, now_ms: int) -> None:
        """Publish and take a snapshot when they are due; call it every second or so, from one thread.

        Raises:
            Unavailable: a store refuses.
        """
        due = now_ms - self._published_ms >= self.settings.checkpoint_interval_ms
        if due and self.sequencer.published_size < self.sequencer.position:
            self.publish()
            self._published_ms = now_ms
        if self.sequencer.sequence - self._snapshot_sequence >= self.settings.snapshot_frames:
            self.take_snapshot()
            self._views.write_copy(self.home / "views" / VIEWS_COPY_NAME)

    def take_snapshot(self) -> None:
        """Publish, and write a snapshot of the state; the oldest ones are deleted."""
        with self.sequencer.reading():
            taken = self.sequencer.snapshot()
            data = snapshots.dump(taken)
        self.publish()  # at least as far as the snapshot: it starts from signed tiles
        data += snapshot_seal(self.keys.blinding, data)
        directory = self.home / "snapshots"
        make_directory(directory)
        replace_files(directory, [(f"state-{taken.sequence:020d}.snap", data)])
        self.tiles.prune(self.sequencer.published_size)
        self._snapshot_sequence = taken.sequence
        for old in sorted(directory.glob(_SNAPSHOT_GLOB))[:-SNAPSHOTS_KEPT]:
            old.unlink(missing_ok=True)

    def close(self) -> None:
        """Publish, take a snapshot, seal the read model, release the lock; fine when that was done before."""
        if self._closed:
            return
        self._closed = True
        try:
            if not self._read_only and self.sequencer.sequence >= 0:
                self.take_snapshot()
        except Unavailable:
            self._views.abandon()  # a stopped writer: what memory holds is not what the disk holds
            raise
        else:
            self._views.close()
        finally:
            self._journal.close()

    def __enter__(self) -> Self:
        """Return the platform."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the platform."""
        self.close()

    def _start(self) -> None:
        self.lake = FileLake(self.home / "lake")
        self.tiles = FileTiles(self.home / "log")
        checkpoints = FileCheckpoints(self.home / "checkpoint")
        self.witnessed = FileCheckpoints(self.home / WITNESSED_DIRECTORY)
        log_keys = LogKeys(
            origin=self.settings.origin,
            vkey=self.keys.vkey,
            signer=None if self._read_only else self.keys.log,
            blinding_key=self.keys.blinding,
        )
        views, snapshot = self._views_and_snapshot()
        try:
            self.sequencer = self._sequencer(log_keys, checkpoints, views, snapshot)
        except (Broken, Refused):
            views.abandon()
            if snapshot is None:
                raise
            views, snapshot = self._new_views(), None  # snapshot or tiles do not hold: ask the journal alone
            self.sequencer = self._sequencer(log_keys, checkpoints, views, None)
            if not self._read_only:
                self.sequencer.mend_tiles()
        except BaseException:
            views.abandon()
            raise
        if not self._read_only:
            self._journal.drop_torn_tail()  # the sequencer found nothing signed beyond the whole frames
        self._snapshot_sequence = -1 if snapshot is None else snapshot.sequence
        self.views = self._views = views
        self.channels = Channels(views, self.lake.get)
        self.channels.refresh(self.state)
        text = self.sequencer.checkpoint_text
        if text is not None and not self._read_only:
            self.tiles.write_many([(CHECKPOINT_PATH, text.encode())])

    def _views_and_snapshot(self) -> tuple[SqliteViews, Snapshot | None]:
        """Return the read model and the snapshot to start from; both may be behind the journal, never beside it.

        The sealed model of the last clean close, else the sealed copy of the last snapshot, else an empty one.
        """
        path = self.home / "views" / VIEWS_NAME
        copy = path.with_name(VIEWS_COPY_NAME)
        opened = SqliteViews.read_sealed if self._read_only else SqliteViews.open_sealed
        views = opened(path, self.lake.get)
        cursor = None if views is None else views.cursor()
        if self._read_only and cursor is not None and cursor[0] != self._journal.last_sequence:
            cursor = None  # sealed but behind: a reader cannot write, and goes on in memory
        if views is None or cursor is None or not self._stands_at(*cursor):
            if views is not None:
                views.abandon()
            views = SqliteViews.from_copy(copy, None if self._read_only else path, self.lake.get)
            cursor = None if views is None else views.cursor()
        if views is not None and cursor is not None and self._stands_at(*cursor):
            return views, self._snapshot_up_to(cursor[0])
        if views is not None:
            views.abandon()
        return self._new_views(), None

    def _new_views(self) -> SqliteViews:
        """Return an empty read model: beside a running writer in memory, else in place of the old one."""
        if self._read_only:
            return SqliteViews.in_memory(self.lake.get)
        return SqliteViews.create(self.home / "views" / VIEWS_NAME, self.lake.get)

    def _sequencer(
        self, keys: LogKeys, checkpoints: FileCheckpoints, views: SqliteViews, snapshot: Snapshot | None
    ) -> Sequencer:
        cursor = views.cursor()
        return Sequencer(
            journal=self._journal,
            tiles=self.tiles,
            checkpoints=checkpoints,
            keys=keys,
            snapshot=snapshot,
            listeners=[(0 if cursor is None else cursor[0] + 1, views.record)],
        )

    def _stands_at(self, sequence: int, frame_hash: bytes) -> bool:
        """Return whether the journal's frame of that number has that hash."""
        if sequence == self._journal.last_sequence:
            return frame_hash == self._journal.last_hash
        if sequence > self._journal.last_sequence:
            return False
        return next(iter(self._journal.read(sequence))).frame_hash == frame_hash

    def _snapshot_up_to(self, sequence: int) -> Snapshot | None:
        """Return the newest snapshot at or before a frame that holds and is of this journal, else ``None``."""
        for path in sorted((self.home / "snapshots").glob(_SNAPSHOT_GLOB), reverse=True):
            try:
                snapshot = load_snapshot(path.read_bytes(), self.keys.blinding)
            except (Refused, ValueError, KeyError, OSError):
                continue  # disposable: a damaged one is replaced by replay
            if snapshot.sequence <= sequence and self._stands_at(snapshot.sequence, snapshot.frame_hash):
                return snapshot
        return None


class AuditedHome(FilesOfHome):
    """The files an audit reads, and what it says of the disposable ones."""

    def snapshots(self) -> list[tuple[str, Snapshot | None]]:
        """Return every snapshot by path, ``None`` for one that cannot be believed."""
        return list(self._snapshots())

    def _snapshots(self) -> Iterator[tuple[str, Snapshot | None]]:
        try:
            blinding = _read_secret(self.home, BLINDING_FILE)
        except MalformedInput:
            return
        for path in sorted((self.home / "snapshots").glob(_SNAPSHOT_GLOB)):
            try:
                loaded: Snapshot | None = load_snapshot(path.read_bytes(), blinding)
            except (Refused, ValueError, KeyError, OSError):
                loaded = None
            yield path.relative_to(self.home).as_posix(), loaded

    def views_note(self, sequence: int, frame_hash: bytes) -> Finding | None:
        """Return what is wrong with the read model if the journal ends with this frame, ``None`` if nothing."""
        path = self.home / "views" / VIEWS_NAME
        file = path.relative_to(self.home).as_posix()
        copy = path.with_name(VIEWS_COPY_NAME)
        if copy.exists() and not is_sealed(copy):
            return Finding(
                copy.relative_to(self.home).as_posix(), "whole file", VIEWS_RULE, "changed: it is passed over"
            )
        views = SqliteViews.read_sealed(path, self.lake_file)
        if views is None:
            return Finding(file, "whole file", VIEWS_RULE, "not sealed, or changed since: it is rebuilt when opened")
        cursor = views.cursor()
        views.abandon()
        if cursor == (sequence, frame_hash):
            return None
        return Finding(file, "cursor", VIEWS_RULE, "behind or beside the journal: it is caught up when opened")


def audit_home(home: Path, *, quick: bool = False, steps: Steps = no_steps) -> Iterator[Found]:
    """Yield what does not hold under a home directory (``flows.audit``); nothing is written and nothing locked.

    Raises:
        MalformedInput: there is no such directory, or nothing in it is of a platform.
    """
    if not any((home / name).exists() for name in (SETTINGS_FILE, "journal", "log", "checkpoint", "lake")):
        rule = Text(en="a directory made by `wattmark init`", ja="`wattmark init` で作ったディレクトリ")
        raise MalformedInput("NOT_A_HOME", "home", str(home), rule)
    return audit(AuditedHome(home), quick=quick, steps=steps)


@contextmanager
def open_sequencer(home: Path) -> Iterator[Sequencer]:
    """Open journal, state and log of a platform for writing, without its read model, which will be caught up later.

    Raises:
        MalformedInput: no platform there, or its settings or keys are malformed.
        Unavailable: another process is the writer.
        Broken: the journal is damaged, does not replay, or is not what was signed.
    """
    settings = parse_settings(_read(home, SETTINGS_FILE))
    keys = read_keys(home, settings.origin)
    journal = FileJournal(home / "journal", segment_bytes=settings.segment_bytes, reserve_bytes=settings.reserve_bytes)
    try:
        sequencer = Sequencer(
            journal=journal,
            tiles=FileTiles(home / "log"),
            checkpoints=FileCheckpoints(home / "checkpoint"),
            keys=LogKeys(settings.origin, keys.vkey, keys.log, keys.blinding),
        )
        journal.drop_torn_tail()
        yield sequencer
    finally:
        journal.close()


def cosign_home(home: Path, policy: Policy, timeout_s: float) -> Collection:
    """Ask a policy's witnesses for the last signed checkpoint of a platform, and publish it if the policy is met.

    The platform may be open for writing meanwhile, in this process or another: its writer is not touched.

    Raises:
        MalformedInput: no platform there, or a witness without an address.
        UnknownReference: nothing was signed yet.
        Broken: what is stored is not what was signed.
        Unavailable: a store refuses.
    """
    log = SignedLog(
        parse_vkey(_read(home, VKEY_FILE).decode(errors="replace").strip()),
        FileCheckpoints(home / "checkpoint"),
        FileTiles(home / "log"),
        FileCheckpoints(home / WITNESSED_DIRECTORY),
    )
    return collect_cosignatures(log, policy, HttpWitnesses(timeout_s))


def make_witness(directory: Path, name: str) -> str:
    """Make a witness's key in an absent or empty directory and return its public half.

    Args:
        directory: where the witness keeps its key and the latest checkpoints.
        name: name of the key, such as a URL without schema.

    Raises:
        MalformedInput: the directory is not empty, or a bad name.
        Unavailable: the disk refuses.
    """
    if directory.is_file() or (directory.is_dir() and any(directory.iterdir())):
        rule = Text(en="an absent or empty directory", ja="存在しないか空のディレクトリ")
        raise MalformedInput("HOME_NOT_EMPTY", "directory", str(directory), rule)
    key = NoteKey(name, random_bytes(SECRET_BYTES), COSIGNATURE_V1)
    try:
        make_directory(directory / "keys")
        _write_secret(directory / WITNESS_KEY_FILE, key.skey)
        replace_files(directory, [(WITNESS_VKEY_FILE, f"{key.vkey}\n".encode())])
    except OSError as error:
        reason = Text(en=f"cannot write {directory}: {error}", ja=f"{directory} に書き込めません: {error}")
        raise Unavailable(reason) from error
    return key.vkey


def open_witness(directory: Path, logs: Iterable[Verifier]) -> Witness:
    """Return the witness of a directory for these logs.

    Raises:
        MalformedInput: no witness there, or a key of the wrong type.
    """
    key = NoteKey.from_skey(_read(directory, WITNESS_KEY_FILE).decode(errors="replace").strip())
    return Witness([key], logs, lambda origin_hash: FileCheckpoints(directory / "logs" / origin_hash))


@contextmanager
def log_reader(home: Path) -> Iterator[LogReader]:
    """Yield a reader of a home's records, beside whoever writes; it has taken in what is there.

    Raises:
        MalformedInput: no platform there.
        Broken: the journal does not hold.
    """
    if not (home / SETTINGS_FILE).is_file():
        rule = Text(en="a directory made by `wattmark init`", ja="`wattmark init` で作ったディレクトリ")
        raise MalformedInput("NOT_A_HOME", "home", str(home), rule)
    journal = FileJournal(home / "journal", read_only=True)
    try:
        reader = LogReader(journal)
        reader.catch_up()
        yield reader
    finally:
        journal.close()


def snapshot_seal(blinding: bytes, data: bytes | memoryview) -> bytes:
    """Return the 32 bytes behind a snapshot that only the holder of the platform's secret can make."""
    seal = hmac.new(blinding, b"wattmark snapshot\n", "sha256")
    seal.update(data)
    return seal.digest()


def load_snapshot(data: bytes, blinding: bytes) -> Snapshot:
    """Return a snapshot that this platform wrote.

    Raises:
        MalformedInput: damaged, or another platform's.
    """
    body, seal = memoryview(data)[:-SEAL_BYTES], data[-SEAL_BYTES:]
    if not hmac.compare_digest(snapshot_seal(blinding, body), seal):
        rule = Text(en="a snapshot sealed by this platform", ja="この運用先が封印したスナップショット")
        raise MalformedInput("SNAPSHOT_FOREIGN", "snapshot", len(data), rule)
    return snapshots.load(body)


def settings_record(home: Path) -> Plan:
    """Return the plan that puts the hashes of settings and public key on record; the latest such record counts."""
    files = [describe_lake_file(path, _read(home, path)) for path in (SETTINGS_FILE, VKEY_FILE)]
    payload = json_canonical({"files": [], "home_files": [file.to_dict() for file in files]})
    row = command(
        Kind.BULK_ROOT,
        id=derive_id("settings", payload),
        actor=0,
        bulk_kind=BulkKind.SETTINGS,
        rows=len(files),
        total_wh=0,
        period_start_s=0,
        duration_s=0,
        root=sha256(payload),
        hash=sha256(payload),
    )
    return plan_of([row], [payload])


def read_keys(home: Path, origin: str) -> Keys:
    """Return the keys under ``home``.

    Raises:
        MalformedInput: one is malformed, or the log's key is not that of ``keys/log.vkey``.
    """
    try:
        log = NoteKey.from_skey(_read(home, LOG_KEY_FILE).decode(errors="replace").strip())
    except MalformedInput as error:
        raise MalformedInput(error.code, LOG_KEY_FILE, error.value, error.rule) from error
    public = _read(home, VKEY_FILE).decode(errors="replace").strip()
    if log.vkey != public or log.name != origin:
        rule = Text(
            en="the verifier key of keys/log.key, named by the origin", ja="keys/log.keyの検証鍵で、名前は起点名"
        )
        raise MalformedInput("VKEY_MISMATCH", VKEY_FILE, public, rule)
    return Keys(log, _read_secret(home, BLINDING_FILE), _read_secret(home, WEB_FILE))


def _read(home: Path, path: str) -> bytes:
    try:
        return (home / path).read_bytes()
    except OSError as error:
        rule = Text(en="a readable file", ja="読み取れるファイル")
        raise MalformedInput("FILE_MISSING", "file", path, rule) from error


def _read_secret(home: Path, path: str) -> bytes:
    text = _read(home, path).decode(errors="replace").strip()
    if len(text) == 2 * SECRET_BYTES and set(text) <= set("0123456789abcdef"):
        return bytes.fromhex(text)
    rule = Text(en="64 lower-case hexadecimal digits", ja="小文字の16進数64桁")
    raise MalformedInput("SECRET_MALFORMED", path, "(secret)", rule)


def _write_keys(home: Path, keys: Keys) -> None:
    (home / "keys").mkdir(exist_ok=True)
    for path, text in _key_files(keys):
        _write_secret(home / path, text)


def _write_secret(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE_MODE)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


def _key_files(keys: Keys) -> Iterator[tuple[str, str]]:
    yield LOG_KEY_FILE, keys.log.skey
    yield VKEY_FILE, keys.vkey
    yield BLINDING_FILE, keys.blinding.hex()
    yield WEB_FILE, keys.web.hex()
