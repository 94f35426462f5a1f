"""What an audit found: always a file, a position and the rule that fails."""

from dataclasses import dataclass

from wattmark.core.errors import Broken


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that does not hold.

    Attributes:
        file: path relative to the home directory.
        position: byte, frame, row or hash index in words.
        rule: law (L1..L9), requirement id or format rule.
        detail: expected and found.
    """

    file: str
    position: str
    rule: str
    detail: str

    def to_dict(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"file": self.file, "position": self.position, "rule": self.rule, "detail": self.detail}

    @classmethod
    def from_broken(cls, error: Broken) -> "Finding":
        """Return the finding that reports a ``Broken`` error."""
        return cls(error.file, error.position, error.rule, error.detail)
