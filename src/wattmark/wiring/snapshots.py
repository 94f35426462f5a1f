"""Snapshots on disk: sealed by the platform's secret, newest first, disposable."""

import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wattmark.core.errors import MalformedInput, Refused
from wattmark.core.text import Text
from wattmark.engine import snapshot as snapshots
from wattmark.engine.snapshot import Snapshot
from wattmark.storage.files.disk import make_directory, replace_files

SNAPSHOTS_KEPT: Final = 2
SEAL_BYTES: Final = 32
_GLOB: Final = "state-*.snap"


def store_snapshot(home: Path, taken: Snapshot, data: bytes) -> None:
    """Write a snapshot's sealed bytes; the oldest ones are deleted.

    Raises:
        Unavailable: the disk refuses.
    """
    directory = home / "snapshots"
    make_directory(directory)
    replace_files(directory, [(f"state-{taken.sequence:020d}.snap", data)])
    for old in sorted(directory.glob(_GLOB))[:-SNAPSHOTS_KEPT]:
        old.unlink(missing_ok=True)


def sealed(data: bytes, blinding: bytes) -> bytes:
    """Return a snapshot's bytes with the seal behind them."""
    return data + snapshot_seal(blinding, data)


def stored_snapshots(home: Path, blinding: bytes) -> Iterator[tuple[Path, Snapshot | None]]:
    """Yield every snapshot, newest first, with ``None`` for one that cannot be believed."""
    for path in sorted((home / "snapshots").glob(_GLOB), reverse=True):
        try:
            loaded: Snapshot | None = load_snapshot(path.read_bytes(), blinding)
        except (Refused, ValueError, KeyError, OSError):
            loaded = None  # disposable: a damaged one is replaced by replay
        yield path, loaded


def snapshot_seal(blinding: bytes, data: bytes | memoryview) -> bytes:
    """Return the 32 bytes behind a snapshot that only the holder of the platform's secret can make."""
    seal = hmac.new(blinding, b"wattmark snapshot\n", "sha256")
    seal.update(data)
    return seal.digest()


def load_snapshot(data: bytes, blinding: bytes) -> Snapshot:
    """Return a snapshot that this platform wrote.

    Raises:
        MalformedInput: damaged, or another platform's.
    """
    body, seal = memoryview(data)[:-SEAL_BYTES], data[-SEAL_BYTES:]
    if not hmac.compare_digest(snapshot_seal(blinding, body), seal):
        rule = Text(en="a snapshot sealed by this platform", ja="この運用先が封印したスナップショット")
        raise MalformedInput("SNAPSHOT_FOREIGN", "snapshot", len(data), rule)
    return snapshots.load(body)
