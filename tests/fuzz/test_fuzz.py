"""More than a million seeded inputs: no parser of what others wrote crashes, hangs, hoards memory or changes state.

``tools/fuzz.py`` runs the same targets for as long as you like, and with a coverage-guided fuzzer.
"""

import logging
from pathlib import Path

import pytest

from fuzz.mutation import Mutator
from fuzz.running import Finding, Target, fuzz
from fuzz.targets import GROUPS, targets_of
from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text

SEED = 3
LEAST = 1_000_000
QUICK = 200
"""The fast lane takes one input of so many."""


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("wattmark.witness").setLevel(logging.ERROR)


@pytest.mark.parametrize("group", GROUPS)
def test_a_few_inputs_of_each_target(group: str, tmp_path: Path) -> None:
    with targets_of(group, tmp_path) as targets:
        for target in targets:
            report = fuzz(target, target.runs // QUICK, SEED)
            assert report.inputs == target.runs // QUICK


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("group", GROUPS)
def test_many_inputs_of_each_target(group: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with targets_of(group, tmp_path) as targets:
        reports = [fuzz(target, target.runs, SEED + 1) for target in targets]
    with capsys.disabled():
        print("\n" + "\n".join(map(str, reports)))
    for report in reports:
        assert report.accepted, f"{report.name}: not one input gets through"
        assert report.refused or report.inputs == report.accepted


def test_it_is_a_million_in_all(tmp_path: Path) -> None:
    runs = 0
    for group in GROUPS:
        with targets_of(group, tmp_path / group) as targets:
            runs += sum(target.runs for target in targets)
    assert runs >= LEAST


def test_the_same_seed_gives_the_same_inputs() -> None:
    first, second, other = Mutator([b"one", b"two\n" * 9], 5), Mutator([b"one", b"two\n" * 9], 5), Mutator([b"one"], 6)
    assert [first.next() for _ in range(500)] == [second.next() for _ in range(500)]
    assert len({other.next() for _ in range(500)}) > 250


# ------------------------------------------------------------------ a fuzzer that finds nothing must be able to find


def _refuse(data: bytes) -> None:
    raise MalformedInput("BAD", "data", len(data), Text(en="x", ja="x"))


class _Careless:
    """What a parser must not do, each in its way, when the input is not the seed."""

    def __init__(self, way: str) -> None:
        self.way, self.kept = way, b""

    def read(self, data: bytes) -> int:
        if data == b"seed":
            if self.way == "forgets" and self.kept:
                _refuse(data)
            return 1
        if self.way == "crashes":
            raise KeyError(data)
        if self.way == "hangs":
            while True:
                pass
        if self.way == "hoards":
            return len(bytearray(64 << 20))
        self.kept += b"x"
        _refuse(data)
        return 0

    def state(self) -> bytes:
        return self.kept if self.way == "remembers" else b""


@pytest.mark.parametrize("way", ["crashes", "hangs", "hoards", "remembers", "forgets"])
def test_each_kind_of_fault_is_found(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.running.MAX_INPUT_S", 0.2)
    careless = _Careless(way)
    target = Target(way, "journal", [b"seed"], careless.read, (MalformedInput,), careless.state)
    with pytest.raises(Finding):
        fuzz(target, 100, SEED)


def test_what_is_as_it_should_be_is_no_finding() -> None:
    careless = _Careless("refuses")
    assert fuzz(Target("fine", "journal", [b"seed"], careless.read, (MalformedInput,)), 100, SEED).refused > 90
