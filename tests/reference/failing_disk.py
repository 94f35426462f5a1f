"""A local disk whose syncs, or whose room, are somebody else's decision."""

from collections.abc import Callable
from pathlib import Path

from wattmark.storage.files.calls import LocalDisk


class SyncedBy(LocalDisk):
    """Files are synced by a function, which may count, fail or wait."""

    def __init__(self, sync: Callable[[int], None]) -> None:
        self.sync = sync


class WithRoom(LocalDisk):
    """The room left is the one entry of a list."""

    def __init__(self, room: list[int]) -> None:
        self.room = room

    def free(self, directory: Path) -> int:
        return self.room[0]
