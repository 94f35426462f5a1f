"""The simulated disk: to a program it is a disk like any other; to a power cut it is a worse one."""

import errno
from pathlib import Path
from random import Random

import pytest

from wattmark.simulation.faults.disk import Fault, PowerCut, SimulatedDisk
from wattmark.simulation.faults.laws import HOME, NEW_DISK
from wattmark.storage.files.calls import LocalDisk

NAMES = ("a", "b", "c.tmp")
FOLDERS = ("", "x", "x/y")


def outcome(call):
    try:
        return call()
    except OSError as error:
        return errno.errorcode[error.errno]


def write(disk, path, offset, data, *, truncate):
    handle = disk.open(path, create=True, truncate=truncate)
    try:
        taken = disk.write(handle, data, offset)
        disk.sync(handle)
        disk.forget(handle)
        return taken
    finally:
        disk.close(handle)


def step(disk, root: Path, chance: Random):
    """Return what a random call gives."""
    folder = root / chance.choice(FOLDERS)
    path, other = folder / chance.choice(NAMES), folder / chance.choice(NAMES)
    offset, data = chance.randrange(1_200), chance.randbytes(chance.randrange(1, 900))
    truncate = chance.random() < 0.5
    calls = {
        "write": lambda: write(disk, path, offset, data, truncate=truncate),
        "rename": lambda: disk.rename(path, other),
        "unlink": lambda: disk.unlink(path),
        "make": lambda: disk.make_directory(folder),
        "remove": lambda: disk.remove_directory(folder) if folder != root else None,
        "sync": lambda: disk.sync_directory(folder),
        "read": lambda: disk.read(path),
        "map": lambda: disk.map(path).tobytes(),
        "names": lambda: sorted(disk.names(folder)),
        "files": lambda: sorted(str(found.relative_to(root)) for found in disk.files(root)),
        "is": lambda: (disk.is_directory(folder), disk.is_file(path)),
        "old": lambda: disk.close(disk.open(path)),
    }
    what = chance.choice(["write", "write", "rename", *calls])
    return what, outcome(calls[what])


@pytest.mark.parametrize("seed", range(25))
def test_a_program_sees_the_same_on_a_real_disk_and_on_the_simulated_one(tmp_path, seed):
    real, simulated = LocalDisk(), SimulatedDisk(NEW_DISK)
    ours, theirs = Random(seed), Random(seed)
    for number in range(150):
        assert step(real, tmp_path, ours) == step(simulated, HOME, theirs), number


def written(data: bytes, *, sync: bool, name: bool, plan: dict[int, Fault] | None = None) -> SimulatedDisk:
    disk = SimulatedDisk(NEW_DISK, plan)
    handle = disk.open(HOME / "file", create=True)
    disk.write(handle, data, 0)
    if sync:
        disk.sync(handle)
    if name:
        disk.sync_directory(HOME)
    return disk


def test_bytes_need_the_sync_of_the_file_and_names_that_of_the_directory():
    data = bytes(range(1, 201)) * 5
    for sync in (False, True):
        for name in (False, True):
            after = written(data, sync=sync, name=name).image().settled(()).tree()
            assert after == ({f"{HOME}/file": data if sync else b""} if name else {})


def test_each_sector_survives_by_itself():
    disk = written(b"\x01" * 512 + b"\x02" * 512 + b"\x03" * 100, sync=False, name=True)
    image = disk.image()
    assert len(image.pending) == 3
    found = image.settled([image.pending[0], image.pending[2]]).tree()[f"{HOME}/file"]
    assert found == b"\x01" * 512 + bytes(512) + b"\x03" * 100


def test_after_a_failed_sync_the_bytes_are_seen_and_lost_until_they_are_forgotten():
    data = b"\x01" * 700
    disk = written(data, sync=False, name=True)
    disk.plan = {len(disk.calls) + 1: Fault.ERROR_LOST}
    handle = disk.open(HOME / "file")
    with pytest.raises(OSError, match="Input/output"):
        disk.sync(handle)
    disk.sync(handle)  # says nothing is wrong any more
    assert disk.read(HOME / "file") == data
    assert disk.image().settled(disk.image().pending).tree()[f"{HOME}/file"] == b""
    disk.forget(handle)
    assert disk.read(HOME / "file") == b""


def test_an_error_may_come_after_the_deed():
    disk = written(b"\x01", sync=False, name=True)
    disk.plan = {len(disk.calls) + 1: Fault.ERROR_DONE}
    with pytest.raises(OSError, match="Input/output"):
        disk.sync(disk.open(HOME / "file"))
    assert disk.image().settled(()).tree()[f"{HOME}/file"] == b"\x01"


def test_after_a_power_cut_nothing_is_done_any_more():
    disk = written(b"\x01", sync=True, name=True)
    disk.plan = {len(disk.calls) + 1: Fault.STOP}
    with pytest.raises(PowerCut):
        disk.rename(HOME / "file", HOME / "other")
    with pytest.raises(PowerCut):
        disk.unlink(HOME / "other")


def test_a_directory_whose_name_is_lost_takes_its_files_along():
    disk = SimulatedDisk(NEW_DISK)
    disk.make_directory(HOME / "x")
    handle = disk.open(HOME / "x" / "file", create=True)
    disk.write(handle, b"\x01", 0)
    disk.sync(handle)
    disk.sync_directory(HOME / "x")
    assert disk.image().settled(()).tree() == {}
    disk.sync_directory(HOME)
    assert disk.image().settled(()).tree() == {f"{HOME}/x/file": b"\x01"}


def test_a_process_that_ends_gives_its_locks_back():
    disk = SimulatedDisk(NEW_DISK)
    disk.lock(disk.open(HOME / "lock", create=True), wait=False)
    with pytest.raises(BlockingIOError):
        disk.lock(disk.open(HOME / "lock"), wait=False)
    disk.restart()
    disk.lock(disk.open(HOME / "lock"), wait=False)
