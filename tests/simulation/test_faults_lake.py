"""A lake file that was answered for is there after any power cut, also when it was put twice."""

from itertools import product

import pytest

from wattmark.core.errors import Unavailable, UnknownReference
from wattmark.simulation.faults.disk import Fault, SimulatedDisk
from wattmark.simulation.faults.laws import HOME, NEW_DISK
from wattmark.storage.files import FileLake

FILES = {"readings/day.parquet": b"\x01" * 1_300, "plan/day.parquet": b"\x02" * 40}


def lake(disk: SimulatedDisk) -> FileLake:
    return FileLake(HOME / "lake", disk=disk)


def stored(disk: SimulatedDisk) -> dict[str, bytes]:
    found = {}
    for path in FILES:
        try:
            found[path] = lake(disk).get(path)
        except UnknownReference:
            continue
    return found


def life():
    """Return (image, paths answered for) after every call, and the number of calls."""
    moments, answered = [], []
    disk = SimulatedDisk(NEW_DISK, note=lambda _, image: moments.append((image, tuple(answered))))
    for path, data in FILES.items():
        lake(disk).put(path, data)
        answered.append(path)
    moments.append((disk.image(), tuple(answered)))
    return moments, len(disk.calls)


def test_a_power_cut_leaves_each_file_whole_or_absent_and_none_that_was_answered_for_is_gone():
    moments, _ = life()
    for image, answered in moments:
        for bits in product((0, 1), repeat=len(image.pending)):
            kept = [change for change, bit in zip(image.pending, bits, strict=True) if bit]
            found = stored(SimulatedDisk(image.settled(kept)))
            assert set(answered) <= set(found)
            assert all(FILES[path] == data for path, data in found.items())


def test_a_put_that_was_killed_and_is_done_again_is_durable():
    moments, _ = life()
    for image, _answered in moments:
        disk = SimulatedDisk(image)
        for path, data in FILES.items():
            lake(disk).put(path, data)
        assert stored(SimulatedDisk(disk.image().settled(()))) == FILES


@pytest.mark.parametrize("fault", [Fault.ERROR_LOST, Fault.ERROR_DONE, Fault.FULL, Fault.SHORT])
def test_a_put_that_failed_is_done_again(fault):
    _, calls = life()
    for number in range(1, calls + 1):
        disk = SimulatedDisk(NEW_DISK, {number: fault})
        one = lake(disk)
        for path, data in FILES.items():
            try:
                one.put(path, data)
            except Unavailable:
                one.put(path, data)
        assert stored(SimulatedDisk(disk.image().settled(()))) == FILES, number
