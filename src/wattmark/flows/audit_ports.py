"""What an audit reads, and what it says."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from wattmark.core.findings import Finding
from wattmark.engine.snapshot import Snapshot
from wattmark.ledger.frames import Frame


@dataclass(frozen=True, slots=True)
class Found:
    """Something that does not hold.

    Attributes:
        finding: file, position, rule, detail.
        is_truth: whether the file holds truth; what is disposable is mended by a rebuild and only noted.
    """

    finding: Finding
    is_truth: bool = True


class HomeFiles(Protocol):
    """The files of a home directory as they lie, trusted by nobody."""

    def frames(self) -> Iterator[tuple[str, Frame] | Finding]:
        """Yield (file, frame) of every frame of the journal that holds, in order, and a finding for what does not."""
        ...

    def journal_bytes(self) -> int:
        """Return how long the journal is, about; for showing progress."""
        ...

    def log_paths(self) -> list[str]:
        """Return every path below the log directory."""
        ...

    def log_file(self, path: str) -> bytes:
        """Return a file of the log directory."""
        ...

    def last_checkpoint(self) -> str | None:
        """Return the text of the checkpoint store."""
        ...

    def lake_paths(self) -> list[str]:
        """Return every path below the lake."""
        ...

    def lake_file(self, path: str) -> bytes:
        """Return a lake file.

        Raises:
            UnknownReference: there is none.
        """
        ...

    def home_file(self, path: str) -> bytes | None:
        """Return a file directly below the home or its key directory, ``None`` where there is none."""
        ...

    def snapshots(self) -> list[tuple[str, Snapshot | None]]:
        """Return every snapshot by path, ``None`` for one that cannot be believed."""
        ...

    def views_note(self, sequence: int, frame_hash: bytes) -> Finding | None:
        """Return what is wrong with the read model if the journal ends with this frame, ``None`` if nothing."""
        ...
