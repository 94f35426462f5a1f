"""The WebSocket: market data and order entry over one connection (RFC 6455), JSON both ways.

Life of a connection: its origin is checked, it is taken; it may log in, follow products, place, amend and cancel
orders; each order is answered with its verdict once that is on disk. Three tasks share it::

    reader    takes messages, one at a time; orders are queued in the order they came, IN_FLIGHT at most
    writer    tells market data and, every heartbeat_s seconds, a heartbeat
    orders    one per order on its way

What comes too fast is refused, what is silent for three heartbeats is closed, and who does not read loses market data
(``taps.py``) and, with IN_FLIGHT answers unread, is not read from. At the end of a connection with a session its orders
are cancelled (``sessions.py``).
"""

import asyncio
import contextlib
import json
from collections.abc import Coroutine
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from wattmark.api.authorisation import API, caller_behind
from wattmark.api.batch import outcome_fields
from wattmark.api.context import Context
from wattmark.api.entry import commands_of
from wattmark.api.errors import ErrorResponse, error_body, unavailable_response
from wattmark.api.follow import Followed
from wattmark.api.messages import (
    AmendOrder,
    BadMessage,
    CancelOrder,
    Heartbeat,
    Login,
    Message,
    Subscribe,
    Unsubscribe,
    read_message,
)
from wattmark.api.security import Principal, bearer_secret, key_required, not_allowed, not_theirs, principal_of_key
from wattmark.core.errors import Refused, RuleViolated, Unavailable
from wattmark.core.text import Text
from wattmark.engine.commands import Words
from wattmark.engine.outcomes import Outcome

IN_FLIGHT: Final = 64
"""Orders of one connection that may wait for their answer."""
MESSAGES_PER_S: Final = 1_000
BURST: Final = 2_000
MAX_REFUSED: Final = 1_000
"""Messages that are refused for coming too fast before the connection is closed."""
SILENT_HEARTBEATS: Final = 3
MAX_SOCKETS: Final = 1_000
POLICY: Final = 1_008
TRY_LATER: Final = 1_013

FULL: Final = Text(en="too many connections", ja="接続が多すぎます")
OWN_PAGES: Final = Text(en="an Origin of this server, or none", ja="このサーバーのOrigin、またはOriginなし")
SLOWER: Final = Text(
    en=f"at most {MESSAGES_PER_S} messages per second; nothing was done", ja=f"毎秒{MESSAGES_PER_S}件以下(変更なし)"
)
LOGGED_IN: Final = Text(en="one login per connection, before the first order", ja="ログインは接続ごとに一度")
TEXT_ONLY: Final = Text(en="text messages", ja="テキストメッセージ")


router: Final = APIRouter()


@router.websocket(f"{API}/socket")
async def serve_socket(websocket: WebSocket) -> None:
    """Serve one connection to its end."""
    context: Context = websocket.app.state.context
    if not _is_own(websocket):
        fields = error_body("ORIGIN_NOT_ALLOWED", "origin", websocket.headers.get("origin", ""), OWN_PAGES)
        await _deny(websocket, 403, fields)
        return
    try:
        caller = await _caller_of(websocket, context)
    except Refused as error:
        await _deny(websocket, 401, {"error": error.to_dict()})
        return
    if context.sessions.sockets >= MAX_SOCKETS or context.taps.is_over:
        await websocket.send_denial_response(unavailable_response(Unavailable(FULL)))
        return
    context.sessions.sockets += 1
    try:
        await websocket.accept()
        await Connection(websocket, context, caller).run()
    finally:
        context.sessions.sockets -= 1


def _is_own(websocket: WebSocket) -> bool:
    """Return whether a page of this server, or no page, opens the connection: browsers send cookies to anybody's."""
    origin = websocket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == websocket.headers.get("host", "").lower()


async def _caller_of(websocket: WebSocket, context: Context) -> Principal | None:
    header = websocket.headers.get("authorization", "")
    return await caller_behind(context, bearer_secret(header)) if header else None


async def _deny(websocket: WebSocket, status: int, content: dict[str, Any]) -> None:
    await websocket.send_denial_response(ErrorResponse(content, status))


class Bucket:
    """How many messages may still come: ``MESSAGES_PER_S`` in the long run, ``BURST`` at once."""

    def __init__(self, now_s: float) -> None:
        """Begin full."""
        self._left, self._at_s = float(BURST), now_s

    def take(self, now_s: float) -> bool:
        """Return whether one more may come."""
        self._left = min(self._left + (now_s - self._at_s) * MESSAGES_PER_S, float(BURST))
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Connection:
    """One connection after its handshake."""

    def __init__(self, websocket: WebSocket, context: Context, caller: Principal | None) -> None:
        """Serve ``websocket`` for a caller, if it named one."""
        self._websocket = websocket
        self._context = context
        self._caller = caller
        self._is_logged_in = False
        self._session = 0
        self._heartbeat_s = 10
        self._followed = Followed(context)
        self._orders: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(IN_FLIGHT)

    async def run(self) -> None:
        """Serve until the client goes, is silent, or breaks a rule; then cancel what its session placed."""
        writer = asyncio.create_task(self._write(), name="socket writer")
        try:
            await self._read()
        except (WebSocketDisconnect, RuntimeError):
            pass  # gone; starlette raises RuntimeError for what is sent to nobody
        finally:
            if self._session and self._caller is not None:
                self._context.sessions.end(self._caller.account, self._session)
            self._followed.close()
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        bucket, refused = Bucket(loop.time()), 0
        while True:
            try:
                async with asyncio.timeout(SILENT_HEARTBEATS * self._heartbeat_s):
                    received = await self._websocket.receive()
            except TimeoutError:
                await self._close(POLICY, "no heartbeat")
                return
            if received["type"] == "websocket.disconnect":
                return
            if not bucket.take(loop.time()):
                refused += 1
                if refused > MAX_REFUSED:
                    await self._close(POLICY, "too many messages")
                    return
                await self._send({"type": "error", **error_body("TOO_MANY_MESSAGES", "message", "", SLOWER)})
                continue
            text = received.get("text")
            if text is None:
                await self._send({"type": "error", **error_body("NOT_TEXT", "message", "", TEXT_ONLY)})
                continue
            try:
                message = read_message(text)
            except BadMessage as error:
                await self._send(error.answer)
                continue
            await self._do(message)

    async def _do(self, message: Message) -> None:
        """Carry out one message; orders go on in a task of their own."""
        body = message.body
        try:
            if isinstance(body, Heartbeat):
                return
            if isinstance(body, Login):
                await self._login(body)
                await self._send(message.answer(account=self._caller.account if self._caller else None))
            elif isinstance(body, (Subscribe, Unsubscribe)):
                await self._followed.ask(message)
            else:
                commands = commands_of(body, self._actor().account, self._session)
                await self._room.acquire()
                self._begin(self._order(message, commands))
        except (Refused, Unavailable) as error:
            await self._send(message.refused(error))

    async def _login(self, body: Login) -> None:
        if self._is_logged_in or self._orders:
            raise RuleViolated("LOGGED_IN", "login", "", LOGGED_IN)
        caller = self._caller
        if body.key is not None:
            caller = await caller_behind(self._context, body.key)
        if caller is None:
            raise key_required()
        if body.session is not None:
            if not caller.may_act:
                raise not_allowed("session", body.session)
            if self._context.platform.elsewhere is not None:
                raise Unavailable(self._context.platform.elsewhere)
            self._context.sessions.begin(caller.account, body.session)
            self._session = body.session
        self._caller, self._is_logged_in = caller, True
        self._heartbeat_s = body.heartbeat_s
        self._followed.wake()

    def _actor(self) -> Principal:
        """Return who gives orders; the key may have been revoked since the login."""
        caller = None if self._caller is None else principal_of_key(self._context.platform, self._caller.key)
        if caller is None:
            raise key_required()
        if not caller.may_act:
            raise not_allowed("authorization", "")
        if self._context.platform.elsewhere is not None:
            raise Unavailable(self._context.platform.elsewhere)
        return caller

    def _begin(self, order: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(order, name="socket order")
        self._orders.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._orders.discard(task)
        self._room.release()

    async def _order(self, message: Message, commands: Words) -> None:
        """Have one command carried out and answer with its verdict."""
        try:
            (verdict,) = (await self._context.commit.submit(commands)).tolist()
            if verdict[1] == Outcome.NOT_OWNER and isinstance(message.body, (AmendOrder, CancelOrder)):
                answer = message.refused(not_theirs("order", message.body.order))
            else:
                answer = message.answer(**outcome_fields(commands[0], verdict))
        except (Refused, Unavailable) as error:
            answer = message.refused(error)
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await self._send(answer)

    async def _write(self) -> None:
        """Tell market data as it comes and a heartbeat every so often, until the connection ends."""
        loop = asyncio.get_running_loop()
        told_s = loop.time()
        try:
            while True:
                wait_s = max(told_s + self._heartbeat_s - loop.time(), 0.0)
                try:
                    texts = await self._followed.take(wait_s)
                except (Unavailable, Refused):
                    await self._close(TRY_LATER, "stopping")
                    return
                for text in texts:
                    await self._tell(text)
                if loop.time() - told_s >= self._heartbeat_s:
                    told_s = loop.time()
                    await self._send({"type": "heartbeat", "timestamp_ms": self._context.clock()})
        except (WebSocketDisconnect, RuntimeError):
            pass  # gone
        finally:
            self._followed.close()

    async def _tell(self, text: str) -> None:
        """Send market data; waits while the client's buffer is full."""
        await self._websocket.send_text(text)

    async def _send(self, answer: dict[str, Any]) -> None:
        text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
        await self._websocket.send_text(text.encode("utf-8", "replace").decode())

    async def _close(self, code: int, reason: str) -> None:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            if self._websocket.application_state is WebSocketState.CONNECTED:
                await self._websocket.close(code, reason)
