"""What an auditor opens: the files of a home, and a reader of its records beside whoever writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from typing_extensions import override

from wattmark.core.errors import MalformedInput, Refused
from wattmark.core.findings import Finding
from wattmark.core.text import Text
from wattmark.engine.snapshot import Snapshot
from wattmark.flows.audit import BLINDING_FILE, audit
from wattmark.flows.audit_ports import Found
from wattmark.flows.read_log import LogReader
from wattmark.flows.settings import JOURNAL_POSTGRES, SETTINGS_FILE, Settings
from wattmark.flows.steps import Steps, no_steps
from wattmark.ledger.frames import Frame
from wattmark.storage.files.home import FilesOfHome
from wattmark.storage.sqlite.views import COPY_NAME, FILE_NAME, SqliteViews, is_sealed
from wattmark.wiring.engines import audited_bytes, audited_rows, open_checkpoints, open_journal
from wattmark.wiring.home import read_secret, read_settings
from wattmark.wiring.snapshots import stored_snapshots

VIEWS_RULE: Final = "read model: sealed, and at the journal's last frame"


class AuditedHome(FilesOfHome):
    """The files an audit reads, and what it says of the disposable ones."""

    @override
    def frames(self) -> Iterator[tuple[str, Frame] | Finding]:
        """Yield (file or table, frame) of every frame of the journal, and findings between them."""
        settings = self._shared()
        return super().frames() if settings is None else audited_rows(settings)

    @override
    def journal_bytes(self) -> int:
        """Return how long the journal is, about."""
        settings = self._shared()
        return super().journal_bytes() if settings is None else audited_bytes(settings)

    @override
    def last_checkpoint(self) -> str | None:
        """Return the text of the checkpoint store."""
        settings = self._shared()
        return super().last_checkpoint() if settings is None else open_checkpoints(self.home, settings).load()

    def _shared(self) -> Settings | None:
        """Return the settings if they name a database, which then holds journal and checkpoint store."""
        try:
            settings = read_settings(self.home)
        except Refused:
            return None  # the audit says what is wrong with them
        return settings if settings.journal == JOURNAL_POSTGRES else None

    def snapshots(self) -> list[tuple[str, Snapshot | None]]:
        """Return every snapshot by path, ``None`` for one that cannot be believed."""
        try:
            blinding = read_secret(self.home, BLINDING_FILE)
        except MalformedInput:
            return []
        found = sorted(stored_snapshots(self.home, blinding), key=lambda item: item[0])
        return [(path.relative_to(self.home).as_posix(), loaded) for path, loaded in found]

    def views_note(self, sequence: int, frame_hash: bytes) -> Finding | None:
        """Return what is wrong with the read model if the journal ends with this frame, ``None`` if nothing."""
        path = self.home / "views" / FILE_NAME
        file = path.relative_to(self.home).as_posix()
        copy = path.with_name(COPY_NAME)
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
def log_reader(home: Path) -> Iterator[LogReader]:
    """Yield a reader of a home's records, beside whoever writes; it has taken in what is there.

    Raises:
        MalformedInput: no platform there.
        Broken: the journal does not hold.
    """
    journal = open_journal(home, read_settings(home), read_only=True)
    try:
        reader = LogReader(journal)
        reader.catch_up()
        yield reader
    finally:
        journal.close()


@contextmanager
def journal_frames(home: Path) -> Iterator[Iterator[Frame]]:
    """Yield all frames of a home's journal, beside whoever writes.

    Raises:
        MalformedInput: no platform there.
        Broken: the journal does not hold.
    """
    journal = open_journal(home, read_settings(home), read_only=True)
    try:
        yield iter(journal.read(0))
    finally:
        journal.close()
