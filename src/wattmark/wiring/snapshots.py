"""Snapshots on disk: sealed by the platform's secret, newest first, disposable."""

import hmac
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wattmark.core.errors import MalformedInput, Refused
from wattmark.core.text import Text
from wattmark.engine import snapshot as snapshots
from wattmark.engine.snapshot import Snapshot
from wattmark.storage.files.calls import LOCAL_DISK, Disk
from wattmark.storage.files.disk import disk_failed, replace_files

SNAPSHOTS_KEPT: Final = 2
SEAL_BYTES: Final = 32
_NAME: Final = re.compile(r"state-[0-9]{20}\.snap")


def store_snapshot(home: Path, taken: Snapshot, data: bytes, disk: Disk = LOCAL_DISK) -> None:
    """Write a snapshot's sealed bytes; the oldest ones are deleted.

    Raises:
        Unavailable: the disk refuses.
    """
    directory = home / "snapshots"
    replace_files(directory, [(f"state-{taken.sequence:020d}.snap", data)], disk)
    try:
        for old in _paths(directory, disk)[:-SNAPSHOTS_KEPT]:
            disk.unlink(old)
    except OSError as error:
        raise disk_failed(error) from error


def sealed(data: bytes, blinding: bytes) -> bytes:
    """Return a snapshot's bytes with the seal behind them."""
    return data + snapshot_seal(blinding, data)


def stored_snapshots(home: Path, blinding: bytes, disk: Disk = LOCAL_DISK) -> Iterator[tuple[Path, Snapshot | None]]:
    """Yield every snapshot, newest first, with ``None`` for one that cannot be believed."""
    for path in reversed(_paths(home / "snapshots", disk)):
        try:
            loaded: Snapshot | None = load_snapshot(disk.read(path), blinding)
        except (Refused, ValueError, KeyError, OSError):
            loaded = None  # disposable: a damaged one is replaced by replay
        yield path, loaded


def resealed(home: Path, old: bytes, new: bytes, disk: Disk = LOCAL_DISK) -> None:
    """Seal the snapshots that bear one seal with another one: a home that changes hands keeps its quick start.

    Raises:
        Unavailable: the disk refuses.
    """
    directory = home / "snapshots"
    for path in _paths(directory, disk):
        data = disk.read(path)
        body = data[:-SEAL_BYTES]
        if hmac.compare_digest(snapshot_seal(old, body), data[-SEAL_BYTES:]):
            replace_files(directory, [(path.name, sealed(body, new))], disk)


def _paths(directory: Path, disk: Disk) -> list[Path]:
    return [directory / name for name in sorted(disk.names(directory)) if _NAME.fullmatch(name)]


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
