"""A disk in memory that behaves as badly as a real one may.

Theory of operation. What programs see is the page cache: files and names as they were last written. Beside it stands
the durable image, which only a sync moves on. Every call that changes something is numbered. After each one the image,
with what is not synced yet, can be kept as a moment: from it, and without running anything again, every disk that a
power cut may leave behind can be made. A plan names calls that fail, and how.
"""

import errno
import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from enum import Enum
from itertools import count
from pathlib import Path
from typing import Any, Final

import numpy as np
from typing_extensions import override

from wattmark.ledger.frames import SECTOR_BYTES, Bytes
from wattmark.simulation.faults.image import CUT, DIRECTORY, GONE, NAME, Change, Image, apply_change

ROOM: Final = 1 << 40
"""Room on a disk that is not full [bytes]."""
_REFUSING: Final = frozenset({"open", "write", "make directory"})
"""Calls that need room."""


class Fault(Enum):
    """What may befall one system call."""

    ERROR_LOST = "error, not done"
    ERROR_DONE = "error, done all the same"
    FULL = "disk full"
    SHORT = "short write"
    STOP = "power cut"


class PowerCut(BaseException):
    """The machine stops here; no handler of the program under test may run on."""


@dataclass(frozen=True, slots=True)
class Call:
    """A numbered call: what, and on which path."""

    number: int
    what: str
    path: str


class _Inline(Executor):
    """Work beside the caller, done at once, so that every run is the same."""

    @override
    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - a thread keeps it for whoever asks; a power cut goes through
            future.set_exception(error)
        return future


class SimulatedDisk:
    """The calls of ``wattmark.wiring.ledger.Disk`` over an image."""

    def __init__(
        self,
        image: Image | None = None,
        plan: dict[int, Fault] | None = None,
        note: Callable[[Call, Image], None] | None = None,
    ) -> None:
        """Start a machine on an image, whose pending changes are in its page cache.

        Args:
            image: the disk; an empty one when ``None``.
            plan: faults by number of the call, the first is 1.
            note: called after each numbered call with the image as it then is.
        """
        image = Image() if image is None else image
        self.room = ROOM
        self.calls: list[Call] = []
        self.plan = {} if plan is None else plan
        self.happened: list[tuple[Call, Fault]] = []
        self.on_sync: Callable[[], None] = _nothing
        self._note = note
        self._durable, self._durable_names = dict(image.files), dict(image.names)
        self._pending = list(image.pending)
        seen = image.settled(image.pending) if image.pending else image
        self._files: dict[int, bytes | bytearray] = dict(seen.files)
        self._names = {directory: dict(entries) for directory, entries in seen.names.items()}
        self._numbers = count(1 + max([0, *seen.files, *(change.file for change in image.pending)]))
        self._handles: dict[int, tuple[int, str]] = {}
        self._locks: dict[int, threading.Lock] = {}
        self._held: dict[int, threading.Lock] = {}
        self._next_handle = count(3)
        self._stopped = False

    def image(self) -> Image:
        """Return the disk as it stands: durable, and what is not."""
        return Image(dict(self._durable), dict(self._durable_names), tuple(self._pending))

    def restart(self) -> None:
        """Let the process end and another one begin in the same machine, with the same page cache and no more faults."""
        for lock in self._held.values():
            lock.release()
        self._held.clear()
        self._handles.clear()
        self.plan = {}

    # ----------------------------------------------------------------------------- calls that change something

    def open(
        self,
        path: Path,
        *,
        create: bool = False,
        truncate: bool = False,
        private: bool = False,  # noqa: ARG002 - one user
    ) -> int:
        """Return a handle for writing."""
        place = str(path)
        directory, name = _split(place)
        entries = self._directory(directory)
        number = entries.get(name)
        if number == DIRECTORY:
            raise IsADirectoryError(errno.EISDIR, "is a directory", place)
        if number is None:
            if not create:
                raise FileNotFoundError(errno.ENOENT, "no such file", place)
            made = next(self._numbers)

            def make() -> None:
                entries[name] = made
                self._files[made] = b""
                self._pending.append(Change(made, NAME, directory=directory, name=name, call=len(self.calls)))

            self._change("open", place, make)
            number = made
        elif truncate:
            old = number

            def cut() -> None:
                self._files[old] = b""
                self._pending.append(Change(old, CUT, call=len(self.calls)))

            self._change("open", place, cut)
        handle = next(self._next_handle)
        self._handles[handle] = number, place
        return handle

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> int:
        """Write at an offset [bytes] and return how many bytes were taken."""
        number, place = self._handles[handle]
        short = self._change("write", place, lambda: self._write(number, bytes(data), offset), partial=True)
        if short:
            half = len(data) // 2
            self._write(number, bytes(data[:half]), offset)
            self._keep_moment()
            return half
        return len(data)

    def sync(self, handle: int) -> None:
        """Make a file's bytes durable."""
        number, place = self._handles[handle]
        self.on_sync()
        mine = [change for change in self._pending if change.file == number and change.sector != NAME]
        self._settle("sync", place, mine)

    def forget(self, handle: int) -> None:
        """Drop what memory holds of a file: it is read from the disk, with what waits to be written."""
        number, _ = self._handles[handle]
        files = {number: self._durable.get(number, b"")}
        for change in self._pending:
            if change.file == number and change.sector != NAME:
                apply_change(files, {}, set(), change)
        self._files[number] = files[number]

    def sync_directory(self, directory: Path) -> None:
        """Make the names in a directory durable."""
        place = str(directory)
        self._directory(place)
        mine = [change for change in self._pending if change.sector == NAME and change.directory == place]
        self._settle("sync directory", place, mine)

    def make_directory(self, directory: Path) -> None:
        """Make one directory; fine when it exists."""
        place = str(directory)
        if place in self._names:
            return
        parent, name = _split(place)
        entries = self._directory(parent)
        if name in entries:
            raise FileExistsError(errno.EEXIST, "a file is in the way", place)

        def make() -> None:
            entries[name] = DIRECTORY
            self._names[place] = {}
            self._pending.append(Change(DIRECTORY, NAME, directory=parent, name=name, call=len(self.calls)))

        self._change("make directory", place, make)

    def remove_directory(self, directory: Path) -> None:
        """Remove an empty directory."""
        place = str(directory)
        if self._directory(place):
            raise OSError(errno.ENOTEMPTY, "not empty", place)
        parent, name = _split(place)

        def remove() -> None:
            del self._names[place], self._names[parent][name]
            self._pending.append(Change(GONE, NAME, directory=parent, name=name, call=len(self.calls)))

        self._change("remove directory", place, remove)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file another name in its directory."""
        directory, old = _split(str(source))
        other, new = _split(str(target))
        assert other == directory, "the engines rename within a directory"
        entries = self._directory(directory)
        if old not in entries:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(source))
        if entries.get(new) == DIRECTORY:
            raise IsADirectoryError(errno.EISDIR, "is a directory", str(target))
        number = entries[old]

        def move() -> None:
            entries[new] = entries.pop(old)
            call = len(self.calls)
            self._pending.append(Change(number, NAME, directory=directory, name=new, source=old, call=call))

        self._change("rename", str(target), move)

    def unlink(self, path: Path) -> None:
        """Delete a file; fine when there is none."""
        directory, name = _split(str(path))
        entries = self._names.get(directory, {})
        if name not in entries:
            return

        def remove() -> None:
            del entries[name]
            self._pending.append(Change(GONE, NAME, directory=directory, name=name, call=len(self.calls)))

        self._change("unlink", str(path), remove)

    # ------------------------------------------------------------------------------------ calls that only look

    def close(self, handle: int) -> None:
        """Give a handle back, and the lock it may hold."""
        del self._handles[handle]
        lock = self._held.pop(handle, None)
        if lock is not None:
            lock.release()

    def read(self, path: Path) -> bytes:
        """Return a file's bytes."""
        return bytes(self._file(path))

    def map(self, path: Path) -> Bytes:
        """Return a file's bytes without copying them."""
        return np.frombuffer(self._file(path), dtype=np.uint8)

    def names(self, directory: Path) -> list[str]:
        """Return the names in a directory; none where there is no directory."""
        return list(self._names.get(str(directory), ()))

    def files(self, directory: Path) -> list[Path]:
        """Return every file below a directory."""
        root = str(directory)
        return [
            Path(folder, name)
            for folder, entries in self._names.items()
            if folder == root or folder.startswith(f"{root}/")
            for name, number in entries.items()
            if number != DIRECTORY
        ]

    def is_directory(self, path: Path) -> bool:
        """Return whether a directory is there."""
        return str(path) in self._names

    def is_file(self, path: Path) -> bool:
        """Return whether a file is there."""
        directory, name = _split(str(path))
        return self._names.get(directory, {}).get(name, DIRECTORY) != DIRECTORY

    def free(self, directory: Path) -> int:  # noqa: ARG002 - one disk
        """Return the room left [bytes]."""
        return self.room

    def lock(self, handle: int, *, wait: bool) -> None:
        """Lock an open file until it is closed."""
        number, place = self._handles[handle]
        lock = self._locks.setdefault(number, threading.Lock())
        if not lock.acquire(blocking=wait):
            raise BlockingIOError(errno.EWOULDBLOCK, "locked", place)
        self._held[handle] = lock

    def helpers(self, count: int) -> Executor:  # noqa: ARG002 - one is enough
        """Return what does work at once."""
        return _Inline()

    # ------------------------------------------------------------------------------------------------ inside

    def _change(self, what: str, place: str, do: Callable[[], None], *, partial: bool = False) -> bool:
        """Number a call and make its change, or let it fail as planned; return whether only a part is to be done."""
        fault = self._begin(what, place)
        if fault is Fault.FULL or fault is Fault.ERROR_LOST:
            raise _failure(fault, place)
        if fault is Fault.SHORT and partial:
            return True
        do()
        self._keep_moment()
        if fault is Fault.STOP:
            raise PowerCut
        if fault is Fault.ERROR_DONE:
            raise _failure(fault, place)
        return False

    def _settle(self, what: str, place: str, mine: list[Change]) -> None:
        """Make changes durable, or fail.

        After a failure the bytes of a file count as written for this machine, whether they are or not, as on Linux.
        Names still wait: a file system that loses one it has shown stops altogether.
        """
        fault = self._begin(what, place)
        if fault is Fault.STOP:
            raise PowerCut
        if fault is not Fault.ERROR_LOST:
            owned: set[str] = set()
            for change in mine:
                apply_change(self._durable, self._durable_names, owned, change)
        if mine and not (fault is Fault.ERROR_LOST and what == "sync directory"):
            gone = set(map(id, mine))
            self._pending = [change for change in self._pending if id(change) not in gone]
        self._keep_moment()
        if fault is Fault.ERROR_LOST or fault is Fault.ERROR_DONE:
            raise _failure(fault, place)

    def _begin(self, what: str, place: str) -> Fault | None:
        if self._stopped:
            raise PowerCut
        call = Call(len(self.calls) + 1, what, place)
        self.calls.append(call)
        fault = self.plan.get(call.number)
        if fault is Fault.FULL and what not in _REFUSING:
            fault = Fault.ERROR_LOST
        if fault is Fault.SHORT and what != "write":
            fault = None
        if fault is not None:
            self.happened.append((call, fault))
        self._stopped = fault is Fault.STOP
        return fault

    def _keep_moment(self) -> None:
        if self._note is not None:
            self._note(self.calls[-1], self.image())

    def _write(self, number: int, data: bytes, offset: int) -> None:
        old = self._files[number]
        end = offset + len(data)
        if isinstance(old, bytearray) and end <= len(old):
            old[offset:end] = data
        else:
            old = bytearray(bytes(old[:offset]).ljust(offset, b"\0") + data + bytes(old[end:]))
            self._files[number] = old
        call = len(self.calls)
        for sector in range(offset // SECTOR_BYTES, -(-end // SECTOR_BYTES)):
            start = sector * SECTOR_BYTES
            self._pending.append(Change(number, sector, bytes(old[start : start + SECTOR_BYTES]), call=call))

    def _directory(self, place: str) -> dict[str, int]:
        try:
            return self._names[place]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "no such directory", place) from None

    def _file(self, path: Path) -> bytes | bytearray:
        place = str(path)
        directory, name = _split(place)
        number = self._names.get(directory, {}).get(name)
        if number is None:
            raise FileNotFoundError(errno.ENOENT, "no such file", place)
        if number == DIRECTORY:
            raise IsADirectoryError(errno.EISDIR, "is a directory", place)
        return self._files[number]


def _failure(fault: Fault, place: str) -> OSError:
    code = errno.ENOSPC if fault is Fault.FULL else errno.EIO
    return OSError(code, os.strerror(code), place)


def _split(place: str) -> tuple[str, str]:
    directory, _, name = place.rpartition("/")
    return directory or "/", name


def _nothing() -> None:
    """Do nothing."""
