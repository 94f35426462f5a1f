"""A thousand seeded bit flips over a demo home: in what holds truth each is found and its file named; what is disposable
is never believed.
"""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wattmark.core.findings import Finding
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
