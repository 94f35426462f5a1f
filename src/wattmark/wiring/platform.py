"""The platform on a home directory.

Life of an opening: settings and keys are read; the journal is locked (one writer) and its last frame found; the
newest snapshot that holds is taken, unless the sealed read model is missing or behind it; the journal is replayed
from there, comparing every verdict; tree, tiles and signed checkpoint are held against each other; only then is the
platform handed out. Life of a closing: checkpoint, snapshot, seal of the read model.
"""

import shutil
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from typing_extensions import override

from wattmark.core.errors import MalformedInput, Unavailable
from wattmark.core.ids import random_bytes
from wattmark.core.text import Text
from wattmark.engine.snapshot import Snapshot
from wattmark.flows import platform as flows_platform
from wattmark.flows.channels import Channels
from wattmark.flows.feed import Feed
from wattmark.flows.keys import SECRET_BYTES, Keys, LogKeys
from wattmark.flows.owners import OWNERS_FILE, OwnerGroups, parse_owners
from wattmark.flows.replication import (
    FOLLOWER,
    FOLLOWS,
    TAKEN_OVER,
    WRITER,
    ReplicatedJournal,
    ReplicatedSequencer,
    Replication,
)
from wattmark.flows.round_market import plan_round
from wattmark.flows.sequence import Sequencer
from wattmark.flows.settings import SETTINGS_FILE, Settings, settings_bytes
from wattmark.ledger.note import NoteKey
from wattmark.ledger.ports import Checkpoints, Journal
from wattmark.storage.files import FileCheckpoints, FileLake, FileTiles
from wattmark.storage.files.disk import make_directory, replace_files, sync_directory
from wattmark.storage.files.standing import FileStandings
from wattmark.storage.sqlite.views import COPY_NAME as VIEWS_COPY_NAME
from wattmark.storage.sqlite.views import FILE_NAME as VIEWS_NAME
from wattmark.storage.sqlite.views import SqliteViews
from wattmark.wiring.engines import open_checkpoints, open_journal
from wattmark.wiring.home import read_file, read_keys, read_settings, settings_record, write_keys
from wattmark.wiring.ledger import newest_snapshot, stands_at, start_sequencer, write_snapshot
from wattmark.wiring.rehearsal import check_lake
from wattmark.wiring.witness import WITNESSED_DIRECTORY

BUILDING_SUFFIX: Final = ".wattmark-new"


class Platform(flows_platform.Platform):
    """A platform on the files of one directory."""

    role: str = WRITER
    """What the standing of a home must be for it to be opened for writing."""
    sequencer_class: type[ReplicatedSequencer] = ReplicatedSequencer

    def __init__(
        self, home: Path, *, read_only: bool, takeover: bool = False, standby: bool = False, alone: bool = False
    ) -> None:
        """Open the engines under ``home``; see ``open``."""
        self.home = home
        self._read_only, self._alone = read_only, alone
        self._closed = False
        self._published_ms = 0
        self._snapshot_sequence = -1
        self.settings = read_settings(home)
        self.keys = self._read_keys()
        journal = open_journal(home, self.settings, read_only=read_only, takeover=takeover, standby=standby)
        self.epoch: int = getattr(journal, "epoch", 0)
        self._journal = self._replicated(journal)
        try:
            self._start(open_checkpoints(home, self.settings, journal))
        except BaseException:
            self._journal.close()
            raise

    @classmethod
    def create(cls, home: Path, settings: Settings, now_ms: int, keys: Keys | None = None) -> Self:
        """Make a new platform in an absent or empty directory and return it, open for writing.

        It waits for no followers until it is opened anew.

        Args:
            home: directory.
            settings: the operator's settings; a record holds the hash of the file.
            now_ms: time of the first record [ms].
            keys: secrets; drawn at random when ``None``. Give them where a run must be repeatable.

        Raises:
            MalformedInput: the directory is not empty, or the database holds a journal.
            Unavailable: the disk or the database refuses.
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
            write_keys(building, made)
            replace_files(building, [(SETTINGS_FILE, settings_bytes(settings))])
            _check_empty(building, settings)
            with cls(building, read_only=False, alone=True) as platform:
                platform.execute_all(settings_record(building), now_ms)
            building.rename(home)
            sync_directory(home.parent)
        except OSError as error:
            reason = Text(en=f"cannot write {home}: {error}", ja=f"{home} に書き込めません: {error}")
            raise Unavailable(reason) from error
        return cls.open(home, alone=True)

    @classmethod
    def open(
        cls,
        home: Path,
        *,
        read_only: bool = False,
        takeover: bool = False,
        standby: bool = False,
        alone: bool = False,
    ) -> Self:
        """Return the platform of a directory, everything caught up with its journal.

        Args:
            home: directory made by ``create``.
            read_only: take no lock and write nothing; the read model is then built in memory where no sealed one
                matches.
            takeover: end the writer there is and fence it; for a journal in PostgreSQL.
            standby: wait until the writer there is has gone, then take its place; for a journal in PostgreSQL.
            alone: acknowledge what no follower has confirmed; for repairs.

        Raises:
            MalformedInput: no platform there, or its settings or keys are malformed.
            Unavailable: another process is the writer, or the home is a follower's or was replaced.
            Broken: the journal is damaged, does not replay, or is not what was signed; run ``wattmark audit``.
        """
        if takeover or standby:  # what is missing or broken here shows while the other one still writes
            with closing(cls(home, read_only=True)) as rehearsed:
                rehearsed.check_lake()
        return cls(home, read_only=read_only, takeover=takeover, standby=standby, alone=alone)

    @override
    def owner_groups(self) -> OwnerGroups:
        """Return the accounts that belong to one owner: what ``HOME/owners.json`` says now, nothing without it.

        Raises:
            MalformedInput: the file has another form.
        """
        return parse_owners(read_file(self.home, OWNERS_FILE)) if (self.home / OWNERS_FILE).exists() else ()

    @override
    def tick(self, now_ms: int) -> None:
        """Publish, take a snapshot, do a round of the market when they are due; call it every second, from one thread.

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
        if self.settings.market.acts and len(wanted := plan_round(self, now_ms)):
            self.execute(wanted, now_ms)

    def check_lake(self) -> None:
        """Check that every lake file that a record names is here.

        Raises:
            Broken: one is missing; names it.
        """
        check_lake(self._journal, self.lake)

    def take_snapshot(self) -> None:
        """Publish, and write a snapshot of the state; the oldest ones are deleted."""
        self._snapshot_sequence = write_snapshot(
            self.home, self.keys.blinding, self.sequencer, self.tiles, self.publish
        )

    def close(self) -> None:
        """Publish, take a snapshot, seal the read model, release the lock; fine when that was done before."""
        if self._closed:
            return
        self._closed = True
        try:
            if not self._read_only and self.sequencer.sequence >= 0 and self.replication.is_settled:
                self.take_snapshot()  # one that still waits for followers has nothing new, and may not sign
        except Unavailable:
            self._feed.close()
            self._views.abandon()  # a stopped writer: what memory holds is not what the disk holds
            raise
        else:
            self._feed.close()
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

    def _read_keys(self) -> Keys:
        return read_keys(self.home, self.settings.origin)

    def _signer(self) -> NoteKey | None:
        return None if self._read_only else self.keys.log

    def _replicated(self, journal: Journal) -> ReplicatedJournal:
        """Return the journal as followers see it, once it is clear that this home may write."""
        try:
            standings = FileStandings(self.home)
            self._check_role(standings.load().role)
            self.replication = self._make_replication(journal, standings)
        except BaseException:
            journal.close()
            raise
        return ReplicatedJournal(journal, self.replication)

    def _check_role(self, role: str) -> None:
        if not self._read_only and role != self.role:
            raise Unavailable(FOLLOWS if role == FOLLOWER else TAKEN_OVER)

    def _make_replication(self, journal: Journal, standings: FileStandings) -> Replication:
        return Replication(journal, standings, self.settings, alone=self._alone or self._read_only)

    def _start(self, checkpoints: Checkpoints) -> None:
        self.lake = FileLake(self.home / "lake")
        self.tiles = FileTiles(self.home / "log")
        self.witnessed = FileCheckpoints(self.home / WITNESSED_DIRECTORY)
        log_keys = LogKeys(
            origin=self.settings.origin,
            vkey=self.keys.vkey,
            signer=self._signer(),
            blinding_key=self.keys.blinding,
            subtree_signer=None if self._signer() is None else self.keys.subtree,
        )
        views, found = self._views_and_snapshot()

        def attempt(snapshot: Snapshot | None) -> Sequencer:
            nonlocal views
            if snapshot is not found:
                views.abandon()
                views = self._new_views()
            return self._sequencer(log_keys, checkpoints, views, snapshot)

        try:
            self.sequencer, snapshot = start_sequencer(
                attempt, found, self._journal, self.tiles, read_only=self._read_only
            )
        except BaseException:
            views.abandon()
            raise
        self._snapshot_sequence = -1 if snapshot is None else snapshot.sequence
        self.views = self._views = views
        self.channels = Channels(views, self.lake.get)
        self.channels.refresh(self.state)

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
        if views is None or cursor is None or not stands_at(self._journal, *cursor):
            if views is not None:
                views.abandon()
            views = SqliteViews.from_copy(copy, None if self._read_only else path, self.lake.get)
            cursor = None if views is None else views.cursor()
        if views is not None and cursor is not None and stands_at(self._journal, *cursor):
            return views, newest_snapshot(self.home, self.keys.blinding, self._journal, cursor[0])
        if views is not None:
            views.abandon()
        return self._new_views(), None

    def _new_views(self) -> SqliteViews:
        """Return an empty read model: beside a running writer in memory, else in place of the old one."""
        if self._read_only:
            return SqliteViews.in_memory(self.lake.get)
        return SqliteViews.create(self.home / "views" / VIEWS_NAME, self.lake.get)

    def _sequencer(
        self, keys: LogKeys, checkpoints: Checkpoints, views: SqliteViews, snapshot: Snapshot | None
    ) -> Sequencer:
        cursor = views.cursor()
        self._feed = Feed(views.record)
        try:
            sequencer = self.sequencer_class(
                journal=self._journal,
                tiles=self.tiles,
                checkpoints=checkpoints,
                keys=keys,
                snapshot=snapshot,
                listeners=[(0 if cursor is None else cursor[0] + 1, self._feed.put)],
            )
            self._feed.settle()
        except BaseException:
            self._feed.close()
            raise
        views.read_after(self._feed.settle)
        sequencer.gate = self.replication.settle
        return sequencer


def _check_empty(home: Path, settings: Settings) -> None:
    """Refuse to make a platform where its journal is kept beside that of another: a shared database can hold one."""
    with closing(open_journal(home, settings, read_only=True)) as journal:
        if journal.last_sequence >= 0:
            rule = Text(en="a schema without a journal", ja="ジャーナルのないスキーマ")
            raise MalformedInput("JOURNAL_NOT_EMPTY", "journal_schema", settings.journal_schema, rule)
