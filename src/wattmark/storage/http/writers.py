"""A log's writer over HTTP: what a follower asks of it, by one connection that is kept open.

Nothing that comes back is believed: ``flows.follow`` verifies it. The API key stands in a header only.
"""

import http.client
import json
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from wattmark.core.errors import MalformedInput, NotAuthorised, Unavailable
from wattmark.core.text import Text
from wattmark.flows.follow import Answer, Refusal

API: Final = "/api/v1/replication"
TIMEOUT_S: Final = 5.0
"""Longest silence of a writer, beyond what it was asked to wait [s]."""
MAX_BODY_BYTES: Final = 512 << 20
"""Longest body read: a lake file [bytes]."""
MAX_FRAMES_BYTES: Final = 64 << 20
"""Longest body of frames read [bytes]."""
LENGTH_BYTES: Final = 4
"""Length of a tile before it, little-endian; 0 for one that is not there."""
MAX_TEXT_BYTES: Final = 1 << 20
"""Longest body of anything else [bytes]."""


class HttpWriter:
    """Asks one writer; see ``wattmark.flows.follow.Writer``. Each thread needs its own."""

    def __init__(self, url: str, api_key: str, timeout_s: float = TIMEOUT_S) -> None:
        """Ask at an http or https address, with an API key of an operator or auditor.

        Raises:
            MalformedInput: not an address, or a key that cannot stand in a header.
        """
        parts = urlsplit(url)
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in kinds or not parts.hostname or port == -1 or parts.username is not None:
            rule = Text(en="an http or https address", ja="httpまたはhttpsのアドレス")
            raise MalformedInput("BAD_ADDRESS", "url", url, rule)
        if not api_key.isascii() or (not api_key.isalnum() and not api_key.replace("_", "").isalnum()):
            rule = Text(en="an API key of letters, digits and underscores", ja="英数字と下線からなるAPIキー")
            raise MalformedInput("KEY_MALFORMED", "api_key", "(secret)", rule)
        self._kind, self._host, self._port = kinds[parts.scheme], parts.hostname, port
        self._prefix = parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._timeout_s = timeout_s
        self._connection: http.client.HTTPConnection | None = None

    def frames(self, query: Mapping[str, str | int], wait_s: float) -> Answer | Refusal:
        """Return the frames after one; empty when none came while the writer waited.

        Raises:
            Unavailable: not reached, too slow, or not the writer now.
            NotAuthorised: the API key does not do.
        """
        path = f"{API}/frames?{urlencode({**query, 'wait_ms': int(wait_s * 1_000)})}"
        status, headers, body = self._ask("GET", path, MAX_FRAMES_BYTES, wait_s)
        if status in (200, 204):
            return Answer(_number(headers, "wattmark-epoch"), body)
        return _refusal(status, body)

    def head(self) -> dict[str, Any]:
        """Return what the writer says of itself.

        Raises:
            Unavailable, NotAuthorised: as ``frames``.
        """
        return self._json("GET", f"{API}/head")

    def fence(self, epoch: int, writer: str) -> dict[str, Any]:
        """Tell a follower's or writer's server that there is a writer of a higher epoch, and return what it has.

        Raises:
            Unavailable, NotAuthorised: as ``frames``.
        """
        return self._json("POST", f"{API}/fence", json.dumps({"epoch": epoch, "writer": writer}).encode())

    def settings(self) -> bytes:
        """Return the writer's settings file."""
        return self._file(f"{API}/settings", MAX_TEXT_BYTES) or b""

    def checkpoint(self) -> str | None:
        """Return the public checkpoint, ``None`` before the first."""
        body = self._file("/log/checkpoint", MAX_TEXT_BYTES)
        return None if body is None else body.decode(errors="replace")

    def tiles(self, paths: Sequence[str]) -> list[bytes | None]:
        """Return tiles in one answer, ``None`` for what the writer does not have or did not send.

        Raises:
            Unavailable, NotAuthorised: as ``frames``.
        """
        body = self._file(f"{API}/tiles?{urlencode({'paths': ','.join(paths)})}", MAX_FRAMES_BYTES) or b""
        tiles: list[bytes | None] = []
        place = 0
        for _ in paths:
            start = place + LENGTH_BYTES
            place = start + int.from_bytes(body[place:start], "little")
            tiles.append(body[start:place] or None)
        return tiles

    def lake_file(self, path: str) -> bytes | None:
        """Return a lake file, ``None`` where the writer has none."""
        return self._file(f"{API}/lake/{quote(path)}", MAX_BODY_BYTES)

    def cut(self) -> None:
        """End a wait that another thread is in; it raises ``Unavailable`` there."""
        connection = self._connection
        connected = None if connection is None else connection.sock
        if connected is not None:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _file(self, path: str, most: int) -> bytes | None:
        status, _, body = self._ask("GET", path, most)
        if status == 404:
            return None
        if status != 200:
            _raise(_refusal(status, body))
        return body

    def _json(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        status, _, answer = self._ask(method, path, MAX_TEXT_BYTES, body=body)
        if status != 200:
            _raise(_refusal(status, answer))
        return _object(answer)

    def _ask(
        self, method: str, path: str, most: int, wait_s: float = 0.0, *, body: bytes | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        headers = {**self._headers, "Content-Type": "application/json"} if body is not None else self._headers
        is_kept = self._connection is not None
        try:
            try:
                answer = self._sent(wait_s, method, path, body, headers)
            except ConnectionError:  # a server closes what was idle for some seconds
                self.close()
                if not is_kept:
                    raise
                answer = self._sent(wait_s, method, path, body, headers)
            data = _at_most(answer, most)
            answer.close()  # read to its end, the connection goes on
            if answer.will_close:
                self.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise _failed(f"{type(error).__name__}: {error}") from error
        if answer.status in (401, 403):
            refusal = _refusal(answer.status, data)
            rule = Text(en="an active API key of an operator or auditor", ja="運営者または監査人の有効なAPIキー")
            raise NotAuthorised(refusal.code, "api_key", "(secret)", rule)
        return answer.status, answer.headers, data

    def _sent(
        self, wait_s: float, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        connection = self._connected(wait_s)
        connection.request(method, self._prefix + path, body, headers)
        return connection.getresponse()

    def _connected(self, wait_s: float) -> http.client.HTTPConnection:
        connection = self._connection
        if connection is None:
            connection = self._kind(self._host, self._port, timeout=self._timeout_s)
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection = connection
        if connection.sock is not None:
            connection.sock.settimeout(self._timeout_s + wait_s)
        return connection


def _at_most(answer: http.client.HTTPResponse, most: int) -> bytes:
    """Return the body, piece by piece: a chunk said to be -1 bytes long would be read to its end."""
    data = bytearray()
    while len(data) <= most and (part := answer.read1(min(most + 1 - len(data), 1 << 20))):
        data += part
    if len(data) > most:
        raise ValueError(f"an answer of more than {most} bytes")
    declared = answer.getheader("Content-Length")
    if declared is not None and declared.isdigit() and len(data) < int(declared):
        raise ValueError("the answer was cut short")
    return bytes(data)


def _refusal(status: int, body: bytes) -> Refusal:
    try:
        error = _object(body).get("error", {})
        code, rule = str(error["code"]), error["rule"]
        return Refusal(status, code, Text(en=str(rule["en"]), ja=str(rule["ja"])), body)
    except (Unavailable, KeyError, TypeError, AttributeError):
        return Refusal(status, f"HTTP_{status}", Text(en=f"HTTP status {status}", ja=f"HTTPステータス{status}"), body)


def _raise(refusal: Refusal) -> None:
    raise _failed(f"{refusal.code}: {refusal.rule.en}")


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _failed("no JSON came back") from error
    if not isinstance(content, dict):
        raise _failed("no JSON object came back")
    return content


def _number(headers: http.client.HTTPMessage, name: str) -> int:
    text = headers.get(name) or ""
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise _failed(f"no {name} in the answer: no writer of a log")
    return int(text)


def _failed(why: str) -> Unavailable:
    return Unavailable(Text(en=f"writer not reached: {why}", ja=f"書込元に接続できません: {why}"))
