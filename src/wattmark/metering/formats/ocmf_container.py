"""The XML files of the SAFE transparency software: values with their claimed public keys.

A document type is refused before anything in it is read, so that no entity exists but XML's own five and nothing is
fetched; size and depth are limited.
"""

import xml.parsers.expat
from dataclasses import dataclass, field
from typing import Final

from wattmark.metering.formats.record_refusals import RecordCode, record_refused

MAX_FILE_BYTES: Final = 4 << 20
MAX_DEPTH: Final = 16
MAX_VALUES: Final = 10_000
"""Values in one file; an empty one takes 15 bytes of it, but more of memory."""
FORMAT: Final = "OCMF"
ENCODINGS: Final = frozenset({"utf-8", "us-ascii", "iso-8859-1"})
_VALUE: Final = "value"
_KEY: Final = "publicKey"
_DATA: Final = ("signedData", "encodedData")
_HEAD: Final = "OCMF|"


@dataclass(frozen=True, slots=True)
class SealedValue:
    """One value of a container, nothing of it verified.

    Attributes:
        line: line of the file it starts on.
        format: its ``format``; ``OCMF`` where the data says so itself; empty where unknown.
        data: the signed record, white space around it left out.
        key_text: the key the file brings, empty where it brings none: a claim.
        context: ``context`` attribute, such as ``Transaction.Begin``.
    """

    line: int
    format: str
    data: bytes
    key_text: str
    context: str


@dataclass(slots=True)
class _Open:
    """The value being read."""

    line: int
    context: str
    format: str = ""
    texts: dict[str, list[str]] = field(default_factory=dict)


class _Handler:
    def __init__(self) -> None:
        self.depth = 0
        self.found: list[SealedValue] = []
        self.open: _Open | None = None
        self.into: list[str] | None = None
        self.parser = xml.parsers.expat.ParserCreate()
        self.parser.XmlDeclHandler = self.declaration
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text

    def refuse(self, rule: str, value: object) -> Exception:
        return record_refused(RecordCode.NOT_XML, f"line {self.parser.CurrentLineNumber}", value, rule=rule)

    def declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        del version, standalone
        if encoding is not None and encoding.lower() not in ENCODINGS:
            raise self.refuse("UTF-8 or ISO-8859-1", encoding)

    def doctype(self, name: str, system: str | None, public: str | None, internal: int) -> None:
        del system, public, internal
        raise self.refuse("no document type", name)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.refuse(f"at most {MAX_DEPTH} elements deep", name)
        if name == _VALUE:
            if self.open is not None:
                raise self.refuse("no value inside a value", name)
            if len(self.found) == MAX_VALUES:
                raise self.refuse(f"at most {MAX_VALUES} values", name)
            self.open = _Open(self.parser.CurrentLineNumber, attributes.get("context", ""))
        elif self.open is not None and (name in _DATA or name == _KEY):
            kind = _KEY if name == _KEY else _DATA[0]
            if kind in self.open.texts or self.into is not None:
                raise self.refuse("one signedData and one publicKey in a value", name)
            if kind != _KEY:
                self.open.format = attributes.get("format", "")
            self.into = self.open.texts[kind] = []

    def end(self, name: str) -> None:
        self.depth -= 1
        if name in _DATA or name == _KEY:
            self.into = None
        elif name == _VALUE and self.open is not None:
            self.found.append(_sealed(self.open))
            self.open = None

    def text(self, text: str) -> None:
        if self.into is not None:
            self.into.append(text)


def read_container(data: bytes) -> tuple[SealedValue, ...]:
    """Return the values of a file, in its order; none is a possible answer.

    Args:
        data: the file.

    Raises:
        ReadingsMalformed: ``RECORD_TOO_LONG`` or ``NOT_XML``; names the line.
    """
    if len(data) > MAX_FILE_BYTES:
        raise record_refused(RecordCode.RECORD_TOO_LONG, "file", f"{len(data)} bytes", limit=MAX_FILE_BYTES)
    handler = _Handler()
    try:
        handler.parser.Parse(data, True)  # noqa: FBT003 - expat takes no names
    except (xml.parsers.expat.ExpatError, ValueError, LookupError) as error:
        raise handler.refuse("well-formed", str(error)) from error
    return tuple(handler.found)


def _sealed(value: _Open) -> SealedValue:
    text = "".join(value.texts.get(_DATA[0], ())).strip()
    return SealedValue(
        line=value.line,
        format=value.format or (FORMAT if text.startswith(_HEAD) else ""),
        data=text.encode(),
        key_text="".join(value.texts.get(_KEY, ())).strip(),
        context=value.context,
    )
