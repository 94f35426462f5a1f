"""A journal behind replication keeps the journal's contract, as if nobody followed."""

from pathlib import Path

from wattmark.core.text import Text
from wattmark.flows.replication import ReplicatedJournal, Replication
from wattmark.flows.settings import Settings
from wattmark.ledger.ports import Journal
from wattmark.storage.files import FileJournal
from wattmark.storage.files.standing import FileStandings
from wattmark.testing.journal_suite import JournalSuite

SETTINGS = Settings(origin="test.example/log", name=Text(en="Test", ja="試験"))


class TestReplicatedJournal(JournalSuite):
    def open(self, folder: Path, *, read_only: bool = False) -> Journal:
        inner = FileJournal(folder / "journal", segment_bytes=1_000, reserve_bytes=0, read_only=read_only)
        return ReplicatedJournal(inner, Replication(inner, FileStandings(folder), SETTINGS))
