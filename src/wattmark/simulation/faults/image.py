"""What a disk holds: bytes that are durable, and changes that may or may not get there.

An image is a value. Files are numbered; a directory maps names to numbers. Nothing is copied when an image is taken:
contents are immutable bytes, and a change makes new ones.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from wattmark.ledger.frames import SECTOR_BYTES

DIRECTORY: Final = 0
"""Number that stands for a directory under its name."""


class Change(NamedTuple):
    """One thing a disk does at once: a sector or a cut of a file, or a name.

    Attributes:
        file: number of the file, or of the file the name stands for afterwards; -1 for a deleted name.
        sector: index of a written sector; -1 for a cut to no bytes; -2 for a name.
        data: the sector's bytes, at most 512.
        directory: of the name.
        name: the name.
        source: the name it had before, when it is renamed.
        call: number of the system call it comes from.
    """

    file: int
    sector: int
    data: bytes = b""
    directory: str = ""
    name: str = ""
    source: str = ""
    call: int = 0


CUT: Final = -1
NAME: Final = -2
GONE: Final = -1


@dataclass(slots=True)
class Image:
    """A disk: durable files and names, and the changes since.

    Attributes:
        files: contents by number.
        names: for each directory, numbers by name.
        pending: what was asked for and not synced, in order.
    """

    files: dict[int, bytes] = field(default_factory=dict)
    names: dict[str, dict[str, int]] = field(default_factory=lambda: {"/": {}})
    pending: tuple[Change, ...] = ()

    def settled(self, kept: Iterable[Change]) -> "Image":
        """Return the disk after a stop, with those of the pending changes that got there, in order."""
        files, names = dict(self.files), dict(self.names)
        owned: set[str] = set()
        for change in kept:
            apply_change(files, names, owned, change)
        return Image(files, _reachable(names), ())

    def tree(self) -> dict[str, bytes]:
        """Return the durable files by path."""
        return {
            f"{directory}/{name}": self.files.get(number, b"")
            for directory, entries in self.names.items()
            for name, number in entries.items()
            if number != DIRECTORY
        }

    def with_file(self, path: str, data: bytes) -> "Image":
        """Return the same disk with other bytes in one file."""
        directory, _, name = path.rpartition("/")
        number = self.names[directory][name]
        return Image({**self.files, number: data}, self.names, self.pending)


def apply_change(files: dict[int, bytes], names: dict[str, dict[str, int]], owned: set[str], change: Change) -> None:
    """Make a change; directories not in ``owned`` belong to others and are copied first."""
    if change.sector >= 0:
        start = change.sector * SECTOR_BYTES
        old = files.get(change.file, b"")
        files[change.file] = old[:start].ljust(start, b"\0") + change.data + old[start + len(change.data) :]
    elif change.sector == CUT:
        files[change.file] = b""
    else:
        directory = change.directory
        if directory not in owned:
            names[directory] = dict(names.get(directory, {}))
            owned.add(directory)
        entries = names[directory]
        if change.source and entries.get(change.source) == change.file:
            del entries[change.source]
        if change.file == GONE:
            entries.pop(change.name, None)
        else:
            entries[change.name] = change.file
            if change.file != DIRECTORY:
                files.setdefault(change.file, b"")
            else:
                names.setdefault(_join(directory, change.name), {})


def _reachable(names: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """Return the directories whose own name, and that of each parent, is there."""
    found = {"/": names["/"]}
    waiting = ["/"]
    while waiting:
        directory = waiting.pop()
        for name, number in names[directory].items():
            if number == DIRECTORY:
                path = _join(directory, name)
                found[path] = names.get(path, {})
                waiting.append(path)
    return found


def _join(directory: str, name: str) -> str:
    return f"/{name}" if directory == "/" else f"{directory}/{name}"
