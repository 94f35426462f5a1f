"""The files of a home directory for an auditor: read as they lie, nothing locked, nothing written."""

from collections.abc import Iterator
from pathlib import Path

from wattmark.core.errors import UnknownReference
from wattmark.core.findings import Finding
from wattmark.core.text import Text
from wattmark.ledger.audit import scan_journal
from wattmark.ledger.frames import Frame
from wattmark.storage.files.calls import LOCAL_DISK, Disk
from wattmark.storage.files.checkpoints import FileCheckpoints
from wattmark.storage.files.lake import FileLake
from wattmark.storage.files.segments import journal_files
from wattmark.storage.files.tiles import FileTiles


class FilesOfHome:
    """Journal, log, checkpoint store, lake, settings and keys of one directory."""

    def __init__(self, home: Path, disk: Disk = LOCAL_DISK) -> None:
        """Read below ``home``."""
        self.home = home
        self._disk = disk
        self._log = home / "log"
        self._tiles = FileTiles(self._log, disk=disk)
        self._lake = FileLake(home / "lake", disk=disk)

    def frames(self) -> Iterator[tuple[str, Frame] | Finding]:
        """Yield (path relative to the home, frame) of every frame of the journal, and findings between them."""
        return scan_journal(journal_files(self.home / "journal", self._disk))

    def journal_bytes(self) -> int:
        """Return how long the journal's files are."""
        return sum(len(data) for _, data in journal_files(self.home / "journal", self._disk))

    def log_paths(self) -> list[str]:
        """Return every path below the log directory."""
        return self._tiles.list()

    def log_file(self, path: str) -> bytes:
        """Return a file of the log directory.

        Raises:
            UnknownReference: there is none.
        """
        try:
            return self._disk.read(Path(f"{self._log}/{path}"))
        except FileNotFoundError as error:
            rule = Text(en="a stored tile", ja="保存済みのタイル")
            raise UnknownReference("UNKNOWN_TILE", "path", path, rule) from error

    def last_checkpoint(self) -> str | None:
        """Return the text of the checkpoint store."""
        return FileCheckpoints(self.home / "checkpoint", disk=self._disk).load()

    def lake_paths(self) -> list[str]:
        """Return every path below the lake."""
        return self._lake.list()

    def lake_file(self, path: str) -> bytes:
        """Return a lake file.

        Raises:
            UnknownReference: there is none.
        """
        return self._lake.get(path)

    def home_file(self, path: str) -> bytes | None:
        """Return a file directly below the home or its key directory, ``None`` where there is none."""
        try:
            return self._disk.read(self.home / path)
        except OSError:
            return None
