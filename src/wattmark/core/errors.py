"""The error tree.

::

    WattmarkError
    |-- Refused                 the caller's input or wish is refused; nothing changed
    |   |-- MalformedInput      bytes, JSON or a field do not have the required form
    |   |-- UnknownReference    an account, lot, product, key ... that does not exist
    |   |-- NotAuthorised       not theirs to read or do
    |   `-- RuleViolated        well formed, but against a rule (a law, a life cycle, a limit)
    |-- Broken                  stored truth does not hold; names file and position
    `-- Unavailable             nobody's fault of form: disk full, fsync failed, not the writer

A promise broken between our own functions is an ``assert``, not one of these.
"""

from typing import Final

from typing_extensions import override

from wattmark.core.text import Text

VALUE_CHARS_SHOWN = 200
"""Longest rendering of a refused value, so that an error stays one readable line [characters]."""

_MAX_NUMBER: Final = 1 << 128
"""Larger numbers are shown as text."""


class WattmarkError(Exception):
    """Root of every error raised on purpose."""


class Refused(WattmarkError):  # noqa: N818 - the field's word; every leaf reads as a sentence
    """The input is refused and nothing changed.

    Attributes:
        code: stable name of the refusal, such as ``RANGE_NOT_IN_LOT``.
        field: name of the field at fault.
        value: the offending value.
        rule: the rule it breaks, in both languages.
    """

    def __init__(self, code: str, field: str, value: object, rule: Text) -> None:
        """Keep what is refused and why."""
        super().__init__(code, field, value, rule)
        self.code = code
        self.field = field
        self.value = value
        self.rule = rule

    @override
    def __str__(self) -> str:
        """Return one English line: field, value, rule, code."""
        return self.message("en")

    def shown_value(self) -> str:
        """Return the value as text, cut to ``VALUE_CHARS_SHOWN``."""
        try:
            shown = self.value if isinstance(self.value, str) else repr(self.value)
        except ValueError:  # Python writes out no integer of more than 4,300 digits; CBOR can hold one
            shown = f"({type(self.value).__name__}, too long to show)"
        return shown if len(shown) <= VALUE_CHARS_SHOWN else shown[:VALUE_CHARS_SHOWN] + "..."

    def message(self, language: str) -> str:
        """Return one line naming field, value, rule and code."""
        return f"{self.field} = {self.shown_value()}: {self.rule.get(language)} [{self.code}]"

    def to_dict(self) -> dict[str, object]:
        """Return the JSON form used by the API and the CLI."""
        value = self.value if isinstance(self.value, int) and abs(self.value) < _MAX_NUMBER else self.shown_value()
        return {"code": self.code, "field": self.field, "value": value, "rule": self.rule.to_dict()}


class MalformedInput(Refused):
    """Bytes, JSON or a field do not have the required form."""


class UnknownReference(Refused):
    """Something is named that does not exist."""


class NotAuthorised(Refused):
    """Not theirs to read or do."""


class RuleViolated(Refused):
    """Well formed, but against a rule."""


class Broken(WattmarkError):  # noqa: N818 - says what is the case, as Refused does
    """Stored truth does not hold.

    Attributes:
        file: path relative to the home directory.
        position: byte, frame, row or hash index in words.
        rule: law or format rule that fails.
        detail: what was found.
    """

    def __init__(self, file: str, position: str, rule: str, detail: str) -> None:
        """Keep where what does not hold."""
        super().__init__(file, position, rule, detail)
        self.file = file
        self.position = position
        self.rule = rule
        self.detail = detail

    @override
    def __str__(self) -> str:
        """Return one line: file, position, rule, detail."""
        return f"{self.file} at {self.position}: {self.rule}: {self.detail}"


class Unavailable(WattmarkError):  # noqa: N818 - as above
    """The service cannot take the request now; nothing was acknowledged."""

    def __init__(self, reason: Text) -> None:
        """Keep the reason in both languages."""
        super().__init__(reason)
        self.reason = reason

    @override
    def __str__(self) -> str:
        """Return the English reason."""
        return self.reason.en
