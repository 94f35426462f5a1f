"""C2SP tlog-checkpoint: origin, size and root of the log as a signed note."""

import base64
from dataclasses import dataclass
from typing import Final

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.crypto.hashing import HASH_BYTES
from wattmark.ledger.merkle import EMPTY_ROOT
from wattmark.ledger.note import NoteKey, Verifier, decode_base64, open_note, parse_vkey, sign_note

MAX_LOG_SIZE: Final = (1 << 63) - 1
"""Largest size read, that of a signed 64-bit integer [entries]."""

_MIN_LINES: Final = 3
_MAX_DIGITS: Final = 19


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A promise about a log: ``size`` entries [count] have the Merkle root ``root`` [32 bytes]."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be written as a checkpoint.

        Raises:
            MalformedInput: empty origin, size out of range, root not 32 bytes or not that of no
                entries at size 0, or an empty extension line.
        """
        if not self.origin or "\n" in self.origin:
            raise _malformed("origin", self.origin)
        if not 0 <= self.size <= MAX_LOG_SIZE:
            raise _malformed("size", self.size)
        if len(self.root) != HASH_BYTES or (self.size == 0 and self.root != EMPTY_ROOT):
            raise _malformed("root", self.root.hex())
        if any(not line or "\n" in line for line in self.extensions):
            raise _malformed("extensions", self.extensions)

    def format(self) -> str:
        """Return the note text."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Return the checkpoint a note text holds.

        Raises:
            MalformedInput: it is not the one form of a checkpoint.
        """
        lines = text.split("\n")
        if lines.pop() or len(lines) < _MIN_LINES:
            raise _malformed("text", text)
        origin, digits, root, *extensions = lines
        return cls(origin, parse_decimal("size", digits), decode_base64("root", root), tuple(extensions))


def sign_checkpoint(checkpoint: Checkpoint, *keys: NoteKey) -> str:
    """Return the signed note. Sign only what is durable and consistent with every earlier checkpoint.

    A log's own ML-DSA-44 signature bears no time: it states nothing that its Ed25519 signature does not.
    """
    return sign_note(checkpoint.format(), keys)


def open_checkpoint(note: str, vkey: str | Verifier, origin: str | None = None) -> Checkpoint:
    """Return the checkpoint if the key signed it for ``origin`` (the key's name when ``None``).

    Raises:
        MalformedInput: not a checkpoint, or of another log.
        SignatureInvalid: not signed by the key.
    """
    verifier = parse_vkey(vkey) if isinstance(vkey, str) else vkey
    checkpoint = Checkpoint.parse(open_note(note, [verifier]).text)
    expected = verifier.name if origin is None else origin
    if checkpoint.origin != expected:
        rule = Text(en=f"the log {expected}", ja=f"ログ{expected}であること")
        raise MalformedInput("OTHER_LOG", "origin", checkpoint.origin, rule)
    return checkpoint


def parse_decimal(field: str, digits: str) -> int:
    """Return a number of at most 2^63 - 1 written in ASCII digits without leading zeros.

    Raises:
        MalformedInput: another form.
    """
    plain = digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS
    if not plain or str(int(digits)) != digits or int(digits) > MAX_LOG_SIZE:
        raise _malformed(field, digits)
    return int(digits)


def _malformed(field: str, value: object) -> MalformedInput:
    rule = Text(en="the form of C2SP tlog-checkpoint", ja="C2SP tlog-checkpointの形式")
    return MalformedInput("BAD_CHECKPOINT", field, value, rule)
