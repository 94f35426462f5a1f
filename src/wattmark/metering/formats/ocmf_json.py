"""The JSON of OCMF, strictly: each name once, numbers kept as they are written, nothing that JSON does not have."""

import json
from typing import Any, Final, NoReturn, cast

from wattmark.metering.formats.record_refusals import RecordCode, record_refused

MAX_DEPTH: Final = 16
"""Deepest nesting of brackets; readings need three."""
_OPENING: Final = frozenset("[{")
_CLOSING: Final = frozenset("]}")


class Number(str):
    """A JSON number in the characters it was signed in: a register is a decimal, never a float."""

    __slots__ = ()


class _OddError(ValueError):
    """JSON that Python would take."""


def json_object(data: bytes, where: str) -> dict[str, Any]:
    """Return the one JSON object of a section; numbers are ``Number``.

    Args:
        data: the section.
        where: its name, for the error.

    Raises:
        ReadingsMalformed: ``NOT_JSON``.
    """
    try:
        text = data.decode("utf-8")
        _check_depth(text)
        found = json.loads(
            text, object_pairs_hook=_once, parse_float=Number, parse_int=Number, parse_constant=_no_constant
        )
    except ValueError as error:  # also UnicodeDecodeError and JSONDecodeError
        position = getattr(error, "pos", None)
        raise record_refused(
            RecordCode.NOT_JSON, where if position is None else f"{where}, character {position}", str(error)
        ) from error
    if type(found) is not dict:
        raise record_refused(RecordCode.NOT_JSON, where, type(found).__name__)
    return cast("dict[str, Any]", found)


def _check_depth(text: str) -> None:
    """Brackets inside texts count too: a record that has so many of them in a text is none."""
    depth = 0
    for character in text:
        if character in _OPENING:
            depth += 1
            if depth > MAX_DEPTH:
                raise _OddError("nested too deeply")
        elif character in _CLOSING:
            depth -= 1


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _OddError("a name twice")
    return found


def _no_constant(text: str) -> NoReturn:
    raise _OddError(text)
