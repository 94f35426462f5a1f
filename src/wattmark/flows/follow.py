"""Follow another operator's log without trusting them: every frame is verified before it is stored and confirmed.

Life of a frame: CRC, number and chain; the lake files it names, by their SHA-256; every command applied again, every
verdict and state hash compared (L6); only then durable here, and only then asked for the next one, which confirms it.
Life of a checkpoint: signed by the key this follower was given; its root is that of the records here, so it agrees with
every checkpoint seen before; the tiles it adds are served byte for byte; then stored. What does not hold is raised as
``Caught`` with the evidence, and the follower stops: it goes on only from what it has verified.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from typing_extensions import override

from wattmark.core.errors import Broken, MalformedInput, Refused, RuleViolated, Unavailable
from wattmark.core.text import Text
from wattmark.crypto.hashing import sha256
from wattmark.engine import layout as e
from wattmark.engine.batch import HEADER, decode_batch, leaf_entries
from wattmark.engine.commands import BulkKind, Words, words_hash
from wattmark.flows.audit import SETTINGS_RULE, VKEY_FILE
from wattmark.flows.bulk import payload_content, payload_files
from wattmark.flows.replication import (
    ReplicatedSequencer,
    Replication,
    Standing,
    Standings,
    check_epoch,
)
from wattmark.flows.sequence import replay_frame
from wattmark.flows.settings import SETTINGS_FILE
from wattmark.ledger.audit import JOURNAL_RULE, LAKE_RULE, audit_lake_file
from wattmark.ledger.frames import Frame, TailKind, scan_segment
from wattmark.ledger.ports import Lake

PAYLOADS: Final = 3
"""Place of the number of payloads in a batch's header."""
TRIES: Final = 5
"""So often a file that the writer has just replaced is asked for before it counts as missing."""


class Caught(Broken):
    """Something a writer sent does not hold.

    Attributes:
        evidence: name -> bytes to keep.
    """

    def __init__(self, broken: Broken, evidence: Mapping[str, bytes]) -> None:
        """Keep the evidence beside what is wrong."""
        super().__init__(broken.file, broken.position, broken.rule, broken.detail)
        self.evidence = dict(evidence)


@dataclass(frozen=True, slots=True)
class Answer:
    """Frames after one, back to back, and the epoch of the writer who sent them."""

    epoch: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """A writer's refusal: HTTP status, code, rule and whole body."""

    status: int
    code: str
    rule: Text
    body: bytes


class Writer(Protocol):
    """What a follower asks of a writer. Nothing that comes back is believed.

    Each raises ``Unavailable`` when the writer is not reached or too slow, ``NotAuthorised`` for a wrong API key.
    """

    def frames(self, query: Mapping[str, str | int], wait_s: float) -> Answer | Refusal:
        """Return the frames after one; empty when none came while the writer waited."""
        ...

    def head(self) -> dict[str, Any]:
        """Return what the writer says of itself."""
        ...

    def settings(self) -> bytes:
        """Return the settings file."""
        ...

    def checkpoint(self) -> str | None:
        """Return the public checkpoint."""
        ...

    def tiles(self, paths: Sequence[str]) -> Sequence[bytes | None]:
        """Return at most 256 tiles."""
        ...

    def lake_file(self, path: str) -> bytes | None:
        """Return a lake file."""
        ...


class FollowingSequencer(ReplicatedSequencer):
    """A sequencer that takes the frames of another writer and refuses commands.

    Attributes:
        elsewhere: says where commands go.
    """

    elsewhere = Text(en="this is a mirror; commands go to the writer", ja="ここは複製です。操作は書込元へ")

    def follow(self, frame: Frame) -> None:
        """Verify a frame, make it durable and show it.

        Raises:
            Broken: it does not follow, or a verdict or state hash differs; this sequencer is of no use any more.
            Unavailable: the disk refuses.
        """
        with self._lock:
            self._check_running()
            with self._stopping():
                if frame.sequence != self.sequence + 1 or frame.prev_hash != self._frame_hash:
                    raise Broken("journal", f"frame {frame.sequence}", JOURNAL_RULE, "it does not follow the last one")
                batch, applied = replay_frame(self.state, frame)
                self._journal.append(frame.payload)
                assert self._journal.last_hash == frame.frame_hash, "the same frame has the same hash"
                self._log.take(leaf_entries(batch))
                self._frame_starts.append(applied.first_position)
                self._frame_hash = frame.frame_hash
                self._tell(applied)
                self._durable = frame.sequence
        if self._log.is_behind:
            self._log.catch_up()

    @property
    def is_stopped(self) -> bool:
        """Whether a frame could not be taken, so that memory and disk may differ."""
        return self._failed

    def names(self, path: str) -> bool:
        """Return whether a record that was taken names this lake file; reads the whole journal."""
        return any(path in _lake_paths(frame) for frame in self._journal.read())

    def accept(self, text: str, served: Callable[[Sequence[str]], Sequence[bytes | None]]) -> bool:
        """Take a signed checkpoint; see ``Publication.accept``."""
        return self._log.accept(text, served)

    @override
    def submit(
        self,
        commands: Words,
        payloads: object = (),
        *,
        now_ms: int,
        applied: Callable[[], object] | None = None,
    ) -> Words:
        """Refuse.

        Raises:
            Unavailable: always; the reason names the writer.
        """
        raise Unavailable(self.elsewhere)


class Follower:
    """Pulls, verifies, stores, again and again. ``pull`` and ``check_log`` may run on a thread each."""

    def __init__(
        self,
        sequencer: FollowingSequencer,
        lake: Lake,
        standings: Standings,
        keep_home_file: Callable[[str, bytes], None],
        home_files: Mapping[str, bytes],
    ) -> None:
        """Go on where the sequencer stands.

        Args:
            sequencer: over the follower's own journal.
            lake: its own lake.
            standings: of its home.
            keep_home_file: replaces a file of the home durably.
            home_files: bytes of settings and public key as they lie in the home.
        """
        self._sequencer, self._lake, self._standings = sequencer, lake, standings
        self._keep_home_file = keep_home_file
        self._home_files = dict(home_files)
        self._lock = threading.Lock()  # between storing a frame and being fenced
        self._standing = standings.load()
        self._wanted: dict[str, bytes] = {}
        self._tries = 0

    @property
    def standing(self) -> Standing:
        """Role, epoch and writer as they are on disk."""
        return self._standing

    def fence(self, epoch: int, writer: str = "") -> Standing:
        """Never confirm to a writer below this epoch again; durable on return.

        Raises:
            RuleViolated: a higher epoch is known.
            Unavailable: the disk fails.
        """
        with self._lock:
            check_epoch(epoch, self._standing.epoch)
            self._know(epoch, writer or self._standing.writer)
            return self._standing

    def pull(self, writer: Writer, wait_s: float) -> int:
        """Ask for the frames after the last one, which confirms it, and take them; return how many came.

        Raises:
            Caught: something does not hold.
            Unavailable: the writer is not reached or was replaced, or the disk refuses.
            NotAuthorised: the API key does not do.
        """
        with self._lock:
            epoch, after, frame_hash = self._standing.epoch, self._sequencer.sequence, self._sequencer.frame_hash
        query: dict[str, str | int] = {"after": after, "hash": frame_hash.hex(), "epoch": epoch}
        if self._standing.name:
            query["name"] = self._standing.name
        answer = writer.frames(query, wait_s)
        if isinstance(answer, Refusal):
            raise self._refused(writer, answer, after)
        if answer.epoch < epoch:
            raise Unavailable(_OLD_WRITER)
        if answer.epoch > epoch:
            with self._lock:
                if answer.epoch > self._standing.epoch:
                    check_epoch(answer.epoch, self._standing.epoch)
                    self._know(answer.epoch, self._standing.writer)
        return self._take_all(writer, answer)

    def check_log(self, writer: Writer) -> bool:
        """Hold the writer's checkpoints, the one it signed and the one it shows to the public, against the records.

        Returns:
            Whether everything they cover is here.

        Raises:
            Caught: one does not hold: the log was forked or rolled back; both checkpoints are the evidence.
            Unavailable: the writer is not reached, or a store refuses.
        """
        whole = True
        for text in (writer.head().get("checkpoint"), writer.checkpoint()):
            if not text:
                if self._sequencer.checkpoint_text is not None and text is not None:
                    detail = "the writer shows none any more"
                    raise self._caught(Broken("log/checkpoint", "whole file", _ROLLBACK_RULE, detail), {})
                continue
            whole = self._check_checkpoint(writer, str(text)) and whole
        return whole

    def _check_checkpoint(self, writer: Writer, text: str) -> bool:
        try:
            return self._sequencer.accept(text, writer.tiles)
        except Broken as error:
            raise self._caught(error, {"checkpoint-theirs": text.encode()}) from error
        except Refused as error:
            broken = Broken("log/checkpoint", "note", "C2SP tlog-checkpoint", str(error))
            raise self._caught(broken, {"checkpoint-theirs": text.encode()}) from error

    def _take_all(self, writer: Writer, answer: Answer) -> int:
        taken = 0
        for item in scan_segment(answer.body, self._sequencer.sequence + 1, self._sequencer.frame_hash):
            if isinstance(item, Frame):
                self._take(writer, item, answer)
                taken += 1
            elif item.kind is not TailKind.CLEAN or item.offset != len(answer.body):
                broken = Broken("journal", item.position or "end", JOURNAL_RULE, item.detail or "bytes left over")
                raise self._caught(broken, {"frames": answer.body})
        if not taken:
            self._ask_again(writer)
        return taken

    def _take(self, writer: Writer, frame: Frame, answer: Answer) -> None:
        try:
            self._fetch_named(writer, frame)
            with self._lock:
                if answer.epoch < self._standing.epoch:
                    raise Unavailable(_OLD_WRITER)
                self._sequencer.follow(frame)
        except Broken as error:
            start, end = frame.offset, frame.end
            raise self._caught(error, {f"frame-{frame.sequence}": answer.body[start:end]}) from error

    def _fetch_named(self, writer: Writer, frame: Frame) -> None:
        """Store the lake files that a frame's records name, and see to its settings."""
        if len(frame.payload) >= HEADER.size and not HEADER.unpack_from(frame.payload)[PAYLOADS]:
            return
        try:
            batch = decode_batch(frame.payload)
        except MalformedInput as error:
            raise Broken("journal", f"frame {frame.sequence}", "batch format", str(error)) from error
        is_bulk = batch.commands[:, e.W_HEAD] & e.HALF_MASK == e.BULK_ROOT
        for row in batch.commands[is_bulk & (batch.verdicts[:, e.V_OUTCOME] == e.OK)]:  # verdicts are compared next
            payload = batch.payloads[words_hash(row[e.W_HASH :])]
            try:
                named = [described for described, _ in payload_files(payload)]
                home_files = _home_files(payload) if int(row[e.W_FIELDS]) == BulkKind.SETTINGS else {}
            except (Refused, ValueError, TypeError, AttributeError, KeyError) as error:
                raise Broken("journal", f"frame {frame.sequence}", "BULK_ROOT payload", str(error)) from error
            for described in named:
                self._fetch(writer, described)
            self._want(writer, home_files)

    def _fetch(self, writer: Writer, described: Any) -> None:  # noqa: ANN401 - LakeFile
        try:
            if not audit_lake_file(described, self._lake.get(described.path)):
                return
        except Refused:
            pass  # not here yet
        data = writer.lake_file(described.path)
        findings = audit_lake_file(described, data)
        if findings:
            broken = Broken(findings[0].file, findings[0].position, LAKE_RULE, findings[0].detail)
            raise self._caught(broken, {"lake-file": data or b""})
        assert data is not None
        try:
            self._lake.put(described.path, data)
        except RuleViolated as error:
            if self._sequencer.names(described.path):
                broken = Broken(
                    f"lake/{described.path}", "whole file", LAKE_RULE, "an earlier record names another one"
                )
                raise self._caught(broken, {"lake-file": data}) from error
            self._lake.put(described.path, data, replace=True)  # left over from a run that stopped before its frame

    def _want(self, writer: Writer, home_files: dict[str, bytes]) -> None:
        for path, digest in home_files.items():
            if path == VKEY_FILE and sha256(self._home_files[VKEY_FILE]) != digest:
                detail = "the key on record is not the one this follower was given"
                raise self._caught(Broken(path, "whole file", SETTINGS_RULE, detail), {})
            if path == SETTINGS_FILE:
                self._wanted, self._tries = {path: digest}, 0
                self._ask_again(writer)

    def _ask_again(self, writer: Writer) -> None:
        """Fetch the settings that the latest record names, unless they are here; the writer may have newer ones."""
        for path, digest in tuple(self._wanted.items()):
            data = self._home_files[path]
            if sha256(data) != digest:
                data = writer.settings()
                if sha256(data) != digest:
                    self._tries += 1
                    if self._tries >= TRIES:
                        detail = "the writer's file is not the one on record"
                        raise self._caught(Broken(path, "whole file", SETTINGS_RULE, detail), {"settings": data})
                    return
                self._keep_home_file(path, data)
                self._home_files[path] = data
            del self._wanted[path]

    def _refused(self, writer: Writer, refusal: Refusal, after: int) -> Exception:
        """Return what a writer's refusal means; that it contradicts us is proven, not believed."""
        evidence = {"answer": refusal.body}
        if refusal.code == "FOLLOWER_AHEAD":
            detail = f"the writer refuses frame {after}, which it sent before: {refusal.rule.en}"
            return self._caught(Broken("journal", f"frame {after}", _ROLLBACK_RULE, detail), evidence)
        if refusal.code == "DIVERGED":
            other = writer.frames({"after": after - 1, "epoch": self._standing.epoch}, 0)
            if isinstance(other, Answer):
                evidence["frames-theirs"] = other.body
            detail = f"the writer now has another frame of this number: {refusal.rule.en}"
            return self._caught(Broken("journal", f"frame {after}", _ROLLBACK_RULE, detail), evidence)
        if refusal.code == "WRITER_REPLACED":
            return Unavailable(_OLD_WRITER)
        reason = Text(en=f"the writer refuses: {refusal.rule.en}", ja=f"書込元が拒否: {refusal.rule.ja}")
        return Unavailable(reason)

    def _know(self, epoch: int, writer: str) -> None:
        standing = Standing(epoch, self._standing.role, writer, self._standing.name)
        self._standings.store(standing)
        self._standing = standing

    def _caught(self, broken: Broken, evidence: Mapping[str, bytes]) -> Caught:
        if isinstance(broken, Caught):
            return broken
        ours = self._sequencer.checkpoint_text
        kept = dict(evidence) if ours is None else {"checkpoint-ours": ours.encode(), **evidence}
        return Caught(broken, kept)


class FollowersReplication(Replication):
    """A follower's own followers get its frames; to be fenced means to turn to another writer, not to stop."""

    follower: Follower | None = None

    @override
    def fence(self, epoch: int, writer: str = "") -> Standing:
        """Never confirm to a writer below this epoch again; see ``Follower.fence``."""
        if self.follower is None:
            raise Unavailable(_STARTING)
        standing = self.follower.fence(epoch, writer)
        self.epoch = standing.epoch
        return standing


def _lake_paths(frame: Frame) -> set[str]:
    batch = decode_batch(frame.payload)
    rows = batch.commands[batch.commands[:, e.W_HEAD] & e.HALF_MASK == e.BULK_ROOT] if batch.payloads else ()
    return {
        described.path for row in rows for described, _ in payload_files(batch.payloads[words_hash(row[e.W_HASH :])])
    }


def _home_files(payload: bytes) -> dict[str, bytes]:
    content = payload_content(payload)
    return {str(entry["path"]): bytes.fromhex(entry["sha256"]) for entry in content["home_files"]}


_ROLLBACK_RULE: Final = "L5: a log only grows"
_OLD_WRITER: Final = Text(
    en="this writer was replaced by another one: follow that one",
    ja="この書込元は交代済み。新しい書込元に追随してください",
)
_STARTING: Final = Text(en="the follower is starting", ja="起動中です")
