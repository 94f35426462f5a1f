"""The log collects cosignatures: k of n witnesses, each asked by itself, none able to hold up the writer.

Life of a collection: the last signed checkpoint is read; every witness is sent the proof from the size it cosigned
last, is asked again from its own size when that is another one, and has its answer verified; if the policy is met,
the checkpoint with its cosignatures is swapped into a store of its own. That store is what is published; the
commit path never reads it and never waits for it.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from wattmark.core.errors import Broken, MalformedInput, Refused, Unavailable, UnknownReference
from wattmark.core.text import Text
from wattmark.ledger.checkpoint import Checkpoint, open_checkpoint
from wattmark.ledger.note import NoteSignature, Verifier, add_signatures, split_note
from wattmark.ledger.policy import KnownWitness, Policy
from wattmark.ledger.ports import Checkpoints, Tiles
from wattmark.ledger.proof import LogProof
from wattmark.ledger.tiletree import TileTree
from wattmark.ledger.witness import SIZE_TYPE, Status, format_request, open_answer, parse_size_answer

TRIES: Final = 3
"""Requests per witness and collection: the second starts at the witness's own size, the third after a race."""
WORKERS: Final = 16
"""Witnesses asked at the same time."""
WITNESSED_FILE: Final = "witnessed/last"
"""The cosigned checkpoint, relative to the home directory."""


class Reply(Enum):
    """How one witness took the checkpoint."""

    COSIGNED = "cosigned"
    REFUSED = "refused"
    """It says that the checkpoint does not extend what it has cosigned: a fork, or a log it does not know."""
    AHEAD = "ahead"
    """It has cosigned a larger log: ours was rolled back, or somebody else signs with our key."""
    UNREACHABLE = "unreachable"
    INVALID = "invalid"
    """Its answer does not verify."""


REPLY_TEXT: Final = {
    Reply.COSIGNED: Text(en="cosigned", ja="連署"),
    Reply.REFUSED: Text(en="refused", ja="拒否"),
    Reply.AHEAD: Text(en="has seen a larger log", ja="より大きいログを連署済み"),
    Reply.UNREACHABLE: Text(en="not reached", ja="応答なし"),
    Reply.INVALID: Text(en="answer not valid", ja="応答が不正"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness answered over HTTP."""

    status: int
    content_type: str
    body: bytes


class Witnesses(Protocol):
    """Asks a witness by its submission prefix."""

    def add_checkpoint(self, url: str, body: bytes) -> Answer:
        """Send the request and return the answer, of at most 64 KiB and within the engine's time limit.

        Raises:
            Unavailable: not reached, too slow, or no HTTP.
        """
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one witness took it: size it named with a conflict [entries], and the cosignature or why there is none."""

    witness: KnownWitness
    reply: Reply
    detail: str = ""
    cosignature: NoteSignature | None = None


@dataclass(frozen=True, slots=True)
class Collection:
    """A checkpoint and how the witnesses took it; ``note`` carries the cosignatures that verified."""

    checkpoint: Checkpoint
    note: str
    outcomes: tuple[Outcome, ...]
    is_met: bool

    @property
    def cosigners(self) -> list[str]:
        """Names of the witnesses that cosigned."""
        return [outcome.witness.name for outcome in self.outcomes if outcome.reply is Reply.COSIGNED]


@dataclass(frozen=True, slots=True)
class SignedLog:
    """A log as its own collector sees it.

    Attributes:
        verifier: the log's key; its name is the origin.
        last: store of the last signed checkpoint.
        tiles: the public tiles.
        witnessed: store of the last checkpoint that met the policy.
    """

    verifier: Verifier
    last: Checkpoints
    tiles: Tiles
    witnessed: Checkpoints


def check_addresses(policy: Policy) -> None:
    """Refuse a policy that names a witness nobody can ask.

    Raises:
        MalformedInput: a witness without an address.
    """
    for witness in policy.witnesses:
        if not witness.url:
            rule = Text(en="a witness with the address of its submission prefix", ja="送信先アドレスのある立会人")
            raise MalformedInput("NO_URL", "witness", witness.name, rule)


def collect_cosignatures(log: SignedLog, policy: Policy, ask: Witnesses) -> Collection:
    """Ask every witness of the policy for the last signed checkpoint and publish it if the policy is met.

    Raises:
        MalformedInput: a witness without an address.
        UnknownReference: nothing was signed yet, or a tile is missing.
        Broken: a stored checkpoint is not the log's, the tiles do not hash to it, or it is behind the witnessed one.
        Unavailable: the store refuses, or another collector was faster.
    """
    check_addresses(policy)
    note = log.last.load()
    if note is None:
        rule = Text(en="a signed checkpoint", ja="署名済みチェックポイント")
        raise UnknownReference("NOT_PUBLISHED", "checkpoint", "", rule)
    checkpoint = _open(note, log.verifier, "checkpoint/last")
    before = log.witnessed.load()
    known = _known_sizes(before, checkpoint, log.verifier, policy)
    tree = TileTree(log.tiles.read, checkpoint.size)
    if tree.root() != checkpoint.root:
        raise Broken("log/tile", f"size {checkpoint.size}", "L7", "the tiles do not hash to the signed root")
    attempt = _Attempt(note, checkpoint, tree, ask)
    with ThreadPoolExecutor(WORKERS, "cosign") as pool:
        outcomes = tuple(pool.map(attempt.ask, policy.witnesses, [known.get(w.name, 0) for w in policy.witnesses]))
    lines = [outcome.cosignature.line for outcome in outcomes if outcome.cosignature is not None]
    cosigned = add_signatures(note, lines)
    names = {outcome.witness.name for outcome in outcomes if outcome.cosignature is not None}
    collection = Collection(checkpoint, cosigned, outcomes, policy.is_met(names))
    if collection.is_met:
        _keep(log.witnessed, before, cosigned)
    return collection


def published_checkpoint(signed: str | None, witnessed: str | None, verifier: Verifier) -> str | None:
    """Return the checkpoint to show to the world: the witnessed one of this log, else the last signed one.

    Args:
        signed: the last signed checkpoint.
        witnessed: content of the witnessed store; disposable, so what does not hold is passed over.
        verifier: the log's key.
    """
    if signed is None or witnessed is None:
        return signed
    try:
        size = open_checkpoint(witnessed, verifier).size
        return witnessed if size <= open_checkpoint(signed, verifier).size else signed
    except Refused:
        return signed


def witnessed_proof(witnessed: str | None, verifier: Verifier, tiles: Tiles, position: int) -> LogProof:
    """Return the proof that a record is under the cosigned checkpoint.

    Raises:
        UnknownReference: nothing was cosigned yet, or nothing that covers the record.
        Broken: the cosigned checkpoint is not the log's.
    """
    size = 0 if witnessed is None else _open(witnessed, verifier, WITNESSED_FILE).size
    if witnessed is None or not 0 <= position < size:
        rule = Text(en=f"a cosigned log index below {size}", ja=f"連署済みのログ番号({size}未満)")
        raise UnknownReference("NOT_WITNESSED", "position", position, rule)
    return LogProof(position, tuple(TileTree(tiles.read, size).inclusion_proof(position)), witnessed)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One checkpoint on its way to the witnesses; asked from several threads."""

    note: str
    checkpoint: Checkpoint
    tree: TileTree
    http: Witnesses

    def ask(self, witness: KnownWitness, old_size: int) -> Outcome:
        """Return how a witness takes the checkpoint, starting from the size it is believed to have cosigned."""
        detail = ""
        for _ in range(TRIES):
            body = format_request(old_size, self.tree.consistency_proof(old_size), self.note)
            try:
                answer = self.http.add_checkpoint(witness.url, body)
            except Unavailable as error:
                return Outcome(witness, Reply.UNREACHABLE, str(error))
            if answer.status == Status.COSIGNED:
                return self._cosigned(witness, answer.body)
            detail = f"HTTP {answer.status}: {answer.body[:100].decode(errors='replace').strip()}"
            if answer.status != Status.OTHER_SIZE:
                break
            try:
                size = parse_size_answer(answer.body) if answer.content_type == SIZE_TYPE else -1
            except MalformedInput:
                size = -1
            if size < 0:
                return Outcome(witness, Reply.INVALID, detail)
            if size > self.checkpoint.size:
                return Outcome(witness, Reply.AHEAD, f"{size} entries, ours has {self.checkpoint.size}")
            old_size = size
        return Outcome(witness, Reply.REFUSED, detail)

    def _cosigned(self, witness: KnownWitness, body: bytes) -> Outcome:
        try:
            cosignature = open_answer(body, self.note, witness.verifier)
        except Refused as error:
            return Outcome(witness, Reply.INVALID, str(error))
        if not witness.is_witness_at(cosignature.time_s):
            return Outcome(witness, Reply.INVALID, "a cosignature without a time")
        return Outcome(witness, Reply.COSIGNED, "", cosignature)


def _known_sizes(before: str | None, checkpoint: Checkpoint, verifier: Verifier, policy: Policy) -> dict[str, int]:
    """Return the size each witness is known to have cosigned, and refuse to go back behind a witnessed one."""
    if before is None:
        return {}
    size = _open(before, verifier, WITNESSED_FILE).size
    if size > checkpoint.size:
        detail = f"the last signed checkpoint has {checkpoint.size} entries, witnesses have cosigned {size}"
        raise Broken("checkpoint/last", "line 2", "L7", detail)
    signed = {(line.name, line.key_id) for line in split_note(before)[1]}
    keys: Sequence[KnownWitness] = policy.witnesses
    return {known.name: size for known in keys if (known.verifier.name, known.verifier.key_id) in signed}


def _open(note: str, verifier: Verifier, file: str) -> Checkpoint:
    try:
        return open_checkpoint(note, verifier)
    except Refused as error:
        raise Broken(file, "note", "C2SP tlog-checkpoint", str(error)) from error


def _keep(store: Checkpoints, before: str | None, cosigned: str) -> None:
    try:
        store.compare_and_swap(before, cosigned)
    except Refused as error:
        reason = Text(en="another collector was faster; try again", ja="他の収集処理が先行。再試行してください")
        raise Unavailable(reason) from error
