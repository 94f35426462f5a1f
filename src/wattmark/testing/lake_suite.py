"""What every ``Lake`` engine must do."""

from abc import ABC, abstractmethod
from pathlib import Path

import pytest

from wattmark.core.errors import MalformedInput, RuleViolated, UnknownReference
from wattmark.crypto.hashing import sha256
from wattmark.ledger.lakefile import CHUNK_BYTES, LakeFile
from wattmark.ledger.ports import Lake


class LakeSuite(ABC):
    """Subclass it in a test module and say how the engine is opened."""

    @abstractmethod
    def open(self, folder: Path) -> Lake:
        """Open the lake that lives in ``folder``, the same one each time."""

    @pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
    def test_a_file_comes_back_and_is_described(self, tmp_path: Path, size: int) -> None:
        """Size and hashes of the whole and of its chunks."""
        data = bytes(number % 251 for number in range(size))
        described = self.open(tmp_path).put("readings/2021-01-04.parquet", data)
        lake = self.open(tmp_path)
        assert lake.get("readings/2021-01-04.parquet") == data
        assert (described.path, described.size) == ("readings/2021-01-04.parquet", size)
        assert described.sha256 == sha256(data)
        chunks = [data[start : start + CHUNK_BYTES] for start in range(0, size, CHUNK_BYTES)]
        assert list(described.chunk_sha256s) == [sha256(chunk) for chunk in chunks]
        assert LakeFile.from_dict(described.to_dict()) == described

    def test_files_are_listed(self, tmp_path: Path) -> None:
        """Sorted, and nothing else."""
        lake = self.open(tmp_path)
        assert lake.list() == []
        for path in ("readings/b", "plan/a", "readings/a"):
            lake.put(path, path.encode())
        assert lake.list() == ["plan/a", "readings/a", "readings/b"]

    def test_other_bytes_under_the_same_path_are_refused(self, tmp_path: Path) -> None:
        """A record names the file by its hash; only a leftover may be replaced, and on purpose."""
        lake = self.open(tmp_path)
        first = lake.put("plan/a", b"first")
        assert lake.put("plan/a", b"first") == first
        with pytest.raises(RuleViolated) as refusal:
            lake.put("plan/a", b"second")
        assert refusal.value.code == "LAKE_FILE_EXISTS"
        assert lake.get("plan/a") == b"first"
        lake.put("plan/a", b"second", replace=True)
        assert lake.get("plan/a") == b"second"

    def test_an_absent_file_is_an_unknown_reference(self, tmp_path: Path) -> None:
        """Also when a part of its path is a file or a folder."""
        lake = self.open(tmp_path)
        lake.put("plan/a", b"x")
        for path in ("plan/b", "plan", "plan/a/b", "other/a"):
            with pytest.raises(UnknownReference):
                lake.get(path)

    @pytest.mark.parametrize(
        "path", ["", "/plan/a", "plan//a", "../a", "plan/../a", "plan/.a", "plan/a b", "plan/\u00e9"]
    )
    def test_paths_cannot_leave_the_lake(self, tmp_path: Path, path: str) -> None:
        """Plain names only."""
        lake = self.open(tmp_path)
        with pytest.raises(MalformedInput):
            lake.get(path)
        with pytest.raises(MalformedInput):
            lake.put(path, b"x")
        assert lake.list() == []
