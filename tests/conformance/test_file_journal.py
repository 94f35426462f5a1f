"""The file journal keeps the journal's contract, with segments so small that tests cross many of them."""

from pathlib import Path

import pytest

from wattmark.ledger.ports import Journal
from wattmark.storage.files import FileJournal
from wattmark.testing.journal_suite import JournalSuite


@pytest.mark.parametrize("segment_bytes", [64, 1_000, 1 << 20], scope="class")
class TestFileJournal(JournalSuite):
    @pytest.fixture(autouse=True)
    def _segment_bytes(self, segment_bytes: int) -> None:
        self.segment_bytes = segment_bytes

    def open(self, folder: Path, *, read_only: bool = False) -> Journal:
        return FileJournal(folder / "journal", segment_bytes=self.segment_bytes, reserve_bytes=0, read_only=read_only)
