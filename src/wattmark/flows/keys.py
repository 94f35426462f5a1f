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
    """

    log: NoteKey
    blinding: bytes = field(repr=False)
    web: bytes = field(repr=False)

    @property
    def vkey(self) -> str:
        """Return the public verifier key text, to be published."""
        return self.log.vkey
