"""Damage at rest: bits that flip, writes that a drive acknowledged and lost, writes that went elsewhere.

The design claims: what was acknowledged is never changed unseen. A damaged journal or signed checkpoint stops the
opening, with file and position, and stays as evidence. Tiles, the public copy and snapshots are made again or passed
over. Not claimed (``docs/reference/faults.md``): that the end of the journal, gone as if it had never been written,
is missed where no checkpoint covers it yet; and that an older checkpoint, put whole into the place of the last, is.
"""

from collections.abc import Iterator
from random import Random
from typing import Final

from wattmark.core.errors import Broken
from wattmark.ledger.checkpoint import open_checkpoint
from wattmark.ledger.frames import SECTOR_BYTES
from wattmark.simulation.faults.case import Case, Outcomes, one
from wattmark.simulation.faults.disk import SimulatedDisk
from wattmark.simulation.faults.image import Image
from wattmark.simulation.faults.laws import HOME, KEY, NEW_DISK, ORIGIN, require
from wattmark.simulation.faults.recording import MakeOracle, Recorder, Recording
from wattmark.wiring.ledger import Ledger

FLIPS: Final = 160
"""Bits flipped in each recorded life, each alone."""
JOURNAL: Final = f"{HOME}/journal/"
SNAPSHOTS: Final = f"{HOME}/snapshots/"
LAST: Final = f"{HOME}/checkpoint/last"
WORTHLESS: Final = (".lock", ".tmp")


def flip_cases(seed: str, make_oracle: MakeOracle) -> Iterator[Case]:
    """Yield single bits flipped at rest, in every kind of file alike."""
    recording = Recorder(seed, make_oracle).record()
    chance = Random(seed)
    end = recording.end
    tree = {path: data for path, data in end.tree().items() if data}
    kinds: dict[str, list[str]] = {}
    for path in sorted(tree):
        kinds.setdefault(path.split("/")[2], []).append(path)
    for _ in range(FLIPS):
        path = chance.choice(kinds[chance.choice([*kinds, "journal"])])
        used = len(tree[path].rstrip(b"\0")) if chance.random() < 0.9 else len(tree[path])
        bit = chance.randrange(8 * max(used, 1))
        data = bytearray(tree[path])
        data[bit // 8] ^= 1 << bit % 8
        image = end.with_file(path, bytes(data))
        yield Case(f"{path} byte {bit // 8} bit {bit % 8}", _Damage(recording, image, "bit flip", frozenset({path})))


def lost_write_cases(seed: str, make_oracle: MakeOracle) -> Iterator[Case]:
    """Yield each write of a recorded life as one that the drive acknowledged and never made."""
    recording = Recorder(seed, make_oracle).record()
    for call, path in _writes(recording):
        image = NEW_DISK.settled(change for change in recording.changes if change.call != call)
        yield Case(f"call {call} ({path})", _Damage(recording, image, "lost write", frozenset({_final(path)})))


def misdirected_write_cases(seed: str, make_oracle: MakeOracle) -> Iterator[Case]:
    """Yield each write of a recorded life as one that went to a place where something else stood."""
    recording = Recorder(seed, make_oracle).record()
    end = recording.end
    tree = end.tree()
    chance = Random(seed)
    for call, path in _writes(recording):
        victim = chance.choice(sorted(victim for victim in tree if tree[victim]))
        place = chance.randrange(-(-len(tree[victim]) // SECTOR_BYTES)) * SECTOR_BYTES
        written = b"".join(change.data for change in recording.changes if change.call == call and change.sector >= 0)
        image = NEW_DISK.settled(change for change in recording.changes if change.call != call)
        left = image.tree().get(victim, b"")
        room = max(0, len(left) - place)
        image = image.with_file(victim, left[:place] + written[:room] + left[place + len(written[:room]) :])
        touched = frozenset({_final(path), victim})
        name = f"call {call} ({path}) to {victim} byte {place}"
        yield Case(name, _Damage(recording, image, "misdirected write", touched))


class _Damage:
    """One damaged disk: open it, and see that the damage is found, mended, or of no matter."""

    def __init__(self, recording: Recording, image: Image, kind: str, touched: frozenset[str]) -> None:
        self._recording, self._image, self._kind, self._touched = recording, image, kind, touched

    def __call__(self) -> Outcomes:
        disk = SimulatedDisk(self._image)
        try:
            with self._recording.machine.open(disk) as ledger:
                return one(f"{self._kind}: {self._place()}", self._opened(disk, ledger))
        except Broken as broken:
            self._check_refusal(disk, broken)
            return one(f"{self._kind}: {self._place()}", "found at the opening")

    def _place(self) -> str:
        return "+".join(sorted({path.split("/")[2] for path in self._touched}))

    def _check_refusal(self, disk: SimulatedDisk, broken: Broken) -> None:
        require("named", bool(broken.file and broken.position), broken)
        top = broken.file.split("/")[0]
        require("named", any(path.split("/")[2] == top for path in self._touched), f"{broken.file}: {self._touched}")
        image = disk.image()
        after, before = image.settled(image.pending).tree(), self._image.tree()
        changed = [path for path in before if _holds_truth(path) and before[path] != after.get(path)]
        require("evidence", not changed, f"changed although the opening was refused: {changed}")

    def _is_rolled_back(self, ledger: Ledger) -> bool:
        """Return whether a whole earlier checkpoint of this log stands where the last one stood."""
        text = ledger.checkpoints.load() if LAST in self._touched else None
        return text is not None and _signed(text) < self._recording.promise.signed

    def _opened(self, disk: SimulatedDisk, ledger: Ledger) -> str:
        recording, promise = self._recording, self._recording.promise
        sequencer = ledger.sequencer
        frames = sequencer.sequence + 1
        recording.laws.check_state(ledger)
        if frames != promise.frames:
            lost = recording.laws.expected.frames[frames + 1 :]
            in_journal = any(path.startswith(JOURNAL) for path in self._touched)
            one_only = len(lost) == 1 or self._kind == "misdirected write"  # zeros meant for the next segment
            require("L5", in_journal and one_only, f"{len(lost)} acknowledged frames are gone unseen")
            signed = sequencer.published_size
            require("L7", recording.laws.expected.frames[frames].size >= signed, "a signed record is gone unseen")
            return "end of the journal gone, not yet under a checkpoint: not claimed"
        if self._is_rolled_back(ledger):
            return "an older checkpoint in place of the last: not claimed, witnesses see it"
        named = recording.laws.audit(disk, sequencer.position)
        image = disk.image()
        now, good = image.settled(image.pending).tree(), recording.end.tree()
        unseen = [path for path in self._touched if _used(now, path) != _used(good, path) and not _disposable(path)]
        for path in unseen:  # a journal file that ends too early is told by the one after it
            says = "journal/" if path.startswith(JOURNAL) else path.removeprefix(f"{HOME}/")
            require("found", any(file.startswith(says) for file in named), f"{path} is damaged, said is only {named}")
        if unseen or named:
            return "found by the audit, nothing acknowledged changed"
        if not any(path.startswith(SNAPSHOTS) for path in self._touched):
            recording.laws.check_log(ledger, promise.signed)
        return "mended, passed over or of no matter"


def _signed(text: str) -> int:
    return open_checkpoint(text, KEY.vkey, ORIGIN).size


def _writes(recording: Recording) -> list[tuple[int, str]]:
    """Return (call, path) of every write of a recorded life whose file is there at the end."""
    return [(m.call.number, m.call.path) for m in recording.moments if m.call.what == "write"]


def _final(path: str) -> str:
    """Return the name that a file gets when it is whole."""
    return path.removesuffix(".tmp")


def _used(tree: dict[str, bytes], path: str) -> bytes:
    """Return a file without the zeros at its end: a segment that lost some of them has lost nothing."""
    return tree.get(path, b"").rstrip(b"\0")


def _holds_truth(path: str) -> bool:
    return (path.startswith(JOURNAL) or path == LAST) and not path.endswith(WORTHLESS)


def _disposable(path: str) -> bool:
    return path.startswith(SNAPSHOTS) or path.endswith(WORTHLESS)
