"""The file engines keep the contracts of their ports on a simulated disk too: it is a disk as far as they can tell."""

from pathlib import Path

import pytest

from wattmark.ledger.ports import Checkpoints, Journal, Lake, Tiles
from wattmark.simulation.faults.disk import SimulatedDisk
from wattmark.storage.files import FileCheckpoints, FileJournal, FileLake, FileTiles
from wattmark.testing.checkpoints_suite import CheckpointsSuite
from wattmark.testing.journal_suite import JournalSuite
from wattmark.testing.lake_suite import LakeSuite
from wattmark.testing.tiles_suite import TilesSuite


class OnOneDisk:
    @pytest.fixture(autouse=True)
    def _disk(self) -> None:
        self.disk = SimulatedDisk()


@pytest.mark.parametrize("segment_bytes", [64, 1_000, 1 << 20], scope="class")
class TestFileJournal(OnOneDisk, JournalSuite):
    @pytest.fixture(autouse=True)
    def _segment_bytes(self, segment_bytes: int) -> None:
        self.segment_bytes = segment_bytes

    def open(self, folder: Path, *, read_only: bool = False) -> Journal:
        options = {"segment_bytes": self.segment_bytes, "reserve_bytes": 0, "read_only": read_only}
        return FileJournal(folder / "journal", disk=self.disk, **options)


class TestFileTiles(OnOneDisk, TilesSuite):
    def open(self, folder: Path) -> Tiles:
        return FileTiles(folder / "log", disk=self.disk)


class TestFileCheckpoints(OnOneDisk, CheckpointsSuite):
    def open(self, folder: Path) -> Checkpoints:
        return FileCheckpoints(folder / "checkpoint", disk=self.disk)


class TestFileLake(OnOneDisk, LakeSuite):
    def open(self, folder: Path) -> Lake:
        return FileLake(folder / "lake", disk=self.disk)
