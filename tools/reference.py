"""Write the tables of docs/reference/ from the code, or with ``--check`` say which page is out of date.

A page is written by hand around blocks that this program fills::

    <!-- made from the code: NAME -->
    ...
    <!-- end -->
"""

import dataclasses
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

os.environ["LC_ALL"] = "C.UTF-8"  # help texts in English

import typer
from fastapi import FastAPI

from wattmark.api.app import ROUTERS
from wattmark.api.authorisation import TABLE
from wattmark.cli.main import commands
from wattmark.engine import layout
from wattmark.engine.commands import FIELDS, HASHED, PAYLOAD_KINDS, PUBLIC_BULKS, PUBLIC_KINDS, Kind
from wattmark.engine.outcomes import RULES, Outcome
from wattmark.flows.settings import _RULES, Settings
from wattmark.market.policy import MarketPolicy
from wattmark.market.surveillance import watch
from wattmark.market.surveillance.policy import Surveillance
from wattmark.market.thresholds import Threshold, thresholds

PAGES = Path(__file__).resolve().parent.parent / "docs" / "reference"
BLOCK = re.compile(r"(<!-- made from the code: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def row(*cells: object) -> str:
    """Return one line of a table."""
    return "| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in cells) + " |"


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table."""
    names = list(head)
    return "\n".join([row(*names), "|" + "---|" * len(names), *(row(*cells) for cells in rows)])


def cli() -> str:
    """Return every command with its arguments and options."""
    return "\n\n".join(_commands(typer.main.get_command(commands), "wattmark"))


def _commands(command: Any, path: str) -> Iterator[str]:
    if hasattr(command, "commands"):
        for name, below in sorted(command.commands.items()):
            yield from _commands(below, f"{path} {name}")
        return
    parameters = [parameter for parameter in command.params if parameter.name != "help"]
    arguments = " ".join(_usage(parameter) for parameter in parameters if not _is_option(parameter))
    text = f"## {path} {arguments}".rstrip() + f"\n\n{_english(command.help or '').replace('``', '`')}"
    if parameters:
        rows = [
            (f"`{_usage(parameter)}`", getattr(parameter, "help", "") or "", _default(parameter))
            for parameter in parameters
        ]
        text += "\n\n" + table(("argument or option", "meaning", "default"), rows)
    yield text


def _is_option(parameter: Any) -> bool:
    return parameter.opts[0].startswith("-")


def _usage(parameter: Any) -> str:
    if not _is_option(parameter):
        return (parameter.metavar or parameter.name).upper()
    options = ", ".join(parameter.opts)
    return options if parameter.is_flag else f"{options} {parameter.metavar or _value_name(parameter)}"


def _value_name(parameter: Any) -> str:
    annotation = str(parameter.type_descriptor.annotation)
    names = {"int": "INTEGER", "Path": "PATH", "str": "TEXT", "float": "NUMBER"}
    return next((shown for name, shown in names.items() if name in annotation), "VALUE")


def _english(text: str) -> str:
    return " ".join(re.split(r"\n\s*\n", text)[0].split())


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    default = parameter.default
    if default in (None, False, "", [], ()) or callable(default):
        return ""
    return f"`{getattr(default, 'value', default)}`"


def settings() -> str:
    """Return every setting with meaning, rule and default."""
    described = dict(re.findall(r"^    (?:    )?(\w+): (.+?)$", inspect.getdoc(Settings) or "", re.MULTILINE))
    rows = []
    for field in dataclasses.fields(Settings):
        shown = "see the market policy" if field.name == "market" else f"`{str(field.default).lower()}`"
        default = "required" if field.default is dataclasses.MISSING else shown
        rows.append((f"`{field.name}`", described[field.name].rstrip("."), _RULES[field.name][1].en, default))
    return table(("setting", "meaning", "rule", "default"), rows)


def _seen_by(kind: Kind) -> str:
    if kind is Kind.BULK_ROOT:
        return f"public: {', '.join(sorted(bulk.name for bulk in PUBLIC_BULKS))}"
    return "public" if kind in PUBLIC_KINDS else "private"


def kinds() -> str:
    """Return every kind of command with its fields."""
    rows = []
    for kind in Kind:
        hashed = "payload" if kind in PAYLOAD_KINDS else "own" if kind in HASHED else ""
        who = "operator" if layout.OPERATOR_ONLY[kind] else "owner"
        fields = ", ".join(f"`{name}`" for name in FIELDS[kind])
        rows.append((int(kind), f"`{kind.name}`", fields, hashed, who, _seen_by(kind)))
    return table(("no.", "kind", "words from 3 on", "hash in 12-15", "asked by", "entry"), rows)


def outcomes() -> str:
    """Return every outcome in order of precedence."""
    return table(
        ("no.", "outcome", "field", "rule", "規則", "source"),
        ((int(o), f"`{o.name}`", RULES[o].field, RULES[o].text.en, RULES[o].text.ja, RULES[o].source) for o in Outcome),
    )


def routes() -> str:
    """Return every route of the API with who may call it."""
    app = FastAPI()
    for router in ROUTERS:
        app.include_router(router)
    paths = app.openapi()["paths"]
    rows = []
    for (method, path), access in TABLE.items():
        described = paths.get(path.replace(":path}", "}"), {}).get(method.lower(), {})
        text = (described.get("description") or "").removeprefix("Return ").replace("``", "`")
        rows.append(
            (f"`{method} {path.replace(':path}', '}')}`", _english(text).split(". ")[0].rstrip("."), access.value)
        )
    return table(("route", "answers", "who may call it"), rows)


def surveillance() -> str:
    """Return every rule of surveillance with its thresholds."""
    parts = []
    for rule in watch.RULES:
        own = [one for one in thresholds(Surveillance) if one.name.startswith(rule.prefix)]
        parts.append(
            f"## {rule.rule} {rule.name.en} ({rule.name.ja})\n\n{rule.text.en} {rule.text.ja} Source: {rule.source}.\n\n"
            + _thresholds(own, "surveillance.")
        )
    return "\n\n".join(parts)


def market_policy() -> str:
    """Return the limits and halts of the market policy."""
    return _thresholds(thresholds(MarketPolicy), "")


def _thresholds(found: Iterable[Threshold], prefix: str) -> str:
    return table(
        ("name", "meaning", "unit", "default", "from", "to"),
        ((f"`{prefix}{one.name}`", one.text.en, one.unit, one.default, one.low, one.high) for one in found),
    )


def _sentence(text: str) -> str:
    first = _english(text).split(". ")[0].rstrip(".")
    return first[:1].upper() + first[1:]


MADE: dict[str, Callable[[], str]] = {
    "cli": cli,
    "settings": settings,
    "kinds": kinds,
    "outcomes": outcomes,
    "routes": routes,
    "surveillance": surveillance,
    "market_policy": market_policy,
}


def filled(text: str) -> str:
    """Return a page with its blocks made anew."""
    return BLOCK.sub(lambda block: f"{block[1]}\n{MADE[block[2]]()}\n\n{block[3]}", text)


def main(*, check: bool) -> int:
    """Write the pages, or return 1 if one is out of date."""
    used: set[str] = set()
    stale = []
    for page in sorted(PAGES.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        used |= {block[2] for block in BLOCK.finditer(text)}
        made = filled(text)
        if made != text:
            stale.append(page.name)
            if not check:
                page.write_text(made, encoding="utf-8")
    missing = sorted(MADE.keys() - used)
    if missing:
        print(f"no page has a block for {', '.join(missing)}")
    if check and stale:
        print(f"out of date, run `make reference`: {', '.join(stale)}")
    return 1 if missing or (check and stale) else 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
