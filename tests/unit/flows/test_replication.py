"""Replication: what is not confirmed is not acknowledged, not read, not even after an opening; a fence holds for good."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from wattmark.core.errors import MalformedInput, NotAuthorised, RuleViolated, Unavailable
from wattmark.core.text import Text
from wattmark.flows.replication import (
    MAX_EPOCH,
    REPLACED,
    Pull,
    ReplicatedJournal,
    Replication,
    Standing,
)
from wattmark.flows.settings import Settings
from wattmark.ledger.frames import CHAIN_START, Frame, scan_segment
from wattmark.storage.files import FileJournal
from wattmark.storage.files.standing import FileStandings

FAST = Settings(
    origin="test.example/log",
    name=Text(en="Test", ja="試験"),
    followers=("tokyo", "osaka#7", "nagoya"),
    acknowledge_after=2,
    acknowledge_within_ms=300,
)


class Writer:
    """A journal behind replication, opened anew as often as wanted."""

    def __init__(self, home: Path, settings: Settings = FAST) -> None:
        self.home, self.settings = home, settings
        self.open()

    def open(self) -> None:
        inner = FileJournal(self.home / "journal", segment_bytes=4_096, reserve_bytes=0)
        self.hub = Replication(inner, FileStandings(self.home), self.settings)
        self.journal = ReplicatedJournal(inner, self.hub)

    def pull(self, name: str, after: int | None = None, *, key: int = 1, epoch: int = 0) -> None:
        """Ask for what comes after a frame; the last one if none is named."""
        sequence = self.journal.last_sequence if after is None else after
        frame_hash = next(iter(self.journal.read(sequence))).frame_hash if sequence >= 0 else CHAIN_START
        pull = Pull(sequence, frame_hash, epoch, name, key, is_operator=False)
        if not self.hub.confirm(pull):
            self.hub.check(pull)

    def append(self, payload: bytes, *meanwhile: Callable[[], object]) -> int:
        """Append while followers do something once the frame is on this disk."""

        def act() -> None:
            for step in meanwhile:
                step()

        woken = threading.Event()
        with self.hub.listening(woken.set):
            thread = threading.Thread(target=lambda: woken.wait(5) and act())
            thread.start()
            try:
                return self.journal.append(payload)
            finally:
                thread.join()


@pytest.fixture
def writer(tmp_path: Path):
    made = Writer(tmp_path)
    made.pull("tokyo")
    made.pull("nagoya")
    yield made
    made.journal.close()


def test_a_frame_counts_when_two_of_three_have_it(writer: Writer) -> None:
    assert writer.append(b"one", lambda: writer.pull("tokyo"), lambda: writer.pull("osaka", key=7)) == 0
    assert writer.hub.confirmed == {"tokyo": 0, "nagoya": -1, "osaka": 0}


def test_one_follower_that_asks_twice_is_one(writer: Writer) -> None:
    with pytest.raises(Unavailable, match="too few followers"):
        writer.append(b"one", lambda: writer.pull("tokyo"), lambda: writer.pull("tokyo"))


@pytest.mark.parametrize("stranger", ["kyoto", "", "Tokyo"])
def test_a_name_that_is_not_in_the_settings_does_not_count(writer: Writer, stranger: str) -> None:
    with pytest.raises(Unavailable):
        writer.append(b"one", lambda: writer.pull("tokyo"), lambda: writer.pull(stranger))


def test_after_a_frame_that_nobody_confirmed_the_writer_stops_for_good(writer: Writer) -> None:
    with pytest.raises(Unavailable, match="too few"):
        writer.journal.append(b"one")
    writer.pull("tokyo")
    writer.pull("nagoya")
    for refused in (writer.hub.settle, writer.journal.check_room, lambda: writer.journal.append(b"two")):
        with pytest.raises(Unavailable, match="too few"):
            refused()


def test_what_was_not_confirmed_waits_after_an_opening_too(writer: Writer) -> None:
    with pytest.raises(Unavailable):
        writer.journal.append(b"one")
    writer.journal.close()
    writer.open()
    assert writer.journal.last_sequence == 0
    for _ in range(2):
        with pytest.raises(Unavailable, match="waiting"):
            writer.hub.settle()
    with pytest.raises(Unavailable, match="waiting"):
        writer.journal.append(b"two")
    assert writer.journal.last_sequence == 0, "nothing is written before"
    writer.pull("tokyo")
    writer.pull("nagoya", -1)
    with pytest.raises(Unavailable, match="waiting"):
        writer.hub.settle()
    writer.pull("nagoya")
    writer.hub.settle()


def test_an_opening_counts_anew(writer: Writer) -> None:
    """What followers confirmed to an earlier run says nothing about what they know of other writers now."""
    writer.append(b"one", lambda: writer.pull("tokyo"), lambda: writer.pull("nagoya"))
    writer.journal.close()
    writer.open()
    with pytest.raises(Unavailable, match="waiting"):
        writer.hub.settle()


def test_a_name_belongs_to_one_key(writer: Writer) -> None:
    with pytest.raises(NotAuthorised, match="FOLLOWER_KEY"):
        writer.pull("osaka", key=1)
    with pytest.raises(NotAuthorised, match="FOLLOWER_KEY"):
        writer.pull("tokyo", key=2)


def test_a_higher_epoch_of_a_follower_stops_the_writer_until_it_is_opened_anew(writer: Writer) -> None:
    """A follower's key alone cannot end a writer for good: an operator looks into it, and may start again."""
    with pytest.raises(RuleViolated, match="WRITER_REPLACED"):
        writer.pull("tokyo", epoch=3)
    with pytest.raises(Unavailable, match="tokyo knows a higher epoch"):
        writer.journal.append(b"one")
    with pytest.raises(Unavailable, match="tokyo knows a higher epoch"):
        writer.hub.settle()
    assert FileStandings(writer.home).load() == Standing()
    writer.journal.close()
    writer.open()
    for name in ("tokyo", "nagoya"):
        writer.pull(name)
    writer.append(b"one", lambda: writer.pull("tokyo"), lambda: writer.pull("nagoya"))


def test_a_higher_epoch_of_an_operator_stops_the_writer_and_marks_its_home(writer: Writer) -> None:
    with pytest.raises(RuleViolated, match="WRITER_REPLACED"):
        writer.hub.check(Pull(-1, b"", 3, "", 1, is_operator=True))
    with pytest.raises(Unavailable, match="taken over"):
        writer.journal.append(b"one")
    with pytest.raises(Unavailable, match="taken over"):
        writer.hub.settle()
    assert FileStandings(writer.home).load() == Standing(3, REPLACED)


def test_a_stranger_cannot_stop_the_writer(writer: Writer) -> None:
    with pytest.raises(RuleViolated, match="WRITER_REPLACED"):
        writer.pull("kyoto", epoch=3)
    writer.hub.settle()
    assert FileStandings(writer.home).load() == Standing()


def test_a_follower_of_an_older_epoch_gets_frames_and_does_not_count(tmp_path: Path) -> None:
    FileStandings(tmp_path).store(Standing(5))
    writer = Writer(tmp_path)
    writer.pull("tokyo", epoch=4)
    writer.pull("nagoya", epoch=5)
    assert writer.hub.confirmed == {"nagoya": -1}
    writer.journal.close()


def test_a_fence_while_a_frame_waits_ends_the_wait(writer: Writer) -> None:
    with pytest.raises(Unavailable, match="taken over"):
        writer.append(b"one", lambda: writer.pull("tokyo"), lambda: writer.hub.fence(1))


@pytest.mark.parametrize("epoch", [0, -1, MAX_EPOCH + 1])
def test_an_epoch_that_is_not_higher_fences_nobody(writer: Writer, epoch: int) -> None:
    with pytest.raises(RuleViolated, match="EPOCH_OLD"):
        writer.hub.fence(epoch)
    writer.hub.settle()


def test_a_follower_that_is_ahead_or_has_another_frame_is_told(writer: Writer) -> None:
    writer.append(b"one", lambda: writer.pull("tokyo"), lambda: writer.pull("nagoya"))
    ahead = Pull(9, bytes(32), 0, "tokyo", 1, is_operator=False)
    beside = Pull(0, bytes(32), 0, "tokyo", 1, is_operator=False)
    assert not writer.hub.confirm(ahead)
    assert not writer.hub.confirm(beside)
    with pytest.raises(RuleViolated, match="FOLLOWER_AHEAD"):
        writer.hub.check(ahead)
    with pytest.raises(RuleViolated, match="DIVERGED"):
        writer.hub.check(beside)


def test_frames_are_served_from_memory_or_files_and_an_answer_is_bounded(tmp_path: Path) -> None:
    writer = Writer(tmp_path, FAST.with_changes(acknowledge_after=0))
    payloads = [bytes([number]) * 1_000 for number in range(1, 21)]
    for payload in payloads:
        writer.journal.append(payload)
    assert writer.hub.ready(19) == b""
    assert writer.hub.ready(10) is None
    last = writer.hub.ready(18)
    assert last == writer.hub.gather(18)
    part = writer.hub.gather(-1, 3_000)
    assert 3_000 <= len(part) < 5_000
    frames = [item for item in scan_segment(writer.hub.gather(-1), 0, CHAIN_START) if isinstance(item, Frame)]
    assert [frame.payload for frame in frames] == payloads
    writer.journal.close()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]\n",
        b'{"epoch":-1,"name":"","role":"writer","writer":""}\n',
        b'{"epoch":true,"name":"","role":"writer","writer":""}\n',
        b'{"epoch":1,"name":"","role":"king","writer":""}\n',
        b'{"epoch":1,"name":1,"role":"writer","writer":""}\n',
        b'{"epoch":1,"name":"","role":"writer"}\n',
    ],
)
def test_a_standing_of_another_form_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedInput):
        Standing.parse(text)


def test_a_standing_survives(tmp_path: Path) -> None:
    standing = Standing(7, "follower", "http://writer.example", "tokyo")
    FileStandings(tmp_path).store(standing)
    assert FileStandings(tmp_path).load() == standing
