"""Static files under names that carry a hash of their content, so that a browser may keep them for ever."""

from hashlib import sha256
from importlib.resources import files
from typing import Final

from starlette.responses import Response

from wattmark.core.errors import UnknownReference
from wattmark.core.text import Text

TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
NAMES: Final = ("wattmark.css", "wattmark.js", "book.js", "mark.svg")
HASH_CHARS: Final = 12
IMMUTABLE: Final = "public, max-age=31536000, immutable"
NO_FILE: Final = Text(en="a static file of this version", ja="この版の静的ファイル")


class Assets:
    """The static files, read once."""

    def __init__(self) -> None:
        """Read every file and name it."""
        folder = files("wattmark.web") / "static"
        self._content: dict[str, bytes] = {}
        self._address: dict[str, str] = {}
        for name in NAMES:
            data = (folder / name).read_bytes()
            stem, _, ending = name.rpartition(".")
            hashed = f"{stem}.{sha256(data).hexdigest()[:HASH_CHARS]}.{ending}"
            self._content[hashed] = data
            self._address[name] = f"/static/{hashed}"

    def address(self, name: str) -> str:
        """Return where a file is served."""
        return self._address[name]

    def response(self, name: str) -> Response:
        """Return a file by its hashed name.

        Raises:
            UnknownReference: there is none, or it is of another version.
        """
        if name not in self._content:
            raise UnknownReference("UNKNOWN_FILE", "name", name, NO_FILE)
        kind = TYPES[name.rpartition(".")[2]]
        return Response(self._content[name], media_type=kind, headers={"Cache-Control": IMMUTABLE})
