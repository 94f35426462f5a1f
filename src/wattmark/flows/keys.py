"""The secrets of a platform, and what may be published of them."""

from dataclasses import dataclass, field
from typing import Final

from wattmark.ledger.note import NoteKey

SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys under ``HOME/keys``.

    Attributes:
        log: signs checkpoints.
        blinding: secret the salts of log entries and lake rows derive from (L8); 32 bytes.
        web: signs the sessions of the pages; 32 bytes, may be replaced at any time.
        subtree: signs checkpoints once more, with ML-DSA-44; ``None`` where the log has no such key.
    """

    log: NoteKey
    blinding: bytes = field(repr=False)
    web: bytes = field(repr=False)
    subtree: NoteKey | None = None

    @property
    def vkey(self) -> str:
        """Return the public verifier key text, to be published."""
        return self.log.vkey


@dataclass(frozen=True, slots=True)
class LogKeys:
    """Who the log is.

    Attributes:
        origin: the log's origin line.
        vkey: its verifier key.
        signer: signs checkpoints; ``None`` opens for reading only.
        blinding_key: secret from which salts are drawn; empty when read-only.
        subtree_signer: signs checkpoints beside ``signer`` (C2SP 0x06), ``None`` for one signature.
    """

    origin: str
    vkey: str
    signer: NoteKey | None
    blinding_key: bytes = field(repr=False)
    subtree_signer: NoteKey | None = None
