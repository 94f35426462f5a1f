"""What all file engines share: durable replacement of whole files, an exclusive lock, errors of a disk."""

import errno
from collections.abc import Iterable
from itertools import repeat
from pathlib import Path
from typing import Final

from wattmark.core.errors import Unavailable
from wattmark.core.text import Text
from wattmark.storage.files.calls import LOCAL_DISK, Disk

TEMPORARY_SUFFIX: Final = ".tmp"
"""Ending of a file that is being written; such a file is never read and may be deleted at any time."""
RESERVE_BYTES: Final = 256 * 1024 * 1024
"""Room left on the disk below which writes are refused, before the disk itself refuses them [bytes]."""
SYNCERS: Final = 4
"""Threads that sync many files: waiting together, they share the commits of the file system's own journal."""
MANY_FILES: Final = 16
"""From so many files on, threads are worth starting [files]."""


def sync_directory(directory: Path, disk: Disk = LOCAL_DISK) -> None:
    """Make the names in a directory durable.

    Raises:
        OSError: the disk fails.
    """
    disk.sync_directory(directory)


def make_directory(directory: Path, disk: Disk = LOCAL_DISK) -> None:
    """Create a directory and its parents durably; fine when it exists.

    Raises:
        OSError: the disk fails.
    """
    if disk.is_directory(directory):
        return
    make_directory(directory.parent, disk)
    disk.make_directory(directory)
    disk.sync_directory(directory.parent)


def replace_files(root: Path, files: Iterable[tuple[str, bytes]], disk: Disk = LOCAL_DISK) -> None:
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
            make_directory(target.parent, disk)
            pending.append((target.with_name(target.name + TEMPORARY_SUFFIX), target))
            contents.append(data)
        temporaries = [temporary for temporary, _ in pending]
        if len(pending) < MANY_FILES:
            for temporary, data in zip(temporaries, contents, strict=True):
                write_synced(temporary, [data], disk)
        else:
            with disk.helpers(SYNCERS) as pool:
                list(pool.map(write_synced, temporaries, ([data] for data in contents), repeat(disk)))
        for temporary, target in pending:
            disk.rename(temporary, target)
        for directory in sorted({target.parent for _, target in pending}):
            disk.sync_directory(directory)
    except OSError as error:
        raise disk_failed(error) from error


def write_synced(path: Path, parts: Iterable[bytes | memoryview], disk: Disk) -> None:
    """Write the parts as one new file and make its bytes durable; its name is not.

    Raises:
        OSError: the disk is full or fails.
    """
    handle = disk.open(path, create=True, truncate=True)
    try:
        offset = 0
        for part in parts:
            rest = memoryview(part)
            while rest:
                taken = disk.write(handle, rest, offset)
                offset, rest = offset + taken, rest[taken:]
        disk.sync(handle)
    finally:
        disk.close(handle)


def disk_failed(error: OSError) -> Unavailable:
    """Return the error that reports a failing or full disk."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full()
    return Unavailable(
        Text(
            en=f"the disk fails ({error}); nothing was lost, but look at the disk before you go on",
            ja=f"ディスクの異常({error})。失われたものはありませんが、続ける前にディスクを点検してください",
        )
    )


def writing_failed(error: OSError) -> Unavailable:
    """Return the error that reports a journal write of unknown effect, after which the writer stops."""
    return Unavailable(
        Text(
            en=f"the disk failed in a journal write ({error}). Writing has stopped; what was acknowledged is kept. "
            "Check the disk, then start again: what it really holds is read back and checked",
            ja=f"ジャーナル書込中にディスク異常({error})。書込を停止しました。受付済みの記録は保たれています。"
            "ディスクを点検してから再起動すると、実際に書かれた内容を読み直して確かめます",
        )
    )


def disk_full() -> Unavailable:
    """Return the error that reports too little room."""
    return Unavailable(
        Text(
            en="the disk is almost full: writes are refused, reads go on; free some room (setting reserve_bytes)",
            ja="ディスクの空きが不足しているため書込を受け付けません(読取は可能)。空きを作ってください(設定reserve_bytes)",
        )
    )


class ExclusiveLock:
    """A lock file held by one open handle at a time, freed by the system when its process ends."""

    __slots__ = ("_disk", "_handle")

    def __init__(self, path: Path, *, wait: bool = False, disk: Disk = LOCAL_DISK) -> None:
        """Take the lock.

        Raises:
            Unavailable: somebody else holds it, and ``wait`` was not asked for.
        """
        self._disk = disk
        handle = disk.open(path, create=True, private=True)
        try:
            disk.lock(handle, wait=wait)
        except OSError as error:
            disk.close(handle)
            reason = Text(en=f"another process is the writer ({path.name})", ja=f"他のプロセスが書込中({path.name})")
            raise Unavailable(reason) from error
        self._handle: int | None = handle

    def release(self) -> None:
        """Give the lock back; fine when that was done before."""
        if self._handle is not None:
            self._disk.close(self._handle)
            self._handle = None
