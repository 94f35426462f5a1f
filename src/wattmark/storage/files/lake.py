"""The lake as files below one directory."""

from pathlib import Path

from wattmark.core.errors import RuleViolated, UnknownReference
from wattmark.core.text import Text
from wattmark.ledger.lakefile import LakeFile, checked_lake_path, describe_lake_file
from wattmark.storage.files.calls import LOCAL_DISK, Disk
from wattmark.storage.files.disk import TEMPORARY_SUFFIX, disk_failed, replace_files


class FileLake:
    """Files of columns below one directory; see ``wattmark.ledger.ports.Lake``."""

    def __init__(self, directory: Path, *, disk: Disk = LOCAL_DISK) -> None:
        """Use the directory; it is created by the first put."""
        self._directory = directory
        self._disk = disk
        self._durable: set[Path] = set()

    def put(self, path: str, data: bytes, *, replace: bool = False) -> LakeFile:
        """Store a file durably and describe it; storing the same bytes again changes nothing.

        Raises:
            MalformedInput: not a lake path.
            RuleViolated: other bytes are there and ``replace`` was not asked for.
            Unavailable: the disk is full or fails.
        """
        described = describe_lake_file(path, data)
        try:
            same = self.get(path) == data
        except UnknownReference:
            same = False
        else:
            if not same and not replace:
                rule = Text(en="a lake file is written once", ja="レイクファイルは一度だけ書かれる")
                raise RuleViolated("LAKE_FILE_EXISTS", "path", path, rule)
        if not same:
            replace_files(self._directory, [(path, data)], self._disk)
        self._sync_names(self._directory / path, same=same)
        return described

    def _sync_names(self, path: Path, *, same: bool) -> None:
        """Make the file's name and its directories durable: whoever was stopped may have left them in memory only."""
        try:
            if same:
                self._disk.sync_directory(path.parent)
            for directory in (path.parent, *path.parent.parents):
                if directory == self._directory.parent or directory in self._durable:
                    break
                self._disk.sync_directory(directory.parent)
                self._durable.add(directory)
        except OSError as error:
            raise disk_failed(error) from error

    def get(self, path: str) -> bytes:
        """Return a file's bytes, unverified.

        Raises:
            UnknownReference: there is none.
            MalformedInput: not a lake path.
        """
        try:
            return self._disk.read(self._directory / checked_lake_path(path))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            rule = Text(en="a stored lake file", ja="保存済みのレイクファイル")
            raise UnknownReference("UNKNOWN_LAKE_FILE", "path", path, rule) from error
        except OSError as error:
            raise disk_failed(error) from error

    def list(self) -> list[str]:
        """Return every stored path, sorted, without unfinished temporary files."""
        found = self._disk.files(self._directory)
        return sorted(path.relative_to(self._directory).as_posix() for path in found if path.suffix != TEMPORARY_SUFFIX)
