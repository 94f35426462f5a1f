"""ASGI middleware of a mirror: what would change something is refused with the address of the writer."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from wattmark.api.errors import unavailable_response
from wattmark.core.errors import Unavailable
from wattmark.core.text import Text

READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OWN: Final = frozenset({"/login", "/logout", "/language", "/verify", "/api/v1/replication/fence"})
"""Addresses whose forms change nothing in the log, and the one that turns this follower to another writer."""


class Elsewhere:
    """Lets reads through and answers everything else with 503 and where to go."""

    def __init__(self, app: ASGIApp, reason: Text) -> None:
        """Wrap an application; the reason names the writer."""
        self._app, self._reason = app, reason

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] not in READS and scope["path"] not in OWN:
            await unavailable_response(Unavailable(self._reason))(scope, receive, send)
            return
        await self._app(scope, receive, send)
