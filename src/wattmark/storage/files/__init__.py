"""Plain files on one disk: journal segments, tiles, the checkpoint store and the lake."""

from wattmark.storage.files.checkpoints import FileCheckpoints
from wattmark.storage.files.journal import FileJournal
from wattmark.storage.files.lake import FileLake
from wattmark.storage.files.tiles import FileTiles

__all__ = ["FileCheckpoints", "FileJournal", "FileLake", "FileTiles"]
