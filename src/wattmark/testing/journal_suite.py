"""What every ``Journal`` engine must do."""

from abc import ABC, abstractmethod
from pathlib import Path

import pytest

from wattmark.core.errors import MalformedInput, Unavailable
from wattmark.crypto.hashing import sha256
from wattmark.ledger.frames import CHAIN_START, MAX_PAYLOAD_BYTES, encode_frame
from wattmark.ledger.ports import Journal


class JournalSuite(ABC):
    """Subclass it in a test module and say how the engine is opened."""

    @abstractmethod
    def open(self, folder: Path, *, read_only: bool = False) -> Journal:
        """Open the journal that lives in ``folder``, the same one each time."""

    def test_a_new_journal_is_empty(self, tmp_path: Path) -> None:
        """Nothing is there and nothing is said to be there."""
        journal = self.open(tmp_path)
        assert (journal.last_sequence, journal.last_hash, journal.torn_tail) == (-1, CHAIN_START, None)
        assert list(journal.read()) == []
        journal.close()

    def test_payloads_come_back_in_order_with_consecutive_sequences(self, tmp_path: Path) -> None:
        """What was appended is read, byte for byte."""
        journal = self.open(tmp_path)
        payloads = [b"\x00", b"second", bytes(5_000), b"last"]
        assert [journal.append(payload) for payload in payloads] == [0, 1, 2, 3]
        assert [frame.payload for frame in journal.read()] == payloads
        assert [frame.sequence for frame in journal.read()] == [0, 1, 2, 3]
        journal.close()

    def test_frames_are_chained_by_the_hash_of_the_whole_frame_before(self, tmp_path: Path) -> None:
        """Every engine makes the same chain of the same payloads."""
        journal = self.open(tmp_path)
        chain = CHAIN_START
        for sequence, payload in enumerate([b"a", b"bb", b"ccc"]):
            journal.append(payload)
            whole = encode_frame(sequence, chain, payload)
            chain = sha256(whole)
            assert journal.last_hash == chain
        assert [frame.frame_hash for frame in journal.read()][-1] == chain
        journal.close()

    def test_reading_starts_at_the_asked_sequence(self, tmp_path: Path) -> None:
        """Also behind the end, where there is nothing."""
        journal = self.open(tmp_path)
        for number in range(10):
            journal.append(b"payload %d" % number)
        for start in range(12):
            assert [frame.sequence for frame in journal.read(start)] == list(range(start, 10))
        journal.close()

    def test_everything_acknowledged_is_there_after_opening_anew(self, tmp_path: Path) -> None:
        """And the chain goes on."""
        for number in range(5):
            journal = self.open(tmp_path)
            assert journal.last_sequence == number - 1
            journal.append(b"run %d" % number)
            journal.close()
        journal = self.open(tmp_path, read_only=True)
        frames = list(journal.read())
        assert [frame.payload for frame in frames] == [b"run %d" % number for number in range(5)]
        before = [CHAIN_START, *(frame.frame_hash for frame in frames)][:-1]
        assert [frame.prev_hash for frame in frames] == before
        assert journal.last_hash == frames[-1].frame_hash
        journal.close()

    def test_a_refused_payload_changes_nothing(self, tmp_path: Path) -> None:
        """Empty and too long ones are refused; the next one is taken."""
        journal = self.open(tmp_path)
        journal.append(b"kept")
        for payload in (b"", bytes(MAX_PAYLOAD_BYTES + 1)):
            with pytest.raises(MalformedInput):
                journal.append(payload)
        assert journal.append(b"next") == 1
        assert [frame.payload for frame in journal.read()] == [b"kept", b"next"]
        journal.close()

    def test_there_is_one_writer(self, tmp_path: Path) -> None:
        """A second one is refused until the first has closed; a reader is not."""
        first = self.open(tmp_path)
        first.append(b"mine")
        with pytest.raises(Unavailable):
            self.open(tmp_path)
        reader = self.open(tmp_path, read_only=True)
        assert [frame.payload for frame in reader.read()] == [b"mine"]
        with pytest.raises(Unavailable):
            reader.append(b"not a writer")
        reader.close()
        first.close()
        second = self.open(tmp_path)
        assert second.append(b"now mine") == 1
        second.close()

    def test_room_is_refused_to_whoever_may_not_write(self, tmp_path: Path) -> None:
        """Asking changes nothing."""
        journal = self.open(tmp_path)
        journal.check_room()
        assert journal.append(b"first") == 0
        reader = self.open(tmp_path, read_only=True)
        journal.close()
        for closed in (journal, reader):
            with pytest.raises(Unavailable):
                closed.check_room()
        reader.close()

    def test_a_closed_journal_takes_nothing(self, tmp_path: Path) -> None:
        """Closing twice is fine."""
        journal = self.open(tmp_path)
        journal.close()
        journal.close()
        with pytest.raises(Unavailable):
            journal.append(b"late")

    def test_a_reader_that_started_earlier_is_not_disturbed_by_appends(self, tmp_path: Path) -> None:
        """It sees a prefix."""
        journal = self.open(tmp_path)
        for number in range(3):
            journal.append(b"%d" % number)
        frames = journal.read()
        seen = [next(frames).payload]
        journal.append(b"later")
        seen += [frame.payload for frame in frames]
        assert seen == [b"0", b"1", b"2"]
        journal.close()
