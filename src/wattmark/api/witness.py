"""A witness as a web application of its own (C2SP tlog-witness), with nothing of the platform in it.

::

    POST /add-checkpoint               200 the cosignature lines
                                       400 403 404 422 why not; 409 the size cosigned last
    GET  /<hex sha256(origin)>/checkpoint    the latest cosigned checkpoint

    413 a request that is too long       500 what is stored does not hold       503 it cannot be stored now
"""

import logging
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from wattmark.core.clock import Clock, now_ms
from wattmark.core.errors import Broken, Unavailable, UnknownReference
from wattmark.core.text import Text
from wattmark.flows.witness import Witness
from wattmark.ledger.witness import ADD_CHECKPOINT, MAX_REQUEST_BYTES, SIZE_TYPE, CheckpointRefused, Status

LOGGER: Final = logging.getLogger("wattmark.witness")
RETRY_AFTER_S: Final = 1

TOO_LONG: Final = Text(
    en=f"a request of at most {MAX_REQUEST_BYTES} bytes", ja=f"リクエストは{MAX_REQUEST_BYTES}バイト以下"
)
STOPPED: Final = Text(en="what is stored here does not hold", ja="保存済みの内容に異常があります")


def create_witness(witness: Witness, clock: Clock = now_ms) -> Starlette:
    """Return the application of a witness.

    Args:
        witness: what decides and keeps.
        clock: POSIX milliseconds.
    """

    async def add_checkpoint(request: Request) -> Response:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MAX_REQUEST_BYTES:
                return _said(request, 413, TOO_LONG)
        try:
            lines = await run_in_threadpool(witness.add_checkpoint, bytes(body), clock())
        except CheckpointRefused as error:
            if error.status is Status.OTHER_SIZE:
                return Response(f"{error.latest_size}\n", error.status, {"Content-Type": SIZE_TYPE})
            if error.status is Status.INCONSISTENT:
                LOGGER.warning("not cosigned: %s", error)  # may be proof of a log's misbehaviour
            return PlainTextResponse(error.message(_language(request)) + "\n", error.status)
        except (Broken, Unavailable) as error:
            return _failed(request, error)
        return PlainTextResponse(lines, Status.COSIGNED)

    async def checkpoint(request: Request) -> Response:
        try:
            text = await run_in_threadpool(witness.latest, request.path_params["origin"])
        except UnknownReference as error:
            return PlainTextResponse(error.message(_language(request)) + "\n", Status.UNKNOWN_LOG)
        except Broken as error:
            return _failed(request, error)
        return PlainTextResponse(text, headers={"Cache-Control": "public, max-age=1"})

    app = Starlette(
        routes=[
            Route(f"/{ADD_CHECKPOINT}", add_checkpoint, methods=["POST"]),
            Route("/{origin}/checkpoint", checkpoint, methods=["GET"]),
        ]
    )
    app.router.redirect_slashes = False  # one address per request
    return app


def _failed(request: Request, error: Broken | Unavailable) -> Response:
    LOGGER.error("not cosigned: %s", error)
    if isinstance(error, Unavailable):
        return _said(request, 503, error.reason, {"Retry-After": str(RETRY_AFTER_S)})
    return _said(request, 500, STOPPED)


def _said(request: Request, status: int, text: Text, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(text.get(_language(request)) + "\n", status, headers=headers)


def _language(request: Request) -> str:
    return "ja" if request.headers.get("accept-language", "").lower().startswith("ja") else "en"
