"""The other file engines keep the contracts of their ports."""

from pathlib import Path

from wattmark.ledger.ports import Checkpoints, Lake, Tiles
from wattmark.storage.files import FileCheckpoints, FileLake, FileTiles
from wattmark.testing.checkpoints_suite import CheckpointsSuite
from wattmark.testing.lake_suite import LakeSuite
from wattmark.testing.tiles_suite import TilesSuite


class TestFileTiles(TilesSuite):
    def open(self, folder: Path) -> Tiles:
        return FileTiles(folder / "log")


class TestFileCheckpoints(CheckpointsSuite):
    def open(self, folder: Path) -> Checkpoints:
        return FileCheckpoints(folder / "checkpoint")


class TestFileLake(LakeSuite):
    def open(self, folder: Path) -> Lake:
        return FileLake(folder / "lake")
