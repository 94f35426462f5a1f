"""ASGI middleware: headers that bind the browser, and a limit on how much a request may send."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wattmark.api.errors import api_error

KIB: Final = 1_024
MIB: Final = 1_024 * KIB
DEFAULT_LIMIT: Final = 64 * KIB
"""Largest body of an address without a limit of its own [bytes]."""
BODY_LIMITS: Final = {
    "/api/v1/orders/batch": 4 * MIB,
    "/api/v1/readings": MIB,
    "/api/v1/readings/bulk": 16 * MIB,
    "/verify": 2 * MIB,
}
"""Address -> largest body [bytes]."""

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
"""Sent with every response; no page may load anything from another host or run an inline script."""
_HEADERS: Final = tuple(
    (name.lower().encode(), value.encode()) for name, value in {**HEADERS, "Cache-Control": "no-store"}.items()
)
"""As they are sent, unless the response has its own."""


class Shield:
    """Adds ``HEADERS`` to every response and refuses bodies above ``BODY_LIMITS`` before they are read."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", ())
                names = {name.lower() for name, _ in given}
                message["headers"] = [*given, *(header for header in _HEADERS if header[0] not in names)]
            await send(message)

        limit = BODY_LIMITS.get(scope["path"], DEFAULT_LIMIT)
        declared = next((value for name, value in scope["headers"] if name.lower() == b"content-length"), b"0")
        if not declared.isdigit() or int(declared) > limit:
            await api_error(413)(scope, receive, send_with_headers)
            return
        body = await _read(receive, limit)
        if body is None:
            await api_error(413)(scope, receive, send_with_headers)
            return
        await self._app(scope, _replay(body, receive), send_with_headers)


async def _read(receive: Receive, limit: int) -> bytes | None:
    """Return the whole body, or ``None`` when it is longer than ``limit`` bytes."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
