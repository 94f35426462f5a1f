"""Every benchmark runs and reports one JSON object; its own assertions compare results with independent ones."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

NAMES = ["auction", "audit", "blocks", "book", "coupling", "energy", "http", "ledger", "meter", "settle", "start"]
KEYS = {"bench", "figure", "unit", "limit", "ratio", "peers", "cores", "seconds"}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_prints_one_json_object(name: str) -> None:
    wattmark = Path(sys.executable).parent / "wattmark"
    ran = subprocess.run([wattmark, "bench", name, "--quick", "--json"], capture_output=True, text=True, check=True)
    assert len(ran.stdout.splitlines()) == 1
    report = json.loads(ran.stdout)
    assert set(report) >= KEYS
    assert report["bench"] == name
    assert report["figure"] > 0
    assert report["limit"] > 0
    assert report["ratio"] == pytest.approx(report["figure"] / report["limit"], rel=0.01)
    assert report["peers"]
    assert all(rate > 0 for rate in report["peers"].values())


def test_the_auction_benchmark_fails_on_a_wrong_price(monkeypatch: pytest.MonkeyPatch) -> None:
    from wattmark.simulation.benchmarks import auction

    monkeypatch.setattr(auction, "clear", lambda book: (1, 1, book[1], book[3]))
    with pytest.raises(AssertionError):
        auction.run(quick=True)


def test_the_book_benchmark_fails_when_the_volume_differs_from_the_plain_book(monkeypatch: pytest.MonkeyPatch) -> None:
    from wattmark.simulation.benchmarks import book

    monkeypatch.setattr(book, "plain_book", lambda events: 0)
    monkeypatch.setattr(book.book_peers, "run_peer", lambda *_: None)
    with pytest.raises(AssertionError):
        book.run(quick=True)
