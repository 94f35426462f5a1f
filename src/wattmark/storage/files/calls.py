"""The system calls of the file engines, as one value that can be replaced.

Nothing else in this package touches the disk. The fault simulator puts a disk in memory in its place, which forgets
what was not synced, tears, flips, fills up and stops at a chosen call (``wattmark.simulation.faults``).
"""

import fcntl
import os
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from typing_extensions import override

from wattmark.ledger.frames import Bytes

_FILE_MODE: Final = 0o666
_PRIVATE_MODE: Final = 0o600


class Disk(Protocol):
    """What the file engines ask of a disk. Every method raises ``OSError`` when the disk refuses or fails."""

    def open(self, path: Path, *, create: bool = False, truncate: bool = False, private: bool = False) -> int:
        """Return a handle for writing; a ``private`` file is made for its owner alone."""
        ...

    def close(self, handle: int) -> None:
        """Give a handle back, and the lock it may hold."""
        ...

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> int:
        """Write at an offset [bytes] and return how many bytes were taken, perhaps not all."""
        ...

    def sync(self, handle: int) -> None:
        """Make a file's bytes and length durable; its name needs ``sync_directory``."""
        ...

    def forget(self, handle: int) -> None:
        """Drop what memory holds of a file, so that it is read from the disk: after a failed sync they may differ."""
        ...

    def sync_directory(self, directory: Path) -> None:
        """Make the names in a directory durable."""
        ...

    def make_directory(self, directory: Path) -> None:
        """Make one directory; fine when it exists."""
        ...

    def remove_directory(self, directory: Path) -> None:
        """Remove an empty directory."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Give a file another name, in place of what has it."""
        ...

    def unlink(self, path: Path) -> None:
        """Delete a file; fine when there is none."""
        ...

    def read(self, path: Path) -> bytes:
        """Return a file's bytes."""
        ...

    def map(self, path: Path) -> Bytes:
        """Return a file's bytes without copying them (``uint8 [size]``)."""
        ...

    def names(self, directory: Path) -> list[str]:
        """Return the names in a directory, in any order; none where there is no directory."""
        ...

    def files(self, directory: Path) -> list[Path]:
        """Return every file below a directory, in any order."""
        ...

    def is_directory(self, path: Path) -> bool:
        """Return whether a directory is there."""
        ...

    def is_file(self, path: Path) -> bool:
        """Return whether a file is there."""
        ...

    def free(self, directory: Path) -> int:
        """Return the room left on the directory's disk [bytes]."""
        ...

    def lock(self, handle: int, *, wait: bool) -> None:
        """Lock an open file against everybody else who asks, until it is closed."""
        ...

    def helpers(self, count: int) -> Executor:
        """Return threads for work beside the caller."""
        ...


class LocalDisk(Disk):
    """The machine's own file systems."""

    @override
    def open(self, path: Path, *, create: bool = False, truncate: bool = False, private: bool = False) -> int:
        flags = os.O_WRONLY | os.O_CLOEXEC | (os.O_CREAT if create else 0) | (os.O_TRUNC if truncate else 0)
        return os.open(path, flags, _PRIVATE_MODE if private else _FILE_MODE)

    @override
    def close(self, handle: int) -> None:
        os.close(handle)

    @override
    def write(self, handle: int, data: bytes | memoryview, offset: int) -> int:
        return os.pwrite(handle, data, offset)

    @override
    def sync(self, handle: int) -> None:
        os.fdatasync(handle)

    @override
    def forget(self, handle: int) -> None:
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)

    @override
    def sync_directory(self, directory: Path) -> None:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    @override
    def make_directory(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)

    @override
    def remove_directory(self, directory: Path) -> None:
        directory.rmdir()

    @override
    def rename(self, source: Path, target: Path) -> None:
        source.replace(target)

    @override
    def unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    @override
    def read(self, path: Path) -> bytes:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - thousands of tiles: half the time of pathlib's
            return file.read()

    @override
    def map(self, path: Path) -> Bytes:
        if not path.stat().st_size:
            return np.empty(0, dtype=np.uint8)
        return np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))

    @override
    def names(self, directory: Path) -> list[str]:
        try:
            return [path.name for path in directory.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []

    @override
    def files(self, directory: Path) -> list[Path]:
        found: list[Path] = []
        folders = [str(directory)]
        while folders:
            try:
                entries = os.scandir(folders.pop())
            except (FileNotFoundError, NotADirectoryError):
                continue
            with entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.is_file():
                        found.append(Path(entry.path))
        return found

    @override
    def is_directory(self, path: Path) -> bool:
        return path.is_dir()

    @override
    def is_file(self, path: Path) -> bool:
        return path.is_file()

    @override
    def free(self, directory: Path) -> int:
        found = os.statvfs(directory)
        return found.f_bavail * found.f_frsize

    @override
    def lock(self, handle: int, *, wait: bool) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)

    @override
    def helpers(self, count: int) -> Executor:
        return ThreadPoolExecutor(count, "wattmark-disk")  # starts no thread before it is asked


LOCAL_DISK: Final = LocalDisk()
