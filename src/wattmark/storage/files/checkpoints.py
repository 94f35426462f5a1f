"""The last signed checkpoint in a file of its own, swapped under a lock."""

from pathlib import Path
from typing import Final

from wattmark.core.errors import RuleViolated
from wattmark.core.text import Text
from wattmark.storage.files.calls import LOCAL_DISK, Disk
from wattmark.storage.files.disk import ExclusiveLock, disk_failed, make_directory, replace_files

LAST_NAME: Final = "last"
"""File with the last signed checkpoint."""
LOCK_NAME: Final = "swap.lock"
"""File whose lock makes load, compare and swap one step; always empty."""


class FileCheckpoints:
    """The checkpoint store in one directory; see ``wattmark.ledger.ports.Checkpoints``."""

    def __init__(self, directory: Path, *, disk: Disk = LOCAL_DISK) -> None:
        """Use the directory; it is created by the first swap."""
        self._directory = directory
        self._disk = disk
        self._unsure = True

    def load(self) -> str | None:
        """Return the last signed checkpoint, ``None`` before the first.

        Bytes that are not UTF-8 come back with replacement characters: no signature will hold over them.

        Raises:
            Unavailable: the disk fails.
        """
        if self._unsure:
            self._settle()
        try:
            return self._disk.read(self._directory / LAST_NAME).decode(errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise disk_failed(error) from error

    def compare_and_swap(self, old: str | None, new: str) -> None:
        """Replace ``old`` by ``new``.

        Raises:
            RuleViolated: the store holds something else than ``old``; nothing changed.
            Unavailable: the disk is full or fails; load again to learn which one is stored.
        """
        try:
            self._unsure = self._unsure or not self._disk.is_directory(self._directory)
            make_directory(self._directory, self._disk)
            lock = ExclusiveLock(self._directory / LOCK_NAME, wait=True, disk=self._disk)
        except OSError as error:
            raise disk_failed(error) from error
        try:
            if self.load() != old:
                rule = Text(en="the stored checkpoint is the expected one", ja="保存済みチェックポイントが想定通り")
                raise RuleViolated("CHECKPOINT_CHANGED", "old", old, rule)
            self._unsure = True
            replace_files(self._directory, [(LAST_NAME, new.encode())], self._disk)
            self._unsure = False
        finally:
            lock.release()

    def _settle(self) -> None:
        """Make durable what can be read: a swap that failed or was stopped may have left a name in memory only."""
        try:
            if self._disk.is_directory(self._directory):
                self._disk.sync_directory(self._directory.parent)
                self._disk.sync_directory(self._directory)
        except OSError as error:
            raise disk_failed(error) from error
        self._unsure = False
