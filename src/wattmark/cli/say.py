"""How the program speaks: language, one-line errors, exit codes, JSON."""

import json
import os
import sys
from typing import Any, Final

import typer

from wattmark.core.errors import Broken, Refused, Unavailable, WattmarkError
from wattmark.core.text import Language, Text

EXIT_OK: Final = 0
EXIT_FINDINGS: Final = 1
"""What is stored, or a proof, does not hold."""
EXIT_WRONG_INPUT: Final = 2
"""The caller's input is refused."""
EXIT_UNAVAILABLE: Final = 3
"""Another writer, a full disk, an fsync error."""

_ERROR: Final = Text(en="error", ja="エラー")


def language(arguments: list[str] | None = None) -> Language:
    """Return the language of ``--lang`` in the arguments, else of LC_ALL, LC_MESSAGES or LANG, else English."""
    words = sys.argv[1:] if arguments is None else arguments
    for index, word in enumerate(words):
        if word == "--lang" and index + 1 < len(words):
            return "ja" if words[index + 1] == "ja" else "en"
        if word.startswith("--lang="):
            return "ja" if word == "--lang=ja" else "en"
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "ja" if value.startswith("ja") else "en"
    return "en"


def tell(text: Text) -> str:
    """Return the message in the language of this run."""
    return text.get(language())


def say(text: Text) -> None:
    """Print the message to the standard output."""
    typer.echo(tell(text))


def warn(text: Text) -> None:
    """Print the message to the standard error."""
    typer.echo(tell(text), err=True)


def print_json(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Print one JSON value on one line."""
    typer.echo(json.dumps(value, ensure_ascii=False, sort_keys=True))


def exit_code(error: WattmarkError) -> int:
    """Return the exit code of an error of ours."""
    if isinstance(error, Refused):
        return EXIT_WRONG_INPUT
    return EXIT_FINDINGS if isinstance(error, Broken) else EXIT_UNAVAILABLE


def error_line(error: WattmarkError) -> str:
    """Return one line: what is at fault, its value, the rule, the code."""
    tongue = language()
    if isinstance(error, Refused):
        detail = error.message(tongue)
    elif isinstance(error, Unavailable):
        detail = error.reason.get(tongue)
    else:
        detail = str(error)
    return f"{tell(_ERROR)}: {' '.join(detail.split())}"
