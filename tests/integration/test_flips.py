"""A thousand seeded bit flips over a demo home: in what holds truth each is found and its file named; what is disposable
is never believed.
"""

import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wattmark.core.findings import Finding
from wattmark.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from wattmark.ledger.frames import scan_segment
from wattmark.ledger.note import NoteKey
from wattmark.ledger.tiles import tree_from_tiles
from wattmark.wiring import Platform, audit_home

FLIPS = 1_000
DISPOSABLE_FLIPS = 30
FULL_AUDITS = 12
SEED = 20_210_115

TRUTH = (
    "journal/*.seg",
    "log/tile/*/*.p/*",
    "log/tile/*/???",
    "log/checkpoint",
    "checkpoint/last",
    "lake/*/*.parquet",
    "wattmark.json",
    "keys/log.vkey",
)
DISPOSABLE = ("views/views.db", "views/views.db.sha256", "snapshots/*.snap")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flips") / "home"
    program = "import sys; from wattmark.cli.main import run; sys.exit(run())"
    options = ["demo", "--home", str(folder), "--days", "1", "--homes", "5", "--plants", "4", "--seed", "7"]
    subprocess.run(
        [sys.executable, "-c", program, *options, "--no-serve", "--json"], check=True, capture_output=True, timeout=250
    )
    return folder


@contextmanager
def flipped(path: Path, at: int, bit: int) -> Iterator[None]:
    """One bit of a file flipped in place, and put right again."""
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        try:
            file.seek(at)
            file.write(bytes([byte ^ (1 << bit)]))
            file.flush()
            yield
        finally:
            file.seek(at)
            file.write(bytes([byte]))


def first_finding(home: Path, name: str, *, quick: bool) -> Finding | None:
    """The first finding that names the file; the audit is read no further."""
    for found in audit_home(home, quick=quick):
        if found.is_truth and found.finding.file == name:
            return found.finding
    return None


def places(home: Path, patterns: tuple[str, ...], count: int, seed: int) -> Iterator[tuple[Path, int, int]]:
    """Seeded (file, byte, bit): every kind of file alike, mostly where a journal segment is written."""
    chance = random.Random(seed)
    files = {pattern: sorted(home.glob(pattern)) for pattern in patterns}
    kinds = [pattern for pattern in patterns if files[pattern]]
    used = {path: len(path.read_bytes().rstrip(b"\0")) for path in files.get("journal/*.seg", [])}
    for _ in range(count):
        path = chance.choice(files[chance.choice(kinds)])
        size = path.stat().st_size
        length = used.get(path, size) if chance.random() < 0.9 else size
        yield path, chance.randrange(length), chance.randrange(8)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_flip_in_what_holds_truth_is_found_and_named(home: Path) -> None:
    assert list(audit_home(home)) == []
    counted: Counter[str] = Counter()
    for number, (path, at, bit) in enumerate(places(home, TRUTH, FLIPS, SEED)):
        name = path.relative_to(home).as_posix()
        with flipped(path, at, bit):
            found = first_finding(home, name, quick=number % (FLIPS // FULL_AUDITS) != 0)
        assert found is not None, f"byte {at} bit {bit} of {name}"
        assert found.position
        counted[name.split("/")[0]] += 1
    assert list(audit_home(home)) == []
    assert set(counted) == {"journal", "log", "checkpoint", "lake", "wattmark.json", "keys"}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_flip_in_a_disposable_file_is_believed(home: Path) -> None:
    with Platform.open(home, read_only=True) as platform:
        expected = facts(platform)
    for path, at, bit in places(home, DISPOSABLE, DISPOSABLE_FLIPS, SEED):
        name = path.relative_to(home).as_posix()
        with flipped(path, at, bit):
            found = list(audit_home(home))
            assert [one.is_truth for one in found] == [False], (name, at, bit, found)
            assert found[0].finding.file == name.removesuffix(".sha256")
            with Platform.open(home, read_only=True) as platform:
                assert facts(platform) == expected, (name, at, bit)


def facts(platform: Platform) -> tuple[object, ...]:
    views = platform.views
    return (
        platform.state.state_hash(),
        platform.sequencer.position,
        views.trades(limit=10_000),
        views.products(limit=10_000),
        views.bulk(limit=10_000),
        views.settled_days(),
        [views.keys_of(account) for account in range(len(platform.state.accounts))],
        [views.payload(row.payload_hash) for row in views.bulk(limit=10_000)],
    )


# ------------------------------------------------------------------------------- damage that is more than one bit

DAMAGES = 25
"""Of each kind to each kind of file."""
STORED = (
    "journal/*.seg",
    "log/tile/*/*.p/*",
    "log/tile/*/???",
    "log/checkpoint",
    "checkpoint/last",
    "lake/*/*.parquet",
)
BYTE = re.compile(r"byte (\d+)(?: to (\d+))?")


def swapped(data: bytes, chance: random.Random) -> bytes:
    """Two blocks in each other's place."""
    width = chance.choice((32, 64, 512, 4_096))
    blocks = list(range(0, len(data) - width + 1, width))
    if len(blocks) < 2:
        width = len(data) // 2
        blocks = [0, width]
    a, b = sorted(chance.sample(blocks, 2))
    return data[:a] + data[b : b + width] + data[a + width : b] + data[a : a + width] + data[b + width :]


def doubled(data: bytes, chance: random.Random) -> bytes:
    """A block stands twice, what follows it is moved behind."""
    width = chance.choice((1, 32, 512))
    at = chance.randrange(max(1, len(data) - width))
    return data[: at + width] + data[at:]


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def blanked(data: bytes, chance: random.Random) -> bytes:
    """Zeros where something was."""
    at = chance.randrange(len(data))
    end = min(len(data), at + chance.choice((16, 512, 4_096)))
    return data[:at] + bytes(end - at) + data[end:]


KINDS = {"swapped": swapped, "doubled": doubled, "cut": cut, "blanked": blanked}


@contextmanager
def replaced(path: Path, old: bytes, new: bytes) -> Iterator[None]:
    """The first bytes of a file replaced; a journal segment keeps its length, with zeros behind them."""
    keeps = path.suffix == ".seg"
    size = path.stat().st_size
    try:
        with path.open("r+b") as file:
            file.write(new.ljust(len(old), b"\0") if keeps else new)
            if not keeps:
                file.truncate(len(new))
        yield
    finally:
        with path.open("r+b") as file:
            file.write(old.ljust(len(new), b"\0") if keeps else old)
            file.truncate(size)


def used(path: Path) -> bytes:
    data = path.read_bytes()
    return data.rstrip(b"\0") if path.suffix == ".seg" else data


def first_difference(old: bytes, new: bytes) -> int:
    return next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))


def frame_of(data: bytes, byte: int) -> int:
    """Where the frame begins that holds a byte."""
    *frames, _ = scan_segment(data, 0, None)
    return max((frame.offset for frame in frames if frame.offset <= byte), default=0)


def check_position(path: Path, old: bytes, new: bytes, position: str) -> None:
    """The place that is named is the first that differs, as closely as the file can tell."""
    byte = first_difference(old, new)
    found = BYTE.search(position)
    if path.suffix == ".seg":
        assert found, position
        assert frame_of(old, byte) <= int(found[1]) <= max(byte, len(new)), (position, byte)
    elif path.suffix == ".parquet" and len(old) == len(new):
        assert found, position
        assert int(found[1]) <= byte <= int(found[2]), (position, byte)
    elif "tile" in path.parts and len(old) == len(new):
        assert found, position
        assert int(found[1]) == byte, (position, byte)
    else:
        assert position


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", KINDS)
def test_blocks_swapped_doubled_cut_or_blanked_are_found_by_file_and_position(home: Path, kind: str) -> None:
    chance = random.Random(f"{SEED} {kind}")
    done: Counter[str] = Counter()
    for pattern in STORED:
        paths = sorted(home.glob(pattern))
        for number in range(DAMAGES if paths else 0):
            path = paths[number % len(paths)] if number < len(paths) else chance.choice(paths)
            old = used(path)
            new = KINDS[kind](old, chance)
            stored = new.ljust(len(old), b"\0") if path.suffix == ".seg" else new
            if stored.rstrip(b"\0") == old.rstrip(b"\0") and path.suffix == ".seg":
                continue
            if stored == old:
                continue
            name = path.relative_to(home).as_posix()
            with replaced(path, old, new):
                found = first_finding(home, name, quick=True)
            assert found is not None, (kind, name, number)
            check_position(path, old, stored, found.position)
            done[pattern] += 1
    assert list(audit_home(home)) == []
    assert all(done[pattern] > 2 for pattern in STORED if list(home.glob(pattern))), done


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_frame_written_twice_left_out_or_in_anothers_place_is_found(home: Path) -> None:
    """Whole frames, whose CRCs hold: number and chain tell."""
    (path, *_) = sorted(home.glob("journal/*.seg"))
    name, old = path.relative_to(home).as_posix(), used(path)
    *frames, _ = scan_segment(old, 0, None)
    chance = random.Random(SEED)
    for _ in range(DAMAGES):
        at = chance.randrange(1, len(frames) - 1)
        one, other = frames[at], frames[chance.choice([n for n in range(len(frames) - 1) if n != at])]
        whole = old[one.offset : one.end]
        first, second = sorted((one, other), key=lambda frame: frame.offset)
        for new, where in (
            (old[: one.end] + whole + old[one.end :], one.end),
            (old[: one.offset] + old[one.end :], one.offset),
            (old[: other.offset] + whole + old[other.end :], other.offset),
            (
                old[: first.offset]
                + old[second.offset : second.end]
                + old[first.end : second.offset]
                + old[first.offset : first.end]
                + old[second.end :],
                first.offset,
            ),
        ):
            with replaced(path, old, new):
                found = first_finding(home, name, quick=True)
            assert found is not None
            assert found.position.endswith(f"at byte {where}"), (found.position, where)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_file_replaced_by_an_older_one_or_by_anothers_is_found(home: Path) -> None:
    """Every one of them was right once, or is right in another place."""
    key = NoteKey.from_skey((home / "keys/log.key").read_text().strip())
    note = (home / "log/checkpoint").read_bytes()
    size = open_checkpoint(note.decode(), key.vkey).size
    journal = max(home.glob("journal/*.seg"))
    *frames, _ = scan_segment(used(journal), int(journal.stem), None)
    tree = tree_from_tiles(lambda path: (home / "log" / path).read_bytes(), size)
    older = sign_checkpoint(Checkpoint(key.name, size - 1, tree.root(size - 1)), key).encode()
    changes: list[tuple[str, bytes, tuple[str, ...]]] = [
        ("log/checkpoint", older, ("log/checkpoint",)),
        ("checkpoint/last", older, ("log/checkpoint", "checkpoint/last")),
        # a journal that ends earlier is whole in itself: what was signed tells
        (journal.relative_to(home).as_posix(), used(journal)[: frames[-3].end], ("log/checkpoint", "checkpoint/last")),
        ("wattmark.json", (home / "wattmark.json").read_bytes().replace(b'"', b' "', 1), ("wattmark.json",)),
    ]
    for pattern in ("lake/*/*.parquet", "log/tile/0/*"):
        paths = [path for path in sorted(home.glob(pattern)) if path.is_file()]
        for path, other in zip(paths, [*paths[1:], paths[0]], strict=True):
            if path.read_bytes() != other.read_bytes():
                name = path.relative_to(home).as_posix()
                changes.append((name, other.read_bytes(), (name,)))
    for name, new, named in changes:
        path = home / name
        with replaced(path, used(path), new):
            found = [item.finding for item in audit_home(home, quick=True) if item.is_truth]
        assert found, name
        assert {finding.file for finding in found} & set(named), (name, found[:3])
        assert all(finding.position for finding in found)
    assert list(audit_home(home)) == []


@pytest.mark.slow
def test_a_file_that_is_gone_is_named(home: Path) -> None:
    for pattern in STORED:
        for path in sorted(home.glob(pattern))[:3]:
            name, moved = path.relative_to(home).as_posix(), home.parent / "aside"
            path.rename(moved)
            try:
                found = [item.finding for item in audit_home(home, quick=True) if item.is_truth]
            finally:
                moved.rename(path)
            if pattern.startswith("journal"):
                assert found
            elif not pattern.startswith("log/tile"):  # of a tile an older or the full one may be enough
                assert name in {finding.file for finding in found}
