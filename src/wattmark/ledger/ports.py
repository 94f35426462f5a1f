"""What the ledger asks of a storage engine. Every engine passes the suites of ``wattmark.testing``.

Order of a publication, which makes the log safe to sign: journal durable, then tiles durable, then the signed
checkpoint swapped into its own store, then the public copy beside the tiles.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from wattmark.ledger.frames import Frame, Tail
from wattmark.ledger.lakefile import LakeFile

__all__ = ["Checkpoints", "Frame", "Journal", "Lake", "LakeFile", "Tail", "Tiles"]


class Journal(Protocol):
    """The one stored truth: payloads in one order, chained by hash.

    Durability: a payload is on disk when ``append`` returns. After an error of unknown effect every further
    append is refused until the journal is opened anew. Consistency: one writer; a reader sees a prefix.
    """

    @property
    def last_sequence(self) -> int:
        """Sequence of the last frame; -1 when there is none."""
        ...

    @property
    def last_hash(self) -> bytes:
        """SHA-256 of the last whole frame; 32 zero bytes when there is none."""
        ...

    @property
    def torn_tail(self) -> Tail | None:
        """What a stopped write left behind the last frame, until ``drop_torn_tail`` or ``append``."""
        ...

    def check_room(self) -> None:
        """Refuse before anything is done: ask it before work that ``append`` would then have to refuse.

        What it lets through, ``append`` has room for: a few of the longest frames.

        Raises:
            Unavailable: not the writer, or disk almost full; nothing is stopped by asking. Another thread may be
                in ``append`` meanwhile.
        """
        ...

    def append(self, payload: bytes) -> int:
        """Store one payload durably and return its sequence.

        Raises:
            MalformedInput: empty or longer than ``MAX_PAYLOAD_BYTES``; nothing is stored.
            Unavailable: not the writer, disk full, or an earlier append failed.
        """
        ...

    def read(self, from_sequence: int = 0) -> Iterator[Frame]:
        """Yield the frames from ``from_sequence`` on, with bounded memory, checked and chained.

        Raises:
            Broken: a frame does not hold; names file and position.
        """
        ...

    def drop_torn_tail(self) -> Tail | None:
        """Clear a torn tail and say what was cleared. Ask first whether a checkpoint covers more than is left.

        Raises:
            Unavailable: not the writer, or the disk fails.
        """
        ...

    def close(self) -> None:
        """Release files and the writer's lock; further use is refused."""
        ...


class Tiles(Protocol):
    """Public files of the log by path: tiles, and ``checkpoint`` beside them.

    Durability: all files of one ``write_many`` are on disk when it returns; on a crash each is old or new, whole.
    Nothing read here is trusted: it is checked against the signed root.
    """

    def read(self, path: str) -> bytes:
        """Return a file's bytes.

        Raises:
            UnknownReference: there is none.
            MalformedInput: not a tile path and not ``checkpoint``.
        """
        ...

    def write_many(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Store the files durably, replacing those of the same path.

        Raises:
            MalformedInput: not a tile path and not ``checkpoint``.
            Unavailable: the disk is full or fails.
        """
        ...

    def list(self) -> list[str]:
        """Return every stored path, sorted; files that are no tiles are listed too (an auditor wants them)."""
        ...

    def prune(self, size: int, since: int = 0) -> int:
        """Delete partial tiles whose full tile came with entries ``[since, size)`` and is stored; return how many.

        Raises:
            Unavailable: the disk fails.
        """
        ...


class Checkpoints(Protocol):
    """The last signed checkpoint, apart from the data, so that a log rolled back is noticed before it signs.

    Durability: on disk when ``compare_and_swap`` returns. Consistency: atomic against any other process.
    """

    def load(self) -> str | None:
        """Return the last signed checkpoint, ``None`` before the first."""
        ...

    def compare_and_swap(self, old: str | None, new: str) -> None:
        """Replace ``old`` by ``new``.

        Raises:
            RuleViolated: the store holds something else than ``old``; nothing changed.
            Unavailable: the disk is full or fails.
        """
        ...


class Lake(Protocol):
    """Immutable files of columns, each named with its SHA-256 by one journal record.

    Durability: on disk when ``put`` returns; on a crash old or new, whole. The reader compares the hashes.
    """

    def put(self, path: str, data: bytes, *, replace: bool = False) -> LakeFile:
        """Store a file durably and describe it; storing the same bytes again changes nothing.

        Raises:
            MalformedInput: not a lake path.
            RuleViolated: other bytes are there and ``replace`` was not asked for. Replace only what no journal
                record names, such as the leftover of a stopped run.
            Unavailable: the disk is full or fails.
        """
        ...

    def get(self, path: str) -> bytes:
        """Return a file's bytes, unverified.

        Raises:
            UnknownReference: there is none.
            MalformedInput: not a lake path.
        """
        ...

    def list(self) -> list[str]:
        """Return every stored path, sorted."""
        ...
