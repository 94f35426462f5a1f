"""Whole-file stores when the disk fails: each file is old or new, and whole."""

import errno
import os

import pytest

from reference.failing_disk import SyncedBy
from wattmark.core.errors import Unavailable
from wattmark.storage.files import FileCheckpoints, FileLake, FileTiles
from wattmark.storage.files.disk import ExclusiveLock, make_directory, replace_files

FILES = [("tile/0/000.p/1", b"a" * 32), ("tile/0/001.p/2", b"b" * 64), ("checkpoint", b"text")]


def failing(at: int, code: int = errno.EIO):
    """Return a disk whose sync fails at its ``at``-th call."""
    calls = []

    def sync(handle: int) -> None:
        calls.append(handle)
        if len(calls) == at:
            raise OSError(code, os.strerror(code))
        os.fsync(handle)

    return SyncedBy(sync)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_failed_sync_leaves_every_tile_as_it_was(tmp_path, at):
    FileTiles(tmp_path).write_many([(path, data[::-1] + b"old") for path, data in FILES])
    with pytest.raises(Unavailable):
        FileTiles(tmp_path, disk=failing(at)).write_many(FILES)
    store = FileTiles(tmp_path)
    assert [store.read(path) for path, _ in FILES] == [data[::-1] + b"old" for _, data in FILES]
    assert store.list() == sorted(path for path, _ in FILES), "unfinished files are not listed"
    store.write_many(FILES)
    assert [store.read(path) for path, _ in FILES] == [data for _, data in FILES]
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_failed_swap_leaves_the_old_checkpoint_and_the_lock_free(tmp_path):
    FileCheckpoints(tmp_path).compare_and_swap(None, "old\n")
    with pytest.raises(Unavailable):
        FileCheckpoints(tmp_path, disk=failing(1)).compare_and_swap("old\n", "new\n")
    assert FileCheckpoints(tmp_path).load() == "old\n"
    FileCheckpoints(tmp_path).compare_and_swap("old\n", "new\n")
    assert FileCheckpoints(tmp_path).load() == "new\n"


def test_a_failed_put_leaves_nothing_to_be_believed(tmp_path):
    with pytest.raises(Unavailable):
        FileLake(tmp_path, disk=failing(1, errno.ENOSPC)).put("plan/a", b"data")
    assert FileLake(tmp_path).list() == []
    FileLake(tmp_path).put("plan/a", b"data")
    assert FileLake(tmp_path).get("plan/a") == b"data"


def test_a_full_disk_is_told_as_such_in_both_languages(tmp_path):
    with pytest.raises(Unavailable) as full:
        replace_files(tmp_path, [("a", b"x")], failing(1, errno.ENOSPC))
    with pytest.raises(Unavailable) as broken:
        replace_files(tmp_path, [("a", b"x")], failing(1, errno.EIO))
    assert (full.value.reason.en, full.value.reason.ja) != (broken.value.reason.en, broken.value.reason.ja)
    assert "full" in str(full.value)


def test_nothing_to_write_is_fine(tmp_path):
    replace_files(tmp_path / "absent", [])
    assert not (tmp_path / "absent").exists()


def test_a_folder_in_the_way_is_an_error_of_the_store(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(Unavailable):
        replace_files(tmp_path, [("a", b"x")])


def test_folders_are_made_with_their_parents(tmp_path):
    make_directory(tmp_path / "a/b/c")
    make_directory(tmp_path / "a/b/c")
    assert (tmp_path / "a/b/c").is_dir()


def test_a_lock_is_held_by_one_and_freed_by_release(tmp_path):
    first = ExclusiveLock(tmp_path / "lock")
    with pytest.raises(Unavailable):
        ExclusiveLock(tmp_path / "lock")
    first.release()
    first.release()
    ExclusiveLock(tmp_path / "lock").release()


def test_bytes_that_are_no_text_come_back_as_a_checkpoint_no_signature_fits(tmp_path):
    FileCheckpoints(tmp_path).compare_and_swap(None, "old\n")
    (tmp_path / "last").write_bytes(b"\xff\xfe")
    assert FileCheckpoints(tmp_path).load() == "\ufffd\ufffd"
