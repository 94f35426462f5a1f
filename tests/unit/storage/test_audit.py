"""The audit of a small home of files: clean when clean, and every fault has a file and a position."""

import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from wattmark.core.findings import Finding
from wattmark.ledger.checkpoint import Checkpoint, sign_checkpoint
from wattmark.ledger.lakefile import LakeFile
from wattmark.ledger.merkle import MerkleTree, leaf_hashes
from wattmark.ledger.note import NoteKey
from wattmark.ledger.tiles import CHECKPOINT_PATH, changed_tiles
from wattmark.storage.files import FileCheckpoints, FileJournal, FileLake, FileTiles
from wattmark.storage.files.audit import audit_journal, audit_lake, audit_log

KEY = NoteKey("example.com/log", bytes(range(32)))
SIZE = 600
FLIPS = 1_000
SEED = 20210104


class Home:
    """A home of 600 entries in 12 frames, published in two steps, and one lake file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.named: list[LakeFile] = []

    @property
    def hashes(self) -> np.ndarray:
        """The leaf hashes as an auditor gets them: from what the journal still says."""
        frames = FileJournal(self.folder / "journal", read_only=True).read()
        return leaf_hashes([b"%d:%d" % (frame.sequence, place) for frame in frames for place in range(50)])

    def build(self) -> "Home":
        journal = FileJournal(self.folder / "journal", segment_bytes=16_384, reserve_bytes=0)
        tiles, checkpoints = FileTiles(self.folder / "log"), FileCheckpoints(self.folder / "checkpoint")
        tree, published, last = MerkleTree(), 0, None
        for frame in range(12):
            journal.append(random.Random(frame).randbytes(2_000))
            tree.append(leaf_hashes([b"%d:%d" % (frame, place) for place in range(50)]))
            if frame in (4, 11):
                tiles.write_many(changed_tiles(tree, published, tree.size))
                note = sign_checkpoint(Checkpoint(KEY.name, tree.size, tree.root()), KEY)
                checkpoints.compare_and_swap(last, note)
                tiles.write_many([(CHECKPOINT_PATH, note.encode())])
                published, last = tree.size, note
        journal.close()
        lake = FileLake(self.folder / "lake")
        self.named = [lake.put("readings/day.parquet", random.Random(1).randbytes(150_000)), lake.put("plan/x", b"")]
        return self

    def audit(self) -> list[Finding]:
        journal = audit_journal(self.folder)
        hashes = None if any(finding.file.startswith("journal") for finding in journal) else self.hashes
        return [*journal, *audit_log(self.folder, hashes, KEY.vkey), *audit_lake(self.folder, self.named)]

    def truth(self) -> list[Path]:
        found = (path for path in self.folder.rglob("*") if path.is_file() and path.stat().st_size)
        return sorted(path for path in found if not path.name.endswith(".lock"))


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Home:
    return Home(tmp_path_factory.mktemp("home")).build()


@pytest.fixture
def home(clean, tmp_path) -> Home:
    shutil.copytree(clean.folder, tmp_path / "home")
    copy = Home(tmp_path / "home")
    copy.named = clean.named
    return copy


def _flip(path: Path, byte: int, mask: int) -> None:
    with path.open("r+b") as stream:
        stream.seek(byte)
        one = stream.read(1)[0]
        stream.seek(byte)
        stream.write(bytes([one ^ mask]))


def test_a_clean_home_has_no_finding(clean):
    assert clean.audit() == []
    assert len(clean.truth()) == 10


def test_an_empty_home_has_no_finding(tmp_path):
    assert audit_journal(tmp_path) == []
    assert audit_log(tmp_path, leaf_hashes([]), KEY.vkey) == []
    assert audit_lake(tmp_path, []) == []


def test_any_flipped_bit_in_any_file_is_found_by_file_and_position(clean):
    """A thousand seeded flips over all files alike, the small ones too."""
    chance = random.Random(SEED)
    files = clean.truth()
    for number in range(FLIPS):
        path = files[number % len(files)]
        byte, mask = chance.randrange(path.stat().st_size), 1 << chance.randrange(8)
        _flip(path, byte, mask)
        findings = clean.audit()
        _flip(path, byte, mask)
        file = path.relative_to(clean.folder).as_posix()
        assert file in {finding.file for finding in findings}, (file, byte, mask)
        assert all(finding.position and finding.rule and finding.detail for finding in findings)
    assert clean.audit() == []


@pytest.mark.parametrize(
    ("path", "byte", "position"),
    [
        ("log/tile/0/000", 32 * 12 + 5, "hash 12 at byte 389"),
        ("log/tile/0/002.p/88", 0, "hash 0 at byte 0"),
        ("log/tile/0/000.p/250", 31, "hash 0 at byte 31"),
        ("log/tile/1/000.p/2", 63, "hash 1 at byte 63"),
        ("log/checkpoint", 16, "byte 16"),
        ("checkpoint/last", 17, "byte 17"),
        ("lake/readings/day.parquet", 65_536, "byte 65536 to 131071"),
        ("lake/readings/day.parquet", 149_999, "byte 131072 to 149999"),
    ],
)
def test_the_position_is_exact(home, path, byte, position):
    if path == "log/tile/0/000.p/250":  # the first publication's partial tile, obsolete and still served
        assert (home.folder / path).exists()
    _flip(home.folder / path, byte, 1)
    findings = [finding for finding in home.audit() if finding.file == path]
    assert [finding.position for finding in findings] == [position]


def test_the_journal_ending_early_is_found_by_the_checkpoint(home):
    """The last frame zeroed leaves a journal that is whole in itself."""
    last = max((home.folder / "journal").glob("*.seg"))
    journal = FileJournal(home.folder / "journal", read_only=True)
    frame = list(journal.read())[-1]
    with last.open("r+b") as stream:
        stream.seek(frame.offset)
        stream.write(bytes(frame.end - frame.offset))
    assert audit_journal(home.folder) == []
    findings = home.audit()
    assert {"log/checkpoint", "checkpoint/last"} <= {finding.file for finding in findings}
    assert any("550" in finding.detail for finding in findings)


def test_missing_and_strange_files_are_found(home):
    (home.folder / "log/tile/0/001").unlink()
    (home.folder / "log/tile/1/000.p/2").unlink()
    (home.folder / "log/tile/0/003").write_bytes(bytes(8_192))
    (home.folder / "log/tile/index.html").write_text("hello")
    (home.folder / "log/tile/0/001.p").mkdir()
    (home.folder / "log/tile/0/001.p/9").write_bytes(bytes(300))
    (home.folder / "lake/plan/x").unlink()
    found = {finding.file: finding.detail for finding in home.audit()}
    assert found["log/tile/0/001"] == "missing"
    assert found["log/tile/1/000.p/2"] == "missing"
    assert found["log/tile/0/003"].startswith("stray")
    assert found["log/tile/index.html"] == "no file of a log"
    assert found["log/tile/0/001.p/9"] == "300 bytes instead of 288"
    assert found["lake/plan/x"] == "missing"
    assert len(found) == 6


def test_a_partial_tile_may_be_gone_once_its_full_one_exists(home):
    assert FileTiles(home.folder / "log").prune(SIZE) == 1
    assert home.audit() == []


def test_a_checkpoint_copy_that_lags_or_lacks_is_found(home):
    other = sign_checkpoint(Checkpoint(KEY.name, 250, _root(250)), KEY)
    (home.folder / "log/checkpoint").write_text(other)
    assert [finding.file for finding in home.audit()] == ["log/checkpoint"]
    (home.folder / "log/checkpoint").unlink()
    assert [(finding.file, finding.detail) for finding in home.audit()] == [("log/checkpoint", "missing")]


def test_a_signed_lie_about_the_root_is_found(home):
    lie = sign_checkpoint(Checkpoint(KEY.name, SIZE, bytes(32)), KEY)
    (home.folder / "log/checkpoint").write_text(lie)
    (home.folder / "checkpoint/last").write_text(lie)
    assert [(finding.file, finding.position) for finding in home.audit()] == [
        ("log/checkpoint", "line 3"),
        ("checkpoint/last", "line 3"),
    ]


def test_entries_not_yet_signed_are_no_fault(home):
    """The journal may be ahead of the checkpoint, and so may the tiles, when the machine stops in between."""
    journal = FileJournal(home.folder / "journal", segment_bytes=16_384, reserve_bytes=0)
    journal.append(b"one more frame")
    journal.close()
    tree = MerkleTree()
    tree.append(home.hashes)
    FileTiles(home.folder / "log").write_many(changed_tiles(tree, SIZE, tree.size))
    assert home.audit() == []


def test_a_home_whose_journal_is_lost_still_names_a_wrong_tile(home):
    for path in (home.folder / "journal").glob("*.seg"):
        path.unlink()
    assert audit_log(home.folder, None, KEY.vkey) == []
    _flip(home.folder / "log/tile/0/000", 0, 1)
    found = {finding.file: finding.position for finding in audit_log(home.folder, None, KEY.vkey)}
    assert found["log/tile/1/000.p/2"] == "hash 0 at byte 0"
    assert found["log/checkpoint"] == "line 3"


def test_a_lake_file_of_another_length_is_found(home):
    path = home.folder / "lake/readings/day.parquet"
    whole = path.read_bytes()
    for data in (whole[:-1], whole + b"\x00", b"", whole[:65_536]):
        path.write_bytes(data)
        findings = home.audit()
        assert {finding.file for finding in findings} == {"lake/readings/day.parquet"}
        assert findings[0].position == f"byte {min(len(data), len(whole))}"


def _root(size: int) -> bytes:
    tree = MerkleTree()
    tree.append(leaf_hashes([b"%d:%d" % (number // 50, number % 50) for number in range(size)]))
    return tree.root()
