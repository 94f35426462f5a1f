"""Files and keys that the user names on the command line."""

import os
from errno import EISDIR
from io import BufferedReader
from pathlib import Path

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text


def read_key(key: str) -> str:
    """Return a verifier key given as text or as the path of a file.

    Raises:
        MalformedInput: the file cannot be read.
    """
    return key if "+" in key else read_input(Path(key), "key").decode(errors="replace").strip()


def read_input(path: Path, field: str) -> bytes:
    """Return the bytes of a file the user named.

    Raises:
        MalformedInput: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        rule = Text(en=f"a readable file ({error.strerror})", ja=f"読み取れるファイル({error.strerror})")
        raise MalformedInput("FILE_UNREADABLE", field, str(path), rule) from error


def opened(path: Path, field: str) -> BufferedReader:
    """Return a file the user named, opened for reading.

    Raises:
        MalformedInput: it cannot be read.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        return path.open("rb")
    except OSError as error:
        rule = Text(en=f"a readable file ({error.strerror})", ja=f"読み取れるファイル({error.strerror})")
        raise MalformedInput("FILE_UNREADABLE", field, str(path), rule) from error
