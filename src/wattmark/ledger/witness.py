"""C2SP tlog-witness: the request ``add-checkpoint``, what a witness decides about it, and its answer.

::

    old <size>                 of the checkpoint the witness cosigned last
    <base64 hash>              consistency proof from there, at most 63 lines
                               an empty line
    <signed checkpoint>

The steps, cited by number in the code; the first that does not hold gives the status of the refusal:

1. 400: the request has its form.
2. 404: the origin is that of a known log.
3. 403: a known key of that log signed, and no known key's signature fails.
4. 400: the note is a checkpoint, and the old size is not above its size.
5. 409: the old size is that of the latest cosigned checkpoint, 0 if there is none.
6. 422: the proof leads from the latest checkpoint to the new one: it is empty from size 0 and between equal
   sizes, equal sizes have equal roots, and the root of size 0 is that of no entries.

The new checkpoint is stored before the cosignature is given away, and only if the one it was decided on is
still stored; otherwise two answers at once could roll the log back (C2SP tlog-witness).
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from wattmark.core.errors import MalformedInput, Refused
from wattmark.core.text import Text
from wattmark.crypto.hashing import HASH_BYTES, sha256
from wattmark.crypto.signing import SignatureInvalid
from wattmark.ledger.checkpoint import Checkpoint, parse_decimal
from wattmark.ledger.merkle import EMPTY_ROOT, ProofInvalid, verify_consistency
from wattmark.ledger.note import (
    NoteKey,
    NoteSignature,
    Verifier,
    decode_base64,
    open_note,
    sign_note,
    split_note,
)

ADD_CHECKPOINT: Final = "add-checkpoint"
"""Path of the request below the submission prefix (C2SP tlog-witness)."""
SIZE_TYPE: Final = "text/x.tlog.size"
"""Content type of the answer 409, which holds the size of the latest cosigned checkpoint (C2SP tlog-witness)."""
MAX_PROOF_LINES: Final = 63
"""Longest consistency proof (C2SP tlog-witness) [hashes]."""
MAX_REQUEST_BYTES: Final = 64 * 1024
"""Longest request read; proof and a checkpoint with 100 signatures take less than 20 KiB [bytes]."""
MAX_ANSWER_BYTES: Final = 64 * 1024
"""Longest answer read from a witness [bytes]."""

_OLD: Final = "old "
_MS_PER_S: Final = 1_000


class Status(IntEnum):
    """How a witness answers (HTTP)."""

    COSIGNED = 200
    MALFORMED = 400
    NOT_SIGNED = 403
    UNKNOWN_LOG = 404
    OTHER_SIZE = 409
    INCONSISTENT = 422


class CheckpointRefused(Refused):
    """A witness does not cosign.

    Attributes:
        status: why, as the HTTP status of the answer.
        latest_size: size of the latest cosigned checkpoint for 409 [entries], else 0.
    """

    def __init__(self, status: Status, field: str, value: object, latest_size: int = 0) -> None:
        """Keep what is refused and why."""
        super().__init__(status.name, field, value, _RULES[status])
        self.status = status
        self.latest_size = latest_size


@dataclass(frozen=True, slots=True)
class Submission:
    """A request whose checkpoint a known log signed.

    Attributes:
        origin: the log.
        old_size: size the proof starts from [entries].
        proof: consistency proof.
        size: size of the new checkpoint [entries].
        root: its root; at size 0 not yet compared with that of no entries.
        text: the note's text, which is what a cosignature covers.
        signatures: the log's own signatures, one of each key.
    """

    origin: str
    old_size: int
    proof: tuple[bytes, ...]
    size: int
    root: bytes
    text: str
    signatures: tuple[NoteSignature, ...]


@dataclass(frozen=True, slots=True)
class Cosigned:
    """What to store, and then to answer.

    Attributes:
        note: the checkpoint with the log's signatures and the witness's cosignatures.
        lines: the cosignatures, the answer's body.
    """

    note: str
    lines: str


def origin_hash(origin: str) -> str:
    """Return the hexadecimal SHA-256 of an origin, its name in the monitoring path (C2SP tlog-witness)."""
    return sha256(origin.encode()).hex()


def format_request(old_size: int, proof: Sequence[bytes], note: str) -> bytes:
    """Return the body of ``add-checkpoint``."""
    lines = [f"{_OLD}{old_size}", *(base64.b64encode(digest).decode() for digest in proof)]
    return ("\n".join(lines) + "\n\n" + note).encode()


def parse_request(body: bytes) -> tuple[int, tuple[bytes, ...], str]:
    """Return (old size, proof, note) of a request, unverified.

    Raises:
        MalformedInput: it is not the one form of a request.
    """
    if len(body) > MAX_REQUEST_BYTES:
        raise _malformed("body", len(body))
    try:
        head, divider, note = body.decode().partition("\n\n")
    except UnicodeDecodeError as error:
        raise _malformed("body", "not UTF-8") from error
    lines = head.split("\n")
    if not divider or not lines[0].startswith(_OLD) or len(lines) - 1 > MAX_PROOF_LINES:
        raise _malformed("body", head[: len(_OLD)])
    old_size = parse_decimal("old", lines.pop(0).removeprefix(_OLD))
    proof = tuple(decode_base64("proof", line) for line in lines)
    if any(len(digest) != HASH_BYTES for digest in proof):
        raise _malformed("proof", len(proof))
    split_note(note)
    return old_size, proof, note


def read_submission(body: bytes, logs: Mapping[str, Sequence[Verifier]]) -> Submission:
    """Return what a request asks for, once it is known that the log itself says so (steps 1 to 4).

    Args:
        body: the request.
        logs: origin -> keys of the log; several while a log changes its key.

    Raises:
        CheckpointRefused: with the status of the first step that does not hold.
    """
    try:
        old_size, proof, note = parse_request(body)  # 1
        text, _ = split_note(note)
    except MalformedInput as error:
        raise CheckpointRefused(Status.MALFORMED, error.field, error.value) from error
    origin = text.partition("\n")[0]
    if origin not in logs:  # 2
        raise CheckpointRefused(Status.UNKNOWN_LOG, "origin", origin)
    try:
        opened = open_note(note, list(logs[origin]))  # 3
    except SignatureInvalid as error:
        raise CheckpointRefused(Status.NOT_SIGNED, "signature", error.value) from error
    try:
        size, root = _size_and_root(opened.text)  # 4
    except MalformedInput as error:
        raise CheckpointRefused(Status.MALFORMED, error.field, error.value) from error
    if old_size > size:
        raise CheckpointRefused(Status.MALFORMED, "old", old_size)
    once = {(signature.name, signature.key_id): signature for signature in reversed(opened.verified)}
    signatures = tuple(once.values())[::-1]  # a repeated line would be stored, with ours behind it, past the limit
    return Submission(origin, old_size, proof, size, root, opened.text, signatures)


def cosign(submission: Submission, latest: Checkpoint | None, keys: Sequence[NoteKey], now_ms: int) -> Cosigned:
    """Return the cosigned checkpoint to store in place of the latest one (steps 5 and 6).

    Args:
        submission: what the log asks for.
        latest: the latest cosigned checkpoint of that log, ``None`` if there is none.
        keys: the witness's cosignature keys.
        now_ms: time of the cosignature [ms].

    Raises:
        CheckpointRefused: with the status of the first step that does not hold.
    """
    old_size, old_root = (0, EMPTY_ROOT) if latest is None else (latest.size, latest.root)
    if submission.old_size != old_size:  # 5
        raise CheckpointRefused(Status.OTHER_SIZE, "old", submission.old_size, old_size)
    try:
        verify_consistency(old_size, submission.size, old_root, submission.root, submission.proof)  # 6
    except ProofInvalid as error:
        raise CheckpointRefused(Status.INCONSISTENT, error.field, error.value) from error
    cosigned = sign_note(submission.text, list(keys), now_ms // _MS_PER_S)
    lines = cosigned.removeprefix(submission.text + "\n")
    logs_own = "".join(signature.line for signature in submission.signatures)
    return Cosigned(f"{submission.text}\n{logs_own}{lines}", lines)


def open_cosigned(note: str, origin: str, witnesses: Sequence[Verifier]) -> Checkpoint:
    """Return a checkpoint that one of the witnesses cosigned for a log.

    Raises:
        MalformedInput: not a checkpoint, or of another log.
        SignatureInvalid: none of them cosigned it.
    """
    checkpoint = Checkpoint.parse(open_note(note, list(witnesses)).text)
    if checkpoint.origin != origin:
        rule = Text(en=f"the log {origin}", ja=f"ログ{origin}であること")
        raise MalformedInput("OTHER_LOG", "origin", checkpoint.origin, rule)
    return checkpoint


def open_answer(body: bytes, note: str, witness: Verifier) -> NoteSignature:
    """Return the cosignature of the asked witness from its answer 200; lines of unknown keys are ignored.

    Args:
        body: the answer.
        note: the submitted checkpoint.
        witness: the key it must be by.

    Raises:
        MalformedInput: no signature lines.
        SignatureInvalid: none by this key, or it does not verify.
    """
    text, _ = split_note(note)
    try:
        lines = body[:MAX_ANSWER_BYTES].decode()
    except UnicodeDecodeError as error:
        raise _malformed("answer", "not UTF-8") from error
    opened = open_note(f"{text}\n{lines}", [witness])
    if opened.text != text:
        raise _malformed("answer", "an empty line")
    return opened.verified[0]


def parse_size_answer(body: bytes) -> int:
    """Return the size in an answer 409 [entries].

    Raises:
        MalformedInput: not a decimal number and a newline.
    """
    digits, newline, rest = body[:MAX_ANSWER_BYTES].decode(errors="replace").partition("\n")
    if not newline or rest:
        raise _malformed("size", digits)
    return parse_decimal("size", digits)


def _size_and_root(text: str) -> tuple[int, bytes]:
    """Return size and root; ``Checkpoint`` has no value for a wrong root of size 0, which is for step 6 to refuse."""
    lines = text.split("\n")
    if len(lines) > 2 and lines[1] == "0":
        root = decode_base64("root", lines[2])
        lines[2] = base64.b64encode(EMPTY_ROOT).decode()
        if len(root) != HASH_BYTES:
            raise _malformed("root", root.hex())
        return Checkpoint.parse("\n".join(lines)).size, root
    checkpoint = Checkpoint.parse(text)
    return checkpoint.size, checkpoint.root


def _malformed(field: str, value: object) -> MalformedInput:
    rule = Text(en="the form of C2SP tlog-witness", ja="C2SP tlog-witnessの形式")
    return MalformedInput("BAD_WITNESS_MESSAGE", field, value, rule)


_RULES: Final = {
    Status.COSIGNED: Text(en="cosigned", ja="連署済み"),
    Status.MALFORMED: Text(
        en="a request of C2SP tlog-witness, its old size not above that of the checkpoint",
        ja="C2SP tlog-witnessの形式で、旧サイズがチェックポイントのサイズ以下であること",
    ),
    Status.NOT_SIGNED: Text(en="signed by a key this witness knows", ja="この立会人が知る鍵の署名"),
    Status.UNKNOWN_LOG: Text(en="a log this witness knows", ja="この立会人が知るログ"),
    Status.OTHER_SIZE: Text(en="the size of the checkpoint cosigned last", ja="最後に連署したチェックポイントのサイズ"),
    Status.INCONSISTENT: Text(
        en="a proof that the log only grew since the checkpoint cosigned last",
        ja="最後の連署以降、ログが追記のみであることの証明",
    ),
}
