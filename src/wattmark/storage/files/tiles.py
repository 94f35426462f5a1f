"""Tiles and the public checkpoint as static files, ready to be served as they lie."""

import os
from collections.abc import Iterable
from pathlib import Path

from wattmark.core.errors import MalformedInput, UnknownReference
from wattmark.core.text import Text
from wattmark.ledger.tiles import CHECKPOINT_PATH, TILE_WIDTH, TileId, parse_tile_path, tiles_of
from wattmark.storage.files.disk import TEMPORARY_SUFFIX, Sync, disk_failed, replace_files


class FileTiles:
    """The log's public files below one directory; see ``wattmark.ledger.ports.Tiles``."""

    def __init__(self, directory: Path, *, sync: Sync = os.fsync) -> None:
        """Use the directory; it is created by the first write."""
        self._directory = directory
        self._sync = sync

    def read(self, path: str) -> bytes:
        """Return a file's bytes.

        Raises:
            UnknownReference: there is none.
            MalformedInput: not a tile path and not ``checkpoint``.
        """
        try:
            return (self._directory / _checked(path)).read_bytes()
        except FileNotFoundError as error:
            rule = Text(en="a stored tile", ja="保存済みのタイル")
            raise UnknownReference("UNKNOWN_TILE", "path", path, rule) from error

    def write_many(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Store the files durably, replacing those of the same path.

        Raises:
            MalformedInput: not a tile path and not ``checkpoint``.
            Unavailable: the disk is full or fails.
        """
        replace_files(self._directory, ((_checked(path), data) for path, data in files), self._sync)

    def list(self) -> list[str]:
        """Return every stored path, sorted, without unfinished temporary files."""
        found = (path for path in self._directory.rglob("*") if path.is_file())
        return sorted(path.relative_to(self._directory).as_posix() for path in found if path.suffix != TEMPORARY_SUFFIX)

    def prune(self, size: int) -> int:
        """Delete partial tiles whose full tile exists in a log of ``size`` entries; return how many."""
        full = {(tile.level, tile.index) for tile in tiles_of(size) if tile.width == TILE_WIDTH}
        deleted = 0
        for path in self.list():
            tile = _parsed(path)
            if tile is None or tile.width == TILE_WIDTH or (tile.level, tile.index) not in full:
                continue
            if (self._directory / TileId(tile.level, tile.index).path).is_file():
                try:
                    (self._directory / path).unlink()
                except OSError as error:
                    raise disk_failed(error) from error
                deleted += 1
        return deleted


def _checked(path: str) -> str:
    return path if path == CHECKPOINT_PATH else parse_tile_path(path).path


def _parsed(path: str) -> TileId | None:
    try:
        return parse_tile_path(path)
    except MalformedInput:
        return None
