"""Tables of commands as aligned text, in the manner of a rule book.

::

    kind      actor  fields                             | outcome
    TRANSFER  alice  lot=held start=0 end=10 to=bob     | OK
    TRANSFER  .      to_account=99                      | UNKNOWN_ACCOUNT

The first line of a kind is the base; a later line changes some of its fields (``.`` keeps the actor). A value
is an integer expression over the names of the world; ``start=its end=its quantity_wh=its`` mean the range of the
named lot. ``flags``, ``kind``, ``id`` and ``word5`` (a raw word) can be set too. What stands after ``#`` is for
the reader.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from wattmark.core.ids import derive_id
from wattmark.engine.commands import HASHED, Kind, command


@dataclass(frozen=True)
class Line:
    """One line: its text, kind, actor, all fields after the base's, and what is expected."""

    text: str
    kind: str
    actor: str
    fields: dict[str, str]
    changed: frozenset[str]
    expected: str

    def __str__(self) -> str:
        return " ".join(self.text.split())


def parse(table: str) -> list[Line]:
    """The lines of a table, without its heading."""
    lines: list[Line] = []
    bases: dict[str, Line] = {}
    for text in table.strip().splitlines()[1:]:
        if not text.split("#")[0].strip():
            continue
        wish, expected = text.split("#")[0].split("|")
        kind, actor, *pairs = wish.split()
        fields = dict(pair.split("=") for pair in pairs)
        base = bases.get(kind)
        changed = frozenset(fields) | (frozenset({"actor"}) if actor != "." else frozenset())
        if base is not None:
            fields = base.fields | fields
            actor = base.actor if actor == "." else actor
        line = Line(text, kind, actor, fields, changed if base else frozenset(), expected.strip())
        bases.setdefault(kind, line)
        lines.append(line)
    return lines


def merged(first: Line, second: Line, base: Line) -> Line | None:
    """The command that breaks what both lines break; ``None`` when they change the same thing."""
    if first.changed & second.changed or not first.changed or not second.changed:
        return None
    fields = dict(base.fields)
    for line in (first, second):
        fields |= {name: line.fields[name] for name in line.changed - {"actor"}}
    actor = next((line.actor for line in (first, second) if "actor" in line.changed), base.actor)
    return Line(f"{first} & {second}", base.kind, actor, fields, first.changed | second.changed, "")


def record(line: Line, names: dict[str, int], *, salt: str = "") -> np.ndarray:
    """The 128-byte record of a line, with an id of its own."""

    def number(text: str) -> int:
        return int(eval(text, {"__builtins__": {}}, dict(names)))

    def value(name: str, text: str) -> int:
        if text != "its":
            return number(text)
        start = names.get(f"{line.fields['lot']}_start", 0)
        end = names.get(f"{line.fields['lot']}_end", 1)
        return {"start": start, "end": end, "quantity_wh": end - start}[name]

    kind = Kind[line.kind]
    values: dict[str, Any] = {name: value(name, text) for name, text in line.fields.items()}
    words = {int(name[4:]): values.pop(name) for name in list(values) if name.startswith("word")}
    special = {name: values.pop(name) for name in ("flags", "kind", "id") if name in values}
    row = command(
        kind,
        id=special.get("id") or derive_id(str(line), salt),
        actor=0,
        flags=special.get("flags", 0),
        hash=bytes(range(32)) if kind in HASHED else None,
        root=bytes(32) if kind is Kind.BULK_ROOT else None,
        **values,
    )
    row[2] = (int(row[2]) & 0xFFFF_FFFF) | number(line.actor) << 32
    if "kind" in special:
        row[2] = (int(row[2]) & ~0xFFFF) | special["kind"]
    if "id" in special and special["id"] == 0:
        row[:2] = 0
    for word, value in words.items():
        row[word] = value
    return row
