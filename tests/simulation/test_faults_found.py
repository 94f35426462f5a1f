"""The simulator finds what it is for: each of these ledgers breaks one promise, and is caught within a bound."""

import re

import numpy as np

from reference.state_machine import Model
from wattmark.core.errors import RuleViolated
from wattmark.flows.publication import Publication
from wattmark.flows.sequence import Sequencer
from wattmark.ledger.frames import Frame, TailKind, scan_segment
from wattmark.simulation.faults.campaign import KINDS, play_again, run_campaign
from wattmark.simulation.faults.disk import SimulatedDisk
from wattmark.storage.files import FileCheckpoints, FileJournal, FileTiles
from wattmark.storage.files.segments import Segment
from wattmark.wiring import ledger as wiring

BOUND = 3_000


def found(*kinds: str, within: int = BOUND) -> str:
    """Return the first failure, which must come within so many faults."""
    tally = run_campaign(1, within, Model, kinds=kinds or tuple(KINDS), stop_at_failure=True)
    assert tally.failures, f"{tally.faults} faults and nothing was found"
    return tally.failures[0]


class Lying:
    """A disk that leaves some syncs out."""

    def __init__(self, disk, *, data: bool, names: bool) -> None:
        self._disk, self._data, self._names = disk, data, names

    def sync(self, handle: int) -> None:
        if self._data:
            self._disk.sync(handle)

    def sync_directory(self, directory) -> None:
        if self._names:
            self._disk.sync_directory(directory)

    def __getattr__(self, name: str):
        return getattr(self._disk, name)


def journal_on(lies: dict[str, bool]):
    class Journal(FileJournal):
        def __init__(self, *arguments, disk, **options) -> None:
            super().__init__(*arguments, disk=Lying(disk, **lies), **options)

    return Journal


def test_a_journal_that_skips_fdatasync(monkeypatch):
    monkeypatch.setattr(wiring, "FileJournal", journal_on({"data": False, "names": True}))
    assert "L5" in found("crashes")


def test_a_journal_that_skips_the_sync_of_its_directory(monkeypatch):
    monkeypatch.setattr(wiring, "FileJournal", journal_on({"data": True, "names": False}))
    assert "L5" in found("crashes")


def test_a_journal_that_does_not_sync_when_it_is_opened(monkeypatch):
    monkeypatch.setattr(FileJournal, "_settle", lambda self: None)
    assert "L5" in found("kills", "failures")


def test_an_acknowledgement_before_the_write(monkeypatch):
    class Early(FileJournal):
        """Writes a frame when the next one comes."""

        def _write(self, data: bytes) -> None:
            late = getattr(self, "_late", None)
            if late is not None:
                handle, place, frame = late
                self._disk.write(handle, frame, place)
                self._disk.sync(handle)
            self._late = self._handle, self._end, data

    monkeypatch.setattr(wiring, "FileJournal", Early)
    assert re.search("L5|L7|L6", found("crashes"))


def test_a_journal_that_retries_a_failed_sync(monkeypatch):
    class Again(Lying):
        def sync(self, handle: int) -> None:
            try:
                self._disk.sync(handle)
            except OSError:
                self._disk.sync(handle)  # reports success: the pages count as written

    class Retrying(FileJournal):
        def __init__(self, *arguments, disk, **options) -> None:
            super().__init__(*arguments, disk=Again(disk, data=True, names=True), **options)

    monkeypatch.setattr(wiring, "FileJournal", Retrying)
    assert "L5" in found("failures", within=6_000)


def test_a_recovery_that_truncates_in_the_middle(monkeypatch):
    def cut(self, segment: Segment, prev_hash: bytes | None) -> None:
        data = self._disk.map(segment.path)
        self._segment, self._room, self._end = segment, len(data), 0
        for item in scan_segment(data, segment.first_sequence, None):
            if isinstance(item, Frame):
                self._last_sequence, self._last_hash = item.sequence, item.frame_hash
            else:
                self._end = item.offset
                self._torn = None if item.kind is TailKind.CLEAN else item

    monkeypatch.setattr(FileJournal, "_recover_segment", cut)
    assert found("flips")


def test_a_recovery_that_drops_every_bad_last_frame(monkeypatch):
    """The simple rule that decision 0011 refuses: one flipped bit and an acknowledged frame is gone."""
    real = scan_segment

    def forgiving(data, sequence, prev_hash, offset=0):
        for item in real(data, sequence, prev_hash, offset):
            broken = not isinstance(item, Frame) and item.kind is TailKind.BROKEN
            yield type(item)(TailKind.TORN, item.offset, item.position, item.detail) if broken else item

    monkeypatch.setattr("wattmark.storage.files.journal.scan_segment", forgiving)
    assert found("flips", "lost-writes", "misdirected-writes")


def test_a_checkpoint_signed_before_the_tiles(monkeypatch):
    real = FileTiles.write_many

    def late(self, files):
        files = list(files)
        waiting = getattr(self, "_waiting", [])
        self._waiting = [] if files and files[0][0] == "checkpoint" else files
        real(self, [*waiting, *files] if not self._waiting else [])

    monkeypatch.setattr(FileTiles, "write_many", late)
    monkeypatch.setattr(wiring, "_tiles_hold", lambda *_: True)
    assert re.search("L7|tile", found("crashes"))


def test_a_checkpoint_signed_before_the_journal(monkeypatch):
    real = Sequencer.submit

    def hasty(self, commands, payloads=(), *, now_ms, applied=None):
        append = self._journal.append

        def publish_first(payload: bytes) -> int:
            sequence = self._journal.last_sequence + 1
            self._log.take(np.zeros((1, 176), np.uint8))
            if self._keys.signer is not None and sequence % 3 == 2:
                self._log.publish()
            self._log._waiting.clear()
            return append(payload)

        self._journal.append = publish_first
        try:
            return real(self, commands, payloads, now_ms=now_ms, applied=applied)
        finally:
            self._journal.append = append

    monkeypatch.setattr(Sequencer, "submit", hasty)
    assert re.search("L5|L7", found("crashes"))


def test_a_checkpoint_that_rolls_back(monkeypatch):
    """A swap that does not sync its directory gives a checkpoint out that a power cut takes back."""

    class Loose(FileCheckpoints):
        def __init__(self, directory, *, disk) -> None:
            super().__init__(directory, disk=Lying(disk, data=True, names=False))

    monkeypatch.setattr(wiring, "FileCheckpoints", Loose)
    assert "L7" in found("crashes")


def test_a_publication_that_believes_an_unclear_swap(monkeypatch):
    """The store may hold it or not; what is given out must be what is stored."""
    real = Publication._settle_offer

    def believing(self) -> None:
        if self._offered is not None:
            self._accept()
        real(self)

    monkeypatch.setattr(Publication, "_settle_offer", believing)
    assert re.search(f"L7|{RuleViolated.__name__}", found("failures", "storms", within=6_000))


def test_a_writer_that_does_not_stop_after_a_failed_write(monkeypatch):
    monkeypatch.setattr(Sequencer, "_check_running", lambda self: None)
    monkeypatch.setattr(FileJournal, "_check_writer", lambda self: None)
    assert found("failures")


def test_a_full_disk_that_is_found_out_too_late(monkeypatch):
    monkeypatch.setattr(FileJournal, "check_room", lambda self: None)
    assert "taken that had to be refused" in found("failures")


def test_a_retry_that_makes_a_second_record(monkeypatch):
    real = wiring.Ledger.submit

    def forgetful(self, commands, payloads, now_ms):
        commands = commands.copy()
        commands[:, 0] ^= self.sequencer.position
        return real(self, commands, payloads, now_ms)

    monkeypatch.setattr(wiring.Ledger, "submit", forgetful)
    assert found("crashes")


def test_a_failure_names_seed_and_step_and_can_be_played_again(monkeypatch):
    monkeypatch.setattr(wiring, "FileJournal", journal_on({"data": False, "names": True}))
    text = found("crashes")
    kind, seed, step = re.search(r"--kind (\S+) --seed (\S+) --step (\d+)", text).groups()
    [again] = play_again(kind, seed, int(step), Model).failures
    assert again == text
    monkeypatch.undo()
    assert play_again(kind, seed, int(step), Model).failures == []


def test_the_disk_itself_forgets_what_was_not_synced(tmp_path):
    disk = SimulatedDisk()
    disk.make_directory(tmp_path.parents[-2])
    assert disk.image().settled(()).tree() == {}
