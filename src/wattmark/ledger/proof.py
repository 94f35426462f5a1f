"""C2SP tlog-proof: an offline receipt that one entry is in the log.

::

    c2sp.org/tlog-proof@v1
    extra <base64>             optional, vouched for by nobody
    index <n>
    <base64 hash>              leaf sibling first
                               an empty line
    <signed checkpoint>
"""

import base64
from dataclasses import dataclass
from typing import Final

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.crypto.hashing import HASH_BYTES
from wattmark.ledger.checkpoint import Checkpoint, open_checkpoint, parse_decimal
from wattmark.ledger.merkle import verify_inclusion
from wattmark.ledger.note import Verifier, decode_base64, split_note

HEADER: Final = "c2sp.org/tlog-proof@v1"
"""First line (C2SP tlog-proof)."""
MAX_HASHES: Final = 63
"""Longest inclusion proof of a log of 2^63 entries [hashes]."""
FILE_SUFFIX: Final = ".tlog-proof"
"""File name ending (C2SP tlog-proof)."""

_EXTRA: Final = "extra "
_INDEX: Final = "index "


@dataclass(frozen=True, slots=True)
class LogProof:
    """Entry number, sibling hashes and the signed checkpoint they lead to; ``extra`` is not authenticated."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint_text: str
    extra: bytes | None = None

    def format(self) -> str:
        """Return the text form.

        Raises:
            MalformedInput: a field cannot be written so that it reads back the same.
        """
        lines = [HEADER]
        if self.extra is not None:
            lines.append(_EXTRA + base64.b64encode(self.extra).decode())
        lines.append(f"{_INDEX}{self.index}")
        lines += [base64.b64encode(digest).decode() for digest in self.hashes]
        text = "\n".join(lines) + "\n\n" + self.checkpoint_text
        if parse_log_proof(text) != self:
            raise _malformed("proof", self.index)
        return text

    @classmethod
    def parse(cls, text: str) -> "LogProof":
        """Return the proof a text holds; see ``parse_log_proof``."""
        return parse_log_proof(text)


def parse_log_proof(text: str) -> LogProof:
    """Return the proof a text holds, unverified.

    Raises:
        MalformedInput: it is not the one form of a proof.
    """
    head, divider, checkpoint_text = text.partition("\n\n")
    lines = head.split("\n")
    if not divider or lines.pop(0) != HEADER:
        raise _malformed("header", text[: len(HEADER)])
    extra: bytes | None = None
    if lines and lines[0].startswith(_EXTRA):
        extra = decode_base64("extra", lines.pop(0).removeprefix(_EXTRA))
    if not lines or not lines[0].startswith(_INDEX):
        raise _malformed("index", head)
    index = parse_decimal("index", lines.pop(0).removeprefix(_INDEX))
    hashes = tuple(decode_base64("hash", line) for line in lines)
    if len(hashes) > MAX_HASHES or any(len(digest) != HASH_BYTES for digest in hashes):
        raise _malformed("hash", len(hashes))
    split_note(checkpoint_text)
    return LogProof(index, hashes, checkpoint_text, extra)


def verify_log_proof(proof: LogProof, leaf: bytes, vkey: str | Verifier, origin: str | None = None) -> Checkpoint:
    """Return the checkpoint that provably covers the leaf hash ``leaf``.

    1. The checkpoint is one, signed by ``vkey``, of the log ``origin`` (the key's name when ``None``).
    2. The index is below its size and the hashes lead from the leaf hash to its root (RFC 9162 2.1.3.2).

    Raises:
        MalformedInput: not a checkpoint, or of another log.
        SignatureInvalid: not signed by the key.
        ProofInvalid: the entry is not in that tree at that index.
    """
    checkpoint = open_checkpoint(proof.checkpoint_text, vkey, origin)
    verify_inclusion(proof.index, checkpoint.size, leaf, proof.hashes, checkpoint.root)
    return checkpoint


def _malformed(field: str, value: object) -> MalformedInput:
    rule = Text(en="the form of C2SP tlog-proof", ja="C2SP tlog-proofの形式")
    return MalformedInput("BAD_PROOF", field, value, rule)
