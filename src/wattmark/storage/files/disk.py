"""What all file engines share: durable replacement of whole files, an exclusive lock, room on the disk."""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Final

from wattmark.core.errors import Unavailable
from wattmark.core.text import Text

Sync = Callable[[int], None]
"""Makes a file descriptor's data durable or raises ``OSError``."""

TEMPORARY_SUFFIX: Final = ".tmp"
"""Ending of a file that is being written; such a file is never read and may be deleted at any time."""
RESERVE_BYTES: Final = 256 * 1024 * 1024
"""Room left on the disk below which writes are refused, before the disk itself refuses them [bytes]."""


def free_bytes(directory: Path) -> int:
    """Return the room left on the directory's disk [bytes]."""
    return shutil.disk_usage(directory).free


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable.

    Raises:
        OSError: the disk fails.
    """
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


SYNCERS: Final = 4
"""Threads that sync many files: waiting together, they share the commits of the file system's own journal."""
MANY_FILES: Final = 16
"""From so many files on, threads are worth starting [files]."""


def make_directory(directory: Path) -> None:
    """Create a directory and its parents durably; fine when it exists.

    Raises:
        OSError: the disk fails.
    """
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(exist_ok=True)
    sync_directory(directory.parent)


def replace_files(root: Path, files: Iterable[tuple[str, bytes]], sync: Sync = os.fsync) -> None:
    """Store each (path, bytes) below ``root`` durably; on a crash each file is old or new, and whole.

    All are written and synced under a temporary name, then all are renamed, then their directories synced. An
    error before the renames changes nothing; one after may leave new files in place, which is as good as new.

    Raises:
        Unavailable: the disk is full or fails.
    """
    pending: list[tuple[Path, Path]] = []
    contents: list[bytes] = []
    try:
        for name, data in files:
            target = root / name
            make_directory(target.parent)
            pending.append((target.with_name(target.name + TEMPORARY_SUFFIX), target))
            contents.append(data)
        temporaries = [temporary for temporary, _ in pending]
        if len(pending) < MANY_FILES:
            for temporary, data in zip(temporaries, contents, strict=True):
                _write_synced(temporary, data, sync)
        else:
            with ThreadPoolExecutor(SYNCERS) as pool:
                list(pool.map(_write_synced, temporaries, contents, repeat(sync)))
        for temporary, target in pending:
            temporary.replace(target)
        for directory in sorted({target.parent for _, target in pending}):
            sync_directory(directory)
    except OSError as error:
        raise disk_failed(error) from error


def disk_failed(error: OSError) -> Unavailable:
    """Return the error that reports a failing or full disk."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full()
    return Unavailable(Text(en=f"the disk fails: {error}", ja=f"ディスクの異常: {error}"))


def disk_full() -> Unavailable:
    """Return the error that reports too little room."""
    return Unavailable(Text(en="the disk is almost full", ja="ディスクの空きが不足しています"))


class ExclusiveLock:
    """A lock file held by one open handle at a time, freed by the system when its process ends."""

    __slots__ = ("_handle",)

    def __init__(self, path: Path, *, wait: bool = False) -> None:
        """Take the lock.

        Raises:
            Unavailable: somebody else holds it, and ``wait`` was not asked for.
        """
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            reason = Text(en=f"another process is the writer ({path.name})", ja=f"他のプロセスが書込中({path.name})")
            raise Unavailable(reason) from error
        self._handle: int | None = handle

    def release(self) -> None:
        """Give the lock back; fine when that was done before."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _write_synced(path: Path, data: bytes, sync: Sync) -> None:
    with path.open("wb", buffering=0) as stream:
        rest = memoryview(data)
        while rest:
            rest = rest[stream.write(rest) :]
        sync(stream.fileno())
