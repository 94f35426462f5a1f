"""Tiles and the public checkpoint as static files, ready to be served as they lie."""

from collections.abc import Iterable
from pathlib import Path

from wattmark.core.errors import UnknownReference
from wattmark.core.text import Text
from wattmark.ledger.tiles import CHECKPOINT_PATH, PARTIAL_SUFFIX, TILE_WIDTH, parse_tile_path, tiles_of
from wattmark.storage.files.calls import LOCAL_DISK, Disk
from wattmark.storage.files.disk import TEMPORARY_SUFFIX, disk_failed, replace_files


class FileTiles:
    """The log's public files below one directory; see ``wattmark.ledger.ports.Tiles``."""

    def __init__(self, directory: Path, *, disk: Disk = LOCAL_DISK) -> None:
        """Use the directory; it is created by the first write."""
        self._directory = directory
        self._disk = disk

    def read(self, path: str) -> bytes:
        """Return a file's bytes.

        Raises:
            UnknownReference: there is none.
            MalformedInput: not a tile path and not ``checkpoint``.
            Unavailable: the disk fails.
        """
        try:
            return self._disk.read(self._directory / _checked(path))
        except FileNotFoundError as error:
            rule = Text(en="a stored tile", ja="保存済みのタイル")
            raise UnknownReference("UNKNOWN_TILE", "path", path, rule) from error
        except OSError as error:
            raise disk_failed(error) from error

    def write_many(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Store the files durably, replacing those of the same path.

        Raises:
            MalformedInput: not a tile path and not ``checkpoint``.
            Unavailable: the disk is full or fails.
        """
        replace_files(self._directory, ((_checked(path), data) for path, data in files), self._disk)

    def list(self) -> list[str]:
        """Return every stored path, sorted, without unfinished temporary files."""
        below = len(self._directory.as_posix()) + 1
        found = (path.as_posix()[below:] for path in self._disk.files(self._directory))
        return sorted(path for path in found if not path.endswith(TEMPORARY_SUFFIX))

    def prune(self, size: int, since: int = 0) -> int:
        """Delete partial tiles whose full tile came with entries ``[since, size)`` and is stored; return how many.

        Raises:
            Unavailable: the disk fails.
        """
        deleted = 0
        try:
            for tile in tiles_of(size, since):
                full = self._directory / tile.path
                folder = full.with_name(full.name + PARTIAL_SUFFIX)
                if tile.width == TILE_WIDTH and self._disk.is_directory(folder) and self._disk.is_file(full):
                    for name in self._disk.names(folder):
                        self._disk.unlink(folder / name)
                        deleted += 1
                    self._disk.remove_directory(folder)
        except OSError as error:
            raise disk_failed(error) from error
        return deleted


def _checked(path: str) -> str:
    return path if path == CHECKPOINT_PATH else parse_tile_path(path).path
