"""Replication: followers pull the journal's frames, and what they ask for next says what they have on disk.

Theory of operation. A follower asks for the frames after N, naming the hash of frame N: that it asks confirms that it
has made frame N durable. A frame is acknowledged when it is on the writer's disk and ``acknowledge_after`` of the named
followers have confirmed it. Confirmations are counted anew after every opening, and nothing is shown, acknowledged or
written before so many followers have confirmed the last frame there is: what an earlier run did not get confirmed may
not be read either. A frame that is not confirmed in time stops the writer, as a failed fsync does (L5).

Followers read the journal's files, whatever their distance; only the last frame is kept for them in memory.

Epochs fence a writer that was replaced. Every pull and every answer carries one. A follower that was told of a higher
epoch never confirms to a lower one again; a writer that is told of a higher epoch by an operator stops for good, and its home
is marked. Told by a follower that counts, it stops until it is opened anew: that follower's key alone cannot end it, and
opened anew it still acknowledges nothing that too few followers confirm. Who becomes the writer is an operator's
decision (``take_over``).
"""

import hmac
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from typing_extensions import override

from wattmark.core.encoding import json_canonical, json_decode_strict
from wattmark.core.errors import MalformedInput, NotAuthorised, RuleViolated, Unavailable
from wattmark.core.text import Text
from wattmark.flows.sequence import Sequencer
from wattmark.flows.settings import Settings
from wattmark.ledger.frames import CHAIN_START, Frame, Tail, encode_frame
from wattmark.ledger.ports import Journal

WRITER: Final = "writer"
FOLLOWER: Final = "follower"
REPLACED: Final = "replaced"
STANDING_FILE: Final = "replication/standing.json"
"""Below a home: its role and epoch; a home without it is a writer's of epoch 0."""
MAX_ANSWER_BYTES: Final = 4 << 20
"""Frames are added to an answer until it is this long; it holds one at least [bytes]."""
SHORT_WAIT_S: Final = 0.25
"""Longest wait of a reader for followers to come back, so that waiting readers do not hold up the followers [s]."""
MAX_EPOCH: Final = (1 << 53) - 1
"""A larger epoch is refused: it would leave no room for the next."""

TAKEN_OVER: Final = Text(
    en="another writer has taken over; this home can only follow it (wattmark follow --rejoin)",
    ja="別の書込元に交代済み。このホームは追随のみ可能(wattmark follow --rejoin)",
)
NOT_CONFIRMED: Final = Text(
    en="too few followers confirmed the last record in time: writing has stopped, nothing unconfirmed was acknowledged. "
    "Bring the followers back, then start again",
    ja="追随先の確認が時間内に揃わず書込を停止。未確認の記録は受付済みとしていません。追随先を復旧してから再起動",
)
WAITING: Final = Text(
    en="waiting until enough followers have confirmed the last record of before",
    ja="前回の最後の記録を追随先が確認するのを待っています",
)
FOLLOWS: Final = Text(
    en="this home follows another writer; wattmark takeover makes it the writer",
    ja="このホームは別の書込元に追随中。書込元にするには wattmark takeover",
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a home is in its log's line of writers.

    Attributes:
        epoch: the highest it knows of; each writer has a higher one than the writer before.
        role: ``writer``, ``follower`` or ``replaced``.
        writer: address of the writer a follower pulls from.
        name: a follower's own name.
    """

    epoch: int = 0
    role: str = WRITER
    writer: str = ""
    name: str = ""

    def to_bytes(self) -> bytes:
        """Return the one canonical form."""
        values = {"epoch": self.epoch, "role": self.role, "writer": self.writer, "name": self.name}
        return json_canonical(values) + b"\n"

    @classmethod
    def parse(cls, data: bytes) -> "Standing":
        """Return the standing written in ``data``.

        Raises:
            MalformedInput: another form.
        """
        values = json_decode_strict(data, field=STANDING_FILE)
        is_standing = (
            isinstance(values, dict)
            and set(values) == {"epoch", "role", "writer", "name"}
            and type(values["epoch"]) is int
            and 0 <= values["epoch"] <= MAX_EPOCH
            and values["role"] in (WRITER, FOLLOWER, REPLACED)
            and all(isinstance(values[name], str) for name in ("writer", "name"))
        )
        if not is_standing:
            rule = Text(en="the form of a home's standing", ja="ホームの役割の形式")
            raise MalformedInput("STANDING_MALFORMED", STANDING_FILE, "", rule)
        return cls(**values)


class Standings(Protocol):
    """Where a home keeps its standing. Durability: on disk when ``store`` returns, old or new as a whole."""

    def load(self) -> Standing:
        """Return the standing; that of a writer of epoch 0 where none was stored.

        Raises:
            MalformedInput: the file has another form.
        """
        ...

    def store(self, standing: Standing) -> None:
        """Replace the standing.

        Raises:
            Unavailable: the disk is full or fails.
        """
        ...


@dataclass(frozen=True, slots=True)
class Pull:
    """A follower's request: what it has, who it is.

    Attributes:
        after: the last frame it has on disk; -1 for none.
        frame_hash: hash of that frame; empty for who confirms nothing.
        epoch: the highest epoch it knows.
        name: the follower's name, empty for a mirror that does not count.
        key: row of the API key it used.
        is_operator: whether that key is an operator's.
    """

    after: int
    frame_hash: bytes
    epoch: int
    name: str
    key: int
    is_operator: bool


@dataclass(frozen=True, slots=True)
class Head:
    """The last frame of the journal and, if it was written by this process, what it holds."""

    sequence: int
    frame_hash: bytes
    prev_hash: bytes
    payload: bytes | None


class Replication:
    """The writer's side: who has which frame. All methods may be called from any thread.

    Attributes:
        epoch: of this writer.
        name: of this home, if it follows another one.
    """

    def __init__(self, journal: Journal, standings: Standings, settings: Settings, *, alone: bool = False) -> None:
        """Start to count.

        Args:
            journal: open; its frames are what followers get.
            standings: of the home.
            settings: who counts, how many and how fast.
            alone: wait for nobody.

        Raises:
            MalformedInput: the stored standing has another form.
        """
        self._journal, self._standings = journal, standings
        self._needed = 0 if alone else settings.acknowledge_after
        self._within_s = settings.acknowledge_within_ms / 1_000
        self._keys = {name: _key(key) for name, _, key in (entry.partition("#") for entry in settings.followers)}
        self._changed = threading.Condition()
        self._confirmed: dict[str, int] = {}
        self._listeners: set[Callable[[], None]] = set()
        self._head = Head(journal.last_sequence, journal.last_hash, CHAIN_START, None)
        self._encoded: tuple[int, bytes] | None = None
        self._opened_at = self._head.sequence
        self._settled = self._needed == 0
        self._stopped: Text | None = None
        self._ending = False
        standing = standings.load()
        self.epoch, self.name = standing.epoch, standing.name

    @property
    def last_sequence(self) -> int:
        """Sequence of the last frame on this disk."""
        return self._head.sequence

    @property
    def head(self) -> Head:
        """The last frame on this disk."""
        return self._head

    @property
    def is_settled(self) -> bool:
        """Whether what was there at the opening is confirmed; until then nothing is read or written."""
        with self._changed:
            return self._settled or self._has(self._opened_at)

    @property
    def acknowledge_after(self) -> int:
        """How many followers must confirm a frame before it is acknowledged."""
        return self._needed

    @property
    def confirmed(self) -> dict[str, int]:
        """The last frame each counted follower has confirmed since this opening."""
        with self._changed:
            return dict(self._confirmed)

    @property
    def is_ending(self) -> bool:
        """Whether whoever waits should go home."""
        return self._ending

    def end(self) -> None:
        """Let everybody go who waits for frames."""
        self._ending = True
        self._wake()

    def settle(self, within_s: float = SHORT_WAIT_S) -> None:
        """Wait until what was there at the opening is confirmed; nothing may be read or acknowledged before.

        Raises:
            Unavailable: not within the time limit (it may be tried again), or another writer has taken over.
        """
        if self._stopped is not None:
            raise Unavailable(self._stopped)
        if self._settled:
            return
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._has(self._opened_at), within_s)
            if self._stopped is not None:
                raise Unavailable(self._stopped)
            if not self._has(self._opened_at):
                raise Unavailable(WAITING)
            self._settled = True

    def appended(self, head: Head) -> None:
        """Take note of a frame that is on this disk, and wake who waits for it."""
        self._head = head
        self._wake()

    def await_confirmed(self, sequence: int) -> None:
        """Wait until enough followers have a frame.

        Raises:
            Unavailable: not within the time limit, after which nothing is acknowledged any more.
        """
        if self._needed == 0 and self._stopped is None:
            return
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._has(sequence), self._within_s)
            if self._stopped is None and not self._has(sequence):
                self._stopped = NOT_CONFIRMED
            if self._stopped is not None:
                raise Unavailable(self._stopped)

    def confirm(self, pull: Pull) -> bool:
        """Count a pull if that takes no reading from disk; ``False`` means: call ``check`` instead."""
        head = self._head
        if pull.epoch > self.epoch or pull.after != head.sequence or not _same(pull.frame_hash, head.frame_hash):
            return False
        self._count(pull)
        return True

    def check(self, pull: Pull) -> None:
        """Hold a pull against the journal and count it.

        Raises:
            RuleViolated: the follower knows a higher epoch, is ahead, or has another frame of that number.
            NotAuthorised: the name is that of a follower with another key.
        """
        if pull.epoch > self.epoch:
            if pull.is_operator:
                self.fence(pull.epoch)
            elif self._counts(pull):
                self._stop(_reported(pull.name))
            raise RuleViolated("WRITER_REPLACED", "epoch", pull.epoch, TAKEN_OVER)
        if pull.after > self._head.sequence:
            rule = Text(en=f"a frame up to {self._head.sequence}", ja=f"{self._head.sequence}以下のフレーム")
            raise RuleViolated("FOLLOWER_AHEAD", "after", pull.after, rule)
        if not pull.frame_hash:
            return  # looks, and confirms nothing
        frame_hash = CHAIN_START
        if pull.after >= 0:
            frame_hash = next(iter(self._journal.read(pull.after))).frame_hash
        if not _same(pull.frame_hash, frame_hash):
            rule = Text(en=f"the hash {frame_hash.hex()}", ja=f"ハッシュ {frame_hash.hex()}")
            raise RuleViolated("DIVERGED", "hash", pull.frame_hash.hex(), rule)
        self._count(pull)

    def ready(self, after: int) -> bytes | None:
        """Return the frames after one if that takes no reading from disk: nothing, or the last frame."""
        head = self._head
        if head.sequence <= after:
            return b""
        if head.payload is None or head.sequence != after + 1:
            return None
        encoded = self._encoded
        if encoded is None or encoded[0] != head.sequence:
            encoded = head.sequence, encode_frame(head.sequence, head.prev_hash, head.payload)
            self._encoded = encoded
        return encoded[1]

    def gather(self, after: int, most_bytes: int = MAX_ANSWER_BYTES) -> bytes:
        """Return frames after one, back to back, read from the journal's files.

        Raises:
            Broken: a frame does not hold.
        """
        parts: list[bytes] = []
        length, last = 0, self._head.sequence
        for frame in self._journal.read(after + 1):
            parts.append(encode_frame(frame.sequence, frame.prev_hash, frame.payload))
            length += len(parts[-1])
            if length >= most_bytes or frame.sequence >= last:
                break
        return b"".join(parts)

    @contextmanager
    def listening(self, wake: Callable[[], None]) -> Iterator[None]:
        """Call ``wake`` after every frame, from the writer's thread; it must neither wait nor fail."""
        with self._changed:
            self._listeners.add(wake)
        try:
            yield
        finally:
            with self._changed:
                self._listeners.discard(wake)

    def fence(self, epoch: int, writer: str = "") -> Standing:
        """Stop for good: there is a writer of a higher epoch. Returns what this home is now.

        Raises:
            RuleViolated: the epoch is not higher.
            Unavailable: the disk fails.
        """
        with self._changed:
            check_epoch(epoch, self.epoch)
            standing = Standing(epoch, REPLACED, writer)
            self._stopped = TAKEN_OVER  # first: whatever the disk says, nothing more is acknowledged
            self._changed.notify_all()
            self._standings.store(standing)
        self._wake()
        return standing

    def _stop(self, reason: Text) -> None:
        """Acknowledge nothing more until the home is opened anew."""
        with self._changed:
            self._stopped = self._stopped or reason
            self._changed.notify_all()

    def _count(self, pull: Pull) -> None:
        if pull.epoch != self.epoch or not self._counts(pull):
            return
        with self._changed:
            if pull.after > self._confirmed.get(pull.name, -2):
                self._confirmed[pull.name] = pull.after
                self._changed.notify_all()

    def _counts(self, pull: Pull) -> bool:
        """Return whether a pull is one of a follower that counts; its name belongs to one key.

        Raises:
            NotAuthorised: the name is another key's.
        """
        if pull.name not in self._keys:
            return False
        key = self._keys[pull.name]
        if key is None:  # the first key that uses a name keeps it
            self._keys[pull.name] = key = pull.key
        if key != pull.key:
            rule = Text(en="the API key of this follower", ja="この追随先のAPIキー")
            raise NotAuthorised("FOLLOWER_KEY", "name", pull.name, rule)
        return True

    def _has(self, sequence: int) -> bool:
        """Return whether enough followers have a frame."""
        return sum(confirmed >= sequence for confirmed in self._confirmed.values()) >= self._needed

    def _wake(self) -> None:
        with self._changed:
            for wake in self._listeners:
                wake()


class ReplicatedJournal:
    """A journal whose frames count when enough followers have them; see ``wattmark.ledger.ports.Journal``."""

    def __init__(self, journal: Journal, replication: Replication) -> None:
        """Wrap a journal."""
        self._journal, self._replication = journal, replication

    @property
    def last_sequence(self) -> int:
        """Sequence of the last frame on this disk; -1 when there is none."""
        return self._journal.last_sequence

    @property
    def last_hash(self) -> bytes:
        """SHA-256 of the last whole frame; 32 zero bytes when there is none."""
        return self._journal.last_hash

    @property
    def torn_tail(self) -> Tail | None:
        """What a stopped write left behind the last frame."""
        return self._journal.torn_tail

    def check_room(self) -> None:
        """Refuse before anything is done.

        Raises:
            Unavailable: as the journal below, or another writer has taken over.
        """
        self._replication.settle()
        self._journal.check_room()

    def append(self, payload: bytes) -> int:
        """Store one payload durably, here and at enough followers, and return its sequence.

        Raises:
            MalformedInput: empty or too long; nothing is stored.
            Unavailable: as the journal below; too few followers confirmed in time; another writer has taken over.
        """
        self._replication.settle()
        prev_hash = self._journal.last_hash
        sequence = self._journal.append(payload)
        self._replication.appended(Head(sequence, self._journal.last_hash, prev_hash, payload))
        self._replication.await_confirmed(sequence)
        return sequence

    def read(self, from_sequence: int = 0) -> Iterator[Frame]:
        """Yield the frames from ``from_sequence`` on, those that wait to be confirmed too.

        Raises:
            Broken: a frame does not hold.
        """
        return self._journal.read(from_sequence)

    def drop_torn_tail(self) -> Tail | None:
        """Clear a torn tail and say what was cleared.

        Raises:
            Unavailable: not the writer, or the disk fails.
        """
        return self._journal.drop_torn_tail()

    def close(self) -> None:
        """Let go who waits for frames, and release the journal below."""
        self._replication.end()
        self._journal.close()


class ReplicatedSequencer(Sequencer):
    """A sequencer that shows, acknowledges, writes and signs nothing before ``gate`` has let it.

    Attributes:
        gate: raises ``Unavailable`` where it does not.
    """

    gate: Callable[[], None] | None = None

    @override
    def _check_running(self) -> None:
        super()._check_running()
        if self.gate is not None:
            self.gate()


def check_epoch(epoch: int, known: int) -> None:
    """Check that an epoch is higher than the one that is known.

    Raises:
        RuleViolated: it is not, or leaves no room for the next.
    """
    if not known < epoch <= MAX_EPOCH:
        rule = Text(en=f"an epoch above {known}", ja=f"{known}より大きい世代番号")
        raise RuleViolated("EPOCH_OLD", "epoch", epoch, rule)


def _reported(name: str) -> Text:
    """Return why a writer stops whose follower knows a higher epoch: a hint, which an operator has to look into."""
    return Text(
        en=f"follower {name} knows a higher epoch: another writer has taken over, or its API key is misused. Writing has "
        "stopped; if nobody has taken over, revoke that key and start again",
        ja=f"追随先 {name} がより大きい世代番号を提示: 別の書込元への交代か、APIキーの不正使用。書込を停止。"
        "交代していなければ、そのキーを失効させて再起動",
    )


def _key(text: str) -> int | None:
    return int(text) if text else None


def _same(one: bytes, other: bytes) -> bool:
    return hmac.compare_digest(one, other)
